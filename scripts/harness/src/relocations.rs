//! Fills the room that the kernel's linker scripts keep for the places that hold addresses of the image (`.relocations`): the boot
//! code adds to each how far it moves the kernel from where it is linked.
//!
//! The kernel is linked at a fixed address, which costs no indirection, and with `--emit-relocs`, so that the linked file still says
//! where addresses were filled in. Places relative to the program counter move along and need nothing.
//!
//! ```text
//! .relocations: count (u32), then for each place its offset from the image's first physical address's zero (u32);
//!               bit 31: four bytes, else eight
//! ```

use crate::arch::Arch;
use crate::names::BASE;
use crate::room::{self, Fill};
use std::ops::Range;
use xmas_elf::ElfFile;
use xmas_elf::sections::{SectionData, SectionHeader, ShType};

/// The section that is filled.
const SECTION: &str = ".relocations";
/// Marks a place of four bytes.
const FOUR: u32 = 1 << 31;
/// `SHF_ALLOC`
const ALLOC: u64 = 2;

/// What a relocation's kind means for moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An address of so many bytes.
    Address(usize),
    /// A distance, or the part of an address within its page.
    Relative,
    /// The distance to a word of the global offset table, which holds the address; or what the linker made of that.
    ByTable,
}

/// By the numbers of the processors' ELF supplements.
fn kind(arch: Arch, number: u32) -> Option<Kind> {
    match (arch, number) {
        // R_X86_64_64; R_X86_64_32, _32S
        (Arch::X86_64, 1) => Some(Kind::Address(8)),
        (Arch::X86_64, 10 | 11) => Some(Kind::Address(4)),
        // R_X86_64_PC32, PLT32, PC64
        (Arch::X86_64, 2 | 4 | 24) => Some(Kind::Relative),
        // R_X86_64_GOTPCREL, GOTPCRELX, REX_GOTPCRELX
        (Arch::X86_64, 9 | 41 | 42) => Some(Kind::ByTable),
        // R_AARCH64_ABS64
        (Arch::Aarch64, 257) => Some(Kind::Address(8)),
        // PREL64, 32, 16; LD_PREL to LDST128 but for MOVW_*
        (Arch::Aarch64, 260..=262 | 273..=286 | 299) => Some(Kind::Relative),
        _ => None,
    }
}

/// Writes the table into a linked kernel, and takes the linker's own relocations out of it: GRUB refuses files with any.
///
/// # Errors
/// It has a place that can't be moved, or is no ELF file with relocations.
pub fn fill(kernel: &mut [u8], arch: Arch) -> Result<Fill, String> {
    let places = places(kernel, arch)?;
    let table: Vec<u8> = [places.len() as u32].iter().chain(&places).flat_map(|word| word.to_le_bytes()).collect();
    let headers = headers(&ElfFile::new(kernel).map_err(|e| format!("no ELF file ({e})"))?);
    for header in headers {
        kernel.get_mut(header).ok_or("its section headers are not in the file")?.fill(0);
    }
    room::fill(kernel, SECTION, &table)
}

/// Where in the file the headers of sections of relocations are. One of zeros is a header too: of no section.
fn headers(elf: &ElfFile<'_>) -> Vec<Range<usize>> {
    let (start, size) = (elf.header.pt2.sh_offset() as usize, usize::from(elf.header.pt2.sh_entry_size()));
    let lists = elf.section_iter().enumerate().filter(|(_, section)| section.get_type() == Ok(ShType::Rela));
    lists.map(|(index, _)| start + index * size..start + (index + 1) * size).collect()
}

fn places(kernel: &[u8], arch: Arch) -> Result<Vec<u32>, String> {
    let elf = ElfFile::new(kernel).map_err(|e| format!("no ELF file ({e})"))?;
    let mut places = Vec::new();
    let lists = elf.section_iter().filter(|section| section.get_type() == Ok(ShType::Rela));
    for list in lists {
        let target = elf.section_header(list.info() as u16)?;
        if target.flags() & ALLOC == 0 {
            continue;
        }
        let (SectionData::Rela64(relocations), symbols) = (list.get_data(&elf)?, symbols(&elf, &list)?) else {
            return Err("its relocations have an unknown form".into());
        };
        for relocation in relocations {
            let symbol =
                symbols.get(relocation.get_symbol_table_index() as usize).ok_or("a relocation without symbol")?;
            let one = Relocation {
                number: relocation.get_type(),
                at: relocation.get_offset(),
                symbol: *symbol,
                addend: relocation.get_addend(),
            };
            places.extend(place(&elf, arch, &one)?);
        }
    }
    if places.is_empty() {
        return Err("it was linked without --emit-relocs".into());
    }
    places.sort_unstable_by_key(|place| place & !FOUR);
    places.dedup();
    Ok(places)
}

