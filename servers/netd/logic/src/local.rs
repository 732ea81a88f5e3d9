//! A ring of bytes in netd's own memory.
//!
//! It is a connection's buffer until the client asks for shared rings, and for ever where TLS stands between. Unlike the
//! stack's own ring it can be emptied into another one with what arrived out of order, because the connection remembers
//! that it arrived.

use alloc::vec::Vec;

use tcpip::{ReceiveBuffer, SendBuffer};

/// The ring. Its memory comes with the first byte.
#[derive(Debug)]
pub struct Local {
    bytes: Vec<u8>,
    capacity: usize,
    head: usize,
    len: usize,
    /// How far from `head` something was ever written: bytes behind the contiguous ones lie before it.
    extent: usize,
}

impl Local {
    /// An empty ring that will hold `capacity` bytes.
    pub const fn new(capacity: usize) -> Local {
        Local { bytes: Vec::new(), capacity, head: 0, len: 0, extent: 0 }
    }

    /// Appends as much as fits; returns how much.
    pub fn push(&mut self, data: &[u8]) -> usize {
        let count = self.store(self.len, data);
        self.len += count;
        self.extent = self.extent.max(self.len);
        count
    }

    /// Takes bytes off the front; returns how many.
    pub fn pop(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.len);
        self.load(0, into.get_mut(..count).unwrap_or_default());
        self.discard(count);
        count
    }

    /// Contiguous bytes held.
    pub fn held(&self) -> usize {
        self.len
    }

    /// Bytes that fit behind them.
    pub fn room(&self) -> usize {
        self.capacity - self.len
    }

    /// Everything from the front on, with what arrived early and the gaps before it; the first [`Local::held`] bytes are
    /// the contiguous ones.
    pub fn all(&self) -> Vec<u8> {
        let mut all = alloc::vec![0; self.extent];
        self.load(0, &mut all);
        all
    }

    fn discard(&mut self, count: usize) {
        let count = count.min(self.len);
        self.head = (self.head + count).checked_rem(self.capacity).unwrap_or(0);
        self.len -= count;
        self.extent -= count;
    }

    fn store(&mut self, offset: usize, data: &[u8]) -> usize {
        let count = self.capacity.saturating_sub(offset).min(data.len());
        if count == 0 || !self.has_memory() {
            return 0;
        }
        let (before, after) = data.get(..count).unwrap_or_default().split_at(self.before_the_end(offset, count));
        let start = (self.head + offset) % self.capacity;
        self.bytes[start..start + before.len()].copy_from_slice(before);
        self.bytes[..after.len()].copy_from_slice(after);
        count
    }

    fn load(&self, offset: usize, into: &mut [u8]) {
        if into.is_empty() || self.bytes.is_empty() {
            return;
        }
        let (before, after) = into.split_at_mut(self.before_the_end(offset, into.len()));
        let start = (self.head + offset) % self.capacity;
        before.copy_from_slice(&self.bytes[start..start + before.len()]);
        after.copy_from_slice(&self.bytes[..after.len()]);
    }

    fn before_the_end(&self, offset: usize, count: usize) -> usize {
        count.min(self.capacity - (self.head + offset) % self.capacity)
    }

    fn has_memory(&mut self) -> bool {
        if self.bytes.is_empty() && self.bytes.try_reserve_exact(self.capacity).is_ok() {
            self.bytes.resize(self.capacity, 0);
        }
        !self.bytes.is_empty()
    }
}

impl SendBuffer for Local {
    fn len(&self) -> usize {
        self.len
    }

    fn peek(&self, offset: usize, into: &mut [u8]) -> usize {
        let count = self.len.saturating_sub(offset).min(into.len());
        self.load(offset, into.get_mut(..count).unwrap_or_default());
        count
    }

    fn acknowledge(&mut self, count: usize) {
        self.discard(count);
    }
}

impl ReceiveBuffer for Local {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn window(&self) -> usize {
        self.room()
    }

    fn write(&mut self, offset: usize, data: &[u8]) -> usize {
        let place = self.len.saturating_add(offset);
        let count = self.store(place, data);
        if count > 0 {
            self.extent = self.extent.max(place + count);
        }
        count
    }

    fn advance(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(self.capacity);
        self.extent = self.extent.max(self.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_early_moves_along() {
        let mut local = Local::new(8);
        assert_eq!(local.write(0, b"ab"), 2);
        local.advance(2);
        assert_eq!(local.write(2, b"ef"), 2);
        assert_eq!((local.held(), local.all().len()), (2, 6));
        let all = local.all();
        assert_eq!((&all[..2], &all[4..]), (&b"ab"[..], &b"ef"[..]));
        assert_eq!(local.write(0, b"cd"), 2);
        local.advance(4);
        let mut out = [0; 8];
        assert_eq!(local.pop(&mut out), 6);
        assert_eq!(&out[..6], b"abcdef");
        assert!(local.all().is_empty());
    }

    #[test]
    fn it_wraps_and_stops_at_its_size() {
        let mut local = Local::new(4);
        for round in 0..9u8 {
            assert_eq!(local.push(&[round, 1, 2, 3, 4]), 4);
            assert_eq!(local.room(), 0);
            let mut two = [0; 2];
            assert_eq!(SendBuffer::peek(&local, 1, &mut two), 2);
            assert_eq!(two, [1, 2]);
            local.acknowledge(1);
            assert_eq!(local.push(b"zz"), 1);
            local.acknowledge(99);
            assert_eq!(local.held(), 0);
        }
    }

    #[test]
    fn an_empty_ring_survives_everything() {
        let mut local = Local::new(0);
        assert_eq!(local.push(b"a"), 0);
        assert_eq!(local.write(usize::MAX, b"a"), 0);
        local.advance(usize::MAX);
        local.acknowledge(usize::MAX);
        assert_eq!(local.pop(&mut [0; 2]), 0);
    }
}
