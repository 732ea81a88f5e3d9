//! Good and bad arguments for every system call, after the table of calls in `abi`.

use abi::calls::{CALLS, CONFIG_FAULT, CONFIG_NOTIFICATION, Kind, number as nr};
use abi::message::{TAKES_SHIFT, Tag};
use kcore::objects::*;

use crate::random::Random;
use crate::world::World;

/// A call to make.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub number: u64,
    pub arguments: Vec<u64>,
    /// `recv`'s and `reply_recv`'s.
    pub deadline: u64,
    /// What is put into the buffer where handles to send stand.
    pub sent: [u32; 4],
}

/// Handles and tokens that the current thread's process has, by class.
pub struct Known {
    pub handles: Vec<(u8, u64)>,
    pub tokens: Vec<u64>,
    /// Where mappings of its process are: address and pages.
    pub mapped: Vec<(u64, u64)>,
    pub now: u64,
}

/// What a thread could name.
pub fn known(w: &mut World, thread: ThreadLink) -> Known {
    let now = w.k.system.hw.now;
    w.with(|cx| {
        let thread = cx.v.live(thread).expect("alive");
        let process = cx.v.live(cx.v.get(thread).process).expect("alive");
        let handles = crate::invariants::slots(cx, process).into_iter().filter(|(_, e)| e.object.class() != 0);
        let handles = handles.map(|(i, e)| (e.object.class(), (e.generation as u64) << 16 | i as u64)).collect();
        let mut tokens = Vec::new();
        let mut at = cx.v.get(thread).serving.head;
        while let Some(caller) = cx.v.live(at) {
            tokens.push(at.raw() as u64 | (cx.v.get(caller).sequence as u64) << 32);
            at = cx.v.get(caller).next;
        }
        let mapped = crate::invariants::all::<MAPPING>(cx).into_iter().map(|m| cx.v.get(m));
        let mapped = mapped.filter(|m| m.process == process.link()).map(|m| (m.address, m.pages as u64)).collect();
        Known { handles, tokens, mapped, now }
    })
}

const WEIGHTS: &[(u16, u64)] = &[
    (nr::call, 8),
    (nr::reply_recv, 6),
    (nr::recv, 7),
    (nr::reply, 4),
    (nr::notify, 4),
    (nr::close, 6),
    (nr::dup, 5),
    (nr::derive, 6),
    (nr::revoke, 3),
    (nr::info, 2),
    (nr::create, 8),
    (nr::destroy, 2),
    (nr::pool_move, 2),
    (nr::slice, 3),
    (nr::map, 7),
    (nr::unmap, 5),
    (nr::protect, 4),
    (nr::evict, 3),
    (nr::freeze, 2),
    (nr::seal, 2),
    (nr::start, 5),
    (nr::stop, 1),
    (nr::state, 1),
    (nr::config, 4),
    (nr::yield_now, 1),
    (nr::irq_bind, 3),
    (nr::irq_ack, 1),
    (nr::ioport, 1),
    (nr::debug_log, 1),
    (nr::system, 1),
    (nr::null, 1),
    (nr::trace, 1),
    (nr::give, 4),
    (99, 1),
];

/// A call with arguments that are mostly good.
pub fn attempt(r: &mut Random, known: &Known) -> Attempt {
    let mut at = r.below(WEIGHTS.iter().map(|w| w.1).sum());
    let number = WEIGHTS
        .iter()
        .find(|w| {
            at < w.1 || {
                at -= w.1;
                false
            }
        })
        .map_or(0, |w| w.0);
    of(r, known, number)
}

