//! A directory: names by their folded form, and in the order in which they came, which is the order of listing.

use crate::Node;
use crate::name::fold;
use crate::ram::quota::Cost;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::ops::Bound;
use protocol::Error;

/// What an entry costs besides its name, which is kept three times: as it is, and folded in both maps.
const ENTRY_BYTES: u64 = 96;

#[derive(Clone, Debug)]
pub(super) struct Place {
    pub name: String,
    pub node: Node,
    pub cookie: u64,
}

#[derive(Debug)]
pub(super) struct Directory {
    /// Where it stands; itself for the root.
    pub parent: Node,
    names: BTreeMap<String, Place>,
    order: BTreeMap<u64, String>,
    /// The last cookie given. One a nanosecond for 500 years.
    last: u64,
}

impl Directory {
    pub(super) fn new(parent: Node) -> Self {
        Self { parent, names: BTreeMap::new(), order: BTreeMap::new(), last: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Place> {
        self.names.get(&fold(name))
    }

    /// The node of that name.
    pub(super) fn find(&self, name: &str) -> Result<Node, Error> {
        self.get(name).map(|p| p.node).ok_or(Error::NotFound)
    }

    /// The first entry after a cookie.
    pub(super) fn after(&self, cookie: u64) -> Option<&Place> {
        let (_, folded) = self.order.range((Bound::Excluded(cookie), Bound::Unbounded)).next()?;
        self.names.get(folded)
    }

    /// Adds a name that is not there, at the end or where `cookie` says.
    pub(super) fn insert(&mut self, name: &str, node: Node, cookie: Option<u64>) {
        let cookie = cookie.unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        let folded = fold(name);
        self.order.insert(cookie, folded.clone());
        self.names.insert(folded, Place { name: name.into(), node, cookie });
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Place> {
        let place = self.names.remove(&fold(name))?;
        self.order.remove(&place.cookie);
        Some(place)
    }

    /// What an entry of that name costs.
    pub(super) fn cost_of(name: &str) -> Cost {
        Cost::bytes(ENTRY_BYTES + 3 * name.len() as u64)
    }

    /// What all entries cost.
    pub(super) fn cost(&self) -> Cost {
        self.names.values().fold(Cost::default(), |sum, p| sum.and(Self::cost_of(&p.name)))
    }
}
