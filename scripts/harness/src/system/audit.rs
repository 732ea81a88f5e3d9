//! A walk through all page tables of a running guest, by QEMU's debugger: no page may be writable and executable, none of the
//! kernel's may be the user's, and none of the user's code the kernel's.
//!
//! ```text
//! breakpoint at kernel_syscall ─► each time: the root register ─► its 1st, 8th, 64th … time: walk its tables in physical memory
//! ```
//!
//! Sources: Intel SDM vol. 3A, 4.5 (4-level paging); Arm ARM D8.3 (translation table descriptors). QEMU's debugger reads
//! physical memory after `Qqemu.PhyMemMode:1`.
//!
//! Every system call on the general path is stopped at, not one now and then: what is seen must not depend on how fast the host is.

use crate::arch::Arch;
use crate::system::debugger::{Debugger, Then, debug, number, plain};
use crate::system::runner::Stage;
use std::collections::BTreeMap;
use std::io::{Error, Result};

/// System calls that are stopped at, at most.
const STOPS: usize = 20_000;
/// Address spaces that must be seen: those of init, of the servers, of the shell and of a command.
const SPACES: usize = 10;
/// Bytes of a table, and of a request: QEMU's packets are short.
const TABLE: u64 = 4096;
const PART: u64 = 1024;
/// Tables at most: a loop would never end.
const MOST: usize = 100_000;

/// A mapping at the end of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// The first address.
    pub address: u64,
    /// User code may use it.
    pub user: bool,
    /// It may be written.
    pub write: bool,
    /// User code may execute it.
    pub user_execute: bool,
    /// The kernel may execute it.
    pub kernel_execute: bool,
}

/// What was walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Walked {
    /// Address spaces.
    pub spaces: usize,
    /// Mappings, of whatever size.
    pub leaves: usize,
}

/// Boots, and audits the tables of every address space that makes a system call first.
///
/// # Errors
/// The first pages that break a rule, or that there was too little to look at.
pub fn check(stage: &Stage<'_>, address: u64) -> std::result::Result<Walked, String> {
    let options = plain(stage.arch, "version; list SYS:; wait 20 SEC");
    let (walked, _) =
        debug(stage, &options, "place=fixed", Then::End, |debugger| audit(debugger, stage.arch, address))?;
    match walked.spaces {
        few if few < SPACES => Err(format!("only {few} address spaces were seen")),
        _ => Ok(walked),
    }
}

fn audit(debugger: &mut Debugger, arch: Arch, address: u64) -> Result<Walked> {
    let roots = roots(debugger, arch)?;
    let (mut calls, mut walked) = (BTreeMap::<_, u32>::new(), Walked::default());
    debugger.ask(&format!("Z1,{address:x},1"))?;
    for _ in 0..STOPS {
        debugger.ask("c")?;
        for (register, half) in &roots {
            let root = table(debugger.register(*register)?);
            let calls = calls.entry((root, *half)).or_default();
            *calls += 1;
            walked.spaces += usize::from(*calls == 1 && *half != Half::Kernel);
            if calls.is_power_of_two() && calls.trailing_zeros().is_multiple_of(3) {
                walked.leaves += walk(debugger, arch, root, *half)?;
            }
        }
        if walked.spaces == SPACES {
            break;
        }
        debugger.ask("s")?;
    }
    Ok(walked)
}

/// Which half of the addresses a root has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Half {
    Both,
    User,
    Kernel,
}

/// The registers that have the roots, by QEMU's numbers.
pub(super) fn roots(debugger: &mut Debugger, arch: Arch) -> Result<Vec<(usize, Half)>> {
    match arch {
        // General registers, rip, flags, six segments, three bases, cr0, cr2, cr3.
        Arch::X86_64 => Ok(vec![(29, Half::Both)]),
        Arch::Aarch64 => {
            let mut xml = String::new();
            loop {
                let part = debugger.ask(&format!("qXfer:features:read:system-registers.xml:{:x},800", xml.len()))?;
                xml.push_str(part.get(1..).unwrap_or_default());
                if part.starts_with('l') {
                    break;
                }
            }
            let of = |name: &str| {
                let (_, about) = xml.split_once(&format!("name=\"{name}\""))?;
                let (_, number) = about.split_once("regnum=\"")?;
                number.split('"').next()?.parse().ok()
            };
            let found = [("TTBR0_EL1", Half::User), ("TTBR1_EL1", Half::Kernel)];
            let all = found.map(|(name, half)| of(name).map(|number| (number, half)).ok_or(name));
            let all: std::result::Result<Vec<_>, _> = all.into_iter().collect();
            all.map_err(|name| Error::other(format!("QEMU tells no {name}")))
        }
    }
}

/// Walks all tables below a root: how many mappings there are. The first that breaks a rule is an error.
fn walk(debugger: &mut Debugger, arch: Arch, root: u64, half: Half) -> Result<usize> {
    debugger.ask("Qqemu.PhyMemMode:1")?;
    let (mut leaves, mut tables) = (0, 0);
    let mut waiting = vec![(
        root,
        3_u32,
        0_u64,
        Leaf { address: 0, user: true, write: true, user_execute: true, kernel_execute: true },
    )];
    while let Some((table, level, base, above)) = waiting.pop() {
        tables += 1;
        if tables > MOST {
            return Err(Error::other("the tables have no end"));
        }
        for (index, entry) in entries(debugger, table)?.into_iter().enumerate() {
            let address = address(base | (index as u64) << (12 + 9 * level), half);
            let here = Leaf { address, ..above };
            match decode(arch, entry, level, here) {
                Entry::None => {}
                Entry::Table(next, with) => waiting.push((next, level - 1, address, with)),
                Entry::Leaf(leaf) => {
                    leaves += 1;
                    judge(leaf).map_err(|why| Error::other(format!("{:#x} ({why}): {leaf:?}", leaf.address)))?;
                }
            }
        }
    }
    debugger.ask("Qqemu.PhyMemMode:0")?;
    Ok(leaves)
}

