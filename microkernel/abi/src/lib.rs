//! The system call table, handle values, rights and errors: the one source of the kernel interface.
//!
//! From the table in [`calls`] come the numbers the kernel dispatches on, the stubs of `libsys`, the reference page
//! in `docs/` and the grammar of the system call fuzzer. Nothing here has code that runs in the kernel's fast path.
//!
//! # Registers
//!
//! | | number → status | `a0` | `a1` | `deadline` → badge | words (`a2` … `a9`) |
//! |---|---|---|---|---|---|
//! | aarch64 `svc #0` | x16 | x0 | x1 | x10 | x2 … x9 |
//! | x86_64 `syscall` | rax | rdi | rsi | rbx | rdx r10 r8 r9 r12 r13 r14 r15 |
//!
//! Arguments stand in `a0`, `a1`, `a2`, … in the order of the table, results likewise. The status is 0 or an
//! [`Error`]; on an error no other register changes. x86_64 loses rcx and r11, aarch64 x11–x15, x17 and x18.
//! Messages use the registers as [`message`] says.
#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
pub mod calls;
mod error;
pub mod guide;
mod handle;
pub mod info;
pub mod message;
pub mod places;
mod rights;
pub mod trace;
pub mod user;

pub use error::{Error, Status};
pub use handle::Handle;
pub use rights::Rights;

/// Bytes in a page and in a frame, on both processors.
pub const PAGE_SIZE: usize = 4096;
