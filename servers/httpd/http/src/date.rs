//! Dates as HTTP writes them: IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
//!
//! The two older forms that the RFC wants read are not: nobody has sent them for decades, and a condition whose date is
//! not understood is ignored, which gives a whole answer instead of a short one.

use core::fmt;

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: u64 = 86_400;
/// 9999-12-31, the last day that four digits can write.
const LAST_DAY: u64 = 2_932_896;

/// A point in time: seconds since 1970-01-01T00:00:00Z. `Display` writes IMF-fixdate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate(pub u64);

impl HttpDate {
    /// Reads IMF-fixdate; `None` for anything else, also for a day of the week that is not the date's.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let fixed = bytes.len() == 29
            && bytes[3..5] == *b", "
            && [7, 11, 16].iter().all(|&at| bytes[at] == b' ')
            && bytes[19] == b':'
            && bytes[22] == b':'
            && bytes[25..] == *b" GMT";
        if !fixed {
            return None;
        }
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0u64, |n, d| d.is_ascii_digit().then(|| n * 10 + u64::from(d - b'0')))
        };
        let month = MONTHS.iter().position(|m| m.as_bytes() == &bytes[8..11])? as u64 + 1;
        let (day, year) = (number(5, 7)?, number(12, 16)?);
        let (hour, minute, second) = (number(17, 19)?, number(20, 22)?, number(23, 25)?);
        if hour > 23 || minute > 59 || second > 60 || year < 1970 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        let read = Self(days * DAY + hour * 3600 + minute * 60 + second);
        let whole = civil_from_days(days) == (year, month, day) && week_day(days).as_bytes() == &bytes[..3];
        whole.then_some(read)
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = (self.0 / DAY).min(LAST_DAY);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (self.0 % DAY / 3600, self.0 % 3600 / 60, self.0 % 60);
        let name = MONTHS[(month as usize - 1) % 12];
        write!(f, "{}, {day:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT", week_day(days))
    }
}

/// 1970-01-01 was a Thursday.
fn week_day(days: u64) -> &'static str {
    DAYS[((days + 4) % 7) as usize]
}

/// Days since 1970 of a date from 1970 on. Years are counted from 1 March, so that the leap day comes last.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day;
    (era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year).saturating_sub(719_469)
}

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_rfcs_example_goes_both_ways() {
        assert_eq!(HttpDate(784_111_777).to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(HttpDate::parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(HttpDate(784_111_777)));
        assert_eq!(HttpDate(0).to_string(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(HttpDate(u64::MAX).to_string().len(), 29);
    }

    #[test]
    fn a_date_a_day_for_five_hundred_years_comes_back() {
        for day in 0..183_000 {
            let date = HttpDate(day * DAY + day % DAY);
            assert_eq!(HttpDate::parse(&date.to_string()), Some(date));
        }
    }

    #[test]
    fn other_texts_are_no_dates() {
        for bad in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Fri, 30 Feb 2024 00:00:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:3x GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Thu, 01 Jan 1969 00:00:00 GMT",
        ] {
            assert_eq!(HttpDate::parse(bad), None, "{bad}");
        }
    }
}
