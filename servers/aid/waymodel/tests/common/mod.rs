//! A small classifier that has every op and section of this release, and ways to damage its file.
#![allow(dead_code)] // Each test file uses a part.

use waymodel::format::{HEADER, SECTION};
use waymodel::manifest::{Accuracy, Kind, Manifest, Metric, Port, Pre, Symbol};
use waymodel::op::{Activation, Attributes, Conv, Window};
use waymodel::write::{Builder, OpSpec, TensorSpec, TestSpec, f32_bytes, find_section, p16_bytes, reseal};
use waymodel::{DType, Dim, Layout, Opcode, Role, Shape};

/// Ids of the example's tensors.
pub mod id {
    pub const X: u32 = 0;
    pub const FILTER: u32 = 1;
    pub const FILTER_BIAS: u32 = 2;
    pub const CONVOLVED: u32 = 3;
    pub const POOLED: u32 = 4;
    pub const FLAT: u32 = 5;
    pub const MATRIX: u32 = 6;
    pub const MATRIX_BIAS: u32 = 7;
    pub const LOGITS: u32 = 8;
    pub const PROBABILITIES: u32 = 9;
    pub const CLASS: u32 = 10;
}

pub const BATCH: Dim = Dim::symbol(0);

/// `[B, ...]`.
pub fn batched(dims: &[u32]) -> Shape {
    let mut shape = Shape::new(&[BATCH]);
    dims.iter().for_each(|&d| shape.push(Dim::fixed(d)));
    shape
}

/// Fixed dimensions.
pub fn fixed(dims: &[u32]) -> Shape {
    Shape::new(&dims.iter().map(|&d| Dim::fixed(d)).collect::<Vec<_>>())
}

pub fn tensor(name: &str, role: Role, shape: Shape) -> TensorSpec {
    TensorSpec { name: name.into(), dtype: DType::F32, role, layout: Layout::RowMajor, shape, data: Vec::new() }
}

pub fn vector(name: &str, values: &[f32]) -> TensorSpec {
    TensorSpec { data: f32_bytes(values), ..tensor(name, Role::Weight, fixed(&[values.len() as u32])) }
}

/// A P16 weight; `values` row-major.
pub fn matrix(name: &str, dims: &[u32], values: &[f32]) -> TensorSpec {
    let (rows, columns) = (dims[0] as usize, dims[1..].iter().product::<u32>() as usize);
    let data = p16_bytes(rows, columns, values);
    TensorSpec { layout: Layout::P16, data, ..tensor(name, Role::Weight, fixed(dims)) }
}

pub fn op(name: &str, code: Opcode, attributes: Attributes, inputs: &[u32], output: u32) -> OpSpec {
    OpSpec { name: name.into(), code, separate: false, attributes, inputs: inputs.to_vec(), output }
}

/// Numbers that look random and are the same each time.
pub fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random(seed);
    (0..count).map(|_| random.unit()).collect()
}

/// A manifest of kind tensor with these ports and the batch as its symbol.
pub fn manifest(inputs: &[(&str, u32)], outputs: &[(&str, u32)]) -> Manifest {
    let port = |&(name, tensor): &(&str, u32)| Port { name: name.into(), tensor };
    Manifest {
        name: "example".into(),
        version: 3,
        title: "An example".into(),
        kind: Kind::Tensor,
        quant: DType::F32,
        converter: "tests".into(),
        licence: "MIT".into(),
        notice: "line\nline".into(),
        source: "none".into(),
        source_sha256: [7; 32],
        symbols: vec![Symbol { name: "B".into(), min: 1, max: 4 }],
        inputs: inputs.iter().map(port).collect(),
        outputs: outputs.iter().map(port).collect(),
        labels: Default::default(),
        pre: Pre::None,
        generate: None,
        accuracy: vec![Accuracy { dataset: "none".into(), sha256: [1; 32], metric: Metric::SameClass, value: 0.5 }],
    }
}

