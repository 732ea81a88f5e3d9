//! `scripts/bench listings`: what the kernel executes in the rows above their goal, instruction by instruction.
//!
//! ```text
//! kbench LIST row ─► breakpoint at kbench::list::here ─► single steps to the next time ─► GDB names them ─► docs/bench/row-ARCH.txt
//! ```
//!
//! The steps are those of the running system, one after the other; the programs' own are only counted. What is executed several
//! times in a row (a page that is zeroed) is written once.

use crate::arch::Arch;
use crate::build::{self, System};
use crate::handover::Scratch;
use crate::options::Profile;
use crate::project::Project;
use crate::system::debugger::{Debugger, Then, debug};
use crate::system::runner::Stage;
use crate::{Failure, names, port};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::PROGRAM;

/// The rows, and what they are.
const ROWS: &[(&str, &str)] = &[
    ("call-4w", "a call of 4 words and its reply"),
    ("call-8w-general", "a call of 8 words and its reply, where the fast path can't be taken"),
    ("call-fpu", "a call of 4 words and its reply, both sides with vector registers in use"),
    ("call-512", "a call of 512 bytes and its reply"),
    ("notify", "bits to another process and back"),
    ("fault", "a page fault that a thread of the same process serves with a fresh page"),
    ("thread", "a thread that is made, runs, says so, and is deleted"),
    (INTERRUPT, "a timer's interrupt while a thread computes, until the more urgent one runs that waited for it"),
];
/// The row that begins with an interrupt.
const INTERRUPT: &str = "interrupt";
/// Where the program stops, before and after.
pub(super) const HERE: &str = "kbench::list::here";
/// Instructions at most; a row that goes on has lost its way.
const MOST: usize = 100_000;
/// Instructions that are executed several times in a row, at most.
const LOOP: usize = 32;
/// How often they have to be, for being written once.
const TURNS: usize = 3;
/// From here on addresses are the kernel's.
pub(super) const KERNEL: u64 = 1 << 63;

/// Writes the listings of a processor; returns their files.
pub fn write(project: &Project, system: &System, arch: Arch) -> Result<Vec<PathBuf>, Failure> {
    let here = here(project, arch)?;
    let stage = Stage::new(project, system, arch, port::FIRST);
    let kernel = project.kernel(arch, Profile::Release);
    let mut files = Vec::new();
    for (row, what) in ROWS {
        let from = if *row == INTERRUPT { Some(interrupt(&kernel, arch)?) } else { None };
        let options = super::options(arch, &format!("{PROGRAM} LIST {row}"));
        let stepped = debug(&stage, &options, "place=fixed", Then::GoOn, |debugger| steps(debugger, arch, here, from));
        let (steps, _) = stepped.map_err(|why| Failure::new(format!("{row}: {why}")))?;
        let named = named(&kernel, arch, &steps)?;
        let path = project.root.join(format!("docs/bench/{row}-{}.txt", arch.name()));
        fs::write(&path, text(what, arch, &steps, &named))
            .map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        files.push(path);
    }
    Ok(files)
}

/// Where the measuring program stops, placed as `place=fixed` does.
pub(super) fn here(project: &Project, arch: Arch) -> Result<u64, Failure> {
    let manifest = ramfs_builder::source::joined(&project.root.join("boot/manifest.toml"), &[] as &[PathBuf])
        .map_err(build::problems)?;
    let place = manifest.fixed_place(&format!("C/{PROGRAM}"));
    let file =
        fs::read(project.programs(arch, Profile::Release).join(PROGRAM)).map_err(|e| Failure::new(e.to_string()))?;
    match (place, names::address(&file, 0, HERE)) {
        (Some(place), Some(start)) => Ok(place + start),
        _ => Err(Failure::new(format!("there is no {HERE} in the system"))),
    }
}

/// Where the kernel begins with an interrupt of a program, but for the vector itself.
fn interrupt(kernel: &Path, arch: Arch) -> Result<u64, Failure> {
    let name = match arch {
        Arch::X86_64 => "timer_stub",
        Arch::Aarch64 => "user_irq",
    };
    let file = fs::read(kernel).map_err(|e| Failure::new(format!("{}: {e}", kernel.display())))?;
    names::address(&file, names::BASE, name)
        .ok_or_else(|| Failure::new(format!("{}: it has no {name}", kernel.display())))
}

