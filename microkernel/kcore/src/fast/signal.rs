//! `notify` and `recv`: to the thread that waits for bits, and waiting for them.

use abi::message::{FOREVER, Kind, Tag};
use abi::{Rights, Status};
use kmem::Link;
use kmem::mutants::{Mutant, mutant};

use super::{ANY_DEPTH, Asked, Caller, Length};
use crate::Hw;
use crate::cores::ANY_CORE;
use crate::objects::*;
use crate::state::{Count, Cx, PRIORITIES, SLICE};

impl<'id, H: Hw> Cx<'_, 'id, H> {
    #[inline(always)]
    pub(super) fn fast_notify(&mut self, asked: Asked) -> Option<ThreadKey<'id>> {
        let Caller { thread: me, takes: 0, .. } = self.caller(asked, ANY_DEPTH, Length::Any)? else { return None };
        let (handle, bits, priority) = (asked.a0, asked.a1, self.v.get(me).priority);
        if self.s.cores[self.core].ready >> priority > 1 {
            return None;
        }
        let door = self.known_door(me, handle, Rights::NOTIFY, Length::Any, |doors| &mut doors.notify)?;
        let notification = door.object;
        let n = self.v.get(notification);
        let (all, bound) =
            (n.bits | bits & if mutant(Mutant::FastBitsForged) { u64::MAX } else { door.badge }, n.bound);
        let known = self.v.follow(bound);
        let bound = known.filter(|bound| all != 0 && self.v.get(*bound).state == State::Receiving);
        if let Some(receiver) = bound
            && !self.may_wake(receiver, priority)
        {
            return None;
        }
        // ---- point of no return ----
        self.my_core().fast_notifies += 1;
        self.v.get_mut(me).context.regs.number = Status::OK.0;
        let Some(receiver) = bound else {
            self.v.get_mut(notification).bits = all;
            if let Some(thread) = known {
                self.v.get_mut(thread).bits_wait = all != 0 && !mutant(Mutant::FastBitsUnmarked);
            }
            return Some(me);
        };
        self.v.get_mut(notification).bits = 0;
        let r = self.v.get_mut(receiver);
        let (channel, at) = (r.channel, r.priority as usize % PRIORITIES);
        r.state = State::Ready;
        (r.channel, r.server) = (Link::NONE, Link::NONE);
        self.give_bits(receiver, all);
        if !channel.is_none()
            && let Some(channel) = self.v.follow(channel)
        {
            self.v.get_mut(channel).receivers = Queue::EMPTY;
        }
        let link = receiver.link();
        let core = &mut self.s.cores[self.core];
        let queue = &mut core.queues[at];
        let last = core::mem::replace(&mut queue.tail, link);
        if core.ready >> at & 1 == 0 {
            queue.head = link;
            core.ready |= 1 << at;
        } else if let Some(last) = self.v.follow(last) {
            self.v.get_mut(receiver).prev = last.link();
            self.v.get_mut(last).next = link;
        }
        Some(me)
    }

    /// Whether that is all there is to it: of this core, in no other queue than one of its own, not more urgent than the
    /// running thread; and if as urgent, the timer comes when the slice ends.
    #[inline(always)]
    fn may_wake(&self, receiver: ThreadKey<'id>, running: u8) -> bool {
        let r = self.v.get(receiver);
        let core = &self.s.cores[self.core];
        // A Grant or a deadline, or another queue's neighbours.
        let busy = r.neighbours() | u64::from(r.via.raw() | u32::from(r.timer_slot));
        let calm = r.priority < running || r.priority == running && core.armed <= core.slice_end;
        // One that may go to other cores may be better off there.
        let stays = r.core as usize == self.core && (!self.s.several || r.home != ANY_CORE);
        busy == 0 && stays && (calm || mutant(Mutant::FastNoPreemption))
    }

    #[inline(always)]
    pub(super) fn fast_recv(&mut self, asked: Asked) -> Option<ThreadKey<'id>> {
        let Caller { thread: me, takes, .. } = self.caller(asked, ANY_DEPTH, Length::Any)?;
        let t = self.v.get(me);
        let (handle, deadline) = (asked.a0, t.context.regs.badge);
        let (notification, bits_wait) = (t.notification, t.bits_wait);
        if deadline != FOREVER {
            return None;
        }
        let channel = match handle {
            0 => None,
            handle => {
                let channel = self.receive_door(me, handle, Length::Any)?.object;
                if !self.nothing_waits(me, channel) {
                    return None;
                }
                Some(channel)
            }
        };
        if bits_wait {
            let notification = self.v.follow(notification)?;
            // ---- point of no return ----
            self.count(Count::Calls);
            let bits = core::mem::take(&mut self.v.get_mut(notification).bits);
            let t = self.v.get_mut(me);
            (t.takes, t.bits_wait) = (takes, false);
            self.give_bits(me, bits);
            return Some(me);
        }
        let core = &self.s.cores[self.core];
        let at = core.ready.checked_ilog2()? as usize;
        let next = self.v.follow(core.queues[at].head)?;
        let n = self.v.get(next);
        // One that may go to other cores is counted; and one that idles may have to be called for what is left.
        let may_share = self.s.idle != 0 && self.s.sharing != 0;
        if n.slow != 0 || self.s.several && (n.home == ANY_CORE || may_share) {
            return None;
        }
        let second = n.next;
        let now = self.s.hw.ticks();
        let slice_end = self.s.hw.time(now) + SLICE;
        if !second.is_none() && core.armed > slice_end {
            return None;
        }
        // ---- point of no return ----
        self.my_core().fast_waits += 1;
        let t = self.v.get_mut(me);
        t.state = State::Receiving;
        t.takes = takes;
        (t.channel, t.server) = (channel.map_or(Link::NONE, |channel| channel.link()), Link::NONE);
        t.run_time += now - t.run_start;
        t.run_start = now;
        if let Some(channel) = channel {
            self.v.get_mut(channel).receivers = Queue { head: me.link(), tail: me.link() };
        }
        let core = &mut self.s.cores[self.core];
        core.slice_end = if mutant(Mutant::FastSliceKept) { core.slice_end } else { slice_end };
        core.queues[at].head = second;
        if second.is_none() {
            core.queues[at].tail = Link::NONE;
            core.ready &= !((!mutant(Mutant::FastReadyBitLeft) as u64) << at);
        } else if let Some(second) = self.v.follow(second) {
            self.v.get_mut(second).prev = Link::NONE;
        }
        let n = self.v.get_mut(next);
        n.next = Link::NONE;
        n.state = State::Running;
        n.run_start = now;
        self.run_instead(next);
        Some(next)
    }

    /// `recv` returns with bits.
    #[inline(always)]
    pub fn give_bits(&mut self, thread: ThreadKey<'id>, bits: u64) {
        let t = self.v.get_mut(thread);
        t.bits_last = true;
        let regs = &mut t.context.regs;
        (regs.a0, regs.a1, regs.badge, regs.number) = (0, Tag(0).with_kind(Kind::Bits).0, bits, Status::OK.0);
    }
}
