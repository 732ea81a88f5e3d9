//! Mapping pages, and taking mappings away.
//!
//! A mapping record says which extent, which process, which Grant; what is mapped how stands in the page tables alone.
//! So `unmap`, `protect` and `evict` of a part need no new record and can't fail half-way: a record only counts how many
//! of its pages are left. Two records may cover the same address; an entry belongs to the one whose frame it has, and
//! `holes` sees to it that this is only one.

use abi::calls::{Access, MAP_PAGES, UNMAP_PAGES};
use abi::info::MemoryType;
use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};
use kmem::{FrameState, Link};

use crate::alloc::Need;
use crate::holes::Claimed;
use crate::hw::Entry as Decoded;
use crate::objects::*;
use crate::range::{Range, access_argument, allowed};
use crate::state::Cx;
use crate::tables::TableKey;
use crate::{Hw, Progress, UNITS, list};

/// Mappings that an `evict` passes by for a unit.
const PASSED_A_UNIT: u32 = 16;
/// Addresses without a page that an `unmap` passes by for a unit.
const EMPTY_A_UNIT: u32 = 128;

/// What it costs to take so many pages out of a lowest table that has so many in all: to find the record among the others
/// there, the pages themselves, and perhaps the tables above. An entry's first is done whatever it costs.
fn pages_cost(pages: u64, all: u64) -> u32 {
    2 + pages as u32 / 17 + (all - all.min(pages)) as u32 / 32
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `map`.
    pub fn map(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let process = self.lookup::<PROCESS>(thread, regs.argument(0), Rights::MAP)?.key;
        let memory = self.lookup::<MEMORY>(thread, regs.argument(1), Rights::empty())?;
        let range = Range::new(regs.argument(2), regs.argument(4), MAP_PAGES)?;
        let access = access_argument(regs.argument(5))?;
        let grant = memory.entry.grant.link();
        self.map_range(process, memory.key, range, regs.argument(3), access, allowed(memory.entry.rights()), grant)?;
        Ok(Progress::Done)
    }

    /// Maps pages for the boot code, which holds everything.
    pub fn map_boot(
        &mut self,
        process: ProcessKey<'id>,
        memory: MemoryKey<'id>,
        address: u64,
        offset: u64,
        pages: u64,
        access: Access,
    ) -> Result<(), Error> {
        let range = Range::new(address, pages, MAP_PAGES)?;
        self.map_range(process, memory, range, offset, access, access, Link::NONE)
    }

    #[allow(clippy::too_many_arguments, reason = "a mapping has that many sides")]
    fn map_range(
        &mut self,
        process: ProcessKey<'id>,
        memory: MemoryKey<'id>,
        range: Range,
        offset: u64,
        access: Access,
        allowed: Access,
        grant: Link<GRANT>,
    ) -> Result<(), Error> {
        if self.v.get(process).dying {
            return Err(Error::ServerDied);
        }
        if !allowed.contains(access) && !mutant(Mutant::MapBeyondRights) {
            return Err(Error::Denied);
        }
        let extent = self.extent(memory, offset, range.pages)?;
        self.check_states(extent.physical, range.pages as u32, extent.kind, access)?;
        let (mut tables_missing, mut records, mut holes, mut known) = (false, 0, false, None);
        for part in range.leaves() {
            records += 1;
            known = self.leaf(process, part.address);
            let Some(leaf) = known else {
                tables_missing = true;
                continue;
            };
            if self.any_page(leaf, part) && !mutant(Mutant::MapOverMapping) {
                return Err(Error::BadAddress);
            }
            let claimed = self.claimed(leaf, part, extent.physical + range.pages_before(part));
            records += (claimed == Claimed::Middle) as u32;
            holes |= claimed != Claimed::Nothing;
        }
        // The last one's is good for the first if there is no other.
        known = known.filter(|_| range.is_in_one_leaf());
        let pool = self.v.get(process).pool;
        let mut need = Need::default();
        if tables_missing && !mutant(Mutant::TablesUnpaid) {
            need.add(pool, self.missing_tables(process, range.address, range.pages));
        }
        self.need_objects::<MAPPING>(&mut need, pool, records);
        self.check(&need)?;
        // ---- point of no return ----
        let pool = self.v.follow(pool).ok_or(Error::ServerDied)?;
        let mut physical = extent.physical;
        for part in range.leaves() {
            let leaf = known.or_else(|| self.leaf_or_make(process, part.address)).ok_or(Error::PoolEmpty)?;
            if holes {
                self.give_up_holes(pool, leaf, part, physical);
            }
            let record = Mapping {
                memory: extent.root.link(),
                process: process.link(),
                grant,
                offset: physical - self.v.get(extent.root).base,
                address: part.address,
                pages: part.pages as u16,
                live: part.pages as u16,
                allowed,
                memory_next: Link::NONE,
                memory_prev: Link::NONE,
                grant_next: Link::NONE,
                grant_prev: Link::NONE,
                table_next: Link::NONE,
            };
            let mapping = self.make::<MAPPING>(pool, record).ok_or(Error::PoolEmpty)?;
            self.link_mapping(mapping, leaf, None);
            self.set_pages(leaf, part, physical, access, allowed, extent.kind);
            if access.contains(Access::WRITE) {
                self.count_writers(physical, part.pages as u32);
            }
            physical += part.pages as u32;
        }
        self.v.get_mut(process).mapped += range.pages as u32;
        if !mutant(Mutant::NotPublished) {
            self.s.hw.publish();
        }
        Ok(())
    }

    /// System call `unmap`.
    pub fn unmap(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let process = self.lookup::<PROCESS>(thread, regs.argument(0), Rights::MAP)?.key;
        let range = Range::new(regs.argument(1), regs.argument(2), UNMAP_PAGES)?;
        for mut part in range.leaves() {
            while let Some((leaf, mapping, hit)) = self.first_hit(process, part) {
                let passed = (hit.address - part.address) >> 12;
                if !self.afford(pages_cost(hit.pages, self.pages_in(leaf)) + passed as u32 / EMPTY_A_UNIT) {
                    return Ok(Progress::Restart);
                }
                self.clear_range(leaf, mapping, hit, Access::empty());
                self.prune(process, part.address);
                part = Range { address: hit.address, pages: part.pages - passed };
                // To look for more is work, too.
                if self.spent >= UNITS && hit.end() < range.end() {
                    return Ok(Progress::Restart);
                }
            }
        }
        Ok(Progress::Done)
    }

    /// System call `protect`.
    pub fn protect(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let process = self.lookup::<PROCESS>(thread, regs.argument(0), Rights::MAP)?.key;
        let range = Range::new(regs.argument(1), regs.argument(2), MAP_PAGES)?;
        let access = access_argument(regs.argument(3))?;
        for part in range.leaves() {
            let leaf = self.leaf(process, part.address).ok_or(Error::BadAddress)?;
            for address in part.addresses() {
                let page = self.page(leaf, address).ok_or(Error::BadAddress)?;
                if !page.allowed().contains(access) && !mutant(Mutant::ProtectBeyondRights) {
                    return Err(Error::Denied);
                }
                self.check_states(self.decoded(page).0, 1, page.kind(), access)?;
            }
        }
        // ---- point of no return ----
        for part in range.leaves() {
            let leaf = self.leaf(process, part.address).ok_or(Error::BadAddress)?;
            for address in part.addresses() {
                let page = self.page(leaf, address).ok_or(Error::BadAddress)?;
                let (physical, before) = self.decoded(page);
                let writes = |access: Access| access.contains(Access::WRITE) as i16;
                self.count_writer(physical, writes(access) - writes(before));
                self.change_page(leaf, address, page, access, page.allowed());
            }
        }
        self.s.hw.publish();
        if !mutant(Mutant::StaleAfterProtect) {
            self.flush(process, range.address, range.pages);
        }
        Ok(Progress::Done)
    }

    /// System call `evict`.
    pub fn evict(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let memory = self.lookup::<MEMORY>(thread, regs.argument(0), Rights::OWNER)?.key;
        let extent = self.extent(memory, regs.argument(1), regs.argument(2))?;
        let keep = match regs.argument(3) {
            0 => Access::empty(),
            1 => Access::READ,
            _ => return Err(Error::BadArgument),
        };
        let (root, me) = (extent.root, thread.link());
        let t = self.v.get_mut(thread);
        let began = core::mem::take(&mut t.evicts) == root.link() && t.restarting();
        if began && self.v.get(root).evictor != me {
            // Another call has finished it.
            return Ok(Progress::Done);
        }
        if !began {
            // What another call has begun goes first: so each comes to its end, whatever others begin.
            if !self.evict_some(root) {
                return Ok(Progress::Restart);
            }
            let pages = extent.pages - mutant(Mutant::EvictStopsEarly) as u32;
            let m = self.v.get_mut(root);
            let from = extent.physical - m.base;
            (m.evictor, m.evict_next, m.evict_keep) = (me, m.mappings, keep);
            (m.evict_from, m.evict_to) = (from, from + pages);
        }
        if !self.evict_some(root) {
            self.v.get_mut(thread).evicts = root.link();
            return Ok(Progress::Restart);
        }
        Ok(Progress::Done)
    }

    /// Goes on with the `evict` of a Memory that has begun, if one has; false if this entry can't afford its end. Mappings
    /// made since lie before its place in the list, so it has an end; where that mapping goes, it is the next one's.
    fn evict_some(&mut self, root: MemoryKey<'id>) -> bool {
        let Memory { base, evict_from: from, evict_to: to, evict_keep: keep, .. } = *self.v.get(root);
        let mut passed = 0_u32;
        while let Some(mapping) = self.v.follow(self.v.get(root).evict_next) {
            let m = *self.v.get(mapping);
            let (start, end) = (m.offset.max(from), (m.offset + m.pages as u32).min(to));
            passed += 1;
            let cost = match start < end {
                true => self.mapping_cost(mapping),
                false => u32::from(passed.is_multiple_of(PASSED_A_UNIT)),
            };
            if cost != 0 && !self.afford(cost) {
                return false;
            }
            self.v.get_mut(root).evict_next = m.memory_next;
            if start >= end {
                continue;
            }
            let hit = Range { address: m.address + ((start - m.offset) as u64) * 4096, pages: (end - start) as u64 };
            let Some(process) = self.v.follow(m.process) else { continue };
            let Some(leaf) = self.leaf(process, m.address) else { continue };
            if !self.has_more(leaf, &m, base, hit, keep) {
                continue;
            }
            self.clear_range(leaf, mapping, hit, keep);
            self.prune(process, m.address);
        }
        self.v.get_mut(root).evictor = Link::NONE;
        true
    }

    /// What the removal of a mapping costs.
    pub fn mapping_cost(&self, mapping: MappingKey<'id>) -> u32 {
        let m = self.v.get(mapping);
        let leaf = self.v.follow(m.process).and_then(|process| self.leaf(process, m.address));
        pages_cost(m.pages as u64, leaf.map_or(0, |leaf| self.pages_in(leaf)))
    }

    /// Takes a whole mapping away.
    pub fn remove_mapping(&mut self, mapping: MappingKey<'id>) {
        let m = *self.v.get(mapping);
        let Some(process) = self.v.follow(m.process) else { return };
        let Some(leaf) = self.leaf(process, m.address) else { return };
        self.clear_range(leaf, mapping, m.range(), Access::empty());
        self.prune(process, m.address);
    }

    /// Takes mappings of a dying process away; true when none are left. Its TLB entries go when it is freed: nobody runs
    /// in it any more.
    pub fn remove_all_mappings(&mut self, process: ProcessKey<'id>) -> bool {
        let mut table = self.v.get(process).tables;
        while !table.is_none() {
            let next_table = self.v.frame(table).next;
            if let Some(leaf) = self.v.follow(Link::<TABLE>::page(table)) {
                let mut address = None;
                while let Some(mapping) = self.v.follow(self.first_mapping(leaf)) {
                    let range = self.v.get(mapping).range();
                    // The first record of its table: nothing is looked for.
                    if !self.afford(pages_cost(range.pages, 0)) {
                        return false;
                    }
                    self.clear_range(leaf, mapping, range, Access::empty());
                    address = Some(range.address);
                }
                if let Some(address) = address {
                    // So that the next entry has not to pass by it; what was next may be gone, too.
                    self.prune_unused(process, address);
                    table = self.v.get(process).tables;
                    continue;
                }
            }
            table = next_table;
        }
        true
    }

    /// Clears (or makes read-only) what a mapping still has in a range, and ends its record with its last page.
    fn clear_range(&mut self, leaf: TableKey<'id>, mapping: MappingKey<'id>, range: Range, keep: Access) {
        let m = *self.v.get(mapping);
        let Some(hit) = m.range().intersect(range) else { return };
        let Some(root) = self.v.follow(m.memory) else { return };
        let first = self.v.get(root).base + m.offset + ((hit.address - m.address) >> 12) as u32;
        if m.allowed.contains(Access::WRITE) {
            for (address, physical) in hit.addresses().zip(first..) {
                if let Decoded::Page(frame, access) = self.page_at(leaf, address)
                    && frame == physical
                    && access.contains(Access::WRITE)
                {
                    self.count_writer(physical, mutant(Mutant::WriterStays) as i16 - 1);
                }
            }
        }
        let mut cleared = 0;
        if keep.is_empty() {
            cleared = self.clear_pages(leaf, hit, first);
        } else {
            for (address, physical) in hit.addresses().zip(first..) {
                if let Some(page) = self.page(leaf, address)
                    && let (frame, access) = self.decoded(page)
                    && frame == physical
                {
                    // So it stays until it is mapped anew.
                    let taken = |bug| if mutant(bug) { Access::empty() } else { Access::WRITE };
                    let allowed = page.allowed() - taken(Mutant::ProtectAfterEvict);
                    self.change_page(leaf, address, page, access - taken(Mutant::EvictKeepsWriters), allowed);
                }
            }
        }
        if let Some(process) = self.v.follow(m.process) {
            let p = self.v.get_mut(process);
            p.mapped -= cleared;
            // While a process dies, threads of it may still run on other cores.
            let used = !p.dying || !p.threads.is_none();
            self.s.hw.publish();
            if used && !mutant(Mutant::StaleAfterUnmap) {
                self.flush(process, hit.address, hit.pages);
            }
        }
        self.v.get_mut(mapping).live -= cleared as u16;
        if self.v.get(mapping).live == 0 {
            self.end_mapping(leaf, mapping);
        } else if cleared != 0 {
            self.note_hole(leaf);
        }
    }

    /// Enters a new record into the lists of its page table, Memory and Grant; into its Memory's behind another, if it is a
    /// part of that.
    pub fn link_mapping(&mut self, mapping: MappingKey<'id>, leaf: TableKey<'id>, part_of: Option<MappingKey<'id>>) {
        self.v.get_mut(mapping).table_next = self.first_mapping(leaf);
        self.v.frame_mut(leaf.frame()).extra = mapping.link().raw();
        let m = *self.v.get(mapping);
        if let Some(root) = self.v.follow(m.memory) {
            let mut head = self.v.get(root).mappings;
            match part_of.filter(|_| !mutant(Mutant::PartEscapesEvict)) {
                Some(whole) => list::insert_behind(&mut self.v, whole, mapping),
                None => head = list::by_memory::push(head, &mut self.v, mapping),
            }
            let root = self.v.get_mut(root);
            root.mappings = head;
            root.mapping_count += 1;
        }
        if let Some(grant) = self.v.follow(m.grant) {
            let head = list::by_grant::push(self.v.get(grant).mappings, &mut self.v, mapping);
            self.v.get_mut(grant).mappings = head;
        }
    }

    fn end_mapping(&mut self, leaf: TableKey<'id>, mapping: MappingKey<'id>) {
        let m = *self.v.get(mapping);
        let mut before = None;
        let mut at = self.first_mapping(leaf);
        while let Some(other) = self.v.follow(at).filter(|other| *other != mapping) {
            before = Some(other);
            at = self.v.get(other).table_next;
        }
        match before {
            Some(before) => self.v.get_mut(before).table_next = m.table_next,
            None => self.v.frame_mut(leaf.frame()).extra = m.table_next.raw(),
        }
        if let Some(grant) = self.v.follow(m.grant) {
            let head = list::by_grant::remove(self.v.get(grant).mappings, &mut self.v, mapping);
            self.v.get_mut(grant).mappings = head;
        }
        let root = self.v.follow(m.memory);
        if let Some(root) = root {
            let head = list::by_memory::remove(self.v.get(root).mappings, &mut self.v, mapping);
            let memory = self.v.get_mut(root);
            memory.mappings = head;
            memory.mapping_count -= 1;
            if memory.evict_next == mapping.link() && !mutant(Mutant::EvictLosesPlace) {
                memory.evict_next = m.memory_next;
            }
        }
        self.unmake(mapping);
        if let Some(root) = root {
            self.end_memory_if_unused(root);
        }
    }

    /// Whether frames may be mapped so: writable only as data, executable only as code.
    fn check_states(&self, physical: u32, pages: u32, kind: MemoryType, access: Access) -> Result<(), Error> {
        if !access.intersects(Access::WRITE | Access::EXECUTE) {
            return Ok(());
        }
        if kind == MemoryType::Device {
            return if access.contains(Access::EXECUTE) { Err(Error::NotExecutable) } else { Ok(()) };
        }
        let first = self.v.managed_row(physical, pages).ok_or(Error::BadArgument)?;
        for info in self.v.row(first, pages) {
            let fixed = info.state != FrameState::Data && !mutant(Mutant::FrozenWritable);
            if access.contains(Access::WRITE) && fixed {
                return Err(Error::Denied);
            }
            // A call may count a frame once for each of its pages.
            let most = if mutant(Mutant::WritersWrap) { u16::MAX - 1 } else { u16::MAX - MAP_PAGES as u16 };
            if access.contains(Access::WRITE) && info.writers > most {
                return Err(Error::TableFull);
            }
            let unsealed = info.state != FrameState::Code && !mutant(Mutant::DataExecutable);
            if access.contains(Access::EXECUTE) && unsealed {
                return Err(Error::NotExecutable);
            }
        }
        Ok(())
    }

    /// Counts a writable mapping of frames in a row.
    #[inline(always)]
    fn count_writers(&mut self, physical: u32, pages: u32) {
        if let Some(first) = self.v.managed_row(physical, pages) {
            for info in self.v.row_mut(first, pages) {
                info.writers += !mutant(Mutant::WriterUncounted) as u16;
            }
        }
    }

    #[inline(always)]
    fn count_writer(&mut self, physical: u32, change: i16) {
        if change != 0
            && let Some(frame) = self.v.managed(physical)
        {
            let info = self.v.frame_mut(frame);
            info.writers = info.writers.wrapping_add_signed(change);
        }
    }

    /// The first of a lowest table's records.
    pub fn first_mapping(&self, leaf: TableKey<'id>) -> Link<MAPPING> {
        Link::from_raw(self.v.frame(leaf.frame()).extra)
    }

    /// The mapping that has the first page of a range, which lies in one lowest table, and what it covers of the range from
    /// there on. Records are many, and may cover much of which nothing is left: so it is looked for a page first.
    fn first_hit(&self, process: ProcessKey<'id>, range: Range) -> Option<(TableKey<'id>, MappingKey<'id>, Range)> {
        let leaf = self.leaf(process, range.address)?;
        let mut next = self.first_mapping(leaf);
        self.v.follow(next)?;
        let (passed, page) =
            range.addresses().enumerate().find_map(|(n, at)| Some((n as u64, self.page(leaf, at)?)))?;
        let first = self.decoded(page).0;
        let rest = Range { address: range.address + (passed << 12), pages: range.pages - passed };
        while let Some(mapping) = self.v.follow(next) {
            let m = self.v.get(mapping);
            if let Some(hit) = m.range().intersect(rest)
                && hit.address == rest.address
                && self.v.get(self.v.follow(m.memory)?).base + m.offset + ((hit.address - m.address) >> 12) as u32
                    == first
            {
                return Some((leaf, mapping, hit));
            }
            next = m.table_next;
        }
        None
    }

    /// Whether a mapping has pages in a range that have more access than `keep`, or could get it.
    fn has_more(&self, leaf: TableKey<'id>, m: &Mapping, base: u32, hit: Range, keep: Access) -> bool {
        hit.addresses().any(|address| {
            let physical = base + m.offset + ((address - m.address) >> 12) as u32;
            let has = self.page(leaf, address).filter(|page| self.decoded(*page).0 == physical);
            has.is_some_and(|page| keep.is_empty() || page.allowed().contains(Access::WRITE))
        })
    }
}
