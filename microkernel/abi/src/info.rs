//! What `info` tells: eight words from `a2` on, by selector.
//!
//! [`BASIC`] works with every handle. The others need the kind and the right they name.

/// Any: kind ([`Kind`]), rights, badge. Not how many hold the object: who holds one handle learns nothing of others.
pub const BASIC: u64 = 0;
/// Pool: pages of the pool, pages used (sub-pools included), pages given to sub-pools, priority ceiling, objects, CPU
/// budget that pays for its threads (its own or the nearest above: µs, and of what period in the upper half; 0: none),
/// µs of that given to sub-pools (rounded down), ns charged to it so far. The root pool's budget is what it may give.
pub const POOL: u64 = 1;
/// Memory: pages, type ([`MemoryType`]), mappings, pages frozen or sealed, identity of the Memory whose frames these are
/// (a slice tells its whole's), the first page in it. An identity is good while a handle or mapping keeps that Memory.
pub const MEMORY: u64 = 2;
/// Memory of type DMA or device, with OWNER: the address a device uses for its first byte.
pub const DEVICE_ADDRESS: u64 = 3;
/// Process with INSPECT: pages of page tables and handle tables, handles, threads, mapped pages.
pub const PROCESS: u64 = 4;
/// Thread with INSPECT: state ([`ThreadState`]), priority, base priority, processor time in ns, core, calls made,
/// the badge of the channel it waits for an answer from.
pub const THREAD: u64 = 5;
/// Interrupt: first line, lines, message address and data (0 without MSI), times it came.
pub const INTERRUPT: u64 = 6;
/// Authority with LOG: eight kernel counters from the index in `a2`; the names are in [`COUNTERS`].
pub const STATISTICS: u64 = 7;
/// Authority with LOG: cores, cores running, features, free pages, all pages, ns since boot.
pub const SYSTEM: u64 = 8;
/// Authority with LOG: the core whose number is in `a2`: 1 if it runs, ns in which it had nothing to run, threads switched
/// to, times that other cores called it, times that it had TLBs forget something, threads that came from other cores,
/// priority of what runs + 1 (0: nothing), priorities with a ready thread.
pub const CORE: u64 = 11;
/// Authority with LOG: the longest stretches with interrupts off in ns, of eight [kinds](stretch) from the one in `a2` on. A
/// kernel that was not built to measure them tells zeros.
pub const STRETCHES: u64 = 9;

/// Ways into the kernel, as [`STRETCHES`] tells them apart: system calls by their numbers, then these.
pub mod stretch {
    /// A device's interrupt.
    pub const INTERRUPT: usize = 48;
    /// The timer's.
    pub const TIMER: usize = 49;
    /// Another core's.
    pub const KICK: usize = 50;
    /// A fault of user code.
    pub const FAULT: usize = 51;
    /// How many there are.
    pub const KINDS: usize = 56;
}

/// Process with MAP: what is mapped at the address in `a2`: access (0: nothing), identity of the Memory as [`MEMORY`] tells
/// it (0: none of its own), page in it, pages that go on alike from here, at most [`MAX_ALIKE`].
pub const PAGE: u64 = 10;
/// Pages that [`PAGE`] looks at, at most.
pub const MAX_ALIKE: u64 = 128;

/// Grant with REVOKE: whether `revoke` would still take something back (0: no handle through it or below it leads anywhere,
/// and no mapping, binding or waiting call is left that came about through one), its depth.
pub const GRANT: u64 = 12;

/// The least priority of the real-time class, which only a pool with a CPU budget has.
pub const REAL_TIME: u8 = 56;

/// The six scheduling classes, the most urgent first, each with its highest priority; it begins above the next one's.
pub const CLASSES: &[(&str, u8)] =
    &[("realtime", 63), ("driver", 55), ("server", 47), ("interactive", 39), ("batch", 23), ("idle", 7)];

/// The class of a priority.
pub fn class_of(priority: u8) -> &'static str {
    CLASSES.iter().rev().find(|(_, highest)| priority <= *highest).map_or("realtime", |(name, _)| name)
}

