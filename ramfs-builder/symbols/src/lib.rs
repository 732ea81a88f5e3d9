//! Names of functions by address: what makes `tcpip::tcp::Connection::segment+0x44` of an address in a trace.
//!
//! ```text
//! built ELF file ──[write], on the host──► table ──► a segment of the program, in the boot archive ([program])
//!                                                └─► the section `.symbols` of the kernel
//! a trace: address − base ──[Symbols]──► name + offset
//! ```
//!
//! A table, all integers little-endian:
//!
//! ```text
//! magic "VIASYMS\0", version u32, functions u32, end u32, length of the names u32
//! functions × u32   where each starts, from the image's base, ascending
//! functions × u32   where its name stands among the names
//! names             length u8, then UTF-8; functions of one name share it
//! ```
//!
//! Rules:
//! * The reader runs in panics: no allocation, no lock, nothing before it that has to be set up. It takes any bytes and
//!   never panics; what makes no sense has no name.
//! * A function reaches to the start of the next one, the last one to `end`.
//! * Names are demangled, shortened and bounded when the table is made ([`write`]), so that a look-up only copies.
//!
//! Neighbours: ramfs-builder and the harness write tables; init's fault reports, libsys's panics and the kernel's read them.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "write")]
extern crate alloc;

#[cfg(feature = "write")]
mod name;
pub mod program;
#[cfg(feature = "write")]
pub mod write;

use core::fmt;

/// The first bytes of a table.
pub const MAGIC: [u8; 8] = *b"VIASYMS\0";
/// The format described here.
pub const VERSION: u32 = 1;
/// Bytes before the functions.
pub const HEADER_LENGTH: usize = 24;
/// Bytes of a name, at most: with its addresses a line of a trace fits a log record.
pub const MAX_NAME: usize = 120;

/// A table that can be looked into.
#[derive(Debug, Clone, Copy)]
pub struct Symbols<'a> {
    starts: &'a [[u8; 4]],
    places: &'a [[u8; 4]],
    names: &'a [u8],
    end: u32,
}

/// An address with a name. Shown as `name+0x44`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// The function's name.
    pub name: &'a str,
    /// Bytes from its start.
    pub offset: u64,
}

impl fmt::Display for Symbol<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.name, self.offset)
    }
}

impl<'a> Symbols<'a> {
    /// Looks at a table's header: constant time, so that a trace can afford it. Bytes after the table are ignored.
    /// `None`: no table, one of another version, or one that is cut.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (header, rest) = rest.split_first_chunk::<{ HEADER_LENGTH - 8 }>()?;
        let [version, functions, end, names] = header.as_chunks::<4>().0 else { return None };
        if *magic != MAGIC || u32::from_le_bytes(*version) != VERSION {
            return None;
        }
        let list = usize::try_from(u32::from_le_bytes(*functions)).ok()?.checked_mul(4)?;
        let (starts, rest) = rest.split_at_checked(list)?;
        let (places, rest) = rest.split_at_checked(list)?;
        let names = rest.get(..usize::try_from(u32::from_le_bytes(*names)).ok()?)?;
        let (starts, places) = (starts.as_chunks().0, places.as_chunks().0);
        Some(Self { starts, places, names, end: u32::from_le_bytes(*end) })
    }

    /// How many functions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// All functions: where each starts, and its name.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &'a str)> + use<'a> {
        let table = *self;
        (0..self.len()).filter_map(move |index| {
            let start = u32::from_le_bytes(*table.starts.get(index)?);
            Some((start, table.name(index)?))
        })
    }

    /// The function that an instruction belongs to: of a fault, or of a program counter. `address` counts from the base.
    #[must_use]
    pub fn instruction(&self, address: u64) -> Option<Symbol<'a>> {
        let address = u32::try_from(address).ok().filter(|&address| address < self.end)?;
        let after = self.starts.partition_point(|start| u32::from_le_bytes(*start) <= address);
        let index = after.checked_sub(1)?;
        let start = u32::from_le_bytes(*self.starts.get(index)?);
        Some(Symbol { name: self.name(index)?, offset: address.checked_sub(start)?.into() })
    }

    /// The function that a call returns to. A call that never returns may be its function's last instruction, so that
    /// the return address is already the next function's: what counts is the byte before it.
    #[must_use]
    pub fn return_address(&self, address: u64) -> Option<Symbol<'a>> {
        let symbol = self.instruction(address.checked_sub(1)?)?;
        Some(Symbol { offset: symbol.offset + 1, ..symbol })
    }

    fn name(&self, index: usize) -> Option<&'a str> {
        let place = usize::try_from(u32::from_le_bytes(*self.places.get(index)?)).ok()?;
        let (&length, rest) = self.names.get(place..)?.split_first()?;
        core::str::from_utf8(rest.get(..usize::from(length))?).ok()
    }
}
