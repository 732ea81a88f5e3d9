//! Files and directories by path.
//!
//! ```text
//!  "RAM:a/b" ─ path::split ─► name RAM ─► Volume (one session a binding, kept) ─► Open ─► File
//! ```
//!
//! A session is opened once for each binding of a name, attached when a first large read or write wants its window, and kept.
//! When fsd died, the next request opens the name again; requests that may be repeated are, up to three times, and an open
//! file is opened again by its path: it has to be the same (inode, generation), else [`Error::Stale`].

mod file;
pub mod path;
mod volume;

use alloc::{string::String, sync::Arc, vec::Vec};

pub use file::File;
pub use protocol::fs::{Entry, Kind, Lock, Open, Protection, Rights, Seek, Stat, Target, Volume as VolumeInfo};
use protocol::{
    Error, Id, Text,
    fs::{Reply, Request},
};
pub use volume::Volume;

use crate::Frozen;

/// Files larger than this are not read whole: [`Error::Limit`].
pub const MAX_WHOLE: u64 = 64 << 20;

/// Runs a request on each binding of a path's name in turn, until one answers something else than "not found".
fn each_binding<T>(path: &str, mut run: impl FnMut(&Arc<Volume>, &str) -> Result<T, Error>) -> Result<T, Error> {
    let (name, rest) = path::split(path)?;
    let mut binding = 0;
    loop {
        let volume = Volume::open(&name, binding)?;
        match run(&volume, &rest) {
            Err(Error::NotFound | Error::DirNotFound) if binding + 1 < volume.bindings() => binding += 1,
            result => return result,
        }
    }
}

/// Runs a request on the first binding alone: where things are created.
fn first_binding<T>(path: &str, run: impl FnOnce(&Arc<Volume>, &str) -> Result<T, Error>) -> Result<T, Error> {
    let (name, rest) = path::split(path)?;
    run(&Volume::open(&name, 0)?, &rest)
}

/// About what stands at a path; symbolic links are followed.
pub fn stat(path: &str) -> Result<Stat, Error> {
    stat_with(path, Open::empty())
}

/// About what stands at a path, a symbolic link itself.
pub fn stat_link(path: &str) -> Result<Stat, Error> {
    stat_with(path, Open::NO_FOLLOW)
}

fn stat_with(path: &str, flags: Open) -> Result<Stat, Error> {
    each_binding(path, |volume, rest| {
        volume.at(rest, |dir, path| match volume.ask(&Request::Stat { dir, path: path.clone(), flags })? {
            Reply::Stat(stat) => Ok(stat),
            _ => Err(Error::Protocol),
        })
    })
}

/// Whether there is something at a path.
pub fn exists(path: &str) -> bool {
    stat(path).is_ok()
}

/// The entries of a directory; of a multi-assign, those of all its directories, the first of a name counts.
pub fn read_dir(path: &str) -> Result<Vec<Entry>, Error> {
    let (name, rest) = path::split(path)?;
    let mut all: Vec<Entry> = Vec::new();
    let (mut binding, mut found, mut last) = (0, false, Error::NotFound);
    loop {
        let volume = Volume::open(&name, binding)?;
        match volume.entries(&rest) {
            Ok(entries) => {
                found = true;
                for entry in entries {
                    if binding == 0 || !all.iter().any(|known| known.name.eq_ignore_ascii_case(&entry.name)) {
                        all.push(entry);
                    }
                }
            }
            Err(error @ (Error::NotFound | Error::DirNotFound)) => last = error,
            Err(error) => return Err(error),
        }
        binding += 1;
        if binding >= volume.bindings() {
            return if found { Ok(all) } else { Err(last) };
        }
    }
}

/// Changes protection, time or comment of what stands at a path.
pub fn set(
    path: &str,
    protection: Option<Protection>,
    modified: Option<u64>,
    comment: Option<&str>,
) -> Result<(), Error> {
    let comment = comment.map(Text::try_from).transpose()?;
    each_binding(path, |volume, rest| {
        volume.at(rest, |dir, path| {
            let comment = comment.clone();
            volume.done(&Request::Set { dir, path: path.clone(), protection, modified, comment })
        })
    })
}

/// Makes a directory.
pub fn create_dir(path: &str) -> Result<(), Error> {
    first_binding(path, |volume, rest| {
        volume.at(rest, |dir, path| {
            let flags = Open::CREATE | Open::NEW | Open::DIRECTORY;
            let request = Request::Open { dir, path: path.clone(), flags, rights: Rights::READ | Rights::WRITE };
            match volume.ask(&request)? {
                Reply::Opened { id, .. } => volume.done(&Request::Close { id }),
                _ => Err(Error::Protocol),
            }
        })
    })
}

