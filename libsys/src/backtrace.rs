//! Return addresses of the functions that are running, by frame pointers.
//!
//! Programs are built with frame pointers. A frame is two words on both processors: the caller's frame, the return
//! address. Only frames that lie on this thread's stack, each above the one before, are believed.

use core::ops::Range;

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

/// Writes the backtrace to the log, six addresses a record, with where the program was loaded.
pub fn log() {
    let mut addresses = [0; MAX_FRAMES];
    let mut count = 0;
    each(|address| {
        if let Some(place) = addresses.get_mut(count) {
            *place = address;
            count += 1;
        }
    });
    crate::log!(Error, "image at {:#x}", image_base());
    for chunk in addresses[..count].chunks(6) {
        crate::log!(Error, "  from {chunk:#x?}", chunk = Hex(chunk));
    }
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

struct Hex<'a>(&'a [usize]);

impl core::fmt::Debug for Hex<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (i, address) in self.0.iter().enumerate() {
            write!(f, "{}{address:#x}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
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