pub(super) fn entries(debugger: &mut Debugger, table: u64) -> Result<Vec<u64>> {
    let mut entries = Vec::new();
    for from in (0..TABLE).step_by(PART as usize) {
        let digits = debugger.ask(&format!("m{:x},{PART:x}", table + from))?;
        for word in digits.as_bytes().chunks(16) {
            entries.push(number(&String::from_utf8_lossy(word))?);
        }
    }
    Ok(entries)
}

/// The physical address of a table, in what leads to it.
pub(super) fn table(entry: u64) -> u64 {
    entry & 0x0000_ffff_ffff_f000
}

/// With the upper bits that go with it.
fn address(address: u64, half: Half) -> u64 {
    match half {
        Half::Kernel => address | 0xffff_0000_0000_0000,
        Half::Both if address >> 47 & 1 != 0 => address | 0xffff_0000_0000_0000,
        _ => address,
    }
}

enum Entry {
    None,
    Table(u64, Leaf),
    Leaf(Leaf),
}

/// What an entry says; `above` has what the tables above allow.
fn decode(arch: Arch, entry: u64, level: u32, above: Leaf) -> Entry {
    let bit = |n: u32| entry >> n & 1 != 0;
    if !bit(0) {
        return Entry::None;
    }
    let next = table(entry);
    match arch {
        Arch::X86_64 => {
            let execute = !bit(63);
            let here = Leaf {
                user: above.user && bit(2),
                write: above.write && bit(1),
                user_execute: above.user_execute && execute,
                kernel_execute: above.kernel_execute && execute,
                ..above
            };
            if level == 0 || bit(7) { Entry::Leaf(here) } else { Entry::Table(next, here) }
        }
        // Nothing is restricted in tables: their attributes are zero, which `kernel::arch::aarch64::mmu` writes.
        Arch::Aarch64 if level > 0 && bit(1) => {
            let here = Leaf {
                user: above.user && !bit(61),
                write: above.write && !bit(62),
                user_execute: above.user_execute && !bit(60),
                kernel_execute: above.kernel_execute && !bit(59),
                ..above
            };
            Entry::Table(next, here)
        }
        Arch::Aarch64 => Entry::Leaf(Leaf {
            user: above.user && bit(6),
            write: above.write && !bit(7),
            user_execute: above.user_execute && !bit(54),
            kernel_execute: above.kernel_execute && !bit(53),
            ..above
        }),
    }
}

/// Why a page may not be mapped so.
fn judge(leaf: Leaf) -> std::result::Result<(), &'static str> {
    let kernels = leaf.address >> 63 != 0;
    match leaf {
        Leaf { user: true, .. } if kernels => Err("the kernel's, but the user's too"),
        Leaf { user: false, .. } if !kernels => Err("in the user's half, but not the user's"),
        Leaf { write: true, kernel_execute: true, .. } if kernels => Err("writable, and the kernel executes it"),
        Leaf { write: true, user_execute: true, .. } if !kernels => Err("writable and executable"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Leaf = Leaf { address: 0, user: true, write: true, user_execute: true, kernel_execute: true };
    const KERNEL: u64 = 0xffff_8000_0000_0000;

    fn leaf(arch: Arch, address: u64, entry: u64) -> std::result::Result<(), &'static str> {
        match decode(arch, entry, 0, Leaf { address, ..ALL }) {
            Entry::Leaf(leaf) => judge(leaf),
            _ => Err("no leaf"),
        }
    }

    #[test]
    fn rules_hold_for_pc_pages() {
        let (no_execute, user, write) = (1 << 63, 4, 2);
        for (address, entry, good) in [
            (0x1000, 1 | user | write | no_execute, true),
            (0x1000, 1 | user, true),
            (0x1000, 1 | user | write, false),
            (0x1000, 1 | write | no_execute, false),
            (KERNEL, 1 | write | no_execute, true),
            (KERNEL, 1, true),
            (KERNEL, 1 | write, false),
            (KERNEL, 1 | user | no_execute, false),
        ] {
            assert_eq!(leaf(Arch::X86_64, address, entry).is_ok(), good, "{address:x} {entry:x}");
        }
    }

    #[test]
    fn rules_hold_for_arm_pages() {
        let (uxn, pxn, user, read_only) = (1 << 54, 1 << 53, 1 << 6, 1 << 7);
        for (address, entry, good) in [
            (0x1000, 3 | user | uxn | pxn, true),
            (0x1000, 3 | user | read_only | pxn, true),
            (0x1000, 3 | user | pxn, false),
            (0x1000, 3 | uxn | pxn, false),
            (KERNEL, 3 | uxn | pxn, true),
            (KERNEL, 3 | uxn | read_only, true),
            (KERNEL, 3 | uxn, false),
            (KERNEL, 3 | user | uxn | pxn, false),
        ] {
            assert_eq!(leaf(Arch::Aarch64, address, entry).is_ok(), good, "{address:x} {entry:x}");
        }
    }

    #[test]
    fn registers_and_addresses_are_read_as_qemu_writes_them() {
        assert_eq!(number("0010000000000000").unwrap(), 0x1000);
        assert!(number("00").is_err());
        assert_eq!(address(1 << 47, Half::Both), KERNEL);
        assert_eq!(address(0x1000, Half::Kernel), 0xffff_0000_0000_1000);
        assert_eq!(address(0x1000, Half::User), 0x1000);
    }
}
