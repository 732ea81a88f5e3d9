//! The kernel's objects.
//!
//! Objects refer to each other by [`Link`]s, which whoever ends an object removes, or by [`Name`]s, which go stale by
//! themselves. Every list is intrusive, so nothing is allocated to be queued.
#![allow(missing_docs, reason = "fields whose names say it all have no text")]

use abi::calls::Access;
use abi::info::MemoryType;
use kmem::{AnyName, Class, Frame, Key, Link, Name};

use crate::budget::Budget;
use crate::hw::{Asid, Trigger};
use crate::trace::Trace;

mod handles;
mod thread;

pub use handles::{Directory, Entry, Handles, SLOTS_PER_PAGE};
pub use thread::{State, Thread, slow};

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
    ($($class:ident $type:ident $named:literal $spares:literal $(but $scratch:expr)?;)*) => {
        $(impl Class<$class> for Objects {
            type T = $type;
            const NAMED: bool = $named;
            const SPARES: u16 = $spares;
            $(
                #[inline(always)]
                fn scratch(object: &$type) -> &[u8] {
                    let scratch: fn(&$type) -> &[u8] = $scratch;
                    scratch(object)
                }
            )?
        })*
    };
}
// Which are named, and how many emptied frames are kept as they are: of what each process takes some, so that the next finds them.
classes! {
    POOL Pool true 0;
    PROCESS Process true 1;
    THREAD Thread true 0 but |thread| &thread.context.fpu;
    CHANNEL Channel true 0;
    NOTIFICATION Notification true 1;
    MEMORY Memory true 1;
    GRANT Grant true 0;
    INTERRUPT Interrupt true 0;
    PORTS Ports true 0;
    AUTHORITY Authority true 0;
    MAPPING Mapping true 1;
    HANDLES Handles false 1;
    TABLE Table false 8;
    DIRECTORY Directory false 0;
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
    /// Slots that exist, and up to where those of the first page ever had a handle.
    pub slots: u32,
    pub touched: u32,
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

// With its generation, 64 in a page.
const _: () = assert!(size_of::<Memory>() <= 56);
