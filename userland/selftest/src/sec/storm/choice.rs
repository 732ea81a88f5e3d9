//! What a random call is made with: mostly what it may want, of the caller's objects and its neighbours'.

use core::sync::atomic::Ordering;

use libsys::abi::Rights;
use libsys::abi::calls::{CONFIG_CORE, CONFIG_POINTER, Call, Kind as Argument, number};
use libsys::abi::info::{self, Kind};
use libsys::abi::user;
use libsys::raw::Registers;
use libsys::time;

use super::THREADS;
use super::threads::STORMS;
use crate::kernel::{PROCESS, Random, playground};

/// Kinds of objects that arguments name, and what they are.
const KINDS: [(Argument, Kind); 10] = [
    (Argument::Pool, Kind::Pool),
    (Argument::Process, Kind::Process),
    (Argument::Thread, Kind::Thread),
    (Argument::Channel, Kind::Channel),
    (Argument::Notification, Kind::Notification),
    (Argument::Memory, Kind::Memory),
    (Argument::Grant, Kind::Grant),
    (Argument::Interrupt, Kind::Interrupt),
    (Argument::IoPorts, Kind::IoPorts),
    (Argument::Authority, Kind::Authority),
];

/// The registers of the `n`-th thread's next call.
pub fn registers(random: &mut Random, n: usize, row: &Call) -> Registers {
    let mut arguments = [0; 10];
    for (place, (name, kind)) in arguments.iter_mut().zip(row.arguments) {
        *place = if random.next().is_multiple_of(16) { edge(random) } else { good(random, n, name, *kind) };
    }
    if row.number == number::give {
        // Not into the storm's own table, where nobody would close it.
        arguments[0] = handle(random, n, Some(Kind::Process));
    }
    if !random.next().is_multiple_of(8) {
        fit(random, n, row.number, &mut arguments);
    }
    let [a0, a1, mut words @ ..] = arguments;
    if row.message {
        words.fill_with(|| random.next());
    }
    let takes = if random.next().is_multiple_of(4) { random.next() % 6 } else { 0 };
    let number = match random.next() {
        any if any.is_multiple_of(64) => random.next(),
        _ => u64::from(row.number) | if row.message { takes << 16 } else { 0 },
    };
    // Some wait a little, most not at all.
    let deadline = if random.next().is_multiple_of(8) { time::after(random.next() % 100_000) } else { 0 };
    Registers { number, a0, a1, deadline, words }
}

/// An argument that is likely to be good.
fn good(random: &mut Random, n: usize, name: &str, kind: Argument) -> u64 {
    let small = random.next();
    match kind {
        Argument::Number => small % 12,
        Argument::Pages if name == "offset" => small % 3,
        Argument::Pages => 1 + small % 4,
        Argument::Bits => 1 << (small % 64),
        Argument::Access => [1, 3, 3, 1, 5, 0, 7, 2][small as usize % 8],
        Argument::Rights if small.is_multiple_of(2) => Rights::all().bits().into(),
        Argument::Rights => small & u64::from(Rights::all().bits()),
        Argument::Address => playground() + (small % 64) * 4096,
        Argument::Tag => (small % 80) | ((small >> 32).is_multiple_of(8) as u64 * ((1 + (small >> 40) % 3) << 13)),
        Argument::Token if small.is_multiple_of(8) => small >> 16,
        Argument::Token => STORMS[n].tokens[(small >> 8) as usize % STORMS[n].tokens.len()].load(Ordering::Relaxed),
        Argument::Process if small.is_multiple_of(2) => PROCESS,
        Argument::Authority if small.is_multiple_of(2) => user::LOG.raw().into(),
        Argument::Gift if !small.is_multiple_of(4) => 0,
        Argument::Gift => {
            let rights = u64::from(Rights::all().bits()) & small >> 8;
            handle(random, n, None) | rights << 32 | (1 + small % 127) << 48
        }
        Argument::Any => handle(random, n, None),
        _ => handle(random, n, KINDS.iter().find(|(known, _)| *known == kind).map(|(_, kind)| *kind)),
    }
}

