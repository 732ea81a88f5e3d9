//! The way into the kernel and out: exception vectors, switches, and what an exception means.
//!
//! ```text
//!             EL0                                  EL1, interrupts masked
//!  svc ───────▶ store what the ABI keeps ──▶ kernel_syscall ──┐
//!  … a message ▶ store what Rust keeps, too ▶ half_call …      ┤
//!  exception ─▶ store everything ──────────▶ kernel_fault     ├─▶ Context to run, or none
//!  interrupt ─▶ store everything ──────────▶ kernel_interrupt ┘        │
//!        ▲                                                            ▼
//!        └──────── restore ◀── the same thread ── or save the rest and the FPU if it is used, load the other's ── or idle
//! ```
//!
//! TPIDR_EL1 is the running thread's [`Context`], TPIDRRO_EL0 the core. A system call stores stack pointer and flags, and one that is
//! no message preserved registers, only when another thread runs next; nobody looks at them before. Messages' functions
//! don't return, so they restore nothing: they end in [`switch`] or [`resume`].

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::hint::cold_path;
use core::mem::MaybeUninit;

use aarch64_cpu::registers::{Readable, TPIDR_EL1, Writeable};
use abi::message::Fault;
use kcore::Context;
use kcore::hw::CoreId;

use super::STATE;
use super::cores;
use super::fatal;
use super::gic::{self, FIRST_SHARED, KICK, Short, Taken};
use crate::entry;

/// Distance of two kernel stacks; the lowest page of each is the guard.
pub const STACK_STRIDE: usize = 0x2_0000;

/// How many times a thread that used the vector registers gets them with the core before it has to ask again: where it does
/// each time, a trap costs it some 50 instructions once in so many switches; where it does no more, they cost it 40 each.
const TURNS: u64 = 16;

global_asm!(
    include_str!("vectors.s"),
    words = const core::mem::offset_of!(Context, regs) + core::mem::offset_of!(kcore::Regs, words),
    rest = const core::mem::offset_of!(Context, regs) + core::mem::offset_of!(kcore::Regs, rest),
    space = const core::mem::offset_of!(Context, space),
    fpu_valid = const core::mem::offset_of!(Context, fpu_valid),
    fpu_control = const core::mem::offset_of!(Context, fpu_control),
    fpu = const core::mem::offset_of!(Context, fpu),
    turns = const TURNS,
    stack_stride = const STACK_STRIDE,
    kernel = sym entry::KERNEL,
    syscall = sym entry::kernel_syscall,
    half_call = sym entry::kernel_half_call,
    short_call = sym entry::kernel_short_call,
    long_call = sym entry::kernel_long_call,
    half_reply_recv = sym entry::kernel_half_reply_recv,
    short_reply_recv = sym entry::kernel_short_reply_recv,
    long_reply_recv = sym entry::kernel_long_reply_recv,
    kernel_recv = sym entry::kernel_recv,
    kernel_notify = sym entry::kernel_notify,
    call = const abi::calls::number::call,
    reply_recv = const abi::calls::number::reply_recv,
    notify = const abi::calls::number::notify,
    half = const kcore::Length::HALF,
    register_bytes = const abi::message::REGISTER_BYTES,
    exception = sym exception,
    interrupt = sym interrupt,
    fatal = sym fatal::report,
    fatal_frame = sym fatal::FRAME,
    fatal_stack = sym fatal::STACK,
    fatal_stack_size = const fatal::STACK_SIZE,
);

// What the assembly takes for granted beside the operands above.
const _: () = {
    use core::mem::offset_of;
    assert!(crate::lock::FREE == 0);
    assert!(offset_of!(Context, regs) == 0);
    assert!(offset_of!(kcore::Regs, a0) == 64 && offset_of!(kcore::Regs, a1) == 72);
    assert!(offset_of!(kcore::Regs, badge) == 80 && offset_of!(kcore::Regs, number) == 88);
    assert!(offset_of!(kcore::Regs, sp) == 96 && offset_of!(kcore::Regs, pc) == 104);
    assert!(offset_of!(kcore::Regs, flags) == 112 && offset_of!(kcore::Regs, pointer) == 120);
    assert!(offset_of!(kcore::Regs, rest) == 128);
};

unsafe extern "C" {
    fn kernel_enter(context: *mut Context) -> !;
}

/// Leaves boot for the first thread.
///
/// # Safety
///
/// `context` is a thread's that may run: its registers are those of user mode, its space a root table that maps only
/// what it may use; it stays in place until [`forget_current`] is called or another is returned by the kernel's entries. The caller has the
/// kernel's lock, which is given back here.
pub unsafe fn enter(context: *mut Context) -> ! {
    // SAFETY: by the caller's promise; what is on this stack is never returned to.
    unsafe { kernel_enter(context) }
}

/// Leaves the kernel with another thread than the current one, whose registers are stored but for those that the kernel does not
/// touch.
///
/// # Safety
///
/// This is the core that runs, with interrupts masked. TPIDR_EL1 is a context that may be stored to (a running thread's, or what
/// [`forget_current`] left). The other is of a thread that kcore counts as running on this core, and stays valid until another
/// runs. The caller has the kernel's lock, which is given back here, and needs nothing of its stack any more.
#[inline(always)]
pub unsafe fn switch(_core: CoreId, context: *mut Context) -> ! {
    // SAFETY: `switch_threads` expects the context in x0, and the rest as the caller promises.
    unsafe { asm!("b switch_threads", in("x0") context, options(noreturn)) }
}

