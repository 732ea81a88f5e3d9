//! The alphabets of the start states.

use abi::calls::number as nr;
use abi::message::{FOREVER, TAKES_SHIFT};
use kcore::objects::*;

use crate::explore::alphabet::Act::*;
use crate::explore::alphabet::Arg::*;
use crate::explore::alphabet::Row;
use crate::explore::alphabet::Who::*;

const fn n(number: u16) -> u64 {
    number as u64
}

/// A number with one handle to take.
const fn taking(number: u16) -> u64 {
    number as u64 | 1 << TAKES_SHIFT
}

const ALL: u64 = 0xffff;
const NO_OWNER: u64 = ALL & !2;
const NO_RECV: u64 = ALL & !8;
/// Where Memory is mapped.
const AT: u64 = 0x2000_4000;

/// Calls and answers, handles on their way, deadlines, bits, and ends in the middle of all that.
pub const MESSAGES: &[Row] = &[
    ("init receives", Call(Init, n(nr::recv), &[Slot(44), V(FOREVER)])),
    ("init receives, taking", Call(Init, taking(nr::recv), &[Slot(44), V(FOREVER)])),
    ("init receives for 1 ms", Call(Init, n(nr::recv), &[Slot(44), Soon])),
    ("init waits for bits", Call(Init, n(nr::recv), &[V(0), V(FOREVER)])),
    ("init answers", Call(Init, n(nr::reply), &[Token, V(8)])),
    ("init answers and receives", Call(Init, n(nr::reply_recv), &[Token, On(44)])),
    ("init gives its first new handle back", Send(Init, n(nr::reply), Token, New(0))),
    ("init revokes the session", Call(Init, n(nr::revoke), &[Slot(45)])),
    ("init stops the child's thread", Call(Init, n(nr::stop), &[Slot(43)])),
    ("init starts the child's thread", Call(Init, n(nr::start), &[Slot(43), V(0x40_0000), V(0x60_0000), V(0)])),
    ("init makes the thread urgent", Call(Init, n(nr::config), &[Slot(43), V(0), V(25)])),
    ("init makes the thread usual", Call(Init, n(nr::config), &[Slot(43), V(0), V(20)])),
    ("init closes its first new handle", Call(Init, n(nr::close), &[New(0)])),
    ("init closes the channel", Call(Init, n(nr::close), &[Slot(44)])),
    ("init calls itself", Call(Init, n(nr::call), &[Slot(44), V(8)])),
    ("child calls", Call(Child, n(nr::call), &[Slot(1), V(8)])),
    ("child calls, taking", Call(Child, taking(nr::call), &[Slot(1), V(8)])),
    ("child sends its notification", Send(Child, n(nr::call), Slot(1), Slot(3))),
    ("child rings", Call(Child, n(nr::notify), &[Slot(2), V(3)])),
    ("child notifies itself", Call(Child, n(nr::notify), &[Slot(3), V(1)])),
    ("child waits for bits", Call(Child, n(nr::recv), &[V(0), V(FOREVER)])),
    ("child sleeps", Call(Child, n(nr::recv), &[V(0), Soon])),
    ("child closes the session", Call(Child, n(nr::close), &[Slot(1)])),
    ("child doubles the session", Call(Child, n(nr::dup), &[Slot(1), V(ALL), V(0), V(0)])),
    ("child closes its first new handle", Call(Child, n(nr::close), &[New(0)])),
    ("child uses a stale handle", Call(Child, n(nr::call), &[Stale(1), V(8)])),
    ("child faults", Fault),
];

