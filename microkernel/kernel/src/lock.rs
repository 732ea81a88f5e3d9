//! The kernel's one lock.
//!
//! Who goes from one thread to another keeps it until the one's registers are saved and its address space is no longer
//! loaded: the stubs give it back then ([`FREE`]). A core that waits for it does what other cores ask meanwhile. In what
//! order they have it is [`kcore::turns`]'s. It is held for one bounded unit of work at most.

use core::cell::UnsafeCell;
use core::hint::cold_path;
use core::ops::{Deref, DerefMut};

use kcore::turns::Turns;

use crate::arch;

/// A lock around a value. Held only with interrupts off, so nobody takes it twice.
#[repr(C)]
pub struct Lock<T> {
    turns: Turns,
    value: UnsafeCell<T>,
}

/// Where in a lock the byte stands to which whoever has it writes 0, with release, to give it back.
pub const FREE: usize = core::mem::offset_of!(Lock<()>, turns);

// SAFETY: the value is reached only through a `Guard`, of which there is one at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Lock { turns: Turns::new(), value: UnsafeCell::new(value) }
    }

    /// Waits until it is this core's turn, and takes it.
    #[inline(always)]
    pub fn lock(&self) -> Guard<'_, T> {
        if !self.turns.take() {
            cold_path();
            self.wait();
        }
        Guard { lock: self }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self) {
        let mut waiting = self.turns.line_up(arch::core_id());
        while !self.turns.poll(&mut waiting) {
            arch::attend();
            arch::relax();
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
        self.lock.turns.give_back();
    }
}
