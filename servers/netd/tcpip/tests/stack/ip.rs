//! IPv4 and ICMP: what comes in, what is answered, fragments both ways.

use crate::common::*;
use crate::link::*;
use std::net::Ipv4Addr;
use tcpip::icmp::PingRequest;
use tcpip::wire::{ethernet, icmp, ipv4};
use tcpip::*;

fn to_us(protocol: u8) -> ipv4::Header {
    ipv4::Header::new(B, A, protocol)
}

fn echo_body(len: usize) -> Vec<u8> {
    let data: Vec<u8> = (0..len).map(|at| at as u8).collect();
    let mut body = vec![0; len + 8];
    icmp::write(&icmp::Message::EchoRequest { ident: 1, sequence: 2, data: &data }, &mut body).unwrap();
    body
}

#[test]
fn an_echo_request_is_answered_with_its_data() {
    let mut link = Link::with_neighbour();
    link.icmp(&icmp::Message::EchoRequest { ident: 1, sequence: 2, data: b"hello" });
    let (header, body) = link.out_ip();
    assert_eq!((header.src, header.dst), (A, B));
    assert_eq!(icmp::parse(&body), Some(icmp::Message::EchoReply { ident: 1, sequence: 2, data: b"hello" }));
}

#[test]
fn a_broadcast_echo_request_is_not() {
    let mut link = Link::with_neighbour();
    let mut header = to_us(ipv4::ICMP);
    header.dst = Ipv4Addr::new(10, 0, 0, 255);
    link.ip(header, &echo_body(5));
    assert_eq!(link.out(), []);
}

#[test]
fn options_are_skipped() {
    let mut link = Link::with_neighbour();
    let body = echo_body(5);
    let mut bytes = packet(to_us(ipv4::ICMP), &body);
    bytes.splice(20..20, [1, 1, 1, 0]);
    bytes[0] = 0x46;
    bytes[3] += 4;
    bytes[10..12].fill(0);
    let sum = tcpip::wire::checksum::of(&bytes[..24]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    link.frame(MAC_A, ethernet::IPV4, &bytes);
    assert_eq!(link.out_ip().1.len(), body.len());
}

#[test]
fn the_links_padding_is_cut_off() {
    let mut link = Link::with_neighbour();
    let mut bytes = packet(to_us(ipv4::ICMP), &echo_body(1));
    bytes.resize(46, 0xee);
    link.frame(MAC_A, ethernet::IPV4, &bytes);
    assert_eq!(link.out_ip().1.len(), 9);
}

#[test]
fn broken_packets_are_counted_and_dropped() {
    let mut link = Link::with_neighbour();
    let good = packet(to_us(ipv4::ICMP), &echo_body(5));
    let mut broken = |change: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        link.frame(MAC_A, ethernet::IPV4, &bytes);
    };
    broken(|bytes| bytes[0] = 0x65);
    broken(|bytes| bytes[0] = 0x44);
    broken(|bytes| bytes.truncate(30));
    broken(|bytes| bytes.truncate(10));
    broken(|bytes| bytes[8] ^= 1);
    broken(|bytes| bytes[25] ^= 1);
    let counters = *link.stack.counters();
    assert_eq!((counters.ip_malformed, counters.ip_checksum, counters.icmp_dropped), (4, 1, 1));
    assert_eq!(link.out(), []);
}

#[test]
fn packets_from_impossible_sources_or_to_others_are_dropped() {
    let mut link = Link::with_neighbour();
    for src in [[127, 0, 0, 1], [10, 0, 0, 1], [10, 0, 0, 255], [224, 0, 0, 1], [0, 0, 0, 0], [255, 255, 255, 255]] {
        link.ip(ipv4::Header::new(src.into(), A, ipv4::ICMP), &echo_body(5));
    }
    assert_eq!(link.stack.counters().ip_bad_source, 6);
    link.frame(MAC_A, ethernet::IPV4, &packet(ipv4::Header::new(B, [10, 0, 0, 7].into(), ipv4::ICMP), &echo_body(5)));
    link.frame(MacAddr::BROADCAST, ethernet::IPV4, &packet(to_us(ipv4::ICMP), &echo_body(5)));
    assert_eq!((link.stack.counters().ip_not_ours, link.out()), (2, vec![]));
}

#[test]
fn an_unknown_protocol_is_unreachable() {
    let mut link = Link::with_neighbour();
    link.ip(to_us(99), b"0123456789");
    let (_, body) = link.out_ip();
    let Some(icmp::Message::Unreachable { code, quoted, .. }) = icmp::parse(&body) else { panic!() };
    let (header, start) = ipv4::Header::parse_quoted(quoted).unwrap();
    assert_eq!((code, header.src, header.protocol, start), (icmp::CODE_PROTOCOL, B, 99, b"01234567".as_slice()));
}

#[test]
fn errors_are_limited_in_rate() {
    let mut link = Link::with_neighbour();
    for _ in 0..200 {
        link.udp(9, 9, b"nobody here");
    }
    assert_eq!(link.out().len(), 50);
    assert_eq!((link.stack.counters().icmp_limited, link.stack.counters().udp_no_port), (150, 200));
}

