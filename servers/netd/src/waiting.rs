//! Clients that wait for an answer: each left its token, and a deadline.

use libsys::{
    Error, Token,
    protocol::{
        List, Text,
        net::{Address, ConnectionState, Endpoint, Event, Host, Reply},
        session::Room,
    },
    time, window,
};
use netlogic::words;
use tcpip::{Instant, LookupId, SocketId};

use crate::{
    server::{Server, now},
    session::{Key, Net},
    socket::Kind,
};

/// A client that waits.
pub struct Waiting {
    /// Its session.
    pub badge: u64,
    /// To answer by.
    pub token: Token,
    /// What for.
    pub what: What,
    /// ns since boot.
    pub deadline: u64,
}

/// What a client waits for.
pub enum What {
    /// A connection's state.
    State(Key, Event),
    /// A connection of a listener.
    Accept(Key),
    /// A datagram.
    Receive(Key, Room),
    /// Addresses of a name.
    Resolve(LookupId, Host),
    /// An echo.
    Ping(SocketId, Instant),
}

impl Server {
    /// Answers all who have waited for what happened, and those whose deadline has passed.
    pub fn answer_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let now_ns = time::now_ns();
        for mut waiting in core::mem::take(&mut self.waiting) {
            let answer = match self.answer(&mut waiting) {
                Ok(Some(reply)) => Ok(reply),
                Ok(None) if waiting.deadline > now_ns => {
                    self.waiting.push(waiting);
                    continue;
                }
                Ok(None) => Err(Error::TimedOut),
                Err(error) => Err(error),
            };
            self.forget(&waiting.what);
            waiting.token.reply::<Net>(answer);
        }
    }

    /// What a waiting client leaves behind in the stack.
    fn forget(&mut self, what: &What) {
        match what {
            What::Ping(id, _) => drop(self.stack.close(now(), *id)),
            What::Resolve(lookup, _) => self.stack.cancel_lookup(*lookup),
            What::State(..) | What::Accept(_) | What::Receive(..) => {}
        }
    }

    /// All that a session waits for is given up.
    pub fn forget_waiting(&mut self, badge: u64) {
        for waiting in core::mem::take(&mut self.waiting) {
            if waiting.badge == badge {
                self.forget(&waiting.what);
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    fn answer(&mut self, waiting: &mut Waiting) -> Result<Option<Reply>, Error> {
        match &waiting.what {
            What::State(key, event) => self.reached(*key, *event),
            What::Accept(key) => self.accept(waiting.badge, *key),
            What::Receive(key, room) => self.datagram(waiting.badge, *key, *room),
            What::Resolve(lookup, name) => self.resolved(*lookup, name),
            What::Ping(id, sent) => self.pong(*id, *sent),
        }
    }

    fn reached(&mut self, key: Key, event: Event) -> Result<Option<Reply>, Error> {
        let state = self.state(key).ok_or(Error::BadHandle)?;
        let over = matches!(state.state, ConnectionState::Closed | ConnectionState::TimeWait);
        let pending = self.sockets.tcp(key).is_some_and(|tcp| tcp.is_pending());
        let there = match event {
            Event::Connected => !pending,
            Event::Closed => over && !pending,
        };
        Ok((there || state.failure.is_some()).then_some(Reply::State(state)))
    }

    fn datagram(&mut self, badge: u64, key: Key, room: Room) -> Result<Option<Reply>, Error> {
        let socket = self.sockets.get(key).ok_or(Error::BadHandle)?;
        let Kind::Udp(id) = socket.kind else { return Err(Error::WrongKind) };
        let Some(datagram) = self.stack.recv_from(id).map_err(words::error)? else { return Ok(None) };
        let window = self.session(badge)?.window();
        let data = window::deliver(&datagram.data, room, window)?;
        let remote = words::endpoint(datagram.remote);
        Ok(Some(Reply::Datagram { remote, data, length: datagram.data.len() as u32 }))
    }

    fn resolved(&mut self, lookup: LookupId, name: &Host) -> Result<Option<Reply>, Error> {
        let Some(result) = self.stack.take_lookup(lookup) else { return Ok(None) };
        let addresses = result.map_err(words::resolve_error)?;
        let mut list = List::default();
        for address in addresses {
            let _ = list.push(Address::from(address));
        }
        let server = self.stack.name_servers().next();
        let server = server.map_or(Endpoint::from((core::net::Ipv4Addr::UNSPECIFIED, 0)), words::endpoint);
        Ok(Some(Reply::Addresses { addresses: list, name: Text::cut(name), ttl: 0, server }))
    }

    fn pong(&mut self, id: SocketId, sent: Instant) -> Result<Option<Reply>, Error> {
        let Some(reply) = self.stack.ping_recv(id).map_err(words::error)? else { return Ok(None) };
        let time_ns = reply.at.since(sent).micros() * 1000;
        let address = core::net::IpAddr::from(reply.from).into();
        match reply.result {
            Ok(size) => Ok(Some(Reply::Pong { address, time_ns, ttl: reply.ttl, size: size as u16 })),
            Err(tcpip::Error::HopLimit) => Ok(Some(Reply::Hop { address, time_ns })),
            Err(error) => Err(words::error(error)),
        }
    }
}
