//! Into the kernel and out of it.
//!
//! ```text
//! SYSCALL ──> syscall_entry_n ──> kernel_syscall ──┬─ same context ──> SYSRETQ
//!             saves Regs without   half_call …     └─ another ──> leave: saves FPU ──────┐
//!             `rest`, but rbp                                                            │
//! interrupt, exception ──> interrupt_common ──> dispatch ──┬─ same ──> IRETQ             │
//!             saves all of Regs                            └─ another ──> leave ─────────┤
//!                                                                                        v
//!               idle: STI, HLT <── null ── enter: CR3, FS base, FPU ──> SYSRETQ or IRETQ
//! ```
//!
//! The timer's interrupt has a stub of its own; where it wakes a thread that runs at once, its function ends in `leave`.
//!
//! Rules: interrupts are off in the kernel, but for `idle`. A context that entered by SYSCALL ([`KIND`] 0) has lost rcx
//! and r11, and leaves by SYSRETQ with what that leaves there: pc and flags; all other registers are loaded from `Regs`,
//! so no kernel value is left in any. SYSRETQ and IRETQ with a
//! non-canonical pc would fault in the kernel: such a context is reported as a fetch fault instead.
//! The block of data is found without `swapgs`: see `core_block`.

use core::arch::{asm, global_asm};
use core::mem::offset_of;

use kcore::hw::{CoreId, MAX_CORES};
use kcore::{Context, Regs};
use x86_64::VirtAddr;
use x86_64::registers::model_specific::{Efer, EferFlags, LStar, Msr};

use super::core_block::{self, BLOCKS, CURRENT, CoreBlock, IDLE, KERNEL_SPACE, SCRATCH, SPACE, STACK};
use super::{fatal, fpu, gdt, idt, vectors};

/// Places in `Regs::rest`.
const RBP: usize = offset_of!(Regs, rest);
const RCX: usize = RBP + 8;
const R11: usize = RBP + 16;
/// 1 from an interrupt or exception until the context runs again: rcx and r11 count. 0 after SYSCALL, or while new.
const KIND: usize = RBP + 24;

const _: () = {
    assert!(offset_of!(Context, regs) == 0);
    assert!(offset_of!(Regs, words) == 0 && offset_of!(Regs, a0) == 64 && offset_of!(Regs, a1) == 72);
    assert!(offset_of!(Regs, badge) == 80 && offset_of!(Regs, number) == 88 && offset_of!(Regs, sp) == 96);
    assert!(offset_of!(Regs, pc) == 104 && offset_of!(Regs, flags) == 112 && offset_of!(Regs, pointer) == 120);
    assert!(size_of::<CoreBlock>() == 128 && MAX_CORES == 8);
};

global_asm!(
    include_str!("entry.s"),
    blocks = sym BLOCKS,
    scratch = const SCRATCH,
    current = const CURRENT,
    stack = const STACK,
    space = const SPACE,
    kernel_space = const KERNEL_SPACE,
    idle = const IDLE,
    rbp = const RBP,
    rcx = const RCX,
    r11 = const R11,
    kind = const KIND,
    user_code = const gdt::USER_CODE,
    user_data = const gdt::USER_DATA,
    window_mask = const core_block::WINDOW - 1,
    kernel = sym crate::entry::KERNEL,
    free = const crate::lock::FREE,
    fpu_mode = sym fpu::MODE,
    fpu_reset = sym fpu::RESET,
    kernel_syscall = sym crate::entry::kernel_syscall,
    half_call = sym crate::entry::kernel_half_call,
    short_call = sym crate::entry::kernel_short_call,
    long_call = sym crate::entry::kernel_long_call,
    half_reply_recv = sym crate::entry::kernel_half_reply_recv,
    short_reply_recv = sym crate::entry::kernel_short_reply_recv,
    long_reply_recv = sym crate::entry::kernel_long_reply_recv,
    kernel_recv = sym crate::entry::kernel_recv,
    kernel_notify = sym crate::entry::kernel_notify,
    call = const abi::calls::number::call,
    reply_recv = const abi::calls::number::reply_recv,
    notify = const abi::calls::number::notify,
    half = const kcore::Length::HALF,
    register_bytes = const abi::message::REGISTER_BYTES,
    dispatch = sym vectors::dispatch,
    timer = sym vectors::timer,
    timer_vector = const idt::TIMER,
    bad_pc = sym vectors::bad_pc,
    fatal = sym fatal::exception,
);

unsafe extern "C" {
    static syscall_entry_0: u8;
    static syscall_entry_1: u8;
    static vector_stubs: u8;
    static timer_stub: u8;
    fn switch_stack(stack: u64, function: u64, argument: u64) -> !;
}

