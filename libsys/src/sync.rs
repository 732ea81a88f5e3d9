//! A lock between the threads of a process.
//!
//! It is almost never contended: most processes have one thread. Threads may have different priorities, so a waiter does
//! not spin on, which could keep the holder from running for ever, but sleeps a little; bits that come meanwhile are kept
//! for the next `recv`.

use core::sync::atomic::{AtomicBool, Ordering};

use lock_api::RawMutex;

use crate::{sys, thread_block, time};

/// A value that one thread at a time may use.
pub type Mutex<T> = lock_api::Mutex<RawLock, T>;

/// The lock itself.
#[derive(Debug)]
pub struct RawLock(AtomicBool);

/// How long a waiter sleeps, in ns.
const NAP: u64 = 20_000;

// SAFETY: 1. `try_lock` succeeds only for the one who turns the flag from false to true, with acquire order. 2. `unlock`
// turns it back with release order.
unsafe impl RawMutex for RawLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "lock_api wants it so")]
    const INIT: RawLock = RawLock(AtomicBool::new(false));
    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.0.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl RawLock {
    /// Waits until it is free, and takes it.
    #[cold]
    fn wait(&self) {
        while !self.try_lock() {
            match sys::recv(0, time::now_ns().saturating_add(NAP)) {
                Ok(received) if received.tag.kind() == abi::message::Kind::Bits => {
                    thread_block::keep_pending(received.badge);
                }
                _ => crate::relax(),
            }
        }
    }
}
