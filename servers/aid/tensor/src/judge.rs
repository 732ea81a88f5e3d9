//! Running a model's known answers.

use crate::context::Context;
use crate::error::RunError;
use alloc::vec::Vec;
use waymodel::{DType, Model, TestCase};

/// How a model's known answers came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Cases that were run.
    pub run: u32,
    /// Cases that failed.
    pub failed: u32,
    /// The first that did.
    pub first: Option<Failure>,
}

/// A case that failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The model did not run.
    Run {
        /// The case's index.
        test: u32,
        /// Why.
        error: RunError,
    },
    /// A value is too far off.
    Value {
        /// The case's index.
        test: u32,
        /// The output's position.
        output: u32,
        /// The element.
        element: u32,
        /// What came out.
        have: f64,
        /// What is right.
        want: f64,
    },
}

/// Runs all known answers of `model` in `context`.
pub fn verify<A: AsMut<[u8]>, B: AsRef<[u8]>>(model: &Model<B>, context: &mut Context<A>) -> Verdict {
    let mut verdict = Verdict { run: 0, failed: 0, first: None };
    for (index, test) in model.tests().enumerate() {
        verdict.run += 1;
        if let Err(failure) = one(model, context, index as u32, &test) {
            verdict.failed += 1;
            verdict.first.get_or_insert(failure);
        }
    }
    verdict
}

fn one<A: AsMut<[u8]>, B: AsRef<[u8]>>(
    model: &Model<B>,
    context: &mut Context<A>,
    index: u32,
    test: &TestCase<'_>,
) -> Result<(), Failure> {
    let manifest = model.manifest();
    let mut inputs: Vec<&[u8]> = test.values(manifest, model.tensors()).collect();
    let expected = inputs.split_off(manifest.inputs.len().min(inputs.len()));
    let mut results: Vec<Vec<u8>> = expected.iter().map(|e| alloc::vec![0; e.len()]).collect();
    let mut outputs: Vec<&mut [u8]> = results.iter_mut().map(Vec::as_mut_slice).collect();
    context.run(model, test.symbols, &inputs, &mut outputs).map_err(|error| Failure::Run { test: index, error })?;
    for (output, (port, (have, want))) in manifest.outputs.iter().zip(results.iter().zip(&expected)).enumerate() {
        let dtype = model.tensor(port.tensor).map_or(DType::F32, |t| t.dtype);
        if let Some((element, have, want)) = first_difference(dtype, have, want, test) {
            return Err(Failure::Value { test: index, output: output as u32, element, have, want });
        }
    }
    Ok(())
}

/// The first element that is off: its index, what it is and what it should be.
fn first_difference(dtype: DType, have: &[u8], want: &[u8], test: &TestCase<'_>) -> Option<(u32, f64, f64)> {
    let pairs = have.as_chunks::<4>().0.iter().zip(want.as_chunks::<4>().0);
    for (index, (&have, &want)) in pairs.enumerate() {
        let value = |bytes: [u8; 4]| match dtype {
            DType::I32 => f64::from(i32::from_le_bytes(bytes)),
            _ => f64::from(f32::from_le_bytes(bytes)),
        };
        let (a, e) = (value(have), value(want));
        let near = (a - e).abs() <= f64::from(test.abs) + f64::from(test.rel) * e.abs();
        let right = if test.equal_bits || dtype == DType::I32 { have == want } else { near };
        if !right {
            return Some((index as u32, a, e));
        }
    }
    None
}
