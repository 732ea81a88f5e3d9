//! From the processors' stubs into the kernel core, and back with what runs next.
//!
//! Each function takes the lock, has the core decide, and returns the saved state of the thread to run, or null to idle.

use abi::info::stretch as kind;
use kcore::hw::CoreId;
use kcore::objects::{THREAD, Thread, ThreadLink};
use kcore::{Context, Kernel};

use crate::arch::{self, Machine};
use crate::lock::Lock;
use crate::stretch;

/// The kernel, once it is built.
pub static KERNEL: Lock<Option<Kernel<Machine>>> = Lock::new(None);

/// The running thread made a system call.
pub extern "C" fn kernel_syscall(number: u64) -> *mut Context {
    let _stretch = stretch::begin(number as usize & 31);
    decide(Kernel::general)
}

/// The same, with a number up to [`kcore::LAST_FAST`]: it may be done by the fast path.
pub extern "C" fn kernel_message(number: u64) -> *mut Context {
    let _stretch = stretch::begin(number as usize & 31);
    let core = arch::core_id();
    let mut guard = KERNEL.lock();
    let Some(kernel) = guard.as_mut() else { return core::ptr::null_mut() };
    // Who made the call goes on or waits, so it is not gone.
    let next = kernel.fast_context(core);
    if next.is_null() { general(kernel, core) } else { next }
}

#[inline(never)]
fn general(kernel: &mut Kernel<Machine>, core: CoreId) -> *mut Context {
    settle(kernel, core, Kernel::general)
}

/// A device's interrupt, by its line.
pub extern "C" fn kernel_interrupt(line: u32) -> *mut Context {
    let _stretch = stretch::begin(kind::INTERRUPT);
    decide(|kernel, core| kernel.interrupt(core, line))
}

/// The core's timer.
pub extern "C" fn kernel_timer() -> *mut Context {
    let _stretch = stretch::begin(kind::TIMER);
    decide(Kernel::timer)
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
    let mut guard = KERNEL.lock();
    let Some(kernel) = guard.as_mut() else { return core::ptr::null_mut() };
    settle(kernel, core, what)
}

/// Has the kernel decide, and what the processor holds follow.
#[inline(always)]
fn settle(
    kernel: &mut Kernel<Machine>,
    core: CoreId,
    what: impl FnOnce(&mut Kernel<Machine>, CoreId) -> ThreadLink,
) -> *mut Context {
    let before = kernel.system.cores[core as usize].current;
    let next = what(kernel, core);
    if next != before && !before.is_none() && kernel.mem.object_address::<THREAD>(before).is_none() {
        // It ended: nothing may be saved into what was its page.
        arch::forget_current();
    }
    let context = context_of(kernel, next);
    let core = &mut kernel.system.cores[core as usize];
    if core::mem::take(&mut core.pointer_changed) && next == before {
        load_pointer(context);
    }
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

/// The running thread set its own thread pointer by a call: the register is to follow.
fn load_pointer(context: *mut Context) {
    // SAFETY: the running thread's context, which nobody else touches while the lock is held.
    arch::set_thread_pointer(unsafe { (*context).regs.pointer });
}
