//! Threads: inheritance, stopping in every state, faults with nobody to tell.

use abi::calls::number as nr;
use abi::info::ThreadState;
use abi::{Error, Rights};
use kcore::hw::Trigger;
use kcore::objects::*;

use super::*;
use crate::invariants;

#[test]
fn priority_goes_along_a_chain_and_comes_back() {
    let mut w = world(500);
    let low = helper(&mut w, 2, 0);
    let middle = helper(&mut w, 5, 1);
    let [a, b] = [0, 1].map(|_| w.ok(nr::create, &[w.pool, CHANNEL as u64]));
    waits(&mut w, low.1, nr::recv, &[a, WAIT]);
    waits(&mut w, middle.1, nr::recv, &[b, 0]);
    w.run(middle.1);
    w.enter(nr::call as u64, &[a, 0]);
    let token = w.answer(low.1).unwrap()[0];
    w.run(w.init);
    assert_eq!(w.edit(low.1, |t| t.priority), 5);
    let high = helper(&mut w, 15, 2);
    waits(&mut w, high.1, nr::call, &[b, 0]);
    assert_eq!(w.edit(low.1, |t| t.priority), 15, "through one that has not even been received");
    invariants::check(&mut w);
    w.ok(nr::config, &[high.0, 0, 18]);
    assert_eq!(w.edit(low.1, |t| t.priority), 18);
    w.ok(nr::stop, &[high.0]);
    assert_eq!(w.edit(low.1, |t| t.priority), 5);
    invariants::check(&mut w);
    w.run(low.1);
    w.enter(nr::reply as u64, &[token, 0]);
    assert_eq!(w.edit(low.1, |t| t.priority), 2);
    invariants::check(&mut w);
}

#[test]
fn a_server_that_goes_elsewhere_gives_the_priority_back() {
    let mut w = world(500);
    let (_, server) = helper(&mut w, 2, 0);
    let (_, client) = helper(&mut w, 15, 1);
    let (_, second) = helper(&mut w, 3, 2);
    let [a, b] = [0, 1].map(|_| w.ok(nr::create, &[w.pool, CHANNEL as u64]));
    waits(&mut w, server, nr::recv, &[a, 0]);
    waits(&mut w, client, nr::call, &[a, 0]);
    assert_eq!(w.edit(server, |t| t.priority), 15);
    waits(&mut w, server, nr::recv, &[b, WAIT]);
    assert_eq!(w.edit(server, |t| t.priority), 2);
    invariants::check(&mut w);
    waits(&mut w, second, nr::recv, &[a, WAIT]);
    assert_eq!(w.edit(second, |t| t.priority), 15, "who takes the call runs at its priority");
    invariants::check(&mut w);
}

/// A helper in each state, with what holds it there.
fn in_each_state(w: &mut World) -> Vec<(u64, ThreadLink, State)> {
    let [busy, quiet] = [0, 1].map(|_| w.ok(nr::create, &[w.pool, CHANNEL as u64]));
    let mut all = Vec::new();
    let (h, t) = w.thread(OWN, 5, 0x2000_0000);
    all.push((h, t, State::Stopped));
    let (h, t) = helper(w, 5, 1);
    all.push((h, t, State::Ready));
    let (h, t) = helper(w, 5, 2);
    waits(w, t, nr::call, &[busy, 0]);
    w.enter(nr::recv as u64, &[busy, WAIT]);
    all.push((h, t, State::AwaitingReply));
    let (h, t) = helper(w, 5, 3);
    waits(w, t, nr::call, &[busy, 0]);
    all.push((h, t, State::Calling));
    let (h, t) = helper(w, 5, 4);
    waits(w, t, nr::recv, &[quiet, 1 << 40]);
    all.push((h, t, State::Receiving));
    let (h, t) = helper(w, 5, 5);
    w.run(t);
    w.k.fault(0, 1, 0x1234, 0);
    w.run(w.init);
    all.push((h, t, State::Faulted));
    invariants::check(w);
    all
}

