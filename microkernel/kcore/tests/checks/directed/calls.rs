//! Messages: long ones, handles, replies to those who are gone.

use abi::calls::number as nr;
use abi::message::{BUFFER_PAYLOAD, Tag};
use abi::{Error, Rights};
use kcore::objects::*;

use super::*;
use crate::invariants;

fn tag(bytes: usize, handles: usize) -> u64 {
    Tag::new(bytes, handles).unwrap().0
}

fn put_handles(w: &mut World, thread: ThreadLink, handles: [u64; 4]) {
    let buffer = w.edit(thread, |t| t.buffer);
    w.with(|cx| {
        cx.v.write_word(buffer, 0, handles[0] | handles[1] << 32);
        cx.v.write_word(buffer, 8, handles[2] | handles[3] << 32);
    });
}

fn arrived(w: &mut World, thread: ThreadLink) -> [u64; 4] {
    let buffer = w.edit(thread, |t| t.buffer);
    let (low, high) = w.with(|cx| (cx.v.read_word(buffer, 0), cx.v.read_word(buffer, 8)));
    [low & 0xffff_ffff, low >> 32, high & 0xffff_ffff, high >> 32]
}

/// Has a thread call and init receive it: the token.
fn received(w: &mut World, channel: u64, caller: ThreadLink) -> u64 {
    waits(w, caller, nr::call, &[channel, 0]);
    w.enter(nr::recv as u64, &[channel, WAIT]);
    w.answer(w.init).unwrap()[0]
}

#[test]
fn long_messages_go_both_ways_through_the_buffers() {
    for bytes in [65, 72, 512, 4057, 4063, 4064] {
        let mut w = world(256);
        let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
        let (_, client) = helper(&mut w, 10, 0);
        let (theirs, ours) = (w.edit(client, |t| t.buffer), w.edit(w.init, |t| t.buffer));
        w.with(|cx| (0..508).for_each(|n| cx.v.write_word(theirs, BUFFER_PAYLOAD + n * 8, n as u64 + 1)));
        waits(&mut w, client, nr::call, &[channel, tag(bytes, 0)]);
        w.enter(nr::recv as u64, &[channel, WAIT]);
        let got = w.answer(w.init).unwrap();
        assert_eq!((Tag(got[1]).bytes(), got[2..].to_vec()), (bytes, vec![0; 8]));
        w.with(|cx| {
            for n in 0..508 {
                let expected = if n < bytes.div_ceil(8) { n as u64 + 1 } else { 0 };
                assert_eq!(cx.v.read_word(ours, BUFFER_PAYLOAD + n * 8), expected, "word {n} of {bytes} bytes");
                cx.v.write_word(ours, BUFFER_PAYLOAD + n * 8, 7);
            }
        });
        w.ok(nr::reply, &[got[0], tag(bytes, 0)]);
        assert_eq!(w.with(|cx| cx.v.read_word(theirs, BUFFER_PAYLOAD)), 7);
        assert_eq!(w.answer(client).unwrap()[1], bytes as u64);
    }
    let mut w = world(256);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    for bad in [4065, 5 << 13, 1 << 16, u64::MAX] {
        assert_eq!(w.call(nr::call, &[channel, bad]), Err(Error::BadArgument));
    }
}

#[test]
fn four_handles_move_there_and_back() {
    let mut w = world(256);
    let init = w.init;
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let process = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let server = w.ok(nr::create, &[w.pool, THREAD as u64, process, 30, 0x2000_0000]);
    let at = w.ok(nr::dup, &[channel, ALL, process, 0]);
    w.enter(nr::start as u64, &[server, 0x40_0000, 0x50_0000, 0]);
    let link = w.current();
    w.enter(taking(nr::recv, 4), &[at, WAIT]);
    let gifts: [u64; 4] = std::array::from_fn(|_| w.ok(nr::create, &[w.pool, NOTIFICATION as u64]));
    put_handles(&mut w, init, gifts);
    w.enter(taking(nr::call, 4), &[channel, tag(0, 4)]);
    assert_eq!(w.current(), link);
    invariants::check(&mut w);
    let token = w.answer(link).unwrap()[0];
    let got = arrived(&mut w, link);
    for handle in got {
        w.ok(nr::notify, &[handle, 1]);
    }
    w.enter(taking(nr::reply_recv, 4), &[token, at << 32 | tag(0, 4)]);
    assert_eq!(w.current(), w.init);
    for handle in arrived(&mut w, init) {
        w.ok(nr::notify, &[handle, 1]);
    }
    invariants::check(&mut w);
}

