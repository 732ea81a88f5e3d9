//! The part of a thread that `arch` reads and writes directly.

use crate::Regs;

/// Bytes for floating-point and vector registers: XSAVE with x87, SSE, AVX and AVX-512; NEON.
pub const FPU_BYTES: usize = 2752;

/// Saved user state, at fixed offsets for the entry stubs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Context {
    /// Offset 0.
    pub regs: Regs,
    /// Offset 288: what TTBR0_EL1 or CR3 is to hold while the thread runs.
    pub space: u64,
    /// Offset 296: 0 where the FPU area is fresh and not to be loaded but reset.
    pub fpu_valid: u64,
    /// Offset 304: how many times more the FPU area is loaded with the thread unasked; then only if `fpu_valid`. aarch64's.
    pub fpu_turns: u64,
    /// Offset 312.
    pub reserved: u64,
    /// Offset 320, a multiple of 64.
    pub fpu: [u8; FPU_BYTES],
}

const _: () = {
    assert!(core::mem::offset_of!(Context, space) == 288);
    assert!(core::mem::offset_of!(Context, fpu_valid) == 296);
    assert!(core::mem::offset_of!(Context, fpu_turns) == 304);
    assert!(core::mem::offset_of!(Context, fpu) == 320);
    assert!(size_of::<Context>() == 3072);
};
