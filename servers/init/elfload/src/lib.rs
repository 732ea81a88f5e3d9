//! Lays out ELF programs for loading, whatever the file says.
//!
//! A program is a static PIE (`ET_DYN`, no interpreter, no thread-local segment) whose loadable segments start on pages of
//! their own, in the file and in memory. [`Program::parse`] checks all that a loader relies on, so what it accepts can be
//! loaded without looking again:
//!
//! * segments ascend, share no page, and lie inside the file and inside [`MAX_SPAN`];
//! * none is writable and executable; the entry point lies in an executable one;
//! * every relocation is a relative one, aligned, inside a writable segment, with an addend inside the program.
//!
//! The fields are read with `xmas-elf`, which trusts its input: the header's offsets are checked before it sees them.
//! Neighbours: init maps and relocates by this; `ramfs-builder` checks the same rules when it packs the archive.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod relocate;

use alloc::vec::Vec;

use xmas_elf::header::{HeaderPt2, Machine, Type as FileType};
use xmas_elf::program::{ProgramHeader, Type};
use xmas_elf::{ElfFile, header};

pub use error::ElfError;
use relocate::Row;

/// Segments start on multiples of this.
pub const PAGE: u64 = 4096;
/// Bytes of a file's header that are looked at first.
const HEADER: usize = 64;
/// Bytes of a program header.
const PROGRAM_HEADER: usize = 56;
/// Program headers, at most.
pub const MAX_HEADERS: u16 = 32;
/// Loadable segments, at most.
pub const MAX_SEGMENTS: usize = 16;
/// Bytes of address space that a program may take: 256 MiB.
pub const MAX_SPAN: u64 = 256 << 20;
/// The coarsest alignment that a program may ask for: 2 MiB.
pub const MAX_ALIGN: u64 = 2 << 20;

/// The processor a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// aarch64.
    Aarch64,
    /// x86_64.
    X86_64,
}

impl Processor {
    /// The one this was compiled for, if it is one of the two.
    #[must_use]
    pub const fn own() -> Option<Processor> {
        if cfg!(target_arch = "aarch64") {
            Some(Processor::Aarch64)
        } else if cfg!(target_arch = "x86_64") {
            Some(Processor::X86_64)
        } else {
            None
        }
    }
}

/// What a segment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Constants.
    Read,
    /// Data.
    ReadWrite,
    /// Code.
    ReadExecute,
}

/// A piece of the program. It starts on a page, in the file and in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Where its bytes start in the file.
    pub offset: u64,
    /// How many bytes the file holds.
    pub file_length: u64,
    /// Where it goes, from the program's base.
    pub address: u64,
    /// How many bytes it has in memory; those beyond `file_length` are zero.
    pub memory_length: u64,
    /// What it is for.
    pub usage: Use,
    /// How many of its first pages are constant once they are relocated (RELRO).
    pub constant_pages: u64,
    /// What of it is relocated, ready for every start.
    relocated: Vec<Row>,
}

impl Segment {
    /// Pages it takes.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        self.memory_length.div_ceil(PAGE)
    }

    /// Its bytes in the file.
    fn bytes<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        let from = file.get(self.offset as usize..);
        from.and_then(|bytes| bytes.get(..self.file_length as usize)).unwrap_or_default()
    }

    fn contains(&self, address: u64, bytes: u64) -> bool {
        address >= self.address
            && address - self.address <= self.memory_length.saturating_sub(bytes)
            && self.memory_length >= bytes
    }
}

/// A program that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The first instruction, from the base.
    pub entry: u64,
    /// Bytes from the base to the end, whole pages.
    pub span: u64,
    /// The base is to be a multiple of this; at least a page.
    pub align: u64,
    /// Ascending by address.
    pub segments: Vec<Segment>,
}