/// Grants below Grants, handles through them, their ends told, their revocation.
pub const RIGHTS: &[Row] = &[
    ("init derives from the channel", Call(Init, n(nr::derive), &[Slot(40), Slot(44), V(NO_RECV), V(9), V(4)])),
    ("init derives at the child's cost", Call(Init, n(nr::derive), &[Slot(41), Slot(44), V(NO_RECV), V(9), V(4)])),
    ("init derives from its new handle", Call(Init, n(nr::derive), &[Slot(40), New(0), V(NO_RECV), V(0), V(0)])),
    ("init derives from the child's pool", Call(Init, n(nr::derive), &[Slot(40), Slot(41), V(ALL), V(0), V(0)])),
    ("init closes new handle 0", Call(Init, n(nr::close), &[New(0)])),
    ("init closes new handle 1", Call(Init, n(nr::close), &[New(1)])),
    ("init closes new handle 2", Call(Init, n(nr::close), &[New(2)])),
    ("init revokes new handle 1", Call(Init, n(nr::revoke), &[New(1)])),
    ("init revokes the session", Call(Init, n(nr::revoke), &[Slot(45)])),
    ("init closes the session's Grant", Call(Init, n(nr::close), &[Slot(45)])),
    ("init gives new handle 0 to the child", Call(Init, n(nr::dup), &[New(0), V(ALL), Slot(42), V(7)])),
    ("init gives new handle 1 to the child", Call(Init, n(nr::dup), &[New(1), V(ALL), Slot(42), V(8)])),
    ("init looks for ends", Call(Init, n(nr::recv), &[Slot(44), V(0)])),
    ("init receives", Call(Init, n(nr::recv), &[Slot(44), V(FOREVER)])),
    ("init answers", Call(Init, n(nr::reply), &[Token, V(8)])),
    ("child derives from the session", Call(Child, n(nr::derive), &[Slot(5), Slot(1), V(ALL), V(0), V(0)])),
    ("child derives from its new handle", Call(Child, n(nr::derive), &[Slot(5), New(0), V(ALL), V(0), V(0)])),
    ("child derives from the bell", Call(Child, n(nr::derive), &[Slot(5), Slot(2), V(NO_OWNER), V(1), V(2)])),
    ("child closes new handle 0", Call(Child, n(nr::close), &[New(0)])),
    ("child closes new handle 1", Call(Child, n(nr::close), &[New(1)])),
    ("child revokes new handle 1", Call(Child, n(nr::revoke), &[New(1)])),
    ("child closes the session", Call(Child, n(nr::close), &[Slot(1)])),
    ("child calls by the session", Call(Child, n(nr::call), &[Slot(1), V(8)])),
    ("child calls by its new handle", Call(Child, n(nr::call), &[New(0), V(8)])),
    ("child calls by what it was given", Call(Child, n(nr::call), &[Slot(7), V(8)])),
    ("child revokes what it was given", Call(Child, n(nr::revoke), &[Slot(8)])),
    ("child rings", Call(Child, n(nr::notify), &[Slot(2), V(1)])),
];

/// Memory mapped in two processes, taken away, frozen, revoked; parts of it; and an interrupt line.
pub const MEMORY: &[Row] = &[
    ("init maps", Call(Init, n(nr::map), &[Slot(1), Slot(46), V(AT), V(0), V(2), V(3)])),
    ("init maps page 1 to be read", Call(Init, n(nr::map), &[Slot(1), Slot(46), V(AT + 0x1000), V(1), V(1), V(1)])),
    ("init maps into the child", Call(Init, n(nr::map), &[Slot(42), Slot(46), V(AT), V(0), V(1), V(3)])),
    ("init unmaps page 0", Call(Init, n(nr::unmap), &[Slot(1), V(AT), V(1)])),
    ("init unmaps", Call(Init, n(nr::unmap), &[Slot(1), V(AT), V(2)])),
    ("init protects", Call(Init, n(nr::protect), &[Slot(1), V(AT), V(1), V(1)])),
    ("init unprotects", Call(Init, n(nr::protect), &[Slot(1), V(AT), V(1), V(3)])),
    ("init evicts page 0", Call(Init, n(nr::evict), &[Slot(46), V(0), V(1), V(0)])),
    ("init has page 1 be read only", Call(Init, n(nr::evict), &[Slot(46), V(1), V(1), V(1)])),
    ("init freezes page 1", Call(Init, n(nr::freeze), &[Slot(46), V(1), V(1)])),
    ("init slices", Call(Init, n(nr::slice), &[Slot(40), Slot(46), V(1), V(1), V(0)])),
    ("init maps its new handle", Call(Init, n(nr::map), &[Slot(1), New(0), V(AT + 0x1000), V(0), V(1), V(1)])),
    ("init closes its new handle", Call(Init, n(nr::close), &[New(0)])),
    ("init closes the Memory", Call(Init, n(nr::close), &[Slot(46)])),
    ("init revokes the child's Memory", Call(Init, n(nr::revoke), &[Slot(47)])),
    ("init binds the line", Call(Init, n(nr::irq_bind), &[Slot(48), V(0x1_0006), V(4)])),
    ("init acknowledges the line", Call(Init, n(nr::irq_ack), &[Slot(48)])),
    ("init waits for bits", Call(Init, n(nr::recv), &[V(0), V(FOREVER)])),
    ("line 3", Line(3)),
    ("child maps", Call(Child, n(nr::map), &[Slot(4), Slot(6), V(AT), V(0), V(2), V(3)])),
    ("child maps page 1 again", Call(Child, n(nr::map), &[Slot(4), Slot(6), V(AT + 0x1000), V(1), V(1), V(1)])),
    ("child unmaps page 0", Call(Child, n(nr::unmap), &[Slot(4), V(AT), V(1)])),
    ("child unmaps", Call(Child, n(nr::unmap), &[Slot(4), V(AT), V(2)])),
    ("child protects", Call(Child, n(nr::protect), &[Slot(4), V(AT), V(1), V(1)])),
    ("child derives", Call(Child, n(nr::derive), &[Slot(5), Slot(6), V(ALL), V(0), V(0)])),
    ("child maps its new handle", Call(Child, n(nr::map), &[Slot(4), New(0), V(AT), V(0), V(1), V(1)])),
    ("child revokes new handle 1", Call(Child, n(nr::revoke), &[New(1)])),
    ("child closes new handle 0", Call(Child, n(nr::close), &[New(0)])),
    ("child closes the Memory", Call(Child, n(nr::close), &[Slot(6)])),
    ("child makes a Memory", Call(Child, n(nr::create), &[Slot(5), V(MEMORY_CLASS), V(1), V(0)])),
];

