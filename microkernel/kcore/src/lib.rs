//! The kernel as a safe, hardware-independent state machine.
//!
//! # Rules
//!
//! * One `&mut Kernel` in, one decision out: every entry returns which thread runs next. Hardware is an argument
//!   ([`Hw`]), and so is time: the same code runs under `cargo test` on a model.
//! * **Decide, then act.** A system call first only checks; behind its line "point of no return" nothing fails any
//!   more. An `Err` means that nothing has changed but the caller's status register. Tests hold it to that.
//! * Long work is done in bounded units: a call that is not finished is rewound ([`Progress::Restart`]) and runs again
//!   when interrupts had their chance.
//! * The kernel never follows a user's virtual address.
//!
//! # Where things are
//!
//! `objects` the data, `state` the kernel around them, `cores`, `turns` how several of them share it; `alloc`, `pool` where they come from; `handles`, `grants`, `revoke`
//! who may use them; `ending` how it all ends, bit by bit; `ipc`, `fast`, `transfer`, `serving`, `notify`, `fault` how
//! threads meet; `trace` who watches them; `sched`, `inherit`, `wheel`, `prompt`, `budget` who runs; `process`, `thread`, `memory`, `mapping`,
//! `holes`, `tables` what they are made of.
#![no_std]
#![forbid(unsafe_code)]

mod alloc;
mod boot;
pub mod budget;
mod context;
pub mod cores;
mod create;
mod devices;
mod ending;
mod fast;
mod fault;
mod give;
mod grants;
mod handles;
mod holes;
pub mod hw;
mod info;
mod inherit;
mod ipc;
mod list;
mod log;
mod mapping;
mod memory;
mod notify;
pub mod objects;
mod pool;
mod process;
mod prompt;
mod range;
mod regs;
mod revoke;
mod sched;
pub mod serving;
mod state;
mod tables;
mod thread;
pub mod trace;
mod transfer;
pub mod turns;
mod wheel;

use abi::calls::number as call;
use abi::{Error, Status};

pub use boot::BootObjects;
pub use context::{Context, FPU_BYTES};
pub use ending::{Endings, UNITS};
pub use fast::{Asked, Decided, Doors, Length, may_be_fast};
pub use handles::LastChannels;
pub use hw::Hw;
pub use log::{LOG_PAGES, Log};
pub use regs::Regs;
pub use state::{Core, Cx, Kernel, LOG_LINE, MAX_LINES, PRIORITIES, System};

use hw::CoreId;
use objects::{ThreadKey, ThreadLink, slow};
use state::Count;

/// How a system call has ended, when it has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The caller goes on; its results are in its registers.
    Done,
    /// Not finished: the caller runs the same call again.
    Restart,
    /// The caller waits, has stopped or is gone.
    Blocked,
    /// The caller waits; this thread, which is in no queue, goes on in its place.
    HandOver(ThreadLink),
}

impl<H: Hw> Kernel<H> {
    /// The running thread of a core made a system call; its registers are saved. Returns who runs next, or none.
    pub fn syscall(&mut self, core: CoreId) -> ThreadLink {
        let next = self.fast(core);
        if next.is_none() { self.general(core) } else { next }
    }

    /// The same without the fast path, which does nothing that this doesn't.
    #[inline(always)]
    pub fn general(&mut self, core: CoreId) -> ThreadLink {
        self.with(core, |cx| cx.syscall())
    }

    /// The timer interrupt of a core.
    pub fn timer(&mut self, core: CoreId) -> ThreadLink {
        let next = self.fast_timer(core).or_else(|| self.any_fast_timer(core));
        let next = next.map(|_| self.system.cores[core as usize].current.link());
        next.unwrap_or_else(|| self.general_timer(core))
    }

    /// The same without the fast path.
    pub fn general_timer(&mut self, core: CoreId) -> ThreadLink {
        self.with(core, |cx| {
            cx.answer_calls();
            cx.tick();
            let next = cx.reschedule(None);
            if !next.is_none() || !cx.work_waits() {
                return next;
            }
            cx.reap();
            cx.reschedule(None)
        })
    }

    /// A device's interrupt.
    pub fn interrupt(&mut self, core: CoreId, line: u32) -> ThreadLink {
        let next = self.fast_interrupt(core, line).map(|_| self.system.cores[core as usize].current.link());
        next.unwrap_or_else(|| self.general_interrupt(core, line))
    }

    /// The same without the fast path.
    pub fn general_interrupt(&mut self, core: CoreId, line: u32) -> ThreadLink {
        self.with(core, |cx| {
            cx.answer_calls();
            cx.interrupt(line);
            cx.reschedule(None)
        })
    }

    /// Another core made something ready here.
    pub fn kicked(&mut self, core: CoreId) -> ThreadLink {
        self.with(core, |cx| {
            cx.answer_calls();
            cx.reschedule(None)
        })
    }

    /// The running thread faulted: class as in `abi::message::Fault`.
    pub fn fault(&mut self, core: CoreId, class: u64, address: u64, syndrome: u64) -> ThreadLink {
        let next = self.fast_fault(core, class, address, syndrome);
        if next.is_none() { self.general_fault(core, class, address, syndrome) } else { next }
    }

