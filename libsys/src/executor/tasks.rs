//! The tasks of an executor and the queue of those that are ready.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, task::Wake, vec::Vec};
use core::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Waker,
};

use crate::Mutex;

/// A boxed task.
pub(super) type Future = Pin<Box<dyn core::future::Future<Output = ()>>>;

/// Names a task; a name is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId {
    slot: u32,
    generation: u32,
}

/// The queue is shared with wakers, which have to be `Send`; within the one thread its lock is always free.
type Queue = Arc<Mutex<VecDeque<TaskId>>>;

struct TaskWaker {
    id: TaskId,
    queued: AtomicBool,
    queue: Queue,
}

impl TaskWaker {
    fn enqueue(&self) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.queue.lock().push_back(self.id);
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.enqueue();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.enqueue();
    }
}

struct Task {
    /// None while it runs.
    future: Option<Future>,
    waker: Arc<TaskWaker>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    task: Option<Task>,
}

pub(super) struct Tasks {
    slots: Vec<Slot>,
    free: Vec<u32>,
    queue: Queue,
}

impl Tasks {
    pub(super) fn new() -> Tasks {
        Tasks { slots: Vec::new(), free: Vec::new(), queue: Arc::new(Mutex::new(VecDeque::new())) }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds a task, ready to run.
    pub(super) fn add(&mut self, future: Future) -> TaskId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let place = &mut self.slots[slot as usize];
        let id = TaskId { slot, generation: place.generation };
        let waker = Arc::new(TaskWaker { id, queued: AtomicBool::new(false), queue: self.queue.clone() });
        waker.enqueue();
        place.task = Some(Task { future: Some(future), waker });
        id
    }

    fn slot(&mut self, id: TaskId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation && slot.task.is_some())
    }

    /// Takes the next ready task's future out, to be polled.
    pub(super) fn take_ready(&mut self) -> Option<(TaskId, Future, Waker)> {
        loop {
            let id = self.queue.lock().pop_front()?;
            let Some(Slot { task: Some(task), .. }) = self.slot(id) else { continue };
            // From here on a wake counts for the next turn.
            task.waker.queued.store(false, Ordering::Relaxed);
            if let Some(future) = task.future.take() {
                return Some((id, future, Waker::from(task.waker.clone())));
            }
        }
    }

    /// Puts a future back that is not over; hands it out again if the task was cancelled meanwhile.
    pub(super) fn put_back(&mut self, id: TaskId, future: Future) -> Option<Future> {
        match self.slot(id) {
            Some(Slot { task: Some(task), .. }) => {
                task.future = Some(future);
                None
            }
            _ => Some(future),
        }
    }

    /// Forgets a task; its future is handed out to be dropped.
    pub(super) fn remove(&mut self, id: TaskId) -> Option<Future> {
        let slot = self.slot(id)?;
        let task = slot.task.take();
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        task.and_then(|task| task.future)
    }
}
