//! The ring: one producer and one consumer over shared memory (`contracts.md` §5).
//!
//! ```text
//!   0x00  magic u32, version u16, unit u16, size u32          written by the creator
//!   0x40  tail u64, producer_waits u32, producer_closed u32   written by the producer
//!   0x80  head u64, consumer_waits u32, consumer_closed u32   written by the consumer
//!   0x1000  size × unit bytes
//! ```
//!
//! `head` and `tail` count units for ever and are masked on use. Each side keeps its own counter and writes it out; of the
//! other's it believes nothing but what can be true: more than `size` units between them is [`Error::Protocol`].
//!
//! Nobody polls. Who finds nothing to do says `waits`, looks again and only then sleeps; who published swaps `waits` back and
//! rings. The fences make sure that one of the two sees the other. A waiting producer is told only when a quarter of the
//! ring is free.
//!
//! The code is generic over where the bytes are and what a fence is, so that host tests run the same protocol between
//! threads, and `tests/ring_orders` through every order of two of them that the memory model allows.

mod arm;
mod consumer;
mod part;
mod producer;

use core::sync::atomic::Ordering;

use protocol::Error;

pub use consumer::{Consumer, Taken};
pub use part::Part;
pub use producer::Producer;

/// Marks a ring.
pub const MAGIC: u32 = u32::from_le_bytes(*b"VRNG");
/// Version of the layout.
pub const VERSION: u16 = 1;
/// Where the units start.
pub const DATA: usize = 4096;
/// Unit of a byte ring: pipes and sockets.
pub const BYTE: u16 = 1;
/// Unit of a slot ring: sessions.
pub const SLOT: u16 = 64;
/// The ring of a pipe in bytes.
pub const PIPE_SIZE: u32 = 16 << 10;
/// The largest ring in units.
pub const MAX_SIZE: u32 = 1 << 20;

const TAIL: usize = 0x40;
const PRODUCER_WAITS: usize = 0x48;
const PRODUCER_CLOSED: usize = 0x4c;
const HEAD: usize = 0x80;
const CONSUMER_WAITS: usize = 0x88;
const CONSUMER_CLOSED: usize = 0x8c;

/// `closed`: everything was written, or nothing more will be read.
const END: u32 = 1;

/// Shared bytes. Offsets count from the ring's header and are within [`RingMemory::len`].
pub trait RingMemory {
    /// Bytes from the header on.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Loads a word.
    fn load(&self, offset: usize, order: Ordering) -> u32;
    /// Stores a word.
    fn store(&self, offset: usize, value: u32, order: Ordering);
    /// Exchanges a word.
    fn swap(&self, offset: usize, value: u32, order: Ordering) -> u32;
    /// Loads a counter.
    fn load64(&self, offset: usize, order: Ordering) -> u64;
    /// Stores a counter.
    fn store64(&self, offset: usize, value: u64, order: Ordering);
    /// Copies bytes out, once.
    fn copy_out(&self, offset: usize, to: &mut [u8]);
    /// Copies bytes in.
    fn copy_in(&self, offset: usize, from: &[u8]);
    /// Orders what this side stored before what it loads next, for all ([`Ordering::SeqCst`]).
    #[inline]
    fn fence(&self) {
        core::sync::atomic::fence(Ordering::SeqCst);
    }
}

/// Wakes the other side.
pub trait Bell {
    /// Rings; a side that is gone does not hear it.
    fn ring(&self);
}

impl Bell for crate::Doorbell {
    fn ring(&self) {
        let _ = crate::Doorbell::ring(self);
    }
}

impl<B: Bell> Bell for alloc::sync::Arc<B> {
    fn ring(&self) {
        B::ring(self);
    }
}

/// Where each part is, checked once.
#[derive(Debug)]
struct Place<M> {
    memory: M,
    unit: usize,
    size: u64,
}

impl<M: RingMemory> Place<M> {
    fn new(memory: M, unit: u16, size: u32) -> Result<Self, Error> {
        let bytes = (size as usize).checked_mul(unit.into()).ok_or(Error::Protocol)?;
        if !size.is_power_of_two() || size > MAX_SIZE || memory.len() < DATA || memory.len() - DATA < bytes {
            return Err(Error::Protocol);
        }
        Ok(Place { memory, unit: unit.into(), size: size.into() })
    }

    fn open(memory: M, unit: u16) -> Result<Self, Error> {
        if memory.len() < DATA || memory.load(0, Ordering::Acquire) != MAGIC {
            return Err(Error::Protocol);
        }
        let kind = memory.load(4, Ordering::Relaxed);
        if kind != u32::from(VERSION) | u32::from(unit) << 16 {
            return Err(Error::Protocol);
        }
        let size = memory.load(8, Ordering::Relaxed);
        Place::new(memory, unit, size)
    }

    fn mask(&self, counter: u64) -> usize {
        (counter & (self.size - 1)) as usize * self.unit
    }

    /// The two stretches that `bytes` from a counter on occupy.
    fn split(&self, counter: u64, bytes: usize) -> (usize, usize) {
        let start = self.mask(counter);
        (DATA + start, bytes.min(self.size as usize * self.unit - start))
    }

    fn copy_in(&self, counter: u64, from: &[u8]) {
        let (start, first) = self.split(counter, from.len());
        let (before, after) = from.split_at(first);
        self.memory.copy_in(start, before);
        self.memory.copy_in(DATA, after);
    }

    fn copy_out(&self, counter: u64, to: &mut [u8]) {
        let (start, first) = self.split(counter, to.len());
        let (before, after) = to.split_at_mut(first);
        self.memory.copy_out(start, before);
        self.memory.copy_out(DATA, after);
    }
}

/// Writes a ring's header into zeroed memory, before the other side has it.
pub fn create<M: RingMemory>(memory: &M, unit: u16, size: u32) -> Result<(), Error> {
    if !size.is_power_of_two() || size > MAX_SIZE || memory.len() < DATA + size as usize * unit as usize {
        return Err(Error::BadArgument);
    }
    memory.store(4, u32::from(VERSION) | u32::from(unit) << 16, Ordering::Relaxed);
    memory.store(8, size, Ordering::Relaxed);
    memory.store(0, MAGIC, Ordering::Release);
    Ok(())
}

/// Pages of a ring's memory.
pub const fn pages(unit: u16, size: u32) -> usize {
    (DATA + size as usize * unit as usize).div_ceil(abi::PAGE_SIZE)
}

fn wake<M: RingMemory>(memory: &M, waits: usize, bell: &impl Bell) {
    if memory.load(waits, Ordering::Relaxed) == 1 && memory.swap(waits, 0, Ordering::SeqCst) == 1 {
        bell.ring();
    }
}

#[cfg(test)]
mod tests;
