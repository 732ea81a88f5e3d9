//! `ai`: models, contexts and inference, numbered as the model server's design has them.
//!
//! Requests 5, 7, 10–15 belong to later slices and answer `Unsupported` until then. A refusal that has figures comes as
//! [`Reply::Refused`], others as a plain error.

use serde::{Deserialize, Serialize};

use crate::{
    Bytes, Error, Id, Idempotent, List, Protocol, Text,
    session::{Attach, Attached, Span, sessions},
};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "ai";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}
sessions!(Service, Request, Reply);

/// Bytes of an inline argument.
pub const MAX_INLINE: usize = 2048;
/// Inputs or outputs of a model.
pub const MAX_PORTS: usize = 8;

/// Which model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelName {
    /// By its registered name.
    Name(Text<63>),
    /// By the root of its file.
    Root([u8; 32]),
}

/// Where an input or output is. Values are raw, row-major.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arg {
    /// In the message. An output given as empty comes in the reply.
    Inline(Bytes<MAX_INLINE>),
    /// In the window.
    Window(Span),
    /// In a tensor.
    Tensor {
        /// The tensor.
        id: Id,
        /// First byte.
        offset: u32,
        /// Bytes.
        length: u32,
    },
    /// A text.
    Text(Text<MAX_INLINE>),
}

/// What clients send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// 0: bounds and variant: `Limits`. Idempotent.
    Limits,
    /// 1: models with ids above `after`: `Models`. Idempotent.
    List {
        /// 0 at first.
        after: u32,
    },
    /// 2: opens a model: `Opened`. Idempotent.
    Open {
        /// Which.
        model: ModelName,
    },
    /// 3: begins to load a model: `Opened` with a Memory to copy the file into, made in the Pool (MAKE) that comes along. Not
    /// idempotent.
    LoadBegin {
        /// Of the file.
        bytes: u64,
    },
    /// 4: the file is there: it is taken back, checked and becomes a model: `Model`. Not idempotent.
    LoadCommit {
        /// From `LoadBegin`.
        id: Id,
    },
    /// 5: makes a model known to others. Not idempotent.
    Publish {
        /// The model.
        id: Id,
    },
    /// 6: the manifest, in the window: `Manifest`. Idempotent.
    Info {
        /// The model.
        id: Id,
        /// Where to.
        to: Span,
    },
    /// 7: makes a tensor: `Opened` with its Memory. Not idempotent.
    Tensor {
        /// Of it.
        bytes: u32,
    },
    /// 8: makes a context: `Opened`. Not idempotent.
    Context {
        /// The model.
        model: Id,
        /// Greatest values of its symbols.
        dims: [u32; 4],
        /// 1 interactive, 2 normal, 3 batch.
        priority: u8,
    },
    /// 9: runs: `Inferred`. May wait. Idempotent for a model without state.
    Infer {
        /// The context.
        context: Id,
        /// Values of the symbols.
        dims: [u32; 4],
        /// In the manifest's order.
        inputs: List<Arg, MAX_PORTS>,
        /// In the manifest's order.
        outputs: List<Arg, MAX_PORTS>,
        /// ns since boot, or 0.
        deadline: u64,
    },
    /// 10: text to token ids: `Tokens`. Idempotent.
    Tokenise {
        /// The model.
        model: Id,
        /// The text.
        text: Arg,
    },
    /// 11: generates tokens into a ring. Not idempotent.
    Generate {
        /// The context.
        context: Id,
        /// The prompt.
        prompt: Arg,
        /// Most tokens.
        max: u32,
        /// 0 is greedy.
        temperature: f32,
        /// 0 is all.
        top_k: u32,
        /// 1 is all.
        top_p: f32,
        /// Of the sampler.
        seed: u64,
        /// 1: by the grammar.
        flags: u8,
    },
    /// 12: cancels a request. Idempotent.
    Cancel {
        /// Its slot's tag.
        tag: u32,
    },
    /// 13: forgets a context's state beyond a length. Idempotent.
    Reset {
        /// The context.
        context: Id,
        /// Tokens to keep.
        length: u32,
    },
    /// 14: what a run would cost: `Cost`. Idempotent.
    Query {
        /// The context.
        context: Id,
        /// Values of the symbols.
        dims: [u32; 4],
        /// ns since boot, or 0.
        deadline: u64,
    },
    /// 15: reserves a share of a processor. Not idempotent.
    Reserve {
        /// The context.
        context: Id,
        /// Values of the symbols.
        dims: [u32; 4],
        /// Of the runs.
        period_us: u32,
        /// From a period's start.
        deadline_us: u32,
    },
    /// 16: runs a model's own tests: `Verified`. May wait. Idempotent.
    Verify {
        /// The model.
        model: Id,
    },
    /// 17: queue and counters: `Stats`. Idempotent.
    Stats,
    /// 18: closes an object: `Done`. Not idempotent.
    Close {
        /// The object.
        id: Id,
    },
    /// 19: the session's shared memory; see [`Attach`]. Not idempotent.
    Attach(Attach),
    /// 20: a handle to a new session with this object as id 0: `Done` with it. Not idempotent.
    Share {
        /// The object.
        id: Id,
    },
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        use Request::*;
        matches!(
            self,
            Limits | List { .. } | Open { .. } | Info { .. } | Tokenise { .. } | Query { .. } | Verify { .. } | Stats
        )
    }
}

