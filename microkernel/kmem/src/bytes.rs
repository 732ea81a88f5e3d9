//! Frames of plain bytes: users may read and write them at any moment, so they are only ever copied, never borrowed.

use crate::{Frame, Kind, PAGE, View};

impl<'id, L> View<'_, 'id, L> {
    /// Fills a frame with zeros.
    pub fn zero(&mut self, frame: Frame) {
        let page = self.bytes(frame);
        // SAFETY: the frame is whole plain bytes inside the arena. Users' concurrent stores can't break the kernel: no
        // value is read here, and the frame is not yet, or no longer, theirs.
        unsafe { core::ptr::write_bytes(page, 0, PAGE) }
    }

    /// Reads a word of a frame of plain bytes, `offset` in bytes and a multiple of 8.
    #[inline(always)]
    pub fn read_word(&self, frame: Frame, offset: usize) -> u64 {
        assert!(offset < PAGE && offset.is_multiple_of(8));
        // SAFETY: aligned and inside the frame; volatile, because a user may write it meanwhile.
        unsafe { self.bytes(frame).add(offset).cast::<u64>().read_volatile() }
    }

    /// Writes a word of a frame of plain bytes, `offset` in bytes and a multiple of 8.
    #[inline(always)]
    pub fn write_word(&mut self, frame: Frame, offset: usize, value: u64) {
        assert!(offset < PAGE && offset.is_multiple_of(8));
        // SAFETY: aligned and inside the frame; volatile, because a user may read it meanwhile.
        unsafe { self.bytes(frame).add(offset).cast::<u64>().write_volatile(value) }
    }

    /// Copies whole words between two frames of plain bytes, at the same `offset` in bytes, a multiple of 8.
    #[inline(always)]
    pub fn copy_words(&mut self, from: Frame, to: Frame, offset: usize, words: usize) {
        assert!(offset.is_multiple_of(8) && offset + words * 8 <= PAGE);
        if from == to {
            return;
        }
        let (source, target) = (self.bytes(from), self.bytes(to));
        // SAFETY: 1. Both ranges are inside their frames, which are distinct. 2. What a user writes meanwhile only
        // changes which bytes arrive.
        unsafe {
            core::ptr::copy_nonoverlapping(source.add(offset).cast::<u64>(), target.add(offset).cast::<u64>(), words)
        }
    }

    #[inline(always)]
    fn bytes(&self, frame: Frame) -> *mut u8 {
        assert!(self.mem.kind(frame) == Kind::BYTES);
        self.places.base.wrapping_add(frame.0 as usize * PAGE)
    }
}
