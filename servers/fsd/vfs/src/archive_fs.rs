//! `SYS:`: the boot archive as a read-only tree. Directories are the prefixes of its names; files are slices of it, so they
//! can be mapped in place.
//!
//! A file's inode follows from its place in the archive, and the generation from the archive's own hash: after a restart of
//! fsd what was open is the same file, and with another archive it is `Stale`.

use crate::system::{Extent, FileSystem, Node};
use crate::{Error, PAGE, name};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use archive::{Archive, Kind as EntryKind};
use core::ops::Bound;
use protocol::Text;
use protocol::fs::{Entry, Kind, Protection, Stat, Volume, VolumeAccess};

/// The read-only tree.
#[derive(Debug)]
pub struct ArchiveFs<'a> {
    archive: Archive<'a>,
    nodes: Vec<Item>,
    name: Text<32>,
    number: u32,
    generation: u32,
}

#[derive(Debug)]
struct Item {
    name: String,
    parent: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// Children by folded name. A child's cookie is its index plus 1; listing goes by name.
    Directory(BTreeMap<String, usize>),
    File(Extent, Protection),
}

impl<'a> ArchiveFs<'a> {
    /// The tree of a checked archive. init is not in it: it is no file any more.
    ///
    /// # Errors
    /// `BadVolume` if a name is both a file and a directory.
    pub fn new(name: &str, number: u32, archive: Archive<'a>) -> Result<Self, Error> {
        let [a, b, c, d, ..] = archive.header().table_hash;
        let generation = u32::from_le_bytes([a, b, c, d]);
        let root = Item { name: String::new(), parent: 0, body: Body::Directory(BTreeMap::new()) };
        let mut fs = Self { archive, nodes: Vec::from([root]), name: Text::cut(name), number, generation };
        for entry in archive.entries().filter(|e| e.kind != EntryKind::Init) {
            let protection = if entry.flags.script { Protection::SCRIPT } else { Protection::default() };
            let extent = Extent { offset: entry.offset, length: entry.length };
            let (folder, file) = entry.name.rsplit_once('/').unwrap_or(("", entry.name));
            let mut at = 0;
            for component in folder.split('/').filter(|c| !c.is_empty()) {
                at = fs.directory(at, component)?;
            }
            fs.add(at, file, Body::File(extent, protection | Protection::WRITE | Protection::DELETE))?;
        }
        Ok(fs)
    }

    /// The directory of that name in another one, made if there is none.
    fn directory(&mut self, parent: usize, name: &str) -> Result<usize, Error> {
        match self.children(parent)?.get(&name::fold(name)) {
            Some(&index) => self.children(index).map(|_| index).map_err(|_| Error::BadVolume),
            None => self.add(parent, name, Body::Directory(BTreeMap::new())),
        }
    }

    fn add(&mut self, parent: usize, name: &str, body: Body) -> Result<usize, Error> {
        let index = self.nodes.len();
        self.nodes.push(Item { name: name.to_string(), parent, body });
        let Some(Item { body: Body::Directory(children), .. }) = self.nodes.get_mut(parent) else {
            return Err(Error::BadVolume);
        };
        match children.insert(name::fold(name), index) {
            None => Ok(index),
            Some(_) => Err(Error::BadVolume),
        }
    }

    fn item(&self, index: usize) -> Result<&Item, Error> {
        self.nodes.get(index).ok_or(Error::Stale)
    }

    fn children(&self, index: usize) -> Result<&BTreeMap<String, usize>, Error> {
        match &self.item(index)?.body {
            Body::Directory(children) => Ok(children),
            Body::File(..) => Err(Error::WrongType),
        }
    }

    fn index(&self, node: Node) -> Result<usize, Error> {
        let index = usize::try_from(node.inode.wrapping_sub(1)).map_err(|_| Error::Stale)?;
        if node.generation == self.generation && index < self.nodes.len() { Ok(index) } else { Err(Error::Stale) }
    }

    fn node(&self, index: usize) -> Node {
        Node { inode: index as u64 + 1, generation: self.generation }
    }
}

impl Item {
    /// Kind, bytes, protection.
    fn about(&self) -> (Kind, u64, Protection) {
        match &self.body {
            Body::Directory(_) => (Kind::Directory, 0, Protection::WRITE | Protection::DELETE),
            Body::File(extent, protection) => (Kind::File, extent.length, *protection),
        }
    }
}

impl FileSystem for ArchiveFs<'_> {
    fn root(&self) -> Node {
        self.node(0)
    }

    fn volume(&self) -> Volume {
        Volume {
            name: self.name.clone(),
            format: Text::cut("archive"),
            block: PAGE as u32,
            blocks: self.archive.header().length / PAGE as u64,
            free: 0,
            files: self.nodes.len() as u64,
            access: VolumeAccess::ReadOnly,
        }
    }

    fn stat(&self, node: Node) -> Result<Stat, Error> {
        let (kind, size, protection) = self.item(self.index(node)?)?.about();
        Ok(Stat {
            inode: node.inode,
            generation: node.generation,
            kind,
            size,
            links: 1,
            protection,
            modified: 0,
            created: 0,
            volume: self.number,
            comment: Text::default(),
        })
    }

    fn look_up(&self, dir: Node, name: &str) -> Result<Node, Error> {
        name::check(name)?;
        let index = self.children(self.index(dir)?)?.get(&name::fold(name)).ok_or(Error::NotFound)?;
        Ok(self.node(*index))
    }

    fn parent(&self, dir: Node) -> Result<Node, Error> {
        let index = self.index(dir)?;
        self.children(index)?;
        Ok(self.node(self.item(index)?.parent))
    }

    fn next_entry(&self, dir: Node, cookie: u64) -> Result<Option<(u64, Entry)>, Error> {
        let children = self.children(self.index(dir)?)?;
        // The cookie names the entry it came with; the next one by name follows it.
        let next = match usize::try_from(cookie).ok().and_then(|c| c.checked_sub(1)) {
            None => children.iter().next(),
            Some(last) => {
                let last = name::fold(&self.item(last).map_err(|_| Error::BadArgument)?.name);
                children.range((Bound::Excluded(last), Bound::Unbounded)).next()
            }
        };
        let Some((_, &index)) = next else { return Ok(None) };
        let item = self.item(index)?;
        let (kind, size, protection) = item.about();
        let entry = Entry { name: Text::cut(&item.name), kind, size, protection, modified: 0 };
        Ok(Some((index as u64 + 1, entry)))
    }

    fn read(&self, file: Node, at: u64, into: &mut [u8]) -> Result<usize, Error> {
        let extent = self.extent(file)?;
        let length = extent.length.saturating_sub(at).min(into.len() as u64);
        let start = extent.offset.saturating_add(at.min(extent.length));
        let range = usize::try_from(start).ok().zip(usize::try_from(length).ok());
        let bytes = range.and_then(|(s, n)| self.archive.bytes().get(s..s + n)).ok_or(Error::Corrupt)?;
        into.get_mut(..bytes.len()).ok_or(Error::Corrupt)?.copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn read_link(&self, link: Node) -> Result<&str, Error> {
        self.index(link)?;
        Err(Error::WrongType)
    }

    fn extent(&self, file: Node) -> Result<Extent, Error> {
        match &self.item(self.index(file)?)?.body {
            Body::File(extent, _) => Ok(*extent),
            Body::Directory(_) => Err(Error::WrongType),
        }
    }
}
