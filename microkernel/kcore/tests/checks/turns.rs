//! Who has the kernel's lock next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use kcore::hw::MAX_CORES;
use kcore::turns::{PATIENCE, Turns, Waiting};

/// Polls of a core that waits for another to take a free lock until it goes on without it.
const UNTIL_PASSED_OVER: u32 = PATIENCE + 2;

fn polls(turns: &Turns, waiting: &mut Waiting, times: u32) -> bool {
    (0..times).any(|_| turns.poll(waiting))
}

#[test]
fn a_free_lock_is_taken_once() {
    let turns = Turns::new();
    assert!(turns.take());
    assert!(!turns.take());
    turns.give_back();
    assert!(turns.take());
}

#[test]
fn those_who_wait_have_it_in_their_order() {
    let turns = Turns::new();
    assert!(turns.take());
    let order = [3, 0, 7, 1, 5];
    let mut waiting: Vec<_> = order.iter().map(|core| turns.line_up(*core)).collect();
    for turn in 0..order.len() {
        // Nobody has it while it is taken, however often he asks.
        assert!(waiting[turn..].iter_mut().all(|each| !polls(&turns, each, 3 * PATIENCE)));
        turns.give_back();
        // Who comes now comes after all of them; the others let the first have it.
        assert!(!turns.take());
        assert!(waiting[turn + 1..].iter_mut().rev().all(|each| !turns.poll(each)));
        assert!(turns.poll(&mut waiting[turn]));
    }
    turns.give_back();
    assert!(turns.take(), "nobody waits any more");
}

#[test]
fn a_core_that_comes_again_comes_last() {
    let turns = Turns::new();
    assert!(turns.take());
    let mut first = turns.line_up(1);
    let mut second = turns.line_up(2);
    turns.give_back();
    assert!(turns.poll(&mut first));
    let mut again = turns.line_up(1);
    turns.give_back();
    assert!(!turns.poll(&mut again));
    assert!(turns.poll(&mut second));
    turns.give_back();
    assert!(turns.poll(&mut again));
}

#[test]
fn a_core_that_is_not_there_is_passed_over_and_is_the_next_when_it_is_back() {
    let turns = Turns::new();
    assert!(turns.take());
    let mut absent = turns.line_up(4);
    let mut second = turns.line_up(2);
    let mut third = turns.line_up(0);
    turns.give_back();
    assert!(!polls(&turns, &mut second, PATIENCE), "it is waited for");
    assert!(polls(&turns, &mut second, UNTIL_PASSED_OVER));
    turns.give_back();
    // Once is enough: the others don't wait for it.
    assert!(turns.poll(&mut third));
    let mut second = turns.line_up(2);
    // It polls while the lock is taken: then it is there, and its turn has come.
    assert!(!turns.poll(&mut absent));
    turns.give_back();
    assert!(!turns.poll(&mut second));
    assert!(turns.poll(&mut absent));
    turns.give_back();
    assert!(turns.poll(&mut second));
}

#[test]
fn one_core_at_a_time_has_it() {
    const TIMES: u64 = 20_000;
    let turns = Turns::new();
    let count = AtomicU64::new(0);
    thread::scope(|scope| {
        for core in 0..MAX_CORES as u8 {
            let (turns, count) = (&turns, &count);
            scope.spawn(move || {
                for _ in 0..TIMES {
                    if !turns.take() {
                        let mut waiting = turns.line_up(core);
                        while !turns.poll(&mut waiting) {
                            thread::yield_now();
                        }
                    }
                    // Not one step: two at a time would lose some.
                    let before = count.load(Ordering::Relaxed);
                    count.store(before + 1, Ordering::Relaxed);
                    turns.give_back();
                }
            });
        }
    });
    assert_eq!(count.into_inner(), TIMES * MAX_CORES as u64);
}
