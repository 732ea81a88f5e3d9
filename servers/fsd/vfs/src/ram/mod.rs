//! `RAM:`: a writable volume in memory, with a quota.
//!
//! ```text
//! create --> named --unlink--> open only --last release--> freed
//!              |                                             ^
//!              +--unlink, nobody has it open-----------------+
//! ```
//!
//! Every operation has two halves: it looks and may fail, then it acts and cannot. The quota is charged for what a file
//! holds (its pages, sparse) and for what it is (inode, names, comment), so that empty files are not free.

mod directory;
mod inode;
mod operations;
mod pages;
mod quota;

use crate::{FileSystem, New, Node, PAGE};
use alloc::string::String;
use alloc::vec::Vec;
use directory::Directory;
use inode::{Body, Inode};
use protocol::fs::{Volume, VolumeAccess};
use protocol::{Error, Text};
use quota::{Cost, Quota};

/// Files, directories and links on one volume, at most.
pub const MAX_INODES: usize = 65_536;
/// Bytes of a file, at most: 1 TiB, sparse or not.
pub const MAX_SIZE: u64 = 1 << 40;
/// The root's inode.
const ROOT: u64 = 1;

/// A volume in memory.
#[derive(Debug)]
pub struct RamFs {
    slots: Vec<Slot>,
    /// Slots without an inode.
    free: Vec<usize>,
    quota: Quota,
    name: Text<32>,
    /// In `Stat`, for comparing.
    number: u32,
    root: Node,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    inode: Option<Inode>,
}

impl RamFs {
    /// An empty volume of at most `pages` pages, with `number` in its `Stat`s. Generations count from `generation`: with
    /// another one after a restart, what was open before is `Stale` and no other file.
    #[must_use]
    pub fn new(name: &str, number: u32, pages: u64, generation: u32, now: u64) -> Self {
        let root = Node { inode: ROOT, generation };
        let mut inode = Inode::new(Body::Directory(Directory::new(root)), now);
        inode.links = 1;
        Self {
            slots: Vec::from([Slot { generation, inode: Some(inode) }]),
            free: Vec::new(),
            quota: Quota::new(pages),
            name: Text::cut(name),
            number,
            root,
        }
    }

    /// Pages charged to the quota.
    #[must_use]
    pub fn used_pages(&self) -> u64 {
        self.quota.used()
    }

    /// Files, directories and links there are, named or open.
    #[must_use]
    pub fn inodes(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds up what everything there is costs and compares it with what is charged: for tests.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let mut cost = Cost::default();
        for inode in self.slots.iter().filter_map(|s| s.inode.as_ref()) {
            cost = cost.and(inode.cost());
        }
        // The root came for free.
        self.quota.is(cost.less(Inode::BARE))
    }

    fn slot(&self, node: Node) -> Result<usize, Error> {
        let index = usize::try_from(node.inode.wrapping_sub(1)).map_err(|_| Error::Stale)?;
        match self.slots.get(index) {
            Some(slot) if slot.generation == node.generation && slot.inode.is_some() => Ok(index),
            _ => Err(Error::Stale),
        }
    }

    fn inode(&self, node: Node) -> Result<&Inode, Error> {
        let slot = self.slots.get(self.slot(node)?).and_then(|s| s.inode.as_ref());
        slot.ok_or(Error::Stale)
    }

    fn inode_mut(&mut self, node: Node) -> Result<&mut Inode, Error> {
        let index = self.slot(node)?;
        self.slots.get_mut(index).and_then(|s| s.inode.as_mut()).ok_or(Error::Stale)
    }

    fn directory(&self, node: Node) -> Result<&Directory, Error> {
        self.inode(node)?.directory()
    }

    /// A directory in which names may come and go.
    fn changeable(&self, node: Node) -> Result<&Directory, Error> {
        let inode = self.inode(node)?;
        let directory = inode.directory()?;
        inode.check_named()?;
        inode.check_writable()?;
        Ok(directory)
    }

    /// Puts an inode into a slot. The caller has checked [`MAX_INODES`].
    fn insert(&mut self, inode: Inode) -> Node {
        let index = self.free.pop().unwrap_or_else(|| {
            let generation = self.root.generation;
            self.slots.push(Slot { generation, inode: None });
            self.slots.len() - 1
        });
        let generation = self.slots.get_mut(index).map_or(0, |slot| {
            slot.inode = Some(inode);
            slot.generation
        });
        Node { inode: index as u64 + 1, generation }
    }

    /// Frees a node that has neither a name nor anyone who has it open.
    fn free_if_unused(&mut self, node: Node) {
        let Ok(index) = self.slot(node) else { return };
        let Some(slot) = self.slots.get_mut(index) else { return };
        if let Some(inode) = slot.inode.take_if(|i| i.links == 0 && i.opens == 0) {
            self.quota.refund(inode.cost());
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(index);
        }
    }

    /// Takes one of a node's names away from it.
    fn drop_link(&mut self, node: Node) {
        if let Ok(inode) = self.inode_mut(node) {
            inode.links = inode.links.saturating_sub(1);
        }
        self.free_if_unused(node);
    }

    fn about(&self) -> Volume {
        let blocks = self.quota.limit();
        Volume {
            name: self.name.clone(),
            format: Text::cut("ram"),
            block: PAGE as u32,
            blocks,
            free: blocks.saturating_sub(self.quota.used()),
            files: self.inodes() as u64,
            access: VolumeAccess::ReadWrite,
        }
    }

    /// Whether `dir` is `top` or below it.
    fn is_inside(&self, dir: Node, top: Node) -> bool {
        let mut at = dir;
        for _ in 0..MAX_INODES {
            if at == top {
                return true;
            }
            match self.parent(at) {
                Ok(parent) if parent != at => at = parent,
                _ => return false,
            }
        }
        true
    }

    fn body(&self, dir: Node, what: New<'_>) -> Result<Body, Error> {
        Ok(match what {
            New::File => Body::File(pages::Pages::default()),
            New::Directory => Body::Directory(Directory::new(dir)),
            New::Link(text) if text.is_empty() || text.len() > protocol::fs::MAX_REQUEST_PATH => {
                return Err(Error::InvalidName);
            }
            New::Link(text) => Body::Link(String::from(text)),
        })
    }
}
