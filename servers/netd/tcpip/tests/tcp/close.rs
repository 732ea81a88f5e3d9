//! Closing, by us, by the peer, by both, and what is lost by it (RFC 9293 §3.6, §3.10.4).

use crate::tcb::*;
use tcpip::tcp::Reset;
use tcpip::*;

#[test]
fn our_fin_follows_the_last_byte() {
    let mut tcb = established();
    tcb.write(1, 100);
    tcb.c.shutdown();
    assert_eq!((tcb.state(), tcb.out()), (State::FinWait1, vec![seg(ACK | PSH | FIN, 1, 1, 100)]));
    tcb.recv(seg(ACK, 1, 102, 0));
    assert_eq!((tcb.state(), tcb.c.poll_at()), (State::FinWait2, None));
}

#[test]
fn an_acknowledgment_of_the_data_alone_leaves_the_fin_open() {
    let mut tcb = established();
    tcb.write(1, 100);
    tcb.c.shutdown();
    tcb.out();
    tcb.recv(seg(ACK, 1, 101, 0));
    assert_eq!((tcb.state(), tcb.snd_una()), (State::FinWait1, 101));
    assert_eq!(tcb.wait_for_timer(), 200);
    assert_eq!(tcb.out(), [seg(FIN | ACK, 101, 1, 0)]);
}

#[test]
fn in_fin_wait_1_the_peers_fin_with_our_acknowledgment_ends_in_time_wait() {
    let mut tcb = fin_wait_1();
    tcb.recv(seg(FIN | ACK, 1, 2, 0));
    assert_eq!((tcb.state(), tcb.c.poll_at()), (State::TimeWait, None));
    let record = tcb.c.time_wait(tcb.now);
    assert_eq!((record.snd_nxt, record.rcv_nxt), (ISS + 2, IRS + 2));
    assert_eq!(record.expires, tcb.now + Duration::from_secs(60));
}

#[test]
fn in_fin_wait_1_the_peers_fin_alone_leads_to_closing() {
    let mut tcb = closing();
    tcb.recv(seg(ACK, 2, 2, 0));
    assert_eq!(tcb.state(), State::TimeWait);
}

#[test]
fn in_fin_wait_2_the_peer_may_send_for_long() {
    let mut tcb = fin_wait_2();
    tcb.wait(1_000_000);
    tcb.recv(seg(ACK, 1, 2, 500));
    assert_eq!((tcb.state(), tcb.read(1)), (State::FinWait2, 500));
    assert_eq!(tcb.out(), [window(seg(ACK, 2, 501, 0), 7500)]);
}

#[test]
fn in_fin_wait_2_the_peers_fin_ends_in_time_wait() {
    let mut tcb = fin_wait_2();
    tcb.recv(seg(FIN | ACK, 1, 2, 10));
    assert_eq!((tcb.state(), tcb.read(1), tcb.rcv_nxt()), (State::TimeWait, 10, 12));
    assert!(tcb.c.take_notices().contains(Notices::ENDED));
}

#[test]
fn the_peers_fin_leaves_our_direction_open() {
    let mut tcb = close_wait();
    assert!(tcb.c.take_notices().contains(Notices::ENDED));
    tcb.write(1, 300);
    assert_eq!(tcb.out(), [window(seg(ACK | PSH, 1, 2, 300), 7999)]);
    tcb.recv(seg(ACK, 2, 301, 0));
    assert_eq!((tcb.state(), tcb.snd_una()), (State::CloseWait, 301));
}

#[test]
fn in_last_ack_the_acknowledgment_of_our_fin_is_the_end() {
    let mut tcb = last_ack();
    tcb.recv(seg(ACK, 2, 2, 0));
    assert_eq!((tcb.state(), tcb.c.error(), tcb.c.poll_at()), (State::Closed, None, None));
    assert!(tcb.c.take_notices().contains(Notices::CLOSED));
}

#[test]
fn in_last_ack_an_older_acknowledgment_is_not() {
    let mut tcb = last_ack();
    tcb.recv(seg(ACK, 2, 1, 0));
    assert_eq!(tcb.state(), State::LastAck);
}

#[test]
fn a_fin_before_its_data_waits_for_it() {
    let mut tcb = established();
    tcb.recv(seg(FIN | ACK, 101, 1, 100));
    assert_eq!((tcb.state(), tcb.rcv_nxt()), (State::Established, 1));
    assert_eq!(tcb.out(), [seg(ACK, 1, 1, 0)]);
    tcb.recv(seg(ACK, 1, 1, 100));
    assert_eq!((tcb.state(), tcb.rcv_nxt(), tcb.read(1)), (State::CloseWait, 202, 200));
}