/// The addresses of all instructions from one stop, or from the first that is at `from` after it, to the next.
fn steps(debugger: &mut Debugger, arch: Arch, here: u64, from: Option<u64>) -> std::io::Result<Vec<u64>> {
    let pc = match arch {
        Arch::X86_64 => 16,
        Arch::Aarch64 => 32,
    };
    for stop in [here].into_iter().chain(from) {
        debugger.run_to(stop)?;
    }
    // A step takes no interrupt.
    let mut steps: Vec<u64> = from.into_iter().collect();
    while steps.len() < MOST {
        debugger.ask("s")?;
        let at = debugger.register(pc)?;
        if at == here {
            debugger.send("D")?;
            return Ok(steps);
        }
        steps.push(at);
    }
    Err(Error::new(ErrorKind::TimedOut, format!("the second stop did not come within {MOST} instructions")))
}

/// An instruction of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    instruction: String,
    function: String,
    line: String,
}

/// What GDB knows of the kernel's instructions among the steps.
fn named(kernel: &Path, arch: Arch, steps: &[u64]) -> Result<BTreeMap<u64, Named>, Failure> {
    let addresses: BTreeSet<u64> = steps.iter().copied().filter(|pc| *pc >= KERNEL).collect();
    let mut commands = "set pagination off\nset listsize 1\nset print asm-demangle on\n".to_string();
    if arch == Arch::X86_64 {
        commands += "set disassembly-flavor intel\n";
    }
    for address in &addresses {
        let _ = writeln!(commands, "echo @{address:x}\\n\nx/i {address:#x}\nlist *{address:#x}");
    }
    let scratch = Scratch::new()?;
    let script = scratch.write("commands", commands.as_bytes())?;
    let (gdb, _) = arch.gdb();
    let output =
        Command::new(gdb).args(["-q", "-nx", "-batch", "-x"]).args([&script, kernel]).stdin(Stdio::null()).output();
    let output = output.map_err(|e| Failure::new(format!("{gdb}: {e}")))?;
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads what GDB says: `@address`, then the instruction, then where it is from, if that is known.
fn parse(output: &str) -> BTreeMap<u64, Named> {
    let entry = |text: &str| {
        let mut lines = text.lines();
        let address = u64::from_str_radix(lines.next()?, 16).ok()?;
        // `   0x… <symbol+4>:	push   %rbp`
        let (place, instruction) = lines.next()?.split_once(">:\t")?;
        // Where a jump goes, the next line tells.
        let instruction =
            instruction.split(" # ").next().and_then(|rest| rest.split(" <").next()).unwrap_or(instruction);
        let symbol = place.split_once('<').map_or("", |(_, symbol)| symbol.split('+').next().unwrap_or(symbol));
        // `0x… is in function (file:line).`
        let from = lines.next().and_then(|line| line.split_once(" is in ")?.1.strip_suffix(").")?.rsplit_once(" ("));
        let (function, line) = from.unwrap_or((symbol, ""));
        let named = Named {
            instruction: instruction.split_whitespace().collect::<Vec<_>>().join(" "),
            function: short(function),
            line: line.rsplit_once("src/").map_or(line, |(_, line)| line).into(),
        };
        Some((address, named))
    };
    output.split('@').filter_map(entry).collect()
}

/// `kcore::ipc::{impl#1}::recv<Machine>` as `recv`: the file says the rest.
fn short(function: &str) -> String {
    let plain = function.split('<').next().filter(|plain| !plain.is_empty()).unwrap_or(function);
    plain.rsplit("::").find(|part| !part.is_empty()).unwrap_or(plain).into()
}

fn text(what: &str, arch: Arch, steps: &[u64], names: &BTreeMap<u64, Named>) -> String {
    let kernels = steps.iter().filter(|pc| **pc >= KERNEL).count();
    let mut text = format!(
        "The kernel's {kernels} instructions of {what}, on {}: how many are of which source\n\
         file or, in assembly, function; then each, in the order in which they are executed, with function and innermost source\n\
         line, where these change. The programs' {} are only counted. Made by `scripts/bench listings`.\n\n",
        arch.name(),
        steps.len() - kernels
    );
    let unknown = Named { instruction: "?".into(), function: String::new(), line: String::new() };
    let mut sources = BTreeMap::<&str, usize>::new();
    for named in steps.iter().filter(|pc| **pc >= KERNEL).map(|pc| names.get(pc).unwrap_or(&unknown)) {
        let source = named.line.split(':').next().filter(|file| !file.is_empty()).unwrap_or(&named.function);
        *sources.entry(source).or_default() += 1;
    }
    let mut sources: Vec<_> = sources.into_iter().collect();
    sources.sort_by_key(|(name, count)| (usize::MAX - count, *name));
    for (source, count) in sources {
        let _ = writeln!(text, "{count:>5}  {source}");
    }
    text.push('\n');
    for part in steps.chunk_by(|a, b| (*a >= KERNEL) == (*b >= KERNEL)) {
        if part.iter().all(|pc| *pc < KERNEL) {
            let _ = writeln!(text, "       ({} of a program)", part.len());
            continue;
        }
        let mut before = None;
        for (turn, times) in folded(part) {
            for pc in turn {
                let named = names.get(pc).unwrap_or(&unknown);
                let Named { instruction, function, line } = named;
                let place = (function, line);
                // Where it is stands where that changes.
                let _ = match before == Some(place) {
                    true => writeln!(text, "{pc:x}  {instruction}"),
                    false => writeln!(text, "{pc:x}  {instruction:<52} {function} {line}"),
                };
                before = Some(place);
            }
            if times > 1 {
                let _ = writeln!(text, "       (the last {} {times} times)", turn.len());
            }
        }
    }
    text
}

/// Steps, with how often each part of them comes in a row.
fn folded(mut steps: &[u64]) -> Vec<(&[u64], usize)> {
    let mut parts = Vec::new();
    while !steps.is_empty() {
        let turns = |length: usize| {
            let (turn, rest) = steps.split_at_checked(length)?;
            let times = 1 + rest.chunks_exact(length).take_while(|next| *next == turn).count();
            (times >= TURNS).then_some((turn, times))
        };
        let (turn, times) = (1..=LOOP).find_map(turns).unwrap_or((&steps[..1], 1));
        parts.push((turn, times));
        steps = &steps[turn.len() * times..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "@ffffffff80201000\n   0xffffffff80201000 <syscall_entry_0+4>:\ttest   rax,rax\n\
        No line number known for *0xffffffff80201000.\n\
        @ffffffff80201008\n   0xffffffff80201008 <_ZN5kcore+8>:\tmov    rax,QWORD PTR [rip+0x8]\n\
        0xffffffff80201008 is in kcore::ipc::recv<viaether::Machine> (microkernel/kcore/src/ipc.rs:129).\n129\tlet x = 1;\n";

    #[test]
    fn what_gdb_says_is_understood() {
        let names = parse(SAID);
        let named = |at: u64| names[&at].clone();
        assert_eq!(named(0xffff_ffff_8020_1000).function, "syscall_entry_0");
        let expected = Named {
            instruction: "mov rax,QWORD PTR [rip+0x8]".into(),
            function: "recv".into(),
            line: "ipc.rs:129".into(),
        };
        assert_eq!(named(0xffff_ffff_8020_1008), expected);
    }

    #[test]
    fn a_listing_counts_and_keeps_the_order() {
        let (a, b) = (0xffff_ffff_8020_1000, 0xffff_ffff_8020_1008);
        let text = text("a test", Arch::X86_64, &[a, b, 0x1000, 0x1004, a], &parse(SAID));
        assert!(text.starts_with("The kernel's 3 instructions of a test, on x86_64"));
        assert!(text.contains("    2  syscall_entry_0\n    1  ipc.rs\n"), "{text}");
        assert_eq!(folded(&[1, 2, 2, 3, 2, 3, 2, 3, 2]), [(&[1][..], 1), (&[2], 1), (&[2, 3], 3), (&[2], 1)]);
        assert!(text.ends_with("recv ipc.rs:129\n       (2 of a program)\nffffffff80201000  test rax,rax                                         syscall_entry_0 \n"), "{text}");
    }
}
