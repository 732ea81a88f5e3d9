//! The kernel's header (Linux's Documentation/arch/arm64/booting.rst).

/// The kernel is loaded at a multiple of this.
pub const ALIGNMENT: usize = 2 << 20;
/// No kernel is larger.
const LARGEST: u64 = 64 << 20;

/// Bytes of memory that the kernel needs.
#[must_use]
pub fn memory(file: &[u8]) -> Option<usize> {
    let field = |at: usize| Some(u64::from_le_bytes(*file.get(at..)?.first_chunk()?));
    let (text_offset, size) = (field(8)?, field(16)?);
    let sane = file.get(56..60)? == b"ARM\x64" && text_offset == 0 && size >= file.len() as u64 && size <= LARGEST;
    sane.then_some(size as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_says_what_it_needs() {
        let mut file = [0; 64];
        file[56..60].copy_from_slice(b"ARM\x64");
        file[16..24].copy_from_slice(&0x9_0000u64.to_le_bytes());
        assert_eq!(memory(&file), Some(0x9_0000));
        for (at, byte) in [(56, b'a'), (8, 1), (20, 1)] {
            let mut bad = file;
            bad[at] = byte;
            assert_eq!(memory(&bad), None, "{at}");
        }
        file[16..24].copy_from_slice(&63u64.to_le_bytes());
        assert_eq!((memory(&file), memory(&file[..20])), (None, None), "more file than memory; cut off");
    }
}
