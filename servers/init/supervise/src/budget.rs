//! How the machine's memory is shared out to the services' pools.
//!
//! A pool's pages are taken out of its parent's at once, so the manifest's figures can't simply be promised: a machine of
//! 64 MiB has less, one of 2 GiB much more. Each service gets at least [`LEAST`] pages (or what it asks for, if that is
//! less); what is left is shared in proportion to what it asks for beyond that, up to [`MOST_TIMES`] as much.

use alloc::vec::Vec;

/// Pages that a service gets before anything is shared in proportion: 2 MiB.
pub const LEAST: u64 = 512;
/// A service gets at most this many times what the manifest says.
pub const MOST_TIMES: u64 = 16;

/// The pages of each pool, for what the manifest asks and what there is. The sum is at most `pages`, unless the least is
/// already more: then the machine is too small and creating the pools will fail.
#[must_use]
pub fn share(wanted: &[u64], pages: u64) -> Vec<u64> {
    let least: u64 = wanted.iter().map(|w| (*w).min(LEAST)).sum();
    let beyond: u64 = wanted.iter().map(|w| w.saturating_sub(LEAST)).sum();
    let rest = pages.saturating_sub(least).min(beyond.saturating_mul(MOST_TIMES));
    let part = |w: u64| {
        let more = u128::from(w.saturating_sub(LEAST)) * u128::from(rest) / u128::from(beyond.max(1));
        w.min(LEAST) + more as u64
    };
    wanted.iter().map(|w| part(*w)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_shares_what_there_is() {
        let shares = share(&[512, 512, 4096, 8192, 100], 8000);
        assert_eq!(&shares[..2], [512, 512]);
        assert_eq!(shares[4], 100);
        assert!(shares.iter().sum::<u64>() <= 8000 && shares[3] > 2 * (shares[2] - 512), "{shares:?}");
    }

    #[test]
    fn a_large_machine_gives_more_but_not_all() {
        assert_eq!(share(&[512, 1024], 2048), [512, 1536]);
        assert_eq!(share(&[512, 1024], 1 << 20), [512, 512 + 16 * 512]);
    }

    #[test]
    fn no_machine_is_too_small_to_compute() {
        assert_eq!(share(&[], 0), [] as [u64; 0]);
        assert_eq!(share(&[0, 1, 4096], 0), [0, 1, 512]);
        assert_eq!(share(&[u64::MAX / 2], u64::MAX).len(), 1);
    }
}
