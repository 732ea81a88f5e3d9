//! The system's own tests: one program that answers to the name of each suite.
//!
//! ```text
//! sectest ─► sec::GROUPS ─► each group: checks by name ─► "sectest: N passed, N failed", code 0 or 10
//!    └─ what must end a process is tried in a child: the same program with CHILD and the deed
//! ```
//!
//! It is an ordinary process with no right that a command does not have. What it tries really is tried: by system calls
//! with registers of its own choice (`kernel`), and by loads, stores and jumps (`deeds`). `unsafe` stands in these two,
//! in `privileged`, `hard::floats`, `hard::state` and `sec::segments`.
#![no_std]
#![no_main]

extern crate alloc;

mod checks;
mod child;
mod clones;
mod deeds;
mod hard;
mod kernel;
mod kill;
mod paged;
mod privileged;
mod sec;
mod shell;
mod smp;
mod tags;
mod threads;
mod timed;
mod vm;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use command::{Failure, Outcome};
use libsys::{Error, Status, env, println, time};
use readargs::Args;

use checks::{Checks, Group, Style};

libsys::entry!(main);

/// How long BURN runs between two looks at the clock's end and at breaks, in turns.
const TURNS: u32 = 10_000;

/// BURN.
fn burn(args: &Args) -> Outcome {
    let unit = if args.switch("MS") { time::SECOND / 1_000 } else { time::SECOND };
    let length = args.within("SECONDS", 0..=u64::MAX)?.map(|n| n.saturating_mul(unit));
    let end = length.map_or(u64::MAX, time::after);
    while time::now_ns() < end {
        (0..TURNS).for_each(|turn| _ = core::hint::black_box(turn));
    }
    Ok(Status::OK)
}

/// The suites of this program, and what they have.
const SUITES: &[(&str, &[Group])] = &[
    ("sectest", sec::GROUPS),
    ("hardtest", hard::GROUPS),
    ("vmtest", vm::GROUPS),
    ("smptest", smp::GROUPS),
    ("shelltest", shell::GROUPS),
    (TIMED, timed::GROUPS),
];

/// The suite that wants a machine of its own kind, and so its own name.
const TIMED: &str = "timetest";

fn main() -> Status {
    let arguments = env::arguments();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [child::WORD, kill::client::WORD, client @ ..] => kill::client::perform(client),
        [child::WORD, deed] if deed.starts_with(sec::storm::DEED) => sec::storm::child(deed),
        [child::WORD, deed] => deeds::perform(deed),
        _ => {}
    }
    command::run(&[("SELFTEST", run), ("BURN", burn), ("KILLTEST", kill::run)], |_, command| command())
}

fn run(args: &Args) -> Outcome {
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
    if args.switch("LONG") {
        checks::go_long();
    }
    let mut names = args.many("SUITE").to_vec();
    match called() {
        _ if !names.is_empty() => {}
        own if own.eq_ignore_ascii_case("selftest") => {
            names.extend(SUITES.iter().map(|(name, _)| String::from(*name)).filter(|name| name != TIMED));
        }
        suite => names.push(suite),
    }
    let (mut status, mut none) = (Status::OK, true);
    for name in &names {
        let Some((name, groups)) = SUITES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            let known: Vec<&str> = SUITES.iter().map(|(name, _)| *name).collect();
            return Err(Failure::new(
                Error::NotFound,
                format!("{name}: no such suite; there are {}", known.join(", ")),
            ));
        };
        let part = args.string_or("GROUP", "");
        let groups: Vec<&Group> = groups.iter().filter(|group| group.name.contains(part)).collect();
        none &= groups.is_empty();
        if !groups.is_empty() && !Checks::suite(name, &groups, style) {
            status = Status::ERROR;
        }
    }
    if none {
        return Err(Failure::new(Error::NotFound, String::from("no such group; LIST has them")));
    }
    Ok(status)
}

/// The name this program was called by, without its folder.
fn called() -> String {
    let name = env::name();
    String::from(name.rsplit([':', '/']).next().unwrap_or(&name))
}
