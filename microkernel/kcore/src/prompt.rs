//! The fast path of interrupts: to the thread that waits for one, if that is then the one to run.
//!
//! # Rules
//!
//! * It does what the general path (`notify`, `wheel`, `sched`) does, in fewer steps: whoever is woken runs at once, without
//!   having been in a queue. A test runs both on the same random states and compares every byte. Whoever changes one changes
//!   the other.
//! * It first decides, with loads alone. Where anything is unusual it gives up, nothing having changed, and the general path
//!   does it all.
//! * Unusual are: a call from another core, more than one deadline that has come, nobody who waits, somebody as urgent or more who
//!   runs or is ready, a core with nothing to run that would be the better place, other receivers at the same channel, a channel
//!   received from through a Grant, a CPU budget or a trace, a slice that ends at the same moment.
//!
//! ```text
//! the woken one: Receiving ─▶ Running      who ran: Running ─▶ Ready, first of its priority      or the core idled
//! ```

use abi::Status;
use abi::message::{Kind, Tag};
use kmem::Link;
use kmem::mutants::{Mutant, mutant};

use crate::hw::CoreId;
use crate::objects::*;
use crate::state::{Count, Cx, PRIORITIES, SLICE};
use crate::{Decided, Hw, Kernel};

/// Whose place a thread takes.
enum Place<'id> {
    /// Nobody's: the core has nothing to run.
    Idle,
    /// That of a less urgent one, and whether others of its priority are ready.
    Of(ThreadKey<'id>, bool),
}

