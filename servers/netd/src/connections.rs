//! Connecting, listening, accepting, rings, closing.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::net::{IpAddr, Ipv4Addr};

use libsys::{
    Access, Error, Handles, Memory, Rights,
    protocol::{
        Id, Text,
        net::{Endpoint, MAX_RING, MIN_RING, Remote, Reply, SocketOption, Step, Switch, TlsClient, TlsServer},
    },
    ring::{self, Consumer, Part, Producer},
};
use netlogic::{Action, Where, words};
use tcpip::{Duration, Instant, RecordType, SocketId, SocketOptions};
use tls::Connection;

use crate::{
    buffers::{Receive, Send},
    events::close_receive,
    requests::Outcome,
    secure::{Plain, Secure},
    server::{Server, now},
    session::{Key, Object},
    socket::{Kind, Socket, Stage, Tcp, Wanted},
};

/// How a socket is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// What was written is sent, then FIN.
    Orderly,
    /// Reset: its process is gone.
    Reset,
}

/// Bytes of roots, chains and keys that a client may hand over.
const MAX_FILES: u32 = 1 << 20;

impl Server {
    /// `Connect`.
    pub fn connect(
        &mut self,
        badge: u64,
        remote: Remote,
        tls: Option<TlsClient>,
        deadline: u64,
    ) -> Result<Outcome, Error> {
        let session = self.session(badge)?;
        let target = target(&remote);
        let (place, port) = match (&remote, target) {
            (Remote::Endpoint(endpoint), _) => (Where::Address(endpoint.address.into()), endpoint.port),
            (Remote::Name(_, port), Some(address)) => (Where::Address(address), *port),
            (Remote::Name(name, port), None) => (Where::Name(name), *port),
        };
        session.permit.check(Action::Connect(place, port))?;
        let wanted = match tls {
            None => None,
            Some(tls) => {
                let roots = if tls.roots.length == 0 {
                    Vec::new()
                } else if tls.roots.length > MAX_FILES {
                    return Err(Error::Limit);
                } else {
                    session.link()?.window.fetch(tls.roots)?
                };
                Some(Box::new(Wanted { tls, roots }))
            }
        };
        let mut tcp = Tcp::new(remote.clone(), Stage::Connecting, deadline);
        tcp.wanted = wanted;
        let (key, id) = self.add(badge, Kind::Tcp(Box::new(tcp)))?;
        if deadline != u64::MAX {
            self.deadlines.insert((deadline, key));
        }
        match (target, &remote) {
            (Some(address), _) => {
                if let Some(tcp) = self.sockets.tcp(key) {
                    tcp.others.push(address);
                }
                self.try_next(now(), key);
            }
            (None, Remote::Name(name, _)) => match self.stack.resolve(now(), name, RecordType::A) {
                Ok(lookup) => {
                    if let Some(tcp) = self.sockets.tcp(key) {
                        tcp.stage = Stage::Resolving(lookup);
                    }
                }
                Err(error) => self.fail(key, words::name_failure(error)),
            },
            (None, Remote::Endpoint(_)) => {}
        }
        Ok(Outcome::Reply(Reply::Opened { id, local: self.local(key) }))
    }

    /// Tries the next address of a connection.
    pub fn try_next(&mut self, now: Instant, key: Key) {
        let Some(tcp) = self.sockets.tcp(key) else { return };
        let port = match &tcp.remote {
            Remote::Endpoint(endpoint) => endpoint.port,
            Remote::Name(_, port) => *port,
        };
        if tcp.others.is_empty() {
            return;
        }
        let address = tcp.others.remove(0);
        let options = tcp.options;
        tcp.stage = Stage::Connecting;
        (tcp.ended, tcp.closed) = (false, false);
        match self.stack.tcp_connect(now, tcpip::Endpoint::new(address, port), options) {
            Ok(id) => self.sockets.link(key, id),
            Err(error) => self.fail(key, words::tcp_failure(Step::Connect, error)),
        }
    }

    /// `Listen`.
    pub fn listen(
        &mut self,
        badge: u64,
        local: Endpoint,
        backlog: u16,
        tls: Option<TlsServer>,
    ) -> Result<Outcome, Error> {
        let session = self.session(badge)?;
        session.permit.check(Action::Listen(local.port))?;
        if !(1..=128).contains(&backlog) {
            return Err(Error::BadArgument);
        }
        let config = match tls {
            None => None,
            Some(tls) => {
                if tls.chain.length > MAX_FILES || tls.key.length > MAX_FILES {
                    return Err(Error::Limit);
                }
                let link = session.link()?;
                let (chain, key) = (link.window.fetch(tls.chain)?, link.window.fetch(tls.key)?);
                let protocols = tls.alpn.iter().map(|name| String::from(name.as_str())).collect();
                Some(self.crypto.server(&chain, &key, protocols)?)
            }
        };
        let address = bound(local);
        let backlog = usize::from(backlog);
        let stack_id =
            self.stack.tcp_listen(address, local.port, backlog, SocketOptions::default()).map_err(words::error)?;
        let (key, id) = self.add_or_close(badge, Kind::Listener(stack_id, config), stack_id)?;
        Ok(Outcome::Reply(Reply::Opened { id, local: self.local(key) }))
    }

