//! Where the kernel runs, which it tells nobody: found by QEMU's debugger in the page tables of the running guest.
//!
//! ```text
//! let it run a little ─► root register ─► entry 511 ─► entry 510: the GiB of the image ─► its first table: the first 2 MiB
//! ```
//!
//! Tables that the first code made and the kernel's own differ: only the latter map the image page by page.

use crate::arch::Arch;
use crate::system::audit::{entries, roots, table};
use crate::system::debugger::Debugger;
use std::io::{Error, Result};
use std::time::{Duration, Instant};

/// What an entry of the table maps that has the image's place.
pub(super) const STEP: u64 = 2 << 20;
/// How long the guest runs between two looks, and in how long its kernel has its tables.
const BETWEEN: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);

/// How far the kernel runs from where it is linked. The guest, which waits at its first instruction, is stopped as soon as this
/// can be seen.
///
/// # Errors
/// The debugger's, or that there is no kernel.
pub(super) fn distance(debugger: &mut Debugger, arch: Arch) -> Result<u64> {
    let (register, _) = roots(debugger, arch)?.pop().ok_or(Error::other("no root"))?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        debugger.run(BETWEEN)?;
        let root = table(debugger.register(register)?);
        // There is no table at the reset value.
        if root != 0 {
            debugger.ask("Qqemu.PhyMemMode:1")?;
            let first = first_table(debugger, root);
            debugger.ask("Qqemu.PhyMemMode:0")?;
            if let Some(index) = first? {
                // The image on x86_64 begins at 2 MiB.
                let linked = if arch == Arch::X86_64 { 1 } else { 0 };
                let index = index.checked_sub(linked).ok_or(Error::other("the kernel is below its place"))?;
                return Ok(index as u64 * STEP);
            }
        }
    }
    Err(Error::other("no kernel has come up"))
}

/// The first entry, in the table of the image's GiB, that leads to a table of pages.
fn first_table(debugger: &mut Debugger, root: u64) -> Result<Option<usize>> {
    let Some(upper) = child(&entries(debugger, root)?, 511) else { return Ok(None) };
    let Some(middle) = child(&entries(debugger, upper)?, 510) else { return Ok(None) };
    let all = entries(debugger, middle)?;
    Ok((0..all.len()).find(|index| child(&all, *index).is_some()))
}

/// The table that an entry leads to. Blocks have bit 7 on x86_64, and not bit 1 on aarch64; a table of the kernel's is writable
/// on x86_64, which is that bit too.
fn child(entries: &[u64], index: usize) -> Option<u64> {
    entries.get(index).filter(|entry| **entry & 0b1000_0011 == 0b11).map(|entry| table(*entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_have_children() {
        let block = [0x20_0083, 0x4000_0000_0000_0701];
        let tables = [0x26_1003, 0x4008_5003];
        assert!(block.iter().enumerate().all(|(i, _)| child(&block, i).is_none()));
        assert_eq!(child(&tables, 0), Some(0x26_1000));
        assert_eq!(child(&tables, 1), Some(0x4008_5000));
        assert_eq!(child(&[0, 2], 0), None);
        assert_eq!(child(&[0, 2], 1), None);
        assert_eq!(child(&tables, 2), None);
    }
}
