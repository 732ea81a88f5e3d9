//! Memory that devices may write: one Memory that init keeps, cut into parts.
//!
//! ```text
//! free, zeroed ──take──► a device's ──(driver gone, handles revoked, device reset)──► zeroed ──give──► free
//! ```
//!
//! The first page is devd's mark. Fresh memory has zeros there, as everywhere; where the mark stands, another devd was at work,
//! and nobody knows what its drivers and their devices left.

use core::sync::atomic::Ordering;

use libsys::{Access, Error, Keep, Mapping, Memory, Pool, abi::PAGE_SIZE};
use machine::extents::Extents;

/// The mark: where, and what.
const MARK_AT: usize = 0;
const MARK: u64 = u64::from_le_bytes(*b"devd was");

/// All of it.
#[derive(Debug)]
pub struct Dma {
    memory: Memory,
    mapping: Mapping,
    address: u64,
    free: Extents,
}

/// Pages of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    first: usize,
    pages: usize,
}

impl Dma {
    /// Takes it over, perhaps from a devd that died: whoever maps a part loses it. All devices have to be reset before.
    pub fn new(memory: Memory) -> Result<Dma, Error> {
        let pages = memory.info()?.pages;
        memory.evict(0, pages, Keep::Nothing)?;
        let mapping = memory.map_part(0, pages, Access::READ | Access::WRITE)?;
        let address = memory.device_address()?;
        let mut dma = Dma { memory, mapping, address, free: Extents::new(pages) };
        if dma.mapping.double(MARK_AT)?.swap(MARK, Ordering::Relaxed) != 0 {
            dma.clear(Part { first: 1, pages: pages.saturating_sub(1) })?;
        }
        dma.free.take(1).ok_or(Error::NoMemory)?;
        Ok(dma)
    }

    /// So many pages in a row: the part and the address for the device. [`Error::NoMemory`].
    ///
    /// What is free was zeroed after its device was reset. Where something else stands now, a device wrote after that: such
    /// pages are never used again.
    pub fn take(&mut self, pages: usize) -> Result<(Part, u64), Error> {
        loop {
            let first = self.free.take(pages).ok_or(Error::NoMemory)?;
            let part = Part { first, pages };
            if self.is_clear(part)? {
                return Ok((part, self.address + (first * PAGE_SIZE) as u64));
            }
            libsys::log!(Error, "a device wrote after its reset: {pages} pages for devices are given up");
        }
    }

    /// A part as a Memory of its own.
    pub fn cut(&self, pool: &Pool, part: Part) -> Result<Memory, Error> {
        self.memory.slice(pool, part.first, part.pages)
    }

    /// Takes a part back from a device that was reset.
    pub fn give(&mut self, part: Part) {
        // Not cleared, not given out again.
        if self.clear(part).is_ok() {
            self.free.give(part.first, part.pages);
        }
    }

    /// A part as it is mapped here, for what devd itself does with devices: the offset in [`Dma::mapping`].
    pub fn offset(part: Part) -> usize {
        part.first * PAGE_SIZE
    }

    /// The whole, mapped.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    fn is_clear(&self, part: Part) -> Result<bool, Error> {
        let mut bytes = [0; PAGE_SIZE];
        for page in part.first..part.first + part.pages {
            self.mapping.read(page * PAGE_SIZE, &mut bytes)?;
            if bytes != [0; PAGE_SIZE] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn clear(&self, part: Part) -> Result<(), Error> {
        const ZEROS: [u8; PAGE_SIZE] = [0; PAGE_SIZE];
        for page in part.first..part.first + part.pages {
            self.mapping.write(page * PAGE_SIZE, &ZEROS)?;
        }
        Ok(())
    }
}
