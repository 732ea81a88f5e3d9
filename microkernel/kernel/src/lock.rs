//! The kernel's one lock.
//!
//! Who goes from one thread to another keeps it until the one's registers are saved and its address space is no longer
//! loaded: the stubs give it back then ([`FREE`]). A core that waits for it does what other cores ask meanwhile.
//!
//! Whoever finds it free has it, in no order. First come, first served was tried: where a host has fewer processors than
//! the guest has cores, the one whose turn it is may be one that the host doesn't run, and all others spin until it does.
//! It is held for one bounded unit of work at most.

use core::cell::UnsafeCell;
use core::hint::cold_path;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use crate::arch;

/// A lock around a value. Held only with interrupts off, so nobody takes it twice.
#[repr(C)]
pub struct Lock<T> {
    taken: AtomicU32,
    value: UnsafeCell<T>,
}

/// Where in a lock the 32 bits stand to which whoever has it writes 0, with release, to give it back.
pub const FREE: usize = core::mem::offset_of!(Lock<()>, taken);

// SAFETY: the value is reached only through a `Guard`, of which there is one at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Lock { taken: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits until it is free, and takes it.
    #[inline(always)]
    pub fn lock(&self) -> Guard<'_, T> {
        if self.taken.swap(1, Ordering::Acquire) != 0 {
            cold_path();
            self.wait();
        }
        Guard { lock: self }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
        loop {
            while self.taken.load(Ordering::Relaxed) != 0 {
                arch::attend();
                arch::relax();
            }
            if self.taken.swap(1, Ordering::Acquire) == 0 {
                return;
            }
        }
    }
}

/// The value, until dropped.
pub struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Guard<'_, T> {
    /// Leaves the lock taken, for a stub to give back.
    #[inline(always)]
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: there is no other guard while this one lives.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.taken.store(0, Ordering::Release);
    }
}
