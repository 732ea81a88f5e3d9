//! SYN-SENT, SYN-RECEIVED and how they end (RFC 9293 §3.5, §3.10.7.2, §3.10.7.3).

use crate::tcb::*;
use tcpip::tcp::{Reset, SeqNumber};
use tcpip::*;

#[test]
fn an_active_open_is_established_by_the_syn_ack() {
    let mut tcb = syn_sent();
    let mut expected = tcb.view();
    tcb.options = peer_options();
    tcb.recv(seg(SYN | ACK, 0, 1, 0));
    assert_eq!(tcb.out(), [seg(ACK, 1, 1, 0)]);
    expected.state = State::Established;
    expected.snd_una = ISS + 1;
    expected.snd_wnd = u32::from(WINDOW);
    expected.rcv_nxt = IRS + 1;
    expected.mss = 1000;
    assert_eq!(tcb.view(), expected);
    assert_eq!(tcb.c.take_notices(), Notices::CONNECTED | Notices::WRITABLE);
    assert_eq!(tcb.c.poll_at(), None);
}

#[test]
fn a_passive_open_is_established_by_the_ack() {
    let mut tcb = syn_received();
    let mut expected = tcb.view();
    tcb.recv(seg(ACK, 1, 1, 0));
    expected.state = State::Established;
    expected.snd_una = ISS + 1;
    assert_eq!((tcb.view(), tcb.out()), (expected, vec![]));
    assert!(tcb.c.take_notices().contains(Notices::CONNECTED));
}

#[test]
fn the_last_ack_may_carry_data() {
    let mut tcb = syn_received();
    tcb.recv(seg(ACK | PSH, 1, 1, 100));
    assert_eq!((tcb.state(), tcb.rcv_nxt(), tcb.read(1)), (State::Established, 101, 100));
}

#[test]
fn the_last_ack_may_carry_data_and_fin() {
    let mut tcb = syn_received();
    tcb.recv(seg(ACK | FIN, 1, 1, 100));
    assert_eq!((tcb.state(), tcb.rcv_nxt(), tcb.read(1)), (State::CloseWait, 102, 100));
    assert!(tcb.c.take_notices().contains(Notices::CONNECTED | Notices::ENDED));
}

#[test]
fn a_syn_ack_for_another_connection_is_reset() {
    for ack in [0, 2] {
        let mut tcb = syn_sent();
        let reset = tcb.recv(seg(SYN | ACK, 0, ack, 0));
        assert_eq!(reset, Some(Reset { seq: ISS + ack, ack: None }));
        assert_eq!((tcb.state(), tcb.out()), (State::SynSent, vec![]));
    }
}

#[test]
fn a_reset_with_our_number_is_a_refusal() {
    let mut tcb = syn_sent();
    tcb.recv(seg(RST | ACK, 0, 1, 0));
    assert_eq!((tcb.state(), tcb.c.error()), (State::Closed, Some(Error::Refused)));
    assert_eq!(tcb.c.take_notices(), Notices::CLOSED);
}

#[test]
fn a_reset_without_our_number_could_be_anybodys() {
    let mut tcb = syn_sent();
    assert_eq!(tcb.unchanged_by(seg(RST, 0, 0, 0)), []);
    assert_eq!(tcb.unchanged_by(seg(RST | ACK, 0, 2, 0)), []);
}

#[test]
fn in_syn_sent_a_bare_ack_with_our_number_is_dropped() {
    let mut tcb = syn_sent();
    assert_eq!(tcb.unchanged_by(seg(ACK, 0, 1, 0)), []);
    assert_eq!(tcb.unchanged_by(seg(FIN, 0, 0, 0)), []);
}

#[test]
fn both_sides_may_open_at_once() {
    let mut tcb = syn_sent();
    tcb.options = peer_options();
    tcb.recv(seg(SYN, 0, 0, 0));
    assert_eq!((tcb.state(), tcb.out()), (State::SynReceived, vec![seg(SYN | ACK, 0, 1, 0)]));
    tcb.recv(seg(SYN | ACK, 0, 1, 0));
    assert_eq!((tcb.state(), tcb.out()), (State::Established, vec![seg(ACK, 1, 1, 0)]));
}

#[test]
fn a_simultaneous_open_may_also_end_with_an_ack() {
    let mut tcb = syn_sent();
    tcb.recv(seg(SYN, 0, 0, 0));
    tcb.out();
    tcb.recv(seg(ACK, 1, 1, 0));
    assert_eq!((tcb.state(), tcb.out()), (State::Established, vec![]));
}

#[test]
fn a_reset_in_a_simultaneous_open_is_a_refusal() {
    let mut tcb = syn_sent();
    tcb.recv(seg(SYN, 0, 0, 0));
    tcb.recv(seg(RST, 1, 0, 0));
    assert_eq!((tcb.state(), tcb.c.error()), (State::Closed, Some(Error::Refused)));
}

