//! The ACPI tables that matter before user code runs (ACPI specification 6.5, chapter 5), without AML.
//!
//! MADT: local and I/O APICs. FADT: power, PM timer. MCFG: PCI Express configuration space. Lengths and checksums are
//! checked before anything else is believed; what the kernel can't do without must be there. The places of all tables
//! are noted, so that devd can read them too.

use crate::Memory;
use crate::handover::MEMORY_END;
use crate::region::{PAGE, Region, Regions};

/// Most tables, I/O APICs, and interrupt overrides that are looked at.
const TABLES: usize = 64;
const IO_APICS: usize = 4;
const OVERRIDES: usize = 16;
const CORES: usize = 16;
/// The tables that are read here.
const NEEDED: [[u8; 4]; 3] = [*b"APIC", *b"FACP", *b"MCFG"];
/// Longest table believed.
const LONGEST: usize = 1 << 20;

/// A table that makes no sense, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    signature: [u8; 4],
    /// What is wrong with it.
    pub why: &'static str,
}

impl Wrong {
    /// The table's name.
    pub fn name(&self) -> &str {
        core::str::from_utf8(&self.signature).unwrap_or("????")
    }
}

/// An I/O APIC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoApic {
    /// Physical address.
    pub address: u64,
    /// The number of its first line.
    pub first_line: u32,
}

/// How a line differs from what its bus prescribes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// The line.
    pub line: u32,
    /// MPS INTI flags: polarity in bits 0–1 (3: active low), trigger in bits 2–3.
    pub flags: u16,
}

/// A short list.
#[derive(Clone, Copy, Debug)]
pub struct Short<T, const N: usize> {
    items: [T; N],
    count: usize,
}

impl<T: Copy + Default, const N: usize> Short<T, N> {
    fn new() -> Self {
        Short { items: [T::default(); N], count: 0 }
    }

    fn push(&mut self, item: T) {
        if let Some(slot) = self.items.get_mut(self.count) {
            *slot = item;
            self.count += 1;
        }
    }

    /// What is in it.
    pub fn as_slice(&self) -> &[T] {
        &self.items[..self.count]
    }
}

/// What the tables tell.
pub struct Tables {
    /// Physical address of the local APICs.
    pub local_apic: u64,
    /// Processors that are enabled, and the APIC IDs of the first.
    pub cores: u32,
    /// See `cores`.
    pub core_ids: Short<u32, CORES>,
    /// The I/O APICs.
    pub io_apics: Short<IoApic, IO_APICS>,
    /// Lines that are not as usual.
    pub overrides: Short<Override, OVERRIDES>,
    /// PCI Express configuration space of segment 0.
    pub ecam: Option<Region>,
    /// I/O port of the 3.58 MHz timer.
    pub pm_timer: Option<u16>,
    /// How to power off and reset.
    pub power: Power,
    /// The pages that hold tables.
    pub memory: Regions<8>,
}

impl Tables {
    fn new() -> Self {
        Tables {
            local_apic: 0,
            cores: 0,
            core_ids: Short::new(),
            io_apics: Short::new(),
            overrides: Short::new(),
            ecam: None,
            pm_timer: None,
            power: Power::default(),
            memory: Regions::new(),
        }
    }

    /// The pages of the APICs' registers, each once.
    pub fn controllers(&self) -> impl Iterator<Item = Region> + Clone {
        let page = |address: u64| Region { base: address, length: 1 }.touched_pages();
        let io_apics = self.io_apics.as_slice().iter().map(move |io_apic| page(io_apic.address));
        io_apics.chain([page(self.local_apic)])
    }
}

/// The registers for power-off and reset (4.8.3 and 7.4.2). 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Power {
    /// PM1a and PM1b control.
    pub control: [u16; 2],
    /// Values of SLP_TYP for them, from `\_S5`.
    pub sleep_types: Option<[u8; 2]>,
    /// Port by which ACPI mode is entered, and what to write.
    pub smi_command: u16,
    /// See `smi_command`.
    pub acpi_enable: u8,
    /// Reset register and value.
    pub reset: Option<(u16, u8)>,
}

