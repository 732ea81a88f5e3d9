//! ICMP in, and the errors we send.

use super::Stack;
use super::receive::Context;
use super::{Target, socket::Kind};
use crate::addr::{Endpoint, FourTuple};
use crate::arp::Packet;
use crate::buffer::Buffers;
use crate::error::Error;
use crate::icmp::PingReply;
use crate::tcp::{Notices, SeqNumber};
use crate::time::Instant;
use crate::wire::{checksum, icmp, ipv4, u16_at, u32_at};
use alloc::vec;
use core::net::{IpAddr, Ipv4Addr};

/// Payload bytes that an error quotes (RFC 792).
const QUOTED: usize = 8;

/// What a router that doesn't name the next MTU may mean (RFC 1191 §7.1), from large to small.
const PLATEAUS: [u16; 7] = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006];

impl<B: Buffers> Stack<B> {
    pub(super) fn receive_icmp(&mut self, now: Instant, context: Context, payload: &[u8]) {
        let message = if checksum::verify(payload) { icmp::parse(payload) } else { None };
        let Some(message) = message else {
            self.counters.icmp_dropped += 1;
            return;
        };
        self.counters.icmp_in += 1;
        match message {
            // Broadcast pings make a network answer a victim (RFC 1122 §3.2.2.6 allows silence).
            icmp::Message::EchoRequest { ident, sequence, data } => {
                if context.to_us {
                    let reply = icmp::Message::EchoReply { ident, sequence, data };
                    self.send_icmp(context.header.dst, context.header.src, &reply);
                }
            }
            icmp::Message::EchoReply { ident, sequence, data } => {
                self.on_echo_reply(now, context, ident, sequence, Ok(data.len()));
            }
            icmp::Message::Unreachable { code, mtu, quoted } => self.on_unreachable(now, context, code, mtu, quoted),
            icmp::Message::TimeExceeded { code: 0, quoted } => {
                self.on_error(now, context, quoted, Error::HopLimit, None);
            }
            icmp::Message::TimeExceeded { quoted, .. } | icmp::Message::ParameterProblem { quoted } => {
                self.on_error(now, context, quoted, Error::Unreachable, None);
            }
        }
    }

    fn on_echo_reply(
        &mut self,
        now: Instant,
        context: Context,
        ident: u16,
        sequence: u16,
        result: Result<usize, Error>,
    ) {
        let from = context.header.src;
        let Some(id) = self.ping_idents.get(&ident).copied() else { return };
        let Ok(socket) = self.ping_mut(id) else { return };
        if result.is_ok() && socket.remote != from {
            return;
        }
        socket.deliver(PingReply { sequence, from, result, at: now, ttl: context.header.ttl });
        self.notify(id, Notices::READABLE);
    }

    fn on_unreachable(&mut self, now: Instant, context: Context, code: u8, mtu: u16, quoted: &[u8]) {
        let refused = matches!(code, icmp::CODE_PROTOCOL | icmp::CODE_PORT);
        let error = if refused { Error::Refused } else { Error::Unreachable };
        let path_mtu = (code == icmp::CODE_FRAGMENTATION).then(|| {
            let tried = u16_at(quoted, 2).unwrap_or(u16::MAX);
            let plateau = PLATEAUS.iter().copied().find(|plateau| *plateau < tried).unwrap_or(576);
            if mtu == 0 { plateau } else { mtu }
        });
        self.on_error(now, context, quoted, error, path_mtu);
    }

    /// An error about a packet of ours goes to the socket that sent it, if the quotation proves that it did.
    fn on_error(&mut self, now: Instant, context: Context, quoted: &[u8], error: Error, path_mtu: Option<u16>) {
        let Some((header, start)) = ipv4::Header::parse_quoted(quoted) else { return };
        let ours = self.iface.is_local(header.src) && header.fragment_offset == 0;
        let (Some(local), Some(remote)) = (u16_at(start, 0), u16_at(start, 2)) else { return };
        if !ours || !context.to_us {
            return;
        }
        let local = Endpoint::new(header.src, local);
        let remote = Endpoint::new(header.dst, remote);
        match header.protocol {
            ipv4::TCP => {
                let seq = u32_at(start, 4).map(SeqNumber);
                self.on_tcp_error(now, FourTuple { local, remote }, seq, error, path_mtu);
            }
            ipv4::UDP if path_mtu.is_none() => self.on_udp_error(local, remote, error),
            ipv4::ICMP if path_mtu.is_none() => {
                let (Some(ident), Some(sequence)) = (u16_at(start, 4), u16_at(start, 6)) else { return };
                if start.first() == Some(&8) {
                    self.on_echo_reply(now, context, ident, sequence, Err(error));
                }
            }
            _ => {}
        }
    }

