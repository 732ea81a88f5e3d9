//! NEON: tiles of up to 6 rows by one panel (24 accumulators of 32 registers), or one row by up to four panels.
//!
//! NEON is part of the aarch64 targets that compile this, so the functions need no runtime check. Every lane does what
//! the reference does, in the same order; only the number of lanes at once differs.

use super::{LANES, Output, Product, reference};
use crate::math;
use core::arch::aarch64::*;

/// Rows that a tile has at most.
const ROWS: usize = 6;
/// Panels that a tile of one row has at most: one row by one panel would wait for each sum.
const PANELS: usize = 4;
/// Vectors of 4 in a panel.
const QUADS: usize = LANES / 4;

/// Rows times a P16 matrix, plus bias, activated.
pub(crate) fn product(p: &Product<'_>, out: &mut Output<'_>) {
    if p.separate { all_tiles::<true>(p, out) } else { all_tiles::<false>(p, out) }
}

fn all_tiles<const SEPARATE: bool>(p: &Product<'_>, out: &mut Output<'_>) {
    let whole = p.rows - p.rows % ROWS;
    let rest = p.rows - whole;
    let mut panel = 0;
    while panel < p.panel_count() {
        let left = p.panel_count() - panel;
        let step = match rest {
            1 if whole == 0 && left >= PANELS => PANELS,
            1 if whole == 0 && left >= 2 => 2,
            _ => 1,
        };
        for row in (0..whole).step_by(ROWS) {
            tile::<ROWS, 1, SEPARATE>(p, row, panel, out);
        }
        match (rest, step) {
            (1, PANELS) => tile::<1, PANELS, SEPARATE>(p, whole, panel, out),
            (1, 2) => tile::<1, 2, SEPARATE>(p, whole, panel, out),
            (1, _) => tile::<1, 1, SEPARATE>(p, whole, panel, out),
            (2, _) => tile::<2, 1, SEPARATE>(p, whole, panel, out),
            (3, _) => tile::<3, 1, SEPARATE>(p, whole, panel, out),
            (4, _) => tile::<4, 1, SEPARATE>(p, whole, panel, out),
            (5, _) => tile::<5, 1, SEPARATE>(p, whole, panel, out),
            _ => {}
        }
        panel += step;
    }
}

/// R rows by P panels from `row` and `panel` on.
#[inline]
fn tile<const R: usize, const P: usize, const SEPARATE: bool>(
    p: &Product<'_>,
    row: usize,
    panel: usize,
    out: &mut Output<'_>,
) {
    let depth = p.depth;
    let x = &p.x[row * depth..(row + R) * depth];
    let w = &p.panels[panel * depth * LANES..(panel + P) * depth * LANES];
    // SAFETY: NEON is part of this target. (The block makes a zero vector.)
    let mut sums = unsafe { [[[vdupq_n_f32(0.0); QUADS]; P]; R] };
    for k in 0..depth {
        // SAFETY: 1. NEON is part of this target. 2. w has P·depth·LANES elements, i < P and k < depth, so 16 elements
        // from (i·depth + k)·LANES on lie in it. 3. x has R·depth elements and r < R. 4. Elements are aligned to 4 bytes,
        // which is what the loads need.
        unsafe {
            let mut weights = [[vdupq_n_f32(0.0); QUADS]; P];
            for (i, quads) in weights.iter_mut().enumerate() {
                for (q, quad) in quads.iter_mut().enumerate() {
                    *quad = vld1q_f32(w.as_ptr().add((i * depth + k) * LANES + 4 * q));
                }
            }
            for (r, row_sums) in sums.iter_mut().enumerate() {
                let value = vdupq_n_f32(*x.as_ptr().add(r * depth + k));
                for (sum, weight) in row_sums.iter_mut().zip(&weights) {
                    for q in 0..QUADS {
                        sum[q] = if SEPARATE {
                            vaddq_f32(vmulq_f32(value, weight[q]), sum[q])
                        } else {
                            vfmaq_f32(sum[q], value, weight[q])
                        };
                    }
                }
            }
        }
    }
    for (r, row_sums) in sums.iter().enumerate() {
        for (i, quads) in row_sums.iter().enumerate() {
            let mut lanes = [0.0f32; LANES];
            for (slot, quad) in lanes.as_chunks_mut::<4>().0.iter_mut().zip(quads) {
                // SAFETY: NEON is part of this target; `slot` has room for one store of 4.
                unsafe { vst1q_f32(slot.as_mut_ptr(), *quad) };
            }
            p.store(row + r, panel + i, &lanes, out);
        }
    }
}

/// e = exp(x − max), then e·(1/Σe), in place.
pub(crate) fn softmax(row: &mut [f32]) {
    let greatest = reference::greatest(row);
    let mut lanes = [0.0f32; LANES];
    let (blocks, tail) = row.as_chunks_mut::<LANES>();
    for block in blocks.iter_mut() {
        let sums = lanes.as_chunks_mut::<4>().0;
        for (quad, sum) in block.as_chunks_mut::<4>().0.iter_mut().zip(sums) {
            // SAFETY: NEON is part of this target; `quad` and `sum` have 4 elements each.
            unsafe {
                let e = exp(vsubq_f32(vld1q_f32(quad.as_ptr()), vdupq_n_f32(greatest)));
                vst1q_f32(quad.as_mut_ptr(), e);
                vst1q_f32(sum.as_mut_ptr(), vaddq_f32(vld1q_f32(sum.as_ptr()), e));
            }
        }
    }
    tail.iter_mut().for_each(|v| *v = math::exp(*v - greatest));
    let factor = 1.0 / math::finish_sum16(lanes, row, row.len() - row.len() % LANES);
    row.iter_mut().for_each(|v| *v *= factor);
}

/// [`math::exp`] in 4 lanes. Multiplications and additions are intrinsics of their own, so nothing is fused.
#[inline]
fn exp(x: float32x4_t) -> float32x4_t {
    // SAFETY: NEON is part of this target.
    unsafe {
        let zero = vcltq_f32(x, vdupq_n_f32(math::EXP_LOW));
        let high = vdupq_n_f32(math::EXP_HIGH);
        // Compare and select, not `vminq`, so that the same lanes are chosen as by the reference.
        let x = vbslq_f32(vcgtq_f32(x, high), high, x);
        let rounder = vdupq_n_f32(math::ROUNDER);
        let shifted = vaddq_f32(vmulq_f32(x, vdupq_n_f32(math::LOG2_E)), rounder);
        let n = vsubq_f32(shifted, rounder);
        let r = vsubq_f32(x, vmulq_f32(n, vdupq_n_f32(math::LN2_HIGH)));
        let r = vsubq_f32(r, vmulq_f32(n, vdupq_n_f32(math::LN2_LOW)));
        let mut p = vdupq_n_f32(math::EXP[0]);
        for &c in &math::EXP[1..] {
            p = vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(c));
        }
        let mantissa = vaddq_f32(vmulq_f32(vmulq_f32(p, r), r), r);
        let mantissa = vaddq_f32(mantissa, vdupq_n_f32(1.0));
        let bias = vdupq_n_u32(127u32.wrapping_sub(math::ROUNDER.to_bits()));
        let exponent = vshlq_n_u32::<23>(vaddq_u32(vreinterpretq_u32_f32(shifted), bias));
        let value = vmulq_f32(mantissa, vreinterpretq_f32_u32(exponent));
        vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(value), zero))
    }
}