#[test]
fn a_thread_is_stopped_ended_and_seen_in_every_state() {
    let mut w = world(900);
    for (handle, link, state) in in_each_state(&mut w) {
        assert_eq!(w.state(link), Some(state));
        assert!(w.call(nr::state, &[handle, 0]).is_ok(), "{state:?}");
        let seen = w.call(nr::info, &[handle, 5]).unwrap()[2];
        assert_eq!(seen == ThreadState::Stopped as u64, state == State::Stopped);
        w.ok(nr::stop, &[handle]);
        assert_eq!(w.state(link), Some(State::Stopped));
        invariants::check(&mut w);
        w.ok(nr::start, &[handle, 0x40_0000, 0x50_0000, 3]);
        assert_eq!(w.call(nr::start, &[handle, 0x40_0000, 0x50_0000, 3]), Err(Error::BadArgument));
        invariants::check(&mut w);
    }
    let mut w = world(900);
    for (handle, link, _) in in_each_state(&mut w) {
        w.ok(nr::destroy, &[handle]);
        assert_eq!(w.state(link), None);
        assert_eq!(w.call(nr::stop, &[handle]), Err(Error::ServerDied));
        invariants::check(&mut w);
    }
    assert_eq!(w.call(nr::state, &[MAIN, 0]), Err(Error::BadArgument), "one that runs has no saved registers");
    w.ok(nr::config, &[MAIN, 0, 9]);
    w.enter(nr::stop as u64, &[MAIN]);
    assert_eq!(w.state(w.init), Some(State::Stopped));
    invariants::check(&mut w);
}

/// A thread runs and faults; init goes on.
fn faults(w: &mut World, thread: ThreadLink) {
    w.run(thread);
    w.k.fault(0, 2, 0x5000, 1);
    w.run(w.init);
}

#[test]
fn a_fault_waits_for_somebody_to_tell_and_outlives_its_handler() {
    let mut w = world(500);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (handle, link) = helper(&mut w, 5, 0);
    faults(&mut w, link);
    assert_eq!(w.state(link), Some(State::Faulted));
    w.ok(nr::config, &[handle, 1, channel]);
    assert_eq!(w.state(link), Some(State::Ready), "its instruction runs again");
    faults(&mut w, link);
    assert_eq!(w.state(link), Some(State::Calling));
    w.enter(nr::recv as u64, &[channel, WAIT]);
    w.ok(nr::close, &[channel]);
    assert_eq!(w.state(link), Some(State::AwaitingReply), "what was received is answered");
    let token = token(&mut w, link);
    w.ok(nr::reply, &[token, 0]);
    assert_eq!(w.state(link), Some(State::Ready));
    faults(&mut w, link);
    assert_eq!(w.state(link), Some(State::Faulted), "its channel is gone");
    invariants::check(&mut w);
}

#[test]
fn a_thread_starts_with_what_it_is_given_or_not_at_all() {
    let mut w = world(500);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let note = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    let (handle, link) = w.thread(OWN, 5, 0x2000_0000);
    let weak = w.ok(nr::dup, &[note, Rights::NOTIFY.bits().into(), 0, 0]);
    let start = |w: &mut World, fault: u64, note: u64| {
        w.call(nr::start, &[handle, 0x40_0000, 0x50_0000, 9, fault, note]).map(drop)
    };
    assert_eq!(start(&mut w, channel, weak), Err(Error::Denied));
    assert_eq!(start(&mut w, note, note), Err(Error::WrongKind));
    assert_eq!(w.state(link), Some(State::Stopped));
    assert!(w.edit(link, |t| t.fault.object.is_none() && t.notification.is_none()), "nothing was set");
    start(&mut w, channel, note).unwrap();
    assert_eq!(w.state(link), Some(State::Ready));
    invariants::check(&mut w);
    faults(&mut w, link);
    assert_eq!(w.state(link), Some(State::Calling), "its fault is told");
    w.ok(nr::stop, &[handle]);
    start(&mut w, 0, 0).unwrap();
    assert!(w.edit(link, |t| !t.fault.object.is_none() && !t.notification.is_none()), "0 leaves it as it is");
    waits(&mut w, link, nr::recv, &[0, WAIT]);
    w.ok(nr::notify, &[note, 4]);
    assert_eq!(w.state(link), Some(State::Ready), "its bits wake it");
    invariants::check(&mut w);
}

