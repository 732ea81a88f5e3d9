//! Names for the addresses in the kernel's traces.
//!
//! The linker scripts keep room for a table (`.symbols`, among the constants); the harness fills it in the linked file,
//! because only then the addresses are known. So the names are there from the first instruction in the upper half, belong
//! to this very build, and need no boot archive. A kernel that cargo alone built has an empty room: its traces are
//! addresses.
//!
//! Used in a panic: no lock, no memory, every access checked ([`symbols`]).

use core::fmt;

use symbols::Symbols;

use crate::arch::kernel_base;

/// Where the kernel is linked.
const LINKED: u64 = 0xffff_ffff_8000_0000;

/// How far from there it runs: a line for the kernel's own last words, and for nothing else. Who knows it knows where all of the
/// kernel is.
pub struct Moved;

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel was moved by {:#x}", kernel_base() - LINKED)
    }
}

/// An address at which the kernel was interrupted.
pub struct Instruction(pub u64);

/// An address to which a function of the kernel returns.
pub struct Return(pub u64);

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.0.checked_sub(kernel_base());
        show(f, self.0, offset.and_then(|offset| table()?.instruction(offset)))
    }
}

impl fmt::Display for Return {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.0.checked_sub(kernel_base());
        show(f, self.0, offset.and_then(|offset| table()?.return_address(offset)))
    }
}

fn show(f: &mut fmt::Formatter<'_>, address: u64, symbol: Option<symbols::Symbol<'_>>) -> fmt::Result {
    match symbol {
        Some(symbol) => write!(f, "{address:016x}  {symbol}"),
        None => write!(f, "{address:016x}"),
    }
}

fn table() -> Option<Symbols<'static>> {
    unsafe extern "C" {
        static __symbols_start: u8;
        static __symbols_end: u8;
    }
    let start = &raw const __symbols_start;
    let length = (&raw const __symbols_end).addr() - start.addr();
    // SAFETY: the linker script's section, mapped read-only with the other constants, which nobody writes while the kernel
    // runs. Its contents are not known to the compiler: the symbols are foreign to it.
    Symbols::parse(unsafe { core::slice::from_raw_parts(start, length) })
}
