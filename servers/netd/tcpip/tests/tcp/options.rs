//! MSS, window scaling and timestamps (RFC 9293 §3.7.1, RFC 7323).

use crate::tcb::*;
use tcpip::wire::tcp::{Options, Timestamps};
use tcpip::*;

fn stamps(value: u32, echo: u32) -> Options {
    Options { timestamps: Some(Timestamps { value, echo }), ..peer_options() }
}

/// Established with timestamps; the peer's clock stands at 1,000.
fn stamped() -> Tcb {
    let config = TcpConfig { timestamps: true, ..config() };
    let mut tcb = Tcb::accepting(config, stamps(1000, 0));
    tcb.out();
    tcb.options = stamps(1000, 5077);
    tcb.recv(seg(ACK, 1, 1, 0));
    assert_eq!(tcb.state(), State::Established);
    tcb
}

#[test]
fn our_syn_offers_everything() {
    let mut tcb = Tcb::connecting(TcpConfig::default(), SocketOptions::default());
    let options = tcb.next().unwrap().header.options;
    assert_eq!((options.mss, options.window_scale), (Some(1000), Some(0)));
    assert_eq!(options.timestamps, Some(Timestamps { value: 5077, echo: 0 }));
}

#[test]
fn our_syn_ack_offers_only_what_the_peer_did() {
    let mut tcb = Tcb::accepting(TcpConfig::default(), peer_options());
    let options = tcb.next().unwrap().header.options;
    assert_eq!(options, Options { mss: Some(1000), ..Options::default() });
    let all = Options { window_scale: Some(3), ..stamps(9, 0) };
    let mut tcb = Tcb::accepting(TcpConfig::default(), all);
    let options = tcb.next().unwrap().header.options;
    assert_eq!((options.window_scale, options.timestamps), (Some(0), Some(Timestamps { value: 5077, echo: 9 })));
}

#[test]
fn without_an_mss_option_segments_have_536_bytes() {
    let tcb = Tcb::accepting(config(), Options::default());
    assert_eq!(tcb.c.status().mss, 536);
}

#[test]
fn the_mss_is_bounded_by_our_link_and_from_below() {
    for (theirs, ours) in [(9000, 1000), (700, 700), (1, 64), (0, 64)] {
        let tcb = Tcb::accepting(config(), Options { mss: Some(theirs), ..Options::default() });
        assert_eq!(tcb.c.status().mss, ours);
    }
}

#[test]
fn timestamps_take_their_bytes_from_the_segment() {
    assert_eq!(stamped().c.status().mss, 988);
}

#[test]
fn the_peers_window_is_scaled_but_in_a_syn() {
    let config = TcpConfig { window_scaling: true, ..config() };
    let mut tcb = Tcb::accepting(config, Options { window_scale: Some(4), ..peer_options() });
    tcb.out();
    assert_eq!(tcb.c.status().snd_wnd, 8000);
    tcb.options = Options::default();
    tcb.recv(seg(ACK, 1, 1, 0));
    assert_eq!(tcb.c.status().snd_wnd, 128_000);
}

#[test]
fn a_large_buffer_is_offered_with_a_scale() {
    let config = TcpConfig { window_scaling: true, ..config() };
    let mut setup = setup(config, SocketOptions::default());
    setup.receive_capacity = 1 << 20;
    let mut tcb = Tcb::new(Conn::connect(setup, Instant::ZERO));
    let syn = tcb.next().unwrap().header;
    assert_eq!((syn.window, syn.options.window_scale), (65_535, Some(5)));
    tcb.options = Options { window_scale: Some(0), ..peer_options() };
    tcb.recv(seg(SYN | ACK, 0, 1, 0));
    assert_eq!(tcb.out()[0].window, 32_768);
}

#[test]
fn a_segment_from_the_past_is_answered_and_dropped() {
    let mut tcb = stamped();
    tcb.options = stamps(999, 5077);
    let answer = tcb.bare_ack();
    assert_eq!(tcb.unchanged_by(seg(ACK, 1, 1, 10)), [answer]);
}

#[test]
fn a_reset_needs_no_timestamp() {
    let mut tcb = stamped();
    tcb.options = Options::default();
    tcb.recv(seg(RST, 1, 0, 0));
    assert_eq!(tcb.state(), State::Closed);
}

#[test]
fn a_segment_without_its_timestamp_is_dropped() {
    let mut tcb = stamped();
    tcb.options = Options::default();
    assert_eq!(tcb.unchanged_by(seg(ACK, 1, 1, 10)), []);
}

#[test]
fn the_latest_timestamp_in_order_is_echoed() {
    let mut tcb = stamped();
    tcb.options = stamps(2000, 5077);
    tcb.recv(seg(ACK, 11, 1, 10));
    let echo = |tcb: &mut Tcb| tcb.next().unwrap().header.options.timestamps.unwrap().echo;
    // Out of order: the segment that made the gap is still the last one.
    assert_eq!(echo(&mut tcb), 1000);
    tcb.options = stamps(2100, 5077);
    tcb.recv(seg(ACK, 1, 1, 10));
    assert_eq!(echo(&mut tcb), 2100);
}

#[test]
fn a_timestamp_of_24_days_ago_says_nothing() {
    let mut tcb = stamped();
    tcb.now = tcb.now + Duration::from_secs(25 * 24 * 3600);
    tcb.options = stamps(999, 5077);
    tcb.recv(seg(ACK, 1, 1, 10));
    assert_eq!(tcb.read(1), 10);
}

#[test]
fn the_timestamp_clock_wraps() {
    let config = TcpConfig { timestamps: true, ..config() };
    let mut tcb = Tcb::accepting(config, stamps(u32::MAX, 0));
    tcb.out();
    tcb.options = stamps(3, 5077);
    tcb.recv(seg(ACK, 1, 1, 10));
    assert_eq!(tcb.read(1), 10);
}

#[test]
fn round_trips_are_measured_by_the_echo_even_of_repeated_segments() {
    let mut tcb = stamped();
    tcb.write(1, 100);
    tcb.out();
    tcb.wait_for_timer();
    let sent = tcb.next().unwrap().header.options.timestamps.unwrap().value;
    tcb.now = tcb.now + Duration::from_millis(64);
    tcb.options = stamps(1001, sent);
    let before = tcb.c.status().srtt.unwrap();
    tcb.recv(seg(ACK, 1, 101, 0));
    assert_eq!(tcb.c.status().srtt.unwrap(), before.scaled(7, 8) + Duration::from_millis(8));
}

#[test]
fn an_absurd_echo_is_no_measurement() {
    let mut tcb = stamped();
    tcb.write(1, 100);
    tcb.out();
    tcb.wait_for_timer();
    tcb.out();
    let before = tcb.c.status().srtt;
    tcb.options = stamps(1001, 0x4000_0000);
    tcb.recv(seg(ACK, 1, 101, 0));
    assert_eq!((tcb.snd_una(), tcb.c.status().srtt), (101, before));
}
