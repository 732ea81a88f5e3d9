//! The internet checksum (RFC 1071).
//!
//! The one's complement sum doesn't care about the width it is summed in, so words of 32 bits go into 64; the carries
//! are folded once at the end.

use core::net::IpAddr;

/// A running one's complement sum.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sum(u64);

impl Sum {
    /// The sum of TCP's and UDP's pseudo-header (RFC 9293 §3.1; RFC 8200 §8.1 has the same words for IPv6).
    pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Sum {
        let sum = Sum(u64::from(protocol) + length as u64);
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => sum.with(&src.octets()).with(&dst.octets()),
            (IpAddr::V6(src), IpAddr::V6(dst)) => sum.with(&src.octets()).with(&dst.octets()),
            _ => sum,
        }
    }

    /// Adds `data`. Only the last piece may have an odd length: it is padded with a zero byte.
    #[must_use]
    pub fn with(self, data: &[u8]) -> Sum {
        let mut sum = self.0;
        let (words, rest) = data.as_chunks::<4>();
        for word in words {
            sum += u64::from(u32::from_be_bytes(*word));
        }
        let mut last = [0; 4];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        // Folding here keeps the sum far from 2⁶⁴ however many pieces follow.
        sum += u64::from(u32::from_be_bytes(last));
        Sum((sum & 0xffff_ffff) + (sum >> 32))
    }

    /// The sum in 16 bits, not complemented: what a device that completes the checksum wants in the field.
    pub fn folded(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    /// The checksum: the complement of the sum.
    pub fn finish(self) -> u16 {
        !self.folded()
    }
}

/// The checksum of `data` alone.
pub fn of(data: &[u8]) -> u16 {
    Sum::default().with(data).finish()
}

/// Whether `data`, which contains its checksum, sums up to the right value.
pub fn verify(data: &[u8]) -> bool {
    of(data) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::default().with(&data).folded(), 0xddf2);
    }

    #[test]
    fn pieces_and_odd_ends_give_the_same_sum() {
        let data: [u8; 15] = core::array::from_fn(|i| (i * 37) as u8);
        let mut expected: u32 = 0;
        for pair in data.chunks(2) {
            expected += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        }
        while expected > 0xffff {
            expected = (expected & 0xffff) + (expected >> 16);
        }
        for cut in (0..14).step_by(2) {
            assert_eq!(u32::from(Sum::default().with(&data[..cut]).with(&data[cut..]).folded()), expected);
        }
    }
}
