//! Frames out.
//!
//! [`Stack::next_frame`] looks for work in a fixed order: the rest of a fragmented datagram, ARP, packets that wait in
//! the outbox, DHCP and DNS, and then the ready sockets in turn, a frame each.

use super::Stack;
use super::receive::Arrival;
use super::socket::Kind;
use crate::addr::{FourTuple, MacAddr};
use crate::arp::{Action, Packet};
use crate::buffer::{Buffers, SendBuffer};
use crate::device::{Checksum, FrameMeta, TxFrame};
use crate::error::Error;
use crate::icmp::PingRequest;
use crate::iface::Route;
use crate::slab::SocketId;
use crate::tcp::Outgoing;
use crate::time::Instant;
use crate::wire::checksum::Sum;
use crate::wire::{arp, ethernet, icmp, ipv4, ipv4_at, patch_u16, tcp, udp};
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

/// Packets and bytes in the outbox.
const MAX_OUTBOX: usize = 256;
const MAX_OUTBOX_BYTES: usize = 512 * 1024;
/// Packets and bytes on the way to ourselves.
const MAX_LOOPBACK: usize = 256;
const MAX_LOOPBACK_BYTES: usize = 512 * 1024;
/// ARP packets waiting.
const MAX_ARP_OUT: usize = 64;
/// Pieces of work without a frame that one call does before it returns.
const MAX_STEPS: usize = 512;

/// A datagram that is being sent in pieces.
pub(super) struct Fragmenting {
    packet: Vec<u8>,
    mac: MacAddr,
    offset: usize,
}

/// Where the next hop is.
enum Hop {
    Ourselves,
    Station(MacAddr),
    Unresolved(Ipv4Addr),
    Nowhere,
}

/// What a piece of work led to.
enum Step {
    Frame(usize, FrameMeta),
    Again,
    Idle,
}

impl<B: Buffers> Stack<B> {
    /// Writes the next frame to send into `buf`, which must hold 14 bytes more than the MTU. `None`: nothing to send
    /// now, or much work without a frame was done (then [`Stack::poll_at`] says "at once"). Call it again after [`Stack::receive`], [`Stack::poll`] and every call on a socket.
    pub fn next_frame(&mut self, now: Instant, buf: &mut [u8]) -> Option<TxFrame> {
        if buf.len() < ethernet::HEADER_LEN + usize::from(self.iface.mtu) {
            return None;
        }
        self.unfinished = false;
        for _ in 0..MAX_STEPS {
            if let Some(packet) = self.loopback.pop_front() {
                self.loopback_bytes -= packet.len();
                self.receive_ip(now, &packet, Arrival::Loopback, true);
                continue;
            }
            match self.step(now, buf) {
                Step::Again => {}
                Step::Idle => return None,
                Step::Frame(len, meta) => {
                    self.counters.frames_out += 1;
                    self.counters.bytes_out += len as u64;
                    return Some(TxFrame { len, meta });
                }
            }
        }
        self.unfinished = true;
        None
    }

    fn step(&mut self, now: Instant, buf: &mut [u8]) -> Step {
        if let Some(fragmenting) = self.fragmenting.take() {
            return self.emit_fragment(fragmenting, buf);
        }
        if let Some((dst, packet)) = self.arp_out.pop_front() {
            return self.emit_arp(dst, &packet, buf);
        }
        match self.neighbours.poll(now) {
            Some(Action::Request { address, mac }) => return self.emit_request(address, mac, buf),
            Some(Action::Failed(packets, error)) => {
                self.counters.neighbour_dropped += packets.len() as u64;
                for packet in packets {
                    self.report_lost(now, &packet, error);
                }
                return Step::Again;
            }
            None => {}
        }
        if let Some(packet) = self.outbox.pop_front() {
            self.outbox_bytes -= packet.bytes.len();
            return self.emit_packet(now, packet, buf);
        }
        if self.poll_services(now) {
            return Step::Again;
        }
        match self.next_ready() {
            Some(id) => self.emit_from_socket(now, id, buf),
            None => Step::Idle,
        }
    }

