//! Scheduling: 64 priorities in a queue each, round robin inside one, tickless.
//!
//! What runs is always the most urgent of its core's ready threads. A call hands the processor to the receiver straight
//! away, as the *candidate* of [`Cx::reschedule`]; so does a reply to the caller.

use kmem::mutants::{Mutant, mutant};
use kmem::{Kept, Link};

use crate::Hw;
use crate::list::{by_priority, queue};
use crate::objects::*;
use crate::state::{Count, Cx, SLICE};

/// Deadlines handled in one entry.
const TIMER_UNITS: u32 = 32;

/// Where a thread stands: copied, because a whole Thread is a page.
pub struct Header {
    pub state: State,
    pub core: u8,
    pub channel: Link<CHANNEL>,
    pub server: ThreadLink,
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Makes a thread that waits for nothing any more ready on its core.
    pub fn wake(&mut self, thread: ThreadKey<'id>) {
        self.leave_wheel(thread);
        self.choose_core(thread);
        self.make_ready(thread);
    }

    /// The same for one whose place in the wheel is to stay.
    pub fn make_ready(&mut self, thread: ThreadKey<'id>) {
        self.enqueue(thread, if mutant(Mutant::ReadyAtFront) { queue::push_front } else { queue::push_back });
        let (core, priority) = (self.v.get(thread).core as usize, self.v.get(thread).priority);
        let current = self.v.follow(self.s.cores[core].current.link()).map(|current| self.v.get(current).priority);
        if current.is_none_or(|current| priority >= current) {
            self.s.cores[core].look_again = true;
            if core != self.core && !mutant(Mutant::OtherCoreNotKicked) {
                self.wake_core(core);
            }
        }
    }

    /// Takes a thread out of whatever queue its state has it in, and out of the wheel; its state is then up to the
    /// caller. A running one is its core's current thread no more.
    #[inline(never)]
    pub fn leave_queues(&mut self, thread: ThreadKey<'id>) {
        self.cancel_timer(thread);
        let t = self.header(thread);
        // It waits no more before priorities are computed anew: in a circle of calls that comes back to it.
        self.v.get_mut(thread).state = State::Stopped;
        match t.state {
            State::Ready => self.leave_ready(thread),
            State::Running => self.leave_core(thread),
            State::Calling => {
                if let Some(channel) = self.v.follow(t.channel) {
                    let callers = by_priority::remove(self.v.get(channel).callers, &mut self.v, thread);
                    self.v.get_mut(channel).callers = callers;
                    self.wait_no_more_through(thread);
                    self.refresh_server(channel);
                }
            }
            State::AwaitingReply => self.leave_server(thread),
            State::Receiving => {
                if let Some(channel) = self.v.follow(t.channel) {
                    self.leave_receivers(thread, channel);
                }
            }
            State::Stopped | State::Faulted | State::Parked => {}
        }
        self.waits_no_more(thread);
    }

    /// The same for one that receives from this channel.
    #[inline(always)]
    pub fn take_receiver(&mut self, thread: ThreadKey<'id>, channel: ChannelKey<'id>) {
        self.cancel_timer(thread);
        self.v.get_mut(thread).state = State::Stopped;
        self.leave_receivers(thread, channel);
        self.waits_no_more(thread);
    }

    #[inline(always)]
    fn leave_receivers(&mut self, thread: ThreadKey<'id>, channel: ChannelKey<'id>) {
        let receivers = queue::remove(self.v.get(channel).receivers, &mut self.v, thread);
        self.v.get_mut(channel).receivers = receivers;
        self.wait_no_more_through(thread);
    }

    #[inline(always)]
    fn waits_no_more(&mut self, thread: ThreadKey<'id>) {
        let t = self.v.get_mut(thread);
        (t.channel, t.server) = (Link::NONE, Link::NONE);
        if core::mem::take(&mut t.demoted) {
            self.settle_priority(thread);
        }
    }

