//! Files that are no good programs: each breaks one rule, and is refused for it.

mod build;

use build::{Load, R, RW, RWX, RX, Spec, aligned};
use elfload::{ElfError, MAX_SPAN, PAGE, Processor, Program, Use};

fn parse(bytes: &[u8]) -> Result<Program, ElfError> {
    let file = aligned(bytes);
    Program::parse(file.bytes(), Processor::X86_64)
}

fn refused(spec: &Spec, error: ElfError, what: &str) {
    assert_eq!(parse(&spec.build()).err(), Some(error), "{what}");
}

#[test]
fn a_good_program_is_laid_out() {
    let spec = Spec::good();
    let program = parse(&spec.build()).unwrap();
    assert_eq!(program.segments.len(), 3);
    assert_eq!(program.entry, 0x1010);
    assert_eq!(program.span, 0x4000);
    assert_eq!(program.align, PAGE);
    let data = program.segments[2].clone();
    assert_eq!((data.usage, data.pages(), data.constant_pages), (Use::ReadWrite, 2, 0));
    let file = spec.build();
    let file = aligned(&file);
    let mut memory = vec![0; 0x2000];
    program.fill(file.bytes(), &data, 0x5000_0000_0000, &mut memory);
    assert_eq!(&memory[8..16], &0x5000_0000_1010_u64.to_le_bytes(), "relocated");
    let kept = &file.bytes()[0x2000..0x3000];
    assert_eq!((&memory[..8], &memory[16..0x1000]), (&kept[..8], &kept[16..]), "all else as in the file");
    assert!(memory[0x1000..].iter().all(|byte| *byte == 0));
}

#[test]
fn relocations_may_stand_in_any_order_and_at_either_end() {
    let mut spec = Spec::good();
    let places = [0x2ff8, 0x2010, 0x2000, 0x2018, 0x2010];
    spec.relocations = (1..).zip(places).map(|(n, place)| (place, 8, 0x10 * n)).collect();
    let file = spec.build();
    let file = aligned(&file);
    let program = Program::parse(file.bytes(), Processor::X86_64).unwrap();
    let mut expected = file.bytes()[0x2000..0x3000].to_vec();
    for (place, _, addend) in &spec.relocations {
        let at = (place - 0x2000) as usize;
        expected[at..at + 8].copy_from_slice(&(0x5000_0000_0000 + addend).to_le_bytes());
    }
    let mut memory = vec![0; 0x1000];
    program.fill(file.bytes(), &program.segments[2], 0x5000_0000_0000, &mut memory);
    assert_eq!(memory, expected);
}

#[test]
fn both_processors_have_their_own_relocation() {
    let mut spec = Spec::good();
    (spec.machine, spec.relocations) = (183, vec![(0x2008, 1027, 0x1010)]);
    let file = spec.build();
    let file = aligned(&file);
    assert!(Program::parse(file.bytes(), Processor::Aarch64).is_ok());
    assert_eq!(Program::parse(file.bytes(), Processor::X86_64), Err(ElfError::OtherProcessor));
    spec.relocations = vec![(0x2008, 8, 0x1010)];
    let file = spec.build();
    assert_eq!(Program::parse(aligned(&file).bytes(), Processor::Aarch64), Err(ElfError::RelocationKind));
}

#[test]
fn constant_pages_after_relocation_are_known() {
    for (start, length, pages) in [
        (0x2000, 0x1000, 1),
        (0x2000, 0x1800, 1),
        (0x2000, 0x1900, 2),
        (0x2000, 0x9000, 2),
        (0x2000, 0x800, 0),
        (0x2800, 0x1000, 0),
        (0x1000, 0x2000, 1),
        (0x4000, 0x1000, 0),
        (0x1000, 0x1000, 0),
    ] {
        let mut spec = Spec::good();
        spec.relro = Some((start, length));
        let program = parse(&spec.build()).unwrap();
        assert_eq!(program.segments[2].constant_pages, pages, "{start:#x} + {length:#x}");
    }
}