    fn emit_arp(&mut self, dst: MacAddr, packet: &arp::Packet, buf: &mut [u8]) -> Step {
        let len = self.write_ethernet(dst, ethernet::ARP, buf);
        match packet.write(buf.get_mut(len..).unwrap_or_default()) {
            Some(written) => Step::Frame(len + written, FrameMeta::default()),
            None => Step::Again,
        }
    }

    fn emit_request(&mut self, address: Ipv4Addr, mac: Option<MacAddr>, buf: &mut [u8]) -> Step {
        let Some(ours) = self.iface.address() else { return Step::Again };
        let request = arp::Packet {
            operation: arp::Operation::Request,
            sender_mac: self.iface.mac,
            sender_ip: ours,
            target_mac: MacAddr::ZERO,
            target_ip: address,
        };
        self.emit_arp(mac.unwrap_or(MacAddr::BROADCAST), &request, buf)
    }

    fn write_ethernet(&self, dst: MacAddr, ethertype: u16, buf: &mut [u8]) -> usize {
        ethernet::Header { dst, src: self.iface.mac, ethertype }.write(buf).unwrap_or(0)
    }

    fn hop(&mut self, now: Instant, dst: IpAddr) -> Hop {
        let IpAddr::V4(dst) = dst else { return Hop::Nowhere };
        match self.iface.route(dst) {
            None => Hop::Nowhere,
            Some(Route::Local) => Hop::Ourselves,
            Some(Route::Broadcast) => Hop::Station(MacAddr::BROADCAST),
            Some(Route::Multicast(mac)) => Hop::Station(mac),
            Some(Route::Neighbour(neighbour)) => match self.neighbours.lookup(now, neighbour) {
                Some(mac) => Hop::Station(mac),
                None => Hop::Unresolved(neighbour),
            },
        }
    }

    /// Sends a packet, or puts it where it can go on from.
    fn emit_packet(&mut self, now: Instant, packet: Packet, buf: &mut [u8]) -> Step {
        let Some(dst) = ipv4_at(&packet.bytes, 16) else { return Step::Again };
        let hop = self.hop(now, IpAddr::V4(dst));
        let Hop::Station(mac) = hop else {
            self.divert(now, hop, packet);
            return Step::Again;
        };
        self.counters.ip_out += 1;
        if packet.bytes.len() > usize::from(self.iface.mtu) {
            return self.emit_fragment(Fragmenting { packet: packet.bytes, mac, offset: 0 }, buf);
        }
        let len = self.write_ethernet(mac, ethernet::IPV4, buf);
        let end = len + packet.bytes.len();
        let Some(place) = buf.get_mut(len..end) else { return Step::Again };
        place.copy_from_slice(&packet.bytes);
        Step::Frame(end, FrameMeta::default())
    }

    /// A packet that goes to no station now.
    fn divert(&mut self, now: Instant, hop: Hop, packet: Packet) {
        match hop {
            Hop::Station(_) => {}
            Hop::Ourselves => {
                let full = self.loopback.len() >= MAX_LOOPBACK
                    || self.loopback_bytes + packet.bytes.len() > MAX_LOOPBACK_BYTES;
                if full {
                    self.counters.ip_queue_full += 1;
                } else {
                    self.counters.ip_out += 1;
                    self.loopback_bytes += packet.bytes.len();
                    self.loopback.push_back(packet.bytes);
                }
            }
            Hop::Unresolved(neighbour) => {
                let dropped = self.neighbours.wait(now, neighbour, packet);
                self.counters.neighbour_dropped += dropped as u64;
            }
            Hop::Nowhere => {
                self.counters.ip_no_route += 1;
                self.report_lost(now, &packet, Error::NoRoute);
            }
        }
    }

