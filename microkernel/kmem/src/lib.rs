//! Frames, typed slabs and names of kernel objects: the memory under the kernel core.
//!
//! # Rules
//!
//! * Every frame of RAM has a *kind*: free, a slab of objects of one class, a typed page, or plain bytes that users may
//!   see. A frame's kind changes only while no [`View`] lives, except from free to something.
//! * An object is reached by a [`Name`] (place and generation), a [`Link`] (place; kept by the kernel between its own
//!   objects) or a [`Key`] (proof, good while the view lives). Names and links are checked, keys are not.
//! * A key is [`Kept`] beyond its view for as long as no frame leaves its class: one compare tells.
//! * What class number stands for which type is fixed by [`Class`]: one type a number, by coherence. So a frame of class
//!   I holds `T`s of that class and nothing else, and a link of class I that finds kind I finds a `T`.
//! * All `unsafe` of the kernel's logic is here.
//!
//! ```text
//! free ──take──▶ bytes ──give──▶ free
//!   └──slab/page──▶ class I ──(empty; the view ends)──▶ free, or spare: free, and of its class again as it is
//! ```
#![no_std]

mod buddy;
mod bytes;
mod frame;
mod kept;
pub mod mutants;
mod name;
mod slab;
mod stock;
#[cfg(test)]
mod tests;
mod view;

pub use frame::{Frame, FrameInfo, FrameState, Kind};
pub use kept::{Kept, KeptPair};
pub use name::{AnyName, Key, Link, Name};
pub use slab::SlabChange;
pub use view::{Mem, View};

/// Bytes in a frame.
pub const PAGE: usize = 4096;

/// Says which type the objects of class `I` have. Implemented by the kernel core for one list type.
///
/// Class numbers are 1–99. `T` is plain data: it is copied in and never dropped.
pub trait Class<const I: u8> {
    /// The type.
    type T: Copy + 'static;
    /// Whether the objects lie in slabs with a generation each (`true`), or are one typed page without one, reached by
    /// links alone; then `T` is exactly a page.
    const NAMED: bool = true;
    /// How many emptied frames of the class are kept as they are, at most, so that the next ones need not be filled.
    const SPARES: u16 = 0;

    /// Plain bytes of an object that nobody reads before they are written: they need not be copied into a new one, and hold what was there
    /// before.
    #[inline(always)]
    fn scratch(_object: &Self::T) -> &[u8] {
        &[]
    }
}
