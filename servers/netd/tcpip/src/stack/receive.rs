//! Frames in: Ethernet, ARP, IPv4, UDP.

use super::Stack;
use crate::addr::{Endpoint, MacAddr};
use crate::arp::Learn;
use crate::buffer::Buffers;
use crate::device::{Checksum, FrameMeta};
use crate::reassembly::Outcome;
use crate::tcp::Notices;
use crate::time::{Duration, Instant};
use crate::wire::{arp, dhcp, ethernet, icmp, ipv4, u16_at, udp};
use core::net::{IpAddr, Ipv4Addr};

/// Our address is defended no more often than this (RFC 5227 §2.4).
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

/// How a packet came to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arrival {
    /// From ourselves.
    Loopback,
    /// In a frame for our Ethernet address.
    Unicast,
    /// In a frame for many.
    Group,
}

/// A packet's circumstances, as the layers above need them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub(super) header: ipv4::Header,
    /// To our own address, not to a broadcast one.
    pub(super) to_us: bool,
    /// The transport checksum needs no check.
    pub(super) trusted: bool,
}

impl Context {
    pub(super) fn src(&self) -> IpAddr {
        IpAddr::V4(self.header.src)
    }

    pub(super) fn dst(&self) -> IpAddr {
        IpAddr::V4(self.header.dst)
    }

    /// The addresses for the pseudo-header, if the checksum is to be verified.
    pub(super) fn verify(&self) -> Option<(IpAddr, IpAddr)> {
        (!self.trusted).then(|| (self.src(), self.dst()))
    }
}

impl<B: Buffers> Stack<B> {
    /// Takes a frame from the device.
    pub fn receive(&mut self, now: Instant, frame: &[u8], meta: FrameMeta) {
        self.counters.frames_in += 1;
        self.counters.bytes_in += frame.len() as u64;
        let parsed = ethernet::Header::parse(frame).filter(|(header, _)| header.src != self.iface.mac);
        let Some((header, payload)) = parsed else {
            self.counters.ethernet_dropped += 1;
            return;
        };
        let arrival = if header.dst == self.iface.mac {
            Arrival::Unicast
        } else if header.dst.is_unicast() || header.dst == MacAddr::ZERO {
            self.counters.ethernet_dropped += 1;
            return;
        } else {
            Arrival::Group
        };
        match header.ethertype {
            ethernet::ARP => self.receive_arp(now, payload),
            ethernet::IPV4 => self.receive_ip(now, payload, arrival, meta.checksum != Checksum::Complete),
            _ => self.counters.ethertype_unknown += 1,
        }
    }

    /// RFC 826's algorithm, with the conflict detection of RFC 5227.
    fn receive_arp(&mut self, now: Instant, payload: &[u8]) {
        self.counters.arp_in += 1;
        let Some(packet) = arp::Packet::parse(payload).filter(|packet| packet.sender_mac.is_unicast()) else {
            self.counters.arp_malformed += 1;
            return;
        };
        let Some(ours) = self.iface.address() else { return };
        if packet.sender_ip == ours {
            return self.on_conflict(now, packet.sender_mac);
        }
        let for_us = packet.target_ip == ours;
        let asks_us = for_us && packet.operation == arp::Operation::Request;
        if self.iface.is_foreign_host(packet.sender_ip) {
            let learn = if asks_us { Learn::Create } else { Learn::Update };
            for waiting in self.neighbours.learn(now, packet.sender_ip, packet.sender_mac, learn) {
                self.push_packet(waiting);
            }
        }
        if asks_us {
            self.push_arp(
                packet.sender_mac,
                arp::Packet {
                    operation: arp::Operation::Reply,
                    sender_mac: self.iface.mac,
                    sender_ip: ours,
                    target_mac: packet.sender_mac,
                    target_ip: packet.sender_ip,
                },
            );
        }
    }

    /// Another station says that it has our address. A leased one is given up; any other is defended.
    fn on_conflict(&mut self, now: Instant, mac: MacAddr) {
        self.counters.arp_conflicts += 1;
        self.conflict = Some(mac);
        let lately = |at: Option<Instant>| at.is_some_and(|at| now.since(at) < DEFEND_INTERVAL);
        // It answered our probe of a new lease, or it didn't yield to our defence.
        if let Some(dhcp) = self.dhcp.as_mut().filter(|_| lately(self.leased_at) || lately(self.defended)) {
            return dhcp.decline(now);
        }
        if !lately(self.defended) {
            self.defended = Some(now);
            self.announce();
        }
    }

