//! The manifest: what a model is called, what it is for, what goes in and out, and how good it is. Rule 11.
//!
//! In the file it is postcard: fields in order, numbers in 7-bit groups, texts with their length. All bytes are used, and
//! encoding it again gives the same bytes.

use crate::error::LoadError;
use crate::tensors::DType;
use crate::text::{FieldError, Lines, Reader, Texts, put_number, put_text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What a model is for; it fixes its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Tensors in, tensors out.
    Tensor = 0,
    /// Logits, probabilities and class of each input.
    Classify = 1,
    /// A vector for each text.
    Embed = 2,
    /// Text after text.
    Generate = 3,
}

impl Kind {
    /// The kind's name as commands show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tensor => "tensor",
            Self::Classify => "classify",
            Self::Embed => "embed",
            Self::Generate => "generate",
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Classify,
            2 => Self::Embed,
            3 => Self::Generate,
            _ => Self::Tensor,
        }
    }
}

/// What a file says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// 1 to 63 of `a-z 0-9 . _ -`.
    pub name: String,
    /// The model's own version.
    pub version: u32,
    /// A line for people, ≤ 127 bytes.
    pub title: String,
    /// What it is for.
    pub kind: Kind,
    /// The dtype of most weight bytes.
    pub quant: DType,
    /// What made the file, ≤ 63 bytes.
    pub converter: String,
    /// SPDX expression, 1 to 127 bytes.
    pub licence: String,
    /// Notices that go with it, ≤ 16,384 bytes, lines ended by `\n`.
    pub notice: String,
    /// Where the weights come from, ≤ 255 bytes.
    pub source: String,
    /// SHA-256 of the source file.
    pub source_sha256: [u8; 32],
    /// Dimensions that are known at run time only, ≤ 4.
    pub symbols: Vec<Symbol>,
    /// 1 to 8.
    pub inputs: Vec<Port>,
    /// 1 to 8.
    pub outputs: Vec<Port>,
    /// A label a class (kind classify), ≤ 4,096 of ≤ 63 bytes; else none.
    pub labels: Texts,
    /// What a client does with its input first.
    pub pre: Pre,
    /// Kind generate's settings.
    pub generate: Option<Generate>,
    /// Measured on named data sets, ≤ 8.
    pub accuracy: Vec<Accuracy>,
}

/// A dimension that a caller chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// 1 to 15 bytes; `B` is the batch, `T` the tokens.
    pub name: String,
    /// Least value, ≥ 1.
    pub min: u32,
    /// Greatest value, ≤ 2^20.
    pub max: u32,
}

/// A named tensor that goes in or comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// 1 to 31 bytes.
    pub name: String,
    /// The tensor's id.
    pub tensor: u32,
}

/// What a client does to turn its data into the first input.
#[derive(Clone, Debug, PartialEq)]
pub enum Pre {
    /// Nothing.
    None,
    /// A picture: v = sample / maxval, then 1 − v if inverted, then v·scale + bias.
    Image {
        /// Pixels in a row.
        width: u16,
        /// Rows.
        height: u16,
        /// Samples a pixel.
        channels: u8,
        /// Factor.
        scale: f32,
        /// Summand.
        bias: f32,
        /// Whether dark is 1.
        invert: bool,
    },
    /// The tokenizer.
    Text,
}

/// Settings of a generating model.
#[derive(Clone, Debug, PartialEq)]
pub struct Generate {
    /// Most tokens, prompt included.
    pub context: u32,
    /// Put before the prompt, ≤ 255 bytes.
    pub prefix: String,
    /// Put behind it, ≤ 255 bytes.
    pub suffix: String,
    /// Mean log-probability below which there is no answer.
    pub min_logprob: f32,
}

/// A measured accuracy.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy {
    /// The data set, ≤ 63 bytes.
    pub dataset: String,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// What was measured.
    pub metric: Metric,
    /// The result.
    pub value: f64,
}

