//! Operators over a Context's memory. An op finds its tensors, takes them as slices, and calls a kernel.
//!
//! `None` means that op and tensors don't fit one another, which the loader's rules exclude.

mod conv;
mod pool;

use crate::kernel::{Kernels, Output, Product};
use crate::math;
use crate::memory::{Source, floats, floats_mut, ints_mut, split};
use core::ops::Range;
use waymodel::op::{Activation, Attributes};
use waymodel::{Model, Op, Opcode, Tensor};

pub(crate) use conv::scratch_bytes;

/// What an op needs besides its record.
pub(crate) struct Run<'a, B> {
    pub model: &'a Model<B>,
    pub kernels: &'static Kernels,
    /// The symbols' values in this run.
    pub dims: &'a [u32],
}

impl<B: AsRef<[u8]>> Run<'_, B> {
    /// Computes one op.
    pub fn op(&self, op: &Op, arena: &mut [u8], scratch: &mut [u8]) -> Option<()> {
        let x = self.model.tensor(*op.inputs().first()?)?;
        let y = self.model.tensor(op.output())?;
        let (source, out) = split(arena, self.range(x)?, self.range(y)?)?;
        match (op.code, op.attributes) {
            (Opcode::Linear, Attributes::Linear(act)) => {
                self.linear(op, act, floats(apart(source)?)?, floats_mut(out)?)
            }
            (Opcode::Conv2d, Attributes::Conv(conv)) => {
                let sizes = conv::Sizes::new(&conv, &x.shape, &y.shape, self.dims)?;
                let (x, out) = (floats(apart(source)?)?, floats_mut(out)?);
                conv::run(self, op, &conv, &sizes, x, out, floats_mut(scratch)?)
            }
            (Opcode::MaxPool, Attributes::Pool(window)) => {
                let sizes = pool::Sizes::new(&x.shape, &y.shape, self.dims)?;
                pool::max(&window, &sizes, floats(apart(source)?)?, floats_mut(out)?)
            }
            (Opcode::Relu, _) => {
                let out = floats_mut(take(source, out)?)?;
                out.iter_mut().for_each(|v| *v = math::max(*v, 0.0));
                Some(())
            }
            (Opcode::Softmax, _) => {
                let out = floats_mut(take(source, out)?)?;
                out.chunks_exact_mut(last(x)?).for_each(self.kernels.softmax);
                Some(())
            }
            (Opcode::ArgMax, _) => {
                let rows = floats(apart(source)?)?.chunks_exact(last(x)?);
                ints_mut(out)?.iter_mut().zip(rows).for_each(|(slot, row)| *slot = arg_max(row));
                Some(())
            }
            (Opcode::Reshape | Opcode::Flatten, _) => take(source, out).map(|_| ()),
            _ => None,
        }
    }

    fn linear(&self, op: &Op, act: Activation, x: &[f32], out: &mut [f32]) -> Option<()> {
        let [columns, depth] = self.matrix(op)?.shape.fixed::<2>()?.map(|n| n as usize);
        let rows = x.len() / depth;
        let product = self.product(op, x, rows, depth, 0..columns)?.with_activation(act);
        (self.kernels.product)(&product, &mut Output::new(out, rows, columns, columns)?);
        Some(())
    }

    /// Rows of `x` times these rows of the op's matrix, with its bias.
    fn product<'a>(
        &'a self,
        op: &Op,
        x: &'a [f32],
        rows: usize,
        depth: usize,
        columns: Range<usize>,
    ) -> Option<Product<'a>> {
        let weights = |position: usize| floats(self.model.weight(*op.inputs().get(position)?)?);
        let panels = weights(1)?.get(columns.start * depth..)?;
        let bias = match op.inputs().get(2) {
            Some(_) => Some(weights(2)?.get(columns.clone())?),
            None => None,
        };
        let product = Product::new(x, panels, rows, depth, columns.len())?.with_bias(bias)?;
        Some(product.with_separate(op.separate))
    }

    fn matrix(&self, op: &Op) -> Option<&Tensor> {
        self.model.tensor(*op.inputs().get(1)?)
    }

    /// Where a tensor lies in the arena in this run.
    fn range(&self, tensor: &Tensor) -> Option<Range<usize>> {
        range_of(tensor, self.dims)
    }
}

/// Where a tensor lies in the arena when the symbols have these values.
pub(crate) fn range_of(tensor: &Tensor, dims: &[u32]) -> Option<Range<usize>> {
    let start = usize::try_from(tensor.arena).ok()?;
    let length = usize::try_from(tensor.bytes(dims)?).ok()?;
    Some(start..start.checked_add(length)?)
}

/// The input of an op that can't work in place.
fn apart(source: Source<'_>) -> Option<&[u8]> {
    match source {
        Source::Apart(bytes) => Some(bytes),
        Source::Same => None,
    }
}

/// The output of an op that works in place, holding its input.
fn take<'a>(source: Source<'_>, out: &'a mut [u8]) -> Option<&'a mut [u8]> {
    if let Source::Apart(bytes) = source {
        out.get_mut(..bytes.len())?.copy_from_slice(bytes);
    }
    Some(out)
}

/// The last dimension, which is fixed and at least 1.
fn last(tensor: &Tensor) -> Option<usize> {
    let (dim, _) = tensor.shape.split_last()?;
    dim.as_fixed().map(|n| n as usize).filter(|&n| n > 0)
}

/// The index of the greatest value, the lowest on ties.
fn arg_max(row: &[f32]) -> i32 {
    let mut best = (0, row.first().copied().unwrap_or(0.0));
    for (index, &value) in row.iter().enumerate().skip(1) {
        if value > best.1 {
            best = (index, value);
        }
    }
    i32::try_from(best.0).unwrap_or(i32::MAX)
}
