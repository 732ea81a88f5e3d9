//! Programs on their way into the archive: stripped to what is loaded, with their functions' names for traces; init flattened
//! and relocated.
//!
//! What a program must be like is [`archive::program`]'s business, which init uses as well: what it could not load is
//! refused here.

use crate::named;
use archive::program::{Load, Processor, Program, ProgramError};
use archive::write::{InitImage, InitSegment};
use archive::{INIT_BASE, Rights};

/// ELF64's e_shoff, and e_shnum with e_shstrndx: section headers, which a stripped file has not.
const SECTION_FIELDS: [std::ops::Range<usize>; 2] = [0x28..0x30, 0x3c..0x40];

/// Bytes of memory that init may take: it stands in the archive as it stands in memory.
const MAX_INIT: u64 = 16 << 20;

/// Checks a program and returns it without what is not loaded: debugging data, and symbols but for the table of names that
/// traces need ([`named`]). Also which processor it is for.
///
/// # Errors
/// What makes it unfit.
pub fn strip(bytes: &[u8]) -> Result<(Processor, Vec<u8>), ProgramError> {
    let program = Program::parse(bytes)?;
    let end = program.loads().map(|l| l.offset as usize + l.bytes.len()).max().unwrap_or(0);
    let mut kept = bytes.get(..end).ok_or(ProgramError::Truncated)?.to_vec();
    for field in SECTION_FIELDS {
        kept.get_mut(field).ok_or(ProgramError::Truncated)?.fill(0);
    }
    let table = symbols::write::of_elf(bytes, 0);
    let kept = table.and_then(|table| named::add(&kept, program.span, &table)).unwrap_or(kept);
    Program::parse(&kept)?;
    Ok((program.processor, kept))
}

/// Links init to [`INIT_BASE`]: its segments with all relocations applied. What is constant after that becomes read-only.
///
/// # Errors
/// What makes it unfit.
pub fn flatten(name: &str, bytes: &[u8]) -> Result<(Processor, InitImage), ProgramError> {
    let (_, bytes) = strip(bytes)?;
    let program = Program::parse(&bytes)?;
    if program.span > MAX_INIT {
        return Err(ProgramError::Overlap);
    }
    let mut segments: Vec<(InitSegment, bool)> = program.loads().map(|l| (segment(&l), l.relro)).collect();
    for (address, addend) in program.relocations() {
        let home = segments.iter_mut().find(|(s, _)| {
            let start = s.address - INIT_BASE;
            address >= start && address - start < s.memory_length
        });
        let (segment, _) = home.ok_or(ProgramError::Relocation)?;
        relocate(segment, INIT_BASE + address, INIT_BASE + addend);
    }
    let finished = segments.into_iter().map(|(mut segment, relro)| {
        if relro && segment.rights == Rights::ReadWrite {
            segment.rights = Rights::Read;
        }
        segment
    });
    let init = InitImage { name: name.to_string(), entry: INIT_BASE + program.entry, segments: finished.collect() };
    Ok((program.processor, init))
}

fn segment(load: &Load<'_>) -> InitSegment {
    InitSegment {
        address: INIT_BASE + load.address,
        memory_length: load.memory_length,
        rights: load.rights,
        bytes: load.bytes.to_vec(),
    }
}

/// Writes eight bytes, which may lie among the zeros that the file does not have.
fn relocate(segment: &mut InitSegment, at: u64, value: u64) {
    let start = (at - segment.address) as usize;
    if segment.bytes.len() < start + 8 {
        segment.bytes.resize(start + 8, 0);
    }
    segment.bytes[start..start + 8].copy_from_slice(&value.to_le_bytes());
}
