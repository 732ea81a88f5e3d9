//! Slabs of objects of one class, and typed pages.

use crate::mutants::{Mutant, mutant};
use crate::name::FRAME_SHIFT;
use crate::{Class, Frame, Key, Kind, Link, PAGE, View};

/// An object with its generation.
#[repr(C)]
pub(crate) struct Slot<T> {
    /// A count in steps of 256 above the class in the low byte.
    pub generation: u32,
    /// Free: next free slot + 1. Taken: [`TAKEN`].
    pub next: u32,
    pub body: T,
}

/// Distance between slots: the slot's size rounded up to a power of two.
pub(crate) const fn stride<T>() -> usize {
    let size = size_of::<Slot<T>>().next_power_of_two();
    assert!(size <= PAGE);
    size
}

const TAKEN: u32 = u32::MAX;
const GENERATION_STEP: u32 = 0x100;
const GENERATION_LAST: u32 = 0xffff_ff00;

/// Of an object that another is made like: how much is copied before its [`Class::scratch`], and where what follows begins.
#[inline(always)]
fn copied<L: Class<I>, const I: u8>(object: &L::T) -> (usize, usize) {
    let (size, scratch) = (size_of::<L::T>(), L::scratch(object));
    let head = scratch.as_ptr().addr().wrapping_sub((&raw const *object).addr());
    // None, or it lies elsewhere.
    if scratch.is_empty() || head > size || scratch.len() > size - head {
        return (size, size);
    }
    (head, head + scratch.len())
}

/// How taking or freeing a slot changed its slab: what lists it belongs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlabChange {
    /// It has free slots, as before.
    Partial,
    /// It has no free slot left.
    Full,
    /// It had none and has one now.
    NoLongerFull,
    /// It has no objects any more.
    Empty,
}

