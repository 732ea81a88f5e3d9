//! Models that are loaded, and those on the way.

use alloc::rc::Rc;
use alloc::vec::Vec;

use libsys::protocol::ai::{Info, ModelState, Refusal};
use libsys::protocol::fs::Kind;
use libsys::protocol::{Id, Text};
use libsys::{Error, Frozen, Grant, Handles, Memory, OwnedHandle, Pool, Result, Rights, fs, log};
use waymodel::{ErrorKind, Limits, LoadError, Model};

/// Models at most, private ones included.
pub const MAX_MODELS: usize = 32;
/// Bytes of a model file.
pub const MAX_FILE: u64 = 64 << 20;
const PAGE: usize = 4096;
/// How often reading a file begins at most, when its server dies each time.
const TRIES: usize = 8;

/// A frozen file, as bytes.
pub struct FrozenFile {
    frozen: Frozen,
    bytes: usize,
    /// Keeps the pages from being reused while they are mapped; the mapping alone would do, but its owner is named here.
    _memory: Memory,
}

impl FrozenFile {
    /// Maps the first bytes of a Memory.
    fn map(memory: Memory, bytes: usize) -> Result<FrozenFile> {
        Ok(FrozenFile { frozen: Frozen::map(&memory)?, bytes, _memory: memory })
    }

    /// Maps a file. Once it is mapped, it stays, whatever becomes of its server.
    fn open(path: &str) -> Result<FrozenFile> {
        let file = fs::File::open(path)?;
        let size = file.stat().size;
        if size == 0 || size > MAX_FILE {
            return Err(Error::Limit);
        }
        FrozenFile::map(file.map(0, size)?, size as usize)
    }
}

impl AsRef<[u8]> for FrozenFile {
    fn as_ref(&self) -> &[u8] {
        self.frozen.get(..self.bytes).unwrap_or_default()
    }
}

/// A model that can run.
pub type Ready = Rc<Model<FrozenFile>>;

/// A model in the table.
pub struct Entry {
    pub id: u32,
    pub model: Ready,
    /// The session that loaded it; `None`: registered for all.
    pub owner: Option<u64>,
    pub users: u32,
}

impl Entry {
    /// As `List` tells it.
    pub fn info(&self) -> Info {
        let manifest = self.model.manifest();
        Info {
            id: Id(self.id),
            root: *self.model.root(),
            name: Text::cut(&manifest.name),
            version: manifest.version,
            kind: manifest.kind as u8,
            quant: manifest.quant as u8,
            state: ModelState::Ready,
            users: self.users,
            bytes: self.model.file().len() as u64,
        }
    }
}

/// A file that a client is copying in.
pub struct Loading {
    memory: Memory,
    grant: Grant,
    bytes: u64,
}

impl Loading {
    /// Memory for a file in the client's pool, and the client's handle to it.
    pub fn begin(pool: &Pool, bytes: u64) -> Result<(Loading, Handles)> {
        if bytes == 0 || bytes > MAX_FILE {
            return Err(Error::Limit);
        }
        let memory = Memory::create(pool, (bytes as usize).div_ceil(PAGE))?;
        let own: OwnedHandle = memory.dup(Rights::all())?.into();
        let (shared, grant) = Grant::derive(pool, &own, Rights::READ | Rights::WRITE | Rights::TRANSFER)?;
        Ok((Loading { memory, grant, bytes }, Handles::one(shared)))
    }

    /// Takes the file back, freezes and checks it.
    pub fn commit(self) -> Result<Ready, Refused> {
        self.grant.revoke()?;
        self.memory.freeze(0, (self.bytes as usize).div_ceil(PAGE))?;
        check(FrozenFile::map(self.memory, self.bytes as usize)?)
    }
}

/// Why a file was refused.
pub enum Refused {
    Error(Error),
    Figures(Refusal),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Error(error)
    }
}

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Refused {
        log!(Detail, "aid: refused: {error}");
        let code = match error.kind {
            ErrorKind::BadModel => Error::BadModel,
            ErrorKind::Corrupt => Error::Corrupt,
            ErrorKind::BadSignature => Error::BadSignature,
            ErrorKind::Unsupported => Error::Unsupported,
            ErrorKind::Limit => Error::Limit,
        };
        let LoadError { rule, index, have, limit, .. } = error;
        Refused::Figures(Refusal { error: code, what: rule, index, have, limit })
    }
}

fn check(file: FrozenFile) -> Result<Ready, Refused> {
    let limits = Limits { file: MAX_FILE, ..Limits::default() };
    Ok(Rc::new(Model::load_within(file, &limits)?))
}

/// The models of `SYS:models`, which is this server's `SYS:`. One that is damaged is named in the log and left out.
pub fn registered() -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    let entries = match again(|| fs::read_dir("SYS:")) {
        Ok(entries) => entries,
        Err(error) => {
            log!(Warning, "aid: SYS:models can't be read: {error}");
            return all;
        }
    };
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File && entry.name.ends_with(".waymodel")) {
        let path = alloc::format!("SYS:{}", entry.name);
        if all.len() == MAX_MODELS {
            log!(Warning, "aid: {path}: more than {MAX_MODELS} models");
            break;
        }
        match again(|| FrozenFile::open(&path)).map_err(Refused::from).and_then(check) {
            Ok(model) => all.push(Entry { id: all.len() as u32 + 1, model, owner: None, users: 0 }),
            Err(Refused::Error(error)) => log!(Warning, "aid: {path}: {error}"),
            Err(Refused::Figures(refusal)) => {
                log!(Warning, "aid: {path}: {} (rule {}, index {})", refusal.error, refusal.what, refusal.index);
            }
        }
    }
    all
}

/// Does again what broke off because the file server died: the next one has the same files.
fn again<T>(what: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 1..TRIES {
        match what() {
            Err(Error::ServerDied | Error::Stale) => {}
            result => return result,
        }
    }
    what()
}
