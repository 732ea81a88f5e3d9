//! The model's Memories: pages that go from data to frozen to code, and where they are mapped.

use std::collections::{BTreeMap, BTreeSet};

use abi::Error::{self, *};
use abi::Rights;
use kcore::objects::MEMORY;

use super::{Kind, Mapped, Model, Object, Page};

impl Model {
    fn pages(&mut self, object: Object) -> (&mut Vec<Page>, &mut BTreeMap<u64, Mapped>) {
        match &mut self.objects[object] {
            Some(Kind::Memory { pages, mapped }) => (pages, mapped),
            other => panic!("{other:?} is no Memory"),
        }
    }

    /// Every page that is mapped at some place.
    pub fn space(&self) -> BTreeMap<u64, (Object, Mapped)> {
        let memories = self.objects.iter().enumerate().filter_map(|(n, object)| match object {
            Some(Kind::Memory { mapped, .. }) => Some(mapped.iter().map(move |(at, m)| (*at, (n, *m)))),
            _ => None,
        });
        memories.flatten().collect()
    }

    pub fn map(&mut self, handle: u64, at: u64, from: usize, count: usize, access: u8) -> Result<(), Error> {
        let held = self.get(handle, MEMORY, Rights::empty())?;
        check_access(access)?;
        let bit = |right, bit| if held.rights.contains(right) { bit } else { 0 };
        let allowed = bit(Rights::READ, 1) | bit(Rights::WRITE, 2) | bit(Rights::EXECUTE, 4);
        if access & !allowed != 0 {
            return Err(Denied);
        }
        let space = self.space();
        let (pages, mapped) = self.pages(held.object);
        if from + count > pages.len() {
            return Err(BadArgument);
        }
        pages[from..from + count].iter().try_for_each(|page| check_page(*page, access))?;
        if (0..count as u64).any(|n| space.contains_key(&(at + n))) {
            return Err(BadAddress);
        }
        for n in 0..count {
            mapped.insert(at + n as u64, Mapped { page: from + n, access, grant: held.grant, allowed });
        }
        Ok(())
    }

    pub fn unmap(&mut self, at: u64, count: u64) {
        for n in 0..self.objects.len() {
            if let Some(Kind::Memory { mapped, .. }) = &mut self.objects[n] {
                mapped.retain(|place, _| !(at..at + count).contains(place));
            }
            if self.classes[n] == MEMORY {
                // One without handles ends with its last mapping.
                self.end(n);
            }
        }
    }

    pub fn protect(&mut self, at: u64, count: u64, access: u8) -> Result<(), Error> {
        check_access(access)?;
        let space = self.space();
        let mut refused = BTreeSet::new();
        for place in at..at + count {
            let Some((object, m)) = space.get(&place) else {
                refused.insert(BadAddress as u16);
                continue;
            };
            if access & !m.allowed != 0 {
                refused.insert(Denied as u16);
            } else if let Err(error) = check_page(self.pages(*object).0[m.page], access) {
                refused.insert(error as u16);
            }
        }
        // With several reasons the kernel may name any; the harness accepts each.
        if let Some(first) = refused.first() {
            return Err(if refused.len() > 1 { ANY } else { Error::from_code(*first).unwrap() });
        }
        for place in at..at + count {
            let object = space[&place].0;
            self.pages(object).1.get_mut(&place).unwrap().access = access;
        }
        Ok(())
    }

    pub fn freeze(&mut self, handle: u64, from: usize, count: usize) -> Result<(), Error> {
        let held = self.get(handle, MEMORY, Rights::OWNER)?;
        let (pages, mapped) = self.pages(held.object);
        if count == 0 || from + count > pages.len() {
            return Err(BadArgument);
        }
        if mapped.values().any(|m| m.access & 2 != 0 && (from..from + count).contains(&m.page)) {
            return Err(StillMapped);
        }
        pages[from..from + count].iter_mut().filter(|page| **page == Page::Data).for_each(|page| *page = Page::Frozen);
        Ok(())
    }

    pub fn seal(&mut self, handle: u64, from: usize, count: usize) -> Result<(), Error> {
        let held = self.get(handle, MEMORY, Rights::OWNER)?;
        let (pages, _) = self.pages(held.object);
        if count == 0 || from + count > pages.len() {
            return Err(BadArgument);
        }
        if pages[from..from + count].contains(&Page::Data) {
            return Err(NotFrozen);
        }
        pages[from..from + count].fill(Page::Code);
        Ok(())
    }

    pub fn evict(&mut self, handle: u64, from: usize, count: usize, keep: u8) -> Result<(), Error> {
        let held = self.get(handle, MEMORY, Rights::OWNER)?;
        let (pages, mapped) = self.pages(held.object);
        if count == 0 || from + count > pages.len() || keep > 1 {
            return Err(BadArgument);
        }
        let hit = |m: &Mapped| (from..from + count).contains(&m.page);
        match keep {
            0 => mapped.retain(|_, m| !hit(m)),
            _ => mapped.values_mut().filter(|m| hit(m)).for_each(|m| {
                m.access &= !2;
                m.allowed &= !2;
            }),
        }
        Ok(())
    }
}

/// Stands for "one of several errors": the kernel answers this one to none of these calls.
pub const ANY: Error = TimedOut;

fn check_access(access: u8) -> Result<(), Error> {
    match access {
        6 | 7 => Err(WriteAndExecute),
        1 | 3 | 5 => Ok(()),
        _ => Err(BadArgument),
    }
}

fn check_page(page: Page, access: u8) -> Result<(), Error> {
    match page {
        Page::Data if access & 4 != 0 => Err(NotExecutable),
        Page::Frozen if access & 4 != 0 => Err(NotExecutable),
        Page::Frozen | Page::Code if access & 2 != 0 => Err(Denied),
        _ => Ok(()),
    }
}
