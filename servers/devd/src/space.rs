//! Physical addresses of devices: where they lie in the roots, mapped here or cut out for a driver.

use alloc::vec::Vec;

use libsys::{Access, Error, Keep, Mapping, Memory, Pool, abi::PAGE_SIZE};

use crate::roots::Root;

/// All device memory that init gave.
#[derive(Debug)]
pub struct Space {
    areas: Vec<Area>,
}

#[derive(Debug)]
struct Area {
    base: u64,
    pages: usize,
    memory: Memory,
}

/// Registers mapped here: the mapping, and where in it they start.
#[derive(Debug)]
pub struct Registers {
    /// Whole pages.
    pub mapping: Mapping,
    /// The first register's offset.
    pub offset: usize,
}

impl Space {
    /// Over these roots; those that tell no size are left out.
    pub fn new(roots: Vec<Root<Memory>>) -> Space {
        let areas = roots.into_iter().filter_map(|root| {
            let pages = root.object.info().ok()?.pages;
            Some(Area { base: root.first, pages, memory: root.object })
        });
        Space { areas: areas.collect() }
    }

    /// Base and length of each area.
    pub fn areas(&self) -> impl Iterator<Item = (u64, u64)> {
        self.areas.iter().map(|area| (area.base, (area.pages * PAGE_SIZE) as u64))
    }

    /// The pages that have these bytes: area, first page there, pages.
    fn find(&self, address: u64, length: u64) -> Result<(&Area, usize, usize), Error> {
        let end = address.checked_add(length).filter(|_| length > 0).ok_or(Error::BadAddress)?;
        let page = PAGE_SIZE as u64;
        let inside = |area: &&Area| area.base <= address && end <= area.base + area.pages as u64 * page;
        let area = self.areas.iter().find(inside).ok_or(Error::BadAddress)?;
        let first = (address - area.base) / page;
        let last = (end - area.base).div_ceil(page);
        Ok((area, first as usize, (last - first) as usize))
    }

    /// The pages that have these bytes, as a Memory of their own.
    pub fn cut(&self, pool: &Pool, address: u64, length: u64) -> Result<Memory, Error> {
        let (area, first, pages) = self.find(address, length)?;
        area.memory.slice(pool, first, pages)
    }

    /// Maps the pages that have these bytes.
    pub fn map(&self, address: u64, length: u64) -> Result<Registers, Error> {
        let (area, first, pages) = self.find(address, length)?;
        let mapping = area.memory.map_part(first, pages, Access::READ | Access::WRITE)?;
        Ok(Registers { mapping, offset: (address % PAGE_SIZE as u64) as usize })
    }

    /// Takes these bytes' pages from whoever maps them.
    pub fn evict(&self, address: u64, length: u64) -> Result<(), Error> {
        let (area, first, pages) = self.find(address, length)?;
        area.memory.evict(first, pages, Keep::Nothing)
    }
}