impl Program {
    /// Checks a file. It has to lie at an address that is a multiple of 8.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(file: &[u8], processor: Processor) -> Result<Program, ElfError> {
        let elf = open(file, processor)?;
        let mut segments = Vec::new();
        let (mut align, mut dynamic, mut constant) = (PAGE, None, None);
        for header in elf.program_iter() {
            match header.get_type() {
                Ok(Type::Load) if header.mem_size() > 0 => {
                    align = align.max(header.align());
                    segments.push(segment(&header, segments.last(), file.len() as u64)?);
                }
                Ok(Type::Interp) => return Err(ElfError::Interpreter),
                Ok(Type::Tls) if header.mem_size() > 0 => return Err(ElfError::ThreadLocal),
                Ok(Type::Dynamic) => dynamic = Some((header.offset(), header.file_size())),
                Ok(Type::GnuRelro) => constant = Some((header.virtual_addr(), header.mem_size())),
                _ => {}
            }
            if segments.len() > MAX_SEGMENTS {
                return Err(ElfError::TooManySegments);
            }
        }
        if !align.is_power_of_two() || align > MAX_ALIGN {
            return Err(ElfError::Alignment);
        }
        if let Some((start, length)) = constant {
            mark_constant(&mut segments, start, start.checked_add(length).ok_or(ElfError::Overflow)?);
        }
        let end = segments.last().ok_or(ElfError::Empty)?;
        let span = (end.address + end.memory_length).next_multiple_of(PAGE);
        let entry = elf.header.pt2.entry_point();
        let mut code = segments.iter().filter(|s| s.usage == Use::ReadExecute);
        if !code.any(|s| s.contains(entry, 1)) {
            return Err(ElfError::Entry);
        }
        let relocations = relocate::find(file, &segments, dynamic)?;
        let mut program = Program { entry, span, align, segments };
        program.read_relocations(file, relocations, processor)?;
        Ok(program)
    }
}

/// The file behind a header that was checked as far as `xmas-elf` relies on it.
fn open(file: &[u8], processor: Processor) -> Result<ElfFile<'_>, ElfError> {
    let start: &[u8; HEADER] = file.first_chunk().ok_or(ElfError::NotElf)?;
    if start[..4] != header::MAGIC || start[4] != 2 || start[5] != 1 || !file.as_ptr().addr().is_multiple_of(8) {
        return Err(ElfError::NotElf);
    }
    let half = |at: usize| u16::from_le_bytes([start[at], start[at + 1]]);
    let offset = u64::from_le_bytes([32, 33, 34, 35, 36, 37, 38, 39].map(|at: usize| start[at]));
    let (size, count) = (half(54), half(56));
    let end = offset.checked_add(PROGRAM_HEADER as u64 * u64::from(count)).ok_or(ElfError::Overflow)?;
    if size as usize != PROGRAM_HEADER || count == 0 || count > MAX_HEADERS || offset % 8 != 0 {
        return Err(ElfError::Headers);
    }
    if offset < HEADER as u64 || end > file.len() as u64 {
        return Err(ElfError::Headers);
    }
    let elf = ElfFile::new(file).map_err(|_| ElfError::NotElf)?;
    let wanted = match processor {
        Processor::Aarch64 => Machine::AArch64,
        Processor::X86_64 => Machine::X86_64,
    };
    if !matches!(elf.header.pt2, HeaderPt2::Header64(_)) || elf.header.pt2.machine().as_machine() != wanted {
        return Err(ElfError::OtherProcessor);
    }
    if elf.header.pt2.type_().as_type() != FileType::SharedObject {
        return Err(ElfError::NotRelocatable);
    }
    Ok(elf)
}

fn segment(header: &ProgramHeader<'_>, before: Option<&Segment>, file: u64) -> Result<Segment, ElfError> {
    let (offset, address) = (header.offset(), header.virtual_addr());
    let (file_length, memory_length) = (header.file_size(), header.mem_size());
    if offset % PAGE != 0 || address % PAGE != 0 {
        return Err(ElfError::NotOnAPage);
    }
    let end = address.checked_add(memory_length).ok_or(ElfError::Overflow)?;
    if end > MAX_SPAN {
        return Err(ElfError::TooLarge);
    }
    let file_end = offset.checked_add(file_length).ok_or(ElfError::Overflow)?;
    if file_length > memory_length || file_end > file {
        return Err(ElfError::OutsideFile);
    }
    if before.is_some_and(|b| address < (b.address + b.memory_length).next_multiple_of(PAGE)) {
        return Err(ElfError::Overlap);
    }
    let flags = header.flags();
    let usage = match (flags.is_write(), flags.is_execute()) {
        (false, false) => Use::Read,
        (true, false) => Use::ReadWrite,
        (false, true) => Use::ReadExecute,
        (true, true) => return Err(ElfError::WriteAndExecute),
    };
    // Read-only pages are mapped from the file: they can't have zeros that are not in it.
    if usage != Use::ReadWrite && file_length != memory_length {
        return Err(ElfError::OutsideFile);
    }
    Ok(Segment { offset, file_length, address, memory_length, usage, constant_pages: 0, relocated: Vec::new() })
}

/// Notes which pages of writable segments are constant after relocation: whole pages from the segment's start on.
fn mark_constant(segments: &mut [Segment], start: u64, end: u64) {
    for s in segments.iter_mut().filter(|s| s.usage == Use::ReadWrite && start <= s.address && end > s.address) {
        let whole = if end >= s.address + s.memory_length { s.pages() } else { (end - s.address) / PAGE };
        s.constant_pages = whole;
    }
}
