//! The memory, and views that validate once.

use core::marker::PhantomData;

use crate::kept::next_era;
use crate::mutants::{Mutant, mutant};
use crate::name::{Brand, FRAME_SHIFT, GRANULE_SHIFT};
use crate::slab::{Slot, stride};
use crate::stock::{CLASSES, Stock};
use crate::{AnyName, Class, Frame, FrameInfo, Key, Kind, Link, Name};

/// Block orders of the allocator: 2^0 to 2^(ORDERS-1) frames.
pub(crate) const ORDERS: usize = 20;

/// All frames of RAM, and the tables about them. `L` says which class has which type.
pub struct Mem<L> {
    pub(crate) places: Places,
    pub(crate) infos: *mut FrameInfo,
    pub(crate) first_physical: u32,
    pub(crate) heads: [Frame; ORDERS],
    pub(crate) free: u32,
    pub(crate) emptied: Frame,
    /// See `stock`.
    pub(crate) singles: Stock,
    pub(crate) spares: [Stock; CLASSES],
    /// See `kept`.
    pub(crate) era: u64,
    list: PhantomData<L>,
}

/// Where frames and their kinds are, for good: as [`Mem::new`] was told.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub(crate) base: *mut u8,
    pub(crate) kinds: *mut u8,
    pub(crate) count: u32,
}

// SAFETY: 1. The pointers are to memory that belongs to this value alone (`Mem::new`). 2. It has no thread-local state.
unsafe impl<L> Send for Mem<L> {}

impl<L> Mem<L> {
    /// Takes charge of `count` frames. All are reserved until [`Mem::add`] gives them to the allocator.
    ///
    /// # Safety
    /// For ever: 1. `base` points to `count` × 4,096 bytes, page-aligned; those of the frames that are added belong to
    /// this value alone (what users do to [`Kind::BYTES`] frames excepted). 2. `kinds` points to `count` zeroed bytes
    /// and `infos` to `count` zeroed entries, which belong to this value alone and lie in no frame that is added.
    pub unsafe fn new(base: *mut u8, kinds: *mut u8, infos: *mut FrameInfo, count: u32, first_physical: u32) -> Self {
        Mem {
            places: Places { base, kinds, count: count.min(1 << (32 - FRAME_SHIFT)) },
            infos,
            first_physical,
            heads: [Frame::NONE; ORDERS],
            free: 0,
            emptied: Frame::NONE,
            singles: Stock::EMPTY,
            spares: [Stock::EMPTY; CLASSES],
            era: next_era(),
            list: PhantomData,
        }
    }

    /// Gives reserved frames to the allocator. Frame 0 stays reserved, and so does what is in use.
    pub fn add(&mut self, first: Frame, frames: u32) {
        let (mut at, end) = (first.0.max(1), first.0.saturating_add(frames).min(self.places.count));
        while at < end {
            let row = (at..end).take_while(|n| self.kind(Frame(*n)) == Kind::RESERVED).count() as u32;
            self.set_kinds(Frame(at), row, Kind::FREE_TAIL);
            self.give_range(Frame(at), row);
            at += row.max(1);
        }
    }

    /// Free frames.
    pub fn free_frames(&self) -> u32 {
        self.free
    }

    /// Frames managed, reserved ones included.
    pub fn frames(&self) -> u32 {
        self.places.count
    }

    /// The physical frame number of frame 0.
    pub fn first_physical(&self) -> u32 {
        self.first_physical
    }

    /// Runs `f` with a view. While it runs nothing that a [`Key`] proves goes away; what was freed meanwhile is retyped
    /// afterwards.
    #[inline(always)]
    pub fn view<R>(&mut self, f: impl for<'id> FnOnce(View<'_, 'id, L>) -> R) -> R {
        let result = f(View::of(self));
        if !self.emptied.is_none() {
            self.retype_emptied();
        }
        result
    }

