//! Files handed to a running guest: the one archive behind the fw_cfg entry `opt/viaether/files`.
//!
//! ```text
//! magic "VIAFILES", version u32, count u32, then per file: name length u32, 0 u32, length u64, name, bytes
//! ```
//!
//! Nothing is aligned: the reader copies the files into `RAM:`. The reader allocates nothing and takes any bytes.

use crate::bytes::{array, slice, u32_at, u64_at};
use crate::{ArchiveError, name};

/// The first bytes.
pub const MAGIC: [u8; 8] = *b"VIAFILES";
/// The format described here.
pub const VERSION: u32 = 1;
/// Files in one archive, at most.
pub const MAX_FILES: u32 = 1024;
const HEADER: u64 = 16;
const FILE_HEADER: u64 = 16;

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its path below `RAM:`; the rules of [`name::check`].
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

/// A checked archive of files; an iterator over it yields them in order.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    bytes: &'a [u8],
    count: u32,
}

impl<'a> Files<'a> {
    /// Checks all of it.
    ///
    /// # Errors
    /// The first thing that is not as the format says; bytes after the last file count too.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ArchiveError> {
        if array(bytes, 0)? != MAGIC {
            return Err(ArchiveError::NotAnArchive);
        }
        match u32_at(bytes, 8)? {
            VERSION => {}
            other => return Err(ArchiveError::Version(other)),
        }
        let count = u32_at(bytes, 12)?;
        if count > MAX_FILES {
            return Err(ArchiveError::TooLarge);
        }
        let mut offset = HEADER;
        for _ in 0..count {
            let (file, next) = file_at(bytes, offset)?;
            if !name::check(file.name) {
                return Err(ArchiveError::BadName);
            }
            offset = next;
        }
        if offset == bytes.len() as u64 { Ok(Self { bytes, count }) } else { Err(ArchiveError::BadLayout) }
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The files, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = File<'a>> + use<'a> {
        let bytes = self.bytes;
        let mut offset = HEADER;
        (0..self.count).map_while(move |_| {
            let (file, next) = file_at(bytes, offset).ok()?;
            offset = next;
            Some(file)
        })
    }
}

/// Writes an archive of files.
///
/// # Errors
/// [`ArchiveError::BadName`] or [`ArchiveError::TooLarge`] for what no reader would take.
#[cfg(feature = "write")]
pub fn write(files: &[File<'_>]) -> Result<alloc::vec::Vec<u8>, ArchiveError> {
    let count = u32::try_from(files.len()).ok().filter(|&n| n <= MAX_FILES).ok_or(ArchiveError::TooLarge)?;
    let mut out = alloc::vec::Vec::new();
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend(count.to_le_bytes());
    for file in files {
        if !name::check(file.name) {
            return Err(ArchiveError::BadName);
        }
        out.extend((file.name.len() as u32).to_le_bytes());
        out.extend([0; 4]);
        out.extend((file.bytes.len() as u64).to_le_bytes());
        out.extend(file.name.as_bytes());
        out.extend(file.bytes);
    }
    Ok(out)
}

/// The file whose header is at `offset`, and where the next one is.
fn file_at(bytes: &[u8], offset: u64) -> Result<(File<'_>, u64), ArchiveError> {
    let name_length = u64::from(u32_at(bytes, offset)?);
    if array(bytes, offset + 4)? != [0u8; 4] {
        return Err(ArchiveError::BadField);
    }
    let length = u64_at(bytes, offset + 8)?;
    let name_offset = offset + FILE_HEADER;
    let name = slice(bytes, name_offset, name_length)?;
    let content_offset = name_offset + name_length;
    let content = slice(bytes, content_offset, length)?;
    let name = core::str::from_utf8(name).map_err(|_| ArchiveError::BadName)?;
    Ok((File { name, bytes: content }, content_offset + length))
}
