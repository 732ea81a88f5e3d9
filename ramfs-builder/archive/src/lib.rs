//! The boot archive: what the boot loader hands to the kernel beside the kernel itself.
//!
//! ```text
//! page 0        header: magic, lengths, signature block, init's entry and segments
//! page 1..      table of entries (64 bytes each), then the names
//! page n..      payloads, each starting on a page, in table order, zero-padded
//! ```
//!
//! Rules:
//! * Entry 0 is init, **flattened**: linked to [`INIT_BASE`], relocated by ramfs-builder, described by segments in the
//!   header page. So the kernel reads one page ([`Header::parse`]) and parses no ELF.
//! * The other entries are sorted by [`name::fold`]ed name, so a look-up is a binary search. Programs stay ELF files
//!   that init loads at random addresses.
//! * There is one encoding of a set of files: payload offsets follow from the table, reserved fields are zero. The same
//!   input gives the same bytes.
//! * The reader takes any bytes. It allocates nothing, all its arithmetic is checked, and what it accepts lies inside
//!   the bytes it was given: [`Archive::parse`] is fuzzed for that.
//! * The table holds each payload's SHA-256, the header the table's; a signature over the header page will cover all.
//!
//! Neighbours: ramfs-builder writes it ([`write`], feature `write`), the kernel reads [`Header`], init and fsd read
//! [`Archive`], [`program`] is the reader of programs in it; [`manifest`] (feature `manifest`) is the entry init reads first. [`files`] is a second, simpler format for
//! files that the harness hands to a running guest.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "manifest", feature = "write"))]
extern crate alloc;

mod bytes;
mod entry;
pub mod files;
mod header;
#[cfg(feature = "manifest")]
pub mod manifest;
pub mod name;
pub mod program;
#[cfg(feature = "write")]
pub mod write;

pub use entry::{Archive, Entry, EntryFlags, Kind};
pub use header::{Header, Init, Rights, Segment};

/// Payloads and segments start on multiples of this; both processors map 4 KiB pages.
pub const PAGE: u64 = 4096;
/// The first bytes of an archive.
pub const MAGIC: [u8; 8] = *b"VIARCHIV";
/// The format described here.
pub const VERSION: u32 = 1;
/// Where init is placed: its lowest segment starts here. Above the null guard, below everything init maps later.
pub const INIT_BASE: u64 = 0x1000_0000;
/// Entries an archive may have.
pub const MAX_ENTRIES: u32 = 4096;
/// Segments init may have.
pub const MAX_SEGMENTS: usize = 8;
/// Length of an archive in bytes, at most: 1 GiB.
pub const MAX_LENGTH: u64 = 1 << 30;
/// Name of the entry that holds the manifest.
pub const MANIFEST_NAME: &str = "S/manifest";

/// Why bytes are no archive. Nothing was changed; the archive is not usable in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveError {
    /// Shorter than its header says, or than a header.
    TooShort,
    /// The first bytes are not [`MAGIC`].
    NotAnArchive,
    /// Another format version.
    Version(u32),
    /// Longer, or with more entries, than the limits allow.
    TooLarge,
    /// A field that must be zero is not, or a field has an unknown value.
    BadField,
    /// A table, payload or segment is not where the format puts it.
    BadLayout,
    /// Init has no segments, a writable and executable one, overlapping ones, or an entry point outside of them.
    BadInit,
    /// A name breaks the rules of [`name::check`].
    BadName,
    /// Names out of order, or the same name twice.
    BadOrder,
    /// An alias of something that is no file, or of another alias.
    BadAlias,
}

impl core::fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let text = match self {
            Self::TooShort => "it is shorter than it says",
            Self::NotAnArchive => "it is no boot archive",
            Self::Version(v) => return write!(f, "it has format version {v}, this reader knows {VERSION}"),
            Self::TooLarge => "it is larger than the limits allow",
            Self::BadField => "a field has a value that the format does not know",
            Self::BadLayout => "a part is not where the format puts it",
            Self::BadInit => "its first program is malformed",
            Self::BadName => "an entry has an impossible name",
            Self::BadOrder => "its entries are out of order",
            Self::BadAlias => "an alias names no file",
        };
        f.write_str(text)
    }
}

impl core::error::Error for ArchiveError {}

/// Rounds up to a page; `None` on overflow.
pub(crate) fn page_up(n: u64) -> Option<u64> {
    Some(n.checked_add(PAGE - 1)? & !(PAGE - 1))
}
