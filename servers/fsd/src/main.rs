//! The file-system server: `RAM:` in its own memory, `SYS:` from the boot archive.
//!
//! ```text
//!  call ─► server: badge ─► session ─► vfs::Session ─► volume
//!                    │                                  RamFs, ArchiveFs
//!                    └ window, handles, Map: here
//! ```
//!
//! The logic is in `vfs`; this joins it to handles. One thread: every request is prompt, for everything is in memory.
#![no_std]
#![no_main]

extern crate alloc;

mod service;
mod volumes;

use libsys::names::{Work, bits};
use libsys::{Error, Event, Pool, Receiver, Result, log};

use service::Server;

libsys::entry!(main);

fn main() -> Result<()> {
    let pool = Pool::own()?;
    let receiver = Receiver::new(&pool)?;
    let volumes = volumes::mount()?;
    let mut server = Server::new(receiver, pool, volumes);
    open_requests(&mut server);
    loop {
        match server.receiver.recv(u64::MAX)? {
            Event::Call(call) => server.call(call),
            Event::Bits(set) => {
                if set & bits::WORK != 0 {
                    open_requests(&mut server);
                }
                if set & bits::SHUTDOWN != 0 {
                    // Everything is in memory: there is nothing to write.
                    log!(Detail, "fsd: going down");
                    return Ok(());
                }
            }
            Event::Closed(badge) => server.close(badge),
            Event::Deadline | Event::Fault(_) => {}
        }
    }
}

/// Opens a session for each client that waits for one.
fn open_requests(server: &mut Server) {
    loop {
        match Work::next() {
            Ok(Some(work)) => match server.open(work.client, &work.narrowings) {
                // A client that is gone needs no session; its handle is closed with it.
                Ok(session) => drop(work.give(session)),
                Err(error) => work.refuse(error),
            },
            Ok(None) | Err(Error::NoMoreEntries) => return,
            Err(error) => {
                log!(Warning, "fsd: asking for work: {error}");
                return;
            }
        }
    }
}
