//! Grants: told once, undone wholly, whoever died in between.

use abi::calls::number as nr;
use abi::message::{Kind, Tag};
use abi::{Error, Rights};
use kcore::hw::Entry as Page;
use kcore::objects::*;

use super::*;
use crate::invariants;

const AT: u64 = 0x7000_0000;

/// Derives; returns the handle and the Grant.
fn derive(w: &mut World, pool: u64, from: u64, badge: u64) -> (u64, u64) {
    let got = w.call(nr::derive, &[pool, from, ALL, badge, 0]).unwrap();
    (got[0], got[1])
}

#[test]
fn a_closed_end_told_to_a_waiting_receiver_is_freed_once() {
    let mut w = world(256);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (first, grant) = derive(&mut w, ROOT, channel, 9);
    let session = w.ok(nr::dup, &[first, Rights::CALL.bits() as u64, 0, 0]);
    w.ok(nr::close, &[grant]);
    let (_, server) = helper(&mut w, 10, 0);
    waits(&mut w, server, nr::recv, &[channel, WAIT]);
    w.ok(nr::close, &[first]);
    assert_eq!(w.state(server), Some(State::Receiving), "there is another handle through the Grant");
    w.ok(nr::close, &[session]);
    invariants::check(&mut w);
    assert_eq!(w.edit(server, |t| (Tag(t.context.regs.a1).kind(), t.context.regs.badge)), (Kind::Closed, 9));
}

#[test]
fn closed_ends_come_in_order() {
    let mut w = world(256);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let sessions: Vec<u64> = (1..=5).map(|badge| derive(&mut w, ROOT, channel, badge).0).collect();
    for n in [3, 0, 4, 1, 2] {
        w.ok(nr::close, &[sessions[n]]);
    }
    invariants::check(&mut w);
    for badge in [4, 1, 5, 2, 3] {
        w.enter(nr::recv as u64, &[channel, 0]);
        assert_eq!(Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Closed);
        assert_eq!(w.edit(w.init, |t| t.context.regs.badge), badge);
        invariants::check(&mut w);
    }
}

#[test]
fn grants_nest_to_depth_four() {
    let mut w = world(256);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 1, 0]);
    let mut handles = vec![(memory, 0)];
    for _ in 0..4 {
        let last = handles.last().unwrap().0;
        handles.push(derive(&mut w, ROOT, last, 0));
    }
    assert_eq!(w.call(nr::derive, &[w.pool, handles[4].0, ALL, 0, 0]), Err(Error::BadArgument));
    w.ok(nr::revoke, &[handles[2].1]);
    for (i, (handle, _)) in handles.iter().enumerate() {
        let expected = if i < 2 { None } else { Some(Error::Revoked) };
        assert_eq!(w.call(nr::map, &[OWN, *handle, AT + ((i as u64) << 12), 0, 1, 1]).err(), expected, "depth {i}");
    }
    invariants::check(&mut w);
}

#[test]
fn revoking_reaches_mappings_whose_own_grant_was_closed() {
    let mut w = world(256);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 2, 0]);
    let (lent, grant) = derive(&mut w, ROOT, memory, 0);
    let (inner, inner_grant) = derive(&mut w, ROOT, lent, 0);
    w.ok(nr::map, &[OWN, inner, AT, 0, 2, 3]);
    w.ok(nr::close, &[inner]);
    w.ok(nr::close, &[inner_grant]);
    invariants::check(&mut w);
    let process = w.process_of(w.init);
    assert!(matches!(w.page(process, AT), Page::Page(..)), "closing a handle unmaps nothing");
    w.ok(nr::revoke, &[grant]);
    assert_eq!(w.page(process, AT), Page::Empty);
    invariants::check(&mut w);
}

