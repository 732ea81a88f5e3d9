//! A client's session: objects by id, what each may be used for, and where it reads and writes.
//!
//! Id 0 is what was opened by name, and the directory that `..` never leaves. Each method is one request of `protocol::fs`
//! and answers with its errors; windows and handles are the caller's business.

use crate::Error;
use crate::locks::{Locks, Owner};
use crate::narrow::shrink;
use crate::system::{Change, Extent, FileSystem, New, Node};
use crate::walk::{Found, Last, resolve};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use protocol::fs::{Entry, Kind, Lock, Open, Protection, Rights, Seek, Stat, Target};

/// Objects in a session, at most.
pub const MAX_OBJECTS: usize = 1024;

/// A file system in use.
pub struct Mounted<'a> {
    /// Its files.
    pub fs: Box<dyn FileSystem + 'a>,
    /// Locks on them.
    pub locks: Locks,
}

impl<'a> Mounted<'a> {
    /// A volume without locks.
    #[must_use]
    pub fn new(fs: impl FileSystem + 'a) -> Self {
        Self { fs: Box::new(fs), locks: Locks::default() }
    }
}

impl core::fmt::Debug for Mounted<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mounted").field("volume", &self.fs.volume()).field("locks", &self.locks).finish()
    }
}

#[derive(Clone, Copy, Debug)]
struct Object {
    node: Node,
    rights: Rights,
    position: u64,
}

/// Objects of one client on one volume. It must be ended by [`Session::end`], which closes them.
#[derive(Debug)]
pub struct Session {
    number: u64,
    objects: BTreeMap<u32, Object>,
    last: u32,
}

impl Session {
    /// A session on a node, with a number that no other session on the volume has.
    ///
    /// # Errors
    /// `Stale`.
    pub fn new(volume: &mut Mounted<'_>, number: u64, node: Node, rights: Rights) -> Result<Self, Error> {
        volume.fs.retain(node)?;
        let objects = BTreeMap::from([(0, Object { node, rights, position: 0 })]);
        Ok(Self { number, objects, last: 0 })
    }

    /// Closes everything.
    pub fn end(self, volume: &mut Mounted<'_>) {
        for (&id, object) in &self.objects {
            let _ = volume.locks.set(object.node, self.owner(id), Lock::Free);
            volume.fs.release(object.node);
        }
    }

    /// How many objects are open, id 0 included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Id 0 is always open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// A new session with an object of this one as its id 0.
    ///
    /// # Errors
    /// `BadArgument`, `Denied` for more rights than it has.
    pub fn share(&self, volume: &mut Mounted<'_>, id: u32, rights: Rights, number: u64) -> Result<Self, Error> {
        let object = self.object(id)?;
        Self::new(volume, number, object.node, allowed(object.rights, rights)?)
    }

    /// Opens below a directory.
    ///
    /// # Errors
    /// See `protocol::fs::Request::Open`.
    pub fn open(
        &mut self,
        volume: &mut Mounted<'_>,
        (dir, path): (u32, &str),
        (flags, rights): (Open, Rights),
        now: u64,
    ) -> Result<(u32, Stat), Error> {
        let parent = self.with(dir, Rights::READ)?;
        let rights = allowed(parent.rights, rights)?;
        check_flags(flags, parent.rights, rights)?;
        if self.objects.len() >= MAX_OBJECTS {
            return Err(Error::Limit);
        }
        let node = match self.find(volume, dir, path, last(flags))? {
            Found::Absent { dir, name } => {
                let kind = if flags.contains(Open::DIRECTORY) { New::Directory } else { New::File };
                if !flags.contains(Open::CREATE) {
                    return Err(Error::NotFound);
                }
                volume.fs.create(dir, &name, kind, now)?
            }
            Found::There { node, .. } | Found::Itself(node) => {
                self.open_existing(volume, node, flags, rights, now)?;
                node
            }
        };
        volume.fs.retain(node)?;
        let id = self.fresh_id();
        self.objects.insert(id, Object { node, rights, position: 0 });
        Ok((id, volume.fs.stat(node)?))
    }

