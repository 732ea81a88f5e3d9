//! `RAM:` against a naive model: plain vectors and maps, whole contents, no quota, no slots. Random sequences of operations
//! must give the same answers and end in the same tree; an error must have changed nothing; what is charged must be what is
//! there; and when everything is gone, nothing is charged.

use protocol::fs::{Kind, Protection};
use std::collections::{BTreeMap, BTreeSet};
use vfs::{Change, Error, FileSystem, New, Node, RamFs};

const SEQUENCES: u64 = 2_500;
const STEPS: usize = 80;
const PAGE: usize = 4096;

#[derive(Clone, Debug)]
enum Body {
    File { bytes: Vec<u8>, pages: BTreeSet<usize> },
    Directory { parent: usize, names: BTreeMap<String, (String, usize)> },
    Link(String),
}

#[derive(Clone, Debug)]
struct Thing {
    body: Body,
    links: u32,
    opens: u32,
    protection: Protection,
    comment: String,
}

/// Things are never freed, so an index is a thing for ever.
#[derive(Default)]
struct Model {
    things: Vec<Thing>,
}

impl Model {
    fn new() -> Self {
        let mut model = Self::default();
        model.add(Body::Directory { parent: 0, names: BTreeMap::new() }, 1);
        model
    }

    fn add(&mut self, body: Body, links: u32) -> usize {
        let protection = Protection::default();
        self.things.push(Thing { body, links, opens: 0, protection, comment: String::new() });
        self.things.len() - 1
    }

    fn alive(&self, at: usize) -> Result<&Thing, Error> {
        Some(&self.things[at]).filter(|t| t.links > 0 || t.opens > 0).ok_or(Error::Stale)
    }

    fn names(&self, dir: usize) -> Result<&BTreeMap<String, (String, usize)>, Error> {
        match &self.alive(dir)?.body {
            Body::Directory { names, .. } => Ok(names),
            _ => Err(Error::WrongType),
        }
    }

    fn names_mut(&mut self, dir: usize) -> &mut BTreeMap<String, (String, usize)> {
        match &mut self.things[dir].body {
            Body::Directory { names, .. } => names,
            _ => unreachable!(),
        }
    }

    fn changeable(&self, dir: usize) -> Result<(), Error> {
        self.names(dir)?;
        let thing = &self.things[dir];
        match (thing.links, thing.protection.contains(Protection::WRITE)) {
            (0, _) => Err(Error::NotFound),
            (_, true) => Err(Error::WriteProtected),
            _ => Ok(()),
        }
    }

    fn find(&self, dir: usize, name: &str) -> Result<usize, Error> {
        self.names(dir)?.get(&name.to_lowercase()).map(|(_, at)| *at).ok_or(Error::NotFound)
    }

    fn deletable(&self, at: usize) -> Result<(), Error> {
        let thing = &self.things[at];
        if thing.protection.contains(Protection::DELETE) {
            return Err(Error::DeleteProtected);
        }
        match &thing.body {
            Body::Directory { names, .. } if !names.is_empty() => Err(Error::DirNotEmpty),
            _ => Ok(()),
        }
    }

    fn is_directory(&self, at: usize) -> bool {
        matches!(self.things[at].body, Body::Directory { .. })
    }

    fn is_inside(&self, mut at: usize, top: usize) -> bool {
        loop {
            if at == top {
                return true;
            }
            match &self.things[at].body {
                Body::Directory { parent, .. } if *parent != at => at = *parent,
                _ => return false,
            }
        }
    }

    fn create(&mut self, dir: usize, name: &str, what: New<'_>) -> Result<usize, Error> {
        self.changeable(dir)?;
        if self.find(dir, name).is_ok() {
            return Err(Error::Exists);
        }
        let body = match what {
            New::File => Body::File { bytes: vec![], pages: BTreeSet::new() },
            New::Directory => Body::Directory { parent: dir, names: BTreeMap::new() },
            New::Link(text) => Body::Link(text.into()),
        };
        let at = self.add(body, 1);
        self.names_mut(dir).insert(name.to_lowercase(), (name.into(), at));
        Ok(at)
    }

    fn link(&mut self, dir: usize, name: &str, file: usize) -> Result<(), Error> {
        self.alive(file)?;
        if self.is_directory(file) {
            return Err(Error::WrongType);
        }
        if self.things[file].links == 0 {
            return Err(Error::NotFound);
        }
        self.changeable(dir)?;
        if self.find(dir, name).is_ok() {
            return Err(Error::Exists);
        }
        self.things[file].links += 1;
        self.names_mut(dir).insert(name.to_lowercase(), (name.into(), file));
        Ok(())
    }

    fn unlink(&mut self, dir: usize, name: &str) -> Result<(), Error> {
        self.changeable(dir)?;
        let at = self.find(dir, name)?;
        self.deletable(at)?;
        self.names_mut(dir).remove(&name.to_lowercase());
        self.things[at].links -= 1;
        Ok(())
    }

