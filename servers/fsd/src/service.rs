//! The requests of clients.

use alloc::string::String;
use alloc::vec;

use libsys::protocol::fs::{MAX_REQUEST_PATH, Open, Reply, Request, Rights, Service};
use libsys::protocol::session::{Attach, INLINE, Room};
use libsys::protocol::{Id, List, Text};
use libsys::sessions::{Client as Caller, Sessions};
use libsys::window::{self, ServerSide};
use libsys::{
    Error, Handles, Incoming, Memory, Notification, OwnedHandle, Pool, Receiver, Result, env, names::bits, time,
};
use vfs::narrow;
use vfs::session::Session;
use vfs::walk::{Last, resolve};
use vfs::{Change, Node};

use crate::volumes::Volume;

/// Bytes read or written by one request, at most.
const MAX_TRANSFER: usize = 1 << 20;
const PAGE: u64 = 4096;

/// A client's session.
struct Client {
    volume: usize,
    files: Session,
    attached: Option<ServerSide>,
}

/// The server.
pub struct Server {
    pub receiver: Receiver,
    pool: Pool,
    volumes: alloc::vec::Vec<Volume>,
    clients: Sessions<Client>,
    /// Numbers that lock owners are told apart by.
    next_owner: u64,
    pair: bits::Pair,
}

impl Server {
    /// A server for these volumes.
    pub fn new(receiver: Receiver, pool: Pool, volumes: alloc::vec::Vec<Volume>) -> Server {
        let clients = Sessions::new(env::number());
        Server { receiver, pool, volumes, clients, next_owner: 1, pair: bits::take_pair() }
    }

    /// A session on what a binding's narrowings leave. Without any it is all volumes' business: the first one's top.
    pub fn open(&mut self, client: Caller, narrowings: &[String]) -> Result<OwnedHandle> {
        let (mut volume, mut rights) = (0, Rights::READ | Rights::WRITE);
        let mut node = None;
        for text in narrowings {
            let step = narrow::parse(text)?;
            match (step.volume, node) {
                (Some(name), None) => volume = self.volume(name)?,
                (Some(_), Some(_)) => return Err(Error::InvalidName),
                (None, _) => {}
            }
            let fs = &*self.volumes[volume].mounted.fs;
            let from = node.unwrap_or(fs.root());
            node = Some(match step.path {
                "" => from,
                // What a narrowing leads to is its own top: nothing above it can be reached.
                path => resolve(fs, from, from, path, Last::Follow)?.node()?,
            });
            rights = step.rights.map_or(rights, |asked| narrow::shrink(rights, asked));
        }
        let node = node.unwrap_or(self.volumes[volume].mounted.fs.root());
        self.add(client, volume, node, rights)
    }

    fn volume(&self, name: &str) -> Result<usize> {
        self.volumes.iter().position(|volume| volume.name.eq_ignore_ascii_case(name)).ok_or(Error::NotMounted)
    }

    fn add(&mut self, client: Caller, volume: usize, node: Node, rights: Rights) -> Result<OwnedHandle> {
        let owner = self.owner();
        let files = Session::new(&mut self.volumes[volume].mounted, owner, node, rights)?;
        self.enter(client, volume, files)
    }

    fn owner(&mut self) -> u64 {
        self.next_owner += 1;
        self.next_owner
    }

    /// Enters a session into the table and makes the client's end.
    fn enter(&mut self, client: Caller, volume: usize, files: Session) -> Result<OwnedHandle> {
        let badge = self.clients.open(client, Client { volume, files, attached: None })?.to_u64();
        match self.receiver.client(&self.pool, badge) {
            Ok((handle, _)) => Ok(handle),
            Err(error) => {
                self.close(badge);
                Err(error)
            }
        }
    }

    /// The last handle of a session is gone.
    pub fn close(&mut self, badge: u64) {
        if let Some(client) = self.clients.close(badge) {
            client.files.end(&mut self.volumes[client.volume].mounted);
        }
    }

    /// Answers a call.
    pub fn call(&mut self, call: Incoming) {
        let badge = call.badge;
        let request = call.request_taking(takes);
        let Incoming { handles, token, .. } = call;
        let answer = request.and_then(|request| match request {
            Request::Attach(attach) => self.attach(badge, attach, handles),
            Request::Share { id, rights } => self.share(badge, id, rights),
            Request::Map { id, offset, length } => self.map(badge, id, (offset, length), handles),
            plain => self.plain(badge, plain).map(|reply| (reply, Handles::none())),
        });
        self.receiver.reply_with::<Service>(token, answer);
    }

    fn attach(&mut self, badge: u64, attach: Attach, handles: Handles) -> Result<(Reply, Handles)> {
        if self.clients.get(badge)?.attached.is_some() {
            return Err(Error::Exists);
        }
        let own = Notification::own()?;
        let (side, layout, back) = ServerSide::attach(attach, handles, &own, self.pair)?;
        self.clients.get(badge)?.attached = Some(side);
        Ok((Reply::Attached(layout), back))
    }

