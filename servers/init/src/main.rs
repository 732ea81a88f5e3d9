//! The first process: spawns, names, supervises (`contracts.md` §3, §4, §6, §7, §12).
//!
//! ```text
//!  kernel ─ boot page ─► init: reads archive and manifest, makes pools, starts the services by level, then serves
//!
//!              `process`, `names`, `child` calls ┐
//!              closed ends (a process is over)   ├─► one channel, one thread ─► the kernel's objects
//!              faults, deadlines                 ┘
//! ```
//!
//! Rules:
//! * init calls nobody, so nobody can make it wait. What may take long is a token kept until it can be answered.
//! * Whatever a process sends is answered with an error at worst: everything is bounded, nothing panics.
//! * What decides is in libraries beside this (`elfload`, `namespace`, `supervise`), tested on the host; here it is joined
//!   to handles.
//! * If init ends all the same, the machine is powered off: libsys does that for whoever holds POWER.
#![no_std]
#![no_main]

extern crate alloc;

mod badge;
mod birth;
mod child;
mod death;
mod devices;
mod images;
mod names;
mod overview;
mod paging;
mod power;
mod process;
mod roots;
mod services;
mod start_block;
mod world;

libsys::entry_init!(main);

/// Returns only if init can't go on; libsys then powers the machine off.
fn main(boot: &'static abi::boot::BootInfo) -> Result<core::convert::Infallible, libsys::Error> {
    let error = match world::World::new(boot) {
        Ok(mut world) => world.run(),
        Err(error) => error,
    };
    libsys::log!(Error, "init can't go on: {error}");
    Err(error)
}
