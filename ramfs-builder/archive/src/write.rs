//! Writing a boot archive. Pure: files in, bytes out, and the same bytes for the same files in whatever order.

use crate::header::{
    AT_ENTRIES, AT_INIT, AT_LENGTH, AT_NAMES, AT_SEGMENTS, AT_TABLE, AT_TABLE_HASH, AT_VERSION, SEGMENT_SIZE,
};
use crate::{ArchiveError, EntryFlags, Kind, MAGIC, MAX_LENGTH, MAX_SEGMENTS, PAGE, Rights, VERSION, entry, name};
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use sha2::{Digest, Sha256};

/// A segment of init, with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitSegment {
    /// Page-aligned; the first is [`crate::INIT_BASE`].
    pub address: u64,
    /// At least the bytes given.
    pub memory_length: u64,
    /// How it is mapped.
    pub rights: Rights,
    /// Its bytes, relocated.
    pub bytes: Vec<u8>,
}

/// The first program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitImage {
    /// The name it has in the table.
    pub name: String,
    /// Address of the first instruction.
    pub entry: u64,
    /// Ascending by address.
    pub segments: Vec<InitSegment>,
}

/// Something to pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its path in the archive.
    pub name: String,
    /// What it is and what it holds.
    pub content: Content,
}

/// What an [`Item`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A program: an ELF file.
    Program(Vec<u8>),
    /// A file.
    File(Vec<u8>, EntryFlags),
    /// The encoded manifest.
    Manifest(Vec<u8>),
    /// A second name for the program or file of that name.
    Alias(String),
}

/// Packs an archive that [`crate::Archive::parse`] takes.
///
/// # Errors
/// The same errors that the reader would give: it reads what was written before it is returned.
pub fn write(init: &InitImage, items: &[Item]) -> Result<Vec<u8>, ArchiveError> {
    let mut items: Vec<&Item> = items.iter().collect();
    items.sort_by(|a, b| name::compare(&a.name, &b.name));
    if init.segments.len() > MAX_SEGMENTS {
        return Err(ArchiveError::TooLarge);
    }
    let names_offset = PAGE + (items.len() as u64 + 1) * entry::SIZE;
    let names_length = init.name.len() + items.iter().map(|i| i.name.len()).sum::<usize>();
    let payloads_offset = crate::page_up(names_offset + names_length as u64).ok_or(ArchiveError::TooLarge)?;

    let mut layout = Layout { table: Vec::new(), names: Vec::new(), payloads: Vec::new(), base: payloads_offset };
    let segments = layout.init(init)?;
    for item in &items {
        layout.item(item, &items)?;
    }
    layout.pad();

    let mut out = alloc::vec![0; PAGE as usize];
    let length = payloads_offset + layout.payloads.len() as u64;
    if length > MAX_LENGTH {
        return Err(ArchiveError::TooLarge);
    }
    let table_length = layout.table.len() as u64;
    layout.table.append(&mut layout.names);
    put(&mut out, 0, &MAGIC);
    put(&mut out, AT_VERSION, &VERSION.to_le_bytes());
    put(&mut out, AT_LENGTH, &length.to_le_bytes());
    put(&mut out, AT_TABLE, &PAGE.to_le_bytes());
    put(&mut out, AT_TABLE + 8, &table_length.to_le_bytes());
    put(&mut out, AT_NAMES, &names_offset.to_le_bytes());
    put(&mut out, AT_NAMES + 8, &(names_length as u64).to_le_bytes());
    put(&mut out, AT_ENTRIES, &(items.len() as u32 + 1).to_le_bytes());
    put(&mut out, AT_TABLE_HASH, &hash(&layout.table));
    put(&mut out, AT_INIT, &init.entry.to_le_bytes());
    put(&mut out, AT_INIT + 8, &(init.segments.len() as u32).to_le_bytes());
    put(&mut out, AT_SEGMENTS, &segments);
    out.append(&mut layout.table);
    out.resize(payloads_offset as usize, 0);
    out.append(&mut layout.payloads);

    crate::Archive::parse(&out)?;
    Ok(out)
}

/// SHA-256.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

struct Layout {
    table: Vec<u8>,
    names: Vec<u8>,
    payloads: Vec<u8>,
    /// Where the payloads start in the archive.
    base: u64,
}

impl Layout {
    /// Places init; returns the bytes of its segment table.
    fn init(&mut self, init: &InitImage) -> Result<Vec<u8>, ArchiveError> {
        let mut segments = Vec::new();
        let mut end = 0;
        for s in &init.segments {
            self.pad();
            let offset = self.base + self.payloads.len() as u64;
            for field in [offset, s.bytes.len() as u64, s.address, s.memory_length] {
                segments.extend(field.to_le_bytes());
            }
            segments.extend(s.rights.to_bits().to_le_bytes());
            segments.resize(segments.len().next_multiple_of(SEGMENT_SIZE as usize), 0);
            self.payloads.extend(&s.bytes);
            // A segment without bytes has no place of its own: init's payload ends with the last byte there is.
            end = self.payloads.len();
        }
        let content = hash(&self.payloads);
        let place = Place { offset: self.base, length: end as u64, hash: content };
        self.entry(&init.name, Kind::Init.to_byte(), EntryFlags::default(), &place)?;
        Ok(segments)
    }

    fn item(&mut self, item: &Item, all: &[&Item]) -> Result<(), ArchiveError> {
        self.pad();
        let (kind, flags, bytes) = match &item.content {
            Content::Program(bytes) => (Kind::Program, EntryFlags::default(), bytes),
            Content::File(bytes, flags) => (Kind::File, *flags, bytes),
            Content::Manifest(bytes) => (Kind::Manifest, EntryFlags::default(), bytes),
            Content::Alias(target) => {
                let same = |i: &&Item| name::compare(&i.name, target) == Ordering::Equal;
                let index = all.iter().position(same).ok_or(ArchiveError::BadAlias)? as u64 + 1;
                let place = Place { offset: index, length: 0, hash: [0; 32] };
                return self.entry(&item.name, Kind::ALIAS, EntryFlags::default(), &place);
            }
        };
        let offset = self.base + self.payloads.len() as u64;
        self.payloads.extend(bytes);
        self.entry(&item.name, kind.to_byte(), flags, &Place { offset, length: bytes.len() as u64, hash: hash(bytes) })
    }

    fn entry(&mut self, name: &str, kind: u8, flags: EntryFlags, place: &Place) -> Result<(), ArchiveError> {
        let name_length = u16::try_from(name.len()).map_err(|_| ArchiveError::BadName)?;
        self.table.extend((self.names.len() as u32).to_le_bytes());
        self.table.extend(name_length.to_le_bytes());
        self.table.extend([kind, 0]);
        self.table.extend(flags.to_bits().to_le_bytes());
        self.table.extend([0; 4]);
        self.table.extend(place.offset.to_le_bytes());
        self.table.extend(place.length.to_le_bytes());
        self.table.extend(place.hash);
        self.names.extend(name.as_bytes());
        Ok(())
    }

    fn pad(&mut self) {
        self.payloads.resize(self.payloads.len().next_multiple_of(PAGE as usize), 0);
    }
}

struct Place {
    offset: u64,
    length: u64,
    hash: [u8; 32],
}

fn put(out: &mut [u8], at: u64, bytes: &[u8]) {
    let at = at as usize;
    out[at..at + bytes.len()].copy_from_slice(bytes);
}
