//! Rules 22 and 25: ports, labels, kind; known answers.

use crate::common::{batched, id, test_of_batch};
use crate::{Case, bytes, parts};
use waymodel::ErrorKind::Unsupported;
use waymodel::format::section::TESTS;
use waymodel::manifest::{Generate, Kind, Port, Pre};
use waymodel::{DType, Shape};

pub(crate) fn cases() -> Vec<Case> {
    [ports(), classifiers(), tests()].into_iter().flatten().collect()
}

fn port(name: &str, tensor: u32) -> Port {
    Port { name: name.into(), tensor }
}

fn ports() -> Vec<Case> {
    vec![
        parts(22, 0, "an input that is a weight", |b| b.manifest.inputs[0].tensor = id::MATRIX),
        parts(22, 0, "an output that is no tensor", |b| b.manifest.outputs[2].tensor = 77),
        parts(22, 0, "an output twice", |b| b.manifest.outputs[1] = port("again", id::LOGITS)),
        parts(22, 0, "two outputs of one name", |b| b.manifest.outputs[1].name = "logits".into()),
        parts(22, 0, "an output without a port", |b| drop(b.manifest.outputs.pop())),
        parts(22, 0, "settings for generating", |b| {
            let (prefix, suffix) = (String::new(), String::new());
            b.manifest.generate = Some(Generate { context: 1, prefix, suffix, min_logprob: 0.0 });
        }),
        parts(22, 0, "a generator without settings", |b| b.manifest.kind = Kind::Generate),
        parts(22, 0, "labels of no classifier", |b| b.manifest.kind = Kind::Tensor),
        parts(22, 0, "a text model", |b| {
            b.manifest.kind = Kind::Embed;
            b.manifest.labels = Default::default();
        })
        .kind(Unsupported),
        parts(22, 0, "another weight type than the weights'", |b| b.manifest.quant = DType::Q8_0),
    ]
}

fn classifiers() -> Vec<Case> {
    vec![
        parts(22, 0, "no labels", |b| b.manifest.labels = Default::default()),
        parts(22, 0, "a label too few", |b| b.manifest.labels = ["a", "b", "c", "d"].iter().collect()),
        parts(22, 0, "outputs in another order", |b| b.manifest.outputs.swap(0, 2)),
        parts(22, 0, "a batch of another name", |b| b.manifest.symbols[0].name = "N".into()),
        parts(22, 0, "a picture of another size", |b| {
            b.manifest.pre = Pre::Image { width: 6, height: 6, channels: 1, scale: 1.0, bias: 0.0, invert: false };
        }),
        parts(22, 0, "a picture of no size", |b| {
            b.manifest.pre = Pre::Image { width: 0, height: 6, channels: 2, scale: 1.0, bias: 0.0, invert: false };
        }),
        parts(22, 0, "text into a classifier", |b| b.manifest.pre = Pre::Text),
        parts(22, 0, "a second input", |b| {
            b.tensors.push(crate::common::tensor("y", waymodel::Role::Input, batched(&[1])));
            b.manifest.inputs.push(port("y", 11));
        }),
        parts(22, 0, "a batch that is fixed", |b| {
            let fixed = |shape: &Shape| {
                let mut dims = shape.dims().to_vec();
                dims[0] = waymodel::Dim::fixed(2);
                Shape::new(&dims)
            };
            for tensor in b.tensors.iter_mut().filter(|t| t.role.in_arena()) {
                tensor.shape = fixed(&tensor.shape);
            }
        }),
    ]
}

fn tests() -> Vec<Case> {
    vec![
        bytes(25, 0, "a length that is no multiple of 8", |f| {
            let length = f.0[f.start(TESTS)];
            f.put(TESTS, 0, [length + 4])
        }),
        bytes(25, 0, "a length under the head's", |f| f.put(TESTS, 0, [24, 0, 0, 0])),
        bytes(25, 0, "a length past the section", |f| f.put(TESTS, 0, [0, 0, 0, 0x10])),
        bytes(25, 0, "a length of a wrong size", |f| {
            let length = f.0[f.start(TESTS)];
            f.put(TESTS, 0, [length + 8])
        }),
        bytes(25, 0, "an unknown test flag", |f| f.put(TESTS, 4, [2])),
        bytes(25, 0, "a tolerance that is no number", |f| f.put(TESTS, 8, f32::NAN.to_le_bytes())),
        bytes(25, 0, "a negative tolerance", |f| f.put(TESTS, 12, (-1.0f32).to_le_bytes())),
        parts(25, 1, "a batch of 0", |b| b.tests[1].symbols[0] = 0),
        parts(25, 1, "a batch over the greatest", |b| b.tests[1].symbols[0] = 5),
        parts(25, 2, "a value for a symbol that is not there", |b| b.tests[2].symbols[1] = 1),
        parts(25, 0, "too few values", |b| drop(b.tests[0].values.pop())),
        parts(25, 0, "too many values", |b| b.tests[0].values.push(vec![0; 8])),
        parts(25, 2, "values of another batch", |b| b.tests[2].values = test_of_batch(2).values),
        bytes(25, 0, "something in a test's padding", |f| {
            // 32 bytes head, 288 bytes input, 20 bytes logits, then 4 of padding.
            f.put(TESTS, 32 + 288 + 20, [1])
        }),
        bytes(25, 2, "a test fewer than said", |f| f.put_entry(TESTS, 24, [2])),
        bytes(25, 3, "a test more than there is", |f| f.put_entry(TESTS, 24, [4])),
    ]
}