    /// A connection of a listener, if one is there.
    pub fn accept(&mut self, badge: u64, listener: Key) -> Result<Option<Reply>, Error> {
        let socket = self.sockets.get(listener).ok_or(Error::BadHandle)?;
        let Kind::Listener(stack_id, config) = &socket.kind else { return Err(Error::WrongKind) };
        let config = config.clone();
        let Some(id) = self.stack.tcp_accept(*stack_id).map_err(words::error)? else { return Ok(None) };
        let remote =
            self.stack.tcp_status(id).map(|status| words::endpoint(status.tuple.remote)).map_err(words::error)?;
        let mut tcp = Tcp::new(Remote::Endpoint(remote), Stage::Open, u64::MAX);
        tcp.id = Some(id);
        if let Some(config) = config {
            self.stack.tcp_attach(id).map_err(words::error)?;
            tcp.stage = Stage::Handshaking;
            tcp.secure = Some(Box::new(Secure::new(Some(Connection::server(&config)))));
        }
        let (key, id) = self.add_or_close(badge, Kind::Tcp(Box::new(tcp)), id)?;
        self.dirty.insert(key);
        Ok(Some(Reply::Accepted { id, remote }))
    }

    /// `Rings`: their Memory is made in the session's pool.
    pub fn rings(&mut self, badge: u64, id: Id, size: u32) -> Result<Outcome, Error> {
        if !size.is_power_of_two() || !(MIN_RING..=MAX_RING).contains(&size) {
            return Err(Error::BadArgument);
        }
        let session = self.session(badge)?;
        let (key, link) = (session.socket(id)?, session.link()?.clone());
        let tcp = self.sockets.tcp(key).ok_or(Error::WrongKind)?;
        if tcp.rings {
            return Err(Error::Exists);
        }
        let (stack_id, secure) = (tcp.id.ok_or(Error::WrongKind)?, tcp.secure.is_some());
        if let Some(failure) = tcp.failure() {
            return Err(failure.error);
        }
        self.stack.tcp_attach(stack_id).map_err(words::error)?;
        // What arrived before has to fit.
        let early = match self.stack.tcp_buffers(stack_id) {
            Ok(Some((_, Receive::Local(local)))) if !secure => (local.all(), local.held()),
            _ => (Vec::new(), 0),
        };
        let size = size.max((early.0.len() as u32).next_power_of_two());
        let half = ring::DATA as u32 + size;
        let pages = 2 * half / 4096;
        let memory = Memory::create(&link.pool, pages as usize)?;
        let mapping = Arc::new(memory.map_part(0, pages as usize, Access::READ | Access::WRITE)?);
        let part = |start: u32| Part::new(mapping.clone(), start as usize, half as usize);
        for start in [0, half] {
            ring::create(&part(start)?, ring::BYTE, size)?;
        }
        let (send, mut receive) = (Consumer::open(part(0)?, ring::BYTE)?, Producer::open(part(half)?, ring::BYTE)?);
        let shared = memory.dup(Rights::READ | Rights::WRITE | Rights::TRANSFER)?;
        receive.write_ahead(0, &early.0)?;
        receive.publish(early.1 as u64, &link.bell)?;
        self.put_rings(key, stack_id, send, receive, link.bell);
        Ok(Outcome::With(Reply::Rings { size, send: 0, receive: half, pages }, Handles::one(shared)))
    }

    fn put_rings(
        &mut self,
        key: Key,
        id: SocketId,
        send: Consumer<Part>,
        receive: Producer<Part>,
        bell: Arc<libsys::Doorbell>,
    ) {
        let Some(tcp) = self.sockets.tcp(key) else { return };
        tcp.rings = true;
        if let Some(secure) = &mut tcp.secure {
            secure.plain = Some(Plain { send, receive, bell });
        } else if let Ok(Some((to, from))) = self.stack.tcp_buffers(id) {
            *to = Send::Shared(send, bell.clone());
            *from = Receive::Shared(receive, bell);
            if tcp.ended || tcp.closed {
                close_receive(&mut self.stack, id, None);
            }
        }
        self.dirty.insert(key);
    }

