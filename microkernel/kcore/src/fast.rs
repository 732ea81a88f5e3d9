//! The fast path: messages, signals and faults between two threads that wait for each other and may run on this core.
//!
//! # Rules
//!
//! * It does what the general path (`ipc`, `notify`, `fault`, `sched`) does, in fewer steps: a test runs both on the same
//!   random states and compares every byte after every step. Whoever changes one changes the other.
//! * It first decides, with loads alone. Where anything is unusual it gives up, nothing having changed, and the general
//!   path says what it comes to, errors included: there is no error here.
//! * Unusual are: handles in the message, a handle beyond the table's first page, more receivers than one, a thread
//!   that another core is home to, a call from another core (`look_again` says so), somebody to be woken who may go to another, somebody more urgent, deadlines, closed ends or bits or calls that wait, other callers to answer, a handle behind a
//!   Grant to receive by, a CPU budget or a trace (`Thread::slow`). A Grant to call or to notify by is not: clients have one each.
//! * It relies on what the invariants say of a running thread and of one that waits in a channel, and asks for no more.
//! * It calls nothing that takes the whole state, so that the state's parts stay in registers.
//!
//! What a handle came to is kept in the thread that used it ([`Doors`]), for as long as nothing has come to an end that a
//! handle to a channel or notification may depend on. That is no state: without it the same happens, in more steps.
//!
//! ```text
//! call, fault:  caller Running ─▶ AwaitingReply    receiver Receiving ─▶ Running         fast/message
//! reply_recv:   server Running ─▶ Receiving        caller AwaitingReply ─▶ Running
//! notify:       sender Running                     receiver Receiving ─▶ Ready           fast/signal
//! recv:         thread Running ─▶ Receiving        the most urgent Ready ─▶ Running
//! ```

mod message;
mod signal;

use abi::Rights;
use abi::calls::number as nr;
use abi::message::{MAX_HANDLES, TAKES_SHIFT};
use kmem::mutants::{Mutant, mutant};
use kmem::{Class, Link};

use crate::cores::ANY_CORE;
use crate::hw::CoreId;
use crate::objects::*;
use crate::state::Cx;
use crate::{Context, Hw, Kernel};
use message::Length;

/// The registers of a system call that the fast path looks at first: they stand in the thread's saved state, too.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The number, with the handles taken from bit 16 on.
    pub number: u64,
    /// The first argument.
    pub a0: u64,
    /// The second argument.
    pub a1: u64,
}

/// Who runs next.
#[derive(Clone, Copy, Debug)]
pub struct Decided {
    /// Its saved state.
    pub context: *mut Context,
    /// It is not the one that ran.
    pub another: bool,
}

/// Each returns who runs next. None: nothing has changed, and the general path is to be taken.
impl<H: Hw> Kernel<H> {
    /// As [`Kernel::general`], if the running thread's call is one of those that are done here.
    #[inline(always)]
    pub fn fast(&mut self, core: CoreId) -> ThreadLink {
        self.briefly_with(core, |cx| cx.fast().map_or(Link::NONE, |next| next.link()))
    }

