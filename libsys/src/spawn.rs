//! Starting other programs and waiting for them.
//!
//! ```text
//!  Command ─ prepare ─► Prepared (made, not started: streams and pipes are joined) ─ start ─► Child ─ wait ─► Ended
//!     └────────────────────────── spawn ──────────────────────────────────────────────┘
//! ```
//!
//! What needs no more than a message is spawned by one ([`Request::Spawn`]).
//!
//! A `Prepared` that is dropped is gone. A pipe between two of them is a ring in the job's pool; each gets a doorbell of
//! the other, so this process is not in between.

use alloc::{string::String, vec::Vec};

use protocol::{
    Bytes, Error, List, StartBody, Stream, Text, child,
    process::{Ended, Image, Reply, Request, Rights, SPAWN_BODY, SPAWN_HANDLES, Service, Signal},
    start::{MAX_BODY, StreamRights},
};

use crate::{
    Channel, Handles, Memory, Mutex, Notification, OwnedHandle, Pool, channel,
    console::Terminal,
    env,
    fs::{File, path},
    io::{PipeReader, PipeWriter},
    names::{
        NameSpace,
        bits::{self, Pair},
    },
    server,
};

/// Pages of a command's pool, if nothing else is said: 4 MiB.
pub const COMMAND_PAGES: u32 = 1024;

/// Asks init, by the process's own channel.
pub(crate) fn ask(request: &Request, handles: Handles) -> Result<(Reply, Handles), Error> {
    channel::call::<Service>(abi::user::PROCESS_CHANNEL, request, handles)
}

/// Where a child's stream is to lead.
#[derive(Debug, Default)]
pub enum Stdio {
    /// Nowhere.
    #[default]
    Null,
    /// To be joined with [`Prepared::pipe`] and its like before the start.
    Piped,
    /// A file, with the name to open it again by. Written ones append.
    File(File, String, StreamRights),
    /// A terminal's session, with its service's name.
    Terminal(OwnedHandle, String),
    /// As it stands, with its handles.
    Raw(Stream, Handles),
}

impl Stdio {
    /// A terminal, shared with the child.
    pub fn terminal(
        terminal: &mut Terminal,
        rights: protocol::console::Rights,
        side: protocol::console::Side,
    ) -> Result<Stdio, Error> {
        Ok(Stdio::Terminal(terminal.share(rights, side)?, terminal.name().into()))
    }

    fn into_stream(self) -> Result<(Stream, Handles), Error> {
        Ok(match self {
            Stdio::Null | Stdio::Piped => (Stream::Null, Handles::none()),
            Stdio::File(file, name, rights) => {
                let wanted = protocol::fs::Rights::from_bits_truncate(rights.bits());
                let session = file.share(wanted)?;
                (
                    Stream::File { name: Text::try_from(path::canonical(&name)?.as_str())?, rights },
                    Handles::one(session),
                )
            }
            Stdio::Terminal(session, name) => {
                let rights = StreamRights::READ | StreamRights::WRITE;
                (Stream::Terminal { name: Text::try_from(name.as_str())?, rights }, Handles::one(session))
            }
            Stdio::Raw(stream, handles) => (stream, handles),
        })
    }
}

/// A program to start and what it is to get.
#[derive(Debug)]
pub struct Command {
    image: Image,
    image_handle: Option<OwnedHandle>,
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: String,
    streams: [Stdio; 3],
    handles: Vec<(String, OwnedHandle)>,
    names: Option<NameSpace>,
    pages: u32,
    rights: Rights,
}

impl Command {
    /// A program of the boot archive, by its path there; its name is the path's last part.
    pub fn new(program: &str) -> Command {
        let (_, name) = path::parent(program);
        // Room for some arguments, without moving them.
        let mut args = Vec::with_capacity(4);
        args.push(name.into());
        Command {
            image: Image::Archive(Text::cut(program)),
            image_handle: None,
            name: name.into(),
            args,
            env: Vec::new(),
            cwd: env::current_dir(),
            streams: Default::default(),
            handles: Vec::new(),
            names: None,
            pages: COMMAND_PAGES,
            rights: Rights::empty(),
        }
    }

