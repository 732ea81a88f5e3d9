//! The log ring: 1,024 records in memory that a console server maps and reads.
//!
//! Old records are overwritten. Until somebody binds the log's Interrupt, records also go to the boot console.

use abi::boot::{LOG_RECORDS, LOG_TEXT, LogHeader, LogRecord};
use kmem::Frame;

use crate::Hw;
use crate::state::{Count, Cx, LOG_LINE};

/// Pages of the ring: a header, and 16 records a page.
pub const LOG_PAGES: u32 = 1 + (LOG_RECORDS * RECORD_BYTES / kmem::PAGE) as u32;
/// Records a label may write in a second; 0, the kernel itself, is not counted.
pub const LOG_RATE: u32 = 200;

const RECORD_BYTES: usize = 256;
const MAGIC: u32 = u32::from_le_bytes(*b"VLOG");
const LABELS: usize = 16;
const SECOND: u64 = 1_000_000_000;
const _: () = assert!(size_of::<LogRecord>() == RECORD_BYTES && size_of::<LogHeader>() == 24);

/// State of the log.
#[derive(Clone, Debug)]
pub struct Log {
    ring: Frame,
    written: u64,
    dropped: u64,
    rates: [Rate; LABELS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    label: u64,
    since: u64,
    count: u32,
}

impl Log {
    pub const fn new() -> Log {
        Log { ring: Frame::NONE, written: 0, dropped: 0, rates: [Rate { label: 0, since: 0, count: 0 }; LABELS] }
    }

    /// Counts a record of a label; false if it wrote too many in this second.
    fn admit(&mut self, label: u64, now: u64) -> bool {
        if label == 0 {
            return true;
        }
        let slot = self.rates.iter().position(|rate| rate.label == label).unwrap_or_else(|| {
            // The label that was quiet for longest loses its count.
            (0..LABELS).min_by_key(|i| self.rates[*i].since).unwrap_or(0)
        });
        let rate = &mut self.rates[slot];
        if rate.label != label || now - rate.since >= SECOND {
            *rate = Rate { label, since: now, count: 0 };
        }
        rate.count += 1;
        rate.count <= LOG_RATE
    }
}

impl<H: Hw> Cx<'_, '_, H> {
    /// Has the log live in these zeroed frames, [`LOG_PAGES`] in a row.
    pub fn place_log(&mut self, ring: Frame) {
        self.s.log.ring = ring;
        self.v.write_word(ring, 0, MAGIC as u64 | (LOG_RECORDS as u64) << 32);
    }

    /// Writes a record; text beyond [`LOG_TEXT`] bytes is cut.
    pub fn write_log(&mut self, level: u8, label: u64, text: &[u8]) {
        let now = self.s.hw.now();
        if !self.s.log.admit(label, now) {
            self.s.log.dropped += 1;
            self.count(Count::LogLost);
            return;
        }
        let text = &text[..text.len().min(LOG_TEXT)];
        let line = self.v.follow(self.s.lines[LOG_LINE as usize]);
        let read = line.is_some_and(|line| self.v.find(self.v.get(line).target).is_some());
        if !read {
            self.s.hw.log(level, label, text);
        }
        if self.s.log.ring.is_none() {
            return;
        }
        self.store_record(now, level, label, text);
        if let Some(line) = line {
            self.raise(line);
        }
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
