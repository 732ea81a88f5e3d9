//! Ports, labels and kind: rule 22.

use crate::error::{ErrorKind, LoadError};
use crate::manifest::{Kind, Manifest, Port, Pre};
use crate::shape::{Dim, Shape};
use crate::tensors::{DType, Role, Tensor};
use alloc::format;
use alloc::string::String;

type Wrong = (ErrorKind, String);

/// Rule 22: ports name the tensors that go in and out, once each; the manifest's kind fits them.
pub(crate) fn check(manifest: &Manifest, tensors: &[Tensor]) -> Result<(), LoadError> {
    all(manifest, tensors).map_err(|(kind, detail)| LoadError::bad(22, 0, "manifest", detail).of(kind))
}

fn all(manifest: &Manifest, tensors: &[Tensor]) -> Result<(), Wrong> {
    one_to_one(&manifest.inputs, Role::Input, tensors)?;
    one_to_one(&manifest.outputs, Role::Output, tensors)?;
    if manifest.generate.is_some() != (manifest.kind == Kind::Generate) {
        return bad("settings for generating belong to kind generate, and to no other");
    }
    if manifest.kind != Kind::Classify && !manifest.labels.is_empty() {
        return bad("labels belong to kind classify");
    }
    if manifest.quant != main_dtype(tensors) {
        return bad("quant is not the dtype of most weight bytes");
    }
    match manifest.kind {
        Kind::Tensor => {}
        Kind::Classify => classify(manifest, tensors)?,
        Kind::Embed | Kind::Generate => {
            return Err((ErrorKind::Unsupported, "text models come with a later release".into()));
        }
    }
    pre(manifest, tensors)
}

fn bad<T>(detail: &str) -> Result<T, Wrong> {
    Err((ErrorKind::BadModel, detail.into()))
}

/// Each tensor of this role is one port, and each port such a tensor.
fn one_to_one(ports: &[Port], role: Role, tensors: &[Tensor]) -> Result<(), Wrong> {
    for (index, port) in ports.iter().enumerate() {
        if tensors.get(port.tensor as usize).is_none_or(|t| t.role != role) {
            return Err((ErrorKind::BadModel, format!("port \"{}\" is no tensor of its role", port.name)));
        }
        if ports.iter().take(index).any(|p| p.tensor == port.tensor || p.name == port.name) {
            return Err((ErrorKind::BadModel, format!("port \"{}\" is there twice", port.name)));
        }
    }
    if tensors.iter().filter(|t| t.role == role).count() != ports.len() {
        return bad("an input or output tensor has no port");
    }
    Ok(())
}

/// The dtype with most bytes in DATA, the lower code on a tie; f32 if there are no weights.
pub(crate) fn main_dtype(tensors: &[Tensor]) -> DType {
    let bytes = |d: DType| -> u64 {
        let weights = tensors.iter().filter(|t| t.role == Role::Weight && t.dtype == d);
        weights.fold(0, |sum, t| sum.saturating_add(t.length))
    };
    DType::ALL.into_iter().rev().max_by_key(|&d| bytes(d)).unwrap_or(DType::F32)
}

/// In f32 [B,…]; out logits f32 [B,C], probabilities f32 [B,C], class i32 [B]; C labels.
fn classify(manifest: &Manifest, tensors: &[Tensor]) -> Result<(), Wrong> {
    let tensor = |port: &Port| tensors.get(port.tensor as usize);
    let ([input], [logits, probabilities, class]) = (&manifest.inputs[..], &manifest.outputs[..]) else {
        return bad("kind classify has one input and the outputs logits, probabilities, class");
    };
    let Some(classes) = u32::try_from(manifest.labels.len()).ok().filter(|&n| n > 0) else {
        return bad("kind classify has labels");
    };
    let is_batch = |dim: Option<&Dim>| {
        dim.and_then(|d| d.as_symbol()).and_then(|s| manifest.symbols.get(s)).is_some_and(|s| s.name == "B")
    };
    let starts = |port: &Port| tensor(port).is_some_and(|t| t.dtype == DType::F32 && is_batch(t.shape.dims().first()));
    let batch = tensor(input).and_then(|t| t.shape.dims().first().copied()).unwrap_or_default();
    let scores = Shape::new(&[batch, Dim::fixed(classes)]);
    let is =
        |port: &Port, dtype: DType, shape: Shape| tensor(port).is_some_and(|t| t.dtype == dtype && t.shape == shape);
    if !starts(input) {
        return bad("the input must be f32 [B,...]");
    }
    if !is(logits, DType::F32, scores) || !is(probabilities, DType::F32, scores) {
        return bad("logits and probabilities must be f32 [B,C], with a label for each of C classes");
    }
    if !is(class, DType::I32, Shape::new(&[batch])) {
        return bad("the class must be i32 [B]");
    }
    Ok(())
}

fn pre(manifest: &Manifest, tensors: &[Tensor]) -> Result<(), Wrong> {
    let Pre::Image { width, height, channels, .. } = manifest.pre else {
        return if manifest.pre == Pre::Text { bad("text goes into kinds embed and generate only") } else { Ok(()) };
    };
    let samples = u64::from(width) * u64::from(height) * u64::from(channels);
    let input = manifest.inputs.first().and_then(|p| tensors.get(p.tensor as usize));
    let sizes = input.and_then(|t| t.shape.dims().split_first()).map(|(_, rest)| Shape::new(rest).elements(&[]));
    if samples == 0 || input.is_none_or(|t| t.dtype != DType::F32) || sizes.flatten() != Some(samples) {
        return bad("the picture's size is not the first input's");
    }
    Ok(())
}
