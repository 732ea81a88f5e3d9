//! What a narrowing of the service `device` allows: kinds of devices, each with pages of DMA memory, the list, the clock.
//!
//! ```text
//! uart=0 virtio-console=64        these kinds, with so many DMA pages each
//! virtio-net=1024 clock           and setting the clock
//! list                            seeing all devices, claiming none
//! config                          options and files alone
//! ```
//!
//! Narrowings are applied in order, and each can only shrink: what two texts allow is what both do. Options and files of
//! the host may be read by every session.

use alloc::{string::String, vec::Vec};

/// The most DMA memory of one device (`contracts.md` §13).
pub const MAX_DMA_PAGES: u32 = 1024;
const MAX_KINDS: usize = 16;

/// What a session may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Kinds of devices that may be claimed, with pages of DMA memory for each.
    kinds: Vec<(String, u32)>,
    /// All devices may be listed.
    pub list: bool,
    /// The clock may be set.
    pub clock: bool,
}

impl Permit {
    /// What all narrowings of a session allow together. A session without any may claim nothing: authority over devices is
    /// named, never left out. A text that is no permit makes it none.
    pub fn new<'a>(narrowings: impl IntoIterator<Item = &'a str>) -> Option<Permit> {
        let mut permits = narrowings.into_iter().map(Permit::parse);
        let Some(first) = permits.next() else {
            return Some(Permit { kinds: Vec::new(), list: false, clock: false });
        };
        permits.try_fold(first?, |all, next| Some(all.both(&next?)))
    }

    fn parse(text: &str) -> Option<Permit> {
        let mut permit = Permit { kinds: Vec::new(), list: false, clock: false };
        for word in text.split_ascii_whitespace() {
            let (name, pages) = match word.split_once('=') {
                Some((name, pages)) => (name, Some(pages.parse::<u32>().ok()?)),
                None => (word, None),
            };
            match (name, pages) {
                ("list", None) => permit.list = true,
                ("clock", None) => permit.clock = true,
                ("config", None) => {}
                ("" | "list" | "clock" | "config", _) => return None,
                (_, _) if permit.kinds.len() >= MAX_KINDS => return None,
                (kind, pages) => permit.kinds.push((kind.into(), pages.unwrap_or(0).min(MAX_DMA_PAGES))),
            }
        }
        Some(permit)
    }

    fn both(&self, other: &Permit) -> Permit {
        let kinds = self
            .kinds
            .iter()
            .filter_map(|(kind, pages)| other.dma_pages(kind).map(|others| (kind.clone(), others.min(*pages))));
        Permit { kinds: kinds.collect(), list: self.list && other.list, clock: self.clock && other.clock }
    }

    /// How many DMA pages a device of this kind may have; none if it may not be claimed.
    pub fn dma_pages(&self, kind: &str) -> Option<u32> {
        self.kinds.iter().find(|(name, _)| name == kind).map(|(_, pages)| *pages)
    }

    /// Whether a device of this kind is in the session's list.
    pub fn sees(&self, kind: &str) -> bool {
        self.list || self.dma_pages(kind).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_gets_its_kinds_and_no_others() {
        let permit = Permit::new(["uart=0 virtio-console=64"]).unwrap();
        assert_eq!(permit.dma_pages("uart"), Some(0));
        assert_eq!(permit.dma_pages("virtio-console"), Some(64));
        assert_eq!(permit.dma_pages("virtio-net"), None);
        assert!(permit.sees("uart") && !permit.sees("virtio-net") && !permit.clock && !permit.list);
    }

    #[test]
    fn nothing_said_allows_nothing() {
        let none = Permit::new([]).unwrap();
        assert!(!none.sees("uart") && !none.clock);
        assert_eq!(Permit::new(["config"]), Some(none));
    }

    #[test]
    fn further_narrowings_only_shrink() {
        let permit = Permit::new(["virtio-net=1024 clock list", "virtio-net=16 uart clock"]).unwrap();
        assert_eq!(permit.dma_pages("virtio-net"), Some(16));
        assert_eq!(permit.dma_pages("uart"), None);
        assert!(permit.clock && !permit.list);
        assert_eq!(Permit::new(["config", "virtio-net=1024"]).unwrap().dma_pages("virtio-net"), None);
        assert_eq!(Permit::new(["virtio-net=99999"]).unwrap().dma_pages("virtio-net"), Some(1024));
    }

    #[test]
    fn what_is_no_permit_allows_nothing() {
        for bad in ["virtio-net=x", "virtio-net=1=2", "virtio-net=-1", "clock=1", "=5"] {
            assert_eq!(Permit::new([bad]), None, "{bad}");
        }
    }
}
