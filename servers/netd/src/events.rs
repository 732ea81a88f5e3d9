//! What the stack says, and what the lower thread has finished.

use alloc::boxed::Box;

use libsys::{
    Error, log,
    protocol::net::{Failure, Step},
};
use netlogic::words;
use tcpip::{Event, Instant, LookupId, Notices, SocketId};

use crate::{
    buffers::Receive,
    connections::Farewell,
    secure::Secure,
    server::{Server, now},
    session::Key,
    socket::{Kind, Stage, Tcp},
};

impl Server {
    /// Handles one event of the stack.
    pub fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Socket(id, notices) => {
                if let Some(key) = self.sockets.key_of(id) {
                    self.on_socket(now, key, id, notices);
                }
            }
            Event::Resolved(lookup) => self.on_resolved(now, lookup),
            Event::AddressChanged(Some(config)) => {
                let origin = if self.dhcp { "dhcp" } else { "fixed" };
                log!(Notice, "net0 {} ({origin})", config.address);
                self.admit();
            }
            Event::AddressChanged(None) => log!(Notice, "net0 has no address"),
            Event::AddressConflict(mac) => log!(Warning, "net0: {mac} uses our address"),
        }
    }

    fn on_socket(&mut self, now: Instant, key: Key, id: SocketId, notices: Notices) {
        let Some(socket) = self.sockets.get_mut(key) else { return };
        if let Kind::Tcp(tcp) = &mut socket.kind {
            tcp.ended |= notices.contains(Notices::ENDED);
            tcp.closed |= notices.contains(Notices::CLOSED);
            let connecting = matches!(tcp.stage, Stage::Connecting);
            if connecting && notices.contains(Notices::CONNECTED) {
                self.connected(key, id);
            }
            if notices.contains(Notices::CLOSED) {
                self.on_closed(now, key, id);
            }
            self.look_at_rings(now, key);
        }
        // What moves bytes in rings has rung by itself.
        let silent = Notices::WRITABLE | Notices::READABLE;
        let rings = self.sockets.tcp(key).is_some_and(|tcp| tcp.rings);
        if !(rings && silent.contains(notices)) {
            self.ring(key);
        }
    }

    /// TCP is up.
    fn connected(&mut self, key: Key, id: SocketId) {
        let Some(tcp) = self.sockets.tcp(key) else { return };
        match tcp.wanted.take() {
            None => {
                tcp.stage = Stage::Open;
                let deadline = tcp.deadline;
                self.deadlines.remove(&(deadline, key));
            }
            Some(wanted) => {
                tcp.stage = Stage::Handshaking;
                tcp.secure = Some(Box::new(Secure::new(None)));
                let attached = self.stack.tcp_attach(id).map_err(words::error);
                if let Err(error) = attached.and_then(|()| self.crypto.begin(key, wanted)) {
                    self.fail(key, words::plain_failure(Step::Tls, error));
                }
            }
        }
    }

    /// TCP is over.
    fn on_closed(&mut self, now: Instant, key: Key, id: SocketId) {
        let error = self.stack.tcp_error(id).ok().flatten();
        let Some(tcp) = self.sockets.tcp(key) else { return };
        match (&tcp.stage, error) {
            (Stage::Connecting, error) => {
                let error = error.unwrap_or(tcpip::Error::Refused);
                if tcp.others.is_empty() {
                    self.fail(key, words::tcp_failure(Step::Connect, error));
                } else {
                    self.sockets.unlink(id);
                    let _ = self.stack.close(now, id);
                    self.try_next(now, key);
                }
            }
            (Stage::Handshaking, Some(error)) => self.fail(key, words::tcp_failure(Step::Tls, error)),
            (Stage::Open, Some(error)) => self.fail(key, words::tcp_failure(Step::Transfer, error)),
            _ => {}
        }
    }

    /// The connection failed: the client's reader is told after what there is.
    pub fn fail(&mut self, key: Key, failure: Failure) {
        let Some(tcp) = self.sockets.tcp(key) else { return };
        if tcp.failure().is_some() {
            return;
        }
        let error = failure.error;
        let (deadline, id) = (tcp.deadline, tcp.id);
        tcp.stage = Stage::Failed(failure);
        if let Some(secure) = &mut tcp.secure {
            secure.broken(Some(error));
        }
        self.deadlines.remove(&(deadline, key));
        if let Some(id) = id {
            close_receive(&mut self.stack, id, Some(error));
        }
        self.ring(key);
    }

    /// Looks at what the client did with its rings, and moves what can be moved.
    pub fn look_at_rings(&mut self, now: Instant, key: Key) {
        let Some(tcp) = self.sockets.tcp(key) else { return };
        let Some(id) = tcp.id else { return };
        if let Some(mut secure) = tcp.secure.take() {
            let ended = tcp.ended || tcp.closed;
            let turn = secure.pump(&mut self.stack, now, id, ended);
            let heavy = turn.heavy.then(|| secure.connection.take()).flatten();
            let over = secure.finished && !turn.again;
            if let Some(tcp) = self.sockets.tcp(key) {
                tcp.secure = Some(secure);
            }
            self.after_pump(key, turn);
            if let Some(connection) = heavy
                && let Err(error) = self.crypto.process(key, connection)
            {
                self.fail(key, words::plain_failure(Step::Tls, error));
            }
            self.end_lingering(now, key, over);
            return;
        }
        if tcp.rings {
            let (ended, closed) = (tcp.ended, tcp.closed);
            if let Ok(Some((send, receive))) = self.stack.tcp_buffers(id) {
                send.arm();
                receive.arm();
            }
            if ended || closed {
                close_receive(&mut self.stack, id, None);
            }
        }
        // Tells the stack of both: bytes written, and bytes read.
        let _ = self.stack.tcp_written(id);
    }

    fn after_pump(&mut self, key: Key, turn: crate::secure::Turn) {
        let Some(tcp) = self.sockets.tcp(key) else { return };
        if turn.open && matches!(tcp.stage, Stage::Handshaking) {
            tcp.stage = Stage::Open;
            let deadline = tcp.deadline;
            self.deadlines.remove(&(deadline, key));
            self.ring(key);
        }
        if let Some(mut failure) = turn.failure {
            if matches!(self.sockets.tcp(key), Some(Tcp { stage: Stage::Open, .. })) {
                failure.step = Step::Transfer;
            }
            self.fail(key, failure);
        } else if turn.again {
            self.dirty.insert(key);
        }
    }

    /// The lower thread has finished something.
    pub fn crypto_done(&mut self) {
        while let Some(done) = self.crypto.done() {
            let Some(tcp) = self.sockets.tcp(done.key) else { continue };
            match (done.connection, &mut tcp.secure) {
                (Ok(connection), Some(secure)) => {
                    secure.connection = Some(connection);
                    self.dirty.insert(done.key);
                }
                (Err(failure), _) => {
                    let id = tcp.id;
                    self.fail(done.key, failure);
                    if let Some(id) = id {
                        let _ = self.stack.tcp_abort(now(), id);
                    }
                }
                (Ok(_), None) => {}
            }
        }
    }

    /// Attempts to connect whose deadline has passed.
    pub fn give_up_late(&mut self, now: Instant) {
        while let Some(&(deadline, key)) = self.deadlines.first() {
            // A microsecond early, so that a client who waits just as long hears which step it was.
            if deadline > now.micros().saturating_add(2).saturating_mul(1000) {
                return;
            }
            self.deadlines.pop_first();
            let Some(tcp) = self.sockets.tcp(key) else { continue };
            if !tcp.is_pending() {
                continue;
            }
            let (id, lookup) = (
                tcp.id,
                match tcp.stage {
                    Stage::Resolving(lookup) => Some(lookup),
                    _ => None,
                },
            );
            let step = match tcp.stage {
                Stage::Resolving(_) => Step::Name,
                Stage::Handshaking => Step::Tls,
                _ => Step::Connect,
            };
            self.fail(key, words::plain_failure(step, Error::TimedOut));
            if let Some(lookup) = lookup {
                self.stack.cancel_lookup(lookup);
            }
            if let Some(id) = id {
                let _ = self.stack.tcp_abort(now, id);
            }
        }
    }

    fn on_resolved(&mut self, now: Instant, lookup: LookupId) {
        let wanted = |tcp: &Tcp| matches!(&tcp.stage, Stage::Resolving(own) if *own == lookup);
        let key = self.sockets.iter().find_map(|(key, socket)| match &socket.kind {
            Kind::Tcp(tcp) if wanted(tcp) => Some(key),
            _ => None,
        });
        // A client that waits for the name itself takes the result when it is answered.
        let Some(key) = key else { return };
        match self.stack.take_lookup(lookup) {
            Some(Ok(addresses)) => {
                if let Some(tcp) = self.sockets.tcp(key) {
                    tcp.others = addresses;
                }
                self.try_next(now, key);
            }
            Some(Err(error)) => self.fail(key, words::name_failure(error)),
            None => self.fail(key, words::plain_failure(Step::Name, Error::NameUnknown)),
        }
    }

    fn end_lingering(&mut self, now: Instant, key: Key, over: bool) {
        let Some(socket) = self.sockets.get(key) else { return };
        let failed = matches!(&socket.kind, Kind::Tcp(tcp) if tcp.closed || tcp.failure().is_some());
        if socket.shares == 0 && (over || failed) {
            self.finish(now, key, if failed { Farewell::Reset } else { Farewell::Orderly });
        }
    }
}

/// Says in a shared receive ring that nothing more comes, and why.
pub fn close_receive(stack: &mut tcpip::Stack<crate::buffers::Maker>, id: SocketId, why: Option<Error>) {
    if let Ok(Some((_, Receive::Shared(ring, bell)))) = stack.tcp_buffers(id) {
        ring.close(why, bell);
    }
}
