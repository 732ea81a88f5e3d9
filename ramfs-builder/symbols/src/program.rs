//! Where a program's table is: in a segment of its own, of the archive's pages as its other constants, that a program header of a
//! type of this system's own names. So a process can name its addresses itself, and init those of a process that can't.

/// The type of the program header that says where the table is, from the range that ELF leaves to operating systems.
pub const HEADER_TYPE: u32 = 0x6056_5359;

const MAGIC: &[u8] = b"\x7fELF\x02\x01\x01";
const PROGRAM_HEADER_SIZE: u16 = 56;
/// Program headers that are looked at.
const MAX_HEADERS: u16 = 32;

/// Where a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// In the file.
    pub offset: u64,
    /// In memory, from the program's base.
    pub address: u64,
    /// Its bytes.
    pub length: u64,
}

/// Finds the header in the first bytes of a program, its file's or its memory's: they are the same. Takes any bytes.
#[must_use]
pub fn place(start: &[u8]) -> Option<Place> {
    if !start.starts_with(MAGIC) || half(start, 54)? != PROGRAM_HEADER_SIZE {
        return None;
    }
    let (table, count) = (word(start, 32)?, half(start, 56)?.min(MAX_HEADERS));
    (0..count).find_map(|index| {
        let at = table.checked_add(u64::from(index) * u64::from(PROGRAM_HEADER_SIZE))?;
        let header = start.get(usize::try_from(at).ok()?..)?.get(..usize::from(PROGRAM_HEADER_SIZE))?;
        let kind = u32::from_le_bytes(*header.first_chunk()?);
        (kind == HEADER_TYPE).then_some(Place {
            offset: word(header, 8)?,
            address: word(header, 16)?,
            length: word(header, 32)?,
        })
    })
}

/// The table in a program's file; empty if there is none.
#[must_use]
pub fn in_file(file: &[u8]) -> &[u8] {
    let bytes = |place: Place| {
        let (offset, length) = (usize::try_from(place.offset).ok()?, usize::try_from(place.length).ok()?);
        file.get(offset..)?.get(..length)
    };
    place(file).and_then(bytes).unwrap_or_default()
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
