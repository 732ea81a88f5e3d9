//! The interrupt descriptor table, and which vector is whose (Intel SDM vol. 3A, chapter 6).
//!
//! ```text
//! 0x00–0x1f exceptions   0x20–0x3f lines of the I/O APICs   0x40–0xdf messages (MSI)
//! 0xe1 kick   0xe2 attend   0xe4 timer   0xf0–0xff nothing: the masked PICs, and the local APIC's spurious interrupt (0xff)
//! ```

use core::cell::UnsafeCell;

use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;

use super::{entry, gdt};

/// Line n has vector `LINES` + n.
pub const LINES: u8 = 0x20;
/// Most lines.
pub const MOST_LINES: u32 = 32;
/// Message n has vector `MESSAGES` + n.
pub const MESSAGES: u8 = 0x40;
/// The last message's vector.
pub const LAST_MESSAGE: u8 = 0xdf;
/// Messages.
pub const MESSAGE_COUNT: u32 = (LAST_MESSAGE - MESSAGES) as u32 + 1;
/// Another core wants this one to choose again what runs.
pub const KICK: u8 = 0xe1;
/// Another core asks for something that needs no lock (`cores::attend`).
pub const ATTEND: u8 = 0xe2;
/// The local APIC's timer.
pub const TIMER: u8 = 0xe4;
/// What masked PICs would raise.
pub const LEGACY: u8 = 0xf0;
/// An interrupt that went away before it was delivered.
pub const SPURIOUS: u8 = 0xff;

/// #BP, which user code may raise by INT3.
const BREAKPOINT: usize = 3;
/// Exceptions with stacks of their own, in the order of `core_block::EXCEPTION_STACKS`: #MC, NMI, #DF.
const OWN_STACK: [usize; 3] = [18, 2, 8];

/// An interrupt gate, 16 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    low: u64,
    high: u64,
}

#[repr(C, align(16))]
struct Table(UnsafeCell<[Gate; 256]>);

// SAFETY: `init` writes it, the same values each time, while only one core runs; the processors only read it.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([Gate { low: 0, high: 0 }; 256]));

/// Fills and loads the table.
pub fn init() {
    let table = TABLE.0.get();
    for vector in 0..256 {
        // SAFETY: see `Table`; the index is below 256.
        unsafe { (*table)[vector] = gate(vector) };
    }
    load();
}

/// Loads the table on the running core. Each core has the same.
pub fn load() {
    let table = TABLE.0.get();
    let pointer = DescriptorTablePointer { limit: 4095, base: VirtAddr::new(table as u64) };
    // SAFETY: the table lives forever, and each gate leads to a stub in `entry` that is made for its vector.
    unsafe { lidt(&pointer) };
}

fn gate(vector: usize) -> Gate {
    let stub = entry::vector_stub(vector);
    let stack = OWN_STACK.iter().position(|own| *own == vector).map_or(0, |i| i as u64 + 1);
    let privilege: u64 = if vector == BREAKPOINT { 3 } else { 0 };
    // Present, 64-bit interrupt gate: it clears IF.
    let kind = 0x8e | privilege << 5;
    let low =
        stub & 0xffff | u64::from(gdt::KERNEL_CODE) << 16 | stack << 32 | kind << 40 | (stub >> 16 & 0xffff) << 48;
    Gate { low, high: stub >> 32 }
}
