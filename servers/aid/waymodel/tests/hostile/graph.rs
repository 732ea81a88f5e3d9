//! Rules 15 to 21: ops, edges, shapes, types, plan, totals.

use crate::common::{batched, fixed, id, matrix, numbers, op, tensor, vector};
use crate::{Case, bytes, parts};
use waymodel::ErrorKind::Unsupported;
use waymodel::format::section::{GRAPH, PLAN};
use waymodel::op::{Attributes, Conv, Window};
use waymodel::write::{Builder, TensorSpec};
use waymodel::{DType, Dim, Layout, Opcode, Role, Shape};

/// Where op `index`'s record starts.
const fn record(index: usize) -> usize {
    96 * index
}

const POOL: usize = 1;
const FLATTEN: usize = 2;
const LINEAR: usize = 3;
const SOFTMAX: usize = 4;

pub(crate) fn cases() -> Vec<Case> {
    [opcodes(), attributes(), edges(), shapes(), types(), plan(), totals()].into_iter().flatten().collect()
}

fn opcodes() -> Vec<Case> {
    vec![
        bytes(15, 0, "opcode 0", |f| f.put(GRAPH, 0, [0, 0])),
        bytes(15, 0, "opcode 0x102", |f| f.put(GRAPH, 0, [2, 1])),
        bytes(15, 1, "an op of a later release", |f| f.put(GRAPH, record(POOL), [0x41])).kind(Unsupported),
        bytes(15, 3, "version 2", |f| f.put(GRAPH, record(LINEAR) + 2, [2])),
        bytes(15, 3, "an unknown op flag", |f| f.put(GRAPH, record(LINEAR) + 3, [2])),
        bytes(15, 4, "SEPARATE on a Softmax", |f| f.put(GRAPH, record(SOFTMAX) + 3, [1])),
        bytes(15, 3, "reserved bytes at 7", |f| f.put(GRAPH, record(LINEAR) + 7, [1])),
        bytes(15, 3, "reserved bytes at 92", |f| f.put(GRAPH, record(LINEAR) + 95, [1])),
        bytes(15, 3, "a Linear without a matrix", |f| f.put(GRAPH, record(LINEAR) + 4, [1])),
        bytes(15, 3, "a Linear of four inputs", |f| f.put(GRAPH, record(LINEAR) + 4, [4])),
        bytes(15, 3, "no input", |f| f.put(GRAPH, record(LINEAR) + 4, [0])),
        bytes(15, 3, "nine inputs", |f| f.put(GRAPH, record(LINEAR) + 4, [9])),
        bytes(15, 3, "no output", |f| f.put(GRAPH, record(LINEAR) + 5, [0])),
        bytes(15, 3, "two outputs", |f| f.put(GRAPH, record(LINEAR) + 5, [2])),
        bytes(15, 3, "an unused input that is not empty", |f| f.put(GRAPH, record(LINEAR) + 40, [0; 4])),
        bytes(15, 3, "an unused output that is not empty", |f| f.put(GRAPH, record(LINEAR) + 48, [0; 4])),
    ]
}

fn attributes() -> Vec<Case> {
    const AT: usize = 52;
    vec![
        bytes(16, 3, "an unknown activation", |f| f.put(GRAPH, record(LINEAR) + AT, [7])),
        bytes(16, 3, "an activation of a later release", |f| f.put(GRAPH, record(LINEAR) + AT, [2])).kind(Unsupported),
        bytes(16, 3, "unused attribute bytes", |f| f.put(GRAPH, record(LINEAR) + AT + 1, [1])),
        bytes(16, 2, "attributes of an op without any", |f| f.put(GRAPH, record(FLATTEN) + AT + 39, [1])),
        bytes(16, 0, "no row in the filter", |f| f.put(GRAPH, AT, [0])),
        bytes(16, 0, "a stride of 0", |f| f.put(GRAPH, AT + 4, [0])),
        bytes(16, 0, "a dilation of 0", |f| f.put(GRAPH, AT + 18, [0])),
        bytes(16, 0, "no group", |f| f.put(GRAPH, AT + 20, [0])),
        bytes(16, 0, "an unknown activation of a convolution", |f| f.put(GRAPH, AT + 22, [9])),
        bytes(16, 1, "an empty window", |f| f.put(GRAPH, record(POOL) + AT + 2, [0])),
        bytes(16, 1, "a pooling stride of 0", |f| f.put(GRAPH, record(POOL) + AT + 6, [0])),
        bytes(16, 1, "a window in the padding alone", |f| f.put(GRAPH, record(POOL) + AT + 8, [2])),
        bytes(16, 1, "a window in the lower padding alone", |f| f.put(GRAPH, record(POOL) + AT + 12, [2])),
    ]
}

