//! Flow control: closed windows, probes, silly windows (RFC 9293 §3.8.6).

use crate::tcb::*;
use tcpip::*;

/// Established, the peer's window closed, 3,000 bytes to send.
fn closed_window() -> Tcb {
    let mut tcb = established();
    tcb.recv(window(seg(ACK, 1, 1, 0), 0));
    tcb.write(1, 3000);
    assert_eq!(tcb.out(), []);
    tcb
}

#[test]
fn a_closed_window_is_probed_with_one_byte_at_growing_pauses() {
    let mut tcb = closed_window();
    let mut pauses = vec![];
    for _ in 0..5 {
        pauses.push(tcb.wait_for_timer());
        let flags = if pauses.len() == 1 { ACK } else { ACK | PSH };
        assert_eq!(tcb.out(), [seg(flags, 1, 1, 1)]);
        tcb.recv(window(seg(ACK, 1, 1, 0), 0));
    }
    assert_eq!(pauses, [200, 400, 800, 1600, 3200]);
    assert_eq!(tcb.c.status().cwnd, 10_000);
}

#[test]
fn probes_that_are_answered_go_on_for_ever() {
    let mut tcb = closed_window();
    for _ in 0..100 {
        tcb.wait_for_timer();
        assert_eq!(tcb.out().len(), 1);
        tcb.recv(window(seg(ACK, 1, 1, 0), 0));
    }
    assert_eq!(tcb.state(), State::Established);
}

#[test]
fn probes_that_nobody_answers_end() {
    let mut tcb = closed_window();
    while tcb.state() == State::Established {
        tcb.wait_for_timer();
        tcb.out();
    }
    assert_eq!(tcb.c.error(), Some(Error::TimedOut));
}

#[test]
fn when_the_window_opens_the_probes_byte_goes_again() {
    let mut tcb = closed_window();
    tcb.wait_for_timer();
    tcb.out();
    tcb.recv(seg(ACK, 1, 1, 0));
    assert_eq!(tcb.out(), [seg(ACK | PSH, 1, 1, 1), seg(ACK, 2, 1, 1000), seg(ACK, 1002, 1, 1000)]);
    tcb.recv(seg(ACK, 1, 2002, 0));
    assert_eq!((tcb.out(), tcb.c.status().cwnd), (vec![seg(ACK | PSH, 2002, 1, 999)], 10_000));
}

#[test]
fn a_probes_byte_that_was_taken_is_not_repeated() {
    let mut tcb = closed_window();
    tcb.wait_for_timer();
    tcb.out();
    tcb.recv(seg(ACK, 1, 2, 0));
    assert_eq!(tcb.out()[0], seg(ACK, 2, 1, 1000));
}

#[test]
fn a_window_that_opens_needs_no_probe() {
    let mut tcb = closed_window();
    tcb.recv(seg(ACK, 1, 1, 0));
    assert_eq!(tcb.out().len(), 3);
}

#[test]
fn a_window_that_closes_over_data_in_flight_is_probed() {
    let mut tcb = established();
    tcb.write(1, 2000);
    tcb.out();
    tcb.recv(window(seg(ACK, 1, 1001, 0), 0));
    tcb.wait_for_timer();
    assert_eq!(tcb.out(), [seg(ACK | PSH, 1001, 1, 1)]);
    tcb.recv(seg(ACK, 1, 1001, 0));
    assert_eq!(tcb.out()[0], seg(ACK | PSH, 1001, 1, 1000));
}

#[test]
fn a_fin_goes_into_a_closed_window() {
    let mut tcb = established();
    tcb.recv(window(seg(ACK, 1, 1, 0), 0));
    tcb.c.shutdown();
    assert_eq!(tcb.out(), [seg(FIN | ACK, 1, 1, 0)]);
    tcb.wait_for_timer();
    assert_eq!(tcb.out(), [seg(FIN | ACK, 1, 1, 0)]);
}

#[test]
fn a_silly_window_is_not_filled_until_a_while_has_passed() {
    let mut tcb = established();
    tcb.recv(window(seg(ACK, 1, 1, 0), 100));
    tcb.write(1, 3000);
    assert_eq!(tcb.out(), []);
    assert_eq!(tcb.wait_for_timer(), 200);
    assert_eq!(tcb.out(), [seg(ACK, 1, 1, 100)]);
}

#[test]
fn half_of_the_largest_window_is_worth_a_segment() {
    let mut tcb = Tcb::connecting(config(), SocketOptions::default());
    tcb.out();
    tcb.options = peer_options();
    tcb.recv(window(seg(SYN | ACK, 0, 1, 0), 600));
    tcb.options = Default::default();
    tcb.out();
    tcb.write(1, 3000);
    assert_eq!(tcb.out(), [seg(ACK, 1, 1, 600)]);
    tcb.recv(window(seg(ACK, 1, 601, 0), 300));
    assert_eq!(tcb.out(), [seg(ACK, 601, 1, 300)]);
}

#[test]
fn the_window_we_offer_shrinks_with_what_is_unread() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 4000));
    assert_eq!(tcb.out(), [window(seg(ACK, 1, 4001, 0), 4000)]);
    tcb.recv(seg(ACK, 4001, 1, 4000));
    assert_eq!(tcb.out(), [window(seg(ACK, 1, 8001, 0), 0)]);
}

#[test]
fn reading_a_little_of_a_full_buffer_is_not_told() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 8000));
    tcb.out();
    let mut buf = [0; 500];
    tcb.c.buffers_mut().unwrap().1.pop(&mut buf);
    assert_eq!(tcb.out(), []);
    // Not even when asked: the edge moves by a segment or not at all.
    assert_eq!(tcb.unchanged_by(seg(ACK, 8001, 1, 1)), [window(seg(ACK, 1, 8001, 0), 0)]);
}

#[test]
fn reading_two_segments_is_told_at_once() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 8000));
    tcb.out();
    let mut buf = [0; 2000];
    tcb.c.buffers_mut().unwrap().1.pop(&mut buf);
    assert_eq!(tcb.out(), [window(seg(ACK, 1, 8001, 0), 2000)]);
    assert_eq!(tcb.out(), []);
}

#[test]
fn a_probe_of_our_closed_window_is_answered() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 8000));
    tcb.out();
    assert_eq!(tcb.unchanged_by(seg(ACK, 8001, 1, 1)), [window(seg(ACK, 1, 8001, 0), 0)]);
}

#[test]
fn into_our_closed_window_acknowledgments_still_come() {
    let mut tcb = established();
    tcb.write(1, 100);
    tcb.out();
    tcb.recv(seg(ACK, 1, 1, 8000));
    tcb.out();
    tcb.recv(seg(ACK, 8001, 101, 0));
    assert_eq!(tcb.snd_una(), 101);
}

#[test]
fn the_right_edge_never_moves_left() {
    let mut tcb = established();
    let edge = |tcb: &Tcb| tcb.rcv_nxt() + tcb.c.status().rcv_wnd;
    let mut last = edge(&tcb);
    let mut at = 1;
    for len in [1, 700, 33, 1000, 250, 999, 1000, 13] {
        tcb.recv(seg(ACK, at, 1, len));
        at += len as u32;
        tcb.out();
        assert!(edge(&tcb) >= last);
        last = edge(&tcb);
        if len == 1000 {
            tcb.c.buffers_mut().unwrap().1.pop(&mut [0; 900]);
        }
    }
}
