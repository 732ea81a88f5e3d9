//! Who waits for output to go out.

use alloc::collections::VecDeque;

/// Writers that may wait.
pub const MAX_WRITERS: usize = 64;

/// Writers in the order they came, each with how many bytes may be left when it is answered.
#[derive(Debug)]
pub struct Writers<W>(VecDeque<(usize, W)>);

impl<W> Default for Writers<W> {
    fn default() -> Self {
        Writers(VecDeque::new())
    }
}

impl<W> Writers<W> {
    /// Has a writer's bytes queued, and it wait until at most `most` are left. If too many wait it comes back, and nothing is
    /// queued: else those that are refused would make the queue as long as they like.
    pub fn admit(&mut self, most: usize, writer: W, queue: impl FnOnce()) -> Result<(), W> {
        if self.0.len() >= MAX_WRITERS {
            return Err(writer);
        }
        queue();
        self.0.push_back((most, writer));
        Ok(())
    }

    /// The next to be answered when so many bytes are left.
    pub fn answer(&mut self, left: usize) -> Option<W> {
        self.0.pop_front_if(|(most, _)| left <= *most).map(|(_, writer)| writer)
    }

    /// Forgets those that are not to be kept.
    pub fn retain(&mut self, keep: impl Fn(&W) -> bool) {
        self.0.retain(|(_, writer)| keep(writer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_wait_leaves_no_bytes() {
        let (mut writers, mut queued) = (Writers::default(), 0);
        for writer in 0..10 * MAX_WRITERS {
            let refused = writers.admit(100, writer, || queued += 1_000);
            assert_eq!(refused.is_err(), writer >= MAX_WRITERS);
        }
        assert_eq!(queued, 1_000 * MAX_WRITERS);
        assert_eq!(writers.answer(101), None);
        assert_eq!(writers.answer(100), Some(0));
        assert_eq!(writers.admit(100, 99, || queued += 1_000), Ok(()));
    }

    #[test]
    fn they_are_answered_in_order_and_those_who_left_not_at_all() {
        let mut writers = Writers::default();
        for (most, writer) in [(100, 'a'), (0, 'b'), (100, 'c')] {
            writers.admit(most, writer, || ()).unwrap();
        }
        assert_eq!((writers.answer(50), writers.answer(50)), (Some('a'), None), "b wants all of it out");
        writers.retain(|writer| *writer != 'b');
        assert_eq!((writers.answer(50), writers.answer(0)), (Some('c'), None));
    }
}