    fn open_existing(
        &self,
        volume: &mut Mounted<'_>,
        node: Node,
        flags: Open,
        rights: Rights,
        now: u64,
    ) -> Result<(), Error> {
        let stat = volume.fs.stat(node)?;
        if flags.contains(Open::NEW) {
            return Err(Error::Exists);
        }
        if flags.contains(Open::DIRECTORY) && stat.kind != Kind::Directory {
            return Err(Error::WrongType);
        }
        if stat.kind == Kind::File {
            check_protection(&stat, rights)?;
        }
        if flags.contains(Open::TRUNCATE) {
            volume.locks.check_write(node, self.owner(u32::MAX))?;
            volume.fs.truncate(node, 0, now)?;
        }
        Ok(())
    }

    /// Closes an object.
    ///
    /// # Errors
    /// `BadArgument` for id 0 and for what is not open.
    pub fn close(&mut self, volume: &mut Mounted<'_>, id: u32) -> Result<(), Error> {
        if id == 0 {
            return Err(Error::BadArgument);
        }
        let object = self.objects.remove(&id).ok_or(Error::BadArgument)?;
        let _ = volume.locks.set(object.node, self.owner(id), Lock::Free);
        volume.fs.release(object.node);
        Ok(())
    }

    /// About what stands at a path.
    ///
    /// # Errors
    /// Those of [`resolve`]; `NotFound`.
    pub fn stat(&self, volume: &Mounted<'_>, dir: u32, path: &str, flags: Open) -> Result<Stat, Error> {
        volume.fs.stat(self.find(volume, dir, path, last(flags))?.node()?)
    }

    /// Changes attributes.
    ///
    /// # Errors
    /// `Denied` without WRITE; those of [`resolve`] and of the volume.
    pub fn set(&self, volume: &mut Mounted<'_>, dir: u32, path: &str, change: &Change<'_>) -> Result<(), Error> {
        self.with(dir, Rights::WRITE)?;
        let node = self.find(volume, dir, path, Last::Follow)?.node()?;
        volume.fs.set(node, change)
    }

    /// Up to `most` entries after a cookie, and the cookie for the next ones: 0 at the end.
    ///
    /// # Errors
    /// `Denied` without READ, `WrongType`.
    pub fn list(&self, volume: &Mounted<'_>, dir: u32, cookie: u64, most: usize) -> Result<(Vec<Entry>, u64), Error> {
        let node = self.with(dir, Rights::READ)?.node;
        let (mut entries, mut at) = (Vec::new(), cookie);
        while entries.len() < most {
            let Some((cookie, entry)) = volume.fs.next_entry(node, at)? else { return Ok((entries, 0)) };
            entries.push(entry);
            at = cookie;
        }
        let more = volume.fs.next_entry(node, at)?.is_some();
        Ok((entries, if more { at } else { 0 }))
    }

    /// Reads at a position, or at the object's own, which moves.
    ///
    /// # Errors
    /// `Denied` without READ, `WrongType`.
    pub fn read(&mut self, volume: &Mounted<'_>, id: u32, at: Option<u64>, into: &mut [u8]) -> Result<usize, Error> {
        let object = self.with(id, Rights::READ)?;
        let length = volume.fs.read(object.node, at.unwrap_or(object.position), into)?;
        if at.is_none() {
            self.place(id, object.position.saturating_add(length as u64));
        }
        Ok(length)
    }

    /// Writes at a position, or at the object's own, which moves; with APPEND always at the end. Answers with the position
    /// after it.
    ///
    /// # Errors
    /// `Denied` without WRITE, `InUse` for another's lock; those of the volume.
    pub fn write(
        &mut self,
        volume: &mut Mounted<'_>,
        id: u32,
        at: Option<u64>,
        from: &[u8],
        now: u64,
    ) -> Result<u64, Error> {
        let object = self.with(id, Rights::WRITE)?;
        volume.locks.check_write(object.node, self.owner(id))?;
        let append = object.rights.contains(Rights::APPEND);
        let start = if append { volume.fs.stat(object.node)?.size } else { at.unwrap_or(object.position) };
        volume.fs.write(object.node, start, from, now)?;
        let end = start.saturating_add(from.len() as u64);
        if append || at.is_none() {
            self.place(id, end);
        }
        Ok(end)
    }

