//! `harness COMMAND ARGUMENTS`: the program behind `scripts/run` and its siblings.

#![forbid(unsafe_code)]

use harness::{Failure, command, options};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let name = args.next().unwrap_or_default().to_string_lossy().into_owned();
    let args: Vec<OsString> = args.collect();
    let (result, usage) = match name.as_str() {
        "run" => (command::run::command(args), options::USAGE),
        "test" => (command::test::command(args), command::test::USAGE),
        "bench" => (command::bench::command(args), command::bench::USAGE),
        "image" => (command::image::command(args), command::image::USAGE),
        "debug" => (command::debug::command(args), command::debug::USAGE),
        _ => (Err(Failure::usage("no such command; use the scripts beside this folder")), ""),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("scripts/{name}: {failure}");
            if failure.status == 2 && !usage.is_empty() {
                eprintln!("\n{usage}");
            }
            ExitCode::from(failure.status)
        }
    }
}