impl<'id, L> View<'_, 'id, L> {
    /// Makes a frame of plain bytes a slab of class `I`, each slot filled with `fill`.
    pub fn make_slab<const I: u8>(&mut self, frame: Frame, fill: &L::T, owner: u32)
    where
        L: Class<I>,
    {
        const { assert!(L::NAMED && I > 0 && I < 100) }
        assert!(self.mem.kind(frame) == Kind::BYTES);
        self.reset(frame, owner);
        let died = if mutant(Mutant::SlabForgetsGenerations) { 0 } else { self.mem.info(frame).generation };
        let counter = died & GENERATION_LAST;
        let slots = PAGE / stride::<L::T>();
        let page = self.places.base.wrapping_add(frame.0 as usize * PAGE);
        let (head, rest) = copied::<L, I>(fill);
        // SAFETY: 1. The frame is inside the arena and ours: plain bytes that no view, user or device uses (the caller took it).
        // 2. The slots are disjoint, aligned (a power of two) and whole inside it; they divide it. 3. `fill` is in no frame of
        // plain bytes, as it is a reference, and both parts lie in it. What is between them is plain bytes, of which any are good.
        // 4. What is copied lies before where it goes, and both are inside the frame.
        unsafe {
            let first = page.cast::<Slot<L::T>>();
            (&raw mut (*first).generation).write(counter | I as u32);
            let (from, to) = ((&raw const *fill).cast::<u8>(), (&raw mut (*first).body).cast::<u8>());
            to.copy_from_nonoverlapping(from, head);
            let tail = if mutant(Mutant::SlabFilledInPart) { 0 } else { size_of::<L::T>() - rest };
            to.add(rest).copy_from_nonoverlapping(from.add(rest), tail);
            // Then as much again as there is, until the page is full.
            let mut done = stride::<L::T>();
            while done < PAGE {
                page.add(done).copy_from_nonoverlapping(page, done);
                done *= 2;
            }
            for i in 0..slots {
                let slot = page.add(i * stride::<L::T>()).cast::<Slot<L::T>>();
                (&raw mut (*slot).next).write(if i + 1 < slots { i as u32 + 2 } else { 0 });
            }
        }
        self.mem.info_mut(frame).free = 1;
        self.mem.set_kind(frame, Kind::class(I));
    }

    /// Takes a slot of a slab that has one and fills it.
    pub fn take_slot<const I: u8>(&mut self, frame: Frame, value: &L::T) -> Option<(Key<'id, I>, SlabChange)>
    where
        L: Class<I>,
    {
        let (key, change) = self.take_filled(frame)?;
        *self.get_mut(key) = *value;
        Some((key, change))
    }

    /// Takes a slot of a slab that has one, with what is in it: what the slab was filled with, if it is new.
    pub fn take_filled<const I: u8>(&mut self, frame: Frame) -> Option<(Key<'id, I>, SlabChange)>
    where
        L: Class<I>,
    {
        if self.mem.kind(frame) != Kind::class(I) || self.mem.info(frame).free == 0 {
            return None;
        }
        let index = self.mem.info(frame).free as usize - 1;
        let place = (frame.0 << FRAME_SHIFT) + ((index * stride::<L::T>()) >> 3) as u32;
        let key = Key { place, view: self.brand };
        let slot = self.slot(key);
        // SAFETY: the frame is a slab of class I and the index came from its free list, so a slot is there.
        let next = unsafe { core::mem::replace(&mut (*slot).next, TAKEN) };
        let info = self.mem.info_mut(frame);
        info.free = next as u16;
        info.used += 1;
        Some((key, if next == 0 { SlabChange::Full } else { SlabChange::Partial }))
    }

    /// Ends an object: every name of it is stale from here. Its slot is free again; keys still made of it in this view
    /// reach a dead object of the same type.
    ///
    /// A slot whose generation is used up is retired: it stays taken, and its slab with it.
    pub fn free_slot<const I: u8>(&mut self, key: Key<'id, I>) -> SlabChange
    where
        L: Class<I>,
    {
        let frame = key.frame();
        let slot = self.slot(key);
        let index = ((key.place as usize) << 3 & (PAGE - 1)) / stride::<L::T>();
        let (was_full, free) = (self.mem.info(frame).free == 0, self.mem.info(frame).free);
        // SAFETY: the key proves a slot of class I; `self` is borrowed mutably.
        let generation = unsafe {
            let step = if mutant(Mutant::NameOutlivesObject) { 0 } else { GENERATION_STEP };
            (*slot).generation = (*slot).generation.saturating_add(step) & GENERATION_LAST | I as u32;
            (*slot).generation & GENERATION_LAST
        };
        let info = self.mem.info_mut(frame);
        info.generation = info.generation.max(generation);
        if generation == GENERATION_LAST && !mutant(Mutant::ObjectSlotNotRetired) {
            // SAFETY: as above.
            unsafe { (*slot).next = 0 }
            return SlabChange::Partial;
        }
        // SAFETY: as above.
        unsafe { (*slot).next = free as u32 }
        info.free = index as u16 + 1;
        info.used -= 1;
        match (info.used, was_full) {
            (0, _) => SlabChange::Empty,
            (_, true) => SlabChange::NoLongerFull,
            _ => SlabChange::Partial,
        }
    }

    /// Makes every name of an object stale, as its end will; until then it is reached by links alone.
    pub fn hide<const I: u8>(&mut self, key: Key<'id, I>)
    where
        L: Class<I>,
    {
        if mutant(Mutant::EndingKeepsNames) {
            return;
        }
        let slot = self.slot(key);
        // SAFETY: the key proves a slot of class I; `self` is borrowed mutably. At the last generation the slot is retired
        // when the object ends, as nobody has a name of that generation.
        let generation = unsafe {
            (*slot).generation = (*slot).generation.saturating_add(GENERATION_STEP) & GENERATION_LAST | I as u32;
            (*slot).generation & GENERATION_LAST
        };
        let info = self.mem.info_mut(key.frame());
        info.generation = info.generation.max(generation);
    }

    /// The slots of a slab, free ones included: an iterator that does not borrow the view.
    pub fn slots<const I: u8>(&self, frame: Frame) -> impl Iterator<Item = Link<I>> + use<L, I>
    where
        L: Class<I>,
    {
        let count = if self.mem.kind(frame) == Kind::class(I) { PAGE / stride::<L::T>() } else { 0 };
        (0..count).map(move |i| Link((frame.0 << FRAME_SHIFT) + ((i * stride::<L::T>()) >> 3) as u32))
    }

    /// Slots of a slab that are not taken (a retired one counts as taken).
    pub fn room<const I: u8>(&self, frame: Frame) -> u32
    where
        L: Class<I>,
    {
        (PAGE / stride::<L::T>()) as u32 - self.mem.info(frame).used as u32
    }

    /// The object in a slot, if the slot is taken.
    pub fn live<const I: u8>(&self, link: Link<I>) -> Option<Key<'id, I>>
    where
        L: Class<I>,
    {
        let key = self.follow(link)?;
        // SAFETY: `follow` found a slot of class I.
        (unsafe { (*self.slot(key)).next } == TAKEN).then_some(key)
    }

    /// Makes a frame of plain bytes a typed page of class `I`.
    pub fn make_page<const I: u8>(&mut self, frame: Frame, value: L::T, owner: u32) -> Key<'id, I>
    where
        L: Class<I>,
    {
        const { assert!(!L::NAMED && size_of::<L::T>() == PAGE && I > 0 && I < 100) }
        assert!(self.mem.kind(frame) == Kind::BYTES);
        self.reset(frame, owner);
        // SAFETY: the frame is inside the arena and ours (as in `make_slab`), page-aligned, and a `T` is a page.
        unsafe { self.places.base.add(frame.0 as usize * PAGE).cast::<L::T>().write(value) }
        self.mem.set_kind(frame, Kind::class(I));
        Key { place: frame.0 << FRAME_SHIFT, view: self.brand }
    }

    /// As [`View::release`] for an empty slab, of which so many stay as they are as their class says: see
    /// [`View::take_spare_slab`].
    pub fn release_slab<const I: u8>(&mut self, slab: Frame)
    where
        L: Class<I>,
    {
        const { assert!(L::NAMED) }
        assert!(self.mem.kind(slab) == Kind::class(I));
        let first = self.mem.info(slab).free;
        self.release(slab);
        if L::SPARES > 0 {
            let info = self.mem.info_mut(slab);
            (info.free, info.extra) = (L::SPARES, first.into());
        }
    }

    /// Gives an empty slab or a typed page back, once the view ends. Its caller must have unlinked it: from here the
    /// frame's list links are the allocator's.
    pub fn release(&mut self, frame: Frame) {
        assert!((1..100).contains(&self.mem.kind(frame).0));
        let next = self.mem.emptied;
        // The next objects here start at the highest generation that a slot of an empty slab has come to: above every
        // name there was, and, as none was retired, below the last. Pages without names use nothing up.
        let info = self.mem.info_mut(frame);
        (info.next, info.free) = (next, 0);
        self.mem.emptied = frame;
    }

    fn slot<const I: u8>(&self, key: Key<'id, I>) -> *mut Slot<L::T>
    where
        L: Class<I>,
    {
        const { assert!(L::NAMED) }
        self.places.base.wrapping_add((key.place as usize) << 3).cast()
    }
}
