//! Shapes: up to six dimensions, each a number or a symbol whose value comes at run time.

use crate::manifest::Symbol;
use core::fmt;

/// Most dimensions of a tensor.
pub const MOST_DIMS: usize = 6;
/// Greatest fixed dimension.
pub const GREATEST_DIM: u32 = 1 << 24;
/// Most elements of a tensor at maximal dimensions.
pub const MOST_ELEMENTS: u64 = 1 << 31;
const SYMBOL_BIT: u32 = 0x8000_0000;

/// One dimension, in the file's form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dim(pub u32);

impl Dim {
    /// A dimension that never changes.
    pub const fn fixed(value: u32) -> Self {
        Self(value)
    }

    /// The symbol with this index.
    pub const fn symbol(index: u32) -> Self {
        Self(index | SYMBOL_BIT)
    }

    /// Its value if it is fixed.
    pub const fn as_fixed(self) -> Option<u32> {
        if self.0 & SYMBOL_BIT == 0 { Some(self.0) } else { None }
    }

    /// The symbol's index if it is one.
    pub const fn as_symbol(self) -> Option<usize> {
        if self.0 & SYMBOL_BIT == 0 { None } else { Some((self.0 & !SYMBOL_BIT) as usize) }
    }

    /// Its value when the symbols have these values. A symbol that isn't there is 0.
    pub fn value(self, symbols: &[u32]) -> u32 {
        match self.as_symbol() {
            None => self.0,
            Some(index) => symbols.get(index).copied().unwrap_or(0),
        }
    }
}

/// The dimensions of a tensor, slowest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shape {
    rank: u8,
    dims: [Dim; MOST_DIMS],
}

impl Shape {
    /// A shape of these dimensions; what is beyond six is dropped.
    pub fn new(dims: &[Dim]) -> Self {
        let mut shape = Self::default();
        dims.iter().for_each(|&dim| shape.push(dim));
        shape
    }

    /// The dimensions.
    pub fn dims(&self) -> &[Dim] {
        self.dims.get(..usize::from(self.rank)).unwrap_or(&[])
    }

    /// How many dimensions there are.
    pub fn rank(&self) -> usize {
        self.rank.into()
    }

    /// The last dimension and those before it.
    pub fn split_last(&self) -> Option<(Dim, &[Dim])> {
        self.dims().split_last().map(|(&last, lead)| (last, lead))
    }

    /// Appends a dimension. Beyond six nothing happens.
    pub fn push(&mut self, dim: Dim) {
        if let Some(slot) = self.dims.get_mut(usize::from(self.rank)) {
            *slot = dim;
            self.rank += 1;
        }
    }

    /// The dimensions if all are fixed and there are `N` of them.
    pub fn fixed<const N: usize>(&self) -> Option<[u32; N]> {
        let mut values = [0; N];
        if self.rank() != N {
            return None;
        }
        for (value, dim) in values.iter_mut().zip(self.dims()) {
            *value = dim.as_fixed()?;
        }
        Some(values)
    }

    /// The number of elements when the symbols have these values; `None` on overflow of 64 bits.
    pub fn elements(&self, symbols: &[u32]) -> Option<u64> {
        self.dims().iter().try_fold(1u64, |n, dim| n.checked_mul(dim.value(symbols).into()))
    }

    /// The shape in words, as `[B,8,8,32]`.
    pub fn display<'a>(&'a self, symbols: &'a [Symbol]) -> impl fmt::Display + 'a {
        ShapeText { shape: self, symbols }
    }
}

struct ShapeText<'a> {
    shape: &'a Shape,
    symbols: &'a [Symbol],
}

impl fmt::Display for ShapeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, dim) in self.shape.dims().iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match dim.as_symbol() {
                None => write!(f, "{}", dim.0)?,
                Some(s) => match self.symbols.get(s) {
                    Some(symbol) => f.write_str(&symbol.name)?,
                    None => write!(f, "?{s}")?,
                },
            }
        }
        f.write_str("]")
    }
}