/// The values of the symbols that a list of relocations refers to.
fn symbols(elf: &ElfFile<'_>, list: &SectionHeader<'_>) -> Result<Vec<u64>, String> {
    use xmas_elf::symbol_table::Entry;
    match elf.section_header(list.link() as u16)?.get_data(elf)? {
        SectionData::SymbolTable64(symbols) => Ok(symbols.iter().map(Entry::value).collect()),
        _ => Err("its relocations have no symbols".into()),
    }
}

/// A place that the linker filled in.
struct Relocation {
    number: u32,
    at: u64,
    symbol: u64,
    addend: u64,
}

fn moves(address: u64) -> bool {
    address >= BASE
}

/// The entry for one relocation, if a place holds an address of the image.
fn place(elf: &ElfFile<'_>, arch: Arch, one: &Relocation) -> Result<Option<u32>, String> {
    let Relocation { number, at, symbol, addend } = *one;
    let value = symbol.wrapping_add(addend);
    let kind = kind(arch, number);
    match kind.ok_or_else(|| format!("relocation of kind {number} at {at:#x}: the kernel could not be moved"))? {
        Kind::Address(bytes) => holder(elf, at, bytes, value),
        // Aarch64's kernel moves as a whole; on x86_64 the first code stays.
        Kind::Relative if arch == Arch::X86_64 && moves(at) != moves(value) => {
            Err(format!("a distance at {at:#x} to {value:#x}, which moves"))
        }
        Kind::Relative => Ok(None),
        Kind::ByTable => {
            let stored = stored(elf, at, 4)?.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
            let target = at.wrapping_add_signed(stored.into()).wrapping_sub(addend);
            match () {
                () if target == symbol => Ok(None),
                () if stored as u32 == symbol as u32 => holder(elf, at, 4, symbol),
                () => holder(elf, target, 8, symbol),
            }
        }
    }
}

/// The entry for a place that must hold a value, if that moves.
fn holder(elf: &ElfFile<'_>, at: u64, bytes: usize, value: u64) -> Result<Option<u32>, String> {
    if !moves(value) {
        return Ok(None);
    }
    if stored(elf, at, bytes)? != &value.to_le_bytes()[..bytes] {
        return Err(format!("the place {at:#x} does not hold {value:#x}"));
    }
    let place = u32::try_from(if moves(at) { at - BASE } else { at }).ok().filter(|place| place & FOUR == 0);
    let place = place.ok_or_else(|| format!("the place {at:#x} is too far"))?;
    Ok(Some(if bytes == 4 { place | FOUR } else { place }))
}

