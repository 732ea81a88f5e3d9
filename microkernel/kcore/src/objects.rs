//! The kernel's objects.
//!
//! Objects refer to each other by [`Link`]s, which whoever ends an object removes, or by [`Name`]s, which go stale by
//! themselves. Every list is intrusive, so nothing is allocated to be queued.
#![allow(missing_docs, reason = "fields whose names say it all have no text")]

use abi::calls::Access;
use abi::info::MemoryType;
use kmem::{AnyName, Class, Frame, Key, Link, Name};

use crate::Context;
use crate::budget::Budget;
use crate::fast::Doors;
use crate::hw::{Asid, Trigger};
use crate::serving::Depths;
use crate::trace::Trace;

mod handles;

pub use handles::{Directory, Entry, Handles, SLOTS_PER_PAGE};

// Class numbers; the first ten are `abi::info::Kind`.

/// Class of pools.
pub const POOL: u8 = 1;
/// Class of processes.
pub const PROCESS: u8 = 2;
/// Class of threads.
pub const THREAD: u8 = 3;
/// Class of channels.
pub const CHANNEL: u8 = 4;
/// Class of notifications.
pub const NOTIFICATION: u8 = 5;
/// Class of memories.
pub const MEMORY: u8 = 6;
/// Class of grants.
pub const GRANT: u8 = 7;
/// Class of interrupts.
pub const INTERRUPT: u8 = 8;
/// Class of I/O ports.
pub const PORTS: u8 = 9;
/// Class of authorities.
pub const AUTHORITY: u8 = 10;
/// Class of mapping records.
pub const MAPPING: u8 = 11;
/// Class of pages of handle slots.
pub const HANDLES: u8 = 12;
/// Class of page tables.
pub const TABLE: u8 = 13;
/// Class of directories of handle pages.
pub const DIRECTORY: u8 = 14;

/// Classes that live in slabs, plus one for the unused 0.
pub const SLAB_CLASSES: usize = 12;

/// The list of classes.
pub struct Objects;

macro_rules! classes {
    ($($class:ident $type:ident $named:literal;)*) => {
        $(impl Class<$class> for Objects {
            type T = $type;
            const NAMED: bool = $named;
        })*
    };
}
classes! {
    POOL Pool true;
    PROCESS Process true;
    THREAD Thread true;
    CHANNEL Channel true;
    NOTIFICATION Notification true;
    MEMORY Memory true;
    GRANT Grant true;
    INTERRUPT Interrupt true;
    PORTS Ports true;
    AUTHORITY Authority true;
    MAPPING Mapping true;
    HANDLES Handles false;
    TABLE Table false;
    DIRECTORY Directory false;
}

/// Proof of a Pool.
pub type PoolKey<'id> = Key<'id, POOL>;
/// Proof of a Process.
pub type ProcessKey<'id> = Key<'id, PROCESS>;
/// Proof of a Thread.
pub type ThreadKey<'id> = Key<'id, THREAD>;
/// Proof of a Channel.
pub type ChannelKey<'id> = Key<'id, CHANNEL>;
/// Proof of a Notification.
pub type NotificationKey<'id> = Key<'id, NOTIFICATION>;
/// Proof of a Memory.
pub type MemoryKey<'id> = Key<'id, MEMORY>;
/// Proof of a Grant.
pub type GrantKey<'id> = Key<'id, GRANT>;
/// Proof of a Interrupt.
pub type InterruptKey<'id> = Key<'id, INTERRUPT>;
/// Proof of a Mapping.
pub type MappingKey<'id> = Key<'id, MAPPING>;
/// A thread's place.
pub type ThreadLink = Link<THREAD>;

/// First and last of an intrusive queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue<const I: u8> {
    pub head: Link<I>,
    pub tail: Link<I>,
}

impl<const I: u8> Queue<I> {
    /// Nobody is in it.
    pub const EMPTY: Self = Queue { head: Link::NONE, tail: Link::NONE };
}

