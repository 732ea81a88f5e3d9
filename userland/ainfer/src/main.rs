//! AINFER: runs neural networks at aid, and says about models what aid and the file itself know.
//!
//! ```text
//! MODEL: name or path ─► subject::open ─► aid's id ─┬─ classify ─► label, probability, time
//!        LIST, ALL                                  ├─ info, verify
//!                                                   └─ all: every shipped model against recorded answers
//! ```
//!
//! aid refuses with figures. Where a sentence is wanted, the file is read here by the same loader, so the user gets
//! `op 3 "conv2": rule 18: output is …` instead of a number.
#![no_std]
#![no_main]

extern crate alloc;

mod classify;
mod mutants;
mod refused;
mod selftest;
mod show;
mod subject;

use alloc::format;

use command::{Failure, Outcome};
use libsys::ai::Ai;
use libsys::{Error, Status};
use readargs::Args;

libsys::entry!(main);

fn main() -> Status {
    command::run(&[("AINFER", dispatch), ("AISTAT", stat)], |_, command| command())
}

fn stat(_args: &Args) -> Outcome {
    show::stats(&aid()?)
}

/// What an action is called, and whether a later release brings it.
const ACTIONS: &[(&str, Option<Action>)] = &[
    ("classify", Some(classify::run)),
    ("info", Some(show::info)),
    ("verify", Some(show::verify)),
    ("embed", None),
    ("suggest", None),
    ("generate", None),
    ("tokens", None),
    ("bench", None),
    ("unload", None),
];

type Action = fn(&Ai, &Args) -> Outcome;

fn dispatch(args: &Args) -> Outcome {
    let model = args.string_or("MODEL", "");
    if model.eq_ignore_ascii_case("list") {
        return show::list(&aid()?, args);
    }
    if model.eq_ignore_ascii_case("all") {
        // Called ALL V: V stands where an action would.
        let verbose = args.string("ACTION").is_some_and(|word| matches!(word, "V" | "v"));
        return selftest::run(&aid()?, verbose);
    }
    let Some(wanted) = args.string("ACTION") else {
        let text = format!("what to do with {model}? CLASSIFY FILE, INFO or VERIFY");
        return Err(Failure::new(Error::ArgumentMissing, text));
    };
    match ACTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)) {
        Some((_, Some(action))) => action(&aid()?, args),
        Some((name, None)) => {
            let text = format!("{name}: comes with a later release; this one has CLASSIFY, INFO and VERIFY");
            Err(Failure::new(Error::Unsupported, text))
        }
        None => {
            let text = format!("{wanted}: no such action; there are CLASSIFY, INFO and VERIFY");
            Err(Failure::new(Error::BadArgument, text))
        }
    }
}

fn aid() -> Result<Ai, Failure> {
    Ai::open().map_err(|error| Failure::about("aid", error))
}
