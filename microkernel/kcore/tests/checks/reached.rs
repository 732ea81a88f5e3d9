//! Every error that the table of calls lists for a call can be met: by wrong arguments, in random sequences, or in a corner
//! that has a story here. What nobody can meet is not to be listed.

use std::collections::BTreeSet;

use abi::calls::{CALLS, number as nr};
use abi::message::MAX_CHAIN;
use abi::{Error, Rights};
use kcore::objects::*;

use crate::directed::{ALL, OWN, ROOT, WAIT, helper, waits};
use crate::driver::{Driver, Step};
use crate::random::each_seed;
use crate::world::*;
use crate::wrong;

/// Calls and what they answered.
type Seen = BTreeSet<(u16, u16)>;

#[test]
fn every_listed_error_is_met() {
    let mut seen = Seen::new();
    wrong::refusals(|call, error| _ = seen.insert((call.number, error as u16)));
    corners(&mut seen);
    each_seed("every_listed_error_is_met", 200, |seed| {
        let mut d = Driver::new(seed, 420);
        for _ in 0..200 {
            if let Step::Call { attempt, result: Some(Err(error)), .. } = d.step() {
                seen.insert((attempt.number as u16, error as u16));
            }
        }
    });
    let few = ["VIAETHER_SEED", "VIAETHER_SEEDS"].iter().any(|name| std::env::var_os(name).is_some());
    let listed = CALLS.iter().flat_map(|call| call.errors.iter().map(move |error| (call, error)));
    let missing = listed.filter(|(call, error)| !seen.contains(&(call.number, **error as u16)));
    let missing: Vec<_> = missing.map(|(call, error)| format!("{}: {error}", call.name)).collect();
    assert!(few || missing.is_empty(), "listed, but never met: {missing:?}");
}

/// Stories of errors that few meet.
fn corners(seen: &mut Seen) {
    tables_that_are_full(seen);
    pools_that_are_empty(seen);
    a_chain_that_is_too_long(seen);
    an_answer_with_a_handle_that_cannot_go(seen);
    a_page_with_too_many_writers(seen);
    a_trace_of_too_many_threads(seen);
}

/// Has init make a call, and notes the error.
fn note(seen: &mut Seen, w: &mut World, number: u16, arguments: &[u64]) -> Option<Error> {
    let error = w.call(number, arguments).err()?;
    seen.insert((number, error as u16));
    Some(error)
}

/// A thread of init that waits in a channel and takes a handle; and init is ready to send one.
fn taker(w: &mut World, channel: u64, sent: u64) {
    let (_, server) = helper(w, 10, 1);
    w.run(server);
    w.enter(taking(nr::recv, 1), &[channel, WAIT]);
    let init = w.init;
    if w.current() != init {
        w.run(init);
    }
    let buffer = w.edit(init, |t| t.buffer);
    w.with(|cx| cx.v.write_word(buffer, 0, sent));
}

fn tables_that_are_full(seen: &mut Seen) {
    let mut w = world(1500);
    let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
    let memory = w.ok(nr::create, &[ROOT, MEMORY as u64, 2, 0]);
    taker(&mut w, channel, memory);
    while note(seen, &mut w, nr::dup, &[channel, ALL, 0, 0]).is_none() {}
    note(seen, &mut w, nr::derive, &[ROOT, channel, ALL, 0, 0]);
    note(seen, &mut w, nr::create, &[ROOT, CHANNEL as u64]);
    note(seen, &mut w, nr::slice, &[ROOT, memory, 0, 1, 0]);
    note(seen, &mut w, nr::call, &[channel, 8 | 1 << 13]);
}

fn pools_that_are_empty(seen: &mut Seen) {
    let mut w = world(500);
    let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
    let memory = w.ok(nr::create, &[ROOT, MEMORY as u64, 2, 0]);
    taker(&mut w, channel, memory);
    // Everything, page by page; then what is left of the pages for objects and handles.
    for pages in [64, 1] {
        while note(seen, &mut w, nr::create, &[ROOT, MEMORY as u64, pages, 0]).is_none() {}
    }
    while note(seen, &mut w, nr::slice, &[ROOT, memory, 0, 1, 0]).is_none() {}
    while note(seen, &mut w, nr::dup, &[channel, ALL, 0, 0]).is_none() {}
    note(seen, &mut w, nr::derive, &[ROOT, channel, ALL, 0, 0]);
    note(seen, &mut w, nr::call, &[channel, 8 | 1 << 13]);
}

fn a_chain_that_is_too_long(seen: &mut Seen) {
    let mut w = world(1000);
    let channels: Vec<u64> = (0..=MAX_CHAIN).map(|_| w.ok(nr::create, &[ROOT, CHANNEL as u64])).collect();
    let servers: Vec<_> = (0..=MAX_CHAIN as u64).map(|n| helper(&mut w, 10, n).1).collect();
    for (server, channel) in servers.iter().zip(&channels) {
        waits(&mut w, *server, nr::recv, &[*channel, WAIT]);
    }
    w.enter(nr::call as u64, &[channels[0], 8]);
    for (server, channel) in servers.iter().zip(&channels[1..]) {
        assert_eq!(w.current(), *server);
        w.enter(nr::call as u64, &[*channel, 8]);
        if w.current() == *server {
            let error = w.answer(*server).expect_err("the chain ends");
            seen.insert((nr::call, error as u16));
            return;
        }
    }
}

fn an_answer_with_a_handle_that_cannot_go(seen: &mut Seen) {
    let mut w = world(500);
    let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
    let (_, client) = helper(&mut w, 10, 1);
    waits(&mut w, client, nr::call, &[channel, 8]);
    let token = w.call(nr::recv, &[channel, 0]).unwrap()[0];
    let buffer = w.edit(w.init, |t| t.buffer);
    let kept = w.call(nr::dup, &[channel, Rights::CALL.bits().into(), 0, 0]).unwrap()[0];
    for handle in [0x7fff_7fff, kept] {
        w.with(|cx| cx.v.write_word(buffer, 0, handle));
        note(seen, &mut w, nr::reply, &[token, 8 | 1 << 13]);
    }
}

fn a_page_with_too_many_writers(seen: &mut Seen) {
    let mut w = world(4000);
    let memory = w.ok(nr::create, &[ROOT, MEMORY as u64, 1, 0]);
    let at = |n: u64| 0x4000_0000 + (n << 12);
    w.ok(nr::map, &[OWN, memory, at(0), 0, 1, 1]);
    assert!((1..=1 << 16).any(|n| note(seen, &mut w, nr::map, &[OWN, memory, at(n), 0, 1, 3]).is_some()));
    note(seen, &mut w, nr::protect, &[OWN, at(0), 1, 3]);
}

fn a_trace_of_too_many_threads(seen: &mut Seen) {
    let mut w = world(2000);
    let process = w.ok(nr::create, &[ROOT, PROCESS as u64]);
    let ring = w.ok(nr::create, &[ROOT, MEMORY as u64, 2, 0]);
    (0..257).for_each(|n| _ = w.thread(process, 5, 0x2000_0000 + (n << 12)));
    let log = w.log;
    note(seen, &mut w, nr::trace, &[process, ring, log]);
}
