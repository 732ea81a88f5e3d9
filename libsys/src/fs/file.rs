//! An open file.

use alloc::{string::String, sync::Arc, vec::Vec};

use protocol::{
    Bytes, Error, Id, Text,
    fs::{Lock, Open, Reply, Request, Rights, Seek, Service, Stat},
    session::{Data, INLINE, Room, Span},
    start::StreamRights,
};

use super::{Volume, each_binding, first_binding, path};
use crate::{Channel, Handles, OwnedHandle, names};

/// An open file with a position.
#[derive(Debug)]
pub struct File {
    volume: Arc<Volume>,
    id: Id,
    epoch: u32,
    /// Below the volume; the whole path where the session was given.
    rest: String,
    rights: Rights,
    stat: Stat,
    position: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Kept here.
    Own(u64),
    /// The object's, shared with others that have it.
    Shared,
}

impl File {
    /// Opens for reading.
    pub fn open(path: &str) -> Result<File, Error> {
        each_binding(path, |volume, rest| File::at(volume, rest, Open::empty(), Rights::READ))
    }

    /// Opens for reading and writing what is there.
    pub fn open_rw(path: &str) -> Result<File, Error> {
        each_binding(path, |volume, rest| File::at(volume, rest, Open::empty(), Rights::READ | Rights::WRITE))
    }

    /// Creates, or empties what is there, for writing.
    pub fn create(path: &str) -> Result<File, Error> {
        File::open_with(path, Open::CREATE | Open::TRUNCATE, Rights::READ | Rights::WRITE)
    }

    /// Opens for writing at the end, whoever else does; creates if there is nothing.
    pub fn append(path: &str) -> Result<File, Error> {
        File::open_with(path, Open::CREATE, Rights::READ | Rights::WRITE | Rights::APPEND)
    }

    /// Opens as the flags say. With CREATE, what is in any directory of a multi-assign is found, and what is nowhere is
    /// created in the first.
    pub fn open_with(path: &str, flags: Open, rights: Rights) -> Result<File, Error> {
        if flags.contains(Open::CREATE) && !flags.contains(Open::NEW) {
            let known = flags - Open::CREATE;
            match each_binding(path, |volume, rest| File::at(volume, rest, known, rights)) {
                Err(Error::NotFound) => {}
                result => return result,
            }
        }
        first_binding(path, |volume, rest| File::at(volume, rest, flags, rights))
    }

    fn at(volume: &Arc<Volume>, rest: &str, flags: Open, rights: Rights) -> Result<File, Error> {
        let opened = volume.at(rest, |dir, path| {
            // A walked directory is an id of this epoch; the short path, from object 0, survives a restart.
            let request = Request::Open { dir, path: path.clone(), flags, rights };
            let reply = if dir == Id::ROOT { volume.ask(&request) } else { volume.ask_once(&request) };
            match reply? {
                Reply::Opened { id, stat } => Ok((id, stat)),
                _ => Err(Error::Protocol),
            }
        });
        let (id, stat) = opened?;
        let (volume, epoch) = (volume.clone(), volume.epoch());
        Ok(File { volume, id, epoch, rest: rest.into(), rights, stat, position: Position::Own(0) })
    }

    /// A file that came as a stream: object 0 of a session of its own. The position is the object's.
    pub(crate) fn given(name: &str, rights: StreamRights, channel: Channel<Service>) -> Result<File, Error> {
        let (assign, rest) = path::split(name)?;
        let volume = Volume::given(&assign, channel);
        let rights = Rights::from_bits_truncate(rights.bits());
        let request = Request::Stat { dir: Id::ROOT, path: Text::default(), flags: Open::empty() };
        let Reply::Stat(stat) = volume.ask_once(&request)? else { return Err(Error::Protocol) };
        Ok(File { volume, id: Id::ROOT, epoch: 0, rest, rights, stat, position: Position::Shared })
    }

    /// About it, as it was when it was opened.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// About it now.
    pub fn refresh(&mut self) -> Result<&Stat, Error> {
        let request = |id| Request::Stat { dir: id, path: Text::default(), flags: Open::empty() };
        match self.ask(request)? {
            Reply::Stat(stat) => self.stat = stat,
            _ => return Err(Error::Protocol),
        }
        Ok(&self.stat)
    }

