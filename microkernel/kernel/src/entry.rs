//! From the processors' stubs into the kernel core, and back with what runs next.
//!
//! Each function takes the lock, has the core decide, and returns the saved state of the thread to run, or null to idle.
//! If that is another than before, the lock is still taken: the stub gives it back once the one that leaves is saved and
//! its address space no longer loaded.

use core::hint::cold_path;

use abi::info::stretch as kind;
use kcore::hw::CoreId;
use kcore::objects::{THREAD, Thread, ThreadLink};
use kcore::{Asked, Context, Decided, Kernel};

use crate::arch::{self, Machine};
use crate::lock::{Guard, Lock};
use crate::stretch;

/// The kernel, once it is built.
pub static KERNEL: Lock<Option<Kernel<Machine>>> = Lock::new(None);

/// The running thread made a system call.
pub extern "C" fn kernel_syscall(number: u64) -> *mut Context {
    let _stretch = stretch::begin(called(number));
    decide(Kernel::general)
}

/// The kind of stretch that a system call is.
#[inline(always)]
fn called(number: u64) -> usize {
    usize::from(number as u16).min(kind::INTERRUPT - 1)
}

/// By the fast path of this name, if that does it; else by `$rest`. A macro, as the compiler takes calls in functions that don't return for
/// rare ones, and leaves closures there as functions.
macro_rules! message {
    ($fast:ident, $guard:expr, $asked:ident, $core:ident, $rest:ident) => {{
        let asked: Asked = $asked;
        let stretch = stretch::begin(called(asked.number));
        let core = $core as CoreId;
        let mut guard = $guard;
        // SAFETY: a program made the call, and `kmain` runs the first one with the kernel built, which stays.
        let kernel = unsafe { guard.as_mut().unwrap_unchecked() };
        // Who made the call goes on or waits, so it is not gone.
        match kernel.$fast(core, asked) {
            Some(Decided { context, another: true }) => {
                guard.keep();
                stretch.end();
                // SAFETY: the stub of a message called, which saved all registers; the context is another thread's, that
                // runs next on this core, and the lock is taken.
                unsafe { arch::switch(core, context) }
            }
            Some(Decided { context, .. }) => {
                drop(guard);
                stretch.end();
                // SAFETY: the stub of a message called, which saved all registers; the context is the current one.
                unsafe { arch::resume(core, context) }
            }
            None => {
                cold_path();
                stretch.end();
                $rest(guard, asked.a0, asked.a1, asked.number, core)
            }
        }
    }};
}

/// A `call` with four words, its number and arguments by the stub: by the fast path, if that does it.
///
/// This and the next don't return: the stub has saved all registers, so what a function has to restore at its end
/// need not be. Which of them is called the stub decides, by the length, as each puts registers away.
pub extern "C" fn kernel_half_call(a0: u64, a1: u64, number: u64, core: u64) -> ! {
    let asked = Asked { number, a0, a1 };
    message!(fast_half_call, KERNEL.lock(), asked, core, any_call)
}

/// A `reply_recv` that answers with four words.
pub extern "C" fn kernel_half_reply_recv(a0: u64, a1: u64, number: u64, core: u64) -> ! {
    let asked = Asked { number, a0, a1 };
    message!(fast_half_reply_recv, KERNEL.lock(), asked, core, any_reply_recv)
}

/// With a message of another length that fits the registers.
pub extern "C" fn kernel_short_call(a0: u64, a1: u64, number: u64, core: u64) -> ! {
    let asked = Asked { number, a0, a1 };
    message!(fast_short_call, KERNEL.lock(), asked, core, any_call)
}

/// With such an answer.
pub extern "C" fn kernel_short_reply_recv(a0: u64, a1: u64, number: u64, core: u64) -> ! {
    let asked = Asked { number, a0, a1 };
    message!(fast_short_reply_recv, KERNEL.lock(), asked, core, other_reply_recv)
}

/// With any other message: a longer one, or one with handles.
pub extern "C" fn kernel_long_call(a0: u64, a1: u64, number: u64, core: u64) -> ! {
    let asked = Asked { number, a0, a1 };
    message!(fast_call, KERNEL.lock(), asked, core, general)
}

