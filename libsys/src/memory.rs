//! Memory objects and mapping them.
//!
//! | | who else may write | view |
//! |---|---|---|
//! | [`Mapping`] | anybody who has the Memory | copies and atomics: shared bytes are an allegation |
//! | [`Private`] | nobody: the Memory was made here and its handle is kept inside | slices |
//! | [`Frozen`] | nobody ever again | a slice |

use core::{
    ops::{Deref, DerefMut},
    sync::atomic::Ordering,
};

use abi::{
    PAGE_SIZE, Rights,
    calls::{Access, COUNTED_PAGES, FREEZE_PAGES, SEAL_PAGES},
    info::{self, MemoryType},
    user,
};
use protocol::Error;
use protocol::process::{Reply, Request, Service};

use crate::{
    Handles, Mapping, Pool, channel,
    handle::{self, typed},
    layout, mapping,
    mapping::parts,
    region::Regions,
    sync::Mutex,
    sys,
};

typed! {
    /// An extent of frames: RAM, device registers or DMA memory.
    Memory
}

/// What there is to know of a Memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryInfo {
    /// Its pages.
    pub pages: usize,
    /// What they are.
    pub kind: MemoryType,
    /// Mappings of it.
    pub mappings: u64,
    /// Pages frozen or sealed.
    pub frozen: usize,
    /// Which Memory has the frames; a slice tells its whole's. Good while a handle or mapping keeps that one.
    pub identity: u64,
}

impl Memory {
    /// New, zeroed RAM.
    pub fn create(pool: &Pool, pages: usize) -> Result<Memory, Error> {
        create(pool.raw(), pages, MemoryType::Ram)
    }

    /// New, zeroed memory for a device, contiguous.
    pub fn create_dma(pool: &Pool, pages: usize) -> Result<Memory, Error> {
        create(pool.raw(), pages, MemoryType::Dma)
    }

    /// A part of it, as an object of its own with the same rights.
    pub fn slice(&self, pool: &Pool, first: usize, pages: usize) -> Result<Memory, Error> {
        let (handle, _) = sys::slice(pool.raw(), self.raw(), first as u64, pages as u64, 0)?;
        Ok(Memory(handle::adopt(handle)?))
    }

    /// A handle to give away that may only be read.
    pub fn reader(&self) -> Result<Memory, Error> {
        self.dup(Rights::READ | Rights::TRANSFER)
    }

    /// About it.
    pub fn info(&self) -> Result<MemoryInfo, Error> {
        let [pages, kind, mappings, frozen, identity, ..] = sys::info(self.raw(), info::MEMORY, 0)?;
        let kind = match kind {
            0 => MemoryType::Ram,
            1 => MemoryType::Dma,
            _ => MemoryType::Device,
        };
        Ok(MemoryInfo { pages: pages as usize, kind, mappings, frozen: frozen as usize, identity })
    }

    /// The address a device uses for its first byte.
    pub fn device_address(&self) -> Result<u64, Error> {
        Ok(sys::info(self.raw(), info::DEVICE_ADDRESS, 0)?[0])
    }

    /// Maps all of it.
    pub fn map(&self, access: Access) -> Result<Mapping, Error> {
        self.map_part(0, self.info()?.pages, access)
    }

    /// Maps a part of it, in pages.
    pub fn map_part(&self, first: usize, pages: usize, access: Access) -> Result<Mapping, Error> {
        if access.contains(Access::EXECUTE) {
            return Err(Error::Denied);
        }
        if pages == 0 {
            return Err(Error::BadArgument);
        }
        let bytes = pages.checked_mul(PAGE_SIZE).ok_or(Error::BadArgument)?;
        let start = take_addresses(bytes)?;
        match mapping::map(user::OWN_PROCESS.raw().into(), self.raw(), start, first, pages, access) {
            Ok(()) => Ok(Mapping { start, bytes }),
            Err((error, done)) => {
                if mapping::unmap(start, done).is_ok() {
                    give_addresses(start, bytes);
                }
                Err(error)
            }
        }
    }

    /// Has a part of it appear at its first use, page by page: costs nothing for what is never touched. `Unavailable` for
    /// processes that no pager serves.
    pub fn view_part(&self, first: usize, pages: usize, write: bool) -> Result<Mapping, Error> {
        let rights = Rights::READ | Rights::TRANSFER;
        let handle = self.dup(if write { rights | Rights::WRITE } else { rights })?;
        let (first, number) = (u32::try_from(first), u32::try_from(pages));
        let (Ok(first), Ok(pages)) = (first, number) else { return Err(Error::BadArgument) };
        let request = Request::View { first, pages, write };
        match channel::call::<Service>(user::PROCESS_CHANNEL, &request, Handles::one(handle))? {
            (Reply::View { address }, _) => Ok(Mapping { start: address as usize, bytes: pages as usize * PAGE_SIZE }),
            _ => Err(Error::Protocol),
        }
    }

    /// Nobody can write these pages any more. Refused while a writable mapping exists; of very many pages some may be frozen
    /// then.
    pub fn freeze(&self, first: usize, pages: usize) -> Result<(), Error> {
        for (done, some) in parts(pages, FREEZE_PAGES) {
            sys::freeze(self.raw(), (first + done) as u64, some as u64)?;
        }
        Ok(())
    }