/// Pages, and all that is made from them. A tree: a sub-pool's limit counts as used in its parent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pool {
    pub parent: Link<POOL>,
    pub children: Link<POOL>,
    pub next: Link<POOL>,
    pub prev: Link<POOL>,
    /// The list of pools that wait to be torn down.
    pub reap_next: Link<POOL>,
    pub reap_prev: Link<POOL>,
    /// Pages it may use.
    pub limit: u32,
    /// Pages in use, `given` included.
    pub used: u32,
    /// Pages given to sub-pools.
    pub given: u32,
    pub objects: u32,
    /// Handles.
    pub refs: u32,
    /// No thread made from it runs at a higher priority of its own.
    pub ceiling: u8,
    /// Distance from the root pool.
    pub depth: u8,
    /// Nothing new may be made from it.
    pub dying: bool,
    /// The nearest pool, this or one above, with a budget: who pays for its threads' time. None: nobody does.
    pub payer: Name<POOL>,
    pub budget: Budget,
    /// Slabs with a free slot, by class.
    pub partial: [Frame; SLAB_CLASSES],
    /// Slabs without one, by class.
    pub full: [Frame; SLAB_CLASSES],
}

/// An address space, a table of handles, and threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    pub pool: Link<POOL>,
    /// Root page table.
    pub root: Frame,
    /// All other page tables, by `FrameInfo::next`.
    pub tables: Frame,
    /// Pages of page tables and handle tables.
    pub overhead: u32,
    /// Pages mapped.
    pub mapped: u32,
    /// What TTBR0_EL1 or CR3 holds while its threads run.
    pub space: u64,
    pub asid: Asid,
    /// Handles 0–127.
    pub handles: Link<HANDLES>,
    /// Pages of the handles from 128 on.
    pub directory: Link<DIRECTORY>,
    /// First free slot of the first page, 0 for none: those that a caller may choose are few to look through.
    pub free_slot: u32,
    /// First free slot beyond.
    pub free_far: u32,
    /// Slots that exist.
    pub slots: u32,
    /// Handles in use.
    pub handle_count: u32,
    pub threads: ThreadLink,
    pub thread_count: u32,
    pub refs: u32,
    /// Who watches it.
    pub trace: Trace,
    /// Being torn down; up to where its slots are closed.
    pub dying: bool,
    pub closed_slots: u32,
}

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
};

impl Thread {
    /// All that may be unusual about a thread, as one word: its depth in the lowest byte, then `slow`, `timer_slot` and `via`.
    /// They lie in this order, so it is one load.
    #[inline(always)]
    pub fn standing(&self) -> u64 {
        let (slow, slot) = (u64::from(self.slow) << 8, u64::from(self.timer_slot) << 16);
        u64::from(self.depth) | slow | slot | u64::from(self.via.raw()) << 32
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

/// A meeting point of callers and receivers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Channel {
    /// By priority, first come first within one.
    pub callers: Queue<THREAD>,
    pub receivers: Queue<THREAD>,
    /// Grants whose last handle is gone, to be told.
    pub closed: Queue<GRANT>,
    /// Who received last.
    pub server: ThreadLink,
    pub pool: Link<POOL>,
    pub refs: u32,
    /// Handles that may receive.
    pub receive_refs: u32,
    /// It ends: no name of it is left. Next channel that does.
    pub ending: bool,
    pub end_next: Link<CHANNEL>,
}

/// 64 bits to set and wait for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notification {
    pub bits: u64,
    /// The thread that receives them.
    pub bound: ThreadLink,
    pub pool: Link<POOL>,
    pub refs: u32,
}

/// An extent of frames, or a part of one.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// First physical frame number.
    pub base: u32,
    pub pages: u32,
    pub kind: MemoryType,
    /// A slice: the extent it is part of.
    pub root: Name<MEMORY>,
    /// Mappings of the whole extent (root only).
    pub mappings: Link<MAPPING>,
    pub mapping_count: u32,
    /// Root: who has begun an `evict` of it, at which mapping that goes on, of which pages, and the access that stays.
    pub evictor: ThreadLink,
    pub evict_next: Link<MAPPING>,
    pub evict_from: u32,
    pub evict_to: u32,
    pub evict_keep: Access,
    pub pool: Link<POOL>,
    /// Handles, and slices.
    pub refs: u32,
    /// It ends: no name of it is left, and its last pages are given back. Next Memory that does.
    pub ending: bool,
    pub end_next: Link<MEMORY>,
}

