//! Tables are written, looked into and broken.

use symbols::program::{HEADER_TYPE, in_file, place};
use symbols::write::{of_elf, write};
use symbols::{HEADER_LENGTH, MAX_NAME, Symbols};

const FUNCTIONS: &[(u32, &str)] =
    &[(0x1000, "first"), (0x1040, "second"), (0x1080, "<a::T as Show>::show"), (0x2000, "second"), (0x2100, "größe")];
const END: u32 = 0x2200;

fn shown(symbols: &Symbols<'_>, address: u64) -> Option<String> {
    symbols.instruction(address).map(|symbol| symbol.to_string())
}

#[test]
fn what_was_written_is_found() {
    let table = write(FUNCTIONS, END);
    let symbols = Symbols::parse(&table).unwrap();
    assert_eq!((symbols.len(), symbols.is_empty()), (5, false));
    for (address, expected) in [
        (0, None),
        (0xfff, None),
        (0x1000, Some("first+0x0")),
        (0x103f, Some("first+0x3f")),
        (0x1040, Some("second+0x0")),
        (0x10c4, Some("<a::T as Show>::show+0x44")),
        (0x2001, Some("second+0x1")),
        (0x21ff, Some("größe+0xff")),
        (0x2200, None),
        (u64::MAX, None),
        (0x1_0000_1000, None),
    ] {
        assert_eq!(shown(&symbols, address).as_deref(), expected, "{address:#x}");
    }
}

#[test]
fn a_call_that_never_returns_belongs_to_its_own_function() {
    let table = write(FUNCTIONS, END);
    let symbols = Symbols::parse(&table).unwrap();
    let shown = |address| symbols.return_address(address).map(|symbol| symbol.to_string());
    assert_eq!(shown(0x1040).as_deref(), Some("first+0x40"));
    assert_eq!(shown(0x1041).as_deref(), Some("second+0x1"));
    assert_eq!(shown(0x2200).as_deref(), Some("größe+0x100"));
    assert_eq!((shown(0), shown(0x1000), shown(0x2201)), (None, None, None));
}

#[test]
fn one_set_of_functions_has_one_table_and_equal_names_are_in_it_once() {
    let table = write(FUNCTIONS, END);
    let mut reversed = FUNCTIONS.to_vec();
    reversed.reverse();
    let other = write(&reversed, END);
    let all = |table: &[u8]| (0..0x3000).map(|a| shown(&Symbols::parse(table).unwrap(), a)).collect::<Vec<_>>();
    assert_eq!((&table, all(&table)), (&other, all(&other)));
    assert_eq!(table.windows(6).filter(|bytes| *bytes == b"second").count(), 1);
    assert_eq!(write(&[(1, "a"), (1, "b")], 2), write(&[(1, "a")], 2));
}

#[test]
fn names_are_bounded() {
    let long = "x".repeat(1000);
    let table = write(&[(0, &long)], 1);
    let symbols = Symbols::parse(&table).unwrap();
    let name = symbols.instruction(0).unwrap().name;
    assert_eq!((name.len(), name.ends_with("x..")), (MAX_NAME, true));
}

#[test]
fn an_empty_table_has_no_names() {
    let table = write(&[], 0);
    let symbols = Symbols::parse(&table).unwrap();
    assert!(symbols.is_empty() && symbols.instruction(0).is_none() && symbols.return_address(0).is_none());
    assert!(Symbols::parse(&[0; 4096]).is_none(), "a section that was not filled");
}

/// Looks up all over; whatever the bytes are, this ends.
fn read_all(bytes: &[u8]) {
    if let Some(symbols) = Symbols::parse(bytes) {
        for address in (0..0x2400).step_by(0x3f).chain([u64::from(u32::MAX), u64::MAX]) {
            let _ = (shown(&symbols, address), symbols.return_address(address));
        }
    }
    let _ = (place(bytes), in_file(bytes));
}

#[test]
fn hostile_bytes_are_never_a_panic() {
    let table = write(FUNCTIONS, END);
    for length in 0..table.len() {
        assert!(Symbols::parse(&table[..length]).is_none(), "cut at {length}");
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    for seed in [table, program(HEADER_LENGTH as u64)] {
        for _ in 0..20_000 {
            let mut bytes = seed.clone();
            for _ in 0..1 + next() % 8 {
                let at = next() % bytes.len();
                bytes[at] = [0, 1, 0x7f, 0xff, next() as u8][next() % 5];
            }
            read_all(&bytes);
        }
    }
}

/// A program whose second header says that the table is in its last bytes.
fn program(length: u64) -> Vec<u8> {
    let mut out = vec![0; 0x200];
    out[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    out[32] = 64;
    out[54] = 56;
    out[56] = 2;
    out[64 + 56..][..4].copy_from_slice(&HEADER_TYPE.to_le_bytes());
    for (at, value) in [(8, 0x200u64), (16, 0x5000), (32, length)] {
        out[64 + 56 + at..][..8].copy_from_slice(&value.to_le_bytes());
    }
    out.extend(write(&[], 0));
    out
}

#[test]
fn a_program_says_where_its_table_is() {
    let file = program(HEADER_LENGTH as u64);
    let found = place(&file[..0x100]).unwrap();
    assert_eq!((found.offset, found.address, found.length), (0x200, 0x5000, 24));
    assert!(Symbols::parse(in_file(&file)).is_some());
    for bad in [25, u64::MAX] {
        assert_eq!(in_file(&program(bad)), b"", "a table that is not in the file");
    }
    assert_eq!((place(b"#!/bin/sh"), place(&[])), (None, None));
}

#[inline(never)]
fn a_function_to_be_found() -> usize {
    std::hint::black_box(1)
}

/// The test is a program of a real linker: its own functions are looked up in it.
#[test]
fn functions_of_a_real_program_are_found() {
    assert_eq!(a_function_to_be_found(), 1);
    let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let table = of_elf(&file, 0).expect("a test has symbols");
    assert_eq!(Some(&table), of_elf(&file, 0).as_ref());
    let symbols = Symbols::parse(&table).unwrap();
    let here = functions_of_a_real_program_are_found as fn() as usize;
    let there = a_function_to_be_found as fn() -> usize as usize;
    let wanted = "table::a_function_to_be_found";
    let found = (0..u64::from(u32::MAX))
        .step_by(1)
        .take(file.len())
        .find(|a| symbols.instruction(*a).is_some_and(|s| s.name == wanted && s.offset == 0));
    let own = found.unwrap().wrapping_add_signed(here as i64 - there as i64);
    assert_eq!(symbols.instruction(own).unwrap().name, "table::functions_of_a_real_program_are_found");
    assert!(of_elf(b"#!/bin/sh", 0).is_none());
    assert!(of_elf(&file, u64::MAX).is_none(), "nothing lies above this base");
}
