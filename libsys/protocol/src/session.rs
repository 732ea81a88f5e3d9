//! What the sessions of all services share: object ids, the window, attaching, and slots of a session's ring.
//!
//! ```text
//!  names.open ──► session (one handle; id 0 is what was opened)
//!     │ open, connect, …  ──► further objects by id
//!     │ Attach(pool, doorbell) ──► Memory: window │ submission ring │ completion ring;  server's doorbell
//!     │ Share(id) ──► a handle to a new session with that object as id 0
//!     ▼ last handle closed ──► the server gets Closed(badge) and drops it all
//! ```

use serde::{Deserialize, Serialize};

use crate::{Bytes, Error};

/// An object of a session. Ids are small numbers that the server chooses; they cost the kernel nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id(pub u32);

impl Id {
    /// What was opened.
    pub const ROOT: Id = Id(0);
}

/// Bytes that ride in a message at most; more go through the window.
pub const INLINE: usize = 512;
/// The smallest window, and the default.
pub const MIN_WINDOW: u32 = 64 << 10;
/// The largest window.
pub const MAX_WINDOW: u32 = 1 << 20;
/// Most requests of a session that wait at once, and so most slots of a ring.
pub const MAX_SLOTS: u16 = 64;

/// Asks for the session's shared memory. Handles: pool (only MAKE; the server makes the Memory in it), doorbell of the
/// client, rung when a completion or event came. Answered by [`Attached`] with two handles: the server's doorbell, the
/// Memory. A second attach answers [`Error::Exists`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// Bytes of the window: a multiple of 4,096 from [`MIN_WINDOW`] to [`MAX_WINDOW`].
    pub window: u32,
    /// Slots of each of the two rings, a power of two up to [`MAX_SLOTS`]; 0 for none.
    pub slots: u16,
}

impl Attach {
    /// The request, if its numbers are within the bounds: each server checks by this.
    pub const fn check(self) -> Result<Attach, Error> {
        let slots = self.slots == 0 || self.slots.is_power_of_two() && self.slots <= MAX_SLOTS;
        if slots && self.window >= MIN_WINDOW && self.window <= MAX_WINDOW && self.window.is_multiple_of(4096) {
            Ok(self)
        } else {
            Err(Error::BadArgument)
        }
    }

    /// Where things lie: the rings (a header page and a page of slots each, submission first), then the window.
    pub const fn layout(self) -> Attached {
        let rings = if self.slots == 0 { 0 } else { 4 * 4096 };
        Attached { window: self.window, slots: self.slots, window_offset: rings, pages: (rings + self.window) / 4096 }
    }
}

/// The session's Memory: rings first, then the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Bytes of the window.
    pub window: u32,
    /// Slots of each ring, or 0. The submission ring is at offset 0, the completion ring at 8,192.
    pub slots: u16,
    /// Where the window starts.
    pub window_offset: u32,
    /// Pages of the Memory.
    pub pages: u32,
}

/// Offset of the submission ring in the session's Memory.
pub const SUBMISSION: u32 = 0;
/// Offset of the completion ring in the session's Memory.
pub const COMPLETION: u32 = 8192;

/// Where bytes are: in the message, or in the window of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Data {
    /// Here.
    Inline(Bytes<INLINE>),
    /// In the window.
    Window(Span),
}

/// A part of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First byte, from the window's start.
    pub offset: u32,
    /// Bytes.
    pub length: u32,
}

impl Span {
    /// The span, if it lies within a window of so many bytes.
    pub fn within(self, window: u32) -> Result<Span, Error> {
        match self.offset.checked_add(self.length) {
            Some(end) if end <= window => Ok(self),
            _ => Err(Error::BadArgument),
        }
    }
}

/// Where a reply's bytes are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Room {
    /// Into the reply, at most so many ([`INLINE`]).
    Inline(u16),
    /// Into the window.
    Window(Span),
}

impl Room {
    /// Bytes asked for.
    pub const fn length(self) -> usize {
        match self {
            Room::Inline(length) => length as usize,
            Room::Window(span) => span.length as usize,
        }
    }
}

/// Payload bytes of a slot.
pub const SLOT_BYTES: usize = 58;
/// Set in a slot's length where the bytes lie in the window, at (offset u32, length u32) in the slot.
pub const SLOT_IN_WINDOW: u16 = 0x8000;

/// A slot of a session's ring: a request or an answer with the tag that joins them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Chosen by the client, given back with the answer.
    pub tag: u32,
    /// Bytes of `bytes` used, or [`SLOT_IN_WINDOW`] with 8.
    pub length: u16,
    /// The encoded message.
    pub bytes: [u8; SLOT_BYTES],
}

