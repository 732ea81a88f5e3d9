//! The plain kernels: they say what the others must give.

use super::{Kernels, LANES, Output, Product};
use crate::math;

pub(crate) static KERNELS: Kernels = Kernels { product, softmax };

/// Rows times a P16 matrix, plus bias, activated.
pub(crate) fn product(p: &Product<'_>, out: &mut Output<'_>) {
    for (row, x) in p.x.chunks_exact(p.depth).take(p.rows).enumerate() {
        for (panel, weights) in p.panels.chunks_exact(p.depth * LANES).take(p.panel_count()).enumerate() {
            let mut sums = [0.0f32; LANES];
            for (&x, weights) in x.iter().zip(weights.chunks_exact(LANES)) {
                for (sum, &w) in sums.iter_mut().zip(weights) {
                    *sum = if p.separate { x * w + *sum } else { libm::fmaf(x, w, *sum) };
                }
            }
            p.store(row, panel, &sums, out);
        }
    }
}

/// e = exp(x − max), then e·(1/Σe), in place.
pub(crate) fn softmax(row: &mut [f32]) {
    let greatest = greatest(row);
    row.iter_mut().for_each(|v| *v = math::exp(*v - greatest));
    let factor = 1.0 / math::finish_sum16([0.0; LANES], row, 0);
    row.iter_mut().for_each(|v| *v *= factor);
}

/// The greatest value, by [`math::max`] from the first on.
pub(crate) fn greatest(row: &[f32]) -> f32 {
    row.iter().copied().reduce(math::max).unwrap_or(0.0)
}
