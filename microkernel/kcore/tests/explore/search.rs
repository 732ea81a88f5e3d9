//! Breadth-first search over the states of the kernel.
//!
//! A state is kept as its hash and as the way to it: the state before and the row that led on. To go on from a state, the
//! calls that lead to it are made again from the start state, which takes a few microseconds. So a state takes 21 bytes
//! and a place in the set of hashes, and whatever fails comes with its calls.
//!
//! ```text
//! take the next state ─▶ replay its way ─▶ for each row: copy back, perform, hash ─▶ new? check all invariants, append
//! ```

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::explore::alphabet::Row;
use crate::explore::canonical::Former;
use crate::explore::starts::Start;
use crate::invariants;
use crate::world::{Copied, World};

/// What a search has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub states: usize,
    pub transitions: u64,
    pub depth: usize,
    /// Nothing is left that was not gone on from.
    pub closed: bool,
}

/// A search from one start state.
pub struct Search {
    w: World,
    rows: Vec<Row>,
    start: Start,
    log: std::ops::Range<u32>,
    first: Copied,
    here: Copied,
    former: Former,
    seen: HashSet<u128, BuildHasherDefault<Already>>,
    /// Of each state but the first: the state before, the row.
    before: Vec<u32>,
    by: Vec<u8>,
    /// What was found and not yet kept, if it is to be.
    pub found: Vec<(u32, u8, u128)>,
    keep: bool,
    /// How many states have been gone on from.
    pub gone_on: usize,
    pub transitions: u64,
}

impl Search {
    /// A search that has found its start state; `keep`: what it finds is listed in `found`.
    pub fn new(mut start: Start, keep: bool) -> Search {
        let mut w = start.world.take().expect("a new start");
        let log = w.log_frames();
        let (mut first, mut former) = (Copied::default(), Former::default());
        w.save(&log, &mut first);
        invariants::check(&mut w);
        let hash = former.hash(&mut w);
        let rows = start.rows();
        let mut search = Search {
            w,
            rows,
            start,
            log,
            first,
            here: Copied::default(),
            former,
            seen: HashSet::default(),
            before: Vec::new(),
            by: Vec::new(),
            found: Vec::new(),
            keep,
            gone_on: 0,
            transitions: 0,
        };
        search.add(hash, 0, 0);
        search.found.clear();
        search
    }

    /// Puts a state in that was found earlier.
    pub fn add(&mut self, hash: u128, before: u32, by: u8) -> bool {
        let new = self.seen.insert(hash);
        if new {
            self.before.push(before);
            self.by.push(by);
            if self.keep {
                self.found.push((before, by, hash));
            }
        }
        new
    }

    /// Goes on until there are `most` states, or none is left to go on from, or `pause` states were gone on from.
    pub fn run(&mut self, most: usize, pause: usize) -> Found {
        let until = self.gone_on.saturating_add(pause);
        while self.gone_on < self.before.len() && self.before.len() < most && self.gone_on < until {
            self.go_on(self.gone_on);
            self.gone_on += 1;
        }
        self.so_far()
    }

    /// States found, the start state among them.
    pub fn states(&self) -> usize {
        self.before.len()
    }

    /// What was found so far.
    pub fn so_far(&self) -> Found {
        Found {
            states: self.before.len(),
            transitions: self.transitions,
            depth: self.way(self.before.len() - 1).len(),
            closed: self.gone_on == self.before.len(),
        }
    }

    /// Finds the states that follow one.
    fn go_on(&mut self, state: usize) {
        let mut tell = Tell { name: self.start.name, way: self.way(state).iter().map(|i| self.rows[*i].0).collect() };
        self.replay(state);
        // Whoever runs may have used every page.
        self.w.with(invariants::fill_tlb);
        self.w.save(&self.log, &mut self.here);
        let mut fresh = true;
        for i in 0..self.rows.len() {
            if !fresh {
                self.w.restore(&self.here);
            }
            tell.way.push(self.rows[i].0);
            fresh = !self.rows[i].1.perform(&mut self.w, &self.start.news, self.start.most_handles);
            if !fresh {
                self.transitions += 1;
                let hash = self.former.hash(&mut self.w);
                if self.add(hash, state as u32, i as u8) {
                    invariants::check(&mut self.w);
                }
            }
            tell.way.pop();
        }
    }

    /// Has the world be in a state that was found.
    pub fn replay(&mut self, state: usize) {
        self.w.restore(&self.first);
        for i in self.way(state) {
            self.rows[i].1.perform(&mut self.w, &self.start.news, self.start.most_handles);
        }
    }

    /// The hash of the state that the world is in.
    pub fn hash(&mut self) -> u128 {
        self.former.hash(&mut self.w)
    }

    /// The rows that lead to a state.
    fn way(&self, mut state: usize) -> Vec<usize> {
        let mut way = Vec::new();
        while state != 0 {
            way.push(self.by[state] as usize);
            state = self.before[state] as usize;
        }
        way.reverse();
        way
    }
}

/// The calls that led to a state in which something is wrong.
struct Tell {
    name: &'static str,
    way: Vec<&'static str>,
}

impl Drop for Tell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("explore: {} calls after the start \"{}\" something is wrong; again:", self.way.len(), self.name);
            eprintln!("VIAETHER_WAY='{}|{}' cargo test -p kcore --test checks given", self.name, self.way.join("|"));
        }
    }
}

/// Makes the calls of a way, `START|ROW|ROW…`, one by one with all checks, and tells of each. An error is the name that
/// nobody knows, or the row that can't happen there.
pub fn make(way: &str) -> Result<(), String> {
    let mut names = way.split('|');
    let name = names.next().unwrap_or_default();
    let found = crate::explore::starts::all().into_iter().find(|start| start.name == name);
    let mut search = Search::new(found.ok_or_else(|| format!("there is no start \"{name}\""))?, false);
    for name in names {
        let runs = search.w.current();
        let row = search.rows.iter().find(|row| row.0 == name).ok_or_else(|| format!("there is no row \"{name}\""))?;
        if !row.1.perform(&mut search.w, &search.start.news, search.start.most_handles) {
            return Err(format!("\"{name}\" can't happen here"));
        }
        eprintln!("{name} ({runs:?} ran, {:?} runs now)", search.w.current());
        search.hash();
        invariants::check(&mut search.w);
    }
    Ok(())
}

/// Hashes are hashed already.
#[derive(Default)]
pub struct Already(u64);

impl Hasher for Already {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("hashes are u128");
    }
    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }
}
