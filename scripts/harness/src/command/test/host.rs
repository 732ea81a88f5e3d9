//! The host part: formatting, clippy, and every test of the libraries and tools.

use super::Count;
use crate::arch::Arch;
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::{build, install};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// What tests talk to, and its packages. Where it is missing these tests say so, and pass.
const PEERS: &[(&str, &[&str])] = &[("ip", &["iproute2"]), ("openssl", &["openssl"]), ("curl", &["curl"])];

/// Runs the host part, printing what it runs. With a name only tests that match.
pub fn run(project: &Project, name: Option<&str>, long: bool) -> Count {
    let mut count = Count::default();
    let steps = Steps::new(Say::Steps);
    if let Err(failure) = install::programs(PEERS, &steps) {
        println!("host: some tests have nobody to talk to: {failure}");
    }
    if name.is_none() {
        if let Err(failure) = install::linters(&steps) {
            println!("{failure}");
        }
        count.add(check(project, "formatting", &["fmt", "--all", "--check"]));
        count.add(check(project, "clippy", &["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]));
        for arch in Arch::ALL {
            count.add(kernel_clippy(project, arch));
        }
        count.add(user_clippy(project));
    }
    println!("host: tests");
    let all = ["test", "--quiet", "--no-fail-fast"];
    // Whether the tests catch seeded bugs is a question about the tests: `scripts/test kernel` answers it.
    let but_bugs = [&all[..], &["--", "--skip", "every_seeded_bug"]].concat();
    count.add(tests(project, if name.is_none() { &but_bugs } else { &all }, name, long));
    count
}

fn cargo(project: &Project, arguments: &[&str]) -> Command {
    // Another toolchain is chosen by rustup's cargo alone.
    let other = arguments.first().is_some_and(|first| first.starts_with('+'));
    let own = std::env::var_os("CARGO").filter(|_| !other);
    let mut cargo = Command::new(own.unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(&project.root).stdin(Stdio::null());
    cargo
}

fn check(project: &Project, what: &str, arguments: &[&str]) -> Count {
    verdict(what, cargo(project, arguments))
}

/// Has cargo look at something, and says what it was if it does not like it.
fn verdict(what: &str, mut cargo: Command) -> Count {
    println!("host: {what}");
    if cargo.status().is_ok_and(|s| s.success()) {
        return Count { passed: 1, ..Count::default() };
    }
    println!("FAIL host    {what}: {cargo:?}");
    Count { failed: 1, ..Count::default() }
}

/// clippy on the kernel, which the host can't build, for one processor; skipped where Rust can't compile for that yet.
fn kernel_clippy(project: &Project, arch: Arch) -> Count {
    if install::rust(arch, &Steps::new(Say::Lines)).is_err() {
        println!("skip host    clippy of the kernel for {}: no compiler for it", arch.name());
        return Count { skipped: 1, ..Count::default() };
    }
    let folder = project.target.join("kernel-clippy");
    let (folder, target) = (folder.to_string_lossy(), arch.kernel_target());
    let arguments =
        ["clippy", "--quiet", "--target-dir", &folder, "--target", target, "-p", "kernel", "--", "-D", "warnings"];
    check(project, &format!("clippy of the kernel for {}", arch.name()), &arguments)
}

/// clippy on the servers and commands, for each processor that Rust can compile for.
fn user_clippy(project: &Project) -> Count {
    let what = "clippy of the servers and commands";
    let archs: Vec<Arch> =
        Arch::ALL.into_iter().filter(|arch| install::rust(*arch, &Steps::new(Say::Lines)).is_ok()).collect();
    if archs.is_empty() {
        println!("skip host    {what}: no compiler for them");
        return Count { skipped: 1, ..Count::default() };
    }
    match build::user_clippy(project, &archs) {
        Ok(cargo) => verdict(what, cargo),
        Err(failure) => {
            println!("FAIL host    {what}: {failure}");
            Count { failed: 1, ..Count::default() }
        }
    }
}

/// `cargo test` with these arguments. Its output goes through, and its result lines are added up.
pub fn tests(project: &Project, arguments: &[&str], name: Option<&str>, long: bool) -> Count {
    let mut cargo = cargo(project, arguments);
    if let Some(name) = name {
        cargo.arg("--").arg(name);
    }
    if long {
        cargo.env("VIAETHER_LONG", "1");
    }
    let failed = Count { failed: 1, ..Count::default() };
    let Ok(mut child) = cargo.stdout(Stdio::piped()).spawn() else { return failed };
    let mut count = Count::default();
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            match result(&line) {
                Some(result) => count.add(result),
                None if worth_showing(&line) => println!("{line}"),
                None => {}
            }
        }
    }
    if !child.wait().is_ok_and(|s| s.success()) && count.failed == 0 {
        // It did not compile, or a test program died.
        count.failed += 1;
    }
    println!("host: tests: {count}");
    count
}

/// Progress (`....i.. 7/9`), blank lines and the headings of test programs say nothing.
fn worth_showing(line: &str) -> bool {
    let progress = line.chars().all(|c| matches!(c, '.' | 'i' | 'F' | '/' | ' ') || c.is_ascii_digit());
    !progress && !line.starts_with("running ")
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; …`
fn result(line: &str) -> Option<Count> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |what: &str| {
        let part = rest.split(['.', ';']).find(|p| p.trim_end().ends_with(what))?;
        part.trim().split(' ').next()?.parse().ok()
    };
    Some(Count { passed: number(" passed")?, failed: number(" failed")?, skipped: number(" ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_of_cargo_are_added_up() {
        let line = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.01s";
        assert_eq!(result(line), Some(Count { passed: 3, failed: 1, skipped: 2 }));
        assert_eq!(result("running 3 tests"), None);
        assert!(!worth_showing("..i. 4/5") && !worth_showing("") && worth_showing("thread 'x' panicked"));
    }
}
