//! Gifts: several handles at once into another process's table, all or none; and Grants that nobody can revoke.

use abi::calls::{Derived, GIFTS, Gift, number as nr};
use abi::message::{Kind, Tag};
use abi::{Error, Handle, Rights};
use kcore::objects::*;

use super::*;
use crate::{invariants, snapshot};

fn gift(handle: u64, rights: Rights, index: u16) -> u64 {
    Gift::new(Handle::from_raw(handle as u32).expect("a handle"), rights, index).0
}

/// What a process has at an index.
fn there(w: &mut World, process: u64, index: u32) -> Entry {
    let init = w.init;
    w.with(|cx| {
        let init = cx.v.live(init).expect("alive");
        let process = cx.lookup::<PROCESS>(init, process, Rights::empty()).expect("a process").key;
        cx.slot_entry(process, index).filter(|entry| entry.object.class() != 0).unwrap_or_default()
    })
}

#[test]
fn gifts_stand_where_they_were_to_and_what_moved_is_gone() {
    let mut w = world(400);
    let process = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 1, 0]);
    let reader = w.ok(nr::dup, &[memory, (Rights::READ | Rights::TRANSFER).bits().into(), 0, 0]);
    let session = w.call(nr::derive, &[w.pool, channel, ALL, 7, 0, 1]).unwrap()[0];
    let gifts = [
        gift(memory, Rights::READ | Rights::WRITE, 5),
        gift(session, Rights::CALL, 4),
        0,
        gift(reader, Rights::all(), 127),
        gift(memory, Rights::all(), 1),
    ];
    let arguments: Vec<u64> = [process, 0b1010].into_iter().chain(gifts).collect();
    w.ok(nr::give, &arguments);
    invariants::check(&mut w);
    assert_eq!(there(&mut w, process, 5).rights(), Rights::READ | Rights::WRITE);
    assert_eq!((there(&mut w, process, 4).rights(), there(&mut w, process, 4).badge), (Rights::CALL, 7));
    assert_eq!(there(&mut w, process, 127).rights(), Rights::READ | Rights::TRANSFER, "no more than there were");
    assert_eq!(there(&mut w, process, 1).rights(), Rights::all());
    for moved in [session, reader] {
        assert_eq!(w.call(nr::close, &[moved]), Err(Error::BadHandle), "it has moved");
    }
    w.ok(nr::close, &[memory]);
    invariants::check(&mut w);
}

#[test]
fn eight_gifts_are_given_at_once_and_free_slots_stay_in_order() {
    let mut w = world(400);
    let process = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let note = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    let places = [9, 2, 7, 4, 64, 1, 100, 3];
    let arguments: Vec<u64> = [process, 0].into_iter().chain(places.map(|at| gift(note, Rights::all(), at))).collect();
    assert_eq!(arguments.len(), 2 + GIFTS);
    w.ok(nr::give, &arguments);
    invariants::check(&mut w);
    assert_eq!(w.ok(nr::dup, &[note, ALL, process, 0]) & 0xffff, 5, "the first that is free");
    invariants::check(&mut w);
}

#[test]
fn a_gift_that_is_refused_gives_none() {
    let mut w = world(400);
    let process = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let note = w.ok(nr::create, &[w.pool, NOTIFICATION as u64]);
    let stays = w.ok(nr::dup, &[note, (Rights::all() - Rights::TRANSFER).bits().into(), 0, 0]);
    w.ok(nr::dup, &[note, ALL, process, 9]);
    let good = gift(note, Rights::all(), 4);
    let cases = [
        ("of what may not move", 0, gift(stays, Rights::all(), 5), Error::Denied),
        ("to the same place", 0, gift(note, Rights::CALL, 4), Error::BadArgument),
        ("to a place that is taken", 0, gift(note, Rights::all(), 9), Error::BadArgument),
        ("to the second page", 0, gift(note, Rights::all(), 128), Error::BadArgument),
        ("to no place", 0, gift(note, Rights::all(), 0), Error::BadArgument),
        ("of what moves twice", 0b11, gift(note, Rights::all(), 5), Error::BadHandle),
        ("of what moves before", 0b01, gift(note, Rights::all(), 5), Error::BadHandle),
        ("of what moves behind", 0b10, gift(note, Rights::all(), 5), Error::BadHandle),
        ("of nothing that moves", 0b10, 0, Error::BadArgument),
        ("of a ninth", 0x100, 0, Error::BadArgument),
        ("of no handle", 0, 0x7fff | 5 << 48, Error::BadHandle),
    ];
    for (what, moved, other, error) in cases {
        let init = w.init;
        w.prepare(init, nr::give as u64, &[process, moved, good, other], 0);
        let before = snapshot::take(&mut w);
        w.k.syscall(0);
        assert_eq!(w.answer(init), Err(error), "a gift {what}");
        let excluded = snapshot::excluded(&mut w, init);
        assert_eq!(before.difference(&mut w, excluded), None, "a gift {what}");
    }
}

