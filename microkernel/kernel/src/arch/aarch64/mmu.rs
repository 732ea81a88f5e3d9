//! The kernel's half of the address space, and how page-table entries look (Arm ARM, D8).
//!
//! ```text
//! 0xffff_0000_0000_0000  PHYS_BASE: all RAM once, read and write; the kernel's text and constants read-only;
//!                        the devices that the kernel drives
//! 0xffff_ffff_8000_0000  KERNEL_BASE: the image, somewhere in this GiB, by section (boot.s)
//! 0xffff_ffff_c000_0000  the device tree while it is read
//! ```
//!
//! Nothing of it is ever writable and executable. A mapping is made once and never changes its size, so no
//! break-before-make is needed; the device tree's is the only one that goes.

use core::cell::UnsafeCell;

use aarch64_cpu::registers::{Readable, TCR_EL1};
use abi::calls::Access;
use abi::info::MemoryType;
use kcore::hw::{Entry, MAX_CORES};

use super::registers::{dsb, isb};
use super::vectors::STACK_STRIDE;
use crate::boot::Region;

/// Where physical address 0 is mapped.
pub const PHYS_BASE: u64 = 0xffff_0000_0000_0000;
/// First physical address beyond what [`PHYS_BASE`] maps.
pub const PHYS_END: u64 = 1 << 47;
/// Where the image runs: at KERNEL_BASE of the linker script, and as far from there as boot.s moved it.
pub fn kernel_base() -> u64 {
    (&raw const _image_start).addr() as u64
}

/// Where the device tree is seen while it is read.
const WINDOW: u64 = 0xffff_ffff_c000_0000;
/// The longest block of device registers that is mapped.
pub const DEVICE_LIMIT: u64 = 16 << 20;

/// A page.
pub const PAGE: u64 = 4096;
const BLOCKS: [u64; 3] = [1 << 30, 2 << 20, PAGE];

const VALID: u64 = 1;
const TABLE_OR_PAGE: u64 = 2;
const ATTRIBUTES: u64 = 2;
const USER: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
const NOT_GLOBAL: u64 = 1 << 11;
const PRIVILEGED_NEVER: u64 = 1 << 53;
const USER_NEVER: u64 = 1 << 54;
pub const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

/// MAIR_EL1: 0 write-back memory, 1 Device-nGnRE. (nGnRnE, the other device type, would only make PCI configuration
/// writes wait, which is what reading them back does.)
pub const MAIR: u64 = 0xff | 0x04 << 8;
const MEMORY: u64 = 0 << ATTRIBUTES;
const DEVICE: u64 = 1 << ATTRIBUTES;

/// TCR_EL1 without what depends on the processor: 48 bits and 4 KiB pages in both halves, tables cached and inner
/// shareable.
pub const TCR: u64 = 16 | 1 << 8 | 1 << 10 | 3 << 12 | 16 << 16 | 1 << 24 | 1 << 26 | 3 << 28 | 2 << 30;

const KERNEL_DATA: u64 = MEMORY | INNER_SHAREABLE | ACCESSED | PRIVILEGED_NEVER | USER_NEVER;
const KERNEL_CONSTANTS: u64 = KERNEL_DATA | READ_ONLY;
const KERNEL_DEVICE: u64 = DEVICE | ACCESSED | PRIVILEGED_NEVER | USER_NEVER;

/// Page attributes for boot.s: text.
pub const BOOT_TEXT: u64 = MEMORY | INNER_SHAREABLE | ACCESSED | READ_ONLY | USER_NEVER | VALID | TABLE_OR_PAGE;
/// Page attributes for boot.s: constants.
pub const BOOT_CONSTANTS: u64 = KERNEL_CONSTANTS | VALID | TABLE_OR_PAGE;
/// Page attributes for boot.s: data.
pub const BOOT_DATA: u64 = KERNEL_DATA | VALID | TABLE_OR_PAGE;
/// Block attributes for boot.s: the code that switches the MMU on, at its physical address.
pub const BOOT_IDENTITY: u64 = MEMORY | INNER_SHAREABLE | ACCESSED | READ_ONLY | USER_NEVER | VALID;

/// A table of any level.
#[repr(C, align(4096))]
struct Table(UnsafeCell<[u64; 512]>);

/// Tables that boot may still need: one a gigabyte or 2 MiB that is mapped in parts, so two for the kernel, two a bank
/// of memory's ends, two a device.
const SPARE: usize = 24;

struct Spare([Table; SPARE]);

// SAFETY: only `Boot`, of which there is one, on one core, hands tables out.
unsafe impl Sync for Spare {}

static SPARE_TABLES: Spare = Spare([const { Table(UnsafeCell::new([0; 512])) }; SPARE]);

unsafe extern "C" {
    static kernel_root: Table;
    static _image_start: u8;
    static _data: u8;
    static _stacks: u8;
    static _image_end: u8;
}

