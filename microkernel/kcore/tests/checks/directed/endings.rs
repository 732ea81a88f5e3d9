//! Ends of what much hangs on: a bounded part in each entry into the kernel, whoever does it.

use abi::calls::{Derived, Gift, number as nr};
use abi::{Error, Handle, Rights};
use kcore::objects::*;

use super::*;
use crate::invariants;

/// Units that one entry may do, beside what can't wait.
const UNITS: usize = 8;
const AT: u64 = 0x4000_0000;

/// Threads of init that call on a channel and wait.
fn callers(w: &mut World, channel: u64, count: u64) -> Vec<ThreadLink> {
    (0..count)
        .map(|n| {
            let (handle, link) = helper(w, 5, n);
            w.ok(nr::close, &[handle]);
            waits(w, link, nr::call, &[channel, 0]);
            link
        })
        .collect()
}

/// Enters again and again with what init's registers have; returns the entries, and checks that none does too much.
fn finish(w: &mut World, left: impl Fn(&mut World) -> usize) -> usize {
    let init = w.init;
    let mut entries = 0;
    loop {
        let before = left(w);
        entries += 1;
        let again = enter_once(w, init);
        let after = left(w);
        assert!(before - after <= UNITS + 1, "{} at once", before - after);
        invariants::check(w);
        if !again {
            return entries;
        }
        assert_eq!(w.current(), init);
    }
}

fn waiting(links: Vec<ThreadLink>) -> impl Fn(&mut World) -> usize {
    move |w| links.iter().filter(|link| matches!(w.state(**link), Some(State::Calling | State::AwaitingReply))).count()
}

#[test]
fn a_channel_with_many_callers_ends_bit_by_bit() {
    let mut w = world(900);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let links = callers(&mut w, channel, 150);
    let init = w.init;
    w.prepare(init, nr::close as u64, &[channel], 0);
    let entries = finish(&mut w, waiting(links.clone()));
    assert!(entries >= 150 / UNITS, "{entries} entries");
    assert_eq!(w.answer(init).map(|_| ()), Ok(()), "and the call has its result");
    for link in links {
        assert_eq!(w.answer(link), Err(Error::ServerDied));
    }
}

#[test]
fn a_server_with_many_callers_to_answer_ends_bit_by_bit() {
    let mut w = world(900);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (server, link) = helper(&mut w, 4, 200);
    let links = callers(&mut w, channel, 150);
    for _ in 0..150 {
        waits(&mut w, link, nr::recv, &[channel, 0]);
    }
    let init = w.init;
    invariants::check(&mut w);
    w.prepare(init, nr::destroy as u64, &[server], 0);
    assert!(finish(&mut w, waiting(links.clone())) >= 150 / UNITS);
    for link in links {
        assert_eq!(w.answer(link), Err(Error::ServerDied));
    }
}

#[test]
fn mappings_callers_and_grants_of_a_freed_grant_move_up_bit_by_bit() {
    let mut w = world(1600);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let upper = w.call(nr::derive, &[w.pool, channel, ALL, 1, 0]).unwrap();
    let lower = w.call(nr::derive, &[w.pool, upper[0], ALL, 1, 0]).unwrap();
    let links = callers(&mut w, lower[0], 300);
    w.ok(nr::close, &[lower[0]]);
    // Its end is told first: the cell is needed until then.
    w.enter(nr::recv as u64, &[channel, 0]);
    let init = w.init;
    w.prepare(init, nr::close as u64, &[lower[1]], 0);
    let entries = finish(&mut w, |_| 0);
    assert!(entries > 1, "{entries} entries");
    w.ok(nr::revoke, &[upper[1]]);
    for link in links {
        assert_eq!(w.answer(link), Err(Error::Revoked), "the one above ends their calls");
    }
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 1, 0]);
    let upper = w.call(nr::derive, &[w.pool, memory, ALL, 1, 0]).unwrap();
    let lower = w.call(nr::derive, &[w.pool, upper[0], ALL, 1, 0]).unwrap();
    for n in 0..400 {
        w.ok(nr::map, &[OWN, lower[0], AT + (n << 12), 0, 1, 1]);
    }
    w.ok(nr::close, &[lower[0]]);
    w.prepare(init, nr::close as u64, &[lower[1]], 0);
    assert!(finish(&mut w, |_| 0) > 1);
    w.ok(nr::revoke, &[upper[1]]);
    assert_eq!(w.call(nr::unmap, &[OWN, AT, 400]).map(|_| ()), Ok(()));
    let process = w.process_of(init);
    assert_eq!(w.page(process, AT + 0x5000), kcore::hw::Entry::Empty);
    invariants::check(&mut w);
}

