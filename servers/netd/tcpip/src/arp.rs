//! The neighbour cache: IPv4 addresses to Ethernet addresses (RFC 826, RFC 1122 §2.3.2, RFC 5227).
//!
//! ```text
//!            request sent          reply
//!  (none) ----------------> INCOMPLETE ----> REACHABLE --- 60 s ---> PROBING (still used)
//!                             | 3 tries        ^  any ARP from it      |  3 unicast tries
//!                             v                +-----------------------+---> (none)
//!                           failed
//! ```
//!
//! An entry is made only by our own question or by a request that asks for us, so strangers' broadcasts can't fill the
//! cache; any ARP packet refreshes an entry that is there. Packets that wait for an answer are few and bounded.

use crate::addr::MacAddr;
use crate::error::Error;
use crate::slab::SocketId;
use crate::time::{Duration, Instant, earliest};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// Neighbours kept.
pub const MAX_ENTRIES: usize = 128;
/// Packets that wait for one neighbour.
pub const MAX_PENDING: usize = 4;
/// Bytes that wait for all neighbours.
pub const MAX_PENDING_BYTES: usize = 256 * 1024;

const REACHABLE_TIME: Duration = Duration::from_secs(60);
const RETRY_TIME: Duration = Duration::from_secs(1);
const MAX_TRIES: u32 = 3;

/// A packet on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// The IPv4 packet.
    pub bytes: Vec<u8>,
    /// The socket that hears if it can't be delivered.
    pub origin: Option<SocketId>,
}

/// Whether hearing an address may make an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Learn {
    /// It spoke to us: make one.
    Create,
    /// It spoke to others: refresh one.
    Update,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Incomplete { tries: u32, next: Instant },
    Reachable { mac: MacAddr, until: Instant },
    Probing { mac: MacAddr, tries: u32, next: Instant },
}

struct Entry {
    state: State,
    used: Instant,
    pending: VecDeque<Packet>,
}

/// What the cache wants to be sent, or gives up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Ask for `address`, at `mac` if it is known.
    Request {
        /// Who is asked for.
        address: Ipv4Addr,
        /// Where to ask: broadcast if `None`.
        mac: Option<MacAddr>,
    },
    /// Nobody answered: these packets are lost.
    Failed(Vec<Packet>, Error),
}

/// A neighbour, for `netstat`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its Ethernet address, if known.
    pub mac: Option<MacAddr>,
}

/// The cache.
#[derive(Default)]
pub struct Cache {
    entries: BTreeMap<Ipv4Addr, Entry>,
    pending_bytes: usize,
    due: Option<Instant>,
}

impl Cache {
    /// Where to send packets for `address`. An aged entry is used while it is probed.
    pub fn lookup(&mut self, now: Instant, address: Ipv4Addr) -> Option<MacAddr> {
        let entry = self.entries.get_mut(&address)?;
        entry.used = now;
        match entry.state {
            State::Incomplete { .. } => None,
            State::Probing { mac, .. } => Some(mac),
            State::Reachable { mac, until } => {
                if until <= now {
                    entry.state = State::Probing { mac, tries: 0, next: now };
                    self.due = earliest(self.due, Some(now));
                }
                Some(mac)
            }
        }
    }

    /// Keeps `packet` until `address` is resolved, and sees that it is asked for. The oldest waiting packet goes when
    /// there are too many; returns how many went.
    pub fn wait(&mut self, now: Instant, address: Ipv4Addr, packet: Packet) -> usize {
        if !self.entries.contains_key(&address) {
            self.make_room();
            let state = State::Incomplete { tries: 0, next: now };
            self.entries.insert(address, Entry { state, used: now, pending: VecDeque::new() });
            self.due = earliest(self.due, Some(now));
        }
        let Some(entry) = self.entries.get_mut(&address) else { return 1 };
        let mut dropped = 0;
        self.pending_bytes += packet.bytes.len();
        entry.pending.push_back(packet);
        while entry.pending.len() > MAX_PENDING || self.pending_bytes > MAX_PENDING_BYTES {
            let Some(oldest) = entry.pending.pop_front() else { break };
            self.pending_bytes -= oldest.bytes.len();
            dropped += 1;
        }
        dropped
    }

    /// `address` is at `mac`. Returns the packets that waited for it.
    pub fn learn(&mut self, now: Instant, address: Ipv4Addr, mac: MacAddr, learn: Learn) -> VecDeque<Packet> {
        if !mac.is_unicast() {
            return VecDeque::new();
        }
        let known = self.entries.contains_key(&address);
        if !known && learn == Learn::Create {
            self.make_room();
        }
        let state = State::Reachable { mac, until: now + REACHABLE_TIME };
        if known || learn == Learn::Create {
            let entry =
                self.entries.entry(address).or_insert_with(|| Entry { state, used: now, pending: VecDeque::new() });
            entry.state = state;
            let pending = core::mem::take(&mut entry.pending);
            self.pending_bytes -= pending.iter().map(|packet| packet.bytes.len()).sum::<usize>();
            return pending;
        }
        VecDeque::new()
    }

    /// Forgets everything: the interface's address changed.
    pub fn clear(&mut self) {
        *self = Cache::default();
    }