#[test]
fn revoking_reaches_mappings_whose_own_grant_died_with_its_pool() {
    let mut w = world(256);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 2, 0]);
    let (lent, grant) = derive(&mut w, ROOT, memory, 0);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 10, 20]);
    let (middle, _) = derive(&mut w, pool, lent, 0);
    let (inner, _) = derive(&mut w, ROOT, middle, 0);
    w.ok(nr::map, &[OWN, middle, AT, 0, 1, 3]);
    w.ok(nr::map, &[OWN, inner, AT + 0x1000, 1, 1, 3]);
    w.ok(nr::destroy, &[pool]);
    invariants::check(&mut w);
    assert_eq!(w.call(nr::map, &[OWN, inner, AT + 0x2000, 0, 1, 1]), Err(Error::Revoked), "handles below are dead");
    let process = w.process_of(w.init);
    assert!(matches!(w.page(process, AT), Page::Page(..)), "death unmaps nothing elsewhere");
    w.ok(nr::revoke, &[grant]);
    assert_eq!((w.page(process, AT), w.page(process, AT + 0x1000)), (Page::Empty, Page::Empty));
    invariants::check(&mut w);
}

#[test]
fn a_revocation_goes_on_when_its_caller_is_gone() {
    let mut w = world(400);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 40, 0]);
    let (lent, grant) = derive(&mut w, ROOT, memory, 0);
    for n in 0..40 {
        w.ok(nr::map, &[OWN, lent, AT + (n << 12), n, 1, 3]);
    }
    let (handle, link) = helper(&mut w, 10, 0);
    w.run(link);
    w.prepare(link, nr::revoke as u64, &[grant], 0);
    assert!(enter_once(&mut w, link), "forty mappings take more than one entry");
    w.run(w.init);
    w.ok(nr::destroy, &[handle]);
    w.ok(nr::close, &[grant]);
    w.ok(nr::close, &[lent]);
    invariants::check(&mut w);
    for _ in 0..40 {
        idle_work(&mut w.k, 0);
        invariants::check(&mut w);
    }
    let process = w.process_of(w.init);
    assert!((0..40).all(|n| w.page(process, AT + (n << 12)) == Page::Empty), "an idle core finished it");
    invariants::check(&mut w);
}

#[test]
fn a_binding_ends_with_its_own_grant_or_one_above_alone() {
    for revoked in ["another", "its own"] {
        let mut w = world(256);
        let pool = w.pool;
        let note = w.ok(nr::create, &[pool, NOTIFICATION as u64]);
        let (upper, upper_grant) = derive(&mut w, pool, note, 2);
        let (lower, lower_grant) = derive(&mut w, pool, upper, 4);
        let (_, other) = derive(&mut w, pool, note, 1);
        w.ok(nr::config, &[MAIN, 2, lower]);
        // Nobody has a handle through the upper one any more, nor to it: it is gone. The lower one is there.
        for handle in [upper, lower, upper_grant] {
            w.ok(nr::close, &[handle]);
        }
        w.ok(nr::revoke, &[if revoked == "another" { other } else { lower_grant }]);
        w.ok(nr::notify, &[note, 4]);
        let (init, bound) = (w.init, revoked == "another");
        assert_eq!(w.edit(init, |t| (!t.notification.is_none(), t.bits_wait)), (bound, bound), "{revoked} was revoked");
        invariants::check(&mut w);
    }
}

#[test]
fn a_revoked_slice_of_an_interrupt_is_unbound() {
    let mut w = world(256);
    let lines = w.lines;
    let (lines, grant) = derive(&mut w, ROOT, lines, 0);
    let line = w.ok(nr::slice, &[w.pool, lines, 5, 1, 0]);
    w.ok(nr::irq_bind, &[line, 0x1_0006, 1]);
    assert!(w.k.system.hw.unmasked.contains(&5));
    w.ok(nr::revoke, &[grant]);
    assert!(!w.k.system.hw.unmasked.contains(&5));
    assert_eq!(w.call(nr::irq_ack, &[line]), Err(Error::Revoked));
    invariants::check(&mut w);
}