/// A certain call.
pub fn of(r: &mut Random, known: &Known, number: u16) -> Attempt {
    let kinds: &[(&str, Kind)] = CALLS.get(number as usize).map_or(&[], |call| call.arguments);
    let mut arguments: Vec<u64> = kinds.iter().map(|(name, kind)| argument(r, known, name, *kind)).collect();
    match number {
        nr::create => create(r, known, &mut arguments),
        nr::config => config(r, known, &mut arguments),
        nr::reply_recv => {
            let channel = argument(r, known, "", Kind::Channel);
            arguments[1] = arguments[1] & 0xffff_ffff | channel << 32;
        }
        nr::recv if r.one_in(5) => arguments[0] = 0,
        nr::close => {
            let one = r.one_in(2);
            arguments.iter_mut().skip(1).for_each(|other| *other *= u64::from(!one && r.one_in(2)));
        }
        nr::start => arguments[4..].iter_mut().for_each(|handle| *handle *= u64::from(r.one_in(2))),
        nr::dup if !r.one_in(3) => (arguments[2], arguments[3]) = (0, 0),
        nr::irq_bind if r.one_in(4) => arguments[1] = 0,
        nr::system => arguments[1] = 7,
        nr::trace if r.one_in(4) => arguments[1] = 0,
        nr::slice => slice(r, known, &mut arguments),
        nr::unmap | nr::protect if !known.mapped.is_empty() && !r.one_in(4) => part(r, known, &mut arguments),
        nr::map => (arguments[3], arguments[4]) = (r.below(4), 1 + r.below(5)),
        nr::evict => arguments[3] = r.below(3),
        nr::destroy if !r.one_in(8) => arguments[0] = handle(r, known, &[POOL, THREAD]),
        nr::info if !r.one_in(4) => info(r, known, &mut arguments),
        nr::derive => {
            arguments[5] = match r.below(6) {
                0 => handle(r, known, &[PROCESS]) << 32 | r.below(130) << 16 | 1,
                _ => r.below(9) / 4,
            };
            if !r.one_in(4) {
                arguments[1] = handle(r, known, &[CHANNEL, NOTIFICATION, MEMORY, INTERRUPT, POOL]);
            }
        }
        // What is not there can't move.
        nr::give if !r.one_in(8) => {
            let there = (0..8).filter(|n| arguments[2 + n] != 0).fold(0, |mask, n| mask | 1 << n);
            arguments[1] = r.next() & there;
        }
        _ => {}
    }
    let sent = std::array::from_fn(|_| handle(r, known, &[]) as u32);
    let deadline = match r.below(4) {
        0 => 0,
        1 => u64::MAX,
        2 => known.now.saturating_add(r.below(1 << 22)),
        _ => known.now.saturating_add(r.next() >> r.below(64)),
    };
    let takes = if r.one_in(20) { r.below(9) } else { r.below(5) };
    let takes = if matches!(number, nr::call | nr::recv | nr::reply_recv) { takes << TAKES_SHIFT } else { 0 };
    Attempt { number: number as u64 | takes, arguments, deadline, sent }
}

/// A message that one side may wait for: a call, or an answer to whoever waits for one, with the receiving of the next.
/// Now and then a signal, receiving alone, or what a thread needs to be told faults and signals.
pub fn talk(r: &mut Random, known: &Known) -> Attempt {
    if r.one_in(3) {
        let mut attempt = match r.below(8) {
            0..3 => of(r, known, nr::notify),
            3..6 => of(r, known, nr::recv),
            what => Attempt {
                arguments: match what {
                    6 => vec![handle(r, known, &[THREAD]), CONFIG_FAULT, handle(r, known, &[CHANNEL])],
                    _ => vec![handle(r, known, &[THREAD]), CONFIG_NOTIFICATION, handle(r, known, &[NOTIFICATION])],
                },
                ..of(r, known, nr::config)
            },
        };
        if !r.one_in(8) {
            attempt.deadline = u64::MAX;
        }
        return attempt;
    }
    let call = r.one_in(2) && (known.tokens.is_empty() || r.one_in(4));
    let mut attempt = of(r, known, if call { nr::call } else { nr::reply_recv });
    let channel = handle(r, known, &[CHANNEL]);
    // Four words have a path of their own.
    let short = if r.one_in(2) { 32 } else { r.below(65) };
    let tag = if r.one_in(8) { attempt.arguments[1] & 0xffff } else { short };
    if call {
        (attempt.arguments[0], attempt.arguments[1]) = (channel, tag);
    } else {
        attempt.arguments[1] = tag | channel << 32;
    }
    if !r.one_in(8) {
        attempt.deadline = u64::MAX;
    }
    attempt.arguments.resize(10, 0);
    attempt.arguments[2..].fill_with(|| r.next());
    attempt
}

fn argument(r: &mut Random, known: &Known, name: &str, kind: Kind) -> u64 {
    if r.one_in(25) {
        return r.pick(&[0, 1, u64::MAX, 1 << 32, r.clone().next(), 0x7fff_ffff_f000, 4095]);
    }
    match kind {
        Kind::Any | Kind::Handle => handle(r, known, &[]),
        Kind::Pool => handle(r, known, &[POOL]),
        Kind::Process => handle(r, known, &[PROCESS]),
        Kind::Thread => handle(r, known, &[THREAD]),
        Kind::Channel => handle(r, known, &[CHANNEL]),
        Kind::Notification => handle(r, known, &[NOTIFICATION]),
        Kind::Memory => handle(r, known, &[MEMORY]),
        Kind::Grant => handle(r, known, &[GRANT]),
        Kind::Interrupt => handle(r, known, &[INTERRUPT]),
        Kind::IoPorts => handle(r, known, &[PORTS]),
        Kind::Authority => handle(r, known, &[AUTHORITY]),
        Kind::Token => match r.below(8) {
            0 => 0,
            1 => r.next(),
            _ => known.tokens.get(r.below(known.tokens.len() as u64) as usize).copied().unwrap_or(0),
        },
        Kind::Rights => {
            if r.one_in(3) {
                r.next() & 0xffff
            } else {
                0xffff
            }
        }
        Kind::Bits => {
            if r.one_in(3) {
                r.next()
            } else {
                1 << r.below(8)
            }
        }
        Kind::Pages if name == "offset" => r.below(6),
        Kind::Pages => 1 + if r.one_in(8) { r.below(40) } else { r.below(6) },
        Kind::Address => address(r),
        Kind::Access => r.pick(&[1, 1, 3, 3, 5, 0, 7, 4]),
        Kind::Tag => match r.below(6) {
            0 => Tag::new(r.below(4065) as usize, 0).map_or(0, |tag| tag.0),
            1 => r.next() >> r.below(64),
            _ => Tag::new(r.below(65) as usize, r.below(5).saturating_sub(2) as usize).map_or(0, |tag| tag.0),
        },
        Kind::Number | Kind::Derived => r.below(8),
        Kind::Gift if !r.one_in(4) => 0,
        Kind::Gift => {
            let rights = if r.one_in(3) { r.next() & 0xffff } else { 0xffff };
            handle(r, known, &[]) & 0xffff_ffff | rights << 32 | r.below(130) << 48
        }
    }
}

