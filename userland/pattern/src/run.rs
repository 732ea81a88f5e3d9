//! Runs programs over a text, all threads in step.
//!
//! A run gives the **set of places where a match can end**. That is what `~` needs: from place i it may end wherever its
//! operand, started at i, cannot. Each (operand, start) is run once and remembered, so nesting multiplies nothing.

use alloc::vec;
use alloc::vec::Vec;

use crate::compile::{Program, Step};
use crate::fold;

/// A set of places in the text, `0..=length`.
#[derive(Clone, Debug)]
struct Places(Vec<u64>);

impl Places {
    fn none(length: usize) -> Self {
        Places(vec![0; length / 64 + 1])
    }

    fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// Adds all places from `start` on that `others` lacks.
    fn add_missing(&mut self, others: &Places, start: usize) {
        for (index, (own, other)) in self.0.iter_mut().zip(&others.0).enumerate() {
            let from = start.saturating_sub(index * 64);
            let mask = if from >= 64 { 0 } else { u64::MAX << from };
            *own |= !other & mask;
        }
    }
}

/// Whether the first program matches the whole text.
pub(crate) fn matches(programs: &[Program], text: &str) -> bool {
    let text: Vec<char> = text.chars().map(fold).collect();
    let memory = vec![Vec::new(); programs.len()];
    let mut runner = Runner { programs, text: &text, memory };
    runner.ends(0, 0).has(text.len())
}

struct Runner<'r> {
    programs: &'r [Program],
    text: &'r [char],
    /// For each program the ends for each start, filled when first asked.
    memory: Vec<Vec<Option<Places>>>,
}

/// The threads at one place: which steps they are at.
struct Threads {
    steps: Vec<usize>,
    present: Vec<bool>,
}

impl Threads {
    fn none(size: usize) -> Self {
        Threads { steps: Vec::new(), present: vec![false; size] }
    }

    /// Whether it was new.
    fn add(&mut self, step: usize) -> bool {
        match self.present.get_mut(step) {
            Some(present) if !*present => {
                *present = true;
                self.steps.push(step);
                true
            }
            _ => false,
        }
    }

    fn clear(&mut self) {
        self.steps.clear();
        self.present.fill(false);
    }
}

impl Runner<'_> {
    /// Where program `index`, started at `start`, can end.
    fn ends(&mut self, index: usize, start: usize) -> Places {
        if let Some(Some(known)) = self.memory.get(index).and_then(|ends| ends.get(start)) {
            return known.clone();
        }
        let ends = self.run(index, start);
        if let Some(known) = self.memory.get_mut(index) {
            if known.is_empty() {
                known.resize(self.text.len() + 1, None);
            }
            if let Some(place) = known.get_mut(start) {
                *place = Some(ends.clone());
            }
        }
        ends
    }

    fn run(&mut self, index: usize, start: usize) -> Places {
        let length = self.text.len();
        let mut ends = Places::none(length);
        let Some(program) = self.programs.get(index) else { return ends };
        // For the step behind each `~`: where threads arrive there.
        let mut arrivals: Vec<(usize, Places)> = Vec::new();
        let (mut here, mut next) = (Threads::none(program.len()), Threads::none(program.len()));
        next.add(0);
        for place in start..=length {
            core::mem::swap(&mut here, &mut next);
            next.clear();
            for (step, places) in &arrivals {
                if places.has(place) {
                    here.add(*step);
                }
            }
            if here.steps.is_empty() && arrivals.is_empty() {
                break;
            }
            self.close(program, place, &mut here, &mut arrivals);
            let c = self.text.get(place);
            for &at in &here.steps {
                let takes = match (program.get(at), c) {
                    (Some(Step::Match), _) => {
                        ends.add(place);
                        false
                    }
                    (Some(Step::Any), Some(_)) => true,
                    (Some(Step::Char(own)), Some(c)) => own == c,
                    (Some(Step::Class(class)), Some(&c)) => class.has(c),
                    _ => false,
                };
                if takes {
                    next.add(at + 1);
                }
            }
        }
        ends
    }

    /// Follows all steps that take no character.
    fn close(&mut self, program: &Program, place: usize, here: &mut Threads, arrivals: &mut Vec<(usize, Places)>) {
        let mut done = 0;
        while let Some(&at) = here.steps.get(done) {
            done += 1;
            match program.get(at) {
                Some(Step::Split(first, second)) => {
                    here.add(*first);
                    here.add(*second);
                }
                Some(Step::Jump(to)) => {
                    here.add(*to);
                }
                Some(Step::Not(operand)) => {
                    let ends = self.ends(*operand, place);
                    if !ends.has(place) {
                        here.add(at + 1);
                    }
                    match arrivals.iter_mut().find(|(step, _)| *step == at + 1) {
                        Some((_, places)) => places.add_missing(&ends, place),
                        None => {
                            let mut places = Places::none(self.text.len());
                            places.add_missing(&ends, place);
                            arrivals.push((at + 1, places));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
