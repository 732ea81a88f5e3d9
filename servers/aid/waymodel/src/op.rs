//! Graph records: opcode, counts and attributes. Rules 15 and 16.

use crate::bytes::{Record, all_zero};
use crate::error::{ErrorKind, LoadError};
use crate::format::{NONE, OP_SEPARATE};
use crate::strings::Name;
use alloc::format;
use alloc::string::String;

/// What an op computes. The numbers are the file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
#[allow(missing_docs)] // The names are the operators' own; the book's table says what each computes.
pub enum Opcode {
    Linear = 0x01,
    Conv2d = 0x02,
    DepthwiseConv2d = 0x03,
    MatMul = 0x04,
    Embed = 0x05,
    Relu = 0x10,
    Gelu = 0x11,
    GeluTanh = 0x12,
    Silu = 0x13,
    Sigmoid = 0x14,
    Tanh = 0x15,
    Clip = 0x16,
    Add = 0x20,
    Sub = 0x21,
    Mul = 0x22,
    Div = 0x23,
    SiluMul = 0x24,
    Softmax = 0x30,
    LayerNorm = 0x31,
    RmsNorm = 0x32,
    L2Norm = 0x33,
    ReduceSum = 0x38,
    ReduceMean = 0x39,
    ReduceMax = 0x3A,
    ArgMax = 0x3B,
    MaxPool = 0x40,
    AvgPool = 0x41,
    MeanPool = 0x48,
    TakeLast = 0x49,
    Mha = 0x50,
    Rope = 0x51,
    Reshape = 0x60,
    Flatten = 0x61,
    Transpose = 0x62,
    Concat = 0x63,
}

impl Opcode {
    /// All opcodes of the format.
    pub const ALL: [Self; 35] = {
        use Opcode::*;
        [
            Linear,
            Conv2d,
            DepthwiseConv2d,
            MatMul,
            Embed,
            Relu,
            Gelu,
            GeluTanh,
            Silu,
            Sigmoid,
            Tanh,
            Clip,
            Add,
            Sub,
            Mul,
            Div,
            SiluMul,
            Softmax,
            LayerNorm,
            RmsNorm,
            L2Norm,
            ReduceSum,
            ReduceMean,
            ReduceMax,
            ArgMax,
            MaxPool,
            AvgPool,
            MeanPool,
            TakeLast,
            Mha,
            Rope,
            Reshape,
            Flatten,
            Transpose,
            Concat,
        ]
    };

    /// The opcode with this number.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|&op| op as u16 == code)
    }

    /// Least and greatest number of inputs; `None` if this release doesn't run the op.
    const fn inputs(self) -> Option<(u8, u8)> {
        match self {
            Self::Linear | Self::Conv2d => Some((2, 3)),
            Self::Relu | Self::Softmax | Self::ArgMax | Self::MaxPool | Self::Reshape | Self::Flatten => Some((1, 1)),
            _ => None,
        }
    }

    /// Whether it sums products, so that SEPARATE and EXACT concern it.
    pub const fn sums_products(self) -> bool {
        matches!(self, Self::Linear | Self::Conv2d | Self::DepthwiseConv2d | Self::MatMul | Self::Mha)
    }

    /// Whether its first output may take its first input's place in the arena.
    pub const fn in_place(self) -> bool {
        matches!(self as u16, 0x10..=0x24 | 0x30..=0x33 | 0x51 | 0x60 | 0x61)
    }
}

/// What is done to a sum before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Activation {
    /// Nothing.
    #[default]
    None = 0,
    /// max(x, +0).
    Relu = 1,
}

/// Taps, steps and borders of a pooling window. Conv2d's are the same, with dilation and groups besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Window {
    /// Rows and columns of the window.
    pub size: [u16; 2],
    /// Step down and right.
    pub stride: [u16; 2],
    /// Padding: top, left, bottom, right.
    pub pad: [u16; 4],
}

/// Attributes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Conv {
    /// Taps, steps and borders.
    pub window: Window,
    /// Distance between taps, down and right.
    pub dilation: [u16; 2],
    /// Groups of channels that don't mix.
    pub groups: u16,
    /// What follows the sum and the bias.
    pub act: Activation,
}

/// An op's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attributes {
    /// Ops without any.
    None,
    /// Linear.
    Linear(Activation),
    /// Conv2d.
    Conv(Conv),
    /// MaxPool.
    Pool(Window),
}

/// An op of a loaded model.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    /// What it computes.
    pub code: Opcode,
    /// Whether products are rounded before they are added.
    pub separate: bool,
    /// Its name in the string table.
    pub name: Name,
    /// Its attributes.
    pub attributes: Attributes,
    input_count: u8,
    inputs: [u32; 8],
    output: u32,
}

impl Op {
    /// Ids of the tensors that it reads.
    pub fn inputs(&self) -> &[u32] {
        self.inputs.get(..self.input_count.into()).unwrap_or(&[])
    }

    /// Ids of the tensors that it writes. All ops of this release write one.
    pub fn outputs(&self) -> &[u32] {
        core::slice::from_ref(&self.output)
    }

    /// Id of the tensor that it writes.
    pub fn output(&self) -> u32 {
        self.output
    }
}