#[test]
fn a_process_does_not_fill_the_log_with_faults_that_nobody_is_told() {
    let mut w = world(400);
    w.k.system.hw.now = 5_000_000_000;
    let (handle, link) = helper(&mut w, 10, 0);
    for _ in 0..300 {
        faults(&mut w, link);
        w.ok(nr::stop, &[handle]);
        w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    }
    let console = String::from_utf8_lossy(&w.k.system.hw.console).into_owned();
    assert_eq!(console.matches(" 0 0: a thread faulted").count(), 200, "as many as a label may write");
    w.k.system.hw.now += 1_000_000_000;
    faults(&mut w, link);
    let console = String::from_utf8_lossy(&w.k.system.hw.console).into_owned();
    assert_eq!(console.matches(" 0 0: a thread faulted").count(), 201);
    invariants::check(&mut w);
}

#[test]
fn a_fault_is_not_told_through_a_handle_that_was_taken_back() {
    let mut w = world(500);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let session = w.call(nr::derive, &[w.pool, channel, ALL, 5, 0]).unwrap();
    let (handle, link) = helper(&mut w, 5, 0);
    w.ok(nr::config, &[handle, 1, session[0]]);
    w.ok(nr::revoke, &[session[1]]);
    faults(&mut w, link);
    assert_eq!(w.state(link), Some(State::Faulted));
    assert_eq!(w.call(nr::config, &[handle, 1, session[0]]), Err(Error::Revoked));
    invariants::check(&mut w);
}

#[test]
fn a_fault_whose_handler_dies_goes_to_the_next_one_on_the_same_channel() {
    let mut w = world(900);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (handle, link) = helper(&mut w, 5, 0);
    let (pager, pager_link) = helper(&mut w, 6, 1);
    w.ok(nr::config, &[handle, 1, channel]);
    waits(&mut w, pager_link, nr::recv, &[channel, WAIT]);
    faults(&mut w, link);
    assert_eq!(w.state(link), Some(State::AwaitingReply), "the pager has it");
    w.ok(nr::destroy, &[pager]);
    assert_eq!(w.state(link), Some(State::Ready), "the channel lives: its instruction runs again");
    faults(&mut w, link);
    assert_eq!(w.state(link), Some(State::Calling));
    w.enter(nr::recv as u64, &[channel, WAIT]);
    assert_eq!(w.state(link), Some(State::AwaitingReply), "and the next one is told");
    invariants::check(&mut w);
}

#[test]
fn a_process_s_own_threads_fault_to_whom_their_maker_faults() {
    let mut w = world(900);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    w.ok(nr::config, &[MAIN, 1, channel]);
    let (_, link) = helper(&mut w, 5, 0);
    faults(&mut w, link);
    assert_eq!(w.state(link), Some(State::Calling));
    invariants::check(&mut w);
}

#[test]
fn info_tells_what_is_mapped_where_and_how_far_it_goes_on() {
    let mut w = world(900);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 8, 0]);
    let at = 0x3000_0000;
    let page = |w: &mut World, address: u64| {
        let words = w.call(nr::info, &[OWN, 10, address]).unwrap();
        (words[2], words[3], words[4], words[5])
    };
    let identity = w.call(nr::info, &[memory, 2]).unwrap()[6];
    assert_ne!(identity, 0);
    w.ok(nr::map, &[OWN, memory, at, 1, 4, 3]);
    w.ok(nr::map, &[OWN, memory, at + 0x4000, 6, 2, 1]);
    assert_eq!(page(&mut w, at), (3, identity, 1, 4));
    assert_eq!(page(&mut w, at + 0x3000), (3, identity, 4, 1));
    assert_eq!(page(&mut w, at + 0x4000), (1, identity, 6, 2));
    assert_eq!(page(&mut w, at + 0x6000), (0, 0, 0, 128), "nothing, as far as one call looks");
    assert_eq!(page(&mut w, at + 0x1f_f000), (0, 0, 0, 1), "nothing, to the end of the table");
    let slice = w.ok(nr::slice, &[w.pool, memory, 3, 2]);
    assert_eq!(w.call(nr::info, &[slice, 2]).unwrap()[6..8], [identity, 3], "a slice tells its whole's");
    assert_eq!(w.call(nr::info, &[OWN, 10, at + 1]), Err(Error::BadAddress));
    invariants::check(&mut w);
}

