//! The heap: talc on one range that grows upwards at `layout::HEAP`, paid by the process's own pool.
//!
//! A step is at least 64 KiB and a quarter of what is there. Where a pager serves the process, a step takes addresses only,
//! as many as the pool could still fill; pages come as they are touched. Else a step is a Memory, mapped at once: its
//! handle is closed, the mapping keeps it.

use core::{
    alloc::Layout,
    sync::atomic::{AtomicBool, Ordering},
};

use abi::{Handle, PAGE_SIZE, calls::Access, info, user};
use talc::{TalcLock, base::Talc, base::binning::Binning, source::Source};

use crate::{layout, mapping, objects, sync::RawLock, sys};

#[global_allocator]
static HEAP: TalcLock<RawLock, Grow> = TalcLock::new(Grow { end: 0, mapped: layout::HEAP.start });

/// The smallest step.
const STEP: usize = 64 << 10;

/// Whether pages come as they are touched.
static PAGED: AtomicBool = AtomicBool::new(false);

/// Says whether a pager fills the heap; before its first use.
pub(crate) fn set_paged(paged: bool) {
    PAGED.store(paged, Ordering::Relaxed);
}

#[derive(Debug)]
struct Grow {
    /// Talc's end of the heap, 0 before the first step.
    end: usize,
    /// The end of what is mapped.
    mapped: usize,
}

// SAFETY: `acquire` uses no allocator: system calls alone.
unsafe impl Source for Grow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let old = talc.source.mapped;
        // Room for what talc puts around an allocation, and at the first step for its own tables.
        let wanted = layout.size().checked_add(layout.align()).ok_or(())?.checked_add(2 * PAGE_SIZE).ok_or(())?;
        let paged = PAGED.load(Ordering::Relaxed);
        let comfortable = match old - layout::HEAP.start {
            // What is there already.
            0 if paged && wanted <= layout::HEAP_START => layout::HEAP_START,
            size => wanted.max(STEP).max(size / 4),
        };
        let extend = if paged { reserve } else { extend };
        let bytes = extend(old, comfortable).or_else(|()| extend(old, wanted))?;
        let new = old + bytes;
        talc.source.mapped = new;
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
fn reserve(at: usize, bytes: usize) -> Result<usize, ()> {
    let bytes = bytes.checked_next_multiple_of(PAGE_SIZE).ok_or(())?;
    if at == layout::HEAP.start && bytes <= layout::HEAP_START {
        // They are there already, and paid for.
        return Ok(bytes);
    }
    let [pages, used, ..] = sys::info(objects::own_pool().raw().into(), info::POOL, 0).map_err(drop)?;
    let size = (at - layout::HEAP.start).checked_add(bytes).ok_or(())?;
    let free = pages.saturating_sub(used) as usize;
    // With the tables and records that the mapping of so many takes.
    let needed = bytes / PAGE_SIZE + bytes / PAGE_SIZE / 16 + 8;
    if needed <= free && size / PAGE_SIZE <= pages as usize { Ok(bytes) } else { Err(()) }
}

/// Maps new memory at the address; returns its bytes.
fn extend(at: usize, bytes: usize) -> Result<usize, ()> {
    let bytes = bytes.checked_next_multiple_of(PAGE_SIZE).ok_or(())?;
    if bytes > layout::HEAP.end - at {
        return Err(());
    }
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
