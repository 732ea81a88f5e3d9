//! What moves or compares elements: Flatten, Reshape, Relu, Softmax, ArgMax.

use super::{Lowering, Order, Value};
use crate::source::Node;
use waymodel::op::Attributes;
use waymodel::{DType, Dim, Layout, Opcode, Role, Shape};

impl<'g> Lowering<'g> {
    pub(super) fn flatten(&mut self, node: &'g Node, x: &Value) -> Result<(), String> {
        if node.int("axis", 1) != 1 {
            return Err("only axis 1 is supported".into());
        }
        let Some((&batch, rest)) = x.dims.split_first() else { return Err("its input has no dimension".into()) };
        let columns = product(rest).ok_or("all dimensions but the first must be fixed")?;
        let order = match (x.order, rest) {
            (Order::ChannelsLast, &[channels, ..]) => flat_order(channels.0, columns),
            (order, _) => order,
        };
        self.unary_to(node, x, Opcode::Flatten, vec![batch, Dim::fixed(columns)], order)
    }

    pub(super) fn reshape(&mut self, node: &'g Node, x: &Value) -> Result<(), String> {
        let shape = node.input(1).and_then(|name| self.graph.constants.get(name)).and_then(|c| c.i64s());
        let shape = shape.ok_or("its shape must be a constant")?;
        if node.int("allowzero", 0) != 0 {
            return Err("allowzero is not supported".into());
        }
        let dims = resolve(shape, &x.dims)?;
        let same_batch = dims.first() == x.dims.first();
        match (x.order, &dims[..]) {
            _ if !same_batch => Err("the first dimension must stay".into()),
            (Order::ChannelsLast, &[batch, columns]) => {
                let order = flat_order(x.dims[1].0, columns.0);
                self.unary_to(node, x, Opcode::Flatten, vec![batch, columns], order)
            }
            (Order::ChannelsLast | Order::Columns { .. }, _) if dims == x.dims => {
                self.unary_to(node, x, Opcode::Reshape, dims, x.order)
            }
            (Order::Plain, &[_, channels, _, _]) if channels == Dim::fixed(1) => {
                self.unary_to(node, x, Opcode::Reshape, dims, Order::ChannelsLast)
            }
            (Order::Plain, _) if dims.len() != 4 => self.unary_to(node, x, Opcode::Reshape, dims, Order::Plain),
            _ => Err("it would need a Transpose, which is not supported yet".into()),
        }
    }

    /// An op that keeps shape and order.
    pub(super) fn unary(&mut self, node: &'g Node, x: &Value, code: Opcode) -> Result<(), String> {
        self.unary_to(node, x, code, x.dims.clone(), x.order)
    }

    pub(super) fn softmax(&mut self, node: &'g Node, x: &Value) -> Result<(), String> {
        last_axis(node, x, -1)?;
        self.unary(node, x, Opcode::Softmax)
    }

    pub(super) fn arg_max(&mut self, node: &'g Node, x: &Value) -> Result<(), String> {
        last_axis(node, x, 0)?;
        if node.int("keepdims", 1) != 0 || node.int("select_last_index", 0) != 0 {
            return Err("only keepdims = 0 with the first index on ties is supported".into());
        }
        let dims = x.dims.split_last().map(|(_, lead)| lead.to_vec()).filter(|lead| !lead.is_empty());
        let dims = dims.ok_or("its input must have two dimensions or more")?;
        let output = node.outputs.first().map_or("", String::as_str);
        let id = self.add_tensor(output, DType::I32, Role::Temporary, Layout::RowMajor, Shape::new(&dims), Vec::new());
        self.values.insert(output.into(), Value { tensor: id, dims, order: Order::Plain });
        self.add_op(&node.name, Opcode::ArgMax, Attributes::None, vec![x.tensor], id);
        Ok(())
    }

    fn unary_to(
        &mut self,
        node: &'g Node,
        x: &Value,
        code: Opcode,
        dims: Vec<Dim>,
        order: Order,
    ) -> Result<(), String> {
        let output = node.outputs.first().map_or("", String::as_str);
        let out = self.add_value(output, output, Role::Temporary, dims, order);
        self.add_op(&node.name, code, Attributes::None, vec![x.tensor], out);
        Ok(())
    }
}

/// The order of a flattened picture; with one channel or one pixel there is nothing to permute.
fn flat_order(channels: u32, columns: u32) -> Order {
    let pixels = columns / channels.max(1);
    if channels == 1 || pixels == 1 { Order::Plain } else { Order::Columns { channels, pixels } }
}

fn product(dims: &[Dim]) -> Option<u32> {
    dims.iter().try_fold(1u32, |n, d| n.checked_mul(d.as_fixed()?))
}

/// ONNX's shape with its zeros (as before) and its one −1 (what is left) filled in.
fn resolve(shape: &[i64], from: &[Dim]) -> Result<Vec<Dim>, String> {
    let mut dims: Vec<Option<Dim>> = Vec::new();
    for (axis, &size) in shape.iter().enumerate() {
        dims.push(match size {
            0 => Some(*from.get(axis).ok_or("it keeps a dimension that is not there")?),
            -1 => None,
            n => Some(Dim::fixed(u32::try_from(n).map_err(|_| "a dimension is out of range")?)),
        });
    }
    if dims.iter().filter(|d| d.is_none()).count() > 1 || dims.is_empty() || dims.len() > 6 {
        return Err("its shape has more than one -1, or no or too many dimensions".into());
    }
    let fixed =
        |dims: &mut dyn Iterator<Item = Dim>| dims.filter_map(|d| d.as_fixed()).fold(1u64, |n, d| n * u64::from(d));
    let (before, known) = (fixed(&mut from.iter().copied()), fixed(&mut dims.iter().flatten().copied()));
    let free_before = from.iter().filter(|d| d.as_symbol().is_some()).count();
    let free_known = dims.iter().flatten().filter(|d| d.as_symbol().is_some()).count();
    let left = if free_before > free_known && before == known {
        from.first().copied()
    } else {
        before.checked_div(known).filter(|n| n * known == before).and_then(|n| u32::try_from(n).ok()).map(Dim::fixed)
    };
    let has_left = dims.iter().any(Option::is_none);
    match left {
        Some(left) if has_left || left == Dim::fixed(1) => Ok(dims.into_iter().map(|d| d.unwrap_or(left)).collect()),
        _ => Err("the number of elements changes".into()),
    }
}

/// The node works along the last axis of a value in plain order.
fn last_axis(node: &Node, x: &Value, default: i64) -> Result<(), String> {
    let axis = node.int("axis", default);
    let last = x.dims.len() as i64 - 1;
    if (axis == last || axis == -1) && x.order == Order::Plain {
        return Ok(());
    }
    Err("only the last axis is supported, and no picture".into())
}
