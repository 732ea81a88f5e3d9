//! Bounded exhaustive exploration: every sequence of a small alphabet of calls over two processes.

#[path = "../checks/invariants/mod.rs"]
mod invariants;
#[path = "../world/mod.rs"]
mod world;

mod alphabet;
mod canonical;
mod search;
mod starts;

use std::io::Write;

#[test]
fn explore() {
    let most = std::env::var("STATES").ok().and_then(|s| s.parse().ok()).unwrap_or(10_000);
    for start in starts::all() {
        let name = start.name;
        let began = std::time::Instant::now();
        let mut search = search::Search::new(start, false);
        let found = search.run(most, usize::MAX);
        let _ = writeln!(std::io::stderr(), "{name}: {found:?} {:?}", began.elapsed());
    }
}
