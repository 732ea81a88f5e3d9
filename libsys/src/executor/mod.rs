//! A single-threaded executor over `recv`: servers read as straight-line `async` code.
//!
//! ```text
//!            ┌────────────── run ready tasks ◄──────────────┐
//!            ▼                                              │
//!   recv(channel, next timer) ──► call, closed: the server's function, which spawns tasks
//!            ├─► bits: wake who waits for them ─────────────┤
//!            └─► deadline: wake whose time has come ────────┘
//! ```
//!
//! There is no lock and no other thread: a task is a boxed future, a waker puts its number into the ready queue. Bits that
//! nobody waits for are kept until somebody does; bits that several wait for are told to all of them.

mod bits;
mod combine;
mod signal;
mod tasks;
mod timers;

#[cfg(test)]
mod tests;

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};

use protocol::Error;

pub use bits::Bits;
pub use combine::{Either, join, select};
pub use signal::{Signal, Signalled};
pub use tasks::TaskId;
pub use timers::Sleep;

use crate::{Event, Receiver, time};
use tasks::Tasks;

/// What an executor needs of the world; tests have their own.
pub trait Kernel {
    /// ns since boot.
    fn now_ns(&self) -> u64;
    /// Waits for the next event.
    fn receive(&self, deadline: u64) -> Result<Event, Error>;
}

impl Kernel for Receiver {
    fn now_ns(&self) -> u64 {
        time::now_ns()
    }

    fn receive(&self, deadline: u64) -> Result<Event, Error> {
        self.recv(deadline)
    }
}

/// A kernel without a channel: bits and time alone.
#[derive(Clone, Copy, Debug)]
pub struct NoChannel;

impl Kernel for NoChannel {
    fn now_ns(&self) -> u64 {
        time::now_ns()
    }

    fn receive(&self, deadline: u64) -> Result<Event, Error> {
        crate::wait(deadline)
    }
}

struct Shared {
    tasks: RefCell<Tasks>,
    bits: RefCell<bits::Waiters>,
    timers: RefCell<timers::Timers>,
    now: Cell<u64>,
    stop: Cell<bool>,
}

/// The part of an executor that tasks hold: it starts tasks, waits for bits and time.
#[derive(Clone)]
pub struct Spawner(Rc<Shared>);

impl Spawner {
    /// Starts a task. It runs for the first time when the caller next waits.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) -> TaskId {
        self.0.tasks.borrow_mut().add(alloc::boxed::Box::pin(future))
    }

    /// Ends a task by dropping its future; one that is over is no error. A task that ends itself goes at its next wait.
    pub fn cancel(&self, task: TaskId) {
        let dropped = self.0.tasks.borrow_mut().remove(task);
        // Dropped with nothing borrowed: the future may cancel others.
        drop(dropped);
    }

    /// Waits until one of the bits comes, and returns those that did.
    pub fn bits(&self, mask: u64) -> Bits {
        Bits::new(self.clone(), mask)
    }

    /// Waits until a time, in ns since boot.
    pub fn sleep_until(&self, deadline: u64) -> Sleep {
        Sleep::new(self.clone(), deadline)
    }

    /// Waits so many ns.
    pub fn sleep(&self, ns: u64) -> Sleep {
        self.sleep_until(self.now_ns().saturating_add(ns))
    }

    /// What the future answers, or [`Error::TimedOut`].
    pub async fn timeout<T>(&self, deadline: u64, future: impl Future<Output = T>) -> Result<T, Error> {
        match select(future, self.sleep_until(deadline)).await {
            Either::First(value) => Ok(value),
            Either::Second(()) => Err(Error::TimedOut),
        }
    }

    /// ns since boot when the executor last woke: one moment for all that happens at once.
    pub fn now_ns(&self) -> u64 {
        self.0.now.get()
    }

    /// Lets all other ready tasks run first.
    pub async fn yield_now(&self) {
        let mut first = true;
        core::future::poll_fn(|context| {
            if core::mem::take(&mut first) {
                context.waker().wake_by_ref();
                core::task::Poll::Pending
            } else {
                core::task::Poll::Ready(())
            }
        })
        .await;
    }

    /// Ends [`Executor::run`] once the ready tasks have run.
    pub fn stop(&self) {
        self.0.stop.set(true);
    }

    /// Tasks that are not over.
    pub fn task_count(&self) -> usize {
        self.0.tasks.borrow().len()
    }
}

/// The executor: owns the wait.
pub struct Executor<K> {
    kernel: K,
    spawner: Spawner,
}

impl<K: Kernel> Executor<K> {
    /// One that waits by this kernel (a [`Receiver`], or [`NoChannel`]).
    pub fn new(kernel: K) -> Self {
        let shared = Shared {
            tasks: RefCell::new(Tasks::new()),
            bits: RefCell::default(),
            timers: RefCell::default(),
            now: Cell::new(kernel.now_ns()),
            stop: Cell::new(false),
        };
        Executor { kernel, spawner: Spawner(Rc::new(shared)) }
    }

    /// To start tasks with.
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// What it waits by.
    pub fn kernel(&self) -> &K {
        &self.kernel
    }

    /// Runs for ever, or until a task stops it or `recv` fails. Calls, closed ends and faults go to `on_event`, which
    /// answers at once or spawns a task that does.
    pub fn run(&self, mut on_event: impl FnMut(Event, &Spawner)) -> Result<(), Error> {
        loop {
            self.run_ready();
            if self.spawner.0.stop.replace(false) {
                return Ok(());
            }
            let deadline = self.spawner.0.timers.borrow().next().unwrap_or(u64::MAX);
            let event = self.kernel.receive(deadline)?;
            self.wake_due();
            match event {
                Event::Bits(bits) => self.spawner.0.bits.borrow_mut().deliver(bits),
                Event::Deadline => {}
                other => on_event(other, &self.spawner),
            }
        }
    }

    /// Runs until this future is over; for programs that are no servers.
    pub fn block_on<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Result<T, Error> {
        let result = Rc::new(Cell::new(None));
        let (place, spawner) = (result.clone(), self.spawner());
        self.spawner.spawn(async move {
            place.set(Some(future.await));
            spawner.stop();
        });
        self.run(|_, _| {})?;
        result.take().ok_or(Error::Internal)
    }

    fn wake_due(&self) {
        let now = self.kernel.now_ns();
        self.spawner.0.now.set(now);
        self.spawner.0.timers.borrow_mut().wake_due(now);
    }

    /// Polls every ready task; those that become ready meanwhile too.
    fn run_ready(&self) {
        loop {
            // The borrow ends before the task runs, so that it can spawn.
            let next = self.spawner.0.tasks.borrow_mut().take_ready();
            let Some((id, mut future, waker)) = next else { break };
            let mut context = core::task::Context::from_waker(&waker);
            match future.as_mut().poll(&mut context) {
                core::task::Poll::Ready(()) => {
                    let dropped = self.spawner.0.tasks.borrow_mut().remove(id);
                    drop(dropped);
                }
                core::task::Poll::Pending => {
                    let cancelled = self.spawner.0.tasks.borrow_mut().put_back(id, future);
                    drop(cancelled);
                }
            }
        }
    }
}
