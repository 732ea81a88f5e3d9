//! The log ring: 1,024 records in memory that a console server maps and reads.
//!
//! Old records are overwritten. Until somebody binds the log's Interrupt, records up to a level also go to the boot console.

use core::fmt::{self, Write};

use abi::boot::{LOG_RECORDS, LOG_TEXT, LogHeader, LogRecord, log_level};
use kmem::mutants::{Mutant, mutant};
use kmem::{Frame, Link};

use crate::Hw;
use crate::objects::PROCESS;
use crate::state::{Count, Cx, LOG_LINE};

/// Pages of the ring: a header, and 16 records a page.
pub const LOG_PAGES: u32 = 1 + (LOG_RECORDS * RECORD_BYTES / kmem::PAGE) as u32;
/// Records a label may write in a second; 0, the kernel itself, is not counted but for what a process has it write.
pub const LOG_RATE: u32 = 200;
/// Everything is shown on the boot console, unless the command line says otherwise.
const SHOW_ALL: u8 = u8::MAX;

const RECORD_BYTES: usize = 256;
const MAGIC: u32 = u32::from_le_bytes(*b"VLOG");
/// Labels that are counted each for itself; the last count is of all others.
const LABELS: usize = 16;
/// In place of a label: a process, by its place.
const ABOUT: u64 = 1 << 63;
const SECOND: u64 = 1_000_000_000;
const _: () = assert!(size_of::<LogRecord>() == RECORD_BYTES && size_of::<LogHeader>() == 24);

/// State of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    ring: Frame,
    written: u64,
    dropped: u64,
    rates: [Rate; LABELS + 1],
    /// The boot console shows records up to this level.
    shown: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rate {
    label: u64,
    since: u64,
    count: u32,
}

impl Log {
    pub(crate) const fn new() -> Log {
        let rates = [Rate { label: 0, since: 0, count: 0 }; LABELS + 1];
        Log { ring: Frame::NONE, written: 0, dropped: 0, rates, shown: SHOW_ALL }
    }

    /// Counts a record of a label; false if it wrote too many in this second.
    fn admit(&mut self, label: u64, now: u64) -> bool {
        if label == 0 {
            return true;
        }
        let own = &self.rates[..LABELS];
        let quiet = |rate: &Rate| rate.label == 0 || now.saturating_sub(rate.since) >= SECOND;
        let slot = own.iter().position(|rate| rate.label == label).or_else(|| own.iter().position(quiet));
        let slot = slot.unwrap_or(if mutant(Mutant::LogCountTaken) { 0 } else { LABELS });
        let rate = &mut self.rates[slot];
        if slot < LABELS && rate.label != label || now.saturating_sub(rate.since) >= SECOND {
            *rate = Rate { label, since: now, count: 0 };
        }
        rate.count += 1;
        rate.count <= LOG_RATE || mutant(Mutant::LogUnbounded)
    }
}

impl<H: Hw> Cx<'_, '_, H> {
    /// Has the log live in these zeroed frames, [`LOG_PAGES`] in a row.
    pub fn place_log(&mut self, ring: Frame) {
        self.s.log.ring = ring;
        self.v.write_word(ring, 0, MAGIC as u64 | (LOG_RECORDS as u64) << 32);
    }

    /// Obeys the last `log=LEVEL` of the kernel's command line; a level that isn't one is as none.
    pub fn choose_log(&mut self, command_line: &[u8]) {
        let mut words = command_line.split(u8::is_ascii_whitespace).filter_map(|word| word.strip_prefix(b"log="));
        let level = words.next_back().and_then(|name| log_level(str::from_utf8(name).ok()?));
        self.s.log.shown = level.unwrap_or(SHOW_ALL);
    }

    /// Writes a record; text beyond [`LOG_TEXT`] bytes is cut.
    pub fn write_log(&mut self, level: u8, label: u64, text: &[u8]) {
        self.write_log_for(label, level, label, text);
    }

    /// The same about a process: it is the kernel's record, but one that the process can have it write.
    pub fn write_log_about(&mut self, process: Link<PROCESS>, text: &[u8]) {
        let counted = if mutant(Mutant::FaultsLogUncounted) { 0 } else { ABOUT | process.raw() as u64 };
        self.write_log_for(counted, 0, 0, text);
    }

    fn write_log_for(&mut self, counted: u64, level: u8, label: u64, text: &[u8]) {
        let now = self.s.hw.now();
        if !self.s.log.admit(counted, now) {
            self.s.log.dropped += 1;
            self.count(Count::LogLost);
            return;
        }
        let text = &text[..text.len().min(LOG_TEXT)];
        let line = self.v.follow(self.s.lines[LOG_LINE as usize]);
        let read = line.is_some_and(|line| self.v.find(self.v.get(line).target).is_some());
        if !read && level <= self.s.log.shown {
            self.show_record(now, level, label, text);
        }
        if self.s.log.ring.is_none() {
            return;
        }
        self.store_record(now, level, label, text);
        if let Some(line) = line {
            self.raise(line);
        }
    }

    /// Writes a record to the boot console, as the console server would show it.
    pub(crate) fn show_record(&mut self, now: u64, level: u8, label: u64, text: &[u8]) {
        let ms = now / 1_000_000;
        // It never fails.
        let _ = write!(Console(&mut self.s.hw), "[{:5}.{:03}] {level} {label}: ", ms / 1000, ms % 1000);
        self.s.hw.console(text);
        self.s.hw.console(b"\n");
    }

    fn store_record(&mut self, now: u64, level: u8, label: u64, text: &[u8]) {
        let number = self.s.log.written;
        let slot = (number % LOG_RECORDS as u64) as usize;
        let at = kmem::PAGE + slot * RECORD_BYTES;
        let frame = self.s.log.ring.plus((at / kmem::PAGE) as u32);
        let offset = at % kmem::PAGE;
        let mut words = [0u64; RECORD_BYTES / 8];
        words[0] = now;
        words[1] = label;
        words[2] = level as u64 | (text.len() as u64) << 8 | (number as u32 as u64) << 32;
        for (word, bytes) in words[3..].iter_mut().zip(text.chunks(8)) {
            let mut full = [0; 8];
            full[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(full);
        }
        for (i, word) in words.iter().enumerate() {
            self.v.write_word(frame, offset + i * 8, *word);
        }
        self.s.log.written += 1;
        self.v.write_word(self.s.log.ring, 8, self.s.log.written);
        self.v.write_word(self.s.log.ring, 16, self.s.log.dropped);
    }
}

/// The boot console, for `write!`.
struct Console<'a, H>(&'a mut H);

impl<H: Hw> Write for Console<'_, H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.console(text.as_bytes());
        Ok(())
    }
}
