//! How many pages come at once.
//!
//! A page beside the last ones is the next step of somebody who goes through memory: each such step brings twice as many as
//! the one before, up to a bound. Anything else brings one page.

use core::ops::Range;

use crate::PAGE;

/// The pages that came last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    start: u64,
    end: u64,
}

/// Pages to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The one that is needed.
    pub page: u64,
    /// How many, at least one.
    pub pages: u64,
    /// Whether the others lie below it.
    pub down: bool,
}

impl Run {
    /// The needed page alone.
    #[must_use]
    pub const fn single(page: u64) -> Run {
        Run { page, pages: 1, down: false }
    }

    /// The same run with fewer pages.
    #[must_use]
    pub fn at_most(self, pages: u64) -> Run {
        Run { pages: self.pages.min(pages).max(1), ..self }
    }

    /// Where it starts.
    #[must_use]
    pub const fn start(self) -> u64 {
        if self.down { self.page - (self.pages - 1) * PAGE } else { self.page }
    }
}

impl Around {
    /// What to bring for a page of a region, `most` pages at most.
    #[must_use]
    pub fn run(&self, page: u64, region: &Range<u64>, most: u64) -> Run {
        let last = (self.end - self.start) / PAGE;
        let pages = (2 * last).clamp(1, most);
        if last > 0 && page == self.end {
            let room = region.end.saturating_sub(page) / PAGE;
            Run { page, pages, down: false }.at_most(room)
        } else if last > 0 && page + PAGE == self.start {
            let room = page.saturating_sub(region.start) / PAGE + 1;
            Run { page, pages, down: true }.at_most(room)
        } else {
            Run::single(page)
        }
    }

    /// Notes what came.
    pub fn came(&mut self, run: Run) {
        (self.start, self.end) = (run.start(), run.start() + run.pages * PAGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: Range<u64> = 0x10_0000..0x20_0000;

    fn step(around: &mut Around, page: u64) -> (u64, u64) {
        let run = around.run(page, &REGION, 16);
        around.came(run);
        (run.start(), run.pages)
    }

    #[test]
    fn who_goes_through_memory_gets_ever_more() {
        let mut around = Around::default();
        assert_eq!(step(&mut around, 0x10_0000), (0x10_0000, 1));
        assert_eq!(step(&mut around, 0x10_1000), (0x10_1000, 2));
        assert_eq!(step(&mut around, 0x10_3000), (0x10_3000, 4));
        assert_eq!(step(&mut around, 0x10_7000), (0x10_7000, 8));
        assert_eq!(step(&mut around, 0x10_f000), (0x10_f000, 16));
        assert_eq!(step(&mut around, 0x11_f000), (0x11_f000, 16), "up to a bound");
        assert_eq!(step(&mut around, 0x18_0000), (0x18_0000, 1), "somebody who jumps gets one");
    }

    #[test]
    fn stacks_go_down() {
        let mut around = Around::default();
        assert_eq!(step(&mut around, 0x1f_f000), (0x1f_f000, 1));
        assert_eq!(step(&mut around, 0x1f_e000), (0x1f_d000, 2));
        assert_eq!(step(&mut around, 0x1f_c000), (0x1f_9000, 4));
    }

    #[test]
    fn a_run_ends_with_its_region() {
        let mut around = Around::default();
        around.came(Run { page: 0x1f_6000, pages: 8, down: false });
        assert_eq!(step(&mut around, 0x1f_e000), (0x1f_e000, 2));
        around.came(Run { page: 0x10_2000, pages: 8, down: false });
        assert_eq!(step(&mut around, 0x10_1000), (0x10_0000, 2));
    }

    #[test]
    fn fewer_pages_keep_the_needed_one() {
        let run = Run { page: 0x10_7000, pages: 8, down: true };
        assert_eq!(run.start(), 0x10_0000);
        assert_eq!(run.at_most(3).start(), 0x10_5000);
        assert_eq!(run.at_most(0), Run { page: 0x10_7000, pages: 1, down: true });
    }
}
