//! Datagrams, names, pings.

use libsys::{
    Error,
    protocol::{
        Id, List, Text,
        net::{Address, Endpoint, Host, RecordKind, Reply},
        session::Data,
    },
    window,
};
use netlogic::{Action, words};
use tcpip::RecordType;
use tcpip::icmp::PingRequest;

use crate::{
    connections::{bound, literal},
    requests::Outcome,
    server::{Server, now},
    socket::Kind,
    waiting::What,
};

/// Bytes of an echo request's payload at most.
const MAX_PING: u16 = 1472;
/// Bytes of payload of a probe.
const PROBE_BYTES: usize = 32;

impl Server {
    /// `Bind`.
    pub fn bind(&mut self, badge: u64, local: Endpoint) -> Result<Outcome, Error> {
        self.session(badge)?.permit.check(Action::Udp)?;
        let stack_id = self.stack.udp_bind(bound(local), local.port).map_err(words::error)?;
        let (key, id) = self.add_or_close(badge, Kind::Udp(stack_id), stack_id)?;
        Ok(Outcome::Reply(Reply::Opened { id, local: self.local(key) }))
    }

    /// `SendTo`.
    pub fn send_to(&mut self, badge: u64, id: Id, remote: Endpoint, data: Data) -> Result<Outcome, Error> {
        let session = self.session(badge)?;
        session.permit.check(Action::Udp)?;
        let key = session.socket(id)?;
        let bytes = window::fetch(&data, session.window())?;
        let Some(Kind::Udp(id)) = self.sockets.get(key).map(|socket| &socket.kind) else {
            return Err(Error::WrongKind);
        };
        self.stack.send_to(*id, words::to_stack(remote), &bytes).map_err(words::error)?;
        Ok(Outcome::Reply(Reply::Done))
    }

    /// `Resolve`.
    pub fn resolve(
        &mut self,
        badge: u64,
        name: Host,
        kind: RecordKind,
        server: Option<Endpoint>,
        deadline: u64,
    ) -> Result<Outcome, Error> {
        self.session(badge)?.permit.check(Action::Resolve)?;
        if server.is_some() {
            return Err(Error::Unsupported);
        }
        let kind = match kind {
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::Aaaa,
            RecordKind::Pointer => return Err(Error::Unsupported),
        };
        if let Some(address) = literal(&name) {
            let addresses = List::new([Address::from(address)])?;
            let server = Endpoint::from((core::net::Ipv4Addr::UNSPECIFIED, 0));
            return Ok(Outcome::Reply(Reply::Addresses { addresses, name: Text::cut(&name), ttl: 0, server }));
        }
        let lookup = self.stack.resolve(now(), &name, kind).map_err(words::resolve_error)?;
        Ok(Outcome::Wait(What::Resolve(lookup, name), deadline))
    }

    /// `Ping`.
    pub fn ping(
        &mut self,
        badge: u64,
        address: Address,
        sequence: u16,
        size: u16,
        deadline: u64,
    ) -> Result<Outcome, Error> {
        if size > MAX_PING {
            return Err(Error::BadArgument);
        }
        self.echo(badge, address, PingRequest::new(sequence, size.into()), deadline)
    }

    /// `Probe`.
    pub fn probe(&mut self, badge: u64, address: Address, hops: u8, deadline: u64) -> Result<Outcome, Error> {
        if hops == 0 {
            return Err(Error::BadArgument);
        }
        let request = PingRequest { ttl: hops, ..PingRequest::new(hops.into(), PROBE_BYTES) };
        self.echo(badge, address, request, deadline)
    }

    fn echo(&mut self, badge: u64, address: Address, request: PingRequest, deadline: u64) -> Result<Outcome, Error> {
        self.session(badge)?.permit.check(Action::Ping)?;
        let Address::V4(octets) = address else { return Err(Error::Unsupported) };
        let id = self.stack.ping_open(octets.into()).map_err(words::error)?;
        let sent = now();
        match self.stack.ping_send(id, request) {
            Ok(()) => Ok(Outcome::Wait(What::Ping(id, sent), deadline)),
            Err(error) => {
                let _ = self.stack.close(sent, id);
                Err(words::error(error))
            }
        }
    }
}
