//! The inference server: models, contexts for them, and runs, in order of arrival.
//!
//! ```text
//!  SYS:models/*  ──map──► registered models ─┐
//!  LoadBegin, copy, LoadCommit ──► private ──┴─► Context (arena) ──Infer──► window
//! ```
//!
//! What a client shares is only ever copied from or to: inputs into the arena, outputs out of it. A model file that a
//! client gave is taken back and frozen before it is checked. `waymodel` and `tensor` have the logic.
#![no_std]
#![no_main]

extern crate alloc;

mod models;
mod service;

use libsys::names::bits;
use libsys::{Event, Result, log};

use service::Server;

libsys::entry!(main);

fn main() -> Result<()> {
    let mut server = Server::new(variant())?;
    log!(Notice, "aid: {} models, {} kernels", server.models.len(), server.variant.name());
    server.admit();
    loop {
        match server.desk.receiver.recv(u64::MAX)? {
            Event::Call(call) => server.call(call),
            Event::Bits(set) => {
                if set & bits::WORK != 0 {
                    server.admit();
                }
                if set & bits::SHUTDOWN != 0 {
                    return Ok(());
                }
            }
            Event::Closed(badge) => server.close(badge),
            Event::Deadline | Event::Fault(_) => {}
        }
    }
}

/// The kernels that `variant=NAME` among the arguments names, else the best that the processor runs.
fn variant() -> tensor::Variant {
    let features = libsys::time::features();
    let named = libsys::env::arguments().iter().find_map(|argument| {
        let name = argument.strip_prefix("variant=")?;
        let variant = tensor::Variant::named(name, features);
        if variant.is_none() {
            log!(Warning, "aid: variant {name} does not run on this processor");
        }
        variant
    });
    named.unwrap_or_else(|| tensor::Variant::best(features))
}
