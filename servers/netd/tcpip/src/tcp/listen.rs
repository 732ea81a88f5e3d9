//! LISTEN (RFC 9293 §3.10.7.2): a queue of half-open connections and one of complete ones, both bounded.
//!
//! A SYN that finds either queue full is dropped, not refused: the peer repeats it, and by then there may be room.
//! Half-open connections have no buffers yet. SYN cookies would decide in [`Listener::admits`].

use super::SocketOptions;
use crate::slab::SocketId;
use alloc::collections::VecDeque;
use core::net::IpAddr;

/// Largest backlog; more is cut to this.
pub const MAX_BACKLOG: usize = 128;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    /// Only connections to this address, if given.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Bound of each queue.
    pub backlog: usize,
    /// Options that accepted connections start with.
    pub options: SocketOptions,
    half_open: usize,
    complete: VecDeque<SocketId>,
}

impl Listener {
    /// A listener whose queues hold `backlog` connections each (1 to [`MAX_BACKLOG`]).
    pub fn new(address: Option<IpAddr>, port: u16, backlog: usize, options: SocketOptions) -> Listener {
        let backlog = backlog.clamp(1, MAX_BACKLOG);
        Listener { address, port, backlog, options, half_open: 0, complete: VecDeque::new() }
    }

    /// Whether a SYN may become a half-open connection.
    pub fn admits(&self) -> bool {
        self.half_open < self.backlog && !self.is_full()
    }

    /// Whether the queue of complete connections is full: the handshake's last ACK is then ignored, and our repeated
    /// SYN-ACK makes the peer send it again.
    pub fn is_full(&self) -> bool {
        self.complete.len() >= self.backlog
    }

    /// Half-open connections.
    pub fn half_open(&self) -> usize {
        self.half_open
    }

    /// Complete connections that nobody accepted yet.
    pub fn complete(&self) -> usize {
        self.complete.len()
    }

    /// A half-open connection begins.
    pub fn began(&mut self) {
        self.half_open += 1;
    }

    /// A half-open connection ended.
    pub fn ended(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    /// A half-open connection became complete.
    pub fn completed(&mut self, id: SocketId) {
        self.ended();
        self.complete.push_back(id);
    }

    /// A complete connection died before anybody accepted it.
    pub fn lost(&mut self, id: SocketId) {
        self.complete.retain(|other| *other != id);
    }

    /// The oldest complete connection.
    pub fn accept(&mut self) -> Option<SocketId> {
        self.complete.pop_front()
    }
}
