//! One stack and the frames that the test writes and reads by hand.

use crate::common::*;
use std::net::{IpAddr, Ipv4Addr};
use tcpip::wire::{arp, ethernet, icmp, ipv4, tcp, udp};
use tcpip::*;

/// A stack whose peer is the test.
pub struct Link {
    pub stack: TestStack,
    pub now: Instant,
}

/// What a frame holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    Arp(arp::Packet),
    Ip(ipv4::Header, Vec<u8>),
}

impl Link {
    pub fn new(stack: TestStack) -> Link {
        let mut link = Link { stack, now: Instant::from_millis(1000) };
        // The announcements of a static address.
        if link.stack.iface().ipv4.is_some() {
            assert_eq!(link.out().len(), 2);
            events(&mut link.stack);
        }
        link
    }

    /// A stack at address A that knows the neighbour B.
    pub fn with_neighbour() -> Link {
        let mut link = Link::new(stack(MAC_A, A, 1));
        link.arp(arp::Operation::Request, B, A);
        assert_eq!(link.out().len(), 1);
        link
    }

    pub fn frame(&mut self, dst: MacAddr, ethertype: u16, payload: &[u8]) {
        let mut frame = vec![0; 14 + payload.len()];
        ethernet::Header { dst, src: MAC_B, ethertype }.write(&mut frame).unwrap();
        frame[14..].copy_from_slice(payload);
        self.stack.receive(self.now, &frame, FrameMeta::default());
    }

    /// An ARP packet from B's station.
    pub fn arp(&mut self, operation: arp::Operation, sender_ip: Ipv4Addr, target_ip: Ipv4Addr) {
        let packet = arp::Packet { operation, sender_mac: MAC_B, sender_ip, target_mac: MacAddr::ZERO, target_ip };
        let mut payload = [0; arp::LEN];
        packet.write(&mut payload).unwrap();
        self.frame(MacAddr::BROADCAST, ethernet::ARP, &payload);
    }

    /// A packet to us from B.
    pub fn ip(&mut self, header: ipv4::Header, payload: &[u8]) {
        let dst = if header.dst == A { MAC_A } else { MacAddr::BROADCAST };
        self.frame(dst, ethernet::IPV4, &packet(header, payload));
    }

    pub fn udp(&mut self, from: u16, to: u16, data: &[u8]) {
        self.ip(ipv4::Header::new(B, A, ipv4::UDP), &datagram(B, A, from, to, data));
    }

    pub fn icmp(&mut self, message: &icmp::Message<'_>) {
        self.icmp_from(B, message);
    }

    /// An ICMP message from another host, by way of the neighbour.
    pub fn icmp_from(&mut self, from: Ipv4Addr, message: &icmp::Message<'_>) {
        let mut body = vec![0; 1500];
        let len = icmp::write(message, &mut body).unwrap();
        self.ip(ipv4::Header::new(from, A, ipv4::ICMP), &body[..len]);
    }

    /// Everything the stack has to send, decoded; checksums must be right.
    pub fn out(&mut self) -> Vec<Content> {
        drain(&mut self.stack, self.now).iter().map(|frame| decode(frame)).collect()
    }

    /// The only thing the stack has to send: a packet.
    #[track_caller]
    pub fn out_ip(&mut self) -> (ipv4::Header, Vec<u8>) {
        match self.out().as_slice() {
            [Content::Ip(header, payload)] => (*header, payload.clone()),
            other => panic!("{other:?}"),
        }
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.stack.poll(self.now);
    }
}

pub fn packet(header: ipv4::Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 20 + payload.len()];
    header.write(payload.len(), &mut bytes).unwrap();
    bytes[20..].copy_from_slice(payload);
    bytes
}

pub fn datagram(src: Ipv4Addr, dst: Ipv4Addr, from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 8 + data.len()];
    let header = udp::Header { src_port: from, dst_port: to };
    udp::write(header, src.into(), dst.into(), data, &mut bytes).unwrap();
    bytes
}

pub fn decode(frame: &[u8]) -> Content {
    let (header, payload) = ethernet::Header::parse(frame).unwrap();
    if header.ethertype == ethernet::ARP {
        return Content::Arp(arp::Packet::parse(payload).unwrap());
    }
    let (header, payload) = ipv4::Header::parse(payload).unwrap();
    let verify: Option<(IpAddr, IpAddr)> = Some((header.src.into(), header.dst.into()));
    match header.protocol {
        _ if header.is_fragment() => {}
        ipv4::UDP => assert!(udp::parse(payload, verify).is_some()),
        ipv4::TCP => assert!(tcp::Segment::parse(payload, verify).is_some()),
        _ => assert!(tcpip::wire::checksum::verify(payload)),
    }
    Content::Ip(header, payload.to_vec())
}
