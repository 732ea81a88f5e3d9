//! A labelled data set as self-tests carry it: small pictures with a class each, in one file.
//!
//! `SAMPLES1`, then u16 width, u16 height, u8 maxval, u8 classes, u16 0, u32 count, u32 0 (little-endian), then for each
//! picture width·height samples (a byte each, at most maxval) and a byte that is its class.

use crate::bytes::Record;

const MAGIC: [u8; 8] = *b"SAMPLES1";
const HEAD: usize = 24;

/// A data set.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// Samples in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// The sample of full white.
    pub maxval: u8,
    /// How many classes there are.
    pub classes: u8,
    records: &'a [u8],
}

impl<'a> Samples<'a> {
    /// Reads a data set; `None` if the file is none, or not exactly as long as it says.
    pub fn parse(file: &'a [u8]) -> Option<Self> {
        let (head, records) = file.split_at_checked(HEAD)?;
        let record = Record(head);
        let set = Self {
            width: record.u16(8),
            height: record.u16(10),
            maxval: record.u8(12),
            classes: record.u8(13),
            records,
        };
        let right = record.array(0) == MAGIC && record.is_zero(14, 16) && record.is_zero(20, HEAD);
        let length = u64::from(record.u32(16)).checked_mul(set.stride() as u64)?;
        let classes = set.classes;
        let fits = set.maxval > 0 && length == records.len() as u64;
        (right && fits && set.iter().all(|(_, class)| class < classes)).then_some(set)
    }

    /// Pictures with their classes.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], u8)> + use<'a> {
        self.records.chunks_exact(self.stride()).filter_map(|record| {
            let (&class, samples) = record.split_last()?;
            Some((samples, class))
        })
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.records.len() / self.stride()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn stride(&self) -> usize {
        usize::from(self.width) * usize::from(self.height) + 1
    }
}
