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

/// In a page's entry: `evict` made it read-only, and so it stays. The bit is left to software on both processors (Arm ARM
/// D8.3, bits 58-55; Intel SDM vol. 3A 4.5, bits 58-52).
const STAYS_READ_ONLY: u64 = 1 << 55;

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
        let mut table = self.root_table(process)?;
        for level in [3, 2, 1] {
            table = match self.below(table, address, level) {
                Some(below) => below,
                None => {
                    let below = self.make_table(process)?;
                    let entry = self.s.hw.table(self.v.physical(below.frame()));
                    self.v.get_mut(table).0[index(address, level)] = entry;
                    self.v.frame_mut(table.frame()).used += 1;
                    below
                }
            };
        }
        Some(table)
    }

    /// A process's root table.
    pub fn make_root(&mut self, pool: PoolKey<'id>) -> Option<TableKey<'id>> {
        let frame = self.take_frame(pool)?;
        let table = self.v.make_page::<TABLE>(frame, Table([0; 512]), 0);
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
            self.free_table(process, frame);
        }
    }

    /// Gives back tables above an address that have become empty, from the lowest up.
    pub fn prune(&mut self, process: ProcessKey<'id>, address: u64) {
        self.prune_then(process, address, |cx| cx.flush(process, address & !0xfff, 1));
    }

    /// The same in a process in which nobody runs any more: its TLB entries go with it.
    pub fn prune_unused(&mut self, process: ProcessKey<'id>, address: u64) {
        self.prune_then(process, address, |_| {});
    }

    fn prune_then(&mut self, process: ProcessKey<'id>, address: u64, then: impl Fn(&mut Self)) {
        for lowest in [0, 1, 2] {
            let Some(mut table) = self.root_table(process) else { return };
            for level in [3, 2, 1] {
                if level == lowest + 1 {
                    break;
                }
                match self.below(table, address, level) {
                    Some(below) => table = below,
                    None => return,
                }
            }
            let Some(below) = self.below(table, address, lowest + 1) else { return };
            if self.v.frame(below.frame()).used != 0 || mutant(Mutant::EmptyTableKept) {
                return;
            }
            self.v.get_mut(table).0[index(address, lowest + 1)] = 0;
            self.v.frame_mut(table.frame()).used -= 1;
            // The walker may have cached the entry that pointed to it.
            then(self);
            self.free_table(process, below.frame());
        }
    }

    /// Whether anything is mapped in a range, which lies in one lowest table.
    #[inline(always)]
    pub fn any_page(&self, leaf: TableKey<'id>, part: Range) -> bool {
        let entries = self.v.get(leaf).0.iter().skip(index(part.address, 0)).take(part.pages as usize);
        self.pages_in(leaf) != 0 && entries.into_iter().any(|entry| self.s.hw.decode(*entry, 0) != Decoded::Empty)
    }

    /// Writes the entries of a range, which lies in one lowest table and has none, for frames in a row.
    #[inline(always)]
    pub fn set_pages(&mut self, leaf: TableKey<'id>, part: Range, physical: u32, access: Access, kind: MemoryType) {
        let Cx { v, s, .. } = self;
        let entries = v.get_mut(leaf).0.iter_mut().skip(index(part.address, 0)).take(part.pages as usize);
        for (entry, frame) in entries.zip(physical..) {
            *entry = s.hw.page(frame, access, kind);
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

    /// Writes a page's entry; there was none.
    pub fn set_page(&mut self, leaf: TableKey<'id>, address: u64, physical: u32, access: Access, kind: MemoryType) {
        let entry = self.s.hw.page(physical, access, kind);
        self.v.get_mut(leaf).0[index(address, 0)] = entry;
        self.v.frame_mut(leaf.frame()).used += 1;
    }

    /// Replaces a page's entry by one of other access.
    pub fn change_page(&mut self, leaf: TableKey<'id>, address: u64, physical: u32, access: Access, kind: MemoryType) {
        let entry = self.s.hw.page(physical, access, kind);
        let old = &mut self.v.get_mut(leaf).0[index(address, 0)];
        *old = entry | *old & STAYS_READ_ONLY;
    }

    /// Has a page stay read-only for as long as it is mapped.
    pub fn keep_read_only(&mut self, leaf: TableKey<'id>, address: u64) {
        self.v.get_mut(leaf).0[index(address, 0)] |= STAYS_READ_ONLY;
    }

    /// Whether a page was made read-only to stay so.
    pub fn stays_read_only(&self, leaf: TableKey<'id>, address: u64) -> bool {
        self.v.get(leaf).0[index(address, 0)] & STAYS_READ_ONLY != 0
    }

    /// Removes a page's entry. The TLB is the caller's business.
    pub fn clear_page(&mut self, leaf: TableKey<'id>, address: u64) {
        self.v.get_mut(leaf).0[index(address, 0)] = 0;
        self.v.frame_mut(leaf.frame()).used -= 1;
    }

    /// Removes those entries of a range, which lies in one lowest table, that lead to frames in a row from `first` on; how many
    /// there were.
    pub fn clear_pages(&mut self, leaf: TableKey<'id>, part: Range, first: u32) -> u32 {
        let Cx { v, s, .. } = self;
        let mut cleared = 0;
        let entries = v.get_mut(leaf).0.iter_mut().skip(index(part.address, 0)).take(part.pages as usize);
        for (entry, physical) in entries.zip(first..) {
            if matches!(s.hw.decode(*entry, 0), Decoded::Page(frame, _) if frame == physical) {
                *entry = 0;
                cleared += 1;
            }
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

    fn make_table(&mut self, process: ProcessKey<'id>) -> Option<TableKey<'id>> {
        let pool = self.v.follow(self.v.get(process).pool)?;
        let frame = self.take_frame(pool)?;
        let table = self.v.make_page::<TABLE>(frame, Table([0; 512]), process.link().raw());
        let head = core::mem::replace(&mut self.v.get_mut(process).tables, frame);
        self.v.get_mut(process).overhead += 1;
        self.v.frame_mut(frame).next = head;
        if !head.is_none() {
            self.v.frame_mut(head).prev = frame;
        }
        Some(table)
    }

    fn free_table(&mut self, process: ProcessKey<'id>, frame: Frame) {
        let info = *self.v.frame(frame);
        if !info.next.is_none() {
            self.v.frame_mut(info.next).prev = info.prev;
        }
        if info.prev.is_none() {
            self.v.get_mut(process).tables = info.next;
        } else {
            self.v.frame_mut(info.prev).next = info.next;
        }
        let p = self.v.get_mut(process);
        p.overhead -= 1;
        let pool = p.pool;
        self.v.release(frame);
        self.credit(pool, 1);
    }
}
