//! QEMU's firmware configuration device (QEMU's documentation, `specs/fw_cfg`): a directory of files, read by DMA.
//!
//! All its structures are big-endian.

use alloc::{string::String, vec::Vec};

/// Key of the signature, `QEMU`.
pub const SIGNATURE: u16 = 0;
/// Key of the features: bit 1, DMA.
pub const FEATURES: u16 = 1;
/// Key of the directory.
pub const DIRECTORY: u16 = 0x19;
/// What the signature says.
pub const MAGIC: [u8; 4] = *b"QEMU";
/// What the DMA address register reads as.
pub const DMA_MAGIC: u64 = u64::from_be_bytes(*b"QEMU CFG");
/// Features: DMA.
pub const FEATURE_DMA: u32 = 2;
/// Bytes of an entry of the directory.
pub const ENTRY: usize = 64;
/// Entries that are looked at.
pub const MAX_ENTRIES: u32 = 1024;

/// Where registers are, from the device's first (memory) or port 0x510.
pub mod memory {
    /// Data, a byte at a time.
    pub const DATA: usize = 0;
    /// Selector.
    pub const SELECTOR: usize = 8;
    /// DMA: upper half of the address; the lower half follows, and starts the command.
    pub const DMA: usize = 16;
}

/// I/O ports.
pub mod port {
    /// The first of twelve.
    pub const FIRST: u16 = 0x510;
    /// How many.
    pub const COUNT: u16 = 12;
    /// Selector, from the first.
    pub const SELECTOR: u16 = 0;
    /// Data.
    pub const DATA: u16 = 1;
    /// DMA: upper half of the address, then the lower one.
    pub const DMA: u16 = 4;
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, `opt/viaether/options`.
    pub name: String,
    /// Its key.
    pub key: u16,
    /// Bytes.
    pub size: u32,
}

/// How many entries the directory has, from its first four bytes.
pub fn entry_count(head: [u8; 4]) -> u32 {
    u32::from_be_bytes(head).min(MAX_ENTRIES)
}

/// An entry of the directory; none if its name isn't text.
pub fn entry(bytes: &[u8; ENTRY]) -> Option<File> {
    let name = bytes.get(8..)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let name = core::str::from_utf8(name.get(..end)?).ok()?;
    let size = u32::from_be_bytes(*bytes.first_chunk()?);
    Some(File { name: name.into(), key: u16::from_be_bytes([bytes[4], bytes[5]]), size })
}

/// The files of a whole directory.
pub fn directory(bytes: &[u8]) -> Vec<File> {
    let Some((head, entries)) = bytes.split_first_chunk::<4>() else { return Vec::new() };
    let count = entry_count(*head) as usize;
    entries.as_chunks::<ENTRY>().0.iter().take(count).filter_map(entry).collect()
}

/// What a DMA command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Copies bytes from the current position on into memory.
    Read,
    /// Moves the position.
    Skip,
}

/// Bytes of a command, which stands in memory that the device can read.
pub const COMMAND: usize = 16;
/// What is left in a command's first word when it failed.
pub const FAILED: u32 = 1;

/// A command: with a key the position is first set to that file's start.
pub fn command(key: Option<u16>, operation: Operation, length: u32, address: u64) -> [u8; COMMAND] {
    let operation = match operation {
        Operation::Read => 2,
        Operation::Skip => 4,
    };
    let control = operation | key.map_or(0, |key| u32::from(key) << 16 | 8);
    let mut bytes = [0; COMMAND];
    bytes[..4].copy_from_slice(&control.to_be_bytes());
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
    bytes[8..].copy_from_slice(&address.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(name: &[u8], key: u16, size: u32) -> [u8; ENTRY] {
        let mut raw = [0; ENTRY];
        raw[..4].copy_from_slice(&size.to_be_bytes());
        raw[4..6].copy_from_slice(&key.to_be_bytes());
        raw[8..8 + name.len()].copy_from_slice(name);
        raw
    }

    #[test]
    fn a_directory_names_its_files() {
        let mut bytes = 2u32.to_be_bytes().to_vec();
        bytes.extend(raw(b"etc/ramfb", 0x20, 28));
        bytes.extend(raw(b"opt/viaether/options", 0x2e, 17));
        bytes.extend(raw(b"behind the end", 0x2f, 1));
        let files = directory(&bytes);
        assert_eq!(files.len(), 2);
        assert_eq!(files[1], File { name: "opt/viaether/options".into(), key: 0x2e, size: 17 });
    }

    #[test]
    fn a_hostile_directory_is_cut() {
        let mut bytes = u32::MAX.to_be_bytes().to_vec();
        bytes.extend(raw(b"\xff\xfe", 1, 1));
        bytes.extend(raw(&[b'x'; 56], 2, 2));
        bytes.extend([0; 63]);
        let files = directory(&bytes);
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].name.len(), 56);
        assert!(directory(&[0, 0]).is_empty());
        assert_eq!(entry_count([0xff; 4]), MAX_ENTRIES);
    }

    #[test]
    fn commands_are_big_endian() {
        let read = command(Some(0x2e), Operation::Read, 0x100, 0x1_4000_1000);
        assert_eq!(read, [0, 0x2e, 0, 0x0a, 0, 0, 1, 0, 0, 0, 0, 1, 0x40, 0, 0x10, 0]);
        assert_eq!(command(None, Operation::Skip, 1, 0)[..4], [0, 0, 0, 4]);
    }
}
