//! Bounded exhaustive exploration: every sequence of a small alphabet of calls over two processes, from several start
//! states, with all invariants checked in each state that is new.
//!
//! `alphabet`, `starts` say what may happen, `canonical` when two states are the same, `search` goes through them,
//! `kept` keeps a long search in files. The book's page about tests says how to run it and what was reached.

mod alphabet;
mod canonical;
mod forms;
mod kept;
mod search;
mod starts;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use kept::Kept;
use search::{Found, Search};

/// States from each of the four starts: usually (a million in all), and with `--long`.
const USUAL: usize = 250_000;
const LONG: usize = 25_000_000;
/// Searches at a time.
const WORKERS: usize = 2;
/// A long search is kept each time so many states were gone on from.
const PAUSE: usize = 50_000;

#[test]
fn every_state_within_the_bound_keeps_the_invariants() {
    let long = env::var_os("VIAETHER_LONG").is_some();
    let most = env::var("VIAETHER_STATES").ok().and_then(|text| text.parse().ok());
    let most = most.unwrap_or(if long { LONG } else { USUAL });
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut all = Vec::new();
        loop {
            // Worlds are made where they are used.
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(start) = starts::all().into_iter().nth(number) else { return all };
            let name = start.name;
            let found = if long {
                kept(Search::new(start, true), name, most)
            } else {
                Search::new(start, false).run(most, usize::MAX)
            };
            say(&format!("from \"{name}\""), found);
            all.push(found);
        }
    };
    let found: Vec<Found> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a search found something wrong")).collect()
    });
    let sum = found.iter().fold(Found { closed: true, ..Found::default() }, |sum, found| Found {
        states: sum.states + found.states,
        transitions: sum.transitions + found.transitions,
        depth: sum.depth.max(found.depth),
        closed: sum.closed && found.closed,
    });
    say("in all", sum);
    assert!(found.iter().all(|found| found.closed || found.states >= most));
}

/// Says what was found, past the test runner's capture: it is the result.
fn say(from: &str, found: Found) {
    let Found { states, transitions, depth, closed } = found;
    let end = if closed { "closed" } else { "bound reached" };
    let _ = writeln!(io::stderr(), "explore {from}: {states} states, {transitions} transitions, depth {depth}, {end}");
}

/// Runs a search that is kept in `VIAETHER_EXPLORE`, or in the build's folder.
fn kept(mut search: Search, name: &str, most: usize) -> Found {
    let folder = env::var_os("VIAETHER_EXPLORE")
        .map_or(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explore"), PathBuf::from);
    keep(&mut search, &folder, name, most, PAUSE, usize::MAX).expect("the search can be kept")
}

/// Runs a search that is kept in a folder, with at most so many pauses.
fn keep(search: &mut Search, folder: &Path, name: &str, most: usize, pause: usize, pauses: usize) -> io::Result<Found> {
    let kept = Kept::new(folder, name)?;
    let mut new = !kept.load(search)?;
    for _ in 0..pauses {
        let found = search.run(most, pause);
        kept.save(search, new)?;
        new = false;
        if found.closed || found.states >= most {
            break;
        }
    }
    Ok(search.so_far())
}

#[test]
fn the_calls_of_a_given_way_keep_the_invariants() {
    let usual = "messages|init receives|child calls|init answers|init closes the channel";
    let way = env::var("VIAETHER_WAY").unwrap_or(usual.into());
    if let Err(error) = search::make(&way) {
        panic!("{error}");
    }
    assert_eq!(search::make("messages|init flies").unwrap_err(), "there is no row \"init flies\"");
}

fn messages() -> starts::Start {
    starts::all().swap_remove(0)
}

#[test]
fn a_search_that_was_kept_goes_on_as_if_never_interrupted() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explore-test");
    let _ = fs::remove_dir_all(&folder);
    let whole = Search::new(messages(), false).run(2_000, usize::MAX);
    let part = keep(&mut Search::new(messages(), true), &folder, "part", 2_000, 50, 3).unwrap();
    assert!(part.states < whole.states, "it was interrupted");
    let rest = keep(&mut Search::new(messages(), true), &folder, "part", 2_000, 50, usize::MAX).unwrap();
    assert_eq!(rest, whole);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_way_leads_to_its_state_again() {
    let mut search = Search::new(messages(), true);
    search.run(3_000, usize::MAX);
    let found = search.found.clone();
    for (i, (_, _, hash)) in found.iter().enumerate().step_by(7) {
        search.replay(i + 1);
        assert_eq!(search.hash(), *hash, "state {}", i + 1);
    }
}
