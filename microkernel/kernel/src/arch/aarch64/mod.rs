//! aarch64, from Armv8.0 on: QEMU's `virt` board, GICv2 or GICv3, entered at EL2 or EL1 with a device tree.
//!
//! | file | subject |
//! |---|---|
//! | `boot.s`, `boot.rs` | from the loader to `kmain` |
//! | `mmu` | the kernel's half, page-table entries |
//! | `vectors.s`, `vectors.rs` | entry, exit, thread switch |
//! | `cores` | starting and stopping the other cores |
//! | `memory.s` | what the compiler calls to copy and fill |
//! | `cpu` | TLBs, instruction caches, features |
//! | `gic`, `timer`, `psci`, `uart` | interrupts, clock, power, boot console |
//! | `fatal` | the kernel's own exceptions |
//! | `hw` | [`kcore::Hw`] |
//!
//! All `unsafe` of this processor is here. The kernel runs with interrupts masked but for the instants in which it
//! idles; it never touches a user address, and PAN holds it to that where the processor has it.

mod boot;
mod cores;
mod cpu;
mod fatal;
mod gic;
mod hw;
mod mmu;
mod psci;
mod registers;
mod timer;
mod uart;
mod vectors;

core::arch::global_asm!(include_str!("memory.s"));

use aarch64_cpu::registers::{Readable, TPIDR_EL0, TPIDRRO_EL0, Writeable};
use kcore::hw::{CoreId, Reboot};
use spin::Once;

pub use cores::{attend, relax, release as release_cores, stop_others};
pub use fatal::trace;
pub use hw::Machine;
pub use mmu::{PHYS_BASE, kernel_base};
#[cfg(feature = "stretch")]
pub use timer::count as ticks;
pub use uart::write as console_write;
pub use vectors::{enter, forget_current, go_on, resume, switch, switch_interrupted};

/// What interrupts need, outside of the kernel's lock.
struct State {
    gic: gic::Gic,
    timer: u32,
}

static STATE: Once<State> = Once::new();

/// Powers the machine off, or restarts it.
pub fn power(reboot: Reboot) -> ! {
    psci::power(reboot)
}

/// The running core, as boot.s set it.
#[inline(always)]
pub fn core_id() -> CoreId {
    TPIDRRO_EL0.get() as CoreId
}

/// Sets the running thread's thread pointer, which its context doesn't hold while it runs.
pub fn set_thread_pointer(pointer: u64) {
    TPIDR_EL0.set(pointer);
}