    fn share(&mut self, badge: u64, id: Id, rights: Rights) -> Result<(Reply, Handles)> {
        let owner = self.owner();
        let of = self.clients.client(badge).ok_or(Error::Stale)?;
        let client = self.clients.get(badge)?;
        let volume = client.volume;
        let shared = client.files.share(&mut self.volumes[volume].mounted, id.0, rights, owner)?;
        Ok((Reply::Done, Handles::one(self.enter(of, volume, shared)?)))
    }

    /// Frozen pages of a file of the archive, in place: a slice in the client's pool, which may keep as many as it pays for.
    fn map(&mut self, badge: u64, id: Id, part: (u64, u64), handles: Handles) -> Result<(Reply, Handles)> {
        let ([pool], (offset, length)) = (handles.exactly()?, part);
        let pool = Pool::adopt(pool);
        let client = self.clients.get(badge)?;
        let volume = &self.volumes[client.volume];
        let memory = volume.memory.as_ref().ok_or(Error::Unsupported)?;
        let extent = client.files.extent(&volume.mounted, id.0)?;
        let end = offset.checked_add(length).ok_or(Error::BadArgument)?;
        if offset % PAGE != 0 || length == 0 || end > extent.length.next_multiple_of(PAGE) {
            return Err(Error::BadArgument);
        }
        let first = ((extent.offset + offset) / PAGE) as usize;
        let part: Memory = memory.slice(&pool, first, length.div_ceil(PAGE) as usize)?.reader()?;
        Ok((Reply::Done, Handles::one(part)))
    }

    /// Requests without handles.
    fn plain(&mut self, badge: u64, request: Request) -> Result<Reply> {
        let now = time::utc_ns().unwrap_or(0);
        if let Request::Volumes = request {
            let all = self.volumes.iter().map(|volume| volume.mounted.fs.volume());
            return List::new(all.collect::<alloc::vec::Vec<_>>()).map(Reply::Volumes);
        }
        let Client { volume, files, attached } = self.clients.get(badge)?;
        let mounted = &mut self.volumes[*volume].mounted;
        let window = attached.as_ref().map(|side| &side.window);
        match request {
            Request::Close { id } => files.close(mounted, id.0).map(|()| Reply::Done),
            Request::Open { dir, path, flags, rights } => {
                let (id, stat) = files.open(mounted, (dir.0, &path), (flags, rights), now)?;
                Ok(Reply::Opened { id: Id(id), stat })
            }
            Request::Stat { dir, path, flags } => files.stat(mounted, dir.0, &path, flags).map(Reply::Stat),
            Request::Set { dir, path, protection, modified, comment } => {
                let change = Change { protection, modified, comment: comment.as_deref() };
                files.set(mounted, dir.0, &path, &change).map(|()| Reply::Done)
            }
            Request::List { dir, cookie } => {
                let (entries, cookie) = files.list(mounted, dir.0, cookie, 12)?;
                Ok(Reply::Entries { entries: List::new(entries)?, cookie })
            }
            Request::Read { id, at, room } => {
                let room = match room {
                    Room::Inline(length) => Room::Inline(length.min(INLINE as u16)),
                    window => window,
                };
                let mut bytes = vec![0; room.length().min(MAX_TRANSFER)];
                let length = files.read(mounted, id.0, at, &mut bytes)?;
                window::deliver(&bytes[..length], room, window).map(Reply::Data)
            }
            Request::Write { id, at, data } => {
                let bytes = window::fetch(&data, window)?;
                let position = files.write(mounted, id.0, at, &bytes, now)?;
                Ok(Reply::Written { length: bytes.len() as u32, position })
            }
            Request::Truncate { id, size } => files.truncate(mounted, id.0, size, now).map(|()| Reply::Done),
            Request::Rename { from, path, to, new } => {
                files.rename(mounted, (from.0, &path), (to.0, &new), now).map(|()| Reply::Done)
            }
            Request::Unlink { dir, path } => files.unlink(mounted, dir.0, &path, now).map(|()| Reply::Done),
            Request::Link { dir, path, target } => {
                files.link(mounted, dir.0, &path, &target, now).map(|()| Reply::Done)
            }
            Request::ReadLink { dir, path } => {
                let text = files.read_link(mounted, dir.0, &path)?;
                Text::<MAX_REQUEST_PATH>::try_from(text).map(Reply::Target).map_err(|_| Error::LineTooLong)
            }
            // What is in memory needs no writing; but a wrong id is an error.
            Request::Sync { id } => files.stat(mounted, id.0, "", Open::empty()).map(|_| Reply::Done),
            Request::Lock { id, lock } => files.lock(mounted, id.0, lock).map(|()| Reply::Done),
            Request::StatFs { id } => {
                files.stat(mounted, id.0, "", Open::empty())?;
                Ok(Reply::Volume(mounted.fs.volume()))
            }
            Request::Seek { id, to } => files.seek(mounted, id.0, to).map(Reply::Position),
            Request::Attach(_) | Request::Share { .. } | Request::Map { .. } | Request::Volumes => {
                Err(Error::Malformed)
            }
        }
    }
}

/// How many handles a request takes: a pool and a doorbell to attach, a pool to map, else none.
fn takes(request: &Request) -> usize {
    match request {
        Request::Attach(_) => 2,
        Request::Map { .. } => 1,
        _ => 0,
    }
}
