//! UDP sockets.

use crate::common::*;
use crate::link::*;
use tcpip::wire::{icmp, ipv4, udp};
use tcpip::*;

#[test]
fn a_datagram_reaches_its_socket_and_the_answer_its_sender() {
    let mut link = Link::with_neighbour();
    let id = link.stack.udp_bind(None, 7).unwrap();
    link.udp(5000, 7, b"hello");
    assert_eq!(events(&mut link.stack), [Event::Socket(id, Notices::READABLE)]);
    let datagram = link.stack.recv_from(id).unwrap().unwrap();
    assert_eq!((datagram.remote, datagram.data.as_slice()), (Endpoint::new(B, 5000), b"hello".as_slice()));
    link.stack.send_to(id, datagram.remote, b"world").unwrap();
    let (_, body) = link.out_ip();
    let (header, data) = udp::parse(&body, None).unwrap();
    assert_eq!((header, data), (udp::Header { src_port: 7, dst_port: 5000 }, b"world".as_slice()));
}

#[test]
fn nobody_at_the_port_is_said() {
    let mut link = Link::with_neighbour();
    link.udp(5000, 7, b"hello");
    let (_, body) = link.out_ip();
    assert!(matches!(icmp::parse(&body), Some(icmp::Message::Unreachable { code: icmp::CODE_PORT, .. })));
}

#[test]
fn a_wrong_checksum_is_dropped_and_none_is_taken() {
    let mut link = Link::with_neighbour();
    let id = link.stack.udp_bind(None, 7).unwrap();
    let mut bytes = datagram(B, A, 5000, 7, b"hello");
    bytes[9] ^= 1;
    link.ip(ipv4::Header::new(B, A, ipv4::UDP), &bytes);
    assert_eq!((link.stack.counters().udp_malformed, link.stack.recv_from(id)), (1, Ok(None)));
    bytes[6..8].fill(0);
    link.ip(ipv4::Header::new(B, A, ipv4::UDP), &bytes);
    assert!(link.stack.recv_from(id).unwrap().is_some());
}

#[test]
fn the_queue_is_bounded() {
    let mut link = Link::with_neighbour();
    let id = link.stack.udp_bind(None, 7).unwrap();
    for _ in 0..100 {
        link.udp(5000, 7, b"x");
    }
    let mut count = 0;
    while link.stack.recv_from(id).unwrap().is_some() {
        count += 1;
    }
    assert_eq!((count, link.stack.counters().udp_queue_full), (64, 36));
}

#[test]
fn a_connected_socket_hears_its_peer_alone_and_its_errors() {
    let mut link = Link::with_neighbour();
    let id = link.stack.udp_bind(None, 7).unwrap();
    link.stack.udp_connect(id, Endpoint::new(B, 5000)).unwrap();
    link.udp(5001, 7, b"stranger");
    assert_eq!(link.stack.recv_from(id), Ok(None));
    link.out();
    link.stack.send_to(id, Endpoint::new(B, 5000), b"data").unwrap();
    let (header, body) = link.out_ip();
    let quoted = packet(header, &body);
    link.icmp(&icmp::Message::Unreachable { code: icmp::CODE_PORT, mtu: 0, quoted: &quoted });
    assert_eq!(link.stack.recv_from(id), Err(Error::Refused));
    assert_eq!(link.stack.recv_from(id), Ok(None));
}

#[test]
fn ports_are_taken_once_and_freed_by_close() {
    let mut link = Link::with_neighbour();
    let id = link.stack.udp_bind(None, 7).unwrap();
    assert_eq!(link.stack.udp_bind(None, 7), Err(Error::AddressInUse));
    link.stack.close(link.now, id).unwrap();
    assert_eq!(link.stack.recv_from(id), Err(Error::BadSocket));
    assert!(link.stack.udp_bind(None, 7).is_ok());
    let (a, b) = (link.stack.udp_bind(None, 0).unwrap(), link.stack.udp_bind(None, 0).unwrap());
    assert_ne!(link.stack.local_port(a), link.stack.local_port(b));
}

#[test]
fn the_largest_datagram_goes_round() {
    let mut link = Link::with_neighbour();
    let (a, b) = (link.stack.udp_bind(None, 1).unwrap(), link.stack.udp_bind(None, 2).unwrap());
    let data: Vec<u8> = (0..65_507).map(|at| byte(1, at)).collect();
    assert_eq!(link.stack.send_to(a, Endpoint::new(A, 2), &[0; 65_508]), Err(Error::TooLong));
    link.stack.send_to(a, Endpoint::new(A, 2), &data).unwrap();
    assert_eq!(link.out(), []);
    assert_eq!(link.stack.recv_from(b).unwrap().unwrap().data, data);
    link.stack.send_to(a, Endpoint::new(B, 2), &data).unwrap();
    assert_eq!(link.out().len(), 45);
}

#[test]
fn a_broadcast_reaches_everybody() {
    let mut link = Link::with_neighbour();
    let id = link.stack.udp_bind(None, 7).unwrap();
    link.stack.send_to(id, Endpoint::new([10, 0, 0, 255], 7), b"all").unwrap();
    assert_eq!(link.out().len(), 1);
    let body = datagram(B, [255; 4].into(), 9, 7, b"all");
    link.ip(ipv4::Header::new(B, [255; 4].into(), ipv4::UDP), &body);
    assert_eq!(link.stack.recv_from(id).unwrap().unwrap().data, b"all");
}

#[test]
fn ports_that_the_stack_chooses_do_not_follow_each_other() {
    let chosen = |seed| {
        let mut stack = stack(MAC_A, A, seed);
        let mut one = || {
            let id = stack.udp_bind(None, 0).unwrap();
            let port = stack.local_port(id).unwrap();
            stack.close(Instant::from_millis(1000), id).unwrap();
            port
        };
        (0..1000).map(|_| one()).collect::<Vec<u16>>()
    };
    let ports = chosen(1);
    assert!(ports.iter().all(|port| *port >= 49_152));
    let near = ports.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 16).count();
    // Two of a thousand are so near by chance.
    assert!(near < 16, "{near} of 1,000 are near the one before");
    let mut halves = ports.clone();
    halves.sort_unstable();
    assert!(halves[100] < 51_500 && halves[899] > 63_000, "all of the range is used");
    let same = ports.iter().zip(chosen(2)).filter(|(one, other)| **one == *other).count();
    assert!(same < 8, "another secret, other ports: {same}");
}
