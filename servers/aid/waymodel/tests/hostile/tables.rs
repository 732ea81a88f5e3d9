//! Rules 12 to 14: names, tensor records, the placement of weights.

use crate::common::id;
use crate::{Case, bytes, parts};
use waymodel::format::section::{DATA, GRAPH, STRINGS, TENSORS};
use waymodel::{DType, Dim, Layout, Shape};

/// Where tensor `id`'s record starts.
const fn record(id: u32) -> usize {
    64 * id as usize
}

pub(crate) fn cases() -> Vec<Case> {
    [names(), records(), placement()].into_iter().flatten().collect()
}

fn names() -> Vec<Case> {
    vec![
        bytes(12, 0, "strings that are not UTF-8", |f| f.put(STRINGS, 0, [0xFF])),
        bytes(12, 0, "a line feed in the strings", |f| f.put(STRINGS, 3, [b'\n'])),
        bytes(12, 2, "a tensor without a name", |f| f.put(TENSORS, record(2) + 4, [0])),
        bytes(12, 2, "a tensor's name of 128", |f| f.put(TENSORS, record(2) + 4, [128])),
        bytes(12, 3, "a tensor's name outside the strings", |f| f.put(TENSORS, record(3), [0xFF, 0xFF, 0xFF, 0xFF])),
        bytes(12, 10, "a tensor's name that ends outside", |f| f.put(TENSORS, record(10) + 4, [127])),
        bytes(12, 1, "an op without a name", |f| f.put(GRAPH, 96 + 6, [0])),
        bytes(12, 5, "an op's name outside the strings", |f| f.put(GRAPH, 5 * 96 + 8, [0xFF, 0xFF, 0, 0])),
        bytes(12, 1, "a name that starts within a character", |f| {
            // "xfilter..." becomes "x\u{e9}lter...", and tensor 1 starts in the middle of that character.
            f.put(STRINGS, 1, [0xC3, 0xA9]);
            f.put(TENSORS, record(1), [2, 0, 0, 0])
        }),
    ]
}

fn records() -> Vec<Case> {
    const X: u32 = id::X;
    const TEMPORARY: u32 = id::CONVOLVED;
    const WEIGHT: u32 = id::FILTER_BIAS;
    vec![
        bytes(13, X, "dtype 6", |f| f.put(TENSORS, record(X) + 5, [6])),
        bytes(13, X, "dtype 9", |f| f.put(TENSORS, record(X) + 5, [9])),
        bytes(13, X, "role 5", |f| f.put(TENSORS, record(X) + 6, [5])),
        bytes(13, X, "layout 2", |f| f.put(TENSORS, record(X) + 7, [2])),
        bytes(13, X, "rank 0", |f| f.put(TENSORS, record(X) + 8, [0])),
        bytes(13, X, "rank 7", |f| f.put(TENSORS, record(X) + 8, [7])),
        bytes(13, X, "reserved bytes at 9", |f| f.put(TENSORS, record(X) + 11, [1])),
        bytes(13, X, "reserved bytes at 36", |f| f.put(TENSORS, record(X) + 36, [1])),
        bytes(13, X, "reserved bytes at 56", |f| f.put(TENSORS, record(X) + 63, [1])),
        bytes(13, X, "an unused dimension", |f| f.put(TENSORS, record(X) + 12 + 16, [1])),
        parts(13, TEMPORARY, "a dimension of 0", |b| b.tensors[3].shape = Shape::new(&[Dim::fixed(0)])),
        parts(13, TEMPORARY, "a dimension over 2^24", |b| {
            b.tensors[3].shape = Shape::new(&[Dim::fixed((1 << 24) + 1)])
        }),
        parts(13, TEMPORARY, "an unknown symbol", |b| b.tensors[3].shape = Shape::new(&[Dim::symbol(1)])),
        parts(13, WEIGHT, "a weight of a symbol's size", |b| b.tensors[2].shape = Shape::new(&[Dim::symbol(0)])),
        parts(13, TEMPORARY, "more than 2^31 elements", |b| {
            b.tensors[3].shape = Shape::new(&[Dim::symbol(0), Dim::fixed(1 << 24), Dim::fixed(33)]);
        }),
        parts(13, TEMPORARY, "elements that overflow 64 bits", |b| {
            b.tensors[3].shape = Shape::new(&[Dim::fixed(1 << 24); 6]);
        }),
        parts(13, TEMPORARY, "a temporary in f16", |b| b.tensors[3].dtype = DType::F16),
        parts(13, TEMPORARY, "a temporary in panels", |b| b.tensors[3].layout = Layout::P16),
        bytes(13, TEMPORARY, "a temporary with an offset", |f| f.put(TENSORS, record(TEMPORARY) + 40, [64])),
        bytes(13, TEMPORARY, "a temporary with a length", |f| f.put(TENSORS, record(TEMPORARY) + 48, [64])),
        parts(13, WEIGHT, "block weights in row-major order", |b| b.tensors[2].dtype = DType::Q8_0),
        parts(13, id::MATRIX, "whole numbers in panels", |b| b.tensors[6].dtype = DType::I32),
        parts(13, WEIGHT, "a vector in panels", |b| b.tensors[2].layout = Layout::P16),
    ]
}

fn placement() -> Vec<Case> {
    vec![
        bytes(14, id::FILTER, "a first weight that lies late", |f| f.put(TENSORS, record(id::FILTER) + 40, [64])),
        bytes(14, id::FILTER_BIAS, "a weight over another", |f| f.put(TENSORS, record(id::FILTER_BIAS) + 40, [0; 8])),
        bytes(14, id::FILTER_BIAS, "a weight that is too long", |f| f.put(TENSORS, record(id::FILTER_BIAS) + 48, [84])),
        bytes(14, id::FILTER, "a length of 2^64", |f| f.put(TENSORS, record(id::FILTER) + 48, [255; 8])),
        bytes(14, id::MATRIX, "something between weights", |f| {
            // The filter takes 2,304 bytes, its bias 80; the matrix starts 48 bytes behind that.
            f.put(DATA, 2304 + 80, [1])
        }),
        bytes(14, id::FILTER, "something in a panel's unused rows", |f| {
            // The filter's second panel holds rows 16 to 19; lane 4 of its first column is unused.
            f.put(DATA, 18 * 64 + 16, [1])
        }),
        bytes(14, 11, "data behind the last weight", |f| {
            let length = f.length(DATA) as u64 + 4;
            f.put_entry(DATA, 16, length.to_le_bytes())
        }),
        bytes(14, id::MATRIX_BIAS, "data that ends in a weight", |f| {
            let length = f.length(DATA) as u64 - 4;
            f.put(DATA, length as usize, [0; 4]);
            f.put_entry(DATA, 16, length.to_le_bytes())
        }),
    ]
}
