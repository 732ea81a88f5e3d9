//! Messages: the tag, what `recv` returns, and the IPC buffer.
//!
//! A message of up to 64 bytes travels in the eight words, unused bytes zero. A longer one lies whole in the sender's
//! IPC buffer, at [`BUFFER_PAYLOAD`], and arrives in the receiver's. Handles stand in the buffer's first four `u32`s,
//! both ways.
//!
//! | call | `a0` | `a1` | `deadline` | number register |
//! |---|---|---|---|---|
//! | `call` | channel | tag | – | handles taken in the reply, from bit 16 |
//! | `recv` | channel or 0 | – | deadline | handles taken, from bit 16 |
//! | `reply` | token | tag | – | – |
//! | `reply_recv` | token, or 0 for no reply | tag, channel in the upper half | deadline | handles taken, from bit 16 |
//!
//! | after | `a0` | `a1` | badge |
//! |---|---|---|---|
//! | `call` | 0 | tag of the reply | – |
//! | `recv`, `reply_recv` | token (kinds [`Kind::Call`] and [`Kind::Fault`]) | tag with the kind | badge, or bits |
//!
//! A reply that can't be delivered as the replier meant it never fails the replier: see `Error::CallerGone` for the one
//! exception, a token that is void, and there `reply_recv` does not receive.

/// The longest message in bytes.
pub const MAX_BYTES: usize = 4064;
/// Bytes that travel in registers.
pub const REGISTER_BYTES: usize = 64;
/// Handles in a message.
pub const MAX_HANDLES: usize = 4;
/// Where the payload starts in the IPC buffer; before it four handles and 16 reserved bytes.
pub const BUFFER_PAYLOAD: usize = 0x20;
/// A deadline that never comes.
pub const FOREVER: u64 = u64::MAX;
/// The longest chain of calls, each made while serving the one before.
pub const MAX_CHAIN: usize = 16;
/// Where the number register carries how many handles the caller takes.
pub const TAKES_SHIFT: u32 = 16;
/// Where `reply_recv`'s tag carries the channel's handle.
pub const CHANNEL_SHIFT: u32 = 32;

/// Length, number of handles and, on receipt, kind of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Tag(pub u64);

impl Tag {
    /// The bits that a sender may set.
    pub const SENT: u64 = 0xffff;

    /// A tag for `bytes` of payload and `handles` handles; `None` beyond the bounds.
    #[inline]
    pub const fn new(bytes: usize, handles: usize) -> Option<Tag> {
        if bytes > MAX_BYTES || handles > MAX_HANDLES { None } else { Some(Tag(bytes as u64 | (handles as u64) << 13)) }
    }

    /// Length of the payload in bytes, 0–8191: the kernel refuses more than [`MAX_BYTES`].
    #[inline]
    pub const fn bytes(self) -> usize {
        (self.0 & 0x1fff) as usize
    }

    /// Handles carried, 0–7: the kernel refuses more than [`MAX_HANDLES`].
    #[inline]
    pub const fn handles(self) -> usize {
        (self.0 >> 13 & 7) as usize
    }

    /// What was received.
    #[inline]
    pub const fn kind(self) -> Kind {
        match self.0 >> 16 & 0xf {
            1 => Kind::Bits,
            2 => Kind::Deadline,
            3 => Kind::Closed,
            4 => Kind::Fault,
            _ => Kind::Call,
        }
    }

    /// The same tag with another kind.
    #[inline]
    pub const fn with_kind(self, kind: Kind) -> Tag {
        Tag(self.0 & Tag::SENT | (kind as u64) << 16)
    }
}

/// What `recv` returned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A message; the token answers it.
    Call = 0,
    /// Bits of the bound notification, in the badge's register.
    Bits = 1,
    /// The deadline passed.
    Deadline = 2,
    /// The last handle with this badge is gone.
    Closed = 3,
    /// A fault; words as in [`Fault`]. An empty reply runs the instruction again.
    Fault = 4,
}

/// The words of a fault message, in order: class, address, program counter, stack pointer, the processor's own
/// syndrome (ESR_EL1; error code with the vector in the upper half), thread's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Fault {
    /// A load from a page that is not mapped, or not readable.
    Read = 1,
    /// A store to a page that is not mapped, or not writable.
    Write = 2,
    /// An instruction fetch from a page that is not mapped, or not executable.
    Fetch = 3,
    /// An undefined or privileged instruction.
    Instruction = 4,
    /// An integer division by zero (x86_64).
    Divide = 5,
    /// A misaligned access, program counter or stack pointer.
    Alignment = 6,
    /// A floating-point exception.
    FloatingPoint = 7,
    /// A breakpoint or single step.
    Debug = 8,
    /// Any other exception.
    Other = 9,
}
