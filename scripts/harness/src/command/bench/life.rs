//! `scripts/bench listings`, a process's life: too many instructions to list, so they are counted, by who executes them, by
//! system call and by function.
//!
//! ```text
//! kbench LIST spawn ─► single steps, with the address space at each way out of the kernel ─► counts ─► docs/bench/spawn-ARCH.txt
//! ```

use super::listing::{HERE, KERNEL, here};
use super::{PROGRAM, grouped};
use crate::arch::Arch;
use crate::build::System;
use crate::options::Profile;
use crate::project::Project;
use crate::system::debugger::{Debugger, Then, debug};
use crate::system::runner::Stage;
use crate::{Failure, names, port};
use abi::calls::CALLS;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::{fs, iter};
use symbols::Symbols;

/// Instructions at most.
const MOST: usize = 1_000_000;
/// Functions with fewer instructions are summed up.
const LEAST: usize = 300;
/// Programs that have a part in it, and where they lie when places are fixed.
const PROGRAMS: &[(&str, Who)] = &[("init", Who::Init), ("pager", Who::Pager), (PROGRAM, Who::Spawner)];

/// Who executes an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Kernel,
    Init,
    Spawner,
    Child,
    Pager,
    Another,
}

impl Who {
    const fn name(self) -> &'static str {
        match self {
            Who::Kernel => "kernel",
            Who::Init => "init",
            Who::Spawner => "spawner",
            Who::Child => "child",
            Who::Pager => "pager",
            Who::Another => "another",
        }
    }
}

/// What was stepped through.
#[derive(Default)]
struct Life {
    /// The instructions' addresses.
    steps: Vec<u64>,
    /// At which of them the kernel is entered, and by which system call; none is a fault.
    entries: BTreeMap<usize, Option<u16>>,
    /// At which of them a program goes on, and the root of its page tables.
    spaces: BTreeMap<usize, u64>,
}

/// A program's functions.
struct Functions {
    who: Who,
    base: u64,
    table: Vec<u8>,
}

