//! What a file holds: pages where something was written, zeros elsewhere.

use crate::PAGE;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// A file's content. Beyond `size` every byte of a kept page is zero, so growing shows zeros.
#[derive(Debug, Default)]
pub(super) struct Pages {
    size: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

const UNIT: u64 = PAGE as u64;

impl Pages {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Pages held.
    pub(super) fn count(&self) -> u64 {
        self.pages.len() as u64
    }

    /// Pages that a write of `length` bytes at `at` would add.
    pub(super) fn missing(&self, at: u64, length: u64) -> u64 {
        if length == 0 {
            return 0;
        }
        let (first, last) = (at / UNIT, (at + length - 1) / UNIT);
        last - first + 1 - self.pages.range(first..=last).count() as u64
    }

    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> usize {
        let length = self.size.saturating_sub(at).min(into.len() as u64) as usize;
        let Some(into) = into.get_mut(..length) else { return 0 };
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|r| !r.is_empty()) {
            let (page, start) = position(at + done as u64);
            let part = rest.len().min(PAGE - start);
            let (part, _) = rest.split_at_mut(part);
            match self.pages.get(&page).and_then(|p| p.get(start..start + part.len())) {
                Some(bytes) => part.copy_from_slice(bytes),
                None => part.fill(0),
            }
            done += part.len();
        }
        length
    }

    /// Writes; the caller has checked that the end is a number and that the pages are paid.
    pub(super) fn write(&mut self, at: u64, from: &[u8]) {
        let mut done = 0;
        while let Some(rest) = from.get(done..).filter(|r| !r.is_empty()) {
            let (page, start) = position(at + done as u64);
            let (part, _) = rest.split_at(rest.len().min(PAGE - start));
            let page = self.pages.entry(page).or_insert_with(|| alloc::vec![0; PAGE].into_boxed_slice());
            if let Some(place) = page.get_mut(start..start + part.len()) {
                place.copy_from_slice(part);
            }
            done += part.len();
        }
        if !from.is_empty() {
            self.size = self.size.max(at + from.len() as u64);
        }
    }

    /// Sets the size; pages beyond it go.
    pub(super) fn truncate(&mut self, size: u64) {
        self.pages.split_off(&size.div_ceil(UNIT));
        let (page, start) = position(size);
        if let Some(tail) = self.pages.get_mut(&page).and_then(|p| p.get_mut(start..)) {
            tail.fill(0);
        }
        self.size = size;
    }
}

/// Page number, and where in it.
fn position(at: u64) -> (u64, usize) {
    (at / UNIT, (at % UNIT) as usize)
}
