//! Traces of processes: their system calls, live.
//!
//! The kernel writes into a ring in this process's memory; init, which has the process's handle, turns it on. The trace
//! ends with the [`Trace`].

use abi::trace::{Event, HEADER, RECORD_WORDS, RECORDS_PER_PAGE};
use protocol::{Error, process::Request};

use crate::{Access, Handles, Mapping, Memory, Pool, Rights, spawn::ask};

/// Pages of the ring: 2,016 records.
const PAGES: usize = 64;

/// A trace of a process.
#[derive(Debug)]
pub struct Trace {
    mapping: Mapping,
    /// The ring: its end is the trace's.
    _ring: Memory,
    read: u64,
}

/// What was traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// ns since boot.
    pub time_ns: u64,
    /// Whether a call began or ended.
    pub event: Event,
    /// The call's number.
    pub call: u16,
    /// Names the thread.
    pub thread: u32,
    /// The number register: the call's number with flags, or the status.
    pub number: u64,
    /// `a0` and `a1`.
    pub first: [u64; 2],
    /// The badge register.
    pub badge: u64,
    /// The eight words.
    pub words: [u64; 8],
}

impl Trace {
    /// Traces a process: an own one, or, with the right BREAK, any.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, or no memory for the ring.
    pub fn start(number: u32) -> Result<Trace, Error> {
        let ring = Memory::create(&Pool::own()?, PAGES)?;
        let mapping = ring.map(Access::READ | Access::WRITE)?;
        let lent = ring.dup(Rights::READ | Rights::WRITE | Rights::TRANSFER)?;
        ask(&Request::Trace { number }, Handles::one(lent))?;
        Ok(Trace { mapping, _ring: ring, read: 0 })
    }

    /// The next record; none if there is none yet.
    pub fn next_record(&mut self) -> Option<Traced> {
        use core::sync::atomic::Ordering::{Acquire, Release};
        if self.read >= self.mapping.double(HEADER.written).ok()?.load(Acquire) {
            return None;
        }
        let slot = self.read % ((PAGES as u64 - 1) * RECORDS_PER_PAGE);
        let mut raw = [0; RECORD_WORDS * 8];
        let at = abi::PAGE_SIZE + slot as usize * raw.len();
        self.mapping.read(at, &mut raw).ok()?;
        self.read += 1;
        self.mapping.double(HEADER.read).ok()?.store(self.read, Release);
        let mut words = [0; RECORD_WORDS];
        for (word, bytes) in words.iter_mut().zip(raw.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        let [time_ns, head, number, a0, a1, badge, rest @ ..] = words;
        Some(Traced {
            time_ns,
            event: if head as u8 == Event::Call as u8 { Event::Call } else { Event::Return },
            call: (head >> 8) as u16,
            thread: (head >> 32) as u32,
            number,
            first: [a0, a1],
            badge,
            words: *rest.first_chunk()?,
        })
    }

    /// Records that were dropped because this process did not read fast enough.
    pub fn lost(&self) -> u64 {
        self.mapping.double(HEADER.lost).map_or(0, |word| word.load(core::sync::atomic::Ordering::Relaxed))
    }
}
