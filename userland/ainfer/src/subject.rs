//! The model that is meant: a registered name, or a file.

use alloc::vec::Vec;

use libsys::Error;
use libsys::ai::{self, Ai};
use libsys::fs::{self, File};
use libsys::protocol::Id;
use waymodel::{ErrorKind, Kind, Manifest, Model};

use crate::refused::refused;
use command::Failure;

/// Longest model file that is sent to aid, in bytes: aid's own limit.
const MAX_FILE: u64 = 64 << 20;
/// Where page 0 of a file has its root.
const ROOT: core::ops::Range<usize> = 64..96;

/// An opened model.
#[derive(Debug)]
pub struct Subject {
    pub id: Id,
    pub manifest: Manifest,
}

/// Opens what a word names: a path if it looks like one or nothing is registered by that name.
pub fn open(ai: &Ai, word: &str) -> Result<Subject, Failure> {
    let id = if word.contains([':', '/']) { from_file(ai, word)? } else { by_name(ai, word)? };
    let bytes = ai.manifest(id).map_err(|why| refused(word, why))?;
    let manifest = Manifest::decode(&bytes).map_err(|_| Failure::about(word, Error::Protocol))?;
    Ok(Subject { id, manifest })
}

fn by_name(ai: &Ai, name: &str) -> Result<Id, Failure> {
    match ai.model(name) {
        Err(why) if why.error() == Error::NotFound && fs::exists(name) => from_file(ai, name),
        Err(why) if why.error() == Error::NotFound => {
            let text =
                alloc::format!("{name}: no model is registered by that name (AINFER LIST tells), and no such file");
            Err(Failure::new(Error::NotFound, text))
        }
        other => other.map_err(|why| refused(name, why)),
    }
}

/// A file that aid has by its root already is not sent again.
fn from_file(ai: &Ai, path: &str) -> Result<Id, Failure> {
    let about = |error| Failure::about(path, error);
    let mut file = File::open(path).map_err(about)?;
    let mut head = [0; ROOT.end];
    if file.read_at(0, &mut head).map_err(about)? == ROOT.end
        && let Ok(root) = head[ROOT].try_into()
    {
        match ai.model_by_root(root) {
            Err(why) if why.error() == Error::NotFound => {}
            other => return other.map_err(|why| refused(path, why)),
        }
    }
    if file.stat().size > MAX_FILE {
        return Err(Failure::new(Error::Limit, alloc::format!("{path}: longer than 64 MiB")));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(about)?;
    load(ai, path, &bytes)
}

/// Sends a file. If it is refused, the loader's own sentence says why.
fn load(ai: &Ai, path: &str, bytes: &[u8]) -> Result<Id, Failure> {
    if bytes.is_empty() {
        return Err(Failure::new(Error::BadModel, alloc::format!("{path}: the file is empty")));
    }
    match ai.load(bytes) {
        Ok(info) => Ok(info.id),
        Err(why @ ai::Failure::Refused(_)) => match Model::load(bytes) {
            Err(refusal) => Err(Failure::new(error_of(refusal.kind), alloc::format!("{path}: {refusal}"))),
            Ok(_) => Err(refused(path, why)),
        },
        Err(why) => Err(refused(path, why)),
    }
}

/// The error that aid gives for a refusal of this class.
pub fn error_of(kind: ErrorKind) -> Error {
    match kind {
        ErrorKind::BadModel => Error::BadModel,
        ErrorKind::Corrupt => Error::Corrupt,
        ErrorKind::BadSignature => Error::BadSignature,
        ErrorKind::Unsupported => Error::Unsupported,
        ErrorKind::Limit => Error::Limit,
    }
}

impl Subject {
    /// How many classes it tells apart; a refusal if it does not classify.
    pub fn classes(&self) -> Result<usize, Failure> {
        if self.manifest.kind != Kind::Classify {
            let text =
                alloc::format!("{}: its kind is {}, not classify", self.manifest.name, self.manifest.kind.name());
            return Err(Failure::new(Error::WrongType, text));
        }
        Ok(self.manifest.labels.len())
    }
}
