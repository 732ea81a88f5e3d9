//! ONNX bytes as a graph: names, nodes, constants; bounded and checked, but not yet understood.

use crate::Problems;
use crate::proto::{AttributeProto, DimensionValue, FLOAT, INT64, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use prost::Message;
use std::collections::BTreeMap;

/// Opset versions of the standard domain whose operators have the meaning that this tool knows.
const OPSETS: std::ops::RangeInclusive<i64> = 13..=21;
const MOST_BYTES: usize = 1 << 30;
const MOST_NODES: usize = 8192;
const MOST_RANK: usize = 6;
const GREATEST_DIM: i64 = 1 << 24;

/// A source graph. Nodes are in order of execution, as ONNX demands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The computations.
    pub nodes: Vec<Node>,
    /// Values that are known.
    pub constants: BTreeMap<String, Constant>,
    /// What goes in: name and dimensions, `None` for the batch.
    pub inputs: Vec<(String, Vec<Option<u32>>)>,
    /// What comes out.
    pub outputs: Vec<String>,
}

/// A computation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name, or that of its first output.
    pub name: String,
    /// ONNX's operator.
    pub op: String,
    /// Names of values; empty for one that is left out.
    pub inputs: Vec<String>,
    /// Names of values.
    pub outputs: Vec<String>,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Int(i64),
    /// Numbers.
    Ints(Vec<i64>),
    /// A real number.
    Float(f32),
    /// A word.
    Text(String),
    /// A tensor.
    Tensor(Constant),
    /// Something that no known operator has.
    Other,
}

/// A known value, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Dimensions; none for a single number.
    pub dims: Vec<usize>,
    /// Elements.
    pub values: Values,
}

/// Elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Weights.
    F32(Vec<f32>),
    /// Shapes.
    I64(Vec<i64>),
}

impl Constant {
    /// The elements if they are f32.
    pub fn f32s(&self) -> Option<&[f32]> {
        if let Values::F32(values) = &self.values { Some(values) } else { None }
    }

    /// The elements if they are whole numbers.
    pub fn i64s(&self) -> Option<&[i64]> {
        if let Values::I64(values) = &self.values { Some(values) } else { None }
    }
}

impl Node {
    /// A whole-number attribute.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        if let Some(Attribute::Int(value)) = self.attributes.get(name) { *value } else { default }
    }

    /// A list attribute.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        if let Some(Attribute::Ints(values)) = self.attributes.get(name) { Some(values) } else { None }
    }

    /// A real-number attribute.
    pub fn float(&self, name: &str, default: f32) -> f32 {
        if let Some(Attribute::Float(value)) = self.attributes.get(name) { *value } else { default }
    }

    /// A word attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        if let Some(Attribute::Text(value)) = self.attributes.get(name) { Some(value) } else { None }
    }

    /// The name of input `index`; `None` if it is left out.
    pub fn input(&self, index: usize) -> Option<&str> {
        self.inputs.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }
}

/// Reads an ONNX file.
pub fn read(bytes: &[u8]) -> Result<Graph, Problems> {
    if bytes.len() > MOST_BYTES {
        return Err(Problems::one("the file is longer than 1 GiB"));
    }
    let model = ModelProto::decode(bytes).map_err(|e| Problems::one(format!("no ONNX model: {e}")))?;
    let standard = model.opset_import.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
    match standard {
        Some(set) if OPSETS.contains(&set.version) => {}
        Some(set) => return Err(Problems::one(format!("opset {}, 13 to 21 are known", set.version))),
        None => return Err(Problems::one("no ONNX model, or one without an opset")),
    }
    let source = model.graph.ok_or_else(|| Problems::one("the model has no graph"))?;
    if source.node.len() > MOST_NODES {
        return Err(Problems::one(format!("{} nodes, at most {MOST_NODES} are possible", source.node.len())));
    }
    let mut lines = Vec::new();
    let mut graph = Graph::default();
    for tensor in source.initializer {
        match constant(&tensor) {
            Ok(constant) => drop(graph.constants.insert(tensor.name, constant)),
            Err(reason) => lines.push(format!("initializer \"{}\": {reason}", tensor.name)),
        }
    }
    for input in source.input.iter().filter(|i| !graph.constants.contains_key(&i.name)) {
        match dims_of(input) {
            Ok(dims) => graph.inputs.push((input.name.clone(), dims)),
            Err(reason) => lines.push(format!("input \"{}\": {reason}", input.name)),
        }
    }
    graph.outputs = source.output.into_iter().map(|o| o.name).collect();
    for node in source.node {
        match node_of(node) {
            Ok(node) => graph.nodes.push(node),
            Err(line) => lines.push(line),
        }
    }
    if lines.is_empty() { Ok(graph) } else { Err(Problems { summary: "the model can't be read".into(), lines }) }
}