    /// Sends the next piece of a datagram (RFC 791 §3.2).
    fn emit_fragment(&mut self, mut fragmenting: Fragmenting, buf: &mut [u8]) -> Step {
        let Ok((mut header, payload)) = ipv4::Header::parse(&fragmenting.packet) else { return Step::Again };
        let room = (usize::from(self.iface.mtu) - ipv4::HEADER_LEN) & !7;
        let end = (fragmenting.offset + room).min(payload.len());
        let Some(piece) = payload.get(fragmenting.offset..end) else { return Step::Again };
        header.fragment_offset = fragmenting.offset as u16;
        header.more_fragments = end < payload.len();
        let start = self.write_ethernet(fragmenting.mac, ethernet::IPV4, buf);
        let Some(written) = header.write(piece.len(), buf.get_mut(start..).unwrap_or_default()) else {
            return Step::Again;
        };
        let at = start + written;
        let Some(place) = buf.get_mut(at..at + piece.len()) else { return Step::Again };
        place.copy_from_slice(piece);
        let len = at + piece.len();
        self.counters.fragments_out += 1;
        if header.more_fragments {
            fragmenting.offset = end;
            self.fragmenting = Some(fragmenting);
        }
        Step::Frame(len, FrameMeta::default())
    }

    fn emit_from_socket(&mut self, now: Instant, id: SocketId, buf: &mut [u8]) -> Step {
        let Some(entry) = self.sockets.get_mut(id) else { return Step::Again };
        match &mut entry.kind {
            Kind::Tcp(socket) => {
                let (segment, tuple) = (socket.connection.next_segment(now), socket.connection.tuple());
                let step = match segment {
                    Some(segment) => self.emit_segment(now, id, tuple, segment, buf),
                    None => Step::Again,
                };
                self.after_output(id, segment.is_some());
                return step;
            }
            Kind::Udp(socket) => {
                let port = socket.port;
                if let Some(datagram) = socket.next_to_send() {
                    let header = udp::Header { src_port: port, dst_port: datagram.remote.port };
                    let mut body = vec![0; udp::HEADER_LEN + datagram.data.len()];
                    let (src, dst) = (datagram.local, datagram.remote.addr);
                    if udp::write(header, src, dst, &datagram.data, &mut body).is_some() {
                        self.counters.udp_out += 1;
                        self.send_ip(src, dst, ipv4::UDP, &body, Some(id));
                    }
                    self.make_ready(id);
                }
            }
            Kind::Ping(socket) => {
                let (remote, ident) = (socket.remote, socket.ident);
                if let Some(request) = socket.next_to_send() {
                    self.emit_echo(id, remote, ident, request);
                    self.make_ready(id);
                }
            }
            Kind::Listener(_) => {}
        }
        Step::Again
    }

    fn emit_echo(&mut self, id: SocketId, remote: Ipv4Addr, ident: u16, request: PingRequest) {
        let data: Vec<u8> = (0..request.len).map(|at| at as u8).collect();
        let mut body = vec![0; icmp::HEADER_LEN + request.len];
        let message = icmp::Message::EchoRequest { ident, sequence: request.sequence, data: &data };
        let Some(IpAddr::V4(src)) = self.iface.source_for(IpAddr::V4(remote)) else { return };
        if icmp::write(&message, &mut body).is_some() {
            let header = ipv4::Header { ttl: request.ttl, ..ipv4::Header::new(src, remote, ipv4::ICMP) };
            self.send_packet(header, &body, Some(id));
        }
    }

