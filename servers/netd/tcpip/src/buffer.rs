//! Where TCP keeps its bytes: two traits, and rings that own their memory.
//!
//! TCP has no buffers of its own. In netd a connection's buffers are byte rings that the client shares: the send
//! ring's head moves when the peer acknowledges, out-of-order segments go straight into the receive ring, and its free
//! space is the window. So data is copied once a side. The other side of a shared ring is not trusted: `len` and
//! `window` may change between two calls, and TCP copes with any value.
//!
//! ```text
//! send ring      head = snd_una         snd_nxt            tail
//!                  |--- in flight --------|--- not yet sent --|        (offset 0 is snd_una)
//! receive ring   head     tail = rcv_nxt
//!                  |- unread -|- window: gaps and early segments -|    (offset 0 is rcv_nxt)
//! ```
//!
//! [`Buffers`] makes a connection's pair when the first byte needs it, so that idle and half-open connections cost no
//! buffer.

use crate::slab::SocketId;
use alloc::boxed::Box;
use alloc::vec;

/// Bytes the user wrote and the peer hasn't acknowledged.
pub trait SendBuffer {
    /// Bytes held, sent or not.
    fn len(&self) -> usize;
    /// Copies bytes from `offset` (0: the first unacknowledged one) into `into`; returns how many there were.
    fn peek(&self, offset: usize, into: &mut [u8]) -> usize;
    /// The peer has the first `count` bytes: they go. Never more than were sent; a buffer that holds fewer goes empty.
    fn acknowledge(&mut self, count: usize);
    /// Whether nothing is held.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes that arrived and the user hasn't read, with room for what comes.
pub trait ReceiveBuffer {
    /// Size in bytes.
    fn capacity(&self) -> usize;
    /// Free bytes behind the contiguous ones.
    fn window(&self) -> usize;
    /// Stores `data` at `offset` behind the contiguous bytes, which it may leave a gap to. Returns how many fitted.
    fn write(&mut self, offset: usize, data: &[u8]) -> usize;
    /// The next `count` bytes are complete: the user may read them.
    fn advance(&mut self, count: usize);
    /// No more bytes will come: the peer closed, or the connection broke.
    fn finish(&mut self) {}
    /// Bytes the user hasn't read.
    fn unread(&self) -> usize {
        self.capacity().saturating_sub(self.window())
    }
}

/// A connection's buffers: the send side and the receive side.
pub type Pair<B> = (<B as Buffers>::Send, <B as Buffers>::Receive);
/// The same, borrowed.
pub type PairMut<'a, B> = (&'a mut <B as Buffers>::Send, &'a mut <B as Buffers>::Receive);

/// Makes a connection's buffers when they are first needed.
pub trait Buffers {
    /// The send side.
    type Send: SendBuffer;
    /// The receive side.
    type Receive: ReceiveBuffer;

    /// The pair for `socket`, or `None` if there is no memory now: data is then not accepted, and the peer repeats it.
    fn attach(&mut self, socket: SocketId) -> Option<(Self::Send, Self::Receive)>;

    /// Capacity of the receive buffers that `attach` makes: the window announced before there is one.
    fn receive_capacity(&self) -> usize;
}

/// A byte ring that owns its memory.
#[derive(Clone, Debug)]
pub struct Ring {
    bytes: Box<[u8]>,
    head: usize,
    len: usize,
}

impl Ring {
    /// An empty ring of `capacity` bytes.
    pub fn new(capacity: usize) -> Ring {
        Ring { bytes: vec![0; capacity].into_boxed_slice(), head: 0, len: 0 }
    }

    /// Appends as much of `data` as fits; returns how much.
    pub fn push(&mut self, data: &[u8]) -> usize {
        let count = self.store(self.len, data);
        self.len += count;
        count
    }

    /// Takes up to `into.len()` bytes off the front; returns how many.
    pub fn pop(&mut self, into: &mut [u8]) -> usize {
        let count = self.load(0, into);
        self.discard(count);
        count
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.len
    }

