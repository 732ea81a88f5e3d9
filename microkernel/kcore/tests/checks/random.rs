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

/// Runs `case` with `usual` seeds, or 50 times as many if `VIAETHER_LONG` is set, or `VIAETHER_SEEDS`; `VIAETHER_SEED`
/// names one.
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
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("VIAETHER_SEED") {
        return seed..=seed;
    }
    let long = if env::var_os("VIAETHER_LONG").is_some() { 50 } else { 1 };
    1..=number("VIAETHER_SEEDS").unwrap_or(usual * long)
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
