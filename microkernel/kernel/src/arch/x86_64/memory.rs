//! Memory and device ranges, from what the firmware says.

use firmware::handover::Handover;

use super::{PHYS_BASE, acpi, cpu};
use crate::boot::{Region, Regions};

/// Where physical address 0 would be in the image's mapping: KERNEL_BASE of the linker script, and as far from there as the kernel was
/// moved.
pub fn kernel_base() -> u64 {
    symbols::kernel_base()
}

/// What the early page tables map.
const EARLY_END: u64 = 1 << 32;
/// Below it lie the BIOS's data and, later, the page in which other cores start.
const LOW_END: u64 = 1 << 20;
/// I/O APICs and what lies near them; local APICs and messages.
const IO_APICS: Region = Region { base: 0xfec0_0000, length: 0x10_0000 };
const LOCAL_APICS: Region = Region { base: 0xfee0_0000, length: 0x10_0000 };

/// What remains for the system of what the boot loader hands over: not the BIOS's first megabyte, not the image. The early area is in
/// it.
pub fn claim(handover: &mut Handover) -> Result<(), &'static str> {
    if image().overlaps(handover.archive.touched_pages()) {
        return Err("the boot module lies in the kernel");
    }
    handover.ram.remove(Region { base: 0, length: LOW_END });
    handover.ram.remove(image());
    Ok(())
}

/// Bytes of physical memory while the early page tables are loaded; `None` outside them.
pub fn early(base: u64, length: usize) -> Option<&'static [u8]> {
    let end = base.checked_add(length as u64)?;
    if base == 0 || end > EARLY_END {
        return None;
    }
    // SAFETY:
    // 1. The early page tables map all below 4 GiB at PHYS_BASE, and nothing is mapped away while boot code runs.
    // 2. Callers read the loader's information and firmware tables, which nobody writes. Where an address is nonsense
    //    the bytes are too, and are checked as such; reading reaches no device that QEMU or a PC has at those places.
    Some(unsafe { core::slice::from_raw_parts((PHYS_BASE + base) as *const u8, length) })
}

/// The kernel image without the boot code's page tables and stack.
pub fn image() -> Region {
    let base = symbols::image_physical();
    Region { base, length: symbols::kernel_end() - kernel_base() - base }
}

/// The boot code's page tables and stack: in use until `kmain` runs, ordinary memory then.
pub fn early_area() -> Region {
    let base = symbols::kernel_end() - kernel_base();
    Region { base, length: symbols::early_end() - kernel_base() - base }
}

/// The physical ranges that user-space drivers may get: the ECAM, the 32-bit PCI hole without the interrupt
/// controllers, and what lies above all memory.
pub fn devices(firmware: &Handover, tables: &acpi::Tables) -> Regions<16> {
    let low_top = end_of_memory_below_4g(firmware, tables.ecam);
    let high_top = firmware.mapped.as_slice().iter().map(|r| r.end()).max().unwrap_or(0).max(1 << 32);
    let mut devices: Regions<16> = Regions::new();
    devices.push(Region { base: low_top, length: (LOCAL_APICS.base).saturating_sub(low_top) });
    devices.remove(IO_APICS);
    if let Some(ecam) = tables.ecam {
        devices.remove(ecam);
        devices.push(ecam);
    }
    // Whatever the tables say, memory is no device.
    for memory in firmware.mapped.as_slice().iter().chain(tables.memory.as_slice()) {
        devices.remove(*memory);
    }
    // Nor are the interrupt controllers, wherever they are.
    for page in tables.controllers() {
        devices.remove(page);
    }
    let above = high_top.next_multiple_of(1 << 30);
    let limit = 1u64 << cpu::physical_bits().min(44);
    devices.push(Region { base: above, length: limit.saturating_sub(above) });
    devices
}

/// Where memory below 4 GiB ends, with the reserved ranges that follow it at once (firmware keeps its tables there).
fn end_of_memory_below_4g(firmware: &Handover, ecam: Option<Region>) -> u64 {
    let ram = firmware.mapped.as_slice().iter().map(|r| r.end());
    let mut top = ram.filter(|end| *end <= 1 << 32).max().unwrap_or(LOW_END).next_multiple_of(4096);
    // As often as there are ranges: each round takes in at least one, or none is left that touches.
    for _ in firmware.reserved.as_slice() {
        for region in firmware.reserved.as_slice() {
            if Some(*region) != ecam && region.base <= top && region.end() > top {
                top = region.end();
            }
        }
    }
    top
}

/// Places that the linker script names.
pub mod symbols {
    unsafe extern "C" {
        static __kernel_base: u8;
        static __image_physical: u8;
        static __text_start: u8;
        static __rodata_start: u8;
        static __data_start: u8;
        static __kernel_end: u8;
        static __early_end: u8;
    }

    macro_rules! places {
        ($($(#[$doc:meta])* $name:ident $symbol:ident)*) => {
            $($(#[$doc])* pub fn $name() -> u64 { (&raw const $symbol) as u64 })*
        };
    }
    places! {
        /// KERNEL_BASE, moved.
        kernel_base __kernel_base
        /// Physical address of the image.
        image_physical __image_physical
        /// Code, in pages.
        text_start __text_start
        /// Constants; code ends here.
        rodata_start __rodata_start
        /// Variables; constants end here.
        data_start __data_start
        /// The end of all that.
        kernel_end __kernel_end
        /// The end of the boot code's page tables and stack.
        early_end __early_end
    }
}