    /// Asks about this file; when the server died, opens it again and repeats.
    fn ask(&mut self, request: impl Fn(Id) -> Request) -> Result<Reply, Error> {
        let mut tries = 0;
        loop {
            self.fresh()?;
            let once = request(self.id);
            match self.volume.ask_once(&once) {
                Err(Error::ServerDied) if tries < names::RETRIES => {
                    tries += 1;
                    self.reopen()?;
                    if !protocol::Idempotent::idempotent(&once) {
                        return Err(Error::ServerDied);
                    }
                }
                result => return result,
            }
        }
    }

    /// Makes sure that the id is one of the server that runs now.
    fn fresh(&mut self) -> Result<(), Error> {
        if self.epoch == self.volume.epoch() { Ok(()) } else { self.reopen() }
    }

    /// Opens the file again by its path: it has to be the same. A shared position is lost with the server, so only what
    /// appends goes on without it.
    fn reopen(&mut self) -> Result<(), Error> {
        if self.position == Position::Shared && !self.rights.contains(Rights::APPEND) {
            return Err(Error::ServerDied);
        }
        if self.epoch == self.volume.epoch() {
            self.volume.reopen(self.epoch)?;
        }
        let again = File::at(&self.volume, &self.rest, Open::empty(), self.rights).map_err(|error| match error {
            Error::NotFound | Error::DirNotFound => Error::Stale,
            error => error,
        })?;
        let same = (again.stat.inode, again.stat.generation) == (self.stat.inode, self.stat.generation);
        (self.id, self.epoch) = (again.id, again.epoch);
        // The new id is this file's now.
        core::mem::forget(again);
        if same { Ok(()) } else { Err(Error::Stale) }
    }

