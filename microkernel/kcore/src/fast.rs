//! The fast path of `call` and `reply_recv`: a short message between two threads that wait for each other and may run on
//! this core.
//!
//! # Rules
//!
//! * It does what the general path (`ipc`, `sched`) does, in fewer steps: a test runs both on the same random states and
//!   compares every byte after every step. Whoever changes one changes the other.
//! * It first decides, with loads alone. Where anything is unusual it gives up, nothing having changed, and the general
//!   path says what it comes to, errors included: there is no error here.
//! * Unusual are: handles or a buffer in the message, a handle beyond the table's first page, more receivers than one,
//!   a thread that another core is home to, a call from another core, somebody more urgent, deadlines, closed ends or bits or calls that wait, other callers to answer, a
//!   fault to be answered, a handle behind a Grant to receive by. A Grant to call by is not: clients have one each.
//! * It calls nothing that takes the whole state, so that the state's parts stay in registers.
//!
//! ```text
//! call:        caller Running ─▶ AwaitingReply    receiver Receiving ─▶ Running
//! reply_recv:  server Running ─▶ Receiving        caller AwaitingReply ─▶ Running
//! ```

use abi::calls::number as nr;
use abi::message::{CHANNEL_SHIFT, FOREVER, Kind, MAX_CHAIN, MAX_HANDLES, REGISTER_BYTES, TAKES_SHIFT, Tag};
use abi::{Rights, Status};
use kmem::{Link, Name};

use crate::cores::ANY_CORE;
use crate::hw::CoreId;
use crate::ipc;
use crate::objects::*;
use crate::state::{Count, Cx};
use crate::{Hw, Kernel};

impl<H: Hw> Kernel<H> {
    /// As [`Kernel::general`], if the running thread's call is one of those that are done here: returns who runs next.
    /// None: nothing has changed, and the general path is to be taken.
    #[inline(always)]
    pub fn fast(&mut self, core: CoreId) -> ThreadLink {
        self.with(core, |cx| cx.fast().unwrap_or(Link::NONE))
    }
}

/// Whether [`Kernel::fast`] is worth trying for a call of this number, all else left aside.
#[inline(always)]
pub fn may_be_fast(number: u64) -> bool {
    matches!(number as u16, nr::call | nr::reply_recv)
}