/// What aid answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// Bounds.
    Limits(Limits),
    /// Models, ascending; fewer than 16 is the end.
    Models(List<Info, 16>),
    /// An object.
    Opened {
        /// To name it by.
        id: Id,
    },
    /// A model.
    Model(Info),
    /// A manifest, in the window.
    Manifest {
        /// Its bytes.
        length: u32,
    },
    /// The result.
    Inferred {
        /// Outputs that were asked for inline, in order.
        values: List<Bytes<MAX_INLINE>, MAX_PORTS>,
        /// Processor time of the run.
        us: u32,
    },
    /// Token ids.
    Tokens(List<u32, 512>),
    /// What a run would cost.
    Cost {
        /// Of the run.
        cost_us: u32,
        /// Until it starts.
        wait_us: u32,
        /// Whether the deadline would hold.
        admissible: Admissible,
    },
    /// Tests were run.
    Verified {
        /// How many.
        run: u32,
        /// Of these failed.
        failed: u32,
    },
    /// Queue and counters.
    Stats(Stats),
    /// See [`Attach`].
    Attached(Attached),
    /// A refusal with its figures.
    Refused(Refusal),
}

/// A refusal with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The error.
    pub error: Error,
    /// Which rule, bound or port.
    pub what: u8,
    /// Which element.
    pub index: u32,
    /// What was there.
    pub have: u64,
    /// What may be there.
    pub limit: u64,
}

/// Whether a deadline would hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admissible {
    /// It would not.
    No,
    /// It would.
    Yes,
}

/// Bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The kernels in use: `avx2`, `neon`, `reference`.
    pub variant: Text<16>,
    /// Worker threads.
    pub workers: u16,
    /// Models in all.
    pub models: u16,
    /// Contexts of a session.
    pub contexts: u16,
    /// Requests of a session.
    pub requests: u16,
    /// Bytes of a file.
    pub file: u64,
    /// Bytes of arena and scratch.
    pub arena: u64,
}

/// A model in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// To name it by.
    pub id: Id,
    /// The root of its file.
    pub root: [u8; 32],
    /// Its name.
    pub name: Text<63>,
    /// Its version.
    pub version: u32,
    /// 0 tensor, 1 classify, 2 embed, 3 generate.
    pub kind: u8,
    /// The dtype of most weights.
    pub quant: u8,
    /// How it is.
    pub state: ModelState,
    /// Sessions that use it.
    pub users: u32,
    /// Bytes of memory.
    pub bytes: u64,
}

/// How a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelState {
    /// Being read.
    Loading,
    /// To be used.
    Ready,
    /// Goes with its last user.
    Closing,
    /// Not to be used.
    Failed,
}

/// Queue and counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Requests that wait.
    pub queued: u32,
    /// Requests done.
    pub done: u64,
    /// Requests failed.
    pub failed: u64,
    /// Requests cancelled.
    pub cancelled: u64,
    /// Processor time in us.
    pub busy_us: u64,
    /// Models, contexts, tensors.
    pub objects: [u32; 3],
}
