//! `fs`: files and directories by capability.
//!
//! A session's object 0 is what was opened by name: a directory (an assign), or by `Share` a file. Paths are relative to
//! a directory object, at most [`MAX_REQUEST_PATH`] bytes a request (libsys walks longer ones); `/` separates, `.` and `..`
//! are understood, and `..` never leaves object 0. Data goes by the message up to 512 bytes, else by the window.

use serde::{Deserialize, Serialize};

use crate::{
    Id, Idempotent, List, Protocol, Text,
    flags::flags,
    session::{Attach, Attached, Data, Room, sessions},
};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "fs";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}
sessions!(Service, Request, Reply);

/// Bytes of a whole path.
pub const MAX_PATH: usize = 4095;
/// Bytes of a path in a request.
pub const MAX_REQUEST_PATH: usize = 1024;
/// Bytes of a component.
pub const MAX_NAME: usize = 255;
/// Symbolic links followed at most.
pub const MAX_LINKS: usize = 40;

/// A path relative to a directory object.
pub type Path = Text<MAX_REQUEST_PATH>;
/// One component.
pub type Name = Text<MAX_NAME>;

flags! {
    /// What an open object may be used for. Rights only shrink.
    pub struct Rights: u8 {
        /// Read a file, list a directory, look names up.
        const READ = 1;
        /// Write and truncate a file; create, rename and unlink in a directory.
        const WRITE = 2;
        /// Every write goes to the end.
        const APPEND = 4;
    }
}

flags! {
    /// How to open.
    pub struct Open: u8 {
        /// Create a file if there is nothing.
        const CREATE = 1;
        /// Fail with `Exists` if there is something (with CREATE).
        const NEW = 2;
        /// Cut a file to nothing.
        const TRUNCATE = 4;
        /// A directory: `WrongType` for a file; with CREATE, make one.
        const DIRECTORY = 8;
        /// If the last component is a symbolic link, open the link itself.
        const NO_FOLLOW = 16;
    }
}

flags! {
    /// Protection bits. A set bit of the first four forbids, as on the Amiga.
    pub struct Protection: u16 {
        /// Must not be deleted.
        const DELETE = 1;
        /// Must not be executed.
        const EXECUTE = 2;
        /// Must not be written.
        const WRITE = 4;
        /// Must not be read.
        const READ = 8;
        /// Archived.
        const ARCHIVE = 16;
        /// Pure.
        const PURE = 32;
        /// A script: runs by its name.
        const SCRIPT = 64;
        /// Hidden.
        const HIDDEN = 128;
    }
}