#[test]
fn a_large_memory_is_given_back_bit_by_bit() {
    let mut w = world(17_000);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 8000, 0]);
    let init = w.init;
    let free = w.free();
    w.prepare(init, nr::close as u64, &[memory], 0);
    let mut entries = 1;
    let mut before = free;
    while enter_once(&mut w, init) {
        assert!(w.free() - before <= 64 * (UNITS as u32 + 2), "{} frames at once", w.free() - before);
        before = w.free();
        invariants::check(&mut w);
        entries += 1;
    }
    assert!(entries >= 8000 / (64 * 33));
    assert!(w.free() >= free + 8000);
    invariants::check(&mut w);
}

#[test]
fn a_core_with_nothing_to_run_finishes_what_its_caller_did_not() {
    let mut w = world(900);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (server, link) = helper(&mut w, 4, 200);
    let links = callers(&mut w, channel, 100);
    for _ in 0..100 {
        waits(&mut w, link, nr::recv, &[channel, 0]);
    }
    // The server ends itself: nobody is there who could be rewound.
    let init = w.init;
    assert_eq!(w.current(), init);
    w.enter(nr::recv as u64, &[0, WAIT]);
    assert_eq!(w.current(), link);
    w.prepare(link, nr::destroy as u64, &[server], 0);
    w.k.syscall(0);
    invariants::check(&mut w);
    assert!(w.state(links[99]) == Some(State::AwaitingReply), "not all at once");
    // Those who were told run, and wait for something else; then nobody runs, and the timer comes at once.
    for _ in 0..1000 {
        if w.current().is_none() {
            let timer = w.k.system.hw.timer;
            if timer == u64::MAX {
                break;
            }
            assert!(timer <= w.k.system.hw.now, "there is work");
            w.k.timer(0);
        } else {
            w.enter(nr::recv as u64, &[0, WAIT]);
        }
        invariants::check(&mut w);
    }
    for link in links {
        assert_eq!(w.state(link), Some(State::Receiving), "told, and gone on");
    }
    assert_eq!(w.state(link), None);
}

#[test]
fn a_call_made_instead_of_one_that_was_rewound_is_made() {
    let mut w = world(900);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    callers(&mut w, channel, 100);
    let init = w.init;
    w.prepare(init, nr::close as u64, &[channel], 0);
    assert!(enter_once(&mut w, init));
    // Whatever brought it there: it is elsewhere.
    w.prepare(init, nr::create as u64, &[ROOT, NOTIFICATION as u64], 0);
    w.edit(init, |t| t.context.regs.pc = 0x41_0000);
    w.k.syscall(0);
    assert!(w.answer(init).is_ok_and(|answer| answer[0] != 0));
    invariants::check(&mut w);
}

#[test]
fn what_has_nearly_ended_ends_bit_by_bit() {
    let mut w = world(1400);
    let init = w.init;
    // Each channel has more callers than an entry tells, and the last one leaves.
    let mut last = Vec::new();
    for n in 0..30 {
        let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
        for m in 0..9 {
            let (handle, link) = helper(&mut w, 5, n * 9 + m);
            waits(&mut w, link, nr::call, &[channel, 0]);
            last.push((handle, link));
        }
        w.prepare(init, nr::close as u64, &[channel], 0);
        assert!(enter_once(&mut w, init), "it takes more than one entry");
        w.edit(init, |t| (t.restarted(), t.ends_at = 0));
        // Another thread has it stopped there.
        last.retain(|(_, link)| w.state(*link) == Some(State::Calling));
    }
    assert_eq!(last.len(), 30);
    for (handle, _) in last {
        w.ok(nr::stop, &[handle]);
    }
    let ending = |w: &mut World| w.with(|cx| invariants::all::<CHANNEL>(cx).len());
    assert_eq!(ending(&mut w), 30);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    w.prepare(init, nr::close as u64, &[channel], 0);
    assert!(finish(&mut w, ending) >= 30 / UNITS);
    assert_eq!(ending(&mut w), 0);
}

/// A pool with more channels than an entry ends.
fn pool_with_channels(w: &mut World, above: u64) -> u64 {
    let pool = w.ok(nr::create, &[above, POOL as u64, 20, 30]);
    for _ in 0..60 {
        w.ok(nr::create, &[pool, CHANNEL as u64]);
    }
    pool
}

/// An entry of init, which another thread of it makes in its place; its own call stays as it was.
fn meanwhile(w: &mut World, number: u16, arguments: &[u64]) -> Result<u64, Error> {
    let init = w.init;
    let before = w.edit(init, |t| (t.context.regs, t.slow, t.ends_at));
    w.prepare(init, number as u64, arguments, 0);
    w.edit(init, |t| (t.restarted(), t.ends_at = 0));
    w.k.syscall(0);
    let answer = w.answer(init).map(|answer| answer[0]);
    w.edit(init, |t| (t.context.regs, t.slow, t.ends_at) = before);
    invariants::check(w);
    answer
}