    /// The same without the fast path.
    pub fn general_fault(&mut self, core: CoreId, class: u64, address: u64, syndrome: u64) -> ThreadLink {
        self.with(core, |cx| {
            cx.answer_calls();
            let next = cx.fault(class, address, syndrome);
            cx.reschedule(next)
        })
    }
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    fn syscall(&mut self) -> ThreadLink {
        self.count(Count::Calls);
        self.answer_calls_before_its_own();
        let me = self.s.cores[self.core].current.link();
        let Some(thread) = self.v.follow(me) else { return self.reschedule(None) };
        if self.v.get(thread).slow & slow::TRACED != 0 {
            return self.traced_syscall(thread);
        }
        self.serve_call(thread)
    }

    /// What the running thread called.
    #[inline(always)]
    fn serve_call(&mut self, thread: ThreadKey<'id>) -> ThreadLink {
        if self.v.get(thread).ends_at != 0 && self.go_on_ending(thread) {
            return self.reschedule(None);
        }
        // Messages are handed over here, in one piece with what follows.
        let number = self.v.get(thread).context.regs.number;
        match number as u16 {
            call::call => match self.call(thread) {
                Ok(Progress::HandOver(next)) => self.hand_over_to(next),
                progress => self.conclude_message(thread, progress),
            },
            call::reply_recv => match self.reply_recv(thread) {
                Ok(Progress::HandOver(next)) => self.hand_over_to(next),
                progress => self.conclude_message(thread, progress),
            },
            call::recv => {
                let progress = self.recv(thread);
                self.conclude_message(thread, progress)
            }
            _ => {
                let progress = self.dispatch(thread, number);
                self.conclude(thread, progress)
            }
        }
    }

    #[inline(always)]
    fn hand_over_to(&mut self, next: ThreadLink) -> ThreadLink {
        match self.v.follow(next) {
            Some(next) => self.reschedule_to(next),
            None => self.reschedule(None),
        }
    }

    #[inline(never)]
    fn conclude_message(&mut self, thread: ThreadKey<'id>, progress: Result<Progress, Error>) -> ThreadLink {
        self.conclude(thread, progress)
    }

    /// What a call that has ended in this way leads to.
    #[inline(always)]
    fn conclude(&mut self, thread: ThreadKey<'id>, progress: Result<Progress, Error>) -> ThreadLink {
        let me = thread.link();
        let mut candidate = None;
        match progress {
            Ok(Progress::Done) => {
                let t = self.v.get_mut(thread);
                t.context.regs.number = Status::OK.0;
                t.restarted();
                if self.began {
                    self.begin_to_wait_for_ends(thread);
                }
            }
            Ok(Progress::Restart) => {
                let t = self.v.get_mut(thread);
                t.context.regs.pc -= H::CALL_LENGTH;
                t.restart();
                self.count(Count::Restarts);
            }
            Ok(Progress::Blocked) => {}
            Ok(Progress::HandOver(next)) => candidate = self.v.follow(next),
            Err(error) => {
                if self.v.get_mut(thread).restarted() {
                    // A long call that fails on its way.
                    self.drop_pending(thread);
                }
                self.v.get_mut(thread).context.regs.number = Status::from(Err(error)).0;
                self.count(Count::Refused);
            }
        }
        if progress == Ok(Progress::Done) && !self.s.cores[self.core].look_again {
            return me;
        }
        self.reschedule(candidate)
    }

    fn dispatch(&mut self, thread: ThreadKey<'id>, number: u64) -> Result<Progress, Error> {
        if number > u16::MAX as u64 {
            return Err(Error::BadArgument);
        }
        match number as u16 {
            call::null => Ok(Progress::Done),
            call::reply => self.reply(thread),
            call::notify => self.notify(thread),
            call::close => self.close(thread),
            call::dup => self.dup(thread),
            call::derive => self.derive(thread),
            call::revoke => self.revoke(thread),
            call::info => self.info(thread),
            call::create => self.create(thread),
            call::destroy => self.destroy(thread),
            call::pool_move => self.pool_move(thread),
            call::slice => self.slice(thread),
            call::map => self.map(thread),
            call::unmap => self.unmap(thread),
            call::protect => self.protect(thread),
            call::evict => self.evict(thread),
            call::freeze => self.freeze(thread),
            call::seal => self.seal(thread),
            call::start => self.start(thread),
            call::stop => self.stop(thread),
            call::state => self.read_state(thread),
            call::config => self.config(thread),
            call::yield_now => {
                self.rotate();
                self.v.get_mut(thread).context.regs.number = Status::OK.0;
                Ok(Progress::Blocked)
            }
            call::irq_bind => self.irq_bind(thread),
            call::irq_ack => self.irq_ack(thread),
            call::ioport => self.ioport(thread),
            call::debug_log => self.debug_log(thread),
            call::system => self.system(thread),
            call::trace => self.trace(thread),
            call::give => self.give(thread),
            _ => Err(Error::BadArgument),
        }
    }

    /// Puts results into a thread's registers: `a0`, then `a1`.
    fn answer<const N: usize>(&mut self, thread: ThreadKey<'id>, results: [u64; N]) {
        let regs = &mut self.v.get_mut(thread).context.regs;
        if let Some(first) = results.first() {
            regs.a0 = *first;
        }
        if let Some(second) = results.get(1) {
            regs.a1 = *second;
        }
    }

    /// Puts eight results into a thread's words.
    fn answer_words(&mut self, thread: ThreadKey<'id>, words: [u64; 8]) {
        let regs = &mut self.v.get_mut(thread).context.regs;
        (regs.a0, regs.a1, regs.words) = (0, 0, words);
    }
}
