//! The aarch64 kernel as QEMU and boot loaders take it: a Linux `Image`, which is the memory of the loadable segments, as
//! placed by their physical addresses, with Linux's header at its start (Documentation/arch/arm64/booting.rst).

use xmas_elf::ElfFile;
use xmas_elf::header::Machine;
use xmas_elf::program::{SegmentData, Type};

/// "ARM\x64" at offset 56 of the header.
const MAGIC: [u8; 4] = *b"ARM\x64";
const AT_IMAGE_SIZE: usize = 16;
const AT_MAGIC: usize = 56;
/// No kernel is larger.
const MAX_IMAGE: u64 = 64 << 20;

/// Turns an ELF kernel into an image. What memory needs beyond the file (.bss) is not in it: the header's size says so.
///
/// # Errors
/// Why it cannot be one.
pub fn from_elf(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let elf = ElfFile::new(bytes).map_err(|e| format!("no ELF file ({e})"))?;
    if elf.header.pt2.machine().as_machine() != Machine::AArch64 {
        return Err("not for aarch64".into());
    }
    let loads = || elf.program_iter().filter(|h| h.get_type() == Ok(Type::Load) && h.mem_size() > 0);
    let base = loads().map(|h| h.physical_addr()).min().ok_or("nothing to load in it")?;
    let mut image = Vec::new();
    let mut memory_end = 0;
    for header in loads() {
        let Ok(SegmentData::Undefined(data)) = header.get_data(&elf) else {
            return Err("a segment reaches beyond the file".into());
        };
        let start = header.physical_addr() - base;
        let end = start.checked_add(header.mem_size()).filter(|&end| end <= MAX_IMAGE);
        memory_end = memory_end.max(end.ok_or("its segments are further than 64 MiB apart")?);
        let start = start as usize;
        if image.len() < start + data.len() {
            image.resize(start + data.len(), 0);
        }
        image[start..start + data.len()].copy_from_slice(data);
    }
    check_header(&image, memory_end)?;
    Ok(image)
}

fn check_header(image: &[u8], memory: u64) -> Result<(), String> {
    if image.get(AT_MAGIC..AT_MAGIC + 4) != Some(&MAGIC) {
        return Err("its first segment does not start with Linux's image header (\"ARM\\x64\" at offset 56)".into());
    }
    let size = image.get(AT_IMAGE_SIZE..AT_IMAGE_SIZE + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    if size.is_none_or(|s| s < memory) {
        return Err(format!("its image header must say that it needs {memory:#x} bytes of memory (offset 16)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file of two segments, the second one first in the file.
    fn elf(header: &[u8; 64]) -> Vec<u8> {
        let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        out.extend(2u16.to_le_bytes()); // executable
        out.extend(183u16.to_le_bytes()); // aarch64
        out.extend(1u32.to_le_bytes());
        for word in [0u64, 64, 0] {
            out.extend(word.to_le_bytes());
        }
        out.extend(0u32.to_le_bytes());
        for half in [64u16, 56, 2, 64, 0, 0] {
            out.extend(half.to_le_bytes());
        }
        let mut segment = |offset: u64, physical: u64, file: u64, memory: u64| {
            out.extend(1u32.to_le_bytes());
            out.extend(5u32.to_le_bytes());
            for word in [offset, 0xffff_0000_0000_0000 + physical, physical, file, memory, 4096] {
                out.extend(word.to_le_bytes());
            }
        };
        segment(0x100, 0x4020_1000, 4, 0x3000);
        segment(0x200, 0x4020_0000, 64, 64);
        out.resize(0x100, 0);
        out.extend(b"data");
        out.resize(0x200, 0);
        out.extend(header);
        out
    }

    fn header(size: u64) -> [u8; 64] {
        let mut header = [0; 64];
        header[16..24].copy_from_slice(&size.to_le_bytes());
        header[56..60].copy_from_slice(b"ARM\x64");
        header
    }

    #[test]
    fn segments_are_placed_by_their_physical_addresses() {
        let image = from_elf(&elf(&header(0x4000))).unwrap();
        assert_eq!(image.len(), 0x1004, "what is zero at the end is left out");
        assert_eq!(image[..64], header(0x4000));
        assert_eq!(&image[0x1000..], b"data");
    }

    #[test]
    fn a_kernel_that_would_not_boot_is_refused() {
        assert!(from_elf(&elf(&[0; 64])).unwrap_err().contains("image header"));
        assert!(from_elf(&elf(&header(0x3fff))).unwrap_err().contains("0x4000"));
        assert!(from_elf(b"not an elf").is_err());
        let mut other = elf(&header(0x4000));
        other[18] = 62;
        assert!(from_elf(&other).unwrap_err().contains("aarch64"));
    }
}
