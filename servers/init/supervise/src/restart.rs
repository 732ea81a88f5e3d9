//! When a service that ended starts again (`contracts.md` §7, §13).
//!
//! ```text
//!             ended by itself            more than 6 in 60 s
//!  running ────────────────────► back-off ─────────────────► failed (left alone)
//!     ▲  ▲   0.1 s, doubling to 3.2 s │                          │
//!     │  └────────────────────────────┘                          │
//!     └───────────────── ordered: at once, not counted ◄─────────┘
//! ```
//!
//! A service that ran for 60 s without an end starts again after 0.1 s.

use alloc::collections::VecDeque;

use crate::{MS, SECOND, Time};

/// The first delay.
pub const FIRST_DELAY: u64 = 100 * MS;
/// The longest delay.
pub const LONGEST_DELAY: u64 = 3_200 * MS;
/// Restarts within [`WINDOW`] that are allowed.
pub const MOST: usize = 6;
/// The time they are counted in.
pub const WINDOW: u64 = 60 * SECOND;

/// Why a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself: it exited or faulted.
    Own,
    /// Somebody who may said so (`break`, `services restart`).
    Ordered,
}

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Start it at this time.
    Start(Time),
    /// Leave it alone: it ended too often.
    Fail,
}

/// The ends of one service.
#[derive(Debug, Clone, Default)]
pub struct Restarts {
    /// Ends within the window that count, oldest first; at most [`MOST`] + 1.
    ends: VecDeque<Time>,
    total: u32,
}

impl Restarts {
    /// Starts after the first.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The service ended: what next?
    pub fn ended(&mut self, now: Time, end: End) -> Next {
        while self.ends.front().is_some_and(|first| now.saturating_sub(*first) >= WINDOW) {
            self.ends.pop_front();
        }
        match end {
            End::Ordered => Next::Start(now),
            End::Own => {
                self.ends.push_back(now);
                if self.ends.len() > MOST {
                    return Next::Fail;
                }
                let doublings = self.ends.len() as u32 - 1;
                Next::Start(now.saturating_add((FIRST_DELAY << doublings).min(LONGEST_DELAY)))
            }
        }
    }

    /// It was started again.
    pub fn restarted(&mut self) {
        self.total = self.total.saturating_add(1);
    }

    /// Somebody who may started it by hand: what was counted is forgotten.
    pub fn forgive(&mut self) {
        self.ends.clear();
    }
}
