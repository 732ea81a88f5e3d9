//! `RAM:`'s operations. In each, everything above the blank line before the first change may fail, nothing below it.

use super::directory::Directory;
use super::inode::Inode;
use super::quota::Cost;
use super::{MAX_INODES, MAX_SIZE, RamFs};
use crate::system::{Change, FileSystem, New, Node};
use crate::{Error, name};
use protocol::Text;
use protocol::fs::{Entry, Kind, Stat, Volume};

impl FileSystem for RamFs {
    fn root(&self) -> Node {
        self.root
    }

    fn volume(&self) -> Volume {
        self.about()
    }

    fn stat(&self, node: Node) -> Result<Stat, Error> {
        let inode = self.inode(node)?;
        Ok(Stat {
            inode: node.inode,
            generation: node.generation,
            kind: inode.kind(),
            size: inode.size(),
            links: inode.links,
            protection: inode.protection,
            modified: inode.modified,
            created: inode.created,
            volume: self.number,
            comment: inode.comment.clone(),
        })
    }

    fn look_up(&self, dir: Node, name: &str) -> Result<Node, Error> {
        name::check(name)?;
        self.directory(dir)?.find(name)
    }

    fn parent(&self, dir: Node) -> Result<Node, Error> {
        let inode = self.inode(dir)?;
        let parent = inode.directory()?.parent;
        inode.check_named()?;
        Ok(parent)
    }

    fn next_entry(&self, dir: Node, cookie: u64) -> Result<Option<(u64, Entry)>, Error> {
        let Some(place) = self.directory(dir)?.after(cookie) else { return Ok(None) };
        let inode = self.inode(place.node)?;
        let entry = Entry {
            name: Text::cut(&place.name),
            kind: inode.kind(),
            size: inode.size(),
            protection: inode.protection,
            modified: inode.modified,
        };
        Ok(Some((place.cookie, entry)))
    }

    fn read(&self, file: Node, at: u64, into: &mut [u8]) -> Result<usize, Error> {
        Ok(self.inode(file)?.file()?.read(at, into))
    }

    fn read_link(&self, link: Node) -> Result<&str, Error> {
        match &self.inode(link)?.body {
            super::Body::Link(text) => Ok(text),
            _ => Err(Error::WrongType),
        }
    }

    fn retain(&mut self, node: Node) -> Result<(), Error> {
        let inode = self.inode_mut(node)?;
        inode.opens = inode.opens.checked_add(1).ok_or(Error::Limit)?;
        Ok(())
    }

    fn release(&mut self, node: Node) {
        if let Ok(inode) = self.inode_mut(node) {
            inode.opens = inode.opens.saturating_sub(1);
        }
        self.free_if_unused(node);
    }

    fn create(&mut self, dir: Node, name: &str, what: New<'_>, now: u64) -> Result<Node, Error> {
        name::check(name)?;
        if self.changeable(dir)?.get(name).is_some() {
            return Err(Error::Exists);
        }
        if self.inodes() >= MAX_INODES {
            return Err(Error::Limit);
        }
        let mut inode = Inode::new(self.body(dir, what)?, now);
        let cost = inode.cost().and(Directory::cost_of(name));
        self.quota.check(cost, Cost::default())?;

        self.quota.charge(cost);
        inode.links = 1;
        let node = self.insert(inode);
        self.add(dir, name, node, None, now);
        Ok(node)
    }

    fn link(&mut self, dir: Node, name: &str, file: Node, now: u64) -> Result<(), Error> {
        name::check(name)?;
        let inode = self.inode(file)?;
        if inode.kind() == Kind::Directory {
            return Err(Error::WrongType);
        }
        inode.check_named()?;
        if inode.links == u32::MAX {
            return Err(Error::Limit);
        }
        if self.changeable(dir)?.get(name).is_some() {
            return Err(Error::Exists);
        }
        let cost = Directory::cost_of(name);
        self.quota.check(cost, Cost::default())?;

        self.quota.charge(cost);
        self.inode_mut(file)?.links += 1;
        self.add(dir, name, file, None, now);
        Ok(())
    }

    fn unlink(&mut self, dir: Node, name: &str, now: u64) -> Result<(), Error> {
        name::check(name)?;
        let node = self.changeable(dir)?.find(name)?;
        self.inode(node)?.check_deletable()?;

        self.remove(dir, name, now);
        self.drop_link(node);
        Ok(())
    }