    /// Sets a file's length. Not with APPEND: what was written stays.
    ///
    /// # Errors
    /// `Denied`, `InUse`, those of the volume.
    pub fn truncate(&self, volume: &mut Mounted<'_>, id: u32, size: u64, now: u64) -> Result<(), Error> {
        let object = self.with(id, Rights::WRITE)?;
        if object.rights.contains(Rights::APPEND) {
            return Err(Error::Denied);
        }
        volume.locks.check_write(object.node, self.owner(id))?;
        volume.fs.truncate(object.node, size, now)
    }

    /// Moves the object's own position.
    ///
    /// # Errors
    /// `BadArgument` for a position before the start.
    pub fn seek(&mut self, volume: &Mounted<'_>, id: u32, to: Seek) -> Result<u64, Error> {
        let object = self.object(id)?;
        let position = match to {
            Seek::Start(at) => Some(at),
            Seek::Current(by) => object.position.checked_add_signed(by),
            Seek::End(by) => volume.fs.stat(object.node)?.size.checked_add_signed(by),
        };
        let position = position.ok_or(Error::BadArgument)?;
        self.place(id, position);
        Ok(position)
    }

    /// Renames.
    ///
    /// # Errors
    /// `Denied` without WRITE on both, `InvalidName` for a path without a name; those of the volume.
    pub fn rename(
        &self,
        volume: &mut Mounted<'_>,
        (from, path): (u32, &str),
        (to, new): (u32, &str),
        now: u64,
    ) -> Result<(), Error> {
        self.with(from, Rights::WRITE)?;
        self.with(to, Rights::WRITE)?;
        let old = self.named(volume, from, path)?;
        let (to, new) = match self.find(volume, to, new, Last::Keep)? {
            Found::There { dir, name, .. } | Found::Absent { dir, name } => (dir, name),
            Found::Itself(_) => return Err(Error::InvalidName),
        };
        volume.fs.rename((old.0, &old.1), (to, &new), now)
    }

    /// Removes a name.
    ///
    /// # Errors
    /// `Denied` without WRITE, `InvalidName`, those of the volume.
    pub fn unlink(&self, volume: &mut Mounted<'_>, dir: u32, path: &str, now: u64) -> Result<(), Error> {
        self.with(dir, Rights::WRITE)?;
        let (dir, name) = self.named(volume, dir, path)?;
        volume.fs.unlink(dir, &name, now)
    }

    /// Makes a link.
    ///
    /// # Errors
    /// `Denied` without WRITE, `Exists`, `InvalidName`, those of the volume.
    pub fn link(&self, volume: &mut Mounted<'_>, dir: u32, path: &str, target: &Target, now: u64) -> Result<(), Error> {
        self.with(dir, Rights::WRITE)?;
        let (at, name) = match self.find(volume, dir, path, Last::Keep)? {
            Found::Absent { dir, name } => (dir, name),
            Found::There { .. } => return Err(Error::Exists),
            Found::Itself(_) => return Err(Error::InvalidName),
        };
        match target {
            Target::Symbolic(text) => volume.fs.create(at, &name, New::Link(text), now).map(|_| ()),
            Target::Hard(path) => {
                let node = self.find(volume, dir, path, Last::Follow)?.node()?;
                volume.fs.link(at, &name, node, now)
            }
        }
    }

    /// What a symbolic link says.
    ///
    /// # Errors
    /// `Denied` without READ, `WrongType`.
    pub fn read_link<'v>(&self, volume: &'v Mounted<'_>, dir: u32, path: &str) -> Result<&'v str, Error> {
        self.with(dir, Rights::READ)?;
        let node = self.find(volume, dir, path, Last::Keep)?.node()?;
        volume.fs.read_link(node)
    }

