//! The heap: talc on one range that grows upwards from where init says, paid by the process's own pool.
//!
//! A step is at least 64 KiB and a quarter of what is there. Where a pager serves the process, a step takes addresses only,
//! as many as the pool could still fill; pages come as they are touched. Else a step is a Memory, mapped at once: its
//! handle is closed, the mapping keeps it.

use core::{
    alloc::Layout,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use abi::{Handle, PAGE_SIZE, calls::Access, info, user};
use talc::{TalcLock, base::Talc, base::binning::Binning, source::Source};

use crate::{layout, mapping, objects, sync::RawLock, sys};

#[global_allocator]
static HEAP: TalcLock<RawLock, Grow> = TalcLock::new(Grow { end: 0, size: 0 });

/// The smallest step.
const STEP: usize = 64 << 10;

/// Where it begins.
static START: AtomicUsize = AtomicUsize::new(0);
/// Whether pages come as they are touched.
static PAGED: AtomicBool = AtomicBool::new(false);

/// Says where the heap begins, and whether a pager fills it; before its first use.
pub(crate) fn begin(start: usize, paged: bool) {
    START.store(start, Ordering::Relaxed);
    PAGED.store(paged, Ordering::Relaxed);
}

#[derive(Debug)]
struct Grow {
    /// Talc's end of the heap, 0 before the first step.
    end: usize,
    /// Bytes that are mapped.
    size: usize,
}

// SAFETY: `acquire` uses no allocator: system calls alone.
unsafe impl Source for Grow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let (start, size) = (START.load(Ordering::Relaxed), talc.source.size);
        let old = start + size;
        // Room for what talc puts around an allocation, and at the first step for its own tables.
        let wanted = layout.size().checked_add(layout.align()).ok_or(())?.checked_add(2 * PAGE_SIZE).ok_or(())?;
        let paged = PAGED.load(Ordering::Relaxed);
        let comfortable = match size {
            // What is there already.
            0 if paged && wanted <= layout::HEAP_START => layout::HEAP_START,
            size => wanted.max(STEP).max(size / 4),
        };
        let grow = |bytes| if paged { reserve(size, bytes) } else { extend(start, size, bytes) };
        let bytes = grow(comfortable).or_else(|()| grow(wanted))?;
        let new = old + bytes;
        talc.source.size += bytes;
        let end = core::ptr::NonNull::new(talc.source.end as *mut u8);
        // SAFETY:
        // 1. `old..new` was just mapped readable and writable and belongs to nobody else.
        // 2. `end` is what talc returned for this heap, and everything from there to `new` is mapped.
        let end = unsafe {
            match end {
                None => talc.claim(old as *mut u8, bytes).ok_or(())?,
                Some(end) => talc.extend(end, new as *mut u8),
            }
        };
        talc.source.end = end.as_ptr() as usize;
        Ok(())
    }
}

/// Takes addresses that a pager will fill; returns their bytes. Refused where the pool could not pay for all of them.
fn reserve(size: usize, bytes: usize) -> Result<usize, ()> {
    let bytes = bytes.checked_next_multiple_of(PAGE_SIZE).ok_or(())?;
    if size == 0 && bytes <= layout::HEAP_START {
        // They are there already, and paid for.
        return Ok(bytes);
    }
    let [pages, used, ..] = sys::info(objects::own_pool().raw().into(), info::POOL, 0).map_err(drop)?;
    let size = size.checked_add(bytes).ok_or(())?;
    let free = pages.saturating_sub(used) as usize;
    // With the tables and records that the mapping of so many takes.
    let needed = bytes / PAGE_SIZE + bytes / PAGE_SIZE / 16 + 8;
    if needed <= free && size / PAGE_SIZE <= pages as usize { Ok(bytes) } else { Err(()) }
}

/// Maps new memory behind what is there; returns its bytes.
fn extend(start: usize, size: usize, bytes: usize) -> Result<usize, ()> {
    let bytes = bytes.checked_next_multiple_of(PAGE_SIZE).ok_or(())?;
    if bytes > layout::MAX_HEAP - size {
        return Err(());
    }
    let at = start + size;
    let pages = bytes / PAGE_SIZE;
    let pool = objects::own_pool().raw().into();
    let (memory, _) = sys::create(pool, info::Kind::Memory as u64, pages as u64, 0, 0).map_err(drop)?;
    let own = user::OWN_PROCESS.raw().into();
    let mapped = mapping::map(own, memory, at, 0, pages, Access::READ | Access::WRITE).map_err(|(_, done)| {
        // Nobody has seen what was mapped so far.
        let _ = mapping::unmap(at, done);
    });
    if let Some(memory) = Handle::from_raw(memory as u32) {
        let _ = sys::close(memory.raw().into());
    }
    mapped.map(|()| bytes)
}
