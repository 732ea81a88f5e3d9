//! Counting checks and telling about them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Debug, Display};
use core::sync::atomic::{AtomicBool, Ordering};

use libsys::{Error, println};

/// What [`long`] tells.
static LONG: AtomicBool = AtomicBool::new(false);
/// How much more the long counts are.
const LONGER: u64 = 50;

/// Asks for the long counts.
pub fn go_long() {
    LONG.store(true, Ordering::Relaxed);
}

/// Whether the long counts are wanted.
pub fn long() -> bool {
    LONG.load(Ordering::Relaxed)
}

/// A count, or the long one.
pub fn many(count: u64) -> u64 {
    times(count, LONGER)
}

/// A count, or so many times as many where the long counts are wanted.
pub fn times(count: u64, factor: u64) -> u64 {
    if long() { count * factor } else { count }
}

/// A number that is written only where it is told.
#[derive(Clone, Copy)]
pub struct Hex(pub u64);

impl Display for Hex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line a group, and each failure.
    Groups,
    /// A line a check.
    Verbose,
    /// The Test Anything Protocol.
    Tap,
}

/// Checks about one subject. An error ends the group and counts as a failure.
pub struct Group {
    pub name: &'static str,
    pub run: fn(&mut Checks) -> Result<(), Error>,
}

/// The checks of a suite.
pub struct Checks {
    style: Style,
    passed: u32,
    failed: u32,
}

impl Checks {
    /// Runs a suite; true if nothing failed.
    pub fn suite(name: &str, groups: &[&Group], style: Style) -> bool {
        let mut checks = Checks { style, passed: 0, failed: 0 };
        for group in groups {
            let before = (checks.passed, checks.failed);
            if let Err(error) = (group.run)(&mut checks) {
                checks.failed(&group.name, &format!("ended by {error}"));
            }
            if style == Style::Groups {
                let (passed, failed) = (checks.passed - before.0, checks.failed - before.1);
                println!("{:<4} {:<52} {passed:>5} passed{}", verdict(failed), group.name, failures(failed));
            }
        }
        if style == Style::Tap {
            println!("1..{}", checks.passed + checks.failed);
        }
        println!("{name}: {} passed, {} failed", checks.passed, checks.failed);
        checks.failed == 0
    }

    /// One check.
    pub fn check(&mut self, name: impl Display, result: Result<(), String>) {
        if let Err(why) = result {
            return self.failed(&name, &why);
        }
        self.passed += 1;
        match self.style {
            Style::Groups => {}
            Style::Verbose => println!("ok   {name}"),
            Style::Tap => println!("ok {} - {name}", self.passed + self.failed),
        }
    }

    /// Something must be the case.
    pub fn holds(&mut self, name: impl Display, holds: bool) {
        self.check(name, if holds { Ok(()) } else { Err("it is not so".into()) });
    }

    /// Two things must be the same.
    pub fn equal<T: PartialEq + Debug>(&mut self, name: impl Display, have: T, want: T) {
        let same = have == want;
        self.check(name, if same { Ok(()) } else { Err(format!("{have:?} instead of {want:?}")) });
    }

    /// Something must be refused with one of these errors.
    pub fn refused<T: Debug, E: PartialEq + Debug>(&mut self, name: impl Display, result: Result<T, E>, with: &[E]) {
        let result = match &result {
            Err(error) if with.contains(error) => Ok(()),
            other => Err(format!("{other:?} instead of one of {with:?}")),
        };
        self.check(name, result);
    }

    /// Many cases under one name: all must pass; the first few that do not are told.
    pub fn all<C: Display>(&mut self, name: impl Display, cases: impl IntoIterator<Item = (C, Result<(), String>)>) {
        let (mut bad, mut count) = (Vec::new(), 0_u32);
        for (case, result) in cases {
            count += 1;
            if let Err(why) = result
                && bad.len() < 5
            {
                bad.push(format!("{case}: {why}"));
            }
        }
        let none = if count == 0 { Err("no case".into()) } else { Ok(()) };
        self.check(name, if bad.is_empty() { none } else { Err(bad.join("; ")) });
    }

    fn failed(&mut self, name: &dyn Display, why: &str) {
        self.failed += 1;
        match self.style {
            Style::Tap => println!("not ok {} - {name}\n# {why}", self.passed + self.failed),
            _ => println!("FAIL {name}: {why}"),
        }
    }
}

fn verdict(failed: u32) -> &'static str {
    if failed == 0 { "ok" } else { "FAIL" }
}

fn failures(failed: u32) -> String {
    if failed == 0 { String::new() } else { format!(", {failed} failed") }
}