    /// This core's running thread runs no more.
    #[inline(always)]
    pub fn leave_core(&mut self, thread: ThreadKey<'id>) {
        debug_assert_eq!(self.v.get(thread).core as usize, self.core, "its own core takes a running thread off");
        let core = self.my_core();
        core.current = Kept::NONE;
        core.look_again = true;
        self.charge(thread);
    }

    /// Takes a thread out of its core's ready queue.
    pub fn leave_ready(&mut self, thread: ThreadKey<'id>) {
        self.count_loose(thread, -1);
        let (core, p) = (self.v.get(thread).core as usize, self.v.get(thread).priority as usize);
        self.s.cores[core].queues[p] = queue::remove(self.s.cores[core].queues[p], &mut self.v, thread);
        if self.s.cores[core].queues[p].head.is_none() && !mutant(Mutant::ReadyBitLeft) {
            self.s.cores[core].ready &= !(1 << p);
        }
    }

    /// As [`Cx::reschedule`] for a candidate, to whom the current thread most often hands the core.
    #[inline(always)]
    pub fn reschedule_to(&mut self, candidate: ThreadKey<'id>) -> ThreadLink {
        let core = self.my_core();
        let (nobody, ready) = (core.current.is_none(), core.ready);
        let t = self.v.get(candidate);
        // Nobody pays for one that is not slow.
        if nobody && ready >> t.priority >> 1 == 0 && t.slow == 0 {
            self.my_core().look_again = false;
            return self.run_until(candidate, u64::MAX);
        }
        self.reschedule(Some(candidate))
    }

    /// Decides what this core runs now: the candidate, the current thread, or the most urgent ready one.
    #[inline(never)]
    pub fn reschedule(&mut self, candidate: Option<ThreadKey<'id>>) -> ThreadLink {
        let core = self.core;
        self.s.cores[core].look_again = false;
        let current = self.v.follow(self.s.cores[core].current.link());
        if let Some(candidate) = candidate {
            let p = self.v.get(candidate).priority;
            if current.is_none() && self.s.cores[core].ready >> p >> 1 == 0 && !self.out_of_budget(candidate) {
                return self.hand_core_to(candidate);
            }
            self.enqueue(candidate, queue::push_front);
            self.share();
        }
        if let Some(current) = current {
            let p = self.v.get(current).priority;
            let first = self.s.cores[core].ready >> p >> 1 == 0 || mutant(Mutant::NoPreemption);
            if first && !self.out_of_budget(current) {
                self.arm();
                return current.link();
            }
            // Preempted: it keeps its place and what is left of its slice.
            self.charge(current);
            self.enqueue(current, queue::push_front);
        }
        let Some(next) = self.next_of_all() else {
            self.s.cores[core].current = Kept::NONE;
            self.begin_to_idle();
            self.arm();
            return Link::NONE;
        };
        self.leave_ready(next);
        // A call or reply hands over what is left of the slice, too.
        if candidate != Some(next) {
            self.s.cores[core].slice_end = self.now() + SLICE;
        }
        self.end_to_idle();
        self.share();
        self.hand_core_to(next)
    }

    /// Runs a thread that is in no queue on this core, where nobody runs and nobody more urgent is ready.
    #[inline(always)]
    fn hand_core_to(&mut self, thread: ThreadKey<'id>) -> ThreadLink {
        let end = if self.v.get(thread).slow == 0 { u64::MAX } else { self.resume_slow(thread) };
        self.run_until(thread, end)
    }

    /// What is to be done for some threads before they run: when it has to stop.
    #[cold]
    fn resume_slow(&mut self, thread: ThreadKey<'id>) -> u64 {
        self.trace_return(thread);
        let t = self.v.get(thread);
        if t.slow & slow::SHARES_TAG != 0 && !mutant(Mutant::SharedTagKept) {
            self.s.hw.enter_shared(t.context.space);
        }
        self.budget_end(thread)
    }