/// What an accuracy figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Metric {
    /// Share of inputs with the right class.
    SameClass = 0,
    /// Greatest 1 − cosine.
    WorstCosine = 1,
    /// Greatest absolute difference.
    MaxDifference = 2,
    /// Bits a byte of text.
    BitsPerByte = 3,
    /// Share of exact answers.
    Exact = 4,
}

const MOST_SYMBOLS: u32 = 4;
const MOST_PORTS: u32 = 8;
const MOST_LABELS: u32 = 4096;
const MOST_ACCURACIES: u32 = 8;
const GREATEST_SYMBOL: u32 = 1 << 20;

impl Manifest {
    /// Reads a manifest by rule 11.
    pub fn decode(bytes: &[u8]) -> Result<Self, FieldError> {
        let mut r = Reader::new(bytes);
        let name = r.text("name", 1, 63, Lines::One)?;
        if !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')) {
            return Err(FieldError { field: "name", what: "has other characters than a-z 0-9 . _ -" });
        }
        let manifest = Self {
            name: name.into(),
            version: r.number("version", u32::MAX)?,
            title: r.text("title", 0, 127, Lines::One)?.into(),
            kind: Kind::from_code(r.byte("kind", 3)?),
            quant: DType::from_code(r.byte("quant", 8)?)
                .ok_or(FieldError { field: "quant", what: "is not a known value" })?,
            converter: r.text("converter", 0, 63, Lines::One)?.into(),
            licence: r.text("licence", 1, 127, Lines::One)?.into(),
            notice: r.text("notice", 0, 16_384, Lines::Many)?.into(),
            source: r.text("source", 0, 255, Lines::One)?.into(),
            source_sha256: r.array("source_sha256")?,
            symbols: list(&mut r, "symbols", 0, MOST_SYMBOLS, symbol)?,
            inputs: list(&mut r, "inputs", 1, MOST_PORTS, port)?,
            outputs: list(&mut r, "outputs", 1, MOST_PORTS, port)?,
            labels: labels(&mut r)?,
            pre: pre(&mut r)?,
            generate: generate(&mut r)?,
            accuracy: list(&mut r, "accuracy", 0, MOST_ACCURACIES, accuracy)?,
        };
        r.finish()?;
        Ok(manifest)
    }

    /// The manifest's bytes in a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_text(&mut out, &self.name);
        put_number(&mut out, self.version);
        put_text(&mut out, &self.title);
        out.extend([self.kind as u8, self.quant as u8]);
        for text in [&self.converter, &self.licence, &self.notice, &self.source] {
            put_text(&mut out, text);
        }
        out.extend_from_slice(&self.source_sha256);
        put_list(&mut out, &self.symbols, |out, s| {
            put_text(out, &s.name);
            put_number(out, s.min);
            put_number(out, s.max);
        });
        for ports in [&self.inputs, &self.outputs] {
            put_list(&mut out, ports, |out, p| {
                put_text(out, &p.name);
                put_number(out, p.tensor);
            });
        }
        put_number(&mut out, self.labels.len() as u32);
        self.labels.iter().for_each(|label| put_text(&mut out, label));
        put_pre(&mut out, &self.pre);
        put_generate(&mut out, self.generate.as_ref());
        put_list(&mut out, &self.accuracy, |out, a| {
            put_text(out, &a.dataset);
            out.extend_from_slice(&a.sha256);
            out.push(a.metric as u8);
            out.extend_from_slice(&a.value.to_le_bytes());
        });
        out
    }
}

/// Rule 11.
pub(crate) fn read(section: &[u8]) -> Result<Manifest, LoadError> {
    Manifest::decode(section).map_err(|e| LoadError::bad(11, 0, "manifest", format!("{}: {}", e.field, e.what)))
}

type Read<T> = Result<T, FieldError>;