/// With any other answer.
pub extern "C" fn kernel_long_reply_recv(a0: u64, a1: u64, number: u64, core: u64) -> ! {
    let asked = Asked { number, a0, a1 };
    message!(fast_reply_recv, KERNEL.lock(), asked, core, general)
}

/// A message that fits the registers, by what has to be looked up.
#[inline(never)]
fn any_call(guard: Locked, a0: u64, a1: u64, number: u64, core: CoreId) -> ! {
    let asked = Asked { number, a0, a1 };
    message!(fast_call, guard, asked, core, general)
}

/// The same for an answer of another length than four words, unless that would be in vain.
#[inline(always)]
fn other_reply_recv(mut guard: Locked, a0: u64, a1: u64, number: u64, core: CoreId) -> ! {
    if guard.as_mut().is_some_and(|kernel| kernel.never_fast(core, Asked { number, a0, a1 })) {
        general(guard, a0, a1, number, core)
    }
    any_reply_recv(guard, a0, a1, number, core)
}

/// The same for an answer.
#[inline(never)]
fn any_reply_recv(guard: Locked, a0: u64, a1: u64, number: u64, core: CoreId) -> ! {
    let asked = Asked { number, a0, a1 };
    message!(fast_reply_recv, guard, asked, core, general)
}

/// The same for `recv`, and for `reply`, which has no fast path.
pub extern "C" fn kernel_recv(a0: u64, a1: u64, number: u64, core: u64) -> ! {
    if number as u16 != abi::calls::number::recv {
        cold_path();
        general(KERNEL.lock(), a0, a1, number, core as CoreId)
    }
    let asked = Asked { number, a0, a1 };
    message!(fast_recv, KERNEL.lock(), asked, core, general)
}

/// A `notify`: it goes on with the thread that made it, for which the stub need not have saved all registers.
pub extern "C" fn kernel_notify(a0: u64, a1: u64, number: u64, core: u64) -> *mut Context {
    let asked = Asked { number, a0, a1 };
    let stretch = stretch::begin(called(number));
    let core = core as CoreId;
    let mut guard = KERNEL.lock();
    // SAFETY: as for messages.
    let kernel = unsafe { guard.as_mut().unwrap_unchecked() };
    match kernel.fast_notify(core, asked) {
        Some(context) => {
            drop(guard);
            stretch.end();
            // SAFETY: its stub called, and the context is the current one.
            unsafe { arch::go_on(core, context) }
        }
        None => {
            cold_path();
            general_notify(guard, core)
        }
    }
}

#[inline(never)]
fn general_notify(guard: Locked, core: CoreId) -> *mut Context {
    settle(guard, core, Kernel::general)
}

#[inline(never)]
fn general(guard: Locked, _a0: u64, _a1: u64, number: u64, core: CoreId) -> ! {
    let stretch = stretch::begin(called(number));
    let context = settle(guard, core, Kernel::general);
    stretch.end();
    // SAFETY: the stub of a message called, which saved all registers; the context is what the kernel decided, as is
    // the lock.
    unsafe { arch::resume(core, context) }
}

/// A device's interrupt, by its line.
pub extern "C" fn kernel_interrupt(line: u32) -> *mut Context {
    let _stretch = stretch::begin(kind::INTERRUPT);
    let core = arch::core_id();
    let mut guard = KERNEL.lock();
    match guard.as_mut().and_then(|kernel| kernel.fast_interrupt(core, line)) {
        Some(next) => {
            guard.keep();
            next.context
        }
        None => general_interrupt(guard, core, line),
    }
}

#[cold]
#[inline(never)]
fn general_interrupt(guard: Locked, core: CoreId, line: u32) -> *mut Context {
    settle(guard, core, |kernel, core| kernel.general_interrupt(core, line))
}

