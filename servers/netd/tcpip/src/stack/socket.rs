//! A slot of the socket table, and what all kinds of sockets share: ready queue, events, timers.

use super::{Stack, Target};
use crate::buffer::Buffers;
use crate::error::Error;
use crate::icmp::PingSocket;
use crate::slab::SocketId;
use crate::tcp::{Connection, Listener, Notices};
use crate::time::Instant;
use crate::udp::UdpSocket;
use alloc::boxed::Box;

/// Whose a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// A listener's, in the handshake.
    HalfOpen(SocketId),
    /// A listener's, waiting to be accepted.
    Complete(SocketId),
    /// The user's.
    Owned,
}

/// A connection in the table.
pub(super) struct TcpSocket<B: Buffers> {
    pub(super) connection: Connection<B::Send, B::Receive>,
    pub(super) stage: Stage,
    /// Whether segments find it by its endpoints.
    pub(super) linked: bool,
}

/// What a slot holds.
pub(super) enum Kind<B: Buffers> {
    Tcp(Box<TcpSocket<B>>),
    Listener(Listener),
    Udp(UdpSocket),
    Ping(PingSocket),
}

/// A slot.
pub(super) struct Entry<B: Buffers> {
    pub(super) kind: Kind<B>,
    notices: Notices,
    in_ready: bool,
    timer: Option<Instant>,
}

impl<B: Buffers> Entry<B> {
    pub(super) fn new(kind: Kind<B>) -> Entry<B> {
        Entry { kind, notices: Notices::empty(), in_ready: false, timer: None }
    }

    pub(super) fn take_notices(&mut self) -> Notices {
        core::mem::take(&mut self.notices)
    }
}

impl<B: Buffers> Stack<B> {
    pub(super) fn insert(&mut self, kind: Kind<B>) -> Result<SocketId, Error> {
        self.sockets.insert(Entry::new(kind)).map_err(|_| Error::Limit)
    }

    pub(super) fn connection(&self, id: SocketId) -> Result<&TcpSocket<B>, Error> {
        match &self.sockets.get(id).ok_or(Error::BadSocket)?.kind {
            Kind::Tcp(socket) => Ok(socket),
            _ => Err(Error::WrongKind),
        }
    }

    pub(super) fn connection_mut(&mut self, id: SocketId) -> Result<&mut TcpSocket<B>, Error> {
        match &mut self.sockets.get_mut(id).ok_or(Error::BadSocket)?.kind {
            Kind::Tcp(socket) => Ok(socket),
            _ => Err(Error::WrongKind),
        }
    }

    pub(super) fn listener_mut(&mut self, id: SocketId) -> Result<&mut Listener, Error> {
        match &mut self.sockets.get_mut(id).ok_or(Error::BadSocket)?.kind {
            Kind::Listener(listener) => Ok(listener),
            _ => Err(Error::WrongKind),
        }
    }

    pub(super) fn udp_mut(&mut self, id: SocketId) -> Result<&mut UdpSocket, Error> {
        match &mut self.sockets.get_mut(id).ok_or(Error::BadSocket)?.kind {
            Kind::Udp(socket) => Ok(socket),
            _ => Err(Error::WrongKind),
        }
    }

    pub(super) fn ping_mut(&mut self, id: SocketId) -> Result<&mut PingSocket, Error> {
        match &mut self.sockets.get_mut(id).ok_or(Error::BadSocket)?.kind {
            Kind::Ping(socket) => Ok(socket),
            _ => Err(Error::WrongKind),
        }
    }

    /// The socket may have something to send.
    pub(super) fn make_ready(&mut self, id: SocketId) {
        let Some(entry) = self.sockets.get_mut(id) else { return };
        if !core::mem::replace(&mut entry.in_ready, true) {
            compact(&mut self.ready, self.limits.sockets, &self.sockets);
            self.ready.push_back(id);
        }
    }