/// Flags of user code that SYSCALL takes away: TF, IF, DF, IOPL, NT, RF, AC, ID.
const FLAG_MASK: u64 = 0x0025_7700;
const STAR: u32 = 0xc000_0081;
const FMASK: u32 = 0xc000_0084;
const SYSENTER_CS: u32 = 0x174;

/// Has SYSCALL lead to the core's stub, and SYSENTER nowhere: with a null selector it faults, whatever a loader left.
pub fn init(core: CoreId) {
    let first = &raw const syscall_entry_0 as u64;
    let stride = &raw const syscall_entry_1 as u64 - first;
    LStar::write(VirtAddr::new(first + stride * u64::from(core)));
    let star = u64::from(gdt::KERNEL_CODE) << 32 | u64::from(gdt::KERNEL_DATA | 3) << 48;
    // SAFETY:
    // 1. The stub and the selectors are those that SYSCALL and SYSRETQ need (see `gdt`).
    // 2. The processor has these registers: `cpu::require` asked for SYSCALL, and all with 64-bit mode have SYSENTER's.
    unsafe {
        Msr::new(STAR).write(star);
        Msr::new(FMASK).write(FLAG_MASK);
        Msr::new(SYSENTER_CS).write(0);
        Efer::update(|efer| *efer |= EferFlags::SYSTEM_CALL_EXTENSIONS);
    }
}

/// The stub for a vector.
pub fn vector_stub(vector: usize) -> u64 {
    if vector == usize::from(idt::TIMER) {
        return &raw const timer_stub as u64;
    }
    &raw const vector_stubs as u64 + 16 * vector as u64
}

/// Calls a function, that never returns, on another stack.
///
/// # Safety
/// `stack` is the aligned top of a mapped stack that nobody uses, and the function takes the argument.
pub unsafe fn call_on_stack(stack: u64, function: u64, argument: u64) -> ! {
    // SAFETY: as the caller promises.
    unsafe { switch_stack(stack, function, argument) }
}

/// Runs a thread, the first one on this core. Null: idles.
///
/// # Safety
/// The context is of a thread that kcore counts as running on this core, and stays valid until another runs or
/// `forget_current` is called. The caller has the kernel's lock, which is given back here, and needs nothing of its
/// stack any more.
pub unsafe fn enter(context: *mut Context) -> ! {
    let block = core_block::own();
    // SAFETY:
    // 1. The block is this core's; `enter` expects it in r15, and the context or null in rsi.
    // 2. The context is valid and the stack is not needed any more, as the caller promises.
    unsafe {
        asm!(
            "cli",
            "mov rsp, [r15 + {stack}]",
            "jmp enter",
            stack = const STACK,
            in("r15") block,
            in("rsi") context,
            options(noreturn),
        );
    }
}

/// Leaves the kernel with another thread than the current one, whose registers but the vector registers are saved.
///
/// # Safety
/// This is the core that runs, with interrupts off. The current context is one that may be saved to (a running thread's, or
/// what `forget_current` left). The other is of a thread that kcore counts as running on this core, and stays valid until
/// another runs. The caller has the kernel's lock, which is given back here, and needs nothing of its stack any more.
#[inline(always)]
pub unsafe fn switch(core: CoreId, context: *mut Context) -> ! {
    // SAFETY:
    // 1. `switch_threads` expects the core's block in r15, and the context in rsi.
    // 2. Contexts and lock are as it expects them, and the stack is not needed any more, as the caller promises.
    unsafe {
        asm!("jmp switch_threads", in("r15") core_block::of(core), in("rsi") context, options(noreturn));
    }
}

/// Goes on with the current context after a system call: at once, as the stub loads all registers anyway.
///
/// # Safety
/// As [`resume`].
#[inline(always)]
pub unsafe fn go_on(core: CoreId, context: *mut Context) -> *mut Context {
    // SAFETY: by the caller's promise.
    unsafe { resume(core, context) }
}

/// Leaves the kernel after an interrupt with another thread than the current one, all of whose registers are saved: no other way than
/// after a system call.
///
/// # Safety
/// As [`switch`].
#[inline(always)]
pub unsafe fn switch_interrupted(core: CoreId, context: *mut Context) -> ! {
    // SAFETY: by the caller's promise.
    unsafe { switch(core, context) }
}

/// Leaves the kernel after a system call with what runs next: the current context, another, or null to idle.
///
/// # Safety
/// As [`switch`]; the lock is taken only if it is not the current one.
#[inline(always)]
pub unsafe fn resume(core: CoreId, context: *mut Context) -> ! {
    // SAFETY: as in `switch`; `syscall_done` expects the context in rax.
    unsafe {
        asm!("jmp syscall_done", in("r15") core_block::of(core), in("rax") context, options(noreturn));
    }
}