    /// Locks a file; the lock goes with the object.
    ///
    /// # Errors
    /// `InUse`, `WrongType`; `Denied` for an exclusive one without WRITE.
    pub fn lock(&self, volume: &mut Mounted<'_>, id: u32, lock: Lock) -> Result<(), Error> {
        let object = self.object(id)?;
        if volume.fs.stat(object.node)?.kind != Kind::File {
            return Err(Error::WrongType);
        }
        if lock == Lock::Exclusive {
            self.with(id, Rights::WRITE)?;
        }
        volume.locks.set(object.node, self.owner(id), lock)
    }

    /// Where a file lies, if it can be mapped in place.
    ///
    /// # Errors
    /// `Denied` without READ, `Unsupported`.
    pub fn extent(&self, volume: &Mounted<'_>, id: u32) -> Result<Extent, Error> {
        volume.fs.extent(self.with(id, Rights::READ)?.node)
    }

    fn object(&self, id: u32) -> Result<Object, Error> {
        self.objects.get(&id).copied().ok_or(Error::BadArgument)
    }

    /// An object that has these rights.
    fn with(&self, id: u32, rights: Rights) -> Result<Object, Error> {
        let object = self.object(id)?;
        if object.rights.contains(rights) { Ok(object) } else { Err(Error::Denied) }
    }

    fn find(&self, volume: &Mounted<'_>, dir: u32, path: &str, last: Last) -> Result<Found, Error> {
        let root = self.object(0)?.node;
        let start = self.object(dir)?;
        if !path.is_empty() && !start.rights.contains(Rights::READ) {
            return Err(Error::Denied);
        }
        resolve(&*volume.fs, root, start.node, path, last)
    }

    /// Directory and name of what stands at a path.
    fn named(&self, volume: &Mounted<'_>, dir: u32, path: &str) -> Result<(Node, alloc::string::String), Error> {
        match self.find(volume, dir, path, Last::Keep)? {
            Found::There { dir, name, .. } => Ok((dir, name)),
            Found::Absent { .. } => Err(Error::NotFound),
            Found::Itself(_) => Err(Error::InvalidName),
        }
    }

    fn place(&mut self, id: u32, position: u64) {
        if let Some(object) = self.objects.get_mut(&id) {
            object.position = position;
        }
    }

    fn owner(&self, object: u32) -> Owner {
        Owner { session: self.number, object }
    }

    /// An id that is not in use; [`MAX_OBJECTS`] leaves plenty.
    fn fresh_id(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if !self.objects.contains_key(&self.last) && self.last != u32::MAX {
                return self.last;
            }
        }
    }
}

fn last(flags: Open) -> Last {
    if flags.contains(Open::NO_FOLLOW) { Last::Keep } else { Last::Follow }
}

/// `asked`, if `have` has it; append-only stays.
fn allowed(have: Rights, asked: Rights) -> Result<Rights, Error> {
    let (have_access, asked_access) = (have - Rights::APPEND, asked - Rights::APPEND);
    if have_access.contains(asked_access) { Ok(shrink(have, asked)) } else { Err(Error::Denied) }
}

/// Flags that make sense together, and with the rights of the directory and those asked for.
fn check_flags(flags: Open, dir: Rights, rights: Rights) -> Result<(), Error> {
    let new = flags.contains(Open::NEW) && !flags.contains(Open::CREATE);
    let cut = flags.contains(Open::TRUNCATE | Open::DIRECTORY);
    if new || cut {
        return Err(Error::BadArgument);
    }
    let changes = flags.intersects(Open::CREATE | Open::TRUNCATE);
    let may_cut = rights.contains(Rights::WRITE) && !dir.contains(Rights::APPEND);
    if (changes && !dir.contains(Rights::WRITE)) || (flags.contains(Open::TRUNCATE) && !may_cut) {
        return Err(Error::Denied);
    }
    Ok(())
}

fn check_protection(stat: &Stat, rights: Rights) -> Result<(), Error> {
    if rights.contains(Rights::READ) && stat.protection.contains(Protection::READ) {
        return Err(Error::ReadProtected);
    }
    if rights.contains(Rights::WRITE) && stat.protection.contains(Protection::WRITE) {
        return Err(Error::WriteProtected);
    }
    Ok(())
}
