//! Real-time clocks.
//!
//! PL031 counts seconds since 1970 and needs nothing. The CMOS clock of a PC (MC146818A data sheet) keeps a calendar, in
//! BCD or binary, in 12 or 24 hours; the century stands in a register that ACPI's FADT names, 0x32 everywhere.

/// What the CMOS clock's registers say, read while no update was in progress and twice the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cmos {
    /// Register 0.
    pub second: u8,
    /// Register 2.
    pub minute: u8,
    /// Register 4.
    pub hour: u8,
    /// Register 7.
    pub day: u8,
    /// Register 8.
    pub month: u8,
    /// Register 9.
    pub year: u8,
    /// Register 0x32.
    pub century: u8,
    /// Register 0x0b: status B.
    pub status: u8,
}

/// Status A: an update is in progress.
pub const UPDATING: u8 = 0x80;
/// Status B: 24 hours.
const HOURS_24: u8 = 2;
/// Status B: binary.
const BINARY: u8 = 4;
/// Hour: afternoon, in 12 hours.
const AFTERNOON: u8 = 0x80;

impl Cmos {
    /// Seconds since 1970; none if it is no date.
    pub fn seconds(&self) -> Option<u64> {
        let value = |raw: u8| match self.status & BINARY {
            0 if raw & 15 <= 9 && raw >> 4 <= 9 => Some(u64::from(raw >> 4) * 10 + u64::from(raw & 15)),
            0 => None,
            _ => Some(u64::from(raw)),
        };
        let hour = match self.status & HOURS_24 {
            0 => {
                let hour = value(self.hour & !AFTERNOON).filter(|hour| (1..=12).contains(hour))?;
                hour % 12 + if self.hour & AFTERNOON != 0 { 12 } else { 0 }
            }
            _ => value(self.hour)?,
        };
        // A clock without a century is of this one.
        let century = value(self.century).filter(|century| (19..=29).contains(century)).unwrap_or(20);
        let (year, month, day) = (century * 100 + value(self.year)?, value(self.month)?, value(self.day)?);
        let (minute, second) = (value(self.minute)?, value(self.second)?);
        let sane = year >= 1970 && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 61;
        if !sane || day == 0 || day > days_in(year, month) {
            return None;
        }
        Some(((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCD: Cmos =
        Cmos { second: 0x56, minute: 0x34, hour: 0x12, day: 0x29, month: 2, year: 0x24, century: 0x20, status: 2 };

    #[test]
    fn bcd_and_binary_say_the_same() {
        assert_eq!(BCD.seconds(), Some(1_709_210_096));
        let binary =
            Cmos { second: 56, minute: 34, hour: 12, day: 29, month: 2, year: 24, century: 20, status: 2 | BINARY };
        assert_eq!(binary.seconds(), BCD.seconds());
    }

    #[test]
    fn twelve_hours_have_two_midnights() {
        let at = |hour| Cmos { hour, status: 0, ..BCD }.seconds().map(|seconds| seconds / 3600 % 24);
        assert_eq!([0x12, 0x01, 0x11, 0x92, 0x81, 0x91].map(at), [0, 1, 11, 12, 13, 23].map(Some));
        assert_eq!(at(0), None);
        assert_eq!(at(0x13), None);
    }

    #[test]
    fn the_epoch_leap_days_and_centuries() {
        let at = |year, century, month, day| {
            Cmos { second: 0, minute: 0, hour: 0, day, month, year, century, status: 2 }.seconds()
        };
        assert_eq!(at(0x70, 0x19, 1, 1), Some(0));
        assert_eq!(at(0x00, 0x20, 3, 1), Some(951_868_800));
        assert_eq!(at(0x00, 0x21, 3, 1), Some(4_107_542_400));
        assert_eq!(at(0x38, 0xff, 1, 1), at(0x38, 0x20, 1, 1), "no century");
        assert_eq!(at(0x23, 0x20, 2, 0x29), None);
        assert_eq!(at(0x23, 0x20, 13, 1), None);
        assert_eq!(at(0x23, 0x20, 0, 1), None);
        assert_eq!(at(0x23, 0x20, 4, 0x31), None);
        assert_eq!(at(0x2f, 0x20, 4, 1), None, "not BCD");
    }

    #[test]
    fn no_registers_make_it_panic() {
        for n in 0..=u16::MAX {
            let [a, b] = n.to_le_bytes();
            let any = Cmos { second: a, minute: b, hour: a, day: b, month: a, year: b, century: a, status: b };
            let _ = any.seconds();
            let _ = Cmos { month: a, day: b, status: 2, ..BCD }.seconds();
        }
    }
}
