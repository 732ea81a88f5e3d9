//! Random sequences: every fact of `invariants` holds after every step, and a refused call has changed nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::driver::{Driver, Step};
use crate::random::{each_seed, each_seed_on_two_cores};
use crate::{invariants, snapshot};

/// How many sequences usually are tried.
pub const USUAL: u64 = 20_000;

#[test]
fn invariants_hold_after_every_step() {
    let steps = AtomicU64::new(0);
    let cases = each_seed_on_two_cores("invariants_hold_after_every_step", USUAL, |seed| {
        let mut d = Driver::new(seed, 420);
        for _ in 0..1 + d.r.below(200) {
            if matches!(d.step(), Step::Stuck) {
                break;
            }
            steps.fetch_add(1, Ordering::Relaxed);
            invariants::check(&mut d.w);
        }
    });
    // Past the test runner's capture: it is the result.
    let _ = writeln!(io::stderr(), "sequences: {cases}, {} steps, all invariants after each", steps.into_inner());
}

#[test]
fn an_error_changes_nothing() {
    each_seed("an_error_changes_nothing", USUAL, |seed| {
        let mut d = Driver::new(seed, 420);
        // Of what a sequence takes, most are snapshots.
        d.watch = 4;
        for _ in 0..200 {
            let Step::Call { caller, attempt, goes_on, result: Some(Err(error)) } = d.step() else { continue };
            // The parts before this one of a long call are not undone.
            if goes_on || d.w.edit(caller, |t| t.restarting()) {
                continue;
            }
            let Some(before) = d.before.take() else { continue };
            let excluded = snapshot::excluded(&mut d.w, caller);
            if let Some(difference) = before.difference(&mut d.w, excluded) {
                panic!("{attempt:x?} answered {error} and changed {difference}");
            }
        }
    });
}

#[test]
fn sequences_reach_every_call_with_and_without_success() {
    let mut counts: BTreeMap<&str, BTreeMap<String, u32>> = BTreeMap::new();
    each_seed("sequences_reach_every_call_with_and_without_success", 150, |seed| {
        let mut d = Driver::new(seed, 420);
        for _ in 0..200 {
            match d.step() {
                Step::Stuck => break,
                Step::Event => {}
                Step::Call { attempt, result, .. } => {
                    let Some(call) = abi::calls::CALLS.get((attempt.number & 0xffff) as usize) else { continue };
                    let result = result.map_or("waits".into(), |result| format!("{result:?}"));
                    *counts.entry(call.name).or_default().entry(result).or_default() += 1;
                }
            }
        }
    });
    for (name, results) in &counts {
        println!("{name}: {results:?}");
    }
    for call in abi::calls::CALLS {
        let of = counts.get(call.name);
        let count = |refused: bool| {
            let of = of.iter().flat_map(|of| of.iter());
            of.filter(|(result, _)| result.starts_with("Err") == refused).map(|(_, count)| count).sum::<u32>()
        };
        let few = ["VIAETHER_SEED", "VIAETHER_SEEDS"].iter().any(|name| std::env::var_os(name).is_some());
        // What ends the machine is only ever tried with a wrong operation.
        let may_succeed = call.number != abi::calls::number::system;
        assert!(few || !may_succeed || count(false) > 0, "{} never succeeds", call.name);
        assert!(few || call.errors.is_empty() || count(true) > 0, "{} is never refused", call.name);
    }
}
