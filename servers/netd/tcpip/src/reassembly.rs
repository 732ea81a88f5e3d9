//! Reassembly of IPv4 fragments (RFC 791 §3.2, RFC 815), bounded in datagrams, fragments, bytes and time.
//!
//! Fragments that overlap differently are an attack or a bug, never an accident: the whole datagram is dropped, as
//! RFC 5722 has it for IPv6. An exact repetition is ignored.

use crate::time::{Duration, Instant};
use crate::wire::ipv4;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// Datagrams in reassembly at once.
pub const MAX_DATAGRAMS: usize = 16;
/// Fragments of one datagram.
pub const MAX_FRAGMENTS: usize = 64;
/// Bytes kept of all datagrams.
pub const MAX_BYTES: usize = 256 * 1024;
/// How long the missing fragments may take.
pub const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: u8,
    identification: u16,
}

struct Datagram {
    key: Key,
    header: ipv4::Header,
    bytes: Vec<u8>,
    /// Received ranges, sorted.
    fragments: Vec<(usize, usize)>,
    total: Option<usize>,
    expires: Instant,
}

/// What came of a fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// More fragments are missing.
    Waiting,
    /// The datagram is complete: its header and payload.
    Complete(ipv4::Header, Vec<u8>),
    /// The datagram was dropped: overlap, contradiction or a limit.
    Dropped,
}

/// A datagram whose time ran out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expired {
    /// Header of its first fragment, if that had come.
    pub header: Option<ipv4::Header>,
    /// The start of its payload, for the ICMP error.
    pub start: Vec<u8>,
}

/// The datagrams in reassembly.
#[derive(Default)]
pub struct Reassembly {
    datagrams: Vec<Datagram>,
}

impl Reassembly {
    /// Takes a fragment.
    pub fn insert(&mut self, now: Instant, header: ipv4::Header, payload: &[u8]) -> Outcome {
        let key =
            Key { src: header.src, dst: header.dst, protocol: header.protocol, identification: header.identification };
        let index = match self.datagrams.iter().position(|datagram| datagram.key == key) {
            Some(index) => index,
            None => self.begin(now, key, header),
        };
        let used: usize = self.datagrams.iter().map(|datagram| datagram.bytes.len()).sum();
        let Some(datagram) = self.datagrams.get_mut(index) else { return Outcome::Dropped };
        match datagram.insert(&header, payload, MAX_BYTES.saturating_sub(used)) {
            Outcome::Waiting => Outcome::Waiting,
            end => {
                self.datagrams.swap_remove(index);
                end
            }
        }
    }

    /// Takes out a datagram whose time ran out.
    pub fn expire(&mut self, now: Instant) -> Option<Expired> {
        let index = self.datagrams.iter().position(|datagram| datagram.expires <= now)?;
        let datagram = self.datagrams.swap_remove(index);
        let first = datagram.fragments.first().is_some_and(|(start, _)| *start == 0);
        let start = datagram.bytes.get(..8).unwrap_or(&datagram.bytes).to_vec();
        Some(Expired { header: first.then_some(datagram.header), start })
    }

    /// When the next datagram's time runs out.
    pub fn poll_at(&self) -> Option<Instant> {
        self.datagrams.iter().map(|datagram| datagram.expires).min()
    }

    /// The oldest datagram makes room for a new one.
    fn begin(&mut self, now: Instant, key: Key, header: ipv4::Header) -> usize {
        if self.datagrams.len() >= MAX_DATAGRAMS
            && let Some(oldest) = (0..self.datagrams.len()).min_by_key(|index| self.datagrams[*index].expires)
        {
            self.datagrams.swap_remove(oldest);
        }
        self.datagrams.push(Datagram {
            key,
            header,
            bytes: Vec::new(),
            fragments: Vec::new(),
            total: None,
            expires: now + TIMEOUT,
        });
        self.datagrams.len() - 1
    }
}

