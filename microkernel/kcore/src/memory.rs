//! Memories: extents of frames, their slices, and the life of their pages.

use abi::calls::{Access, FREEZE_PAGES, SEAL_PAGES};
use abi::info::MemoryType;
use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};
use kmem::{Frame, FrameState, Kind, Link, Name};

use crate::alloc::Need;
use crate::objects::*;
use crate::state::{Count, Cx};
use crate::{Hw, Progress};

/// Pages zeroed in one entry into the kernel.
const ZERO_PAGES: u32 = 16;

/// A part of an extent.
#[derive(Clone, Copy)]
pub struct Extent<'id> {
    pub root: MemoryKey<'id>,
    pub kind: MemoryType,
    /// First physical frame number.
    pub physical: u32,
    pub pages: u32,
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// The extent a Memory is, or is a slice of; `None` if that is gone.
    pub fn extent_of(&self, memory: MemoryKey<'id>) -> Option<MemoryKey<'id>> {
        let m = self.v.get(memory);
        if m.root.is_none() { Some(memory) } else { self.v.find(m.root) }
    }

    /// Pages of a Memory. `ServerDied` if it is a slice of one that is gone, `BadArgument` if it has no such pages.
    pub fn extent(&self, memory: MemoryKey<'id>, offset: u64, pages: u64) -> Result<Extent<'id>, Error> {
        let m = self.v.get(memory);
        let root = self.extent_of(memory).ok_or(Error::ServerDied)?;
        let most = m.pages as u64 + mutant(Mutant::ExtentOffByOne) as u64;
        if pages == 0 || offset.checked_add(pages).is_none_or(|end| end > most) {
            return Err(Error::BadArgument);
        }
        Ok(Extent { root, kind: m.kind, physical: m.base + offset as u32, pages: pages as u32 })
    }

    /// `create` of a Memory: takes frames in a row and zeroes them, some in each entry. The thread keeps it until the
    /// last is zeroed.
    pub fn create_memory(
        &mut self,
        thread: ThreadKey<'id>,
        pool: PoolKey<'id>,
        pages: u64,
        kind: u64,
        need: Need,
    ) -> Result<Option<MemoryKey<'id>>, Error> {
        let kind = match kind {
            0 => MemoryType::Ram,
            1 => MemoryType::Dma,
            _ => return Err(Error::BadArgument),
        };
        if let Some(memory) = self.v.find(self.v.get(thread).pending) {
            let m = self.v.get(memory);
            if (m.pool, m.pages as u64, m.kind) == (pool.link(), pages, kind) {
                // What was at hand for the handle's slot may have been taken since the call began.
                self.check(&need)?;
                return Ok(self.zero_some(thread, memory));
            }
        }
        let memory = self.new_memory(pool, pages, kind, need)?;
        self.drop_pending(thread);
        let name = self.v.name(memory);
        let t = self.v.get_mut(thread);
        (t.pending, t.pending_done) = (name, 0);
        Ok(self.zero_some(thread, memory))
    }

    /// A Memory of frames in a row, not zeroed yet. `need` is what else the call takes.
    pub fn new_memory(
        &mut self,
        pool: PoolKey<'id>,
        pages: u64,
        kind: MemoryType,
        mut need: Need,
    ) -> Result<MemoryKey<'id>, Error> {
        let count = u32::try_from(pages).map_err(|_| Error::PoolEmpty)?;
        if count == 0 {
            return Err(Error::BadArgument);
        }
        self.need_object::<MEMORY>(&mut need, pool.link());
        need.add(pool.link(), count);
        self.check(&need)?;
        let first = self.v.take(count).ok_or(Error::PoolEmpty)?;
        // ---- point of no return ----
        self.v.get_mut(pool).used += count;
        let value = Memory { base: self.v.physical(first), ..Memory::new(pool.link(), count, kind) };
        let memory = self.make::<MEMORY>(pool, value).ok_or(Error::PoolEmpty)?;
        Ok(memory)
    }

    /// Zeroes some frames of a new Memory, whose records tell what they were before.
    pub fn zero_frames(&mut self, memory: MemoryKey<'id>, frames: core::ops::Range<u32>) {
        let Some(first) = self.v.managed(self.v.get(memory).base) else { return };
        for n in frames {
            if !mutant(Mutant::ZeroingSkipped) {
                self.v.zero(first.plus(n));
            }
            self.v.reset(first.plus(n), memory.link().raw());
            self.count(Count::FramesZeroed);
        }
    }

    /// Zeroes the next pages of a thread's pending Memory; returns it when all are.
    fn zero_some(&mut self, thread: ThreadKey<'id>, memory: MemoryKey<'id>) -> Option<MemoryKey<'id>> {
        let m = *self.v.get(memory);
        let done = self.v.get(thread).pending_done;
        let from = done + (done != 0 && mutant(Mutant::RestartSkipsPage)) as u32;
        let to = (from + ZERO_PAGES).min(m.pages);
        self.zero_frames(memory, from..to);
        let t = self.v.get_mut(thread);
        t.pending_done = if mutant(Mutant::RestartBeginsAnew) { 0 } else { to };
        if to < m.pages {
            return None;
        }
        t.pending = Name::NONE;
        Some(memory)
    }

    /// Gives up a Memory that a thread was still zeroing.
    pub fn drop_pending(&mut self, thread: ThreadKey<'id>) {
        let pending = core::mem::take(&mut self.v.get_mut(thread).pending);
        if let Some(memory) = self.v.find(pending)
            && !mutant(Mutant::HalfMadeKept)
        {
            self.end_memory(memory);
        }
    }

    /// `slice` of a Memory.
    pub fn slice_memory(
        &mut self,
        pool: PoolKey<'id>,
        memory: MemoryKey<'id>,
        offset: u64,
        pages: u64,
    ) -> Result<MemoryKey<'id>, Error> {
        let extent = self.extent(memory, offset, pages)?;
        // ---- point of no return ----
        let root: Name<MEMORY> = self.v.name(extent.root);
        let slice = Memory { base: extent.physical, root, ..Memory::new(pool.link(), extent.pages, extent.kind) };
        let slice = self.make::<MEMORY>(pool, slice).ok_or(Error::PoolEmpty)?;
        self.v.get_mut(extent.root).refs += !mutant(Mutant::SliceUncounted) as u32;
        Ok(slice)
    }

    /// System call `freeze`.
    pub fn freeze(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let memory = self.lookup::<MEMORY>(thread, regs.argument(0), Rights::OWNER)?.key;
        self.freeze_pages(memory, regs.argument(1), regs.argument(2))?;
        Ok(Progress::Done)
    }

    /// Freezes pages; also for the boot code.
    pub fn freeze_pages(&mut self, memory: MemoryKey<'id>, offset: u64, pages: u64) -> Result<(), Error> {
        let extent = self.state_range(memory, offset, pages)?;
        for n in 0..extent.pages {
            let frame = self.v.managed(extent.physical + n).ok_or(Error::BadArgument)?;
            if self.v.frame(frame).writers != 0 && !mutant(Mutant::FreezeWhileWritten) {
                return Err(Error::StillMapped);
            }
        }
        // ---- point of no return ----
        self.raise_state(&extent, FrameState::Frozen);
        Ok(())
    }

    /// System call `seal`.
    pub fn seal(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let memory = self.lookup::<MEMORY>(thread, regs.argument(0), Rights::OWNER)?.key;
        let need = if mutant(Mutant::SealUnauthorised) { Rights::empty() } else { Rights::SEAL };
        self.lookup::<AUTHORITY>(thread, regs.argument(3), need)?;
        self.seal_pages(memory, regs.argument(1), regs.argument(2))?;
        Ok(Progress::Done)
    }

    /// Seals pages; also for the boot code.
    pub fn seal_pages(&mut self, memory: MemoryKey<'id>, offset: u64, pages: u64) -> Result<(), Error> {
        if pages > SEAL_PAGES {
            return Err(Error::BadArgument);
        }
        let extent = self.state_range(memory, offset, pages)?;
        for n in 0..extent.pages {
            let frame = self.v.managed(extent.physical + n).ok_or(Error::BadArgument)?;
            if self.v.frame(frame).state == FrameState::Data && !mutant(Mutant::SealUnfrozen) {
                return Err(Error::NotFrozen);
            }
        }
        // ---- point of no return ----
        if !mutant(Mutant::CodeNotSynchronised) {
            self.s.hw.synchronise_code(extent.physical, extent.pages);
        }
        self.raise_state(&extent, FrameState::Code);
        Ok(())
    }

    fn state_range(&self, memory: MemoryKey<'id>, offset: u64, pages: u64) -> Result<Extent<'id>, Error> {
        if pages > FREEZE_PAGES {
            return Err(Error::BadArgument);
        }
        let extent = self.extent(memory, offset, pages)?;
        if extent.kind == MemoryType::Device { Err(Error::BadArgument) } else { Ok(extent) }
    }

    fn raise_state(&mut self, extent: &Extent<'id>, state: FrameState) {
        for n in 0..extent.pages {
            if let Some(frame) = self.v.managed(extent.physical + n) {
                let info = self.v.frame_mut(frame);
                info.state = info.state.max(state);
            }
        }
    }

    /// Ends a Memory that has no handle, no slice and no mapping.
    pub fn end_memory_if_unused(&mut self, memory: MemoryKey<'id>) {
        let m = self.v.get(memory);
        if m.refs == 0 && (m.mapping_count == 0 || mutant(Mutant::MemoryFreedWhileMapped)) && !m.ending {
            self.end_memory(memory);
        }
    }

    /// Ends a Memory that nobody maps: its frames become free. Handles to it are stale.
    pub fn end_memory(&mut self, memory: MemoryKey<'id>) {
        let root = self.v.get(memory).root;
        self.begin_to_end_memory(memory);
        if let Some(root) = self.v.find(root) {
            self.v.get_mut(root).refs -= 1;
            self.end_memory_if_unused(root);
        }
    }

    /// The first of a Memory's frames, if they go back to the allocator with its end. What the boot code described
    /// (archive, tables) is not the allocator's.
    pub fn own_frames(&self, memory: MemoryKey<'id>) -> Option<Frame> {
        let m = self.v.get(memory);
        let own = m.root.is_none() && m.kind != MemoryType::Device;
        self.v.managed(m.base).filter(|first| own && self.v.kind(*first) == Kind::BYTES)
    }

    /// A Memory over frames that are not the allocator's: device registers, tables, the boot archive.
    pub fn boot_memory(
        &mut self,
        pool: PoolKey<'id>,
        physical: u32,
        pages: u32,
        kind: MemoryType,
    ) -> Result<MemoryKey<'id>, Error> {
        let value = Memory { base: physical, ..Memory::new(pool.link(), pages, kind) };
        self.make::<MEMORY>(pool, value).ok_or(Error::PoolEmpty)
    }
}

impl Memory {
    fn new(pool: Link<POOL>, pages: u32, kind: MemoryType) -> Memory {
        Memory {
            base: 0,
            pages,
            kind,
            root: Name::NONE,
            mappings: Link::NONE,
            mapping_count: 0,
            evictor: Link::NONE,
            evict_next: Link::NONE,
            evict_from: 0,
            evict_to: 0,
            evict_keep: Access::empty(),
            pool,
            refs: 0,
            ending: false,
            end_next: Link::NONE,
        }
    }
}
