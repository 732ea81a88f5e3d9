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
//! The code is generic over where the bytes are, so that host tests run the same protocol between threads.

mod arm;

use core::sync::atomic::Ordering;

use protocol::Error;

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

fn fence() {
    core::sync::atomic::fence(Ordering::SeqCst);
}

/// The side that writes.
#[derive(Debug)]
pub struct Producer<M> {
    place: Place<M>,
    tail: u64,
    gone: bool,
    closed: bool,
}

impl<M: RingMemory> Producer<M> {
    /// Takes the producer's side of a ring that was created. A ring has one producer.
    pub fn open(memory: M, unit: u16) -> Result<Self, Error> {
        let place = Place::open(memory, unit)?;
        let tail = place.memory.load64(TAIL, Ordering::Acquire);
        Ok(Producer { place, tail, gone: false, closed: false })
    }

    /// Units of the ring.
    pub fn size(&self) -> usize {
        self.place.size as usize
    }

    /// Units that fit now. [`Error::BrokenPipe`] if the consumer is gone, [`Error::Protocol`] if its counter can't be.
    pub fn free(&self) -> Result<usize, Error> {
        if self.gone || self.place.memory.load(CONSUMER_CLOSED, Ordering::Acquire) != 0 {
            return Err(Error::BrokenPipe);
        }
        Ok((self.place.size - self.used()?) as usize)
    }

    /// Units written and not yet taken.
    pub fn used(&self) -> Result<u64, Error> {
        let used = self.tail.wrapping_sub(self.place.memory.load64(HEAD, Ordering::Acquire));
        if used > self.place.size { Err(Error::Protocol) } else { Ok(used) }
    }

    /// Writes as many whole units as fit, and wakes the consumer if it waits. Returns bytes: 0 when the ring is full.
    pub fn write(&mut self, bytes: &[u8], bell: &impl Bell) -> Result<usize, Error> {
        let units = self.free()?.min(bytes.len() / self.place.unit);
        if units == 0 {
            return Ok(0);
        }
        let length = units * self.place.unit;
        self.place.copy_in(self.tail, bytes.get(..length).unwrap_or_default());
        self.publish(units as u64, bell)?;
        Ok(length)
    }

    /// Writes beyond what is published: units from `ahead` on, which [`Producer::publish`] makes visible. For a network
    /// stack that receives out of order. [`Error::Overflow`] if they do not fit.
    pub fn write_ahead(&self, ahead: usize, bytes: &[u8]) -> Result<(), Error> {
        let units = bytes.len() / self.place.unit;
        match ahead.checked_add(units) {
            Some(end) if end <= self.free()? => {
                let length = units * self.place.unit;
                let place = self.tail.wrapping_add(ahead as u64);
                self.place.copy_in(place, bytes.get(..length).unwrap_or_default());
                Ok(())
            }
            _ => Err(Error::Overflow),
        }
    }

    /// Makes units visible that were written ahead, and wakes the consumer if it waits.
    pub fn publish(&mut self, units: u64, bell: &impl Bell) -> Result<(), Error> {
        if units > self.free()? as u64 {
            return Err(Error::Overflow);
        }
        self.tail = self.tail.wrapping_add(units);
        self.place.memory.store64(TAIL, self.tail, Ordering::Release);
        fence();
        wake(&self.place.memory, CONSUMER_WAITS, bell);
        Ok(())
    }

    /// Says that this side will sleep until there is room, and looks again: if there is (or the consumer is gone), does
    /// not sleep.
    pub fn must_sleep(&self) -> Result<bool, Error> {
        self.place.memory.store(PRODUCER_WAITS, 1, Ordering::Relaxed);
        fence();
        let sleep = matches!(self.free(), Ok(0));
        if !sleep {
            self.place.memory.store(PRODUCER_WAITS, 0, Ordering::Relaxed);
            self.free()?;
        }
        Ok(sleep)
    }

    /// The consumer's process is gone.
    pub fn peer_gone(&mut self) {
        self.gone = true;
    }

