//! TALLYTEST: what a client may rely on, tried on the running server, which it ends in between.

use alloc::format;
use core::fmt::Debug;

use command::{About, Failure, Outcome};
use libsys::protocol::process::Signal;
use libsys::{Error, Status, println, spawn, system};
use readargs::{Args, Manual};

use crate::client::Tally;

/// Its manual.
pub const TALLYTEST: Manual = Manual {
    name: "TALLYTEST",
    aliases: &[],
    template: "",
    summary: "tries the server, and ends it in between",
    arguments: &[],
    examples: &[],
};

// ANCHOR: test
/// Runs all.
pub fn run(_: &Args) -> Outcome {
    let (mut ours, mut theirs) = (Tally::open().about("tally")?, Tally::open().about("tally")?);
    expect("a session begins with 0", ours.look(), Ok(0))?;
    expect("it counts", ours.add(3), Ok(3))?;
    expect("another session has its own count", theirs.add(4), Ok(4))?;
    expect("the first one has kept its own", ours.add(4), Ok(7))?;
    end_server()?;
    expect("what may have been done is not repeated", ours.add(1), Err(Error::ServerDied))?;
    expect("its count went with the server", ours.look(), Ok(0))?;
    expect("what changes nothing is repeated", theirs.look(), Ok(0))?;
    expect("the new server counts", theirs.add(5), Ok(5))?;
    println!("tallytest: all is as documented");
    Ok(Status::OK)
}

/// Ends tallyd, as `break tallyd FORCE` does. init has ended it when this returns, and starts it again.
fn end_server() -> Result<(), Failure> {
    let processes = system::processes()?;
    let server = processes.iter().find(|process| &*process.name == "tallyd");
    let server = server.ok_or_else(|| Failure::new(Error::NotFound, "tallyd: no such process"))?;
    spawn::send(server.number, Signal::Force).about("tallyd")
}
// ANCHOR_END: test

fn expect<T: Debug + PartialEq>(what: &str, have: T, want: T) -> Result<(), Failure> {
    if have == want {
        println!("ok   {what}");
        return Ok(());
    }
    Err(Failure::new(Error::Internal, format!("{what}: {have:?} instead of {want:?}")))
}
