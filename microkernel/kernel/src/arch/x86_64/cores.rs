//! The other cores: how they start (Intel SDM vol. 3A, 9.4), and what one core asks of the others.
//!
//! ```text
//! boot core: copies `start.s` to a page below 1 MiB ─ INIT, SIPI ─▶ real mode ▶ 64 bits ▶ `main` ─▶ waits for `release`
//! ```
//!
//! What a core asks of others while it has the kernel's lock ([`everywhere`]) is done when it goes on: those that run
//! user code or idle do it by an interrupt, those that wait for the lock in between ([`attend`]); all need nothing but
//! their own processor. So nobody waits for anybody who waits.

use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

use firmware::handover::Handover;
use kcore::hw::{CoreId, MAX_CORES};
use x86_64::VirtAddr;
use x86_64::instructions::tlb::{self, InvPcidCommand, Pcid};
use x86_64::instructions::{hlt, interrupts};

use super::clock::Clock;
use super::core_block::{self, WINDOW, core_id, stack_top};
use super::{PHYS_BASE, acpi, apic, cpu, entry, fpu, gdt, idt, paging};
use crate::boot::Region;

global_asm!(include_str!("start.s"), window = const WINDOW, cores = const MAX_CORES);

unsafe extern "C" {
    static start_code: u8;
    static start_gdt_base: u8;
    static start_far: u8;
    static start_root: u8;
    static start_main: u8;
    static start_stacks: u8;
    static start_ids: u8;
    static start_end: u8;
}

const MILLISECOND: u64 = 1_000_000;
/// How long a core stays reset before it is started (SDM vol. 3A, 9.4.4.1), and before it is told again.
const RESET_TIME: u64 = 10 * MILLISECOND;
const SECOND_CALL: u64 = MILLISECOND;
/// How long all may take: only waited out where one doesn't come.
const START_TIME: u64 = 2_000 * MILLISECOND;

/// What each core is, in [`STATES`].
const EXPECTED: u8 = 0;
const ARRIVED: u8 = 1;
const LEFT_OUT: u8 = 2;
static STATES: [AtomicU8; MAX_CORES] = [const { AtomicU8::new(EXPECTED) }; MAX_CORES];
/// The cores that run, a bit each.
static RUNNING: AtomicU8 = AtomicU8::new(1);
/// The kernel is there: cores that have arrived may join.
static RELEASED: AtomicBool = AtomicBool::new(false);
/// The kernel's root table.
static ROOT: AtomicU64 = AtomicU64::new(0);

/// Starts the other cores, on the boot core; returns those that run. One that doesn't come in time never will.
pub fn start(firmware: &Handover, tables: &acpi::Tables, paging: &paging::Kernel, clock: &Clock) -> u8 {
    let own = apic::id();
    let mut ids = [u8::MAX; MAX_CORES];
    let mut count = 1;
    ids[0] = own as u8;
    // IDs beyond a byte need interrupt remapping; machines with so many cores have others that will do.
    for id in tables.core_ids.as_slice().iter().filter(|id| **id != own && **id < 255) {
        // There are stacks for as many as the table names.
        if count < MAX_CORES.min(tables.cores as usize) {
            ids[count] = *id as u8;
            count += 1;
        }
    }
    let page = firmware.start_page.filter(|base| !tables.memory.overlap(Region { base: *base, length: 4096 }));
    let Some(page) = page.filter(|_| count > 1 && paging.start_root() != 0) else { return 1 };
    ROOT.store(paging.root(), Ordering::Relaxed);
    prepare(page, paging.start_root(), &ids);
    let others = &ids[1..count];
    others.iter().for_each(|id| apic::reset((*id).into()));
    wait(clock, RESET_TIME, || false);
    for _ in 0..2 {
        for (id, state) in others.iter().zip(&STATES[1..]) {
            if state.load(Ordering::Relaxed) == EXPECTED {
                apic::start_up((*id).into(), page);
            }
        }
        wait(clock, SECOND_CALL, || false);
    }
    let all = |state: &AtomicU8| state.load(Ordering::Acquire) == ARRIVED;
    wait(clock, START_TIME, || STATES[1..count].iter().all(all));
    for (core, state) in STATES.iter().enumerate().take(count).skip(1) {
        if state.compare_exchange(EXPECTED, LEFT_OUT, Ordering::AcqRel, Ordering::Acquire).is_err() {
            RUNNING.fetch_or(1 << core, Ordering::Relaxed);
        }
    }
    RUNNING.load(Ordering::Relaxed)
}

