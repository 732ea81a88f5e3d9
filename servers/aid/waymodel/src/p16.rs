//! Layout P16: a matrix of N rows and K columns as panels of 16 rows, so that a kernel reads one run of memory.
//!
//! Panel p holds rows 16p to 16p+15, rows from N on are zero. In f32, f16 and bf16 a panel is, for each column k, the 16
//! rows' elements side by side; the block types hold 32 columns and then the 16 rows' scales.

use crate::shape::Shape;
use crate::tensors::DType;
use alloc::vec;
use alloc::vec::Vec;

/// Rows of a panel.
pub const ROWS: usize = 16;
/// Columns of a block of the block types.
const BLOCK: u64 = 32;

/// Rows and columns of a matrix with this shape: `[N,K]`, or a convolution's `[N,kh,kw,C]` with K = kh·kw·C.
pub fn matrix(shape: &Shape) -> Option<(u64, u64)> {
    let (rows, columns) = shape.dims().split_first()?;
    if columns.len() != 1 && columns.len() != 3 {
        return None;
    }
    let columns = columns.iter().try_fold(1u64, |k, dim| k.checked_mul(dim.as_fixed()?.into()))?;
    Some((rows.as_fixed()?.into(), columns))
}

/// Bytes of the matrix in this layout; `None` for dtypes that it doesn't know.
pub fn length(dtype: DType, rows: u64, columns: u64) -> Option<u64> {
    let panels = rows.div_ceil(ROWS as u64);
    let blocks = columns.div_ceil(BLOCK);
    let panel = match dtype {
        DType::F32 => columns.checked_mul(64)?,
        DType::F16 | DType::Bf16 => columns.checked_mul(32)?,
        DType::Q8_0 => blocks.checked_mul(576)?,
        DType::Q4_0 => blocks.checked_mul(320)?,
        DType::I8 | DType::U8 | DType::I32 => return None,
    };
    panels.checked_mul(panel)
}

/// Packs a row-major f32 matrix. Missing elements are taken as 0.
pub fn pack(rows: usize, columns: usize, values: &[f32]) -> Vec<f32> {
    let mut packed = vec![0.0; rows.div_ceil(ROWS) * ROWS * columns];
    if columns == 0 {
        return packed;
    }
    for (panel_index, panel) in packed.chunks_exact_mut(ROWS * columns).enumerate() {
        for (k, lanes) in panel.chunks_exact_mut(ROWS).enumerate() {
            for (lane, slot) in lanes.iter_mut().enumerate() {
                let row = ROWS * panel_index + lane;
                if row < rows {
                    *slot = values.get(row * columns + k).copied().unwrap_or(0.0);
                }
            }
        }
    }
    packed
}

/// Whether the rows from N on are zero. The block types' padding is checked with their kernels, which come later.
pub(crate) fn padding_is_zero(dtype: DType, shape: &Shape, bytes: &[u8]) -> bool {
    let size = match dtype {
        DType::F32 => 4,
        DType::F16 | DType::Bf16 => 2,
        _ => return true,
    };
    let Some((rows, columns)) = matrix(shape) else { return false };
    let used = (rows % ROWS as u64) as usize;
    if used == 0 {
        return true;
    }
    let panel = columns as usize * ROWS * size;
    let last = bytes.len().checked_sub(panel).and_then(|start| bytes.get(start..)).unwrap_or(&[]);
    last.chunks_exact(ROWS * size).all(|lanes| lanes.get(used * size..).is_some_and(crate::bytes::all_zero))
}