/// What boot.s left, in physical addresses.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    base: u64,
}

impl Image {
    /// The image, loaded at physical address `base`.
    pub fn new(base: u64) -> Self {
        Image { base }
    }

    /// All of it.
    pub fn whole(self) -> Region {
        Region { base: self.base, length: (&raw const _image_end).addr() as u64 - kernel_base() }
    }

    /// Where the image's code before the MMU lies that has this address.
    pub fn physical_of(self, address: u64) -> u64 {
        address - kernel_base() + self.base
    }

    /// The stacks of cores that the machine has not.
    pub fn unused_stacks(self, cores: u32) -> Region {
        let cores = u64::from(cores).clamp(1, MAX_CORES as u64);
        let first = (&raw const _stacks).addr() as u64 + cores * STACK_STRIDE as u64;
        let length = (&raw const _image_end).addr() as u64 - first;
        Region { base: self.physical_of(first), length }
    }

    /// Text and constants.
    fn read_only(self) -> Region {
        Region { base: self.base, length: (&raw const _data).addr() as u64 - kernel_base() }
    }

    fn physical(self, table: &Table) -> u64 {
        core::ptr::from_ref(table).addr() as u64 - kernel_base() + self.base
    }

    fn table(self, physical: u64) -> *mut u64 {
        (physical - self.base + kernel_base()) as *mut u64
    }
}

/// Builds the kernel's half. There is one, and it lives in [`STATE`].
struct Builder {
    image: Image,
    used: usize,
}

struct State(UnsafeCell<Option<Builder>>);

// SAFETY: used by one core only, before user code runs (see `with`).
unsafe impl Sync for State {}

static STATE: State = State(UnsafeCell::new(None));

/// Takes the tables over from boot.s.
///
/// # Safety
///
/// To be called once, first of all, by the booting core, with the address at which the image was loaded; the functions
/// of this module that map are then only called by that core while no other runs.
pub unsafe fn init(image: Image) {
    // SAFETY: by the caller's promise nobody else looks at it.
    unsafe { *STATE.0.get() = Some(Builder { image, used: 0 }) };
}

fn with<R>(act: impl FnOnce(&mut Builder) -> Result<R, &'static str>) -> Result<R, &'static str> {
    // SAFETY: one core maps, by `init`'s contract, and no `act` of this module calls `with` again.
    match unsafe { &mut *STATE.0.get() } {
        Some(builder) => act(builder),
        None => Err("page tables that aren't there yet"),
    }
}

/// Shows `length` bytes of memory from `physical` on, read-only, at the place of the device tree; returns where.
pub fn map_window(physical: u64, length: u64) -> Result<u64, &'static str> {
    let block = BLOCKS[1];
    let base = physical / block * block;
    let length = (physical + length).next_multiple_of(block) - base;
    with(|builder| builder.map(WINDOW, Region { base, length }, KERNEL_CONSTANTS))?;
    Ok(WINDOW + (physical - base))
}

/// Takes the device tree's place away again.
pub fn unmap_window() {
    let _ = with(|builder| {
        let upper = builder.next(builder.root(), index(WINDOW, 0))?;
        // SAFETY:
        // 1. `upper` is the level-1 table of the upper end, whose last entry has only the window.
        // 2. Nobody holds a reference into the window any more.
        unsafe { upper.add(index(WINDOW, 1)).write_volatile(0) };
        Ok(())
    });
    dsb();
    // SAFETY: fewer translations can't break anything: the others are walked again.
    unsafe { core::arch::asm!("tlbi vmalle1", options(nostack, preserves_flags)) };
    dsb();
    isb();
}

/// Maps a bank of RAM at [`PHYS_BASE`], the kernel's text and constants in it read-only.
pub fn map_ram(bank: Region) -> Result<(), &'static str> {
    if bank.end() > PHYS_END {
        return Err("memory beyond 47 bits of address");
    }
    with(|builder| {
        let hole = builder.image.read_only();
        let (low, high) = (hole.base.clamp(bank.base, bank.end()), hole.end().clamp(bank.base, bank.end()));
        for (start, end, attributes) in
            [(bank.base, low, KERNEL_DATA), (low, high, KERNEL_CONSTANTS), (high, bank.end(), KERNEL_DATA)]
        {
            builder.map(PHYS_BASE + start, Region { base: start, length: end - start }, attributes)?;
        }
        Ok(())
    })
}

/// Maps a block of device registers at [`PHYS_BASE`]; returns its virtual address.
pub fn map_device(block: Region) -> Result<usize, &'static str> {
    let base = block.base / PAGE * PAGE;
    let end = block.base.checked_add(block.length).ok_or("a device beyond the address space")?;
    if end > PHYS_END || block.length > DEVICE_LIMIT {
        return Err("a device beyond 47 bits of address");
    }
    let length = end.next_multiple_of(PAGE) - base;
    with(|builder| builder.map(PHYS_BASE + base, Region { base, length }, KERNEL_DEVICE))?;
    Ok((PHYS_BASE + block.base) as usize)
}

