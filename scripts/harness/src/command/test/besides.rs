//! Tests of the built system that are no stories: they look at its files, or at a guest from outside.

use super::{Count, FIRST_PORT};
use crate::arch::Arch;
use crate::build::System;
use crate::command::bench;
use crate::options::Profile;
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::system::runner::Stage;
use crate::system::{audit, boots, gdb, halted, roomy, shipped};
use crate::{install, models, vectors};
use std::fs;

/// What is looked at.
pub(super) struct Built<'a> {
    pub(super) project: &'a Project,
    pub(super) system: &'a System,
    pub(super) arch: Arch,
    /// The long ones are wanted, too.
    pub(super) long: bool,
}

/// Why a test did not pass.
enum Why {
    Failed(String),
    /// It could not be run here.
    Skipped(String),
}

impl From<String> for Why {
    fn from(why: String) -> Why {
        Why::Failed(why)
    }
}

type Test = fn(&Built<'_>) -> Result<(), Why>;

/// Each with the processors that it is for.
const TESTS: [(&str, &[Arch], Test); 8] = [
    ("aid-vector-code", BOTH, vector_code),
    ("shipped", BOTH, shipped_files),
    ("kernel-trace", BOTH, kernel_trace),
    ("boots", BOTH, several_boots),
    ("roomy-tree", &[Arch::Aarch64], roomy_tree),
    ("page-tables", BOTH, page_tables),
    ("interrupts-off", BOTH, interrupts_off),
    ("debugger", BOTH, debugger),
];
const BOTH: &[Arch] = &[Arch::X86_64, Arch::Aarch64];

/// What they are called.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TESTS.iter().map(|(name, ..)| *name)
}

/// Runs those that are wanted, and prints a line for each.
pub(super) fn run(built: &Built<'_>, wanted: impl Fn(&str) -> bool) -> Count {
    let mut count = Count::default();
    for (name, _, test) in TESTS.iter().filter(|(name, on, _)| on.contains(&built.arch) && wanted(name)) {
        count.add(verdict(built.arch, name, test(built)));
    }
    count
}

/// The kernel and the programs are built without a warning.
pub(super) fn warnings(system: &System, arch: Arch) -> Count {
    let result = match system.warnings.trim_end() {
        "" => Ok(()),
        words => Err(Why::Failed(format!("the compiler said\n{words}"))),
    };
    verdict(arch, "no-warnings", result)
}

fn verdict(arch: Arch, name: &str, result: Result<(), Why>) -> Count {
    let (word, why, count) = match result {
        Ok(()) => ("ok  ", String::new(), Count { passed: 1, ..Count::default() }),
        Err(Why::Failed(why)) => ("FAIL", why, Count { failed: 1, ..Count::default() }),
        Err(Why::Skipped(why)) => ("skip", why, Count { skipped: 1, ..Count::default() }),
    };
    let colon = if why.is_empty() { "" } else { ": " };
    println!("{word} {:7} {name}{colon}{why}", arch.name());
    count
}

impl<'a> Built<'a> {
    /// Where its guests run.
    fn stage(&self) -> Stage<'a> {
        Stage::new(self.project, self.system, self.arch, FIRST_PORT)
    }

    /// Where the kernel's entry for system calls is linked.
    fn entry(&self) -> Result<u64, String> {
        let kernel = fs::read(self.project.kernel(self.arch, Profile::Release)).map_err(|e| e.to_string())?;
        halted::function(&kernel).ok_or_else(|| "its system calls have no name".into())
    }
}

/// Looks at the built aid: its kernels must be vector code.
fn vector_code(built: &Built<'_>) -> Result<(), Why> {
    let path = built.project.programs(built.arch, Profile::Release).join("aid");
    let result = fs::read(&path).map_err(|e| e.to_string());
    let result = result.and_then(|program| vectors::check(built.arch, &program));
    Ok(result.map_err(|why| format!("{}: {why}", path.display()))?)
}

/// Looks at what is in the boot archive.
fn shipped_files(built: &Built<'_>) -> Result<(), Why> {
    let manifest = built.project.root.join("boot/manifest.toml");
    let manifest = ramfs_builder::source::read(&manifest).map_err(|e| e.to_string())?;
    let archive = fs::read(&built.system.archive).map_err(|e| e.to_string())?;
    let made = models::files(built.project).map_err(|e| e.to_string())?;
    Ok(shipped::check(&archive, &manifest, &[&built.project.root.join("boot/sys"), &made])?)
}

/// Has the kernel fault and looks at the report, which must have names.
fn kernel_trace(built: &Built<'_>) -> Result<(), Why> {
    Ok(halted::check(&built.stage(), built.entry()?)?)
}

/// Looks where kernel and programs lie, over several boots.
fn several_boots(built: &Built<'_>) -> Result<(), Why> {
    let count = if built.long { boots::LONG } else { boots::BOOTS };
    Ok(boots::check(&built.stage(), count)?)
}

/// Boots with a device tree that is mostly room.
fn roomy_tree(built: &Built<'_>) -> Result<(), Why> {
    Ok(roomy::check(&built.stage())?)
}

/// Walks all page tables of a running guest.
fn page_tables(built: &Built<'_>) -> Result<(), Why> {
    audit::check(&built.stage(), built.entry()?)?;
    Ok(())
}

/// Measures how long interrupts are off.
fn interrupts_off(built: &Built<'_>) -> Result<(), Why> {
    let all = bench::stretches(built.project, built.arch, FIRST_PORT, &Steps::new(Say::Lines));
    let all = all.map_err(|e| e.to_string())?;
    let longer: Vec<_> = all.iter().filter(|(_, longest)| *longest > bench::LONGEST).collect();
    if longer.is_empty() {
        return Ok(());
    }
    Err(Why::Failed(format!("more than {} instructions: {longer:?}", bench::LONGEST)))
}

/// Stops in a server and in a command under GDB.
fn debugger(built: &Built<'_>) -> Result<(), Why> {
    let (program, package) = built.arch.gdb();
    let installed = install::programs(&[(program, &[package])], &Steps::new(Say::Lines));
    installed.map_err(|why| Why::Skipped(why.to_string()))?;
    Ok(gdb::check(built.project, &built.stage(), built.arch)?)
}
