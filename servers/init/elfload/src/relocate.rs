//! Relocations: found in the dynamic section, checked and sorted by segment once, applied to each copy of a writable segment.

use crate::{ElfError, Processor, Program, Segment, Use};

const DT_NULL: u64 = 0;
const DT_PLTRELSZ: u64 = 2;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_RELAENT: u64 = 9;
const DT_REL: u64 = 17;
const DT_TEXTREL: u64 = 22;
const DT_RELR: u64 = 36;
const R_X86_64_RELATIVE: u64 = 8;
const R_AARCH64_RELATIVE: u64 = 1027;
const RELA_SIZE: usize = 24;

/// A relocation within its segment, "write base + addend there", eight bytes, little-endian. It takes eight bytes instead of the
/// file's 24, and a few instructions at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixup {
    /// Which eight bytes of the segment.
    word: u32,
    /// What they point to, from the program's base. Programs are shorter than 4 GiB.
    addend: u32,
}
const _: () = assert!(crate::MAX_SPAN <= u32::MAX as u64);

/// The relocation table's place in the file: start and end.
pub(crate) fn find(file: &[u8], segments: &[Segment], dynamic: Option<(u64, u64)>) -> Result<(usize, usize), ElfError> {
    let Some((offset, length)) = dynamic else { return Ok((0, 0)) };
    let table = usize::try_from(offset).ok().and_then(|at| file.get(at..)).ok_or(ElfError::Dynamic)?;
    let table = usize::try_from(length).ok().and_then(|length| table.get(..length)).ok_or(ElfError::Dynamic)?;
    let (mut address, mut size) = (0, 0);
    for pair in table.as_chunks::<16>().0 {
        match (word(pair, 0), word(pair, 8)) {
            (DT_NULL, _) => break,
            (DT_RELA, value) => address = value,
            (DT_RELASZ, value) => size = value,
            (DT_RELAENT, value) if value != RELA_SIZE as u64 => return Err(ElfError::RelocationKind),
            (DT_REL | DT_RELR | DT_TEXTREL, _) => return Err(ElfError::RelocationKind),
            (DT_PLTRELSZ, value) if value > 0 => return Err(ElfError::RelocationKind),
            _ => {}
        }
    }
    if size == 0 {
        return Ok((0, 0));
    }
    let inside = |s: &&Segment| address >= s.address && address - s.address < s.file_length;
    let home = segments.iter().find(inside).ok_or(ElfError::Dynamic)?;
    let skip = address - home.address;
    if size % RELA_SIZE as u64 != 0 || size > home.file_length - skip {
        return Err(ElfError::Dynamic);
    }
    // Both lie inside the file: the segment was checked.
    let start = (home.offset + skip) as usize;
    Ok((start, start + size as usize))
}

impl Program {
    /// Takes the relocations from their table, given by its place in the file.
    pub(crate) fn read_relocations(
        &mut self,
        file: &[u8],
        (start, end): (usize, usize),
        processor: Processor,
    ) -> Result<(), ElfError> {
        let relative = match processor {
            Processor::Aarch64 => R_AARCH64_RELATIVE,
            Processor::X86_64 => R_X86_64_RELATIVE,
        };
        for entry in file.get(start..end).unwrap_or_default().as_chunks::<RELA_SIZE>().0 {
            let (offset, info, addend) = (word(entry, 0), word(entry, 8), word(entry, 16));
            if info != relative {
                return Err(ElfError::RelocationKind);
            }
            // Only pages that the file fills are copied, so only there something can be relocated.
            let filled = |s: &Segment| offset >= s.address && offset - s.address <= s.file_length.saturating_sub(8);
            let inside = |s: &&mut Segment| s.usage == Use::ReadWrite && s.file_length >= 8 && filled(s);
            let home = self.segments.iter_mut().find(inside).ok_or(ElfError::RelocationPlace)?;
            if offset % 8 != 0 || addend > self.span {
                return Err(ElfError::RelocationPlace);
            }
            home.fixups.push(Fixup { word: ((offset - home.address) / 8) as u32, addend: addend as u32 });
        }
        Ok(())
    }

    /// Fills `memory`, zeroed and at least as long as the segment, with the segment's bytes as they are once the program
    /// lies at `base`.
    pub fn fill(&self, file: &[u8], segment: &Segment, base: u64, memory: &mut [u8]) {
        let bytes = file.get(segment.offset as usize..).and_then(|b| b.get(..segment.file_length as usize));
        if let (Some(bytes), Some(place)) = (bytes, memory.get_mut(..segment.file_length as usize)) {
            place.copy_from_slice(bytes);
        }
        let words = memory.as_chunks_mut::<8>().0;
        for Fixup { word, addend } in &segment.fixups {
            if let Some(place) = words.get_mut(*word as usize) {
                *place = base.wrapping_add(u64::from(*addend)).to_le_bytes();
            }
        }
    }
}

/// Eight bytes; the callers' arrays are long enough.
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}
