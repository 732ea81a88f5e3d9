//! Retransmission, fast retransmit and recovery (RFC 6298, RFC 5681, RFC 6582, RFC 3042).

use crate::tcb::*;
use tcpip::tcp::Phase;
use tcpip::*;

/// Established, with `count` full segments in flight.
fn in_flight(count: u32) -> Tcb {
    let mut tcb = established();
    tcb.recv(window(seg(ACK, 1, 1, 0), 60_000));
    tcb.write(1, count as usize * MSS);
    assert_eq!(tcb.out().len(), count as usize);
    tcb
}

fn dup(ack: u32) -> Seg {
    window(seg(ACK, 1, ack, 0), 60_000)
}

#[test]
fn the_timer_starts_with_data_and_stops_with_its_acknowledgment() {
    let mut tcb = in_flight(1);
    assert!(tcb.c.poll_at().is_some());
    tcb.recv(dup(1001));
    assert_eq!(tcb.c.poll_at(), None);
}

#[test]
fn the_timer_starts_again_with_each_acknowledgment() {
    let mut tcb = in_flight(2);
    tcb.wait(150);
    tcb.recv(dup(1001));
    assert_eq!(tcb.wait_for_timer(), 200);
}

#[test]
fn a_timeout_repeats_the_first_segment_and_leaves_a_window_of_one() {
    let mut tcb = in_flight(5);
    assert_eq!(tcb.wait_for_timer(), 200);
    assert_eq!(tcb.out(), [seg(ACK | PSH, 1, 1, 1000)]);
    let status = tcb.c.status();
    assert_eq!((status.cwnd, status.ssthresh, status.recovery), (1000, 2500, Phase::Loss));
    assert_eq!((status.snd_nxt, status.counters.retransmits), (ISS + 5001, 1));
}

#[test]
fn the_timeout_doubles_and_ends_with_the_acknowledgment() {
    let mut tcb = in_flight(1);
    let pauses: Vec<u64> = (0..10)
        .map(|_| {
            let pause = tcb.wait_for_timer();
            assert_eq!(tcb.out().len(), 1);
            pause
        })
        .collect();
    assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000]);
    tcb.recv(dup(1001));
    tcb.write(1001, 1000);
    tcb.out();
    assert_eq!(tcb.wait_for_timer(), 200);
}

#[test]
fn fifteen_repetitions_are_enough() {
    let mut tcb = in_flight(1);
    let mut times = 0;
    while tcb.state() == State::Established {
        tcb.wait_for_timer();
        times += tcb.out().len();
    }
    assert_eq!((times, tcb.state(), tcb.c.error()), (15, State::Closed, Some(Error::TimedOut)));
}

#[test]
fn after_a_timeout_everything_goes_again_in_slow_start() {
    let mut tcb = in_flight(6);
    tcb.wait_for_timer();
    assert_eq!(tcb.out().len(), 1);
    tcb.recv(dup(1001));
    assert_eq!(tcb.out(), [seg(ACK | PSH, 1001, 1, 1000), seg(ACK | PSH, 2001, 1, 1000)]);
    tcb.recv(dup(3001));
    assert_eq!(tcb.out().len(), 3);
    tcb.recv(dup(6001));
    assert_eq!((tcb.c.status().recovery, tcb.c.poll_at()), (Phase::Open, None));
}

#[test]
fn after_a_timeout_what_the_peer_has_is_not_repeated() {
    let mut tcb = in_flight(6);
    tcb.wait_for_timer();
    tcb.out();
    tcb.recv(dup(5001));
    assert_eq!(tcb.out(), [seg(ACK | PSH, 5001, 1, 1000)]);
}

#[test]
fn the_threshold_is_set_once_however_often_the_timer_fires() {
    let mut tcb = in_flight(8);
    tcb.wait_for_timer();
    tcb.out();
    tcb.wait_for_timer();
    tcb.out();
    assert_eq!(tcb.c.status().ssthresh, 4000);
}

#[test]
fn three_duplicates_repeat_the_lost_segment() {
    let mut tcb = in_flight(5);
    for _ in 0..2 {
        tcb.recv(dup(1));
        assert_eq!(tcb.out(), []);
    }
    tcb.recv(dup(1));
    assert_eq!(tcb.out(), [seg(ACK | PSH, 1, 1, 1000)]);
    let status = tcb.c.status();
    assert_eq!((status.ssthresh, status.recovery, status.counters.fast_retransmits), (2500, Phase::Fast, 1));
    tcb.recv(dup(5001));
    assert_eq!(tcb.c.status().recovery, Phase::Open);
    assert!(tcb.c.status().cwnd <= 2500);
}