    /// The same for a `call` whose message fits the registers, as the caller has seen; as the place of that thread's saved state.
    #[inline(always)]
    pub fn fast_call(&mut self, core: CoreId, asked: Asked) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let next = cx.fast_call(asked, Length::Registers)?;
            Some(Decided { context: cx.context(next), another: true })
        })
    }

    /// The same for a `reply_recv` whose answer does.
    #[inline(always)]
    pub fn fast_reply_recv(&mut self, core: CoreId, asked: Asked) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let next = cx.fast_reply_recv(asked, Length::Registers)?;
            Some(Decided { context: cx.context(next), another: true })
        })
    }

    /// The same for a `call` with any.
    #[inline(always)]
    pub fn fast_long_call(&mut self, core: CoreId, asked: Asked) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let next = cx.fast_call(asked, Length::Any)?;
            Some(Decided { context: cx.context(next), another: true })
        })
    }

    /// The same for a `reply_recv` with any.
    #[inline(always)]
    pub fn fast_long_reply_recv(&mut self, core: CoreId, asked: Asked) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let next = cx.fast_reply_recv(asked, Length::Any)?;
            Some(Decided { context: cx.context(next), another: true })
        })
    }

    /// The same for `recv` and `notify`, which may go on with the thread that made them.
    #[inline(always)]
    pub fn fast_signal(&mut self, core: CoreId, asked: Asked) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let before = cx.my_core().current;
            let next = cx.fast_signal(asked)?;
            Some(Decided { context: cx.context(next), another: next.link() != before })
        })
    }

    /// As [`Kernel::general_fault`], in the same way.
    #[inline(always)]
    pub fn fast_fault(&mut self, core: CoreId, class: u64, address: u64, syndrome: u64) -> ThreadLink {
        self.briefly_with(core, |cx| cx.fast_fault(class, address, syndrome).map_or(Link::NONE, |next| next.link()))
    }
}

/// The last number of those calls of which some have a fast path.
pub const LAST_FAST: u16 = nr::notify;
const _: () = assert!(nr::call <= LAST_FAST && nr::reply_recv <= LAST_FAST && nr::recv <= LAST_FAST);

/// Whether [`Kernel::fast`] is worth trying for a call of this number, all else left aside.
#[inline(always)]
pub fn may_be_fast(number: u64) -> bool {
    number as u16 <= LAST_FAST
}

/// What the handles came to by which a thread called, received and notified last.
#[derive(Clone, Copy, Debug)]
pub struct Doors {
    call: Door<CHANNEL>,
    receive: Door<CHANNEL>,
    notify: Door<NOTIFICATION>,
}

/// What a handle came to: an object that may be used as asked, Grants and all.
#[derive(Clone, Copy, Debug)]
struct Door<const I: u8> {
    /// The handle, 0 for none.
    handle: u64,
    /// `System::ends` as it was then: the same still holds while that is the same.
    ends: u64,
    badge: u64,
    object: Link<I>,
}

impl Doors {
    /// Nothing is known.
    pub const NONE: Doors = Doors { call: Door::NONE, receive: Door::NONE, notify: Door::NONE };
}

