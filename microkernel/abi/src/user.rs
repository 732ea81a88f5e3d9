//! What the kernel fixes in a user process's address space and first handles; [`crate::places`] has what lies elsewhere in each.

use crate::{Handle, PAGE_SIZE};

/// The first address that a process may not map: both processors use the lower 47 bits.
pub const USER_END: u64 = 1 << 47;
/// The lowest address that may be mapped: null and what lies near it always fault.
pub const USER_START: u64 = 0x1_0000;
/// Pages that a start block may have ([`crate::places`] says where it lies, the start argument tells its process).
pub const BLOCK_PAGES: u64 = 16;
/// How far behind the start block the time page is.
pub const TIME_PAGE: u64 = BLOCK_PAGES * PAGE_SIZE as u64;
/// And the main thread's IPC buffer.
pub const MAIN_BUFFER: u64 = TIME_PAGE + PAGE_SIZE as u64;
/// Pages that the three take.
pub const OWN_PAGES: u64 = BLOCK_PAGES + 2;
/// Bytes of a main thread's stack. Where there is a pager they come as they are used.
pub const MAIN_STACK_BYTES: u64 = 256 << 10;

/// A fresh process's first handles (`contracts.md` §4 names them all).
pub const OWN_PROCESS: Handle = Handle::first(1);
/// The main thread.
pub const MAIN_THREAD: Handle = Handle::first(2);
/// The process's pool, without DESTROY.
pub const OWN_POOL: Handle = Handle::first(3);
/// init's `process` service, for this process.
pub const PROCESS_CHANNEL: Handle = Handle::first(4);
/// The name space.
pub const NAMES_CHANNEL: Handle = Handle::first(5);
/// The process's notification, bound to its main thread.
pub const OWN_NOTIFICATION: Handle = Handle::first(6);
/// The right to write to the log.
pub const LOG: Handle = Handle::first(7);
/// Standard input's two handles; output and error follow. 8 and 9 are left out.
pub const STDIN: Handle = Handle::first(10);
/// Where named handles start.
pub const FIRST_NAMED: u16 = 16;

/// The page from which user code computes the time without a system call. The writer makes `sequence` odd, writes, and
/// makes it even again.
///
/// ns since boot = ((counter − `base`) × `multiplier`) >> `shift`, in 128 bits; counter: CNTVCT_EL0, TSC.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct TimePage {
    /// Even while the fields agree.
    pub sequence: u64,
    /// The counter at boot.
    pub base: u64,
    /// Nanoseconds a tick, times 2^shift.
    pub multiplier: u64,
    /// See `multiplier`.
    pub shift: u64,
    /// UTC at boot: ns since 1970.
    pub utc_offset: u64,
    /// Bit 0: `utc_offset` is valid.
    pub flags: u64,
    /// Processor features, [`Features`].
    pub features: u64,
}

bitflags::bitflags! {
    /// What the processor can do that user code wants to know. Made by the kernel, the same bits on all cores.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Features: u64 {
        /// aarch64: FEAT_AES with PMULL. x86_64: AES-NI with PCLMULQDQ.
        const AES = 1 << 0;
        /// SHA-256 instructions.
        const SHA256 = 1 << 1;
        /// aarch64: FEAT_DotProd.
        const DOT_PRODUCT = 1 << 2;
        /// x86_64: AVX2, its registers enabled in XCR0.
        const AVX2 = 1 << 3;
        /// x86_64: FMA3.
        const FMA = 1 << 4;
        /// x86_64: F16C; aarch64: FEAT_FP16.
        const F16 = 1 << 5;
        /// Random numbers: RDRAND, FEAT_RNG.
        const RANDOM = 1 << 6;
    }
}
