//! The inner loops, in variants that give the same bits.
//!
//! A variant is a table of functions. The vector ones may run only where the processor has their instructions; a
//! [`Variant`](crate::Variant) is the proof of that, and this module hands the tables out to it alone.
#![allow(unsafe_code)] // Vector intrinsics; each block states its reasons.

pub mod reference;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod cpuid;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub mod neon;

use waymodel::op::Activation;

/// Rows of a panel of the weight layout P16.
pub const LANES: usize = waymodel::p16::ROWS;

/// The functions of a variant.
pub(crate) struct Kernels {
    /// Rows times a P16 matrix, plus bias, activated.
    pub product: fn(&Product<'_>, &mut Output<'_>),
    /// Softmax of one row, in place.
    pub softmax: fn(&mut [f32]),
}

/// Rows of x times a P16 matrix. The constructor checks that the slices are long enough, the kernels rely on it.
pub struct Product<'a> {
    x: &'a [f32],
    panels: &'a [f32],
    bias: Option<&'a [f32]>,
    rows: usize,
    depth: usize,
    columns: usize,
    act: Activation,
    separate: bool,
}

/// Where a product goes: row r at `stride`·r.
pub struct Output<'a> {
    values: &'a mut [f32],
    stride: usize,
}

impl<'a> Product<'a> {
    /// `rows` rows of `depth` elements in `x`, times a matrix of `columns` rows in `panels`.
    pub fn new(x: &'a [f32], panels: &'a [f32], rows: usize, depth: usize, columns: usize) -> Option<Self> {
        let panel = depth.checked_mul(LANES)?;
        let fits = x.len() >= rows.checked_mul(depth)?
            && panels.len() >= columns.div_ceil(LANES).checked_mul(panel)?
            && depth > 0;
        fits.then_some(Self { x, panels, bias: None, rows, depth, columns, act: Activation::None, separate: false })
    }

    /// With a bias of one element a column; `None` if it has fewer.
    pub fn with_bias(self, bias: Option<&'a [f32]>) -> Option<Self> {
        let fits = bias.is_none_or(|b| b.len() >= self.columns);
        fits.then_some(Self { bias, ..self })
    }

    /// With this activation behind the bias.
    pub fn with_activation(self, act: Activation) -> Self {
        Self { act, ..self }
    }

    /// With products rounded before they are added.
    pub fn with_separate(self, separate: bool) -> Self {
        Self { separate, ..self }
    }

    /// One row's 16 sums of a panel: bias, activation, and out. `#[inline(always)]`, so that it is compiled with the
    /// caller's vector instructions.
    #[inline(always)]
    fn store(&self, row: usize, panel: usize, sums: &[f32; LANES], out: &mut Output<'_>) {
        let first = panel * LANES;
        let count = LANES.min(self.columns - first);
        let start = row * out.stride + first;
        let slots = &mut out.values[start..start + count];
        match self.bias {
            Some(bias) => {
                let bias = &bias[first..first + count];
                slots.iter_mut().zip(sums).zip(bias).for_each(|((slot, sum), b)| *slot = sum + b);
            }
            None => slots.copy_from_slice(&sums[..count]),
        }
        if self.act == Activation::Relu {
            slots.iter_mut().for_each(|v| *v = crate::math::max(*v, 0.0));
        }
    }

    fn panel_count(&self) -> usize {
        self.columns.div_ceil(LANES)
    }
}

impl<'a> Output<'a> {
    /// Room for `rows` rows of `columns` values, `stride` apart; `None` if `values` is too short for that.
    pub fn new(values: &'a mut [f32], rows: usize, columns: usize, stride: usize) -> Option<Self> {
        let end = rows.checked_sub(1)?.checked_mul(stride)?.checked_add(columns)?;
        (end <= values.len() && columns <= stride).then_some(Self { values, stride })
    }
}

/// Whether the processor and the kernel's saved state have AVX2 and FMA.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) fn has_avx2() -> bool {
    cpuid::has_avx2_fma()
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) fn avx2_kernels() -> &'static Kernels {
    static KERNELS: Kernels = Kernels {
        // SAFETY: 1. This table goes to holders of `Variant` alone. 2. A `Variant` of this kind exists only after
        // `has_avx2` said that AVX2 and FMA are there.
        product: |p, out| unsafe { avx2::product(p, out) },
        // SAFETY: as above.
        softmax: |row| unsafe { avx2::softmax(row) },
    };
    &KERNELS
}

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub(crate) fn neon_kernels() -> &'static Kernels {
    static KERNELS: Kernels = Kernels { product: neon::product, softmax: neon::softmax };
    &KERNELS
}
