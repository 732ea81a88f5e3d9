//! tallyd: the server of the example `tally`. Each session has a count of its own; all are lost with the server.
// ANCHOR: program
#![no_std]
#![no_main]

use libsys::names::bits;
use libsys::serve::Desk;
use libsys::{Event, Incoming, Result};
use tally::{Counter, Request, Service};

libsys::entry!(main);

fn main() -> Result<()> {
    let mut desk: Desk<Counter> = Desk::new()?;
    // The first call also tells init that the server is ready.
    admit(&mut desk)?;
    loop {
        match desk.receiver.recv(u64::MAX)? {
            Event::Call(call) => answer(&mut desk, call),
            Event::Bits(set) if set & bits::SHUTDOWN != 0 => return Ok(()),
            Event::Bits(set) if set & bits::WORK != 0 => admit(&mut desk)?,
            Event::Closed(badge) => drop(desk.sessions.close(badge)),
            _ => {}
        }
    }
}

/// Lets in who asked to be.
fn admit(desk: &mut Desk<Counter>) -> Result<()> {
    desk.admit(|work| match work.narrowings.is_empty() {
        true => Ok(Counter::default()),
        // A narrowing says what this client may not do. Who can't follow one refuses.
        false => Err(libsys::Error::Unsupported),
    })
}

fn answer(desk: &mut Desk<Counter>, call: Incoming) {
    // Bytes that are no request are `Malformed`; a badge that is over is `Stale`.
    let request = call.request::<Request>();
    let result = request.and_then(|request| desk.sessions.get(call.badge)?.serve(&request));
    // Answered by the next `recv`: one system call for both.
    desk.receiver.reply::<Service>(call.token, result);
}
// ANCHOR_END: program
