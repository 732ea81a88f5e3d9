//! Chunk hashes and the root: rules 7 and 9, and the same sums for the writer.
//!
//! The root covers page 0 and the table of chunk hashes, the table covers the rest up to itself. What lies behind the
//! table is padding (rule 10) and the signature (rule 8), so no byte of a file is left uncovered.

use crate::bytes::part;
use crate::error::{ErrorKind, LoadError};
use crate::format::*;
use crate::frame::Frame;
use alloc::format;

const CHUNK_CONTEXT: &str = "viaether waymodel 2 chunk";
const ROOT_CONTEXT: &str = "viaether waymodel 2 root";
/// Where the root itself lies in page 0; it counts as zero in its own sum.
const ROOT_AT: usize = 64;

/// The hash of one chunk.
pub(crate) fn chunk_hash(bytes: &[u8]) -> [u8; HASH] {
    blake3::Hasher::new_derive_key(CHUNK_CONTEXT).update(bytes).finalize().into()
}

/// The root of a file with this page 0 and these hash records.
pub(crate) fn root_of(page: &[u8], hashes: &[u8]) -> [u8; HASH] {
    let mut hasher = blake3::Hasher::new_derive_key(ROOT_CONTEXT);
    hasher.update(page.get(..ROOT_AT).unwrap_or(&[]));
    hasher.update(&[0; HASH]);
    hasher.update(page.get(ROOT_AT + HASH..).unwrap_or(&[]));
    hasher.update(hashes);
    hasher.finalize().into()
}

/// Rule 7: the root in page 0 is right.
pub(crate) fn check_root(file: &[u8], frame: &Frame) -> Result<(), LoadError> {
    let page = part(file, 0, PAGE).unwrap_or(&[]);
    if root_of(page, frame.bytes(file, section::HASHES)) == frame.root {
        return Ok(());
    }
    Err(LoadError::bad(7, 0, "root", "page 0 or the hashes were changed").of(ErrorKind::Corrupt))
}

/// Rule 9: each chunk has the hash that the table says.
pub(crate) fn check_chunks(file: &[u8], frame: &Frame) -> Result<(), LoadError> {
    let end = frame.find(section::HASHES).map_or(PAGE, |s| s.offset);
    let body = part(file, PAGE, end - PAGE).unwrap_or(&[]);
    let hashes = frame.bytes(file, section::HASHES).chunks_exact(HASH);
    for (index, (chunk, hash)) in body.chunks(CHUNK as usize).zip(hashes).enumerate() {
        if chunk_hash(chunk) != *hash {
            let from = PAGE + CHUNK * index as u64;
            let detail = format!("bytes {from} to {} were changed", from + chunk.len() as u64 - 1);
            return Err(LoadError::bad(9, index, format!("chunk {index}"), detail).of(ErrorKind::Corrupt));
        }
    }
    Ok(())
}
