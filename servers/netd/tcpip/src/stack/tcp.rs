//! The user's side of TCP.
//!
//! Data doesn't pass through these calls: the user writes to and reads from the connection's buffers, and says so with
//! [`Stack::tcp_written`] and [`Stack::tcp_consumed`]. With [`OwnedBuffers`] there are `tcp_send` and `tcp_recv`.

use super::Stack;
use super::socket::{Kind, Stage};
use crate::addr::{Endpoint, FourTuple};
use crate::buffer::{Buffers, OwnedBuffers, Pair, PairMut, ReceiveBuffer};
use crate::error::Error;
use crate::slab::SocketId;
use crate::tcp::{Connection, Listener, Notices, SocketOptions, State, TcpStatus};
use crate::time::Instant;
use alloc::vec::Vec;
use core::net::IpAddr;

/// A listener, for `netstat`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerStatus {
    /// The port.
    pub port: u16,
    /// Bound of each queue.
    pub backlog: usize,
    /// Half-open connections.
    pub half_open: usize,
    /// Connections to accept.
    pub complete: usize,
}

impl<B: Buffers> Stack<B> {
    /// Begins a connection to `remote`. The outcome is `CONNECTED`, or `CLOSED` with [`Stack::tcp_error`].
    pub fn tcp_connect(&mut self, now: Instant, remote: Endpoint, options: SocketOptions) -> Result<SocketId, Error> {
        if remote.port == 0 || !self.is_tcp_destination(remote.addr) {
            return Err(Error::BadAddress);
        }
        let source = self.iface.source_for(remote.addr).ok_or(Error::NoRoute)?;
        if self.sockets.is_full() {
            return Err(Error::Limit);
        }
        let tuple = |port| FourTuple { local: Endpoint::new(source, port), remote };
        let port = self
            .ephemeral_port(|stack, port| {
                stack.connections.contains_key(&tuple(port)) || stack.listeners.contains_key(&port)
            })
            .ok_or(Error::AddressInUse)?;
        let connection = Connection::connect(self.setup(now, tuple(port), options), now);
        let id = self.insert_connection(connection, Stage::Owned)?;
        self.make_ready(id);
        Ok(id)
    }