impl Datagram {
    fn insert(&mut self, header: &ipv4::Header, payload: &[u8], room: usize) -> Outcome {
        let start = usize::from(header.fragment_offset);
        let end = start + payload.len();
        // All fragments but the last are multiples of eight bytes; an empty one fills nothing.
        if payload.is_empty() || (header.more_fragments && !payload.len().is_multiple_of(8)) {
            return Outcome::Dropped;
        }
        if self.fragments.contains(&(start, end)) {
            return Outcome::Waiting;
        }
        let overlaps = self.fragments.iter().any(|(from, to)| start < *to && end > *from);
        let reached = self.fragments.last().map_or(0, |(_, to)| *to);
        let contradicts = match self.total {
            Some(total) => end > total || !header.more_fragments,
            None => !header.more_fragments && reached > end,
        };
        let grows = end.saturating_sub(self.bytes.len());
        if overlaps || contradicts || grows > room || self.fragments.len() >= MAX_FRAGMENTS {
            return Outcome::Dropped;
        }
        if !header.more_fragments {
            self.total = Some(end);
        }
        if start == 0 {
            self.header = *header;
        }
        if grows > 0 {
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(payload);
        let place = self.fragments.partition_point(|(from, _)| *from < start);
        self.fragments.insert(place, (start, end));
        self.finish()
    }

    fn finish(&mut self) -> Outcome {
        let Some(total) = self.total else { return Outcome::Waiting };
        let held: usize = self.fragments.iter().map(|(from, to)| to - from).sum();
        if held != total {
            return Outcome::Waiting;
        }
        let header = ipv4::Header { more_fragments: false, fragment_offset: 0, ..self.header };
        Outcome::Complete(header, core::mem::take(&mut self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn header(offset: u16, more: bool) -> ipv4::Header {
        let mut header = ipv4::Header::new(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2), ipv4::UDP);
        header.identification = 7;
        header.fragment_offset = offset;
        header.more_fragments = more;
        header
    }

    fn complete(outcome: Outcome) -> Vec<u8> {
        match outcome {
            Outcome::Complete(_, bytes) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fragments_in_any_order_make_the_datagram() {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let parts = [(header(0, true), [1u8; 8].as_slice()), (header(8, true), &[2; 8]), (header(16, false), &[3; 3])];
        for order in orders {
            let mut reassembly = Reassembly::default();
            let mut last = Outcome::Waiting;
            for index in order {
                assert_eq!(last, Outcome::Waiting);
                last = reassembly.insert(Instant::ZERO, parts[index].0, parts[index].1);
            }
            assert_eq!(complete(last), [&[1u8; 8][..], &[2; 8], &[3; 3]].concat());
            assert!(reassembly.datagrams.is_empty());
        }
    }

    #[test]
    fn a_repeated_fragment_is_ignored_and_an_overlap_drops_everything() {
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.insert(Instant::ZERO, header(0, true), &[1; 16]), Outcome::Waiting);
        assert_eq!(reassembly.insert(Instant::ZERO, header(0, true), &[9; 16]), Outcome::Waiting);
        assert_eq!(reassembly.insert(Instant::ZERO, header(8, false), &[2; 16]), Outcome::Dropped);
        assert!(reassembly.datagrams.is_empty());
    }

    #[test]
    fn contradictions_about_the_end_drop_the_datagram() {
        for second in [(header(32, false), 8), (header(0, false), 8), (header(24, true), 8)] {
            let mut reassembly = Reassembly::default();
            reassembly.insert(Instant::ZERO, header(16, false), &[1; 8]);
            let outcome = reassembly.insert(Instant::ZERO, second.0, &vec![0; second.1]);
            assert_eq!(outcome, Outcome::Dropped, "{second:?}");
        }
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.insert(Instant::ZERO, header(0, true), &[1; 7]), Outcome::Dropped);
    }

    #[test]
    fn bytes_and_datagrams_are_bounded() {
        let mut reassembly = Reassembly::default();
        let mut held = 0;
        for id in 0..100 {
            let far = ipv4::Header { identification: id, ..header(65_000, true) };
            if reassembly.insert(Instant::ZERO, far, &[0; 8]) == Outcome::Waiting {
                held += 1;
            }
            let bytes: usize = reassembly.datagrams.iter().map(|d| d.bytes.len()).sum();
            assert!(bytes <= MAX_BYTES && reassembly.datagrams.len() <= MAX_DATAGRAMS);
        }
        assert!(held > 0);
    }

    #[test]
    fn a_datagram_expires_and_says_so_only_with_its_first_fragment() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(Instant::ZERO, header(8, false), &[1; 8]);
        let end = Instant::ZERO + TIMEOUT;
        assert_eq!(reassembly.poll_at(), Some(end));
        assert_eq!(reassembly.expire(Instant::ZERO), None);
        assert_eq!(reassembly.expire(end).unwrap().header, None);
        reassembly.insert(end, header(0, true), &[1; 8]);
        let expired = reassembly.expire(end + TIMEOUT).unwrap();
        assert_eq!((expired.header, expired.start), (Some(header(0, true)), vec![1; 8]));
    }
}
