//! Fills the room that the kernel's linker scripts keep for the names of its functions (`.symbols`): the addresses are known
//! only when it is linked.

use crate::room::{self, Fill};

/// The section that is filled.
const SECTION: &str = ".symbols";
/// Addresses in the table count from here: KERNEL_BASE of `boot/kernel-*.ld`.
pub const BASE: u64 = 0xffff_ffff_8000_0000;

/// Writes the table into a linked kernel.
///
/// # Errors
/// It is no ELF file, or one without symbols or without room.
pub fn fill(kernel: &mut [u8]) -> Result<Fill, String> {
    let table = symbols::write::of_elf(kernel, BASE).ok_or("it has no symbols")?;
    room::fill(kernel, SECTION, &table)
}

/// Where a program has a function or label, whose addresses are no lower than `base`.
#[must_use]
pub fn address(program: &[u8], base: u64, name: &str) -> Option<u64> {
    let table = symbols::write::of_elf(program, base)?;
    let start = symbols::Symbols::parse(&table)?.iter().find(|(_, known)| *known == name)?.0;
    Some(base + u64::from(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbols::Symbols;

    /// Two sections beside the symbols' own: code with one function, and room.
    fn kernel(room: u64) -> Vec<u8> {
        let strings = b"\0.symbols\0kernel_panic\0";
        // Name, kind, flags, address, offset, size, link, size of an entry.
        let sections = [
            [0; 8],
            [0, 1, 6, BASE + 0x1000, 0x100, 0x40, 0, 0],
            [1, 1, 2, BASE + 0x2000, 0x200, room, 0, 0],
            [0, 2, 0, 0, 0x300, 48, 4, 24],
            [0, 3, 0, 0, 0x400, strings.len() as u64, 0, 0],
        ];
        let mut out = vec![0; 0x500];
        out[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        for (at, half) in [(16, 2u16), (18, 62), (52, 64), (54, 56), (58, 64), (60, 5), (62, 4)] {
            out[at..at + 2].copy_from_slice(&half.to_le_bytes());
        }
        out[20] = 1;
        out[40..48].copy_from_slice(&0x500u64.to_le_bytes());
        // The second symbol: its name, a function of section 1, its address.
        out[0x318..0x320].copy_from_slice(&[10, 0, 0, 0, 2, 0, 1, 0]);
        out[0x320..0x328].copy_from_slice(&(BASE + 0x1010).to_le_bytes());
        out[0x400..0x400 + strings.len()].copy_from_slice(strings);
        for [name, kind, flags, address, offset, size, link, entry] in sections {
            for word in [name | kind << 32, flags, address, offset, size, link, 0, entry] {
                out.extend(word.to_le_bytes());
            }
        }
        out
    }

    #[test]
    fn the_room_is_filled_and_nothing_else_changes() {
        let linked = kernel(0x80);
        let mut filled = linked.clone();
        assert_eq!(fill(&mut filled), Ok(Fill::Done));
        let symbols = Symbols::parse(&filled[0x200..0x280]).unwrap();
        assert_eq!(symbols.instruction(0x1014).unwrap().to_string(), "kernel_panic+0x4");
        assert_eq!((&filled[..0x200], &filled[0x280..]), (&linked[..0x200], &linked[0x280..]));
    }

    #[test]
    fn a_table_without_room_is_left_out() {
        let mut small = kernel(0x10);
        assert!(matches!(fill(&mut small), Ok(Fill::TooLarge(length)) if length > 0x10));
        assert_eq!(small, kernel(0x10));
        assert!(fill(&mut b"#!/bin/sh".to_vec()).is_err());
        let mut without = kernel(0x80);
        without[0x401] = b'_';
        assert!(fill(&mut without).unwrap_err().contains(".symbols"));
    }
}
