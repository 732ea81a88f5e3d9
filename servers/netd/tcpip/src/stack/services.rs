//! The stack's own clients, DHCP and DNS, and the interface's address.

use super::Stack;
use crate::addr::Endpoint;
use crate::buffer::Buffers;
use crate::dhcp::{Action, Change, Client, Phase};
use crate::iface::Ipv4Config;
use crate::time::Instant;
use crate::wire::{dhcp, ipv4, udp};
use alloc::vec;
use core::net::IpAddr;

impl<B: Buffers> Stack<B> {
    /// Sets or removes the interface's address. Connections of an address that goes are ended.
    pub fn set_ipv4(&mut self, ipv4: Option<Ipv4Config>) {
        if self.iface.ipv4 == ipv4 {
            return;
        }
        let old = self.iface.address();
        self.iface.ipv4 = ipv4;
        self.address_changed = true;
        let servers = ipv4.iter().flat_map(|config| config.dns).flatten().map(IpAddr::V4);
        self.resolver.set_servers(servers);
        if old != self.iface.address() {
            self.neighbours.clear();
            self.defended = None;
            if let Some(old) = old {
                // No segment is sent and no timer starts, so the time doesn't matter.
                self.drop_connections_of(Instant::ZERO, IpAddr::V4(old));
            }
            if let Some(new) = self.iface.address() {
                self.probe(new);
                self.announce();
            }
        }
    }

    /// Begins to ask for an address by DHCP.
    pub fn start_dhcp(&mut self) {
        self.dhcp = Some(Client::new(self.iface.mac, &self.hostname));
    }

    /// Gives the lease back and stops asking; the address goes with the message to the server.
    pub fn release_dhcp(&mut self) {
        if let Some(dhcp) = &mut self.dhcp {
            dhcp.release();
        }
    }

    /// Stops asking and renewing, without a word to the server: the address is set by hand from now on.
    pub fn stop_dhcp(&mut self) {
        self.dhcp = None;
    }

    /// What the DHCP client is doing, and when the lease ends.
    pub fn dhcp_status(&self) -> Option<(Phase, Option<Instant>)> {
        self.dhcp.as_ref().map(|dhcp| (dhcp.phase(), dhcp.lease_expires()))
    }

    pub(super) fn receive_dhcp(&mut self, now: Instant, payload: &[u8]) {
        let Some(dhcp) = &mut self.dhcp else { return };
        match dhcp.receive(now, payload) {
            Change::Ignored => self.counters.dhcp_dropped += 1,
            Change::Progress => {}
            Change::Bound(config) => {
                if self.iface.ipv4.map(|old| old.address) != Some(config.address) {
                    self.leased_at = Some(now);
                }
                self.set_ipv4(Some(config));
            }
            Change::Lost => self.set_ipv4(None),
        }
    }

    /// Moves what DHCP and DNS have to send into the outbox. Returns whether there was something.
    pub(super) fn poll_services(&mut self, now: Instant) -> bool {
        self.poll_dhcp(now) || self.poll_resolver(now)
    }

    fn poll_dhcp(&mut self, now: Instant) -> bool {
        let Some(dhcp) = &mut self.dhcp else { return false };
        match dhcp.poll(now, &mut self.rng) {
            None => return false,
            Some(Action::Lost) => self.set_ipv4(None),
            Some(Action::Send { bytes, src, dst }) => {
                let ports = udp::Header { src_port: dhcp::CLIENT_PORT, dst_port: dhcp::SERVER_PORT };
                self.send_datagram(IpAddr::V4(src), IpAddr::V4(dst), ports, &bytes);
            }
        }
        true
    }

    fn poll_resolver(&mut self, now: Instant) -> bool {
        if self.resolver.poll_at().is_none_or(|at| at > now) {
            return false;
        }
        let Some(port) = self.ephemeral_port(Stack::udp_port_taken) else { return false };
        let Some(query) = self.resolver.poll(now, &mut self.rng, |_| port) else { return true };
        let Some(src) = self.iface.source_for(query.server.addr) else { return true };
        let ports = udp::Header { src_port: query.port, dst_port: query.server.port };
        self.send_datagram(src, query.server.addr, ports, &query.bytes);
        true
    }

    fn send_datagram(&mut self, src: IpAddr, dst: IpAddr, ports: udp::Header, payload: &[u8]) {
        let mut body = vec![0; udp::HEADER_LEN + payload.len()];
        if udp::write(ports, src, dst, payload, &mut body).is_some() {
            self.counters.udp_out += 1;
            self.send_ip(src, dst, ipv4::UDP, &body, None);
        }
    }

    /// The name servers in use.
    pub fn name_servers(&self) -> impl Iterator<Item = Endpoint> + '_ {
        self.resolver.servers().iter().map(|server| Endpoint::new(*server, crate::wire::dns::PORT))
    }
}
