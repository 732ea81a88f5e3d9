//! ACPI: where PCI's memory-mapped configuration space lies (PCI Firmware Specification 3.3, 4.1.2).
//!
//! The kernel has checked the tables when it read its own; here the MCFG is found in the same memory by its signature, so
//! that devd needs no address of the RSDP.

/// Configuration space of segment 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ecam {
    /// Physical address of the first bus's megabyte.
    pub base: u64,
    /// First bus.
    pub first_bus: u8,
    /// Last bus.
    pub last_bus: u8,
}

const HEADER: usize = 36;
const ENTRY: usize = 16;
/// The longest MCFG that is believed: 64 segments.
const LONGEST: usize = HEADER + 8 + 64 * ENTRY;

/// Finds the MCFG in the memory that holds the tables. Tables stand at any address in QEMU, so every byte is looked at; the
/// checksum tells a table from its name standing elsewhere.
pub fn ecam(memory: &[u8]) -> Option<Ecam> {
    let starts = memory.windows(4).enumerate().filter(|(_, window)| *window == b"MCFG");
    starts.filter_map(|(start, _)| table(memory.get(start..)?)).find_map(segment_zero)
}

fn table(bytes: &[u8]) -> Option<&[u8]> {
    let length = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    let table = bytes.get(..length).filter(|_| (HEADER + 8..=LONGEST).contains(&length))?;
    let sum = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    (sum == 0).then_some(table)
}

fn segment_zero(table: &[u8]) -> Option<Ecam> {
    let mut entries = table.get(HEADER + 8..)?.chunks_exact(ENTRY);
    entries.find_map(|entry| {
        let base = u64::from_le_bytes(*entry.first_chunk()?);
        let (segment, first, last) = (u16::from_le_bytes([entry[8], entry[9]]), entry[10], entry[11]);
        let sane = segment == 0 && first <= last && base & 0xf_ffff == 0 && base != 0 && base < 1 << 44;
        sane.then(|| Ecam { base: base + (u64::from(first) << 20), first_bus: first, last_bus: last })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn mcfg(entries: &[(u64, u16, u8, u8)]) -> Vec<u8> {
        let mut table = std::vec![0; HEADER + 8];
        table[..4].copy_from_slice(b"MCFG");
        for (base, segment, first, last) in entries {
            table.extend(base.to_le_bytes());
            table.extend(segment.to_le_bytes());
            table.extend([*first, *last, 0, 0, 0, 0]);
        }
        let length = table.len() as u32;
        table[4..8].copy_from_slice(&length.to_le_bytes());
        let sum = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        table[9] = sum.wrapping_neg();
        table
    }

    #[test]
    fn q35_has_its_configuration_space_where_the_table_says() {
        let mut memory = b"RSDT....MCFG is a name, not a table".to_vec();
        memory.extend(mcfg(&[(0xe000_0000, 1, 0, 255), (0xb000_0000, 0, 0, 255)]));
        memory.extend([0; 100]);
        assert_eq!(ecam(&memory), Some(Ecam { base: 0xb000_0000, first_bus: 0, last_bus: 255 }));
    }

    #[test]
    fn a_damaged_or_impossible_table_is_none() {
        let good = mcfg(&[(0xb000_0000, 0, 0, 255)]);
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] ^= 0x10;
            assert_eq!(ecam(&bad), None, "byte {i}");
            assert_eq!(ecam(&good[..i]), None, "cut at {i}");
        }
        assert_eq!(ecam(&mcfg(&[(0xb000_1000, 0, 0, 255)])), None, "not aligned");
        assert_eq!(ecam(&mcfg(&[(0xb000_0000, 0, 9, 3)])), None, "ends before it starts");
        assert_eq!(ecam(&mcfg(&[(u64::MAX << 20, 0, 0, 255)])), None, "wraps");
    }
}