    fn on_tcp_error(
        &mut self,
        now: Instant,
        tuple: FourTuple,
        seq: Option<SeqNumber>,
        error: Error,
        path_mtu: Option<u16>,
    ) {
        let Some(Target::Connection(id)) = self.connections.get(&tuple).copied() else { return };
        let Ok(socket) = self.connection_mut(id) else { return };
        if !seq.is_some_and(|seq| socket.connection.is_in_flight(seq)) {
            return;
        }
        match path_mtu {
            Some(mtu) => socket.connection.on_path_mtu(mtu),
            None => socket.connection.unreachable(error),
        }
        self.settle(now, id);
    }

    fn on_udp_error(&mut self, local: Endpoint, remote: Endpoint, error: Error) {
        let Some(id) = self.udp_ports.get(&local.port).copied() else { return };
        // An unconnected socket talks to many; one that is gone is not the others' error (as in RFC 1122 §4.1.3.3 and
        // every socket interface).
        if let Ok(socket) = self.udp_mut(id)
            && socket.remote == Some(remote)
        {
            socket.report(error);
            self.notify(id, Notices::READABLE);
        }
    }

    /// Sends "destination unreachable" about a packet whose payload begins with `start`.
    pub(super) fn send_unreachable(&mut self, now: Instant, context: Context, code: u8, payload: &[u8]) {
        if context.to_us {
            self.send_icmp_error(now, context.header, payload, |quoted| icmp::Message::Unreachable {
                code,
                mtu: 0,
                quoted,
            });
        }
    }

    /// RFC 1122 §3.2.2: never about an ICMP error, a broadcast, a later fragment, or to what is no host.
    fn send_icmp_error(
        &mut self,
        now: Instant,
        about: ipv4::Header,
        payload: &[u8],
        message: impl Fn(&[u8]) -> icmp::Message<'_>,
    ) {
        let addressable = self.iface.is_foreign_host(about.src) || self.iface.is_local(about.src);
        if about.protocol == ipv4::ICMP || about.fragment_offset != 0 || !addressable {
            return;
        }
        if !self.icmp_limit.allow(now) {
            self.counters.icmp_limited += 1;
            return;
        }
        let start = payload.get(..QUOTED).unwrap_or(payload);
        let mut quoted = [0; ipv4::HEADER_LEN + QUOTED];
        let Some(len) = about.write(payload.len(), &mut quoted) else { return };
        let Some(place) = quoted.get_mut(len..len + start.len()) else { return };
        place.copy_from_slice(start);
        let quoted = quoted.get(..len + start.len()).unwrap_or_default();
        self.counters.icmp_errors_out += 1;
        self.send_icmp(about.dst, about.src, &message(quoted));
    }

    pub(super) fn send_icmp(&mut self, src: Ipv4Addr, dst: Ipv4Addr, message: &icmp::Message<'_>) {
        let data = match message {
            icmp::Message::EchoRequest { data, .. } | icmp::Message::EchoReply { data, .. } => data.len(),
            _ => ipv4::HEADER_LEN + QUOTED,
        };
        let mut body = vec![0; icmp::HEADER_LEN + data];
        let Some(len) = icmp::write(message, &mut body) else { return };
        body.truncate(len);
        self.send_ip(IpAddr::V4(src), IpAddr::V4(dst), ipv4::ICMP, &body, None);
    }

    /// Datagrams whose fragments took too long; the sender is told if the first one came.
    pub(super) fn expire_reassembly(&mut self, now: Instant) {
        while let Some(expired) = self.reassembly.expire(now) {
            self.counters.reassembly_timeout += 1;
            if let Some(header) = expired.header.filter(|header| self.iface.is_local(header.dst)) {
                self.send_icmp_error(now, header, &expired.start, |quoted| icmp::Message::TimeExceeded {
                    code: 1,
                    quoted,
                });
            }
        }
    }

    /// A packet could not be sent: whoever sent it hears that.
    pub(super) fn report_lost(&mut self, now: Instant, packet: &Packet, error: Error) {
        let Some(id) = packet.origin else { return };
        let Some(entry) = self.sockets.get_mut(id) else { return };
        match &mut entry.kind {
            Kind::Tcp(socket) => {
                socket.connection.unreachable(error);
                self.settle(now, id);
            }
            Kind::Udp(socket) => {
                socket.report(error);
                self.notify(id, Notices::READABLE);
            }
            Kind::Ping(socket) => {
                let sequence = u16_at(&packet.bytes, ipv4::HEADER_LEN + 6).unwrap_or(0);
                let from = socket.remote;
                socket.deliver(PingReply { sequence, from, result: Err(error), at: now, ttl: 0 });
                self.notify(id, Notices::READABLE);
            }
            Kind::Listener(_) => {}
        }
    }
}
