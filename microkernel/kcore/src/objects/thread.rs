//! Threads.

use kmem::{Frame, Link, Name};

use super::{CHANNEL, Entry, GRANT, MEMORY, NOTIFICATION, POOL, PROCESS, Queue, THREAD, ThreadLink};
use crate::Context;
use crate::fast::Doors;
use crate::handles::LastChannels;
use crate::serving::Depths;

/// What a thread does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Made or stopped: in no queue.
    #[default]
    Stopped,
    /// In the ready queue of its core.
    Ready,
    /// A core's current thread.
    Running,
    /// In a channel's queue of callers.
    Calling,
    /// In its server's list of callers to answer.
    AwaitingReply,
    /// In a channel's queue of receivers, or receiving bits alone.
    Receiving,
    /// Faulted with nobody to tell.
    Faulted,
    /// Ready, but out of budget: in its core's wheel until the period ends.
    Parked,
}

/// Bits of [`Thread::slow`].
pub mod slow {
    /// A budget pays for it.
    pub const PAID: u8 = 1;
    /// Its process is traced.
    pub const TRACED: u8 = 2;
    /// Its last system call was rewound and not yet finished.
    pub const RESTARTING: u8 = 4;
    /// Its process shares its address-space tag with others.
    pub const SHARES_TAG: u8 = 8;
}

/// A flow of control.
///
/// ```text
/// Stopped ─start▶ Ready ◀──▶ Running ─call▶ Calling ─taken▶ AwaitingReply ─reply▶ Ready
///    ▲                          ├─recv▶ Receiving ─message, bits, deadline▶ Ready
///    └───────── stop ───────────┴─fault▶ (as call) or Faulted ─config▶ Ready
/// ```
///
/// What calls and signals look at comes first, then the saved state: so all of it is within reach of short instructions.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Thread {
    pub state: State,
    /// Where it runs, is ready, or has its deadline.
    pub core: u8,
    /// Effective priority: its own, or inherited.
    pub priority: u8,
    pub base_priority: u8,
    /// Calls made: with the place it forms the reply token.
    pub sequence: u32,
    /// Length of the longest call chain that it works for: 0 if it has nobody to answer. This and the next three are
    /// [`Thread::standing`].
    pub depth: u8,
    /// Why its calls take the general path: bits of [`slow`].
    pub slow: u8,
    /// Timer wheel position + 1, 0 for none.
    pub timer_slot: u16,
    /// In a channel's queue: the Grant of the handle that it calls or receives by.
    pub via: Link<GRANT>,
    /// Handles it takes with the message it waits for.
    pub takes: u8,
    /// Bits were the last thing received, so a call goes first.
    pub bits_last: bool,
    /// Bits wait in its notification, until it receives.
    pub bits_wait: bool,
    /// A fault is its call: the answer leaves the registers alone.
    pub faulting: bool,
    /// The core on which alone it runs, or `cores::ANY_CORE`.
    pub home: u8,
    /// Its own priority counts no more in this period: its budget is used up.
    pub demoted: bool,
    /// It ends: no name of it is left.
    pub ending: bool,
    pub process: Link<PROCESS>,
    /// Callers to answer, by priority, first come first within one.
    pub serving: Queue<THREAD>,
    /// Bound notification.
    pub notification: Link<NOTIFICATION>,
    /// Channel it calls or receives on.
    pub channel: Link<CHANNEL>,
    /// Who is to answer its call.
    pub server: ThreadLink,
    /// Ready queue, callers, callers to answer or receivers: one of them.
    pub next: ThreadLink,
    pub prev: ThreadLink,
    /// Badge of the handle it calls by.
    pub badge: u64,
    /// Ticks of the counter for which it has run, and since when it runs.
    pub run_time: u64,
    pub run_start: u64,
    /// For the fast path.
    pub doors: Doors,
    /// How deep its callers to answer are.
    pub callers: Depths,
    pub context: Context,
    /// For the general path.
    pub last: LastChannels,
    /// The call whose return is still to be traced: its number + 1, 0 for none.
    pub calling: u16,
    pub pool: Link<POOL>,
    /// The first callers of the priorities next to its own, if it is the first of that.
    pub run_next: ThreadLink,
    pub run_prev: ThreadLink,
    /// Channel it received from last, whose callers' priority it inherits.
    pub serves: Link<CHANNEL>,
    pub sibling_next: ThreadLink,
    pub sibling_prev: ThreadLink,
    pub timer_next: ThreadLink,
    pub timer_prev: ThreadLink,
    pub refs: u32,
    /// IPC buffer and where it is mapped.
    pub buffer: Frame,
    pub buffer_address: u64,
    /// ns at which `recv` ends.
    pub deadline: u64,
    /// That Grant's list of who waits.
    pub via_next: ThreadLink,
    pub via_prev: ThreadLink,
    /// Grant of the handle by which its notification was bound.
    pub bound_via: Name<GRANT>,
    /// Fault channel, as the handle named it.
    pub fault: Entry,
    /// Words of the fault it reports.
    pub fault_words: [u64; 6],
    /// A Memory being zeroed by a call of this thread, and how far it is.
    pub pending: Name<MEMORY>,
    pub pending_done: u32,
    /// Of which Memory it has begun an `evict` that is to go on.
    pub evicts: Link<MEMORY>,
    /// Next thread that ends.
    pub end_next: ThreadLink,
    /// Its system call is done but for what that ended: the program counter behind the call, 0 for none.
    pub ends_at: u64,
    /// Who pays for its time at its own priority, and at the one it has.
    pub budget: Name<POOL>,
    pub payer: Name<POOL>,
}

const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(Thread, context) == 256);
    let depth = offset_of!(Thread, depth);
    assert!(depth.is_multiple_of(8) && offset_of!(Thread, slow) == depth + 1);
    assert!(offset_of!(Thread, timer_slot) == depth + 2 && offset_of!(Thread, via) == depth + 4);
    let next = offset_of!(Thread, next);
    assert!(next.is_multiple_of(8) && offset_of!(Thread, prev) == next + 4);
};

impl Thread {
    /// All that may be unusual about a thread, as one word: its depth in the lowest byte, then `slow`, `timer_slot` and `via`.
    /// They lie in this order, so it is one load.
    #[inline(always)]
    pub fn standing(&self) -> u64 {
        let (slow, slot) = (u64::from(self.slow) << 8, u64::from(self.timer_slot) << 16);
        u64::from(self.depth) | slow | slot | u64::from(self.via.raw()) << 32
    }

    /// Its neighbours in the queue that it is in, as one word: 0 if it has none.
    #[inline(always)]
    pub fn neighbours(&self) -> u64 {
        u64::from(self.next.raw()) | u64::from(self.prev.raw()) << 32
    }

    /// It has no notification any more.
    pub fn unbind(&mut self) {
        (self.notification, self.bits_wait) = (Link::NONE, false);
    }

    /// Whether its last system call was rewound and not yet finished.
    #[inline(always)]
    pub fn restarting(&self) -> bool {
        self.slow & slow::RESTARTING != 0
    }

    /// Its system call is rewound.
    pub fn restart(&mut self) {
        self.slow |= slow::RESTARTING;
    }

    /// Its system call is finished. Whether it was rewound.
    #[inline(always)]
    pub fn restarted(&mut self) -> bool {
        let restarting = self.restarting();
        self.slow &= !slow::RESTARTING;
        restarting
    }
}

const _: () = assert!(size_of::<Thread>() <= kmem::PAGE - 64);
