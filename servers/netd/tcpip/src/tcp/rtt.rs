//! Round-trip time and retransmission time-out (RFC 6298).

use super::TcpConfig;
use crate::time::Duration;

/// The estimator of one connection.
#[derive(Clone, Copy, Debug)]
pub struct RttEstimator {
    srtt: Option<Duration>,
    rttvar: Duration,
    rto: Duration,
    backoff: u32,
    min: Duration,
    max: Duration,
}

impl RttEstimator {
    /// Nothing measured yet: the initial time-out (§2.1).
    pub fn new(config: &TcpConfig) -> RttEstimator {
        RttEstimator {
            srtt: None,
            rttvar: Duration::ZERO,
            rto: config.rto_initial,
            backoff: 0,
            min: config.rto_min,
            max: config.rto_max,
        }
    }

    /// The smoothed round-trip time, once measured.
    pub fn srtt(&self) -> Option<Duration> {
        self.srtt
    }

    /// Its mean deviation.
    pub fn rttvar(&self) -> Duration {
        self.rttvar
    }

    /// The time-out with its back-off.
    pub fn rto(&self) -> Duration {
        self.rto.scaled(1 << self.backoff.min(16), 1).min(self.max)
    }

    /// Takes a measurement (§2.2, §2.3). It ends the back-off.
    pub fn sample(&mut self, rtt: Duration) {
        self.backoff = 0;
        let srtt = match self.srtt {
            None => {
                self.rttvar = rtt.scaled(1, 2);
                rtt
            }
            Some(srtt) => {
                let error = if srtt > rtt { srtt - rtt } else { rtt - srtt };
                self.rttvar = self.rttvar.scaled(3, 4) + error.scaled(1, 4);
                srtt.scaled(7, 8) + rtt.scaled(1, 8)
            }
        };
        self.srtt = Some(srtt);
        self.rto = (srtt + self.rttvar.scaled(4, 1)).max(self.min).min(self.max);
    }

    /// The timer expired: twice the time next (§5.5).
    pub fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(16);
    }

    /// New data was acknowledged: the back-off was enough. (§5.7 leaves this to the next sample; without timestamps
    /// that may be long in coming, so the back-off ends with the acknowledgment, as it does in Linux and the BSDs.)
    pub fn reset_backoff(&mut self) {
        self.backoff = 0;
    }

    /// The SYN had to be repeated before a round trip was measured (§5.7).
    pub fn syn_was_lost(&mut self) {
        if self.srtt.is_none() {
            self.rto = self.rto.max(Duration::from_secs(3)).min(self.max);
            self.backoff = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_and_the_following_ones_go_by_the_formula() {
        let mut rtt = RttEstimator::new(&TcpConfig::default());
        assert_eq!(rtt.rto(), Duration::from_secs(1));
        rtt.sample(Duration::from_millis(400));
        assert_eq!(rtt.srtt(), Some(Duration::from_millis(400)));
        assert_eq!(rtt.rto(), Duration::from_millis(1200));
        rtt.sample(Duration::from_millis(480));
        assert_eq!(rtt.srtt(), Some(Duration::from_millis(410)));
        assert_eq!(rtt.rttvar(), Duration::from_millis(170));
    }

    #[test]
    fn a_fast_link_keeps_the_floor_and_back_off_has_a_ceiling() {
        let config = TcpConfig::default();
        let mut rtt = RttEstimator::new(&config);
        for _ in 0..20 {
            rtt.sample(Duration::from_micros(50));
        }
        assert_eq!(rtt.rto(), config.rto_min);
        rtt.back_off();
        assert_eq!(rtt.rto(), config.rto_min.scaled(2, 1));
        for _ in 0..40 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), config.rto_max);
        rtt.reset_backoff();
        assert_eq!(rtt.rto(), config.rto_min);
    }

    #[test]
    fn a_lost_syn_leaves_three_seconds() {
        let mut rtt = RttEstimator::new(&TcpConfig::default());
        rtt.back_off();
        rtt.syn_was_lost();
        assert_eq!(rtt.rto(), Duration::from_secs(3));
    }
}
