//! The side that reads.

use core::sync::atomic::Ordering;

use protocol::Error;

use super::{
    Bell, CONSUMER_CLOSED, CONSUMER_WAITS, END, HEAD, PRODUCER_CLOSED, PRODUCER_WAITS, Place, RingMemory, TAIL, wake,
};

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
    pub(super) place: Place<M>,
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
        self.place.memory.fence();
        let free = self.place.size - self.available()? as u64;
        if free >= self.place.size / 4 {
            wake(&self.place.memory, PRODUCER_WAITS, bell);
        }
        Ok(())
    }

    /// Says that this side will sleep until there is something, and looks again: if there is (or the end), does not sleep.
    pub fn must_sleep(&self) -> Result<bool, Error> {
        self.place.memory.store(CONSUMER_WAITS, 1, Ordering::Relaxed);
        self.place.memory.fence();
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
            self.place.memory.fence();
            self.place.memory.store(PRODUCER_WAITS, 0, Ordering::Relaxed);
            bell.ring();
        }
    }
}
