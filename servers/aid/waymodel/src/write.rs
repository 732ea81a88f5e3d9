//! Writing a model: sections, plan, hashes. What a [`Builder`] makes is right in form; whether it is a model is for the
//! loader to say, and `mkmodel` asks it.

use crate::bytes::round_up;
use crate::digest;
use crate::edges::Life;
use crate::format::*;
use crate::manifest::Manifest;
use crate::op::{Attributes, Opcode};
use crate::p16;
use crate::plan::{Need, place};
use crate::shape::{MOST_DIMS, Shape};
use crate::tensors::{DType, Layout, Role};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A tensor to be written; its index is its id.
#[derive(Clone, Debug)]
pub struct TensorSpec {
    /// 1 to 127 bytes.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// What it is for.
    pub role: Role,
    /// Element order.
    pub layout: Layout,
    /// Dimensions.
    pub shape: Shape,
    /// Weights: the bytes, in this dtype and layout.
    pub data: Vec<u8>,
}

/// An op to be written.
#[derive(Clone, Debug)]
pub struct OpSpec {
    /// 1 to 127 bytes.
    pub name: String,
    /// What it computes.
    pub code: Opcode,
    /// Whether products are rounded before they are added.
    pub separate: bool,
    /// Attributes.
    pub attributes: Attributes,
    /// Ids of the tensors that it reads, at most 8.
    pub inputs: Vec<u32>,
    /// Id of the tensor that it writes.
    pub output: u32,
}

/// A known answer to be written.
#[derive(Clone, Debug)]
pub struct TestSpec {
    /// Greatest absolute difference.
    pub abs: f32,
    /// Greatest difference as a share of the expected value.
    pub rel: f32,
    /// The symbols' values.
    pub symbols: [u32; 4],
    /// Raw values of the inputs, then of the outputs, in manifest order.
    pub values: Vec<Vec<u8>>,
}

/// The parts of a model. Same parts, same bytes.
#[derive(Clone, Debug)]
pub struct Builder {
    /// What the model says about itself.
    pub manifest: Manifest,
    /// Tensors.
    pub tensors: Vec<TensorSpec>,
    /// Ops in order of execution.
    pub ops: Vec<OpSpec>,
    /// The tokenizer section as it is; empty: none.
    pub tokenizer: Vec<u8>,
    /// The grammar section as it is; empty: none.
    pub grammar: Vec<u8>,
    /// Known answers.
    pub tests: Vec<TestSpec>,
}

impl Builder {
    /// The file. Sizes that overflow give a file that the loader refuses.
    pub fn build(&self) -> Vec<u8> {
        let mut strings = Vec::new();
        let (tensors, data) = self.tensor_records(&mut strings);
        let graph = self.graph_records(&mut strings);
        let (plan, arena) = self.plan();
        let tests: Vec<u8> = self.tests.iter().flat_map(test_record).collect();
        let mut sections = vec![
            (section::MANIFEST, 1, self.manifest.encode()),
            (section::STRINGS, 0, strings),
            (section::TENSORS, self.tensors.len(), tensors),
            (section::GRAPH, self.ops.len(), graph),
            (section::PLAN, plan.len() / PLAN, plan),
        ];
        for (kind, bytes) in [(section::TOKENIZER, &self.tokenizer), (section::GRAMMAR, &self.grammar)] {
            if !bytes.is_empty() {
                sections.push((kind, 1, bytes.clone()));
            }
        }
        if !self.tests.is_empty() {
            sections.push((section::TESTS, self.tests.len(), tests));
        }
        let totals = [arena, self.state_bytes(), data.len() as u64];
        sections.push((section::DATA, 0, data));
        assemble(&sections, self.flags(), totals)
    }

    fn tensor_records(&self, strings: &mut Vec<u8>) -> (Vec<u8>, Vec<u8>) {
        let (mut records, mut data) = (Vec::new(), Vec::new());
        for tensor in &self.tensors {
            let mut record = [0; TENSOR];
            let (name, length) = add_name(strings, &tensor.name);
            put(&mut record, 0, &name.to_le_bytes());
            let codes = [length, tensor.dtype as u8, tensor.role as u8, tensor.layout as u8, tensor.shape.rank() as u8];
            put(&mut record, 4, &codes);
            for (axis, dim) in tensor.shape.dims().iter().enumerate().take(MOST_DIMS) {
                put(&mut record, 12 + 4 * axis, &dim.0.to_le_bytes());
            }
            if tensor.role == Role::Weight {
                let unit = if tensor.data.len() as u64 >= LARGE { PAGE } else { ALIGN };
                let offset = data.len().next_multiple_of(unit as usize);
                data.resize(offset, 0);
                data.extend_from_slice(&tensor.data);
                put(&mut record, 40, &(offset as u64).to_le_bytes());
                put(&mut record, 48, &(tensor.data.len() as u64).to_le_bytes());
            }
            records.extend_from_slice(&record);
        }
        (records, data)
    }

