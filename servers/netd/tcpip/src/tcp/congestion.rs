//! How much may be in flight: congestion control behind a trait.
//!
//! The trait knows acknowledged bytes and congestion signals, not segments or sequence numbers; what was lost and what
//! to repeat is [`super::recovery`]'s subject. So CUBIC or BBR is one more implementation, and SACK or RACK none.

use crate::time::{Duration, Instant};
use alloc::boxed::Box;

/// An algorithm that sets the congestion window.
pub trait CongestionControl: Send {
    /// The congestion window in bytes; at least one segment.
    fn cwnd(&self) -> u32;
    /// The slow-start threshold in bytes.
    fn ssthresh(&self) -> u32;
    /// `acked` new bytes were acknowledged outside recovery, `flight` bytes were outstanding before.
    fn on_ack(&mut self, now: Instant, acked: u32, flight: u32, srtt: Option<Duration>);
    /// Loss was inferred from duplicates with `flight` bytes outstanding.
    fn on_loss(&mut self, now: Instant, flight: u32);
    /// Recovery ended with `flight` bytes outstanding.
    fn on_recovered(&mut self, now: Instant, flight: u32);
    /// The retransmission timer expired for the first time on these bytes.
    fn on_timeout(&mut self, now: Instant, flight: u32);
    /// The connection sent nothing for longer than a time-out (RFC 5681 §4.1).
    fn on_idle(&mut self, now: Instant);
    /// The segment size became smaller (path MTU).
    fn set_mss(&mut self, mss: u32);
}

/// Which algorithm a connection uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Algorithm {
    /// RFC 5681 with appropriate byte counting (RFC 3465).
    #[default]
    NewReno,
}

impl Algorithm {
    /// A controller for segments of `mss` bytes.
    pub fn controller(self, mss: u32, initial_segments: u32) -> Box<dyn CongestionControl> {
        match self {
            Algorithm::NewReno => Box::new(NewReno::new(mss, initial_segments)),
        }
    }
}

/// Reno's window: slow start and additive increase.
#[derive(Clone, Debug)]
pub struct NewReno {
    mss: u32,
    initial: u32,
    cwnd: u32,
    ssthresh: u32,
    /// Bytes acknowledged since the window last grew in congestion avoidance.
    counted: u32,
}

/// The window never grows beyond what a scaled receive window can be.
const MAX_CWND: u32 = 1 << 30;

impl NewReno {
    /// RFC 6928's initial window: `initial_segments` (10) segments, but not more than 14,600 bytes or two segments.
    pub fn new(mss: u32, initial_segments: u32) -> NewReno {
        let mss = mss.max(1);
        let initial = initial_segments.max(1).saturating_mul(mss).min(14_600.max(2 * mss));
        NewReno { mss, initial, cwnd: initial, ssthresh: MAX_CWND, counted: 0 }
    }

    fn halve(&mut self, flight: u32) {
        self.ssthresh = (flight / 2).max(2 * self.mss);
        self.counted = 0;
    }
}

impl CongestionControl for NewReno {
    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    fn on_ack(&mut self, _now: Instant, acked: u32, flight: u32, _srtt: Option<Duration>) {
        // A window that isn't used says nothing about the path, so it doesn't grow (RFC 7661's point).
        if flight < self.cwnd / 2 {
            return;
        }
        if self.cwnd < self.ssthresh {
            self.cwnd = self.cwnd.saturating_add(acked.min(2 * self.mss)).min(MAX_CWND);
            return;
        }
        self.counted = self.counted.saturating_add(acked);
        if self.counted >= self.cwnd {
            self.counted -= self.cwnd;
            self.cwnd = self.cwnd.saturating_add(self.mss).min(MAX_CWND);
        }
    }

    fn on_loss(&mut self, _now: Instant, flight: u32) {
        self.halve(flight);
        self.cwnd = self.ssthresh;
    }

    fn on_recovered(&mut self, _now: Instant, flight: u32) {
        // RFC 6582 §3.2 step 3, option 1: no burst when much was acknowledged at once.
        self.cwnd = self.ssthresh.min(flight.max(self.mss) + self.mss);
    }

    fn on_timeout(&mut self, _now: Instant, flight: u32) {
        self.halve(flight);
        self.cwnd = self.mss;
    }

    fn on_idle(&mut self, _now: Instant) {
        self.cwnd = self.cwnd.min(self.initial);
        self.counted = 0;
    }

    fn set_mss(&mut self, mss: u32) {
        self.mss = mss.max(1);
        self.cwnd = self.cwnd.max(self.mss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const NOW: Instant = Instant::ZERO;

    #[test]
    fn slow_start_doubles_a_round_and_avoidance_adds_a_segment() {
        let mut reno = NewReno::new(1000, 10);
        for _ in 0..10 {
            reno.on_ack(NOW, 1000, 10_000, None);
        }
        assert_eq!(reno.cwnd(), 20_000);
        reno.on_loss(NOW, 20_000);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (10_000, 10_000));
        for _ in 0..10 {
            reno.on_ack(NOW, 1000, 10_000, None);
        }
        assert_eq!(reno.cwnd(), 11_000);
    }

    #[test]
    fn a_timeout_leaves_one_segment_and_an_unused_window_stays() {
        let mut reno = NewReno::new(1000, 10);
        reno.on_ack(NOW, 1000, 2000, None);
        assert_eq!(reno.cwnd(), 10_000);
        reno.on_timeout(NOW, 10_000);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (1000, 5000));
        reno.on_idle(NOW);
        assert_eq!(reno.cwnd(), 1000);
    }

    #[test]
    fn the_initial_window_is_bounded_in_bytes() {
        assert_eq!(NewReno::new(1460, 10).cwnd(), 14_600);
        assert_eq!(NewReno::new(9000, 10).cwnd(), 18_000);
        assert_eq!(NewReno::new(100, 10).cwnd(), 1000);
    }
}
