//! Page tables: four levels of 512 entries, walked and written through `kmem`.
//!
//! Level 3 is the root, level 0 holds pages. A table's `FrameInfo`: `owner` the process, `next`/`prev` the process's list
//! of tables, `used` entries in use, and at level 0 `extra` the list of mappings that lie in it.

use abi::calls::Access;
use abi::info::MemoryType;
use kmem::mutants::{Mutant, mutant};
use kmem::{Frame, Key, Link};

use crate::Hw;
use crate::hw::Entry as Decoded;
use crate::objects::*;
use crate::range::Range;
use crate::state::Cx;

pub type TableKey<'id> = Key<'id, TABLE>;

/// The tables for an address, by level.
pub type Path<'id> = [TableKey<'id>; 4];

/// Whether tables were given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruned {
    None,
    Some,
}

/// In a page's entry: it is a mapping's, not a thread's buffer. This bit and the next three are left to software on both
/// processors (Arm ARM D8.3, bits 58-55; Intel SDM vol. 3A 4.5, bits 58-52).
const MAPPED: u64 = 1 << 55;
/// `protect` may make it writable: the handle by which it was mapped allowed that, and `evict` did not take it away.
const MAY_WRITE: u64 = 1 << 56;
/// `protect` may make it executable.
const MAY_EXECUTE: u64 = 1 << 57;
/// It is a device's.
const DEVICE: u64 = 1 << 58;

/// A mapping's page: its entry. So nobody has to find its record to change its access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(u64);

impl Page {
    /// What `protect` may make of it.
    #[inline(always)]
    pub fn allowed(self) -> Access {
        let mut allowed = Access::READ;
        allowed.set(Access::WRITE, self.0 & MAY_WRITE != 0);
        allowed.set(Access::EXECUTE, self.0 & MAY_EXECUTE != 0);
        allowed
    }

    /// A device's, or RAM (DMA memory counts as that).
    #[inline(always)]
    pub fn kind(self) -> MemoryType {
        if self.0 & DEVICE != 0 { MemoryType::Device } else { MemoryType::Ram }
    }
}

/// What an entry says beside what the processor reads.
fn software(allowed: Access, kind: MemoryType) -> u64 {
    let bit = |set: bool, bit: u64| if set { bit } else { 0 };
    MAPPED
        | bit(allowed.contains(Access::WRITE), MAY_WRITE)
        | bit(allowed.contains(Access::EXECUTE), MAY_EXECUTE)
        | bit(kind == MemoryType::Device, DEVICE)
}

/// Bytes that a lowest table spans.
pub const LEAF_SPAN: u64 = 512 << 12;

