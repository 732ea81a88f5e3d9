//! Where things lie in a process's address space.
//!
//! ```text
//!  0x0000_0001_0000  lowest address that may be mapped
//!  0x0000_1000_0000  init's program (`archive`)
//!  0x1000_0000_0000  mappings (Mapping, thread stacks), at random     MAPPINGS
//!  0x3000_0000_0000  views: pages that come when used, at random      VIEWS
//!  0x5000_0000_0000  programs that a debugger is to find              FIXED
//!  0x6000_0000_0000  program, start block, time page, IPC buffer, stack, heap: in one of 63 slots, each at random
//! ```
//!
//! [`abi::places`] says more of the last. What every process has from its start on shares page tables where it can: each costs
//! a page.
//!
//! Whoever makes a process (init; the kernel for init itself) maps what it has before its main thread starts: the buffer by
//! making the thread with that address, the stack downwards from its end with nothing mapped below it. The process finds
//! its start block by the start argument, the rest by that.

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

pub use abi::places::{FIXED, Places, VIEWS};

/// Most bytes that a heap takes: more than there is memory.
pub const MAX_HEAP: usize = 64 << 30;
/// Bytes of a further thread's stack, if it asks for nothing else.
pub const STACK_BYTES: usize = 64 << 10;
/// Bytes of a main thread's stack. Where there is a pager they come as they are used.
pub const MAIN_STACK_BYTES: usize = abi::user::MAIN_STACK_BYTES as usize;
/// Bytes of stack that are there before a pager is asked.
pub const STACK_START: usize = 16 << 10;
/// Bytes of heap that are there before a pager is asked.
pub const HEAP_START: usize = 16 << 10;
/// Bytes that a stack's lower end may be below its top at most; what backtraces trust.
pub const MAX_STACK: usize = 1 << 20;

/// What this process was told.
static START_BLOCK: AtomicUsize = AtomicUsize::new(0);
static MAPPINGS: AtomicUsize = AtomicUsize::new(abi::places::MAPPINGS.start as usize);

/// Where this process's start block lies, or init's boot page: at least a page, frozen. 0 on the host.
pub fn start_block() -> usize {
    START_BLOCK.load(Ordering::Relaxed)
}

/// For the start, which is told where.
#[cfg(target_os = "viaether")]
pub(crate) fn set_start_block(address: usize) {
    START_BLOCK.store(address, Ordering::Relaxed);
}

/// Where mappings go.
pub(crate) fn mappings() -> Range<usize> {
    MAPPINGS.load(Ordering::Relaxed)..abi::places::MAPPINGS.end as usize
}

/// For the start; before the first mapping.
#[cfg(target_os = "viaether")]
pub(crate) fn set_mappings(start: usize) {
    MAPPINGS.store(start, Ordering::Relaxed);
}

/// Where the time page lies.
pub fn time_page() -> usize {
    start_block() + abi::user::TIME_PAGE as usize
}

/// Where the main thread's IPC buffer lies.
pub fn main_buffer() -> usize {
    start_block() + abi::user::MAIN_BUFFER as usize
}
