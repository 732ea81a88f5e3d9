//! Page tables: the kernel's half, and how entries are encoded (Intel SDM vol. 3A, chapter 4).
//!
//! ```text
//! 0xffff_8000_0000_0000  PHYS_BASE: all memory, writable, never executable; the image's code and constants, and
//!                        ACPI tables, read-only; local and I/O APICs uncached
//! 0xffff_ffff_8000_0000  KERNEL_BASE: the image, somewhere in this GiB, each section with its own rights
//! 0xffff_ffff_c000_0000  core_block::STACKS: the stacks of each core, with guard pages between them
//! ```
//!
//! The kernel's half is global and is the same in all address spaces: its top-level entries are made here and never
//! change. User pages are never global.

use abi::calls::Access;
use abi::info::MemoryType;
use firmware::handover::Handover;
use kcore::hw::{CoreId, Entry, Frame, MAX_CORES};

use super::memory::{early_area, symbols};
use super::{PHYS_BASE, acpi, core_block, cpu};
use crate::boot::Region;

/// An entry of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags(u64);

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
/// PWT and PCD: with the PAT as it is after reset, strongly uncached.
const UNCACHED: u64 = 1 << 3 | 1 << 4;
/// Set beforehand, so that the processor need not write them.
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;
pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

const CODE: Flags = Flags(PRESENT | ACCESSED | GLOBAL);
const CONSTANT: Flags = Flags(PRESENT | ACCESSED | GLOBAL | NO_EXECUTE);
const DATA: Flags = Flags(PRESENT | WRITABLE | ACCESSED | DIRTY | GLOBAL | NO_EXECUTE);
/// Code, not global: only the start of other cores has it.
const START: Flags = Flags(PRESENT | ACCESSED);
const REGISTERS: Flags = Flags(DATA.0 | UNCACHED);

/// Most frames for the kernel's tables and the cores' stacks: one for each GiB of 1 TiB and 1 MiB besides.
const MOST_FRAMES: u64 = 256 + 1024;

/// The kernel's page tables.
pub struct Kernel {
    root: u64,
    /// The same with the page in which other cores start, where it is in memory; 0 where there is no such page.
    start_root: u64,
    /// Frames are taken downwards from `next` to `end`; zeroed when taken.
    next: u64,
    end: u64,
    giant: bool,
}

/// Makes the kernel's page tables from memory that is then no longer in `firmware.ram`; or says why that can't be.
pub fn build(firmware: &mut Handover, tables: &acpi::Tables) -> Result<Kernel, &'static str> {
    let registers = tables.controllers();
    if registers.clone().any(|page| firmware.mapped.overlap(page)) {
        return Err("ACPI table APIC: an APIC's address lies in memory");
    }
    let region = pick(firmware).ok_or(TOO_LITTLE)?;
    let mut kernel =
        Kernel { root: 0, start_root: 0, next: region.end(), end: region.base, giant: cpu::has(cpu::GIANT_PAGES) };
    kernel.fill(firmware, tables, registers).ok_or(TOO_LITTLE)?;
    firmware.ram.remove(Region { base: kernel.next, length: region.end() - kernel.next });
    Ok(kernel)
}

const TOO_LITTLE: &str = "too little memory: at least 64 MiB are needed";

/// The end of the largest region that the early page tables reach (to 4 GiB) and the early area is not in.
fn pick(firmware: &Handover) -> Option<Region> {
    let low = firmware.ram.as_slice().iter().filter(|region| region.end() <= 1 << 32);
    let largest = *low.max_by_key(|region| region.length)?;
    let free_from = if largest.overlaps(early_area()) { early_area().end() } else { largest.base };
    let base = free_from.max(largest.end().saturating_sub(MOST_FRAMES * 4096));
    Some(Region { base, length: largest.end() - base })
}

impl Kernel {
    /// Physical address of the root table.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Physical address of the root table with which other cores start; 0: they can't.
    pub fn start_root(&self) -> u64 {
        self.start_root
    }

    /// Switches to these tables.
    pub fn activate(&self) {
        use x86_64::PhysAddr;
        use x86_64::registers::control::{Cr3, Cr3Flags};
        use x86_64::structures::paging::PhysFrame;
        // SAFETY: the tables map the image with the rights that its code relies on, the running stack through the
        // direct map, and all that `firmware` and `tables` refer to from now on.
        unsafe { Cr3::write(PhysFrame::containing_address(PhysAddr::new(self.root)), Cr3Flags::empty()) };
    }

    fn fill(
        &mut self,
        firmware: &Handover,
        tables: &acpi::Tables,
        registers: impl Iterator<Item = Region>,
    ) -> Option<()> {
        self.root = self.frame()?;
        self.map_image()?;
        for region in firmware.mapped.as_slice() {
            self.map_memory(*region)?;
        }
        for page in registers {
            self.map(PHYS_BASE + page.base, page, REGISTERS)?;
        }
        for table in tables.memory.as_slice() {
            self.map_table(*table, firmware)?;
        }
        self.map_stacks(tables.cores)?;
        if let Some(page) = firmware.start_page.filter(|_| tables.cores > 1) {
            self.map_start(page)?;
        }
        Some(())
    }

    fn map_image(&mut self) -> Option<()> {
        let sections = [
            (symbols::text_start(), symbols::rodata_start(), CODE),
            (symbols::rodata_start(), symbols::data_start(), CONSTANT),
            (symbols::data_start(), symbols::kernel_end(), DATA),
        ];
        for (start, end, flags) in sections {
            self.map(start, Region { base: physical(start), length: end - start }, flags)?;
        }
        Some(())
    }

