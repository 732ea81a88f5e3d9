//! Several cores: who takes a running thread off, and which cores take part.
//!
//! # Rules
//!
//! * A running thread's registers are in its core. So only that core ever takes it off, at its next entry into the
//!   kernel: another one that wants it stopped says so in [`Core::wanted`], calls that core by an interrupt, and has its
//!   own system call run again, until the called core has been in.
//! * What a core was called for it does first, whatever it entered the kernel for, and the fast path leaves it to the
//!   general one.
//! * The lock is held until the registers of who leaves are saved and its address space is no longer loaded: whoever has
//!   the lock may use and free all that does not run.
//!
//! * A thread without a home core goes where it can run. Whoever hands its processor over has the other come to its own
//!   core, so that calls and replies cross none. Who is woken goes to an idle core if its own is busy, or to the least
//!   urgent one; a core with nothing to run takes over the most urgent thread that waits elsewhere. So no core idles
//!   while a thread that may run there is ready.
//!
//! ```text
//! core 0: stop(T) ─▶ wanted = Stop, kick ─▶ restart … restart ─▶ T is stopped: done
//! core 1:      T runs ──── interrupt ─▶ obey: T leaves ─▶ another runs
//! ```

use kmem::mutants::{Mutant, mutant};

use crate::Hw;
use crate::hw::{CoreId, MAX_CORES};
use crate::list::queue;
use crate::objects::*;
use crate::state::{BUSY, Core, Cx, Kernel, PRIORITIES};

/// [`Thread::home`] of a thread that may run on any core.
pub const ANY_CORE: u8 = u8::MAX;

/// Pinned threads that are looked past in a queue for one that may be taken over.
const PINNED_LOOKED_PAST: u32 = 16;

/// What another core wants of the thread that runs on one; what comes later wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Nothing.
    #[default]
    Nothing,
    /// It is to go to its home core.
    Move,
    /// It is to be stopped.
    Stop,
    /// It is to be ended.
    End,
}

impl<H: Hw> Kernel<H> {
    /// A core takes part from now on, and waits for work. To be called before there are threads.
    pub fn join(&mut self, core: CoreId) {
        if let Some(joined) = self.system.cores.get_mut(core as usize) {
            joined.online = true;
        }
        self.system.several = self.system.cores.iter().filter(|core| core.online).count() > 1;
    }
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Does what this core was called for, if it was: first of all in every entry.
    #[inline(always)]
    pub fn answer_calls(&mut self) {
        if self.my_core().called {
            self.obey(0);
        }
    }

    /// The same as the running thread makes a system call: one that goes elsewhere makes it there.
    #[inline(always)]
    pub fn answer_calls_before_its_own(&mut self) {
        if self.my_core().called {
            self.obey(H::CALL_LENGTH);
        }
    }

    /// `call` is the length of the instruction by which the running thread came, if it is to be made again.
    #[cold]
    fn obey(&mut self, call: u64) {
        let core = self.my_core();
        core.called = false;
        let wanted = core::mem::take(&mut core.wanted);
        let current = core.current.link();
        let Some(thread) = self.v.follow(current) else { return };
        match wanted {
            Wanted::Nothing => {}
            Wanted::Move => {
                if self.go_home(thread) {
                    self.v.get_mut(thread).context.regs.pc -= call;
                }
            }
            Wanted::Stop => {
                self.stop_here(thread);
                // That it was to go home, too, this has taken the place of.
                if !mutant(Mutant::StopForgetsHome) {
                    self.go_home(thread);
                }
            }
            Wanted::End => _ = self.end_thread(thread),
        }
    }

    /// Whether a thread runs on another core. That is then told what is wanted, and whoever wants it asks again.
    pub fn runs_elsewhere(&mut self, thread: ThreadKey<'id>, wanted: Wanted) -> bool {
        let t = self.v.get(thread);
        let core = t.core as usize;
        if t.state != State::Running || core == self.core {
            return false;
        }
        let there = &mut self.s.cores[core];
        if there.wanted < wanted {
            there.wanted = wanted;
            self.call_core(core);
        }
        self.s.hw.relax();
        true
    }

