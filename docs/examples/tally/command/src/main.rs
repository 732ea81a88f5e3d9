//! TALLY: adds numbers at tallyd. TALLYTEST: tries what the page promises, with the server ended in between.
#![no_std]
#![no_main]

extern crate alloc;

mod client;
mod test;

use alloc::format;

use command::{About, Failure, Outcome};
use libsys::{Error, Status, println};
use readargs::{Args, Manual};

use client::Tally;

libsys::entry!(main);

// ANCHOR: command
const TALLY: Manual = Manual {
    name: "TALLY",
    aliases: &[],
    template: "NUMBER/A/M/N",
    summary: "adds numbers and shows each sum",
    arguments: &[("NUMBER", "what to add")],
    examples: &[("tally 3 4", "3, then 7")],
};

fn main() -> Status {
    command::run_with(&[(&TALLY, add), (&test::TALLYTEST, test::run)])
}

fn add(args: &Args) -> Outcome {
    let mut tally = Tally::open().about("tally")?;
    for &number in args.numbers("NUMBER") {
        let number = u32::try_from(number)
            .map_err(|_| Failure::new(Error::BadNumber, format!("{number}: give a number from 0 to {}", u32::MAX)))?;
        println!("{}", tally.add(number).about("tally")?);
    }
    Ok(Status::OK)
}
// ANCHOR_END: command
