//! What processes see of the kernel, told as stories.

use abi::calls::number as nr;
use abi::message::{Kind, Tag};
use abi::{Error, Rights};
use kcore::hw::Entry;
use kcore::objects::*;

use crate::world::*;

const WAIT: u64 = u64::MAX;

/// init as server and a second thread of init as client, on one channel.
fn pair(w: &mut World, client_priority: u64) -> (u64, ThreadLink) {
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (handle, client) = w.thread(w.process, client_priority, 0x2000_0000);
    w.enter(nr::start as u64, &[handle, 0x40_0000, 0x60_0000, 0]);
    (channel, client)
}

#[test]
fn a_call_is_received_and_answered() {
    let mut w = world(256);
    let server = w.init;
    let (channel, client) = pair(&mut w, 10);
    w.enter(nr::recv as u64, &[channel, WAIT]);
    assert_eq!(w.current(), client, "the server waits, so the client runs");
    w.enter(nr::call as u64, &[channel, Tag::new(16, 0).unwrap().0, 7, 8]);
    assert_eq!(w.current(), server, "the call hands over at once");
    let got = w.answer(server).unwrap();
    assert_eq!((Tag(got[1]).kind(), Tag(got[1]).bytes(), got[2], got[3]), (Kind::Call, 16, 7, 8));
    w.ok(nr::reply, &[got[0], Tag::new(8, 0).unwrap().0, 99]);
    assert_eq!(w.call(nr::reply, &[got[0], 0]), Err(Error::CallerGone), "a token works once");
    w.enter(nr::recv as u64, &[channel, WAIT]);
    assert_eq!(w.current(), client);
    let got = w.answer(client).unwrap();
    assert_eq!((got[0], Tag(got[1]).bytes(), got[2]), (0, 8, 99));
}

#[test]
fn a_waiting_caller_is_taken_by_reply_recv_and_lends_its_priority() {
    let mut w = world(256);
    let server = w.init;
    let (channel, client) = pair(&mut w, 40);
    assert_eq!(w.current(), client, "more urgent than init");
    w.enter(nr::call as u64, &[channel, 0]);
    assert_eq!(w.current(), server);
    w.enter(nr::reply_recv as u64, &[0, channel << 32, 0]);
    assert_eq!(w.edit(server, |t| (t.priority, t.state)), (40, State::Running));
    let token = w.answer(server).unwrap()[0];
    w.enter(nr::reply_recv as u64, &[token, channel << 32]);
    w.edit(server, |t| assert_eq!(t.base_priority, 20));
    assert_eq!(w.current(), client);
    assert_eq!(w.state(server), Some(State::Receiving));
    assert_eq!(w.edit(server, |t| t.priority), 20, "what was lent is given back");
}

#[test]
fn handles_move_with_a_message() {
    let mut w = world(256);
    let server = w.init;
    let (channel, client) = pair(&mut w, 10);
    let gift = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    w.enter(taking(nr::recv, 4), &[channel, WAIT]);
    let buffer = w.edit(client, |t| t.buffer);
    w.with(|cx| cx.v.write_word(buffer, 0, gift));
    w.enter(nr::call as u64, &[channel, Tag::new(0, 1).unwrap().0]);
    assert_eq!(w.current(), server);
    let buffer = w.edit(server, |t| t.buffer);
    let arrived = w.with(|cx| cx.v.read_word(buffer, 0)) & 0xffff_ffff;
    assert_ne!(arrived, gift, "a new value in the receiver's table");
    assert_eq!(w.call(nr::notify, &[gift, 1]), Err(Error::BadHandle), "it moved");
    w.ok(nr::notify, &[arrived, 1]);
}

#[test]
fn a_call_with_more_handles_than_taken_fails_and_moves_none() {
    let mut w = world(256);
    let (channel, client) = pair(&mut w, 10);
    let gift = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    w.enter(nr::recv as u64, &[channel, WAIT]);
    let buffer = w.edit(client, |t| t.buffer);
    w.with(|cx| cx.v.write_word(buffer, 0, gift));
    assert_eq!(w.call(nr::call, &[channel, Tag::new(0, 1).unwrap().0]), Err(Error::TooManyHandles));
    w.ok(nr::notify, &[gift, 1]);
}

