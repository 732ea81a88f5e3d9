//! The tokenizer's tables: rule 23. Only their form is checked here; what uses them comes with the text models.
//!
//! Head of 64 bytes; for WordPiece then count + 1 text offsets, count ids in strict byte order of their tokens, and the
//! text. The order proves the tokens unique, and with that the ids a permutation.

use crate::bytes::{Record, part};
use crate::error::{ErrorKind, LoadError};
use crate::format::NONE;
use alloc::format;
use alloc::string::String;

const HEAD: u64 = 64;
const MOST_TOKENS: u32 = 262_144;
const WORD_PIECE: u32 = 1;
const BYTES: u32 = 2;
const BPE: u32 = 3;
/// Lower-case, strip accents, split CJK.
const FLAGS: u32 = 7;

/// Rule 23. An empty section is none.
pub(crate) fn check(section: &[u8]) -> Result<(), LoadError> {
    if section.is_empty() {
        return Ok(());
    }
    let refuse = |(kind, detail): (ErrorKind, String)| LoadError::bad(23, 0, "tokenizer", detail).of(kind);
    let count = head(section).map_err(refuse)?;
    if Record(section).u32(0) == WORD_PIECE {
        word_piece(section, count.into()).map_err(|detail| refuse((ErrorKind::BadModel, detail)))?;
    }
    Ok(())
}

/// Kind, count, flags, special tokens. Gives the count.
fn head(section: &[u8]) -> Result<u32, (ErrorKind, String)> {
    let record = Record(section);
    let bad = |detail: String| Err((ErrorKind::BadModel, detail));
    if (section.len() as u64) < HEAD {
        return bad(format!("{} bytes, its head has {HEAD}", section.len()));
    }
    let (kind, count, flags) = (record.u32(0), record.u32(4), record.u32(8));
    match kind {
        WORD_PIECE if (1..=MOST_TOKENS).contains(&count) && flags & !FLAGS == 0 => {}
        BYTES if count == 256 && flags == 0 && section.len() as u64 == HEAD => {}
        WORD_PIECE | BYTES => return bad("count, flags or length don't fit its kind".into()),
        BPE => return Err((ErrorKind::Unsupported, "BPE comes with a later release".into())),
        _ => return bad(format!("unknown kind {kind}")),
    }
    if !record.is_zero(36, HEAD as usize) {
        return bad("reserved bytes are not zero".into());
    }
    let special = [16, 20, 24, 28].map(|at| record.u32(at));
    if let Some(id) = special.into_iter().find(|&id| id != NONE && id >= count) {
        return bad(format!("special token {id} is not one of {count}"));
    }
    if (kind == WORD_PIECE && record.u32(12) == 0) || record.u32(32) == 0 {
        return bad("longest word and most tokens must be at least 1".into());
    }
    Ok(count)
}

fn word_piece(section: &[u8], count: u64) -> Result<(), String> {
    let ids_at = HEAD + 4 * (count + 1);
    let text_at = ids_at + 4 * count;
    let text_length = (section.len() as u64).checked_sub(text_at).ok_or("is too short for its tokens")?;
    let (Some(offsets), Some(ids), Some(text)) =
        (part(section, HEAD, ids_at - HEAD), part(section, ids_at, 4 * count), part(section, text_at, text_length))
    else {
        return Err("is too short for its tokens".into());
    };
    let offset = |index: usize| Record(offsets).u32(4 * index);
    if offset(0) != 0 || u64::from(offset(count as usize)) != text_length {
        return Err("its offsets don't start and end with its text".into());
    }
    for index in 0..count as usize {
        let token = text.get(offset(index) as usize..offset(index + 1) as usize).filter(|t| !t.is_empty());
        if token.and_then(|t| core::str::from_utf8(t).ok()).is_none() {
            return Err(format!("token {index} is no text of at least a byte"));
        }
    }
    let token = |id: u32| text.get(offset(id as usize) as usize..offset(id as usize + 1) as usize);
    let mut last: Option<&[u8]> = None;
    for (index, id) in ids.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).enumerate() {
        let this = token(id).filter(|_| u64::from(id) < count);
        if this.is_none() || this <= last {
            return Err(format!("entry {index} of the order is not in order"));
        }
        last = this;
    }
    Ok(())
}
