//! What belongs to one core: its block of data, and its stacks.
//!
//! The system call stub of each core finds its block at a fixed address, without `swapgs`. The interrupt stubs find it
//! by the stack: each core's stacks lie in a window of [`WINDOW`] bytes, aligned to its size, whose last word points to
//! the core's block.
//!
//! ```text
//! page  0 guard   1–2 #MC   3 guard   4–5 NMI   6 guard   7–8 #DF   9–11 guard   12–31 kernel stack, pointer at the top
//! ```

use core::cell::UnsafeCell;
use core::mem::{MaybeUninit, offset_of};

use kcore::Context;
use kcore::hw::{CoreId, MAX_CORES};

/// Where the windows start.
pub const STACKS: u64 = 0xffff_ffff_c000_0000;
/// Bytes from one core's window to the next.
pub const WINDOW: u64 = 32 * 4096;
/// Tops of the stacks for exceptions that may come while no stack can be trusted, as pages of the window: #MC, NMI, #DF.
pub const EXCEPTION_STACKS: [u64; 3] = [3, 6, 9];
/// The pages of a window that are mapped. The kernel stack is as large as it is for `kmain`, which builds the kernel's
/// state, some 40 KiB, before it moves it to its place.
const PAGES: [core::ops::Range<u64>; 4] = [1..3, 4..6, 7..9, 12..32];
/// Below the top of the kernel stack: the pointer to the block, and 8 bytes that keep the alignment.
const POINTER: u64 = 16;

/// A core's data. Only this core touches it, with interrupts off, but for `idle` while it waits; `space` is read by
/// whoever has the kernel's lock.
#[repr(C, align(128))]
pub struct CoreBlock {
    /// The context whose thread runs, [`GONE`] when it must not be saved any more; null while idle.
    pub current: *mut Context,
    /// Where the kernel stack starts.
    pub stack: u64,
    /// The user's stack pointer, while the entry stub needs a register.
    pub scratch: u64,
    /// The value of CR3 as it was asked for (with PCID's "keep" bit).
    pub space: u64,
    /// The kernel's own CR3, for when no thread runs.
    pub kernel_space: u64,
    /// 1 while the core waits for an interrupt in `idle`.
    pub idle: u64,
}

/// Offsets for the stubs.
pub const CURRENT: usize = offset_of!(CoreBlock, current);
#[allow(missing_docs, reason = "as CURRENT")]
pub const STACK: usize = offset_of!(CoreBlock, stack);
#[allow(missing_docs, reason = "as CURRENT")]
pub const SCRATCH: usize = offset_of!(CoreBlock, scratch);
#[allow(missing_docs, reason = "as CURRENT")]
pub const SPACE: usize = offset_of!(CoreBlock, space);
#[allow(missing_docs, reason = "as CURRENT")]
pub const KERNEL_SPACE: usize = offset_of!(CoreBlock, kernel_space);
#[allow(missing_docs, reason = "as CURRENT")]
pub const IDLE: usize = offset_of!(CoreBlock, idle);

/// All blocks.
#[repr(transparent)]
pub struct Blocks([UnsafeCell<CoreBlock>; MAX_CORES]);

// SAFETY: each block is touched by its own core alone (see `CoreBlock`), and by boot code before that core runs.
unsafe impl Sync for Blocks {}

/// The blocks, core 0 first.
pub static BLOCKS: Blocks = Blocks([const { UnsafeCell::new(CoreBlock::new()) }; MAX_CORES]);

impl CoreBlock {
    const fn new() -> Self {
        CoreBlock { current: core::ptr::null_mut(), stack: 0, scratch: 0, space: 0, kernel_space: 0, idle: 0 }
    }
}

/// Where a core's kernel stack starts.
pub const fn stack_top(core: CoreId) -> u64 {
    STACKS + WINDOW * (core as u64 + 1) - POINTER
}

/// Addresses of the pages of a core's stacks.
pub fn stack_pages(core: CoreId) -> impl Iterator<Item = u64> {
    let window = STACKS + WINDOW * u64::from(core);
    PAGES.into_iter().flatten().map(move |page| window + 4096 * page)
}

/// The running core.
pub fn core_id() -> CoreId {
    let here = 0u8;
    ((&raw const here as u64).wrapping_sub(STACKS) / WINDOW) as CoreId
}

/// The running core's block.
pub fn own() -> *mut CoreBlock {
    of(core_id())
}

/// A core's block.
#[inline(always)]
pub fn of(core: CoreId) -> *mut CoreBlock {
    BLOCKS.0[usize::from(core) % MAX_CORES].get()
}

/// Sets the running core up. Its stacks are mapped and this runs on its kernel stack.
pub fn init(core: CoreId, kernel_root: u64) {
    let block = of(core);
    // SAFETY:
    // 1. The boot code of this core alone touches its block now.
    // 2. The word at `stack_top` lies in the mapped top page of the window, above all stack frames.
    unsafe {
        (*block).stack = stack_top(core);
        (*block).space = kernel_root;
        (*block).kernel_space = kernel_root;
        (stack_top(core) as *mut *mut CoreBlock).write(block);
    }
}

/// The CR3 value with which a core runs, as it was when that last had the kernel's lock, which the caller has now.
pub fn space_of(core: CoreId) -> u64 {
    // SAFETY: cores write it with the lock taken only, or before they join.
    unsafe { (&raw const (*of(core)).space).read_volatile() }
}

/// Where the registers of a thread go that is gone, whichever core it ran on. Never read.
#[repr(transparent)]
struct Gone(UnsafeCell<MaybeUninit<Context>>);

// SAFETY: written by the stubs alone, and never read: it does no harm if several cores do so at once.
unsafe impl Sync for Gone {}

static GONE: Gone = Gone(UnsafeCell::new(MaybeUninit::zeroed()));

/// The running thread is gone: its context must not be written, its address space not be used any more.
pub fn forget_current() {
    let block = own();
    // SAFETY:
    // 1. The kernel runs on this core with interrupts off: nobody else touches the block.
    // 2. The kernel's root has the same kernel half as the one that is loaded.
    unsafe {
        (*block).current = GONE.0.get().cast();
        if (*block).space != (*block).kernel_space {
            (*block).space = (*block).kernel_space;
            core::arch::asm!("mov cr3, {}", in(reg) (*block).kernel_space, options(nostack, preserves_flags));
        }
    }
}

/// Sets the running thread's FS base, which its context doesn't hold while it runs.
pub fn set_thread_pointer(pointer: u64) {
    x86_64::registers::model_specific::FsBase::write(x86_64::VirtAddr::new_truncate(pointer));
}
