//! Call, receive, reply: the general path.
//!
//! A message moves when a caller and a receiver have met: straight from one's registers (or IPC buffer) to the other's.
//! Until then it lies with the caller, handles included, so nothing is stored in between. A reply token is the caller's
//! place and call number; what waits for it is a list through the callers themselves.

use abi::message::{CHANNEL_SHIFT, FOREVER, Kind, MAX_CHAIN, TAKES_SHIFT, Tag};
use abi::{Error, Rights, Status};
use kmem::mutants::{Mutant, mutant};
use kmem::{Link, Name};

use crate::list::{by_priority, by_via, closed, queue};
use crate::objects::*;
use crate::state::{Count, Cx};
use crate::{Hw, Progress};

/// Callers that `recv` may find unable to be taken in one entry.
const RECEIVE_UNITS: u32 = 8;

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `call`.
    #[inline(always)]
    pub fn call(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = &self.v.get(thread).context.regs;
        let (handle, tag, takes) = (regs.a0, regs.a1, takes(regs.number)?);
        if mutant(Mutant::ErrorSetsBadge) {
            self.v.get_mut(thread).badge = tag;
        }
        check_tag(tag)?;
        let channel = self.last_channel(thread, handle, Rights::CALL)?;
        if self.v.get(thread).depth as usize >= MAX_CHAIN && !mutant(Mutant::ChainUnbounded) {
            return Err(Error::Deadlock);
        }
        self.count(Count::GeneralCalls);
        self.meet(thread, channel.key, channel.badge, channel.grant, takes)
    }

    /// Hands the thread's message to a waiting receiver, or queues the thread.
    #[inline(always)]
    pub fn meet(
        &mut self,
        thread: ThreadKey<'id>,
        channel: ChannelKey<'id>,
        badge: u64,
        via: Name<GRANT>,
        takes: u8,
    ) -> Result<Progress, Error> {
        let receiver = self.v.follow(self.v.get(channel).receivers.head);
        if let Some(receiver) = receiver {
            self.check_handles(thread, receiver)?;
        }
        // ---- point of no return ----
        let t = self.v.get_mut(thread);
        (t.badge, t.takes) = (if mutant(Mutant::BadgeOfAnother) { t.badge } else { badge }, takes);
        self.block(thread, State::Calling);
        self.v.get_mut(thread).channel = channel.link();
        match receiver {
            Some(receiver) => {
                self.take_receiver(receiver, channel);
                self.v.get_mut(receiver).bits_last = false;
                self.deliver(thread, receiver);
                Ok(self.hand_over(receiver))
            }
            None => {
                self.queue_caller(thread, channel, via);
                Ok(Progress::Blocked)
            }
        }
    }

    #[inline(never)]
    fn queue_caller(&mut self, thread: ThreadKey<'id>, channel: ChannelKey<'id>, via: Name<GRANT>) {
        let insert = if mutant(Mutant::CallersUnsorted) { queue::push_back } else { by_priority::insert };
        let callers = insert(self.v.get(channel).callers, &mut self.v, thread);
        self.v.get_mut(channel).callers = callers;
        if let Some(grant) = self.v.find(via) {
            self.wait_through(thread, grant);
        }
        self.refresh_server(channel);
    }

    /// System call `recv`.
    pub fn recv(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = &self.v.get(thread).context.regs;
        let (handle, deadline, takes) = (regs.a0, regs.badge, takes(regs.number)?);
        let (channel, via) = self.receive_channel(thread, handle)?;
        Ok(self.receive(thread, channel, via, deadline, takes))
    }

    /// System call `reply`.
    pub fn reply(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = &self.v.get(thread).context.regs;
        let (token, tag) = (regs.a0, regs.a1);
        check_tag(tag)?;
        let caller = self.find_caller(thread, token)?;
        self.check_sent_handles(thread, Tag(tag))?;
        self.answer_caller(thread, caller, Tag(tag));
        self.wake(caller);
        Ok(Progress::Done)
    }

    /// System call `reply_recv`.
    #[inline(always)]
    pub fn reply_recv(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = &self.v.get(thread).context.regs;
        let (token, word, deadline, takes) = (regs.a0, regs.a1, regs.badge, takes(regs.number)?);
        let tag = word & u32::MAX as u64;
        check_tag(tag)?;
        let (channel, via) = self.receive_channel(thread, word >> CHANNEL_SHIFT)?;
        let mut answered = None;
        if token != 0 {
            let caller = self.find_caller(thread, token)?;
            self.check_sent_handles(thread, Tag(tag))?;
            self.answer_caller(thread, caller, Tag(tag));
            if tag >> 13 != 0 && channel.is_some_and(|channel| self.v.live(channel.link()).is_none()) {
                // A handle that the caller had no room for was the channel's last: receiving will tell.
                self.wake(caller);
                self.v.get_mut(thread).context.regs.a0 = 0;
                return Ok(Progress::Restart);
            }
            answered = Some(caller);
        }
        let progress = self.receive(thread, channel, via, deadline, takes);
        match (answered, progress) {
            (None, _) => Ok(progress),
            (Some(caller), Progress::Blocked) => Ok(self.hand_over(caller)),
            (Some(caller), _) => {
                self.wake(caller);
                if progress == Progress::Restart {
                    // The reply is given; what is rewound is the receiving.
                    self.v.get_mut(thread).context.regs.a0 = 0;
                }
                Ok(progress)
            }
        }
    }

    /// The channel to receive from, if any, and the Grant through which.
    #[inline(always)]
    fn receive_channel(
        &mut self,
        thread: ThreadKey<'id>,
        handle: u64,
    ) -> Result<(Option<ChannelKey<'id>>, Name<GRANT>), Error> {
        if handle == 0 {
            return Ok((None, Name::NONE));
        }
        let found = self.last_channel(thread, handle, Rights::RECV)?;
        Ok((Some(found.key), found.grant))
    }

    /// Gives the thread what waits for it, closed ends first, then calls and bits in turn; else has it wait.
    #[inline(always)]
    fn receive(
        &mut self,
        thread: ThreadKey<'id>,
        channel: Option<ChannelKey<'id>>,
        via: Name<GRANT>,
        deadline: u64,
        takes: u8,
    ) -> Progress {
        self.v.get_mut(thread).takes = takes;
        if let Some(channel) = channel {
            self.serve(thread, channel);
            if !mutant(Mutant::ClosedEndsLast) && self.take_closed(thread, channel) {
                return Progress::Done;
            }
        }
        for _ in 0..RECEIVE_UNITS {
            let caller = channel.and_then(|channel| self.v.follow(self.v.get(channel).callers.head));
            let bits_first = caller.is_none() || !self.v.get(thread).bits_last || mutant(Mutant::CallsStarve);
            if bits_first && self.take_bits(thread) {
                return Progress::Done;
            }
            let Some(caller) = caller else {
                return self.wait(thread, channel, via, deadline);
            };
            self.v.get_mut(thread).bits_last = false;
            if let Err(error) = self.check_handles(caller, thread) {
                self.leave_queues(caller);
                self.fail_call(caller, error);
                continue;
            }
            self.leave_queues(caller);
            self.deliver(caller, thread);
            return Progress::Done;
        }
        Progress::Restart
    }

    /// Notes that a thread serves a channel, so that it inherits from those who wait there: one thread a channel, one
    /// channel a thread, whichever received last.
    #[inline(always)]
    fn serve(&mut self, thread: ThreadKey<'id>, channel: ChannelKey<'id>) {
        if self.v.get(channel).server != thread.link() || self.v.get(thread).serves != channel.link() {
            self.serve_another(thread, channel);
        }
    }

    #[cold]
    fn serve_another(&mut self, thread: ThreadKey<'id>, channel: ChannelKey<'id>) {
        if let Some(left) = self.v.follow(self.v.get(thread).serves) {
            self.v.get_mut(left).server = Link::NONE;
        }
        let other = core::mem::replace(&mut self.v.get_mut(channel).server, thread.link());
        self.v.get_mut(thread).serves = channel.link();
        if let Some(other) = self.v.follow(other).filter(|other| *other != thread) {
            self.v.get_mut(other).serves = Link::NONE;
            self.refresh_priority(other);
        }
        self.refresh_priority(thread);
    }

    #[inline(always)]
    fn wait(
        &mut self,
        thread: ThreadKey<'id>,
        channel: Option<ChannelKey<'id>>,
        via: Name<GRANT>,
        deadline: u64,
    ) -> Progress {
        if deadline != FOREVER && deadline <= self.now() && !mutant(Mutant::PastDeadlineWaits) {
            self.deliver_deadline(thread);
            return Progress::Done;
        }
        self.block(thread, State::Receiving);
        let t = self.v.get_mut(thread);
        t.restarted();
        if let Some(channel) = channel {
            t.channel = channel.link();
            if let Some(grant) = self.v.find(via) {
                self.wait_through(thread, grant);
            }
            let push = if mutant(Mutant::ReceiversBackwards) { queue::push_front } else { queue::push_back };
            let receivers = push(self.v.get(channel).receivers, &mut self.v, thread);
            self.v.get_mut(channel).receivers = receivers;
        }
        if deadline != FOREVER && !mutant(Mutant::TimerLost) {
            self.v.get_mut(thread).deadline = deadline;
            self.set_deadline(thread);
        }
        Progress::Blocked
    }

    /// Notes that a thread waits in a channel's queue by a handle behind a Grant: with the Grant, its wait ends.
    #[inline(always)]
    pub fn wait_through(&mut self, thread: ThreadKey<'id>, grant: GrantKey<'id>) {
        let head = by_via::push(self.v.get(grant).waiting, &mut self.v, thread);
        self.v.get_mut(grant).waiting = head;
        self.v.get_mut(thread).via = grant.link();
    }

    /// Takes a thread out of the list of those who wait through its Grant.
    #[inline(always)]
    pub fn wait_no_more_through(&mut self, thread: ThreadKey<'id>) {
        if let Some(grant) = self.v.follow(self.v.get(thread).via) {
            let head = by_via::remove(self.v.get(grant).waiting, &mut self.v, thread);
            self.v.get_mut(grant).waiting = head;
            self.v.get_mut(thread).via = Link::NONE;
        }
    }

    /// The current thread stops running, into a waiting state.
    #[inline(always)]
    fn block(&mut self, thread: ThreadKey<'id>, state: State) {
        let t = self.v.get(thread);
        if t.state == State::Running && t.timer_slot == 0 && !t.demoted {
            self.leave_core(thread);
            let t = self.v.get_mut(thread);
            (t.channel, t.server) = (Link::NONE, Link::NONE);
        } else if t.state == State::Running {
            self.leave_queues(thread);
        }
        self.v.get_mut(thread).state = state;
    }

    /// Has a thread that is out of all queues run next, if it may on this core and nothing is more urgent.
    #[inline(always)]
    fn hand_over(&mut self, thread: ThreadKey<'id>) -> Progress {
        if self.comes_here(thread) {
            return Progress::HandOver(thread.link());
        }
        self.wake(thread);
        Progress::Blocked
    }

    // ---- what is received ----

    /// Moves a caller's message to a receiver. Both are out of all queues; handles were checked.
    #[inline(always)]
    fn deliver(&mut self, caller: ThreadKey<'id>, receiver: ThreadKey<'id>) {
        let c = self.v.get_mut(caller);
        c.sequence = c.sequence.wrapping_add(1);
        c.state = State::AwaitingReply;
        let (badge, faulting) = (c.badge, c.faulting);
        let token = token(caller, c.sequence);
        let tag = if faulting {
            let words = c.fault_words;
            let r = &mut self.v.get_mut(receiver).context.regs;
            r.words = [0; 8];
            r.words[..6].copy_from_slice(&words);
            Tag(48).with_kind(Kind::Fault)
        } else {
            let tag = Tag(c.context.regs.a1 & Tag::SENT);
            self.copy_payload(caller, receiver, tag);
            self.move_handles(caller, receiver, tag);
            tag.with_kind(Kind::Call)
        };
        let r = self.v.get_mut(receiver);
        r.context.regs.a0 = token;
        self.received(receiver, tag, badge);
        self.join_server(receiver, caller);
        // One caller more can't make it less urgent, but another may pay for it.
        let (c, r) = (self.v.get(caller), self.v.get(receiver));
        if c.priority > r.priority || c.payer != r.payer || r.demoted {
            self.refresh_priority(receiver);
        }
    }

    #[inline(always)]
    fn received(&mut self, thread: ThreadKey<'id>, tag: Tag, badge: u64) {
        let r = &mut self.v.get_mut(thread).context.regs;
        r.number = Status::OK.0;
        r.a1 = tag.0;
        r.badge = badge;
    }

    #[inline(always)]
    fn take_bits(&mut self, thread: ThreadKey<'id>) -> bool {
        self.v.get(thread).bits_wait && self.take_waiting_bits(thread)
    }

    #[inline(never)]
    fn take_waiting_bits(&mut self, thread: ThreadKey<'id>) -> bool {
        let Some(notification) = self.v.follow(self.v.get(thread).notification) else { return false };
        let n = self.v.get_mut(notification);
        let bits = if mutant(Mutant::BitsTwice) { n.bits } else { core::mem::take(&mut n.bits) };
        if bits == 0 {
            return false;
        }
        self.v.get_mut(thread).bits_wait = false;
        self.deliver_bits(thread, bits);
        true
    }

    /// `recv` returns with bits.
    pub fn deliver_bits(&mut self, thread: ThreadKey<'id>, bits: u64) {
        let t = self.v.get_mut(thread);
        t.bits_last = true;
        t.context.regs.a0 = 0;
        self.received(thread, Tag(0).with_kind(Kind::Bits), bits);
    }

    /// `recv` returns because of its deadline.
    pub fn deliver_deadline(&mut self, thread: ThreadKey<'id>) {
        self.v.get_mut(thread).context.regs.a0 = 0;
        self.received(thread, Tag(0).with_kind(Kind::Deadline), 0);
    }

    #[inline(always)]
    fn take_closed(&mut self, thread: ThreadKey<'id>, channel: ChannelKey<'id>) -> bool {
        !self.v.get(channel).closed.head.is_none() && self.take_first_closed(thread, channel)
    }

    #[inline(never)]
    fn take_first_closed(&mut self, thread: ThreadKey<'id>, channel: ChannelKey<'id>) -> bool {
        let (queue, first) = closed::pop_front(self.v.get(channel).closed, &mut self.v);
        if !mutant(Mutant::EndTwice) {
            self.v.get_mut(channel).closed = queue;
        }
        let Some(grant) = first else { return false };
        let badge = self.v.get(grant).badge;
        self.v.get_mut(grant).queued = false;
        self.free_grant_if_done(grant);
        self.v.get_mut(thread).context.regs.a0 = 0;
        self.received(thread, Tag(0).with_kind(Kind::Closed), badge);
        true
    }

    /// Wakes a receiver, if one waits, for a closed end that was just queued.
    pub fn offer_closed(&mut self, channel: ChannelKey<'id>) {
        if let Some(receiver) = self.v.follow(self.v.get(channel).receivers.head) {
            self.leave_queues(receiver);
            self.take_closed(receiver, channel);
            self.wake(receiver);
        }
    }

    // ---- replies ----

    /// The caller that a token stands for, if this thread is to answer it.
    #[inline(always)]
    fn find_caller(&self, thread: ThreadKey<'id>, token: u64) -> Result<ThreadKey<'id>, Error> {
        let caller = self.v.live(Link::<THREAD>::from_raw(token as u32)).ok_or(Error::CallerGone)?;
        let c = self.v.get(caller);
        let here = c.server == thread.link() || mutant(Mutant::TokenElsewhere);
        let waits = c.state == State::AwaitingReply && here;
        let this = c.sequence == (token >> 32) as u32 || mutant(Mutant::TokenTwice);
        if waits && this { Ok(caller) } else { Err(Error::CallerGone) }
    }

    /// Gives a caller its answer and takes it out of the server's list; it is then ready to run. The server's handles
    /// were checked; ones the caller has no room for are closed, and its call ends with the reason.
    #[inline(always)]
    fn answer_caller(&mut self, server: ThreadKey<'id>, caller: ThreadKey<'id>, tag: Tag) {
        self.leave_server(caller);
        let c = self.v.get_mut(caller);
        c.server = Link::NONE;
        if core::mem::take(&mut c.faulting) && !mutant(Mutant::FaultAnswerWrites) {
            self.drop_sent_handles(server, tag);
            return;
        }
        if let Err(error) = self.check_room(caller, tag.handles() as u32) {
            self.drop_sent_handles(server, tag);
            self.v.get_mut(caller).context.regs.number = Status::from(Err(error)).0;
            return;
        }
        self.copy_payload(server, caller, tag);
        self.move_handles(server, caller, tag);
        let r = &mut self.v.get_mut(caller).context.regs;
        r.number = Status::OK.0;
        r.a0 = 0;
        r.a1 = tag.0;
    }

    /// Ends a call with an error; the caller is out of all queues. A fault that nobody answers stops its thread; if only
    /// the handler is gone and its channel lives, the instruction runs again, and faults to whoever receives there next.
    pub fn fail_call(&mut self, caller: ThreadKey<'id>, error: Error) {
        if core::mem::take(&mut self.v.get_mut(caller).faulting) {
            self.v.get_mut(caller).state = State::Faulted;
            if self.fault_channel(caller).is_some() {
                self.wake(caller);
            }
            return;
        }
        let c = self.v.get_mut(caller);
        c.context.regs.number = Status::from(Err(error)).0;
        self.wake(caller);
    }
}

#[inline(always)]
pub fn token(caller: ThreadKey<'_>, sequence: u32) -> u64 {
    caller.link().raw() as u64 | (sequence as u64) << 32
}

/// A sender's tag: no unknown bits, within the bounds.
fn check_tag(tag: u64) -> Result<(), Error> {
    let known = Tag(tag & Tag::SENT);
    let good = tag & !Tag::SENT == 0 && Tag::new(known.bytes(), known.handles()).is_some();
    if good || mutant(Mutant::TagUnchecked) { Ok(()) } else { Err(Error::BadArgument) }
}

/// How many handles a thread takes, beside the call's number.
fn takes(number: u64) -> Result<u8, Error> {
    match number >> TAKES_SHIFT {
        takes @ 0..=4 => Ok(takes as u8),
        _ => Err(Error::BadArgument),
    }
}
