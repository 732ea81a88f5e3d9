//! Data both ways in ESTABLISHED: order, acknowledgments, Nagle.

use crate::tcb::*;
use tcpip::*;

#[test]
fn a_segment_in_order_is_read_and_acknowledged_after_a_while() {
    let mut tcb = established();
    let mut expected = tcb.view();
    tcb.recv(seg(ACK | PSH, 1, 1, 100));
    expected.rcv_nxt = IRS + 101;
    expected.rcv_wnd = 7900;
    expected.receive_queue = 100;
    assert_eq!((tcb.view(), tcb.out()), (expected, vec![]));
    assert_eq!(tcb.c.take_notices(), Notices::READABLE);
    assert_eq!(tcb.wait_for_timer(), 40);
    assert_eq!(tcb.out(), [window(seg(ACK, 1, 101, 0), 7900)]);
    assert_eq!((tcb.read(1), tcb.c.poll_at()), (100, None));
}

#[test]
fn every_second_full_segment_is_acknowledged_at_once() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 1000));
    assert_eq!(tcb.out(), []);
    tcb.recv(seg(ACK, 1001, 1, 1000));
    assert_eq!(tcb.out(), [window(seg(ACK, 1, 2001, 0), 6000)]);
}

#[test]
fn data_we_send_carries_the_acknowledgment() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 1000));
    tcb.write(1, 10);
    assert_eq!(tcb.out(), [window(seg(ACK | PSH, 1, 1001, 10), 7000)]);
    tcb.recv(seg(ACK, 1001, 11, 0));
    assert_eq!(tcb.c.poll_at(), None);
}

#[test]
fn a_gap_is_answered_with_duplicates_and_filled_at_once() {
    let mut tcb = established();
    for seq in [1001, 2001] {
        tcb.recv(seg(ACK, seq, 1, 1000));
        assert_eq!(tcb.out(), [seg(ACK, 1, 1, 0)]);
    }
    assert_eq!((tcb.c.status().islands, tcb.read(1)), (1, 0));
    tcb.recv(seg(ACK, 1, 1, 1000));
    assert_eq!(tcb.out(), [window(seg(ACK, 1, 3001, 0), 5000)]);
    assert_eq!((tcb.c.status().islands, tcb.read(1)), (0, 3000));
}

#[test]
fn each_segment_out_of_order_gets_its_own_duplicate() {
    let mut tcb = established();
    for seq in [1001, 2001, 3001] {
        tcb.recv(seg(ACK, seq, 1, 1000));
    }
    assert_eq!(tcb.out(), [seg(ACK, 1, 1, 0); 3]);
}

#[test]
fn overlapping_segments_make_one_stream() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 501, 1, 1000));
    tcb.recv(seg(ACK, 301, 1, 300));
    tcb.recv(seg(ACK, 1, 1, 700));
    assert_eq!((tcb.rcv_nxt(), tcb.read(1)), (1501, 1500));
}

#[test]
fn what_was_received_before_is_cut_off() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 1000));
    tcb.recv(seg(ACK, 501, 1, 1000));
    assert_eq!((tcb.rcv_nxt(), tcb.read(1)), (1501, 1500));
}

#[test]
fn a_repeated_segment_is_acknowledged_again_and_read_once() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 1000));
    tcb.recv(seg(ACK, 1, 1, 1000));
    assert_eq!(tcb.out(), [window(seg(ACK, 1, 1001, 0), 7000)]);
    assert_eq!(tcb.read(1), 1000);
}

#[test]
fn a_segment_larger_than_the_window_fills_it() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 9000));
    assert_eq!((tcb.rcv_nxt(), tcb.c.status().rcv_wnd, tcb.read(1)), (8001, 0, 8000));
}

#[test]
fn more_islands_than_the_table_holds_are_dropped() {
    let mut tcb = established();
    for island in 1..=40 {
        tcb.recv(seg(ACK, island * 100, 1, 10));
    }
    assert_eq!(tcb.c.status().islands, 32);
    tcb.recv(seg(ACK, 1, 1, 99));
    assert_eq!(tcb.rcv_nxt(), 110);
}

#[test]
fn without_a_buffer_data_is_not_accepted() {
    let mut tcb = established();
    assert!(tcb.c.detach().is_some());
    tcb.recv(seg(ACK, 1, 1, 100));
    assert_eq!((tcb.rcv_nxt(), tcb.out().len()), (1, 1));
    tcb.c.attach(Ring::new(1000), Ring::new(8000));
    tcb.recv(seg(ACK, 1, 1, 100));
    assert_eq!(tcb.read(1), 100);
}

