//! Several cores: who takes a running thread off, and which cores take part.
//!
//! # Rules
//!
//! * A running thread's registers are in its core. So only that core ever takes it off, at its next entry into the
//!   kernel: another one that wants it stopped says so in [`Core::wanted`], calls that core by an interrupt, and has its
//!   own system call run again. The lock is first come, first served, so the called core gets in before that.
//! * What a core was called for it does first, whatever it entered the kernel for, and the fast path leaves it to the
//!   general one.
//! * The lock is held until the registers of who leaves are saved and its address space is no longer loaded: whoever has
//!   the lock may use and free all that does not run.
//!
//! ```text
//! core 0: stop(T) ─▶ wanted = Stop, kick ─▶ restart … restart ─▶ T is stopped: done
//! core 1:      T runs ──── interrupt ─▶ obey: T leaves ─▶ another runs
//! ```

use crate::Hw;
use crate::hw::{CoreId, MAX_CORES};
use crate::objects::*;
use crate::state::{Core, Cx, Kernel};

/// [`Thread::home`] of a thread that may run on any core.
pub const ANY_CORE: u8 = u8::MAX;

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
    /// A core takes part from now on, and waits for work.
    pub fn join(&mut self, core: CoreId) {
        if let Some(core) = self.system.cores.get_mut(core as usize) {
            core.online = true;
        }
    }
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Does what this core was called for, if it was: first of all in every entry.
    #[inline(always)]
    pub fn answer_calls(&mut self) {
        if self.my_core().called {
            self.obey();
        }
    }

    #[cold]
    fn obey(&mut self) {
        let core = self.my_core();
        core.called = false;
        let wanted = core::mem::take(&mut core.wanted);
        let current = core.current;
        let Some(thread) = self.v.follow(current) else { return };
        match wanted {
            Wanted::Nothing => {}
            Wanted::Move => self.go_home(thread),
            Wanted::Stop => self.stop_here(thread),
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
        self.v.get_mut(thread).home = home;
        if !self.runs_elsewhere(thread, Wanted::Move) {
            self.go_home(thread);
        }
    }

    /// Has a thread that does not run elsewhere go to its home core, whatever it waits for.
    fn go_home(&mut self, thread: ThreadKey<'id>) {
        let t = self.v.get(thread);
        let (home, core) = (t.home, t.core);
        if home == core || home as usize >= MAX_CORES {
            return;
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
                self.call_core(home as usize);
            }
            _ => self.v.get_mut(thread).core = home,
        }
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
