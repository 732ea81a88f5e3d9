//! What a file system is: nodes, and operations on one node or one name in a directory.
//!
//! Paths, rights and open objects are not its business (`walk`, `session`).

use protocol::Error;
use protocol::fs::{Entry, Protection, Stat, Volume};

/// A file, directory or link of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Its number; 1 is the root.
    pub inode: u64,
    /// Which use of the number.
    pub generation: u32,
}

/// What is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum New<'a> {
    /// An empty file.
    File,
    /// An empty directory.
    Directory,
    /// A symbolic link that says this.
    Link(&'a str),
}

/// Attributes to change; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change<'a> {
    /// Protection bits.
    pub protection: Option<Protection>,
    /// ns since 1970.
    pub modified: Option<u64>,
    /// At most 79 bytes.
    pub comment: Option<&'a str>,
}

/// Where a file's bytes lie in the memory that holds the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Bytes from the start, a multiple of a page.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// A volume. All errors leave it unchanged; a node that is gone is `Stale`, one of the wrong kind `WrongType`. What changes
/// something is `ReadOnly` unless a volume says otherwise.
pub trait FileSystem {
    /// Its top directory.
    fn root(&self) -> Node;

    /// About it.
    fn volume(&self) -> Volume;

    /// About a node.
    ///
    /// # Errors
    /// `Stale`.
    fn stat(&self, node: Node) -> Result<Stat, Error>;

    /// The node of that name in a directory.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`.
    fn look_up(&self, dir: Node, name: &str) -> Result<Node, Error>;

    /// The directory that a directory stands in; the root's is the root.
    ///
    /// # Errors
    /// `NotFound` if it has been removed and is only open.
    fn parent(&self, dir: Node) -> Result<Node, Error>;

    /// The first entry after a cookie (0: the first of all) with its own cookie. Cookies stay what they are when other
    /// entries come and go, so whoever lists a directory sees each entry that stays exactly once.
    ///
    /// # Errors
    /// `WrongType`.
    fn next_entry(&self, dir: Node, cookie: u64) -> Result<Option<(u64, Entry)>, Error>;

    /// Copies bytes of a file from a position; fewer at its end.
    ///
    /// # Errors
    /// `WrongType`.
    fn read(&self, file: Node, at: u64, into: &mut [u8]) -> Result<usize, Error>;

    /// What a symbolic link says.
    ///
    /// # Errors
    /// `WrongType`.
    fn read_link(&self, link: Node) -> Result<&str, Error>;

    /// Where the file lies, if it can be mapped in place.
    ///
    /// # Errors
    /// `Unsupported`.
    fn extent(&self, file: Node) -> Result<Extent, Error> {
        self.stat(file)?;
        Err(Error::Unsupported)
    }

    /// Counts one more who has it open: it stays though its last name goes.
    ///
    /// # Errors
    /// `Stale`.
    fn retain(&mut self, node: Node) -> Result<(), Error> {
        self.stat(node).map(|_| ())
    }

    /// Counts one less. The last one frees what has no name.
    fn release(&mut self, node: Node) {
        let _ = node;
    }

    /// Makes something new in a directory.
    ///
    /// # Errors
    /// `Exists`, `InvalidName`, `WriteProtected`, `VolumeFull`, `Limit`.
    fn create(&mut self, dir: Node, name: &str, what: New<'_>, now: u64) -> Result<Node, Error> {
        let _ = (dir, name, what, now);
        Err(Error::ReadOnly)
    }

    /// Gives a file one more name.
    ///
    /// # Errors
    /// Those of [`FileSystem::create`]; `WrongType` for a directory.
    fn link(&mut self, dir: Node, name: &str, file: Node, now: u64) -> Result<(), Error> {
        let _ = (dir, name, file, now);
        Err(Error::ReadOnly)
    }

    /// Removes a name, and what it names if that was the last and nobody has it open.
    ///
    /// # Errors
    /// `NotFound`, `DirNotEmpty`, `DeleteProtected`, `WriteProtected`.
    fn unlink(&mut self, dir: Node, name: &str, now: u64) -> Result<(), Error> {
        let _ = (dir, name, now);
        Err(Error::ReadOnly)
    }

    /// Moves a name. A file or link at the new name is replaced, a directory never.
    ///
    /// # Errors
    /// Those of [`FileSystem::create`] and [`FileSystem::unlink`]; `InUse` for a directory into itself.
    fn rename(&mut self, from: (Node, &str), to: (Node, &str), now: u64) -> Result<(), Error> {
        let _ = (from, to, now);
        Err(Error::ReadOnly)
    }

    /// Writes all bytes at a position, or none. What lies between the old end and the position reads as zeros.
    ///
    /// # Errors
    /// `VolumeFull`, `Limit`, `WrongType`.
    fn write(&mut self, file: Node, at: u64, from: &[u8], now: u64) -> Result<(), Error> {
        let _ = (file, at, from, now);
        Err(Error::ReadOnly)
    }

    /// Sets a file's length.
    ///
    /// # Errors
    /// `Limit`, `WrongType`.
    fn truncate(&mut self, file: Node, size: u64, now: u64) -> Result<(), Error> {
        let _ = (file, size, now);
        Err(Error::ReadOnly)
    }

    /// Changes attributes.
    ///
    /// # Errors
    /// `Limit` for a comment that is too long, `VolumeFull`.
    fn set(&mut self, node: Node, change: &Change<'_>) -> Result<(), Error> {
        let _ = (node, change);
        Err(Error::ReadOnly)
    }
}