    fn rename(&mut self, from: (Node, &str), to: (Node, &str), now: u64) -> Result<(), Error> {
        name::check(from.1)?;
        name::check(to.1)?;
        let moved = self.changeable(from.0)?.get(from.1).cloned().ok_or(Error::NotFound)?;
        let replaced = self.changeable(to.0)?.get(to.1).cloned();
        let same_entry = from.0 == to.0 && replaced.as_ref().is_some_and(|r| r.cookie == moved.cookie);
        let replaced = replaced.filter(|_| !same_entry);
        if let Some(replaced) = &replaced {
            self.check_replaceable(moved.node, replaced.node)?;
        }
        let is_directory = self.inode(moved.node)?.kind() == Kind::Directory;
        if is_directory && self.is_inside(to.0, moved.node) {
            return Err(Error::InUse);
        }
        let (cost, back) = (Directory::cost_of(to.1), Directory::cost_of(&moved.name));
        let also_back = replaced.as_ref().map_or(Cost::default(), |r| Directory::cost_of(&r.name));
        self.quota.check(cost, back.and(also_back))?;

        self.remove(from.0, from.1, now);
        if let Some(replaced) = replaced {
            self.remove(to.0, to.1, now);
            self.drop_link(replaced.node);
        }
        self.quota.charge(cost);
        // In its own directory it keeps its place, so that a listing under way sees it once.
        self.add(to.0, to.1, moved.node, (from.0 == to.0).then_some(moved.cookie), now);
        if is_directory {
            self.inode_mut(moved.node)?.directory_mut()?.parent = to.0;
        }
        Ok(())
    }

    fn write(&mut self, file: Node, at: u64, from: &[u8], now: u64) -> Result<(), Error> {
        let pages = self.inode(file)?.file()?;
        let end = at.checked_add(from.len() as u64).ok_or(Error::Limit)?;
        if end > MAX_SIZE {
            return Err(Error::Limit);
        }
        let cost = Cost::pages(pages.missing(at, from.len() as u64));
        self.quota.check(cost, Cost::default())?;

        self.quota.charge(cost);
        let inode = self.inode_mut(file)?;
        inode.file_mut()?.write(at, from);
        inode.modified = now;
        Ok(())
    }

    fn truncate(&mut self, file: Node, size: u64, now: u64) -> Result<(), Error> {
        let before = self.inode(file)?.file()?.count();
        if size > MAX_SIZE {
            return Err(Error::Limit);
        }

        let inode = self.inode_mut(file)?;
        inode.modified = now;
        let pages = inode.file_mut()?;
        pages.truncate(size);
        let freed = before - pages.count();
        self.quota.refund(Cost::pages(freed));
        Ok(())
    }

    fn set(&mut self, node: Node, change: &Change<'_>) -> Result<(), Error> {
        let inode = self.inode(node)?;
        let comment = change.comment.map_or(Ok(inode.comment.clone()), Text::try_from)?;
        let (cost, back) = (Cost::bytes(comment.len() as u64), Cost::bytes(inode.comment.len() as u64));
        self.quota.check(cost, back)?;

        self.quota.charge(cost);
        self.quota.refund(back);
        let inode = self.inode_mut(node)?;
        inode.comment = comment;
        inode.protection = change.protection.unwrap_or(inode.protection);
        inode.modified = change.modified.unwrap_or(inode.modified);
        Ok(())
    }
}

impl RamFs {
    /// What a rename would replace: no directory, nor by one, and nothing protected.
    fn check_replaceable(&self, moved: Node, replaced: Node) -> Result<(), Error> {
        let old = self.inode(replaced)?;
        if old.kind() == Kind::Directory || self.inode(moved)?.kind() == Kind::Directory {
            return Err(Error::Exists);
        }
        old.check_deletable()
    }

    /// Adds an entry that was checked and paid.
    fn add(&mut self, dir: Node, name: &str, node: Node, cookie: Option<u64>, now: u64) {
        if let Ok(inode) = self.inode_mut(dir) {
            inode.modified = now;
            if let Ok(directory) = inode.directory_mut() {
                directory.insert(name, node, cookie);
            }
        }
    }

    /// Removes an entry that is there, and gives back what it cost.
    fn remove(&mut self, dir: Node, name: &str, now: u64) {
        let Ok(inode) = self.inode_mut(dir) else { return };
        inode.modified = now;
        let place = inode.directory_mut().ok().and_then(|d| d.remove(name));
        if let Some(place) = place {
            self.quota.refund(Directory::cost_of(&place.name));
        }
    }
}
