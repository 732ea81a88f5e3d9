//! The resolver's cache: answers, and the knowledge that there are none (RFC 2308).

use super::{Addresses, ResolveError};
use crate::time::{Duration, Instant};
use crate::wire::dns::{Name, RecordType};
use alloc::collections::BTreeMap;

/// Names kept.
pub const MAX_ENTRIES: usize = 256;
/// An answer is kept no longer than this, whatever its TTL says.
pub const MAX_TTL: u32 = 86_400;
/// A negative answer is kept no longer than this.
pub const MAX_NEGATIVE_TTL: u32 = 900;

#[derive(Clone, Debug)]
struct Entry {
    answer: Result<Addresses, ResolveError>,
    expires: Instant,
}

/// The cache.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    entries: BTreeMap<(Name, Kind), Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    A,
    Aaaa,
}

impl From<RecordType> for Kind {
    fn from(record_type: RecordType) -> Kind {
        match record_type {
            RecordType::A => Kind::A,
            RecordType::Aaaa => Kind::Aaaa,
        }
    }
}

impl Cache {
    /// What is known about `name`, if it is still true.
    pub fn get(&self, now: Instant, name: &Name, record_type: RecordType) -> Option<Result<Addresses, ResolveError>> {
        let entry = self.entries.get(&(name.clone(), record_type.into()))?;
        (entry.expires > now).then(|| entry.answer.clone())
    }

    /// Keeps an answer for `ttl` seconds. The entry that ends first makes room.
    pub fn insert(
        &mut self,
        now: Instant,
        name: &Name,
        record_type: RecordType,
        answer: Result<Addresses, ResolveError>,
        ttl: u32,
    ) {
        let ttl = ttl.min(if answer.is_ok() { MAX_TTL } else { MAX_NEGATIVE_TTL });
        if ttl == 0 {
            return;
        }
        if self.entries.len() >= MAX_ENTRIES {
            self.entries.retain(|_, entry| entry.expires > now);
        }
        if self.entries.len() >= MAX_ENTRIES
            && let Some(key) = self.entries.iter().min_by_key(|(_, entry)| entry.expires).map(|(key, _)| key.clone())
        {
            self.entries.remove(&key);
        }
        let expires = now + Duration::from_secs(u64::from(ttl));
        self.entries.insert((name.clone(), record_type.into()), Entry { answer, expires });
    }

    /// Names held, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything: the name servers changed.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
