//! ARP: answering, learning, ageing, conflicts.

use crate::common::*;
use crate::link::*;
use std::net::Ipv4Addr;
use tcpip::icmp::PingRequest;
use tcpip::wire::arp::{Operation, Packet};
use tcpip::*;

#[test]
fn a_new_address_is_probed_and_announced() {
    let mut stack = stack(MAC_A, A, 1);
    let frames: Vec<_> = drain(&mut stack, Instant::ZERO).iter().map(|frame| decode(frame)).collect();
    let ask = |sender_ip| {
        let (operation, target_mac) = (Operation::Request, MacAddr::ZERO);
        Content::Arp(Packet { operation, sender_mac: MAC_A, sender_ip, target_mac, target_ip: A })
    };
    assert_eq!(frames, [ask(Ipv4Addr::UNSPECIFIED), ask(A)]);
}

#[test]
fn a_request_for_us_is_answered_and_learned() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    link.arp(Operation::Request, B, A);
    let reply =
        Packet { operation: Operation::Reply, sender_mac: MAC_A, sender_ip: A, target_mac: MAC_B, target_ip: B };
    assert_eq!(link.out(), [Content::Arp(reply)]);
    assert_eq!(link.stack.neighbours().map(|n| (n.address, n.mac)).collect::<Vec<_>>(), [(B, Some(MAC_B))]);
}

#[test]
fn a_probe_for_our_address_is_answered_and_not_learned() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    link.arp(Operation::Request, Ipv4Addr::UNSPECIFIED, A);
    assert_eq!((link.out().len(), link.stack.neighbours().count()), (1, 0));
}

#[test]
fn what_others_say_makes_no_entry() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    link.arp(Operation::Request, B, Ipv4Addr::new(10, 0, 0, 3));
    link.arp(Operation::Reply, B, B);
    link.arp(Operation::Reply, B, A);
    assert_eq!((link.out(), link.stack.neighbours().count()), (vec![], 0));
}

#[test]
fn a_packet_waits_for_the_neighbour() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    let ping = link.stack.ping_open(B).unwrap();
    link.stack.ping_send(ping, PingRequest::new(1, 10)).unwrap();
    let [Content::Arp(request)] = link.out()[..] else { panic!() };
    assert_eq!((request.operation, request.target_ip), (Operation::Request, B));
    link.arp(Operation::Reply, B, A);
    assert_eq!(link.out_ip().0.dst, B);
}

#[test]
fn a_silent_neighbour_is_reported_after_three_seconds() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    let ping = link.stack.ping_open(B).unwrap();
    link.stack.ping_send(ping, PingRequest::new(7, 10)).unwrap();
    for _ in 0..3 {
        assert_eq!(link.out().len(), 1);
        assert_eq!(link.stack.poll_at(), Some(link.now + ms(1000)));
        link.wait(ms(1000));
    }
    assert_eq!(link.out(), []);
    let reply = link.stack.ping_recv(ping).unwrap().unwrap();
    assert_eq!((reply.sequence, reply.result), (7, Err(Error::Unreachable)));
}

#[test]
fn an_old_entry_is_used_and_probed() {
    let mut link = Link::with_neighbour();
    link.wait(Duration::from_secs(61));
    let ping = link.stack.ping_open(B).unwrap();
    link.stack.ping_send(ping, PingRequest::new(1, 10)).unwrap();
    let out = link.out();
    assert!(matches!(out[..], [Content::Ip(..), Content::Arp(_)]), "{out:?}");
    link.arp(Operation::Reply, B, A);
    link.wait(ms(1000));
    assert_eq!(link.out(), []);
}

#[test]
fn another_station_with_our_address_is_reported_and_answered_once() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    link.arp(Operation::Request, A, A);
    assert_eq!(events(&mut link.stack), [Event::AddressConflict(MAC_B)]);
    assert_eq!(link.out().len(), 1);
    link.arp(Operation::Request, A, A);
    assert_eq!((link.out(), link.stack.counters().arp_conflicts), (vec![], 2));
    assert_eq!(link.stack.iface().address(), Some(A));
}

#[test]
fn hosts_beyond_the_network_are_sent_to_the_gateway() {
    let mut link = Link::new(stack(MAC_A, A, 1));
    let ping = link.stack.ping_open(Ipv4Addr::new(8, 8, 8, 8)).unwrap();
    link.stack.ping_send(ping, PingRequest::new(1, 10)).unwrap();
    let [Content::Arp(request)] = link.out()[..] else { panic!() };
    assert_eq!(request.target_ip, Ipv4Addr::new(10, 0, 0, 254));
}