/// Writes the counts of a processor; returns their file.
pub(super) fn write(project: &Project, system: &System, arch: Arch) -> std::result::Result<PathBuf, Failure> {
    let stop = here(project, arch)?;
    let stage = Stage::new(project, system, arch, port::FIRST);
    let options = super::options(arch, &format!("{PROGRAM} LIST spawn"));
    let stepped = debug(&stage, &options, "place=fixed", Then::GoOn, |debugger| step_through(debugger, arch, stop));
    let (life, _) = stepped.map_err(|why| Failure::new(format!("spawn: {why}")))?;
    let path = project.root.join(format!("docs/bench/spawn-{}.txt", arch.name()));
    let text = text(&life, &functions(project, arch)?, arch);
    fs::write(&path, text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    Ok(path)
}

/// Steps from one stop to the next.
fn step_through(debugger: &mut Debugger, arch: Arch, stop: u64) -> Result<Life> {
    let (pc, number) = match arch {
        Arch::X86_64 => (16, 0),
        Arch::Aarch64 => (32, 16),
    };
    let root = root_register(debugger, arch)?;
    debugger.run_to(stop)?;
    let mut life = Life::default();
    life.spaces.insert(0, debugger.register(root)?);
    let mut before = stop;
    while life.steps.len() < MOST {
        debugger.ask("s")?;
        let at = debugger.register(pc)?;
        if at == stop {
            debugger.send("D")?;
            return Ok(life);
        }
        let here = life.steps.len();
        match (before >= KERNEL, at >= KERNEL) {
            (false, true) => {
                let called = is_call(&debugger.ask(&format!("m{before:x},4"))?, arch);
                let call = if called { Some(debugger.register(number)? as u16) } else { None };
                life.entries.insert(here, call);
            }
            (true, false) => {
                life.spaces.insert(here, debugger.register(root)?);
            }
            _ => {}
        }
        life.steps.push(at);
        before = at;
    }
    Err(Error::new(ErrorKind::TimedOut, format!("{HERE} did not come again within {MOST} instructions")))
}

/// Whether an instruction, as digits, is that of a system call.
fn is_call(instruction: &str, arch: Arch) -> bool {
    match arch {
        Arch::X86_64 => instruction.starts_with("0f05"),
        Arch::Aarch64 => instruction == "010000d4",
    }
}

/// QEMU's number of the register with the root of the running program's page tables.
fn root_register(debugger: &mut Debugger, arch: Arch) -> Result<usize> {
    if arch == Arch::X86_64 {
        return Ok(29);
    }
    let mut text = String::new();
    loop {
        let part = debugger.ask(&format!("qXfer:features:read:system-registers.xml:{:x},400", text.len()))?;
        text += part.get(1..).unwrap_or_default();
        if part.starts_with('l') {
            break;
        }
    }
    let entry = text.split("<reg ").find(|entry| entry.contains("\"TTBR0_EL1\""));
    let number = entry.and_then(|entry| entry.split("regnum=\"").nth(1)?.split('"').next()?.parse().ok());
    number.ok_or(Error::other("the debugger knows no TTBR0_EL1"))
}

/// The functions of the kernel and of the programs.
fn functions(project: &Project, arch: Arch) -> std::result::Result<Vec<Functions>, Failure> {
    let manifest = ramfs_builder::source::joined(&project.root.join("boot/manifest.toml"), &[] as &[PathBuf])
        .map_err(crate::build::problems)?;
    let kernel = (Who::Kernel, names::BASE, project.kernel(arch, Profile::Release));
    let programs = PROGRAMS.iter().filter_map(|(name, who)| {
        let place = |folder: &str| manifest.fixed_place(&format!("{folder}/{name}"));
        let base = if *who == Who::Init { archive::INIT_BASE } else { place("L").or_else(|| place("C"))? };
        Some((*who, base, project.programs(arch, Profile::Release).join(name)))
    });
    let table = |(who, base, path): (Who, u64, PathBuf)| {
        let file = fs::read(&path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        let from = if who == Who::Kernel { base } else { 0 };
        let table = symbols::write::of_elf(&file, from);
        let table = table.ok_or_else(|| Failure::new(format!("{}: it has no symbols", path.display())))?;
        Ok(Functions { who, base, table })
    };
    iter::once(kernel).chain(programs).map(table).collect()
}

fn text(life: &Life, functions: &[Functions], arch: Arch) -> String {
    let tables: Vec<(Who, u64, Option<Symbols<'_>>)> =
        functions.iter().map(|one| (one.who, one.base, Symbols::parse(&one.table))).collect();
    let function = |pc: u64| {
        let among = tables.iter().filter(|(_, base, _)| *base <= pc).max_by_key(|(_, base, _)| *base);
        let found = among.and_then(|(who, base, table)| Some((*who, table.as_ref()?.instruction(pc - base)?.name)));
        found.map_or((Who::Another, ""), |(who, name)| (who, name))
    };
    let spawner = life.spaces.get(&0).copied();
    let (mut space, mut called) = (spawner, (Who::Spawner, "runs on"));
    let mut last = Who::Spawner;
    let mut each = BTreeMap::<(Who, &str), usize>::new();
    let mut calls = BTreeMap::<(Who, &str), (usize, usize)>::new();
    for (at, pc) in life.steps.iter().enumerate() {
        space = life.spaces.get(&at).copied().or(space);
        let (mut who, name) = function(*pc);
        if who == Who::Spawner && space != spawner {
            who = Who::Child;
        }
        if let Some(call) = life.entries.get(&at) {
            let name =
                |number: u16| CALLS.iter().find(|call| call.number == number).map_or("an unknown call", |c| c.name);
            called = (last, call.map_or("a fault", name));
            calls.entry(called).or_default().0 += 1;
        }
        if who == Who::Kernel {
            calls.entry(called).or_default().1 += 1;
        } else {
            last = who;
        }
        *each.entry((who, name)).or_default() += 1;
    }
    let mut text = format!(
        "The {} instructions of a process's life (spawn, exit, wait) on {}: how many are whose, what the kernel's are for, and in\n\
         which function they are. Repeated instructions of x86_64 count each time. Made by `scripts/bench listings`.\n\n",
        grouped(life.steps.len() as u64),
        arch.name()
    );
    let mut whose = BTreeMap::<Who, usize>::new();
    each.iter().for_each(|((who, _), count)| *whose.entry(*who).or_default() += count);
    for (who, count) in whose {
        let _ = writeln!(text, "{:>10}  {}", grouped(count as u64), who.name());
    }
    text += "\nThe kernel's, by who called what: times, instructions.\n\n";
    let mut calls: Vec<_> = calls.into_iter().collect();
    calls.sort_by_key(|(_, (_, count))| usize::MAX - count);
    for ((who, call), (times, count)) in calls {
        let _ = writeln!(text, "{times:>5}  {:>10}  {:<8} {call}", grouped(count as u64), who.name());
    }
    let _ = writeln!(text, "\nFunctions with {LEAST} or more, others that they took in included.\n");
    let (mut many, few): (Vec<_>, Vec<_>) = each.into_iter().partition(|(_, count)| *count >= LEAST);
    many.sort_by_key(|(_, count)| usize::MAX - count);
    for ((who, name), count) in many {
        let _ = writeln!(text, "{:>10}  {:<8} {name}", grouped(count as u64), who.name());
    }
    let rest: usize = few.iter().map(|(_, count)| count).sum();
    let _ = writeln!(text, "{:>10}  in {} others", grouped(rest as u64), few.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(who: Who, base: u64, names: &[(u32, &str)]) -> Functions {
        Functions { who, base, table: symbols::write::write(names, 0x1000) }
    }

    #[test]
    fn a_life_is_counted_by_who_and_by_call() {
        let place = 0x5000_0000_0000;
        let life = Life {
            steps: vec![place, names::BASE + 4, names::BASE + 8, place + 0x100, names::BASE, place + 4],
            entries: BTreeMap::from([(1, Some(11)), (4, None)]),
            spaces: BTreeMap::from([(0, 1), (3, 2), (5, 1)]),
        };
        let known = [
            functions(Who::Kernel, names::BASE, &[(0, "entry")]),
            functions(Who::Spawner, place, &[(0, "main"), (0x100, "start")]),
        ];
        let text = text(&life, &known, Arch::X86_64);
        assert!(text.starts_with("The 6 instructions of a process's life"), "{text}");
        assert!(text.contains("         3  kernel\n         2  spawner\n         1  child\n"), "{text}");
        assert!(text.contains("    1           2  spawner  create\n    1           1  child    a fault\n"), "{text}");
    }

    #[test]
    fn calls_are_told_from_faults() {
        assert!(is_call("0f054889", Arch::X86_64) && !is_call("488b0000", Arch::X86_64));
        assert!(is_call("010000d4", Arch::Aarch64) && !is_call("000040f9", Arch::Aarch64));
    }
}
