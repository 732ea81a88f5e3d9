//! Programs as they stand in the archive: static position-independent ELF files, read with the least of ELF that loading
//! one takes.
//!
//! One reader for ramfs-builder, which refuses what init could not load, and for init, which loads files that anyone may have
//! filled in. So it takes any bytes: nothing is read but through checked slices. (`xmas-elf` panics on headers that point
//! outside of the file.)
//!
//! What is taken: ELF64, little-endian, `ET_DYN` without an interpreter, for one of the two processors; loadable segments that
//! start on pages, in the file and in memory, ascending and apart; relative relocations with addends, and no others.

use crate::bytes::{slice, u16_at, u32_at, u64_at};
use crate::{PAGE, Rights, page_up};

const HEADER_SIZE: u64 = 64;
const PROGRAM_HEADER_SIZE: u64 = 56;
/// Program headers a file may have.
const MAX_HEADERS: u16 = 32;
/// Address space of a program, at most: 4 GiB. So sums with a base never overflow.
const MAX_SPAN: u64 = 1 << 32;
const RELA_SIZE: u64 = 24;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_GNU_RELRO: u32 = 0x6474_e552;

const DT_NULL: u64 = 0;
const DT_PLTRELSZ: u64 = 2;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_REL: u64 = 17;
const DT_RELR: u64 = 36;

/// The processor a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// aarch64.
    Aarch64,
    /// x86_64.
    X86_64,
}

impl Processor {
    /// ELF's number of the relocation `base + addend`.
    const fn relative(self) -> u32 {
        match self {
            Self::Aarch64 => 1027,
            Self::X86_64 => 8,
        }
    }
}

/// Why a file is no program that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramError {
    /// Not a 64-bit little-endian ELF file.
    NotElf,
    /// For another processor.
    Processor,
    /// Linked for a fixed address, or for a dynamic linker.
    NotStaticPie,
    /// A part lies outside of the file, or there are too many parts.
    Truncated,
    /// A segment does not start on a page of its own in the file and in memory.
    NotAligned,
    /// Segments overlap, or are out of order or out of bounds.
    Overlap,
    /// A segment is writable and executable, or not even readable.
    Rights,
    /// The entry point is in no executable segment.
    Entry,
    /// Relocations of a kind that is not known, or outside of writable segments.
    Relocation,
}

impl core::fmt::Display for ProgramError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotElf => "it is no 64-bit ELF file",
            Self::Processor => "it is for neither aarch64 nor x86_64",
            Self::NotStaticPie => {
                "it is no static position-independent program; build it for boot/targets/*-viaether.json"
            }
            Self::Truncated => "a part of it lies outside of the file",
            Self::NotAligned => "a segment does not start on a page; link it with -z separate-loadable-segments",
            Self::Overlap => "its segments overlap or are out of bounds",
            Self::Rights => "a segment is writable and executable",
            Self::Entry => "its entry point is not in its code",
            Self::Relocation => "it has relocations that are not relative ones of writable data",
        })
    }
}

impl core::error::Error for ProgramError {}

/// A loadable segment. Its addresses are relative to the program's base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load<'a> {
    /// Where it is in the file, a multiple of a page.
    pub offset: u64,
    /// Where it goes, a multiple of a page.
    pub address: u64,
    /// Bytes in memory; those that the file does not have are zero.
    pub memory_length: u64,
    /// How it is mapped, at most.
    pub rights: Rights,
    /// Its bytes in the file.
    pub bytes: &'a [u8],
    /// Constant once relocations are applied: may be made read-only then.
    pub relro: bool,
}

/// A checked program.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    file: &'a [u8],
    /// The processor it is for.
    pub processor: Processor,
    /// Where it starts, relative to its base.
    pub entry: u64,
    /// Bytes of address space it takes from its base, whole pages.
    pub span: u64,
    headers: u64,
    header_count: u16,
    relocations: &'a [u8],
}

impl<'a> Program<'a> {
    /// Checks a file: after this all its segments and relocations can be read.
    ///
    /// # Errors
    /// The first thing that is not as above.
    pub fn parse(file: &'a [u8]) -> Result<Self, ProgramError> {
        let ident = slice(file, 0, HEADER_SIZE).map_err(|_| ProgramError::NotElf)?;
        if !ident.starts_with(b"\x7fELF\x02\x01\x01") {
            return Err(ProgramError::NotElf);
        }
        let processor = match half(file, 18)? {
            183 => Processor::Aarch64,
            62 => Processor::X86_64,
            _ => return Err(ProgramError::Processor),
        };
        if half(file, 16)? != 3 {
            return Err(ProgramError::NotStaticPie);
        }
        let header_count = half(file, 56)?;
        if u64::from(half(file, 54)?) != PROGRAM_HEADER_SIZE || header_count > MAX_HEADERS {
            return Err(ProgramError::Truncated);
        }
        let (entry, headers) = (word(file, 24)?, word(file, 32)?);
        let mut program = Self { file, processor, entry, span: 0, headers, header_count, relocations: &[] };
        part(file, headers, u64::from(header_count) * PROGRAM_HEADER_SIZE)?;
        program.check_segments()?;
        program.relocations = program.find_relocations()?;
        for i in 0..program.relocations.len() as u64 / RELA_SIZE {
            program.check_relocation(i * RELA_SIZE)?;
        }
        Ok(program)
    }

