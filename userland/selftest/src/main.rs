//! The system's own tests: one program that answers to the name of each suite.
//!
//! ```text
//! sectest ─► sec::GROUPS ─► each group: checks by name ─► "sectest: N passed, N failed", code 0 or 10
//!    └─ what must end a process is tried in a child: the same program with CHILD and the deed
//! ```
//!
//! It is an ordinary process with no right that a command does not have. What it tries really is tried: by system calls
//! with registers of its own choice (`kernel`), and by loads, stores and jumps (`deeds`). `unsafe` stands in these two
//! and in `hard::floats`.
#![no_std]
#![no_main]

extern crate alloc;

mod checks;
mod child;
mod deeds;
mod hard;
mod kernel;
mod sec;
mod shell;
mod smp;
mod threads;
mod vm;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::{Error, Status, env, eprintln, print, println};
use readargs::{Line, Parsed};

use checks::{Checks, Group, Style};

libsys::entry!(main);

/// The suites of this program, and what they have.
const SUITES: &[(&str, &[Group])] = &[
    ("sectest", sec::GROUPS),
    ("hardtest", hard::GROUPS),
    ("vmtest", vm::GROUPS),
    ("smptest", smp::GROUPS),
    ("shelltest", shell::GROUPS),
];

fn main() -> Status {
    let arguments = env::arguments();
    if let [child::WORD, deed] = &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        deeds::perform(deed);
    }
    match run(&arguments) {
        Ok(status) => status,
        Err((error, text)) => {
            eprintln!("{}: {text}", called());
            Status::from(error)
        }
    }
}

fn run(arguments: &[String]) -> Result<Status, (Error, String)> {
    let wrong =
        |e: readargs::Error| (Error::from_code(e.number()).unwrap_or(Error::BadArgument), String::from(e.text()));
    let manual = manuals::find("SELFTEST").ok_or((Error::Internal, String::from("the manual is missing")))?;
    let line = Line::received(arguments, env::local_var(readargs::RAW_VARIABLE).as_deref());
    let template = manual.template().map_err(wrong)?;
    let args = match template.parse(&line).map_err(wrong)? {
        Parsed::Args(args) => args,
        Parsed::Help => {
            print!("{}", manual.help());
            return Ok(Status::OK);
        }
        Parsed::Template => {
            println!("{}", manual.template);
            return Ok(Status::OK);
        }
    };
    if args.switch("LIST") {
        for (name, groups) in SUITES {
            println!("{name}");
            groups.iter().for_each(|group| println!("  {}", group.name));
        }
        return Ok(Status::OK);
    }
    let style = match (args.switch("TAP"), args.switch("V")) {
        (true, _) => Style::Tap,
        (_, true) => Style::Verbose,
        _ => Style::Groups,
    };
    let mut names = args.many("SUITE").to_vec();
    if names.is_empty() {
        names.push(called());
    }
    let mut status = Status::OK;
    for name in &names {
        let Some((name, groups)) = SUITES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            let known: Vec<&str> = SUITES.iter().map(|(name, _)| *name).collect();
            return Err((Error::NotFound, format!("{name}: no such suite; there are {}", known.join(", "))));
        };
        if !Checks::suite(name, groups, style) {
            status = Status::ERROR;
        }
    }
    Ok(status)
}

/// The name this program was called by, without its folder.
fn called() -> String {
    let name = env::name();
    String::from(name.rsplit([':', '/']).next().unwrap_or(&name))
}
