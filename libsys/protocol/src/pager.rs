//! `pager`: what the pager asks of init, which keeps all that must outlive a pager: who faults, what lies where in each
//! process, which Memories its pages are in.
//!
//! ```text
//!  fault ─► Process ─► (Backing) ─► the pager makes an extent ─ Keep ─► maps pages ─► the thread runs on
//!             │ not the pager's to repair, or not to be paid for: Faulted ─► init ends the process
//!  WORK bit ─► Work ─► Clone ─► pages are shared, read-only ─► Cloned ─► init answers the spawner
//! ```
//!
//! init calls nobody and answers at once. A pager that starts anew asks again: nothing it needs lies in itself alone.

use serde::{Deserialize, Serialize};

use crate::{Idempotent, List, Protocol};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "pager";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}

/// Regions of a process, at most.
pub const MAX_REGIONS: usize = 64;
/// Extents of a process, at most: with the sizes that pagers make, more than half a GiB.
pub const MAX_EXTENTS: usize = 1024;
/// Extents in a message: as many as it has handles.
pub const EXTENTS: usize = 4;

/// What fills the pages of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backing {
    /// Zeros, until they are written; shared with a clone until one of both writes.
    Zero,
    /// What was there when the process started; nobody writes it.
    Constant,
    /// Pages of a Memory that the process named, or of the boot archive, from this one on.
    Memory {
        /// Where the region starts in it, in pages.
        first: u32,
        /// Whether the process may write them.
        write: bool,
    },
}

/// A range of a process's addresses whose pages come at their first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its first address, a multiple of a page.
    pub start: u64,
    /// Its pages: to here it may grow.
    pub pages: u64,
    /// What fills them.
    pub backing: Backing,
}

/// Why a fault is not repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// Nothing is meant to be there, or not for this.
    Wild,
    /// The process's pool has no page left for it.
    PoolEmpty,
    /// The process has too many extents.
    Limit,
}

/// What the pager asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// All about a process: `Process`, with its Process (MAP) and its Pool (MAKE). `NotFound` if it is over. Idempotent.
    Process {
        /// Its number: the badge of the fault.
        number: u32,
    },
    /// The Memory behind a region: `Done` with it. Idempotent.
    Backing {
        /// The process.
        number: u32,
        /// The region's first address. Its place in the list won't do: a view that is dropped moves others up.
        start: u64,
    },
    /// Memories that the process's pages are in: `Extents` with as many handles, from the `skip`-th on; those that are gone,
    /// and so have nobody's pages, are left out. Idempotent.
    Extents {
        /// The process.
        number: u32,
        /// Extents to skip.
        skip: u16,
    },
    /// Keeps an extent for the pagers to come, before a page of it is used. Handle: the Memory. `Limit`. Not idempotent.
    Keep {
        /// The process.
        number: u32,
    },
    /// Keeps one no longer that nobody has a page of, for no process. Idempotent.
    Release {
        /// A process that it was kept for.
        number: u32,
        /// Its identity, as the kernel tells it.
        identity: u64,
    },
    /// A fault that can't be repaired: init tells why and ends the process. Not idempotent.
    Faulted {
        /// The process.
        number: u32,
        /// As the kernel told it, see `abi::message::Fault`.
        words: [u64; 6],
        /// Why.
        why: Why,
    },
    /// What is to be done: `Clone`, or `Done` if nothing is. The same until it is done. Idempotent.
    Work,
    /// The memory of a clone is as its parent's. Idempotent.
    Cloned {
        /// The clone.
        child: u32,
        /// 0, or why not: an [`crate::Error`]'s number.
        error: u16,
    },
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        !matches!(self, Request::Keep { .. } | Request::Faulted { .. })
    }
}

/// What init answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// A process.
    Process {
        /// What lies where.
        regions: List<Region, MAX_REGIONS>,
    },
    /// Some extents. Fewer than [`EXTENTS`] are the last.
    Extents {
        /// For each handle, whether others may have pages of it since a pager before this one shared it.
        shared: List<bool, EXTENTS>,
        /// What to skip to get the next.
        skip: u16,
    },
    /// The memory of one process is to become another's.
    Clone {
        /// Whose it is.
        parent: u32,
        /// Who is to have it too; it has none of its own.
        child: u32,
    },
}
