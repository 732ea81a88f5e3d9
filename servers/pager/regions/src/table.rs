//! What lies where in a process, and what a fault there means.

use alloc::vec::Vec;
use core::ops::Range;

use protocol::pager::{Backing, Region};

use crate::PAGE;
use crate::around::Around;
use crate::fault::{Fault, Want};

/// What is to be done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is there yet: a page of zeros.
    Fill,
    /// A page is there that others may have too: one of its own.
    Own,
    /// This page of the region's Memory, writable or not.
    Show {
        /// In the Memory.
        page: u64,
        /// Whether it may be written.
        write: bool,
    },
    /// It is not meant to be used so.
    Refuse,
}

/// A region, and how its pages came so far.
#[derive(Debug)]
pub struct Entry<M> {
    /// Where and what.
    pub region: Region,
    /// The Memory behind it, once it was asked for.
    pub memory: Option<M>,
    /// How its pages come.
    pub around: Around,
}

impl<M> Entry<M> {
    /// Its addresses.
    pub fn range(&self) -> Range<u64> {
        self.region.start..self.region.start.saturating_add(self.region.pages.saturating_mul(PAGE))
    }

    /// What a fault in it means.
    pub fn decide(&self, fault: &Fault) -> Decision {
        match (self.region.backing, fault.want) {
            (_, Want::Fetch) | (Backing::Constant, _) => Decision::Refuse,
            (Backing::Zero, Want::Write) if fault.refused => Decision::Own,
            (_, _) if fault.refused => Decision::Refuse,
            (Backing::Zero, _) => Decision::Fill,
            (Backing::Memory { write: false, .. }, Want::Write) => Decision::Refuse,
            (Backing::Memory { first, write }, _) => {
                let page = u64::from(first) + (fault.page - self.region.start) / PAGE;
                Decision::Show { page, write }
            }
        }
    }
}

/// The regions of a process.
#[derive(Debug)]
pub struct Table<M> {
    /// Ascending, not overlapping.
    entries: Vec<Entry<M>>,
}

impl<M> Table<M> {
    /// The regions as init lists them. Of two that overlap, which nobody makes, the second is left out.
    pub fn new(regions: &[Region]) -> Table<M> {
        let mut table = Table { entries: Vec::with_capacity(regions.len()) };
        for region in regions {
            let entry = Entry { region: *region, memory: None, around: Around::default() };
            let at = table.entries.partition_point(|other| other.region.start < region.start);
            let free = |other: Option<&Entry<M>>| {
                other.is_none_or(|other| {
                    let (a, b) = (other.range(), entry.range());
                    a.end <= b.start || b.end <= a.start
                })
            };
            if free(at.checked_sub(1).and_then(|before| table.entries.get(before))) && free(table.entries.get(at)) {
                table.entries.insert(at, entry);
            }
        }
        table
    }

    /// The region that an address lies in.
    pub fn find(&mut self, address: u64) -> Option<&mut Entry<M>> {
        let at = self.entries.partition_point(|entry| entry.region.start <= address).checked_sub(1)?;
        self.entries.get_mut(at).filter(|entry| entry.range().contains(&address))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<M>> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(start: u64, pages: u64, backing: Backing) -> Region {
        Region { start, pages, backing }
    }

    fn at(page: u64, want: Want, refused: bool) -> Fault {
        Fault { want, page, refused }
    }

    fn table() -> Table<()> {
        let view = |write| Backing::Memory { first: 7, write };
        Table::new(&[
            region(0x9000, 3, Backing::Zero),
            region(0x2000, 1, Backing::Constant),
            region(0x3000, 2, Backing::Zero),
            region(0x6000, 2, view(false)),
            region(0x8000, 1, view(true)),
        ])
    }

    fn decide(fault: Fault) -> Option<Decision> {
        table().find(fault.page).map(|entry| entry.decide(&fault))
    }

    #[test]
    fn a_fault_means_what_its_region_says() {
        use Decision::*;
        use Want::*;
        assert_eq!(decide(at(0x1000, Read, false)), None, "nothing is there");
        assert_eq!(decide(at(0x5000, Write, false)), None, "between two regions");
        assert_eq!(decide(at(0xc000, Write, false)), None, "behind the last");
        assert_eq!(decide(at(0x9000, Read, false)), Some(Fill));
        assert_eq!(decide(at(0xb000, Write, false)), Some(Fill));
        assert_eq!(decide(at(0x4000, Write, true)), Some(Own));
        assert_eq!(decide(at(0x4000, Read, true)), Some(Refuse));
        assert_eq!(decide(at(0x4000, Fetch, false)), Some(Refuse), "data is never code");
        assert_eq!(decide(at(0x2000, Write, true)), Some(Refuse), "constants stay so");
        assert_eq!(decide(at(0x7000, Read, false)), Some(Show { page: 8, write: false }));
        assert_eq!(decide(at(0x7000, Write, false)), Some(Refuse));
        assert_eq!(decide(at(0x8000, Write, false)), Some(Show { page: 7, write: true }));
        assert_eq!(decide(at(0x8000, Write, true)), Some(Refuse), "its owner froze it");
    }

    #[test]
    fn regions_that_overlap_are_left_out() {
        let zero = |start, pages| region(start, pages, Backing::Zero);
        let mut table: Table<()> = Table::new(&[zero(0x4000, 4), zero(0x3000, 2), zero(0x7000, 1), zero(0x8000, 1)]);
        let found: Vec<u64> = table.iter().map(|entry| entry.region.start).collect();
        assert_eq!(found, [0x4000, 0x8000]);
        assert_eq!(table.find(0x8fff).map(|entry| entry.region), Some(zero(0x8000, 1)));
        let mut huge: Table<()> = Table::new(&[zero(u64::MAX - 0xfff, 2)]);
        assert!(huge.find(0).is_none());
    }
}
