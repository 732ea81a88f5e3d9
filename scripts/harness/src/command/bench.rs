//! `scripts/bench`: runs a measuring program in the guest under `-icount`, and prints its figures beside the peers'.
//!
//! The guest prints `RESULT name value` lines; a value is guest instructions, which under `-icount shift=0` are virtual
//! nanoseconds. Counts are repeatable; nothing here passes or fails by them.

use crate::arch::Arch;
use crate::build::{self, System};
use crate::guest::{End, Heard};
use crate::interrupt::Interrupt;
use crate::options::{self, Net, Options, Profile};
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::{Failure, command::run, install, port};
use lexopt::prelude::*;
use peers::{KERNEL, Row};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

mod cores;
mod life;
mod listing;
mod peers;

/// What `--help` prints.
pub const USAGE: &str = "\
usage: scripts/bench kernel|interrupts|listings|cores [--arch ARCH]
  kernel      measures the kernel in guest instructions, prints ours, seL4's, Linux's and the ratios, and appends a line to
              docs/bench/history.jsonl
  interrupts  measures how long interrupts are off at most, by each way into the kernel, under loads that are hard on it
  cores       runs a fixed load with 1, 2, 4 and 8 cores, and tells how many instructions of it each core did
  listings    writes what the kernel executes, instruction by instruction, in the rows of \"kernel\" that are above their
              goal, and for a process's life how much by whom and for what, to docs/bench";

/// For who names none of them.
const BENCHMARKS: &str = "\"kernel\", \"interrupts\", \"listings\" and \"cores\"";
/// The measuring program.
const PROGRAM: &str = "kbench";
/// Instructions that interrupts may be off at most.
pub const LONGEST: u64 = 20_000;
/// Memory for the loads that measure that.
const MEMORY: u32 = 512;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Kernel,
    Interrupts,
    Listings,
    Cores,
}

/// Runs the command; returns the exit status.
///
/// # Errors
/// What it could not do.
pub fn command(args: impl IntoIterator<Item = OsString>) -> Result<u8, Failure> {
    let Some((what, arch)) = parse(args)? else {
        println!("{USAGE}");
        return Ok(0);
    };
    let (steps, project) = (Steps::new(Say::Steps), Project::find()?);
    install::rust(arch, &steps)?;
    install::qemu(arch, &steps)?;
    match what {
        What::Kernel => {
            let system = build::system(&project, arch, Profile::Release, &[], &steps)?;
            let results = measured(&system, &options(arch, PROGRAM), port::FIRST)?;
            print!("{}", table(arch, &results));
            remember(&project, arch, &results)?;
        }
        What::Listings => {
            // QEMU ends with us.
            Interrupt::catch();
            let (gdb, package) = arch.gdb();
            install::programs(&[(gdb, &[package])], &steps)?;
            let system = build::system(&project, arch, Profile::Release, &[], &steps)?;
            let listed = listing::write(&project, &system, arch)?;
            for file in listed.into_iter().chain([life::write(&project, &system, arch)?]) {
                println!("{}", file.display());
            }
        }
        What::Cores => {
            let system = build::system(&project, arch, Profile::Release, &[], &steps)?;
            print!("{}", cores::HEADING);
            for smp in cores::COUNTS {
                let options = Options { smp, ..options(arch, &format!("{PROGRAM} CORES")) };
                println!("{}", cores::row(smp, &measured(&system, &options, port::FIRST)?)?);
            }
        }
        What::Interrupts => {
            let mut code = 0;
            let results = stretches(&project, arch, port::FIRST, &steps)?;
            println!("guest instructions with interrupts off on {}, at most {}", arch.name(), grouped(LONGEST));
            for (name, longest) in results {
                let judged = if longest > LONGEST { "  too long" } else { "" };
                println!("{name:<24} {:>12}{judged}", grouped(longest));
                code |= u8::from(longest > LONGEST);
            }
            return Ok(code);
        }
    }
    Ok(0)
}

/// How long interrupts are off at most, by each way into the kernel.
///
/// # Errors
/// What could not be built or run.
pub fn stretches(project: &Project, arch: Arch, port: u16, steps: &Steps) -> Result<Vec<(String, u64)>, Failure> {
    let system = build::measuring(project, arch, steps)?;
    let options = Options { mem: MEMORY, ..options(arch, &format!("{PROGRAM} STRETCHES")) };
    measured(&system, &options, port)
}

fn options(arch: Arch, exec: &str) -> Options {
    Options {
        arch,
        icount: true,
        // The peers' figures were taken on these.
        cpu: (arch == Arch::Aarch64).then(|| "cortex-a72".to_string()),
        net: Net::None,
        exec: Some(exec.into()),
        ..Options::default()
    }
}

