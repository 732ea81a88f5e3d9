//! `virtio-drivers`' view of memory.
//!
//! A buffer of the driver's that lies in DMA memory ([`crate::Buffer`]) is handed to the device as it is; any other is copied
//! into DMA memory and back, because ordinary memory has no address for a device.

use core::{ptr::NonNull, slice};

use libsys::{Mapping, Mutex, abi::PAGE_SIZE};
use virtio_drivers::{BufferDirection, PhysAddr};

use crate::arena::Arena;

/// Devices that one process can drive at the same time.
pub const SHARES: usize = 8;

static ARENAS: [Mutex<Option<Arena>>; SHARES] = [const { Mutex::new(None) }; SHARES];

/// The DMA memory of device number `N` of this process.
#[derive(Clone, Copy, Debug)]
pub struct Hal<const N: usize>;

/// Puts memory at a device's disposal, and takes it away.
#[derive(Clone, Copy, Debug)]
pub struct Share<const N: usize>;

impl<const N: usize> Share<N> {
    /// The memory of device number `N`, with the address by which the device knows it. A share that is in use stays: it has
    /// to be taken away first, when the device was reset and its driver is gone.
    pub fn give(mapping: Mapping, address: u64) -> Result<(), libsys::Error> {
        let mut slot = ARENAS.get(N).ok_or(libsys::Error::Limit)?.lock();
        if slot.is_some() {
            return Err(libsys::Error::InUse);
        }
        *slot = Some(Arena::new(mapping, address));
        Ok(())
    }

    /// Takes the memory away.
    ///
    /// # Safety
    ///
    /// The device was reset, and its driver and all [`crate::Buffer`]s of this share were dropped: nothing points there.
    pub unsafe fn take() {
        if let Some(slot) = ARENAS.get(N) {
            drop(slot.lock().take());
        }
    }
}

/// Does something with a share's memory; none if it has none.
pub(crate) fn with<const N: usize, R>(f: impl FnOnce(&mut Arena) -> Option<R>) -> Option<R> {
    f(ARENAS.get(N)?.lock().as_mut()?)
}

/// Pages: offset in the mapping is turned into a pointer.
pub(crate) fn take_pages<const N: usize>(pages: usize) -> Option<(PhysAddr, NonNull<u8>)> {
    with::<N, _>(|arena| {
        let offset = arena.take_pages(pages)?;
        let start = NonNull::new((arena.mapping.address() + offset) as *mut u8)?;
        Some((arena.device_address(offset), start))
    })
}

// SAFETY:
// 1. `dma_alloc` gives zeroed whole pages of a mapping that stays while the share does (see `Share::take`); `Extents` gives
//    none twice, so they alias nothing.
// 2. `share` gives addresses inside that memory only.
unsafe impl<const N: usize> virtio_drivers::Hal for Hal<N> {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // Address 0 is "none" here: `virtio-drivers` makes an error of it.
        take_pages::<N>(pages).unwrap_or((0, NonNull::dangling()))
    }

    unsafe fn dma_dealloc(paddr: PhysAddr, _vaddr: NonNull<u8>, pages: usize) -> i32 {
        let given = with::<N, _>(|arena| arena.offset(paddr).map(|offset| arena.give_pages(offset, pages)));
        if given == Some(true) { 0 } else { -1 }
    }

    unsafe fn mmio_phys_to_virt(_paddr: PhysAddr, _size: usize) -> NonNull<u8> {
        // Only `virtio-drivers`' own PCI transport asks, and that is not used here.
        NonNull::dangling()
    }

    unsafe fn share(buffer: NonNull<[u8]>, direction: BufferDirection) -> PhysAddr {
        let shared = with::<N, _>(|arena| {
            let (start, length) = (buffer.cast::<u8>().addr().get(), buffer.len());
            if let Some(offset) = arena.offset_of(start, length) {
                return Some(arena.device_address(offset));
            }
            let offset = arena.take_room(length)?;
            if direction != BufferDirection::DeviceToDriver {
                // SAFETY: the caller says that the buffer is valid and nobody else uses it during this call.
                let bytes = unsafe { slice::from_raw_parts(buffer.cast::<u8>().as_ptr(), length) };
                arena.mapping.write(offset, bytes).ok()?;
            }
            Some(arena.device_address(offset))
        });
        // There is no way to refuse, and no address that the device may have instead.
        shared.unwrap_or_else(|| panic!("no room in DMA memory for a buffer of {} bytes", buffer.len()))
    }

    unsafe fn unshare(paddr: PhysAddr, buffer: NonNull<[u8]>, direction: BufferDirection) {
        with::<N, _>(|arena| {
            let offset = arena.offset(paddr)?;
            let (start, length) = (buffer.cast::<u8>().addr().get(), buffer.len());
            if arena.offset_of(start, length).is_some() || !arena.is_room(offset) {
                return Some(());
            }
            if direction != BufferDirection::DriverToDevice {
                // SAFETY: the caller says that the buffer is valid and nobody else uses it during this call.
                let bytes = unsafe { slice::from_raw_parts_mut(buffer.cast::<u8>().as_ptr(), length) };
                arena.mapping.read(offset, bytes).ok()?;
            }
            arena.give_room(offset, length);
            Some(())
        });
    }
}

const _: () = assert!(PAGE_SIZE == virtio_drivers::PAGE_SIZE);
