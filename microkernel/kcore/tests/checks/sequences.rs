//! Random sequences: every fact of `invariants` holds after every step, and a refused call has changed nothing.

use crate::driver::{Driver, Step};
use crate::random::each_seed;
use crate::{invariants, snapshot};

#[test]
fn invariants_hold_after_every_step() {
    each_seed("invariants_hold_after_every_step", 40, |seed| {
        let mut d = Driver::of(1 + (seed % 4) as u8, seed, 420);
        for _ in 0..200 {
            if matches!(d.step(), Step::Stuck) {
                break;
            }
            invariants::check(&mut d.w);
        }
    });
}

#[test]
fn an_error_changes_nothing() {
    each_seed("an_error_changes_nothing", 40, |seed| {
        let mut d = Driver::of(1 + (seed % 4) as u8, seed, 420);
        d.watch = true;
        for _ in 0..200 {
            let current = d.w.current();
            let restarting = !current.is_none() && d.w.edit(current, |t| t.restarting);
            let Step::Call { caller, attempt, result: Some(Err(error)) } = d.step() else { continue };
            // The parts before this one of a long call are not undone.
            if restarting || d.w.edit(caller, |t| t.restarting) {
                continue;
            }
            let Some(before) = d.before.take() else { continue };
            let after = snapshot::take(&mut d.w);
            let excluded = snapshot::excluded(&mut d.w, caller);
            if let Some(difference) = before.difference(&after, excluded) {
                panic!("{attempt:x?} answered {error} and changed {difference}");
            }
        }
    });
}

#[test]
#[ignore = "tells how often each call had each result: to see what the others reach"]
fn statistics() {
    let mut counts = std::collections::BTreeMap::new();
    each_seed("statistics", 100, |seed| {
        let mut d = Driver::new(seed, 420);
        let mut n = 0;
        for _ in 0..200 {
            n += 1;
            match d.step() {
                Step::Stuck => break,
                Step::Event => *counts.entry("event".to_string()).or_insert(0) += 1,
                Step::Call { attempt, result, .. } => {
                    let name = abi::calls::CALLS.get((attempt.number & 0xffff) as usize).map_or("?", |call| call.name);
                    *counts.entry(format!("{name} {result:?}")).or_insert(0) += 1;
                }
            }
        }
        *counts.entry(format!("length {:03}", n / 20 * 20)).or_insert(0) += 1;
    });
    for (what, count) in counts {
        println!("{count:6} {what}");
    }
}