fn token(w: &mut World, caller: ThreadLink) -> u64 {
    caller.raw() as u64 | (w.edit(caller, |t| t.sequence) as u64) << 32
}

#[test]
fn a_rewound_receive_leaves_no_mark() {
    let mut w = world(900);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let gift = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    // More callers than one entry fails whose handles nobody takes, so that recv is rewound.
    for n in 0..10 {
        let (_, link) = helper(&mut w, 5, n);
        let copy = w.ok(nr::dup, &[gift, ALL, 0, 0]);
        let buffer = w.edit(link, |t| t.buffer);
        w.with(|cx| cx.v.write_word(buffer, 0, copy));
        waits(&mut w, link, nr::call, &[channel, 1 << 13]);
    }
    let (server, link) = helper(&mut w, 30, 11);
    let _ = server;
    assert_eq!(w.current(), link);
    w.prepare(link, nr::recv as u64, &[channel], WAIT);
    assert!(enter_once(&mut w, link));
    w.k.syscall(0);
    assert_eq!(w.state(link), Some(State::Receiving));
    assert!(!w.edit(link, |t| t.restarting()));
    invariants::check(&mut w);
}

#[test]
fn a_slice_leaves_a_bound_line_alone() {
    let mut w = world(300);
    let line = w.ok(nr::slice, &[w.pool, w.lines, 5, 1, 1]);
    w.ok(nr::irq_bind, &[line, 0x1_0006, 1]);
    let (again, other) = (w.ok(nr::slice, &[w.pool, w.lines, 5, 1, 0]), w.ok(nr::slice, &[w.pool, w.lines, 6, 1, 0]));
    invariants::check(&mut w);
    assert!(w.k.system.hw.unmasked.contains(&5), "its driver still hears of it");
    assert_eq!(w.k.system.hw.triggers[&5], Trigger::Edge, "and as it wants");
    assert_eq!(w.call(nr::irq_bind, &[again, 0x1_0006, 2]), Err(Error::BadArgument), "a line has one driver");
    w.ok(nr::irq_bind, &[line, 0]);
    w.ok(nr::irq_bind, &[again, 0x1_0006, 2]);
    assert_eq!(w.k.system.hw.triggers[&5], Trigger::Level, "the next driver has it as that one wants");
    assert!(w.k.system.hw.unmasked.contains(&5) && !w.k.system.hw.unmasked.contains(&6));
    w.ok(nr::irq_bind, &[other, 0x1_0006, 4]);
    invariants::check(&mut w);
}

