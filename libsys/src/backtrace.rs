//! Return addresses of the functions that are running, by frame pointers.
//!
//! Programs are built with frame pointers. A frame is two words on both processors: the caller's frame, the return
//! address. Only frames that lie on this thread's stack, each above the one before, are believed. Their names are looked up
//! in the program's own table ([`symbols`]): that calls nobody, so a panic of init has names too.

use core::ops::Range;

use symbols::Symbols;

/// Most frames.
pub const MAX_FRAMES: usize = 32;

/// Walks the frames from `frame` on. `load` reads a word of the stack.
fn walk(mut frame: usize, stack: Range<usize>, load: impl Fn(usize) -> usize, mut tell: impl FnMut(usize)) {
    for _ in 0..MAX_FRAMES {
        if !frame.is_multiple_of(8) || frame < stack.start || frame.saturating_add(16) > stack.end {
            return;
        }
        let (next, address) = (load(frame), load(frame + 8));
        if address == 0 {
            return;
        }
        tell(address);
        if next <= frame {
            return;
        }
        frame = next;
    }
}

/// Tells the return addresses of this thread, innermost first.
pub fn each(tell: impl FnMut(usize)) {
    let load = |address: usize| {
        // SAFETY: aligned, and on this thread's own stack between the current frame and its end: mapped.
        unsafe { *(address as *const usize) }
    };
    let frame = crate::arch::frame();
    let stack = crate::thread_block::stack();
    walk(frame, frame..stack.end, load, tell);
}

/// Writes the backtrace to the log, a record for each address: where it lies in the program, and in which function.
pub fn log() {
    crate::env::name_at_once(|name| {
        let (base, symbols) = (image_base(), Symbols::parse(table()));
        let mut number = 0;
        each(|address| {
            let offset = (address as u64).wrapping_sub(base as u64);
            match symbols.and_then(|symbols| symbols.return_address(offset)) {
                Some(symbol) => crate::log!(Error, "  #{number} {name}+{offset:#x}  {symbol}"),
                None => crate::log!(Error, "  #{number} {address:#x}, {name} at {base:#x}"),
            }
            number += 1;
        });
    });
}

/// The names of the program's functions: a segment that ramfs-builder gave it. Empty if there is none.
#[cfg(target_os = "viaether")]
fn table() -> &'static [u8] {
    let base = image_base();
    // SAFETY: a program's first segment is mapped for as long as it runs, starts with the ELF header, takes whole pages and
    // is never written.
    let start = unsafe { core::slice::from_raw_parts(base as *const u8, abi::PAGE_SIZE) };
    let Some(place) = symbols::program::place(start) else { return &[] };
    // SAFETY: 1. The header is part of the program; ramfs-builder wrote it together with the read-only segment it speaks of.
    // 2. Who made the process mapped that segment whole, or has the pager do it, and nobody writes or unmaps it.
    unsafe { core::slice::from_raw_parts((base as u64 + place.address) as *const u8, place.length as usize) }
}

/// The names of the program's functions: on the host debuggers know them.
#[cfg(not(target_os = "viaether"))]
fn table() -> &'static [u8] {
    &[]
}

/// Where the program was loaded: symbols are relative to it.
#[cfg(target_os = "viaether")]
pub fn image_base() -> usize {
    unsafe extern "C" {
        static __ehdr_start: u8;
    }
    (&raw const __ehdr_start) as usize
}

/// Where the program was loaded: nowhere, on the host.
#[cfg(not(target_os = "viaether"))]
pub fn image_base() -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn trace(words: &[usize], frame: usize) -> Vec<usize> {
        let mut found = Vec::new();
        walk(frame, 0x1000..0x1000 + 8 * words.len(), |at| words[(at - 0x1000) / 8], |address| found.push(address));
        found
    }

    #[test]
    fn a_chain_is_followed_to_its_end() {
        assert_eq!(trace(&[0x1010, 11, 0x1020, 22, 0, 33], 0x1000), [11, 22, 33]);
    }

    #[test]
    fn a_broken_chain_ends_it() {
        assert_eq!(trace(&[0x1000, 11], 0x1000), [11], "a loop");
        assert_eq!(trace(&[0xffff_ffff_ffff_fff8, 11], 0x1000), [11], "outside the stack");
        assert_eq!(trace(&[0x1009, 11, 0, 0], 0x1000), [11], "not aligned");
        assert_eq!(trace(&[0x1010, 0], 0x1000), [] as [usize; 0], "no address");
    }
}