#[test]
fn a_repeated_syn_gets_the_syn_ack_again() {
    let mut tcb = syn_received();
    assert_eq!(tcb.unchanged_by(seg(SYN, 0, 0, 0)), [seg(SYN | ACK, 0, 1, 0)]);
}

#[test]
fn a_new_syn_sends_a_half_open_connection_back_to_listen() {
    let mut tcb = syn_received();
    tcb.recv(seg(SYN, 5, 0, 0));
    assert_eq!((tcb.state(), tcb.c.error()), (State::Closed, None));
}

#[test]
fn in_syn_received_an_impossible_ack_is_reset() {
    for ack in [0, 2] {
        let mut tcb = syn_received();
        assert_eq!(tcb.recv(seg(ACK, 1, ack, 0)), Some(Reset { seq: ISS + ack, ack: None }));
        assert_eq!(tcb.state(), State::SynReceived);
    }
}

#[test]
fn the_syn_is_repeated_with_growing_pauses_until_it_fails() {
    let mut tcb = syn_sent();
    let mut pauses = vec![];
    while tcb.state() == State::SynSent {
        pauses.push(tcb.wait_for_timer());
        if tcb.state() == State::SynSent {
            assert_eq!(tcb.out(), [seg(SYN, 0, 0, 0)]);
        }
    }
    assert_eq!(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]);
    assert_eq!(tcb.c.error(), Some(Error::TimedOut));
}

#[test]
fn the_syn_ack_is_repeated() {
    let mut tcb = syn_received();
    assert_eq!(tcb.wait_for_timer(), 1000);
    assert_eq!(tcb.out(), [seg(SYN | ACK, 0, 1, 0)]);
    assert_eq!(tcb.wait_for_timer(), 2000);
}

#[test]
fn after_a_lost_syn_the_timeout_starts_at_three_seconds() {
    let mut tcb = syn_sent();
    tcb.wait_for_timer();
    tcb.out();
    tcb.recv(seg(SYN | ACK, 0, 1, 0));
    assert_eq!(tcb.c.status().rto, Duration::from_secs(3));
    assert_eq!(tcb.c.status().srtt, None);
}

#[test]
fn two_lost_syns_leave_a_window_of_one_segment() {
    let mut tcb = syn_sent();
    for _ in 0..2 {
        tcb.wait_for_timer();
        tcb.out();
    }
    tcb.options = peer_options();
    tcb.recv(seg(SYN | ACK, 0, 1, 0));
    assert_eq!(tcb.c.status().cwnd, 1000);
}

#[test]
fn close_in_syn_sent_ends_it_silently() {
    let mut tcb = syn_sent();
    tcb.c.shutdown();
    assert_eq!((tcb.state(), tcb.c.error(), tcb.out()), (State::Closed, None, vec![]));
    let mut tcb = syn_sent();
    assert_eq!(tcb.c.abort(), None);
}

#[test]
fn close_in_syn_received_waits_for_the_handshake() {
    let mut tcb = syn_received();
    tcb.c.shutdown();
    assert_eq!((tcb.state(), tcb.out()), (State::SynReceived, vec![]));
    tcb.recv(seg(ACK, 1, 1, 0));
    assert_eq!((tcb.state(), tcb.out()), (State::FinWait1, vec![seg(FIN | ACK, 1, 1, 0)]));
}

#[test]
fn data_written_early_goes_with_the_handshakes_end() {
    let mut tcb = syn_sent();
    tcb.write(1, 500);
    assert_eq!(tcb.out(), []);
    tcb.options = peer_options();
    tcb.recv(seg(SYN | ACK, 0, 1, 0));
    assert_eq!(tcb.out(), [seg(ACK | PSH, 1, 1, 500)]);
}

#[test]
fn a_host_that_cannot_be_reached_ends_the_attempt() {
    let mut tcb = syn_sent();
    tcb.c.unreachable(Error::Unreachable);
    assert_eq!((tcb.state(), tcb.c.error()), (State::Closed, Some(Error::Unreachable)));
}

#[test]
fn only_what_is_in_flight_can_be_quoted() {
    let tcb = syn_sent();
    assert!(tcb.c.is_in_flight(ISS));
    assert!(!tcb.c.is_in_flight(ISS + 1));
    assert!(!established().c.is_in_flight(ISS + 1));
}

#[test]
fn a_closed_port_answers_by_the_rules_of_closed() {
    use tcpip::wire::tcp::{Options, Segment};
    let segment = |flags, payload| Segment {
        src_port: 1,
        dst_port: 2,
        seq: SeqNumber(100),
        ack: SeqNumber(9),
        flags,
        window: 5,
        options: Options::default(),
        payload,
    };
    assert_eq!(Reset::answering(&segment(RST, b"")), None);
    assert_eq!(Reset::answering(&segment(ACK, b"abc")), Some(Reset { seq: SeqNumber(9), ack: None }));
    let syn = Reset::answering(&segment(SYN | FIN, b"abc"));
    assert_eq!(syn, Some(Reset { seq: SeqNumber(0), ack: Some(SeqNumber(105)) }));
}
