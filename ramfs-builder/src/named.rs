//! Gives a program the table of its functions' names: a read-only segment behind its last one.
//!
//! ```text
//! file     headers, constants | code | data            | table
//! memory   headers, constants | code | data and zeros  | table
//! headers  LOAD… DYNAMIC RELRO (PHDR, STACK, EH_FRAME) ──► LOAD… DYNAMIC RELRO, LOAD and HEADER_TYPE of the table
//! ```
//!
//! Why in the program, and not in a file beside it: it is mapped from the archive, for most processes as it is used, so it
//! costs a process no memory; a process that panics names its addresses itself; and it can't be another build's. Headers
//! that nobody reads here make room, so that nothing that the linker placed has to move.

use archive::PAGE;
use std::ops::Range;

const PHOFF: Range<usize> = 0x20..0x28;
const PHNUM: Range<usize> = 0x38..0x3a;
const HEADER: usize = 56;
const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const RELRO: u32 = 0x6474_e552;
const READ: u32 = 4;

/// Adds `table` to a stripped program that takes `span` bytes of memory. `None`: its headers leave no room for two more.
pub(crate) fn add(program: &[u8], span: u64, table: &[u8]) -> Option<Vec<u8>> {
    let start = usize::try_from(u64::from_le_bytes(*program.get(PHOFF)?.first_chunk()?)).ok()?;
    let count = usize::from(u16::from_le_bytes(*program.get(PHNUM)?.first_chunk()?));
    let place = start..start.checked_add(count * HEADER)?;
    let kept =
        |header: &&[u8]| header.first_chunk().is_some_and(|k| [LOAD, DYNAMIC, RELRO].contains(&u32::from_le_bytes(*k)));
    let mut headers = program.get(place.clone())?.chunks_exact(HEADER).filter(kept).collect::<Vec<_>>().concat();
    let offset = (program.len() as u64).next_multiple_of(PAGE);
    for kind in [LOAD, symbols::program::HEADER_TYPE] {
        headers.extend(kind.to_le_bytes());
        headers.extend(READ.to_le_bytes());
        for word in [offset, span, span, table.len() as u64, table.len() as u64, PAGE] {
            headers.extend(word.to_le_bytes());
        }
    }
    let used = u16::try_from(headers.len() / HEADER).ok()?;
    if headers.len() > place.len() {
        return None;
    }
    headers.resize(place.len(), 0);
    let mut out = program.to_vec();
    out.get_mut(place)?.copy_from_slice(&headers);
    out.get_mut(PHNUM)?.copy_from_slice(&used.to_le_bytes());
    out.resize(offset as usize, 0);
    out.extend(table);
    Some(out)
}