    fn graph_records(&self, strings: &mut Vec<u8>) -> Vec<u8> {
        let mut records = Vec::new();
        for op in &self.ops {
            let mut record = [0; OP];
            let (name, length) = add_name(strings, &op.name);
            let flags = if op.separate { OP_SEPARATE } else { 0 };
            put(&mut record, 0, &(op.code as u16).to_le_bytes());
            put(&mut record, 2, &[1, flags, op.inputs.len() as u8, 1, length, 0]);
            put(&mut record, 8, &name.to_le_bytes());
            for slot in 0..8 {
                let id = op.inputs.get(slot).copied().unwrap_or(NONE);
                put(&mut record, 12 + 4 * slot, &id.to_le_bytes());
            }
            put(&mut record, 44, &op.output.to_le_bytes());
            put(&mut record, 48, &NONE.to_le_bytes());
            put(&mut record, 52, &op.attributes.encode());
            records.extend_from_slice(&record);
        }
        records
    }

    /// Plan records and the arena's size. An op that can works in place.
    fn plan(&self) -> (Vec<u8>, u64) {
        let lives = self.lives();
        let extents: Vec<u64> = self.tensors.iter().map(|t| self.extent(t)).collect();
        // `owner[i]`: the tensor whose range i takes, itself if none.
        let mut owner: Vec<usize> = (0..self.tensors.len()).collect();
        let last = self.ops.len() as u32;
        let until = |id: usize| match self.tensors[id].role {
            Role::Output => last,
            _ => lives[id].last_read.max(lives[id].written).unwrap_or(0),
        };
        for (index, op) in self.ops.iter().enumerate() {
            let (Some(&from), to) = (op.inputs.first(), op.output as usize) else { continue };
            let from = from as usize;
            let both = [from, to].iter().all(|&id| self.tensors.get(id).is_some_and(|t| t.role.in_arena()));
            if op.code.in_place() && both && until(from) == index as u32 && extents[from] == extents[to] {
                owner[to] = owner[from];
            }
        }
        let planned: Vec<usize> = (0..self.tensors.len()).filter(|&id| self.tensors[id].role.in_arena()).collect();
        let owners: Vec<usize> = planned.iter().copied().filter(|&id| owner[id] == id).collect();
        let needs: Vec<Need> = owners
            .iter()
            .map(|&id| Need {
                size: extents[id],
                from: lives[id].written.unwrap_or(0),
                to: planned.iter().filter(|&&user| owner[user] == id).map(|&user| until(user)).max().unwrap_or(0),
            })
            .collect();
        let offsets = place(&needs);
        let arena = needs.iter().zip(&offsets).map(|(need, offset)| need.size + offset).max().unwrap_or(0);
        let mut records = Vec::new();
        for id in planned {
            let offset = owners.iter().position(|&o| o == owner[id]).map_or(0, |i| offsets[i]);
            let mut record = [0; PLAN];
            put(&mut record, 0, &(id as u32).to_le_bytes());
            put(&mut record, 8, &offset.to_le_bytes());
            records.extend_from_slice(&record);
        }
        (records, arena)
    }

    fn lives(&self) -> Vec<Life> {
        let mut lives = vec![Life::default(); self.tensors.len()];
        for (index, op) in self.ops.iter().enumerate() {
            for &id in &op.inputs {
                if let Some(life) = lives.get_mut(id as usize) {
                    life.last_read = Some(index as u32);
                }
            }
            if let Some(life) = lives.get_mut(op.output as usize) {
                life.written = Some(index as u32);
            }
        }
        lives
    }

    fn extent(&self, tensor: &TensorSpec) -> u64 {
        let greatest = crate::tensors::greatest(&self.manifest.symbols);
        let elements = tensor.shape.elements(&greatest).unwrap_or(0);
        round_up(elements.saturating_mul(tensor.dtype.bytes().unwrap_or(0)), ALIGN).unwrap_or(0)
    }

    fn state_bytes(&self) -> u64 {
        self.tensors.iter().filter(|t| t.role == Role::State).map(|t| self.extent(t)).sum()
    }