/// Runs the measuring program, and what it says.
fn measured(system: &System, options: &Options, port: u16) -> Result<Vec<(String, u64)>, Failure> {
    let mut heard = Heard::default();
    let report = run::execute(system, options, port, &mut heard, &Interrupt::catch())?;
    let output = String::from_utf8_lossy(&heard.output);
    if report.end != End::Code(0) {
        for line in output.lines().chain(report.last_lines.iter().map(String::as_str)) {
            eprintln!("| {line}");
        }
        return Err(Failure::new(format!("{PROGRAM} ended with status {}", report.end.status())));
    }
    for line in output.lines().filter(|line| line.starts_with(PROGRAM)) {
        eprintln!("{line}");
    }
    let results = results(&output);
    if results.is_empty() {
        return Err(Failure::new(format!("{PROGRAM} printed no RESULT line")));
    }
    Ok(results)
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<(What, Arch)>, Failure> {
    let usage = |e: lexopt::Error| Failure::usage(e.to_string());
    let (mut arch, mut what) = (Arch::host(), None);
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Long("arch") => {
                let name = parser.value().and_then(|v| v.string()).map_err(usage)?;
                arch = options::arch(&name)?;
            }
            Long("help") | Short('h') => return Ok(None),
            Value(name) if what.is_none() => what = Some(name.string().map_err(usage)?),
            _ => return Err(usage(arg.unexpected())),
        }
    }
    match what.as_deref() {
        Some("kernel") => Ok(Some((What::Kernel, arch))),
        Some("interrupts") => Ok(Some((What::Interrupts, arch))),
        Some("listings") => Ok(Some((What::Listings, arch))),
        Some("cores") => Ok(Some((What::Cores, arch))),
        Some(other) => Err(Failure::usage(format!("{other}: there are {BENCHMARKS}"))),
        None => Err(Failure::usage(format!("which benchmark? there are {BENCHMARKS}"))),
    }
}

/// The `RESULT name value` lines, in their order.
fn results(output: &str) -> Vec<(String, u64)> {
    let result = |line: &str| {
        let mut words = line.strip_prefix("RESULT ")?.split_whitespace();
        let (name, value) = (words.next()?, words.next()?.parse().ok()?);
        Some((name.to_string(), value))
    };
    output.lines().filter_map(result).collect()
}

fn table(arch: Arch, results: &[(String, u64)]) -> String {
    let mut text = format!("guest instructions on {}, -icount shift=0\n", arch.name());
    text += &format!(
        "{:<48} {:>12} {:>10} {:>7} {:>13} {:>7} {:>12}\n",
        "operation", "ours", "seL4", "ratio", "Linux", "ratio", "reach"
    );
    for (name, ours) in results {
        let row = KERNEL.iter().find(|r| r.name == name);
        let of = |pick: fn(&Row) -> [Option<u64>; 2]| row.and_then(|r| pick(r)[peers::column(arch)]);
        let (sel4, linux, reach) = (of(|r| r.sel4), of(|r| r.linux), of(|r| r.reach));
        text += &format!(
            "{:<48} {:>12} {:>10} {:>7} {:>13} {:>7} {:>12}\n",
            row.map_or(name.as_str(), |r| r.title),
            grouped(*ours),
            figure(sel4),
            ratio(*ours, sel4),
            figure(linux),
            ratio(*ours, linux),
            figure(reach)
        );
    }
    text
}

fn figure(value: Option<u64>) -> String {
    value.map_or("-".into(), grouped)
}

fn ratio(ours: u64, peer: Option<u64>) -> String {
    peer.filter(|&p| p > 0).map_or("-".into(), |p| format!("{:.2}", ours as f64 / p as f64))
}

/// 1234567 as 1,234,567.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn remember(project: &Project, arch: Arch, results: &[(String, u64)]) -> Result<(), Failure> {
    let folder = project.root.join("docs/bench");
    let path = folder.join("history.jsonl");
    let git = Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(&project.root).output();
    let commit = git.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_string()).unwrap_or_default();
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let line = history_line(time, &commit, arch, results);
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(&path))
        .and_then(|mut file| file.write_all(line.as_bytes()));
    written.map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

/// One line of JSON. Names are the guest's words without quotes, so nothing needs escaping but what is dropped here.
fn history_line(time: u64, commit: &str, arch: Arch, results: &[(String, u64)]) -> String {
    let clean =
        |name: &str| -> String { name.chars().filter(|c| c.is_ascii_graphic() && !"\"\\".contains(*c)).collect() };
    let fields: Vec<String> = results.iter().map(|(name, value)| format!("\"{}\":{value}", clean(name))).collect();
    format!(
        "{{\"time\":{time},\"commit\":\"{}\",\"bench\":\"kernel\",\"arch\":\"{}\",\"results\":{{{}}}}}\n",
        clean(commit),
        arch.name(),
        fields.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_put_beside_the_peers() {
        let results = results("noise\nRESULT null-call 50\nRESULT other 1234567\nRESULT broken x\n");
        assert_eq!(results, [("null-call".to_string(), 50), ("other".to_string(), 1_234_567)]);
        let table = table(Arch::X86_64, &results);
        let line = table.lines().find(|l| l.starts_with("null system call")).unwrap();
        let words: Vec<&str> = line.split_whitespace().skip(3).collect();
        assert_eq!(words, ["50", "101", "0.50", "322", "0.16", "55"]);
        assert!(table.contains("1,234,567"));
    }

    #[test]
    fn history_is_a_line_of_json() {
        let line = history_line(7, "abc\"", Arch::Aarch64, &[("a".into(), 1), ("b\"".into(), 2)]);
        let expected = r#"{"time":7,"commit":"abc","bench":"kernel","arch":"aarch64","results":{"a":1,"b":2}}"#;
        assert_eq!(line.trim_end(), expected);
    }

    #[test]
    fn it_must_be_said_what_is_measured() {
        let parse = |args: &[&str]| parse(args.iter().map(OsString::from));
        assert_eq!(parse(&["kernel", "--arch", "aarch64"]).unwrap(), Some((What::Kernel, Arch::Aarch64)));
        assert_eq!(parse(&["cores"]).unwrap(), Some((What::Cores, Arch::host())));
        assert_eq!(parse(&["interrupts"]).unwrap(), Some((What::Interrupts, Arch::host())));
        for bad in [&[][..], &["tcp"], &["kernel", "kernel"]] {
            assert_eq!(parse(bad).unwrap_err().status, 2);
        }
    }
}
