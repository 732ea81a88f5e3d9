//! A test of the kernel's own fault report: QEMU's debugger stops the guest in the kernel and makes it go on where there is no
//! code. So what is tested is the kernel as it is, and it has no door in it for tests.
//!
//! ```text
//! stopped at reset ─► where it runs (place.rs) ─► breakpoint at kernel_syscall ─► steps, until it has a frame
//!     ─► pc := 8 ─► exception, report, power-off
//! ```

use crate::arch::Arch;
use crate::guest::Heard;
use crate::names;
use crate::system::debugger::{Debugger, Then, debug, number, plain};
use crate::system::place;
use crate::system::runner::Stage;
use std::io::{Error, Result};
use std::ops::Range;

/// The function that is stopped in, by its name in the kernel's table.
const FUNCTION: &str = "viaether::entry::kernel_syscall";
/// Where no code is.
const NOWHERE: u64 = 8;
/// Instructions that a function needs for its frame, at most.
const PROLOGUE: usize = 40;

/// Boots, makes the kernel fault, and reads its report.
///
/// # Errors
/// What is wrong, with what was said.
pub fn check(stage: &Stage<'_>, address: u64) -> std::result::Result<(), String> {
    let (moved, Heard { log, .. }) =
        debug(stage, &plain(stage.arch, &busy()), "", Then::GoOn, |debugger| derail(debugger, stage.arch, address))?;
    judge(&log, moved).map_err(|why| format!("{why}\n{log}"))
}

/// What a guest does that is still to make system calls when the debugger has looked at it, however fast the host is.
pub(super) fn busy() -> String {
    "wait 1 SEC; ".repeat(30) + "version"
}

/// Where [`FUNCTION`] is, in a linked kernel.
#[must_use]
pub fn function(kernel: &[u8]) -> Option<u64> {
    names::address(kernel, names::BASE, FUNCTION)
}

/// The report names what called the function that went astray, and says how far the kernel was moved.
fn judge(log: &str, moved: u64) -> std::result::Result<(), String> {
    if !log.contains("kernel exception") {
        return Err("the kernel reports no exception".into());
    }
    if !log.lines().any(|line| line.ends_with(&format!("the kernel was moved by {moved:#x}"))) {
        return Err(format!("the report does not say that the kernel was moved by {moved:#x}"));
    }
    let frame = |number: &str| log.lines().find_map(|line| line.trim_start().strip_prefix(number));
    match (frame("#0 "), frame("#1 ")) {
        (Some(pc), _) if pc.trim() != format!("{NOWHERE:016x}") => Err(format!("the trace begins with {pc}")),
        (Some(_), Some(caller)) if caller.contains("  ") && caller.contains("+0x") => Ok(()),
        (Some(_), Some(caller)) => Err(format!("the trace has no names: {caller}")),
        _ => Err("the report has no trace".into()),
    }
}

/// Makes the kernel fault in the function that is linked at an address: how far that was moved.
fn derail(debugger: &mut Debugger, arch: Arch, address: u64) -> Result<u64> {
    let moved = place::distance(debugger, arch)?;
    let address = address + moved;
    // Bytes of the frame pointer and of the program counter among the registers, as QEMU sends them.
    let (frame, pc) = match arch {
        Arch::X86_64 => (48..56, 128..136),
        Arch::Aarch64 => (232..240, 256..264),
    };
    debugger.run_to(address)?;
    let callers = word(&debugger.ask("g")?, &frame)?;
    for _ in 0..PROLOGUE {
        debugger.ask("s")?;
        let mut registers = debugger.ask("g")?;
        if word(&registers, &frame)? != callers {
            registers.replace_range(hex(&pc), &format!("{:016x}", NOWHERE.swap_bytes()));
            debugger.ask(&format!("G{registers}"))?;
            return debugger.send("c").map(|()| moved);
        }
    }
    Err(Error::other("the function makes no frame"))
}

/// Two digits a byte.
fn hex(bytes: &Range<usize>) -> Range<usize> {
    2 * bytes.start..2 * bytes.end
}

fn word(registers: &str, bytes: &Range<usize>) -> Result<u64> {
    number(registers.get(hex(bytes)).ok_or(Error::other("too few registers"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_names() {
        let report = |trace: &str| format!("kernel exception, class 0x21\n| the kernel was moved by 0x200000\n{trace}");
        let judge = |log: &str| judge(log, 0x20_0000);
        let good = "  #0 0000000000000008\n  #1 ffffffff80001234  system_call+0x44";
        assert_eq!(judge(&report(good)), Ok(()));
        for (trace, why) in [
            ("", "no trace"),
            ("  #0 0000000000000008\n  #1 ffffffff80001234", "no names"),
            ("  #0 ffffffff80001234  a+0x1\n  #1 ffffffff80001234  a+0x1", "begins with"),
        ] {
            assert!(judge(&report(trace)).unwrap_err().contains(why), "{trace}");
        }
        assert!(judge(good).unwrap_err().contains("no exception"));
        assert!(super::judge(&report(good), 0x40_0000).unwrap_err().contains("moved by 0x400000"));
    }

    #[test]
    fn registers_are_little_endian_digits() {
        assert_eq!(word("ff0100000000000000", &(0..8)).unwrap(), 0x1ff);
        assert!(word("ff01", &(0..8)).is_err());
    }
}
