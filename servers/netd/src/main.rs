//! The network server: the card, the stack, TLS, and sockets for clients.
//!
//! ```text
//!  card ◄─frames─► tcpip::Stack ◄─rings─► clients            plain connections: TCP's buffers are the client's rings
//!                        ▲ └─local rings─► TLS ◄─rings─► clients
//!                        │                  ▲
//!  clients ──calls──► Server                └ handshakes: a second, lower thread ([`crypto`])
//! ```
//!
//! One loop, one `recv`: calls, bits (the card, clients' doorbells, the lower thread) and the next deadline of the stack or
//! of a client that waits. Nothing polls. Requests that wait leave their token in [`waiting`].
//!
//! Files: [`nic`] the card · [`buffers`] where TCP's bytes are · [`session`], [`socket`] what clients have · [`requests`],
//! [`connections`], [`datagrams`], [`overview`] what they ask · [`events`] what the stack says · [`secure`], [`crypto`] TLS.
#![no_std]
#![no_main]
#![forbid(unsafe_op_in_unsafe_fn)]

extern crate alloc;

mod buffers;
mod connections;
mod crypto;
mod datagrams;
mod events;
mod nic;
mod overview;
mod requests;
mod secure;
mod server;
mod session;
mod setup;
mod socket;
mod waiting;

use libsys::{Error, Event, names::bits};

libsys::entry!(main);

/// Bits of the card's interrupts: one for each that it may have.
pub const CARD: [u64; 3] = [bits::INTERRUPT, bits::INTERRUPT << 1, bits::INTERRUPT << 2];
/// The lower thread has finished something.
pub const CRYPTO: u64 = bits::INTERRUPT << 7;

fn main() -> Result<(), Error> {
    let mut server = setup::server()?;
    server.admit();
    loop {
        server.settle();
        let event = server.desk.receiver.recv(server.deadline())?;
        match event {
            Event::Call(call) => server.call(call),
            Event::Bits(set) => server.bits(set),
            Event::Closed(badge) => server.close_session(badge),
            Event::Deadline | Event::Fault(_) => {}
        }
    }
}
