//! Access to the few system registers and instructions that `aarch64-cpu` doesn't have, and to device registers.

use core::arch::asm;

/// Reads a system register by name.
macro_rules! read_register {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: reading this register has no effect on memory and is defined wherever the caller reads it (it checked
        // the feature that brings the register).
        unsafe { core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nomem, nostack, preserves_flags)) };
        value
    }};
}

/// Writes a system register by name.
macro_rules! write_register {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: the registers written through this macro steer interrupts and the timer; none changes how the memory
        // of Rust objects is seen.
        unsafe { core::arch::asm!(concat!("msr ", $name, ", {}"), in(reg) value, options(nostack, preserves_flags)) };
    }};
}

pub(super) use {read_register, write_register};

/// Orders all memory accesses before it against all after it, device registers included.
pub fn dsb() {
    // SAFETY: a barrier only orders.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
}

/// Has what was written to system registers take effect for the instructions that follow.
pub fn isb() {
    // SAFETY: a barrier only orders.
    unsafe { asm!("isb", options(nostack, preserves_flags)) };
}

/// A block of device registers, mapped as device memory for good.
#[derive(Clone, Copy, Debug)]
pub struct Mmio {
    base: usize,
}

impl Mmio {
    /// The block at virtual address `base`.
    ///
    /// # Safety
    ///
    /// The registers that are accessed through it are mapped as device memory at `base` and stay so, and belong to the
    /// kernel alone.
    pub const unsafe fn new(base: usize) -> Self {
        Mmio { base }
    }

    /// The block that starts `offset` bytes later.
    pub const fn at(self, offset: usize) -> Mmio {
        Mmio { base: self.base + offset }
    }

    /// Reads the 32-bit register at `offset`.
    pub fn read(self, offset: usize) -> u32 {
        // SAFETY: `new`'s caller promised a mapped device register; a volatile read of it can't break memory safety.
        unsafe { ((self.base + offset) as *const u32).read_volatile() }
    }

    /// Reads the 64-bit register at `offset`.
    pub fn read64(self, offset: usize) -> u64 {
        // SAFETY: as in `read`.
        unsafe { ((self.base + offset) as *const u64).read_volatile() }
    }

    /// Writes the 32-bit register at `offset`.
    pub fn write(self, offset: usize, value: u32) {
        // SAFETY: as in `read`; interrupt controller and UART have no way to write to memory.
        unsafe { ((self.base + offset) as *mut u32).write_volatile(value) };
    }

    /// Writes the 64-bit register at `offset`.
    pub fn write64(self, offset: usize, value: u64) {
        // SAFETY: as in `write`.
        unsafe { ((self.base + offset) as *mut u64).write_volatile(value) };
    }

    /// Writes the byte register at `offset`.
    pub fn write8(self, offset: usize, value: u8) {
        // SAFETY: as in `write`.
        unsafe { ((self.base + offset) as *mut u8).write_volatile(value) };
    }
}
