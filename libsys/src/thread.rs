//! Threads of this process.
//!
//! Each has a stack with nothing mapped around it, an IPC buffer, a block for its thread pointer, and a notification of its
//! own that its waits look at. A thread that returns stops; its memory is freed when its [`JoinHandle`] is joined.

use alloc::{boxed::Box, sync::Arc};
use core::sync::atomic::{AtomicBool, Ordering};

use abi::{PAGE_SIZE, calls, calls::Access, info, user};
use protocol::Error;

use crate::{
    Doorbell, Mapping, Memory, Notification, OwnedHandle, Pool, Thread, handle, layout, memory, sys,
    thread_block::Block,
};

/// How a thread is to be.
#[derive(Debug)]
pub struct Options {
    /// Bytes of its stack, a multiple of a page.
    pub stack: usize,
    /// Its priority, at most the pool's ceiling.
    pub priority: u8,
    /// Rung when it ends.
    pub done: Option<Doorbell>,
}

impl Options {
    /// A stack of 64 KiB at this priority.
    pub fn new(priority: u8) -> Options {
        Options { stack: layout::STACK_BYTES, priority, done: None }
    }
}

/// What a new thread runs with, and what is left of it.
struct Shared {
    block: Block,
    over: AtomicBool,
    done: Option<Doorbell>,
}

type Body = Box<dyn FnOnce() + Send>;

struct Start {
    shared: Arc<Shared>,
    body: Body,
}

/// The address of an IPC buffer, which the kernel maps and unmaps with its thread.
#[derive(Debug)]
struct Place(usize);

impl Drop for Place {
    fn drop(&mut self) {
        memory::give_addresses(self.0, PAGE_SIZE);
    }
}

/// A thread that was started here. Dropped, the thread runs on and keeps its memory.
#[derive(Debug)]
pub struct JoinHandle {
    thread: Thread,
    /// Set bits here to wake the thread's waits.
    pub notification: Notification,
    shared: Arc<Shared>,
    memory: Option<(Mapping, Place)>,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "over: {}", self.over.load(Ordering::Relaxed))
    }
}

/// Starts a thread. The pool pays for it.
pub fn spawn(pool: &Pool, options: Options, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle, Error> {
    let access = Access::READ | Access::WRITE;
    let stack_pages = options.stack.div_ceil(PAGE_SIZE).max(1);
    let stack = Memory::create(pool, stack_pages)?.map_part(0, stack_pages, access)?;
    // The kernel maps the buffer itself, where nothing is.
    let buffer = Place(memory::take_addresses(PAGE_SIZE)?);
    let notification = Notification::create(pool)?;
    let own = u64::from(user::OWN_PROCESS.raw());
    let kind = info::Kind::Thread as u64;
    let (thread, _) = sys::create(pool.raw(), kind, own, options.priority.into(), buffer.0 as u64)?;
    let thread = Thread::adopt(handle::adopt(thread)?);
    let shared = Arc::new(Shared { block: Block::new(), over: AtomicBool::new(false), done: options.done });
    let range = stack.address()..stack.address() + stack.len();
    shared.block.prepare(buffer.0, range.clone());
    sys::config(thread.raw(), calls::CONFIG_POINTER, &raw const shared.block as u64)?;
    let start = Box::into_raw(Box::new(Start { shared: shared.clone(), body: Box::new(body) }));
    let pc = run as extern "C" fn(*mut Start) -> !;
    // As after a call on x86_64: 8 below a multiple of 16; aarch64 wants a multiple.
    let sp = if cfg!(target_arch = "x86_64") { range.end - 8 } else { range.end };
    if let Err(error) = sys::start(thread.raw(), pc as usize as u64, sp as u64, start as u64, 0, notification.raw()) {
        // SAFETY: the thread did not start, so nobody else has the box.
        drop(unsafe { Box::from_raw(start) });
        return Err(error.into());
    }
    Ok(JoinHandle { thread, notification, shared, memory: Some((stack, buffer)) })
}

/// The first function of a thread.
extern "C" fn run(start: *mut Start) -> ! {
    // SAFETY: `spawn` made the box for this thread alone.
    let start = unsafe { Box::from_raw(start) };
    let Start { shared, body } = *start;
    body();
    finish(&shared);
    // The block has to outlive the thread: `join` drops the last reference, this one is never dropped.
    core::mem::forget(shared);
    loop {
        let _ = sys::recv(0, u64::MAX);
    }
}

/// Tells that the thread is over. What runs afterwards waits for ever and is destroyed by `join`.
fn finish(shared: &Shared) {
    shared.over.store(true, Ordering::Release);
    if let Some(done) = &shared.done {
        let _ = done.ring();
    }
}

impl JoinHandle {
    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Acquire)
    }

    /// Frees what it used, if it is over; otherwise hands it back.
    pub fn join(mut self) -> Result<(), JoinHandle> {
        if !self.is_over() {
            return Err(self);
        }
        // The thread only waits now; destroyed, it uses neither stack nor buffer nor block.
        if sys::destroy(self.thread.raw()).is_ok() {
            drop(self.memory.take());
        }
        Ok(())
    }

    /// The thread, for its figures and priority.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// The thread's handle, to be given away.
    pub fn handle(&self) -> Result<OwnedHandle, Error> {
        handle::dup(self.thread.handle(), abi::Rights::all())
    }
}

impl Drop for JoinHandle {
    fn drop(&mut self) {
        // Its memory is in use as long as it runs, which nobody can wait for any more: it stays mapped.
        if let Some(memory) = self.memory.take() {
            core::mem::forget(memory);
            core::mem::forget(self.shared.clone());
        }
    }
}
