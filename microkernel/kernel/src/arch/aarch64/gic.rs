//! The Generic Interrupt Controller, version 2 (IHI 0048) or 3 (IHI 0069).
//!
//! Line n of the kernel is the shared peripheral interrupt n, interrupt ID n + 32. Each goes to one core, is masked by
//! disabling it, and has the same priority as every other. An interrupt that was taken is acknowledged, handed to the
//! kernel (which masks it), and only then ended: so a level that is still asserted isn't signalled again.
//!
//! The distributor is nearly the same in both versions and lives here; `v2` and `v3` have the rest.

mod v2;
mod v3;

use core::sync::atomic::{AtomicU32, Ordering};

use firmware::dtb::Location;
use kcore::hw::{CoreId, Trigger};

use super::mmu;
use super::registers::Mmio;
use crate::boot::Region;

pub use v2::MessageFrame;

/// The first shared peripheral interrupt's ID.
pub const FIRST_SHARED: u32 = 32;
/// IDs from here on are answers, not interrupts.
const SPECIAL: u32 = 1020;
/// The software-generated interrupt that has another core reschedule.
pub const KICK: u32 = 0;
/// The one priority: the middle, so the mask (lowest) lets it through in secure and non-secure views.
const PRIORITY: u32 = 0xa0a0_a0a0;
/// Lets every priority through but the idle one.
const PRIORITY_MASK: u8 = 0xf0;

/// Distributor registers.
mod distributor {
    pub const CONTROL: usize = 0x0000;
    pub const TYPE: usize = 0x0004;
    pub const GROUP: usize = 0x0080;
    pub const SET_ENABLE: usize = 0x0100;
    pub const CLEAR_ENABLE: usize = 0x0180;
    pub const CLEAR_PENDING: usize = 0x0280;
    pub const CLEAR_ACTIVE: usize = 0x0380;
    pub const PRIORITY: usize = 0x0400;
    pub const CONFIGURATION: usize = 0x0c00;
}

/// The timers' ID, if the controller is of version 3; else 0.
static TIMER: AtomicU32 = AtomicU32::new(0);

/// The controller.
#[derive(Clone, Copy, Debug)]
pub struct Gic {
    distributor: Mmio,
    shared: u32,
    version: Version,
}

#[derive(Clone, Copy, Debug)]
enum Version {
    Two(v2::Interface),
    Three(v3::Interface),
}

/// An acknowledged interrupt, to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an interrupt that isn't ended blocks all others"]
pub struct Taken(u32);

impl Taken {
    /// The interrupt's ID, without the sender that version 2 adds to software-generated ones. (Version 3's longer IDs
    /// are message-signalled through an ITS, which is never set up.)
    pub fn id(self) -> u32 {
        self.0 & 0x3ff
    }

    /// It is an answer: there was none.
    pub fn is_special(self) -> bool {
        self.id() >= SPECIAL
    }
}

/// What an interrupt is, by the short way that there is for the timer's.
pub enum Short {
    /// The timer's: to be ended by this.
    Timer(u32),
    /// Another, taken.
    Other(Taken),
    /// There is no short way: nothing was taken.
    No,
}

/// Takes an interrupt by the short way, which knows the controller without looking.
#[inline(always)]
pub fn take_shortly() -> Short {
    let timer = TIMER.load(Ordering::Relaxed);
    if timer == 0 {
        return Short::No;
    }
    let taken = v3::acknowledge();
    if taken == timer { Short::Timer(taken) } else { Short::Other(Taken(taken)) }
}

/// Ends the timer's.
#[inline(always)]
pub fn end_shortly(timer: u32) {
    v3::end(timer);
}