    /// The same for what frees nothing: if it does, the next view's end retypes it.
    #[inline(always)]
    pub fn brief_view<R>(&mut self, f: impl for<'id> FnOnce(View<'_, 'id, L>) -> R) -> R {
        f(View::of(self))
    }

    /// Where a frame's bytes are, for the processor's boot code and entry stubs. `None` beyond the last frame.
    pub fn address(&self, frame: Frame) -> Option<*mut u8> {
        // SAFETY: the frame is inside `base`'s allocation (`new`).
        (frame.0 < self.places.count).then(|| unsafe { self.places.base.add(frame.0 as usize * crate::PAGE) })
    }

    /// Where an object's body is, for the entry stubs, which read and write a thread's saved registers directly.
    /// `None` if the link leads nowhere.
    pub fn object_address<const I: u8>(&self, link: Link<I>) -> Option<*mut L::T>
    where
        L: Class<I>,
    {
        if !self.places.is_slot::<L, I>(link.raw()) {
            return None;
        }
        Some(self.places.body::<L, I>(link.raw()))
    }

    fn retype_emptied(&mut self) {
        let mut frame = core::mem::take(&mut self.emptied);
        if !mutant(Mutant::KeptOutlivesFrame) {
            self.end_era();
        }
        while !frame.is_none() {
            let next = self.info(frame).next;
            self.give_emptied(frame);
            frame = next;
        }
    }

    #[inline(always)]
    pub(crate) fn kind(&self, frame: Frame) -> Kind {
        assert!(frame.0 < self.places.count);
        // SAFETY: `kinds` has `count` entries (`new`), and the frame is below it.
        Kind(unsafe { *self.places.kinds.add(frame.0 as usize) })
    }

    #[inline(always)]
    pub(crate) fn set_kind(&mut self, frame: Frame, kind: Kind) {
        assert!(frame.0 < self.places.count);
        // SAFETY: as in `kind`; the table is this value's alone.
        unsafe { *self.places.kinds.add(frame.0 as usize) = kind.0 }
    }

    /// Sets the kinds of frames in a row.
    pub(crate) fn set_kinds(&mut self, first: Frame, frames: u32, kind: Kind) {
        assert!(first.0 <= self.places.count && frames <= self.places.count - first.0);
        // SAFETY: `kinds` has `count` entries, all of these among them; the table is this value's alone.
        unsafe { core::ptr::write_bytes(self.places.kinds.add(first.0 as usize), kind.0, frames as usize) }
    }

    #[inline(always)]
    pub(crate) fn info(&self, frame: Frame) -> &FrameInfo {
        assert!(frame.0 < self.places.count);
        // SAFETY: 1. `infos` has `count` entries (`new`), and the frame is below it. 2. The reference borrows `self`.
        unsafe { &*self.infos.add(frame.0 as usize) }
    }

    #[inline(always)]
    pub(crate) fn info_mut(&mut self, frame: Frame) -> &mut FrameInfo {
        assert!(frame.0 < self.places.count);
        // SAFETY: as in `info`, and `self` is borrowed mutably.
        unsafe { &mut *self.infos.add(frame.0 as usize) }
    }

    /// The entries of frames in a row.
    #[inline(always)]
    fn infos(&self, first: Frame, count: u32) -> &[FrameInfo] {
        assert!(first.0 <= self.places.count && count <= self.places.count - first.0);
        // SAFETY: 1. `infos` has an entry for each of the `count` frames (`new`), and these are among them. 2. The slice borrows
        // `self`.
        unsafe { core::slice::from_raw_parts(self.infos.add(first.0 as usize), count as usize) }
    }

    /// The same, to change them.
    #[inline(always)]
    fn infos_mut(&mut self, first: Frame, count: u32) -> &mut [FrameInfo] {
        assert!(first.0 <= self.places.count && count <= self.places.count - first.0);
        // SAFETY: as in `infos`, and `self` is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.infos.add(first.0 as usize), count as usize) }
    }
}

