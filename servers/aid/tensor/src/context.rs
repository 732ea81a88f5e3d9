//! A Context: memory and limits of the runs of one model.
//!
//! ```text
//! new: limits checked, memory sized ──> run: in use ──> idle ──> run ...
//!                                        copy in, ops, outputs checked, copy out
//! ```
//!
//! Inputs are copied in before they are used and outputs out after they were checked, so what another process writes into
//! shared memory meanwhile does not matter. A run allocates nothing. Without state tensors (all models of this release)
//! nothing of a run stays for the next one.

use crate::error::RunError;
use crate::memory::floats;
use crate::ops::{Run, range_of, scratch_bytes};
use crate::variant::Variant;
use waymodel::manifest::Port;
use waymodel::{DType, Model};

/// Memory that a Context needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// For tensors, as the model's plan says.
    pub arena: u64,
    /// For kernels.
    pub scratch: u64,
}

impl Needs {
    /// What this model's Contexts need.
    pub fn of<B>(model: &Model<B>) -> Self {
        Self { arena: model.totals().arena, scratch: scratch_bytes(model).unwrap_or(u64::MAX) }
    }

    /// Bytes in all.
    pub fn total(&self) -> u64 {
        self.arena.saturating_add(self.scratch)
    }
}

/// A model's memory, of type `A`, for one run at a time.
#[derive(Debug)]
pub struct Context<A> {
    root: [u8; 32],
    variant: Variant,
    greatest: [u32; 4],
    needs: Needs,
    memory: A,
}

impl<A: AsMut<[u8]>> Context<A> {
    /// A Context for symbols up to `dims` (0: up to the model's own greatest value). `memory` must have
    /// [`Needs::total`] bytes and start at a multiple of 4; of 64 is faster.
    pub fn new<B>(model: &Model<B>, dims: [u32; 4], variant: Variant, mut memory: A) -> Result<Self, RunError> {
        let mut greatest = model.greatest();
        for (index, (slot, dim)) in greatest.iter_mut().zip(dims).enumerate().filter(|(_, (_, dim))| *dim != 0) {
            let least = model.manifest().symbols.get(index).map_or(u32::MAX, |s| s.min);
            if dim > *slot || dim < least {
                return Err(RunError::Dimension { symbol: index as u32, have: dim, most: *slot });
            }
            *slot = dim;
        }
        let needs = Needs::of(model);
        let bytes = memory.as_mut();
        if (bytes.len() as u64) < needs.total() {
            return Err(RunError::Memory { have: bytes.len() as u64, need: needs.total() });
        }
        if bytes.as_ptr().align_offset(4) != 0 {
            return Err(RunError::Misaligned);
        }
        Ok(Self { root: *model.root(), variant, greatest, needs, memory })
    }

    /// Runs the model with the symbols at `dims` (0 for those it doesn't have). Inputs and outputs are raw row-major
    /// values in manifest order; an empty output is not wanted. On an error no output was changed.
    pub fn run<B: AsRef<[u8]>>(
        &mut self,
        model: &Model<B>,
        dims: [u32; 4],
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
    ) -> Result<(), RunError> {
        if *model.root() != self.root {
            return Err(RunError::OtherModel);
        }
        if model.file().as_ptr().align_offset(4) != 0 {
            return Err(RunError::Misaligned);
        }
        self.check_dims(model, dims)?;
        check_sizes(model, dims, inputs, outputs)?;
        let kernels = self.variant.kernels();
        let (arena, scratch) = self.parts()?;
        for (port, input) in model.manifest().inputs.iter().zip(inputs) {
            tensor_mut(model, port, &dims, arena).ok_or(RunError::Broken { op: 0 })?.copy_from_slice(input);
        }
        let run = Run { model, kernels, dims: &dims };
        for (index, op) in model.graph().iter().enumerate() {
            run.op(op, arena, scratch).ok_or(RunError::Broken { op: index as u32 })?;
        }
        check_finite(model, &dims, arena)?;
        for (port, output) in model.manifest().outputs.iter().zip(outputs).filter(|(_, o)| !o.is_empty()) {
            let value = tensor_mut(model, port, &dims, arena).ok_or(RunError::Broken { op: 0 })?;
            output.copy_from_slice(value);
        }
        Ok(())
    }

    /// What it runs with.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// The symbols' greatest values.
    pub fn greatest(&self) -> [u32; 4] {
        self.greatest
    }

    /// Gives the memory back.
    pub fn into_memory(self) -> A {
        self.memory
    }

    fn check_dims<B>(&self, model: &Model<B>, dims: [u32; 4]) -> Result<(), RunError> {
        for (index, (have, most)) in dims.into_iter().zip(self.greatest).enumerate() {
            let least = model.manifest().symbols.get(index).map_or(0, |s| s.min);
            if have < least || have > most {
                return Err(RunError::Dimension { symbol: index as u32, have, most });
            }
        }
        Ok(())
    }

    /// Arena and scratch. The memory's size was checked at the start; if it shrank since, this says so.
    fn parts(&mut self) -> Result<(&mut [u8], &mut [u8]), RunError> {
        let Needs { arena, scratch } = self.needs;
        let bytes = self.memory.as_mut();
        let short = RunError::Memory { have: bytes.len() as u64, need: arena.saturating_add(scratch) };
        let (arena, rest) = bytes.split_at_mut_checked(arena as usize).ok_or(short)?;
        Ok((arena, rest.get_mut(..scratch as usize).ok_or(short)?))
    }
}

/// The bytes of a port's tensor in the arena.
fn tensor_mut<'a, B>(model: &Model<B>, port: &Port, dims: &[u32], arena: &'a mut [u8]) -> Option<&'a mut [u8]> {
    arena.get_mut(range_of(model.tensor(port.tensor)?, dims)?)
}

/// As many inputs and outputs as the model has, each of its tensor's size.
fn check_sizes<B>(
    model: &Model<B>,
    dims: [u32; 4],
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
) -> Result<(), RunError> {
    let manifest = model.manifest();
    for (have, need) in [(inputs.len(), manifest.inputs.len()), (outputs.len(), manifest.outputs.len())] {
        if have != need {
            return Err(RunError::Shape { port: need as u32, have: have as u64, need: need as u64 });
        }
    }
    let given = inputs.iter().map(|i| (i.len(), false)).chain(outputs.iter().map(|o| (o.len(), o.is_empty())));
    let ports = manifest.inputs.iter().chain(&manifest.outputs);
    for (index, (port, (have, unwanted))) in ports.zip(given).enumerate() {
        let need = model.tensor(port.tensor).and_then(|t| t.bytes(&dims)).unwrap_or(u64::MAX);
        if !unwanted && have as u64 != need {
            return Err(RunError::Shape { port: index as u32, have: have as u64, need });
        }
    }
    Ok(())
}

/// No infinity and no NaN in any f32 output, wanted or not.
fn check_finite<B>(model: &Model<B>, dims: &[u32], arena: &[u8]) -> Result<(), RunError> {
    for (index, port) in model.manifest().outputs.iter().enumerate() {
        let tensor = model.tensor(port.tensor).filter(|t| t.dtype == DType::F32);
        let Some(range) = tensor.and_then(|t| range_of(t, dims)) else { continue };
        let values = arena.get(range).and_then(floats).unwrap_or(&[]);
        if !values.iter().all(|v| v.is_finite()) {
            return Err(RunError::NonFinite { output: index as u32 });
        }
    }
    Ok(())
}
