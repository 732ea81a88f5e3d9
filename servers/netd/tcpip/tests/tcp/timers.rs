//! Keep-alive and user time-out (RFC 9293 §3.8.3, §3.8.4).

use crate::tcb::*;
use tcpip::*;

fn keep_alive() -> Tcb {
    let keep_alive = Some(Duration::from_secs(10));
    established_with(config(), SocketOptions { keep_alive, ..SocketOptions::default() })
}

fn user_timeout() -> Tcb {
    let user_timeout = Some(Duration::from_secs(3));
    established_with(config(), SocketOptions { user_timeout, ..SocketOptions::default() })
}

#[test]
fn silence_is_probed_with_an_old_number() {
    let mut tcb = keep_alive();
    assert_eq!(tcb.wait_for_timer(), 10_000);
    assert_eq!(tcb.out(), [seg(ACK, 0, 1, 0)]);
    assert_eq!(tcb.wait_for_timer(), 75_000);
    assert_eq!(tcb.out(), [seg(ACK, 0, 1, 0)]);
}

#[test]
fn an_answer_starts_the_silence_anew() {
    let mut tcb = keep_alive();
    tcb.wait_for_timer();
    tcb.out();
    tcb.recv(seg(ACK, 1, 1, 0));
    assert_eq!(tcb.wait_for_timer(), 10_000);
}

#[test]
fn nine_unanswered_probes_are_the_end() {
    let mut tcb = keep_alive();
    let mut probes = 0;
    while tcb.state() == State::Established {
        tcb.wait_for_timer();
        probes += tcb.out().len();
    }
    assert_eq!((probes, tcb.c.error()), (9, Some(Error::TimedOut)));
}

#[test]
fn with_data_in_flight_the_retransmission_timer_decides() {
    let mut tcb = keep_alive();
    tcb.write(1, 10);
    tcb.out();
    assert_eq!(tcb.wait_for_timer(), 200);
}

#[test]
fn a_keep_alive_probe_of_the_peer_is_answered() {
    let mut tcb = established();
    assert_eq!(tcb.unchanged_by(seg(ACK, 0, 1, 0)), [seg(ACK, 1, 1, 0)]);
}

#[test]
fn without_the_option_nothing_runs() {
    assert_eq!(established().c.poll_at(), None);
}

#[test]
fn data_that_stays_unacknowledged_ends_after_the_users_time() {
    let mut tcb = user_timeout();
    tcb.write(1, 10);
    tcb.out();
    let start = tcb.now;
    while tcb.state() == State::Established {
        tcb.wait_for_timer();
        tcb.out();
    }
    assert_eq!((tcb.now.since(start), tcb.c.error()), (Duration::from_secs(3), Some(Error::TimedOut)));
}

#[test]
fn progress_starts_the_users_time_anew() {
    let mut tcb = user_timeout();
    tcb.write(1, 2000);
    tcb.out();
    tcb.wait(2500);
    tcb.out();
    tcb.recv(seg(ACK, 1, 1001, 0));
    tcb.wait(2500);
    assert_eq!(tcb.state(), State::Established);
}

#[test]
fn the_users_time_ends_a_closed_window_too() {
    let mut tcb = user_timeout();
    tcb.recv(window(seg(ACK, 1, 1, 0), 0));
    tcb.write(1, 10);
    tcb.out();
    let start = tcb.now;
    while tcb.state() == State::Established {
        tcb.wait_for_timer();
        tcb.out();
        tcb.recv(window(seg(ACK, 1, 1, 0), 0));
    }
    assert_eq!(tcb.now.since(start), Duration::from_secs(3));
}

#[test]
fn an_idle_connection_has_no_users_time() {
    let mut tcb = user_timeout();
    tcb.wait(100_000);
    assert_eq!(tcb.state(), State::Established);
}

#[test]
fn round_trips_set_the_timeout_with_its_floor() {
    let mut tcb = established();
    assert_eq!(tcb.c.status().srtt, Some(Duration::from_millis(10)));
    assert_eq!(tcb.c.status().rto, Duration::from_millis(200));
    for at in 0..20 {
        tcb.write(1 + at * 10, 10);
        tcb.out();
        tcb.now = tcb.now + Duration::from_millis(500);
        tcb.recv(seg(ACK, 1, 11 + at * 10, 0));
    }
    assert!(tcb.c.status().rto > Duration::from_millis(500));
}
