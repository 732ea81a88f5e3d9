//! Handle values.

use core::num::NonZeroU32;

/// A name for an object in one process's table: 16 bits slot generation (from 1) above 16 bits index.
///
/// A slot's generation grows with each use and the slot is retired when it wraps, so a value never comes to mean
/// another object. 0 is no handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Handle(NonZeroU32);

impl Handle {
    /// The handle of a slot.
    #[inline]
    pub const fn new(generation: u16, index: u16) -> Option<Handle> {
        Handle::from_raw((generation as u32) << 16 | index as u32)
    }

    /// A handle as it stands in a register; `None` for 0.
    #[inline]
    pub const fn from_raw(raw: u32) -> Option<Handle> {
        match NonZeroU32::new(raw) {
            Some(raw) => Some(Handle(raw)),
            None => None,
        }
    }

    /// A handle of a fresh process, at an index that the contract fixes: its slot is in its first generation.
    #[inline]
    pub const fn first(index: u16) -> Handle {
        match Handle::new(1, index) {
            Some(handle) => handle,
            None => unreachable!(),
        }
    }

    /// As it stands in a register.
    #[inline]
    pub const fn raw(self) -> u32 {
        self.0.get()
    }

    /// The slot.
    #[inline]
    pub const fn index(self) -> u16 {
        self.0.get() as u16
    }

    /// The slot's generation.
    #[inline]
    pub const fn generation(self) -> u16 {
        (self.0.get() >> 16) as u16
    }
}