    /// The next thing that is due.
    pub fn poll(&mut self, now: Instant) -> Option<Action> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        let found = self.entries.iter_mut().find_map(|(address, entry)| entry.act(now).map(|act| (*address, act)));
        let Some((address, act)) = found else {
            self.due = self.entries.values().filter_map(Entry::next).min();
            return None;
        };
        match act {
            Act::Request(mac) => Some(Action::Request { address, mac }),
            Act::GiveUp => {
                let pending: Vec<Packet> = self.entries.remove(&address).map(|e| e.pending.into()).unwrap_or_default();
                self.pending_bytes -= pending.iter().map(|packet| packet.bytes.len()).sum::<usize>();
                Some(Action::Failed(pending, Error::Unreachable))
            }
        }
    }

    /// When [`Cache::poll`] has something to say.
    pub fn poll_at(&self) -> Option<Instant> {
        self.due
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = Neighbour> + '_ {
        self.entries.iter().map(|(address, entry)| Neighbour {
            address: *address,
            mac: match entry.state {
                State::Incomplete { .. } => None,
                State::Reachable { mac, .. } | State::Probing { mac, .. } => Some(mac),
            },
        })
    }

    /// A full cache loses the entry that was used longest ago, one that nothing waits for if there is such a one.
    fn make_room(&mut self) {
        if self.entries.len() < MAX_ENTRIES {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, entry)| (!entry.pending.is_empty(), entry.used));
        if let Some(address) = oldest.map(|(address, _)| *address)
            && let Some(entry) = self.entries.remove(&address)
        {
            self.pending_bytes -= entry.pending.iter().map(|packet| packet.bytes.len()).sum::<usize>();
        }
    }
}

enum Act {
    Request(Option<MacAddr>),
    GiveUp,
}

impl Entry {
    fn next(&self) -> Option<Instant> {
        match self.state {
            State::Incomplete { next, .. } | State::Probing { next, .. } => Some(next),
            State::Reachable { .. } => None,
        }
    }

    fn act(&mut self, now: Instant) -> Option<Act> {
        let (tries, next, mac) = match &mut self.state {
            State::Incomplete { tries, next } => (tries, next, None),
            State::Probing { mac, tries, next } => (tries, next, Some(*mac)),
            State::Reachable { .. } => return None,
        };
        if *next > now {
            return None;
        }
        if *tries >= MAX_TRIES {
            return Some(Act::GiveUp);
        }
        *tries += 1;
        *next = now + RETRY_TIME;
        Some(Act::Request(mac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

    fn packet(byte: u8) -> Packet {
        Packet { bytes: vec![byte], origin: None }
    }

    fn at(secs: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(secs)
    }

    #[test]
    fn packets_wait_for_the_answer_and_the_oldest_goes_when_there_are_too_many() {
        let mut cache = Cache::default();
        for byte in 0..MAX_PENDING as u8 {
            assert_eq!(cache.wait(at(0), HOST, packet(byte)), 0);
        }
        assert_eq!(cache.wait(at(0), HOST, packet(9)), 1);
        assert_eq!(cache.poll(at(0)), Some(Action::Request { address: HOST, mac: None }));
        assert_eq!(cache.poll(at(0)), None);
        let pending = cache.learn(at(0), HOST, MAC, Learn::Update);
        assert_eq!(pending.iter().map(|p| p.bytes[0]).collect::<Vec<_>>(), [1, 2, 3, 9]);
        assert_eq!(cache.lookup(at(1), HOST), Some(MAC));
        assert_eq!(cache.pending_bytes, 0);
    }

    #[test]
    fn silence_gives_the_packets_up_after_three_requests() {
        let mut cache = Cache::default();
        cache.wait(at(0), HOST, packet(1));
        for second in 0..3 {
            assert!(matches!(cache.poll(at(second)), Some(Action::Request { mac: None, .. })));
            assert_eq!(cache.poll(at(second)), None);
        }
        assert_eq!(cache.poll(at(3)), Some(Action::Failed(vec![packet(1)], Error::Unreachable)));
        assert_eq!((cache.poll(at(9)), cache.poll_at()), (None, None));
    }

    #[test]
    fn an_aged_entry_is_probed_by_unicast_while_it_is_used() {
        let mut cache = Cache::default();
        cache.learn(at(0), HOST, MAC, Learn::Create);
        assert_eq!(cache.lookup(at(59), HOST), Some(MAC));
        assert_eq!(cache.poll(at(59)), None);
        assert_eq!(cache.lookup(at(61), HOST), Some(MAC));
        assert_eq!(cache.poll(at(61)), Some(Action::Request { address: HOST, mac: Some(MAC) }));
        cache.learn(at(61), HOST, MAC, Learn::Update);
        assert_eq!(cache.poll(at(62)), None);
        cache.lookup(at(200), HOST);
        for second in 200..203 {
            assert!(cache.poll(at(second)).is_some());
            assert_eq!(cache.poll(at(second)), None);
        }
        assert!(matches!(cache.poll(at(203)), Some(Action::Failed(..))));
        assert_eq!(cache.lookup(at(203), HOST), None);
    }

    #[test]
    fn strangers_and_multicast_addresses_make_no_entry() {
        let mut cache = Cache::default();
        cache.learn(at(0), HOST, MAC, Learn::Update);
        cache.learn(at(0), HOST, MacAddr::BROADCAST, Learn::Create);
        assert_eq!(cache.iter().count(), 0);
    }

    #[test]
    fn a_full_cache_loses_what_was_used_longest_ago() {
        let mut cache = Cache::default();
        for index in 0..MAX_ENTRIES as u32 + 1 {
            cache.learn(at(u64::from(index)), Ipv4Addr::from_bits(0x0a00_0001 + index), MAC, Learn::Create);
        }
        assert_eq!(cache.iter().count(), MAX_ENTRIES);
        assert_eq!(cache.lookup(at(0), Ipv4Addr::from_bits(0x0a00_0001)), None);
    }
}