#[test]
fn the_first_two_duplicates_let_new_data_out() {
    let mut tcb = in_flight(10);
    tcb.write(10_001, 3000);
    assert_eq!(tcb.out(), []);
    tcb.recv(dup(1));
    assert_eq!(tcb.out(), [seg(ACK, 10_001, 1, 1000)]);
    tcb.recv(dup(1));
    assert_eq!(tcb.out(), [seg(ACK, 11_001, 1, 1000)]);
}

#[test]
fn further_duplicates_let_new_data_out_in_recovery() {
    let mut tcb = in_flight(10);
    for _ in 0..3 {
        tcb.recv(dup(1));
    }
    tcb.out();
    tcb.write(10_001, 5000);
    // Half of ten segments, and three that left: the window opens after three more.
    let mut sent = vec![];
    for _ in 0..6 {
        tcb.recv(dup(1));
        sent.push(tcb.out().len());
    }
    assert_eq!(sent, [0, 0, 1, 1, 1, 1]);
}

#[test]
fn a_partial_acknowledgment_repeats_the_next_hole() {
    let mut tcb = in_flight(8);
    for _ in 0..3 {
        tcb.recv(dup(1));
    }
    tcb.out();
    tcb.recv(dup(3001));
    assert_eq!(tcb.out()[0], seg(ACK | PSH, 3001, 1, 1000));
    assert_eq!(tcb.c.status().recovery, Phase::Fast);
    tcb.recv(dup(8001));
    assert_eq!((tcb.c.status().recovery, tcb.c.poll_at()), (Phase::Open, None));
}

#[test]
fn a_duplicate_with_data_or_another_window_is_none() {
    let mut tcb = in_flight(5);
    for at in 0..4 {
        tcb.recv(window(seg(ACK, 1 + at * 10, 1, 10), 60_000));
        tcb.recv(window(seg(ACK, 41, 1, 0), 50_000 + at as u16));
    }
    assert_eq!(tcb.c.status().counters.fast_retransmits, 0);
}

#[test]
fn without_anything_in_flight_there_are_no_duplicates() {
    let mut tcb = established();
    for _ in 0..5 {
        tcb.recv(seg(ACK, 1, 1, 0));
    }
    tcb.write(1, 1000);
    assert_eq!((tcb.out().len(), tcb.c.status().recovery), (1, Phase::Open));
}

#[test]
fn a_timeout_in_recovery_goes_back_to_the_start() {
    let mut tcb = in_flight(8);
    for _ in 0..3 {
        tcb.recv(dup(1));
    }
    tcb.out();
    tcb.wait_for_timer();
    assert_eq!((tcb.out(), tcb.c.status().recovery), (vec![seg(ACK | PSH, 1, 1, 1000)], Phase::Loss));
}

#[test]
fn a_lost_fin_is_repeated_with_the_last_data() {
    let mut tcb = established();
    tcb.write(1, 1500);
    tcb.c.shutdown();
    assert_eq!(tcb.out().len(), 2);
    tcb.recv(seg(ACK, 1, 1001, 0));
    tcb.wait_for_timer();
    assert_eq!(tcb.out(), [seg(ACK | FIN, 1001, 1, 500)]);
}

#[test]
fn a_repeated_segment_measures_no_round_trip() {
    let mut tcb = in_flight(1);
    let before = tcb.c.status().srtt;
    tcb.wait_for_timer();
    tcb.out();
    tcb.wait(100);
    tcb.recv(dup(1001));
    assert_eq!(tcb.c.status().srtt, before);
}

#[test]
fn a_smaller_path_makes_smaller_segments_and_repeats() {
    let mut tcb = in_flight(2);
    tcb.c.on_path_mtu(640);
    let sent = tcb.out();
    assert_eq!(sent[0], seg(ACK | PSH, 1, 1, 600));
    tcb.recv(dup(2001));
    tcb.c.on_path_mtu(100);
    assert_eq!(tcb.c.status().mss, 536);
    tcb.c.on_path_mtu(9000);
    assert_eq!(tcb.c.status().mss, 536);
}

#[test]
fn an_acknowledgment_of_what_was_sent_before_the_timeout_counts() {
    let mut tcb = in_flight(4);
    tcb.wait_for_timer();
    tcb.out();
    tcb.recv(dup(4001));
    assert_eq!((tcb.snd_una(), tcb.out(), tcb.c.poll_at()), (4001, vec![], None));
}