#[test]
fn a_channel_whose_receiving_handle_is_given_for_calls_alone_ends() {
    let mut w = world(400);
    let process = w.ok(nr::create, &[w.pool, PROCESS as u64]);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let session = w.call(nr::derive, &[w.pool, channel, Rights::CALL.bits().into(), 7, 0, 1]).unwrap()[0];
    w.ok(nr::give, &[process, 1, gift(channel, Rights::CALL, 20)]);
    assert_eq!(w.call(nr::call, &[session, 8]), Err(Error::ServerDied), "nobody is left to receive");
    invariants::check(&mut w);
}

#[test]
fn a_grant_without_a_handle_tells_its_end_and_is_gone() {
    let mut w = world(400);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let grants = |w: &mut World| w.with(|cx| invariants::all::<GRANT>(cx).len());
    let before = grants(&mut w);
    let got = w.call(nr::derive, &[w.pool, channel, Rights::CALL.bits().into(), 7, 0, 1]).unwrap();
    assert_eq!(got[1], 0, "there is no handle to it");
    assert_eq!(grants(&mut w), before + 1);
    w.ok(nr::close, &[got[0]]);
    w.enter(nr::recv as u64, &[channel, 0]);
    assert_eq!(Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Closed);
    assert_eq!(w.edit(w.init, |t| t.context.regs.badge), 7);
    assert_eq!(grants(&mut w), before);
    // What is above it takes it back.
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 1, 0]);
    let above = w.call(nr::derive, &[w.pool, memory, ALL, 0, 0, 0]).unwrap();
    let below = w.call(nr::derive, &[w.pool, above[0], ALL, 0, 0, 1]).unwrap();
    w.ok(nr::revoke, &[above[1]]);
    assert_eq!(w.call(nr::info, &[below[0], 0]), Err(Error::Revoked));
    invariants::check(&mut w);
}

#[test]
fn a_derived_handle_goes_to_another_process_and_tells_its_end_as_others_do() {
    let mut w = world(400);
    let sub = w.ok(nr::create, &[w.pool, POOL as u64, 40, 10]);
    let process = w.ok(nr::create, &[sub, PROCESS as u64]);
    let channel = w.ok(nr::create, &[w.pool, CHANNEL as u64]);
    let before = w.call(nr::info, &[OWN, 4]).unwrap()[3];
    let to = Derived::to(Handle::from_raw(process as u32).unwrap(), 4).0;
    let got = w.call(nr::derive, &[w.pool, channel, Rights::CALL.bits().into(), 7, 0, to]).unwrap();
    assert_eq!((got[0] & 0xffff, got[1]), (4, 0), "where it stands there; no handle to the Grant");
    let there = there(&mut w, process, 4);
    assert_eq!((there.rights(), there.badge), (Rights::CALL, 7));
    assert_eq!(w.call(nr::info, &[OWN, 4]).unwrap()[3], before, "and none here");
    let stays = w.ok(nr::dup, &[channel, (Rights::all() - Rights::TRANSFER).bits().into(), 0, 0]);
    let elsewhere = Derived::to(Handle::from_raw(process as u32).unwrap(), 5).0;
    assert_eq!(w.call(nr::derive, &[w.pool, stays, ALL, 7, 0, elsewhere]), Err(Error::Denied), "it may not move");
    w.ok(nr::close, &[stays]);
    invariants::check(&mut w);
    w.ok(nr::destroy, &[sub]);
    w.enter(nr::recv as u64, &[channel, 0]);
    assert_eq!(Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Closed);
    assert_eq!(w.edit(w.init, |t| t.context.regs.badge), 7);
    invariants::check(&mut w);
}

#[test]
fn handles_are_closed_together_or_not_at_all() {
    let mut w = world(400);
    let sub = w.ok(nr::create, &[w.pool, POOL as u64, 40, 10]);
    let made = [CHANNEL, NOTIFICATION, PROCESS].map(|class| w.ok(nr::create, &[sub, class as u64]));
    let memory = w.ok(nr::create, &[w.pool, MEMORY as u64, 3, 0]);
    let used = |w: &mut World| w.call(nr::info, &[w.pool, 1]).unwrap()[3];
    let before = used(&mut w);
    for wrong in [[sub, memory, 0, sub], [sub, memory, 0, 0x7f_0001], [0, memory, 0, 0]] {
        assert_eq!(w.call(nr::close, &wrong), Err(Error::BadHandle));
        assert_eq!(used(&mut w), before);
    }
    // Of objects that are gone, too.
    w.ok(nr::destroy, &[sub]);
    w.ok(nr::close, &[sub, made[0], memory, 0, made[1], made[2]]);
    for gone in [sub, memory, made[0], made[1], made[2]] {
        assert_eq!(w.call(nr::close, &[gone]), Err(Error::BadHandle));
    }
    assert!(used(&mut w) + 40 + 3 <= before, "the Memory went with its last handle");
    invariants::check(&mut w);
}
