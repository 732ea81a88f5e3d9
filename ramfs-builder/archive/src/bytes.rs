//! Checked little-endian reads: the only way the readers here touch bytes.

use crate::ArchiveError;

/// `length` bytes from `offset`, or [`ArchiveError::TooShort`].
pub(crate) fn slice(bytes: &[u8], offset: u64, length: u64) -> Result<&[u8], ArchiveError> {
    let end = offset.checked_add(length).ok_or(ArchiveError::TooShort)?;
    let (Ok(start), Ok(end)) = (usize::try_from(offset), usize::try_from(end)) else {
        return Err(ArchiveError::TooShort);
    };
    bytes.get(start..end).ok_or(ArchiveError::TooShort)
}

/// `N` bytes from `offset`.
pub(crate) fn array<const N: usize>(bytes: &[u8], offset: u64) -> Result<[u8; N], ArchiveError> {
    slice(bytes, offset, N as u64)?.try_into().map_err(|_| ArchiveError::TooShort)
}

pub(crate) fn u16_at(bytes: &[u8], offset: u64) -> Result<u16, ArchiveError> {
    array(bytes, offset).map(u16::from_le_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], offset: u64) -> Result<u32, ArchiveError> {
    array(bytes, offset).map(u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], offset: u64) -> Result<u64, ArchiveError> {
    array(bytes, offset).map(u64::from_le_bytes)
}
