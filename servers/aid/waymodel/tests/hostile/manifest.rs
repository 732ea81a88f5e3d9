//! Rule 11: the manifest. Numbers and texts that the writer would never write are put in by hand.

use crate::common::File;
use crate::{Case, bytes, parts};
use waymodel::format::section::MANIFEST;
use waymodel::manifest::{Accuracy, Generate, Metric, Port, Pre, Symbol};

pub(crate) fn cases() -> Vec<Case> {
    [values(), wire()].into_iter().flatten().collect()
}

fn values() -> Vec<Case> {
    vec![
        parts(11, 0, "no name", |b| b.manifest.name.clear()),
        parts(11, 0, "a name in capitals", |b| b.manifest.name = "Digits".into()),
        parts(11, 0, "a name of 64", |b| b.manifest.name = "a".repeat(64)),
        parts(11, 0, "a title of 128", |b| b.manifest.title = "a".repeat(128)),
        parts(11, 0, "a line feed in the title", |b| b.manifest.title = "a\nb".into()),
        parts(11, 0, "an escape in the notice", |b| b.manifest.notice = "a\u{1b}[31m".into()),
        parts(11, 0, "a notice of 16,385", |b| b.manifest.notice = "a".repeat(16_385)),
        parts(11, 0, "no licence", |b| b.manifest.licence.clear()),
        parts(11, 0, "a source of 256", |b| b.manifest.source = "a".repeat(256)),
        parts(11, 0, "five symbols", |b| b.manifest.symbols = vec![b.manifest.symbols[0].clone(); 5]),
        parts(11, 0, "a symbol from 0", |b| b.manifest.symbols[0].min = 0),
        parts(11, 0, "a symbol that ends before it starts", |b| b.manifest.symbols[0].min = 5),
        parts(11, 0, "a symbol over 2^20", |b| b.manifest.symbols[0].max = (1 << 20) + 1),
        parts(11, 0, "a symbol without a name", |b| {
            b.manifest.symbols.push(Symbol { name: String::new(), min: 1, max: 1 })
        }),
        parts(11, 0, "no input", |b| b.manifest.inputs.clear()),
        parts(11, 0, "nine outputs", |b| {
            b.manifest.outputs = vec![Port { name: "o".into(), tensor: 8 }; 9];
        }),
        parts(11, 0, "a port's name of 32", |b| b.manifest.inputs[0].name = "a".repeat(32)),
        parts(11, 0, "a label of 64", |b| b.manifest.labels = ["a".repeat(64)].iter().collect()),
        parts(11, 0, "4,097 labels", |b| b.manifest.labels = (0..4097).map(|_| "a").collect()),
        parts(11, 0, "a scale that is no number", |b| {
            b.manifest.pre = Pre::Image { width: 6, height: 6, channels: 2, scale: f32::NAN, bias: 0.0, invert: false };
        }),
        parts(11, 0, "a threshold that is infinite", |b| {
            let (prefix, suffix) = (String::new(), String::new());
            b.manifest.generate = Some(Generate { context: 1, prefix, suffix, min_logprob: f32::INFINITY });
        }),
        parts(11, 0, "nine accuracies", |b| b.manifest.accuracy = vec![b.manifest.accuracy[0].clone(); 9]),
        parts(11, 0, "an accuracy that is no number", |b| {
            let (dataset, sha256) = (String::new(), [0; 32]);
            b.manifest.accuracy = vec![Accuracy { dataset, sha256, metric: Metric::Exact, value: f64::NAN }];
        }),
    ]
}

/// The example's manifest starts with the name: length 7, "example", then version 3, title length 10.
fn wire() -> Vec<Case> {
    const VERSION: usize = 8;
    const KIND: usize = VERSION + 2 + 10;
    vec![
        bytes(11, 0, "a name that is not UTF-8", |f| f.put(MANIFEST, 1, [0xFF])),
        bytes(11, 0, "a name longer than the manifest may have", |f| {
            f.put(MANIFEST, 0, [0xFF, 0xFF, 0xFF, 0xFF, 0x0F])
        }),
        bytes(11, 0, "a number in six groups", |f| f.put(MANIFEST, VERSION, [0x80; 6])),
        bytes(11, 0, "a number not in its shortest form", |f| insert(f, VERSION, 0x83, 0)),
        bytes(11, 0, "an unknown kind", |f| f.put(MANIFEST, KIND, [4])),
        bytes(11, 0, "an unknown weight type", |f| f.put(MANIFEST, KIND + 1, [6])),
        bytes(11, 0, "a byte left over", |f| {
            let length = f.length(MANIFEST) as u64 + 1;
            f.put_entry(MANIFEST, 16, length.to_le_bytes())
        }),
        bytes(11, 0, "a byte too few", |f| {
            let last = f.length(MANIFEST) - 1;
            f.put(MANIFEST, last, [0]);
            f.put_entry(MANIFEST, 16, (last as u64).to_le_bytes())
        }),
        bytes(11, 0, "an unknown metric", |f| {
            let metric = f.length(MANIFEST) - 9;
            f.put(MANIFEST, metric, [5])
        }),
    ]
}

/// Replaces the byte at `at` by two, and makes the section a byte longer.
fn insert(f: &mut File, at: usize, first: u8, second: u8) {
    let (start, length) = (f.start(MANIFEST), f.length(MANIFEST));
    f.0.copy_within(start + at + 1..start + length, start + at + 2);
    f.put(MANIFEST, at, [first, second]);
    f.put_entry(MANIFEST, 16, (length as u64 + 1).to_le_bytes());
}
