//! Holes in mappings, and pages mapped into them again.
//!
//! A record keeps the addresses of pages that were taken out of its middle. If the same page of the same Memory is mapped
//! there again, its entry would belong to the old record and to the new one. So before that the old one gives up its
//! hole: it keeps what is left of it before or behind the new pages; if that is both, a second record takes the part
//! behind. This costs nothing where a page table never had a hole, as with pagers, which map page by page.

use kmem::Link;
use kmem::mutants::{Mutant, mutant};

use crate::Hw;
use crate::hw::Entry as Decoded;
use crate::objects::*;
use crate::range::Range;
use crate::state::Cx;
use crate::tables::TableKey;

/// What records give up for pages that are mapped again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nothing: none of them had these pages.
    Nothing,
    /// Pages at their ends.
    Pages,
    /// Pages in the middle of one, which gets a second record.
    Middle,
}

/// In a lowest table's `FrameInfo::flags`: some record of it has, or had, a hole.
const HOLES: u8 = 1;

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// Notes that a record of this table lost some of its pages.
    pub fn note_hole(&mut self, leaf: TableKey<'id>) {
        self.v.frame_mut(leaf.frame()).flags |= HOLES;
    }

    /// What mapping `part` (in this lowest table, all empty) to frames from `physical` on takes from older records.
    pub fn claimed(&self, leaf: TableKey<'id>, part: Range, physical: u32) -> Claimed {
        let mut claimed = Claimed::Nothing;
        let mut next = self.first_with_holes(leaf);
        while let Some(mapping) = self.v.follow(next) {
            let m = self.v.get(mapping);
            // One without holes has nothing where nothing is mapped.
            if m.live != m.pages && self.claims(m, part, physical) {
                claimed = Claimed::Pages;
                if self.sides(leaf, m, part).iter().all(|side| side.1 != 0) {
                    return Claimed::Middle;
                }
            }
            next = m.table_next;
        }
        claimed
    }

    /// Has older records give up the pages that are about to be mapped again. A second record's page was checked.
    pub fn give_up_holes(&mut self, pool: PoolKey<'id>, leaf: TableKey<'id>, part: Range, physical: u32) {
        let mut next = self.first_with_holes(leaf);
        while let Some(mapping) = self.v.follow(next) {
            let m = *self.v.get(mapping);
            next = m.table_next;
            if !self.claims(&m, part, physical) || mutant(Mutant::HoleForgotten) {
                continue;
            }
            let [before, behind] = self.sides(leaf, &m, part);
            let cut = |(range, live): (Range, u16)| Mapping {
                offset: m.offset + ((range.address - m.address) >> 12) as u32,
                address: range.address,
                pages: range.pages as u16,
                live,
                ..*self.v.get(mapping)
            };
            let (kept, second) = match (before.1, behind.1) {
                (_, 0) => (cut(before), None),
                (0, _) => (cut(behind), None),
                _ => (cut(before), Some(cut(behind))),
            };
            *self.v.get_mut(mapping) = kept;
            if let Some(second) = second
                && let Some(second) = self.make::<MAPPING>(pool, second)
            {
                self.link_mapping(second, leaf, Some(mapping));
            }
        }
    }

    fn first_with_holes(&self, leaf: TableKey<'id>) -> Link<MAPPING> {
        if self.v.frame(leaf.frame()).flags & HOLES != 0 { self.first_mapping(leaf) } else { Link::NONE }
    }

    /// Whether a record would take pages of `part` for its own, mapped to frames from `physical` on.
    fn claims(&self, m: &Mapping, part: Range, physical: u32) -> bool {
        let Some(hit) = m.range().intersect(part) else { return false };
        let base = self.v.follow(m.memory).map_or(0, |root| self.v.get(root).base);
        let its = base + m.offset + ((hit.address - m.address) >> 12) as u32;
        its == physical + ((hit.address - part.address) >> 12) as u32
    }

    /// What a record has before and behind `part`, and how many of those pages are mapped.
    fn sides(&self, leaf: TableKey<'id>, m: &Mapping, part: Range) -> [(Range, u16); 2] {
        let whole = m.range();
        let side = |start: u64, end: u64| Range { address: start, pages: end.saturating_sub(start) >> 12 };
        let before = side(whole.address, part.address.min(whole.end()));
        let behind = side(part.end().max(whole.address), whole.end());
        let base = self.v.follow(m.memory).map_or(0, |root| self.v.get(root).base);
        [before, behind].map(|range| {
            let own = range.addresses().filter(|address| {
                let physical = base + m.offset + ((address - m.address) >> 12) as u32;
                matches!(self.page_at(leaf, *address), Decoded::Page(frame, _) if frame == physical)
            });
            (range, own.count() as u16)
        })
    }
}
