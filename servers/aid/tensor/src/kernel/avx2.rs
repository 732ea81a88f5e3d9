//! AVX2 and FMA: tiles of up to 6 rows by one panel (12 accumulators of 16 registers), or one row by up to four panels.
//!
//! Every lane does what the reference does, in the same order; only the number of lanes at once differs.

use super::{LANES, Output, Product, reference};
use crate::math;
use core::arch::x86_64::*;

/// Rows that a tile has at most.
const ROWS: usize = 6;
/// Panels that a tile of one row has at most: one row by one panel would wait for each sum.
const PANELS: usize = 4;

/// Rows times a P16 matrix, plus bias, activated.
#[target_feature(enable = "avx2,fma")]
pub(crate) fn product(p: &Product<'_>, out: &mut Output<'_>) {
    if p.separate { all_tiles::<true>(p, out) } else { all_tiles::<false>(p, out) }
}

#[target_feature(enable = "avx2,fma")]
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
#[target_feature(enable = "avx2,fma")]
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
    let mut sums = [[[_mm256_setzero_ps(); 2]; P]; R];
    for k in 0..depth {
        let mut weights = [[_mm256_setzero_ps(); 2]; P];
        for (i, halves) in weights.iter_mut().enumerate() {
            // SAFETY: w has P·depth·LANES elements, i < P and k < depth, so 16 elements from (i·depth + k)·LANES on lie
            // in it. Unaligned loads are used.
            unsafe {
                let from = w.as_ptr().add((i * depth + k) * LANES);
                *halves = [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))];
            }
        }
        for (r, row_sums) in sums.iter_mut().enumerate() {
            // SAFETY: x has R·depth elements, r < R and k < depth.
            let value = _mm256_set1_ps(unsafe { *x.as_ptr().add(r * depth + k) });
            for (sum, weight) in row_sums.iter_mut().zip(&weights) {
                for half in 0..2 {
                    sum[half] = if SEPARATE {
                        _mm256_add_ps(_mm256_mul_ps(value, weight[half]), sum[half])
                    } else {
                        _mm256_fmadd_ps(value, weight[half], sum[half])
                    };
                }
            }
        }
    }
    for (r, row_sums) in sums.iter().enumerate() {
        for (i, halves) in row_sums.iter().enumerate() {
            let mut lanes = [0.0f32; LANES];
            // SAFETY: `lanes` has room for two stores of 8.
            unsafe {
                _mm256_storeu_ps(lanes.as_mut_ptr(), halves[0]);
                _mm256_storeu_ps(lanes.as_mut_ptr().add(8), halves[1]);
            }
            p.store(row + r, panel + i, &lanes, out);
        }
    }
}

/// e = exp(x − max), then e·(1/Σe), in place.
#[target_feature(enable = "avx2,fma")]
pub(crate) fn softmax(row: &mut [f32]) {
    let greatest = reference::greatest(row);
    let mut sums = [_mm256_setzero_ps(); 2];
    let (blocks, tail) = row.as_chunks_mut::<LANES>();
    for block in blocks.iter_mut() {
        for (half, sum) in block.as_chunks_mut::<8>().0.iter_mut().zip(&mut sums) {
            // SAFETY: the half has 8 elements, for one unaligned load and one store.
            unsafe {
                let e = exp(_mm256_sub_ps(_mm256_loadu_ps(half.as_ptr()), _mm256_set1_ps(greatest)));
                _mm256_storeu_ps(half.as_mut_ptr(), e);
                *sum = _mm256_add_ps(*sum, e);
            }
        }
    }
    tail.iter_mut().for_each(|v| *v = math::exp(*v - greatest));
    let mut lanes = [0.0f32; LANES];
    // SAFETY: `lanes` has room for two stores of 8.
    unsafe {
        _mm256_storeu_ps(lanes.as_mut_ptr(), sums[0]);
        _mm256_storeu_ps(lanes.as_mut_ptr().add(8), sums[1]);
    }
    let factor = 1.0 / math::finish_sum16(lanes, row, row.len() - row.len() % LANES);
    row.iter_mut().for_each(|v| *v *= factor);
}

/// [`math::exp`] in 8 lanes. Multiplications and additions are intrinsics of their own, so nothing is fused.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn exp(x: __m256) -> __m256 {
    let zero = _mm256_cmp_ps::<_CMP_LT_OQ>(x, _mm256_set1_ps(math::EXP_LOW));
    // Operands in this order keep a NaN in x: the second one is given when they can't be compared.
    let x = _mm256_min_ps(_mm256_set1_ps(math::EXP_HIGH), x);
    let rounder = _mm256_set1_ps(math::ROUNDER);
    let shifted = _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(math::LOG2_E)), rounder);
    let n = _mm256_sub_ps(shifted, rounder);
    let r = _mm256_sub_ps(x, _mm256_mul_ps(n, _mm256_set1_ps(math::LN2_HIGH)));
    let r = _mm256_sub_ps(r, _mm256_mul_ps(n, _mm256_set1_ps(math::LN2_LOW)));
    let mut p = _mm256_set1_ps(math::EXP[0]);
    for &c in &math::EXP[1..] {
        p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(c));
    }
    let mantissa = _mm256_add_ps(_mm256_mul_ps(_mm256_mul_ps(p, r), r), r);
    let mantissa = _mm256_add_ps(mantissa, _mm256_set1_ps(1.0));
    let bias = _mm256_set1_epi32(127i32.wrapping_sub(math::ROUNDER.to_bits() as i32));
    let exponent = _mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_castps_si256(shifted), bias));
    _mm256_andnot_ps(zero, _mm256_mul_ps(mantissa, _mm256_castsi256_ps(exponent)))
}