#[test]
fn the_last_session_handle_tells_the_server() {
    let mut w = world(256);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let rights = (Rights::CALL | Rights::TRANSFER).bits() as u64;
    let got = w.call(nr::derive, &[w.pool, channel, rights, 77, 0]).unwrap();
    let (session, grant) = (got[0], got[1]);
    let copy = w.ok(nr::dup, &[session, rights, 0, 0]);
    w.ok(nr::close, &[session]);
    w.ok(nr::close, &[grant]);
    w.enter(nr::recv as u64, &[channel, 0]);
    w.edit(w.init, |t| t.context.regs.badge = 0);
    assert_eq!(Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Deadline, "one handle is left");
    w.ok(nr::close, &[copy]);
    w.enter(nr::recv as u64, &[channel, 0]);
    assert_eq!(Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Closed);
    assert_eq!(w.edit(w.init, |t| t.context.regs.badge), 77);
    w.enter(nr::recv as u64, &[channel, 0]);
    assert_eq!(Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Deadline, "told once");
}

#[test]
fn revoking_ends_handles_mappings_and_queued_calls() {
    let mut w = world(256);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 4, 0]);
    let rights = (Rights::READ | Rights::WRITE | Rights::TRANSFER).bits() as u64;
    let got = w.call(nr::derive, &[w.pool, memory, rights, 0, 0]).unwrap();
    let inner = w.call(nr::derive, &[w.pool, got[0], rights, 0, 0]).unwrap();
    let at = 0x7000_0000;
    w.ok(nr::map, &[w.process, inner[0], at, 1, 3, 3]);
    let process = w.process_of(w.init);
    assert!(matches!(w.page(process, at), Entry::Page(..)));
    w.ok(nr::revoke, &[got[1]]);
    assert_eq!(w.page(process, at), Entry::Empty);
    assert_eq!(w.call(nr::map, &[w.process, inner[0], at, 0, 1, 1]), Err(Error::Revoked));
    w.ok(nr::map, &[w.process, memory, at, 0, 1, 1]);
}

#[test]
fn memory_goes_from_data_to_frozen_to_code() {
    let mut w = world(256);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 2, 0]);
    let at = 0x7000_0000;
    assert_eq!(w.call(nr::map, &[w.process, memory, at, 0, 1, 7]), Err(Error::WriteAndExecute));
    assert_eq!(w.call(nr::map, &[w.process, memory, at, 0, 1, 5]), Err(Error::NotExecutable));
    w.ok(nr::map, &[w.process, memory, at, 0, 1, 3]);
    assert_eq!(w.call(nr::freeze, &[memory, 0, 2]), Err(Error::StillMapped));
    w.ok(nr::unmap, &[w.process, at, 1]);
    assert_eq!(w.call(nr::seal, &[memory, 0, 2, w.seal]), Err(Error::NotFrozen));
    w.ok(nr::freeze, &[memory, 0, 2]);
    assert_eq!(w.call(nr::seal, &[memory, 0, 2, w.log]), Err(Error::Denied));
    w.ok(nr::seal, &[memory, 0, 2, w.seal]);
    w.ok(nr::map, &[w.process, memory, at, 0, 1, 5]);
    assert_eq!(w.call(nr::map, &[w.process, memory, at + 0x1000, 1, 1, 3]), Err(Error::Denied));
    assert_eq!(w.call(nr::protect, &[w.process, at, 1, 3]), Err(Error::Denied));
}

