//! Waiting for time.

use alloc::collections::BTreeMap;
use core::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::Spawner;

/// Timers, ordered by deadline and then by the order they were set in.
#[derive(Default)]
pub(super) struct Timers {
    set: BTreeMap<(u64, u64), Waker>,
    count: u64,
}

impl Timers {
    /// The next deadline.
    pub(super) fn next(&self) -> Option<u64> {
        self.set.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Wakes whose time has come.
    pub(super) fn wake_due(&mut self, now: u64) {
        while let Some(entry) = self.set.first_entry() {
            if entry.key().0 > now {
                break;
            }
            entry.remove().wake();
        }
    }
}

/// A wait for a time, see [`Spawner::sleep_until`].
pub struct Sleep {
    spawner: Spawner,
    deadline: u64,
    number: Option<u64>,
}

impl Sleep {
    pub(super) fn new(spawner: Spawner, deadline: u64) -> Sleep {
        Sleep { spawner, deadline, number: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.spawner.now_ns() >= self.deadline {
            return Poll::Ready(());
        }
        // `u64::MAX` is "never": no timer.
        if self.deadline != u64::MAX {
            let shared = self.spawner.0.clone();
            let mut timers = shared.timers.borrow_mut();
            let number = *self.number.get_or_insert_with(|| {
                timers.count += 1;
                timers.count
            });
            timers.set.insert((self.deadline, number), context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.spawner.0.timers.borrow_mut().set.remove(&(self.deadline, number));
        }
    }
}