#[test]
fn an_interrupt_sets_no_bits_through_a_revoked_handle_of_the_notification() {
    for closed in [false, true] {
        let mut w = world(256);
        let line = w.ok(nr::slice, &[w.pool, w.lines, 5, 1, 0]);
        let other = w.ok(nr::slice, &[w.pool, w.lines, 6, 1, 0]);
        let (lent, grant) = derive(&mut w, ROOT, 0x1_0006, 7);
        let (bell, bell_grant) = derive(&mut w, ROOT, lent, 7);
        w.ok(nr::irq_bind, &[line, bell, 1]);
        w.ok(nr::irq_bind, &[other, 0x1_0006, 2]);
        if closed {
            w.ok(nr::close, &[bell]);
            w.ok(nr::close, &[bell_grant]);
            w.k.interrupt(0, 5);
            assert_eq!(w.call(nr::irq_ack, &[line]).map(|_| ()), Ok(()), "closing a handle unbinds nothing");
        }
        invariants::check(&mut w);
        assert!(w.k.system.hw.unmasked.contains(&5));
        assert!(leads_to_something(&mut w, grant));
        w.ok(nr::revoke, &[grant]);
        assert!(!w.k.system.hw.unmasked.contains(&5), "its line is masked");
        assert!(w.k.system.hw.unmasked.contains(&6), "the other one goes on");
        let init = w.init;
        for told in [closed as u64, 0] {
            w.ok(nr::recv, &[0, 0]);
            assert_eq!(w.edit(init, |t| t.context.regs.badge), told, "what came before, and then nothing");
            w.k.interrupt(0, 5);
        }
        assert_eq!(w.call(nr::irq_ack, &[line]), Err(Error::BadArgument), "it is not bound");
        invariants::check(&mut w);
        w.ok(nr::irq_bind, &[line, 0x1_0006, 1]);
        w.ok(nr::irq_bind, &[line, 0, 0]);
        invariants::check(&mut w);
    }
}

#[test]
fn a_revoked_receiver_gets_no_more_calls_and_no_more_bits() {
    let mut w = world(256);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (receives, grant) = derive(&mut w, ROOT, channel, 0);
    let note = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    let (owns, note_grant) = derive(&mut w, ROOT, note, u64::MAX);
    let (handle, worker) = helper(&mut w, 10, 0);
    w.ok(nr::config, &[handle, 2, owns]);
    waits(&mut w, worker, nr::recv, &[receives, WAIT]);
    w.ok(nr::revoke, &[grant]);
    assert_eq!(w.state(worker), Some(State::Ready));
    assert_eq!(w.answer(worker), Err(Error::Revoked));
    waits(&mut w, worker, nr::recv, &[0, WAIT]);
    w.ok(nr::revoke, &[note_grant]);
    w.ok(nr::notify, &[note, 1]);
    assert_eq!(w.state(worker), Some(State::Receiving), "its notification was taken away");
    invariants::check(&mut w);
}

#[test]
fn a_call_through_a_grant_that_was_closed_meanwhile_is_ended_by_the_grant_above_alone() {
    let mut w = world(256);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let (session, grant) = derive(&mut w, ROOT, channel, 1);
    let (inner, inner_grant) = derive(&mut w, ROOT, session, 1);
    let (_, other) = derive(&mut w, ROOT, channel, 2);
    let (_, client) = helper(&mut w, 10, 0);
    waits(&mut w, client, nr::call, &[inner, 0]);
    w.ok(nr::close, &[inner]);
    w.ok(nr::close, &[inner_grant]);
    w.ok(nr::revoke, &[other]);
    assert_eq!(w.state(client), Some(State::Calling), "it did not call through that one");
    w.ok(nr::revoke, &[grant]);
    assert_eq!(w.answer(client), Err(Error::Revoked));
    invariants::check(&mut w);
}

/// Whether there is something left to take back through a Grant.
fn leads_to_something(w: &mut World, grant: u64) -> bool {
    let told = w.call(nr::info, &[grant, abi::info::GRANT, 0]).unwrap();
    told[2] != 0
}

