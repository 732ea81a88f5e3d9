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
    /// Offset 296: 0 where the FPU area is fresh and not to be loaded but reset. On aarch64 the lower half counts how many times more it
    /// is loaded with the thread unasked, and the upper half says that it is not fresh.
    pub fpu_valid: u64,
    /// Offset 304: FPCR and FPSR. aarch64's.
    pub fpu_control: [u64; 2],
    /// Offset 320, a multiple of 64.
    pub fpu: [u8; FPU_BYTES],
}

const _: () = {
    assert!(core::mem::offset_of!(Context, space) == 288);
    assert!(core::mem::offset_of!(Context, fpu_valid) == 296);
    assert!(core::mem::offset_of!(Context, fpu_control) == 304);
    assert!(core::mem::offset_of!(Context, fpu) == 320);
    assert!(size_of::<Context>() == 3072);
};