/// A handle of one of these classes (any, if none is named), or once in a while of another.
fn handle(r: &mut Random, known: &Known, classes: &[u8]) -> u64 {
    let fits = |h: &&(u8, u64)| classes.is_empty() || classes.contains(&h.0);
    let fitting: Vec<u64> = known.handles.iter().filter(fits).map(|h| h.1).collect();
    if fitting.is_empty() || r.one_in(25) {
        return known.handles.get(r.below(known.handles.len() as u64 + 1) as usize).map_or(0, |h| h.1);
    }
    r.pick(&fitting)
}

/// Few places, so that ranges meet: three lowest tables, around their boundaries.
fn address(r: &mut Random) -> u64 {
    let base = r.pick(&[0x4000_0000, 0x4020_0000, 0x4040_0000, 0x80_4000_0000]);
    base + (r.below(12) << 12) - (r.below(4) << 12)
}

fn create(r: &mut Random, known: &Known, arguments: &mut [u64]) {
    let kind = r.pick(&[POOL, PROCESS, THREAD, THREAD, CHANNEL, CHANNEL, NOTIFICATION, MEMORY, MEMORY, MEMORY, GRANT]);
    arguments[1] = kind as u64;
    match kind {
        POOL => {
            (arguments[2], arguments[3]) = (r.below(40), r.below(64));
            let period = 1_000 + r.below(50_000);
            arguments[4] = if r.one_in(2) { 0 } else { (100 + r.below(period / 4)) | (period << 32) };
        }
        THREAD => {
            arguments[2] = handle(r, known, &[PROCESS]);
            arguments[3] = r.below(50);
            arguments[4] = address(r);
        }
        MEMORY => (arguments[2], arguments[3]) = (if r.one_in(6) { r.below(60) } else { 1 + r.below(6) }, r.below(2)),
        _ => {}
    }
}

fn config(r: &mut Random, known: &Known, arguments: &mut [u64]) {
    arguments[1] = r.below(6);
    arguments[2] = match arguments[1] {
        0 => r.below(50),
        1 if !r.one_in(4) => handle(r, known, &[CHANNEL]),
        2 if !r.one_in(4) => handle(r, known, &[NOTIFICATION]),
        3 => r.next() >> 18,
        4 if r.one_in(2) => u64::MAX,
        4 => r.below(5),
        _ => 0,
    };
}

fn slice(r: &mut Random, known: &Known, arguments: &mut [u64]) {
    arguments[1] = handle(r, known, &[MEMORY, MEMORY, INTERRUPT, PORTS]);
    (arguments[2], arguments[3], arguments[4]) = (r.below(4), 1 + r.below(2), r.below(8) / 6);
}

/// A part of a mapping, or a little more.
fn part(r: &mut Random, known: &Known, arguments: &mut [u64]) {
    let (address, pages) = r.pick(&known.mapped);
    let from = r.below(pages);
    let beyond = r.below(8) / 7;
    (arguments[1], arguments[2]) = (address + (from << 12), 1 + r.below(pages - from + beyond));
}

fn info(r: &mut Random, known: &Known, arguments: &mut [u64]) {
    arguments[1] = r.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, abi::info::GRANT]);
    if arguments[1] == 4 && r.one_in(2) {
        (arguments[0], arguments[1], arguments[2]) = (handle(r, known, &[PROCESS]), abi::info::HANDLES, r.below(200));
        return;
    }
    const CLASSES: [u8; 11] =
        [0, POOL, MEMORY, MEMORY, PROCESS, THREAD, INTERRUPT, AUTHORITY, AUTHORITY, AUTHORITY, PROCESS];
    let class = CLASSES.get(arguments[1] as usize).copied().unwrap_or(GRANT);
    arguments[0] = handle(r, known, if class == 0 { &[] } else { std::slice::from_ref(&class) });
}
