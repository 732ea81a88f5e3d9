//! Stories of the corners: limits, deaths, circles, and every bug that was found, so that it stays dead.

mod budgets;
mod calls;
mod cores;
mod creation;
mod endings;
mod gifts;
mod grants;
mod limits;
mod mappings;
mod queues;
mod threads;
mod traces;

use abi::calls::number as nr;
use kcore::objects::*;

use crate::world::*;

pub const WAIT: u64 = u64::MAX;
pub const OWN: u64 = 0x1_0001;
/// The root pool's handle in init.
pub const ROOT: u64 = 0x1_0003;
pub const MAIN: u64 = 0x1_0002;
pub const ALL: u64 = 0xffff;

/// A started thread of init; returns its handle and place. init stays the running one.
pub fn helper(w: &mut World, priority: u64, n: u64) -> (u64, ThreadLink) {
    let (handle, link) = w.thread(OWN, priority, 0x2000_0000 + (n << 12));
    w.enter(nr::start as u64, &[handle, 0x40_0000, 0x60_0000, 0]);
    (handle, link)
}

/// Has another thread make a call that leaves it waiting, and gives the processor back to init.
pub fn waits(w: &mut World, thread: ThreadLink, number: u16, arguments: &[u64]) {
    w.run(thread);
    w.enter(number as u64, arguments);
    let init = w.init;
    if w.current() != init && w.state(init) == Some(State::Ready) {
        w.run(init);
    }
}

/// Enters the kernel once, without going on with what was rewound; true if it was.
pub fn enter_once(w: &mut World, thread: ThreadLink) -> bool {
    assert_eq!(w.current(), thread);
    w.edit(thread, |t| t.context.regs.pc = 0x40_0000);
    w.k.syscall(0);
    w.state(thread).is_some() && w.edit(thread, |t| t.restarting())
}