    fn rename(&mut self, from: (usize, &str), to: (usize, &str)) -> Result<(), Error> {
        self.changeable(from.0)?;
        let moved = self.find(from.0, from.1)?;
        self.changeable(to.0)?;
        let same = from.0 == to.0 && from.1.to_lowercase() == to.1.to_lowercase();
        let replaced = self.find(to.0, to.1).ok().filter(|_| !same);
        if let Some(old) = replaced {
            if self.is_directory(old) || self.is_directory(moved) {
                return Err(Error::Exists);
            }
            self.deletable(old)?;
        }
        if self.is_directory(moved) && self.is_inside(to.0, moved) {
            return Err(Error::InUse);
        }
        self.names_mut(from.0).remove(&from.1.to_lowercase());
        if let Some(old) = replaced {
            self.things[old].links -= 1;
        }
        self.names_mut(to.0).insert(to.1.to_lowercase(), (to.1.into(), moved));
        if let Body::Directory { parent, .. } = &mut self.things[moved].body {
            *parent = to.0;
        }
        Ok(())
    }

    fn file(&mut self, at: usize) -> Result<(&mut Vec<u8>, &mut BTreeSet<usize>), Error> {
        self.alive(at)?;
        match &mut self.things[at].body {
            Body::File { bytes, pages } => Ok((bytes, pages)),
            _ => Err(Error::WrongType),
        }
    }

    fn write(&mut self, at: usize, offset: usize, from: &[u8]) -> Result<(), Error> {
        let (bytes, pages) = self.file(at)?;
        if from.is_empty() {
            return Ok(());
        }
        let end = offset + from.len();
        bytes.resize(bytes.len().max(end), 0);
        bytes[offset..end].copy_from_slice(from);
        pages.extend(offset / PAGE..=(end - 1) / PAGE);
        Ok(())
    }

    fn truncate(&mut self, at: usize, size: usize) -> Result<(), Error> {
        let (bytes, pages) = self.file(at)?;
        bytes.resize(size, 0);
        pages.retain(|p| *p < size.div_ceil(PAGE));
        Ok(())
    }

    /// Pages of content that there are.
    fn pages(&self) -> usize {
        let of = |t: &Thing| match &t.body {
            Body::File { pages, .. } if t.links > 0 || t.opens > 0 => pages.len(),
            _ => 0,
        };
        self.things.iter().map(of).sum()
    }
}

/// Both, and which thing is which node.
struct Pair {
    fs: RamFs,
    model: Model,
    nodes: Vec<Node>,
    limit: u64,
}

impl Pair {
    fn new(limit: u64) -> Self {
        let fs = RamFs::new("RAM", 1, limit, 3, 1);
        let nodes = vec![fs.root()];
        Self { fs, model: Model::new(), nodes, limit }
    }

    /// Does to the model what the file system did, unless that had no room: then nothing must have happened.
    fn same<T: std::fmt::Debug>(
        &mut self,
        ours: Result<T, Error>,
        theirs: impl FnOnce(&mut Model) -> Result<(), Error>,
    ) {
        if ours.as_ref().err() == Some(&Error::VolumeFull) {
            assert!(self.limit < 1000, "there was room");
        } else {
            assert_eq!(ours.map(|_| ()), theirs(&mut self.model));
        }
        assert!(self.fs.is_consistent(), "what is charged is what is there");
        assert!(self.fs.used_pages() <= self.limit);
        assert!(self.fs.used_pages() >= self.model.pages() as u64);
    }