    /// Has another core enter the kernel and see what it is called for.
    pub fn call_core(&mut self, core: usize) {
        let there = &mut self.s.cores[core];
        (there.called, there.look_again) = (true, true);
        self.kick(core);
    }

    /// Sends the reschedule interrupt to another core.
    pub fn kick(&mut self, core: usize) {
        self.s.cores[core].kicks += 1;
        self.s.hw.kick(core as CoreId);
    }

    /// Gives a thread a home core, on which alone it runs, or none.
    pub fn set_home(&mut self, thread: ThreadKey<'id>, home: u8) {
        if self.v.get(thread).state == State::Ready {
            self.leave_queues(thread);
            let t = self.v.get_mut(thread);
            (t.home, t.core) = (home, if home == ANY_CORE { t.core } else { home });
            return self.wake(thread);
        }
        self.v.get_mut(thread).home = home;
        if home != ANY_CORE && !self.runs_elsewhere(thread, Wanted::Move) {
            self.go_home(thread);
        }
    }

    /// Has a thread that does not run elsewhere go to its home core, whatever it waits for; false if it is there.
    fn go_home(&mut self, thread: ThreadKey<'id>) -> bool {
        let t = self.v.get(thread);
        let (home, core) = (t.home, t.core);
        if home == core || home as usize >= MAX_CORES {
            return false;
        }
        match t.state {
            State::Ready | State::Running => {
                self.leave_queues(thread);
                self.v.get_mut(thread).core = home;
                self.wake(thread);
            }
            _ if t.timer_slot != 0 => {
                self.cancel_timer(thread);
                self.v.get_mut(thread).core = home;
                self.set_deadline(thread);
            }
            _ => self.v.get_mut(thread).core = home,
        }
        true
    }

    // ---- where a thread runs ----

    /// Chooses the core for a thread, which is in no queue, that becomes ready.
    #[inline(always)]
    pub fn choose_core(&mut self, thread: ThreadKey<'id>) {
        if self.s.several && self.v.get(thread).home == ANY_CORE {
            self.choose_among_several(thread);
        }
    }

    #[inline(never)]
    fn choose_among_several(&mut self, thread: ThreadKey<'id>) {
        let t = self.v.get(thread);
        let (own, priority) = (t.core as usize, t.priority);
        let rank = self.rank(own);
        let best = match self.s.idle {
            _ if rank < 0 => own,
            0 if rank < priority as i16 => own,
            0 => self.least_urgent().filter(|core| self.rank(*core) < priority as i16).unwrap_or(own),
            idle if idle >> self.core & 1 != 0 => self.core,
            idle => idle.trailing_zeros() as usize,
        };
        if best != own {
            self.v.get_mut(thread).core = best as u8;
            self.s.cores[best].taken += 1;
        }
    }

    /// How urgent what a core runs is: below 0 if it idles, or is this one and has nobody yet; above all if it was woken
    /// and has yet to choose.
    fn rank(&self, core: usize) -> i16 {
        match self.v.follow(self.s.cores[core].current.link()) {
            Some(current) => self.v.get(current).priority.into(),
            None if core == self.core || self.s.idle >> core & 1 != 0 => -1,
            None => i16::MAX,
        }
    }

    fn least_urgent(&self) -> Option<usize> {
        (0..MAX_CORES).filter(|core| self.s.cores[*core].online).min_by_key(|core| self.rank(*core))
    }

    /// Has a thread that is out of all queues run on this core next, if it may.
    #[inline(always)]
    pub fn comes_here(&mut self, thread: ThreadKey<'id>) -> bool {
        let t = self.v.get(thread);
        t.core as usize == self.core || t.home == ANY_CORE && self.is_brought_here(thread)
    }

    #[inline(never)]
    fn is_brought_here(&mut self, thread: ThreadKey<'id>) -> bool {
        self.leave_wheel(thread);
        self.v.get_mut(thread).core = self.core as u8;
        true
    }

