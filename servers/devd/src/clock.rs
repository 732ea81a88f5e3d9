//! UTC: from PL031 or CMOS into the time page.

use core::sync::atomic::{Ordering, fence};

use libsys::{
    Access, Error, IoPorts, Mapping, Memory, Pool, Width,
    time::{self, SECOND},
};
use machine::clock::{Cmos, UPDATING};

use crate::space::Registers;

/// Words of the time page (`abi::user::TimePage`).
const SEQUENCE: usize = 0;
const UTC_OFFSET: usize = 32;
const FLAGS: usize = 40;
/// The flag: UTC is valid.
const VALID: u64 = 1;

/// The machine's clock.
pub enum Clock {
    /// PL031: seconds in its first register.
    Pl031(Registers),
    /// The index and data ports of a PC.
    Cmos(IoPorts),
}

impl Clock {
    /// The clock of a PC.
    pub fn cmos(pool: &Pool, ports: &IoPorts) -> Result<Clock, Error> {
        Ok(Clock::Cmos(ports.slice(pool, 0x70, 2)?))
    }

    /// Seconds since 1970: [`Error::NoClock`] if it tells no date.
    pub fn seconds(&self) -> Result<u64, Error> {
        match self {
            Clock::Pl031(registers) => match registers.mapping.register(registers.offset)? {
                0 => Err(Error::NoClock),
                seconds => Ok(seconds.into()),
            },
            Clock::Cmos(ports) => cmos(ports),
        }
    }
}

/// Reads until two readings agree with no update between them.
fn cmos(ports: &IoPorts) -> Result<u64, Error> {
    // Bit 7 of the index keeps NMI off; it is left on.
    let read = |register: u8| -> Result<u8, Error> {
        ports.write(0, Width::Byte, register.into())?;
        Ok(ports.read(1, Width::Byte)? as u8)
    };
    let all = || -> Result<Cmos, Error> {
        Ok(Cmos {
            second: read(0)?,
            minute: read(2)?,
            hour: read(4)?,
            day: read(7)?,
            month: read(8)?,
            year: read(9)?,
            century: read(0x32)?,
            status: read(0x0b)?,
        })
    };
    // An update takes 2 ms, a look a few µs.
    for _ in 0..10_000 {
        if read(0x0a)? & UPDATING != 0 {
            continue;
        }
        let first = all()?;
        if read(0x0a)? & UPDATING == 0 && all()? == first {
            return first.seconds().ok_or(Error::NoClock);
        }
    }
    Err(Error::NoClock)
}

/// The time page, which devd alone writes once init has made it.
pub struct TimePage(Mapping);

impl TimePage {
    /// Maps it.
    pub fn open(memory: &Memory) -> Result<TimePage, Error> {
        let page = TimePage(memory.map_part(0, 1, Access::READ | Access::WRITE)?);
        // A devd that died half-way left it odd, and whoever reads the time waits since. UTC was set before or isn't flagged.
        let sequence = page.0.double(SEQUENCE)?;
        let left = sequence.load(Ordering::Relaxed);
        sequence.store(left + (left & 1), Ordering::Release);
        Ok(page)
    }

    /// Sets UTC to this moment. Readers see the old time or the new one, never half of each.
    pub fn set(&self, utc_ns: u64) -> Result<(), Error> {
        // Before the sequence is odd: libsys reads this very page, and waits while it is.
        let now = time::now_ns();
        let sequence = self.0.double(SEQUENCE)?;
        let (offset, flags) = (self.0.double(UTC_OFFSET)?, self.0.double(FLAGS)?);
        // Odd while it is written.
        let odd = sequence.load(Ordering::Relaxed) | 1;
        sequence.store(odd, Ordering::Relaxed);
        fence(Ordering::Release);
        offset.store(utc_ns.wrapping_sub(now), Ordering::Relaxed);
        flags.fetch_or(VALID, Ordering::Relaxed);
        sequence.store(odd.wrapping_add(1), Ordering::Release);
        Ok(())
    }
}

/// Reads the clock into the page.
pub fn start(clock: &Clock, page: &TimePage) -> Result<(), Error> {
    let seconds = clock.seconds()?;
    page.set(seconds.checked_mul(SECOND).ok_or(Error::NoClock)?)
}
