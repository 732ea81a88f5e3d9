//! TLS between a connection's local rings and the client's shared ones.
//!
//! ```text
//!  stack's Receive::Local ─► feed ─┐                ┌─► read ─► the client's receive ring
//!                                  ├─ Connection ───┤
//!  stack's Send::Local ◄─ output ──┘                └─◄ write ◄─ the client's send ring
//! ```
//!
//! A pump moves what can be moved and stops at a bound, so that one connection does not keep the others waiting.

use alloc::{boxed::Box, sync::Arc};

use libsys::{
    Doorbell, Error,
    protocol::net::{Failure, Peer},
    ring::{Consumer, Part, Producer},
};
use netlogic::{Local, words};
use tcpip::{Instant, SendBuffer, SocketId, Stack};
use tls::{Connection, Progress, State};

use crate::buffers::{Maker, Receive, Send};

/// Rounds of a pump.
const ROUNDS: usize = 16;
/// Bytes moved at once: a record of TLS.
const PIECE: usize = 16 << 10;

/// The client's rings.
pub struct Plain {
    /// What it writes.
    pub send: Consumer<Part>,
    /// What it reads.
    pub receive: Producer<Part>,
    /// Wakes it.
    pub bell: Arc<Doorbell>,
}

/// TLS of one connection.
#[derive(Default)]
pub struct Secure {
    /// None while the lower thread has it.
    pub connection: Option<Box<Connection>>,
    /// The client's rings.
    pub plain: Option<Plain>,
    /// Who the peer is.
    pub peer: Option<Peer>,
    /// The client writes no more.
    pub shut: bool,
    closing: bool,
    /// TCP's own direction is closed.
    pub finished: bool,
}

/// What a pump found.
#[derive(Default)]
pub struct Turn {
    /// The handshake is done.
    pub open: bool,
    /// There is arithmetic to do: the connection goes to the lower thread.
    pub heavy: bool,
    /// There is more to move.
    pub again: bool,
    /// TLS failed.
    pub failure: Option<Failure>,
}

/// The connection's buffers are local ones.
fn local(stack: &mut Stack<Maker>, id: SocketId) -> Option<(&mut Local, &mut Local)> {
    match stack.tcp_buffers(id) {
        Ok(Some((Send::Local(send), Receive::Local(receive)))) => Some((send, receive)),
        _ => None,
    }
}

impl Secure {
    /// A server's connection, or one whose beginning the lower thread makes.
    pub fn new(connection: Option<Connection>) -> Secure {
        Secure { connection: connection.map(Box::new), ..Secure::default() }
    }

    /// Moves bytes. `ended`: the peer's stream has ended.
    pub fn pump(&mut self, stack: &mut Stack<Maker>, now: Instant, id: SocketId, ended: bool) -> Turn {
        let mut turn = Turn::default();
        let Some(mut connection) = self.connection.take() else { return turn };
        let mut piece = alloc::vec![0; PIECE];
        for round in 0..ROUNDS {
            let mut moved = feed(&mut connection, stack, id, ended, &mut piece);
            if connection.needs_handshake_work() {
                turn.heavy = true;
                break;
            }
            // Its error stays with the connection and is looked at below.
            moved |= matches!(connection.process(), Ok(Progress::More));
            moved |= self.deliver(&mut connection, &mut piece);
            moved |= self.take(&mut connection, &mut piece);
            moved |= send(&mut connection, stack, id, &mut piece);
            if !moved {
                break;
            }
            turn.again = round + 1 == ROUNDS;
        }
        // An alert may be waiting.
        send(&mut connection, stack, id, &mut piece);
        self.look(&connection, &mut turn);
        if (self.closing || turn.failure.is_some()) && connection.output_len() == 0 && !self.finished {
            self.finished = true;
            let _ = stack.tcp_shutdown(now, id);
        }
        self.connection = Some(connection);
        turn
    }

    /// What state the connection is in, and what the client is told of it.
    fn look(&mut self, connection: &Connection, turn: &mut Turn) {
        turn.open = !matches!(connection.state(), State::Handshaking | State::Failed);
        if turn.open && self.peer.is_none() {
            self.peer = connection.summary().and_then(words::peer);
        }
        turn.failure = connection.error().map(words::tls_failure);
        let Some(plain) = &mut self.plain else { return };
        if connection.readable() == 0 {
            match (connection.state(), &turn.failure) {
                (State::PeerClosed | State::Closed, _) => plain.receive.close(None, &plain.bell),
                (_, Some(failure)) => plain.receive.close(Some(failure.error), &plain.bell),
                _ => {}
            }
        }
        // Only now, so that what the client did meanwhile is seen: it rings from here on.
        let written = plain.send.arm().unwrap_or(0);
        let free = if connection.readable() > 0 { plain.receive.arm().unwrap_or(0) } else { 0 };
        let writes = matches!(connection.state(), State::Open | State::PeerClosed) && !self.closing;
        turn.again |= free > 0 || (written > 0 && writes && connection.output_len() == 0);
    }

    /// Plain text for the client.
    fn deliver(&mut self, connection: &mut Connection, piece: &mut [u8]) -> bool {
        let Some(plain) = &mut self.plain else { return false };
        let room = plain.receive.free().unwrap_or(0).min(piece.len());
        let count = connection.read(piece.get_mut(..room).unwrap_or_default());
        let _ = plain.receive.write(piece.get(..count).unwrap_or_default(), &plain.bell);
        count > 0
    }

    /// Plain text of the client's.
    fn take(&mut self, connection: &mut Connection, piece: &mut [u8]) -> bool {
        let mut moved = false;
        let mut left = 0;
        if let Some(plain) = &mut self.plain {
            let available = plain.send.available().unwrap_or(0);
            let count = available.min(piece.len());
            let bytes = piece.get_mut(..count).unwrap_or_default();
            if count > 0 && plain.send.peek(0, bytes).is_ok() {
                let taken = connection.write(bytes).unwrap_or(0);
                moved = taken > 0 && plain.send.release(taken as u64, &plain.bell).is_ok();
            }
            left = plain.send.available().unwrap_or(0);
        }
        if self.shut && left == 0 && !self.closing && connection.state() != State::Handshaking {
            connection.close_notify();
            self.closing = true;
            moved = true;
        }
        moved
    }

    /// The connection broke below TLS: the client's reader is told after what there is.
    pub fn broken(&mut self, error: Option<Error>) {
        if let Some(plain) = &mut self.plain {
            plain.receive.close(Some(error.unwrap_or(Error::Reset)), &plain.bell);
        }
    }
}

/// Sealed bytes from the network.
fn feed(connection: &mut Connection, stack: &mut Stack<Maker>, id: SocketId, ended: bool, piece: &mut [u8]) -> bool {
    let Some((_, receive)) = local(stack, id) else { return false };
    let count = receive.peek(0, piece);
    let fed = connection.feed(piece.get(..count).unwrap_or_default());
    receive.acknowledge(fed);
    if ended && receive.held() == 0 {
        connection.peer_ended();
    }
    if fed > 0 {
        let _ = stack.tcp_consumed(id);
    }
    fed > 0
}

/// Sealed bytes for the network.
fn send(connection: &mut Connection, stack: &mut Stack<Maker>, id: SocketId, piece: &mut [u8]) -> bool {
    let Some((send, _)) = local(stack, id) else { return false };
    let room = send.room().min(piece.len());
    let count = connection.take_output(piece.get_mut(..room).unwrap_or_default());
    send.push(piece.get(..count).unwrap_or_default());
    if count > 0 {
        let _ = stack.tcp_written(id);
    }
    count > 0
}
