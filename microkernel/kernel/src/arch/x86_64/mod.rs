//! x86_64: boot, memory, interrupts, entry and exit.
//!
//! What the rest of the kernel uses is re-exported here; the modules are private. Neighbours: `crate::kmain` takes over
//! from [`boot`]; `crate::entry` decides, [`entry`] saves and restores; [`Machine`] is kcore's `Hw`. `memory.s` is what the
//! compiler calls to copy and fill.

mod apic;
mod boot;
mod clock;
mod core_block;
mod cores;
mod cpu;
mod entry;
mod fatal;
mod fpu;
mod gdt;
mod hw;
mod idt;
mod ioapic;
mod memory;
mod paging;
mod power;
mod uart;
mod vectors;

use firmware::acpi;

core::arch::global_asm!(
    include_str!("memory.s"),
    "    .global memcpy, memset",
    "    .set memcpy, kernel_memcpy",
    "    .set memset, kernel_memset",
    vectors = sym fpu::BORROWED,
);

#[cfg(feature = "stretch")]
pub use clock::tsc as ticks;
pub use core::hint::spin_loop as relax;
pub use core_block::{core_id, forget_current, set_thread_pointer};
pub use cores::{attend, release as release_cores, stop_others};
pub use entry::{enter, go_on, resume, switch, switch_interrupted};
pub use fatal::trace;
pub use hw::Machine;
pub use memory::kernel_base;
pub use power::power;
pub use uart::console_write;

/// Where all physical memory is mapped, writable and never executable.
pub const PHYS_BASE: u64 = 0xffff_8000_0000_0000;