    /// Reads at the position, which moves. 0 is the end.
    pub fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        match self.position {
            Position::Own(at) => {
                let count = self.transfer_in(Some(at), to)?;
                self.position = Position::Own(at + count as u64);
                Ok(count)
            }
            Position::Shared => self.transfer_in(None, to),
        }
    }

    /// Reads at a position, which does not move the file's. Fewer bytes than asked for may come; 0 is the end.
    pub fn read_at(&mut self, at: u64, to: &mut [u8]) -> Result<usize, Error> {
        self.transfer_in(Some(at), to)
    }

    /// Reads up to the end.
    pub fn read_to_end(&mut self, to: &mut Vec<u8>) -> Result<usize, Error> {
        let start = to.len();
        loop {
            if to.capacity() - to.len() < INLINE {
                to.try_reserve(16 << 10).map_err(|_| Error::NoMemory)?;
            }
            let (old, room) = (to.len(), (to.capacity() - to.len()).min(64 << 10));
            to.resize(old + room, 0);
            let read = to.get_mut(old..).map_or(Ok(0), |buffer| self.read(buffer));
            to.truncate(old + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Ok(to.len() - start);
            }
        }
    }

    fn transfer_in(&mut self, at: Option<u64>, to: &mut [u8]) -> Result<usize, Error> {
        if to.is_empty() {
            return Ok(0);
        }
        if to.len() <= INLINE {
            let room = Room::Inline(to.len() as u16);
            return match self.ask(|id| Request::Read { id, at, room })? {
                Reply::Data(Data::Inline(bytes)) => {
                    to.get_mut(..bytes.len()).ok_or(Error::Protocol)?.copy_from_slice(&bytes);
                    Ok(bytes.len())
                }
                _ => Err(Error::Protocol),
            };
        }
        let volume = self.volume.clone();
        let retries = if at.is_some() { names::RETRIES } else { 0 };
        self.in_window(retries, |file| {
            volume.with_window(|window| {
                let length = to.len().min(window.size() as usize) as u32;
                let request = Request::Read { id: file.id, at, room: Room::Window(Span { offset: 0, length }) };
                match volume.ask_once(&request)? {
                    Reply::Data(Data::Window(span)) if span.offset == 0 && span.length <= length => {
                        window.read(0, to.get_mut(..span.length as usize).unwrap_or_default())?;
                        Ok(span.length as usize)
                    }
                    _ => Err(Error::Protocol),
                }
            })
        })
    }

    /// Writes at the position, which moves; with APPEND at the end. Returns what was written, at least one byte.
    pub fn write(&mut self, from: &[u8]) -> Result<usize, Error> {
        let at = match self.position {
            Position::Own(at) => Some(at),
            Position::Shared => None,
        };
        let (count, position) = self.transfer_out(at, from)?;
        if self.position != Position::Shared {
            self.position = Position::Own(position);
        }
        Ok(count)
    }

    /// Writes at a position, which does not move the file's.
    pub fn write_at(&mut self, at: u64, from: &[u8]) -> Result<usize, Error> {
        self.transfer_out(Some(at), from).map(|(count, _)| count)
    }

    /// Writes everything.
    pub fn write_all(&mut self, mut from: &[u8]) -> Result<(), Error> {
        while !from.is_empty() {
            let count = self.write(from)?;
            from = from.get(count..).ok_or(Error::Protocol)?;
        }
        Ok(())
    }

    fn transfer_out(&mut self, at: Option<u64>, from: &[u8]) -> Result<(usize, u64), Error> {
        if from.is_empty() {
            return Ok((0, at.unwrap_or(0)));
        }
        let written = |reply, length: usize| match reply {
            Reply::Written { length: done, position } if done as usize <= length && done > 0 => {
                Ok((done as usize, position))
            }
            _ => Err(Error::Protocol),
        };
        // With APPEND, or at a position of the server's, a repetition could write twice.
        let once = self.rights.contains(Rights::APPEND) || at.is_none();
        if from.len() <= INLINE {
            let data = Data::Inline(Bytes::new(from)?);
            let request = |id| Request::Write { id, at, data: data.clone() };
            if once {
                self.fresh()?;
                return written(self.volume.ask_once(&request(self.id))?, from.len());
            }
            return written(self.ask(request)?, from.len());
        }
        let volume = self.volume.clone();
        let transfer = |file: &mut File| {
            volume.with_window(|window| {
                let length = from.len().min(window.size() as usize);
                window.write(0, from.get(..length).unwrap_or_default())?;
                let data = Data::Window(Span { offset: 0, length: length as u32 });
                let reply = volume.ask_once(&Request::Write { id: file.id, at, data })?;
                written(reply, length)
            })
        };
        self.in_window(if once { 0 } else { names::RETRIES }, transfer)
    }

    /// Runs a transfer by the window, again so often if the server died.
    fn in_window<T>(&mut self, retries: usize, mut run: impl FnMut(&mut File) -> Result<T, Error>) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            self.fresh()?;
            match run(self) {
                Err(Error::ServerDied) if tries < retries => {
                    tries += 1;
                    self.reopen()?;
                }
                result => return result,
            }
        }
    }

    /// Moves the position; returns it.
    pub fn seek(&mut self, to: Seek) -> Result<u64, Error> {
        let Position::Own(at) = self.position else {
            return match self.volume.ask_once(&Request::Seek { id: self.id, to })? {
                Reply::Position(position) => Ok(position),
                _ => Err(Error::Protocol),
            };
        };
        let position = match to {
            Seek::Start(position) => Some(position),
            Seek::Current(distance) => at.checked_add_signed(distance),
            Seek::End(distance) => self.refresh()?.size.checked_add_signed(distance),
        };
        let position = position.ok_or(Error::BadArgument)?;
        self.position = Position::Own(position);
        Ok(position)
    }

    /// Sets the length.
    pub fn set_len(&mut self, size: u64) -> Result<(), Error> {
        self.done(|id| Request::Truncate { id, size })
    }

    /// Everything to the device.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.done(|id| Request::Sync { id })
    }

    /// Locks it, or [`Error::InUse`].
    pub fn lock(&mut self, lock: Lock) -> Result<(), Error> {
        self.done(|id| Request::Lock { id, lock })
    }

    fn done(&mut self, request: impl Fn(Id) -> Request) -> Result<(), Error> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            _ => Err(Error::Protocol),
        }
    }

    /// A session of this file alone, to give away: as a stream, for example.
    pub fn share(&self, rights: Rights) -> Result<OwnedHandle, Error> {
        let (_, handles) = self.volume.ask_with(&Request::Share { id: self.id, rights }, Handles::none())?;
        let [handle] = handles.exactly()?;
        Ok(handle)
    }

    /// Frozen pages of the file, where the server has them: a Memory in the own pool.
    pub fn map(&self, offset: u64, length: u64) -> Result<crate::Memory, Error> {
        let pool = crate::Pool::own()?.lend()?;
        let (_, handles) = self.volume.ask_with(&Request::Map { id: self.id, offset, length }, Handles::one(pool))?;
        let [memory] = handles.exactly()?;
        Ok(crate::Memory::adopt(memory))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.epoch == self.volume.epoch() {
            self.volume.close(self.id);
        }
    }
}
