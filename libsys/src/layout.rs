//! Where things lie in a process's address space.
//!
//! ```text
//!  0x0000_0001_0000  lowest address that may be mapped
//!  0x1000_0000_0000  mappings (Mapping, thread stacks)       MAPPINGS
//!  0x3000_0000_0000  views: pages that come when used        VIEWS
//!  0x5000_0000_0000  programs, at random                     IMAGES
//!  0x7ff0_0000_0000  start block, +1 MiB time page           (abi::user)
//!  0x7ff0_0018_0000  main thread's IPC buffer, one page      MAIN_BUFFER
//!  0x7ff0_001e_0000  end of the main thread's stack          STACK_TOP
//!                    and start of the heap, grows upwards    HEAP
//! ```
//!
//! What every process has from its start on shares page tables where it can: each costs a page and its zeroing. What there is of
//! stack and heap then is one mapping.
//!
//! Whoever makes a process (init; the kernel for init itself) maps the last four before its main thread starts: the
//! buffer by making the thread with that address, the stack downwards from [`STACK_TOP`] with nothing mapped below it.

use core::ops::Range;

/// Where mappings go.
pub const MAPPINGS: Range<usize> = 0x1000_0000_0000..0x2000_0000_0000;
/// Where the heap goes.
pub const HEAP: Range<usize> = STACK_TOP..0x7ffe_0000_0000;
/// Where init puts views. An address is used once: a pager may remember what was there.
pub const VIEWS: Range<usize> = 0x3000_0000_0000..0x5000_0000_0000;
/// Where programs are placed.
pub const IMAGES: Range<usize> = 0x5000_0000_0000..0x6000_0000_0000;
/// The main thread's IPC buffer.
pub const MAIN_BUFFER: usize = abi::user::MAIN_BUFFER as usize;
/// The end of the main thread's stack.
pub const STACK_TOP: usize = abi::user::STACK_TOP as usize;
/// Bytes of a further thread's stack, if it asks for nothing else.
pub const STACK_BYTES: usize = 64 << 10;
/// Bytes of a main thread's stack. Where there is a pager they come as they are used.
pub const MAIN_STACK_BYTES: usize = 256 << 10;
/// Bytes of stack that are there before a pager is asked.
pub const STACK_START: usize = 16 << 10;
/// Bytes of heap that are there before a pager is asked.
pub const HEAP_START: usize = 16 << 10;
/// Bytes that a stack's lower end may be below its top at most; what backtraces trust.
pub const MAX_STACK: usize = 1 << 20;
