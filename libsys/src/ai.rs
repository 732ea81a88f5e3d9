//! Models and inference, at aid.

use alloc::vec::Vec;

pub use protocol::ai::{Info, Limits, ModelName, ModelState, Refusal, Stats};
use protocol::{
    Error, Id, List, Text,
    ai::{Arg, MAX_PORTS, Reply, Request, Service},
    session::{Attach, MIN_WINDOW, Span},
};

use crate::{
    Access, Channel, Handles, Memory, Pool,
    names::{self, bits},
    pieces,
    window::ClientSide,
};

/// Why a request to aid failed: an error, perhaps with figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Only that.
    Error(Error),
    /// With what was there and what may be.
    Refused(Refusal),
}

impl Failure {
    /// The error.
    pub fn error(self) -> Error {
        match self {
            Failure::Error(error) => error,
            Failure::Refused(refusal) => refusal.error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.error()
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Failure::Error(error) => error.fmt(f),
            Failure::Refused(Refusal { error, what, index, have, limit }) => {
                write!(f, "{error} (rule {what}, index {index}: {have}, limit {limit})")
            }
        }
    }
}

/// A session with aid.
#[derive(Debug)]
pub struct Ai {
    channel: Channel<Service>,
    side: ClientSide,
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inferred {
    /// Outputs in the manifest's order; raw values.
    pub outputs: Vec<Vec<u8>>,
    /// Processor time of the run.
    pub us: u32,
}

impl Ai {
    /// Opens the name `ai`.
    pub fn open() -> Result<Ai, Error> {
        let channel = names::open("ai")?;
        let request = Attach { window: 4 * MIN_WINDOW, slots: 0 };
        let side = ClientSide::attach(&channel, request, &Pool::own()?, bits::take_pair(), 0)?;
        Ok(Ai { channel, side })
    }

    fn ask(&self, request: &Request) -> Result<Reply, Failure> {
        match self.channel.call(request)? {
            Reply::Refused(refusal) => Err(Failure::Refused(refusal)),
            reply => Ok(reply),
        }
    }

    fn opened(&self, request: &Request) -> Result<Id, Failure> {
        match self.ask(request)? {
            Reply::Opened { id } => Ok(id),
            _ => Err(Error::Protocol.into()),
        }
    }

    /// Bounds.
    pub fn limits(&self) -> Result<Limits, Failure> {
        match self.ask(&Request::Limits)? {
            Reply::Limits(limits) => Ok(limits),
            _ => Err(Error::Protocol.into()),
        }
    }

    /// All models.
    pub fn list(&self) -> Result<Vec<Info>, Failure> {
        pieces::by_number(
            |model: &Info| model.id.0,
            |after| match self.ask(&Request::List { after })? {
                Reply::Models(some) => Ok(some),
                _ => Err(Error::Protocol.into()),
            },
        )
    }

    /// Opens a model by its registered name.
    pub fn model(&self, name: &str) -> Result<Id, Failure> {
        let model = ModelName::Name(Text::try_from(name).map_err(|_| Error::NotFound)?);
        self.opened(&Request::Open { model })
    }

    /// Opens a model by the root of its file.
    pub fn model_by_root(&self, root: [u8; 32]) -> Result<Id, Failure> {
        self.opened(&Request::Open { model: ModelName::Root(root) })
    }

    /// Gives aid a model file; what it is is checked there.
    pub fn load(&self, file: &[u8]) -> Result<Info, Failure> {
        let request = Request::LoadBegin { bytes: file.len() as u64 };
        let (reply, handles) = self.channel.call_with(&request, Handles::one(Pool::own()?.lend()?))?;
        let id = match reply {
            Reply::Opened { id } => id,
            Reply::Refused(refusal) => return Err(Failure::Refused(refusal)),
            _ => return Err(Error::Protocol.into()),
        };
        let [memory] = handles.exactly()?;
        let mapping = Memory::adopt(memory).map(Access::READ | Access::WRITE)?;
        mapping.write(0, file)?;
        drop(mapping);
        match self.ask(&Request::LoadCommit { id })? {
            Reply::Model(info) => Ok(info),
            _ => Err(Error::Protocol.into()),
        }
    }

    /// The manifest of a model, encoded.
    pub fn manifest(&self, id: Id) -> Result<Vec<u8>, Failure> {
        let to = Span { offset: 0, length: self.side.window.size() };
        match self.ask(&Request::Info { id, to })? {
            Reply::Manifest { length } => Ok(self.side.window.fetch(Span { offset: 0, length })?),
            _ => Err(Error::Protocol.into()),
        }
    }

    /// A context for a model at these greatest dimensions.
    pub fn context(&self, model: Id, dims: [u32; 4]) -> Result<Id, Failure> {
        self.opened(&Request::Context { model, dims, priority: 2 })
    }

    /// Runs. Inputs are raw values; `outputs` are the bytes of each output. Everything goes by the window.
    pub fn infer(
        &self,
        context: Id,
        dims: [u32; 4],
        inputs: &[&[u8]],
        outputs: &[usize],
        deadline: u64,
    ) -> Result<Inferred, Failure> {
        if inputs.len() > MAX_PORTS || outputs.len() > MAX_PORTS {
            return Err(Error::Limit.into());
        }
        let mut offset = 0_u32;
        let mut place = |bytes: usize| {
            let length = u32::try_from(bytes).map_err(|_| Error::Limit)?;
            let span = Span { offset, length }.within(self.side.window.size()).map_err(|_| Error::Limit)?;
            offset = (offset + length).next_multiple_of(64);
            Ok::<Span, Error>(span)
        };
        let mut args = Vec::new();
        for input in inputs {
            let span = place(input.len())?;
            self.side.window.write(span.offset, input)?;
            args.push(Arg::Window(span));
        }
        let spans: Result<Vec<Span>, Error> = outputs.iter().map(|bytes| place(*bytes)).collect();
        let spans = spans?;
        let request = Request::Infer {
            context,
            dims,
            inputs: List::new(args)?,
            outputs: List::new(spans.iter().map(|span| Arg::Window(*span)).collect::<Vec<_>>())?,
            deadline,
        };
        match self.ask(&request)? {
            Reply::Inferred { us, .. } => {
                let outputs: Result<Vec<Vec<u8>>, Error> =
                    spans.into_iter().map(|span| self.side.window.fetch(span)).collect();
                Ok(Inferred { outputs: outputs?, us })
            }
            _ => Err(Error::Protocol.into()),
        }
    }

    /// Runs a model's own tests: how many, and how many failed.
    pub fn verify(&self, model: Id) -> Result<(u32, u32), Failure> {
        match self.ask(&Request::Verify { model })? {
            Reply::Verified { run, failed } => Ok((run, failed)),
            _ => Err(Error::Protocol.into()),
        }
    }

    /// Queue and counters.
    pub fn stats(&self) -> Result<Stats, Failure> {
        match self.ask(&Request::Stats)? {
            Reply::Stats(stats) => Ok(stats),
            _ => Err(Error::Protocol.into()),
        }
    }

    /// Closes a model or context.
    pub fn close(&self, id: Id) -> Result<(), Failure> {
        self.ask(&Request::Close { id }).map(drop)
    }
}
