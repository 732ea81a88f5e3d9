//! The table: names, kinds and places of what the archive holds.
//!
//! Entry: name offset u32, name length u16, kind u8, 0 u8, flags u32, 0 u32, offset u64, length u64, SHA-256. An alias's
//! offset is the index of the entry it stands for, its length 0, its hash zeros.

use crate::bytes::{array, slice, u16_at, u32_at, u64_at};
use crate::{ArchiveError, Header, name, page_up};
use core::cmp::Ordering;

pub(crate) const SIZE: u64 = 64;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Entry 0: the flattened first program. Its payload is its segments, one after the other.
    Init,
    /// An ELF file, a static PIE whose segments share no page.
    Program,
    /// Any bytes.
    File,
    /// The manifest ([`crate::MANIFEST_NAME`]).
    Manifest,
}

impl Kind {
    pub(crate) const ALIAS: u8 = 4;

    /// The byte in the table.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Init => 0,
            Self::Program => 1,
            Self::File => 2,
            Self::Manifest => 3,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Init),
            1 => Some(Self::Program),
            2 => Some(Self::File),
            3 => Some(Self::Manifest),
            _ => None,
        }
    }
}

/// Attributes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryFlags {
    /// A script that runs by its name (the `s` protection bit).
    pub script: bool,
}

impl EntryFlags {
    /// The bits in the table.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.script as u32
    }

    const fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            0 => Some(Self { script: false }),
            1 => Some(Self { script: true }),
            _ => None,
        }
    }
}

/// One thing in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its place in the table.
    pub index: u32,
    /// Its path, such as `C/echo`.
    pub name: &'a str,
    /// What it is; an alias has the kind of what it stands for.
    pub kind: Kind,
    /// Its attributes.
    pub flags: EntryFlags,
    /// Where its payload starts, from the start of the archive; a multiple of [`crate::PAGE`].
    pub offset: u64,
    /// Bytes of the payload.
    pub length: u64,
    /// SHA-256 of the payload.
    pub sha256: [u8; 32],
    /// The entry whose payload this is, if it is a second name for one.
    pub alias_of: Option<u32>,
}

/// A checked archive.
#[derive(Debug, Clone, Copy)]
pub struct Archive<'a> {
    bytes: &'a [u8],
    header: Header,
}