#[test]
fn handles_that_may_not_move_refuse_the_whole_message() {
    let mut w = world(256);
    let init = w.init;
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (_, receiver) = helper(&mut w, 10, 0);
    waits(&mut w, receiver, nr::recv, &[channel, WAIT]);
    w.edit(receiver, |t| t.takes = 4);
    let good = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    let fixed = w.ok(nr::dup, &[good, (Rights::all() - Rights::TRANSFER).bits() as u64, 0, 0]);
    for (handles, error) in [
        ([good, good, 0, 0], Error::BadHandle),
        ([good, fixed, 0, 0], Error::Denied),
        ([good, 0x7_0033, 0, 0], Error::BadHandle),
        ([0, good, 0, 0], Error::BadHandle),
    ] {
        put_handles(&mut w, init, handles);
        assert_eq!(w.call(nr::call, &[channel, tag(0, 2)]), Err(error));
        w.ok(nr::notify, &[good, 0]);
    }
    invariants::check(&mut w);
}

#[test]
fn a_reply_closes_handles_that_its_caller_has_no_room_for() {
    let mut w = world(256);
    let init = w.init;
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (_, client) = helper(&mut w, 10, 0);
    let token = received(&mut w, channel, client);
    let gift = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    put_handles(&mut w, init, [gift, 0, 0, 0]);
    w.ok(nr::reply, &[token, tag(0, 1)]);
    assert_eq!(w.answer(client), Err(Error::TooManyHandles));
    assert_eq!(w.call(nr::notify, &[gift, 1]), Err(Error::BadHandle));
    invariants::check(&mut w);
}

#[test]
fn a_reply_may_close_the_very_channel_it_goes_on_to_receive_from() {
    let mut w = world(256);
    let init = w.init;
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (_, client) = helper(&mut w, 10, 0);
    let token = received(&mut w, channel, client);
    put_handles(&mut w, init, [channel, 0, 0, 0]);
    w.enter(nr::reply_recv as u64, &[token, channel << 32 | tag(0, 1)]);
    assert_eq!(w.answer(client), Err(Error::TooManyHandles));
    assert_eq!(w.current(), w.init);
    assert_eq!(w.answer(w.init), Err(Error::BadHandle), "there is nothing to receive from any more");
    invariants::check(&mut w);
}

#[test]
fn a_token_is_void_after_reply_stop_death_and_elsewhere() {
    let mut w = world(400);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let helpers: Vec<_> = (0..3).map(|n| helper(&mut w, 10, n)).collect();
    let mut tokens = Vec::new();
    for (_, link) in &helpers {
        tokens.push(received(&mut w, channel, *link));
    }
    w.ok(nr::stop, &[helpers[0].0]);
    w.ok(nr::destroy, &[helpers[1].0]);
    invariants::check(&mut w);
    for token in [tokens[0], tokens[1], 0, u64::MAX, tokens[2] ^ 1 << 32, tokens[2] ^ 8] {
        assert_eq!(w.call(nr::reply, &[token, 0]), Err(Error::CallerGone), "{token:x}");
        if token != 0 {
            assert_eq!(w.call(nr::reply_recv, &[token, channel << 32]), Err(Error::CallerGone));
        }
    }
    let (_, other) = helper(&mut w, 30, 3);
    assert_eq!(w.current(), other);
    assert_eq!(w.call(nr::reply, &[tokens[2], 0]), Err(Error::CallerGone), "another thread's");
    w.enter(nr::recv as u64, &[0, WAIT]);
    w.ok(nr::reply, &[tokens[2], 0]);
    assert_eq!(w.call(nr::reply, &[tokens[2], 0]), Err(Error::CallerGone), "twice");
    invariants::check(&mut w);
}

#[test]
fn a_dead_server_fails_deferred_and_waiting_calls() {
    let mut w = world(400);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (server, link) = helper(&mut w, 10, 9);
    let clients: Vec<_> = (0..4).map(|n| helper(&mut w, 5 + n, n).1).collect();
    for client in &clients[..2] {
        waits(&mut w, *client, nr::call, &[channel, 0]);
        waits(&mut w, link, nr::recv, &[channel, 0]);
    }
    for client in &clients[2..] {
        waits(&mut w, *client, nr::call, &[channel, 0]);
    }
    invariants::check(&mut w);
    w.ok(nr::destroy, &[server]);
    invariants::check(&mut w);
    for client in &clients[..2] {
        assert_eq!(w.answer(*client), Err(Error::ServerDied), "it had been received");
    }
    for client in &clients[2..] {
        assert_eq!(w.state(*client), Some(State::Calling), "the channel lives: somebody else may receive");
    }
    w.ok(nr::close, &[channel]);
    for client in &clients[2..] {
        assert_eq!(w.answer(*client), Err(Error::ServerDied));
    }
    invariants::check(&mut w);
}

