//! The kernel: its memory, its cores, and the context in which each entry runs.

#![allow(missing_docs, reason = "fields whose names say it all have no text")]

use kmem::mutants::{Mutant, mutant};
use kmem::{Kept, Link, Mem, View};

use crate::Hw;
use crate::cores::Wanted;
use crate::ending::Endings;
use crate::hw::{Asid, CoreId, MAX_CORES, Trigger};
use crate::log::Log;
use crate::objects::{GRANT, INTERRUPT, Objects, POOL, Queue, THREAD};
use crate::wheel::Wheel;

/// Priorities, 63 the most urgent.
pub const PRIORITIES: usize = 64;
/// Interrupt lines and vectors.
pub const MAX_LINES: usize = 1280;
/// The Interrupt of this number is raised by a new log record.
pub const LOG_LINE: u32 = MAX_LINES as u32 - 1;
/// How long a thread runs while others of its priority are ready, in ns.
pub const SLICE: u64 = 5_000_000;
const ASID_WORDS: usize = 64;

/// Scheduling state of a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// The thread that runs, or none.
    pub current: Kept<THREAD>,
    /// A more urgent thread may be ready, or the timer is to be set anew.
    pub look_again: bool,
    /// One bit for each priority with a ready thread.
    pub ready: u64,
    pub queues: [Queue<THREAD>; PRIORITIES],
    pub wheel: Wheel,
    /// What the timer is set to: what comes first, or earlier.
    pub armed: u64,
    /// When the current thread's slice ends.
    pub slice_end: u64,
    pub online: bool,
    /// Another core wants this one to look at `wanted` or `pointer_changed` before it does anything else.
    pub called: bool,
    /// What is wanted of the current thread.
    pub wanted: Wanted,
    /// The current thread's thread pointer was set by `config`, so the register is to be loaded.
    pub pointer_changed: bool,
    /// Times that others called it, and that it had TLBs forget something.
    pub kicks: u64,
    pub flushes: u64,
    /// Threads switched to, but for those by what follows; and threads that came from other cores.
    pub switches: u64,
    pub taken: u64,
    /// Fast calls and replies: each is a system call, and a switch.
    pub fast_calls: u64,
    pub fast_replies: u64,
    /// The same of `recv`s that wait; and `notify`s, which switch to nobody.
    pub fast_waits: u64,
    pub fast_notifies: u64,
    /// Timer interrupts by the fast path: each is a switch.
    pub prompt_timers: u64,
    /// ns for which it had nothing to run, and since when it has: [`BUSY`] while it runs something.
    pub idle_time: u64,
    pub idle_since: u64,
    /// Of the ready threads of each priority, how many other cores may take over; a bit for each with some.
    pub loose: u64,
    pub loose_count: [u16; PRIORITIES],
}

/// [`Core::idle_since`] of a core that runs something.
pub const BUSY: u64 = u64::MAX;

impl Core {
    const fn new() -> Core {
        Core {
            current: Kept::NONE,
            look_again: false,
            ready: 0,
            queues: [Queue::EMPTY; PRIORITIES],
            wheel: Wheel::new(),
            armed: u64::MAX,
            slice_end: 0,
            online: false,
            called: false,
            wanted: Wanted::Nothing,
            pointer_changed: false,
            kicks: 0,
            flushes: 0,
            switches: 0,
            taken: 0,
            fast_calls: 0,
            fast_replies: 0,
            fast_waits: 0,
            fast_notifies: 0,
            prompt_timers: 0,
            idle_time: 0,
            idle_since: BUSY,
            loose: 0,
            loose_count: [0; PRIORITIES],
        }
    }

    /// Threads switched to.
    pub fn all_switches(&self) -> u64 {
        self.switches + self.fast_calls + self.fast_replies + self.fast_waits + self.prompt_timers
    }
}

/// The kernel's counters, in the order of `abi::info::COUNTERS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Count {
    Calls,
    FastCalls,
    GeneralCalls,
    FastReplies,
    Notifications,
    Interrupts,
    Timers,
    Faults,
    ThreadSwitches,
    Restarts,
    FramesZeroed,
    ObjectsMade,
    ObjectsDestroyed,
    LogLost,
    Refused,
    BudgetsUsedUp,
}

/// Everything but the objects. What a call looks at comes first, within reach of short instructions.
#[repr(C)]
pub struct System<H> {
    pub hw: H,
    pub cores: [Core; MAX_CORES],
    /// The cores that have nothing to run and were not called since, a bit each.
    pub idle: u8,
    /// The cores with threads that wait there and may be taken over ([`Core::loose`]), a bit each.
    pub sharing: u8,
    /// More than one core is online.
    pub several: bool,
    /// The Interrupt object of each line that has one.
    pub lines: [Link<INTERRUPT>; MAX_LINES],
    /// What each line was set to last.
    pub triggers: [Option<Trigger>; MAX_LINES],
    pub asids: [u64; ASID_WORDS],
    pub root_pool: Link<POOL>,
    /// Pools that wait to be torn down.
    pub reap: Link<POOL>,
    /// Grants whose revocation is not finished.
    pub undo: Link<GRANT>,
    pub endings: Endings,
    /// As counted, but for what is counted by core: see [`System::counters`].
    pub counts: [u64; abi::info::COUNTERS.len()],
    pub log: Log,
}