#[test]
fn a_grant_tells_whether_revoking_it_would_take_anything_back() {
    let mut w = world(256);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 2, 0]);
    let (lent, grant) = derive(&mut w, ROOT, memory, 0);
    assert!(leads_to_something(&mut w, grant));
    let copy = w.ok(nr::dup, &[lent, ALL, 0, 0]);
    let (inner, inner_grant) = derive(&mut w, ROOT, copy, 0);
    for handle in [lent, copy] {
        w.ok(nr::close, &[handle]);
        assert!(leads_to_something(&mut w, grant), "there is a handle below it");
    }
    w.ok(nr::map, &[OWN, inner, AT, 0, 2, 3]);
    w.ok(nr::close, &[inner]);
    assert!(leads_to_something(&mut w, inner_grant) && leads_to_something(&mut w, grant), "the mapping is left");
    w.ok(nr::unmap, &[OWN, AT, 2]);
    assert!(!leads_to_something(&mut w, inner_grant));
    w.ok(nr::close, &[inner_grant]);
    assert!(!leads_to_something(&mut w, grant), "nothing is left");
    let note = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    let (owns, note_grant) = derive(&mut w, ROOT, note, u64::MAX);
    let (worker, _) = helper(&mut w, 10, 0);
    w.ok(nr::config, &[worker, 2, owns]);
    w.ok(nr::close, &[owns]);
    assert!(leads_to_something(&mut w, note_grant), "a thread is bound through it");
    w.ok(nr::config, &[worker, 2, 0]);
    assert!(!leads_to_something(&mut w, note_grant));
    let weak = w.ok(nr::dup, &[grant, Rights::TRANSFER.bits() as u64, 0, 0]);
    assert_eq!(w.call(nr::info, &[weak, abi::info::GRANT, 0]), Err(Error::Denied));
    invariants::check(&mut w);
}

#[test]
fn a_grant_leads_to_nothing_once_it_is_revoked_or_its_object_is_gone() {
    let mut w = world(256);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let sends = w.ok(nr::dup, &[channel, (Rights::CALL | Rights::TRANSFER).bits() as u64, 0, 0]);
    let (session, grant) = derive(&mut w, ROOT, sends, 0);
    let (_, revoked) = derive(&mut w, ROOT, sends, 0);
    let (_, client) = helper(&mut w, 10, 0);
    waits(&mut w, client, nr::call, &[session, 0]);
    w.ok(nr::close, &[session]);
    assert!(leads_to_something(&mut w, grant), "a call through it waits");
    w.ok(nr::revoke, &[revoked]);
    assert!(!leads_to_something(&mut w, revoked));
    let (_, dead) = derive(&mut w, ROOT, sends, 0);
    w.ok(nr::close, &[channel]);
    assert!(!leads_to_something(&mut w, dead), "the handle is there, but leads nowhere");
    assert!(!leads_to_something(&mut w, grant), "the call has ended");
    invariants::check(&mut w);
}

#[test]
fn nothing_is_derived_into_a_dying_pool() {
    let mut w = world(600);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 200, 30]);
    let channel = w.ok(nr::create, &[pool, CHANNEL as u64]);
    let keep = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    derive(&mut w, pool, keep, 0);
    for _ in 0..90 {
        w.ok(nr::create, &[pool, CHANNEL as u64]);
    }
    let (_, link) = helper(&mut w, 10, 0);
    w.run(link);
    w.prepare(link, nr::destroy as u64, &[pool], 0);
    assert!(enter_once(&mut w, link));
    w.run(w.init);
    assert_eq!(w.call(nr::derive, &[pool, keep, ALL, 0, 0]), Err(Error::ServerDied));
    assert_eq!(w.call(nr::create, &[pool, CHANNEL as u64]), Err(Error::ServerDied));
    let _ = channel;
    invariants::check(&mut w);
}

