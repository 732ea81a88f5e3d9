//! Names, links and keys of kernel objects.

use core::marker::PhantomData;

use crate::Frame;

/// Places count 8-byte granules, so that objects in the first 32 GiB have 32-bit places.
pub(crate) const GRANULE_SHIFT: u32 = 3;
/// Granules in a frame, as a shift.
pub(crate) const FRAME_SHIFT: u32 = 12 - GRANULE_SHIFT;

/// An object's place and generation; the generation's low byte is its class. Stale once the object is gone, for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Name<const I: u8>(pub(crate) u64);

/// The name of an object of any class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct AnyName(pub(crate) u64);

/// An object's place alone: between kernel objects, which unlink themselves when they go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Link<const I: u8>(pub(crate) u32);

/// Proof that there is an object of class `I`, for as long as the view `'id` lives.
#[derive(Debug)]
pub struct Key<'id, const I: u8> {
    pub(crate) place: u32,
    pub(crate) view: Brand<'id>,
}

pub(crate) type Brand<'id> = PhantomData<fn(&'id ()) -> &'id ()>;

impl<const I: u8> Name<I> {
    /// No object.
    pub const NONE: Name<I> = Name(0);

    /// Whether it names nothing.
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The same name, its class forgotten.
    #[inline(always)]
    pub const fn any(self) -> AnyName {
        AnyName(self.0)
    }

    /// The place alone.
    #[inline(always)]
    pub const fn link(self) -> Link<I> {
        Link(self.0 as u32)
    }
}

impl AnyName {
    /// No object.
    pub const NONE: AnyName = AnyName(0);

    /// Whether it names nothing.
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The class it names, 0 for none.
    #[inline(always)]
    pub const fn class(self) -> u8 {
        (self.0 >> 32) as u8
    }

    /// The name, if it is of class `I`.
    #[inline(always)]
    pub const fn cast<const I: u8>(self) -> Option<Name<I>> {
        if self.class() == I { Some(Name(self.0)) } else { None }
    }

    /// A number kept where a name stands when there is none (the free list of a handle table). Its class is 0.
    #[inline(always)]
    pub const fn from_number(number: u32) -> AnyName {
        AnyName(number as u64)
    }

    /// The number that [`AnyName::from_number`] was given.
    #[inline(always)]
    pub const fn number(self) -> u32 {
        self.0 as u32
    }
}

impl<const I: u8> Link<I> {
    /// No object.
    pub const NONE: Link<I> = Link(0);

    /// Whether it leads nowhere.
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The place as a number, for tokens and for [`crate::FrameInfo::owner`].
    #[inline(always)]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// A place that the kernel core stored as a number. Following it checks the kind; that it is a slot's start, too.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Link<I> {
        Link(raw)
    }

    /// The frame it lies in.
    #[inline(always)]
    pub const fn frame(self) -> Frame {
        Frame(self.0 >> FRAME_SHIFT)
    }

    /// The link to a typed page.
    #[inline(always)]
    pub const fn page(frame: Frame) -> Link<I> {
        Link(frame.0 << FRAME_SHIFT)
    }
}

impl<const I: u8> Clone for Key<'_, I> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<const I: u8> Copy for Key<'_, I> {}

impl<const I: u8> PartialEq for Key<'_, I> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl<const I: u8> Eq for Key<'_, I> {}

impl<const I: u8> Key<'_, I> {
    /// The object's place.
    #[inline(always)]
    pub const fn link(self) -> Link<I> {
        Link(self.place)
    }

    /// The frame it lies in.
    #[inline(always)]
    pub const fn frame(self) -> Frame {
        Frame(self.place >> FRAME_SHIFT)
    }
}
