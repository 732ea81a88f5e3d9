//! Tensor records and the placement of weights: rules 13 and 14.

use crate::bytes::{Record, all_zero, part, round_up};
use crate::error::LoadError;
use crate::format::{ALIGN, LARGE, PAGE, TENSOR};
use crate::manifest::Symbol;
use crate::p16;
use crate::shape::{Dim, GREATEST_DIM, MOST_DIMS, MOST_ELEMENTS, Shape};
use crate::strings::Name;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How an element is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DType {
    /// IEEE binary32.
    F32 = 0,
    /// IEEE binary16.
    F16 = 1,
    /// The upper half of a binary32.
    Bf16 = 2,
    /// Signed byte.
    I8 = 3,
    /// Byte.
    U8 = 4,
    /// Signed 32-bit number.
    I32 = 5,
    /// Blocks of 32 signed bytes and a scale.
    Q8_0 = 7,
    /// Blocks of 32 nibbles and a scale.
    Q4_0 = 8,
}

impl DType {
    /// All of them in order of their codes.
    pub const ALL: [Self; 8] =
        [Self::F32, Self::F16, Self::Bf16, Self::I8, Self::U8, Self::I32, Self::Q8_0, Self::Q4_0];

    /// The dtype with this code in a file.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&d| d as u8 == code)
    }

    /// Its name as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }

    /// Bytes of an element in row-major order; `None` for the block types.
    pub const fn bytes(self) -> Option<u64> {
        match self {
            Self::F32 | Self::I32 => Some(4),
            Self::F16 | Self::Bf16 => Some(2),
            Self::I8 | Self::U8 => Some(1),
            Self::Q8_0 | Self::Q4_0 => None,
        }
    }
}

/// What a tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// Lies in DATA.
    Weight = 0,
    /// Comes from the caller.
    Input = 1,
    /// Goes to the caller.
    Output = 2,
    /// Lives between two ops.
    Temporary = 3,
    /// Lives between two runs.
    State = 4,
}

impl Role {
    const ALL: [Self; 5] = [Self::Weight, Self::Input, Self::Output, Self::Temporary, Self::State];

    /// Whether it has a place in the arena.
    pub const fn in_arena(self) -> bool {
        matches!(self, Self::Input | Self::Output | Self::Temporary)
    }
}

/// The order of a tensor's elements in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Layout {
    /// Last dimension fastest.
    RowMajor = 0,
    /// Panels of 16 rows, see [`p16`].
    P16 = 1,
}

/// A tensor of a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    /// Its name in the string table.
    pub name: Name,
    /// Element type.
    pub dtype: DType,
    /// What it is for.
    pub role: Role,
    /// Element order.
    pub layout: Layout,
    /// Dimensions.
    pub shape: Shape,
    /// Weights: offset in DATA, bytes.
    pub offset: u64,
    /// Weights: length in DATA, bytes.
    pub length: u64,
    /// Inputs, outputs, temporaries: offset in the arena, bytes.
    pub arena: u64,
}

impl Tensor {
    /// Bytes of this tensor in DATA (weights) or in memory, with symbols at these values; `None` if it can't be stored so.
    pub fn bytes(&self, symbols: &[u32]) -> Option<u64> {
        if self.layout == Layout::P16 {
            return p16::matrix(&self.shape).and_then(|(rows, columns)| p16::length(self.dtype, rows, columns));
        }
        self.shape.elements(symbols)?.checked_mul(self.dtype.bytes()?)
    }
}

/// Rule 13: every record by itself.
pub(crate) fn read(section: &[u8], strings: &str, symbols: &[Symbol]) -> Result<Vec<Tensor>, LoadError> {
    let mut tensors = Vec::with_capacity(section.len() / TENSOR);
    for (index, record) in section.chunks_exact(TENSOR).enumerate() {
        let name = Name::of_tensor(Record(record));
        let tensor = record_of(Record(record), name, symbols)
            .map_err(|detail| LoadError::bad(13, index, place(index, name, strings), detail))?;
        tensors.push(tensor);
    }
    Ok(tensors)
}

/// A tensor in words, as `tensor 4 "conv2.weight"`.
pub(crate) fn place(index: usize, name: Name, strings: &str) -> String {
    format!("tensor {index} \"{}\"", name.get(strings))
}