fn edges() -> Vec<Case> {
    vec![
        parts(17, 0, "an unknown input", |b| b.ops[0].inputs[0] = 11),
        parts(17, 3, "no tensor as the bias", |b| b.ops[LINEAR].inputs[2] = 0xFFFF_FFFF),
        parts(17, 5, "an unknown output", |b| b.ops[5].output = 99),
        parts(17, 1, "read before it is written", |b| b.ops.swap(1, 2)).at(1),
        parts(17, 0, "an op that reads its own output", |b| b.ops[0].inputs[0] = id::CONVOLVED),
        parts(17, 5, "written twice", |b| {
            b.ops[5] = op("again", Opcode::Softmax, Attributes::None, &[id::LOGITS], id::PROBABILITIES);
        }),
        parts(17, 4, "a weight that is written", |b| b.ops[SOFTMAX].output = id::MATRIX_BIAS),
        parts(17, 4, "an input that is written", |b| b.ops[SOFTMAX].output = id::X),
        parts(17, 11, "a temporary that nobody reads", |b| {
            b.tensors.push(tensor("unread", Role::Temporary, batched(&[5])));
            b.ops.push(op("relu", Opcode::Relu, Attributes::None, &[id::LOGITS], 11));
        }),
        parts(17, id::PROBABILITIES, "an output that nobody writes", |b| drop(b.ops.remove(SOFTMAX))),
        parts(17, 11, "a temporary that nobody writes", |b| {
            b.tensors.push(tensor("unwritten", Role::Temporary, batched(&[5])));
        }),
    ]
}

impl Case {
    fn at(self, index: u32) -> Self {
        Self { index, ..self }
    }
}

fn shape(b: &mut Builder, tensor: u32, shape: Shape) {
    b.tensors[tensor as usize].shape = shape;
}

fn conv(b: &mut Builder) -> &mut Conv {
    match &mut b.ops[0].attributes {
        Attributes::Conv(conv) => conv,
        _ => unreachable!("op 0 of the example is a convolution"),
    }
}

fn shapes() -> Vec<Case> {
    vec![
        parts(18, 0, "a convolution with too few channels", |b| shape(b, id::CONVOLVED, batched(&[6, 6, 19]))),
        parts(18, 0, "a convolution that is too high", |b| shape(b, id::CONVOLVED, batched(&[7, 6, 20]))),
        parts(18, 0, "a convolution without a batch", |b| shape(b, id::CONVOLVED, fixed(&[4, 6, 6, 20]))),
        parts(18, 0, "an input of rank 3", |b| shape(b, id::X, batched(&[36, 2]))),
        parts(18, 0, "an input of other channels", |b| shape(b, id::X, batched(&[6, 6, 3]))),
        parts(18, 0, "a free height", |b| {
            shape(b, id::X, Shape::new(&[Dim::symbol(0), Dim::symbol(0), Dim::fixed(6), Dim::fixed(2)]));
        }),
        parts(18, 0, "other taps than the filter's", |b| conv(b).window.size = [3, 1]),
        parts(18, 0, "groups that don't divide", |b| conv(b).groups = 2),
        parts(18, 0, "a window larger than the input", |b| {
            b.tensors[1] = matrix("filter", &[20, 9, 9, 2], &numbers(1, 3240));
            conv(b).window.size = [9, 9];
        }),
        parts(18, 0, "a dilated window larger than the input", |b| conv(b).dilation = [4, 1]),
        parts(18, 0, "a bias of another size", |b| b.tensors[2] = vector("filter.bias", &[0.0; 19])),
        parts(18, 1, "a pool of another size", |b| shape(b, id::POOLED, batched(&[3, 2, 20]))),
        parts(18, 1, "a pool that is larger than its input", |b| {
            b.ops[POOL].attributes = Attributes::Pool(Window { size: [7, 7], stride: [1, 1], pad: [0; 4] });
        }),
        parts(18, 2, "a flattening that loses something", |b| shape(b, id::FLAT, batched(&[179]))),
        parts(18, 2, "a reshape that loses its symbol", |b| {
            b.ops[FLATTEN].code = Opcode::Reshape;
            shape(b, id::FLAT, fixed(&[180]));
        }),
        parts(18, 2, "a reshape to another size", |b| {
            b.ops[FLATTEN].code = Opcode::Reshape;
            shape(b, id::FLAT, batched(&[18, 11]));
        }),
        parts(18, 3, "a matrix of other columns", |b| b.tensors[6] = matrix("matrix", &[5, 181], &numbers(3, 905))),
        parts(18, 3, "a matrix of four dimensions", |b| {
            b.tensors[6] = matrix("matrix", &[5, 10, 9, 2], &numbers(3, 900));
        }),
        parts(18, 3, "a Linear of other outputs", |b| shape(b, id::LOGITS, batched(&[6]))),
        parts(18, 4, "a Softmax of another shape", |b| shape(b, id::PROBABILITIES, batched(&[6]))),
        parts(18, 5, "an ArgMax that keeps the axis", |b| shape(b, id::CLASS, batched(&[1]))),
    ]
}

