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
//!   A core that need not look again runs the most urgent of its threads, with its timer set.
//! * It calls nothing that takes the whole state, so that the state's parts stay in registers.
//!
//! What a handle came to is kept in the thread that used it ([`Doors`]), and whom it met there, as [`KeptPair`]: for as long as no
//! frame leaves its class, and nothing has come to an end that a handle to a channel or notification may depend on
//! ([`Cx::end_doors`]). A core's running thread is kept in the same way. So a message follows no link: where both are as last time,
//! that they are is all that it asks. This is no state: without it the same happens, in more steps.
//!
//! Messages of four words, others that fit the registers, and all have a compiled path each ([`Length`]). Those of the first two take
//! what is kept and nothing else, and leave the rest to the last, which looks up and keeps.
//!
//! ```text
//! call, fault:  caller Running ─▶ AwaitingReply    receiver Receiving ─▶ Running         fast/message
//! reply_recv:   server Running ─▶ Receiving        caller AwaitingReply ─▶ Running
//! notify:       sender Running                     receiver Receiving ─▶ Ready           fast/signal
//! recv:         thread Running ─▶ Receiving        the most urgent Ready ─▶ Running
//! ```

mod message;
mod signal;

use core::cmp::Ordering;

use abi::Rights;
use abi::calls::number as nr;
use abi::message::{CHANNEL_SHIFT, MAX_CHAIN, MAX_HANDLES, REGISTER_BYTES, TAKES_SHIFT};
use kmem::mutants::{Mutant, mutant};
use kmem::{Class, KeptPair, Key, Link};

use crate::cores::ANY_CORE;
use crate::hw::CoreId;
use crate::objects::*;
use crate::state::Cx;
use crate::{Context, Hw, Kernel};

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

/// How long the messages are that a compiled path is for. One for a known length has all it needs in registers, as it takes only
/// what is kept from the last time; where that is not enough it gives up, for [`Length::Any`] to try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// As long as seL4's in registers: four words.
    Half,
    /// They fit the registers.
    Registers,
    /// They may not; and what is not known is looked up.
    Any,
}

impl Length {
    /// Bytes of four words.
    pub const HALF: u64 = crate::transfer::HALF as u64;

    /// The path for a message that fits the registers, by its tag.
    pub fn of(tag: u64) -> Option<Length> {
        match tag {
            Self::HALF => Some(Length::Half),
            0..=REGISTERS => Some(Length::Registers),
            _ => None,
        }
    }
}

/// Bytes that fit the registers.
const REGISTERS: u64 = REGISTER_BYTES as u64;

/// Each returns who runs next. None: nothing has changed, and the general path is to be taken.
impl<H: Hw> Kernel<H> {
    /// As [`Kernel::general`], if the running thread's call is one of those that are done here.
    #[inline(always)]
    pub fn fast(&mut self, core: CoreId) -> ThreadLink {
        self.briefly_with(core, |cx| cx.fast().map_or(Link::NONE, |next| next.link()))
    }

    /// The same for a `notify`, which goes on with the thread that made it.
    #[inline(always)]
    pub fn fast_notify(&mut self, core: CoreId, asked: Asked) -> Option<*mut Context> {
        self.briefly_with(core, |cx| {
            let me = cx.fast_notify(asked)?;
            Some(cx.context(me))
        })
    }

    /// The same for a `recv`, which may go on with the thread that made it.
    #[inline(always)]
    pub fn fast_recv(&mut self, core: CoreId, asked: Asked) -> Option<Decided> {
        self.briefly_with(core, |cx| {
            let before = cx.my_core().current.link();
            let next = cx.fast_recv(asked)?;
            Some(Decided { context: cx.context(next), another: next.link() != before })
        })
    }

    /// Whether a `reply_recv` that is not done in registers is known to be none for the fast path: by a handle behind a Grant.
    #[inline(always)]
    pub fn never_fast(&mut self, core: CoreId, asked: Asked) -> bool {
        self.briefly_with(core, |cx| {
            let current = cx.my_core().current;
            cx.v.kept(&current).is_some_and(|me| cx.received_by_grant(me, asked.a1 >> CHANNEL_SHIFT))
        })
    }

