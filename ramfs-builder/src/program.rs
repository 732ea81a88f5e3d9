//! Programs: ELF files checked and stripped to what is loaded; init flattened and relocated.
//!
//! A program is a static PIE (`ET_DYN`, no interpreter) for the archive's processor, whose loadable segments start on
//! pages of their own in the file and in memory: that is what the target specifications' linker options make, and what
//! lets read-only segments be mapped from the archive.

use archive::write::{InitImage, InitSegment};
use archive::{INIT_BASE, PAGE, Rights};
use xmas_elf::ElfFile;
use xmas_elf::header::{HeaderPt2, Machine, Type as FileType};
use xmas_elf::program::{ProgramHeader, SegmentData, Type};

const R_X86_64_RELATIVE: u32 = 8;
const R_AARCH64_RELATIVE: u32 = 1027;
const DT_NULL: u64 = 0;
const DT_PLTRELSZ: u64 = 2;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_REL: u64 = 17;
const DT_RELR: u64 = 36;
const RELA_SIZE: usize = 24;
const ELF_HEADER_SIZE: usize = 64;

/// The processor a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// aarch64.
    Aarch64,
    /// x86_64.
    X86_64,
}

/// A loadable segment of a checked program.
struct Load<'a> {
    address: u64,
    memory_length: u64,
    rights: Rights,
    bytes: &'a [u8],
}

/// Checks a program and returns it without what is not loaded: symbols and debugging data. Also which processor it is
/// for.
///
/// # Errors
/// What makes it unfit, in words that follow "NAME: ".
pub fn strip(bytes: &[u8]) -> Result<(Processor, Vec<u8>), String> {
    let (processor, elf) = parse(bytes)?;
    loads(&elf)?;
    relocations(&elf, processor)?;
    let end = elf.program_iter().filter(|h| h.get_type() == Ok(Type::Load)).map(|h| h.offset() + h.file_size()).max();
    let mut kept = bytes.get(..end.unwrap_or(0) as usize).ok_or("its segments reach beyond the file")?.to_vec();
    // No section headers any more: e_shoff, then e_shnum and e_shstrndx.
    kept.get_mut(0x28..0x30).ok_or("it has no header in a segment")?.fill(0);
    kept.get_mut(0x3c..ELF_HEADER_SIZE).ok_or("it has no header in a segment")?.fill(0);
    Ok((processor, kept))
}

/// Links init to [`INIT_BASE`]: its segments with all relocations applied. What is constant after that becomes read-only.
///
/// # Errors
/// What makes it unfit, in words that follow "NAME: ".
pub fn flatten(name: &str, bytes: &[u8]) -> Result<(Processor, InitImage), String> {
    let (processor, elf) = parse(bytes)?;
    let loads = loads(&elf)?;
    if loads.first().is_none_or(|l| l.address != 0) {
        return Err("its first segment is not at address 0".into());
    }
    let mut segments: Vec<InitSegment> = loads
        .iter()
        .map(|l| InitSegment {
            address: INIT_BASE + l.address,
            memory_length: l.memory_length,
            rights: l.rights,
            bytes: l.bytes.to_vec(),
        })
        .collect();
    for (offset, addend) in relocations(&elf, processor)? {
        let at = INIT_BASE.checked_add(offset).ok_or("a relocation overflows")?;
        let value = INIT_BASE.checked_add(addend).ok_or("a relocation overflows")?;
        relocate(&mut segments, at, value)?;
    }
    for header in elf.program_iter().filter(|h| h.get_type() == Ok(Type::GnuRelro)) {
        let range = INIT_BASE + header.virtual_addr()..INIT_BASE + header.virtual_addr() + header.mem_size();
        for s in segments.iter_mut().filter(|s| range.contains(&s.address) && s.address + s.memory_length <= range.end)
        {
            s.rights = Rights::Read;
            s.bytes.resize(s.memory_length as usize, 0);
        }
    }
    let entry = INIT_BASE + elf.header.pt2.entry_point();
    Ok((processor, InitImage { name: name.to_string(), entry, segments }))
}

fn parse(bytes: &[u8]) -> Result<(Processor, ElfFile<'_>), String> {
    let elf = ElfFile::new(bytes).map_err(|e| format!("it is no ELF file ({e})"))?;
    if !matches!(elf.header.pt2, HeaderPt2::Header64(_)) {
        return Err("it is no 64-bit program".into());
    }
    let processor = match elf.header.pt2.machine().as_machine() {
        Machine::AArch64 => Processor::Aarch64,
        Machine::X86_64 => Processor::X86_64,
        other => return Err(format!("it is for {other:?}, neither aarch64 nor x86_64")),
    };
    if elf.header.pt2.type_().as_type() != FileType::SharedObject {
        return Err("it is not position-independent; build it for boot/targets/*-viaether.json".into());
    }
    if elf.program_iter().any(|h| h.get_type() == Ok(Type::Interp)) {
        return Err("it wants a dynamic linker; link it statically".into());
    }
    Ok((processor, elf))
}

