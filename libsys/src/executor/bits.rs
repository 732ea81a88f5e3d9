//! Waiting for notification bits.

use alloc::{rc::Rc, vec::Vec};
use core::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::Spawner;

struct Waiter {
    mask: u64,
    came: Rc<Cell<u64>>,
    waker: Waker,
}

/// Who waits for which bits, and bits that nobody waited for when they came.
#[derive(Default)]
pub(super) struct Waiters {
    waiting: Vec<Waiter>,
    unclaimed: u64,
}

impl Waiters {
    /// Tells bits to all who wait for one of them; the rest is kept.
    pub(super) fn deliver(&mut self, bits: u64) {
        let mut claimed = 0;
        self.waiting.retain(|waiter| {
            let came = bits & waiter.mask;
            if came == 0 {
                return true;
            }
            claimed |= came;
            waiter.came.set(waiter.came.get() | came);
            waiter.waker.wake_by_ref();
            false
        });
        self.unclaimed |= bits & !claimed;
    }
}

/// A wait for bits, see [`Spawner::bits`].
pub struct Bits {
    spawner: Spawner,
    mask: u64,
    came: Rc<Cell<u64>>,
}

impl Bits {
    pub(super) fn new(spawner: Spawner, mask: u64) -> Bits {
        Bits { spawner, mask, came: Rc::default() }
    }
}

impl Future for Bits {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        let mut waiters = self.spawner.0.bits.borrow_mut();
        let came = self.came.take() | waiters.unclaimed & self.mask;
        if came != 0 {
            waiters.unclaimed &= !came;
            waiters.waiting.retain(|waiter| !Rc::ptr_eq(&waiter.came, &self.came));
            return Poll::Ready(came);
        }
        match waiters.waiting.iter_mut().find(|waiter| Rc::ptr_eq(&waiter.came, &self.came)) {
            Some(waiter) => waiter.waker.clone_from(context.waker()),
            None => {
                let waker = context.waker().clone();
                waiters.waiting.push(Waiter { mask: self.mask, came: self.came.clone(), waker });
            }
        }
        Poll::Pending
    }
}

impl Drop for Bits {
    fn drop(&mut self) {
        let mut waiters = self.spawner.0.bits.borrow_mut();
        waiters.waiting.retain(|waiter| !Rc::ptr_eq(&waiter.came, &self.came));
        // What was told to this wait and never taken goes to the others.
        let came = self.came.take();
        if came != 0 {
            waiters.deliver(came);
        }
    }
}