/// Has the cores that have arrived join in, once the kernel's lock lets them.
pub fn release() {
    RELEASED.store(true, Ordering::Release);
}

/// The cores that run.
pub fn running() -> impl Iterator<Item = CoreId> {
    cores_of(RUNNING.load(Ordering::Relaxed))
}

fn others() -> impl Iterator<Item = CoreId> {
    cores_of(other_bits())
}

/// A bit for each core that runs besides this one.
#[inline(always)]
fn other_bits() -> u8 {
    RUNNING.load(Ordering::Relaxed) & !(1 << core_id())
}

/// Those that have a bit.
#[inline(always)]
fn cores_of(mut bits: u8) -> impl Iterator<Item = CoreId> {
    core::iter::from_fn(move || {
        let core = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (core < u8::BITS).then_some(core as CoreId)
    })
}

/// Writes code and data for the start to their page.
fn prepare(page: u64, root: u64, ids: &[u8; MAX_CORES]) {
    let at = |place: *const u8| place.addr() - (&raw const start_code).addr();
    let length = at(&raw const start_end);
    let to = (PHYS_BASE + page) as *mut u8;
    // The far pointer already holds its offset in the page.
    let far = at(&raw const start_far);
    // SAFETY:
    // 1. The page is usable memory below 1 MiB, which nobody uses: `memory::claim` takes it out of `ram`, and no ACPI table lies there.
    // 2. `start.s` is shorter than a page, and the places that are written lie in it and are as long as what they get.
    unsafe {
        core::ptr::copy_nonoverlapping(&raw const start_code, to, length);
        let offset = to.add(far).cast::<u32>().read_unaligned();
        to.add(far).cast::<u32>().write_unaligned(offset + page as u32);
        let base = to.add(at(&raw const start_gdt_base)).cast::<u32>();
        base.write_unaligned(base.read_unaligned() + page as u32);
        to.add(at(&raw const start_root)).cast::<u32>().write_unaligned(root as u32);
        to.add(at(&raw const start_main)).cast::<u64>().write_unaligned(main as *const () as u64);
        to.add(at(&raw const start_stacks)).cast::<u64>().write_unaligned(stack_top(0));
        to.add(at(&raw const start_ids)).cast::<[u8; MAX_CORES]>().write_unaligned(*ids);
    }
    fence(Ordering::SeqCst);
}

fn wait(clock: &Clock, time: u64, done: impl Fn() -> bool) {
    let end = clock.now() + time;
    while clock.now() < end && !done() {
        core::hint::spin_loop();
    }
}

