//! Bytes that a device gets without a copy.

use core::{
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice,
};

use libsys::{Error, abi::PAGE_SIZE};

use crate::hal;

/// Whole pages of the DMA memory of device number `N`. While a device has them (between `…_begin` and `…_complete` of
/// `virtio-drivers`, whose callers promise it) nobody may look at them.
#[derive(Debug)]
pub struct Buffer<const N: usize> {
    start: NonNull<u8>,
    address: u64,
    pages: usize,
}

impl<const N: usize> Buffer<N> {
    /// So many pages, zeroed: [`Error::NoMemory`].
    pub fn new(pages: usize) -> Result<Self, Error> {
        let (address, start) = hal::take_pages::<N>(pages).ok_or(Error::NoMemory)?;
        Ok(Buffer { start, address, pages })
    }

    /// The address by which the device knows it.
    pub fn device_address(&self) -> u64 {
        self.address
    }
}

impl<const N: usize> Deref for Buffer<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the pages are this value's alone, mapped while the share is (`Share::take`), and initialised.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.pages * PAGE_SIZE) }
    }
}

impl<const N: usize> DerefMut for Buffer<N> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.pages * PAGE_SIZE) }
    }
}

impl<const N: usize> Drop for Buffer<N> {
    fn drop(&mut self) {
        hal::with::<N, _>(|arena| arena.offset(self.address).map(|offset| arena.give_pages(offset, self.pages)));
    }
}

// SAFETY: the pages belong to this value as a box's do; the arena behind it is locked.
unsafe impl<const N: usize> Send for Buffer<N> {}
