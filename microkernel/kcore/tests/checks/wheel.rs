//! The timer wheel against a sorted list.

use std::collections::BTreeSet;

use abi::calls::number as nr;
use abi::message::Kind;
use kcore::objects::*;

use crate::random::each_seed;
use crate::world::*;

/// Threads whose deadlines are put into the wheel; they stay stopped.
fn threads(w: &mut World, count: u64) -> Vec<ThreadLink> {
    (0..count).map(|i| w.thread(w.process, 1, 0x2000_0000 + (i << 12)).1).collect()
}

#[test]
fn the_wheel_agrees_with_a_sorted_list() {
    each_seed("the_wheel_agrees_with_a_sorted_list", 60, |seed| {
        let mut r = crate::random::Random::new(seed);
        let mut w = world(300);
        let threads = threads(&mut w, 24);
        let mut list: BTreeSet<(u64, u32)> = BTreeSet::new();
        let mut now = r.next() >> r.below(64);
        w.k.system.hw.now = now;
        for _ in 0..400 {
            let thread = r.pick(&threads);
            let held = list.iter().find(|timer| timer.1 == thread.raw()).copied();
            match (r.below(3), held) {
                (0, None) => {
                    let deadline = now.saturating_add(r.next() >> r.below(64));
                    list.insert((deadline, thread.raw()));
                    w.edit(thread, |t| t.deadline = deadline);
                    w.with(|cx| cx.set_deadline(cx.v.live(thread).unwrap()));
                }
                (1, Some(timer)) if r.one_in(3) => {
                    list.remove(&timer);
                    w.with(|cx| cx.cancel_timer(cx.v.live(thread).unwrap()));
                }
                _ => {
                    let first = list.first().map_or(now, |timer| timer.0);
                    let next = if r.one_in(2) { first } else { now.saturating_add(r.next() >> r.below(64)) };
                    now = next.saturating_add(r.below(3_000)).max(now);
                    w.k.system.hw.now = now;
                    expire(&mut w, &mut list, now);
                }
            }
            let next = w.k.system.cores[0].wheel.next();
            // Rounded up to a tick; what is due at the end of time is the last tick's.
            let first = list.first().map(|timer| timer.0.saturating_add(1_024));
            assert!(first.is_none_or(|first| next <= first), "the timer comes before the first deadline is late");
            assert!(!list.is_empty() || next == u64::MAX);
        }
    });
}

/// Takes out what is due, in both, and compares.
fn expire(w: &mut World, list: &mut BTreeSet<(u64, u32)>, now: u64) {
    let mut due = BTreeSet::new();
    w.with(|cx| {
        while let Some(thread) = cx.s.cores[0].wheel.pop_due(&mut cx.v, now, &mut { u32::MAX }) {
            assert!(due.insert((cx.v.get(thread).deadline, thread.link().raw())), "each expires once");
        }
    });
    for timer in &due {
        assert!(list.remove(timer), "what expires was there");
        assert!(timer.0 <= now || timer.0 > u64::MAX - 2_048, "and not too early");
    }
    for (deadline, _) in list.iter() {
        assert!(deadline.saturating_add(1_024) > now, "nothing is late by more than a tick");
    }
}

#[test]
fn deadlines_of_one_slot_expire_each_in_time() {
    let mut w = world(300);
    let threads = threads(&mut w, 3);
    // All in one slot of the second level; the last of them put in is looked at first.
    for (thread, tick) in threads.iter().zip([64, 70, 127]) {
        w.edit(*thread, |t| t.deadline = tick << 10);
        w.with(|cx| cx.set_deadline(cx.v.live(*thread).unwrap()));
    }
    for (thread, tick) in threads.iter().zip([64, 70, 127]) {
        let popped =
            w.with(|cx| cx.s.cores[0].wheel.pop_due(&mut cx.v, tick << 10, &mut { u32::MAX }).map(|t| t.link()));
        assert_eq!(popped, Some(*thread), "at tick {tick}");
        let more = w.with(|cx| cx.s.cores[0].wheel.pop_due(&mut cx.v, tick << 10, &mut { u32::MAX }).map(|t| t.link()));
        assert_eq!(more, None);
    }
}

#[test]
fn many_deadlines_of_one_slot_move_down_in_parts() {
    let mut w = world(300);
    let threads = threads(&mut w, 40);
    for (i, thread) in threads.iter().enumerate() {
        w.edit(*thread, |t| t.deadline = (4096 + (i as u64 * 7) % 64) << 10);
        w.with(|cx| cx.set_deadline(cx.v.live(*thread).unwrap()));
    }
    // While some wait to move down, others come and go.
    let late = threads[0];
    let (mut expired, mut entries, now) = (std::vec::Vec::new(), 0, 4200 << 10);
    while w.k.system.cores[0].wheel.next() <= now {
        let mut units = 8;
        w.with(|cx| {
            while let Some(thread) = cx.s.cores[0].wheel.pop_due(&mut cx.v, now, &mut units) {
                expired.push(thread.link());
            }
        });
        assert!(units == 0 || w.k.system.cores[0].wheel.next() > now, "it stops for want of units, or is done");
        if entries == 1 && !expired.contains(&late) {
            w.with(|cx| cx.cancel_timer(cx.v.live(late).unwrap()));
            expired.push(late);
        }
        entries += 1;
        assert!(entries < 30);
    }
    assert!(entries > 2, "40 do not fit one entry");
    expired.sort_by_key(|thread| thread.raw());
    expired.dedup();
    assert_eq!(expired.len(), 40, "each expires once");
    assert_eq!(w.k.system.cores[0].wheel.next(), u64::MAX);
}

#[test]
fn a_deadline_at_the_end_of_time_is_one() {
    for deadline in [u64::MAX - 1, u64::MAX - 1023, u64::MAX - 1024] {
        let mut w = world(300);
        w.enter(nr::recv as u64, &[0, deadline]);
        assert_eq!(w.state(w.init), Some(State::Receiving));
        assert!(w.k.system.hw.timer < deadline);
        crate::invariants::check(&mut w);
    }
    for deadline in [1 << 62, 1 << 63, 3 << 62] {
        let mut w = world(300);
        w.enter(nr::recv as u64, &[0, deadline]);
        assert_eq!(w.state(w.init), Some(State::Receiving));
        for looks in 0.. {
            if w.state(w.init) != Some(State::Receiving) {
                break;
            }
            assert!(w.k.system.hw.timer != u64::MAX && looks < 12, "the timer is set, and seldom in between");
            w.k.system.hw.now = w.k.system.hw.timer;
            w.k.timer(0);
        }
        assert_eq!(abi::message::Tag(w.answer(w.init).unwrap()[1]).kind(), Kind::Deadline);
    }
}