    pub(super) fn receive_ip(&mut self, now: Instant, data: &[u8], arrival: Arrival, trusted: bool) {
        self.counters.ip_in += 1;
        let (header, payload) = match ipv4::Header::parse(data) {
            Ok(parsed) => parsed,
            Err(ipv4::Malformed::Format) => {
                self.counters.ip_malformed += 1;
                return;
            }
            Err(ipv4::Malformed::Checksum) => {
                self.counters.ip_checksum += 1;
                return;
            }
        };
        let Some(to_us) = self.accept_addresses(&header, payload, arrival) else { return };
        if !header.is_fragment() {
            return self.deliver(now, Context { header, to_us, trusted }, payload);
        }
        self.counters.fragments_in += 1;
        match self.reassembly.insert(now, header, payload) {
            Outcome::Waiting => {}
            Outcome::Dropped => self.counters.reassembly_dropped += 1,
            Outcome::Complete(header, payload) => {
                self.counters.reassembled += 1;
                self.deliver(now, Context { header, to_us, trusted: arrival == Arrival::Loopback }, &payload);
            }
        }
    }

    /// Whether a packet with these addresses may come in, and if so whether it is for us alone.
    fn accept_addresses(&mut self, header: &ipv4::Header, payload: &[u8], arrival: Arrival) -> Option<bool> {
        if arrival == Arrival::Loopback {
            return self.iface.is_local(header.dst).then_some(true);
        }
        if header.dst.is_loopback() || !self.iface.is_foreign_host(header.src) {
            self.counters.ip_bad_source += 1;
            return None;
        }
        // RFC 1122 §3.3.6: what came to many stations can't be for one address.
        if self.iface.is_local(header.dst) && arrival == Arrival::Unicast {
            return Some(true);
        }
        if self.iface.is_broadcast(header.dst) && arrival == Arrival::Group {
            return Some(false);
        }
        // Before we have the address, a server may already send to it (RFC 2131 §4.1).
        let to_dhcp = header.protocol == ipv4::UDP && u16_at(payload, 2) == Some(dhcp::CLIENT_PORT);
        if self.dhcp.is_some() && to_dhcp && arrival == Arrival::Unicast {
            return Some(false);
        }
        self.counters.ip_not_ours += 1;
        None
    }

    fn deliver(&mut self, now: Instant, context: Context, payload: &[u8]) {
        match context.header.protocol {
            ipv4::ICMP => self.receive_icmp(now, context, payload),
            ipv4::UDP => self.receive_udp(now, context, payload),
            ipv4::TCP => self.receive_tcp(now, context, payload),
            _ => {
                self.counters.ip_unknown_protocol += 1;
                self.send_unreachable(now, context, icmp::CODE_PROTOCOL, payload);
            }
        }
    }

    fn receive_udp(&mut self, now: Instant, context: Context, payload: &[u8]) {
        let Some((header, data)) = udp::parse(payload, context.verify()).filter(|(header, _)| header.dst_port != 0)
        else {
            self.counters.udp_malformed += 1;
            return;
        };
        self.counters.udp_in += 1;
        let remote = Endpoint::new(context.src(), header.src_port);
        if header.dst_port == dhcp::CLIENT_PORT && header.src_port == dhcp::SERVER_PORT && self.dhcp.is_some() {
            return self.receive_dhcp(now, data);
        }
        let id = self.udp_ports.get(&header.dst_port).copied();
        if let Some(id) = id
            && let Ok(socket) = self.udp_mut(id)
            && socket.wants(context.dst(), remote)
        {
            if socket.deliver(context.dst(), remote, data) {
                self.notify(id, Notices::READABLE);
            } else {
                self.counters.udp_queue_full += 1;
            }
            return;
        }
        if self.resolver.owns_port(header.dst_port) {
            if !self.resolver.receive(now, remote, header.dst_port, data) {
                self.counters.dns_dropped += 1;
            }
            return;
        }
        self.counters.udp_no_port += 1;
        self.send_unreachable(now, context, icmp::CODE_PORT, payload);
    }

    /// Tells the link that our address is ours (a gratuitous request, RFC 5227 §2.3).
    pub(super) fn announce(&mut self) {
        let Some(ours) = self.iface.address() else { return };
        self.ask_link(ours, ours);
    }

    /// Asks whether anybody else has `address` (an ARP probe, RFC 5227 §2.1.1).
    pub(super) fn probe(&mut self, address: Ipv4Addr) {
        self.ask_link(Ipv4Addr::UNSPECIFIED, address);
    }

    fn ask_link(&mut self, sender_ip: Ipv4Addr, target_ip: Ipv4Addr) {
        self.push_arp(
            MacAddr::BROADCAST,
            arp::Packet {
                operation: arp::Operation::Request,
                sender_mac: self.iface.mac,
                sender_ip,
                target_mac: MacAddr::ZERO,
                target_ip,
            },
        );
    }
}
