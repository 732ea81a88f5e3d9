//! What a volume may hold. Two kinds of cost are kept apart, because pages are exact and small things share pages.

use crate::PAGE;
use protocol::Error;

/// What something costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Pages of content.
    pub pages: u64,
    /// Bytes of inodes, names and texts.
    pub bytes: u64,
}

impl Cost {
    pub(super) const fn pages(pages: u64) -> Self {
        Self { pages, bytes: 0 }
    }

    pub(super) const fn bytes(bytes: u64) -> Self {
        Self { pages: 0, bytes }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self { pages: self.pages + other.pages, bytes: self.bytes + other.bytes }
    }

    pub(super) const fn less(self, other: Self) -> Self {
        Self { pages: self.pages.saturating_sub(other.pages), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    /// Whole pages.
    const fn total(self) -> u64 {
        self.pages.saturating_add(self.bytes.div_ceil(PAGE as u64))
    }
}

/// A limit in pages, and what is charged to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    limit: u64,
    charged: Cost,
}

impl Quota {
    pub(super) const fn new(limit: u64) -> Self {
        Self { limit, charged: Cost { pages: 0, bytes: 0 } }
    }

    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) const fn used(&self) -> u64 {
        self.charged.total()
    }

    /// Whether `cost` fits once `back` has been given back.
    pub(super) fn check(&self, cost: Cost, back: Cost) -> Result<(), Error> {
        let after = self.charged.and(cost).less(back);
        if after.total() <= self.limit { Ok(()) } else { Err(Error::VolumeFull) }
    }

    /// Charges what was checked.
    pub(super) fn charge(&mut self, cost: Cost) {
        self.charged = self.charged.and(cost);
    }

    pub(super) fn refund(&mut self, cost: Cost) {
        self.charged = self.charged.less(cost);
    }

    pub(super) fn is(&self, cost: Cost) -> bool {
        self.charged == cost
    }
}