#[test]
fn destroying_a_pool_ends_all_that_was_made_from_it() {
    let mut w = world(512);
    // The first pool leaves init's own tables as large as they will be.
    for _ in 0..2 {
        let free = w.free();
        let pool = w.ok(nr::create, &[w.pool, POOL as u64, 100, 30]);
        let process = w.ok(nr::create, &[pool, PROCESS as u64]);
        let memory = w.ok(nr::create, &[pool, MEMORY as u64, 20, 0]);
        let thread = w.ok(nr::create, &[pool, THREAD as u64, process, 10, 0x3000_0000]);
        w.ok(nr::map, &[process, memory, 0x100_0000, 0, 20, 3]);
        w.ok(nr::start, &[thread, 0x100_0000, 0x110_0000, 0]);
        w.ok(nr::destroy, &[pool]);
        assert_eq!(w.call(nr::start, &[thread, 0x100_0000, 0, 0]), Err(Error::ServerDied));
        assert_eq!(w.call(nr::info, &[memory, 0]), Err(Error::ServerDied));
        for handle in [pool, process, memory, thread] {
            w.ok(nr::close, &[handle]);
        }
        assert_eq!(w.free(), free, "every page is back");
    }
}

#[test]
fn a_mapped_memory_outlives_its_pool() {
    let mut w = world(512);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 50, 30]);
    let memory = w.ok(nr::create, &[pool, MEMORY as u64, 8, 0]);
    let at = 0x7000_0000;
    w.ok(nr::map, &[w.process, memory, at, 0, 8, 3]);
    w.ok(nr::destroy, &[pool]);
    let process = w.process_of(w.init);
    assert!(matches!(w.page(process, at), Entry::Page(..)), "death unmaps nothing elsewhere");
    w.ok(nr::close, &[memory]);
    w.ok(nr::close, &[pool]);
    let free = w.free();
    w.ok(nr::unmap, &[w.process, at, 8]);
    assert!(w.free() >= free + 9, "the last mapping ends it");
}

#[test]
fn a_dead_server_fails_its_callers() {
    let mut w = world(512);
    let (channel, client) = pair(&mut w, 40);
    assert_eq!(w.current(), client);
    w.enter(nr::call as u64, &[channel, 0]);
    assert_eq!(w.current(), w.init);
    w.enter(nr::close as u64, &[channel]);
    assert_eq!(w.current(), client);
    assert_eq!(w.answer(client), Err(Error::ServerDied));
}

#[test]
fn a_fault_is_a_call_and_the_answer_runs_the_instruction_again() {
    let mut w = world(512);
    let server = w.init;
    let (channel, client) = pair(&mut w, 10);
    let (handle, _) = (w.ok(nr::create, &[w.pool, NOTIFICATION as u64]), 0);
    w.ok(nr::close, &[handle]);
    let (child, link) = w.thread(w.process, 10, 0x2100_0000);
    w.ok(nr::config, &[child, 1, channel]);
    w.ok(nr::start, &[child, 0x1234_5000, 0x60_0000, 5]);
    w.enter(nr::recv as u64, &[channel, WAIT]);
    w.run(link);
    w.k.fault(0, 2, 0xdead_b000, 0x77);
    assert_eq!(w.current(), server);
    let got = w.answer(server).unwrap();
    assert_eq!(Tag(got[1]).kind(), Kind::Fault);
    assert_eq!((got[2], got[3], got[4], got[6]), (2, 0xdead_b000, 0x1234_5000, 0x77));
    w.ok(nr::reply, &[got[0], 0]);
    assert_eq!(w.state(link), Some(State::Ready));
    assert_eq!(w.edit(link, |t| (t.context.regs.pc, t.context.regs.a0)), (0x1234_5000, 5));
    assert_eq!(w.state(client), Some(State::Ready));
}

#[test]
fn the_first_process_takes_the_machine_along_when_it_faults() {
    let mut w = world(512);
    let root = w.pool;
    w.pool = w.ok(nr::create, &[root, POOL as u64, 64, 10]);
    let other = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let (child, link) = w.thread(other, 10, 0x2100_0000);
    w.ok(nr::start, &[child, 0x1234_5000, 0x60_0000, 5]);
    w.run(link);
    w.k.fault(0, 1, 0, 0);
    assert_eq!((w.state(link), w.k.system.hw.off), (Some(State::Faulted), None), "any other process just stops");
    w.run(w.init);
    w.k.fault(0, 1, 0, 0);
    assert_eq!(w.k.system.hw.off, Some(kcore::hw::Reboot::No));
}

