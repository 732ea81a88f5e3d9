//! The kernel's one lock: first come, first served.
//!
//! Who goes from one thread to another keeps it until the one's registers are saved and its address space is no longer
//! loaded: the stubs give it back then ([`SERVING`]). A core that waits for it does what other cores ask meanwhile.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use crate::arch;

/// A ticket lock around a value. Held only with interrupts off, so nobody takes it twice.
#[repr(C)]
pub struct Lock<T> {
    serving: AtomicU32,
    next: AtomicU32,
    value: UnsafeCell<T>,
}

/// Where in a lock the 32-bit number stands that whoever has it adds 1 to, with release, to give it back.
pub const SERVING: usize = core::mem::offset_of!(Lock<()>, serving);

// SAFETY: the value is reached only through a `Guard`, of which there is one at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Lock { next: AtomicU32::new(0), serving: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits for its turn.
    #[inline(always)]
    pub fn lock(&self) -> Guard<'_, T> {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        if self.serving.load(Ordering::Acquire) != ticket {
            self.wait(ticket);
        }
        Guard { lock: self }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, ticket: u32) {
        while self.serving.load(Ordering::Acquire) != ticket {
            arch::attend();
            core::hint::spin_loop();
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
        // SAFETY: this guard's ticket is being served, and no other's.
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
        let mine = self.lock.serving.load(Ordering::Relaxed);
        self.lock.serving.store(mine.wrapping_add(1), Ordering::Release);
    }
}