    /// Whether the consumer has closed its side or is gone.
    pub fn is_broken(&self) -> bool {
        self.gone || self.place.memory.load(CONSUMER_CLOSED, Ordering::Acquire) != 0
    }

    /// Nothing more will be written: the end, or a reason that the reader gets instead of the end.
    pub fn close(&mut self, reason: Option<Error>, bell: &impl Bell) {
        if !core::mem::replace(&mut self.closed, true) {
            let value = reason.map_or(END, |error| error.code().into());
            self.place.memory.store(PRODUCER_CLOSED, value, Ordering::Release);
            fence();
            self.place.memory.store(CONSUMER_WAITS, 0, Ordering::Relaxed);
            bell.ring();
        }
    }
}

/// What there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many bytes, at least one unit.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// Nothing ever again: all was read.
    End,
}

/// The side that reads.
#[derive(Debug)]
pub struct Consumer<M> {
    place: Place<M>,
    head: u64,
    gone: bool,
    closed: bool,
}

impl<M: RingMemory> Consumer<M> {
    /// Takes the consumer's side of a ring that was created. A ring has one consumer.
    pub fn open(memory: M, unit: u16) -> Result<Self, Error> {
        let place = Place::open(memory, unit)?;
        let head = place.memory.load64(HEAD, Ordering::Acquire);
        Ok(Consumer { place, head, gone: false, closed: false })
    }

    /// Units of the ring.
    pub fn size(&self) -> usize {
        self.place.size as usize
    }

    /// Units to be read. [`Error::Protocol`] if the producer's counter can't be.
    pub fn available(&self) -> Result<usize, Error> {
        let used = self.place.memory.load64(TAIL, Ordering::Acquire).wrapping_sub(self.head);
        if used > self.place.size { Err(Error::Protocol) } else { Ok(used as usize) }
    }

    /// Takes as many whole units as there are and fit, and wakes the producer if it waits for room. After the last unit:
    /// the end, or the producer's reason as error ([`Error::BrokenPipe`] if it was killed).
    pub fn read(&mut self, to: &mut [u8], bell: &impl Bell) -> Result<Taken, Error> {
        // Looked at before the counter: what was written before closing is then seen.
        let closed = self.place.memory.load(PRODUCER_CLOSED, Ordering::Acquire);
        let available = self.available()?;
        if available == 0 {
            return match closed {
                0 if self.gone => Err(Error::BrokenPipe),
                0 => Ok(Taken::Nothing),
                END => Ok(Taken::End),
                code => Err(u16::try_from(code).ok().and_then(Error::from_code).unwrap_or(Error::BrokenPipe)),
            };
        }
        let units = available.min(to.len() / self.place.unit);
        if units == 0 {
            return Ok(Taken::Nothing);
        }
        let length = units * self.place.unit;
        self.place.copy_out(self.head, to.get_mut(..length).unwrap_or_default());
        self.release(units as u64, bell)?;
        Ok(Taken::Bytes(length))
    }

    /// Copies units without taking them, from `ahead` units on: for a network stack that keeps them until they are
    /// acknowledged. [`Error::Overflow`] if they are not there.
    pub fn peek(&self, ahead: usize, to: &mut [u8]) -> Result<(), Error> {
        let units = to.len() / self.place.unit;
        match ahead.checked_add(units) {
            Some(end) if end <= self.available()? => {
                let length = units * self.place.unit;
                let place = self.head.wrapping_add(ahead as u64);
                self.place.copy_out(place, to.get_mut(..length).unwrap_or_default());
                Ok(())
            }
            _ => Err(Error::Overflow),
        }
    }

    /// Gives units back that were peeked at, and wakes the producer if it waits and a quarter of the ring is free.
    pub fn release(&mut self, units: u64, bell: &impl Bell) -> Result<(), Error> {
        let available = self.available()? as u64;
        if units > available {
            return Err(Error::Overflow);
        }
        self.head = self.head.wrapping_add(units);
        self.place.memory.store64(HEAD, self.head, Ordering::Release);
        fence();
        let free = self.place.size - self.available()? as u64;
        if free >= self.place.size / 4 {
            wake(&self.place.memory, PRODUCER_WAITS, bell);
        }
        Ok(())
    }

