//! GICv3: the CPU interface in system registers, a redistributor a core, routing by affinity.

use core::sync::atomic::{AtomicU64, Ordering};

use aarch64_cpu::registers::{MPIDR_EL1, Readable};
use kcore::hw::{CoreId, MAX_CORES};

use super::{KICK, PRIORITY, PRIORITY_MASK, distributor};
use crate::arch::aarch64::core_id;
use crate::arch::aarch64::registers::{Mmio, dsb, isb, read_register, write_register};

/// GICD_CTLR: affinity routing, and group 1 in both the view without security (bit 1) and the non-secure one (bit 0,
/// with bit 1 for affinity routing).
pub const CONTROL: u32 = 1 << 4 | 1 << 1 | 1;

/// GICD_CTLR.RWP.
const WRITE_PENDING: u32 = 1 << 31;
/// GICR_CTLR.RWP.
const REDISTRIBUTOR_WRITE_PENDING: u32 = 1 << 3;
const ROUTER: usize = 0x6000;
const REDISTRIBUTOR_CONTROL: usize = 0x0000;
const REDISTRIBUTOR_TYPE: usize = 0x0008;
const WAKER: usize = 0x0014;
/// GICR_WAKER.ProcessorSleep and ChildrenAsleep.
const SLEEP: u32 = 1 << 1;
const ASLEEP: u32 = 1 << 2;
/// The frame for private interrupts follows the control frame.
const PRIVATE: usize = 0x1_0000;
/// Polls of a register before one goes on without.
const PATIENCE: u32 = 1_000_000;

/// Each core's affinity, as in IROUTER, with bit 63 once it is known.
static AFFINITY: [AtomicU64; MAX_CORES] = [const { AtomicU64::new(0) }; MAX_CORES];
const KNOWN: u64 = 1 << 63;

/// The redistributors of all cores.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    first: Mmio,
    /// Bytes of them.
    length: u64,
}

impl Interface {
    pub(super) fn new(first: Mmio, length: u64) -> Self {
        Interface { first, length }
    }

    /// Wakes the running core's redistributor, private interrupts off but timer and kick; then lets interrupts through.
    /// False if it has none.
    pub(super) fn start(&self, timer: u32) -> bool {
        let Some(registers) = own_redistributor(self.first, self.length) else { return false };
        registers.write(WAKER, registers.read(WAKER) & !SLEEP);
        wait_until(|| registers.read(WAKER) & ASLEEP == 0);
        registers.write(PRIVATE + distributor::CLEAR_ENABLE, u32::MAX);
        registers.write(PRIVATE + distributor::CLEAR_PENDING, u32::MAX);
        registers.write(PRIVATE + distributor::CLEAR_ACTIVE, u32::MAX);
        registers.write(PRIVATE + distributor::GROUP, u32::MAX);
        for word in 0..8 {
            registers.write(PRIVATE + distributor::PRIORITY + word * 4, PRIORITY);
        }
        wait_until(|| registers.read(REDISTRIBUTOR_CONTROL) & REDISTRIBUTOR_WRITE_PENDING == 0);
        registers.write(PRIVATE + distributor::SET_ENABLE, 1 << KICK | 1 << timer);
        AFFINITY[usize::from(core_id())].store(own_affinity() | KNOWN, Ordering::Relaxed);

        write_register!("ICC_SRE_EL1", read_register!("ICC_SRE_EL1") | 1);
        isb();
        write_register!("ICC_PMR_EL1", PRIORITY_MASK.into());
        write_register!("ICC_BPR1_EL1", 0);
        write_register!("ICC_CTLR_EL1", 0);
        write_register!("ICC_IGRPEN1_EL1", 1);
        isb();
        true
    }
}

/// The running core's redistributor among those in `length` bytes from `first` on.
fn own_redistributor(first: Mmio, length: u64) -> Option<Mmio> {
    let own = own_affinity();
    let own = own >> 32 << 24 | own & 0xff_ffff;
    let mut offset = 0;
    while offset as u64 + 0x2_0000 <= length.min(crate::arch::aarch64::mmu::DEVICE_LIMIT) {
        let frame = first.at(offset);
        let kind = frame.read64(REDISTRIBUTOR_TYPE);
        if kind >> 32 == own {
            return Some(frame);
        }
        // Last; or on to the next, past the two frames for virtual interrupts if there are any.
        if kind & 1 << 4 != 0 {
            return None;
        }
        offset += if kind & 1 << 1 != 0 { 0x4_0000 } else { 0x2_0000 };
    }
    None
}

pub(super) fn route(registers: Mmio, id: u32) {
    registers.write64(ROUTER + id as usize * 8, own_affinity());
}

pub(super) fn kick(core: CoreId) {
    let Some(affinity) = AFFINITY.get(usize::from(core)) else { return };
    let affinity = affinity.load(Ordering::Relaxed);
    if affinity & KNOWN == 0 {
        return;
    }
    let level = |n: u32| affinity >> n & 0xff;
    // What was written for the other core is to be seen when it looks.
    dsb();
    let (range, bit) = (level(0) / 16, level(0) % 16);
    let to = level(32) << 48 | range << 44 | level(16) << 32 | level(8) << 16 | 1 << bit;
    write_register!("ICC_SGI1R_EL1", to | u64::from(KICK) << 24);
    isb();
}

pub(super) fn acknowledge() -> u32 {
    let id = read_register!("ICC_IAR1_EL1") as u32;
    // The acknowledgement is done before the device is looked at.
    dsb();
    id
}

pub(super) fn end(acknowledged: u32) {
    write_register!("ICC_EOIR1_EL1", acknowledged.into());
    isb();
}

pub(super) fn settle(registers: Mmio, control: usize) {
    wait_until(|| registers.read(control) & WRITE_PENDING == 0);
}

fn wait_until(done: impl Fn() -> bool) {
    for _ in 0..PATIENCE {
        if done() {
            return;
        }
        core::hint::spin_loop();
    }
}

/// Aff3 at bit 32, Aff2 to Aff0 below bit 24.
fn own_affinity() -> u64 {
    MPIDR_EL1.get() & 0xff_00ff_ffff
}
