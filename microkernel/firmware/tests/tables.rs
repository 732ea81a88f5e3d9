//! ACPI tables and boot loaders' information of a PC, sound and damaged.

mod common;

use common::{DAMAGED, Random};
use firmware::acpi::{self, Tables, Wrong};
use firmware::handover::{Handover, Reason};
use firmware::region::Region;
use firmware::{multiboot, pvh};

/// Memory from here on.
const BASE: u64 = 0x7fe_0000;
/// Where things are in it.
const RSDP: usize = 0;
const RSDT: usize = 0x40;
const XSDT: usize = 0x80;
const MADT: usize = 0x100;
const FADT: usize = 0x200;
const MCFG: usize = 0x300;
const DSDT: usize = 0x400;
const END: usize = 0x500;
const TABLES: [(usize, &[u8; 4]); 6] =
    [(RSDT, b"RSDT"), (XSDT, b"XSDT"), (MADT, b"APIC"), (FADT, b"FACP"), (MCFG, b"MCFG"), (DSDT, b"DSDT")];

fn put(memory: &mut [u8], at: usize, bytes: &[u8]) {
    memory[at..at + bytes.len()].copy_from_slice(bytes);
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Makes checksums right again, as far as lengths allow.
fn seal(memory: &mut [u8]) {
    for (at, _) in TABLES {
        let length = u32::from_le_bytes(*memory[at + 4..].first_chunk().unwrap()) as usize;
        if let Some(table) = memory[at..].get_mut(..length).filter(|table| table.len() >= 36) {
            table[9] = table[9].wrapping_sub(sum(table));
        }
    }
    memory[8] = memory[8].wrapping_sub(sum(&memory[..20]));
    memory[32] = memory[32].wrapping_sub(sum(&memory[..36]));
}

fn table(memory: &mut [u8], at: usize, name: &[u8; 4], contents: &[u8]) {
    put(memory, at, name);
    put(memory, at + 4, &(36 + contents.len() as u32).to_le_bytes());
    put(memory, at + 36, contents);
}

fn address(at: usize) -> u64 {
    BASE + at as u64
}

/// A machine with two processors, one of them by x2APIC, an I/O APIC and PCI Express.
fn machine() -> Vec<u8> {
    let mut memory = vec![0; END];
    put(&mut memory, RSDP, b"RSD PTR ");
    memory[RSDP + 15] = 2;
    put(&mut memory, RSDP + 16, &(address(RSDT) as u32).to_le_bytes());
    put(&mut memory, RSDP + 20, &36u32.to_le_bytes());
    put(&mut memory, RSDP + 24, &address(XSDT).to_le_bytes());
    let tables = [MADT, FADT, MCFG];
    table(&mut memory, RSDT, b"RSDT", &tables.map(|at| (address(at) as u32).to_le_bytes()).concat());
    table(&mut memory, XSDT, b"XSDT", &tables.map(|at| address(at).to_le_bytes()).concat());
    let mut madt = [0xfee0_0000u32.to_le_bytes(), [1, 0, 0, 0]].concat();
    madt.extend([0, 8, 0, 0, 1, 0, 0, 0]);
    madt.extend([9, 16, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    madt.extend([1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
    madt.extend([2, 10, 0, 9, 9, 0, 0, 0, 13, 0]);
    table(&mut memory, MADT, b"APIC", &madt);
    let mut fadt = [0; 116 - 36 + 128];
    put(&mut fadt, 40 - 36, &(address(DSDT) as u32).to_le_bytes());
    put(&mut fadt, 64 - 36, &0x604u32.to_le_bytes());
    put(&mut fadt, 76 - 36, &0x608u32.to_le_bytes());
    fadt[91 - 36] = 4;
    table(&mut memory, FADT, b"FACP", &fadt);
    let mut mcfg = [0; 8 + 16];
    put(&mut mcfg, 8, &0xb000_0000u64.to_le_bytes());
    mcfg[8 + 11] = 255;
    table(&mut memory, MCFG, b"MCFG", &mcfg);
    table(&mut memory, DSDT, b"DSDT", b"\x08_S5_\x12\x06\x04\x0a\x05\x00\x00\x00");
    seal(&mut memory);
    memory
}

fn window(memory: &[u8], base: u64, length: usize) -> Option<&[u8]> {
    let start = usize::try_from(base.checked_sub(BASE)?).ok()?;
    memory.get(start..start.checked_add(length)?)
}

fn read(memory: &[u8]) -> Result<Tables, Wrong> {
    acpi::read(BASE, &|base, length| window(memory, base, length))
}

#[test]
fn a_pc_with_everything() {
    let tables = read(&machine()).unwrap();
    assert_eq!((tables.local_apic, tables.cores), (0xfee0_0000, 2));
    assert_eq!(tables.io_apics.as_slice()[0].address, 0xfec0_0000);
    assert_eq!((tables.overrides.as_slice()[0].line, tables.overrides.as_slice()[0].flags), (9, 13));
    assert_eq!(tables.ecam, Some(Region { base: 0xb000_0000, length: 256 << 20 }));
    assert_eq!(
        (tables.pm_timer, tables.power.control, tables.power.sleep_types),
        (Some(0x608), [0x604, 0], Some([5, 0]))
    );
    assert_eq!(tables.memory.as_slice(), [Region { base: BASE, length: 0x1000 }]);
}

#[test]
fn the_first_of_two_counts_and_the_other_must_make_sense() {
    const SECOND: usize = 0x480;
    let mut memory = machine();
    memory.copy_within(MADT..MADT + 0x80, SECOND);
    let tables = [MADT, SECOND, FADT, FADT, MCFG].map(|at| address(at).to_le_bytes()).concat();
    table(&mut memory, XSDT, b"XSDT", &tables);
    seal(&mut memory);
    let tables = read(&memory).unwrap();
    assert_eq!((tables.cores, tables.io_apics.as_slice().len(), tables.pm_timer), (2, 1, Some(0x608)));
    // An entry without a length, and the checksum right again.
    memory[SECOND + 9] = memory[SECOND + 9].wrapping_add(memory[SECOND + 45]);
    memory[SECOND + 45] = 0;
    assert_eq!(read(&memory).err().unwrap().name(), "APIC");
}

#[test]
fn a_wrong_table_is_named() {
    type Change = fn(&mut [u8]);
    let cases: [(&str, Change); 8] = [
        ("RSDP", |memory| memory[0] = b'Y'),
        ("XSDT", |memory| memory[XSDT] = b'Y'),
        ("XSDT", |memory| put(memory, XSDT + 4, &[0xff; 4])),
        ("APIC", |memory| memory[MADT + 45] = 0),
        ("APIC", |memory| put(memory, MADT + 36, &[0; 4])),
        ("FACP", |memory| put(memory, FADT, b"FACQ")),
        ("DSDT", |memory| put(memory, DSDT, b"DSDX")),
        ("MCFG", |memory| memory[MCFG + 44 + 10..][..2].copy_from_slice(&[9, 3])),
    ];
    for (name, change) in cases {
        let mut memory = machine();
        change(&mut memory);
        seal(&mut memory);
        let wrong = read(&memory).err().unwrap_or_else(|| panic!("{name} is believed"));
        assert_eq!(wrong.name(), name, "{}", wrong.why);
    }
    for (at, name) in TABLES.into_iter().skip(2) {
        let mut memory = machine();
        memory[at + 20] ^= 1;
        let wrong = read(&memory).err().unwrap();
        assert_eq!((wrong.name().as_bytes(), wrong.why), (&name[..], "wrong checksum"));
    }
    assert_eq!(acpi::read(0, &|_, _| None).err().unwrap().name(), "RSDP");
}

#[test]
fn damaged_tables_are_refused_or_make_sense() {
    let (sound, mut random, mut refused) = (machine(), Random(0x5eed_0002), 0);
    for i in 0..DAMAGED {
        let mut memory = sound.clone();
        random.damage(&mut memory);
        // Damage that checksums find goes no further: most is to go.
        if i % 8 != 0 {
            seal(&mut memory);
        }
        let Ok(tables) = read(&memory) else {
            refused += 1;
            continue;
        };
        assert!(tables.cores >= 1 && !tables.io_apics.as_slice().is_empty());
        assert!(tables.controllers().all(|page| page.base != 0 && page.length == 0x1000 && page.end() <= 1 << 44));
        assert!(tables.ecam.is_none_or(|ecam| ecam.length != 0 && ecam.end() <= 1 << 45));
        let mut last = 0;
        for pages in tables.memory.as_slice() {
            assert!(pages.base.is_multiple_of(4096) && pages.length.is_multiple_of(4096) && pages.base >= last);
            last = pages.end();
        }
    }
    assert!(refused > DAMAGED / 20 && refused < DAMAGED * 3 / 4, "{refused} refused");
}

/// Two ranges of memory and one that is reserved, as all protocols write them: base, length, kind.
const MAP: [(u64, u64, u32); 3] = [(0, 0x9_fc00, 1), (0xf_0000, 0x1_0000, 2), (0x10_0000, 0x7ee_0000, 1)];
const ARCHIVE: Region = Region { base: 0x100_0000, length: 0x5000 };

fn map() -> Vec<u8> {
    let entry = |(base, length, kind): (u64, u64, u32)| {
        [&base.to_le_bytes()[..], &length.to_le_bytes(), &kind.to_le_bytes(), &[0; 4]].concat()
    };
    MAP.into_iter().flat_map(entry).collect()
}

/// What GRUB leaves.
fn tags() -> Vec<u8> {
    let mut list = vec![0; 8];
    let mut tag = |kind: u32, contents: &[u8]| {
        list.extend(kind.to_le_bytes());
        list.extend((8 + contents.len() as u32).to_le_bytes());
        list.extend(contents);
        list.resize(list.len().next_multiple_of(8), 0);
    };
    tag(1, b"log=error\0");
    tag(2, b"GRUB\0");
    tag(3, &[&(ARCHIVE.base as u32).to_le_bytes()[..], &(ARCHIVE.end() as u32).to_le_bytes(), b"\0"].concat());
    tag(6, &[&24u32.to_le_bytes()[..], &[0; 4], &map()].concat());
    tag(14, b"RSD PTR ............");
    tag(15, b"RSD PTR ............................");
    tag(0, b"");
    let length = list.len() as u32;
    put(&mut list, 0, &length.to_le_bytes());
    list
}

/// What QEMU leaves.
fn start_info() -> Vec<u8> {
    let mut memory = vec![0; 56 + 32 + 72 + 16];
    put(&mut memory, 0, &0x336e_c578u32.to_le_bytes());
    put(&mut memory, 4, &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    for (at, value) in [(16, address(56)), (24, address(160)), (32, 0xf_5000), (40, address(88)), (48, 3)] {
        put(&mut memory, at, &value.to_le_bytes());
    }
    put(&mut memory, 56, &ARCHIVE.base.to_le_bytes());
    put(&mut memory, 64, &ARCHIVE.length.to_le_bytes());
    put(&mut memory, 88, &map());
    put(&mut memory, 160, b"log=error\0");
    memory
}

type Read = fn(&[u8]) -> Result<Handover, Reason>;
type Make = fn() -> Vec<u8>;
const PROTOCOLS: [(Make, Read); 2] = [
    (tags, |memory| multiboot::read(BASE, &|base, length| window(memory, base, length))),
    (start_info, |memory| pvh::read(BASE, &|base, length| window(memory, base, length))),
];

#[test]
fn both_protocols_hand_over_the_same() {
    for (make, read) in PROTOCOLS {
        let handover = read(&make()).unwrap();
        assert_eq!(handover.archive, ARCHIVE);
        assert_eq!(&handover.command_line[..handover.command_line_length], b"log=error");
        assert_eq!(handover.ram_total, 0x9_fc00 + 0x7ee_0000);
        assert_eq!(handover.ram.as_slice().len(), 3, "the archive is cut out");
        assert_eq!(handover.reserved.as_slice(), [Region { base: 0xf_0000, length: 0x1_0000 }]);
    }
    let list = tags();
    let rsdp = PROTOCOLS[0].1(&list).unwrap().rsdp;
    assert_eq!(window(&list, rsdp, 36), Some(&b"RSD PTR ............................"[..]), "the newer copy");
    assert_eq!(PROTOCOLS[1].1(&start_info()).unwrap().rsdp, 0xf_5000);
}

#[test]
fn damaged_information_is_refused_or_makes_sense() {
    let mut random = Random(0x5eed_0003);
    for (make, read) in PROTOCOLS {
        let sound = make();
        for _ in 0..DAMAGED {
            let mut memory = sound.clone();
            random.damage(&mut memory);
            let Ok(handover) = read(&memory) else { continue };
            let mapped = handover.mapped.as_slice();
            assert!(mapped.iter().any(|ram| ram.contains(handover.archive)));
            assert!(!handover.ram.overlap(handover.archive) && !handover.archive.length != 0);
            for (i, ram) in mapped.iter().enumerate() {
                assert!(ram.base.is_multiple_of(4096) && ram.length.is_multiple_of(4096) && ram.end() <= 1 << 44);
                assert!(!mapped[..i].iter().any(|other| other.overlaps(*ram)), "memory twice");
            }
        }
        for length in 0..sound.len() - 16 {
            assert!(read(&sound[..length]).is_err(), "cut off at {length}");
        }
    }
}
