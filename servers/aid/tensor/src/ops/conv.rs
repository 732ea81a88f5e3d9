//! Conv2d: patches are gathered into scratch, a few rows at a time, and multiplied like Linear's rows.
//!
//! Taps in the padding are zeros that take part in the sum: leaving them out could change the sign of a zero.

use super::Run;
use crate::kernel::Output;
use waymodel::op::{Attributes, Conv};
use waymodel::{Model, Op, Shape, p16};

/// Patches that are gathered at once: two of the widest kernel tiles.
const PATCHES: usize = 12;

/// A convolution's sizes in this run, in elements.
pub(crate) struct Sizes {
    batch: usize,
    input: [usize; 3],
    output: [usize; 3],
    /// Channels of the input that a group reads.
    group: usize,
}

impl Sizes {
    pub fn new(conv: &Conv, x: &Shape, y: &Shape, dims: &[u32]) -> Option<Self> {
        let (&batch, rest) = x.dims().split_first()?;
        let input = Shape::new(rest).fixed::<3>()?.map(|n| n as usize);
        let output = Shape::new(y.dims().get(1..)?).fixed::<3>()?.map(|n| n as usize);
        let groups = usize::from(conv.groups);
        (groups > 0).then(|| Self { batch: batch.value(dims) as usize, input, output, group: input[2] / groups })
    }
}

/// Scratch that the model's convolutions need, in bytes.
pub(crate) fn scratch_bytes<B>(model: &Model<B>) -> Option<u64> {
    let mut most = 0;
    for op in model.graph() {
        if let (Attributes::Conv(_), Some(&matrix)) = (op.attributes, op.inputs().get(1)) {
            let (_, depth) = p16::matrix(&model.tensor(matrix)?.shape)?;
            most = depth.checked_mul(4 * PATCHES as u64)?.max(most);
        }
    }
    Some(most)
}

pub(crate) fn run<B: AsRef<[u8]>>(
    run: &Run<'_, B>,
    op: &Op,
    conv: &Conv,
    sizes: &Sizes,
    x: &[f32],
    out: &mut [f32],
    scratch: &mut [f32],
) -> Option<()> {
    let [height, width, columns] = sizes.output;
    let depth = usize::from(conv.window.size[0]) * usize::from(conv.window.size[1]) * sizes.group;
    let per_group = columns / usize::from(conv.groups);
    let total = sizes.batch * height * width;
    for first in (0..total).step_by(PATCHES) {
        let rows = PATCHES.min(total - first);
        for group in 0..usize::from(conv.groups) {
            let patches = scratch.get_mut(..rows * depth)?;
            for (row, patch) in patches.chunks_exact_mut(depth).enumerate() {
                gather(conv, sizes, x, first + row, group, patch)?;
            }
            let column = group * per_group;
            let product = run.product(op, patches, rows, depth, column..column + per_group)?;
            let out = out.get_mut(first * columns + column..)?;
            let mut out = Output::new(out, rows, per_group, columns)?;
            (run.kernels.product)(&product.with_activation(conv.act), &mut out);
        }
    }
    Some(())
}

/// Copies the taps of output pixel `pixel` (counted over the batch) into `patch`, zeros where they lie in the padding.
fn gather(conv: &Conv, sizes: &Sizes, x: &[f32], pixel: usize, group: usize, patch: &mut [f32]) -> Option<()> {
    let [in_height, in_width, channels] = sizes.input;
    let [height, width, _] = sizes.output;
    let (image, y, left) = (pixel / (height * width), pixel / width % height, pixel % width);
    let [rows, taps] = conv.window.size.map(usize::from);
    let [down, right] = conv.window.stride.map(usize::from);
    let [step_down, step_right] = conv.dilation.map(usize::from);
    let [pad_top, pad_left, ..] = conv.window.pad.map(usize::from);
    let mut slots = patch.chunks_exact_mut(sizes.group);
    for row in 0..rows {
        let line = (y * down + row * step_down).checked_sub(pad_top).filter(|&line| line < in_height);
        for tap in 0..taps {
            let slot = slots.next()?;
            let column = (left * right + tap * step_right).checked_sub(pad_left).filter(|&column| column < in_width);
            match line.zip(column) {
                Some((line, column)) => {
                    let from = ((image * in_height + line) * in_width + column) * channels + group * sizes.group;
                    slot.copy_from_slice(x.get(from..from + sizes.group)?);
                }
                None => slot.fill(0.0),
            }
        }
    }
    Some(())
}
