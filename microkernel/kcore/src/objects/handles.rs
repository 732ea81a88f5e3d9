//! Tables of handles: slots, pages of them, and the pages of a large table.

use abi::Rights;
use kmem::{AnyName, Link, Name};

use super::{GRANT, HANDLES};

/// A slot of a handle table. Free: `object` is the next free slot's number, `rights` empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    pub object: AnyName,
    /// Generation of the slot, in a handle's upper half.
    pub generation: u16,
    pub rights: u16,
    pub reserved: u32,
    pub grant: Name<GRANT>,
    pub badge: u64,
}

impl Entry {
    /// A slot without a handle.
    pub const NONE: Entry =
        Entry { object: AnyName::NONE, generation: 0, rights: 0, reserved: 0, grant: Name::NONE, badge: 0 };

    pub fn rights(&self) -> Rights {
        Rights::from_bits_truncate(self.rights)
    }
}

/// Slots in a page of a handle table.
pub const SLOTS_PER_PAGE: u32 = 128;
const _: () = assert!(size_of::<Handles>() == kmem::PAGE);

/// A page of handle slots.
#[derive(Clone, Copy)]
pub struct Handles(pub [Entry; SLOTS_PER_PAGE as usize]);

/// The pages of a large handle table.
#[derive(Clone, Copy)]
#[repr(C, align(4096))]
pub struct Directory(pub [Link<HANDLES>; 1024]);
