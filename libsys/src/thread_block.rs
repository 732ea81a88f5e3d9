//! What each thread knows about itself: a block that the thread pointer leads to.

use core::{cell::Cell, marker::PhantomData, ops::Range};

use abi::message;

use crate::arch;

/// A thread's block. The first word is its own address, because x86_64 reads the thread pointer through itself.
#[repr(C)]
pub(crate) struct Block {
    me: Cell<*const Block>,
    buffer: Cell<*mut u8>,
    stack: Cell<(usize, usize)>,
    pending: Cell<u64>,
    in_panic: Cell<bool>,
}

// SAFETY: a block is used by its own thread alone; the creator fills it in before the thread starts.
unsafe impl Sync for Block {}
// SAFETY: as above; it is filled in by one thread and then used by another.
unsafe impl Send for Block {}

impl Block {
    /// An empty block.
    pub(crate) const fn new() -> Block {
        Block {
            me: Cell::new(core::ptr::null()),
            buffer: Cell::new(core::ptr::null_mut()),
            stack: Cell::new((0, 0)),
            pending: Cell::new(0),
            in_panic: Cell::new(false),
        }
    }

    /// Forgets what its thread was at: for a clone, whose thread is another.
    #[allow(dead_code, reason = "the host has no clones")]
    pub(crate) fn reset(&self) {
        self.pending.set(0);
        self.in_panic.set(false);
    }

    /// Fills the block in, before the thread pointer leads to it.
    pub(crate) fn prepare(&self, buffer: usize, stack: Range<usize>) {
        self.me.set(self);
        self.buffer.set(buffer as *mut u8);
        self.stack.set((stack.start, stack.end));
    }

    /// Its thread's stack.
    pub(crate) fn stack(&self) -> Range<usize> {
        self.stack.get().0..self.stack.get().1
    }
}

fn block() -> Option<&'static Block> {
    // SAFETY: 1. The pointer is null (host) or this thread's block. 2. Blocks live as long as their thread, and the
    // reference does not leave this module.
    unsafe { arch::block().as_ref() }
}

/// Bits that came while the thread waited for something else; they are told at the next `recv`.
pub(crate) fn pending() -> u64 {
    block().map_or(0, |block| block.pending.get())
}

/// Takes those of the pending bits that the mask has.
pub(crate) fn take_pending(mask: u64) -> u64 {
    let Some(block) = block() else { return 0 };
    let bits = block.pending.get() & mask;
    block.pending.set(block.pending.get() & !bits);
    bits
}

/// Keeps bits for later.
pub(crate) fn keep_pending(bits: u64) {
    if let Some(block) = block() {
        block.pending.set(block.pending.get() | bits);
    }
}

/// This thread's stack.
pub(crate) fn stack() -> Range<usize> {
    block().map_or(0..0, Block::stack)
}

#[cfg_attr(not(target_os = "viaether"), allow(dead_code, reason = "the host panics by itself"))]
/// Marks that this thread panics; tells whether it did already.
pub(crate) fn enter_panic() -> bool {
    block().is_some_and(|block| block.in_panic.replace(true))
}

/// This thread's IPC buffer, between two of its own system calls.
pub(crate) struct Buffer {
    start: *mut u8,
    not_send: PhantomData<*mut u8>,
}

impl Buffer {
    /// The buffer of the running thread; none on the host.
    pub(crate) fn own() -> Option<Buffer> {
        let start = block()?.buffer.get();
        (!start.is_null()).then_some(Buffer { start, not_send: PhantomData })
    }

    /// The payload.
    pub(crate) fn payload(&mut self) -> &mut [u8; message::MAX_BYTES] {
        // SAFETY:
        // 1. The buffer is a page that stays mapped while the thread lives, aligned, and large enough.
        // 2. Only this thread and, in its message calls, the kernel touch it. Within this crate a `Buffer` is made in a
        //    function that ends before or after the message call, so no reference is alive during one.
        unsafe { &mut *self.start.add(message::BUFFER_PAYLOAD).cast() }
    }

    /// The handles.
    pub(crate) fn handles(&mut self) -> &mut [u32; message::MAX_HANDLES] {
        // SAFETY: as in `payload`; a page is aligned for u32.
        unsafe { &mut *self.start.cast() }
    }
}
