//! The side that writes.

use core::sync::atomic::Ordering;

use protocol::Error;

use super::{
    Bell, CONSUMER_CLOSED, CONSUMER_WAITS, END, HEAD, PRODUCER_CLOSED, PRODUCER_WAITS, Place, RingMemory, TAIL, wake,
};

/// The side that writes.
#[derive(Debug)]
pub struct Producer<M> {
    pub(super) place: Place<M>,
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
        self.place.memory.fence();
        wake(&self.place.memory, CONSUMER_WAITS, bell);
        Ok(())
    }

    /// Says that this side will sleep until there is room, and looks again: if there is (or the consumer is gone), does
    /// not sleep.
    pub fn must_sleep(&self) -> Result<bool, Error> {
        self.place.memory.store(PRODUCER_WAITS, 1, Ordering::Relaxed);
        self.place.memory.fence();
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
            self.place.memory.fence();
            self.place.memory.store(CONSUMER_WAITS, 0, Ordering::Relaxed);
            bell.ring();
        }
    }
}