    /// As [`Kernel::general_fault`], in the same way.
    #[inline(always)]
    pub fn fast_fault(&mut self, core: CoreId, class: u64, address: u64, syndrome: u64) -> ThreadLink {
        self.briefly_with(core, |cx| cx.fast_fault(class, address, syndrome).map_or(Link::NONE, |next| next.link()))
    }
}

/// One function each: what is used twice the compiler doesn't take into its user, and so not into registers.
macro_rules! messages {
    ($($name:ident $call:ident $length:ident $text:literal;)*) => {
        impl<H: Hw> Kernel<H> {
            $(#[doc = $text]
            #[inline(always)]
            pub fn $name(&mut self, core: CoreId, asked: Asked) -> Option<Decided> {
                self.briefly_with(core, |cx| {
                    let next = cx.$call(asked, Length::$length)?;
                    Some(Decided { context: cx.context(next), another: true })
                })
            })*
        }
    };
}
messages! {
    fast_half_call fast_call Half "As [`Kernel::fast`] for a `call` with a message of four words, as the place of the next thread's saved state.";
    fast_short_call fast_call Registers "The same with one that fits the registers, as the caller has seen.";
    fast_call fast_call Any "The same with any.";
    fast_half_reply_recv fast_reply_recv Half "The same for a `reply_recv` with an answer of four words.";
    fast_short_reply_recv fast_reply_recv Registers "The same with one that fits the registers, as the caller has seen.";
    fast_reply_recv fast_reply_recv Any "The same with any.";
}

/// The last number of those calls of which some have a fast path. Those before are messages, as the stubs take them.
const LAST_FAST: u16 = nr::notify;
const _: () =
    assert!(nr::call < LAST_FAST && nr::reply_recv < LAST_FAST && nr::recv < LAST_FAST && nr::reply < LAST_FAST);

/// Whether [`Kernel::fast`] is worth trying for a call of this number, all else left aside.
#[inline(always)]
pub fn may_be_fast(number: u64) -> bool {
    number as u16 <= LAST_FAST
}

/// No thread is deeper.
const ANY_DEPTH: u64 = MAX_CHAIN as u64;

/// What the handles came to by which a thread called, received and notified last, and whom it met there.
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
    badge: u64,
    /// The object; who was met there last, or the thread itself. In this era the handle comes to the same still ([`Cx::end_doors`]).
    kept: KeptPair<I, THREAD>,
}

/// What a door leads to.
struct Behind<'id, const I: u8> {
    object: Key<'id, I>,
    met: ThreadKey<'id>,
    badge: u64,
}

/// A thread that makes a call.
struct Caller<'id> {
    thread: ThreadKey<'id>,
    /// How deep in a chain of calls it is.
    depth: u8,
    /// How many handles it takes with the answer, or with what it receives.
    takes: u8,
}

impl Doors {
    /// Nothing is known.
    pub const NONE: Doors = Doors { call: Door::NONE, receive: Door::NONE, notify: Door::NONE };
}

