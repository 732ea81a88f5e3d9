//! The user's side of UDP, ping and the resolver.

use super::Stack;
use super::socket::Kind;
use crate::addr::Endpoint;
use crate::buffer::Buffers;
use crate::dns::{Addresses, LookupId, ResolveError};
use crate::error::Error;
use crate::icmp::{PingReply, PingRequest, PingSocket};
use crate::slab::SocketId;
use crate::time::Instant;
use crate::udp::{Datagram, MAX_PAYLOAD, UdpSocket};
use crate::wire::dns::RecordType;
use core::net::{IpAddr, Ipv4Addr};

impl<B: Buffers> Stack<B> {
    /// A UDP socket at `port` (0: a random ephemeral one) on all addresses or on one.
    pub fn udp_bind(&mut self, address: Option<IpAddr>, port: u16) -> Result<SocketId, Error> {
        let port = match port {
            0 => self.ephemeral_port(Stack::udp_port_taken).ok_or(Error::AddressInUse)?,
            port if self.udp_port_taken(port) => return Err(Error::AddressInUse),
            port => port,
        };
        let id = self.insert(Kind::Udp(UdpSocket::new(address, port)))?;
        self.udp_ports.insert(port, id);
        Ok(id)
    }

    pub(super) fn udp_port_taken(&self, port: u16) -> bool {
        self.udp_ports.contains_key(&port) || self.resolver.owns_port(port)
    }

    /// Only datagrams from `remote` come in from now on, and its ICMP errors do.
    pub fn udp_connect(&mut self, id: SocketId, remote: Endpoint) -> Result<(), Error> {
        self.udp_mut(id)?.remote = Some(remote);
        Ok(())
    }

    /// Queues a datagram of up to 65,507 bytes.
    pub fn send_to(&mut self, id: SocketId, remote: Endpoint, data: &[u8]) -> Result<(), Error> {
        let bound = self.udp_mut(id)?.address;
        if remote.port == 0 {
            return Err(Error::BadAddress);
        }
        if data.len() > MAX_PAYLOAD {
            return Err(Error::TooLong);
        }
        let source = self.iface.source_for(remote.addr).ok_or(Error::NoRoute)?;
        let local = bound.unwrap_or(source);
        self.udp_mut(id)?.send(Datagram { remote, local, data: data.to_vec() })?;
        self.make_ready(id);
        Ok(())
    }

    /// The next datagram, or an error that ICMP reported.
    pub fn recv_from(&mut self, id: SocketId) -> Result<Option<Datagram>, Error> {
        self.udp_mut(id)?.receive()
    }

    /// A socket that pings `remote`.
    pub fn ping_open(&mut self, remote: Ipv4Addr) -> Result<SocketId, Error> {
        self.iface.source_for(IpAddr::V4(remote)).ok_or(Error::NoRoute)?;
        if self.ping_idents.len() >= usize::from(u16::MAX) / 2 {
            return Err(Error::Limit);
        }
        let ident = loop {
            let ident = self.rng.next_u16();
            if !self.ping_idents.contains_key(&ident) {
                break ident;
            }
        };
        let id = self.insert(Kind::Ping(PingSocket::new(remote, ident)))?;
        self.ping_idents.insert(ident, id);
        Ok(id)
    }

    /// Queues an echo request. What a router says that dropped it, for its time to live had ended, is an answer too.
    pub fn ping_send(&mut self, id: SocketId, request: PingRequest) -> Result<(), Error> {
        let remote = self.ping_mut(id)?.remote;
        self.iface.source_for(IpAddr::V4(remote)).ok_or(Error::NoRoute)?;
        self.ping_mut(id)?.send(request)?;
        self.make_ready(id);
        Ok(())
    }

    /// The next answer.
    pub fn ping_recv(&mut self, id: SocketId) -> Result<Option<PingReply>, Error> {
        Ok(self.ping_mut(id)?.receive())
    }

    /// Looks a name up; [`super::Event::Resolved`] tells when it is done.
    pub fn resolve(&mut self, now: Instant, name: &str, record_type: RecordType) -> Result<LookupId, ResolveError> {
        self.resolver.start(now, name, record_type)
    }

    /// Takes the result of a lookup that is done.
    pub fn take_lookup(&mut self, id: LookupId) -> Option<Result<Addresses, ResolveError>> {
        self.resolver.take(id)
    }

    /// Gives a lookup up.
    pub fn cancel_lookup(&mut self, id: LookupId) {
        self.resolver.cancel(id);
    }

    /// UDP sockets with their ports and queued datagrams and bytes, for `netstat`.
    pub fn udp_sockets(&self) -> impl Iterator<Item = (SocketId, u16, (usize, usize))> + '_ {
        self.sockets.iter().filter_map(|(id, entry)| match &entry.kind {
            Kind::Udp(socket) => Some((id, socket.port, socket.queued())),
            _ => None,
        })
    }
}