    fn step(&mut self, random: &mut Random) {
        const NAMES: [&str; 6] = ["a", "A", "b", "c", "\u{c4}", "\u{e4}"];
        let (name, other) = (NAMES[random.below(6)], NAMES[random.below(6)]);
        let (x, y) = (random.below(self.nodes.len()), random.below(self.nodes.len()));
        let (at, to) = (self.nodes[x], self.nodes[y]);
        match random.below(14) {
            0..=2 => {
                let what = [New::File, New::Directory, New::Link("a/b")][random.below(3)];
                let made = self.fs.create(at, name, what, 5);
                if let Ok(node) = made {
                    self.nodes.push(node);
                }
                self.same(made, |m| m.create(x, name, what).map(|_| ()));
                assert_eq!(self.nodes.len(), self.model.things.len());
            }
            3 => {
                let done = self.fs.link(at, name, to, 5);
                self.same(done, |m| m.link(x, name, y));
            }
            4 | 5 => {
                let done = self.fs.unlink(at, name, 5);
                self.same(done, |m| m.unlink(x, name));
            }
            6 | 7 => {
                let done = self.fs.rename((at, name), (to, other), 5);
                self.same(done, |m| m.rename((x, name), (y, other)));
            }
            8 | 9 => {
                let (offset, bytes) = (random.below(5 * PAGE), vec![random.below(256) as u8; random.below(2 * PAGE)]);
                let (before, missing) = (self.fs.used_pages(), self.missing(x, offset, bytes.len()));
                let done = self.fs.write(at, offset as u64, &bytes, 5);
                if done == Err(Error::VolumeFull) {
                    assert!(before + missing > self.limit, "the quota is exact");
                }
                self.same(done, |m| m.write(x, offset, &bytes));
            }
            10 => {
                let size = random.below(6 * PAGE);
                let done = self.fs.truncate(at, size as u64, 5);
                self.same(done, |m| m.truncate(x, size));
            }
            11 => {
                let done = self.fs.retain(at);
                self.same(done, |m| m.alive(x).map(|_| ()).map(|()| m.things[x].opens += 1));
            }
            12 => {
                if self.model.things[x].opens > 0 {
                    self.fs.release(at);
                    self.same(Ok(()), |m| {
                        m.things[x].opens -= 1;
                        Ok(())
                    });
                }
            }
            _ => {
                let bits = [Protection::empty(), Protection::empty(), Protection::DELETE, Protection::WRITE];
                let (protection, comment) = (bits[random.below(4)], NAMES[random.below(6)]);
                let change = Change { protection: Some(protection), comment: Some(comment), modified: None };
                let done = self.fs.set(at, &change);
                self.same(done, |m| {
                    m.alive(x)?;
                    m.things[x].protection = protection;
                    m.things[x].comment = comment.into();
                    Ok(())
                });
            }
        }
    }

    fn missing(&mut self, x: usize, offset: usize, length: usize) -> u64 {
        let touched = if length == 0 { 0..0 } else { offset / PAGE..(offset + length - 1) / PAGE + 1 };
        self.model.file(x).map_or(0, |(_, pages)| touched.filter(|p| !pages.contains(p)).count() as u64)
    }

    /// Every thing there is looks the same, and every other node is stale.
    fn compare(&self) {
        for (thing, &node) in self.model.things.iter().zip(&self.nodes) {
            let stat = match self.fs.stat(node) {
                Ok(stat) => stat,
                Err(error) => {
                    assert_eq!((error, thing.links, thing.opens), (Error::Stale, 0, 0));
                    continue;
                }
            };
            assert!(thing.links > 0 || thing.opens > 0);
            assert_eq!(
                (stat.links, stat.protection, stat.comment.as_str()),
                (thing.links, thing.protection, &*thing.comment)
            );
            match &thing.body {
                Body::File { bytes, .. } => {
                    let mut read = vec![1; bytes.len() + 10];
                    let length = self.fs.read(node, 0, &mut read).unwrap();
                    assert_eq!((stat.kind, &read[..length]), (Kind::File, &bytes[..]));
                }
                Body::Link(text) => assert_eq!(self.fs.read_link(node), Ok(text.as_str())),
                Body::Directory { names, .. } => {
                    let expected: BTreeSet<&str> = names.values().map(|(name, _)| name.as_str()).collect();
                    let listed = list(&self.fs, node);
                    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
                    assert_eq!(listed.len(), expected.len(), "each entry once");
                    for (name, at) in names.values() {
                        assert_eq!(self.fs.look_up(node, name), Ok(self.nodes[*at]));
                    }
                }
            }
        }
    }

    /// Removes everything; then nothing may be left.
    fn remove_all(&mut self) {
        for x in 0..self.nodes.len() {
            let _ = self.fs.set(
                self.nodes[x],
                &Change { protection: Some(Protection::empty()), comment: Some(""), ..Change::default() },
            );
        }
        for _ in 0..self.nodes.len() {
            for node in self.nodes.clone() {
                for name in list_or_none(&self.fs, node) {
                    let _ = self.fs.unlink(node, &name, 9);
                }
            }
        }
        for (thing, &node) in self.model.things.iter().zip(&self.nodes) {
            (0..thing.opens).for_each(|_| self.fs.release(node));
        }
        assert_eq!((self.fs.used_pages(), self.fs.inodes()), (0, 1), "nothing leaks");
    }
}

fn list(fs: &RamFs, node: Node) -> Vec<String> {
    let (mut names, mut cookie) = (Vec::new(), 0);
    while let Some((next, entry)) = fs.next_entry(node, cookie).unwrap() {
        assert!(next > cookie);
        names.push(entry.name.into_string());
        cookie = next;
    }
    names
}

fn list_or_none(fs: &RamFs, node: Node) -> Vec<String> {
    if fs.stat(node).is_ok_and(|s| s.kind == Kind::Directory) { list(fs, node) } else { Vec::new() }
}

#[test]
fn random_sequences_agree_with_the_model() {
    for seed in 1..=SEQUENCES {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // Every third one is short of room.
        let mut pair = Pair::new(if seed % 3 == 0 { 3 + seed % 7 } else { 10_000 });
        for step in 0..STEPS {
            pair.step(&mut random);
            if step % 16 == 15 {
                pair.compare();
            }
        }
        pair.remove_all();
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}