    /// Counts a thread in or out of those in a core's queue that other cores may take over.
    #[inline(always)]
    pub fn count_loose(&mut self, thread: ThreadKey<'id>, change: i16) {
        if self.s.several {
            let t = self.v.get(thread);
            let (core, p) = (t.core as usize, t.priority as usize % PRIORITIES);
            if t.home == ANY_CORE {
                let there = &mut self.s.cores[core];
                there.loose_count[p] = there.loose_count[p].wrapping_add_signed(change);
                there.loose = there.loose & !(1 << p) | u64::from(there.loose_count[p] != 0) << p;
                self.s.sharing = self.s.sharing & !(1 << core) | u8::from(there.loose != 0) << core;
            }
        }
    }

    /// Has the most urgent thread that is ready on another core and may run here be ready here. False: there is none.
    pub fn take_over(&mut self) -> bool {
        let Some(thread) = self.loose_elsewhere() else { return false };
        self.leave_queues(thread);
        self.v.get_mut(thread).core = self.core as u8;
        self.my_core().taken += 1;
        self.enqueue(thread, queue::push_back);
        true
    }

    fn loose_elsewhere(&self) -> Option<ThreadKey<'id>> {
        let others = (0..MAX_CORES).filter(|core| *core != self.core && self.s.sharing >> *core & 1 != 0);
        let victim = others.max_by_key(|core| self.s.cores[*core].loose.ilog2())?;
        let p = self.s.cores[victim].loose.ilog2() as usize;
        let mut at = self.s.cores[victim].queues[p].head;
        for _ in 0..PINNED_LOOKED_PAST {
            let thread = self.v.follow(at)?;
            if self.v.get(thread).home == ANY_CORE {
                return Some(thread);
            }
            at = self.v.get(thread).next;
        }
        None
    }

    /// Has an idle core come and take over what waits here, or elsewhere: who was called for it may have got a thread of its own
    /// before, and for one of several only one core was called.
    #[inline(always)]
    pub fn share(&mut self) {
        if self.s.idle != 0 && self.s.sharing != 0 {
            self.call_idle();
        }
    }

    /// Has an idle core look for something to run.
    pub fn call_idle(&mut self) {
        if self.s.idle != 0 {
            let core = self.s.idle.trailing_zeros() as usize;
            self.wake_core(core);
        }
    }

    /// Has another core choose again what it runs.
    pub fn wake_core(&mut self, core: usize) {
        self.s.idle &= !(1 << core);
        self.kick(core);
    }

    /// This core has nothing to run.
    pub fn begin_to_idle(&mut self) {
        let now = self.now();
        self.s.idle |= 1 << self.core;
        let core = self.my_core();
        if core.idle_since == BUSY {
            core.idle_since = now;
        }
    }

    /// This core has something to run.
    #[inline(always)]
    pub fn end_to_idle(&mut self) {
        if self.my_core().idle_since != BUSY {
            let now = self.now();
            self.s.idle &= !(1 << self.core);
            let core = self.my_core();
            core.idle_time += now.saturating_sub(core::mem::replace(&mut core.idle_since, BUSY));
        }
    }

    /// ns that a core has had nothing to run, until now.
    pub fn idle_time(&self, core: usize) -> u64 {
        let core = &self.s.cores[core];
        let idles = if core.idle_since == BUSY { 0 } else { self.s.hw.now().saturating_sub(core.idle_since) };
        core.idle_time + idles
    }

    /// Removes what the TLBs hold of some pages of a process.
    pub fn flush(&mut self, process: ProcessKey<'id>, address: u64, pages: u64) {
        self.my_core().flushes += 1;
        let space = self.v.get(process).space;
        self.s.hw.invalidate(space, address, pages);
    }

    /// The cores that take part.
    pub fn online(&self) -> impl Iterator<Item = &Core> {
        self.s.cores.iter().filter(|core| core.online)
    }
}