#[test]
fn calls_nest_sixteen_deep() {
    let mut w = world(900);
    let mut chain = Vec::new();
    for n in 0..20 {
        let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
        let (_, link) = helper(&mut w, 10, n);
        waits(&mut w, link, nr::recv, &[channel, WAIT]);
        chain.push((channel, link));
    }
    w.enter(nr::call as u64, &[chain[0].0, 0]);
    for depth in 1..=16 {
        assert_eq!(w.current(), chain[depth - 1].1);
        if depth < 16 {
            w.enter(nr::call as u64, &[chain[depth].0, 0]);
            invariants::check(&mut w);
        }
    }
    assert_eq!(w.edit(chain[15].1, |t| (t.depth, t.priority)), (16, 20), "the first one's priority reaches the last");
    assert_eq!(w.call(nr::call, &[chain[16].0, 0]), Err(Error::Deadlock));
    invariants::check(&mut w);
}

#[test]
fn a_circle_of_calls_can_be_broken() {
    for broken in 0..3 {
        let mut w = world(400);
        let threads: Vec<_> = (0..3).map(|n| helper(&mut w, 5 + 3 * n, n)).collect();
        let channels: Vec<u64> = (0..3).map(|_| w.ok(nr::create, &[w.pool, CHANNEL as u64])).collect();
        for n in 0..3 {
            waits(&mut w, threads[n].1, nr::recv, &[channels[n], 0]);
        }
        for n in 0..3 {
            waits(&mut w, threads[n].1, nr::call, &[channels[(n + 1) % 3], 0]);
            invariants::check(&mut w);
        }
        w.ok(nr::config, &[threads[0].0, 0, 15]);
        invariants::check(&mut w);
        // Each holds the others up, until one leaves: then all fall, and it is not to be queued again.
        w.ok(nr::config, &[threads[0].0, 0, 2]);
        invariants::check(&mut w);
        w.ok(nr::stop, &[threads[broken].0]);
        invariants::check(&mut w);
        w.ok(nr::destroy, &[threads[(broken + 1) % 3].0]);
        invariants::check(&mut w);
    }
}

#[test]
fn bytes_of_the_registers_that_a_message_does_not_use_arrive_as_zeros() {
    for bytes in 0..=64 {
        let mut w = world(256);
        let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
        let (_, client) = helper(&mut w, 10, 0);
        let full: Vec<u64> = (0..8).map(|n| u64::MAX - n).collect();
        let expected: Vec<u64> = (0..8)
            .map(|n| match bytes as u64 * 8 {
                bits if bits >= (n + 1) * 64 => full[n as usize],
                bits if bits <= n * 64 => 0,
                bits => full[n as usize] & ((1 << (bits - n * 64)) - 1),
            })
            .collect();
        let arguments: Vec<u64> = [channel, tag(bytes, 0)].into_iter().chain(full.clone()).collect();
        waits(&mut w, client, nr::call, &arguments);
        w.enter(nr::recv as u64, &[channel, WAIT, 7, 7, 7, 7, 7, 7, 7, 7]);
        let got = w.answer(w.init).unwrap();
        assert_eq!(got[2..], expected, "a call of {bytes} bytes");
        let arguments: Vec<u64> = [got[0], tag(bytes, 0)].into_iter().chain(full).collect();
        w.ok(nr::reply, &arguments);
        assert_eq!(w.answer(client).unwrap()[2..], expected, "a reply of {bytes} bytes");
    }
}

#[test]
fn who_waits_longest_receives_first() {
    let mut w = world(400);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let receivers: Vec<ThreadLink> = (0..3).map(|n| helper(&mut w, 10, n).1).collect();
    for receiver in &receivers {
        waits(&mut w, *receiver, nr::recv, &[channel, WAIT]);
    }
    for receiver in &receivers {
        let caller = helper(&mut w, 10, 3 + receiver.raw() as u64).1;
        waits(&mut w, caller, nr::call, &[channel, 8, 5]);
        assert_ne!(w.state(*receiver), Some(State::Receiving), "the first that came is the first served");
        invariants::check(&mut w);
    }
}
