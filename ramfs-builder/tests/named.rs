//! Programs get the names of their functions, and stay programs that can be loaded. The ELF file is made here, byte by byte.

use archive::program::Program;
use archive::{INIT_BASE, Rights};
use ramfs_builder::program::{flatten, strip};
use symbols::program::{in_file, place};
use symbols::{Symbol, Symbols};

const LOAD: u32 = 1;
/// Types of headers that linkers write and nobody reads here: PHDR, GNU_STACK.
const UNREAD: [u32; 2] = [6, 0x6474_e551];

/// A static PIE: a page of headers, a page of code with three functions, a page of data. Then symbols.
fn elf(spare: &[u32]) -> Vec<u8> {
    let mut loads = vec![(LOAD, 4, 0u64), (LOAD, 5, 0x1000), (LOAD, 6, 0x2000)];
    loads.extend(spare.iter().map(|kind| (*kind, 4, 0)));
    let mut out = vec![0; 0x3000];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    for (at, half) in [(16, 3u16), (18, 62), (52, 64), (54, 56), (56, loads.len() as u16), (58, 64), (60, 4), (62, 3)] {
        put(at, &half.to_le_bytes());
    }
    put(20, &1u32.to_le_bytes());
    for (at, word) in [(24, 0x1010u64), (32, 64), (40, 0x3000)] {
        put(at, &word.to_le_bytes());
    }
    for (i, (kind, flags, place)) in loads.into_iter().enumerate() {
        put(64 + 56 * i, &u32::to_le_bytes(kind));
        put(68 + 56 * i, &u32::to_le_bytes(flags));
        for (j, word) in [place, place, place, 0x1000, 0x1000, 0x1000].into_iter().enumerate() {
            put(72 + 56 * i + 8 * j, &word.to_le_bytes());
        }
    }
    // Sections: none, the code, its symbols, their names (whose strings also serve as the names of sections).
    let names = b"\0_ZN5tcpip3tcp7segment17h0123456789abcdefE\0memcpy\0data\0";
    let (symbols_at, names_at) = (0x3000 + 4 * 64, 0x3000 + 4 * 64 + 4 * 24);
    let mut section = |kind: u32, flags: u64, address: u64, offset: u64, size: u64, link: u32, entry: u64| {
        out.extend([0; 4]);
        out.extend(kind.to_le_bytes());
        for word in [flags, address, offset, size] {
            out.extend(word.to_le_bytes());
        }
        out.extend(link.to_le_bytes());
        out.extend([0; 12]);
        out.extend(entry.to_le_bytes());
    };
    section(0, 0, 0, 0, 0, 0, 0);
    section(1, 6, 0x1000, 0x1000, 0x100, 0, 0);
    section(2, 0, 0, symbols_at, 4 * 24, 3, 24);
    section(3, 0, 0, names_at, names.len() as u64, 0, 0);
    let mut symbol = |name: u32, kind: u8, section: u16, address: u64| {
        out.extend(name.to_le_bytes());
        out.extend([kind, 0]);
        out.extend(section.to_le_bytes());
        out.extend(address.to_le_bytes());
        out.extend([0; 8]);
    };
    symbol(0, 0, 0, 0);
    symbol(1, 2, 1, 0x1000);
    symbol(43, 2, 1, 0x1010);
    symbol(50, 1, 0, 0x2000);
    out.extend(names);
    out
}

#[test]
fn a_program_is_packed_with_its_names() {
    let (_, packed) = strip(&elf(&UNREAD)).unwrap();
    let table = in_file(&packed);
    let symbols = Symbols::parse(table).unwrap();
    assert_eq!(symbols.len(), 2, "what is no function has no name");
    assert_eq!(symbols.instruction(0x100f), Some(Symbol { name: "tcpip::tcp::segment", offset: 15 }));
    assert_eq!(symbols.instruction(0x10ff), Some(Symbol { name: "memcpy", offset: 0xef }));
    assert_eq!(symbols.instruction(0x1100), None, "behind the code");
    let program = Program::parse(&packed).unwrap();
    let last = program.loads().last().unwrap();
    assert_eq!((last.address, last.rights, last.bytes), (0x3000, Rights::Read, table));
    assert_eq!(place(&packed).unwrap().address, 0x3000);
    assert_eq!(program.span, 0x4000);
    assert_eq!(strip(&packed).unwrap().1, packed, "stripping again changes nothing");
    assert_eq!(strip(&elf(&UNREAD)).unwrap().1, packed, "same input, same bytes");
}

#[test]
fn init_is_mapped_with_its_names_too() {
    let (_, init) = flatten("L/init", &elf(&UNREAD)).unwrap();
    let last = init.segments.last().unwrap();
    assert_eq!((last.address, last.rights), (INIT_BASE + 0x3000, Rights::Read));
    assert!(Symbols::parse(&last.bytes).is_some());
    assert_eq!(place(&init.segments[0].bytes).unwrap().address, 0x3000);
    archive::write::write(&init, &[]).unwrap();
}

#[test]
fn without_room_for_two_headers_there_are_no_names() {
    let (_, packed) = strip(&elf(&UNREAD[..1])).unwrap();
    assert_eq!(packed.len(), 0x3000);
    assert_eq!(in_file(&packed), b"");
}