    fn is_tcp_destination(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_multicast() && !self.iface.is_broadcast(v4),
            IpAddr::V6(_) => true,
        }
    }

    /// Listens at `port` (0: an ephemeral one, see [`Stack::local_port`]) on all addresses or on one.
    pub fn tcp_listen(
        &mut self,
        address: Option<IpAddr>,
        port: u16,
        backlog: usize,
        options: SocketOptions,
    ) -> Result<SocketId, Error> {
        let port = match port {
            0 => self.ephemeral_port(|stack, port| stack.listeners.contains_key(&port)).ok_or(Error::AddressInUse)?,
            port if self.listeners.contains_key(&port) => return Err(Error::AddressInUse),
            port => port,
        };
        let id = self.insert(Kind::Listener(Listener::new(address, port, backlog, options)))?;
        self.listeners.insert(port, id);
        Ok(id)
    }

    /// The oldest connection that is complete, if any. Everything that happened to it is told by its first event.
    pub fn tcp_accept(&mut self, listener: SocketId) -> Result<Option<SocketId>, Error> {
        let Some(id) = self.listener_mut(listener)?.accept() else { return Ok(None) };
        let socket = self.connection_mut(id)?;
        socket.stage = Stage::Owned;
        let unread = match socket.connection.buffers_mut() {
            Some((_, receive)) => receive.unread() > 0,
            None => false,
        };
        let state = socket.connection.state();
        let mut notices = Notices::CONNECTED | Notices::WRITABLE;
        notices.set(Notices::READABLE, unread);
        notices.set(Notices::ENDED, matches!(state, State::CloseWait | State::TimeWait));
        self.notify(id, notices);
        Ok(Some(id))
    }

    /// Gives the connection its buffers, for a user who wants to write the first byte.
    pub fn tcp_attach(&mut self, id: SocketId) -> Result<(), Error> {
        self.connection(id)?;
        if self.attach(id) { Ok(()) } else { Err(Error::Limit) }
    }

    /// The connection's buffers, if it has some.
    pub fn tcp_buffers(&mut self, id: SocketId) -> Result<Option<PairMut<'_, B>>, Error> {
        Ok(self.connection_mut(id)?.connection.buffers_mut())
    }

    /// Takes an idle connection's buffers back; `None` if they hold something. They come again when needed.
    pub fn tcp_detach(&mut self, id: SocketId) -> Result<Option<Pair<B>>, Error> {
        Ok(self.connection_mut(id)?.connection.detach())
    }

    /// The user wrote to the send buffer.
    pub fn tcp_written(&mut self, id: SocketId) -> Result<(), Error> {
        self.connection(id)?;
        self.make_ready(id);
        Ok(())
    }

    /// The user read from the receive buffer: the peer may have to hear of a larger window.
    pub fn tcp_consumed(&mut self, id: SocketId) -> Result<(), Error> {
        self.tcp_written(id)
    }

    /// Closes our direction: FIN follows the last byte. The peer's direction stays open.
    pub fn tcp_shutdown(&mut self, now: Instant, id: SocketId) -> Result<(), Error> {
        self.connection_mut(id)?.connection.shutdown();
        self.settle(now, id);
        Ok(())
    }

    /// Ends the connection at once; the peer gets a reset. The id stays until [`Stack::close`].
    pub fn tcp_abort(&mut self, now: Instant, id: SocketId) -> Result<(), Error> {
        let socket = self.connection_mut(id)?;
        let (reset, tuple) = (socket.connection.abort(), socket.connection.tuple());
        if let Some(reset) = reset {
            self.send_reset(&tuple, reset);
        }
        self.settle(now, id);
        Ok(())
    }

    pub(super) fn close_connection(&mut self, now: Instant, id: SocketId) {
        let Ok(socket) = self.connection_mut(id) else { return };
        let (reset, tuple) = (socket.connection.close(now), socket.connection.tuple());
        if let Some(reset) = reset {
            self.send_reset(&tuple, reset);
        }
        self.settle(now, id);
    }

    /// Its half-open connections and those nobody accepted are reset (RFC 9293 §3.10.4).
    pub(super) fn close_listener(&mut self, now: Instant, id: SocketId) {
        let theirs = |stage: Stage| stage == Stage::HalfOpen(id) || stage == Stage::Complete(id);
        let connections: Vec<SocketId> = self
            .sockets
            .iter()
            .filter(|(_, entry)| matches!(&entry.kind, Kind::Tcp(socket) if theirs(socket.stage)))
            .map(|(id, _)| id)
            .collect();
        for connection in connections {
            // One in TIME-WAIT isn't ended by an abort.
            let _ = self.tcp_abort(now, connection);
            self.remove(connection);
        }
        self.remove(id);
    }

    /// Changes a connection's options.
    pub fn tcp_set_options(&mut self, id: SocketId, options: SocketOptions) -> Result<(), Error> {
        let socket = self.connection_mut(id)?;
        socket.connection.set_options(options);
        let at = socket.connection.poll_at();
        self.schedule(id, at);
        self.make_ready(id);
        Ok(())
    }

    /// The connection's state.
    pub fn tcp_state(&self, id: SocketId) -> Result<State, Error> {
        Ok(self.connection(id)?.connection.state())
    }

    /// Why the connection ended, if it ended badly.
    pub fn tcp_error(&self, id: SocketId) -> Result<Option<Error>, Error> {
        Ok(self.connection(id)?.connection.error())
    }

    /// Everything about a connection.
    pub fn tcp_status(&self, id: SocketId) -> Result<TcpStatus, Error> {
        Ok(self.connection(id)?.connection.status())
    }

    /// All connections, for `netstat`.
    pub fn tcp_connections(&self) -> impl Iterator<Item = (SocketId, TcpStatus)> + '_ {
        self.sockets.iter().filter_map(|(id, entry)| match &entry.kind {
            Kind::Tcp(socket) => Some((id, socket.connection.status())),
            _ => None,
        })
    }

    /// All listeners, for `netstat`.
    pub fn tcp_listeners(&self) -> impl Iterator<Item = (SocketId, ListenerStatus)> + '_ {
        self.sockets.iter().filter_map(|(id, entry)| match &entry.kind {
            Kind::Listener(listener) => Some((
                id,
                ListenerStatus {
                    port: listener.port,
                    backlog: listener.backlog,
                    half_open: listener.half_open(),
                    complete: listener.complete(),
                },
            )),
            _ => None,
        })
    }

    /// The port of a listener, a UDP socket or a connection.
    pub fn local_port(&self, id: SocketId) -> Result<u16, Error> {
        match &self.sockets.get(id).ok_or(Error::BadSocket)?.kind {
            Kind::Tcp(socket) => Ok(socket.connection.tuple().local.port),
            Kind::Listener(listener) => Ok(listener.port),
            Kind::Udp(socket) => Ok(socket.port),
            Kind::Ping(_) => Err(Error::WrongKind),
        }
    }

    /// Ends all connections of an address that is ours no more. Nothing is sent: it would come from nowhere.
    pub(super) fn drop_connections_of(&mut self, now: Instant, address: IpAddr) {
        let connections: Vec<SocketId> = self
            .sockets
            .iter()
            .filter(|(_, entry)| matches!(&entry.kind, Kind::Tcp(s) if s.connection.tuple().local.addr == address))
            .map(|(id, _)| id)
            .collect();
        for id in connections {
            if let Ok(socket) = self.connection_mut(id) {
                socket.connection.abort();
            }
            self.settle(now, id);
        }
    }
}

impl Stack<OwnedBuffers> {
    /// Writes as much of `data` as fits; returns how much.
    pub fn tcp_send(&mut self, id: SocketId, data: &[u8]) -> Result<usize, Error> {
        let socket = self.connection(id)?;
        let (state, error) = (socket.connection.state(), socket.connection.error());
        if !state.can_send() {
            return Err(error.unwrap_or(Error::WrongKind));
        }
        self.tcp_attach(id)?;
        let Some((send, _)) = self.tcp_buffers(id)? else { return Err(Error::Limit) };
        let count = send.push(data);
        self.tcp_written(id)?;
        Ok(count)
    }

    /// Reads what is there: `Some(0)` is the end, `None` that nothing is there now. An error comes after the last byte.
    pub fn tcp_recv(&mut self, id: SocketId, into: &mut [u8]) -> Result<Option<usize>, Error> {
        let socket = self.connection_mut(id)?;
        let count = match socket.connection.buffers_mut() {
            Some((_, receive)) => receive.pop(into),
            None => 0,
        };
        let (state, error) = (socket.connection.state(), socket.connection.error());
        if count > 0 {
            self.tcp_consumed(id)?;
            return Ok(Some(count));
        }
        match (state, error) {
            (State::Closed, Some(error)) => Err(error),
            (State::SynSent | State::SynReceived, _) => Ok(None),
            (state, _) if state.can_receive() => Ok(None),
            _ => Ok(Some(0)),
        }
    }
}
