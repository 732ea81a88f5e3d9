//! A loaded model: the rules in order, and what is known after them.

use crate::digest;
use crate::edges::Edges;
use crate::error::LoadError;
use crate::format::{OP, section};
use crate::frame::Frame;
use crate::manifest::{self, Manifest};
use crate::op::{self, Op};
use crate::tensors::{self, Role, Tensor};
use crate::testcase::{self, Tests};
use crate::{bytes, edges, grammar, plan, ports, signature, strings, tokenizer, types};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

pub use crate::signature::PublicKey;

const MIB: u64 = 1 << 20;

/// What a loader permits, beyond what the format does. A server narrows it for its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file.
    pub file: u64,
    /// Bytes of an arena.
    pub arena: u64,
    /// Bytes of all states.
    pub state: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 1024 * MIB, arena: 256 * MIB, state: 256 * MIB }
    }
}

/// Sums that the header states and rule 21 has checked, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Arena of a Context.
    pub arena: u64,
    /// State of a Context.
    pub state: u64,
    /// All weights.
    pub data: u64,
}

/// A checked model over bytes of type `B`, which it owns: a slice, a vector, or a frozen mapping.
///
/// `B` must give the same bytes each time; if it does not, what is computed is wrong, but nothing worse happens.
#[derive(Clone, Debug)]
pub struct Model<B> {
    bytes: B,
    tables: Tables,
}

#[derive(Clone, Debug)]
struct Tables {
    root: [u8; 32],
    signer: Option<PublicKey>,
    manifest: Manifest,
    manifest_range: Range<usize>,
    strings: String,
    tensors: Vec<Tensor>,
    lives: Vec<edges::Life>,
    ops: Vec<Op>,
    totals: Totals,
    data: Range<usize>,
    tests: Range<usize>,
    test_count: u32,
}

impl<B: AsRef<[u8]>> Model<B> {
    /// Checks a file by all rules, with the default limits.
    pub fn load(bytes: B) -> Result<Self, LoadError> {
        Self::load_within(bytes, &Limits::default())
    }

    /// Checks a file by all rules, within these limits.
    pub fn load_within(bytes: B, limits: &Limits) -> Result<Self, LoadError> {
        let tables = check(bytes.as_ref(), limits)?;
        Ok(Self { bytes, tables })
    }

    /// The bytes of a weight as they lie in the file; `None` if there is no weight with this id.
    pub fn weight(&self, id: u32) -> Option<&[u8]> {
        let tensor = self.tables.tensors.get(id as usize).filter(|t| t.role == Role::Weight)?;
        bytes::part(self.range(&self.tables.data), tensor.offset, tensor.length)
    }

    /// The manifest as it lies in the file.
    pub fn manifest_bytes(&self) -> &[u8] {
        self.range(&self.tables.manifest_range)
    }

    /// The known answers.
    pub fn tests(&self) -> Tests<'_> {
        Tests::new(self.range(&self.tables.tests), self.tables.manifest.symbols.len())
    }

    /// The whole file.
    pub fn file(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Gives the bytes back.
    pub fn into_bytes(self) -> B {
        self.bytes
    }

    fn range(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.as_ref().get(range.clone()).unwrap_or(&[])
    }
}

impl<B> Model<B> {
    /// The root: the model's name in 32 bytes.
    pub fn root(&self) -> &[u8; 32] {
        &self.tables.root
    }

    /// Who signed it. Whether that key is trusted is the caller's to say; if it is not, the model counts as unsigned.
    pub fn signer(&self) -> Option<&PublicKey> {
        self.tables.signer.as_ref()
    }

    /// What it says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.tables.manifest
    }

    /// Its tensors; the index is the id.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tables.tensors
    }

    /// The tensor with this id.
    pub fn tensor(&self, id: u32) -> Option<&Tensor> {
        self.tables.tensors.get(id as usize)
    }

    /// Its ops in order of execution.
    pub fn graph(&self) -> &[Op] {
        &self.tables.ops
    }

    /// When each tensor is written and last read.
    pub fn lives(&self) -> &[edges::Life] {
        &self.tables.lives
    }

    /// The string table, which `Name::get` wants.
    pub fn strings(&self) -> &str {
        &self.tables.strings
    }

    /// Sizes of arena, state and weights.
    pub fn totals(&self) -> Totals {
        self.tables.totals
    }

    /// How many known answers there are.
    pub fn test_count(&self) -> u32 {
        self.tables.test_count
    }

    /// The greatest values of the symbols.
    pub fn greatest(&self) -> [u32; 4] {
        tensors::greatest(&self.tables.manifest.symbols)
    }
}

/// The 25 rules in order.
fn check(file: &[u8], limits: &Limits) -> Result<Tables, LoadError> {
    let frame = Frame::read(file, limits)?;
    digest::check_root(file, &frame)?;
    let signer = signature::check(frame.bytes(file, section::SIG), &frame.root)?;
    digest::check_chunks(file, &frame)?;
    frame.check_padding(file)?;
    let manifest = manifest::read(frame.bytes(file, section::MANIFEST))?;
    let (records, graph) = (frame.bytes(file, section::TENSORS), frame.bytes(file, section::GRAPH));
    let strings = strings::check(frame.bytes(file, section::STRINGS), records, graph)?;
    let symbols = &manifest.symbols;
    let mut tensors = tensors::read(records, strings, symbols)?;
    let data = frame.bytes(file, section::DATA);
    tensors::check_placement(&tensors, data, strings)?;
    let (ops, lives) = read_graph(graph, &manifest, &tensors, strings)?;
    let greatest = tensors::greatest(symbols);
    let places = frame.bytes(file, section::PLAN);
    let arena = plan::read(places, &mut tensors, &ops, &lives, &greatest, strings)?;
    let totals = plan::check_totals(&frame, &tensors, &ops, arena, data.len() as u64, limits)?;
    ports::check(&manifest, &tensors)?;
    tokenizer::check(frame.bytes(file, section::TOKENIZER))?;
    grammar::check(frame.bytes(file, section::GRAMMAR))?;
    let tests = frame.find(section::TESTS).unwrap_or_default();
    testcase::check(frame.bytes(file, section::TESTS), tests.records, &manifest, &tensors)?;
    Ok(Tables {
        root: frame.root,
        signer,
        manifest_range: range(&frame, section::MANIFEST),
        manifest,
        strings: strings.into(),
        tensors,
        lives,
        ops,
        totals,
        data: range(&frame, section::DATA),
        tests: range(&frame, section::TESTS),
        test_count: tests.records,
    })
}

/// Rules 15 to 19, op by op.
fn read_graph(
    graph: &[u8],
    manifest: &Manifest,
    tensors: &[Tensor],
    strings: &str,
) -> Result<(Vec<Op>, Vec<edges::Life>), LoadError> {
    let mut ops = Vec::with_capacity(graph.len() / OP);
    let mut edges = Edges::new(tensors.len());
    for (index, record) in graph.chunks_exact(OP).enumerate() {
        let op = op::read(index, record, strings)?;
        edges.follow(index, &op, tensors, strings)?;
        types::check(index, &op, tensors, &manifest.symbols, strings)?;
        ops.push(op);
    }
    let lives = edges.finish(tensors, strings)?;
    Ok((ops, lives))
}

/// Where a section lies; empty if the file has none. Rule 6 has checked that it lies in the file.
fn range(frame: &Frame, kind: u32) -> Range<usize> {
    let section = frame.find(kind).unwrap_or_default();
    section.offset as usize..(section.offset + section.length) as usize
}
