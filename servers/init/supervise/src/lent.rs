//! The sessions that a process was given and that can be taken back.
//!
//! A process may open and close sessions for ever. Those that are over are looked for when the list has doubled since the
//! last time: so it is never longer than twice what was open at a time, and an opening pays for a few looks on the
//! average. Who has as many open as are kept pays for a look at all of them with each further one.

use alloc::{string::String, vec::Vec};

/// Sessions of a process that can be taken back, at most.
pub const MAX_LENT: usize = 64;
/// As long a list is not looked through.
const SHORT: usize = 4;

/// What takes each session back, with the name of the service that it is of.
#[derive(Debug)]
pub struct Lent<G> {
    list: Vec<(String, G)>,
    /// How long it may become until those that are over are looked for.
    until: usize,
}

impl<G> Default for Lent<G> {
    fn default() -> Self {
        Lent { list: Vec::new(), until: SHORT }
    }
}

impl<G> Lent<G> {
    /// Whether one more can be kept. It may let go of those that are over.
    pub fn room(&mut self, over: impl Fn(&G) -> bool) -> bool {
        if self.list.len() >= self.until {
            self.list.retain(|(_, lent)| !over(lent));
            self.until = (2 * self.list.len()).clamp(SHORT, MAX_LENT);
        }
        self.list.len() < MAX_LENT
    }

    /// Keeps one; [`Lent::room`] was asked.
    pub fn add(&mut self, service: &str, lent: G) {
        self.list.push((service.into(), lent));
    }

    /// All of a service, to be taken back.
    pub fn take(&mut self, service: &str) -> Vec<G> {
        let (back, kept) = core::mem::take(&mut self.list).into_iter().partition(|(of, _)| of == service);
        self.list = kept;
        let back: Vec<(String, G)> = back;
        back.into_iter().map(|(_, lent)| lent).collect()
    }

    /// How many are kept, those that are over and were not looked for included.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