/// Index of an address in a table of this level.
pub fn index(address: u64, level: u8) -> usize {
    (address >> (12 + 9 * level as u32)) as usize & 511
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// The lowest table for an address, if there is one.
    pub fn leaf(&self, process: ProcessKey<'id>, address: u64) -> Option<TableKey<'id>> {
        let mut table = self.root_table(process)?;
        for level in [3, 2, 1] {
            table = self.below(table, address, level)?;
        }
        Some(table)
    }

    /// The lowest table that there is on the way to an address, and its level: so many are missing below it.
    #[inline(always)]
    pub fn lowest(&self, process: ProcessKey<'id>, address: u64) -> Option<(TableKey<'id>, u8)> {
        let mut table = self.root_table(process)?;
        for level in [3, 2, 1] {
            let Some(below) = self.below(table, address, level) else { return Some((table, level)) };
            table = below;
        }
        Some((table, 0))
    }

    /// How many tables mapping `pages` from `address` on will add.
    pub fn missing_tables(&self, process: ProcessKey<'id>, address: u64, pages: u64) -> u32 {
        let mut missing = 0;
        let mut previous = None;
        let mut at = address & !(LEAF_SPAN - 1);
        while at < address + (pages << 12) {
            let mut table = self.root_table(process);
            for level in [3, 2, 1] {
                table = table.and_then(|table| self.below(table, at, level));
                let span = 12 + 9 * level as u32;
                let shared = previous.is_some_and(|previous: u64| previous >> span == at >> span);
                missing += (table.is_none() && !shared) as u32;
            }
            previous = Some(at);
            at += LEAF_SPAN;
        }
        missing
    }

    /// The lowest table for an address, with those above it; made, charged to the process's pool. `None` only if the
    /// pool was not checked.
    pub fn leaf_or_make(&mut self, process: ProcessKey<'id>, address: u64) -> Option<TableKey<'id>> {
        let (table, level) = self.lowest(process, address)?;
        self.make_below(process, table, level, address)
    }

    /// The same from the lowest that there is on, which is of this level.
    #[inline(always)]
    pub fn make_below(
        &mut self,
        process: ProcessKey<'id>,
        mut table: TableKey<'id>,
        mut level: u8,
        address: u64,
    ) -> Option<TableKey<'id>> {
        if level == 0 {
            return Some(table);
        }
        let pool = self.v.follow(self.v.get(process).pool)?;
        while level > 0 {
            let below = self.make_table(process, pool)?;
            let entry = self.s.hw.table(self.v.physical(below.frame()));
            self.v.get_mut(table).0[index(address, level)] = entry;
            self.v.frame_mut(table.frame()).used += 1;
            table = below;
            level -= 1;
        }
        Some(table)
    }

    /// A process's root table.
    pub fn make_root(&mut self, pool: PoolKey<'id>) -> Option<TableKey<'id>> {
        let table = self.empty_table(pool, 0)?;
        let Cx { v, s, .. } = self;
        s.hw.init_root(&mut v.get_mut(table).0);
        Some(table)
    }

    /// Gives tables of a process back; true when only the root is left.
    pub fn free_tables(&mut self, process: ProcessKey<'id>) -> bool {
        loop {
            let frame = self.v.get(process).tables;
            if frame.is_none() {
                return true;
            }
            if !self.afford(1) {
                return false;
            }
            self.leave_tables(process, frame);
            self.credit_tables(process, 1);
            self.v.release(frame);
        }
    }

    /// Gives back tables above an address that have become empty, from the lowest up; and has its TLB entry go, if there were any.
    pub fn prune(&mut self, process: ProcessKey<'id>, address: u64) -> Pruned {
        let Some(path) = self.path(process, address) else { return Pruned::None };
        self.prune_along(process, address, &path)
    }

    /// The same where the tables are known.
    #[inline(always)]
    pub fn prune_along(&mut self, process: ProcessKey<'id>, address: u64, path: &Path<'id>) -> Pruned {
        let pruned = self.prune_quietly(process, address, path);
        if pruned == Pruned::Some {
            // The walker may have cached the entries that pointed to them.
            self.flush(process, address & !0xfff, 1);
        }
        pruned
    }

    /// The same in a process in which nobody runs any more: its TLB entries go with it.
    pub fn prune_unused(&mut self, process: ProcessKey<'id>, address: u64) {
        if let Some(path) = self.path(process, address) {
            self.prune_quietly(process, address, &path);
        }
    }

    /// The tables for an address, the lowest first, if there are all.
    #[inline(always)]
    pub fn path(&self, process: ProcessKey<'id>, address: u64) -> Option<Path<'id>> {
        let root = self.root_table(process)?;
        let mut path = [root; 4];
        for level in [3, 2, 1] {
            path[level - 1] = self.below(path[level], address, level as u8)?;
        }
        Some(path)
    }

    fn prune_quietly(&mut self, process: ProcessKey<'id>, address: u64, path: &Path<'id>) -> Pruned {
        let mut pruned = 0;
        for level in 1..path.len() {
            let (below, table) = (path[level - 1], path[level]);
            if self.v.frame(below.frame()).used != 0 || mutant(Mutant::EmptyTableKept) {
                break;
            }
            self.v.get_mut(table).0[index(address, level as u8)] = 0;
            self.v.frame_mut(table.frame()).used -= 1;
            self.leave_tables(process, below.frame());
            // All of its entries were cleared one by one.
            self.v.release_spare(below);
            pruned += 1;
        }
        if pruned == 0 {
            return Pruned::None;
        }
        self.credit_tables(process, pruned);
        Pruned::Some
    }

    /// Whether anything is mapped in a range, which lies in one lowest table.
    #[inline(always)]
    pub fn any_page(&self, leaf: TableKey<'id>, part: Range) -> bool {
        let entries = self.v.get(leaf).0.iter().skip(index(part.address, 0)).take(part.pages as usize);
        // What is empty is all zeros.
        self.pages_in(leaf) != 0 && entries.fold(0, |all, entry| all | entry) != 0
    }

    /// Writes the entries of a range, which lies in one lowest table and has none, for frames in a row.
    #[inline(always)]
    pub fn set_pages(
        &mut self,
        leaf: TableKey<'id>,
        part: Range,
        physical: u32,
        access: Access,
        allowed: Access,
        kind: MemoryType,
    ) {
        let Cx { v, s, .. } = self;
        let entries = v.get_mut(leaf).0.iter_mut().skip(index(part.address, 0)).take(part.pages as usize);
        let mut page = s.hw.page(physical, access, kind) | software(allowed, kind);
        for entry in entries {
            *entry = page;
            page += 1 << 12;
        }
        v.frame_mut(leaf.frame()).used += part.pages as u16;
    }

    /// Pages that a lowest table has: at least as many as records.
    pub fn pages_in(&self, leaf: TableKey<'id>) -> u64 {
        self.v.frame(leaf.frame()).used as u64
    }

    /// What stands in a lowest table for an address.
    pub fn page_at(&self, leaf: TableKey<'id>, address: u64) -> Decoded {
        self.s.hw.decode(self.v.get(leaf).0[index(address, 0)], 0)
    }

    /// A mapping's page at an address.
    #[inline(always)]
    pub fn page(&self, leaf: TableKey<'id>, address: u64) -> Option<Page> {
        let entry = self.v.get(leaf).0[index(address, 0)];
        (entry & MAPPED != 0).then_some(Page(entry))
    }

    /// Its frame, and what may be done to it.
    #[inline(always)]
    pub fn decoded(&self, page: Page) -> (u32, Access) {
        match self.s.hw.decode(page.0, 0) {
            Decoded::Page(physical, access) => (physical, access),
            _ => (u32::MAX, Access::empty()),
        }
    }

    /// Writes the entry of a thread's buffer; there was none.
    pub fn set_buffer(&mut self, leaf: TableKey<'id>, address: u64, physical: u32) {
        let entry = self.s.hw.page(physical, Access::READ | Access::WRITE, MemoryType::Ram);
        self.v.get_mut(leaf).0[index(address, 0)] = entry;
        self.v.frame_mut(leaf.frame()).used += 1;
    }

    /// Gives a mapping's page other access, of which `protect` may make what is allowed.
    #[inline(always)]
    pub fn change_page(&mut self, leaf: TableKey<'id>, address: u64, page: Page, access: Access, allowed: Access) {
        let entry = self.s.hw.page(self.decoded(page).0, access, page.kind()) | software(allowed, page.kind());
        self.v.get_mut(leaf).0[index(address, 0)] = entry;
    }

    /// Removes a page's entry. The TLB is the caller's business.
    pub fn clear_page(&mut self, leaf: TableKey<'id>, address: u64) {
        if !(mutant(Mutant::SpareTableUsed) && self.pages_in(leaf) == 1) {
            self.v.get_mut(leaf).0[index(address, 0)] = 0;
        }
        self.v.frame_mut(leaf.frame()).used -= 1;
    }

    /// Removes those entries of a range, which lies in one lowest table, that lead to frames in a row from `first` on; how many
    /// there were.
    pub fn clear_pages(&mut self, leaf: TableKey<'id>, part: Range, first: u32) -> u32 {
        let v = &mut self.v;
        let mut cleared = 0;
        let entries = v.get_mut(leaf).0.iter_mut().skip(index(part.address, 0)).take(part.pages as usize);
        let mut address = u64::from(first) << 12;
        for entry in entries {
            if *entry != 0 && *entry & H::ADDRESS == address {
                *entry = 0;
                cleared += 1;
            }
            address += 1 << 12;
        }
        v.frame_mut(leaf.frame()).used -= cleared as u16;
        cleared
    }

    fn root_table(&self, process: ProcessKey<'id>) -> Option<TableKey<'id>> {
        self.v.follow(Link::page(self.v.get(process).root))
    }

    fn below(&self, table: TableKey<'id>, address: u64, level: u8) -> Option<TableKey<'id>> {
        match self.s.hw.decode(self.v.get(table).0[index(address, level)], level) {
            Decoded::Table(physical) => self.v.follow(Link::page(self.v.managed(physical)?)),
            _ => None,
        }
    }

    #[inline(always)]
    fn make_table(&mut self, process: ProcessKey<'id>, pool: PoolKey<'id>) -> Option<TableKey<'id>> {
        let table = self.empty_table(pool, process.link().raw())?;
        let frame = table.frame();
        let head = core::mem::replace(&mut self.v.get_mut(process).tables, frame);
        self.v.get_mut(process).overhead += 1;
        self.v.frame_mut(frame).next = head;
        if !head.is_none() {
            self.v.frame_mut(head).prev = frame;
        }
        Some(table)
    }

    /// A table without entries, charged to the pool: a spare one, which need not be zeroed, or a new one.
    #[inline(always)]
    fn empty_table(&mut self, pool: PoolKey<'id>, owner: u32) -> Option<TableKey<'id>> {
        self.charged(pool, |v| v.take_spare::<TABLE>(owner)).or_else(|| self.new_table(pool, owner))
    }

    /// A page on the stack for a moment: so it is a function of its own.
    #[inline(never)]
    fn new_table(&mut self, pool: PoolKey<'id>, owner: u32) -> Option<TableKey<'id>> {
        let frame = self.take_frame(pool)?;
        Some(self.v.make_page::<TABLE>(frame, Table([0; 512]), owner))
    }

    /// Takes a table out of its process's list. Who calls takes it out of the account, and releases it.
    #[inline(always)]
    fn leave_tables(&mut self, process: ProcessKey<'id>, frame: Frame) {
        let info = *self.v.frame(frame);
        if !info.next.is_none() {
            self.v.frame_mut(info.next).prev = info.prev;
        }
        if info.prev.is_none() {
            self.v.get_mut(process).tables = info.next;
        } else {
            self.v.frame_mut(info.prev).next = info.next;
        }
    }

    /// Takes tables that are gone out of their process's account.
    fn credit_tables(&mut self, process: ProcessKey<'id>, tables: u32) {
        let p = self.v.get_mut(process);
        p.overhead -= tables;
        let pool = p.pool;
        self.credit(pool, tables);
    }
}
