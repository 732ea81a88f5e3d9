//! The pager: memory that comes at its first use, and clones of processes (`docs`: internals/memory).
//!
//! ```text
//!  a thread faults ─► the channel of faults ─► what lies there? ─► pages out of the process's own pool ─► it runs on
//!                                                  └ nothing, or not for this, or not to be paid: init ends the process
//! ```
//!
//! Rules:
//! * It calls init alone, and all it has of its own is there from its start: it never waits for somebody whom it serves.
//! * Who faults pays: extents, tables and records are made in the faulting process's pool.
//! * Nothing that matters is only here. What lies where, and in which Memories, init keeps; what is mapped where, the kernel
//!   knows. A pager that dies leaves at most a note ([`notes`]) to the next one.
//! * What decides is in `regions`, tested on the host.
#![no_std]
#![no_main]

extern crate alloc;

mod client;
mod clone;
mod notes;
mod pager;

libsys::entry!(main);

fn main() -> Result<core::convert::Infallible, libsys::Error> {
    pager::Pager::new()?.run()
}