    /// A program that `process.verify` sealed.
    pub fn verified(name: &str, image: OwnedHandle) -> Command {
        Command { image: Image::Verified, image_handle: Some(image), ..Command::new(name) }
    }

    /// The command's name: argument 0 and what lists show.
    pub fn name(mut self, name: &str) -> Command {
        self.name = name.into();
        self.args[0] = name.into();
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: &str) -> Command {
        self.args.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = S>) -> Command {
        self.args.extend(arguments.into_iter().map(|argument| argument.as_ref().into()));
        self
    }

    /// Its local variables.
    pub fn vars(mut self, vars: Vec<(String, String)>) -> Command {
        self.env = vars;
        self
    }

    /// Its current directory, `NAME:dir`; else this process's own.
    pub fn current_dir(mut self, dir: &str) -> Command {
        self.cwd = dir.into();
        self
    }

    /// Standard input.
    pub fn stdin(mut self, stdio: Stdio) -> Command {
        self.streams[0] = stdio;
        self
    }

    /// Standard output.
    pub fn stdout(mut self, stdio: Stdio) -> Command {
        self.streams[1] = stdio;
        self
    }

    /// Standard error.
    pub fn stderr(mut self, stdio: Stdio) -> Command {
        self.streams[2] = stdio;
        self
    }

    /// A handle that it finds by name.
    pub fn handle(mut self, name: &str, handle: impl Into<OwnedHandle>) -> Command {
        self.handles.push((name.into(), handle.into()));
        self
    }

    /// A name space instead of a copy of this process's own.
    pub fn names(mut self, names: NameSpace) -> Command {
        self.names = Some(names);
        self
    }

    /// Pages of its pool.
    pub fn pages(mut self, pages: u32) -> Command {
        self.pages = pages;
        self
    }

    /// What it may ask init for.
    pub fn rights(mut self, rights: Rights) -> Command {
        self.rights = rights;
        self
    }

    /// Makes the process inside a pool, not started.
    pub fn prepare(self, pool: &Pool) -> Result<Prepared, Error> {
        self.gather()?.prepare(pool)
    }

    /// Starts it inside a pool.
    pub fn spawn(self, pool: &Pool) -> Result<Child, Error> {
        let gathered = self.gather()?;
        let body = protocol::encode_vec(&gathered.body, MAX_BODY)?;
        let handles = gathered.given.iter().map(|(_, handles)| handles.len()).sum::<usize>();
        match &gathered.image {
            Image::Archive(_) if handles <= SPAWN_HANDLES && body.len() <= SPAWN_BODY => gathered.spawn(pool, body),
            _ => gathered.prepare(pool)?.start(),
        }
    }

    /// What it is to get, with where that goes in its table of handles.
    fn gather(self) -> Result<Gathered, Error> {
        let mut body = StartBody { args: self.args, env: self.env, cwd: self.cwd, ..StartBody::default() };
        let mut given = Vec::new();
        for ((index, place), stdio) in (0..).zip(&mut body.streams).zip(self.streams) {
            let (stream, handles) = stdio.into_stream()?;
            *place = stream;
            if !handles.is_empty() {
                given.push((abi::user::STDIN.index() + 2 * index, handles));
            }
        }
        if let Some(handle) = self.names.and_then(NameSpace::into_handle) {
            given.push((abi::user::NAMES_CHANNEL.index(), Handles::one(handle)));
        }
        let mut names = Vec::new();
        for (at, (name, handle)) in (abi::user::FIRST_NAMED..).zip(self.handles) {
            names.push((Text::try_from(name.as_str())?, at));
            given.push((at, Handles::one(handle)));
        }
        body.handles = List::new(names)?;
        let Command { image, image_handle, name, pages, rights, .. } = self;
        Ok(Gathered { image, image_handle, name, pages, rights, body, given })
    }
}

/// A command whose streams and handles are ready to be given.
struct Gathered {
    image: Image,
    image_handle: Option<OwnedHandle>,
    name: String,
    pages: u32,
    rights: Rights,
    body: StartBody,
    given: Vec<(u16, Handles)>,
}