    /// `Shutdown`.
    pub fn shutdown(&mut self, key: Key) -> Result<Outcome, Error> {
        let tcp = self.sockets.tcp(key).ok_or(Error::WrongKind)?;
        let id = tcp.id.ok_or(Error::WrongKind)?;
        if let Some(secure) = &mut tcp.secure {
            secure.shut = true;
            self.dirty.insert(key);
        } else {
            self.stack.tcp_shutdown(now(), id).map_err(words::error)?;
        }
        Ok(Outcome::Reply(Reply::Done))
    }

    /// `SetOption`.
    pub fn set_option(&mut self, key: Key, option: SocketOption) -> Result<Outcome, Error> {
        let tcp = self.sockets.tcp(key).ok_or(Error::WrongKind)?;
        match option {
            SocketOption::NoDelay(switch) => tcp.options.nodelay = switch == Switch::On,
            SocketOption::KeepAlive(seconds) => {
                tcp.options.keep_alive = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
            }
            SocketOption::UserTimeout(ms) => {
                tcp.options.user_timeout = (ms > 0).then(|| Duration::from_millis(ms.into()));
            }
        }
        if let Some(id) = tcp.id {
            self.stack.tcp_set_options(id, tcp.options).map_err(words::error)?;
        }
        Ok(Outcome::Reply(Reply::Done))
    }

    /// `Peer`.
    pub fn peer(&mut self, key: Key) -> Result<Outcome, Error> {
        let tcp = self.sockets.tcp(key).ok_or(Error::WrongKind)?;
        let peer = tcp.secure.as_ref().and_then(|secure| secure.peer.clone());
        peer.map(|peer| Outcome::Reply(Reply::Peer(peer))).ok_or(Error::NotFound)
    }

    /// A new socket in a session.
    pub fn add(&mut self, badge: u64, kind: Kind) -> Result<(Key, Id), Error> {
        let process = self.session(badge)?.client;
        let key = self.sockets.add(Socket { session: badge, process, shares: 1, kind });
        match self.session(badge)?.objects.add(Object::Socket(key)) {
            Ok(id) => Ok((key, id)),
            Err(error) => {
                self.sockets.remove(key);
                Err(error)
            }
        }
    }

    /// The same for a socket that the stack has already.
    pub fn add_or_close(&mut self, badge: u64, kind: Kind, stack_id: SocketId) -> Result<(Key, Id), Error> {
        let added = self.add(badge, kind);
        if added.is_err() {
            let _ = self.stack.close(now(), stack_id);
        }
        added
    }

    /// A session gives a socket up.
    pub fn release(&mut self, key: Key, how: Farewell) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        socket.shares = socket.shares.saturating_sub(1);
        if socket.shares > 0 {
            return;
        }
        // What was written under TLS is still to be sealed.
        if how == Farewell::Orderly
            && let Kind::Tcp(tcp) = &mut socket.kind
            && let (Stage::Open, Some(secure)) = (&tcp.stage, &mut tcp.secure)
            && !secure.finished
        {
            secure.shut = true;
            self.dirty.insert(key);
            return;
        }
        self.finish(now(), key, how);
    }

    /// Takes a socket out and ends it.
    pub fn finish(&mut self, now: Instant, key: Key, how: Farewell) {
        let Some(socket) = self.sockets.remove(key) else { return };
        let id = socket.stack_id();
        if let Kind::Tcp(tcp) = &socket.kind {
            self.deadlines.remove(&(tcp.deadline, key));
            if let Stage::Resolving(lookup) = tcp.stage {
                self.stack.cancel_lookup(lookup);
            }
            if let (Farewell::Reset, Some(id)) = (how, id) {
                let _ = self.stack.tcp_abort(now, id);
            }
        }
        if let Some(id) = id {
            let _ = self.stack.close(now, id);
        }
    }

    /// A socket's own end.
    pub fn local(&self, key: Key) -> Endpoint {
        let id = self.sockets.get(key).and_then(Socket::stack_id);
        let Some(id) = id else { return Endpoint::from((Ipv4Addr::UNSPECIFIED, 0)) };
        match self.stack.tcp_status(id) {
            Ok(status) => words::endpoint(status.tuple.local),
            Err(_) => Endpoint::from((Ipv4Addr::UNSPECIFIED, self.stack.local_port(id).unwrap_or(0))),
        }
    }
}

/// The address to connect to, if no name server has to be asked (RFC 6761 §6.3 for `localhost`).
fn target(remote: &Remote) -> Option<IpAddr> {
    match remote {
        Remote::Endpoint(endpoint) => Some(endpoint.address.into()),
        Remote::Name(name, _) => literal(name),
    }
}

/// The address that a text is, without asking anybody.
pub fn literal(name: &Text<253>) -> Option<IpAddr> {
    if name.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    name.parse().ok()
}

/// The one address to listen at, or all.
pub fn bound(local: Endpoint) -> Option<IpAddr> {
    let address: IpAddr = local.address.into();
    (!address.is_unspecified()).then_some(address)
}
