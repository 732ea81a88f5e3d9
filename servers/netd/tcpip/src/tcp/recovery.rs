//! What was lost and what to repeat: fast retransmit and NewReno's fast recovery (RFC 5681 §3.2, RFC 6582), limited
//! transmit (RFC 3042), and going back after a time-out.
//!
//! ```text
//!         3 duplicates                ack >= recover
//!  OPEN ----------------> FAST -------------------------> OPEN
//!    \                      | time-out
//!     \---- time-out -----> LOSS -- ack >= recover -----> OPEN
//! ```
//!
//! The output asks [`Recovery::retransmit_at`] for the next sequence number to repeat. SACK's scoreboard and RACK will
//! answer that question better, with the same neighbours.

use super::SeqNumber;

/// Duplicates that mean a loss.
const DUP_THRESHOLD: u32 = 3;

/// Which recovery is going on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// None.
    Open,
    /// Fast recovery.
    Fast,
    /// After a time-out: everything sent before counts as lost and is repeated as acknowledgments allow.
    Loss,
}

/// What a duplicate acknowledgment means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duplicate {
    /// Not enough to infer a loss, or recovery goes on.
    Wait,
    /// A segment is lost: fast recovery begins.
    Lost,
}

/// What an acknowledgment of new data means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advance {
    /// No recovery: the window may grow.
    Open,
    /// Fast recovery goes on: the next hole is known.
    Partial,
    /// Fast recovery is over.
    Recovered,
}

/// The state of loss recovery.
#[derive(Clone, Debug)]
pub struct Recovery {
    phase: Phase,
    dup_acks: u32,
    /// Recovery ends when everything before this is acknowledged.
    recover: SeqNumber,
    /// Bytes that left the network, as duplicates told: added to the window in fast recovery.
    inflation: u32,
    retransmit: Option<SeqNumber>,
}

impl Recovery {
    /// No recovery; `iss` is the initial send sequence number.
    pub fn new(iss: SeqNumber) -> Recovery {
        Recovery { phase: Phase::Open, dup_acks: 0, recover: iss, inflation: 0, retransmit: None }
    }

    /// What goes on.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The sequence number to repeat next, if any.
    pub fn retransmit_at(&self) -> Option<SeqNumber> {
        self.retransmit
    }

    /// Bytes that count as in flight between `snd_una` and `snd_nxt`.
    pub fn flight(&self, snd_una: SeqNumber, snd_nxt: SeqNumber) -> u32 {
        let end = match self.phase {
            Phase::Loss => self.retransmit.unwrap_or(snd_nxt),
            Phase::Open | Phase::Fast => snd_nxt,
        };
        end.since(snd_una)
    }

    /// Bytes that may be in flight beyond the congestion window.
    pub fn allowance(&self, mss: u32) -> u32 {
        match self.phase {
            Phase::Open => self.dup_acks.min(DUP_THRESHOLD - 1) * mss,
            Phase::Fast => self.inflation,
            Phase::Loss => 0,
        }
    }

    /// A duplicate acknowledgment came.
    pub fn on_duplicate(&mut self, snd_una: SeqNumber, snd_nxt: SeqNumber, mss: u32) -> Duplicate {
        self.dup_acks = self.dup_acks.saturating_add(1);
        match self.phase {
            Phase::Fast => self.inflation = self.inflation.saturating_add(mss),
            // RFC 6582 §3.2 step 1: duplicates of what was repeated before `recover` are no new loss.
            Phase::Open if self.dup_acks >= DUP_THRESHOLD && snd_una > self.recover => {
                self.phase = Phase::Fast;
                self.recover = snd_nxt;
                self.inflation = DUP_THRESHOLD * mss;
                self.retransmit = Some(snd_una);
                return Duplicate::Lost;
            }
            Phase::Open | Phase::Loss => {}
        }
        Duplicate::Wait
    }

