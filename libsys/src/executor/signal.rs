//! Telling tasks of the same thread that something changed.

use alloc::{rc::Rc, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    pin::Pin,
    task::{Context, Poll, Waker},
};

#[derive(Default)]
struct Inner {
    /// Grows with each signal.
    count: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

/// A condition's bell: who waits looks at the condition again after each signal.
///
/// ```ignore
/// while queue.is_empty() { changed.wait().await; }
/// ```
#[derive(Clone, Default)]
pub struct Signal(Rc<Inner>);

impl Signal {
    /// A new one.
    pub fn new() -> Signal {
        Signal::default()
    }

    /// Wakes all who wait.
    pub fn signal(&self) {
        self.0.count.set(self.0.count.get().wrapping_add(1));
        for waker in self.0.waiting.take() {
            waker.wake();
        }
    }

    /// Waits for the next signal after this call.
    pub fn wait(&self) -> Signalled {
        Signalled { seen: self.0.count.get(), signal: self.clone() }
    }
}

/// A wait, see [`Signal::wait`].
pub struct Signalled {
    signal: Signal,
    seen: u64,
}

impl Future for Signalled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.signal.0.count.get() != self.seen {
            return Poll::Ready(());
        }
        let mut waiting = self.signal.0.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}