    /// Writes a TCP segment straight into the frame: its payload is copied once, from the send buffer.
    fn emit_segment(&mut self, now: Instant, id: SocketId, tuple: FourTuple, out: Outgoing, buf: &mut [u8]) -> Step {
        self.counters.tcp_out += 1;
        let (src, dst) = (tuple.local.addr, tuple.remote.addr);
        let hop = self.hop(now, dst);
        let (IpAddr::V4(src4), IpAddr::V4(dst4)) = (src, dst) else { return Step::Again };
        let header = ipv4::Header { dont_fragment: true, ..ipv4::Header::new(src4, dst4, ipv4::TCP) };
        let header_len = out.header.header_len();
        let len = header_len + out.len;
        let Some(packet) = buf.get_mut(ethernet::HEADER_LEN..ethernet::HEADER_LEN + ipv4::HEADER_LEN + len) else {
            return Step::Again;
        };
        if header.write(len, packet).is_none() {
            return Step::Again;
        }
        let segment = packet.get_mut(ipv4::HEADER_LEN..).unwrap_or_default();
        if out.header.write_header(segment).is_none() {
            return Step::Again;
        }
        let payload = segment.get_mut(header_len..).unwrap_or_default();
        let copied = match &self.sockets.get(id).map(|entry| &entry.kind) {
            Some(Kind::Tcp(socket)) => socket.connection.send_buffer().map_or(0, |send| send.peek(out.offset, payload)),
            _ => 0,
        };
        // A shared ring whose client takes bytes back sends zeros in their place: its own loss alone.
        payload.get_mut(copied..).unwrap_or_default().fill(0);
        let offload = self.features.transmit_checksum && matches!(hop, Hop::Station(_));
        let checksum = finish_tcp_checksum(src, dst, segment, offload);
        let total = packet.len();
        let Hop::Station(mac) = hop else {
            let packet = Packet { bytes: packet.to_vec(), origin: Some(id) };
            self.divert(now, hop, packet);
            return Step::Again;
        };
        self.counters.ip_out += 1;
        let start = self.write_ethernet(mac, ethernet::IPV4, buf);
        Step::Frame(start + total, FrameMeta { checksum, ..FrameMeta::default() })
    }

    /// Puts a packet made of header and `body` into the outbox.
    pub(super) fn send_ip(&mut self, src: IpAddr, dst: IpAddr, protocol: u8, body: &[u8], origin: Option<SocketId>) {
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) else { return };
        self.send_packet(ipv4::Header::new(src, dst, protocol), body, origin);
    }

    fn send_packet(&mut self, header: ipv4::Header, body: &[u8], origin: Option<SocketId>) {
        self.identification = self.identification.wrapping_add(1);
        let header = ipv4::Header { identification: self.identification, ..header };
        let mut bytes = vec![0; ipv4::HEADER_LEN + body.len()];
        if header.write(body.len(), &mut bytes).is_none() {
            return;
        }
        bytes[ipv4::HEADER_LEN..].copy_from_slice(body);
        self.push_packet(Packet { bytes, origin });
    }

    /// Puts a TCP segment without payload, which belongs to no connection, into the outbox.
    pub(super) fn send_bare_segment(&mut self, tuple: &FourTuple, segment: &tcp::Segment<'_>) {
        let mut body = [0; tcp::MAX_HEADER_LEN];
        let (src, dst) = (tuple.local.addr, tuple.remote.addr);
        let Some(len) = segment.write_header(&mut body) else { return };
        let Some(body) = body.get_mut(..len) else { return };
        finish_tcp_checksum(src, dst, body, false);
        self.counters.tcp_out += 1;
        self.send_ip(src, dst, ipv4::TCP, body, None);
    }

    pub(super) fn push_packet(&mut self, packet: Packet) {
        if self.outbox.len() >= MAX_OUTBOX || self.outbox_bytes + packet.bytes.len() > MAX_OUTBOX_BYTES {
            self.counters.ip_queue_full += 1;
            return;
        }
        self.outbox_bytes += packet.bytes.len();
        self.outbox.push_back(packet);
    }

    pub(super) fn push_arp(&mut self, dst: MacAddr, packet: arp::Packet) {
        if self.arp_out.len() < MAX_ARP_OUT {
            self.arp_out.push_back((dst, packet));
        }
    }
}

/// Completes a segment's checksum, or prepares it for the device.
fn finish_tcp_checksum(src: IpAddr, dst: IpAddr, segment: &mut [u8], offload: bool) -> Checksum {
    let pseudo = Sum::pseudo_header(src, dst, ipv4::TCP, segment.len());
    let at = usize::from(tcp::CHECKSUM_OFFSET);
    if offload {
        patch_u16(segment, at, pseudo.folded());
        let start = (ethernet::HEADER_LEN + ipv4::HEADER_LEN) as u16;
        return Checksum::Needed { start, offset: tcp::CHECKSUM_OFFSET };
    }
    let sum = pseudo.with(segment).finish();
    patch_u16(segment, at, sum);
    Checksum::Complete
}
