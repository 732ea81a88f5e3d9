//! A ring in a mapping, which several rings and a window may share.

use core::sync::atomic::Ordering;

use protocol::Error;

use super::RingMemory;

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
