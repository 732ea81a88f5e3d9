//! Services that end, with a clock of the test's own.

use supervise::restart::{End, FIRST_DELAY, LONGEST_DELAY, MOST, Next, Restarts, WINDOW};
use supervise::{MS, SECOND};

#[test]
fn delays_double_up_to_the_longest_and_the_seventh_end_is_the_last() {
    let mut restarts = Restarts::default();
    let mut now = 5 * SECOND;
    for delay in [100, 200, 400, 800, 1600, 3200] {
        assert_eq!(restarts.ended(now, End::Own), Next::Start(now + delay * MS));
        restarts.restarted();
        now += delay * MS;
    }
    assert_eq!(restarts.total(), 6);
    assert_eq!(restarts.ended(now, End::Own), Next::Fail);
}

#[test]
fn what_ended_long_ago_is_forgotten() {
    let mut restarts = Restarts::default();
    for i in 0..100 {
        assert_eq!(
            restarts.ended(i * WINDOW, End::Own),
            Next::Start(i * WINDOW + FIRST_DELAY),
            "once a minute is fine"
        );
    }
}

#[test]
fn six_in_a_window_are_allowed_wherever_the_window_lies() {
    let mut restarts = Restarts::default();
    // An end every 10 s: never more than six within any 60 s.
    for i in 0..50 {
        assert!(matches!(restarts.ended(i * 10 * SECOND, End::Own), Next::Start(_)), "end {i}");
    }
    // Every 8 s is too often.
    let mut restarts = Restarts::default();
    let ends: Vec<Next> = (0..8).map(|i| restarts.ended(i * 8 * SECOND, End::Own)).collect();
    assert_eq!(ends.iter().position(|end| *end == Next::Fail), Some(MOST));
}

#[test]
fn ordered_ends_are_not_counted_and_not_delayed() {
    let mut restarts = Restarts::default();
    for i in 0..100 {
        assert_eq!(restarts.ended(i * MS, End::Ordered), Next::Start(i * MS));
    }
    assert_eq!(restarts.ended(SECOND, End::Own), Next::Start(SECOND + FIRST_DELAY));
}

#[test]
fn a_start_by_hand_forgives() {
    let mut restarts = Restarts::default();
    while restarts.ended(0, End::Own) != Next::Fail {}
    restarts.forgive();
    assert_eq!(restarts.ended(0, End::Own), Next::Start(FIRST_DELAY));
}

#[test]
fn no_delay_is_longer_than_the_longest_and_a_clock_at_its_end_does_no_harm() {
    let mut restarts = Restarts::default();
    for _ in 0..MOST {
        match restarts.ended(u64::MAX, End::Own) {
            Next::Start(at) => assert_eq!(at, u64::MAX),
            Next::Fail => panic!("too early"),
        }
    }
    let mut restarts = Restarts::default();
    for i in 0..MOST as u64 {
        let Next::Start(at) = restarts.ended(i, End::Own) else { panic!("too early") };
        assert!(at - i <= LONGEST_DELAY);
    }
}