fn record_of(record: Record<'_>, name: Name, symbols: &[Symbol]) -> Result<Tensor, String> {
    let dtype = DType::from_code(record.u8(5)).ok_or("unknown dtype")?;
    let role = Role::ALL.get(usize::from(record.u8(6))).copied().ok_or("unknown role")?;
    let layout = match record.u8(7) {
        0 => Layout::RowMajor,
        1 => Layout::P16,
        _ => return Err("unknown layout".into()),
    };
    if !record.is_zero(9, 12) || !record.is_zero(36, 40) || !record.is_zero(56, TENSOR) {
        return Err("reserved bytes are not zero".into());
    }
    let shape = shape_of(record, role, symbols)?;
    let tensor = Tensor { name, dtype, role, layout, shape, offset: record.u64(40), length: record.u64(48), arena: 0 };
    check_kind(&tensor)?;
    Ok(tensor)
}

fn shape_of(record: Record<'_>, role: Role, symbols: &[Symbol]) -> Result<Shape, String> {
    let rank = usize::from(record.u8(8));
    if !(1..=MOST_DIMS).contains(&rank) {
        return Err(format!("rank {rank}, must be 1 to 6"));
    }
    let mut shape = Shape::default();
    for axis in 0..MOST_DIMS {
        let dim = Dim(record.u32(12 + 4 * axis));
        if axis >= rank {
            if dim.0 != 0 {
                return Err("an unused dimension is not zero".into());
            }
            continue;
        }
        match (dim.as_fixed(), dim.as_symbol()) {
            (Some(value), _) if !(1..=GREATEST_DIM).contains(&value) => {
                return Err(format!("dimension {axis} is {value}, must be 1 to 2^24"));
            }
            (_, Some(_)) if !role.in_arena() => return Err(format!("dimension {axis} is a symbol, must be fixed")),
            (_, Some(s)) if s >= symbols.len() => return Err(format!("dimension {axis} is an unknown symbol")),
            _ => shape.push(dim),
        }
    }
    match shape.elements(&greatest(symbols)) {
        Some(n) if n <= MOST_ELEMENTS => Ok(shape),
        _ => Err("more than 2^31 elements".into()),
    }
}

/// What role, dtype, layout, offset and length must have to do with one another.
fn check_kind(tensor: &Tensor) -> Result<(), String> {
    let weight = tensor.role == Role::Weight;
    if !weight && !matches!(tensor.dtype, DType::F32 | DType::I32) {
        return Err(format!("{} is for weights only", tensor.dtype.name()));
    }
    if !weight && (tensor.layout != Layout::RowMajor || tensor.offset != 0 || tensor.length != 0) {
        return Err("layout, offset and length are for weights only".into());
    }
    if weight && tensor.bytes(&[]).is_none() {
        return Err(format!("{} can't be stored in this layout", tensor.dtype.name()));
    }
    Ok(())
}

/// Rule 14: weights follow one another in order of their ids, and what lies between and in them as padding is zero.
pub(crate) fn check_placement(tensors: &[Tensor], data: &[u8], strings: &str) -> Result<(), LoadError> {
    let mut end = 0u64;
    for (index, tensor) in tensors.iter().enumerate().filter(|(_, t)| t.role == Role::Weight) {
        let bad = |detail: String| LoadError::bad(14, index, place(index, tensor.name, strings), detail);
        let needs = tensor.bytes(&[]).unwrap_or(0);
        if tensor.length != needs {
            let detail = format!("{} bytes, its shape needs {needs}", tensor.length);
            return Err(bad(detail).numbers(tensor.length, needs));
        }
        let start = round_up(end, if needs >= LARGE { PAGE } else { ALIGN }).unwrap_or(u64::MAX);
        if tensor.offset != start {
            let detail = format!("lies at {}, must lie at {start}", tensor.offset);
            return Err(bad(detail).numbers(tensor.offset, start));
        }
        let Some(bytes) = part(data, start, needs) else {
            return Err(bad(format!("reaches past DATA's {} bytes", data.len())).numbers(needs, data.len() as u64));
        };
        if !part(data, end, start - end).is_some_and(all_zero) {
            return Err(bad("the padding before it is not zero".into()));
        }
        if tensor.layout == Layout::P16 && !p16::padding_is_zero(tensor.dtype, &tensor.shape, bytes) {
            return Err(bad("the padding rows of its last panel are not zero".into()));
        }
        end = start + needs;
    }
    if end != data.len() as u64 {
        let detail = format!("{} bytes, the last weight ends at {end}", data.len());
        return Err(LoadError::bad(14, tensors.len(), "DATA", detail).numbers(data.len() as u64, end));
    }
    Ok(())
}

/// The greatest value of each symbol; what is beyond four can't be.
pub(crate) fn greatest(symbols: &[Symbol]) -> [u32; 4] {
    let mut values = [0; 4];
    values.iter_mut().zip(symbols).for_each(|(value, symbol)| *value = symbol.max);
    values
}