impl<const I: u8> Door<I> {
    const NONE: Door<I> = Door { handle: 0, badge: 0, kept: KeptPair::NONE };
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    #[inline(always)]
    fn fast(&mut self) -> Option<ThreadKey<'id>> {
        let current = self.v.follow(self.s.cores[self.core].current.link())?;
        let regs = &self.v.get(current).context.regs;
        let asked = Asked { number: regs.number, a0: regs.a0, a1: regs.a1 };
        match regs.number as u16 {
            nr::call => {
                let short = Length::of(asked.a1).and_then(|length| self.fast_call(asked, length));
                short.or_else(|| self.fast_call(asked, Length::Any))
            }
            nr::reply_recv => {
                let short = Length::of(asked.a1 & u32::MAX as u64);
                let short = short.and_then(|length| self.fast_reply_recv(asked, length));
                short.or_else(|| self.fast_reply_recv(asked, Length::Any))
            }
            _ => self.fast_signal(asked),
        }
    }

    #[inline(always)]
    fn fast_signal(&mut self, asked: Asked) -> Option<ThreadKey<'id>> {
        match asked.number as u16 {
            nr::recv => self.fast_recv(asked),
            nr::notify => self.fast_notify(asked),
            _ => None,
        }
    }

    /// Where a thread's registers are.
    #[inline(always)]
    fn context(&mut self, thread: ThreadKey<'id>) -> *mut Context {
        &raw mut self.v.get_mut(thread).context
    }

    /// The running thread, if nothing about it is unusual but that it is so deep at most.
    #[inline(always)]
    fn caller(&mut self, asked: Asked, deepest: u64, length: Length) -> Option<Caller<'id>> {
        let thread = self.running(length)?;
        let takes = asked.number >> TAKES_SHIFT;
        // One whose call is done but for what that ended is restarting.
        let standing = self.standing(thread);
        let usual = standing <= deepest && takes <= MAX_HANDLES as u64;
        usual.then_some(Caller { thread, depth: standing as u8, takes: takes as u8 })
    }

    /// What is unusual about the running thread.
    #[inline(always)]
    fn standing(&self, me: ThreadKey<'id>) -> u64 {
        let ignored = if mutant(Mutant::FastIgnoresBudget) { u64::from(slow::PAID | slow::TRACED) << 8 } else { 0 };
        self.v.get(me).standing() & !ignored
    }

    /// The running thread, if the timer is set as it is to be and nobody more urgent is ready.
    #[inline(always)]
    fn running(&mut self, length: Length) -> Option<ThreadKey<'id>> {
        let core = &self.s.cores[self.core];
        if core.look_again {
            return None;
        }
        let (current, kept) = (core.current, self.v.kept(&core.current));
        if kept.is_some() || length != Length::Any {
            return kept;
        }
        let me = self.v.follow(current.link())?;
        self.my_core().current = self.v.keep(me);
        Some(me)
    }

    /// What a handle in the first page of the thread's table comes to, if it may be used so. To receive, by no Grant.
    #[inline(always)]
    fn door<const I: u8>(&self, thread: ThreadKey<'id>, raw: u64, need: Rights) -> Option<Behind<'id, I>>
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
        good.then_some(Behind { object, met: thread, badge: entry.badge })
    }

    /// The same, known from the last time or looked up and kept.
    #[inline(always)]
    fn known_door<const I: u8>(
        &mut self,
        thread: ThreadKey<'id>,
        handle: u64,
        need: Rights,
        length: Length,
        kept: impl Fn(&mut Doors) -> &mut Door<I>,
    ) -> Option<Behind<'id, I>>
    where
        Objects: Class<I>,
    {
        let known = *kept(&mut self.v.get_mut::<THREAD>(thread).doors);
        if known.handle == handle
            && let Some((object, met)) = self.v.kept_pair::<I, THREAD>(&known.kept)
        {
            return Some(Behind { object, met, badge: known.badge });
        }
        if length != Length::Any {
            return None;
        }
        let behind = self.door(thread, handle, need)?;
        let pair = self.v.keep_pair::<I, THREAD>(behind.object, behind.met);
        *kept(&mut self.v.get_mut::<THREAD>(thread).doors) = Door { handle, badge: behind.badge, kept: pair };
        Some(behind)
    }

    /// The channel that the thread may receive from by this handle, and whose call it took there last.
    #[inline(always)]
    fn receive_door(&mut self, me: ThreadKey<'id>, handle: u64, length: Length) -> Option<Behind<'id, CHANNEL>> {
        self.known_door(me, handle, Rights::RECV, length, |doors| &mut doors.receive)
    }

    /// The thread that a link leads to: the one that was met last, or another.
    #[inline(always)]
    fn met(&self, met: ThreadKey<'id>, link: ThreadLink, length: Length) -> Option<ThreadKey<'id>> {
        match length {
            _ if met.link() == link => Some(met),
            Length::Any => self.v.follow(link),
            _ => None,
        }
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
        match core.ready.checked_ilog2().map(|most| most.cmp(&priority.into())) {
            None | Some(Ordering::Less) => true,
            Some(Ordering::Equal) => core.armed <= core.slice_end,
            Some(Ordering::Greater) => false,
        }
    }

    /// A thread takes the place of the current one, which waits now, with what is left of its slice.
    #[inline(always)]
    fn run_instead(&mut self, thread: ThreadKey<'id>) {
        self.my_core().current = self.v.keep(thread);
    }
}