    /// The loadable segments, ascending by address. The first is at address 0.
    pub fn loads(&self) -> impl Iterator<Item = Load<'a>> + use<'a> {
        let program = *self;
        program.headers_of(PT_LOAD).filter(|h| h.memory_length > 0).filter_map(move |h| program.load(&h).ok())
    }

    /// Where to write what: (address, addend), both relative to the base. Eight bytes each, in a writable segment.
    pub fn relocations(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let table = self.relocations;
        (0..table.len() as u64 / RELA_SIZE).filter_map(move |i| {
            let at = i * RELA_SIZE;
            Some((word(table, at).ok()?, word(table, at + 16).ok()?))
        })
    }

    fn headers_of(&self, kind: u32) -> impl Iterator<Item = Header> + use<'a> {
        let (file, start, count) = (self.file, self.headers, u64::from(self.header_count));
        (0..count)
            .filter_map(move |i| Header::read(file, start + i * PROGRAM_HEADER_SIZE).ok())
            .filter(move |h| h.kind == kind)
    }

    fn load(&self, header: &Header) -> Result<Load<'a>, ProgramError> {
        let end = header.address.saturating_add(header.memory_length);
        let mut relro = self.headers_of(PT_GNU_RELRO);
        Ok(Load {
            offset: header.offset,
            address: header.address,
            memory_length: header.memory_length,
            rights: Rights::from_bits(header.flags & 7).ok_or(ProgramError::Rights)?,
            bytes: part(self.file, header.offset, header.file_length)?,
            relro: relro.any(|r| r.address <= header.address && end <= r.address.saturating_add(r.memory_length)),
        })
    }

    fn check_segments(&mut self) -> Result<(), ProgramError> {
        if self.headers_of(PT_INTERP).next().is_some() {
            return Err(ProgramError::NotStaticPie);
        }
        let mut runs = false;
        for header in self.headers_of(PT_LOAD).filter(|h| h.memory_length > 0) {
            if !header.address.is_multiple_of(PAGE) || !header.offset.is_multiple_of(PAGE) {
                return Err(ProgramError::NotAligned);
            }
            let load = self.load(&header)?;
            let end = header.address.checked_add(header.memory_length).filter(|&end| end <= MAX_SPAN);
            let end = end.and_then(page_up).ok_or(ProgramError::Overlap)?;
            let in_order = header.address >= self.span && (self.span > 0 || header.address == 0);
            if !in_order || header.file_length > header.memory_length {
                return Err(ProgramError::Overlap);
            }
            runs |= load.rights == Rights::ReadExecute && (header.address..end).contains(&self.entry);
            self.span = end;
        }
        if runs { Ok(()) } else { Err(ProgramError::Entry) }
    }

    /// The table of relocations, by way of the dynamic section.
    fn find_relocations(&self) -> Result<&'a [u8], ProgramError> {
        let Some(dynamic) = self.headers_of(PT_DYNAMIC).next() else { return Ok(&[]) };
        let entries = part(self.file, dynamic.offset, dynamic.file_length)?;
        let (mut address, mut length) = (0, 0);
        for i in 0..entries.len() as u64 / 16 {
            let value = word(entries, i * 16 + 8)?;
            match word(entries, i * 16)? {
                DT_NULL => break,
                DT_RELA => address = value,
                DT_RELASZ => length = value,
                DT_REL | DT_RELR => return Err(ProgramError::Relocation),
                DT_PLTRELSZ if value > 0 => return Err(ProgramError::Relocation),
                _ => {}
            }
        }
        if length == 0 {
            return Ok(&[]);
        }
        let home = self.loads().find(|l| address >= l.address && address - l.address < l.bytes.len() as u64);
        let home = home.ok_or(ProgramError::Relocation)?;
        part(home.bytes, address - home.address, length)
    }

    fn check_relocation(&self, at: u64) -> Result<(), ProgramError> {
        let (address, info) = (word(self.relocations, at)?, word(self.relocations, at + 8)?);
        let addend = word(self.relocations, at + 16)?;
        let inside = |l: &Load<'_>| address >= l.address && address - l.address <= l.memory_length.saturating_sub(8);
        let home = self.loads().filter(|l| l.memory_length >= 8).find(inside);
        let writable = home.is_some_and(|l| l.rights == Rights::ReadWrite);
        let known = info == u64::from(self.processor.relative()) && addend <= MAX_SPAN;
        if writable && known { Ok(()) } else { Err(ProgramError::Relocation) }
    }
}

struct Header {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    file_length: u64,
    memory_length: u64,
}

impl Header {
    fn read(file: &[u8], at: u64) -> Result<Self, ProgramError> {
        let field = |n| at.checked_add(n).ok_or(ProgramError::Truncated).and_then(|at| word(file, at));
        let kind = u32_at(file, at).map_err(|_| ProgramError::Truncated)?;
        let flags = u32_at(file, at.saturating_add(4)).map_err(|_| ProgramError::Truncated)?;
        Ok(Self {
            kind,
            flags,
            offset: field(8)?,
            address: field(16)?,
            file_length: field(32)?,
            memory_length: field(40)?,
        })
    }
}

fn part(bytes: &[u8], offset: u64, length: u64) -> Result<&[u8], ProgramError> {
    slice(bytes, offset, length).map_err(|_| ProgramError::Truncated)
}

fn half(bytes: &[u8], at: u64) -> Result<u16, ProgramError> {
    u16_at(bytes, at).map_err(|_| ProgramError::Truncated)
}

fn word(bytes: &[u8], at: u64) -> Result<u64, ProgramError> {
    u64_at(bytes, at).map_err(|_| ProgramError::Truncated)
}
