//! Shapes and types of an op's tensors: rules 18 and 19.
//!
//! An op's output shape is inferred from its inputs, symbols included, and must be what the file says.

use crate::error::{ErrorKind, LoadError};
use crate::manifest::Symbol;
use crate::op::{self, Attributes, Conv, Op, Opcode, Window};
use crate::p16::ROWS;
use crate::shape::{Dim, Shape};
use crate::tensors::{DType, Layout, Role, Tensor};
use alloc::format;
use alloc::string::String;

/// Rules 18 and 19 on op `index`, whose tensors rule 17 has found.
pub(crate) fn check(
    index: usize,
    op: &Op,
    tensors: &[Tensor],
    symbols: &[Symbol],
    strings: &str,
) -> Result<(), LoadError> {
    let at = || op::place(index, op.name, strings);
    let tensor = |id: u32| tensors.get(id as usize);
    let input = |i: usize| op.inputs().get(i).and_then(|&id| tensor(id));
    let (Some(x), Some(out)) = (input(0), tensor(op.output())) else {
        return Err(LoadError::bad(17, index, at(), "a tensor is missing"));
    };
    let shapes = Operands { x: x.shape, w: input(1).map(|t| t.shape), b: input(2).map(|t| t.shape), out: out.shape };
    let inferred = infer(op, &shapes).map_err(|detail| LoadError::bad(18, index, at(), detail))?;
    if inferred != out.shape {
        let (ours, theirs) = (inferred.display(symbols), out.shape.display(symbols));
        return Err(LoadError::bad(18, index, at(), format!("output is {ours}, the file says {theirs}")));
    }
    check_types(op, x, input(1), input(2), out)
        .map_err(|(kind, detail)| LoadError::bad(19, index, at(), detail).of(kind))
}

struct Operands {
    x: Shape,
    w: Option<Shape>,
    b: Option<Shape>,
    out: Shape,
}

/// The output's shape as it follows from the inputs.
fn infer(op: &Op, shapes: &Operands) -> Result<Shape, String> {
    let x = &shapes.x;
    match (op.code, &op.attributes) {
        (Opcode::Linear, _) => linear(shapes),
        (Opcode::Conv2d, Attributes::Conv(conv)) => convolution(shapes, conv),
        (Opcode::MaxPool, Attributes::Pool(window)) => {
            let (batch, [h, w, c]) = picture(x)?;
            let [h, w] = window_output([h, w], window, [1, 1])?;
            Ok(Shape::new(&[batch, h, w, Dim::fixed(c)]))
        }
        (Opcode::ArgMax, _) => match x.split_last() {
            Some((_, [])) => Ok(Shape::new(&[Dim::fixed(1)])),
            Some((last, lead)) if last.as_fixed().is_some() => Ok(Shape::new(lead)),
            _ => Err("the last dimension must be fixed".into()),
        },
        (Opcode::Reshape, _) => {
            let (ours, theirs) = (regroup(x), regroup(&shapes.out));
            if ours == theirs { Ok(shapes.out) } else { Err("the output has other symbols or another size".into()) }
        }
        (Opcode::Flatten, _) => flatten(x),
        _ => Ok(*x),
    }
}

fn linear(shapes: &Operands) -> Result<Shape, String> {
    let Some([n, k]) = shapes.w.and_then(|w| w.fixed::<2>()) else {
        return Err("the matrix must have two dimensions".into());
    };
    let Some((last, lead)) = shapes.x.split_last() else { return Err("the input has no dimension".into()) };
    if last != Dim::fixed(k) {
        return Err(format!("rows of the matrix have {k} elements, the input's have another number"));
    }
    check_bias(shapes.b.as_ref(), n)?;
    let mut out = Shape::new(lead);
    out.push(Dim::fixed(n));
    Ok(out)
}

fn convolution(shapes: &Operands, conv: &Conv) -> Result<Shape, String> {
    let (batch, [h, w, c]) = picture(&shapes.x)?;
    let Some([n, kh, kw, taps]) = shapes.w.and_then(|w| w.fixed::<4>()) else {
        return Err("the filter must have four dimensions".into());
    };
    let groups = u32::from(conv.groups);
    if [kh, kw] != conv.window.size.map(u32::from) {
        return Err(format!("the filter has {kh}x{kw} taps, the attributes say otherwise"));
    }
    if taps.checked_mul(groups) != Some(c) {
        return Err(format!("{groups} groups of {taps} channels, the input has {c}"));
    }
    if groups > 1 && n % (groups * ROWS as u32) != 0 {
        return Err("a group's outputs must be a multiple of 16".into());
    }
    check_bias(shapes.b.as_ref(), n)?;
    let [h, w] = window_output([h, w], &conv.window, conv.dilation)?;
    Ok(Shape::new(&[batch, h, w, Dim::fixed(n)]))
}

