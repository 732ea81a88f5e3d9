//! Gemm, and MatMul with the Add behind it, as Linear.

use super::{Lowering, Order, Value};
use crate::source::{Constant, Node};
use waymodel::op::Attributes;
use waymodel::write::{f32_bytes, p16_bytes};
use waymodel::{DType, Dim, Layout, Opcode, Role, Shape};

/// A matrix of `rows` outputs by `columns` inputs, row-major.
struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// From a constant `[columns, rows]`, or `[rows, columns]` if it is transposed already.
    fn new(constant: Option<&Constant>, transposed: bool) -> Result<Self, String> {
        let (Some(&[a, b]), Some(values)) =
            (constant.and_then(|c| c.dims.first_chunk()), constant.and_then(|c| c.f32s()))
        else {
            return Err("its matrix must be a constant".into());
        };
        if constant.is_some_and(|c| c.dims.len() != 2) || a == 0 || b == 0 {
            return Err("its matrix must have two dimensions".into());
        }
        let (rows, columns) = if transposed { (a, b) } else { (b, a) };
        let turned = || (0..rows).flat_map(|n| (0..columns).map(move |k| values[k * rows + n])).collect();
        Ok(Self { rows, columns, values: if transposed { values.to_vec() } else { turned() } })
    }

    /// For an input whose columns are (y, x, c), not (c, y, x): column (p, c) is what was (c, p).
    fn permuted(self, order: Order) -> Self {
        let Order::Columns { channels, pixels } = order else { return self };
        let (channels, pixels) = (channels as usize, pixels as usize);
        let row = |row: &[f32]| -> Vec<f32> {
            (0..pixels).flat_map(|p| (0..channels).map(move |c| (p, c))).map(|(p, c)| row[c * pixels + p]).collect()
        };
        let values = self.values.chunks_exact(self.columns).flat_map(row).collect();
        Self { values, ..self }
    }
}

impl<'g> Lowering<'g> {
    pub(super) fn gemm(&mut self, index: usize, node: &'g Node, x: &Value) -> Result<(), String> {
        if node.float("alpha", 1.0) != 1.0 || node.float("beta", 1.0) != 1.0 || node.int("transA", 0) != 0 {
            return Err("only alpha = beta = 1 without transA is supported".into());
        }
        let constants = &self.graph.constants;
        let constant = |i: usize| node.input(i).and_then(|name| constants.get(name));
        let matrix = Matrix::new(constant(1), node.int("transB", 0) != 0)?;
        if node.input(2).is_some() && constant(2).is_none() {
            return Err("its bias must be a constant".into());
        }
        self.linear(index, node, x, matrix, constant(2), node)
    }

    pub(super) fn mat_mul(&mut self, index: usize, node: &'g Node, x: &Value) -> Result<(), String> {
        let constants = &self.graph.constants;
        let matrix = Matrix::new(node.input(1).and_then(|name| constants.get(name)), false)?;
        let Some((add_index, add)) = self.only_user(node, "Add") else {
            return self.linear(index, node, x, matrix, None, node);
        };
        let bias = add.inputs.iter().find_map(|name| constants.get(name));
        if bias.is_none() {
            return self.linear(index, node, x, matrix, None, node);
        }
        self.done.insert(add_index);
        self.linear(index, node, x, matrix, bias, add)
    }

    /// Adds a Linear for `node`, whose value (with bias) is that of `last`.
    fn linear(
        &mut self,
        index: usize,
        node: &'g Node,
        x: &Value,
        matrix: Matrix,
        bias: Option<&'g Constant>,
        last: &'g Node,
    ) -> Result<(), String> {
        if x.order == Order::ChannelsLast {
            return Err("its input is a picture; a Flatten must stand before it".into());
        }
        let Some((inner, lead)) = x.dims.split_last() else { return Err("its input has no dimension".into()) };
        if *inner != Dim::fixed(matrix.columns as u32) {
            return Err(format!("its matrix has {} rows, the input another number of columns", matrix.columns));
        }
        let rows = matrix.rows;
        let bias = bias.map(|b| column_bias(b, rows)).transpose()?;
        let matrix = matrix.permuted(x.order);
        let shape = Shape::new(&[Dim::fixed(rows as u32), Dim::fixed(matrix.columns as u32)]);
        let data = p16_bytes(rows, matrix.columns, &matrix.values);
        let weight_name = node.input(1).map_or_else(|| format!("weight{index}"), String::from);
        let mut inputs =
            vec![x.tensor, self.add_tensor(&weight_name, DType::F32, Role::Weight, Layout::P16, shape, data)];
        if let Some(bias) = bias {
            inputs.push(self.add_bias(&format!("{}.bias", node.name), &bias));
        }
        let (act, output) = self.take_relu(last);
        let mut dims = lead.to_vec();
        dims.push(Dim::fixed(rows as u32));
        let out = self.add_value(output, output, Role::Temporary, dims, Order::Plain);
        self.add_op(&node.name, Opcode::Linear, Attributes::Linear(act), inputs, out);
        Ok(())
    }

    pub(super) fn add_bias(&mut self, name: &str, values: &[f32]) -> u32 {
        let shape = Shape::new(&[Dim::fixed(values.len() as u32)]);
        self.add_tensor(name, DType::F32, Role::Weight, Layout::RowMajor, shape, f32_bytes(values))
    }
}

/// A bias of one value a column; a single value counts for all.
pub(super) fn column_bias(constant: &Constant, columns: usize) -> Result<Vec<f32>, String> {
    let leading_ones = constant.dims.iter().rev().skip(1).all(|&d| d == 1);
    match constant.f32s() {
        Some([value]) => Ok(vec![*value; columns]),
        Some(values) if values.len() == columns && leading_ones => Ok(values.to_vec()),
        _ => Err(format!("its bias must have {columns} values")),
    }
}