    /// New data was acknowledged: `snd_una` is the new value, `acked` the bytes.
    pub fn on_advance(&mut self, snd_una: SeqNumber, acked: u32, mss: u32) -> Advance {
        self.dup_acks = 0;
        match self.phase {
            Phase::Open => Advance::Open,
            Phase::Fast if snd_una >= self.recover => {
                self.finish();
                Advance::Recovered
            }
            Phase::Fast => {
                let refill = if acked >= mss { mss } else { 0 };
                self.inflation = self.inflation.saturating_sub(acked).saturating_add(refill);
                self.retransmit = Some(snd_una);
                Advance::Partial
            }
            Phase::Loss => {
                self.retransmit = self.retransmit.map(|at| at.max(snd_una));
                if snd_una >= self.recover {
                    self.finish();
                }
                Advance::Open
            }
        }
    }

    /// Everything from `snd_una` on is to be sent again: the timer expired, or the peer reopened its window.
    pub fn go_back(&mut self, snd_una: SeqNumber, snd_nxt: SeqNumber) {
        self.phase = Phase::Loss;
        self.dup_acks = 0;
        self.inflation = 0;
        self.recover = snd_nxt;
        self.retransmit = (snd_una < snd_nxt).then_some(snd_una);
    }

    /// Everything before `next` was repeated; `snd_nxt` bounds what there is.
    pub fn on_retransmitted(&mut self, next: SeqNumber, snd_nxt: SeqNumber) {
        self.retransmit = (self.phase == Phase::Loss && next < snd_nxt).then_some(next);
    }

    fn finish(&mut self) {
        self.phase = Phase::Open;
        self.inflation = 0;
        self.retransmit = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const ISS: SeqNumber = SeqNumber(u32::MAX - 500);

    fn lost() -> Recovery {
        let mut recovery = Recovery::new(ISS);
        let (una, nxt) = (ISS + 1, ISS + 5001);
        assert_eq!(recovery.on_duplicate(una, nxt, 1000), Duplicate::Wait);
        assert_eq!(recovery.allowance(1000), 1000);
        assert_eq!(recovery.on_duplicate(una, nxt, 1000), Duplicate::Wait);
        assert_eq!(recovery.on_duplicate(una, nxt, 1000), Duplicate::Lost);
        recovery
    }

    #[test]
    fn the_third_duplicate_repeats_the_first_segment_once() {
        let mut recovery = lost();
        assert_eq!(recovery.retransmit_at(), Some(ISS + 1));
        recovery.on_retransmitted(ISS + 1001, ISS + 5001);
        assert_eq!(recovery.retransmit_at(), None);
        recovery.on_duplicate(ISS + 1, ISS + 5001, 1000);
        assert_eq!(recovery.allowance(1000), 4000);
    }

    #[test]
    fn a_partial_acknowledgment_repeats_the_next_hole_and_a_full_one_ends_it() {
        let mut recovery = lost();
        recovery.on_retransmitted(ISS + 1001, ISS + 5001);
        assert_eq!(recovery.on_advance(ISS + 2001, 2000, 1000), Advance::Partial);
        assert_eq!(recovery.retransmit_at(), Some(ISS + 2001));
        assert_eq!(recovery.allowance(1000), 2000);
        assert_eq!(recovery.on_advance(ISS + 5001, 3000, 1000), Advance::Recovered);
        assert_eq!((recovery.phase(), recovery.retransmit_at()), (Phase::Open, None));
    }

    #[test]
    fn after_a_timeout_everything_is_repeated_and_duplicates_mean_nothing() {
        let mut recovery = lost();
        recovery.go_back(ISS + 1, ISS + 5001);
        assert_eq!(recovery.flight(ISS + 1, ISS + 5001), 0);
        recovery.on_retransmitted(ISS + 1001, ISS + 5001);
        assert_eq!(recovery.retransmit_at(), Some(ISS + 1001));
        for _ in 0..5 {
            assert_eq!(recovery.on_duplicate(ISS + 1, ISS + 5001, 1000), Duplicate::Wait);
        }
        assert_eq!(recovery.on_advance(ISS + 3001, 3000, 1000), Advance::Open);
        assert_eq!(recovery.retransmit_at(), Some(ISS + 3001));
        recovery.on_advance(ISS + 5001, 2000, 1000);
        assert_eq!(recovery.phase(), Phase::Open);
        // Duplicates of the repeated segments don't start a fast recovery.
        for _ in 0..5 {
            assert_eq!(recovery.on_duplicate(ISS + 5001, ISS + 6001, 1000), Duplicate::Wait);
        }
    }
}
