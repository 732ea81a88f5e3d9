//! Seeds: every random test runs a number of cases, each from its own seed, and tells how to run a failing one again.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, thread};

/// xorshift64*, enough for tests and the same everywhere (Marsaglia 2003, Vigna 2016).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 33) % n.max(1)
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Runs `case` with `usual` seeds, or 50 times as many if `VIAETHER_LONG` is set, or `VIAETHER_SEEDS`, which are so many or
/// from one to another (`20001-400000`); `VIAETHER_SEED` names one.
pub fn each_seed(test: &str, usual: u64, mut case: impl FnMut(u64)) {
    for seed in seeds(usual) {
        let _tell = Tell { test, seed };
        case(seed);
    }
}

/// The same on two cores: returns how many cases there were.
pub fn each_seed_on_two_cores(test: &str, usual: u64, case: impl Fn(u64) + Sync) -> u64 {
    let (all, next) = (seeds(usual), AtomicU64::new(0));
    let worker = || {
        while let Some(seed) = all.clone().nth(next.fetch_add(1, Ordering::Relaxed) as usize) {
            let _tell = Tell { test, seed };
            case(seed);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().for_each(|worker| worker.join().expect("no case fails"));
    });
    all.end() + 1 - all.start()
}

fn seeds(usual: u64) -> RangeInclusive<u64> {
    if let Ok(seed) = env::var("VIAETHER_SEED") {
        let seed = seed.parse().expect("VIAETHER_SEED is a number");
        return seed..=seed;
    }
    let long = if env::var_os("VIAETHER_LONG").is_some() { 50 } else { 1 };
    let asked = env::var("VIAETHER_SEEDS");
    asked.map_or(1..=usual * long, |text| range(&text).expect("VIAETHER_SEEDS is a number, or two: 20001-400000"))
}

/// Seeds as they are asked for.
fn range(text: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = text.split_once('-').unwrap_or(("1", text));
    let range = first.parse().ok()?..=last.parse().ok()?;
    (!range.is_empty()).then_some(range)
}

#[test]
fn seeds_are_so_many_or_from_one_to_another() {
    assert_eq!(range("20"), Some(1..=20));
    assert_eq!(range("21-40"), Some(21..=40));
    assert!(["", "0", "-", "40-21", "21-", "x"].iter().all(|bad| range(bad).is_none()));
}

/// Says which case failed.
struct Tell<'a> {
    test: &'a str,
    seed: u64,
}

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again: VIAETHER_SEED={} cargo test -p kcore --test checks {}", self.seed, self.test);
        }
    }
}
