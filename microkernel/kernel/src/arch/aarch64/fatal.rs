//! The end: an exception of the kernel's own, or a boot that can't go on.

use core::cell::UnsafeCell;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};

use aarch64_cpu::registers::{FP, Readable};
use kcore::hw::Reboot;

use super::boot;
use super::mmu::PAGE;
use super::psci;
use super::uart::Console;
use super::vectors::STACK_STRIDE;
use crate::names::{Instruction, Moved, Return};

/// Bytes of the stack that the report runs on: the usual one may be what broke.
pub const STACK_SIZE: usize = 0x2000;
/// Return addresses of a trace.
const DEPTH: usize = 32;

/// Registers at the exception, as vectors.s stores them.
#[repr(C)]
pub struct Frame {
    general: [u64; 31],
    sp: u64,
    elr: u64,
    spsr: u64,
    esr: u64,
    far: u64,
    vector: u64,
}

/// Memory that only the end uses.
#[repr(C, align(16))]
pub struct Last<T>(UnsafeCell<T>);

// SAFETY: vectors.s writes it when nothing else of the kernel goes on. Two cores that end at once may garble the report.
unsafe impl<T> Sync for Last<T> {}

pub static FRAME: Last<Frame> =
    Last(UnsafeCell::new(Frame { general: [0; 31], sp: 0, elr: 0, spsr: 0, esr: 0, far: 0, vector: 0 }));
pub static STACK: Last<[u8; STACK_SIZE]> = Last(UnsafeCell::new([0; STACK_SIZE]));

const VECTORS: [&str; 16] = [
    "synchronous, SP_EL0",
    "IRQ, SP_EL0",
    "FIQ, SP_EL0",
    "SError, SP_EL0",
    "synchronous",
    "IRQ",
    "FIQ",
    "SError",
    "synchronous, EL0",
    "IRQ, EL0",
    "FIQ, EL0",
    "SError, EL0",
    "synchronous, AArch32",
    "IRQ, AArch32",
    "FIQ, AArch32",
    "SError, AArch32",
];

/// An end is being reported.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// Reports an exception that the kernel should never have taken, and powers off. One that comes meanwhile, as of a firmware that
/// isn't there, only stops the core.
pub extern "C" fn report(frame: &Frame) -> ! {
    if REPORTING.swap(true, Ordering::Relaxed) {
        super::cores::halt();
    }
    super::cores::stop_others();
    let vector = VECTORS.get(frame.vector as usize).unwrap_or(&"?");
    let mut out = Console;
    if let Some(what) = boot::misled() {
        let _ = writeln!(out, "viaether: {what}");
    }
    let _ = writeln!(out, "\nkernel exception ({vector}), class {:#x}", frame.esr >> 26 & 0x3f);
    let _ = writeln!(out, "{Moved}");
    let Frame { esr, far, elr, spsr, .. } = frame;
    let _ = writeln!(out, "esr {esr:016x}  far {far:016x}  elr {elr:016x}  spsr {spsr:016x}");
    for (i, value) in frame.general.iter().chain([&frame.sp]).enumerate() {
        let end = if i % 4 == 3 { '\n' } else { ' ' };
        let _ = match i {
            31 => write!(out, " sp {value:016x}{end}"),
            _ => write!(out, "x{i:<2} {value:016x}{end}"),
        };
    }
    let _ = writeln!(out, "  #0 {}", Instruction(frame.elr));
    let mut number = 1;
    trace_from(frame.general[29], |address| {
        let _ = writeln!(out, "  #{number} {}", Return(address));
        number += 1;
    });
    psci::power(Reboot::No)
}

/// Says why boot ends, and powers off.
pub fn stop(what: &str, reason: &str) -> ! {
    let _ = writeln!(Console, "viaether: {what}: {reason}; powering off");
    psci::power(Reboot::No)
}

/// Hands the caller's return addresses to `visit`, innermost first.
pub fn trace(visit: impl FnMut(u64)) {
    trace_from(FP.get(), visit);
}

fn trace_from(mut frame: u64, mut visit: impl FnMut(u64)) {
    unsafe extern "C" {
        static _stacks: u8;
        static _image_end: u8;
    }
    let start = (&raw const _stacks).addr() as u64;
    let stacks = start..(&raw const _image_end).addr() as u64 - 15;
    for _ in 0..DEPTH {
        // The lowest page of each is not mapped.
        let in_guard = frame.wrapping_sub(start) % (STACK_STRIDE as u64) < PAGE;
        if !stacks.contains(&frame) || !frame.is_multiple_of(8) || in_guard {
            return;
        }
        // SAFETY:
        // 1. Both words lie in a core's stack, which is mapped; the other cores stand still.
        // 2. They may be anything: a wrong one is printed, or ends the walk, which is bounded.
        let (next, address) = unsafe { ((frame as *const u64).read(), (frame as *const u64).add(1).read()) };
        if address == 0 {
            return;
        }
        visit(address);
        // Callers' frames lie above.
        if next <= frame {
            return;
        }
        frame = next;
    }
}

const _: () = {
    assert!(core::mem::offset_of!(Frame, sp) == 248 && core::mem::offset_of!(Frame, elr) == 256);
    assert!(core::mem::offset_of!(Frame, esr) == 272 && core::mem::offset_of!(Frame, vector) == 288);
    assert!(STACK_STRIDE.is_power_of_two());
};
