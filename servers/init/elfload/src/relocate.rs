//! Relocations: found in the dynamic section, checked and put where they go once, applied to each copy of a writable segment.

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

/// Words that are relocated at once.
const ROW: usize = 8;

/// Words in a row of a writable segment: as they are at base 0, and all ones for those that the base is added to, else 0.
///
/// The first rows of a segment are kept so, up to its last relocation. Every second or third word is relocated there, so all are added
/// up one after the other, several by an instruction, and copied by that. It takes twice the bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    words: [u64; ROW],
    masks: [u64; ROW],
}

impl Row {
    /// The words of the first bytes, and zeros behind the last one; none is relocated yet.
    fn of(bytes: &[u8]) -> Row {
        let mut words = [0; ROW];
        let (whole, rest) = bytes.get(..ROW * 8).unwrap_or(bytes).as_chunks();
        for (n, word) in whole.iter().enumerate() {
            words[n] = u64::from_le_bytes(*word);
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            words[whole.len()] = u64::from_le_bytes(last);
        }
        Row { words, masks: [0; ROW] }
    }
}

/// Notes that a word points to `addend` from the program's base, in the rows of its segment.
fn add(segment: &mut Segment, word: usize, addend: u64, file: &[u8]) {
    let (row, known) = (word / ROW, segment.relocated.len());
    if row >= known {
        let bytes = segment.bytes(file);
        let rows = (known..=row).map(|row| Row::of(bytes.get(row * ROW * 8..).unwrap_or_default()));
        segment.relocated.extend(rows);
    }
    if let Some(Row { words, masks }) = segment.relocated.get_mut(row) {
        (words[word % ROW], masks[word % ROW]) = (addend, u64::MAX);
    }
}

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
            let word = ((offset - home.address) / 8) as usize;
            add(home, word, addend, file);
        }
        Ok(())
    }

    /// Fills `memory`, whole pages of zeros, as many at least as the file fills of the segment, with the segment's bytes as they
    /// are once the program lies at `base`.
    pub fn fill(&self, file: &[u8], segment: &Segment, base: u64, memory: &mut [u8]) {
        let (bytes, done) = (segment.bytes(file), segment.relocated.len() * ROW * 8);
        if let (Some(bytes), Some(place)) = (bytes.get(done..), memory.get_mut(done..bytes.len())) {
            place.copy_from_slice(bytes);
        }
        let places = memory.as_chunks_mut::<8>().0.as_chunks_mut::<ROW>().0;
        for (places, Row { words, masks }) in places.iter_mut().zip(&segment.relocated) {
            for n in 0..ROW {
                places[n] = words[n].wrapping_add(base & masks[n]).to_le_bytes();
            }
        }
    }
}

/// Eight bytes; the callers' arrays are long enough.
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_row_has_zeros_behind_the_last_byte() {
        let bytes: Vec<u8> = (1..=80).collect();
        for length in 0..=bytes.len() {
            let Row { words, masks } = Row::of(&bytes[..length]);
            let row: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let there = length.min(ROW * 8);
            assert_eq!((&row[..there], masks), (&bytes[..there], [0; ROW]));
            assert!(row[there..].iter().all(|byte| *byte == 0), "{length} bytes");
        }
    }
}