#[test]
fn an_error_about_an_error_is_never_sent() {
    let mut link = Link::with_neighbour();
    link.ip(to_us(ipv4::ICMP), &[250; 40]);
    link.icmp(&icmp::Message::Unreachable { code: 3, mtu: 0, quoted: &[0; 28] });
    assert_eq!(link.out(), []);
}

#[test]
fn a_fragmented_ping_is_answered_in_fragments() {
    let mut link = Link::with_neighbour();
    let body = echo_body(4000);
    let mut pieces: Vec<_> = body.chunks(1480).enumerate().collect();
    pieces.reverse();
    for (index, piece) in pieces {
        let mut header = to_us(ipv4::ICMP);
        header.identification = 5;
        header.fragment_offset = index as u16 * 1480;
        header.more_fragments = index < 2;
        link.ip(header, piece);
    }
    let out = link.out();
    assert_eq!((out.len(), link.stack.counters().reassembled), (3, 1));
    let mut answer = Vec::new();
    for (index, content) in out.iter().enumerate() {
        let Content::Ip(header, piece) = content else { panic!() };
        assert_eq!((usize::from(header.fragment_offset), header.more_fragments), (answer.len(), index < 2));
        answer.extend_from_slice(piece);
    }
    let Some(icmp::Message::EchoReply { data, .. }) = icmp::parse(&answer) else { panic!() };
    assert_eq!(data, &body[8..]);
}

#[test]
fn missing_fragments_end_in_time_exceeded() {
    let mut link = Link::with_neighbour();
    let mut header = to_us(ipv4::UDP);
    header.more_fragments = true;
    link.ip(header, &[1; 64]);
    assert_eq!(link.stack.poll_at(), Some(link.now + Duration::from_secs(30)));
    link.wait(Duration::from_secs(30));
    let (_, body) = link.out_ip();
    assert!(matches!(icmp::parse(&body), Some(icmp::Message::TimeExceeded { code: 1, .. })));
    assert_eq!((link.stack.counters().reassembly_timeout, link.stack.poll_at()), (1, None));
}

#[test]
fn a_ping_measures_who_answered() {
    let mut link = Link::with_neighbour();
    let ping = link.stack.ping_open(B).unwrap();
    link.stack.ping_send(ping, PingRequest::new(3, 56)).unwrap();
    let (_, body) = link.out_ip();
    let Some(icmp::Message::EchoRequest { ident, sequence, data }) = icmp::parse(&body) else { panic!() };
    link.wait(ms(20));
    link.icmp(&icmp::Message::EchoReply { ident: ident ^ 1, sequence, data });
    assert_eq!(link.stack.ping_recv(ping), Ok(None));
    link.icmp(&icmp::Message::EchoReply { ident, sequence, data });
    let reply = link.stack.ping_recv(ping).unwrap().unwrap();
    assert_eq!((reply.sequence, reply.from, reply.result, reply.at), (3, B, Ok(56), link.now));
    assert_eq!(events(&mut link.stack), [Event::Socket(ping, Notices::READABLE)]);
}

#[test]
fn a_quoted_ping_is_an_error() {
    let mut link = Link::with_neighbour();
    let ping = link.stack.ping_open(B).unwrap();
    link.stack.ping_send(ping, PingRequest::new(3, 56)).unwrap();
    let (header, body) = link.out_ip();
    let quoted = packet(header, &body);
    link.icmp(&icmp::Message::Unreachable { code: 1, mtu: 0, quoted: &quoted[..28] });
    assert_eq!(link.stack.ping_recv(ping).unwrap().unwrap().result, Err(Error::Unreachable));
}

#[test]
fn a_ping_whose_time_to_live_ends_tells_the_router() {
    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    let mut link = Link::with_neighbour();
    let ping = link.stack.ping_open(B).unwrap();
    link.stack.ping_send(ping, PingRequest { sequence: 4, len: 56, ttl: 1 }).unwrap();
    let (header, body) = link.out_ip();
    assert_eq!(header.ttl, 1);
    let quoted = packet(header, &body);
    link.icmp_from(ROUTER, &icmp::Message::TimeExceeded { code: 0, quoted: &quoted[..28] });
    let reply = link.stack.ping_recv(ping).unwrap().unwrap();
    assert_eq!((reply.sequence, reply.from, reply.result), (4, ROUTER, Err(Error::HopLimit)));
}

#[test]
fn we_can_ping_ourselves_without_a_wire() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    for address in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 9, 9, 9), A] {
        let ping = link.stack.ping_open(address).unwrap();
        link.stack.ping_send(ping, PingRequest::new(1, 5000)).unwrap();
        assert_eq!(link.out(), []);
        assert_eq!(link.stack.ping_recv(ping).unwrap().unwrap().result, Ok(5000));
    }
}

#[test]
fn without_an_address_there_is_no_route() {
    let mut config = static_config(MAC_A, A, 1);
    config.addressing = Addressing::None;
    let mut stack = Stack::new(config, OwnedBuffers::default());
    assert_eq!(stack.ping_open(B), Err(Error::NoRoute));
    assert_eq!(stack.tcp_connect(Instant::ZERO, Endpoint::new(B, 80), SocketOptions::default()), Err(Error::NoRoute));
    assert!(stack.ping_open(Ipv4Addr::LOCALHOST).is_ok());
}
