//! Scheduling: 64 priorities in a queue each, round robin inside one, tickless.
//!
//! What runs is always the most urgent of its core's ready threads. A call hands the processor to the receiver straight
//! away, as the *candidate* of [`Cx::reschedule`]; so does a reply to the caller.

use kmem::Link;

use crate::Hw;
use crate::list::queue;
use crate::objects::*;
use crate::state::{Count, Cx, SLICE};

/// Longest chain of threads that inherit a priority from each other.
const MAX_CHAIN: usize = abi::message::MAX_CHAIN;
/// Deadlines handled in one entry.
const TIMER_UNITS: u32 = 32;

/// Where a thread stands: copied, because a whole Thread is a page.
struct Header {
    state: State,
    core: u8,
    priority: u8,
    channel: Link<CHANNEL>,
    server: ThreadLink,
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Makes a thread that waits for nothing any more ready on its core.
    pub fn wake(&mut self, thread: ThreadKey<'id>) {
        self.cancel_timer(thread);
        self.choose_core(thread);
        self.enqueue(thread, queue::push_back);
        let (core, priority) = (self.v.get(thread).core as usize, self.v.get(thread).priority);
        let current = self.v.follow(self.s.cores[core].current).map(|current| self.v.get(current).priority);
        if current.is_none_or(|current| priority >= current) {
            self.s.cores[core].look_again = true;
            if core != self.core {
                self.wake_core(core);
            }
        }
    }

    /// Takes a thread out of whatever queue its state has it in, and out of the wheel; its state is then up to the
    /// caller. A running one is its core's current thread no more.
    pub fn leave_queues(&mut self, thread: ThreadKey<'id>) {
        self.cancel_timer(thread);
        let t = self.header(thread);
        // It waits no more before priorities are computed anew: in a circle of calls that comes back to it.
        self.v.get_mut(thread).state = State::Stopped;
        match t.state {
            State::Ready => {
                self.count_loose(thread, -1);
                let core = t.core as usize;
                let p = t.priority as usize;
                self.s.cores[core].queues[p] = queue::remove(self.s.cores[core].queues[p], &mut self.v, thread);
                if self.s.cores[core].queues[p].head.is_none() {
                    self.s.cores[core].ready &= !(1 << p);
                }
            }
            State::Running => {
                debug_assert_eq!(t.core as usize, self.core, "its own core takes a running thread off");
                let core = self.my_core();
                core.current = Link::NONE;
                core.look_again = true;
                self.charge(thread);
            }
            State::Calling => {
                if let Some(channel) = self.v.follow(t.channel) {
                    let callers = queue::remove(self.v.get(channel).callers, &mut self.v, thread);
                    self.v.get_mut(channel).callers = callers;
                    self.wait_no_more_through(thread);
                    self.refresh_server(channel);
                }
            }
            State::AwaitingReply => self.leave_server(thread),
            State::Receiving => {
                if let Some(channel) = self.v.follow(t.channel) {
                    let receivers = queue::remove(self.v.get(channel).receivers, &mut self.v, thread);
                    self.v.get_mut(channel).receivers = receivers;
                    self.wait_no_more_through(thread);
                }
            }
            State::Stopped | State::Faulted => {}
        }
        let t = self.v.get_mut(thread);
        t.channel = Link::NONE;
        t.server = Link::NONE;
    }

