//! How figures are shown.

use alloc::string::String;

/// Bytes as people read them: `1.4 MiB`.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = bytes.saturating_mul(10);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths = tenths.div_ceil(1024);
        unit += 1;
    }
    match (unit, tenths) {
        (0, _) => alloc::format!("{bytes} B"),
        (_, 100..) => alloc::format!("{} {}", tenths / 10, UNITS[unit]),
        _ => alloc::format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
    }
}

/// A number with commas.
pub fn grouped(number: u64) -> String {
    let digits = alloc::format!("{number}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time span in ns as people read it: `2 h 03 min`, `1.204 s`.
pub fn span(ns: u64) -> String {
    let s = ns / 1_000_000_000;
    match s {
        0..60 => alloc::format!("{}.{:03} s", s, ns / 1_000_000 % 1000),
        60..3600 => alloc::format!("{} min {:02} s", s / 60, s % 60),
        3600..86_400 => alloc::format!("{} h {:02} min", s / 3600, s / 60 % 60),
        _ => alloc::format!("{} d {:02} h", s / 86_400, s / 3600 % 24),
    }
}

/// A date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: u64,
    pub month: u64,
    pub day: u64,
    pub hour: u64,
    pub minute: u64,
    pub second: u64,
    /// 0 is Monday.
    pub weekday: u64,
}

/// Names of the days, Monday first.
pub const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Names of the months.
pub const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days since 1970-01-01 of a date in the Gregorian calendar (years counted from March, so that leap days come last).
pub fn days(year: u64, month: u64, day: u64) -> u64 {
    let shifted = if month > 2 { year } else { year - 1 };
    let era_day = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + era_day - 719_468
}

/// The date and time of ns since 1970.
pub fn civil(ns: u64) -> Civil {
    let seconds = ns / 1_000_000_000;
    let (all_days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970 + all_days / 366;
    while days(year + 1, 1, 1) <= all_days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= all_days).unwrap_or(1);
    Civil {
        year,
        month,
        day: all_days - days(year, month, 1) + 1,
        hour: second / 3600,
        minute: second / 60 % 60,
        second: second % 60,
        weekday: (all_days + 3) % 7,
    }
}

/// A date as a list shows it: `2026-11-21 14:05`, or dashes if it is unknown.
pub fn stamp(ns: u64) -> String {
    if ns == 0 {
        return "-".into();
    }
    let c = civil(ns);
    alloc::format!("{}-{:02}-{:02} {:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute)
}