/// Rules 15 and 16 on the record of op `index`.
pub(crate) fn read(index: usize, bytes: &[u8], strings: &str) -> Result<Op, LoadError> {
    let record = Record(bytes);
    let name = Name::of_op(record);
    let at = || place(index, name, strings);
    let code = opcode(index, record, at)?;
    let attributes = attributes(code, bytes.get(52..92).unwrap_or(&[]))
        .map_err(|(kind, detail)| LoadError::bad(16, index, at(), detail).of(kind))?;
    let mut inputs = [NONE; 8];
    inputs.iter_mut().enumerate().for_each(|(i, id)| *id = record.u32(12 + 4 * i));
    Ok(Op {
        code,
        separate: record.u8(3) & OP_SEPARATE != 0,
        name,
        attributes,
        input_count: record.u8(4),
        inputs,
        output: record.u32(44),
    })
}

/// An op in words, as `op 3 "conv2"`.
pub(crate) fn place(index: usize, name: Name, strings: &str) -> String {
    format!("op {index} \"{}\"", name.get(strings))
}

/// Rule 15: opcode, version, flags and counts.
fn opcode(index: usize, record: Record<'_>, at: impl Fn() -> String) -> Result<Opcode, LoadError> {
    let bad = |detail: String| Err(LoadError::bad(15, index, at(), detail));
    let Some(code) = Opcode::from_code(record.u16(0)) else {
        return bad(format!("unknown opcode {:#04x}", record.u16(0)));
    };
    if record.u8(2) != 1 {
        return bad(format!("version {} of {code:?}, this release knows 1", record.u8(2)));
    }
    let flags = record.u8(3);
    if flags & !OP_SEPARATE != 0 || (flags & OP_SEPARATE != 0 && !code.sums_products()) {
        return bad(format!("flags {flags:#x} don't belong to {code:?}"));
    }
    if record.u8(7) != 0 || record.u32(92) != 0 {
        return bad("reserved bytes are not zero".into());
    }
    let Some((least, most)) = code.inputs() else {
        let detail = format!("{code:?} comes with a later release");
        return Err(LoadError::bad(15, index, at(), detail).of(ErrorKind::Unsupported));
    };
    let (inputs, outputs) = (record.u8(4), record.u8(5));
    if !(least..=most).contains(&inputs) || outputs != 1 {
        let detail = format!("{inputs} inputs and {outputs} outputs, {code:?} has {least} to {most} and 1");
        return Err(LoadError::bad(15, index, at(), detail).numbers(inputs.into(), most.into()));
    }
    let unused_inputs = (inputs.into()..8usize).all(|i| record.u32(12 + 4 * i) == NONE);
    if !unused_inputs || record.u32(48) != NONE {
        return bad("an unused input or output is not empty".into());
    }
    Ok(code)
}

/// Rule 16: the attributes' values.
fn attributes(code: Opcode, bytes: &[u8]) -> Result<Attributes, (ErrorKind, String)> {
    let record = Record(bytes);
    let bad = |detail: &str| Err((ErrorKind::BadModel, detail.into()));
    let used = match code {
        Opcode::Linear => 1,
        Opcode::Conv2d => 23,
        Opcode::MaxPool => 16,
        _ => 0,
    };
    if !bytes.get(used..).is_some_and(all_zero) {
        return bad("unused attribute bytes are not zero");
    }
    match code {
        Opcode::Linear => Ok(Attributes::Linear(activation(record.u8(0))?)),
        Opcode::MaxPool => {
            let window = window(record);
            let [h, w] = window.size;
            let [top, left, bottom, right] = window.pad;
            if zero_in(&window.size) || zero_in(&window.stride) {
                return bad("window and stride must be at least 1");
            }
            if top >= h || bottom >= h || left >= w || right >= w {
                return bad("a window could lie in the padding alone");
            }
            Ok(Attributes::Pool(window))
        }
        Opcode::Conv2d => {
            let conv = Conv {
                window: window(record),
                dilation: [record.u16(16), record.u16(18)],
                groups: record.u16(20),
                act: activation(record.u8(22))?,
            };
            if zero_in(&conv.window.size) || zero_in(&conv.window.stride) || zero_in(&conv.dilation) {
                return bad("window, stride and dilation must be at least 1");
            }
            if conv.groups == 0 {
                return bad("groups must be at least 1");
            }
            Ok(Attributes::Conv(conv))
        }
        _ => Ok(Attributes::None),
    }
}

fn window(record: Record<'_>) -> Window {
    let at = |i: usize| record.u16(2 * i);
    Window { size: [at(0), at(1)], stride: [at(2), at(3)], pad: [at(4), at(5), at(6), at(7)] }
}

fn zero_in(values: &[u16]) -> bool {
    values.contains(&0)
}

fn activation(code: u8) -> Result<Activation, (ErrorKind, String)> {
    match code {
        0 => Ok(Activation::None),
        1 => Ok(Activation::Relu),
        2..=6 => Err((ErrorKind::Unsupported, format!("activation {code} comes with a later release"))),
        _ => Err((ErrorKind::BadModel, format!("unknown activation {code}"))),
    }
}

impl Attributes {
    /// The 40 attribute bytes of a graph record.
    pub fn encode(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let mut put = |at: usize, value: u16| {
            if let Some(slot) = bytes.get_mut(at..at + 2) {
                slot.copy_from_slice(&value.to_le_bytes());
            }
        };
        let mut put_window = |w: &Window| {
            let values = w.size.iter().chain(&w.stride).chain(&w.pad);
            values.enumerate().for_each(|(i, &value)| put(2 * i, value));
        };
        match self {
            Self::None => {}
            Self::Linear(act) => put(0, *act as u16),
            Self::Pool(window) => put_window(window),
            Self::Conv(conv) => {
                put_window(&conv.window);
                put(16, conv.dilation[0]);
                put(18, conv.dilation[1]);
                put(20, conv.groups);
                put(22, conv.act as u16);
            }
        }
        bytes
    }
}
