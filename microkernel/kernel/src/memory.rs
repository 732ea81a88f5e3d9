//! Gives RAM to the kernel's memory.

use kcore::objects::Objects;
use kmem::{FrameInfo, Mem, PAGE};

use crate::arch::PHYS_BASE;
use crate::boot::{Boot, Region};
use crate::physical;

/// Frames below this would leave no room for a system.
const LEAST_BYTES: u64 = 40 << 20;

/// Objects' names have room for so many frames: 32 GiB. What lies beyond is not used.
const MOST_FRAMES: u64 = 1 << 23;

/// Puts the frame tables at the end of the largest region and adds all the rest.
pub fn build(boot: &Boot) -> Result<Mem<Objects>, &'static str> {
    let all = boot.ram.as_slice().iter().chain([&boot.archive]).chain(boot.tables.as_slice());
    let (first, end) = all.fold((u64::MAX, 0), |(first, end), r| (first.min(r.base), end.max(r.end())));
    let first = first / PAGE as u64;
    let count = (end.div_ceil(PAGE as u64) - first).min(MOST_FRAMES);
    let beyond = Region { base: (first + count) * PAGE as u64, length: u64::MAX };
    if boot.tables.overlap(beyond) || boot.archive.overlaps(beyond) {
        return Err("boot archive and tables must lie in the first 32 GiB of memory");
    }
    let mut ram = boot.ram;
    ram.remove(beyond);
    let regions = ram.as_slice();
    let free: u64 = regions.iter().map(|region| region.length).sum();
    if free < LEAST_BYTES {
        return Err("too little memory: 64 MiB are needed");
    }
    let infos_bytes = count * size_of::<FrameInfo>() as u64;
    let table_bytes = (infos_bytes + count).next_multiple_of(PAGE as u64);
    let largest = regions.iter().max_by_key(|region| region.length).ok_or("no memory")?;
    if largest.length < table_bytes {
        return Err("too little memory in one piece for the frame table");
    }
    let tables = Region { base: largest.end() - table_bytes, length: table_bytes };
    // SAFETY: usable RAM that nobody has yet; it is left out of what is added below.
    let infos = unsafe { physical::claim(tables) };
    let kinds = infos.wrapping_add(infos_bytes as usize);
    let base = (PHYS_BASE + first * PAGE as u64) as *mut u8;
    // SAFETY: 1. All RAM is mapped from PHYS_BASE on, and what is added belongs to this memory. 2. The tables were just
    // zeroed, are large enough and in no frame that is added.
    let mut mem = unsafe { Mem::new(base, kinds, infos.cast(), count as u32, first as u32) };
    for region in regions {
        let end = if region == largest { tables.base } else { region.end() };
        let from = region.base.div_ceil(PAGE as u64);
        let to = end / PAGE as u64;
        if from < to {
            mem.add(kmem::Frame((from - first) as u32), (to - from) as u32);
        }
    }
    Ok(mem)
}