    /// Decides what this core runs now: the candidate, the current thread, or the most urgent ready one.
    pub fn reschedule(&mut self, candidate: Option<ThreadKey<'id>>) -> ThreadLink {
        let core = self.core;
        self.s.cores[core].look_again = false;
        let current = self.v.follow(self.s.cores[core].current);
        if let Some(candidate) = candidate {
            let p = self.v.get(candidate).priority;
            if current.is_none() && self.s.cores[core].ready >> p >> 1 == 0 {
                return self.hand_core_to(candidate);
            }
            self.enqueue(candidate, queue::push_front);
        }
        if let Some(current) = current {
            let p = self.v.get(current).priority;
            if self.s.cores[core].ready >> p >> 1 == 0 {
                self.arm();
                return current.link();
            }
            // Preempted: it keeps its place and what is left of its slice.
            self.charge(current);
            self.enqueue(current, queue::push_front);
        }
        let Some(next) = self.pop_ready().or_else(|| self.take_over()) else {
            self.s.cores[core].current = Link::NONE;
            self.begin_to_idle();
            self.arm();
            return Link::NONE;
        };
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
    pub fn hand_core_to(&mut self, thread: ThreadKey<'id>) -> ThreadLink {
        let now = self.now();
        let t = self.v.get_mut(thread);
        t.state = State::Running;
        t.run_start = now;
        let priority = t.priority;
        self.my_core().current = thread.link();
        self.my_core().switches += 1;
        self.arm_for(priority);
        thread.link()
    }

    /// Has others of the current thread's priority run first.
    pub fn rotate(&mut self) {
        if let Some(current) = self.v.follow(self.s.cores[self.core].current) {
            self.charge(current);
            self.s.cores[self.core].current = Link::NONE;
            self.enqueue(current, queue::push_back);
        }
        self.my_core().look_again = true;
    }

    /// The timer interrupt: deadlines that have come, and the end of a slice.
    pub fn tick(&mut self) {
        self.count(Count::Timers);
        let core = self.core;
        self.s.cores[core].armed = u64::MAX;
        let now = self.now();
        let mut units = TIMER_UNITS;
        loop {
            let Cx { v, s, .. } = self;
            let Some(thread) = s.cores[core].wheel.pop_due(v, now, &mut units) else { break };
            self.expire(thread);
        }
        if now >= self.s.cores[core].slice_end && self.contended() {
            self.rotate();
        }
        self.my_core().look_again = true;
    }

    /// Puts a waiting thread's deadline into its core's wheel.
    pub fn set_deadline(&mut self, thread: ThreadKey<'id>) {
        let core = self.v.get(thread).core as usize;
        let Cx { v, s, .. } = self;
        s.cores[core].wheel.insert(v, thread);
    }

    /// Takes a thread's deadline out of the wheel.
    pub fn cancel_timer(&mut self, thread: ThreadKey<'id>) {
        if self.v.get(thread).timer_slot != 0 {
            let core = self.v.get(thread).core as usize;
            let Cx { v, s, .. } = self;
            s.cores[core].wheel.remove(v, thread);
        }
    }

    /// Adds the time since it was switched to to a thread's account.
    pub fn charge(&mut self, thread: ThreadKey<'id>) {
        let now = self.now();
        let t = self.v.get_mut(thread);
        t.run_time += now - t.run_start;
        t.run_start = now;
    }

    /// Recomputes the priority that a thread has from itself, from those it works for, and from those that wait for it;
    /// and so for the thread that it waits for, and on.
    pub fn refresh_priority(&mut self, thread: ThreadKey<'id>) {
        let mut at = Some(thread);
        for _ in 0..MAX_CHAIN {
            let Some(thread) = at else { return };
            let priority = self.due_priority(thread);
            if priority == self.v.get(thread).priority {
                return;
            }
            at = self.change_priority(thread, priority);
        }
    }

    /// Recomputes the priority of the thread that serves a channel.
    pub fn refresh_server(&mut self, channel: ChannelKey<'id>) {
        if let Some(server) = self.v.follow(self.v.get(channel).server) {
            self.refresh_priority(server);
        }
    }

    fn due_priority(&self, thread: ThreadKey<'id>) -> u8 {
        let t = self.v.get(thread);
        let of = |link: ThreadLink| self.v.follow(link).map_or(0, |thread| self.v.get(thread).priority);
        let waiting = self.v.follow(t.serves).map_or(Link::NONE, |channel| self.v.get(channel).callers.head);
        t.base_priority.max(of(t.serving)).max(of(waiting))
    }

    /// Gives a thread another priority and moves it in its queue; returns the thread that inherits it.
    fn change_priority(&mut self, thread: ThreadKey<'id>, priority: u8) -> Option<ThreadKey<'id>> {
        let t = self.header(thread);
        match t.state {
            State::Ready => {
                self.leave_queues(thread);
                self.v.get_mut(thread).priority = priority;
                self.wake(thread);
                None
            }
            State::Running => {
                self.v.get_mut(thread).priority = priority;
                self.s.cores[t.core as usize].look_again = true;
                if t.core as usize != self.core {
                    self.kick(t.core as usize);
                }
                None
            }
            State::Calling => {
                self.v.get_mut(thread).priority = priority;
                let channel = self.v.follow(t.channel)?;
                let callers = queue::remove(self.v.get(channel).callers, &mut self.v, thread);
                let callers = queue::insert_by_priority(callers, &mut self.v, thread);
                self.v.get_mut(channel).callers = callers;
                self.v.follow(self.v.get(channel).server)
            }
            State::AwaitingReply => {
                self.v.get_mut(thread).priority = priority;
                let server = self.v.follow(t.server)?;
                self.unlink_served(server, thread);
                self.link_served(server, thread);
                Some(server)
            }
            State::Stopped | State::Receiving | State::Faulted => {
                self.v.get_mut(thread).priority = priority;
                None
            }
        }
    }

    fn enqueue(
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

    fn pop_ready(&mut self) -> Option<ThreadKey<'id>> {
        let core = self.core;
        let ready = self.s.cores[core].ready;
        if ready == 0 {
            return None;
        }
        let p = ready.ilog2() as usize;
        let thread = self.v.follow(self.s.cores[core].queues[p].head)?;
        self.count_loose(thread, -1);
        self.s.cores[core].queues[p] = queue::remove(self.s.cores[core].queues[p], &mut self.v, thread);
        if self.s.cores[core].queues[p].head.is_none() {
            self.s.cores[core].ready &= !(1 << p);
        }
        Some(thread)
    }

    /// Whether another thread as urgent as the current one is ready.
    fn contended(&self) -> bool {
        let core = &self.s.cores[self.core];
        let current = self.v.follow(core.current).map(|current| self.v.get(current).priority);
        current.is_some_and(|p| core.ready >> p & 1 != 0)
    }

    /// Sets the timer to what comes first: a deadline, or the end of a slice that somebody waits for.
    fn arm(&mut self) {
        if let Some(current) = self.v.follow(self.s.cores[self.core].current) {
            return self.arm_for(self.v.get(current).priority);
        }
        // What waits to be torn down is done by a core with nothing to run, as fast as its interrupts let it.
        let at = if self.work_waits() { self.now() } else { self.s.cores[self.core].wheel.next() };
        self.arm_at(at);
    }

    /// The same while a thread of this priority runs.
    #[inline(always)]
    fn arm_for(&mut self, priority: u8) {
        let core = self.my_core();
        let slice = if core.ready >> priority & 1 != 0 { core.slice_end } else { u64::MAX };
        let at = core.wheel.next().min(slice);
        self.arm_at(at);
    }

    /// A timer that is set for earlier is left alone: it comes once in vain, and is then set to what is due. So that
    /// threads that take turns don't set it each time.
    #[inline(always)]
    fn arm_at(&mut self, at: u64) {
        let core = self.my_core();
        if at < core.armed {
            core.armed = at;
            self.s.hw.set_timer(at);
        }
    }

    fn header(&self, thread: ThreadKey<'id>) -> Header {
        let t = self.v.get(thread);
        Header { state: t.state, core: t.core, priority: t.priority, channel: t.channel, server: t.server }
    }

    /// A deadline has come: `recv` returns with that.
    fn expire(&mut self, thread: ThreadKey<'id>) {
        if self.v.get(thread).state == State::Receiving {
            self.leave_queues(thread);
            self.deliver_deadline(thread);
            self.wake(thread);
        }
    }
}
