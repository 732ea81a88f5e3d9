//! The end: messages before there is a log, exceptions in the kernel, backtraces.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};

use kcore::hw::{MAX_CORES, Reboot};
use x86_64::registers::control::{Cr2, Cr3};

use super::core_block::{STACKS, WINDOW};
use super::memory::symbols;
use super::power::power;
use super::uart::Console;
use crate::names::{Instruction, Moved, Return};

/// Most return addresses in a backtrace.
const DEPTH: usize = 24;

/// What the stub pushes, below what the processor does.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Frame {
    /// r15, r14, … r8, rdi, rsi, rbp, rbx, rdx, rcx, rax.
    registers: [u64; 15],
    vector: u64,
    error: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

const NAMES: [&str; 15] =
    ["r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi", "rsi", "rbp", "rbx", "rdx", "rcx", "rax"];
const RBP: usize = 10;

static REPORTING: AtomicBool = AtomicBool::new(false);

/// Says why the system can't start, and powers off.
pub fn stop(why: fmt::Arguments) -> ! {
    // Writing to the console never fails.
    let _ = writeln!(Console, "viaether: {why}");
    power(Reboot::No)
}

/// An exception in the kernel, a machine check or a non-maskable interrupt: reports it and powers off.
pub extern "C" fn exception(frame: &Frame) -> ! {
    // One that comes while another is reported only ends the report.
    if !REPORTING.swap(true, Ordering::Relaxed) {
        super::cores::stop_others();
        let _ = report(frame);
    }
    power(Reboot::No)
}

fn report(frame: &Frame) -> fmt::Result {
    let out = &mut Console;
    let name = name(frame.vector);
    writeln!(out, "\nviaether: kernel exception {} ({name}), error code {:#x}", frame.vector, frame.error)?;
    writeln!(out, "rip {:016x} rsp {:016x} rflags {:08x} cs {:x}", frame.rip, frame.rsp, frame.rflags, frame.cs)?;
    writeln!(out, "{Moved}")?;
    let (table, _) = Cr3::read_raw();
    writeln!(out, "cr2 {:016x} cr3 {:016x}", Cr2::read_raw(), table.start_address())?;
    for (i, (name, value)) in NAMES.iter().zip(frame.registers).enumerate() {
        write!(out, "{name:>3} {value:016x}{}", if i % 3 == 2 { '\n' } else { ' ' })?;
    }
    writeln!(out, "  #0 {}", Instruction(frame.rip))?;
    let mut number = 1;
    backtrace(frame.registers[RBP], &mut |address| {
        let _ = writeln!(Console, "  #{number} {}", Return(address));
        number += 1;
    });
    Ok(())
}

/// Hands the caller's return addresses to `visit`, innermost first.
pub fn trace(mut visit: impl FnMut(u64)) {
    backtrace(frame_pointer(), &mut visit);
}

/// Hands the return addresses from a frame pointer on to `each`, innermost first.
fn backtrace(frame_pointer: u64, each: &mut dyn FnMut(u64)) {
    let stacks = STACKS..STACKS + WINDOW * MAX_CORES as u64;
    let code = symbols::text_start()..symbols::rodata_start();
    let mut at = frame_pointer;
    for _ in 0..DEPTH {
        // In one page, so that a frame pointer near a guard page does no harm.
        if !stacks.contains(&at) || !at.is_multiple_of(8) || at % 4096 > 4080 || !is_mapped(at) {
            return;
        }
        // SAFETY: two aligned words in a stack page that is mapped; whatever they hold may be read.
        let (next, address) = unsafe { ((at as *const u64).read(), (at as *const u64).add(1).read()) };
        if !code.contains(&address) {
            return;
        }
        each(address);
        if next <= at {
            return;
        }
        at = next;
    }
}

/// The running function's frame pointer, for [`backtrace`].
#[inline(always)]
fn frame_pointer() -> u64 {
    let value: u64;
    // SAFETY: reads a register. The kernel is compiled with frame pointers.
    unsafe { core::arch::asm!("mov {}, rbp", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Whether an address in the stacks' windows is a page of a stack of a core that runs: those of others may lack.
fn is_mapped(address: u64) -> bool {
    super::cores::running().any(|core| super::core_block::stack_pages(core).any(|page| page == address & !4095))
}

fn name(vector: u64) -> &'static str {
    match vector {
        0 => "divide error",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        6 => "invalid opcode",
        8 => "double fault",
        12 => "stack fault",
        13 => "general protection",
        14 => "page fault",
        18 => "machine check",
        _ => "other",
    }
}