/// Each returns who runs next, another than before. None: nothing has changed, and the general path is to be taken.
impl<H: Hw> Kernel<H> {
    /// As [`Kernel::general_timer`], if one thread's deadline has come and it runs next, in the place of one that is known.
    #[inline(always)]
    pub fn fast_timer(&mut self, core: CoreId) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let current = cx.v.kept(&cx.s.cores[cx.core].current)?;
            let next = cx.prompt_tick(|cx, due| cx.place_of(current, due))?;
            Some(Decided { context: &raw mut cx.v.get_mut(next).context, another: true })
        })
    }

    /// The same in any place.
    #[inline(always)]
    pub fn any_fast_timer(&mut self, core: CoreId) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let next = cx.prompt_tick(Cx::any_place)?;
            Some(Decided { context: &raw mut cx.v.get_mut(next).context, another: true })
        })
    }

    /// As [`Kernel::general_interrupt`], if a thread waits for it and runs next.
    #[inline(always)]
    pub fn fast_interrupt(&mut self, core: CoreId, line: u32) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let next = cx.prompt_interrupt(line)?;
            Some(Decided { context: &raw mut cx.v.get_mut(next).context, another: true })
        })
    }
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    #[inline(always)]
    fn prompt_tick(
        &mut self,
        place_for: impl FnOnce(&Self, ThreadKey<'id>) -> Option<Place<'id>>,
    ) -> Option<ThreadKey<'id>> {
        let core = &self.s.cores[self.core];
        if core.called {
            return None;
        }
        let ticks = self.s.hw.ticks();
        let now = self.s.hw.time(ticks);
        let due = core.wheel.only_due(&self.v, now)?;
        let place = place_for(self, due.thread)?;
        if matches!(place, Place::Of(_, true)) && now >= core.slice_end {
            return None;
        }
        // ---- point of no return ----
        let Cx { v, s, .. } = self;
        let core = &mut s.cores[self.core];
        core.prompt_timers += 1;
        core.wheel.take_only(v, &due, now);
        let regs = &mut self.v.get_mut(due.thread).context.regs;
        (regs.a0, regs.a1, regs.badge, regs.number) = (0, Tag(0).with_kind(Kind::Deadline).0, 0, Status::OK.0);
        self.take_place(due.thread, place, ticks, now);
        // It has come, so it is to be set in any case.
        let core = &mut self.s.cores[self.core];
        core.armed = core.wheel.next();
        if !mutant(Mutant::PromptTimerLeft) {
            self.s.hw.set_timer_then(core.armed, ticks, now);
        }
        Some(due.thread)
    }

    #[inline(always)]
    fn prompt_interrupt(&mut self, line: u32) -> Option<ThreadKey<'id>> {
        if self.s.cores[self.core].called {
            return None;
        }
        let interrupt = self.v.follow(*self.s.lines.get(line as usize)?)?;
        let i = self.v.get(interrupt);
        let bits = i.bits;
        let notification = self.v.find(i.target)?;
        let n = self.v.get(notification);
        let all = n.bits | bits;
        let thread = self.v.follow(n.bound).filter(|_| all != 0)?;
        let place = self.any_place(thread)?;
        // ---- point of no return ----
        self.count(Count::Interrupts);
        self.s.hw.mask(line);
        self.v.get_mut(interrupt).arrivals += 1;
        self.v.get_mut(notification).bits = 0;
        if self.v.get(thread).timer_slot != 0 {
            self.cancel_timer(thread);
        }
        self.v.get_mut(thread).bits_wait = false;
        self.give_bits(thread, all);
        let ticks = self.s.hw.ticks();
        let now = self.s.hw.time(ticks);
        self.take_place(thread, place, ticks, now);
        let core = &mut self.s.cores[self.core];
        core.switches += 1;
        let at = core.wheel.next();
        if at < core.armed {
            core.armed = at;
            self.s.hw.set_timer_then(at, ticks, now);
        }
        Some(thread)
    }

    /// Whose place a thread that waits takes if it is woken now. None: it doesn't, or there is more to it.
    #[inline(always)]
    fn any_place(&self, thread: ThreadKey<'id>) -> Option<Place<'id>> {
        if let Some(current) = self.v.follow(self.s.cores[self.core].current.link()) {
            return self.place_of(current, thread);
        }
        // A core that idles as well may have to come and take over what waits somewhere.
        (self.would_be_first(thread) && self.s.sharing == 0).then_some(Place::Idle)
    }

    /// Whether that is the running thread's.
    #[inline(always)]
    fn place_of(&self, current: ThreadKey<'id>, thread: ThreadKey<'id>) -> Option<Place<'id>> {
        if !self.would_be_first(thread) {
            return None;
        }
        let (c, priority) = (self.v.get(current), self.v.get(thread).priority);
        let less = c.priority < priority || mutant(Mutant::PromptTakesTurn);
        // Where another core has nothing to run, one of the two may go there.
        let stays = !self.s.several || self.s.idle == 0 || mutant(Mutant::PromptLeavesIdle);
        let ready = self.s.cores[self.core].ready;
        let contended = ready >> c.priority & 1 != 0 && !mutant(Mutant::PromptQueueLost);
        (less && c.slow == 0 && stays).then_some(Place::Of(current, contended))
    }

    /// Whether a thread that waits does so on this core, in no other queue than one of its own, and nobody as urgent is ready.
    #[inline(always)]
    fn would_be_first(&self, thread: ThreadKey<'id>) -> bool {
        let t = self.v.get(thread);
        let core = &self.s.cores[self.core];
        // Who is demoted has a budget, and so is slow.
        let here = u16::from_le_bytes([t.state as u8, t.core]);
        let waits = u16::from_le_bytes([State::Receiving as u8, self.core as u8]);
        let slow = if mutant(Mutant::PromptIgnoresBudget) { 0 } else { t.slow };
        let unusual = t.neighbours() | u64::from(t.via.raw() | u32::from(here ^ waits) | u32::from(slow));
        let others = core.ready >> t.priority != 0 && !mutant(Mutant::PromptIgnoresUrgent);
        unusual == 0 && !others
    }

    /// Has a thread run in that place, its registers as it is to find them. The time comes as the counter has it, and in ns.
    #[inline(always)]
    fn take_place(&mut self, thread: ThreadKey<'id>, place: Place<'id>, ticks: u64, now: u64) {
        let t = self.v.get_mut(thread);
        let channel = core::mem::replace(&mut t.channel, Link::NONE);
        t.server = Link::NONE;
        t.state = State::Running;
        t.run_start = ticks;
        if !channel.is_none()
            && let Some(channel) = self.v.follow(channel)
        {
            self.v.get_mut(channel).receivers = Queue::EMPTY;
        }
        match place {
            Place::Idle => self.end_to_idle(),
            Place::Of(current, contended) => self.put_off(current, contended, ticks),
        }
        let current = self.v.keep(thread);
        let core = &mut self.s.cores[self.core];
        core.current = current;
        core.look_again = false;
        core.slice_end = if mutant(Mutant::PromptSliceKept) { core.slice_end } else { now + SLICE };
    }

    /// The running thread is preempted: it keeps its place, before others of its priority, and what is left of its slice.
    #[inline(always)]
    fn put_off(&mut self, current: ThreadKey<'id>, contended: bool, ticks: u64) {
        let link = current.link();
        let at = self.v.get(current).priority as usize % PRIORITIES;
        let core = &mut self.s.cores[self.core];
        let mut queue = Queue { head: link, tail: link };
        let mut first = Link::NONE;
        if contended {
            first = core.queues[at].head;
            queue.tail = core.queues[at].tail;
            if let Some(first) = self.v.follow(first) {
                self.v.get_mut(first).prev = link;
            }
        }
        core.ready |= 1 << at;
        core.queues[at] = queue;
        let c = self.v.get_mut(current);
        c.next = first;
        c.state = State::Ready;
        c.run_time += if mutant(Mutant::PromptTimeLost) { 0 } else { ticks.saturating_sub(c.run_start) };
        c.run_start = ticks;
        self.count_loose(current, 1);
    }
}