fn check_bias(bias: Option<&Shape>, outputs: u32) -> Result<(), String> {
    match bias {
        Some(b) if b.fixed::<1>() != Some([outputs]) => Err(format!("the bias must have {outputs} elements")),
        _ => Ok(()),
    }
}

/// Batch and fixed height, width and channels.
fn picture(x: &Shape) -> Result<(Dim, [u32; 3]), String> {
    let sides = x.dims().split_first().and_then(|(&batch, rest)| Some((batch, Shape::new(rest).fixed::<3>()?)));
    sides.ok_or_else(|| "the input must be [B,H,W,C], with H, W and C fixed".into())
}

/// ⌊(side + padding − reach)/stride⌋ + 1 down and right.
fn window_output(sides: [u32; 2], window: &Window, dilation: [u16; 2]) -> Result<[Dim; 2], String> {
    let [top, left, bottom, right] = window.pad.map(u64::from);
    let mut out = [Dim::default(); 2];
    for (axis, padding) in [top + bottom, left + right].into_iter().enumerate() {
        let reach = u64::from(dilation[axis]) * (u64::from(window.size[axis]) - 1) + 1;
        let room = (u64::from(sides[axis]) + padding).checked_sub(reach);
        let Some(room) = room else { return Err("the window is larger than the input".into()) };
        let steps = room / u64::from(window.stride[axis]) + 1;
        out[axis] = Dim::fixed(u32::try_from(steps).map_err(|_| "the output is too large")?);
    }
    Ok(out)
}

/// A shape's symbols in order, and the product of its fixed dimensions: what a reshape keeps.
fn regroup(shape: &Shape) -> ([Option<usize>; 6], Option<u64>) {
    let mut symbols = [None; 6];
    let found = shape.dims().iter().filter_map(|dim| dim.as_symbol());
    symbols.iter_mut().zip(found).for_each(|(slot, symbol)| *slot = Some(symbol));
    let mut fixed = shape.dims().iter().filter_map(|dim| dim.as_fixed());
    (symbols, fixed.try_fold(1u64, |n, dim| n.checked_mul(dim.into())))
}

fn flatten(x: &Shape) -> Result<Shape, String> {
    let Some((&batch, rest)) = x.dims().split_first() else { return Err("the input has no dimension".into()) };
    let size = rest.iter().try_fold(1u64, |n, dim| n.checked_mul(dim.as_fixed()?.into()));
    let size = size.and_then(|n| u32::try_from(n).ok()).filter(|&n| n <= crate::shape::GREATEST_DIM);
    match size {
        Some(n) => Ok(Shape::new(&[batch, Dim::fixed(n)])),
        None => Err("all dimensions but the first must be fixed".into()),
    }
}

type Wrong = (ErrorKind, String);

/// Rule 19.
fn check_types(op: &Op, x: &Tensor, w: Option<&Tensor>, b: Option<&Tensor>, out: &Tensor) -> Result<(), Wrong> {
    let bad = |detail: &str| Err((ErrorKind::BadModel, detail.into()));
    let moves_only = matches!(op.code, Opcode::Reshape | Opcode::Flatten);
    if x.role == Role::Weight {
        return bad("the input must not be a weight");
    }
    if x.dtype != DType::F32 && !moves_only {
        return bad("the input must be f32");
    }
    let expected = if op.code == Opcode::ArgMax { DType::I32 } else { x.dtype };
    if out.dtype != expected {
        return Err((ErrorKind::BadModel, format!("the output must be {}", expected.name())));
    }
    if let Some(w) = w {
        if w.role != Role::Weight || w.layout != Layout::P16 {
            return bad("the matrix must be a weight in layout P16");
        }
        if w.dtype != DType::F32 {
            return Err((ErrorKind::Unsupported, format!("{} weights come with a later release", w.dtype.name())));
        }
    }
    match b {
        Some(b) if b.role != Role::Weight || b.layout != Layout::RowMajor || b.dtype != DType::F32 => {
            bad("the bias must be an f32 weight in row-major order")
        }
        _ => Ok(()),
    }
}