#[test]
fn nothing_comes_behind_a_fin() {
    let mut tcb = established();
    tcb.recv(seg(FIN | ACK, 101, 1, 0));
    tcb.recv(seg(ACK, 1, 1, 500));
    assert_eq!((tcb.state(), tcb.rcv_nxt(), tcb.read(1)), (State::CloseWait, 102, 100));
}

#[test]
fn a_fin_in_front_of_received_text_is_a_lie() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 201, 1, 100));
    tcb.recv(seg(FIN | ACK, 101, 1, 0));
    tcb.recv(seg(ACK, 1, 1, 200));
    assert_eq!((tcb.state(), tcb.rcv_nxt(), tcb.read(1)), (State::Established, 301, 300));
}

#[test]
fn a_repeated_fin_is_acknowledged_again() {
    for state in [close_wait, closing, last_ack] {
        let mut tcb = state();
        let answer = tcb.bare_ack();
        let ack = tcb.snd_una();
        assert_eq!(tcb.unchanged_by(seg(FIN | ACK, 1, ack, 0)), [answer]);
    }
}

#[test]
fn data_after_the_peers_fin_is_ignored() {
    let mut tcb = close_wait();
    tcb.recv(seg(ACK, 2, 1, 100));
    assert_eq!((tcb.state(), tcb.rcv_nxt(), tcb.read(1)), (State::CloseWait, 2, 0));
}

#[test]
fn our_fin_is_repeated_until_it_is_given_up() {
    for state in [fin_wait_1, closing, last_ack] {
        let mut tcb = state();
        let mut times = 0;
        while tcb.state() != State::Closed {
            tcb.wait_for_timer();
            times += tcb.out().len();
        }
        assert_eq!((times, tcb.c.error()), (15, Some(Error::TimedOut)));
    }
}

#[test]
fn a_closed_socket_gives_up_sooner_than_a_user() {
    let mut tcb = fin_wait_1();
    assert_eq!(tcb.c.close(tcb.now), None);
    let mut times = 0;
    while tcb.state() != State::Closed {
        tcb.wait_for_timer();
        times += tcb.out().len();
    }
    assert_eq!(times, 8);
}

#[test]
fn a_closed_socket_does_not_wait_for_ever_in_fin_wait_2() {
    let mut tcb = fin_wait_2();
    tcb.c.close(tcb.now);
    assert_eq!(tcb.wait_for_timer(), 60_000);
    assert_eq!((tcb.state(), tcb.out()), (State::Closed, vec![]));
    let mut tcb = fin_wait_1();
    tcb.c.close(tcb.now);
    tcb.recv(seg(ACK, 1, 2, 0));
    assert_eq!(tcb.wait_for_timer(), 60_000);
    assert_eq!(tcb.state(), State::Closed);
}

#[test]
fn closing_with_unread_data_resets() {
    let mut tcb = established();
    tcb.recv(seg(ACK, 1, 1, 100));
    let reset = tcb.c.close(tcb.now);
    assert_eq!(reset, Some(Reset { seq: ISS + 1, ack: Some(IRS + 101) }));
    assert_eq!(tcb.state(), State::Closed);
}

#[test]
fn data_for_a_closed_socket_is_answered_with_a_reset() {
    for state in [fin_wait_1, fin_wait_2] {
        let mut tcb = state();
        tcb.c.close(tcb.now);
        let reset = tcb.recv(seg(ACK, 1, 2, 100));
        assert_eq!(reset, Some(Reset { seq: ISS + 2, ack: Some(IRS + 101) }));
        assert_eq!(tcb.state(), State::Closed);
    }
}

#[test]
fn closing_twice_is_closing_once() {
    let mut tcb = established();
    tcb.c.shutdown();
    tcb.c.shutdown();
    assert_eq!(tcb.out(), [seg(FIN | ACK, 1, 1, 0)]);
    tcb.c.shutdown();
    assert_eq!(tcb.out(), []);
}

#[test]
fn both_fins_cross_on_the_wire() {
    let mut tcb = fin_wait_1();
    tcb.recv(seg(FIN | ACK, 1, 1, 0));
    assert_eq!(tcb.out(), [window(seg(ACK, 2, 2, 0), 7999)]);
    // The peer repeats its FIN, now acknowledging ours: it is old, but we answer.
    tcb.recv(seg(FIN | ACK, 1, 2, 0));
    assert_eq!(tcb.state(), State::Closing);
    tcb.recv(seg(ACK, 2, 2, 0));
    assert_eq!(tcb.state(), State::TimeWait);
}