#[test]
fn a_server_is_as_deep_as_the_longest_chain_that_remains() {
    let mut w = world(900);
    // init waits for the first of a chain of three; the last of them also has a more urgent caller of its own.
    let channels: Vec<u64> = (0..4).map(|_| w.ok(nr::create, &[w.pool, CHANNEL as u64])).collect();
    let chain: Vec<_> = (0..3).map(|n| helper(&mut w, 5, n)).collect();
    for n in 0..3 {
        waits(&mut w, chain[n].1, nr::recv, &[channels[n], WAIT]);
    }
    let start = helper(&mut w, 6, 4);
    waits(&mut w, start.1, nr::call, &[channels[0], 0]);
    for n in 0..2 {
        waits(&mut w, chain[n].1, nr::call, &[channels[n + 1], 0]);
    }
    let last = chain[2].1;
    assert_eq!(w.edit(last, |t| t.depth), 3);
    let urgent = helper(&mut w, 15, 5);
    waits(&mut w, urgent.1, nr::call, &[channels[2], 0]);
    waits(&mut w, last, nr::recv, &[channels[2], 0]);
    invariants::check(&mut w);
    assert_eq!(w.edit(last, |t| (t.depth, t.priority)), (3, 15), "the longest chain, the most urgent caller");
    let another = helper(&mut w, 14, 6);
    waits(&mut w, another.1, nr::call, &[channels[2], 0]);
    waits(&mut w, last, nr::recv, &[channels[2], 0]);
    let token = token(&mut w, urgent.1);
    waits(&mut w, last, nr::reply, &[token, 0]);
    assert_eq!(w.edit(last, |t| (t.depth, t.priority)), (3, 14), "the deep one still waits behind a more urgent one");
    // Where the chain begins, nobody waits any more: all of it is less deep.
    w.ok(nr::stop, &[start.0]);
    assert_eq!(chain.iter().map(|(_, link)| w.edit(*link, |t| t.depth)).collect::<Vec<_>>(), [0, 1, 2]);
    invariants::check(&mut w);
}

#[test]
fn a_thread_is_as_urgent_as_its_pool_allows_and_where_there_is_a_core() {
    let mut w = world_of(2, 500);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 40, 30]);
    assert_eq!(w.call(nr::create, &[pool, THREAD as u64, OWN, 31, 0x2000_0000]), Err(Error::BadArgument));
    let thread = w.ok(nr::create, &[pool, THREAD as u64, OWN, 30, 0x2000_0000]);
    assert_eq!(w.call(nr::config, &[thread, 0, 31]), Err(Error::BadArgument));
    w.ok(nr::config, &[thread, 0, 1]);
    w.ok(nr::config, &[thread, 0, 30]);
    for core in [2, 7, 8, u64::MAX - 1] {
        assert_eq!(w.call(nr::config, &[thread, 4, core]), Err(Error::BadArgument), "no core {core}");
    }
    w.ok(nr::config, &[thread, 4, 1]);
    w.ok(nr::config, &[thread, 4, abi::calls::ANY_CORE]);
    for pointer in [abi::user::USER_END, u64::MAX] {
        assert_eq!(w.call(nr::config, &[thread, 3, pointer]), Err(Error::BadArgument), "no address of its own");
    }
    for (pc, sp) in [(0, 0x5000), (abi::user::USER_END, 0x5000), (0x40_0000, abi::user::USER_END + 1)] {
        assert_eq!(w.call(nr::start, &[thread, pc, sp, 0]), Err(Error::BadAddress));
    }
    invariants::check(&mut w);
}

#[test]
fn a_buffer_shows_nothing_of_what_was_there() {
    let mut w = world(256);
    // Whatever frame it gets: none was zero when the machine started.
    for n in 0..12 {
        let (_, thread) = w.thread(OWN, 5, 0x2000_0000 + (n << 12));
        let buffer = w.edit(thread, |t| t.buffer);
        assert!(w.frame(buffer.0).iter().all(|byte| *byte == 0), "buffer {n}");
    }
}

#[test]
fn a_deadline_moves_with_its_thread() {
    let mut w = world(400);
    let (handle, sleeper) = helper(&mut w, 10, 0);
    waits(&mut w, sleeper, nr::recv, &[0, 50_000_000]);
    // Nobody is ready: another core may still join.
    w.k.join(1);
    w.kicked(1);
    assert_ne!(w.edit(sleeper, |t| t.timer_slot), 0);
    w.ok(nr::config, &[handle, 4, 1]);
    assert!(w.k.system.hw.kicks.contains(&1), "that core is to set its timer");
    w.kicked(1);
    assert!(w.k.system.hw.timers[1] <= 50_001_024);
    invariants::check(&mut w);
    w.ok(nr::config, &[handle, 4, 0]);
    assert!(w.k.system.hw.timer <= 50_001_024, "and back");
    invariants::check(&mut w);
}