/// What the file has for an address.
fn stored<'a>(elf: &ElfFile<'a>, at: u64, bytes: usize) -> Result<&'a [u8], String> {
    let holds = |section: &SectionHeader<'_>| {
        let end = section.address().checked_add(section.size());
        let loaded = section.get_type() == Ok(ShType::ProgBits) && section.flags() & ALLOC != 0;
        loaded && section.address() <= at && end.is_some_and(|end| at + bytes as u64 <= end)
    };
    let section = elf.section_iter().find(holds).ok_or_else(|| format!("the place {at:#x} is not in the file"))?;
    let start = (section.offset() + (at - section.address())) as usize;
    elf.input.get(start..start + bytes).ok_or_else(|| format!("the place {at:#x} is not in the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: u64 = BASE + 0x1000;

    /// A kernel with code at 0x100 of the file, room at 0x200, and these relocations: place in the code, kind, value; the values are
    /// filled in as the linker does.
    fn kernel(room: u64, relocations: &[(u64, u32, u64)]) -> Vec<u8> {
        let strings = b"\0.relocations\0";
        let list = relocations.len() as u64 * 24;
        // Name, kind, flags, address, offset, size, link, info, size of an entry.
        let sections = [
            [0; 9],
            [0, 1, 6, TEXT, 0x100, 0x40, 0, 0, 0],
            [1, 1, 2, BASE + 0x2000, 0x200, room, 0, 0, 0],
            [0, 4, 0, 0, 0x300, list, 4, 1, 24],
            [0, 2, 0, 0, 0x400, 48, 5, 0, 24],
            [0, 3, 0, 0, 0x440, strings.len() as u64, 0, 0, 0],
        ];
        let mut out = vec![0; 0x480];
        out[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        for (at, half) in [(16, 2u16), (18, 62), (52, 64), (54, 56), (58, 64), (60, 6), (62, 5)] {
            out[at..at + 2].copy_from_slice(&half.to_le_bytes());
        }
        out[20] = 1;
        out[40..48].copy_from_slice(&0x480u64.to_le_bytes());
        for (i, (at, kind, value)) in relocations.iter().enumerate() {
            let entry = 0x300 + i * 24;
            let symbol = 1u64 << 32;
            for (field, word) in
                [TEXT + at, symbol | u64::from(*kind), value.wrapping_sub(TEXT)].into_iter().enumerate()
            {
                out[entry + field * 8..][..8].copy_from_slice(&word.to_le_bytes());
            }
            let place = 0x100 + *at as usize;
            out[place..place + 8].copy_from_slice(&value.to_le_bytes());
        }
        // The second symbol: the start of the code.
        out[0x420..0x428].copy_from_slice(&TEXT.to_le_bytes());
        out[0x440..0x440 + strings.len()].copy_from_slice(strings);
        for [name, kind, flags, address, offset, size, link, info, entry] in sections {
            for word in [name | kind << 32, flags, address, offset, size, link | info << 32, 0, entry] {
                out.extend(word.to_le_bytes());
            }
        }
        out
    }

    fn table(kernel: &[u8], words: usize) -> Vec<u32> {
        kernel[0x200..].chunks_exact(4).take(words).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn places_of_the_image_are_listed_in_order() {
        let relocations = [(0x18, 11, BASE + 5), (0x08, 1, TEXT + 9), (0x20, 1, 0x20_0000), (0x28, 4, TEXT + 1)];
        let mut kernel = kernel(0x80, &relocations);
        assert_eq!(fill(&mut kernel, Arch::X86_64), Ok(Fill::Done));
        assert_eq!(table(&kernel, 4), [2, 0x1008, 0x1018 | FOUR, 0], "without what stays and without distances");
        let elf = ElfFile::new(&kernel).unwrap();
        assert_eq!(elf.section_iter().count(), 6);
        assert!(elf.section_iter().all(|section| section.get_type() != Ok(ShType::Rela)), "GRUB refuses such");
    }

    #[test]
    fn each_processor_has_its_kinds() {
        assert_eq!(fill(&mut kernel(0x80, &[(8, 257, TEXT)]), Arch::Aarch64), Ok(Fill::Done));
        assert!(fill(&mut kernel(0x80, &[(8, 257, TEXT)]), Arch::X86_64).unwrap_err().contains("kind 257"));
        assert!(fill(&mut kernel(0x80, &[(8, 263, TEXT)]), Arch::Aarch64).unwrap_err().contains("kind 263"), "MOVW");
    }

    #[test]
    fn the_words_of_the_offset_table_are_places_too() {
        // A word of the table at 0x10, reached from 0x20; 0x28 was made a distance to the symbol itself.
        let mut kernel = kernel(0x80, &[(0x20, 9, TEXT), (0x28, 42, TEXT)]);
        for (at, distance) in [(0x20u64, 0x10i64 - 0x20), (0x28, -0x28)] {
            kernel[0x100 + at as usize..][..4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        kernel[0x110..0x118].copy_from_slice(&TEXT.to_le_bytes());
        assert_eq!(fill(&mut kernel, Arch::X86_64), Ok(Fill::Done));
        assert_eq!(table(&kernel, 2), [1, 0x1010]);
    }

    #[test]
    fn a_kernel_that_would_be_moved_wrongly_is_refused() {
        assert!(fill(&mut kernel(0x80, &[(8, 2, 0x20_0000)]), Arch::X86_64).unwrap_err().contains("distance"));
        assert!(fill(&mut kernel(0x80, &[]), Arch::X86_64).unwrap_err().contains("--emit-relocs"));
        let mut other = kernel(0x80, &[(8, 1, TEXT)]);
        other[0x108] ^= 1;
        assert!(fill(&mut other, Arch::X86_64).unwrap_err().contains("does not hold"));
        assert_eq!(fill(&mut kernel(4, &[(8, 1, TEXT)]), Arch::X86_64), Ok(Fill::TooLarge(8)));
    }
}