    /// The same for one that has to stop at `end`, when its budget is used up.
    #[inline(always)]
    pub fn run_until(&mut self, thread: ThreadKey<'id>, end: u64) -> ThreadLink {
        let now = self.ticks();
        let t = self.v.get_mut(thread);
        t.state = State::Running;
        t.run_start = now;
        let priority = t.priority;
        self.my_core().current = self.v.keep(thread);
        self.my_core().switches += 1;
        self.arm_for(priority, end);
        thread.link()
    }

    /// Has others of the current thread's priority run first.
    pub fn rotate(&mut self) {
        if let Some(current) = self.v.follow(self.s.cores[self.core].current.link()) {
            self.charge(current);
            self.s.cores[self.core].current = Kept::NONE;
            self.enqueue(current, queue::push_back);
        }
        self.my_core().look_again = true;
    }

    /// The timer interrupt: deadlines that have come, and the end of a slice.
    pub fn tick(&mut self) {
        self.count(Count::Timers);
        let core = self.core;
        self.s.cores[core].armed = u64::MAX;
        self.s.hw.set_timer(u64::MAX);
        let now = self.now();
        let mut units = TIMER_UNITS;
        loop {
            let Cx { v, s, .. } = self;
            let Some(thread) = s.cores[core].wheel.pop_due(v, now, &mut units) else { break };
            self.expire(thread);
        }
        if now >= self.s.cores[core].slice_end && self.contended() && !mutant(Mutant::SliceEndless) {
            self.rotate();
        }
        self.my_core().look_again = true;
    }

    /// Puts a waiting thread's deadline into its core's wheel.
    pub fn set_deadline(&mut self, thread: ThreadKey<'id>) {
        let core = self.v.get(thread).core as usize;
        let Cx { v, s, .. } = self;
        s.cores[core].wheel.insert(v, thread);
        // Its timer may be set for later.
        s.cores[core].look_again = true;
        if core != self.core && !mutant(Mutant::MovedDeadlineUntold) {
            self.kick(core);
        }
    }

    /// Takes a thread that is in no queue, and from which nobody inherits, out of the wheel: it waits no longer for a deadline,
    /// or, if it was demoted when it was answered, for its budget's next period. Whether that is used up is found out again.
    #[inline(always)]
    pub fn leave_wheel(&mut self, thread: ThreadKey<'id>) {
        if self.v.get(thread).timer_slot != 0 {
            self.cancel_timer(thread);
            if core::mem::take(&mut self.v.get_mut(thread).demoted) && !mutant(Mutant::AnsweredStaysDemoted) {
                self.settle_priority(thread);
            }
        }
    }

    /// Takes a thread's deadline out of the wheel.
    #[inline(always)]
    pub fn cancel_timer(&mut self, thread: ThreadKey<'id>) {
        if self.v.get(thread).timer_slot != 0 && !mutant(Mutant::TimerStays) {
            self.remove_timer(thread);
        }
    }

    #[inline(never)]
    fn remove_timer(&mut self, thread: ThreadKey<'id>) {
        let core = self.v.get(thread).core as usize;
        let Cx { v, s, .. } = self;
        s.cores[core].wheel.remove(v, thread);
    }

    /// Adds the time since it was switched to to a thread's account.
    #[inline(always)]
    pub fn charge(&mut self, thread: ThreadKey<'id>) {
        let now = self.ticks();
        let t = self.v.get_mut(thread);
        let ran = now.saturating_sub(t.run_start);
        t.run_time += ran;
        t.run_start = now;
        let (payer, core) = (t.payer, t.core as usize);
        if !payer.is_none() {
            let ran = self.s.hw.span(ran);
            self.charge_budget(payer, core, ran);
        }
    }