fn loads<'a>(elf: &ElfFile<'a>) -> Result<Vec<Load<'a>>, String> {
    let mut loads: Vec<Load<'a>> = Vec::new();
    for header in elf.program_iter().filter(|h| h.get_type() == Ok(Type::Load) && h.mem_size() > 0) {
        if header.virtual_addr() % PAGE != 0 || header.offset() % PAGE != 0 || header.file_size() > header.mem_size() {
            return Err("a segment does not start on a page; link with -z separate-loadable-segments".into());
        }
        let after = loads.last().map_or(0, |l| l.address + l.memory_length);
        if header.virtual_addr() < after || header.virtual_addr().checked_add(header.mem_size()).is_none() {
            return Err("its segments overlap".into());
        }
        loads.push(Load {
            address: header.virtual_addr(),
            memory_length: header.mem_size(),
            rights: rights(&header)?,
            bytes: data(elf, &header)?,
        });
    }
    Ok(loads)
}

fn rights(header: &ProgramHeader<'_>) -> Result<Rights, String> {
    let flags = header.flags();
    match (flags.is_write(), flags.is_execute()) {
        (false, false) => Ok(Rights::Read),
        (true, false) => Ok(Rights::ReadWrite),
        (false, true) => Ok(Rights::ReadExecute),
        (true, true) => Err("a segment is writable and executable".into()),
    }
}

fn data<'a>(elf: &ElfFile<'a>, header: &ProgramHeader<'a>) -> Result<&'a [u8], String> {
    match header.get_data(elf) {
        Ok(SegmentData::Undefined(bytes)) => Ok(bytes),
        _ => Err("its segments reach beyond the file".into()),
    }
}

/// Where to write `base + addend`, for all relocations of the program. Any other kind is refused.
fn relocations(elf: &ElfFile<'_>, processor: Processor) -> Result<Vec<(u64, u64)>, String> {
    let Some(dynamic) = elf.program_iter().find(|h| h.get_type() == Ok(Type::Dynamic)) else { return Ok(Vec::new()) };
    let table = elf.input.get(dynamic.offset() as usize..).and_then(|t| t.get(..dynamic.file_size() as usize));
    let (mut rela, mut rela_size) = (0, 0);
    for pair in table.ok_or("its dynamic section reaches beyond the file")?.chunks_exact(16) {
        match (word(pair, 0), word(pair, 8)) {
            (DT_NULL, _) => break,
            (DT_RELA, value) => rela = value,
            (DT_RELASZ, value) => rela_size = value,
            (DT_REL | DT_RELR, _) => return Err("it has relocations of a kind that is not supported".into()),
            (DT_PLTRELSZ, size) if size > 0 => return Err("it has a procedure linkage table".into()),
            _ => {}
        }
    }
    let loads = loads(elf)?;
    let home = loads.iter().find(|l| (l.address..l.address + l.bytes.len() as u64).contains(&rela));
    let Some(home) = home.filter(|_| rela_size > 0) else { return Ok(Vec::new()) };
    let start = (rela - home.address) as usize;
    let entries = home.bytes.get(start..).and_then(|b| b.get(..rela_size as usize));
    let relative = match processor {
        Processor::Aarch64 => R_AARCH64_RELATIVE,
        Processor::X86_64 => R_X86_64_RELATIVE,
    };
    let mut found = Vec::new();
    for entry in entries.ok_or("its relocations reach beyond their segment")?.chunks_exact(RELA_SIZE) {
        if word(entry, 8) as u32 != relative {
            return Err(format!("it has a relocation of type {}, not a relative one", word(entry, 8) as u32));
        }
        found.push((word(entry, 0), word(entry, 16)));
    }
    Ok(found)
}

fn relocate(segments: &mut [InitSegment], at: u64, value: u64) -> Result<(), String> {
    let inside = |s: &&mut InitSegment| at >= s.address && at + 8 <= s.address + s.memory_length;
    let segment = segments.iter_mut().find(inside).ok_or("a relocation lies outside of its segments")?;
    if segment.rights != Rights::ReadWrite {
        return Err("it has a relocation in a read-only segment".into());
    }
    let start = (at - segment.address) as usize;
    if segment.bytes.len() < start + 8 {
        segment.bytes.resize(start + 8, 0);
    }
    segment.bytes[start..start + 8].copy_from_slice(&value.to_le_bytes());
    Ok(())
}

/// Eight bytes of a chunk known to be long enough.
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}