#[test]
fn a_grant_that_dies_with_its_pool_tells_its_end() {
    let mut w = world(400);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let pool = w.ok(nr::create, &[w.pool, POOL as u64, 10, 20]);
    let (session, _) = derive(&mut w, pool, channel, 7);
    let (below, _) = derive(&mut w, ROOT, session, 8);
    let (early, _) = derive(&mut w, pool, channel, 9);
    w.ok(nr::close, &[early]);
    let bell = w.call(nr::derive, &[pool, 0x1_0006, ALL, 2, 4]).unwrap()[0];
    let (_, client) = helper(&mut w, 10, 0);
    waits(&mut w, client, nr::call, &[session, 0]);
    let before = w.call(nr::info, &[w.pool, 1]).unwrap();
    w.ok(nr::destroy, &[pool]);
    invariants::check(&mut w);
    for dead in [session, below] {
        assert_eq!(w.call(nr::call, &[dead, 0]), Err(Error::Revoked));
    }
    assert_eq!(w.call(nr::notify, &[bell, 2]), Err(Error::Revoked));
    assert_eq!(w.state(client), Some(State::Calling), "a call that waits is answered");
    let mut got = Vec::new();
    for _ in 0..5 {
        w.enter(nr::recv as u64, &[channel, 0]);
        let answer = w.answer(w.init).unwrap();
        got.push((Tag(answer[1]).kind(), w.edit(w.init, |t| t.context.regs.badge)));
        if got.last().unwrap().0 == Kind::Call {
            w.ok(nr::reply, &[answer[0], 0]);
        }
        invariants::check(&mut w);
    }
    let both = [(Kind::Closed, 9), (Kind::Closed, 7)];
    assert_eq!(got[..2], both, "the one that waited to be told, and the one that had handles");
    assert_eq!(got[2..4], [(Kind::Bits, 4), (Kind::Call, 7)], "the notification's close bits, then the call");
    assert_eq!(got[4].0, Kind::Deadline, "each once");
    w.ok(nr::close, &[session]);
    w.ok(nr::close, &[below]);
    w.ok(nr::close, &[bell]);
    w.enter(nr::recv as u64, &[channel, 0]);
    assert_eq!(
        w.edit(w.init, |t| t.context.regs.badge),
        8,
        "whose Grant is another pool's, and had its handle until now"
    );
    w.enter(nr::recv as u64, &[channel, 0]);
    assert_eq!(Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Deadline, "nothing else when the dead handles go");
    let after = w.call(nr::info, &[w.pool, 1]).unwrap();
    assert_eq!((before[3] - after[3], before[4] - after[4]), (10, 10), "all of the pool is back once it is told");
    invariants::check(&mut w);
}

#[test]
fn an_end_waits_in_the_next_pool_up_as_often_as_it_takes() {
    let mut w = world(400);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let outer = w.ok(nr::create, &[w.pool, POOL as u64, 30, 20]);
    let inner = w.ok(nr::create, &[outer, POOL as u64, 20, 20]);
    let sessions: Vec<u64> = (0..40).map(|n| derive(&mut w, inner, channel, 100 + n).0).collect();
    w.ok(nr::destroy, &[inner]);
    invariants::check(&mut w);
    w.ok(nr::destroy, &[outer]);
    invariants::check(&mut w);
    let mut told: Vec<u64> = (0..40)
        .map(|_| {
            w.enter(nr::recv as u64, &[channel, 0]);
            assert_eq!(Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Closed);
            w.edit(w.init, |t| t.context.regs.badge)
        })
        .collect();
    told.sort();
    assert_eq!(told, (100..140).collect::<Vec<u64>>());
    assert_eq!(w.call(nr::call, &[sessions[3], 0]), Err(Error::Revoked));
    w.ok(nr::close, &[channel]);
    invariants::check(&mut w);
}