    /// Puts a thread into the queue of its core and priority.
    pub fn enqueue(
        &mut self,
        thread: ThreadKey<'id>,
        push: fn(Queue<THREAD>, &mut kmem::View<'_, 'id, Objects>, ThreadKey<'id>) -> Queue<THREAD>,
    ) {
        let t = self.v.get_mut(thread);
        t.state = State::Ready;
        let (core, p) = (t.core as usize, t.priority as usize);
        self.s.cores[core].queues[p] = push(self.s.cores[core].queues[p], &mut self.v, thread);
        self.s.cores[core].ready |= 1 << p;
        self.count_loose(thread, 1);
    }

    /// The most urgent ready thread of this core that has processor time left; if there is none, of those of other cores that may
    /// run here. None as well if too many are out of budget: then somebody is ready here still.
    fn next_of_all(&mut self) -> Option<ThreadKey<'id>> {
        loop {
            if let Some(next) = self.next_ready() {
                return Some(next);
            }
            // What comes from elsewhere may have no budget left here.
            if self.my_core().ready != 0 || !self.take_over() || !self.afford(1) {
                return None;
            }
        }
    }

    /// The most urgent ready thread of this core that has processor time left. None as well if more of them are out of budget than
    /// this entry can look at: then somebody is ready still.
    fn next_ready(&mut self) -> Option<ThreadKey<'id>> {
        loop {
            let core = &self.s.cores[self.core];
            let p = core.ready.checked_ilog2()? as usize;
            let thread = self.v.follow(core.queues[p].head)?;
            if !self.out_of_budget(thread) {
                return Some(thread);
            }
            if !self.afford(1) {
                return None;
            }
            self.lower(thread);
        }
    }

    /// Whether another thread as urgent as the current one is ready.
    fn contended(&self) -> bool {
        let core = &self.s.cores[self.core];
        let current = self.v.follow(core.current.link()).map(|current| self.v.get(current).priority);
        current.is_some_and(|p| core.ready >> p & 1 != 0)
    }

    /// Sets the timer to what comes first: a deadline, or the end of a slice that somebody waits for.
    fn arm(&mut self) {
        if let Some(current) = self.v.follow(self.s.cores[self.core].current.link()) {
            let end = self.budget_end(current);
            return self.arm_for(self.v.get(current).priority, end);
        }
        // What waits to be torn down, or to be looked at, is done by a core with nothing to run, as fast as its interrupts
        // let it.
        let at = if self.work_waits() || self.s.cores[self.core].ready != 0 {
            self.now()
        } else {
            self.s.cores[self.core].wheel.next()
        };
        self.arm_at(at);
    }

    /// The same while a thread of this priority runs, which has to stop at `end`.
    #[inline(always)]
    fn arm_for(&mut self, priority: u8, end: u64) {
        let core = self.my_core();
        let contended = core.ready >> priority & 1 != 0 && !mutant(Mutant::SliceNotArmed);
        let slice = if contended { core.slice_end } else { end };
        let at = core.wheel.next().min(slice).min(end);
        self.arm_at(at);
    }

    /// A timer that is set for earlier is left alone: it comes once in vain, and is then set to what is due. So that
    /// threads that take turns don't set it each time.
    #[inline(always)]
    fn arm_at(&mut self, at: u64) {
        let core = self.my_core();
        if at < core.armed {
            core.armed = at;
            let (ticks, now) = (self.ticks(), self.now());
            self.s.hw.set_timer_then(at, ticks, now);
        }
    }

    /// See [`Header`].
    pub fn header(&self, thread: ThreadKey<'id>) -> Header {
        let t = self.v.get(thread);
        Header { state: t.state, core: t.core, channel: t.channel, server: t.server }
    }

    /// A deadline has come: `recv` returns with that.
    fn expire(&mut self, thread: ThreadKey<'id>) {
        if self.v.get(thread).state == State::Receiving {
            self.leave_queues(thread);
            self.deliver_deadline(thread);
            self.wake(thread);
        } else {
            self.end_of_period(thread);
        }
    }
}