/// A handle of this kind, or any: from the stock, now and then a neighbour's.
fn handle(random: &mut Random, n: usize, kind: Option<Kind>) -> u64 {
    let whose = if random.next().is_multiple_of(4) { random.next() as usize % THREADS } else { n };
    let stock = &STORMS[whose].stock;
    let from = random.next() as usize % stock.len();
    let all = stock[from..].iter().chain(&stock[..from]).map(|slot| slot.load(Ordering::Relaxed));
    let fits = |slot: &u64| *slot != 0 && kind.is_none_or(|kind| slot >> 32 == kind as u64);
    all.filter(|slot| *slot != 0).find(fits).map_or(0, |slot| slot & 0xffff_ffff)
}

/// Makes arguments fit each other, where single good ones are hardly ever good together.
fn fit(random: &mut Random, n: usize, call: u16, arguments: &mut [u64; 10]) {
    let small = random.next();
    let place = playground() + (small >> 32) % 64 * 4096;
    match call {
        number::create => {
            let kinds = [
                Kind::Pool,
                Kind::Process,
                Kind::Thread,
                Kind::Channel,
                Kind::Notification,
                Kind::Memory,
                Kind::Memory,
            ];
            let kind = kinds[small as usize % kinds.len()];
            let more = match kind {
                Kind::Pool => [2 + small % 5, 1, 0],
                // A thread of this process would run anywhere in it.
                Kind::Thread => [handle(random, n, Some(Kind::Process)), 1, place],
                Kind::Memory => [1 + small % 4, small >> 8 & 1, 0],
                _ => [0; 3],
            };
            arguments[1] = kind as u64;
            arguments[2..5].copy_from_slice(&more);
        }
        number::config => {
            arguments[1] = small % 5;
            arguments[2] = match arguments[1] {
                1 => handle(random, n, Some(Kind::Channel)),
                2 => handle(random, n, Some(Kind::Notification)),
                CONFIG_POINTER => place,
                CONFIG_CORE => u64::MAX,
                _ => 1,
            };
        }
        number::info => {
            arguments[1] = [info::BASIC, info::POOL, info::MEMORY, info::PROCESS, info::THREAD][small as usize % 5];
            let kind = [None, Some(Kind::Pool), Some(Kind::Memory), Some(Kind::Process), Some(Kind::Thread)];
            arguments[0] = handle(random, n, kind[small as usize % 5]);
        }
        number::derive => {
            let kinds = [Kind::Channel, Kind::Notification, Kind::Memory, Kind::Pool, Kind::Process, Kind::Thread];
            arguments[1] = handle(random, n, Some(kinds[small as usize % kinds.len()]));
            arguments[5] = small >> 32 & 1;
        }
        number::give => {
            // What is not there can't move.
            let there = (0..8).filter(|gift| arguments[2 + gift] != 0).fold(0, |mask, gift| mask | 1 << gift);
            arguments[1] = small >> 32 & there;
        }
        number::destroy => {
            arguments[0] = handle(random, n, Some(if small.is_multiple_of(4) { Kind::Pool } else { Kind::Thread }));
        }
        number::slice => (arguments[1], arguments[4]) = (handle(random, n, Some(Kind::Memory)), 0),
        number::dup if !small.is_multiple_of(3) => (arguments[2], arguments[3]) = (0, 0),
        number::freeze | number::seal => (arguments[1], arguments[2]) = (0, 1),
        number::reply_recv => arguments[1] = arguments[1] & 0x7fff | handle(random, n, Some(Kind::Channel)) << 32,
        // Few are enough: it all goes to the console.
        number::debug_log => arguments[1] = if small.is_multiple_of(16) { small >> 8 & 0x1f } else { 1 << 15 },
        number::trace => {
            arguments[0] = handle(random, n, Some(Kind::Process));
            arguments[2] = user::LOG.raw().into();
        }
        _ => {}
    }
}

/// Something that is hardly good for anything.
fn edge(random: &mut Random) -> u64 {
    const EDGES: [u64; 12] = [
        0,
        1,
        0xfff,
        0x1000,
        0xffff,
        1 << 32,
        1 << 47,
        0xffff_8000_0000_0000,
        u64::MAX,
        u64::MAX - 4095,
        1 << 63,
        i64::MAX as u64,
    ];
    match random.next() % 3 {
        0 => random.next(),
        1 => random.next() & 0xffff,
        _ => EDGES[random.next() as usize % EDGES.len()],
    }
}