impl Places {
    /// Whether a frame is of class `I`.
    #[inline(always)]
    fn is_class<const I: u8>(&self, frame: u32) -> bool {
        // SAFETY: `kinds` has `count` entries, and the frame is below it.
        frame < self.count && unsafe { *self.kinds.add(frame as usize) } == I
    }

    /// Whether a place is the start of a slot of class `I`.
    #[inline(always)]
    pub(crate) fn is_slot<L, const I: u8>(&self, place: u32) -> bool
    where
        L: Class<I>,
    {
        let grains = (if L::NAMED { stride::<L::T>() } else { crate::PAGE }) >> GRANULE_SHIFT;
        if grains == 1 << FRAME_SHIFT {
            // One a frame: turned, a place that is not a frame's start is beyond all frames, of which there are fewer than 2^23.
            return self.is_class::<I>(place.rotate_right(FRAME_SHIFT));
        }
        place & (grains as u32 - 1) == 0 && self.is_class::<I>(place >> FRAME_SHIFT)
    }

    /// The body at a place that [`Places::is_slot`].
    #[inline(always)]
    pub(crate) fn body<L, const I: u8>(&self, place: u32) -> *mut L::T
    where
        L: Class<I>,
    {
        // SAFETY: the place lies in a frame of the arena, so the offset stays inside it.
        let start = unsafe { self.base.add((place as usize) << GRANULE_SHIFT) };
        if L::NAMED {
            // SAFETY: a slot of class I is a `Slot<T>`, whole inside the frame.
            unsafe { &raw mut (*start.cast::<Slot<L::T>>()).body }
        } else {
            start.cast()
        }
    }

    /// The generation of the slot at a place that [`Places::is_slot`], of a named class.
    #[inline(always)]
    pub(crate) fn generation<L, const I: u8>(&self, place: u32) -> *mut u32
    where
        L: Class<I>,
    {
        // SAFETY: as in `body`.
        unsafe { &raw mut (*self.base.add((place as usize) << GRANULE_SHIFT).cast::<Slot<L::T>>()).generation }
    }
}

/// Access to kernel objects. Names and links are checked once and become keys; a key costs nothing to use.
pub struct View<'m, 'id, L> {
    pub(crate) mem: &'m mut Mem<L>,
    /// What of `mem` never changes: the compiler can't know that, and would read it again after each write to an object.
    pub(crate) places: Places,
    /// `mem`'s.
    pub(crate) era: u64,
    pub(crate) brand: Brand<'id>,
}

impl<'m, L> View<'m, '_, L> {
    #[inline(always)]
    fn of(mem: &'m mut Mem<L>) -> Self {
        View { places: mem.places, era: mem.era, mem, brand: PhantomData }
    }
}

