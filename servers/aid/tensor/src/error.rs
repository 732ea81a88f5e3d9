//! Why a run was refused or gave nothing.

use core::fmt;

/// What went wrong. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunError {
    /// A symbol's value is out of the Context's range.
    Dimension {
        /// The symbol's index.
        symbol: u32,
        /// The value that was given.
        have: u32,
        /// The greatest one possible.
        most: u32,
    },
    /// An input or output has the wrong size, or there are too few or too many.
    Shape {
        /// Position among the inputs, then the outputs.
        port: u32,
        /// Bytes that were given.
        have: u64,
        /// Bytes that are right.
        need: u64,
    },
    /// The memory is too small.
    Memory {
        /// Bytes that were given.
        have: u64,
        /// Bytes that are needed.
        need: u64,
    },
    /// Memory or file don't start at a multiple of four bytes.
    Misaligned,
    /// The Context was made for another model.
    OtherModel,
    /// An output has an infinity or a NaN. Its bits would differ between processors, so nothing is given out.
    NonFinite {
        /// The output's position.
        output: u32,
    },
    /// The op does not fit its tensors. The loader's rules exclude it.
    Broken {
        /// The op's index.
        op: u32,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension { symbol, have, most } => {
                write!(f, "symbol {symbol} is {have}, at most {most} is possible")
            }
            Self::Shape { port, have, need } => write!(f, "port {port} has {have} bytes, must have {need}"),
            Self::Memory { have, need } => write!(f, "{have} bytes of memory, {need} are needed"),
            Self::Misaligned => f.write_str("memory does not start at a multiple of four bytes"),
            Self::OtherModel => f.write_str("the context belongs to another model"),
            Self::NonFinite { output } => write!(f, "output {output} is not finite"),
            Self::Broken { op } => write!(f, "op {op} does not fit its tensors"),
        }
    }
}

impl core::error::Error for RunError {}
