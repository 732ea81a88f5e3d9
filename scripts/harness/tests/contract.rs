//! The contract between `scripts/run --exec` and those who call it, with a double in QEMU's place.

use harness::build::System;
use harness::command::run::execute_with;
use harness::guest::{End, Report, Sink};
use harness::interrupt::Interrupt;
use harness::options::{Options, Put};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Heard {
    out: Vec<u8>,
    err: Vec<u8>,
    log: Vec<String>,
    /// After so many bytes nobody reads any more.
    deaf_after: Option<usize>,
}

impl Sink for Heard {
    fn stdout(&mut self, bytes: &[u8]) -> bool {
        self.out.extend(bytes);
        self.deaf_after.is_none_or(|limit| self.out.len() < limit)
    }
    fn stderr(&mut self, bytes: &[u8]) {
        self.err.extend(bytes);
    }
    fn log(&mut self, line: &str) {
        self.log.push(line.to_string());
    }
}

fn run_into(heard: &mut Heard, script: &str, change: impl FnOnce(&mut Options), stop: &Interrupt) -> Report {
    let mut options = Options { exec: Some(script.into()), ..Options::default() };
    change(&mut options);
    let system = System { kernel: "kernel".into(), archive: "archive".into(), image: None, warnings: String::new() };
    execute_with(env!("CARGO_BIN_EXE_fake-qemu").into(), &system, &options, 18080, heard, stop).unwrap()
}

fn run(script: &str) -> (Report, Heard) {
    let mut heard = Heard::default();
    (run_into(&mut heard, script, |_| {}, &Interrupt::own()), heard)
}

#[test]
fn output_comes_unchanged_and_the_code_is_the_exit_status() {
    let (report, heard) = run("log booting\nout hello\nerr oops\nraw 01 03 00 00 00 ff 00 0a\ncode 5");
    assert_eq!(report.end, End::Code(5));
    assert_eq!(report.end.status(), 5);
    assert_eq!(heard.out, b"hello\n\xff\0\n");
    assert_eq!(heard.err, b"oops\n");
    assert_eq!(heard.log, ["booting"]);
}

#[test]
fn going_down_without_a_code_is_1() {
    let (report, heard) = run("out half\nlog PANIC: it broke\ndie");
    assert_eq!((report.end, report.end.status()), (End::Down, 1));
    assert_eq!(heard.out, b"half\n");
    assert_eq!(report.last_lines, ["PANIC: it broke"]);
}

#[test]
fn a_qemu_that_dies_is_told_from_a_guest_that_goes_down() {
    const SIGABRT: i32 = 6;
    let (report, heard) = run("out half\ncrash");
    assert_eq!((report.end, report.end.status()), (End::Killed(SIGABRT), 1));
    assert_eq!(heard.out, b"half\n");
    assert_eq!(run("code 5\ncrash").0.end, End::Code(5));
}

#[test]
fn the_first_code_counts() {
    assert_eq!(run("code 10\ncode 0").0.end, End::Code(10));
}

#[test]
fn noise_instead_of_records_is_no_success() {
    let (report, heard) = run("raw 48 65 6c 6c 6f 20\ncode 0");
    assert_eq!(report.end, End::Down);
    assert!(heard.log.iter().any(|l| l.contains("malformed record")));
}

#[test]
fn a_guest_that_hangs_is_ended_with_124_and_its_last_lines() {
    let began = Instant::now();
    let mut heard = Heard::default();
    let short = |o: &mut Options| o.timeout = Some(Duration::from_secs(1));
    let script = format!("{}log the last line\nhang", "log line\n".repeat(100));
    let report = run_into(&mut heard, &script, short, &Interrupt::own());
    assert_eq!((report.end, report.end.status()), (End::TimedOut, 124));
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(report.last_lines.len(), 25);
    assert_eq!(report.last_lines.last().map(String::as_str), Some("the last line"));
    assert_eq!(heard.log.len(), 101);
}

#[test]
fn a_guest_that_does_not_power_off_is_no_success() {
    let mut heard = Heard::default();
    let short = |o: &mut Options| o.timeout = Some(Duration::from_secs(1));
    let report = run_into(&mut heard, "code 0\nhang", short, &Interrupt::own());
    assert_eq!((report.end, report.end.status()), (End::StillUp(0), 1));
}

#[test]
fn an_interrupt_ends_the_guest() {
    let (stop, mut heard) = (Interrupt::own(), Heard::default());
    stop.raise();
    assert_eq!(run_into(&mut heard, "hang", |_| {}, &stop).end.status(), 130);
}

#[test]
fn when_nobody_reads_any_more_the_guest_ends() {
    let mut heard = Heard { deaf_after: Some(1), ..Heard::default() };
    assert_eq!(run_into(&mut heard, "out hello\nhang", |_| {}, &Interrupt::own()).end, End::Interrupted);
}

#[test]
fn the_guest_is_told_options_script_and_files() {
    let mut heard = Heard::default();
    let this = Put { path: env!("CARGO_MANIFEST_DIR").to_string().into(), name: "x".into() };
    let put = |o: &mut Options| o.puts = vec![Put { path: this.path.join("Cargo.toml"), ..this }];
    let report = run_into(&mut heard, "show options\nshow files\nshow exec\ncode 0", put, &Interrupt::own());
    assert_eq!(report.end, End::Code(0));
    let said = String::from_utf8_lossy(&heard.out);
    assert!(said.starts_with("hostport=18"), "{said}");
    assert!(said.contains("\ninteractive=0\nexec=1\nVIAFILES"), "{said}");
    assert!(said.contains("name = \"harness\""));
    assert!(said.ends_with("show exec\ncode 0"));
}

#[test]
fn large_output_is_complete() {
    let line = "x".repeat(1000);
    let (report, heard) = run(&format!("{}code 0", format!("out {line}\n").repeat(60)));
    assert_eq!(report.end, End::Code(0));
    assert_eq!(heard.out.len(), 60 * 1001);
}

#[test]
fn nothing_is_left_behind() {
    let path = {
        let (_, heard) = run("options\ncode 0");
        let said = String::from_utf8(heard.out).unwrap();
        said.split("path=").nth(1).unwrap().split(' ').next().unwrap().to_string()
    };
    assert!(!std::path::Path::new(&path).exists());
    assert!(!std::path::Path::new(&path).parent().unwrap().exists());
}