#[test]
fn bits_deadlines_and_calls_come_by_one_recv() {
    let mut w = world(512);
    let server = w.init;
    let (channel, client) = pair(&mut w, 10);
    let own = 0x1_0006;
    w.ok(nr::notify, &[own, 6]);
    w.enter(nr::recv as u64, &[channel, WAIT]);
    assert_eq!(w.current(), server, "the bits were there");
    assert_eq!(w.edit(server, |t| (Tag(t.context.regs.a1).kind(), t.context.regs.badge)), (Kind::Bits, 6));
    w.k.system.hw.now = 5_000;
    w.enter(nr::recv as u64, &[channel, 1_000_000]);
    assert_eq!(w.current(), client);
    // The wheel may want to look before, never later.
    let mut looks = 0;
    while w.current() == client && looks < 4 {
        w.k.system.hw.now = w.k.system.hw.timer;
        w.k.timer(0);
        looks += 1;
    }
    assert!((1_000_000..1_003_000).contains(&w.k.system.hw.now) && looks < 4);
    assert_eq!(w.current(), server);
    assert_eq!(Tag(w.answer(server).unwrap()[1]).kind(), Kind::Deadline);
    w.enter(nr::recv as u64, &[channel, WAIT]);
    w.enter(nr::notify as u64, &[own, 1]);
    assert_eq!(w.current(), server);
    assert_eq!(w.edit(server, |t| t.context.regs.badge), 1);
}

#[test]
fn an_interrupt_sets_its_bit_and_stays_masked_until_acknowledged() {
    let mut w = world(512);
    let line = w.ok(nr::slice, &[w.pool, w.lines, 5, 1, 0]);
    w.ok(nr::irq_bind, &[line, 0x1_0006, 1 << 8]);
    assert!(w.k.system.hw.unmasked.contains(&5));
    w.k.interrupt(0, 5);
    assert!(!w.k.system.hw.unmasked.contains(&5));
    w.enter(nr::recv as u64, &[0, WAIT]);
    assert_eq!(w.edit(w.init, |t| t.context.regs.badge), 1 << 8);
    w.ok(nr::irq_ack, &[line]);
    assert!(w.k.system.hw.unmasked.contains(&5));
}

#[test]
fn a_table_grows_beyond_its_first_page() {
    let mut w = world(1024);
    let handles: Vec<u64> = (0..300).map(|_| w.ok(nr::create, &[w.pool, CHANNEL as u64])).collect();
    let mut sorted = handles.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 300);
    for handle in &handles {
        w.ok(nr::close, &[*handle]);
        assert_eq!(w.call(nr::close, &[*handle]), Err(Error::BadHandle));
    }
}

#[test]
fn round_robin_among_equals() {
    let mut w = world(512);
    let (a, first) = w.thread(w.process, 20, 0x2100_0000);
    w.ok(nr::start, &[a, 0x40_0000, 0x60_0000, 0]);
    assert_eq!(w.current(), w.init);
    let slice = w.k.system.hw.timer;
    assert!(slice != u64::MAX, "somebody waits for the end of the slice");
    w.k.system.hw.now = slice;
    w.k.timer(0);
    assert_eq!(w.current(), first);
    w.enter(nr::yield_now as u64, &[]);
    assert_eq!(w.current(), w.init);
    // Who becomes ready now runs after who was before.
    let (b, second) = w.thread(w.process, 20, 0x2200_0000);
    w.ok(nr::start, &[b, 0x40_0000, 0x60_0000, 0]);
    for expected in [first, second, w.init] {
        w.enter(nr::yield_now as u64, &[]);
        assert_eq!(w.current(), expected);
    }
}
