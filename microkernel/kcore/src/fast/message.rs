//! `call`, `reply_recv` and faults: from a caller to the server that waits for it, and back.

use abi::message::{CHANNEL_SHIFT, FOREVER, Kind, MAX_BYTES, MAX_CHAIN, REGISTER_BYTES, Tag};
use abi::{Rights, Status};
use kmem::Link;
use kmem::mutants::{Mutant, mutant};

use super::{ANY_DEPTH, Asked, Caller, Length};
use crate::Hw;
use crate::ipc;
use crate::objects::*;
use crate::state::{Count, Cx};

/// The depth up to which a thread may call.
#[inline(always)]
fn deepest_to_call() -> u64 {
    if mutant(Mutant::FastChainUnbounded) { ANY_DEPTH } else { MAX_CHAIN as u64 - 1 }
}

/// A server that waits for whoever comes.
struct Waiting<'id> {
    channel: ChannelKey<'id>,
    receiver: ThreadKey<'id>,
    /// What it will have while it works for this caller.
    priority: u8,
    /// How deep the caller is in a chain of calls.
    depth: u8,
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    #[inline(always)]
    pub(super) fn fast_call(&mut self, asked: Asked, length: Length) -> Option<ThreadKey<'id>> {
        let (handle, tag) = (asked.a0, if length == Length::Half { Length::HALF } else { asked.a1 });
        if length == Length::Any && tag > MAX_BYTES as u64 {
            return None;
        }
        let Caller { thread: me, depth, takes } = self.caller(asked, deepest_to_call(), length)?;
        let door = self.known_door(me, handle, Rights::CALL, length, |doors| &mut doors.call)?;
        let waiting = self.waiting(me, depth, door.object, door.met, length)?;
        if waiting.receiver != door.met {
            let met = self.v.keep(waiting.receiver);
            self.v.get_mut(me).doors.call.kept.join(met);
        }
        // ---- point of no return ----
        self.my_core().fast_calls += 1;
        let receiver = self.meet_waiting(me, waiting, door.badge, takes, Tag(tag).with_kind(Kind::Call));
        self.copy(me, receiver, tag as usize, length);
        Some(receiver)
    }

    /// As [`Cx::fault`], if the thread's server waits for faults.
    #[inline(always)]
    pub(super) fn fast_fault(&mut self, class: u64, address: u64, syndrome: u64) -> Option<ThreadKey<'id>> {
        let me = self.running(Length::Any)?;
        let t = self.v.get(me);
        if t.standing() > deepest_to_call() {
            return None;
        }
        let (fault, depth) = (t.fault, t.depth);
        let channel = self.v.find_any::<CHANNEL>(fault.object)?;
        if !fault.rights().contains(Rights::CALL)
            || !(self.grants_alive_here(fault.grant) || mutant(Mutant::FastFaultRevoked))
        {
            return None;
        }
        let waiting = self.waiting(me, depth, channel, me, Length::Any)?;
        // ---- point of no return ----
        self.count(Count::Faults);
        self.my_core().switches += 1;
        let t = self.v.get_mut(me);
        let words = [class, address, t.context.regs.pc, t.context.regs.sp, syndrome, me.link().raw() as u64];
        (t.fault_words, t.faulting) = (words, true);
        let [w0, w1, w2, w3, w4, w5] = words;
        self.v.get_mut(waiting.receiver).context.regs.words = [w0, w1, w2, w3, w4, w5, 0, 0];
        Some(self.meet_waiting(me, waiting, fault.badge, 0, Tag(48).with_kind(Kind::Fault)))
    }

    /// The channel's only receiver, if the thread may hand it the core. It may be the one that was met there last.
    #[inline(always)]
    fn waiting(
        &self,
        me: ThreadKey<'id>,
        depth: u8,
        channel: ChannelKey<'id>,
        met: ThreadKey<'id>,
        length: Length,
    ) -> Option<Waiting<'id>> {
        let receivers = self.v.get(channel).receivers;
        let receiver = self.met(met, receivers.head, length)?;
        let (t, r) = (self.v.get(me), self.v.get(receiver));
        if receivers.head != receivers.tail || r.standing() != 0 {
            return None;
        }
        if !self.may_run_here(r) && !mutant(Mutant::FastElsewhere) {
            return None;
        }
        // It inherits from one caller more.
        let priority = t.priority.max(r.priority);
        debug_assert!(
            self.first_at(priority),
            "a core that need not look again runs the most urgent, with its timer set"
        );
        Some(Waiting { channel, receiver, priority, depth })
    }

    /// The caller's message lies in the receiver's words or buffer: it waits now, and the receiver runs.
    #[inline(always)]
    fn meet_waiting(
        &mut self,
        me: ThreadKey<'id>,
        waiting: Waiting<'id>,
        badge: u64,
        takes: u8,
        tag: Tag,
    ) -> ThreadKey<'id> {
        let Waiting { channel, receiver, priority, depth } = waiting;
        let (now, core) = (self.s.hw.ticks(), self.core as u8);
        let t = self.v.get_mut(me);
        t.state = State::AwaitingReply;
        (t.channel, t.server) = (channel.link(), receiver.link());
        (t.badge, t.takes) = (if mutant(Mutant::FastBadgeLost) { t.badge } else { badge }, takes);
        let sequence = t.sequence.wrapping_add(!mutant(Mutant::FastTokenTwice) as u32);
        t.sequence = sequence;
        t.run_time += now - t.run_start;
        t.run_start = now;
        self.v.get_mut(channel).receivers = Queue::EMPTY;
        let met = self.v.keep(me);
        let r = self.v.get_mut(receiver);
        r.doors.receive.kept.join(met);
        (r.state, r.core) = (State::Running, core);
        (r.channel, r.server) = (Link::NONE, Link::NONE);
        r.bits_last = false;
        r.priority = priority;
        r.serving = Queue { head: me.link(), tail: me.link() };
        r.depth = r.callers.only(depth) - mutant(Mutant::FastDepthLost) as u8;
        r.run_start = now;
        let regs = &mut r.context.regs;
        (regs.a0, regs.a1, regs.badge, regs.number) = (ipc::token(me, sequence), tag.0, badge, Status::OK.0);
        self.run_instead(receiver);
        receiver
    }

    #[inline(always)]
    pub(super) fn fast_reply_recv(&mut self, asked: Asked, length: Length) -> Option<ThreadKey<'id>> {
        let (token, word) = (asked.a0, asked.a1);
        let handle = word >> CHANNEL_SHIFT;
        let tag = if length == Length::Half { Length::HALF } else { word & u32::MAX as u64 };
        if length == Length::Any && tag > MAX_BYTES as u64 {
            return None;
        }
        let Caller { thread: me, takes, .. } = self.caller(asked, ANY_DEPTH, length)?;
        if self.v.get(me).context.regs.badge != FOREVER {
            return None;
        }
        let door = self.receive_door(me, handle, length)?;
        let channel = door.object;
        if !self.nothing_waits(me, channel) {
            return None;
        }
        if self.v.get(me).bits_wait && !mutant(Mutant::FastForgetsBits) {
            return None;
        }
        // The only one, and in the list of those to answer, so it is alive and waits for that.
        let serving = self.v.get(me).serving;
        let caller = self.met(door.met, serving.head, length)?;
        let c = self.v.get(caller);
        if token != ipc::token(caller, c.sequence) || serving.head != serving.tail || c.slow != 0 {
            return None;
        }
        // As urgent as who runs now is first, as that is.
        let first = c.priority >= self.v.get(me).priority || self.first_at(c.priority);
        if !self.may_run_here(c) || !first && !mutant(Mutant::FastIgnoresUrgent) {
            return None;
        }
        let (depth, faulting) = (c.depth, c.faulting);
        // ---- point of no return ----
        self.my_core().fast_replies += 1;
        let (now, core) = (self.s.hw.ticks(), self.core as u8);
        let c = self.v.get_mut(caller);
        (c.state, c.core) = (State::Running, core);
        c.server = Link::NONE;
        c.run_start = now;
        let t = self.v.get_mut(me);
        t.state = State::Receiving;
        // Nobody is left from whom it inherits.
        t.priority = if mutant(Mutant::FastKeepsPriority) { t.priority } else { t.base_priority };
        t.serving = Queue::EMPTY;
        t.callers.none(depth);
        t.depth = 0;
        (t.channel, t.server) = (channel.link(), Link::NONE);
        t.takes = takes;
        t.run_time += now - t.run_start;
        t.run_start = now;
        self.v.get_mut(channel).receivers = Queue { head: me.link(), tail: me.link() };
        self.run_instead(caller);
        if faulting && !mutant(Mutant::FastFaultAnswerWrites) {
            // Its instruction runs again, with its registers.
            self.v.get_mut(caller).faulting = false;
        } else {
            let regs = &mut self.v.get_mut(caller).context.regs;
            (regs.a0, regs.a1, regs.number) = (0, tag, Status::OK.0);
            self.copy(me, caller, tag as usize, length);
        }
        Some(caller)
    }

    /// Copies a message without handles.
    #[inline(always)]
    fn copy(&mut self, from: ThreadKey<'id>, to: ThreadKey<'id>, bytes: usize, length: Length) {
        match length {
            Length::Half | Length::Registers => self.copy_registers(from, to, bytes),
            Length::Any if bytes <= REGISTER_BYTES => self.copy_registers(from, to, bytes),
            Length::Any => self.copy_buffer(from, to, bytes),
        }
    }
}