fn list<T>(
    r: &mut Reader<'_>,
    field: &'static str,
    least: usize,
    most: u32,
    item: fn(&mut Reader<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    let count = r.count(field, most)?;
    if count < least {
        return Err(FieldError { field, what: "has too few entries" });
    }
    (0..count).map(|_| item(r)).collect()
}

fn symbol(r: &mut Reader<'_>) -> Read<Symbol> {
    let symbol = Symbol {
        name: r.text("symbols", 1, 15, Lines::One)?.into(),
        min: r.number("symbols", GREATEST_SYMBOL)?,
        max: r.number("symbols", GREATEST_SYMBOL)?,
    };
    if 1 <= symbol.min && symbol.min <= symbol.max {
        Ok(symbol)
    } else {
        Err(FieldError { field: "symbols", what: "least and greatest value don't fit" })
    }
}

fn port(r: &mut Reader<'_>) -> Read<Port> {
    Ok(Port { name: r.text("ports", 1, 31, Lines::One)?.into(), tensor: r.number("ports", u32::MAX)? })
}

fn labels(r: &mut Reader<'_>) -> Read<Texts> {
    let mut labels = Texts::default();
    let count = r.count("labels", MOST_LABELS)?;
    labels.reserve(count);
    for _ in 0..count {
        labels.push(r.text("labels", 0, 63, Lines::One)?);
    }
    Ok(labels)
}

fn pre(r: &mut Reader<'_>) -> Read<Pre> {
    Ok(match r.number("pre", 2)? {
        0 => Pre::None,
        1 => Pre::Image {
            width: r.number("pre", u16::MAX.into())? as u16,
            height: r.number("pre", u16::MAX.into())? as u16,
            channels: r.byte("pre", u8::MAX)?,
            scale: finite(r, "pre")?,
            bias: finite(r, "pre")?,
            invert: r.byte("pre", 1)? == 1,
        },
        _ => Pre::Text,
    })
}

fn generate(r: &mut Reader<'_>) -> Read<Option<Generate>> {
    if r.byte("generate", 1)? == 0 {
        return Ok(None);
    }
    Ok(Some(Generate {
        context: r.number("generate", u32::MAX)?,
        prefix: r.text("generate", 0, 255, Lines::One)?.into(),
        suffix: r.text("generate", 0, 255, Lines::One)?.into(),
        min_logprob: finite(r, "generate")?,
    }))
}

fn accuracy(r: &mut Reader<'_>) -> Read<Accuracy> {
    let dataset = r.text("accuracy", 0, 63, Lines::One)?.into();
    let sha256 = r.array("accuracy")?;
    let metric = match r.byte("accuracy", 4)? {
        0 => Metric::SameClass,
        1 => Metric::WorstCosine,
        2 => Metric::MaxDifference,
        3 => Metric::BitsPerByte,
        _ => Metric::Exact,
    };
    let value = f64::from_le_bytes(r.array("accuracy")?);
    if value.is_finite() {
        Ok(Accuracy { dataset, sha256, metric, value })
    } else {
        Err(FieldError { field: "accuracy", what: "is not a finite number" })
    }
}

fn finite(r: &mut Reader<'_>, field: &'static str) -> Read<f32> {
    let value = f32::from_le_bytes(r.array(field)?);
    if value.is_finite() { Ok(value) } else { Err(FieldError { field, what: "is not a finite number" }) }
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    put_number(out, items.len() as u32);
    items.iter().for_each(|item| put(out, item));
}

fn put_pre(out: &mut Vec<u8>, pre: &Pre) {
    match *pre {
        Pre::None => out.push(0),
        Pre::Image { width, height, channels, scale, bias, invert } => {
            out.push(1);
            put_number(out, width.into());
            put_number(out, height.into());
            out.push(channels);
            out.extend_from_slice(&scale.to_le_bytes());
            out.extend_from_slice(&bias.to_le_bytes());
            out.push(invert.into());
        }
        Pre::Text => out.push(2),
    }
}

fn put_generate(out: &mut Vec<u8>, generate: Option<&Generate>) {
    let Some(g) = generate else { return out.push(0) };
    out.push(1);
    put_number(out, g.context);
    put_text(out, &g.prefix);
    put_text(out, &g.suffix);
    out.extend_from_slice(&g.min_logprob.to_le_bytes());
}