    /// Frozen pages become code. Refused for pages that aren't frozen; of very many some may be code then.
    pub fn seal(&self, first: usize, pages: usize, authority: &crate::Authority) -> Result<(), Error> {
        for (done, some) in parts(pages, SEAL_PAGES) {
            sys::seal(self.raw(), (first + done) as u64, some as u64, authority.raw())?;
        }
        Ok(())
    }

    /// Unmaps the pages wherever they are mapped, or makes them read-only there.
    pub fn evict(&self, first: usize, pages: usize, keep: Keep) -> Result<(), Error> {
        sys::evict(self.raw(), first as u64, pages as u64, keep as u64)?;
        Ok(())
    }
}

/// What `evict` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// No mapping.
    Nothing = 0,
    /// Read-only mappings.
    Read = 1,
}

fn create(pool: u64, pages: usize, kind: MemoryType) -> Result<Memory, Error> {
    let (memory, _) = sys::create(pool, info::Kind::Memory as u64, pages as u64, kind as u64, 0)?;
    Ok(Memory(handle::adopt(memory)?))
}

static REGIONS: Mutex<Option<Regions>> = Mutex::new(None);

pub(crate) fn take_addresses(bytes: usize) -> Result<usize, Error> {
    // Large mappings are aligned so that large pages can be used.
    let align = if bytes >= 2 << 20 { 2 << 20 } else { PAGE_SIZE };
    let mut regions = REGIONS.lock();
    let regions = regions.get_or_insert_with(|| Regions::new(layout::mappings(), PAGE_SIZE));
    regions.take(bytes, align).ok_or(Error::NoMemory)
}

pub(crate) fn give_addresses(start: usize, bytes: usize) {
    if let Some(regions) = REGIONS.lock().as_mut() {
        regions.give(start, bytes);
    }
}

/// Memory that this process alone has: made here, and its handle never leaves. A plain slice.
#[derive(Debug)]
pub struct Private {
    mapping: Mapping,
    memory: Memory,
}

impl Private {
    /// So many zeroed pages.
    pub fn create(pool: &Pool, pages: usize) -> Result<Private, Error> {
        Private::create_showing(pool, pages, pages)
    }

    /// The same, with only the first `shown` of them in the slice: for who fills these and gives all away.
    pub fn create_showing(pool: &Pool, pages: usize, shown: usize) -> Result<Private, Error> {
        let memory = Memory::create(pool, pages)?;
        let mapping = memory.map_part(0, shown, Access::READ | Access::WRITE)?;
        Ok(Private { mapping, memory })
    }

    /// Gives the Memory out: from now on it is shared, and no longer a slice.
    pub fn share(self) -> (Memory, Mapping) {
        (self.memory, self.mapping)
    }
}

impl Deref for Private {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: mapped readable and writable while `self` lives; nobody else has the Memory.
        unsafe { core::slice::from_raw_parts(self.mapping.start as *const u8, self.mapping.bytes) }
    }
}

impl DerefMut for Private {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.mapping.start as *mut u8, self.mapping.bytes) }
    }
}

/// Memory that nobody can write any more: a plain slice.
#[derive(Debug)]
pub struct Frozen {
    mapping: Mapping,
}

impl Frozen {
    /// Maps a Memory whose pages are all frozen; [`Error::NotFrozen`] otherwise.
    pub fn map(memory: &Memory) -> Result<Frozen, Error> {
        let pages = all_frozen(memory)?;
        Ok(Frozen { mapping: memory.map_part(0, pages, Access::READ)? })
    }

    /// The same; its pages come as they are read. Where no pager serves the process they are there at once.
    pub fn view(memory: &Memory) -> Result<Frozen, Error> {
        let pages = all_frozen(memory)?;
        match memory.view_part(0, pages, false) {
            Ok(mapping) => Ok(Frozen { mapping }),
            Err(Error::Unavailable) => Frozen::map(memory),
            Err(error) => Err(error),
        }
    }

    /// Keeps it mapped for the rest of the process's life.
    pub fn leak(self) -> &'static [u8] {
        let (start, bytes) = (self.mapping.start, self.mapping.bytes);
        core::mem::forget(self);
        // SAFETY: mapped readable and never unmapped now; frozen pages do not change.
        unsafe { core::slice::from_raw_parts(start as *const u8, bytes) }
    }
}

/// The pages of a Memory whose pages are all frozen.
fn all_frozen(memory: &Memory) -> Result<usize, Error> {
    let pages = memory.info()?.pages;
    // The kernel counts the frozen pages of a bounded number: a larger Memory is asked in slices.
    for (first, some) in parts(pages, COUNTED_PAGES) {
        let part = if some == pages { memory.info()? } else { memory.slice(&Pool::own()?, first, some)?.info()? };
        if part.frozen != some {
            return Err(Error::NotFrozen);
        }
    }
    Ok(pages)
}

impl Deref for Frozen {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: mapped readable while `self` lives; frozen pages do not change.
        unsafe { core::slice::from_raw_parts(self.mapping.start as *const u8, self.mapping.bytes) }
    }
}

/// Orders what was written to shared memory before a device is told.
pub fn device_fence() {
    core::sync::atomic::fence(Ordering::SeqCst);
}