impl<'id, L> View<'_, 'id, L> {
    /// The object a link leads to; `None` if it leads nowhere.
    #[inline(always)]
    pub fn follow<const I: u8>(&self, link: Link<I>) -> Option<Key<'id, I>>
    where
        L: Class<I>,
    {
        self.places.is_slot::<L, I>(link.0).then_some(Key { place: link.0, view: self.brand })
    }

    /// The object of this name; `None` once it is gone.
    #[inline(always)]
    pub fn find<const I: u8>(&self, name: Name<I>) -> Option<Key<'id, I>>
    where
        L: Class<I>,
    {
        const { assert!(L::NAMED) }
        let key = self.follow(name.link())?;
        // SAFETY: `follow` found a slot of class I, which is named.
        let generation = unsafe { *self.places.generation::<L, I>(key.place) };
        (generation == (name.0 >> 32) as u32).then_some(key)
    }

    /// The object of this name, if it is of class `I` and still there.
    #[inline(always)]
    pub fn find_any<const I: u8>(&self, name: AnyName) -> Option<Key<'id, I>>
    where
        L: Class<I>,
    {
        self.find(name.cast()?)
    }

    /// The object's name.
    #[inline(always)]
    pub fn name<const I: u8>(&self, key: Key<'id, I>) -> Name<I>
    where
        L: Class<I>,
    {
        const { assert!(L::NAMED) }
        // SAFETY: the key proves a slot of class I.
        let generation = unsafe { *self.places.generation::<L, I>(key.place) };
        Name(key.place as u64 | (generation as u64) << 32)
    }

    /// The object.
    #[inline(always)]
    pub fn get<const I: u8>(&self, key: Key<'id, I>) -> &L::T
    where
        L: Class<I>,
    {
        // SAFETY: 1. The key proves a slot of class I, which holds a `T` (slots are filled when the slab is made).
        // 2. Frames are not retyped while the view lives. 3. The reference borrows the view.
        unsafe { &*self.places.body::<L, I>(key.place) }
    }

    /// The object, to change it.
    #[inline(always)]
    pub fn get_mut<const I: u8>(&mut self, key: Key<'id, I>) -> &mut L::T
    where
        L: Class<I>,
    {
        // SAFETY: as in `get`, and the view is borrowed mutably.
        unsafe { &mut *self.places.body::<L, I>(key.place) }
    }

    /// What is known about a frame.
    #[inline(always)]
    pub fn frame(&self, frame: Frame) -> &FrameInfo {
        self.mem.info(frame)
    }

    /// What is known about a frame, to change it.
    #[inline(always)]
    pub fn frame_mut(&mut self, frame: Frame) -> &mut FrameInfo {
        self.mem.info_mut(frame)
    }

    /// What is known about frames in a row, all of which are managed.
    #[inline(always)]
    pub fn row(&self, first: Frame, count: u32) -> &[FrameInfo] {
        self.mem.infos(first, count)
    }

    /// The same, to change them.
    #[inline(always)]
    pub fn row_mut(&mut self, first: Frame, count: u32) -> &mut [FrameInfo] {
        self.mem.infos_mut(first, count)
    }

    /// What a frame is used for.
    #[inline(always)]
    pub fn kind(&self, frame: Frame) -> Kind {
        self.mem.kind(frame)
    }

    /// The frames used for something, ascending: for checks of the whole memory.
    pub fn frames_of(&self, kind: Kind) -> impl Iterator<Item = Frame> {
        // SAFETY: 1. `kinds` has `count` initialised entries (`new`). 2. The slice borrows the view, which alone changes it.
        let kinds = unsafe { core::slice::from_raw_parts(self.places.kinds, self.places.count as usize) };
        const ROW: usize = 64;
        let rows = kinds.chunks(ROW).enumerate().filter(move |(_, row)| row.contains(&kind.0));
        rows.flat_map(move |(n, row)| {
            let found = row.iter().enumerate().filter(move |(_, other)| **other == kind.0);
            found.map(move |(i, _)| Frame((n * ROW + i) as u32))
        })
    }

    /// Free frames.
    pub fn free_frames(&self) -> u32 {
        self.mem.free
    }

    /// Frames managed, reserved ones included.
    pub fn frames(&self) -> u32 {
        self.places.count
    }

    /// The physical frame number.
    #[inline(always)]
    pub fn physical(&self, frame: Frame) -> u32 {
        self.mem.first_physical + frame.0
    }

    /// The frame with a physical number, if it is one of those managed.
    #[inline(always)]
    pub fn managed(&self, physical: u32) -> Option<Frame> {
        let index = physical.wrapping_sub(self.mem.first_physical);
        (index < self.places.count).then_some(Frame(index))
    }

    /// The first of frames in a row with physical numbers from this one on, if all of them are among those managed.
    #[inline(always)]
    pub fn managed_row(&self, physical: u32, count: u32) -> Option<Frame> {
        let first = self.managed(physical)?;
        (count <= self.places.count - first.0).then_some(first)
    }
}
