//! Ranges of addresses and kinds of access, as arguments of `map` and its like.

use abi::calls::Access;
use abi::user::{USER_END, USER_START};
use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};

use crate::objects::Mapping;
use crate::tables::LEAF_SPAN;

/// A range of a process's addresses, checked: aligned, not empty, the user's.
#[derive(Clone, Copy)]
pub struct Range {
    pub address: u64,
    pub pages: u64,
}

impl Range {
    /// A range of at most `most` pages.
    pub fn new(address: u64, pages: u64, most: u64) -> Result<Range, Error> {
        if pages == 0 || pages > most {
            return Err(Error::BadArgument);
        }
        let end = address.checked_add(pages << 12).ok_or(Error::BadAddress)?;
        if address & 0xfff != 0 || address < USER_START || end > USER_END && !mutant(Mutant::KernelAddressMapped) {
            return Err(Error::BadAddress);
        }
        Ok(Range { address, pages })
    }

    /// The first address behind it.
    pub fn end(self) -> u64 {
        self.address + (self.pages << 12)
    }

    /// Pages of the range before one of its parts.
    pub fn pages_before(self, part: Range) -> u32 {
        ((part.address - self.address) >> 12) as u32
    }

    /// Whether it lies in one lowest table.
    pub fn is_in_one_leaf(self) -> bool {
        (self.address ^ (self.end() - 1)) < LEAF_SPAN
    }

    /// The parts that lie in one lowest table each.
    pub fn leaves(self) -> impl Iterator<Item = Range> {
        let mut at = self.address;
        core::iter::from_fn(move || {
            if at >= self.end() {
                return None;
            }
            let end = ((at | (LEAF_SPAN - 1)) + 1).min(self.end());
            let part = Range { address: at, pages: (end - at) >> 12 };
            at = end;
            Some(part)
        })
    }

    /// Its pages.
    pub fn addresses(self) -> impl Iterator<Item = u64> {
        (0..self.pages).map(move |n| self.address + (n << 12))
    }

    /// What two ranges have in common.
    pub fn intersect(self, other: Range) -> Option<Range> {
        let (start, end) = (self.address.max(other.address), self.end().min(other.end()));
        (start < end).then(|| Range { address: start, pages: (end - start) >> 12 })
    }
}

impl Mapping {
    /// The addresses it covers, holes included.
    pub fn range(&self) -> Range {
        Range { address: self.address, pages: self.pages as u64 }
    }
}

/// Access as an argument: not empty, read included, never write and execute.
pub fn access_argument(value: u64) -> Result<Access, Error> {
    let access = u8::try_from(value).ok().and_then(Access::from_bits).ok_or(Error::BadArgument)?;
    if access.contains(Access::WRITE | Access::EXECUTE) && !mutant(Mutant::WriteAndExecute) {
        return Err(Error::WriteAndExecute);
    }
    if !access.contains(Access::READ) {
        return Err(Error::BadArgument);
    }
    Ok(access)
}

/// The access that rights allow.
pub fn allowed(rights: Rights) -> Access {
    let mut access = Access::empty();
    access.set(Access::READ, rights.contains(Rights::READ));
    access.set(Access::WRITE, rights.contains(Rights::WRITE));
    access.set(Access::EXECUTE, rights.contains(Rights::EXECUTE));
    access
}
