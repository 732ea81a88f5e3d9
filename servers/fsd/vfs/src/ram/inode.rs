//! What is behind a node.

use crate::ram::directory::Directory;
use crate::ram::pages::Pages;
use crate::ram::quota::Cost;
use alloc::string::String;
use protocol::fs::{Kind, Protection};
use protocol::{Error, Text};

#[derive(Debug)]
pub(super) enum Body {
    File(Pages),
    Directory(Directory),
    Link(String),
}

#[derive(Debug)]
pub(super) struct Inode {
    pub body: Body,
    /// Names.
    pub links: u32,
    /// Those who have it open.
    pub opens: u32,
    pub protection: Protection,
    pub modified: u64,
    pub created: u64,
    pub comment: Text<79>,
}

impl Inode {
    /// What an inode costs before it holds anything.
    pub(super) const BARE: Cost = Cost::bytes(256);

    pub(super) fn new(body: Body, now: u64) -> Self {
        let (links, opens) = (0, 0);
        let protection = Protection::default();
        Self { body, links, opens, protection, modified: now, created: now, comment: Text::default() }
    }

    pub(super) fn kind(&self) -> Kind {
        match &self.body {
            Body::File(_) => Kind::File,
            Body::Directory(_) => Kind::Directory,
            Body::Link(_) => Kind::Link,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match &self.body {
            Body::File(pages) => pages.size(),
            Body::Directory(_) => 0,
            Body::Link(text) => text.len() as u64,
        }
    }

    /// All it costs, its entries included if it is a directory.
    pub(super) fn cost(&self) -> Cost {
        let comment = Cost::bytes(self.comment.len() as u64);
        let body = match &self.body {
            Body::File(pages) => Cost::pages(pages.count()),
            Body::Directory(directory) => directory.cost(),
            Body::Link(text) => Cost::bytes(text.len() as u64),
        };
        Self::BARE.and(comment).and(body)
    }

    pub(super) fn file(&self) -> Result<&Pages, Error> {
        match &self.body {
            Body::File(pages) => Ok(pages),
            _ => Err(Error::WrongType),
        }
    }

    pub(super) fn file_mut(&mut self) -> Result<&mut Pages, Error> {
        match &mut self.body {
            Body::File(pages) => Ok(pages),
            _ => Err(Error::WrongType),
        }
    }

    pub(super) fn directory(&self) -> Result<&Directory, Error> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Error::WrongType),
        }
    }

    pub(super) fn directory_mut(&mut self) -> Result<&mut Directory, Error> {
        match &mut self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Error::WrongType),
        }
    }

    /// A directory that was removed and is only open takes no names.
    pub(super) fn check_named(&self) -> Result<(), Error> {
        if self.links > 0 { Ok(()) } else { Err(Error::NotFound) }
    }

    pub(super) fn check_writable(&self) -> Result<(), Error> {
        if self.protection.contains(Protection::WRITE) { Err(Error::WriteProtected) } else { Ok(()) }
    }

    /// Whether its name may go: not protected, and empty if it is a directory.
    pub(super) fn check_deletable(&self) -> Result<(), Error> {
        if self.protection.contains(Protection::DELETE) {
            return Err(Error::DeleteProtected);
        }
        match &self.body {
            Body::Directory(directory) if !directory.is_empty() => Err(Error::DirNotEmpty),
            _ => Ok(()),
        }
    }
}