fn types() -> Vec<Case> {
    vec![
        parts(19, 3, "a row-major matrix", |b| {
            let values = numbers(3, 900).iter().flat_map(|v| v.to_le_bytes()).collect();
            b.tensors[6] = TensorSpec { data: values, ..tensor("matrix", Role::Weight, fixed(&[5, 180])) };
        }),
        parts(19, 3, "a matrix that is an input", |b| {
            b.tensors[6] = tensor("matrix", Role::Input, fixed(&[5, 180]));
        }),
        parts(19, 3, "a bias that is computed", |b| {
            b.tensors[7] = tensor("matrix.bias", Role::Input, fixed(&[5]));
        }),
        parts(19, 3, "a bias of whole numbers", |b| b.tensors[7].dtype = DType::I32),
        parts(19, 3, "a matrix in f16", |b| {
            let half =
                TensorSpec { dtype: DType::F16, layout: Layout::P16, ..tensor("m", Role::Weight, fixed(&[5, 180])) };
            b.tensors[6] = TensorSpec { data: vec![0; 180 * 32], ..half };
        })
        .kind(Unsupported),
        parts(19, 3, "a Linear into whole numbers", |b| b.tensors[8].dtype = DType::I32),
        parts(19, 5, "an ArgMax into f32", |b| b.tensors[10].dtype = DType::F32),
        parts(19, 0, "a convolution of whole numbers", |b| b.tensors[0].dtype = DType::I32),
        parts(19, 4, "a Softmax of a weight", |b| {
            b.tensors.push(vector("constant", &[0.0; 5]));
            shape(b, id::PROBABILITIES, fixed(&[5]));
            b.ops[SOFTMAX].inputs[0] = 11;
        }),
    ]
}

fn plan() -> Vec<Case> {
    // Records of the example's plan: X, CONVOLVED, POOLED, FLAT, LOGITS, PROBABILITIES, CLASS.
    const CONVOLVED: usize = 16;
    vec![
        bytes(20, id::X, "another tensor's place", |f| f.put(PLAN, 0, [3])),
        bytes(20, id::CONVOLVED, "a place twice", |f| f.put(PLAN, CONVOLVED, [0])),
        bytes(20, id::CONVOLVED, "reserved bytes of a place", |f| f.put(PLAN, CONVOLVED + 4, [1])),
        bytes(20, id::X, "a place off the grid", |f| f.put(PLAN, 8, [32])),
        bytes(20, id::X, "a place whose end overflows", |f| f.put(PLAN, 8, (u64::MAX - 63).to_le_bytes())),
        bytes(20, id::CONVOLVED, "an output over its input", |f| {
            let x: [u8; 8] = f.0[f.start(PLAN) + 8..f.start(PLAN) + 16].try_into().unwrap();
            f.put(PLAN, CONVOLVED + 8, x)
        }),
        bytes(20, id::PROBABILITIES, "two outputs in one place", |f| {
            let at = f.start(PLAN) + 4 * 16 + 8;
            let logits: [u8; 8] = f.0[at..at + 8].try_into().unwrap();
            f.put(PLAN, 5 * 16 + 8, logits)
        }),
        bytes(20, 11, "a place too many", |f| {
            let length = f.length(PLAN) as u64 + 16;
            f.put_entry(PLAN, 16, length.to_le_bytes());
            f.put_entry(PLAN, 24, [8])
        }),
        bytes(20, id::CLASS, "a place too few", |f| {
            let length = f.length(PLAN) as u64 - 16;
            f.put(PLAN, length as usize, [0; 16]);
            f.put_entry(PLAN, 16, length.to_le_bytes());
            f.put_entry(PLAN, 24, [6])
        }),
    ]
}

fn totals() -> Vec<Case> {
    vec![
        bytes(21, 0, "another arena size", |f| f.put(0, 33, [0x77])),
        bytes(21, 0, "a state that is not there", |f| f.put(0, 40, [64])),
        bytes(21, 0, "another data length", |f| f.put(0, 48, [1])),
        bytes(21, 0, "EXACT without reason", |f| f.put(0, 12, [1])),
        bytes(21, 0, "STATE without reason", |f| f.put(0, 12, [2])),
        bytes(21, 0, "no EXACT with reason", |f| {
            f.put(GRAPH, 3, [1]);
            f.put(GRAPH, record(LINEAR) + 3, [1])
        }),
    ]
}