    /// The next socket that may have something to send.
    pub(super) fn next_ready(&mut self) -> Option<SocketId> {
        while let Some(id) = self.ready.pop_front() {
            if let Some(entry) = self.sockets.get_mut(id) {
                entry.in_ready = false;
                return Some(id);
            }
        }
        None
    }

    /// The user should hear about `notices`; changes merge until they are fetched.
    pub(super) fn notify(&mut self, id: SocketId, notices: Notices) {
        let Some(entry) = self.sockets.get_mut(id) else { return };
        if notices.is_empty() {
            return;
        }
        let queued = !entry.notices.is_empty();
        entry.notices |= notices;
        if !queued {
            compact(&mut self.events, self.limits.sockets, &self.sockets);
            self.events.push_back(id);
        }
    }

    /// Moves the socket's timer to an earlier time. A later one stays until it fires early, which is cheaper than moving
    /// it at each segment.
    pub(super) fn schedule(&mut self, id: SocketId, at: Option<Instant>) {
        let (Some(entry), Some(at)) = (self.sockets.get_mut(id), at) else { return };
        if entry.timer.is_some_and(|timer| timer <= at) {
            return;
        }
        if let Some(timer) = entry.timer.replace(at) {
            self.timers.remove(&(timer, id));
        }
        self.timers.insert((at, id));
    }

    /// The socket's timer fired; it is in `timers` no more.
    pub(super) fn socket_timer(&mut self, now: Instant, id: SocketId) {
        let Some(entry) = self.sockets.get_mut(id) else { return };
        entry.timer = None;
        if let Kind::Tcp(socket) = &mut entry.kind {
            socket.connection.on_timer(now);
            self.settle(now, id);
        }
    }

    /// Takes a socket out of every table.
    pub(super) fn remove(&mut self, id: SocketId) {
        let Some(entry) = self.sockets.remove(id) else { return };
        if let Some(timer) = entry.timer {
            self.timers.remove(&(timer, id));
        }
        match entry.kind {
            Kind::Tcp(socket) => {
                self.counters.tcp_retransmits += socket.connection.counters().retransmits;
                if socket.linked {
                    self.connections.remove(&socket.connection.tuple());
                }
            }
            Kind::Listener(listener) => {
                self.listeners.remove(&listener.port);
            }
            Kind::Udp(socket) => {
                self.udp_ports.remove(&socket.port);
            }
            Kind::Ping(socket) => {
                self.ping_idents.remove(&socket.ident);
            }
        }
    }

    /// Closes a socket of any kind and gives the id up. What a connection still has to send is sent.
    pub fn close(&mut self, now: Instant, id: SocketId) -> Result<(), Error> {
        match self.sockets.get(id).ok_or(Error::BadSocket)?.kind {
            Kind::Tcp(_) => self.close_connection(now, id),
            Kind::Listener(_) => self.close_listener(now, id),
            Kind::Udp(_) | Kind::Ping(_) => self.remove(id),
        }
        Ok(())
    }

    /// A random ephemeral port that `taken` doesn't object to (RFC 6056 §3.3.1).
    pub(super) fn ephemeral_port(&mut self, taken: impl Fn(&Stack<B>, u16) -> bool) -> Option<u16> {
        const FIRST: u16 = 49_152;
        const COUNT: u16 = 16_384;
        let start = self.rng.below(u32::from(COUNT)) as u16;
        (0..COUNT).map(|step| FIRST + (start + step) % COUNT).find(|port| !taken(self, *port))
    }

    /// Sockets, half-open connections and records of TIME-WAIT in use.
    pub fn in_use(&self) -> (usize, usize) {
        let records = self.connections.values().filter(|target| matches!(target, Target::TimeWait(_))).count();
        (self.sockets.len(), records)
    }
}

/// Ids of sockets that are gone are dropped when a queue holds more than all sockets could.
fn compact<T>(queue: &mut alloc::collections::VecDeque<SocketId>, limit: usize, sockets: &crate::slab::Slab<T>) {
    if queue.len() > limit.saturating_mul(2) {
        queue.retain(|id| sockets.get(*id).is_some());
    }
}