/// A core's first Rust code, on its own stack.
extern "C" fn main(core: u64) -> ! {
    let core = core as CoreId;
    cpu::require();
    fpu::enable();
    let root = ROOT.load(Ordering::Relaxed);
    // SAFETY: the kernel's own tables, which map all that this uses.
    unsafe { core::arch::asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
    core_block::init(core, root);
    gdt::load(core);
    idt::load();
    cpu::enable_tags();
    apic::start(core);
    apic::start_timer();
    entry::init(core);
    let state = &STATES[usize::from(core)];
    if state.compare_exchange(EXPECTED, ARRIVED, Ordering::AcqRel, Ordering::Acquire).is_err() {
        halt();
    }
    while !RELEASED.load(Ordering::Acquire) {
        attend();
        core::hint::spin_loop();
    }
    let next = crate::entry::join(core);
    // SAFETY: what the kernel has this core run; `join` leaves the lock taken.
    unsafe { entry::enter(next) }
}

// ---- what one core asks of others ----

/// What every core is to do that it concerns.
#[derive(Clone, Copy)]
pub enum Order {
    /// Forget some pages of an address space.
    Pages {
        /// Its CR3 value.
        space: u64,
        /// The first page.
        address: u64,
        /// Pages.
        pages: u64,
    },
    /// Forget an address space.
    Space {
        /// Its CR3 value.
        space: u64,
    },
    /// Fetch instructions anew.
    Code,
}

/// The order of whoever has the kernel's lock: kind and operands.
static ORDER: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
/// Orders given to each core, and done by it.
static ASKED: [AtomicU32; MAX_CORES] = [const { AtomicU32::new(0) }; MAX_CORES];
static DONE: [AtomicU32; MAX_CORES] = [const { AtomicU32::new(0) }; MAX_CORES];
/// The kernel has failed: all but one stop for good.
static STOPPED: AtomicBool = AtomicBool::new(false);
/// Cores that have stopped so.
static STANDING: AtomicU8 = AtomicU8::new(0);
/// Polls for cores that should stop before one goes on without them.
const PATIENCE: u32 = 10_000_000;

/// Has an order be done by all cores, and returns when it is. The caller has the kernel's lock, or runs alone.
pub fn everywhere(order: Order) {
    order.obey();
    let others = other_bits();
    if others == 0 {
        return;
    }
    let mut asked = 0u8;
    for core in cores_of(others).filter(|core| order.concerns(*core)) {
        if asked == 0 {
            order.write();
        }
        ASKED[usize::from(core)].fetch_add(1, Ordering::SeqCst);
        apic::send(core, idt::ATTEND);
        asked |= 1 << core;
    }
    for core in cores_of(asked).map(usize::from) {
        while DONE[core].load(Ordering::Acquire) != ASKED[core].load(Ordering::Relaxed) {
            core::hint::spin_loop();
        }
    }
}

/// Does what another core asks of this one: in its interrupt, and while this one waits for the kernel's lock.
pub fn attend() {
    if STOPPED.load(Ordering::Relaxed) {
        STANDING.fetch_add(1, Ordering::Relaxed);
        halt();
    }
    let core = usize::from(core_id());
    let asked = ASKED[core].load(Ordering::Acquire);
    if asked != DONE[core].load(Ordering::Relaxed) {
        Order::read().obey();
        DONE[core].store(asked, Ordering::Release);
    }
}

/// Stops all other cores for good, so that a last report is the only thing that happens.
pub fn stop_others() {
    if STOPPED.swap(true, Ordering::SeqCst) {
        return;
    }
    let mut count = 0;
    for core in others() {
        apic::send(core, idt::ATTEND);
        count += 1;
    }
    for _ in 0..PATIENCE {
        if STANDING.load(Ordering::Relaxed) >= count {
            return;
        }
        core::hint::spin_loop();
    }
}

fn halt() -> ! {
    interrupts::disable();
    loop {
        hlt();
    }
}

impl Order {
    /// Without tags, a TLB holds of user spaces only the one that is loaded.
    fn concerns(&self, core: CoreId) -> bool {
        match *self {
            Order::Pages { space, .. } | Order::Space { space } => cpu::tagged() || core_block::space_of(core) == space,
            Order::Code => true,
        }
    }

    fn obey(&self) {
        match *self {
            Order::Pages { space, address, pages } => forget_pages(space, address, pages),
            Order::Space { space } => match Pcid::new(space as u16 & 0xfff) {
                // SAFETY: the processor has INVPCID where it has tags (`cpu::has_tags`).
                Ok(tag) if cpu::tagged() => unsafe { tlb::flush_pcid(InvPcidCommand::Single(tag)) },
                // Reloads CR3; the kernel's global pages stay.
                _ => tlb::flush_all(),
            },
            Order::Code => {
                fence(Ordering::SeqCst);
                let _ = core::arch::x86_64::__cpuid(0);
            }
        }
    }

    fn write(&self) {
        let words = match *self {
            Order::Pages { space, address, pages } => [0, space, address, pages],
            Order::Space { space } => [1, space, 0, 0],
            Order::Code => [2, 0, 0, 0],
        };
        ORDER.iter().zip(words).for_each(|(to, word)| to.store(word, Ordering::Relaxed));
    }

    fn read() -> Order {
        let [kind, space, address, pages] = [0, 1, 2, 3].map(|i: usize| ORDER[i].load(Ordering::Relaxed));
        match kind {
            0 => Order::Pages { space, address, pages },
            1 => Order::Space { space },
            _ => Order::Code,
        }
    }
}

/// Where a space is not loaded and there are no tags, that is harmless.
fn forget_pages(space: u64, address: u64, pages: u64) {
    for page in 0..pages {
        let address = VirtAddr::new_truncate(address + 4096 * page);
        match Pcid::new(space as u16 & 0xfff) {
            // SAFETY: as in `Order::obey`.
            Ok(tag) if cpu::tagged() => unsafe { tlb::flush_pcid(InvPcidCommand::Address(address, tag)) },
            _ => tlb::flush(address),
        }
    }
}
