//! GICv2: the CPU interface in memory, and the GICv2m frame that turns messages into shared interrupts.

use core::sync::atomic::{AtomicU8, Ordering};

use kcore::hw::{CoreId, MAX_CORES};

use super::{KICK, PRIORITY, PRIORITY_MASK, distributor};
use crate::arch::aarch64::core_id;
use crate::arch::aarch64::registers::{Mmio, dsb};

/// GICD_CTLR: on. Bit 0 is the only group of a controller without security, and group 1 seen from the non-secure side.
pub const CONTROL: u32 = 1;

const TARGETS: usize = 0x0800;
const SOFTWARE: usize = 0x0f00;
const INTERFACE_CONTROL: usize = 0x00;
const INTERFACE_MASK: usize = 0x04;
const ACKNOWLEDGE: usize = 0x0c;
const END: usize = 0x10;

/// Each core's bit in target registers, learnt when it starts; 0 before.
static OWN_BIT: [AtomicU8; MAX_CORES] = [const { AtomicU8::new(0) }; MAX_CORES];

/// The CPU interface (the same address on all cores) and the message frame.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    registers: Mmio,
    pub(super) frame: Option<MessageFrame>,
}

impl Interface {
    pub(super) fn new(registers: Mmio, frame: Option<MessageFrame>) -> Self {
        Interface { registers, frame }
    }

    /// Private interrupts off but timer and kick; then lets interrupts through.
    pub(super) fn start(&self, distributor: Mmio, timer: u32) {
        distributor.write(distributor::CLEAR_ENABLE, u32::MAX);
        distributor.write(distributor::CLEAR_ACTIVE, u32::MAX);
        for word in 0..8 {
            distributor.write(distributor::PRIORITY + word * 4, PRIORITY);
        }
        // The target registers of private interrupts read as the reading core's bit, in each byte that is implemented.
        let bits = (0..8).fold(0, |bits, word| bits | distributor.read(TARGETS + word * 4));
        let own = (bits | bits >> 8 | bits >> 16 | bits >> 24) as u8;
        // A controller for one core has none of these registers, and that core is 0.
        OWN_BIT[usize::from(core_id())].store(if own == 0 { 1 } else { own }, Ordering::Relaxed);
        distributor.write(distributor::SET_ENABLE, 1 << KICK | 1 << timer);
        self.registers.write(INTERFACE_MASK, PRIORITY_MASK.into());
        self.registers.write(INTERFACE_CONTROL, 1);
    }

    pub(super) fn route(&self, distributor: Mmio, id: u32) {
        let own = OWN_BIT[usize::from(core_id())].load(Ordering::Relaxed);
        distributor.write8(TARGETS + id as usize, own);
    }

    pub(super) fn acknowledge(&self) -> u32 {
        self.registers.read(ACKNOWLEDGE)
    }

    pub(super) fn end(&self, acknowledged: u32) {
        self.registers.write(END, acknowledged);
    }
}

pub(super) fn kick(distributor: Mmio, core: CoreId) {
    let Some(bit) = OWN_BIT.get(usize::from(core)) else { return };
    // What was written for the other core is to be seen when it looks.
    dsb();
    distributor.write(SOFTWARE, u32::from(bit.load(Ordering::Relaxed)) << 16 | KICK);
}

/// A GICv2m frame (Arm Server Base System Architecture, appendix E): a write of an interrupt's ID to it raises that
/// interrupt.
#[derive(Clone, Copy, Debug)]
pub struct MessageFrame {
    physical: u64,
    pub(super) first: u32,
    pub(super) count: u32,
}

impl MessageFrame {
    /// Reads the frame's MSI_TYPER.
    pub(super) fn new(physical: u64, registers: Mmio) -> Self {
        let kind = registers.read(0x008);
        let (first, count) = (kind >> 16 & 0x3ff, kind & 0x3ff);
        match first.checked_sub(super::FIRST_SHARED) {
            Some(first) => MessageFrame { physical, first, count },
            None => MessageFrame { physical, first: 0, count: 0 },
        }
    }

    /// Where a device writes: MSI_SETSPI_NS.
    pub(super) fn address(&self) -> u64 {
        self.physical + 0x40
    }
}