/// The core's timer, whose interrupt is ended by `end` once it is set anew. Doesn't return if a thread takes the place of the
/// one that runs.
#[inline(always)]
pub fn kernel_timer(end: impl FnOnce()) -> *mut Context {
    let stretch = stretch::begin(kind::TIMER);
    let core = arch::core_id();
    let mut guard = KERNEL.lock();
    // SAFETY: programs can be interrupted, and cores that have joined; all with the kernel built, which stays.
    let kernel = unsafe { guard.as_mut().unwrap_unchecked() };
    match kernel.fast_timer(core) {
        Some(next) => {
            guard.keep();
            end();
            stretch.end();
            // SAFETY: the stub of an interrupt called, which saved all registers; the context is another thread's, that runs
            // next on this core, and the lock is taken.
            unsafe { arch::switch_interrupted(core, next.context) }
        }
        None => {
            cold_path();
            let next = general_timer(guard, core);
            end();
            next
        }
    }
}

/// The same where the interrupt is ended afterwards. A function of its own, for what is used twice the compiler doesn't take into its user.
#[cfg(target_arch = "aarch64")]
pub fn kernel_any_timer() -> *mut Context {
    let _stretch = stretch::begin(kind::TIMER);
    let core = arch::core_id();
    general_timer(KERNEL.lock(), core)
}

/// The same while the core is idle, or where there is more to do.
#[inline(never)]
fn general_timer(mut guard: Locked, core: CoreId) -> *mut Context {
    match guard.as_mut().and_then(|kernel| kernel.any_fast_timer(core)) {
        Some(next) => {
            guard.keep();
            next.context
        }
        None => settle(guard, core, Kernel::general_timer),
    }
}

/// A core that has started joins in, as if the stub had come from nowhere: the lock is taken when this returns.
pub fn join(core: CoreId) -> *mut Context {
    let mut guard = KERNEL.lock();
    let next = guard.as_mut().map_or(core::ptr::null_mut(), |kernel| {
        let next = kernel.kicked(core);
        context_of(kernel, next)
    });
    guard.keep();
    next
}

/// Another core made something ready here.
pub extern "C" fn kernel_reschedule() -> *mut Context {
    let _stretch = stretch::begin(kind::KICK);
    decide(Kernel::kicked)
}

/// The running thread faulted; class as in `abi::message::Fault`.
pub extern "C" fn kernel_fault(class: u64, address: u64, syndrome: u64) -> *mut Context {
    let _stretch = stretch::begin(kind::FAULT);
    decide(|kernel, core| kernel.fault(core, class, address, syndrome))
}

#[inline(always)]
fn decide(what: impl FnOnce(&mut Kernel<Machine>, CoreId) -> ThreadLink) -> *mut Context {
    let core = arch::core_id();
    settle(KERNEL.lock(), core, what)
}

type Locked = Guard<'static, Option<Kernel<Machine>>>;

/// Has the kernel decide, and what the processor holds follow.
#[inline(always)]
fn settle(
    mut guard: Locked,
    core: CoreId,
    what: impl FnOnce(&mut Kernel<Machine>, CoreId) -> ThreadLink,
) -> *mut Context {
    let Some(kernel) = guard.as_mut() else { return core::ptr::null_mut() };
    let before = kernel.system.cores[core as usize].current.link();
    let next = what(kernel, core);
    if core::mem::take(&mut kernel.system.cores[core as usize].pointer_changed) {
        load_pointer(context_of(kernel, before));
    }
    let context = context_of(kernel, next);
    if next == before {
        return context;
    }
    if !before.is_none() && kernel.mem.object_address::<THREAD>(before).is_none() {
        // It ended: nothing may be saved into what was its page.
        arch::forget_current();
    }
    guard.keep();
    context
}

/// Where a thread's saved state is; null for none.
#[inline(always)]
pub fn context_of(kernel: &Kernel<Machine>, thread: ThreadLink) -> *mut Context {
    match kernel.mem.object_address::<THREAD>(thread) {
        Some(thread) => thread.cast::<u8>().wrapping_add(core::mem::offset_of!(Thread, context)).cast(),
        None => core::ptr::null_mut(),
    }
}

/// `config` set the thread pointer of the thread that ran here: the register is to follow, from which it may be saved.
#[cold]
fn load_pointer(context: *mut Context) {
    if !context.is_null() {
        // SAFETY: the context of a thread that is alive, which nobody else touches while the lock is held.
        arch::set_thread_pointer(unsafe { (*context).regs.pointer });
    }
}