impl<'a> Archive<'a> {
    /// Checks the whole structure: after this every entry can be read, and its payload lies inside `bytes`. Payloads are
    /// not hashed. `bytes` may be longer than the archive (a boot loader may round up).
    ///
    /// # Errors
    /// The first thing that is not as the format says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ArchiveError> {
        let header = Header::parse(bytes)?;
        let bytes = slice(bytes, 0, header.length)?;
        let archive = Self { bytes, header };
        let mut next_payload = header.payloads_offset();
        let mut next_name = 0;
        for index in 0..header.entries {
            let raw = archive.raw(index)?;
            if u64::from(raw.name_offset) != next_name {
                return Err(ArchiveError::BadLayout);
            }
            next_name += u64::from(raw.name_length);
            archive.check_name(index)?;
            match raw.kind {
                Some(kind) => next_payload = archive.check_payload(index, &raw, kind, next_payload)?,
                None => archive.check_alias(&raw)?,
            }
        }
        let complete = next_name == header.names_length && next_payload == header.length;
        if complete { Ok(archive) } else { Err(ArchiveError::BadLayout) }
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of the archive.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many entries there are, init included.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.header.entries
    }

    /// An archive has at least init.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The entry at `index`; `None` beyond the end.
    #[must_use]
    pub fn entry(&self, index: u32) -> Option<Entry<'a>> {
        let raw = self.raw(index).ok()?;
        let name = self.name(&raw).ok()?;
        let (target, alias_of) = match raw.kind {
            Some(_) => (raw, None),
            None => (self.raw(u32::try_from(raw.offset).ok()?).ok()?, u32::try_from(raw.offset).ok()),
        };
        Some(Entry {
            index,
            name,
            kind: target.kind?,
            flags: target.flags,
            offset: target.offset,
            length: target.length,
            sha256: target.sha256,
            alias_of,
        })
    }

    /// All entries, init first, then by name.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let archive = *self;
        (0..self.len()).filter_map(move |i| archive.entry(i))
    }

    /// The entry of that name; case makes no difference. Init is not found by name: it runs already.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Entry<'a>> {
        let (mut low, mut high) = (1, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.entry(middle)?;
            match name::compare(entry.name, name) {
                Ordering::Equal => return Some(entry),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The payload of an entry of this archive; empty for one of another archive that does not fit.
    #[must_use]
    pub fn payload(&self, entry: &Entry<'_>) -> &'a [u8] {
        slice(self.bytes, entry.offset, entry.length).unwrap_or(&[])
    }

    /// Bytes of table and names, what [`Header::table_hash`] is the hash of.
    #[must_use]
    pub fn table_bytes(&self) -> &'a [u8] {
        let length = self.header.names_offset + self.header.names_length - self.header.table_offset;
        slice(self.bytes, self.header.table_offset, length).unwrap_or(&[])
    }

    fn raw(&self, index: u32) -> Result<Raw, ArchiveError> {
        if index >= self.header.entries {
            return Err(ArchiveError::TooShort);
        }
        Raw::parse(slice(self.bytes, self.header.table_offset + u64::from(index) * SIZE, SIZE)?)
    }

    fn name(&self, raw: &Raw) -> Result<&'a str, ArchiveError> {
        let names = slice(self.bytes, self.header.names_offset, self.header.names_length)?;
        let bytes = slice(names, raw.name_offset.into(), raw.name_length.into())?;
        core::str::from_utf8(bytes).map_err(|_| ArchiveError::BadName)
    }

    fn check_name(&self, index: u32) -> Result<(), ArchiveError> {
        let this = self.name(&self.raw(index)?)?;
        if !name::check(this) {
            return Err(ArchiveError::BadName);
        }
        // Entry 0 stands outside the order.
        if index >= 2 && name::compare(self.name(&self.raw(index - 1)?)?, this) != Ordering::Less {
            return Err(ArchiveError::BadOrder);
        }
        Ok(())
    }

    /// Checks that the payload starts at `expected`, and says where the next one starts.
    fn check_payload(&self, index: u32, raw: &Raw, kind: Kind, expected: u64) -> Result<u64, ArchiveError> {
        if (index == 0) != (kind == Kind::Init) {
            return Err(ArchiveError::BadInit);
        }
        let end = raw.offset.checked_add(raw.length).ok_or(ArchiveError::BadLayout)?;
        if raw.offset != expected || end > self.header.length {
            return Err(ArchiveError::BadLayout);
        }
        if kind == Kind::Init && self.header.init.segments().any(|s| s.offset + s.file_length > end) {
            return Err(ArchiveError::BadInit);
        }
        page_up(end).ok_or(ArchiveError::BadLayout)
    }

    fn check_alias(&self, raw: &Raw) -> Result<(), ArchiveError> {
        let index = u32::try_from(raw.offset).map_err(|_| ArchiveError::BadAlias)?;
        let target = self.raw(index).map_err(|_| ArchiveError::BadAlias)?;
        let good = matches!(target.kind, Some(Kind::Program | Kind::File));
        let empty = raw.length == 0 && raw.sha256 == [0; 32] && raw.flags == EntryFlags::default();
        if good && empty { Ok(()) } else { Err(ArchiveError::BadAlias) }
    }
}

/// An entry as it stands in the table.
#[derive(Clone, Copy)]
struct Raw {
    name_offset: u32,
    name_length: u16,
    /// `None`: an alias.
    kind: Option<Kind>,
    flags: EntryFlags,
    offset: u64,
    length: u64,
    sha256: [u8; 32],
}

impl Raw {
    fn parse(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let [kind, zero] = array(bytes, 6)?;
        let kind = match kind {
            Kind::ALIAS => None,
            byte => Some(Kind::from_byte(byte).ok_or(ArchiveError::BadField)?),
        };
        if zero != 0 || u32_at(bytes, 12)? != 0 {
            return Err(ArchiveError::BadField);
        }
        Ok(Self {
            name_offset: u32_at(bytes, 0)?,
            name_length: u16_at(bytes, 4)?,
            kind,
            flags: EntryFlags::from_bits(u32_at(bytes, 8)?).ok_or(ArchiveError::BadField)?,
            offset: u64_at(bytes, 16)?,
            length: u64_at(bytes, 24)?,
            sha256: array(bytes, 32)?,
        })
    }
}
