//! The fast path does what the general path does: at each call of a random sequence both are tried on the same state, and
//! all of the kernel's memory is compared.

use abi::calls::number as nr;
use kcore::objects::{CHANNEL, State, ThreadLink};

use crate::arguments;
use crate::driver::{Driver, Step};
use crate::random::each_seed;
use crate::world::{World, world};

/// Steps of a case.
const STEPS: usize = 200;

#[test]
fn the_fast_path_is_the_general_path() {
    let mut all = [0; 3];
    each_seed("the_fast_path_is_the_general_path", 40, |seed| {
        let mut d = Driver::new(seed, 420);
        d.enter = by_both_paths;
        // Now and then `config` moves a thread to a core on which nothing else happens.
        if seed % 4 == 0 {
            d.w.k.join(1);
        }
        for _ in 0..STEPS {
            if matches!(talk(&mut d), Step::Stuck) {
                break;
            }
        }
        all.iter_mut().zip(taken(&d.w)).for_each(|(sum, count)| *sum += count);
    });
    println!("calls and replies by the fast path, calls by the general one: {all:?}");
    let alone = std::env::var_os("VIAETHER_SEED").is_some();
    assert!(alone || all.iter().all(|count| *count > 100), "all are often taken: {all:?}");
}

#[test]
fn a_server_loop_takes_the_fast_path_each_time() {
    let (mut w, channel, server, client) = conversation();
    for i in 0..5 {
        w.enter(nr::call as u64, &[channel, 64, i, 1, 2, 3, 4, 5, 6, 7]);
        let got = w.answer(server).unwrap();
        assert_eq!(got[2..], [i, 1, 2, 3, 4, 5, 6, 7]);
        w.enter(nr::reply_recv as u64, &[got[0], channel << 32 | 9, !i, u64::MAX, 2]);
        assert_eq!(w.answer(client).unwrap(), [0, 9, !i, 0xff, 0, 0, 0, 0, 0, 0], "unused bytes are zero");
    }
    assert_eq!(taken(&w), [5, 5, 0]);
}

#[test]
fn a_thread_that_another_core_is_home_to_is_left_to_the_general_path() {
    let (mut w, channel, server, _) = conversation();
    w.edit(server, |t| (t.core, t.home) = (1, 1));
    w.enter(nr::call as u64, &[channel, 8, 1]);
    assert_eq!((taken(&w), w.state(server)), ([0, 0, 1], Some(State::Ready)));
    assert_eq!(w.k.system.hw.kicks, [1], "it is that core's to run");

    let (mut w, channel, server, client) = conversation();
    w.enter(nr::call as u64, &[channel, 8, 1]);
    let token = w.answer(server).unwrap()[0];
    w.edit(client, |t| (t.core, t.home) = (1, 1));
    w.enter(nr::reply_recv as u64, &[token, channel << 32]);
    assert_eq!((taken(&w), w.state(client)), ([1, 0, 0], Some(State::Ready)));
    assert_eq!(w.k.system.hw.kicks, [1]);
}

/// init waits as a server, its second thread runs as client: the channel, server and client.
fn conversation() -> (World, u64, ThreadLink, ThreadLink) {
    let mut w = world(256);
    w.k.join(1);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (handle, client) = w.thread(w.process, 20, 0x2000_0000);
    w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    w.enter(nr::recv as u64, &[channel, u64::MAX]);
    assert_eq!(w.current(), client);
    let server = w.init;
    (w, channel, server, client)
}

/// Calls and replies by the fast path, calls by the general one.
fn taken(w: &World) -> [u64; 3] {
    [FAST_CALLS, FAST_REPLIES, GENERAL_CALLS].map(|count| w.k.system.counts[count])
}

/// In `abi::info::COUNTERS`.
const FAST_CALLS: usize = 1;
const GENERAL_CALLS: usize = 2;
const FAST_REPLIES: usize = 3;

/// A step that is mostly a message.
fn talk(d: &mut Driver) -> Step {
    let current = d.w.current();
    if current.is_none() || d.r.one_in(4) {
        return d.step();
    }
    let known = arguments::known(&mut d.w, current);
    let attempt = arguments::talk(&mut d.r, &known);
    d.call(current, Some(attempt))
}

/// The running thread's call by the fast path, and from the same state by the general one.
fn by_both_paths(w: &mut World) {
    let me = w.current();
    if !kcore::may_be_fast(w.edit(me, |t| t.context.regs.number)) {
        w.k.syscall(0);
        return;
    }
    // As when the instruction to which a long call was rewound has become a message: too rare to wait for.
    w.edit(me, |t| t.restarting |= t.context.regs.words[7] % 4 == 0);
    let before = w.save_whole();
    let next = w.k.fast(0);
    let mut by_fast = w.save_whole();
    if next.is_none() {
        assert_eq!(before.difference(&by_fast), None, "the fast path gave up and has changed something");
        w.k.general(0);
        return;
    }
    w.restore_whole(&before);
    assert_eq!(w.k.general(0), next, "who runs next");
    let by_general = w.save_whole();
    // The counters alone tell which path it was.
    for (fast, general) in [(FAST_CALLS, Some(GENERAL_CALLS)), (FAST_REPLIES, None)] {
        let counted = by_fast.counts[fast] - before.counts[fast];
        by_fast.counts[fast] -= counted;
        if let Some(general) = general {
            by_fast.counts[general] += counted;
        }
    }
    assert_eq!(by_general.difference(&by_fast), None, "from the general path to the fast one");
    // On from here as if it had been the fast one.
    w.restore_whole(&before);
    w.k.fast(0);
}
