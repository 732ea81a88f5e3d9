//! What the table of system calls says, the kernel does: errors listed there, no more rights than before.

use std::collections::BTreeSet;

use abi::calls::{CALLS, number as nr};
use kcore::objects::*;

use crate::driver::{Driver, Step};
use crate::invariants;
use crate::random::each_seed;
use crate::sequences::USUAL;

#[test]
fn every_error_is_in_the_table() {
    let mut missing = BTreeSet::new();
    each_seed("every_error_is_in_the_table", 200, |seed| {
        let mut d = Driver::new(seed, 420);
        for _ in 0..200 {
            // What goes on is the call that was rewound, not this one.
            let Step::Call { attempt, goes_on: false, result: Some(Err(error)), .. } = d.step() else { continue };
            let Some(call) = CALLS.get((attempt.number & 0xffff) as usize) else { continue };
            // A number with bits set that the call has no use for is refused before the call is known.
            if attempt.number > 0xffff && !call.message || call.errors.contains(&error) {
                continue;
            }
            missing.insert((call.name, error.name()));
        }
    });
    assert!(missing.is_empty(), "errors that the table does not list: {missing:?}");
}

#[test]
fn rights_only_shrink() {
    each_seed("rights_only_shrink", USUAL, |seed| {
        let mut d = Driver::new(seed, 420);
        let mut now = entries(&mut d);
        for _ in 0..200 {
            let step = d.step();
            let before = std::mem::replace(&mut now, entries(&mut d));
            let Step::Call { attempt, .. } = step else { continue };
            if attempt.number & 0xffff == nr::create as u64 {
                continue;
            }
            for entry in &now {
                // A Grant's own handle, and a slice, are objects that were not there.
                let new = matches!(entry.object.class(), GRANT | MEMORY | INTERRUPT | PORTS)
                    && !before.iter().any(|old| old.object == entry.object);
                let covered = before.iter().any(|old| {
                    old.object == entry.object && old.rights | entry.rights == old.rights && may_have_badge(old, entry)
                });
                assert!(new || covered, "{attempt:x?} made {entry:x?}");
            }
        }
    });
}

/// A badge is chosen by the object's owner alone.
fn may_have_badge(old: &Entry, new: &Entry) -> bool {
    let owner = match old.object.class() {
        CHANNEL => abi::Rights::RECV,
        NOTIFICATION | AUTHORITY => abi::Rights::OWNER,
        _ => abi::Rights::empty(),
    };
    old.badge == new.badge || !owner.is_empty() && old.rights().contains(owner)
}

fn entries(d: &mut Driver) -> Vec<Entry> {
    d.w.with(|cx| invariants::handles(cx))
}