    /// Maps a range of memory at PHYS_BASE; the image's code and constants in it read-only.
    fn map_memory(&mut self, memory: Region) -> Option<()> {
        let (fixed, data) = (physical(symbols::text_start()), physical(symbols::data_start()));
        for (start, end, flags) in [(0, fixed, DATA), (fixed, data, CONSTANT), (data, u64::MAX, DATA)] {
            let (base, end) = (memory.base.max(start), memory.end().min(end));
            if base < end {
                self.map(PHYS_BASE + base, Region { base, length: end - base }, flags)?;
            }
        }
        Some(())
    }

    /// Maps the pages of ACPI tables that are not in usable memory, read-only.
    fn map_table(&mut self, table: Region, firmware: &Handover) -> Option<()> {
        for base in (table.base..table.end()).step_by(4096) {
            let page = Region { base, length: 4096 };
            if !firmware.mapped.overlap(page) {
                self.map(PHYS_BASE + base, page, CONSTANT)?;
            }
        }
        Some(())
    }

    fn map_stacks(&mut self, cores: u32) -> Option<()> {
        let cores = 0..cores.clamp(1, MAX_CORES as u32) as CoreId;
        for page in cores.flat_map(core_block::stack_pages) {
            let frame = self.frame()?;
            self.map(page, Region { base: frame, length: 4096 }, DATA)?;
        }
        Some(())
    }

    /// Makes the root table with which other cores start: it has that page at its physical address, too.
    fn map_start(&mut self, page: u64) -> Option<()> {
        let start_root = self.frame()?;
        let root = core::mem::replace(&mut self.root, start_root);
        let mapped = self.map(page, Region { base: page, length: 4096 }, START);
        self.root = root;
        // SAFETY: as in `map`; both tables are these page tables' own.
        unsafe { entry(start_root, 256).cast::<[u64; 256]>().write(*kernel_half(root)) };
        self.start_root = start_root;
        mapped
    }

    /// Maps whole pages with the largest entries that fit.
    fn map(&mut self, mut address: u64, region: Region, flags: Flags) -> Option<()> {
        let (mut at, end) = (region.base, region.end());
        while at < end {
            let fits = |size: u64| (address | at) & (size - 1) == 0 && end - at >= size;
            let level = match () {
                () if self.giant && fits(1 << 30) => 2,
                () if fits(1 << 21) => 1,
                () => 0,
            };
            let large = if level > 0 { LARGE } else { 0 };
            let slot = self.slot(address, level)?;
            // SAFETY: `slot` points into a table of these page tables, which nobody else uses yet.
            unsafe { slot.write(at | flags.0 | large) };
            at += 4096 << (9 * level);
            address += 4096 << (9 * level);
        }
        Some(())
    }

    /// The entry for an address in the table of a level; tables above it are made where they lack.
    fn slot(&mut self, address: u64, level: u32) -> Option<*mut u64> {
        let index = |level: u32| (address >> (12 + 9 * level) & 511) as usize;
        let mut table = self.root;
        for above in (level + 1..4).rev() {
            let slot = entry(table, index(above));
            // SAFETY: as in `map`; `slot` lies in a table that was made here and zeroed.
            let found = unsafe { slot.read() };
            assert!(found & LARGE == 0, "two ranges overlap in the kernel's half");
            table = match found & PRESENT {
                0 => self.frame()?,
                _ => found & ADDRESS,
            };
            // SAFETY: as above.
            unsafe { slot.write(table | PRESENT | WRITABLE | ACCESSED) };
        }
        Some(entry(table, index(level)))
    }

    /// A zeroed frame's physical address.
    fn frame(&mut self) -> Option<u64> {
        let next = self.next.checked_sub(4096).filter(|next| *next >= self.end)?;
        self.next = next;
        // SAFETY: the frame is usable memory that nothing refers to, below 4 GiB, so the early page tables map it.
        unsafe { core::ptr::write_bytes((PHYS_BASE + next) as *mut u8, 0, 4096) };
        Some(next)
    }
}

/// The kernel's half of its root table, which is that of all others.
pub fn kernel_half(root: u64) -> &'static [u64; 256] {
    // SAFETY: the kernel's root table is mapped in the direct map for ever, and its upper half never changes after boot.
    unsafe { &*entry(root, 256).cast() }
}

/// An entry that points to the next table of the user half.
pub fn table(frame: Frame) -> u64 {
    address(frame) | PRESENT | WRITABLE | USER | ACCESSED
}

/// An entry for a user page. x86_64 can't forbid reading what may be written or executed.
pub fn page(frame: Frame, access: Access, kind: MemoryType) -> u64 {
    let mut entry = address(frame) | PRESENT | USER | ACCESSED;
    if access.contains(Access::WRITE) {
        entry |= WRITABLE | DIRTY;
    }
    if !access.contains(Access::EXECUTE) {
        entry |= NO_EXECUTE;
    }
    if kind == MemoryType::Device {
        entry |= UNCACHED;
    }
    entry
}

/// What an entry of the user half says.
pub fn decode(entry: u64, level: u8) -> Entry {
    let frame = ((entry & ADDRESS) >> 12) as Frame;
    if entry & PRESENT == 0 {
        return Entry::Empty;
    }
    if level != 0 {
        return Entry::Table(frame);
    }
    let mut access = Access::READ;
    access.set(Access::WRITE, entry & WRITABLE != 0);
    access.set(Access::EXECUTE, entry & NO_EXECUTE == 0);
    Entry::Page(frame, access)
}

fn address(frame: Frame) -> u64 {
    u64::from(frame) << 12
}

/// Where an entry of a table at a physical address is.
fn entry(table: u64, index: usize) -> *mut u64 {
    (PHYS_BASE + table + 8 * index as u64) as *mut u64
}

/// The physical address of a place in the image.
fn physical(image_address: u64) -> u64 {
    image_address - symbols::kernel_base()
}
