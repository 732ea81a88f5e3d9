//! Points in time as seconds since 1970, their calendar form, and the two ways X.509 writes them.

use core::fmt;

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// `Display` prints the day alone, as `2027-03-01`: what people need to know about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub u64);

const DAY: u64 = 86_400;
/// 9999-12-31, the last day that X.509 can write. A clock that is set to nonsense shows as this.
const LAST_DAY: u64 = 2_932_896;

impl UnixTime {
    /// Reads an X.509 time (RFC 5280 §4.1.2.5): `YYMMDDHHMMSSZ` (UTCTime) or `YYYYMMDDHHMMSSZ` (GeneralizedTime).
    /// What lies before 1970 counts as 1970. `None` for any other form: RFC 5280 allows no fractions and no offsets.
    pub(crate) fn from_x509(text: &[u8]) -> Option<Self> {
        let (digits, last) = text.split_at_checked(text.len().checked_sub(1)?)?;
        if last != b"Z" {
            return None;
        }
        let (year, rest) = match digits.len() {
            12 => {
                let two = number(&digits[..2])?;
                (if two < 50 { 2000 + two } else { 1900 + two }, &digits[2..])
            }
            14 => (number(&digits[..4])?, &digits[4..]),
            _ => return None,
        };
        let mut parts = [0u64; 5];
        for (part, two) in parts.iter_mut().zip(rest.chunks(2)) {
            *part = number(two)?;
        }
        let [month, day, hour, minute, second] = parts;
        let sane = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
        if !sane {
            return None;
        }
        let days = days_from_civil(year as i64, month as i64, day as i64);
        let seconds = days * DAY as i64 + (hour * 3600 + minute * 60 + second) as i64;
        Some(Self(u64::try_from(seconds).unwrap_or(0)))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days((self.0 / DAY).min(LAST_DAY) as i64);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |n, d| d.is_ascii_digit().then(|| n * 10 + u64::from(d - b'0')))
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Years are counted from 1 March, so that the leap
/// day is the last day of a year and months have the regular lengths of `(153 m + 2) / 5`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn both_forms_of_x509_time_are_read() {
        assert_eq!(UnixTime::from_x509(b"700101000000Z"), Some(UnixTime(0)));
        assert_eq!(UnixTime::from_x509(b"20270301123456Z"), Some(UnixTime(1_803_904_496)));
        assert_eq!(UnixTime::from_x509(b"270301123456Z"), Some(UnixTime(1_803_904_496)));
        assert_eq!(UnixTime::from_x509(b"500101000000Z"), Some(UnixTime(0)), "1950 lies before the epoch");
        assert_eq!(UnixTime::from_x509(b"99991231235959Z"), Some(UnixTime(253_402_300_799)));
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in
            [&b""[..], b"Z", b"2703011234Z", b"270301123456", b"270301123456+0100", b"271301123456Z", b"2703011234x6Z"]
        {
            assert_eq!(UnixTime::from_x509(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_comes_back() {
        for days in 0..200_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(UnixTime(951_782_400).to_string(), "2000-02-29");
        assert_eq!(UnixTime(u64::MAX).to_string(), "9999-12-31");
    }
}
