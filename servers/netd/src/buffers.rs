//! Where a connection's bytes are: netd's own memory at first and under TLS, the client's rings once they are attached.
//!
//! In the shared rings nothing is copied twice: the send ring's head moves when the peer acknowledges, and segments that
//! arrive out of order go to their place in the receive ring at once. The client may write anything into a ring's header;
//! `libsys::ring` believes only what can be, and what can't be counts as an empty or full ring here.

use alloc::sync::Arc;

use libsys::{
    Doorbell,
    ring::{Consumer, Part, Producer},
};
use netlogic::Local;
use tcpip::{Buffers, ReceiveBuffer, SendBuffer, SocketId};

/// Bytes of a local ring, and so of the first window.
pub const LOCAL: usize = 64 << 10;

/// What the client writes and TCP sends.
pub enum Send {
    /// In netd.
    Local(Local),
    /// Shared.
    Shared(Consumer<Part>, Arc<Doorbell>),
}

/// What TCP receives and the client reads.
pub enum Receive {
    /// In netd.
    Local(Local),
    /// Shared.
    Shared(Producer<Part>, Arc<Doorbell>),
}

/// Makes local buffers; `Rings` replaces them.
pub struct Maker;

impl Buffers for Maker {
    type Send = Send;
    type Receive = Receive;

    fn attach(&mut self, _socket: SocketId) -> Option<(Send, Receive)> {
        Some((Send::Local(Local::new(LOCAL)), Receive::Local(Local::new(LOCAL))))
    }

    fn receive_capacity(&self) -> usize {
        LOCAL
    }
}

impl SendBuffer for Send {
    fn len(&self) -> usize {
        match self {
            Send::Local(local) => SendBuffer::len(local),
            Send::Shared(ring, _) => ring.available().unwrap_or(0),
        }
    }

    fn peek(&self, offset: usize, into: &mut [u8]) -> usize {
        match self {
            Send::Local(local) => local.peek(offset, into),
            Send::Shared(ring, _) => {
                let count = ring.available().unwrap_or(0).saturating_sub(offset).min(into.len());
                let into = into.get_mut(..count).unwrap_or_default();
                if ring.peek(offset, into).is_ok() { count } else { 0 }
            }
        }
    }

    fn acknowledge(&mut self, count: usize) {
        match self {
            Send::Local(local) => local.acknowledge(count),
            Send::Shared(ring, bell) => {
                let count = ring.available().unwrap_or(0).min(count);
                let _ = ring.release(count as u64, bell);
            }
        }
    }
}

impl ReceiveBuffer for Receive {
    fn capacity(&self) -> usize {
        match self {
            Receive::Local(local) => local.capacity(),
            Receive::Shared(ring, _) => ring.size(),
        }
    }

    fn window(&self) -> usize {
        match self {
            Receive::Local(local) => local.window(),
            Receive::Shared(ring, _) => ring.free().unwrap_or(0),
        }
    }

    fn write(&mut self, offset: usize, data: &[u8]) -> usize {
        match self {
            Receive::Local(local) => local.write(offset, data),
            Receive::Shared(ring, _) => {
                let count = ring.free().unwrap_or(0).saturating_sub(offset).min(data.len());
                let data = data.get(..count).unwrap_or_default();
                if ring.write_ahead(offset, data).is_ok() { count } else { 0 }
            }
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Receive::Local(local) => local.advance(count),
            Receive::Shared(ring, bell) => {
                let count = ring.free().unwrap_or(0).min(count);
                let _ = ring.publish(count as u64, bell);
            }
        }
    }

    // `finish` does nothing here: whether the stream ended or broke is said when the stack's events are handled.
}

impl Send {
    /// Asks the client to ring when it wrote or closed.
    pub fn arm(&self) {
        if let Send::Shared(ring, _) = self {
            let _ = ring.arm();
        }
    }
}

impl Receive {
    /// Asks the client to ring when it read, if the window has become small.
    pub fn arm(&self) {
        if let Receive::Shared(ring, _) = self
            && ring.free().is_ok_and(|free| free < ring.size() / 2)
        {
            let _ = ring.arm();
        }
    }
}
