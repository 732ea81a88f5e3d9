//! Makes `.waymodel` files from ONNX.
//!
//! ```text
//! ONNX bytes --source--> Graph --fold--> Graph --lower--> waymodel::write::Builder --known (f64)--> file
//!                                                                                                    |
//!                                             the real loader, and the kernels on the known answers <+
//! ```
//!
//! What converts also loads and runs: [`convert`] ends by loading the file with the loader that users have and running its
//! known answers, which come from an f64 evaluator of the source graph. Same input, same bytes: no clock, no randomness,
//! no hash order.
#![forbid(unsafe_code)]

pub mod cli;
mod eval;
mod fold;
mod known;
mod lower;
#[doc(hidden)] // For tests, which write ONNX with it.
pub mod proto;
pub mod show;
pub mod source;

use std::fmt;
use tensor::{Context, Needs, Variant, verify};
use waymodel::manifest::{Kind, Pre};
use waymodel::{LoadError, Model};

pub use source::{Constant, Graph, Node};

/// What a converted model shall say about itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// Registered name: 1 to 63 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The model's version.
    pub version: u32,
    /// What it is for: tensor or classify.
    pub kind: Kind,
    /// One a class; none: 0, 1, ….
    pub labels: Vec<String>,
    /// What a client does with its picture.
    pub pre: Pre,
    /// Greatest batch.
    pub batch: u32,
    /// SPDX expression.
    pub licence: String,
    /// Notices that go with the model.
    pub notice: String,
    /// The source's file name, without folders.
    pub source: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "model".into(),
            version: 1,
            kind: Kind::Tensor,
            labels: Vec::new(),
            pre: Pre::None,
            batch: 64,
            licence: "NOASSERTION".into(),
            notice: String::new(),
            source: "model.onnx".into(),
        }
    }
}

/// Why a model can't be converted, all reasons at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// What the list is about, as `3 of 224 nodes can't be converted`.
    pub summary: String,
    /// One line each.
    pub lines: Vec<String>,
}

impl Problems {
    pub(crate) fn one(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), lines: Vec::new() }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        if !self.lines.is_empty() {
            f.write_str(":")?;
        }
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for Problems {}

impl From<LoadError> for Problems {
    fn from(error: LoadError) -> Self {
        Self::one(format!("the converted model does not load: {error}"))
    }
}

/// Converts an ONNX model. The result was loaded, and its known answers were right.
pub fn convert(onnx: &[u8], options: &Options) -> Result<Vec<u8>, Problems> {
    let graph = fold::fold(source::read(onnx)?)?;
    let graph = if options.kind == Kind::Classify { fold::without_softmax(graph) } else { graph };
    let mut lowered = lower::lower(&graph, options, onnx)?;
    lowered.builder.tests = known::answers(&graph, &lowered, options)?;
    let file = lowered.builder.build();
    prove(&file)?;
    Ok(file)
}

/// Loads a file and runs its known answers, as a user's system would.
fn prove(file: &[u8]) -> Result<(), Problems> {
    let model = Model::load(file)?;
    let verdict = run_known_answers(&model)?;
    match verdict.first {
        Some(failure) => Err(Problems::one(format!("the converted model computes something else: {failure:?}"))),
        None => Ok(()),
    }
}

/// Runs a model's known answers with the reference kernels.
pub fn run_known_answers(model: &Model<&[u8]>) -> Result<tensor::Verdict, Problems> {
    let bytes = usize::try_from(Needs::of(model).total()).map_err(|_| Problems::one("needs too much memory"))?;
    let mut context = Context::new(model, [0; 4], Variant::REFERENCE, vec![0u8; bytes])
        .map_err(|e| Problems::one(format!("does not run: {e}")))?;
    Ok(verify(model, &mut context))
}