#[test]
fn what_is_bound_through_closed_grants_is_undone_with_the_one_above() {
    let mut w = world(600);
    let first = w.call(nr::derive, &[w.pool, w.lines, ALL, 0, 0]).unwrap();
    let (mut handle, mut chain) = (first[0], Vec::new());
    for line in 0..3 {
        let next = w.call(nr::derive, &[w.pool, handle, ALL, 0, 0]).unwrap();
        let one = w.ok(nr::slice, &[w.pool, next[0], 7 + line, 1, 0]);
        w.ok(nr::irq_bind, &[one, 0x1_0006, 1]);
        w.ok(nr::close, &[next[1]]);
        chain.push(handle);
        handle = next[0];
    }
    // The last handle of three Grants, and all that came about through them moves up.
    for handle in chain.into_iter().skip(1).chain([handle]) {
        w.ok(nr::close, &[handle]);
        invariants::check(&mut w);
    }
    assert!((7..10).all(|line| w.k.system.hw.unmasked.contains(&line)), "they are bound still");
    w.ok(nr::revoke, &[first[1]]);
    assert!(!(7..10).any(|line| w.k.system.hw.unmasked.contains(&line)));
    invariants::check(&mut w);
}

#[test]
fn what_may_not_move_is_not_given_away_by_dup() {
    let mut w = world(400);
    let other = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let note = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    let kept = (abi::Rights::all() - abi::Rights::TRANSFER).bits() as u64;
    let fixed = w.ok(nr::dup, &[note, kept, 0, 0]);
    assert_eq!(w.call(nr::dup, &[fixed, ALL, other, 0]), Err(Error::Denied));
    w.ok(nr::dup, &[fixed, ALL, 0, 0]);
    w.ok(nr::dup, &[note, ALL, other, 0]);
    let weak = w.ok(nr::dup, &[other, (abi::Rights::all() - abi::Rights::ENDOW).bits() as u64, 0, 0]);
    assert_eq!(w.call(nr::dup, &[note, ALL, weak, 0]), Err(Error::Denied), "nor into any process");
    invariants::check(&mut w);
}

#[test]
fn revoking_the_first_of_four_undoes_every_effect_of_the_last() {
    for level in 0..4 {
        let mut w = world(600);
        let process = w.process_of(w.init);
        let memory = w.ok(nr::create, &[ROOT, MEMORY as u64, 2, 0]);
        let line = w.ok(nr::slice, &[ROOT, w.lines, 7, 1, 0]);
        let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
        let chain = |w: &mut World, from: u64| {
            let (mut handle, mut grants) = (from, Vec::new());
            for _ in 0..4 {
                let got = w.call(nr::derive, &[ROOT, handle, ALL, 0, 0]).unwrap();
                (handle, grants) = (got[0], [grants, vec![got[1]]].concat());
            }
            (handle, grants)
        };
        let (mapped, of_memory) = chain(&mut w, memory);
        let (bound, of_line) = chain(&mut w, line);
        let (called, of_channel) = chain(&mut w, channel);
        let at = 0x7000_0000;
        w.ok(nr::map, &[OWN, mapped, at, 0, 2, 3]);
        w.ok(nr::irq_bind, &[bound, 0x1_0006, 1]);
        let (_, caller) = helper(&mut w, 5, 0);
        waits(&mut w, caller, nr::call, &[called, 0]);
        assert_eq!(w.state(caller), Some(State::Calling));
        for grants in [of_memory, of_line, of_channel] {
            w.ok(nr::revoke, &[grants[level]]);
            invariants::check(&mut w);
        }
        assert_eq!(w.page(process, at), Page::Empty, "the mapping, revoked at depth {}", level + 1);
        assert!(!w.k.system.hw.unmasked.contains(&7), "the interrupt");
        assert_eq!(w.answer(caller).map(|_| ()), Err(Error::Revoked), "the queued call");
        w.ok(nr::map, &[OWN, memory, at, 0, 1, 1]);
        w.ok(nr::irq_bind, &[line, 0x1_0006, 1]);
    }
}
