//! A session with a file server for one binding of a name.

use alloc::{
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use protocol::{
    Error, Id, Idempotent, Text,
    fs::{Entry, Open, Path, Reply, Request, Rights, Service},
    session::{Attach, MIN_WINDOW},
};

use super::path;
use crate::{
    Channel, Handles, Mutex, Pool,
    names::{self, NameSpace, bits},
    window::{ClientSide, Window},
};

/// Volumes a process keeps open.
const MAX_KEPT: usize = 32;

static KEPT: Mutex<Vec<Arc<Volume>>> = Mutex::new(Vec::new());

/// An open binding of a name.
#[derive(Debug)]
pub struct Volume {
    name: String,
    binding: u8,
    state: Mutex<State>,
    /// Held while the window is in use.
    window: Mutex<()>,
}

#[derive(Debug)]
struct State {
    channel: Arc<Channel<Service>>,
    attached: Option<Arc<ClientSide>>,
    bindings: u8,
    /// Grows each time the name was opened again: ids of before are void.
    epoch: u32,
}

impl Volume {
    /// The volume of a name's binding, opened now or before.
    pub fn open(name: &str, binding: u8) -> Result<Arc<Volume>, Error> {
        let same = |volume: &&Arc<Volume>| volume.binding == binding && volume.name.eq_ignore_ascii_case(name);
        if let Some(volume) = KEPT.lock().iter().find(same) {
            return Ok(volume.clone());
        }
        let (channel, bindings) = NameSpace::own().open_binding(name, binding).map_err(|error| match error {
            Error::NotFound => Error::NotMounted,
            error => error,
        })?;
        let volume = Arc::new(Volume::new(name, binding, channel, bindings));
        let mut kept = KEPT.lock();
        if kept.len() >= MAX_KEPT {
            // Those that nobody uses go first; if all are used, this one is not kept.
            kept.retain(|volume| Arc::strong_count(volume) > 1);
        }
        if kept.len() < MAX_KEPT {
            kept.push(volume.clone());
        }
        Ok(volume)
    }

    /// For a clone: its parent's sessions are not its own. Their handles must not be closed: they name nothing here, or
    /// something else.
    #[cfg(target_os = "viaether")]
    pub(crate) fn forget_all() {
        core::mem::forget(core::mem::take(&mut *KEPT.lock()));
    }

    /// Forgets the sessions of a name: it was bound to something else. Files that are open stay what they are.
    pub fn forget(name: &str) {
        KEPT.lock().retain(|volume| !volume.name.eq_ignore_ascii_case(name));
    }

    /// A session that was handed to this process: the file of a stream. `name` opens it again.
    pub(crate) fn given(name: &str, channel: Channel<Service>) -> Arc<Volume> {
        Arc::new(Volume::new(name, 0, channel, 1))
    }

    fn new(name: &str, binding: u8, channel: Channel<Service>, bindings: u8) -> Volume {
        let state = State { channel: Arc::new(channel), attached: None, bindings, epoch: 0 };
        Volume { name: name.to_string(), binding, state: Mutex::new(state), window: Mutex::new(()) }
    }

    /// How many bindings the name has.
    pub fn bindings(&self) -> u8 {
        self.state.lock().bindings
    }

    pub(super) fn epoch(&self) -> u32 {
        self.state.lock().epoch
    }

    fn channel(&self) -> Arc<Channel<Service>> {
        self.state.lock().channel.clone()
    }

    /// Opens the name again after the server died.
    pub(super) fn reopen(&self, epoch: u32) -> Result<(), Error> {
        let (channel, bindings) = NameSpace::own().open_binding(&self.name, self.binding)?;
        let mut state = self.state.lock();
        if state.epoch == epoch {
            let epoch = epoch + 1;
            *state = State { channel: Arc::new(channel), attached: None, bindings, epoch };
        }
        Ok(())
    }

    /// Asks; what may be repeated is, after the server died. Only for requests about object 0.
    pub(super) fn ask(&self, request: &Request) -> Result<Reply, Error> {
        let mut tries = 0;
        loop {
            let epoch = self.epoch();
            match self.channel().call(request) {
                Err(Error::ServerDied) if tries < names::RETRIES => {
                    tries += 1;
                    self.reopen(epoch)?;
                    // Opening is repeated too: what it may have created is found by the next one; with NEW it can't be told.
                    let repeat = match request {
                        Request::Open { flags, .. } => !flags.contains(Open::NEW),
                        request => request.idempotent(),
                    };
                    if !repeat {
                        return Err(Error::ServerDied);
                    }
                }
                result => return result,
            }
        }
    }

    /// Asks once: for requests about ids, which die with the server.
    pub(super) fn ask_once(&self, request: &Request) -> Result<Reply, Error> {
        self.channel().call(request)
    }

    pub(super) fn ask_with(&self, request: &Request, handles: Handles) -> Result<(Reply, Handles), Error> {
        self.channel().call_with(request, handles)
    }

    pub(super) fn done(&self, request: &Request) -> Result<(), Error> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            _ => Err(Error::Protocol),
        }
    }

    /// Runs a request with a directory and a path that one request can hold; longer paths are walked.
    pub(super) fn at<T>(&self, rest: &str, run: impl FnOnce(Id, &Path) -> Result<T, Error>) -> Result<T, Error> {
        let (mut dir, mut rest) = (Id::ROOT, rest);
        let result = loop {
            let (part, after) = path::first_part(rest)?;
            let part = Text::try_from(part)?;
            if after.is_empty() {
                break run(dir, &part);
            }
            let request =
                Request::Open { dir, path: part, flags: Open::DIRECTORY, rights: Rights::READ | Rights::WRITE };
            let next = match self.ask_once(&request)? {
                Reply::Opened { id, .. } => id,
                _ => return Err(Error::Protocol),
            };
            self.close(dir);
            (dir, rest) = (next, after);
        };
        self.close(dir);
        result
    }

    pub(super) fn close(&self, id: Id) {
        if id != Id::ROOT {
            let _ = self.ask_once(&Request::Close { id });
        }
    }

    /// The entries of a directory.
    pub(super) fn entries(&self, rest: &str) -> Result<Vec<Entry>, Error> {
        self.at(rest, |dir, path| {
            let request = Request::Open { dir, path: path.clone(), flags: Open::DIRECTORY, rights: Rights::READ };
            let id = match self.ask(&request)? {
                Reply::Opened { id, .. } => id,
                _ => return Err(Error::Protocol),
            };
            let entries = self.list(id);
            self.close(id);
            entries
        })
    }

    fn list(&self, dir: Id) -> Result<Vec<Entry>, Error> {
        let (mut all, mut cookie) = (Vec::new(), 0);
        loop {
            match self.ask_once(&Request::List { dir, cookie })? {
                Reply::Entries { entries, cookie: next } => {
                    // A server that goes round in circles is not followed.
                    if entries.is_empty() && next != 0 || all.len() > 1 << 20 {
                        return Err(Error::Protocol);
                    }
                    all.extend(entries);
                    cookie = next;
                }
                _ => return Err(Error::Protocol),
            }
            if cookie == 0 {
                return Ok(all);
            }
        }
    }

    /// Runs something with the window, which is attached at its first use; one at a time.
    pub(super) fn with_window<T>(&self, run: impl FnOnce(&Window) -> Result<T, Error>) -> Result<T, Error> {
        let _turn = self.window.lock();
        let attached = self.state.lock().attached.clone();
        let side = match attached {
            Some(side) => side,
            None => {
                let request = Attach { window: MIN_WINDOW, slots: 0 };
                let channel = self.channel();
                let side = ClientSide::attach(&channel, request, &Pool::own()?, bits::take_pair(), 0)?;
                let side = Arc::new(side);
                self.state.lock().attached = Some(side.clone());
                side
            }
        };
        run(&side.window)
    }
}