    fn discard(&mut self, count: usize) {
        let count = count.min(self.len);
        if let Some(head) = (self.head + count).checked_rem(self.bytes.len()) {
            self.head = head;
            self.len -= count;
        }
    }

    fn load(&self, offset: usize, into: &mut [u8]) -> usize {
        let count = self.len.saturating_sub(offset).min(into.len());
        if count == 0 {
            return 0;
        }
        let start = (self.head + offset) % self.bytes.len();
        let first = count.min(self.bytes.len() - start);
        into[..first].copy_from_slice(&self.bytes[start..start + first]);
        into[first..count].copy_from_slice(&self.bytes[..count - first]);
        count
    }

    fn store(&mut self, offset: usize, data: &[u8]) -> usize {
        let count = self.bytes.len().saturating_sub(offset).min(data.len());
        if count == 0 {
            return 0;
        }
        let start = (self.head + offset) % self.bytes.len();
        let first = count.min(self.bytes.len() - start);
        self.bytes[start..start + first].copy_from_slice(&data[..first]);
        self.bytes[..count - first].copy_from_slice(&data[first..count]);
        count
    }
}

impl SendBuffer for Ring {
    fn len(&self) -> usize {
        self.len
    }

    fn peek(&self, offset: usize, into: &mut [u8]) -> usize {
        self.load(offset, into)
    }

    fn acknowledge(&mut self, count: usize) {
        self.discard(count);
    }
}

impl ReceiveBuffer for Ring {
    fn capacity(&self) -> usize {
        self.bytes.len()
    }

    fn window(&self) -> usize {
        self.bytes.len() - self.len
    }

    fn write(&mut self, offset: usize, data: &[u8]) -> usize {
        self.store(self.len.saturating_add(offset), data)
    }

    fn advance(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(self.bytes.len());
    }
}

/// Pairs of owned [`Ring`]s of fixed sizes.
#[derive(Clone, Copy, Debug)]
pub struct OwnedBuffers {
    /// Bytes of a send ring.
    pub send: usize,
    /// Bytes of a receive ring.
    pub receive: usize,
}

impl Default for OwnedBuffers {
    fn default() -> OwnedBuffers {
        OwnedBuffers { send: 64 * 1024, receive: 64 * 1024 }
    }
}

impl Buffers for OwnedBuffers {
    type Send = Ring;
    type Receive = Ring;

    fn attach(&mut self, _socket: SocketId) -> Option<(Ring, Ring)> {
        Some((Ring::new(self.send), Ring::new(self.receive)))
    }

    fn receive_capacity(&self) -> usize {
        self.receive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_bytes_become_readable_when_the_gap_is_filled() {
        let mut ring = Ring::new(8);
        assert_eq!(ring.write(2, b"cd"), 2);
        assert_eq!(ring.unread(), 0);
        assert_eq!(ring.write(0, b"ab"), 2);
        ring.advance(4);
        let mut out = [0; 8];
        assert_eq!(ring.pop(&mut out), 4);
        assert_eq!(&out[..4], b"abcd");
    }

    #[test]
    fn a_ring_wraps_and_stops_at_its_size() {
        let mut ring = Ring::new(4);
        assert_eq!(ring.push(b"abc"), 3);
        ring.acknowledge(2);
        assert_eq!(ring.push(b"defgh"), 3);
        let mut out = [0; 4];
        assert_eq!(ring.peek(1, &mut out), 3);
        assert_eq!(&out[..3], b"def");
        assert_eq!(ring.write(0, b"x"), 0);
    }

    #[test]
    fn an_empty_ring_survives_everything() {
        let mut ring = Ring::new(0);
        assert_eq!(ring.push(b"a"), 0);
        assert_eq!(ring.pop(&mut [0; 2]), 0);
        assert_eq!(ring.write(usize::MAX, b"a"), 0);
        ring.advance(usize::MAX);
        ring.acknowledge(9);
    }
}
