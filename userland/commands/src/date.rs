//! DATE and WAIT.

use alloc::string::String;

use libsys::device::Devices;
use libsys::names::bits;
use libsys::{Error, Status, println, time};
use readargs::Args;

use crate::context::{Failure, Outcome};
use crate::format::{Civil, DAYS, MONTHS, civil, days};

const SECOND: u64 = 1_000_000_000;

/// DATE.
pub fn date(args: &Args) -> Outcome {
    if args.is_given("DATE") || args.is_given("TIME") {
        return set(args);
    }
    let now = time::utc_ns().map_err(|error| Failure::new(error, "the clock is not set"))?;
    let c = civil(now);
    match args.string("LFORMAT") {
        Some(format) => println!("{}", by_format(format, c)),
        None => println!(
            "{} {:02}-{}-{} {:02}:{:02}:{:02}{}",
            DAYS[c.weekday as usize],
            c.day,
            MONTHS[c.month as usize - 1],
            c.year,
            c.hour,
            c.minute,
            c.second,
            if args.switch("UTC") { " UTC" } else { "" }
        ),
    }
    Ok(Status::OK)
}

fn set(args: &Args) -> Outcome {
    let now = time::utc_ns().unwrap_or(0);
    let day = match args.string("DATE") {
        Some(text) => parse_date(text).ok_or_else(|| bad(text, "a date as 2026-11-21"))?,
        None => now / SECOND / 86_400,
    };
    let second = match args.string("TIME") {
        Some(text) => parse_time(text).ok_or_else(|| bad(text, "a time as 14:05:00"))?,
        None => now / SECOND % 86_400,
    };
    let devices = Devices::open_named("config")?;
    devices.set_clock((day * 86_400 + second) * SECOND)?;
    Ok(Status::OK)
}

fn bad(text: &str, right: &str) -> Failure {
    Failure::new(Error::BadNumber, alloc::format!("{text}: not {right}"))
}

fn parse_date(text: &str) -> Option<u64> {
    let mut parts = text.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let good = (1970..2500).contains(&year) && (1..=12).contains(&month) && parts.next().is_none();
    let last = if month == 12 { 31 } else { days(year, month + 1, 1) - days(year, month, 1) };
    (good && (1..=last).contains(&day)).then(|| days(year, month, day))
}

fn parse_time(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    (hour < 24 && minute < 60 && second < 60 && parts.next().is_none()).then_some(hour * 3600 + minute * 60 + second)
}

fn by_format(format: &str, c: Civil) -> String {
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('Y') => out.push_str(&alloc::format!("{}", c.year)),
            Some('m') => out.push_str(&alloc::format!("{:02}", c.month)),
            Some('d') => out.push_str(&alloc::format!("{:02}", c.day)),
            Some('H') => out.push_str(&alloc::format!("{:02}", c.hour)),
            Some('M') => out.push_str(&alloc::format!("{:02}", c.minute)),
            Some('S') => out.push_str(&alloc::format!("{:02}", c.second)),
            Some('a') => out.push_str(&DAYS[c.weekday as usize][..3]),
            Some('b') => out.push_str(MONTHS[c.month as usize - 1]),
            Some(other) => {
                if other != '%' {
                    out.push('%');
                }
                out.push(other);
            }
            None => out.push('%'),
        }
    }
    out
}

/// WAIT.
pub fn wait(args: &Args) -> Outcome {
    args.one_of(&["TIME", "UNTIL"])?;
    let ns = match args.string("UNTIL") {
        Some(text) => {
            let at = parse_time(text).ok_or_else(|| bad(text, "a time as 14:05"))? * SECOND;
            let now = time::utc_ns().map_err(|error| Failure::new(error, "the clock is not set"))?;
            let today = now % (86_400 * SECOND);
            if at > today { at - today } else { at + 86_400 * SECOND - today }
        }
        None => {
            let count = args.within("TIME", 0..=u64::MAX)?.unwrap_or(1);
            let unit = match args.one_of(&["SEC", "MIN", "MS"])? {
                Some("MIN") => 60 * SECOND,
                Some("MS") => 1_000_000,
                _ => SECOND,
            };
            count.saturating_mul(unit)
        }
    };
    // BREAK needs no looking for: init ends a process that does not handle it.
    libsys::wait_bits(bits::SHUTDOWN, time::after(ns));
    Ok(Status::OK)
}