impl Gic {
    /// Maps and starts the controller: all lines masked; and what the running core has of it.
    ///
    /// # Safety
    ///
    /// The device tree was right about `location`, nobody else uses the controller, and this is called once.
    pub unsafe fn start(location: Location, timer: u32) -> Result<Gic, &'static str> {
        let map = |region: Region, least: u64| {
            if region.length < least {
                return Err("an interrupt controller block that is too small");
            }
            let base = mmu::map_device(Region { base: region.base, length: region.length.min(mmu::DEVICE_LIMIT) })?;
            // SAFETY: just mapped as device memory for good; only this module uses it, by the caller's promise.
            Ok(unsafe { Mmio::new(base) })
        };
        let (distributor, version) = match location {
            Location::V2 { distributor, interface, messages } => {
                let frame = match messages {
                    Some(region) => Some(MessageFrame::new(region.base, map(region, 0x1000)?)),
                    None => None,
                };
                (map(distributor, 0x1000)?, Version::Two(v2::Interface::new(map(interface, 0x1000)?, frame)))
            }
            Location::V3 { distributor, redistributors } => {
                let interface = v3::Interface::new(map(redistributors, 0x2_0000)?, redistributors.length);
                (map(distributor, 0x1_0000)?, Version::Three(interface))
            }
        };
        let ids = ((distributor.read(distributor::TYPE) & 0x1f) + 1) * 32;
        let gic = Gic { distributor, shared: ids.min(SPECIAL) - FIRST_SHARED, version };
        gic.start_distributor();
        if gic.start_core(timer) { Ok(gic) } else { Err("no redistributor for this core") }
    }

    /// Wired lines: those below the ones that messages raise.
    pub fn lines(&self) -> u32 {
        self.messages().map_or(self.shared, |(first, _)| first)
    }

    /// The first line that a message raises, and how many do.
    pub fn messages(&self) -> Option<(u32, u32)> {
        let Version::Two(interface) = self.version else { return None };
        let frame = interface.frame?;
        let last = (frame.first + frame.count).min(self.shared);
        (frame.first < last).then(|| (frame.first, last - frame.first))
    }

    /// Address and data of the message that raises a line.
    pub fn message(&self, line: u32) -> Option<(u64, u32)> {
        let (first, count) = self.messages()?;
        let Version::Two(interface) = self.version else { return None };
        let address = interface.frame?.address();
        (line >= first && line - first < count).then_some((address, line + FIRST_SHARED))
    }

    /// Masks a line, forgets what is pending, sets its trigger and sends it to the running core.
    pub fn configure(&self, line: u32, trigger: Trigger) {
        let Some(id) = self.id(line) else { return };
        self.mask(line);
        let (offset, shift) = (distributor::CONFIGURATION + id as usize / 16 * 4, id % 16 * 2);
        let others = self.distributor.read(offset) & !(3 << shift);
        let edge = if trigger == Trigger::Edge { 2 } else { 0 };
        self.distributor.write(offset, others | edge << shift);
        match self.version {
            Version::Two(interface) => interface.route(self.distributor, id),
            Version::Three(_) => v3::route(self.distributor, id),
        }
        self.distributor.write(distributor::CLEAR_PENDING + id as usize / 32 * 4, 1 << (id % 32));
    }

    /// Masks a line.
    pub fn mask(&self, line: u32) {
        if let Some(id) = self.id(line) {
            self.distributor.write(distributor::CLEAR_ENABLE + id as usize / 32 * 4, 1 << (id % 32));
            self.settle();
        }
    }

    /// Unmasks a line.
    pub fn unmask(&self, line: u32) {
        if let Some(id) = self.id(line) {
            self.distributor.write(distributor::SET_ENABLE + id as usize / 32 * 4, 1 << (id % 32));
        }
    }

    /// Sends the reschedule interrupt to a core; one that never started gets none.
    pub fn kick(&self, core: CoreId) {
        match self.version {
            Version::Two(_) => v2::kick(self.distributor, core),
            Version::Three(_) => v3::kick(core),
        }
    }

    /// Opens the short way to the timer's interrupts, if the controller has one.
    pub fn tell_timer(&self, timer: u32) {
        if matches!(self.version, Version::Three(_)) {
            TIMER.store(timer, Ordering::Relaxed);
        }
    }

    /// Takes the most urgent pending interrupt of the running core, if there is one still.
    pub fn take(&self) -> Option<Taken> {
        let taken = Taken(match self.version {
            Version::Two(interface) => interface.acknowledge(),
            Version::Three(_) => v3::acknowledge(),
        });
        (!taken.is_special()).then_some(taken)
    }

    /// Ends an interrupt: others of its priority may come again, and so may it.
    pub fn end(&self, taken: Taken) {
        match self.version {
            Version::Two(interface) => interface.end(taken.0),
            Version::Three(_) => v3::end(taken.0),
        }
    }

    fn id(&self, line: u32) -> Option<u32> {
        (line < self.shared).then_some(line + FIRST_SHARED)
    }

    /// Everything off, every shared interrupt in one group with one priority and level-triggered; then on.
    fn start_distributor(&self) {
        let registers = self.distributor;
        registers.write(distributor::CONTROL, 0);
        self.settle();
        let three = matches!(self.version, Version::Three(_));
        for block in 1..(self.shared + FIRST_SHARED).div_ceil(32) as usize {
            registers.write(distributor::CLEAR_ENABLE + block * 4, u32::MAX);
            registers.write(distributor::CLEAR_PENDING + block * 4, u32::MAX);
            registers.write(distributor::CLEAR_ACTIVE + block * 4, u32::MAX);
            if three {
                registers.write(distributor::GROUP + block * 4, u32::MAX);
            }
            for word in block * 8..block * 8 + 8 {
                registers.write(distributor::PRIORITY + word * 4, PRIORITY);
            }
            for word in block * 2..block * 2 + 2 {
                registers.write(distributor::CONFIGURATION + word * 4, 0);
            }
        }
        self.settle();
        registers.write(distributor::CONTROL, if three { v3::CONTROL } else { v2::CONTROL });
        self.settle();
    }

    /// Starts what the running core has of the controller: timer and reschedule interrupts on; false if it has nothing.
    pub fn start_core(&self, timer: u32) -> bool {
        match self.version {
            Version::Two(interface) => {
                interface.start(self.distributor, timer);
                true
            }
            Version::Three(interface) => interface.start(timer),
        }
    }

    /// Waits until the distributor has done what it was told (version 3 takes its time), within a bound.
    fn settle(&self) {
        if matches!(self.version, Version::Three(_)) {
            v3::settle(self.distributor, distributor::CONTROL);
        }
    }
}