const MEMORY_CLASS: u64 = kcore::objects::MEMORY as u64;

/// Pools, processes and threads made, stopped, moved between and destroyed while others wait for them.
pub const LIVES: &[Row] = &[
    ("init destroys the child's pool", Call(Init, n(nr::destroy), &[Slot(41)])),
    ("init destroys the child's thread", Call(Init, n(nr::destroy), &[Slot(43)])),
    ("init stops the child's thread", Call(Init, n(nr::stop), &[Slot(43)])),
    ("init starts the child's thread", Call(Init, n(nr::start), &[Slot(43), V(0x40_0000), V(0x60_0000), V(0)])),
    ("init makes a thread", Call(Init, n(nr::create), &[Slot(41), V(THREAD as u64), Slot(42), V(20), V(0x2000_1000)])),
    ("init makes a pool", Call(Init, n(nr::create), &[Slot(41), V(POOL as u64), V(6), V(20)])),
    ("init makes a notification", Call(Init, n(nr::create), &[New(0), V(NOTIFICATION as u64)])),
    ("init starts its new thread", Call(Init, n(nr::start), &[New(0), V(0x40_0000), V(0x60_0000), V(0)])),
    ("init destroys its new handle", Call(Init, n(nr::destroy), &[New(0)])),
    ("init closes new handle 0", Call(Init, n(nr::close), &[New(0)])),
    ("init closes new handle 1", Call(Init, n(nr::close), &[New(1)])),
    ("init closes the child", Call(Init, n(nr::close), &[Slot(42)])),
    ("init closes the child's pool", Call(Init, n(nr::close), &[Slot(41)])),
    ("init moves a page to its new pool", Call(Init, n(nr::pool_move), &[Slot(41), New(0), V(1)])),
    ("init moves a page back", Call(Init, n(nr::pool_move), &[New(0), Slot(41), V(1)])),
    ("init has faults be told", Call(Init, n(nr::config), &[Slot(43), V(1), Slot(44)])),
    ("init makes the thread less urgent", Call(Init, n(nr::config), &[Slot(43), V(0), V(15)])),
    ("init receives", Call(Init, n(nr::recv), &[Slot(44), V(FOREVER)])),
    ("init answers", Call(Init, n(nr::reply), &[Token, V(8)])),
    ("init waits for bits", Call(Init, n(nr::recv), &[V(0), V(FOREVER)])),
    ("child calls", Call(Child, n(nr::call), &[Slot(1), V(8)])),
    ("child rings", Call(Child, n(nr::notify), &[Slot(2), V(1)])),
    ("child sleeps", Call(Child, n(nr::recv), &[V(0), Soon])),
    ("child closes itself", Call(Child, n(nr::close), &[Slot(4)])),
    ("child makes a notification", Call(Child, n(nr::create), &[Slot(5), V(NOTIFICATION as u64)])),
    ("child closes its new handle", Call(Child, n(nr::close), &[New(0)])),
    ("child destroys its pool", Call(Child, n(nr::destroy), &[Slot(5)])),
    ("child faults", Fault),
];