/// Reads the tables from the RSDP on.
///
/// # Errors
/// Which table is wrong, and why.
pub fn read(rsdp: u64, memory: Memory<'_>) -> Result<Tables, Wrong> {
    let mut tables = Tables::new();
    let mut places = Short::<Region, TABLES>::new();
    let (root, entry_size) = root(rsdp, memory, &mut places)?;
    let mut fadt = false;
    for entry in root[36..].chunks_exact(entry_size).take(TABLES) {
        let address = if entry_size == 8 { quad(entry, 0) } else { u64::from(double(entry, 0)) };
        let table = match table(address, None, memory) {
            Ok(table) => table,
            Err(wrong) if NEEDED.contains(&wrong.signature) => return Err(wrong),
            // Real firmware has broken tables that nobody reads. They are not handed on either.
            Err(_) => continue,
        };
        places.push(Region { base: address, length: table.len() as u64 });
        match &table[..4] {
            // The first of each counts; others must make sense, too.
            b"APIC" if tables.cores == 0 => madt(table, &mut tables)?,
            b"APIC" => madt(table, &mut Tables::new())?,
            b"FACP" => {
                let mut others = Tables::new();
                self::fadt(table, memory, if fadt { &mut others } else { &mut tables }, &mut places)?;
                fadt = true;
            }
            b"MCFG" => tables.ecam = mcfg(table)?,
            _ => {}
        }
    }
    if tables.local_apic == 0 || tables.io_apics.as_slice().is_empty() || tables.cores == 0 {
        return Err(wrong(*b"APIC", "missing, or without a local or an I/O APIC"));
    }
    if !fadt {
        return Err(wrong(*b"FACP", "missing"));
    }
    merge(&places, &mut tables.memory);
    Ok(tables)
}

/// RSDP and RSDT or XSDT: the latter and the size of its entries.
fn root<'m>(rsdp: u64, memory: Memory<'m>, places: &mut Short<Region, TABLES>) -> Result<(&'m [u8], usize), Wrong> {
    let bad = |why| wrong(*b"RSDP", why);
    let pointer = memory(rsdp, 36).filter(|_| rsdp != 0).ok_or(bad("the boot loader gives no address"))?;
    if !pointer.starts_with(b"RSD PTR ") || sum(&pointer[..20]) != 0 {
        return Err(bad("wrong signature or checksum"));
    }
    places.push(Region { base: rsdp, length: 36 });
    let extended = pointer[15] >= 2 && sum(pointer) == 0 && quad(pointer, 24) != 0;
    let (address, name, size) = match extended {
        true => (quad(pointer, 24), *b"XSDT", 8),
        false => (u64::from(double(pointer, 16)), *b"RSDT", 4),
    };
    let root = table(address, Some(name), memory)?;
    places.push(Region { base: address, length: root.len() as u64 });
    Ok((root, size))
}

/// The table at an address, whole and with the right checksum; at least 36 bytes.
fn table<'m>(address: u64, name: Option<[u8; 4]>, memory: Memory<'m>) -> Result<&'m [u8], Wrong> {
    let expected = name.unwrap_or(*b"????");
    let header = memory(address, 36).ok_or(wrong(expected, "out of reach"))?;
    let signature = name.unwrap_or([header[0], header[1], header[2], header[3]]);
    let length = double(header, 4) as usize;
    if header[..4] != signature {
        return Err(wrong(signature, "wrong signature"));
    }
    if !(36..=LONGEST).contains(&length) {
        return Err(wrong(signature, "impossible length"));
    }
    let table = memory(address, length).ok_or(wrong(signature, "out of reach"))?;
    if sum(table) != 0 { Err(wrong(signature, "wrong checksum")) } else { Ok(table) }
}

/// Multiple APIC description table (5.2.12).
fn madt(table: &[u8], tables: &mut Tables) -> Result<(), Wrong> {
    let bad = wrong(*b"APIC", "entry of impossible length");
    tables.local_apic = u64::from(double(table.get(..44).ok_or(bad)?, 36));
    let mut rest = &table[44..];
    while let [kind, length, ..] = *rest {
        let entry = rest.get(..usize::from(length)).filter(|entry| entry.len() >= 2).ok_or(bad)?;
        rest = &rest[entry.len()..];
        match (kind, entry.len()) {
            (0, 8..) if double(entry, 4) & 1 != 0 => core(tables, u32::from(entry[3])),
            (9, 16..) if double(entry, 8) & 1 != 0 => core(tables, double(entry, 4)),
            (1, 12..) => {
                let address = u64::from(double(entry, 4));
                tables.io_apics.push(IoApic { address, first_line: double(entry, 8) });
            }
            (2, 10..) => tables.overrides.push(Override { line: double(entry, 4), flags: word(entry, 8) }),
            (5, 12..) => tables.local_apic = quad(entry, 4),
            _ => {}
        }
    }
    let addresses = tables.io_apics.as_slice().iter().map(|io_apic| io_apic.address).chain([tables.local_apic]);
    for address in addresses {
        if !(PAGE..MEMORY_END).contains(&address) {
            return Err(wrong(*b"APIC", "impossible address"));
        }
    }
    Ok(())
}

