//! Physical memory as bytes, through the map of all RAM: for boot code, before users run.

use crate::arch::PHYS_BASE;
use crate::boot::Region;

/// The bytes of a region of RAM that nobody writes while the result is in use.
///
/// # Safety
/// The region is RAM that the boot code mapped, and stays unchanged: the boot archive, the tables.
pub unsafe fn bytes(region: Region) -> &'static [u8] {
    // SAFETY: by the caller's promise; all of RAM is mapped at `PHYS_BASE`.
    unsafe { core::slice::from_raw_parts((PHYS_BASE + region.base) as *const u8, region.length as usize) }
}

/// Zeroes a region and returns where it is mapped.
///
/// # Safety
/// The region is RAM that belongs to the caller alone.
pub unsafe fn claim(region: Region) -> *mut u8 {
    let start = (PHYS_BASE + region.base) as *mut u8;
    // SAFETY: by the caller's promise.
    unsafe { core::ptr::write_bytes(start, 0, region.length as usize) };
    start
}

/// Copies bytes to physical memory.
///
/// # Safety
/// `to` and what follows is RAM that belongs to the caller alone.
pub unsafe fn copy(from: &[u8], to: u64) {
    // SAFETY: by the caller's promise; `from` is borrowed, so it does not overlap what is the caller's alone.
    unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), (PHYS_BASE + to) as *mut u8, from.len()) }
}
