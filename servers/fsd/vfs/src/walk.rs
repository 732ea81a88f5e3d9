//! From a path to a node.
//!
//! `/` separates, empty components and `.` mean nothing, a leading `/` starts at the root given, `..` goes up but never
//! above it. A symbolic link's text is walked from where the link stands; one that names another volume (`NAME:…`) cannot
//! be followed here.

use crate::system::{FileSystem, Node};
use crate::{Error, name};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use protocol::fs::{Kind, MAX_LINKS, MAX_PATH};

/// Directories above each other, at most: what a longest path could name.
const MAX_DEPTH: usize = MAX_PATH;

/// What is done with a symbolic link at the end of a path. Those before it are always followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// It is followed.
    Follow,
    /// It is what the path names.
    Keep,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A name that is in a directory.
    There {
        /// The directory.
        dir: Node,
        /// The last component, as the path has it.
        name: String,
        /// What has that name.
        node: Node,
    },
    /// A name that could be in a directory, and is not.
    Absent {
        /// The directory.
        dir: Node,
        /// The last component.
        name: String,
    },
    /// A node that the path gives no name: where it started, or a directory above.
    Itself(Node),
}

impl Found {
    /// The node, or `NotFound`.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn node(&self) -> Result<Node, Error> {
        match self {
            Self::There { node, .. } | Self::Itself(node) => Ok(*node),
            Self::Absent { .. } => Err(Error::NotFound),
        }
    }
}

/// Walks a path from `start`, below `root`.
///
/// # Errors
/// `DirNotFound` for a missing directory before the last component, `WrongType` for a file there, `InvalidName`, `Loop` after
/// 40 links, `OtherVolume`, `Stale`, `NotFound` for `..` in a directory that is no longer below `root`.
pub fn resolve(fs: &dyn FileSystem, root: Node, start: Node, path: &str, last: Last) -> Result<Found, Error> {
    let mut walk = Walk { fs, root, at: start, pending: Vec::new(), links: 0 };
    walk.push(path);
    let found = walk.finish(last)?;
    if path.ends_with('/')
        && let Ok(node) = found.node()
        && fs.stat(node)?.kind != Kind::Directory
    {
        return Err(Error::WrongType);
    }
    Ok(found)
}

struct Walk<'a> {
    fs: &'a dyn FileSystem,
    root: Node,
    at: Node,
    /// Components to come, the next one last. Bounded: 40 links of a path's length.
    pending: Vec<String>,
    links: usize,
}

impl Walk<'_> {
    /// Puts a path's components before those to come.
    fn push(&mut self, path: &str) {
        if path.starts_with('/') {
            self.at = self.root;
        }
        let components = path.split('/').rev().filter(|c| !matches!(*c, "" | "."));
        self.pending.extend(components.map(ToString::to_string));
    }

    fn finish(&mut self, last: Last) -> Result<Found, Error> {
        while let Some(component) = self.pending.pop() {
            if component == ".." {
                self.up()?;
                continue;
            }
            name::check(&component)?;
            let node = match self.fs.look_up(self.at, &component) {
                Ok(node) => node,
                Err(Error::NotFound) if self.pending.is_empty() => {
                    return Ok(Found::Absent { dir: self.at, name: component });
                }
                Err(Error::NotFound) => return Err(Error::DirNotFound),
                Err(error) => return Err(error),
            };
            let is_last = self.pending.is_empty();
            match self.fs.stat(node)?.kind {
                Kind::Link if !is_last || last == Last::Follow => self.follow(node)?,
                _ if is_last => return Ok(Found::There { dir: self.at, name: component, node }),
                _ => self.at = node,
            }
        }
        Ok(Found::Itself(self.at))
    }

    fn follow(&mut self, link: Node) -> Result<(), Error> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Error::Loop);
        }
        let text = self.fs.read_link(link)?;
        if text.contains(':') {
            return Err(Error::OtherVolume);
        }
        let text = text.to_string();
        self.push(&text);
        Ok(())
    }

    fn up(&mut self) -> Result<(), Error> {
        if self.fs.stat(self.at)?.kind != Kind::Directory {
            return Err(Error::WrongType);
        }
        if self.at != self.root {
            // A directory that was moved out of the root is still open, but its parents are none of ours.
            if !is_below(self.fs, self.at, self.root) {
                return Err(Error::NotFound);
            }
            self.at = self.fs.parent(self.at)?;
        }
        Ok(())
    }
}

/// Whether `node` is a directory below `root`.
fn is_below(fs: &dyn FileSystem, node: Node, root: Node) -> bool {
    let mut at = node;
    for _ in 0..MAX_DEPTH {
        match fs.parent(at) {
            Ok(parent) if parent == root => return true,
            Ok(parent) if parent != at => at = parent,
            _ => return false,
        }
    }
    false
}