impl Builder {
    fn root(&self) -> *mut u64 {
        // SAFETY: boot.s defines it; only its address is taken here.
        unsafe { kernel_root.0.get().cast() }
    }

    /// Maps with the largest pages that fit. What is mapped so already stays.
    fn map(&mut self, mut at: u64, what: Region, attributes: u64) -> Result<(), &'static str> {
        let mut physical = what.base;
        while physical < what.end() {
            let fits = |size: &u64| (at | physical).is_multiple_of(*size) && what.end() - physical >= *size;
            let level = BLOCKS.iter().position(fits).ok_or("memory that isn't in whole pages")?;
            let mut table = self.root();
            for above in 0..=level {
                table = self.next(table, index(at, above))?;
            }
            let kind = if level == 2 { VALID | TABLE_OR_PAGE } else { VALID };
            let value = physical | attributes | kind;
            // SAFETY:
            // 1. `next` returned a table of this builder, and `index` is below 512.
            // 2. Only an entry that was 0, no translation, is written: nothing that anybody relies on changes.
            let before = unsafe {
                let entry = table.add(index(at, level + 1));
                let before = entry.read_volatile();
                if before == 0 {
                    entry.write_volatile(value);
                }
                before
            };
            if before != 0 && before != value {
                return Err("devices and memory in the same place");
            }
            at += BLOCKS[level];
            physical += BLOCKS[level];
        }
        // New entries are seen by walks from here on; no old ones were changed.
        dsb();
        isb();
        Ok(())
    }

    /// The table behind entry `i`, made if there is none.
    fn next(&mut self, table: *mut u64, i: usize) -> Result<*mut u64, &'static str> {
        // SAFETY: `table` is one of boot.s's or of the spare ones, `i` below 512.
        let entry = unsafe { table.add(i) };
        // SAFETY: as above.
        let value = unsafe { entry.read_volatile() };
        if value & (VALID | TABLE_OR_PAGE) == VALID | TABLE_OR_PAGE {
            return Ok(self.image.table(value & ADDRESS));
        }
        if value != 0 {
            return Err("devices and memory in the same place");
        }
        let fresh = SPARE_TABLES.0.get(self.used).ok_or("a memory map with too many pieces")?;
        self.used += 1;
        let physical = self.image.physical(fresh);
        dsb();
        // SAFETY: as above; the table it now points to is all zero, which maps nothing.
        unsafe { entry.write_volatile(physical | VALID | TABLE_OR_PAGE) };
        Ok(fresh.0.get().cast())
    }
}

/// The entry for `address` in a table `depth` steps below the root.
fn index(address: u64, depth: usize) -> usize {
    (address >> (39 - 9 * depth)) as usize & 511
}

/// Where a frame starts.
pub fn address(frame: u32) -> u64 {
    u64::from(frame) * PAGE
}

/// The highest ASID.
pub fn asid_max() -> u16 {
    if TCR_EL1.is_set(TCR_EL1::AS) { u16::MAX } else { u8::MAX.into() }
}

/// Encodes an entry that points to the next table.
pub fn table(frame: u32) -> u64 {
    address(frame) | VALID | TABLE_OR_PAGE
}

/// Encodes a user page. Without READ nobody in user mode may touch it.
pub fn page(frame: u32, access: Access, kind: MemoryType) -> u64 {
    let mut entry = address(frame) | VALID | TABLE_OR_PAGE | ACCESSED | NOT_GLOBAL | PRIVILEGED_NEVER;
    entry |= if kind == MemoryType::Device { DEVICE } else { MEMORY | INNER_SHAREABLE };
    if access.contains(Access::READ) {
        entry |= USER;
    }
    if !access.contains(Access::WRITE) {
        entry |= READ_ONLY;
    }
    if !access.contains(Access::EXECUTE) || access.contains(Access::WRITE) || kind == MemoryType::Device {
        entry |= USER_NEVER;
    }
    entry
}

/// Decodes an entry of the user half.
pub fn decode(entry: u64, level: u8) -> Entry {
    if entry & (VALID | TABLE_OR_PAGE) != VALID | TABLE_OR_PAGE {
        return Entry::Empty;
    }
    let frame = ((entry & ADDRESS) / PAGE) as u32;
    if level > 0 {
        return Entry::Table(frame);
    }
    let mut access = Access::empty();
    access.set(Access::READ, entry & USER != 0);
    access.set(Access::WRITE, entry & READ_ONLY == 0);
    access.set(Access::EXECUTE, entry & USER_NEVER == 0);
    Entry::Page(frame, access)
}