fn core(tables: &mut Tables, id: u32) {
    tables.cores += 1;
    tables.core_ids.push(id);
}

/// Fixed ACPI description table (5.2.9), and the DSDT and FACS that it points to.
fn fadt(
    table: &[u8],
    memory: Memory<'_>,
    tables: &mut Tables,
    places: &mut Short<Region, TABLES>,
) -> Result<(), Wrong> {
    if table.len() < 116 {
        return Err(wrong(*b"FACP", "too short"));
    }
    tables.pm_timer = Some(double(table, 76) as u16).filter(|port| *port != 0 && table[91] == 4);
    let power = &mut tables.power;
    power.smi_command = double(table, 48) as u16;
    power.acpi_enable = table[52];
    power.control = [double(table, 64) as u16, double(table, 68) as u16];
    // Bit 10: the reset register is there; 1: it is an I/O port.
    if double(table, 112) >> 10 & 1 != 0 && table.len() >= 129 && table[116] == 1 {
        power.reset = Some((quad(table, 120) as u16, table[128]));
    }
    let facs = u64::from(double(table, 36));
    if facs != 0 {
        places.push(Region { base: facs, length: 64 });
    }
    let extended = if table.len() >= 148 { quad(table, 140) } else { 0 };
    let dsdt = if extended != 0 { extended } else { u64::from(double(table, 40)) };
    let dsdt_table = self::table(dsdt, Some(*b"DSDT"), memory)?;
    places.push(Region { base: dsdt, length: dsdt_table.len() as u64 });
    power.sleep_types = soft_off(&dsdt_table[36..]);
    Ok(())
}

/// The two values of the package `\_S5_` (7.4.2.6), found by its name: `NameOp "_S5_" PackageOp length count …`.
fn soft_off(aml: &[u8]) -> Option<[u8; 2]> {
    let at = aml.windows(4).position(|window| window == b"_S5_")?;
    let package = aml.get(at + 4..)?.strip_prefix(&[0x12])?;
    let length_bytes = 1 + usize::from(package.first()? >> 6);
    let mut elements = package.get(length_bytes + 1..)?;
    let mut values = [0; 2];
    for value in &mut values {
        // ZeroOp, OneOp, BytePrefix value.
        (*value, elements) = match *elements {
            [small @ (0 | 1), ref rest @ ..] => (small, rest),
            [0x0a, byte, ref rest @ ..] => (byte & 7, rest),
            _ => return None,
        };
    }
    Some(values)
}

/// PCI Express memory-mapped configuration space (PCI Firmware Specification 3.3, 4.1.2): segment 0.
fn mcfg(table: &[u8]) -> Result<Option<Region>, Wrong> {
    for entry in table.get(44..).unwrap_or(&[]).chunks_exact(16) {
        let (base, segment, first, last) = (quad(entry, 0), word(entry, 8), entry[10], entry[11]);
        if segment != 0 {
            continue;
        }
        if first > last || base & 0xfffff != 0 || base >= MEMORY_END {
            return Err(wrong(*b"MCFG", "impossible range"));
        }
        let offset = u64::from(first) << 20;
        return Ok(Some(Region { base: base + offset, length: (u64::from(last - first) + 1) << 20 }));
    }
    Ok(None)
}

/// The pages of all tables, merged where they touch.
fn merge(places: &Short<Region, TABLES>, memory: &mut Regions<8>) {
    let mut pages = *places;
    pages.items[..pages.count].iter_mut().for_each(|place| *place = place.touched_pages());
    pages.items[..pages.count].sort_unstable_by_key(|place| place.base);
    let mut current = Region::default();
    for place in pages.as_slice() {
        if place.base <= current.end() {
            current.length = place.end().max(current.end()) - current.base;
        } else {
            memory.push(current);
            current = *place;
        }
    }
    memory.push(current);
}

const fn wrong(signature: [u8; 4], why: &'static str) -> Wrong {
    Wrong { signature, why }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

// Callers have checked that the bytes are there.
fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn double(bytes: &[u8], at: usize) -> u32 {
    u32::from(word(bytes, at)) | u32::from(word(bytes, at + 2)) << 16
}

fn quad(bytes: &[u8], at: usize) -> u64 {
    u64::from(double(bytes, at)) | u64::from(double(bytes, at + 4)) << 32
}
