//! The web server: SYS:www and a status page on port 80, many connections in one thread.
//!
//! ```text
//!  listen ─► accept ─► a task a connection (site::converse) ─► rings of netd
//!    ▲                                   └► fsd (files), init (figures)
//!    └── netd died: its connections are over, listen again
//! ```
//!
//! Its `net` may listen at port 80 and see the stack's state, its `SYS:` is the folder www, read only. The connections'
//! logic is in `site`, the messages' in `http`; both run on the host.
#![no_std]
#![no_main]

extern crate alloc;

mod listen;
mod system;

use alloc::rc::Rc;

use libsys::executor::{Executor, NoChannel};
use libsys::names::{Work, bits};
use libsys::{Result, random};
use site::Site;

use system::System;

libsys::entry!(main);

fn main() -> Result<()> {
    // Nothing is provided, so nobody opens anything here; asking once tells init that the start is over.
    let _ = Work::next();
    let executor = Executor::new(NoChannel);
    let spawner = executor.spawner();
    let site = Rc::new(Site::new(System::new(), random::next_u64()?));
    let stopper = spawner.clone();
    spawner.spawn(async move {
        stopper.bits(bits::SHUTDOWN).await;
        stopper.stop();
    });
    spawner.spawn(listen::for_ever(site, spawner.clone()));
    executor.run(|_, _| {})
}