impl Gathered {
    fn prepare(self, pool: &Pool) -> Result<Prepared, Error> {
        let mut handles = Handles::one(pool.lend()?);
        if let Some(image) = self.image_handle {
            handles.push(image)?;
        }
        let request = Request::Create {
            image: self.image,
            name: Text::cut_string(self.name),
            pages: self.pages,
            rights: self.rights,
        };
        let (reply, handles) = ask(&request, handles)?;
        let Reply::Created { number } = reply else { return Err(Error::Protocol) };
        let [channel, notification] = handles.exactly()?;
        let prepared = Prepared {
            number,
            channel: Channel::adopt(channel),
            notification: Notification::adopt(notification),
            body: self.body,
        };
        for (index, handles) in self.given {
            prepared.give(index, handles)?;
        }
        Ok(prepared)
    }

    fn spawn(self, pool: &Pool, body: Vec<u8>) -> Result<Child, Error> {
        let Image::Archive(program) = self.image else { return Err(Error::Internal) };
        let mut handles = Handles::one(pool.lend()?);
        let mut places = Vec::new();
        for (first, mut some) in self.given {
            for (at, place) in (0..some.len()).zip(first..) {
                handles.push(some.take(at)?)?;
                places.push(place);
            }
        }
        let (given, body) = (List::new(places)?, Bytes::new(body)?);
        let name = Text::cut_string(self.name);
        let request = Request::Spawn { program, name, pages: self.pages, rights: self.rights, given, body };
        let (reply, handles) = ask(&request, handles)?;
        let Reply::Created { number } = reply else { return Err(Error::Protocol) };
        let [notification] = handles.exactly()?;
        Ok(Child { number, notification: Notification::adopt(notification) })
    }
}

/// A process that is made and not started.
#[derive(Debug)]
pub struct Prepared {
    number: u32,
    channel: Channel<child::Service>,
    notification: Notification,
    body: StartBody,
}

impl Prepared {
    pub(crate) const fn new(
        number: u32,
        channel: Channel<child::Service>,
        notification: Notification,
        body: StartBody,
    ) -> Prepared {
        Prepared { number, channel, notification, body }
    }

    /// Gives it a handle that it finds by name.
    pub fn give_named(&mut self, name: &str, handle: impl Into<OwnedHandle>) -> Result<(), Error> {
        let mut names = core::mem::take(&mut self.body.handles).into_vec();
        let index = abi::user::FIRST_NAMED + names.len() as u16;
        let result = self.give(index, Handles::one(handle));
        if result.is_ok() {
            names.push((Text::try_from(name)?, index));
        }
        self.body.handles = List::new(names)?;
        result
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its notification, to derive doorbells from.
    pub fn notification(&self) -> &Notification {
        &self.notification
    }

    fn give(&self, index: u16, handles: Handles) -> Result<(), Error> {
        self.channel.call_with(&child::Request::Give { index }, handles).map(drop)
    }

    /// Sets a standard stream, with its handles: [`Error::Exists`] if it has some already.
    pub fn set_stream(&mut self, index: usize, stream: Stream, handles: Handles) -> Result<(), Error> {
        let place = self.body.streams.get_mut(index).ok_or(Error::BadArgument)?;
        if *place != Stream::Null {
            return Err(Error::Exists);
        }
        *place = stream;
        if handles.is_empty() {
            return Ok(());
        }
        self.give(abi::user::STDIN.index() + 2 * index as u16, handles)
    }

    /// Joins an output of this process (1 or 2) with the input of another. The ring is paid by the pool.
    pub fn pipe(&mut self, index: usize, reader: &mut Prepared, pool: &Pool) -> Result<(), Error> {
        let ring = crate::io::create_ring(pool)?;
        let (from, to) = (Pair::stream(index), Pair::stream(0));
        let (to_reader, _) = reader.notification.doorbell(pool, to.event, to.gone)?;
        let (to_writer, _) = self.notification.doorbell(pool, from.event, from.gone)?;
        self.set_stream(index, Stream::Pipe, Handles::two(share(&ring)?, to_reader))?;
        reader.set_stream(0, Stream::Pipe, Handles::two(share(&ring)?, to_writer))
    }

    /// Joins an output of this process (1 or 2) with a reader here.
    pub fn pipe_here(&mut self, index: usize, pool: &Pool) -> Result<PipeReader, Error> {
        let ring = crate::io::create_ring(pool)?;
        let (from, here) = (Pair::stream(index), bits::take_pair());
        let (to_here, _) = Notification::own()?.doorbell(pool, here.event, here.gone)?;
        let (to_writer, _) = self.notification.doorbell(pool, from.event, from.gone)?;
        self.set_stream(index, Stream::Pipe, Handles::two(share(&ring)?, to_here))?;
        PipeReader::new(&ring, to_writer, here)
    }

    /// Joins the input of this process with a writer here.
    pub fn pipe_from_here(&mut self, pool: &Pool) -> Result<PipeWriter, Error> {
        let ring = crate::io::create_ring(pool)?;
        let (to, here) = (Pair::stream(0), bits::take_pair());
        let (to_here, _) = Notification::own()?.doorbell(pool, here.event, here.gone)?;
        let (to_reader, _) = self.notification.doorbell(pool, to.event, to.gone)?;
        self.set_stream(0, Stream::Pipe, Handles::two(share(&ring)?, to_here))?;
        PipeWriter::new(&ring, to_reader, here)
    }

    /// Starts it.
    pub fn start(self) -> Result<Child, Error> {
        let body = protocol::encode_vec(&self.body, MAX_BODY)?;
        for part in body.chunks(child::BODY_PART) {
            self.channel.call(&child::Request::Body { bytes: Bytes::new(part)? })?;
        }
        self.channel.call(&child::Request::Start)?;
        Ok(Child { number: self.number, notification: self.notification })
    }
}

fn share(ring: &Memory) -> Result<Memory, Error> {
    ring.dup(abi::Rights::READ | abi::Rights::WRITE | abi::Rights::TRANSFER)
}

/// Children that are over and whose end nobody has asked for yet.
static ENDED: Mutex<Vec<Ended>> = Mutex::new(Vec::new());

/// A process that was started here. Dropped, it runs on; its end stays with init until it is reaped.
#[derive(Debug)]
pub struct Child {
    /// Its number.
    pub number: u32,
    notification: Notification,
}

impl Child {
    /// Its notification, to derive doorbells from.
    pub fn notification(&self) -> &Notification {
        &self.notification
    }