impl<const I: u8> Door<I> {
    const NONE: Door<I> = Door { handle: 0, ends: 0, badge: 0, object: Link::NONE };
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    #[inline(always)]
    fn fast(&mut self) -> Option<ThreadKey<'id>> {
        let current = self.v.follow(self.s.cores[self.core].current)?;
        let regs = &self.v.get(current).context.regs;
        let asked = Asked { number: regs.number, a0: regs.a0, a1: regs.a1 };
        match regs.number as u16 {
            nr::call => self.fast_call(asked, Length::Any),
            nr::reply_recv => self.fast_reply_recv(asked, Length::Any),
            _ => self.fast_signal(asked),
        }
    }

    #[inline(always)]
    fn fast_signal(&mut self, asked: Asked) -> Option<ThreadKey<'id>> {
        match asked.number as u16 {
            nr::recv => self.fast_recv(asked),
            nr::notify if asked.number >> TAKES_SHIFT == 0 => self.fast_notify(asked),
            _ => None,
        }
    }

    /// Where a thread's registers are.
    #[inline(always)]
    fn context(&mut self, thread: ThreadKey<'id>) -> *mut Context {
        &raw mut self.v.get_mut(thread).context
    }

    /// The running thread, if nothing about it is unusual, and how many handles it takes.
    #[inline(always)]
    fn caller(&self, asked: Asked) -> Option<(ThreadKey<'id>, u8)> {
        let me = self.running()?;
        let t = self.v.get(me);
        let takes = asked.number >> TAKES_SHIFT;
        // A running thread has no deadline and no fault. One whose call is done but for what that ended is restarting.
        let slow = if mutant(Mutant::FastIgnoresBudget) { 0 } else { t.slow };
        // In one compare.
        let unusual = u64::from(slow | t.restarting as u8) << 48;
        if takes | unusual > MAX_HANDLES as u64 { None } else { Some((me, takes as u8)) }
    }

    /// The running thread, if the timer is set as it is to be and nobody more urgent is ready.
    #[inline(always)]
    fn running(&self) -> Option<ThreadKey<'id>> {
        let core = &self.s.cores[self.core];
        if core.look_again { None } else { self.v.follow(core.current) }
    }

    /// Whether that is what this handle comes to still.
    #[inline(always)]
    fn still<const I: u8>(&self, door: &Door<I>, handle: u64) -> bool {
        door.handle == handle && (door.ends == self.s.ends || mutant(Mutant::FastDoorStays))
    }

    /// What a handle in the first page of the thread's table comes to, if it may be used so. To receive, by no Grant.
    #[inline(always)]
    fn door<const I: u8>(&self, thread: ThreadKey<'id>, raw: u64, need: Rights) -> Option<Door<I>>
    where
        Objects: Class<I>,
    {
        let process = self.v.follow::<PROCESS>(self.v.get::<THREAD>(thread).process)?;
        let page = self.v.follow::<HANDLES>(self.v.get::<PROCESS>(process).handles)?;
        let entry = self.v.get::<HANDLES>(page).0.get(raw as usize & 0xffff)?;
        if raw >> 16 != entry.generation as u64 || entry.rights & need.bits() != need.bits() {
            return None;
        }
        let object = self.v.find(entry.object.cast::<I>()?)?;
        let direct = need == Rights::RECV;
        let good = if direct { entry.grant.is_none() } else { self.grants_alive_here(entry.grant) };
        let good = good || mutant(Mutant::FastIgnoresRevocation);
        good.then_some(Door { handle: raw, ends: self.s.ends, badge: entry.badge, object: object.link() })
    }

    /// The same, known from the last time or looked up and kept.
    #[inline(always)]
    fn known_door<const I: u8>(
        &mut self,
        thread: ThreadKey<'id>,
        handle: u64,
        need: Rights,
        kept: impl Fn(&mut Doors) -> &mut Door<I>,
    ) -> Option<Door<I>>
    where
        Objects: Class<I>,
    {
        let known = *kept(&mut self.v.get_mut::<THREAD>(thread).doors);
        if self.still(&known, handle) {
            return Some(known);
        }
        let door = self.door(thread, handle, need)?;
        *kept(&mut self.v.get_mut::<THREAD>(thread).doors) = door;
        Some(door)
    }

    /// The channel that the thread may receive from by this handle.
    #[inline(always)]
    fn receive_door(&mut self, me: ThreadKey<'id>, handle: u64) -> Option<ChannelKey<'id>> {
        let door = self.known_door(me, handle, Rights::RECV, |doors| &mut doors.receive)?;
        self.v.follow(door.object)
    }

    /// Whether the thread serves the channel, and nothing lies there for it.
    #[inline(always)]
    fn nothing_waits(&self, me: ThreadKey<'id>, channel: ChannelKey<'id>) -> bool {
        let c = self.v.get(channel);
        let waiting = c.closed.head.raw() | c.callers.head.raw() | c.receivers.head.raw();
        c.server == me.link() && waiting == 0
    }

    /// Whether this is the core of a thread that has no deadline, or it may come here.
    #[inline(always)]
    fn may_run_here(&self, thread: &Thread) -> bool {
        thread.core as usize == self.core || thread.home == ANY_CORE
    }

    /// Whether a thread of this priority would be the one to run on this core, with the timer as it is: nobody more
    /// urgent is ready, and if somebody as urgent is, the timer comes when the slice ends.
    #[inline(always)]
    fn first_at(&self, priority: u8) -> bool {
        let core = &self.s.cores[self.core];
        match core.ready >> priority {
            0 => true,
            1 => core.armed <= core.slice_end,
            _ => false,
        }
    }

    /// A thread takes the place of the current one, which waits now, with what is left of its slice.
    #[inline(always)]
    fn run_instead(&mut self, thread: ThreadKey<'id>) {
        self.my_core().current = thread.link();
    }
}
