//! A mapping: memory that others may write at any time, or a device's registers.

use core::{
    ptr,
    sync::atomic::{AtomicU32, AtomicU64},
};

use abi::{
    PAGE_SIZE,
    calls::{Access, MAP_PAGES, UNMAP_PAGES},
    user,
};
use protocol::{Error, process};

use crate::{Handles, channel, layout, memory::give_addresses, sys};

/// Mapped memory that others may write at any time. Unmapped when dropped.
///
/// Reading copies; what the copy says has to be checked, for the next copy may differ. Offsets outside the mapping are
/// [`Error::BadAddress`]. Should the other side evict the pages, an access faults and ends the process.
#[derive(Debug)]
pub struct Mapping {
    pub(crate) start: usize,
    pub(crate) bytes: usize,
}

impl Mapping {
    /// Bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Where it is, for drivers that hand addresses to a device crate.
    pub fn address(&self) -> usize {
        self.start
    }

    fn at(&self, offset: usize, bytes: usize, align: usize) -> Result<usize, Error> {
        match offset.checked_add(bytes) {
            Some(end) if end <= self.bytes && offset.is_multiple_of(align) => Ok(self.start + offset),
            _ => Err(Error::BadAddress),
        }
    }

    /// A word, as an atomic.
    pub fn word(&self, offset: usize) -> Result<&AtomicU32, Error> {
        let address = self.at(offset, 4, 4)?;
        // SAFETY: 1. Mapped while `self` lives, in bounds, aligned. 2. Others write it too, hence the atomic.
        Ok(unsafe { AtomicU32::from_ptr(address as *mut u32) })
    }

    /// A double word, as an atomic.
    pub fn double(&self, offset: usize) -> Result<&AtomicU64, Error> {
        let address = self.at(offset, 8, 8)?;
        // SAFETY: as in `word`.
        Ok(unsafe { AtomicU64::from_ptr(address as *mut u64) })
    }

    /// Copies bytes out. They are read once: nothing the compiler does looks at them again.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result<(), Error> {
        let address = self.at(offset, to.len(), 1)?;
        // SAFETY: 1. The source is mapped and in bounds; it does not overlap `to`, which Rust owns. 2. Another process may
        // write meanwhile: bytes are then old or new, which is what the caller is told to expect.
        unsafe { ptr::copy_nonoverlapping(address as *const u8, to.as_mut_ptr(), to.len()) };
        fence_copy(to.as_mut_ptr());
        Ok(())
    }

    /// Copies bytes in.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result<(), Error> {
        let address = self.at(offset, from.len(), 1)?;
        // SAFETY: as in `read`, the other way.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), address as *mut u8, from.len()) };
        fence_copy(address as *mut u8);
        Ok(())
    }

    /// Loads a device register.
    pub fn register(&self, offset: usize) -> Result<u32, Error> {
        let address = self.at(offset, 4, 4)?;
        // SAFETY: mapped, in bounds, aligned; volatile, because a device answers.
        Ok(unsafe { ptr::read_volatile(address as *const u32) })
    }

    /// Stores a device register.
    pub fn set_register(&self, offset: usize, value: u32) -> Result<(), Error> {
        let address = self.at(offset, 4, 4)?;
        // SAFETY: as in `register`.
        unsafe { ptr::write_volatile(address as *mut u32, value) };
        Ok(())
    }

    /// Loads a device register of one byte.
    pub fn register8(&self, offset: usize) -> Result<u8, Error> {
        let address = self.at(offset, 1, 1)?;
        // SAFETY: as in `register`.
        Ok(unsafe { ptr::read_volatile(address as *const u8) })
    }

    /// Stores a device register of one byte.
    pub fn set_register8(&self, offset: usize, value: u8) -> Result<(), Error> {
        let address = self.at(offset, 1, 1)?;
        // SAFETY: as in `register`.
        unsafe { ptr::write_volatile(address as *mut u8, value) };
        Ok(())
    }

    /// Loads a device register of two bytes.
    pub fn register16(&self, offset: usize) -> Result<u16, Error> {
        let address = self.at(offset, 2, 2)?;
        // SAFETY: as in `register`.
        Ok(unsafe { ptr::read_volatile(address as *const u16) })
    }

    /// Stores a device register of two bytes.
    pub fn set_register16(&self, offset: usize, value: u16) -> Result<(), Error> {
        let address = self.at(offset, 2, 2)?;
        // SAFETY: as in `register`.
        unsafe { ptr::write_volatile(address as *mut u16, value) };
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let view = layout::VIEWS.contains(&(self.start as u64));
        if view {
            let request = process::Request::Forget { address: self.start as u64 };
            let _ = channel::call::<process::Service>(user::PROCESS_CHANNEL, &request, Handles::none());
        }
        // References into the mapping borrow it, so none is left.
        if unmap(self.start, self.bytes / PAGE_SIZE).is_ok() && !view {
            give_addresses(self.start, self.bytes);
        }
    }
}

/// Takes any number of pages away from this process, as many at once as the kernel takes.
///
/// Only for pages that nothing refers to any more.
pub(crate) fn unmap(start: usize, pages: usize) -> Result<(), Error> {
    for (done, some) in parts(pages, UNMAP_PAGES) {
        sys::unmap(user::OWN_PROCESS.raw().into(), (start + done * PAGE_SIZE) as u64, some as u64)?;
    }
    Ok(())
}

/// Maps any number of pages of a Memory in a process, as many at once as the kernel maps. An error comes with the pages
/// that were mapped before it.
pub(crate) fn map(
    process: u64,
    memory: u64,
    address: usize,
    first: usize,
    pages: usize,
    access: Access,
) -> Result<(), (Error, usize)> {
    for (done, some) in parts(pages, MAP_PAGES) {
        let at = (address + done * PAGE_SIZE) as u64;
        sys::map(process, memory, at, (first + done) as u64, some as u64, access.bits().into())
            .map_err(|error| (error.into(), done))?;
    }
    Ok(())
}

/// So many pages, in parts that a call takes: the pages before each part, and its own.
pub(crate) fn parts(pages: usize, most: u64) -> impl Iterator<Item = (usize, usize)> {
    let most = most as usize;
    (0..pages).step_by(most).map(move |done| (done, (pages - done).min(most)))
}

/// Keeps the compiler from reading shared bytes again where a copy of them was made.
#[inline(always)]
fn fence_copy(place: *mut u8) {
    // SAFETY: an empty instruction; the compiler has to assume that it read and wrote all memory.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    unsafe {
        core::arch::asm!("/* {} */", in(reg) place, options(nostack, preserves_flags))
    };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    core::hint::black_box(place);
}