#[test]
fn headers_that_lie_are_refused() {
    let good = Spec::good().build();
    let cases: &[(usize, &[u8], ElfError)] = &[
        (0, b"\x7fELG", ElfError::NotElf),
        (0, b"\0ELF", ElfError::NotElf),
        (0, b"#!/b", ElfError::NotElf),
        (4, &[1], ElfError::NotElf),
        (4, &[0], ElfError::NotElf),
        (4, &[3], ElfError::NotElf),
        (5, &[2], ElfError::NotElf),
        (5, &[0], ElfError::NotElf),
        (16, &[2, 0], ElfError::NotRelocatable),
        (16, &[1, 0], ElfError::NotRelocatable),
        (16, &[0, 0], ElfError::NotRelocatable),
        (16, &[4, 0], ElfError::NotRelocatable),
        (16, &[0xff, 0xff], ElfError::NotRelocatable),
        (18, &[183, 0], ElfError::OtherProcessor),
        (18, &[3, 0], ElfError::OtherProcessor),
        (18, &[243, 0], ElfError::OtherProcessor),
        (18, &[0, 0], ElfError::OtherProcessor),
        (18, &[0xff, 0xff], ElfError::OtherProcessor),
        (24, &[0; 8], ElfError::Entry),
        (24, &[0xff; 8], ElfError::Entry),
        (24, &0xfff_u64.to_le_bytes(), ElfError::Entry),
        (24, &0x2000_u64.to_le_bytes(), ElfError::Entry),
        (24, &0x1800_u64.to_le_bytes(), ElfError::Entry),
        (32, &[0; 8], ElfError::Headers),
        (32, &[0xff; 8], ElfError::Overflow),
        (32, &63_u64.to_le_bytes(), ElfError::Headers),
        (32, &32_u64.to_le_bytes(), ElfError::Headers),
        (32, &65_u64.to_le_bytes(), ElfError::Headers),
        (32, &(1_u64 << 40).to_le_bytes(), ElfError::Headers),
        (32, &(1_u64 << 63).to_le_bytes(), ElfError::Headers),
        (54, &[0, 0], ElfError::Headers),
        (54, &[55, 0], ElfError::Headers),
        (54, &[57, 0], ElfError::Headers),
        (54, &[32, 0], ElfError::Headers),
        (54, &[0xff, 0xff], ElfError::Headers),
        (56, &[0, 0], ElfError::Headers),
        (56, &[33, 0], ElfError::Headers),
        (56, &[0xff, 0xff], ElfError::Headers),
    ];
    for (at, bytes, error) in cases {
        let mut file = good.clone();
        file[*at..at + bytes.len()].copy_from_slice(bytes);
        assert_eq!(parse(&file).err(), Some(*error), "{bytes:x?} at {at}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let good = Spec::good().build();
    for length in (0..good.len()).step_by(61).chain(0..130).chain(good.len() - 20..good.len()) {
        assert!(parse(&good[..length]).is_err(), "{length} bytes");
    }
    let mut offset = good.clone();
    offset.insert(0, 0);
    assert!(parse(&offset).is_err());
}

#[test]
fn a_misaligned_buffer_is_refused() {
    let good = Spec::good().build();
    let mut shifted = vec![0];
    shifted.extend(&good);
    let file = aligned(&shifted);
    assert_eq!(Program::parse(&file.bytes()[1..], Processor::X86_64), Err(ElfError::NotElf));
}

#[test]
fn segments_that_lie_are_refused() {
    use ElfError::*;
    let code = Load::new(0x1000, 0x1000, 0x800, 0x800, RX);
    let data = Load::new(0x2000, 0x2000, 0x1000, 0x1900, RW);
    let cases: Vec<(Vec<Load>, ElfError, &str)> = vec![
        (vec![], Empty, "none"),
        (vec![Load::new(0, 0, 0x1000, 0x1000, R)], Entry, "no code"),
        (vec![Load::new(1, 0x1000, 0x800, 0x800, RX)], NotOnAPage, "offset 1"),
        (vec![Load::new(0x1800, 0x1000, 0x400, 0x400, RX)], NotOnAPage, "offset half a page"),
        (vec![Load::new(0x1000, 0x1001, 0x800, 0x800, RX)], NotOnAPage, "address 1"),
        (vec![Load::new(0x1000, 0x1ff8, 0x8, 0x8, RX)], NotOnAPage, "address near the end of a page"),
        (vec![Load::new(0x1000, 0x1000, 0x800, 0x7ff, RX)], OutsideFile, "less memory than file"),
        (vec![Load::new(0x1000, 0x1000, 0x800, 0x801, RX)], OutsideFile, "code that is not in the file"),
        (vec![Load::new(0x1000, 0x1000, 0x800, 0x10000, R)], OutsideFile, "constants that are not in the file"),
        (vec![Load::new(0x10000, 0x1000, 0x800, 0x800, RX)], OutsideFile, "offset beyond the file"),
        (vec![Load::new(0x1000, 0x1000, 0x10000, 0x10000, RX)], OutsideFile, "longer than the file"),
        (vec![Load::new(!0xfff, 0x1000, 0x1000, 0x1000, RX)], Overflow, "offset overflows"),
        (vec![Load::new(0x1000, !0xfff, 0x800, 0x1000, RX)], Overflow, "address overflows"),
        (vec![Load::new(0x1000, 0x1000, 0x800, u64::MAX, RW)], Overflow, "memory overflows"),
        (vec![Load::new(0x1000, 0x1000, u64::MAX, u64::MAX, RW)], Overflow, "file overflows"),
        (vec![Load::new(0x1000, MAX_SPAN, 0x800, 0x800, RX)], TooLarge, "far away"),
        (vec![Load::new(0x1000, 1 << 46, 0x800, 0x800, RX)], TooLarge, "very far away"),
        (vec![code, Load::new(0x2000, 0x2000, 0x1000, MAX_SPAN, RW)], TooLarge, "much zero"),
        (vec![Load::new(0x1000, 0x1000, 0x800, 0x800, RWX)], WriteAndExecute, "W+X"),
        (vec![code, Load::new(0x2000, 0x2000, 0x1000, 0x1000, RWX)], WriteAndExecute, "W+X data"),
        (vec![code, code], Overlap, "twice the same"),
        (vec![data, code], Overlap, "descending"),
        (vec![code, Load::new(0x2000, 0x1000, 0x100, 0x100, RW)], Overlap, "one page for two"),
        (vec![Load::new(0x1000, 0x1000, 0x800, 0x1001, RW), Load::new(0x1000, 0x2000, 8, 8, RX)], Overlap, "a byte"),
        (vec![Load::new(0x1000, 0, 0x800, 0x800, RX), data, Load::new(0, 0x3000, 8, 8, R)], Overlap, "into zeros"),
        (vec![Load::new(0x1000, 0x1000, 0x800, 0x800, 1 | 8)], Entry, "execute with unknown flags elsewhere"),
    ];
    for (loads, error, what) in cases {
        let entry = if what == "execute with unknown flags elsewhere" { 0x2000 } else { 0x1010 };
        let spec = Spec { loads, relocations: vec![], dynamic: None, entry, ..Spec::good() };
        refused(&spec, error, what);
    }
    let many = (0..20).map(|i| Load::new(0x1000, 0x1000 * (i + 1), 0x800, 0x800, RX)).collect();
    refused(&Spec { loads: many, relocations: vec![], dynamic: None, ..Spec::good() }, TooManySegments, "20 segments");
}

#[test]
fn alignments_that_lie_are_refused() {
    for align in [0x1001, 0x3000, 0x40_0000, u64::MAX, 1 << 63] {
        let mut spec = Spec::good();
        spec.loads[1].align = align;
        refused(&spec, ElfError::Alignment, &format!("{align:#x}"));
    }
    for align in [0, 1, 0x1000, 0x1_0000, 0x20_0000] {
        let mut spec = Spec::good();
        spec.loads[1].align = align;
        assert_eq!(parse(&spec.build()).unwrap().align, align.max(PAGE));
    }
}

#[test]
fn other_kinds_of_programs_are_refused() {
    refused(&Spec { extra: vec![(3, 0, 0x10)], ..Spec::good() }, ElfError::Interpreter, "interpreter");
    refused(&Spec { extra: vec![(7, 0x2000, 0x10)], ..Spec::good() }, ElfError::ThreadLocal, "thread-local");
    assert!(parse(&Spec { extra: vec![(7, 0, 0)], ..Spec::good() }.build()).is_ok(), "an empty one is none");
    assert!(parse(&Spec { extra: vec![(0x6474_e551, 0, 0)], ..Spec::good() }.build()).is_ok(), "GNU_STACK");
    refused(&Spec { relro: Some((u64::MAX, 2)), ..Spec::good() }, ElfError::Overflow, "RELRO overflows");
}

#[test]
fn dynamic_sections_that_lie_are_refused() {
    use ElfError::*;
    let cases: &[(&[(u64, u64)], ElfError)] = &[
        (&[(7, 0x200), (8, 25)], Dynamic),
        (&[(7, 0x200), (8, 23)], Dynamic),
        (&[(7, 0x200), (8, 24 * 1000)], Dynamic),
        (&[(7, 0x200), (8, u64::MAX)], Dynamic),
        (&[(7, 0x9000), (8, 24)], Dynamic),
        (&[(7, u64::MAX), (8, 24)], Dynamic),
        (&[(7, 0x3800), (8, 24)], Dynamic),
        (&[(8, 24), (7, 1 << 40)], Dynamic),
        (&[(17, 0x100)], RelocationKind),
        (&[(36, 0x100)], RelocationKind),
        (&[(22, 0)], RelocationKind),
        (&[(2, 24)], RelocationKind),
        (&[(9, 16)], RelocationKind),
        (&[(9, 0)], RelocationKind),
        (&[(9, u64::MAX)], RelocationKind),
    ];
    for (entries, error) in cases {
        let spec = Spec { dynamic: Some(entries.to_vec()), ..Spec::good() };
        refused(&spec, *error, &format!("{entries:x?}"));
    }
    // What comes behind the end marker does not count; no table at all is fine.
    for entries in [vec![(0, 0), (17, 1)], vec![], vec![(7, 0x200)], vec![(2, 0)]] {
        assert!(parse(&Spec { dynamic: Some(entries), relocations: vec![], ..Spec::good() }.build()).is_ok());
    }
    for place in [(u64::MAX, 16), (0x100, u64::MAX), (1 << 40, 16), (0x2ff0, 0x1000)] {
        refused(&Spec { dynamic_place: Some(place), ..Spec::good() }, Dynamic, &format!("{place:x?}"));
    }
}

#[test]
fn relocations_that_lie_are_refused() {
    use ElfError::*;
    let cases: &[((u64, u64, u64), ElfError)] = &[
        ((0x2008, 1, 0), RelocationKind),
        ((0x2008, 6, 0), RelocationKind),
        ((0x2008, 7, 0), RelocationKind),
        ((0x2008, 0, 0), RelocationKind),
        ((0x2008, 1027, 0), RelocationKind),
        ((0x2008, 8 | 1 << 32, 0), RelocationKind),
        ((0x2008, u64::MAX, 0), RelocationKind),
        ((0, 8, 0), RelocationPlace),
        ((0x1000, 8, 0), RelocationPlace),
        ((0x1008, 8, 0), RelocationPlace),
        ((0x2001, 8, 0), RelocationPlace),
        ((0x2004, 8, 0), RelocationPlace),
        ((0x2ff9, 8, 0), RelocationPlace),
        ((0x3000, 8, 0), RelocationPlace),
        ((0x3800, 8, 0), RelocationPlace),
        ((0x4000, 8, 0), RelocationPlace),
        ((u64::MAX, 8, 0), RelocationPlace),
        ((u64::MAX - 7, 8, 0), RelocationPlace),
        ((0x1ff8, 8, 0), RelocationPlace),
        ((0x2008, 8, 0x4001), RelocationPlace),
        ((0x2008, 8, u64::MAX), RelocationPlace),
        ((0x2008, 8, 1 << 63), RelocationPlace),
        ((0x2008, 8, u64::MAX - 0x1000), RelocationPlace),
    ];
    for (relocation, error) in cases {
        refused(&Spec { relocations: vec![*relocation], ..Spec::good() }, *error, &format!("{relocation:x?}"));
    }
    for good in [(0x2000, 8, 0), (0x2ff8, 8, 0x4000)] {
        assert!(parse(&Spec { relocations: vec![good], ..Spec::good() }.build()).is_ok(), "{good:x?}");
    }
}

/// What a loader does with whatever `parse` accepts: nothing of it may panic or leave the program's bounds.
fn load(bytes: &[u8]) {
    let file = aligned(bytes);
    for processor in [Processor::X86_64, Processor::Aarch64] {
        let Ok(program) = Program::parse(file.bytes(), processor) else { continue };
        assert!(program.span <= MAX_SPAN && program.span % PAGE == 0 && program.entry < program.span);
        let mut end = 0;
        for s in &program.segments {
            assert!(s.address >= end && s.address % PAGE == 0 && s.offset % PAGE == 0);
            assert!(s.offset + s.file_length <= bytes.len() as u64 && s.constant_pages <= s.pages());
            end = s.address + s.pages() * PAGE;
            if s.usage == Use::ReadWrite {
                let mut memory = vec![0; (s.file_length as usize).next_multiple_of(PAGE as usize)];
                program.fill(file.bytes(), s, 0x5555_0000_0000, &mut memory);
            }
        }
        assert_eq!(end, program.span);
    }
}

#[test]
fn mutated_files_are_refused_or_loaded_but_never_panic() {
    let good = Spec { relro: Some((0x2000, 0x1000)), ..Spec::good() }.build();
    let mut random = 0x1234_5678_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let interesting = [0, 1, 7, 8, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x1001, u64::MAX, 1 << 31, 1 << 63];
    for _ in 0..30_000 {
        let mut file = good.clone();
        for _ in 0..1 + next() % 4 {
            // Headers, program headers, the dynamic section and the relocations: where the meaning is.
            let at = match next() % 8 {
                0..=1 => next() % 64,
                2..=5 => 64 + next() % (56 * 6),
                6 => 0x800 + next() % 0x80,
                _ => next() % file.len() as u64,
            } as usize;
            match next() % 3 {
                0 => file[at] ^= 1 << (next() % 8),
                1 => file[at] = next() as u8,
                _ => {
                    let value = interesting[next() as usize % interesting.len()].to_le_bytes();
                    let end = (at + 8).min(file.len());
                    file[at..end].copy_from_slice(&value[..end - at]);
                }
            }
        }
        if next() % 16 == 0 {
            file.truncate(next() as usize % file.len());
        }
        load(&file);
    }
}
