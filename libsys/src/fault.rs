//! Faults on purpose: what the command CRASH and the self-tests do to see how the system takes it.

/// An address that is never mapped: below the first one that may be.
const NOWHERE: usize = 0x80;

/// Loads from where nothing is.
pub fn read() -> ! {
    // SAFETY: not sound, and meant so: the load faults, and init ends the process. Nothing runs after it.
    let _ = unsafe { (NOWHERE as *const u8).read_volatile() };
    crate::exit(crate::Error::Internal.into())
}

/// Stores to where nothing is.
pub fn write() -> ! {
    // SAFETY: as in `read`.
    unsafe { (NOWHERE as *mut u8).write_volatile(1) };
    crate::exit(crate::Error::Internal.into())
}

/// Jumps to where nothing is.
pub fn fetch() -> ! {
    // SAFETY: as in `read`; the value is a valid, non-null function pointer representation.
    let nothing: extern "C" fn() = unsafe { core::mem::transmute(NOWHERE) };
    nothing();
    crate::exit(crate::Error::Internal.into())
}

/// Recurses until the stack's guard is reached.
pub fn stack() -> ! {
    deeper(0);
    crate::exit(crate::Error::Internal.into())
}

#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let here = core::hint::black_box([depth; 64]);
    if depth == u64::MAX { here[0] } else { deeper(depth + 1).wrapping_add(core::hint::black_box(here)[1]) }
}