impl<H> System<H> {
    /// The counters as they are told. The fast paths count once for all that it is: a system call or an interrupt, and a switch.
    pub fn counters(&self) -> [u64; abi::info::COUNTERS.len()] {
        let mut told = self.counts;
        for core in &self.cores {
            told[Count::FastCalls as usize] += core.fast_calls;
            told[Count::FastReplies as usize] += core.fast_replies;
            let calls = core.fast_calls + core.fast_replies + core.fast_waits + core.fast_notifies;
            told[Count::Calls as usize] += calls;
            told[Count::Notifications as usize] += core.fast_notifies;
            told[Count::Timers as usize] += core.prompt_timers;
            told[Count::ThreadSwitches as usize] += core.all_switches();
        }
        told
    }
}

/// The kernel.
#[repr(C)]
pub struct Kernel<H: Hw> {
    pub mem: Mem<Objects>,
    pub system: System<H>,
}

impl<H: Hw> Kernel<H> {
    /// A kernel on this memory, with no objects yet.
    pub fn new(mem: Mem<Objects>, hw: H) -> Self {
        Kernel {
            mem,
            system: System {
                hw,
                cores: [const { Core::new() }; MAX_CORES],
                idle: 0,
                sharing: 0,
                several: false,
                lines: [Link::NONE; MAX_LINES],
                triggers: [None; MAX_LINES],
                asids: [0; ASID_WORDS],
                root_pool: Link::NONE,
                reap: Link::NONE,
                undo: Link::NONE,
                endings: Endings::NONE,
                counts: [0; abi::info::COUNTERS.len()],
                log: Log::new(),
            },
        }
    }

    /// Runs `f` with a view of the objects, as core `core`.
    #[inline(always)]
    pub fn with<R>(&mut self, core: CoreId, f: impl for<'id> FnOnce(&mut Cx<'_, 'id, H>) -> R) -> R {
        let system = &mut self.system;
        self.mem.view(|v| f(&mut Cx::new(v, system, core)))
    }

    /// The same for what gives no memory back.
    #[inline(always)]
    pub fn briefly_with<R>(&mut self, core: CoreId, f: impl for<'id> FnOnce(&mut Cx<'_, 'id, H>) -> R) -> R {
        let system = &mut self.system;
        self.mem.brief_view(|v| f(&mut Cx::new(v, system, core)))
    }
}

/// One entry into the kernel: the objects, everything else, and the core that entered.
pub struct Cx<'k, 'id, H: Hw> {
    pub v: View<'k, 'id, Objects>,
    pub s: &'k mut System<H>,
    pub core: usize,
    /// Units of long work done in this entry.
    pub spent: u32,
    /// Something began to end in this entry.
    pub began: bool,
    /// The counter at this entry, once somebody asked; 0 before. And the time, in the same way.
    ticks: u64,
    clock: u64,
}

impl<'k, 'id, H: Hw> Cx<'k, 'id, H> {
    #[inline(always)]
    fn new(v: View<'k, 'id, Objects>, s: &'k mut System<H>, core: CoreId) -> Self {
        Cx { v, s, core: core as usize % MAX_CORES, spent: 0, began: false, ticks: 0, clock: 0 }
    }
}

impl<H: Hw> Cx<'_, '_, H> {
    #[inline(always)]
    pub fn count(&mut self, what: Count) {
        self.s.counts[what as usize] += 1;
    }

    /// A handle to a channel or notification may come to something else than it did: the handle is gone, or the object, or a
    /// Grant, or it is revoked. So what is kept of them ([`crate::Doors`]) holds no longer.
    pub fn end_doors(&mut self) {
        if !mutant(Mutant::FastDoorStays) {
            self.v.end_era();
        }
    }

    /// The time: an entry takes none, so the clock is read once.
    #[inline(always)]
    pub fn now(&mut self) -> u64 {
        if self.clock == 0 {
            let ticks = self.ticks();
            self.clock = self.s.hw.time(ticks);
        }
        self.clock
    }

    /// The same as the counter counts it.
    #[inline(always)]
    pub fn ticks(&mut self) -> u64 {
        if self.ticks == 0 {
            self.ticks = self.s.hw.ticks();
        }
        self.ticks
    }

    #[inline(always)]
    pub fn my_core(&mut self) -> &mut Core {
        &mut self.s.cores[self.core]
    }

    /// An address-space tag that no other process has. Where all are taken it is 0, which such processes share: nobody is refused
    /// for how many others there are.
    pub fn take_asid(&mut self) -> Asid {
        let Some(word) = self.s.asids.iter().position(|word| *word != u64::MAX) else { return 0 };
        let taken = if word == 0 { self.s.asids[0] | 1 } else { self.s.asids[word] };
        let bit = taken.trailing_ones();
        let asid = word as u32 * 64 + bit;
        if bit == 64 || asid > self.s.hw.asid_max() as u32 {
            return 0;
        }
        self.s.asids[word] = taken | (!mutant(Mutant::TagShared) as u64) << bit;
        asid as Asid
    }

    pub fn give_asid(&mut self, asid: Asid) {
        if asid != 0 {
            self.s.asids[asid as usize / 64] &= !(1 << (asid % 64));
        }
    }
}