    /// How it ended, if it has.
    pub fn try_wait(&self) -> Result<Option<Ended>, Error> {
        let own = |ended: &Ended| ended.number == self.number;
        let mut known = ENDED.lock();
        if let Some(at) = known.iter().position(own) {
            return Ok(Some(known.swap_remove(at)));
        }
        while let Some(ended) = reap_one()? {
            if own(&ended) {
                return Ok(Some(ended));
            }
            known.push(ended);
        }
        Ok(None)
    }

    /// Waits for its end.
    pub fn wait(&self) -> Result<Ended, Error> {
        loop {
            if let Some(ended) = self.try_wait()? {
                return Ok(ended);
            }
            server::wait_bits(bits::CHILD, u64::MAX);
        }
    }

    /// Sends it a signal.
    pub fn send(&self, signal: Signal) -> Result<(), Error> {
        send(self.number, signal)
    }
}

/// For a clone: its parent's children are not its own.
#[cfg(target_os = "viaether")]
pub(crate) fn forget() {
    ENDED.lock().clear();
}

/// Takes the ends of all children that are over from init; [`Child::try_wait`] and [`take_ended`] find them then.
pub fn reap() -> Result<(), Error> {
    while let Some(ended) = reap_one()? {
        ENDED.lock().push(ended);
    }
    Ok(())
}

/// Takes the oldest end from init.
fn reap_one() -> Result<Option<Ended>, Error> {
    match ask(&Request::Reap, Handles::none()) {
        Ok((Reply::Reaped(ended), _)) => Ok(Some(ended)),
        Ok(_) => Err(Error::Protocol),
        Err(Error::NoMoreEntries) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes one end that was reaped, of whichever child.
pub fn take_ended() -> Option<Ended> {
    ENDED.lock().pop()
}

/// Sends a signal to a process by its number.
pub fn send(number: u32, signal: Signal) -> Result<(), Error> {
    ask(&Request::Break { number, signal }, Handles::none()).map(drop)
}

/// Says which BREAK bits (0–3 of the own notification) this process handles itself.
pub fn catch(bits: u8) -> Result<(), Error> {
    ask(&Request::Catch { bits }, Handles::none()).map(drop)
}