/// conv, pool, flatten, linear, softmax, argmax over pictures of 6x6x2.
pub fn example() -> Builder {
    let window = Window { size: [3, 3], stride: [1, 1], pad: [1, 1, 1, 1] };
    let conv = Conv { window, dilation: [1, 1], groups: 1, act: Activation::Relu };
    let pool = Window { size: [2, 2], stride: [2, 2], pad: [0; 4] };
    let outputs = [("logits", id::LOGITS), ("probabilities", id::PROBABILITIES), ("class", id::CLASS)];
    Builder {
        manifest: Manifest {
            kind: Kind::Classify,
            labels: ["a", "b", "c", "d", "e"].iter().collect(),
            pre: Pre::Image { width: 6, height: 6, channels: 2, scale: 1.0, bias: 0.0, invert: false },
            ..manifest(&[("x", id::X)], &outputs)
        },
        tensors: vec![
            tensor("x", Role::Input, batched(&[6, 6, 2])),
            matrix("filter", &[20, 3, 3, 2], &numbers(1, 360)),
            vector("filter.bias", &numbers(2, 20)),
            tensor("convolved", Role::Temporary, batched(&[6, 6, 20])),
            tensor("pooled", Role::Temporary, batched(&[3, 3, 20])),
            tensor("flat", Role::Temporary, batched(&[180])),
            matrix("matrix", &[5, 180], &numbers(3, 900)),
            vector("matrix.bias", &numbers(4, 5)),
            tensor("logits", Role::Output, batched(&[5])),
            tensor("probabilities", Role::Output, batched(&[5])),
            TensorSpec { dtype: DType::I32, ..tensor("class", Role::Output, batched(&[])) },
        ],
        ops: vec![
            op("conv", Opcode::Conv2d, Attributes::Conv(conv), &[id::X, id::FILTER, id::FILTER_BIAS], id::CONVOLVED),
            op("pool", Opcode::MaxPool, Attributes::Pool(pool), &[id::CONVOLVED], id::POOLED),
            op("flatten", Opcode::Flatten, Attributes::None, &[id::POOLED], id::FLAT),
            op(
                "linear",
                Opcode::Linear,
                Attributes::Linear(Activation::None),
                &[id::FLAT, id::MATRIX, id::MATRIX_BIAS],
                id::LOGITS,
            ),
            op("softmax", Opcode::Softmax, Attributes::None, &[id::LOGITS], id::PROBABILITIES),
            op("argmax", Opcode::ArgMax, Attributes::None, &[id::LOGITS], id::CLASS),
        ],
        tokenizer: Vec::new(),
        grammar: Vec::new(),
        tests: (1..=3).map(test_of_batch).collect(),
    }
}

/// A test of the example; its expected values are zeros, only the form matters.
pub fn test_of_batch(batch: u32) -> TestSpec {
    let b = batch as usize;
    let values = vec![f32_bytes(&numbers(5, 72 * b)), vec![0; 20 * b], vec![0; 20 * b], vec![0; 4 * b]];
    TestSpec { abs: 100.0, rel: 0.0, symbols: [batch, 0, 0, 0], values }
}

/// Bytes of a file, with places named by section and offset. Section 0 is page 0.
pub struct File(pub Vec<u8>);

impl File {
    pub fn new() -> Self {
        Self(example().build())
    }

    pub fn start(&self, section: u32) -> usize {
        if section == 0 { 0 } else { find_section(&self.0, section).expect("a section of the example").0 }
    }

    pub fn length(&self, section: u32) -> usize {
        find_section(&self.0, section).expect("a section of the example").1
    }

    /// Where the section's table entry lies.
    pub fn entry(&self, section: u32) -> usize {
        let kind = |at: usize| u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap());
        (0..32).map(|i| HEADER + SECTION * i).find(|&at| kind(at) == section).expect("an entry of the example")
    }

    pub fn put<const N: usize>(&mut self, section: u32, at: usize, bytes: [u8; N]) {
        let at = self.start(section) + at;
        self.0[at..at + N].copy_from_slice(&bytes);
    }

    pub fn put_entry<const N: usize>(&mut self, section: u32, at: usize, bytes: [u8; N]) {
        let at = self.entry(section) + at;
        self.0[at..at + N].copy_from_slice(&bytes);
    }

    pub fn resealed(mut self) -> Vec<u8> {
        reseal(&mut self.0);
        self.0
    }
}

/// xorshift64*, for inputs that are the same each time.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// From −1 up to 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}
