//! devd: finds the machine's devices and gives each driver its own, and nothing else.
//!
//! ```text
//! init's roots ─► start: tables, PCI, reset of everything, DMA memory, fw_cfg, clock ─► entropy ─► serve
//!                                                                                                   │
//!   driver: Claim ─► registers, interrupts, DMA memory, each behind a Grant ◄───────────────────────┤
//!   driver gone: Grants revoked, device reset, memory zeroed ◄──────────────────────────────────────┘
//! ```
//!
//! Level 2: devd calls init and nobody else. A device is a liar, a client too: sizes, lists and requests are checked.
//! Neighbours: `pci` and `machine` have all that needs no handle; `virtio-hal` is the drivers' side.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod access;
mod bus;
mod claim;
mod clock;
mod devices;
mod dma;
mod entropy;
mod firmware;
mod hall;
mod roots;
mod service;
mod space;
mod start;

use libsys::{
    Error, Event, Pool,
    names::{Work, bits},
    protocol::device::{Request, Service},
    serve::Desk,
    time,
};
use machine::permit::Permit;

use hall::Hall;
use roots::Roots;
use service::Session;

libsys::entry!(main);

/// How often init gets fresh entropy.
const FEED_NS: u64 = 300 * time::SECOND;

fn main() -> Result<(), Error> {
    let mut hall = start::hall(Pool::own()?, Roots::take()?);
    entropy::feed(&mut hall);
    announce(&hall);
    serve(&mut hall)
}

fn announce(hall: &Hall) {
    for device in &hall.devices {
        libsys::log!(Detail, "{}", device.name);
    }
    let clock = if time::utc_ns().is_ok() { "clock set" } else { "no clock" };
    libsys::log!(Notice, "{} devices, {clock}", hall.devices.len());
}

fn serve(hall: &mut Hall) -> Result<(), Error> {
    let mut desk = Desk::new()?;
    desk.admit(session)?;
    let mut feed_at = time::after(FEED_NS);
    loop {
        match desk.receiver.recv(feed_at)? {
            Event::Call(call) => {
                let session = desk.sessions.get(call.badge);
                let request = call.request_taking(|_: &Request| 0);
                let answer = session.and_then(|session| service::answer(hall, session, call.badge, request?));
                desk.receiver.reply_with::<Service>(call.token, answer);
            }
            Event::Bits(set) if set & bits::SHUTDOWN != 0 => return Ok(()),
            Event::Bits(set) if set & bits::WORK != 0 => desk.admit(session)?,
            Event::Closed(badge) => {
                drop(desk.sessions.close(badge));
                hall.release_all(badge);
            }
            Event::Deadline => {
                entropy::feed(hall);
                feed_at = time::after(FEED_NS);
            }
            Event::Bits(_) | Event::Fault(_) => {}
        }
    }
}

/// A new session, if its narrowings are a permit.
fn session(work: &Work) -> Result<Session, Error> {
    let permit = Permit::new(work.narrowings.iter().map(|text| text.as_str())).ok_or(Error::Denied)?;
    Ok(Session { permit, client: u32::try_from(work.client.process).unwrap_or(0) })
}