    /// Says that this side will sleep until there is something, and looks again: if there is (or the end), does not sleep.
    pub fn must_sleep(&self) -> Result<bool, Error> {
        self.place.memory.store(CONSUMER_WAITS, 1, Ordering::Relaxed);
        fence();
        let closed = self.gone || self.place.memory.load(PRODUCER_CLOSED, Ordering::Acquire) != 0;
        let sleep = self.available()? == 0 && !closed;
        if !sleep {
            self.place.memory.store(CONSUMER_WAITS, 0, Ordering::Relaxed);
        }
        Ok(sleep)
    }

    /// The producer's process is gone.
    pub fn peer_gone(&mut self) {
        self.gone = true;
    }

    /// Whether the producer has closed its side; units may be left.
    pub fn is_closed(&self) -> bool {
        self.gone || self.place.memory.load(PRODUCER_CLOSED, Ordering::Acquire) != 0
    }

    /// Nothing more will be read: writing is a broken pipe from now on.
    pub fn close(&mut self, bell: &impl Bell) {
        if !core::mem::replace(&mut self.closed, true) {
            self.place.memory.store(CONSUMER_CLOSED, END, Ordering::Release);
            fence();
            self.place.memory.store(PRODUCER_WAITS, 0, Ordering::Relaxed);
            bell.ring();
        }
    }
}

fn wake<M: RingMemory>(memory: &M, waits: usize, bell: &impl Bell) {
    if memory.load(waits, Ordering::Relaxed) == 1 && memory.swap(waits, 0, Ordering::SeqCst) == 1 {
        bell.ring();
    }
}

/// A ring in a mapping that several rings and a window share.
#[derive(Clone, Debug)]
pub struct Part {
    mapping: alloc::sync::Arc<crate::Mapping>,
    start: usize,
    bytes: usize,
}

impl Part {
    /// The bytes of a mapping from `start` on; `start` has to be a multiple of 64. [`Error::BadAddress`] outside.
    pub fn new(mapping: alloc::sync::Arc<crate::Mapping>, start: usize, bytes: usize) -> Result<Part, Error> {
        match start.checked_add(bytes) {
            Some(end) if end <= mapping.len() && start.is_multiple_of(64) => Ok(Part { mapping, start, bytes }),
            _ => Err(Error::BadAddress),
        }
    }

    /// A whole mapping.
    pub fn whole(mapping: crate::Mapping) -> Part {
        let bytes = mapping.len();
        Part { mapping: alloc::sync::Arc::new(mapping), start: 0, bytes }
    }

    fn word(&self, offset: usize) -> &core::sync::atomic::AtomicU32 {
        static NOWHERE: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);
        self.mapping.word(self.start + offset).unwrap_or(&NOWHERE)
    }

    fn double(&self, offset: usize) -> &core::sync::atomic::AtomicU64 {
        static NOWHERE: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);
        self.mapping.double(self.start + offset).unwrap_or(&NOWHERE)
    }
}

impl RingMemory for Part {
    fn len(&self) -> usize {
        self.bytes
    }

    fn load(&self, offset: usize, order: Ordering) -> u32 {
        self.word(offset).load(order)
    }

    fn store(&self, offset: usize, value: u32, order: Ordering) {
        self.word(offset).store(value, order);
    }

    fn swap(&self, offset: usize, value: u32, order: Ordering) -> u32 {
        self.word(offset).swap(value, order)
    }

    fn load64(&self, offset: usize, order: Ordering) -> u64 {
        self.double(offset).load(order)
    }

    fn store64(&self, offset: usize, value: u64, order: Ordering) {
        self.double(offset).store(value, order);
    }

    fn copy_out(&self, offset: usize, to: &mut [u8]) {
        // The ring has checked that its data lies within `len`.
        let _ = self.mapping.read(self.start + offset, to);
    }

    fn copy_in(&self, offset: usize, from: &[u8]) {
        let _ = self.mapping.write(self.start + offset, from);
    }
}

#[cfg(test)]
mod tests;
