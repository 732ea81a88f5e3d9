//! The header page: all that the kernel reads.
//!
//! | offset | field | | offset | field |
//! |---|---|---|---|---|
//! | 0x00 | magic | | 0x38 | entries u32 |
//! | 0x08 | version u32 | | 0x40 | signature block, 128 bytes, zero while archives are not signed |
//! | 0x0c | flags u32, 0 | | 0xc0 | SHA-256 of table and names |
//! | 0x10 | length of all u64 | | 0xe0 | init: entry point u64, segments u32 |
//! | 0x18 | table: offset, length u64 | | 0x100 | 8 segments of 48 bytes |
//! | 0x28 | names: offset, length u64 | | 0x280 | zeros to the end of the page |
//!
//! Segment: offset in the archive u64, length in it u64, address u64, length in memory u64, rights u32, zeros.

use crate::bytes::{array, slice, u32_at, u64_at};
use crate::{ArchiveError, INIT_BASE, MAGIC, MAX_ENTRIES, MAX_LENGTH, MAX_SEGMENTS, PAGE, VERSION, entry, page_up};

pub(crate) const AT_VERSION: u64 = 0x08;
const AT_FLAGS: u64 = 0x0c;
pub(crate) const AT_LENGTH: u64 = 0x10;
pub(crate) const AT_TABLE: u64 = 0x18;
pub(crate) const AT_NAMES: u64 = 0x28;
pub(crate) const AT_ENTRIES: u64 = 0x38;
const AT_RESERVED: u64 = 0x3c;
const AT_SIGNATURE: u64 = 0x40;
pub(crate) const AT_TABLE_HASH: u64 = 0xc0;
pub(crate) const AT_INIT: u64 = 0xe0;
pub(crate) const AT_SEGMENTS: u64 = 0x100;
pub(crate) const SEGMENT_SIZE: u64 = 48;
const AT_REST: u64 = AT_SEGMENTS + SEGMENT_SIZE * MAX_SEGMENTS as u64;

/// Names take at most this much; 4,096 names of ordinary length.
const MAX_NAMES: u64 = 1 << 20;
/// The upper end of user addresses that init may be placed at.
const USER_END: u64 = 1 << 46;

/// What a segment of init may be used for. Write with execute does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Constants.
    Read,
    /// Data: the kernel copies it, the archive is frozen.
    ReadWrite,
    /// Code.
    ReadExecute,
}

impl Rights {
    /// Bits as in ELF's `p_flags`: 4 read, 2 write, 1 execute.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        match self {
            Self::Read => 4,
            Self::ReadWrite => 6,
            Self::ReadExecute => 5,
        }
    }

    /// The inverse of [`Rights::to_bits`]; `None` for anything else, write with execute above all.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            4 => Some(Self::Read),
            6 => Some(Self::ReadWrite),
            5 => Some(Self::ReadExecute),
            _ => None,
        }
    }
}

/// A piece of init: page-aligned in the archive and in memory, sharing no page with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where its bytes are, from the start of the archive.
    pub offset: u64,
    /// How many bytes the archive holds.
    pub file_length: u64,
    /// Where it goes in init's address space.
    pub address: u64,
    /// How many bytes it has in memory; those beyond `file_length` are zero.
    pub memory_length: u64,
    /// How it is mapped.
    pub rights: Rights,
}

/// Init as the kernel starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Init {
    /// Address of the first instruction, in an executable segment.
    pub entry: u64,
    segments: [Option<Segment>; MAX_SEGMENTS],
}

impl Init {
    /// The segments, ascending by address and by offset.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().flatten()
    }
}

/// The checked header page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole archive, a multiple of [`PAGE`].
    pub length: u64,
    /// How many entries the table has.
    pub entries: u32,
    /// Where the table starts.
    pub table_offset: u64,
    /// Where the names start.
    pub names_offset: u64,
    /// Bytes of names.
    pub names_length: u64,
    /// SHA-256 of table and names.
    pub table_hash: [u8; 32],
    /// The first program.
    pub init: Init,
}

