//! The addresses that devices may be given.

use alloc::vec::Vec;

/// A range of bus addresses through which the processor reaches devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First address, as the bus has it.
    pub bus: u64,
    /// First address, as the processor has it.
    pub cpu: u64,
    /// Bytes.
    pub length: u64,
}

impl Window {
    /// A window in which both addresses are the same.
    pub const fn same(start: u64, length: u64) -> Window {
        Window { bus: start, cpu: start, length }
    }

    fn end(&self) -> Option<u64> {
        self.cpu.checked_add(self.length)?;
        self.bus.checked_add(self.length)
    }
}

/// Free parts of a window at most: a device that is placed splits one.
const MAX_PARTS: usize = 1024;

/// What of some windows is free.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    all: Vec<Window>,
    /// Free ranges of bus addresses: first and end. Ascending, apart from one another.
    free: Vec<(u64, u64)>,
}

/// How far up an address may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Below 4 GiB.
    Low,
    /// Anywhere; low addresses are taken first.
    Any,
}

impl Windows {
    /// All of these are free. Windows that wrap, or overlap another, are dropped.
    pub fn new(windows: impl IntoIterator<Item = Window>) -> Windows {
        let mut made = Windows::default();
        for window in windows {
            let Some(end) = window.end().filter(|_| window.length > 0) else { continue };
            let apart = |(start, stop): &(u64, u64)| *stop <= window.bus || end <= *start;
            if made.free.len() < 16 && made.free.iter().all(apart) {
                // Address 0 means "none": it is not given away.
                made.free.push((window.bus.max(4096), end.max(4096)));
                made.all.push(window);
            }
        }
        made.free.sort_unstable();
        made
    }

    /// The processor's address of a range on the bus; none outside all windows.
    pub fn cpu(&self, bus: u64, length: u64) -> Option<u64> {
        let end = bus.checked_add(length)?;
        let window = self.all.iter().find(|w| w.bus <= bus && end <= w.bus + w.length)?;
        Some(window.cpu + (bus - window.bus))
    }

    /// Takes a range if all of it is free.
    pub fn reserve(&mut self, start: u64, length: u64) -> bool {
        let Some(end) = start.checked_add(length).filter(|_| length > 0) else { return false };
        let Some(i) = self.free.iter().position(|(first, stop)| *first <= start && end <= *stop) else { return false };
        if self.free.len() >= MAX_PARTS {
            return false;
        }
        let (first, stop) = self.free.remove(i);
        if end < stop {
            self.free.insert(i, (end, stop));
        }
        if first < start {
            self.free.insert(i, (first, start));
        }
        true
    }

    /// Takes `length` bytes at a multiple of `align`, a power of two.
    pub fn take(&mut self, length: u64, align: u64, reach: Reach) -> Option<u64> {
        let limit = if reach == Reach::Low { 1 << 32 } else { u64::MAX };
        let start = self.free.iter().find_map(|(first, stop)| {
            let start = first.checked_next_multiple_of(align.max(1))?;
            let end = start.checked_add(length)?;
            (end <= *stop && end <= limit).then_some(start)
        })?;
        self.reserve(start, length).then_some(start)
    }
}