fn node_of(node: NodeProto) -> Result<Node, String> {
    let name = if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name };
    if !node.domain.is_empty() && node.domain != "ai.onnx" {
        return Err(format!("node \"{name}\": operator {} of domain {}", node.op_type, node.domain));
    }
    let mut attributes = BTreeMap::new();
    for attribute in node.attribute {
        let name = attribute.name.clone();
        let value = attribute_of(attribute).map_err(|reason| format!("attribute \"{name}\": {reason}"))?;
        attributes.insert(name, value);
    }
    Ok(Node { name, op: node.op_type, inputs: node.input, outputs: node.output, attributes })
}

fn attribute_of(attribute: AttributeProto) -> Result<Attribute, String> {
    Ok(match attribute.r#type {
        1 => Attribute::Float(attribute.f),
        2 => Attribute::Int(attribute.i),
        3 => Attribute::Text(String::from_utf8(attribute.s).map_err(|_| "is not UTF-8")?),
        4 => Attribute::Tensor(constant(&attribute.t.unwrap_or_default())?),
        7 => Attribute::Ints(attribute.ints),
        _ => Attribute::Other,
    })
}

/// A graph input's dimensions: the first may be free, it is the batch.
fn dims_of(input: &ValueInfoProto) -> Result<Vec<Option<u32>>, String> {
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).ok_or("is no tensor")?;
    if tensor.elem_type != FLOAT {
        return Err("must be f32".into());
    }
    let shape = tensor.shape.as_ref().ok_or("has no shape")?;
    if shape.dim.is_empty() || shape.dim.len() > MOST_RANK {
        return Err("must have 1 to 6 dimensions".into());
    }
    let mut dims = Vec::new();
    for (axis, dim) in shape.dim.iter().enumerate() {
        dims.push(match &dim.value {
            Some(DimensionValue::Value(n)) if (1..=GREATEST_DIM).contains(n) => Some(*n as u32),
            Some(DimensionValue::Value(n)) => return Err(format!("dimension {axis} is {n}")),
            _ if axis == 0 => None,
            _ => return Err(format!("dimension {axis} is free, only the first may be")),
        });
    }
    Ok(dims)
}

/// A tensor's values, from whichever field holds them.
fn constant(tensor: &TensorProto) -> Result<Constant, String> {
    if tensor.data_location != 0 {
        return Err("its values lie in another file, which is not supported yet".into());
    }
    if tensor.dims.len() > MOST_RANK || tensor.dims.iter().any(|d| !(0..=GREATEST_DIM).contains(d)) {
        return Err("its dimensions are out of range".into());
    }
    let dims: Vec<usize> = tensor.dims.iter().map(|&d| d as usize).collect();
    let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or("it is too large")?;
    let raw = &tensor.raw_data;
    let values = match tensor.data_type {
        FLOAT if raw.is_empty() => Values::F32(tensor.float_data.clone()),
        FLOAT => Values::F32(raw.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        INT64 if raw.is_empty() => Values::I64(tensor.int64_data.clone()),
        INT64 => Values::I64(raw.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
        other => return Err(format!("element type {other}, must be f32 or i64")),
    };
    let (length, size) = match &values {
        Values::F32(v) => (v.len(), 4),
        Values::I64(v) => (v.len(), 8),
    };
    if length != count || (!raw.is_empty() && raw.len() != count * size) {
        return Err(format!("it has {length} values, its dimensions say {count}"));
    }
    if let Values::F32(values) = &values
        && !values.iter().all(|v| v.is_finite())
    {
        return Err("it has infinite values or NaN".into());
    }
    Ok(Constant { dims, values })
}
