//! Frames and what is known about each.

/// A frame of RAM: its number counted from the first frame the kernel manages. 0 is never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Frame(pub u32);

impl Frame {
    /// No frame.
    pub const NONE: Frame = Frame(0);

    /// Whether it is no frame.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The frame `n` further on.
    pub const fn plus(self, n: u32) -> Frame {
        Frame(self.0 + n)
    }
}

/// What a frame is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Kind(pub(crate) u8);

impl Kind {
    /// Not RAM, or never given to the kernel.
    pub const RESERVED: Kind = Kind(0);
    /// Plain bytes that users may see.
    pub const BYTES: Kind = Kind(100);
    /// The first frame of a free block.
    pub(crate) const FREE: Kind = Kind(101);
    /// Inside a free block.
    pub(crate) const FREE_TAIL: Kind = Kind(102);
    /// A free frame at hand.
    pub(crate) const STOCK: Kind = Kind(103);
    /// A free frame that was a typed page or a slab and is as it was left.
    pub const SPARE: Kind = Kind(104);

    /// Objects of a class.
    pub const fn class(i: u8) -> Kind {
        Kind(i)
    }

    /// Whether the frame is in the allocator.
    pub const fn is_free(self) -> bool {
        self.0 >= Kind::FREE.0
    }
}

/// The life of a user frame: never back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum FrameState {
    /// May be written.
    #[default]
    Data = 0,
    /// Nobody can write it.
    Frozen = 1,
    /// Frozen, and may be executed.
    Code = 2,
}

/// What is known about a frame. The public fields belong to the kernel core; it uses them as its frame's kind asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FrameInfo {
    /// Highest generation of any object that died here.
    pub(crate) generation: u32,
    /// The owner's place (a pool, a process, a memory).
    pub owner: u32,
    /// Next frame of the list it is in.
    pub next: Frame,
    /// Previous frame of that list.
    pub prev: Frame,
    /// For the owner's use. Emptied and spare slabs: first free slot + 1.
    pub extra: u32,
    /// Slab: objects alive. Spare: its class. Elsewhere for the owner's use.
    pub used: u16,
    /// Slab: first free slot + 1. Free block: its order. Emptied: how many of its class may be spare.
    pub(crate) free: u16,
    /// Writable mappings of a user frame.
    pub writers: u16,
    /// The life of a user frame.
    pub state: FrameState,
    /// For the owner's use.
    pub flags: u8,
}
