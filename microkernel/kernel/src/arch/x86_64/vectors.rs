//! What an interrupt or exception means.

use abi::message::Fault;
use kcore::Context;
use x86_64::registers::control::Cr2;

use super::{apic, core_block, cores, idt, ioapic};

/// Called by the stub, with the interrupted thread's registers saved, or none running. Returns what runs next.
///
/// All it does is to go on elsewhere, so that each kind puts away the registers that itself needs, and no more.
pub extern "C" fn dispatch(vector: u64, error: u64) -> *mut Context {
    match vector as u8 {
        0..idt::LINES => exception(vector, error),
        vector @ idt::LINES..=idt::LAST_MESSAGE => device(vector),
        idt::TIMER => timer(),
        vector => of_cores(vector),
    }
}

/// The core's timer, by a stub of its own or, while the core is idle, by that of all.
#[inline(never)]
pub extern "C" fn timer() -> *mut Context {
    apic::end_of_interrupt();
    crate::entry::kernel_timer(|| {})
}

/// What another core wants, or nothing.
#[inline(never)]
fn of_cores(vector: u8) -> *mut Context {
    match vector {
        idt::KICK => {
            apic::end_of_interrupt();
            crate::entry::kernel_reschedule()
        }
        idt::ATTEND => {
            apic::end_of_interrupt();
            cores::attend();
            unchanged()
        }
        // The masked PICs' spurious interrupts and the APIC's take no end-of-interrupt.
        idt::LEGACY.. => unchanged(),
        _ => {
            apic::end_of_interrupt();
            unchanged()
        }
    }
}

/// A context whose pc is no user address was to run: it faults instead.
pub extern "C" fn bad_pc(context: *mut Context) -> *mut Context {
    // SAFETY: the stub passes the core's current context, which is valid while it is current.
    let pc = unsafe { (*context).regs.pc };
    crate::entry::kernel_fault(Fault::Fetch as u64, pc, GENERAL_PROTECTION << 32)
}

/// A line or a message. The end of the interrupt comes after kcore has masked it: a level-triggered line would come
/// again at once.
#[inline(never)]
fn device(vector: u8) -> *mut Context {
    let next = match ioapic::arrived(vector) {
        Some(line) => crate::entry::kernel_interrupt(line),
        None => unchanged(),
    };
    apic::end_of_interrupt();
    next
}

fn unchanged() -> *mut Context {
    // SAFETY: this core's block, with interrupts off.
    unsafe { (*core_block::own()).current }
}

const DIVIDE: u64 = 0;
const DEBUG: u64 = 1;
const BREAKPOINT: u64 = 3;
const INVALID_OPCODE: u64 = 6;
const STACK_SEGMENT: u64 = 12;
const GENERAL_PROTECTION: u64 = 13;
const PAGE_FAULT: u64 = 14;
const X87: u64 = 16;
const ALIGNMENT: u64 = 17;
const SIMD: u64 = 19;

/// Bits of a page fault's error code.
const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const FETCH: u64 = 1 << 4;

/// User code faulted (SDM vol. 3A, 6.15).
#[inline(never)]
fn exception(vector: u64, error: u64) -> *mut Context {
    let (class, address) = match vector {
        PAGE_FAULT => (page_fault(error), Cr2::read_raw()),
        INVALID_OPCODE | GENERAL_PROTECTION => (Fault::Instruction, 0),
        DIVIDE => (Fault::Divide, 0),
        ALIGNMENT | STACK_SEGMENT => (Fault::Alignment, 0),
        X87 | SIMD => (Fault::FloatingPoint, 0),
        DEBUG | BREAKPOINT => (Fault::Debug, 0),
        _ => (Fault::Other, 0),
    };
    // Whether the kernel has a page at an address is not to be learnt from a fault there: it would give the kernel's place away.
    let error = if vector == PAGE_FAULT && address >> 63 != 0 { error | PRESENT } else { error };
    crate::entry::kernel_fault(class as u64, address, vector << 32 | error & 0xffff_ffff)
}

fn page_fault(error: u64) -> Fault {
    match error {
        _ if error & FETCH != 0 => Fault::Fetch,
        _ if error & WRITE != 0 => Fault::Write,
        _ => Fault::Read,
    }
}