#[test]
fn nothing_is_made_below_a_pool_that_is_torn_down() {
    let mut w = world(600);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 200, 30]);
    let inner = w.ok(nr::create, &[pool, POOL as u64, 60, 30]);
    let innermost = w.ok(nr::create, &[inner, POOL as u64, 30, 30]);
    let memory = w.ok(nr::create, &[innermost, MEMORY as u64, 2, 0]);
    // Torn down first, so that the others are not come to yet.
    pool_with_channels(&mut w, pool);
    let init = w.init;
    w.prepare(init, nr::destroy as u64, &[pool], 0);
    assert!(enter_once(&mut w, init), "it takes more than one entry");
    for below in [inner, innermost] {
        for kind in [POOL, PROCESS, CHANNEL, NOTIFICATION, MEMORY] {
            assert_eq!(meanwhile(&mut w, nr::create, &[below, kind as u64, 1, 0]), Err(Error::ServerDied), "{kind}");
        }
        assert_eq!(meanwhile(&mut w, nr::derive, &[below, memory, ALL, 0, 0]), Err(Error::ServerDied));
        assert_eq!(meanwhile(&mut w, nr::slice, &[below, memory, 0, 1, 0]), Err(Error::ServerDied));
    }
    assert_eq!(meanwhile(&mut w, nr::pool_move, &[inner, innermost, 1]), Err(Error::PoolEmpty));
    while enter_once(&mut w, init) {}
    assert_eq!(w.call(nr::info, &[inner, 1]), Err(Error::ServerDied));
    invariants::check(&mut w);
}

#[test]
fn destroy_ends_its_own_pool_whatever_others_doom_meanwhile() {
    let mut w = world(900);
    let pool = pool_with_channels(&mut w, ROOT);
    let init = w.init;
    w.prepare(init, nr::destroy as u64, &[pool], 0);
    let mut others = Vec::new();
    let mut entries = 0;
    while enter_once(&mut w, init) {
        entries += 1;
        assert!(entries < 20, "it comes to its end");
        // Somebody always has another that was doomed later.
        w.edit(init, |t| t.restarted());
        let regs = w.edit(init, |t| t.context.regs);
        let other = pool_with_channels(&mut w, ROOT);
        w.edit(init, |t| (t.restart(), t.context.regs = regs));
        _ = meanwhile(&mut w, nr::destroy, &[other]);
        others.push(other);
    }
    assert_eq!(w.call(nr::info, &[pool, 1]), Err(Error::ServerDied));
    assert!(entries > 3 && others.iter().all(|other| w.call(nr::info, &[*other, 1]).is_ok()), "not by ending theirs");
}

#[test]
fn nothing_is_put_into_a_process_that_is_torn_down() {
    let mut w = world(600);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 200, 30]);
    let process = w.ok(nr::create, &[pool, PROCESS as u64]);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 40, 0]);
    for n in 0..40 {
        w.ok(nr::map, &[process, memory, 0x4000_0000 + n * 0x2000, n, 1, 3]);
    }
    let (init, shown) = (w.init, Handle::from_raw(memory as u32).expect("a handle"));
    w.prepare(init, nr::destroy as u64, &[pool], 0);
    assert!(enter_once(&mut w, init), "it takes more than one entry");
    // As long as its handles and mappings go one by one.
    let mut tried = 0;
    loop {
        let before = w.edit(init, |t| t.context.regs);
        let dying = w.with(|cx| {
            let all = invariants::all::<PROCESS>(cx);
            all.into_iter().any(|process| cx.v.get(process).dying)
        });
        if dying {
            tried += 1;
            let home = w.pool;
            let there = Derived::to(Handle::from_raw(process as u32).expect("a handle"), 92).0;
            let calls: [(u16, &[u64]); 6] = [
                (nr::dup, &[memory, ALL, process, 0]),
                (nr::dup, &[memory, ALL, process, 90]),
                (nr::give, &[process, 0, Gift::new(shown, Rights::all(), 91).0]),
                (nr::derive, &[home, memory, ALL, 0, 0, there]),
                (nr::map, &[process, memory, 0x6000_0000, 0, 1, 1]),
                (nr::create, &[home, THREAD as u64, process, 5, 0x2000_0000]),
            ];
            for (number, arguments) in calls {
                // Another thread of init makes it.
                w.prepare(init, number as u64, arguments, 0);
                w.edit(init, |t| (t.restarted(), t.ends_at = 0));
                w.k.syscall(0);
                assert_eq!(w.answer(init), Err(Error::ServerDied), "call {number}");
            }
            w.edit(init, |t| (t.restart(), t.context.regs = before));
        }
        invariants::check(&mut w);
        if !enter_once(&mut w, init) {
            break;
        }
    }
    assert!(tried > 0, "it was seen dying");
}