#[test]
fn buffers_that_hold_something_stay() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 100));
    assert!(tcb.c.detach().is_none());
    tcb.read(1);
    tcb.recv(seg(ACK, 201, 1, 100));
    assert!(tcb.c.detach().is_none());
}

#[test]
fn written_data_goes_in_full_segments_up_to_the_window() {
    let mut tcb = established();
    tcb.write(1, 10_000);
    let sent = tcb.out();
    assert_eq!(sent.len(), 8);
    assert_eq!(sent[0], seg(ACK, 1, 1, 1000));
    assert_eq!(sent[7], seg(ACK, 7001, 1, 1000));
    tcb.recv(seg(ACK, 1, 2001, 0));
    assert_eq!(tcb.out(), [seg(ACK, 8001, 1, 1000), seg(ACK | PSH, 9001, 1, 1000)]);
}

#[test]
fn an_acknowledgment_frees_the_buffer() {
    let mut tcb = established();
    tcb.write(1, 1500);
    tcb.out();
    let mut expected = tcb.view();
    tcb.recv(seg(ACK, 1, 1001, 0));
    expected.snd_una = ISS + 1001;
    expected.send_queue = 500;
    assert_eq!(tcb.view(), expected);
    assert_eq!(tcb.c.take_notices(), Notices::WRITABLE);
}

#[test]
fn nagle_holds_a_small_segment_while_something_is_in_flight() {
    let mut tcb = established();
    tcb.write(1, 10);
    assert_eq!(tcb.out(), [seg(ACK | PSH, 1, 1, 10)]);
    tcb.write(11, 10);
    assert_eq!(tcb.out(), []);
    tcb.write(21, 10);
    tcb.recv(seg(ACK, 1, 11, 0));
    assert_eq!(tcb.out(), [seg(ACK | PSH, 11, 1, 20)]);
}

#[test]
fn nagle_lets_full_segments_pass_and_holds_the_rest() {
    let mut tcb = established();
    tcb.write(1, 2500);
    assert_eq!(tcb.out(), [seg(ACK, 1, 1, 1000), seg(ACK, 1001, 1, 1000)]);
    tcb.recv(seg(ACK, 1, 2001, 0));
    assert_eq!(tcb.out(), [seg(ACK | PSH, 2001, 1, 500)]);
}

#[test]
fn without_nagle_small_segments_go_at_once() {
    let mut tcb = nodelay();
    tcb.write(1, 10);
    assert_eq!(tcb.out(), [seg(ACK | PSH, 1, 1, 10)]);
    tcb.write(11, 10);
    assert_eq!(tcb.out(), [seg(ACK | PSH, 11, 1, 10)]);
}

#[test]
fn nagle_does_not_hold_the_last_bytes_before_fin() {
    let mut tcb = established();
    tcb.write(1, 1010);
    tcb.c.shutdown();
    assert_eq!(tcb.out(), [seg(ACK, 1, 1, 1000), seg(ACK | PSH | FIN, 1001, 1, 10)]);
}

#[test]
fn urgent_data_is_data() {
    let mut tcb = established();
    tcb.recv(seg(ACK | tcpip::wire::tcp::Flags::URG, 1, 1, 10));
    assert_eq!(tcb.read(1), 10);
}

#[test]
fn the_window_of_an_older_segment_does_not_count() {
    let mut tcb = established();
    tcb.recv(window(seg(ACK, 11, 1, 10), 5000));
    assert_eq!(tcb.c.status().snd_wnd, 5000);
    tcb.recv(window(seg(ACK, 1, 1, 10), 3000));
    assert_eq!(tcb.c.status().snd_wnd, 5000);
}

#[test]
fn after_a_pause_the_congestion_window_starts_again() {
    let mut tcb = nodelay();
    tcb.recv(window(seg(ACK, 1, 1, 0), 65_000));
    tcb.write(1, 10_000);
    tcb.out();
    tcb.recv(window(seg(ACK, 1, 10_001, 0), 65_000));
    assert_eq!(tcb.c.status().cwnd, 12_000);
    tcb.wait(5000);
    tcb.write(10_001, 1);
    tcb.out();
    assert_eq!(tcb.c.status().cwnd, 10_000);
}