impl Slot {
    /// A slot with this message in it; `None` if it is too long.
    pub fn new(tag: u32, message: &[u8]) -> Option<Slot> {
        let mut slot = Slot { tag, length: message.len() as u16, bytes: [0; SLOT_BYTES] };
        slot.bytes.get_mut(..message.len())?.copy_from_slice(message);
        Some(slot)
    }

    /// A slot whose message lies in the window.
    pub fn in_window(tag: u32, span: Span) -> Slot {
        let mut slot = Slot { tag, length: SLOT_IN_WINDOW | 8, bytes: [0; SLOT_BYTES] };
        slot.bytes[..4].copy_from_slice(&span.offset.to_le_bytes());
        slot.bytes[4..8].copy_from_slice(&span.length.to_le_bytes());
        slot
    }

    /// What the slot holds; its length is checked.
    pub fn content(&self) -> Result<SlotContent<'_>, Error> {
        if self.length & SLOT_IN_WINDOW == 0 {
            return self.bytes.get(..self.length as usize).map(SlotContent::Here).ok_or(Error::Malformed);
        }
        if self.length != SLOT_IN_WINDOW | 8 {
            return Err(Error::Malformed);
        }
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| self.bytes[at + i]));
        Ok(SlotContent::InWindow(Span { offset: word(0), length: word(4) }))
    }

    /// As it lies in the ring.
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut raw = [0; 64];
        raw[..4].copy_from_slice(&self.tag.to_le_bytes());
        raw[4..6].copy_from_slice(&self.length.to_le_bytes());
        raw[6..].copy_from_slice(&self.bytes);
        raw
    }

    /// From the ring.
    pub fn from_bytes(raw: &[u8; 64]) -> Slot {
        let mut bytes = [0; SLOT_BYTES];
        bytes.copy_from_slice(&raw[6..]);
        Slot {
            tag: u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]),
            length: u16::from_le_bytes([raw[4], raw[5]]),
            bytes,
        }
    }
}

/// Where a slot's message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotContent<'a> {
    /// In the slot.
    Here(&'a [u8]),
    /// In the window; [`Span::within`] checks it.
    InWindow(Span),
}

/// A protocol whose sessions can be attached and shared: lets libsys do both for all of them.
pub trait Sessions: crate::Protocol {
    /// The request that attaches.
    fn attach(attach: Attach) -> Self::Request;
    /// The answer to it.
    fn attached(reply: Self::Reply) -> Option<Attached>;
    /// The request that closes an object.
    fn close(id: Id) -> Self::Request;
}

/// Implements [`Sessions`] for a protocol with the variants `Attach`, `Attached` and `Close`.
macro_rules! sessions {
    ($protocol:ty, $request:ident, $reply:ident) => {
        impl $crate::session::Sessions for $protocol {
            fn attach(attach: $crate::session::Attach) -> $request {
                $request::Attach(attach)
            }
            fn attached(reply: $reply) -> Option<$crate::session::Attached> {
                match reply {
                    $reply::Attached(attached) => Some(attached),
                    _ => None,
                }
            }
            fn close(id: $crate::Id) -> $request {
                $request::Close { id }
            }
        }
    };
}
pub(crate) use sessions;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back_and_bad_lengths_are_refused() {
        let slot = Slot::new(7, b"hello").unwrap();
        assert!(Slot::from_bytes(&slot.to_bytes()) == slot);
        assert_eq!(slot.content(), Ok(SlotContent::Here(b"hello")));
        assert!(Slot::new(7, &[0; 59]).is_none());
        let span = Span { offset: 0x1234_5678, length: 9 };
        assert_eq!(Slot::in_window(1, span).content(), Ok(SlotContent::InWindow(span)));
        for length in [59, 0x7fff, 0x8000, 0xffff] {
            assert_eq!(Slot { length, ..slot }.content(), Err(Error::Malformed));
        }
    }

    #[test]
    fn spans_outside_the_window_are_refused() {
        assert!(Span { offset: 4096, length: 4096 }.within(8192).is_ok());
        assert!(Span { offset: 4097, length: 4096 }.within(8192).is_err());
        assert!(Span { offset: u32::MAX, length: 2 }.within(u32::MAX).is_err());
    }

    #[test]
    fn attach_is_held_to_its_bounds() {
        assert!(Attach { window: MIN_WINDOW, slots: 0 }.check().is_ok());
        assert!(Attach { window: MIN_WINDOW, slots: 3 }.check().is_err());
        assert!(Attach { window: MIN_WINDOW, slots: 128 }.check().is_err());
        assert!(Attach { window: MIN_WINDOW + 1, slots: 64 }.check().is_err());
        assert!(Attach { window: MAX_WINDOW + 4096, slots: 64 }.check().is_err());
        let layout = Attach { window: MIN_WINDOW, slots: 64 }.layout();
        assert_eq!((layout.window_offset, layout.pages), (16384, 20));
    }
}