/// Leaves the kernel after a message with what runs next: the current context, another, or null to idle.
///
/// # Safety
///
/// As [`switch`]; the lock is taken only if it is not the current one.
#[inline(always)]
pub unsafe fn resume(_core: CoreId, context: *mut Context) -> ! {
    // SAFETY: as in `switch`.
    unsafe { asm!("b message_done", in("x0") context, options(noreturn)) }
}

/// The running thread's context, null while there is none.
fn current() -> *mut Context {
    TPIDR_EL1.get() as *mut Context
}

/// Has nothing more be saved for the running thread: it is gone.
pub fn forget_current() {
    TPIDR_EL1.set(GONE.0.get().addr() as u64);
}

/// Where the registers of a thread go that is gone, whichever core it ran on. Never read.
#[repr(transparent)]
struct Gone(UnsafeCell<MaybeUninit<Context>>);

// SAFETY: written by vectors.s alone, and never read: it does no harm if several cores do so at once.
unsafe impl Sync for Gone {}

static GONE: Gone = Gone(UnsafeCell::new(MaybeUninit::zeroed()));

/// Goes on with the current context after a system call: the stub does, for which Rust restores what it preserves.
///
/// # Safety
///
/// The stub of a system call called.
#[inline(always)]
pub unsafe fn go_on(_core: CoreId, context: *mut Context) -> *mut Context {
    context
}

/// Leaves the kernel after an interrupt with another thread than the current one, all of whose registers are stored.
///
/// # Safety
///
/// As [`switch`].
#[inline(always)]
pub unsafe fn switch_interrupted(_core: CoreId, context: *mut Context) -> ! {
    // SAFETY: as in `switch`.
    unsafe { asm!("b interrupted", in("x0") context, options(noreturn)) }
}

/// An interrupt, from user mode or while idle.
extern "C" fn interrupt() -> *mut Context {
    match gic::take_shortly() {
        Short::Timer(timer) => entry::kernel_timer(|| gic::end_shortly(timer)),
        Short::Other(taken) => {
            cold_path();
            other_interrupt(Some(taken))
        }
        Short::No => {
            cold_path();
            other_interrupt(None)
        }
    }
}

/// One that the short way is not for; it was taken there, or not yet.
#[inline(never)]
fn other_interrupt(taken: Option<Taken>) -> *mut Context {
    let Some(state) = STATE.get() else { return current() };
    let Some(taken) = taken.or_else(|| state.gic.take()).filter(|taken| !taken.is_special()) else { return current() };
    let next = match taken.id() {
        KICK => {
            cores::attend();
            entry::kernel_reschedule()
        }
        id if id == state.timer => entry::kernel_any_timer(),
        id if id >= FIRST_SHARED => entry::kernel_interrupt(id - FIRST_SHARED),
        _ => current(),
    };
    state.gic.end(taken);
    next
}

/// A synchronous exception or SError from user mode.
extern "C" fn exception(syndrome: u64, fault_address: u64, pc: u64) -> *mut Context {
    let (fault, address) = classify(syndrome, fault_address, pc);
    entry::kernel_fault(fault as u64, address, discreet(fault, address, syndrome))
}

/// The syndrome as user mode may know it: a page fault in the kernel's half is always a translation fault of level 0, as E0PD makes
/// it. Whether the kernel has a page there, and how its tables look, would give its place away.
fn discreet(fault: Fault, address: u64, syndrome: u64) -> u64 {
    match fault {
        Fault::Read | Fault::Write | Fault::Fetch if address >> 63 != 0 => syndrome & !0x3f | 0x04,
        _ => syndrome,
    }
}

/// What ESR_EL1 says (Arm ARM, D24.2.40): the class, and the address that belongs to it.
fn classify(syndrome: u64, fault_address: u64, pc: u64) -> (Fault, u64) {
    let class = syndrome >> 26 & 0x3f;
    let status = syndrome & 0x3f;
    let written = syndrome & 1 << 6 != 0;
    let maintenance = syndrome & 1 << 8 != 0;
    match class {
        // Unknown, WFI, floating point or SVE that is off, BTI, illegal state, register access.
        0x00 | 0x01 | 0x07 | 0x09 | 0x0d | 0x0e | 0x18 | 0x19 | 0x1d => (Fault::Instruction, pc),
        // Translation, access flag and permission faults are a page's; the rest comes from outside.
        0x20 if (0x04..0x10).contains(&status) => (Fault::Fetch, fault_address),
        0x22 => (Fault::Alignment, fault_address),
        0x24 if status == 0x21 => (Fault::Alignment, fault_address),
        // A cache maintenance instruction counts as a write there, but only wants to read.
        0x24 if (0x04..0x10).contains(&status) && written && !maintenance => (Fault::Write, fault_address),
        0x24 if (0x04..0x10).contains(&status) => (Fault::Read, fault_address),
        0x26 => (Fault::Alignment, pc),
        0x2c => (Fault::FloatingPoint, pc),
        0x30 | 0x32 | 0x3c => (Fault::Debug, pc),
        0x34 => (Fault::Debug, fault_address),
        _ => (Fault::Other, pc),
    }
}