impl Header {
    /// Reads the header from the first [`PAGE`] bytes (or more) of an archive.
    ///
    /// # Errors
    /// Whatever is not as the format says. The caller still has to compare [`Header::length`] with the module it has:
    /// this function sees only the first page.
    pub fn parse(page: &[u8]) -> Result<Self, ArchiveError> {
        let page = slice(page, 0, PAGE)?;
        if array(page, 0)? != MAGIC {
            return Err(ArchiveError::NotAnArchive);
        }
        match u32_at(page, AT_VERSION)? {
            VERSION => {}
            other => return Err(ArchiveError::Version(other)),
        }
        let unsigned = slice(page, AT_SIGNATURE, AT_TABLE_HASH - AT_SIGNATURE)?;
        let rest = slice(page, AT_REST, PAGE - AT_REST)?;
        let zeros = unsigned.iter().chain(rest).all(|&b| b == 0);
        if !zeros || u32_at(page, AT_FLAGS)? != 0 || u32_at(page, AT_RESERVED)? != 0 {
            return Err(ArchiveError::BadField);
        }
        let mut header = Self {
            length: u64_at(page, AT_LENGTH)?,
            entries: u32_at(page, AT_ENTRIES)?,
            table_offset: u64_at(page, AT_TABLE)?,
            names_offset: u64_at(page, AT_NAMES)?,
            names_length: u64_at(page, AT_NAMES + 8)?,
            table_hash: array(page, AT_TABLE_HASH)?,
            init: Init { entry: u64_at(page, AT_INIT)?, segments: [None; MAX_SEGMENTS] },
        };
        header.check_layout(u64_at(page, AT_TABLE + 8)?)?;
        header.init.segments = read_segments(page)?;
        header.check_init()?;
        Ok(header)
    }

    /// Where the first payload starts: init's first segment.
    #[must_use]
    pub fn payloads_offset(&self) -> u64 {
        // Cannot overflow: check_layout bounds both.
        page_up(self.names_offset + self.names_length).unwrap_or(u64::MAX)
    }

    fn check_layout(&self, table_length: u64) -> Result<(), ArchiveError> {
        if self.length > MAX_LENGTH || self.entries > MAX_ENTRIES || self.names_length > MAX_NAMES {
            return Err(ArchiveError::TooLarge);
        }
        let good = self.entries > 0
            && self.length.is_multiple_of(PAGE)
            && self.table_offset == PAGE
            && table_length == u64::from(self.entries) * entry::SIZE
            && self.names_offset == PAGE + table_length
            && self.payloads_offset() <= self.length;
        if good { Ok(()) } else { Err(ArchiveError::BadLayout) }
    }

    fn check_init(&self) -> Result<(), ArchiveError> {
        let mut offset = self.payloads_offset();
        let mut address = INIT_BASE;
        let mut runs = false;
        for (i, s) in self.init.segments().enumerate() {
            let end = s.address.checked_add(s.memory_length).ok_or(ArchiveError::BadInit)?;
            let placed = s.offset == offset && s.address.is_multiple_of(PAGE) && s.address >= address;
            let sized = s.memory_length > 0 && s.file_length <= s.memory_length && end <= USER_END;
            if !placed || !sized || (i == 0 && s.address != INIT_BASE) {
                return Err(ArchiveError::BadInit);
            }
            runs |= s.rights == Rights::ReadExecute && (s.address..end).contains(&self.init.entry);
            let file_end = offset.checked_add(s.file_length).and_then(page_up).ok_or(ArchiveError::BadInit)?;
            if file_end > self.length {
                return Err(ArchiveError::BadInit);
            }
            offset = file_end;
            address = page_up(end).ok_or(ArchiveError::BadInit)?;
        }
        if runs { Ok(()) } else { Err(ArchiveError::BadInit) }
    }
}

fn read_segments(page: &[u8]) -> Result<[Option<Segment>; MAX_SEGMENTS], ArchiveError> {
    let count = u32_at(page, AT_INIT + 8)?;
    if count as usize > MAX_SEGMENTS || u32_at(page, AT_INIT + 12)? != 0 || array(page, AT_INIT + 16)? != [0u8; 16] {
        return Err(ArchiveError::BadInit);
    }
    let mut segments = [None; MAX_SEGMENTS];
    for (i, place) in segments.iter_mut().enumerate() {
        let at = AT_SEGMENTS + i as u64 * SEGMENT_SIZE;
        if i >= count as usize {
            if slice(page, at, SEGMENT_SIZE)?.iter().any(|&b| b != 0) {
                return Err(ArchiveError::BadField);
            }
            continue;
        }
        if array(page, at + 36)? != [0u8; 12] {
            return Err(ArchiveError::BadField);
        }
        *place = Some(Segment {
            offset: u64_at(page, at)?,
            file_length: u64_at(page, at + 8)?,
            address: u64_at(page, at + 16)?,
            memory_length: u64_at(page, at + 24)?,
            rights: Rights::from_bits(u32_at(page, at + 32)?).ok_or(ArchiveError::BadInit)?,
        });
    }
    Ok(segments)
}