/// Process with INSPECT: the first of its handles from the slot in `a2` on: handle (0: none in this part of the table), kind
/// ([`Kind`]), rights, badge, depth of its Grant (0: none), whether it is alive, the slot to go on from (0: that was all).
pub const HANDLES: u64 = 16;

/// Kinds of objects, as [`BASIC`] tells and `create` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Pages, and all that is made from them. `create`: pages, priority ceiling, CPU budget: µs on each core in the lower
    /// half, 10 at least, and of what period of 50 to 1,000,000 µs in the upper half; 0 for none. A ceiling in the
    /// real-time class ([`REAL_TIME`]) needs a budget, its own or one above.
    Pool = 1,
    /// An address space and a table of handles. `create`: –.
    Process = 2,
    /// A flow of control. `create`: process, priority, address of the IPC buffer.
    Thread = 3,
    /// A meeting point of callers and receivers. `create`: –.
    Channel = 4,
    /// 64 bits to set and wait for. `create`: –.
    Notification = 5,
    /// An extent of frames. `create`: pages, [`MemoryType`].
    Memory = 6,
    /// A revocation cell, made by `derive`.
    Grant = 7,
    /// Interrupt lines or vectors, cut from the boot handles by `slice`.
    Interrupt = 8,
    /// x86_64 I/O ports, cut from the boot handle by `slice`.
    IoPorts = 9,
    /// Rights that are about no object.
    Authority = 10,
}

impl Kind {
    /// The kind with this number.
    pub const fn from_code(code: u64) -> Option<Kind> {
        Some(match code {
            1 => Kind::Pool,
            2 => Kind::Process,
            3 => Kind::Thread,
            4 => Kind::Channel,
            5 => Kind::Notification,
            6 => Kind::Memory,
            7 => Kind::Grant,
            8 => Kind::Interrupt,
            9 => Kind::IoPorts,
            10 => Kind::Authority,
            _ => return None,
        })
    }
}

/// What a Memory's frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MemoryType {
    /// Ordinary memory, zeroed, cached.
    Ram = 0,
    /// Memory for devices: cached, and its device address may be asked.
    Dma = 1,
    /// Device registers: uncached, strongly ordered.
    Device = 2,
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ThreadState {
    /// Made, not started; or stopped.
    Stopped = 0,
    /// Ready to run.
    Ready = 1,
    /// Running on a core.
    Running = 2,
    /// In a channel's queue, its call not taken yet.
    Calling = 3,
    /// Its call was taken, the reply is awaited.
    AwaitingReply = 4,
    /// In `recv`.
    Receiving = 5,
    /// Faulted, and nobody to tell.
    Faulted = 6,
    /// Ready, but its pool's CPU budget is used up for this period.
    Parked = 7,
}

/// The kernel's counters in the order of [`STATISTICS`]: name, and what is counted.
pub const COUNTERS: &[(&str, &str)] = &[
    ("system calls", "Entries by a system call, restarts of long ones included, on all cores."),
    ("calls by the fast path", "`call`s that handed the core straight to a waiting receiver, in the short way."),
    ("calls by the general path", "All other `call`s that were not refused."),
    ("replies by the fast path", "`reply_recv`s that handed the core straight back to the caller, in the short way."),
    ("notifications", "`notify`s that were not refused."),
    ("interrupts", "Interrupts of devices; each is masked until its driver acknowledges it."),
    ("timer interrupts", "Interrupts of the cores' timers: deadlines, ends of turns, used-up and new budgets."),
    ("faults", "Faults of threads: each becomes a message to the fault channel, or stops its thread."),
    ("thread switches", "Times a core began to run a thread that it did not run just before."),
    ("restarts of long operations", "System calls that did a bounded part and are run again for the rest."),
    ("frames zeroed", "Frames cleared before somebody gets them."),
    ("objects made", "Kernel objects: pools, processes, threads, channels, memories, grants, mappings and so on."),
    ("objects destroyed", "Kernel objects that are gone; made minus destroyed is what there is."),
    ("log records lost", "Records that were not written because their label wrote too many in a second."),
    ("calls refused", "System calls that answered an error."),
    ("budgets used up", "Times a thread that was to run had its priority from a CPU budget with nothing left."),
];