    fn flags(&self) -> u32 {
        let blocks = |op: &OpSpec| {
            let matrix = op.inputs.get(1).and_then(|&id| self.tensors.get(id as usize));
            matrix.is_some_and(|w| matches!(w.dtype, DType::Q8_0 | DType::Q4_0))
        };
        let exact = self.ops.iter().filter(|op| op.code.sums_products()).all(|op| op.separate || blocks(op));
        let state = self.tensors.iter().any(|t| t.role == Role::State);
        (if exact { FLAG_EXACT } else { 0 }) | (if state { FLAG_STATE } else { 0 })
    }
}

/// f32 values as they lie in a file.
pub fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A row-major matrix as a P16 weight's bytes.
pub fn p16_bytes(rows: usize, columns: usize, values: &[f32]) -> Vec<u8> {
    f32_bytes(&p16::pack(rows, columns, values))
}

/// Computes chunk hashes and root of a file again, after its bytes were changed. Does nothing to what is no file.
pub fn reseal(file: &mut [u8]) {
    let Some((offset, length)) = find_section(file, section::HASHES) else { return };
    let Some((front, back)) = file.split_at_mut_checked(offset) else { return };
    let (Some(body), Some(hashes)) = (front.get(PAGE as usize..), back.get_mut(..length)) else { return };
    for (chunk, hash) in body.chunks(CHUNK as usize).zip(hashes.chunks_exact_mut(HASH)) {
        hash.copy_from_slice(&digest::chunk_hash(chunk));
    }
    let root = digest::root_of(front.get(..PAGE as usize).unwrap_or(&[]), hashes);
    put(front, 64, &root);
}

/// Offset and length of the section of this type, as the section table says.
pub fn find_section(file: &[u8], kind: u32) -> Option<(usize, usize)> {
    let entries = file.get(HEADER..PAGE as usize)?.chunks_exact(SECTION).map(crate::bytes::Record);
    let entry = entries.take_while(|e| e.u32(0) != 0).find(|e| e.u32(0) == kind)?;
    Some((usize::try_from(entry.u64(8)).ok()?, usize::try_from(entry.u64(16)).ok()?))
}

fn assemble(sections: &[(u32, usize, Vec<u8>)], flags: u32, totals: [u64; 3]) -> Vec<u8> {
    let mut file = vec![0; PAGE as usize];
    let mut entry = HEADER;
    let mut add = |file: &mut Vec<u8>, kind: u32, records: usize, bytes: &[u8]| {
        let offset = file.len() as u64;
        put(file, entry, &kind.to_le_bytes());
        put(file, entry + 8, &offset.to_le_bytes());
        put(file, entry + 16, &(bytes.len() as u64).to_le_bytes());
        put(file, entry + 24, &(records as u32).to_le_bytes());
        file.extend_from_slice(bytes);
        file.resize(file.len().next_multiple_of(PAGE as usize), 0);
        entry += SECTION;
    };
    for (kind, records, bytes) in sections {
        add(&mut file, *kind, *records, bytes);
    }
    let chunks = (file.len() - PAGE as usize).div_ceil(CHUNK as usize);
    add(&mut file, section::HASHES, chunks, &vec![0; chunks * HASH]);
    add(&mut file, section::SIG, 1, &[0; SIGNATURE]);
    let length = file.len() as u64;
    put(&mut file, 0, &MAGIC);
    put(&mut file, 8, &MAJOR.to_le_bytes());
    put(&mut file, 12, &flags.to_le_bytes());
    put(&mut file, 16, &length.to_le_bytes());
    put(&mut file, 24, &(sections.len() as u16 + 2).to_le_bytes());
    put(&mut file, 26, &(HEADER as u16).to_le_bytes());
    put(&mut file, 28, &(HEADER as u32).to_le_bytes());
    for (index, total) in totals.iter().enumerate() {
        put(&mut file, 32 + 8 * index, &total.to_le_bytes());
    }
    reseal(&mut file);
    file
}

fn test_record(test: &TestSpec) -> Vec<u8> {
    let mut record = vec![0; 32];
    put(&mut record, 8, &test.abs.to_le_bytes());
    put(&mut record, 12, &test.rel.to_le_bytes());
    for (index, symbol) in test.symbols.iter().enumerate() {
        put(&mut record, 16 + 4 * index, &symbol.to_le_bytes());
    }
    for value in &test.values {
        record.extend_from_slice(value);
        record.resize(record.len().next_multiple_of(8), 0);
    }
    let length = record.len() as u32;
    put(&mut record, 0, &length.to_le_bytes());
    record
}

/// Adds a name to the string table. Gives offset and length.
fn add_name(strings: &mut Vec<u8>, name: &str) -> (u32, u8) {
    let offset = strings.len() as u32;
    strings.extend_from_slice(name.as_bytes());
    (offset, name.len() as u8)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(slot) = bytes.get_mut(at..at + value.len()) {
        slot.copy_from_slice(value);
    }
}
