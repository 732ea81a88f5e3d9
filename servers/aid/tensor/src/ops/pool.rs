//! MaxPool: for each window the greatest real tap, taps taken down and right, padding left out.

use crate::math;
use waymodel::Shape;
use waymodel::op::Window;

/// A pooling op's sizes in this run, in elements.
pub(crate) struct Sizes {
    batch: usize,
    input: [usize; 2],
    output: [usize; 2],
    channels: usize,
}

impl Sizes {
    pub fn new(x: &Shape, y: &Shape, dims: &[u32]) -> Option<Self> {
        let (&batch, rest) = x.dims().split_first()?;
        let [height, width, channels] = Shape::new(rest).fixed::<3>()?.map(|n| n as usize);
        let [out_height, out_width, _] = Shape::new(y.dims().get(1..)?).fixed::<3>()?.map(|n| n as usize);
        let batch = batch.value(dims) as usize;
        Some(Self { batch, input: [height, width], output: [out_height, out_width], channels })
    }
}

pub(crate) fn max(window: &Window, sizes: &Sizes, x: &[f32], out: &mut [f32]) -> Option<()> {
    let [height, width] = sizes.output;
    let image = sizes.input[0] * sizes.input[1] * sizes.channels;
    let pixels = out.chunks_exact_mut(sizes.channels).take(sizes.batch * height * width);
    for (pixel, slots) in pixels.enumerate() {
        let (index, y, left) = (pixel / (height * width), pixel / width % height, pixel % width);
        let x = x.get(index * image..(index + 1) * image)?;
        let rows = taps(y, window.stride[0], window.pad[0], window.size[0], sizes.input[0]);
        let mut first = true;
        for row in rows {
            for column in taps(left, window.stride[1], window.pad[1], window.size[1], sizes.input[1]) {
                let from = (row * sizes.input[1] + column) * sizes.channels;
                let values = x.get(from..from + sizes.channels)?;
                if first {
                    slots.copy_from_slice(values);
                } else {
                    slots.iter_mut().zip(values).for_each(|(slot, &v)| *slot = math::max(*slot, v));
                }
                first = false;
            }
        }
    }
    Some(())
}

/// The real positions of a window along one axis.
fn taps(at: usize, stride: u16, pad: u16, size: u16, side: usize) -> core::ops::Range<usize> {
    let start = at * usize::from(stride);
    let end = (start + usize::from(size)).saturating_sub(usize::from(pad)).min(side);
    start.saturating_sub(usize::from(pad))..end
}