/// A handle's Channel, and what else counts of the handle.
struct Door<'id> {
    channel: ChannelKey<'id>,
    badge: u64,
    grant: Name<GRANT>,
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    #[inline(always)]
    fn fast(&mut self) -> Option<ThreadLink> {
        let me = self.v.follow(self.s.cores[self.core].current)?;
        let t = self.v.get(me);
        let call = t.context.regs.number as u16;
        if call != nr::call && call != nr::reply_recv {
            return None;
        }
        let takes = t.context.regs.number >> TAKES_SHIFT;
        let called = self.s.cores[self.core].called;
        if takes > MAX_HANDLES as u64 || t.ends_at != 0 || t.timer_slot != 0 || called {
            return None;
        }
        if call == nr::call { self.fast_call(me, takes as u8) } else { self.fast_reply_recv(me, takes as u8) }
    }

    #[inline(always)]
    fn fast_call(&mut self, me: ThreadKey<'id>, takes: u8) -> Option<ThreadLink> {
        let t = self.v.get(me);
        let (handle, tag, depth, priority) = (t.context.regs.a0, t.context.regs.a1, t.depth, t.priority);
        if tag > REGISTER_BYTES as u64 || depth as usize >= MAX_CHAIN {
            return None;
        }
        let door = self.door(me, handle, Rights::CALL)?;
        if !self.grants_alive_here(door.grant) {
            return None;
        }
        let receivers = self.v.get(door.channel).receivers;
        let receiver = self.v.follow(receivers.head)?;
        let r = self.v.get(receiver);
        let near = (r.core as usize == self.core || r.home == ANY_CORE) && receivers.head == receivers.tail;
        if !near || r.timer_slot != 0 || !r.via.is_none() || !r.serving.is_none() {
            return None;
        }
        // It inherits from one caller more.
        let priority = priority.max(r.priority);
        if !self.nobody_above(priority) {
            return None;
        }
        // ---- point of no return ----
        self.count(Count::Calls);
        self.count(Count::FastCalls);
        let now = self.now();
        let t = self.v.get_mut(me);
        t.state = State::AwaitingReply;
        t.channel = door.channel.link();
        t.server = receiver.link();
        (t.badge, t.takes) = (door.badge, takes);
        t.sequence = t.sequence.wrapping_add(1);
        t.run_time += now - t.run_start;
        t.run_start = now;
        let token = ipc::token(me, t.sequence);
        self.v.get_mut(door.channel).receivers = Queue::default();
        self.copy_registers(me, receiver, tag as usize);
        let core = self.core as u8;
        let r = self.v.get_mut(receiver);
        (r.state, r.core) = (State::Stopped, core);
        (r.channel, r.server) = (Link::NONE, Link::NONE);
        r.bits_last = false;
        let regs = &mut r.context.regs;
        (regs.number, regs.a0, regs.badge) = (Status::OK.0, token, door.badge);
        regs.a1 = Tag(tag).with_kind(Kind::Call).0;
        r.priority = priority;
        r.serving = me.link();
        self.count_depth(receiver, depth);
        Some(self.take_core_over(receiver))
    }

    #[inline(always)]
    fn fast_reply_recv(&mut self, me: ThreadKey<'id>, takes: u8) -> Option<ThreadLink> {
        let t = self.v.get(me);
        let (token, word, deadline) = (t.context.regs.a0, t.context.regs.a1, t.context.regs.badge);
        let (tag, handle) = (word & u32::MAX as u64, word >> CHANNEL_SHIFT);
        let (serves, serving, notification) = (t.serves, t.serving, t.notification);
        if tag > REGISTER_BYTES as u64 || deadline != FOREVER {
            return None;
        }
        let door = self.door(me, handle, Rights::RECV)?;
        let c = self.v.get(door.channel);
        let served = c.server == me.link() && serves == door.channel.link();
        let quiet = c.closed.head.is_none() && c.callers.head.is_none() && c.receivers.head.is_none();
        if !served || !quiet || !door.grant.is_none() {
            return None;
        }
        if let Some(notification) = self.v.follow(notification)
            && self.v.get(notification).bits != 0
        {
            return None;
        }
        // The only one, and in the list of those to answer, so it is alive and waits for that.
        let caller = self.v.follow(serving)?;
        let c = self.v.get(caller);
        let meant = token == ipc::token(caller, c.sequence) && c.serve_next.is_none();
        let near = c.core as usize == self.core || c.home == ANY_CORE;
        if !meant || c.faulting || !near || c.timer_slot != 0 || !self.nobody_above(c.priority) {
            return None;
        }
        let depth = c.depth;
        // ---- point of no return ----
        self.count(Count::Calls);
        self.count(Count::FastReplies);
        self.copy_registers(me, caller, tag as usize);
        let core = self.core as u8;
        let c = self.v.get_mut(caller);
        (c.state, c.core) = (State::Stopped, core);
        c.server = Link::NONE;
        let regs = &mut c.context.regs;
        (regs.number, regs.a0, regs.a1) = (Status::OK.0, 0, tag);
        let now = self.now();
        let t = self.v.get_mut(me);
        t.state = State::Receiving;
        // Nobody is left from whom it inherits.
        t.priority = t.base_priority;
        t.serving = Link::NONE;
        t.callers.remove(depth);
        t.depth = t.callers.depth();
        (t.channel, t.server) = (door.channel.link(), Link::NONE);
        (t.takes, t.restarting) = (takes, false);
        t.run_time += now - t.run_start;
        t.run_start = now;
        self.v.get_mut(door.channel).receivers = Queue { head: me.link(), tail: me.link() };
        Some(self.take_core_over(caller))
    }

    /// The Channel that a handle in the first page of the thread's table names. Grants are not looked at.
    #[inline(always)]
    fn door(&self, thread: ThreadKey<'id>, raw: u64, need: Rights) -> Option<Door<'id>> {
        let process = self.v.follow(self.v.get(thread).process)?;
        let page = self.v.follow(self.v.get(process).handles)?;
        let entry = self.v.get(page).0.get(raw as usize & 0xffff)?;
        if raw >> 16 != entry.generation as u64 || entry.rights & need.bits() != need.bits() {
            return None;
        }
        let channel = self.v.find(entry.object.cast::<CHANNEL>()?)?;
        Some(Door { channel, badge: entry.badge, grant: entry.grant })
    }

    /// Whether no ready thread is more urgent than that.
    #[inline(always)]
    fn nobody_above(&self, priority: u8) -> bool {
        self.s.cores[self.core].ready >> priority >> 1 == 0
    }

    /// Runs a thread that is in no queue, in place of the current one, which waits now.
    #[inline(always)]
    fn take_core_over(&mut self, thread: ThreadKey<'id>) -> ThreadLink {
        self.my_core().look_again = false;
        self.hand_core_to(thread)
    }
}