/// Removes a file, link or empty directory.
pub fn remove(path: &str) -> Result<(), Error> {
    each_binding(path, |volume, rest| {
        volume.at(rest, |dir, path| volume.done(&Request::Unlink { dir, path: path.clone() }))
    })
}

/// Renames within a volume: [`Error::OtherVolume`] across names.
pub fn rename(from: &str, to: &str) -> Result<(), Error> {
    let (from_name, _) = path::split(from)?;
    let (to_name, new) = path::split(to)?;
    if !from_name.eq_ignore_ascii_case(&to_name) {
        // Two names may lead to the same volume, but a request has one session.
        return Err(Error::OtherVolume);
    }
    let new = Text::try_from(new.as_str())?;
    each_binding(from, |volume, rest| {
        volume.at(rest, |dir, path| {
            volume.done(&Request::Rename { from: dir, path: path.clone(), to: Id::ROOT, new: new.clone() })
        })
    })
}

/// Makes a symbolic link at `path`.
pub fn link(path: &str, target: &str) -> Result<(), Error> {
    let target = Target::Symbolic(Text::try_from(target)?);
    make_link(path, target)
}

/// Makes a second name for the file at `old`, on the same volume.
pub fn hard_link(path: &str, old: &str) -> Result<(), Error> {
    let ((name, _), (old_name, old)) = (path::split(path)?, path::split(old)?);
    if !name.eq_ignore_ascii_case(&old_name) {
        return Err(Error::OtherVolume);
    }
    make_link(path, Target::Hard(Text::try_from(old.as_str())?))
}

fn make_link(path: &str, target: Target) -> Result<(), Error> {
    first_binding(path, |volume, rest| {
        volume.at(rest, |dir, path| volume.done(&Request::Link { dir, path: path.clone(), target: target.clone() }))
    })
}

/// What a symbolic link says.
pub fn read_link(path: &str) -> Result<String, Error> {
    each_binding(path, |volume, rest| {
        volume.at(rest, |dir, path| match volume.ask(&Request::ReadLink { dir, path: path.clone() })? {
            Reply::Target(target) => Ok(target.into_string()),
            _ => Err(Error::Protocol),
        })
    })
}

/// Everything of a volume to its device.
pub fn sync(path: &str) -> Result<(), Error> {
    first_binding(path, |volume, _| volume.done(&Request::Sync { id: Id::ROOT }))
}

/// About the volume of a path.
pub fn volume_info(path: &str) -> Result<VolumeInfo, Error> {
    first_binding(path, |volume, _| match volume.ask(&Request::StatFs { id: Id::ROOT })? {
        Reply::Volume(info) => Ok(info),
        _ => Err(Error::Protocol),
    })
}

/// All volumes that the file server of a name has.
pub fn volumes(name: &str) -> Result<Vec<VolumeInfo>, Error> {
    match Volume::open(name, 0)?.ask(&Request::Volumes)? {
        Reply::Volumes(volumes) => Ok(volumes.into_vec()),
        _ => Err(Error::Protocol),
    }
}

/// For a clone: no session of its parent's is its own.
#[cfg(target_os = "viaether")]
pub(crate) fn forget_all() {
    Volume::forget_all();
}

/// A whole file, at most [`MAX_WHOLE`] bytes.
pub fn read(path: &str) -> Result<Vec<u8>, Error> {
    let mut file = File::open(path)?;
    let size = file.stat().size;
    if size > MAX_WHOLE {
        return Err(Error::Limit);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size as usize).map_err(|_| Error::NoMemory)?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file's bytes without a copy, where the volume has them frozen (`SYS:`): pages come as they are read. `Unsupported` elsewhere.
pub fn map(path: &str) -> Result<Mapped, Error> {
    let file = File::open(path)?;
    let size = file.stat().size;
    let length = usize::try_from(size).map_err(|_| Error::Limit)?;
    Ok(Mapped { pages: Frozen::view(&file.map(0, size)?)?, length })
}

/// A file's bytes. They never change.
#[derive(Debug)]
pub struct Mapped {
    pages: Frozen,
    length: usize,
}

impl core::ops::Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.pages.get(..self.length).unwrap_or_default()
    }
}

/// A whole text file. [`Error::Corrupt`] if it is not UTF-8.
pub fn read_to_string(path: &str) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|_| Error::Corrupt)
}

/// Makes a file with this content, or replaces the one there.
pub fn write(path: &str, bytes: &[u8]) -> Result<(), Error> {
    let mut file = File::create(path)?;
    file.write_all(bytes)
}