/// Pages of a Memory mapped in a row, within the reach of one lowest page table.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// The extent (root).
    pub memory: Link<MEMORY>,
    pub process: Link<PROCESS>,
    /// Through which the handle was derived that mapped it.
    pub grant: Link<GRANT>,
    /// First page of the extent.
    pub offset: u32,
    pub address: u64,
    pub pages: u16,
    /// Pages of it that are still mapped: parts may be taken out by `unmap` and `evict` without a new record.
    pub live: u16,
    /// What the handle allowed.
    pub allowed: Access,
    pub memory_next: Link<MAPPING>,
    pub memory_prev: Link<MAPPING>,
    pub grant_next: Link<MAPPING>,
    pub grant_prev: Link<MAPPING>,
    /// Next in the list of its page table (`FrameInfo::extra`).
    pub table_next: Link<MAPPING>,
}

/// A revocation cell: everything derived through it dies when it is revoked. It counts the handles made through it, and
/// is itself the queue entry by which the last one's end is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grant {
    pub parent: Name<GRANT>,
    /// Grants that are undone with this one.
    pub children: Link<GRANT>,
    /// In whose `children` it is: the parent, or, after that died, the one above.
    pub above: Link<GRANT>,
    pub next: Link<GRANT>,
    pub prev: Link<GRANT>,
    /// The list of Grants whose revocation is not finished.
    pub undo_next: Link<GRANT>,
    pub undo_prev: Link<GRANT>,
    /// Channel's queue of closed ends.
    pub closed_next: Link<GRANT>,
    pub target: AnyName,
    /// Handles with this very Grant, and Grants below it that still have some.
    pub handles: u32,
    pub live_children: u32,
    /// Handles to the Grant itself.
    pub refs: u32,
    pub mappings: Link<MAPPING>,
    /// Threads in a channel's queue through it.
    pub waiting: ThreadLink,
    /// Interrupts bound through it: by their own handle, and by the notification's.
    pub lines: Link<INTERRUPT>,
    pub bells: Link<INTERRUPT>,
    pub pool: Link<POOL>,
    pub badge: u64,
    pub close_bits: u64,
    pub depth: u8,
    pub revoked: bool,
    /// Its maker may choose badges and is told of the end.
    pub tells: bool,
    /// The end came.
    pub ended: bool,
    /// In the channel's queue.
    pub queued: bool,
    /// In the list of revocations that are not finished.
    pub undoing: bool,
    /// It ends: no name of it is left, and what hangs on it moves to the one above. Next Grant that does.
    pub ending: bool,
    pub end_next: Link<GRANT>,
    /// Its pool is gone: all that is left is its end, to be told.
    pub orphan: bool,
}

/// Interrupt lines or vectors in a row; a single one can be bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interrupt {
    pub first: u32,
    pub count: u32,
    /// A slice's trigger; none for those that boot made, whose lines are as they are.
    pub trigger: Option<Trigger>,
    pub target: Name<NOTIFICATION>,
    pub bits: u64,
    /// Grant of the handle that bound it, and who else is bound through that.
    pub via: Link<GRANT>,
    pub via_next: Link<INTERRUPT>,
    pub via_prev: Link<INTERRUPT>,
    /// The same of the notification's handle.
    pub bell: Link<GRANT>,
    pub bell_next: Link<INTERRUPT>,
    pub bell_prev: Link<INTERRUPT>,
    pub arrivals: u64,
    pub pool: Link<POOL>,
    pub refs: u32,
}

/// x86_64 I/O ports in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    pub first: u16,
    pub count: u32,
    pub pool: Link<POOL>,
    pub refs: u32,
}

/// What a handle's rights LOG, SEAL and POWER hang on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Authority {
    pub pool: Link<POOL>,
    pub refs: u32,
}

/// A page table.
#[derive(Clone, Copy)]
#[repr(C, align(4096))]
pub struct Table(pub [u64; 512]);

const _: () = assert!(size_of::<Thread>() <= kmem::PAGE - 64);
// With its generation, 64 in a page.
const _: () = assert!(size_of::<Memory>() <= 56);