/// What clients send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The session's shared memory; see [`Attach`]. Not idempotent.
    Attach(Attach),
    /// Closes an object; id 0 answers `BadArgument`. Not idempotent.
    Close {
        /// The object.
        id: Id,
    },
    /// A handle to a new session with this object as id 0: `Done` with it. Not idempotent.
    Share {
        /// The object.
        id: Id,
        /// At most its own.
        rights: Rights,
    },
    /// Opens below a directory: `Opened`. Needs READ; WRITE to create or truncate. An empty path opens the directory again. Not
    /// idempotent.
    Open {
        /// The directory.
        dir: Id,
        /// Relative.
        path: Path,
        /// How.
        flags: Open,
        /// At most the directory's.
        rights: Rights,
    },
    /// About what stands at the path (the object itself if it is empty): `Stat`. Idempotent.
    Stat {
        /// A directory, or any object with an empty path.
        dir: Id,
        /// Relative.
        path: Path,
        /// `NO_FOLLOW` or nothing.
        flags: Open,
    },
    /// Changes what is given: `Done`. Needs WRITE. Idempotent.
    Set {
        /// A directory, or any object with an empty path.
        dir: Id,
        /// Relative.
        path: Path,
        /// Protection bits.
        protection: Option<Protection>,
        /// ns since 1970.
        modified: Option<u64>,
        /// The comment.
        comment: Option<Text<79>>,
    },
    /// Entries of a directory: `Entries`. Idempotent.
    List {
        /// The directory.
        dir: Id,
        /// 0 at first, then from the answer.
        cookie: u64,
    },
    /// Reads: `Data`, shorter only at the end. Idempotent with `at`.
    Read {
        /// The file.
        id: Id,
        /// The position; none for the object's own, which moves.
        at: Option<u64>,
        /// Where to and how much.
        room: Room,
    },
    /// Writes: `Written`. Needs WRITE. Idempotent with `at`, but not with APPEND.
    Write {
        /// The file.
        id: Id,
        /// The position; none for the object's own, which moves. Ignored with APPEND.
        at: Option<u64>,
        /// What.
        data: Data,
    },
    /// Sets the length: `Done`. Idempotent.
    Truncate {
        /// The file.
        id: Id,
        /// Bytes.
        size: u64,
    },
    /// Renames, on one volume: `Done`. A file at the new name is replaced, a directory is not. Not idempotent.
    Rename {
        /// The old directory.
        from: Id,
        /// Relative to it.
        path: Path,
        /// The new directory.
        to: Id,
        /// Relative to it.
        new: Path,
    },
    /// Removes a file, link or empty directory: `Done`. Not idempotent.
    Unlink {
        /// The directory.
        dir: Id,
        /// Relative.
        path: Path,
    },
    /// Makes a link: `Done`. Not idempotent.
    Link {
        /// The directory.
        dir: Id,
        /// Relative.
        path: Path,
        /// To what.
        target: Target,
    },
    /// Reads a symbolic link: `Target`. Idempotent.
    ReadLink {
        /// The directory.
        dir: Id,
        /// Relative.
        path: Path,
    },
    /// Everything of the object, or of its volume for a directory, to the device: `Done`. May wait. Idempotent.
    Sync {
        /// The object.
        id: Id,
    },
    /// Locks a file, or `InUse`: `Done`. Goes with the object. Idempotent.
    Lock {
        /// The file.
        id: Id,
        /// How.
        lock: Lock,
    },
    /// About the object's volume: `Volume`. Idempotent.
    StatFs {
        /// Any object.
        id: Id,
    },
    /// Frozen pages of a file: `Done` with a Memory (READ), or `Unsupported`. Handle: a Pool (MAKE) that pays for it. Idempotent.
    Map {
        /// The file.
        id: Id,
        /// Bytes from its start, a multiple of 4,096.
        offset: u64,
        /// Bytes.
        length: u64,
    },
    /// Moves the object's own position: `Position`. Not idempotent.
    Seek {
        /// The file.
        id: Id,
        /// From where.
        to: Seek,
    },
    /// The names of all volumes: `Volumes`. Idempotent.
    Volumes,
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        use Request::*;
        match self {
            Read { at, .. } | Write { at, .. } => at.is_some(),
            Stat { .. } | Set { .. } | List { .. } | Truncate { .. } | ReadLink { .. } | Sync { .. } => true,
            Lock { .. } | StatFs { .. } | Map { .. } | Volumes => true,
            _ => false,
        }
    }
}

/// Where a position is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seek {
    /// The start.
    Start(u64),
    /// Where it is.
    Current(i64),
    /// The end.
    End(i64),
}

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A text, resolved at use.
    Symbolic(Path),
    /// A file of the same volume, by path from the same directory.
    Hard(Path),
}

/// A file's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lock {
    /// None.
    Free,
    /// With others that share.
    Shared,
    /// Alone.
    Exclusive,
}

/// What fsd answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// See [`Attach`].
    Attached(Attached),
    /// It is done.
    Done,
    /// An object was opened.
    Opened {
        /// To name it by.
        id: Id,
        /// About it.
        stat: Stat,
    },
    /// About an object.
    Stat(Stat),
    /// Entries of a directory, as many as fit.
    Entries {
        /// In the directory's order.
        entries: List<Entry, 12>,
        /// For the next request; 0 at the end.
        cookie: u64,
    },
    /// What was read, here or in the window.
    Data(Data),
    /// What was written.
    Written {
        /// Bytes.
        length: u32,
        /// The position after it.
        position: u64,
    },
    /// What a symbolic link says.
    Target(Path),
    /// About a volume.
    Volume(Volume),
    /// Where the position is.
    Position(u64),
    /// All volumes.
    Volumes(List<Volume, 16>),
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
}

/// About an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Its number on the volume.
    pub inode: u64,
    /// Grows when the number is used again.
    pub generation: u32,
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Hard links.
    pub links: u32,
    /// Protection bits.
    pub protection: Protection,
    /// ns since 1970, 0 if unknown.
    pub modified: u64,
    /// ns since 1970, 0 if unknown.
    pub created: u64,
    /// The volume, for comparing.
    pub volume: u32,
    /// The comment.
    pub comment: Text<79>,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Protection bits.
    pub protection: Protection,
    /// ns since 1970, 0 if unknown.
    pub modified: u64,
}

/// About a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name.
    pub name: Text<32>,
    /// `ram`, `archive`, …
    pub format: Text<16>,
    /// Bytes of a block.
    pub block: u32,
    /// Blocks.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Files and directories.
    pub files: u64,
    /// Whether it can be written.
    pub access: VolumeAccess,
}

/// Whether a volume can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeAccess {
    /// Read only.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}
