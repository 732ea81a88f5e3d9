//! The alphabet: what may happen next, as rows of tables.
//!
//! A row is one entry into the kernel. A call is made by the thread that runs, if it is of the row's process; who runs is
//! the scheduler's choice, so `yield_now` and the timer are letters too. Handles are named by their slot.

use abi::calls::number as nr;
use abi::message::{CHANNEL_SHIFT, FOREVER, TAKES_SHIFT};
use kcore::Cx;
use kcore::objects::*;

use crate::world::{Model, World, idle_work};

/// Whose thread makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A thread of init.
    Init,
    /// A thread of any other process.
    Child,
}

/// An argument.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    /// This value.
    V(u64),
    /// The handle in this slot of the caller's table.
    Slot(u32),
    /// The handle in the slot that was the n-th free one at the start.
    New(usize),
    /// A handle that this slot had before.
    Stale(u32),
    /// The token of the caller's first call to answer; a stale one if there is none.
    Token,
    /// The tag of a `reply_recv` on the channel in this slot.
    On(u32),
    /// The deadline 1 ms from now.
    Soon,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A call of this number (with handles to take) and these arguments.
    Call(Who, u64, &'static [Arg]),
    /// A call that sends a handle: number, channel or token, handle.
    Send(Who, u64, Arg, Arg),
    /// A call that was rewound goes on.
    GoOn,
    /// Time passes until the timer comes.
    Timer,
    /// A core with nothing to run tidies up.
    Idle,
    /// The running thread of a child faults.
    Fault,
    /// The interrupt of a line, if it is unmasked.
    Line(u32),
}

/// A row: its name and what happens.
pub type Row = (&'static str, Act);

/// Everywhere: the scheduler's choices.
pub const EVERYWHERE: &[Row] = &[
    ("goes on", Act::GoOn),
    ("timer", Act::Timer),
    ("idle", Act::Idle),
    ("init yields", Act::Call(Who::Init, nr::yield_now as u64, &[])),
    ("child yields", Act::Call(Who::Child, nr::yield_now as u64, &[])),
];

impl Act {
    /// Has it happen; false if it can't in this state. `most` handles are in a table that a call would add to.
    pub fn perform(self, w: &mut World, news: &[Vec<u32>; 2], most: u32) -> bool {
        let current = w.current();
        match self {
            Act::Timer => {
                let at = w.k.system.hw.timer;
                if at == u64::MAX {
                    return false;
                }
                w.k.system.hw.now = w.k.system.hw.now.max(at);
                w.k.timer(0);
                true
            }
            Act::Idle => current.is_none() && idle_work(&mut w.k, 0).is_some(),
            Act::Line(line) => {
                let comes = w.k.system.hw.unmasked.contains(&line);
                if comes {
                    w.k.interrupt(0, line);
                }
                comes
            }
            _ if current.is_none() => false,
            Act::Fault => {
                let can = who(w) == Who::Child && !rewound(w, current);
                if can {
                    w.k.fault(0, 1, 0x1000, 5);
                }
                can
            }
            Act::GoOn => {
                let can = rewound(w, current);
                if can {
                    w.edit(current, |t| t.context.regs.pc = PC);
                    w.k.syscall(0);
                }
                can
            }
            Act::Call(caller, number, arguments) => {
                if who(w) != caller || rewound(w, current) || adds(number) && handles(w) >= most {
                    return false;
                }
                let news = &news[caller as usize];
                let mut values = [0; 10];
                for (value, argument) in values.iter_mut().zip(arguments) {
                    *value = argument.value(w, news);
                }
                let deadline = match number as u16 {
                    nr::recv => values[1],
                    _ => FOREVER,
                };
                w.prepare(current, number, &values, deadline);
                w.edit(current, |t| t.context.regs.pc = PC);
                w.k.syscall(0);
                true
            }
            Act::Send(caller, number, first, sent) => {
                if who(w) != caller || rewound(w, current) {
                    return false;
                }
                let news = &news[caller as usize];
                let (first, sent) = (first.value(w, news), sent.value(w, news));
                w.prepare(current, number, &[first, abi::message::Tag::new(8, 1).expect("a small message").0], FOREVER);
                let buffer = w.edit(current, |t| {
                    t.context.regs.pc = PC;
                    t.buffer
                });
                w.with(|cx| cx.v.write_word(buffer, 0, sent));
                w.k.syscall(0);
                true
            }
        }
    }
}

/// Where every thread is in its program: at the call.
const PC: u64 = 0x40_0000;

impl Arg {
    fn value(self, w: &mut World, news: &[u32]) -> u64 {
        match self {
            Arg::V(value) => value,
            Arg::Slot(slot) => handle(w, slot),
            Arg::New(n) => handle(w, news[n]),
            Arg::Stale(slot) => handle(w, slot) ^ 0x8000_0000,
            Arg::On(slot) => 8 | handle(w, slot) << CHANNEL_SHIFT,
            Arg::Soon => w.k.system.hw.now + 1_000_000,
            Arg::Token => {
                let me = w.current();
                w.with(|cx| {
                    let first = cx.v.live(me).and_then(|me| cx.v.live(cx.v.get(me).serving.head));
                    match first {
                        Some(key) => key.link().raw() as u64 | (cx.v.get(key).sequence as u64) << 32,
                        None => me.raw() as u64 | 1 << 63,
                    }
                })
            }
        }
    }
}

/// The handle in a slot of the running thread's table; a closed one if it is free.
fn handle(w: &mut World, slot: u32) -> u64 {
    with_table(w, |_, page| slot as u64 | (page.0[slot as usize].generation as u64) << 16)
}

fn handles(w: &mut World) -> u32 {
    with_table(w, |process, _| process.handle_count)
}

fn with_table<R>(w: &mut World, f: impl FnOnce(&Process, &Handles) -> R) -> R {
    let me = w.current();
    w.with(|cx: &mut Cx<'_, '_, Model>| {
        let me = cx.v.live(me).expect("who runs is alive");
        let process = cx.v.get(cx.v.live(cx.v.get(me).process).expect("a thread has a process"));
        f(process, cx.v.get(cx.v.follow(process.handles).expect("a process has handles")))
    })
}

fn who(w: &mut World) -> Who {
    let (init, me) = (w.init, w.current());
    let of_init = w.process_of(init) == w.process_of(me);
    if of_init { Who::Init } else { Who::Child }
}

fn rewound(w: &mut World, thread: ThreadLink) -> bool {
    w.edit(thread, |t| t.restarting() || t.ends_at != 0)
}

/// Whether a call may add to its caller's handles.
fn adds(number: u64) -> bool {
    number >> TAKES_SHIFT & 7 != 0 || matches!(number as u16, nr::create | nr::dup | nr::derive | nr::slice)
}
