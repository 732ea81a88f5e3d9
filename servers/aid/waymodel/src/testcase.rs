//! Known answers: rule 25, and reading them.

use crate::bytes::{Record, all_zero, round_up};
use crate::error::LoadError;
use crate::manifest::{Manifest, Port};
use crate::tensors::Tensor;
use alloc::format;
use alloc::string::String;

/// Bytes before a case's first input.
const HEAD: u64 = 32;
/// Tensors' values in a case are padded to this many bytes.
const UNIT: u64 = 8;

/// A known answer: inputs, what must come out, and how close.
#[derive(Clone, Copy, Debug)]
pub struct TestCase<'a> {
    /// Whether the outputs must have equal bits.
    pub equal_bits: bool,
    /// Greatest absolute difference, to which `rel` times the expected value's size is added.
    pub abs: f32,
    /// See `abs`.
    pub rel: f32,
    /// The symbols' values; unused ones are 0.
    pub symbols: [u32; 4],
    values: &'a [u8],
}

impl<'a> TestCase<'a> {
    /// Raw row-major values: the inputs' in manifest order, then the outputs'.
    pub fn values<'t>(
        &self,
        manifest: &'t Manifest,
        tensors: &'t [Tensor],
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 't> {
        let (mut rest, symbols) = (self.values, self.symbols);
        manifest.inputs.iter().chain(&manifest.outputs).map_while(move |port| {
            let length = length_of(port, tensors, &symbols)?;
            let (value, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            rest = behind.get(padding(length)..)?;
            Some(value)
        })
    }
}

/// The known answers of a loaded model, in order.
#[derive(Clone, Debug)]
pub struct Tests<'a> {
    rest: &'a [u8],
    symbols: usize,
}

impl<'a> Tests<'a> {
    pub(crate) fn new(section: &'a [u8], symbols: usize) -> Self {
        Self { rest: section, symbols }
    }
}

impl<'a> Iterator for Tests<'a> {
    type Item = TestCase<'a>;

    fn next(&mut self) -> Option<TestCase<'a>> {
        let record = Record(self.rest);
        let length = usize::try_from(record.u32(0)).ok().filter(|&n| n as u64 >= HEAD)?;
        let (case, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let mut symbols = [0; 4];
        symbols.iter_mut().take(self.symbols).enumerate().for_each(|(i, s)| *s = record.u32(16 + 4 * i));
        Some(TestCase {
            equal_bits: record.u32(4) == 1,
            abs: record.f32(8),
            rel: record.f32(12),
            symbols,
            values: case.get(HEAD as usize..).unwrap_or(&[]),
        })
    }
}

/// Rule 25: each case is as long as its values, its symbols are in range, what is reserved or padding is zero.
pub(crate) fn check(section: &[u8], count: u32, manifest: &Manifest, tensors: &[Tensor]) -> Result<(), LoadError> {
    let mut rest = section;
    for index in 0..count as usize {
        let bad = |detail: String| LoadError::bad(25, index, format!("test {index}"), detail);
        let length = Record(rest).u32(0);
        if length % UNIT as u32 != 0 || u64::from(length) < HEAD {
            return Err(bad(format!("length {length} is no multiple of 8, or under {HEAD}")));
        }
        let Some((case, behind)) = rest.split_at_checked(length as usize) else {
            return Err(bad("reaches past the section".into()));
        };
        one(case, manifest, tensors).map_err(bad)?;
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(LoadError::bad(25, count as usize, "tests", "bytes are left over"));
    }
    Ok(())
}

fn one(case: &[u8], manifest: &Manifest, tensors: &[Tensor]) -> Result<(), String> {
    let record = Record(case);
    if record.u32(4) > 1 {
        return Err("unknown flags".into());
    }
    let bound = |x: f32| x.is_finite() && x >= 0.0;
    if !bound(record.f32(8)) || !bound(record.f32(12)) {
        return Err("tolerances must be finite and not negative".into());
    }
    let symbols: [u32; 4] = core::array::from_fn(|i| record.u32(16 + 4 * i));
    for (index, &value) in symbols.iter().enumerate() {
        let range = manifest.symbols.get(index).map_or(0..=0, |s| s.min..=s.max);
        if !range.contains(&value) {
            return Err(format!("symbol {index} is {value}, must be {} to {}", range.start(), range.end()));
        }
    }
    let mut end = HEAD;
    for port in manifest.inputs.iter().chain(&manifest.outputs) {
        let padded = length_of(port, tensors, &symbols).and_then(|n| Some((n, end.checked_add(round_up(n, UNIT)?)?)));
        let Some((length, next)) = padded.filter(|&(_, next)| next <= case.len() as u64) else {
            return Err(format!("has no room for \"{}\"", port.name));
        };
        if !case.get((end + length) as usize..next as usize).is_some_and(all_zero) {
            return Err(format!("the padding behind \"{}\" is not zero", port.name));
        }
        end = next;
    }
    if end != case.len() as u64 {
        return Err(format!("{} bytes, its values need {end}", case.len()));
    }
    Ok(())
}

fn length_of(port: &Port, tensors: &[Tensor], symbols: &[u32]) -> Option<u64> {
    tensors.get(port.tensor as usize)?.bytes(symbols)
}

fn padding(length: u64) -> usize {
    (length.wrapping_neg() % UNIT) as usize
}
