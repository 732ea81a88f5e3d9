//! From ONNX's operators to the model's: layout, fusion, names.
//!
//! Pictures are channels-last here and channels-second in ONNX. A value therefore knows in which order its elements lie;
//! what would need a transposition that can't be had by permuting weights is refused.

mod matrix;
mod picture;
mod shapes;

use crate::source::{Graph, Node};
use crate::{Options, Problems};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use waymodel::manifest::{Kind, Manifest, Port, Symbol};
use waymodel::op::{Activation, Attributes};
use waymodel::write::{Builder, OpSpec, TensorSpec};
use waymodel::{DType, Dim, Layout, Opcode, Role, Shape};

/// The batch, the only symbol.
const BATCH: Dim = Dim::symbol(0);

/// A lowered model without known answers.
pub(crate) struct Lowered {
    pub builder: Builder,
    /// The source's outputs, in the order of the first output ports.
    pub outputs: Vec<(String, Order)>,
}

/// The order in which a value's elements lie, seen from ONNX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As in ONNX.
    Plain,
    /// A picture, `[B,C,H,W]` in ONNX, `[B,H,W,C]` here.
    ChannelsLast,
    /// A flattened picture: columns are (y, x, c) here, (c, y, x) in ONNX.
    Columns {
        /// Channels.
        channels: u32,
        /// Pixels.
        pixels: u32,
    },
}

/// A value of the source that a tensor holds.
#[derive(Clone, Debug)]
struct Value {
    tensor: u32,
    /// ONNX's dimensions.
    dims: Vec<Dim>,
    order: Order,
}

struct Lowering<'g> {
    graph: &'g Graph,
    values: BTreeMap<String, Value>,
    uses: BTreeMap<&'g str, usize>,
    /// Nodes that an earlier one has taken in.
    done: BTreeSet<usize>,
    tensors: Vec<TensorSpec>,
    ops: Vec<OpSpec>,
}

/// Nodes of one operator that can't be converted.
struct Refused {
    count: usize,
    first: String,
    reason: String,
}

/// Lowers a folded graph.
pub(crate) fn lower(graph: &Graph, options: &Options, source: &[u8]) -> Result<Lowered, Problems> {
    let mut lowering = Lowering::new(graph);
    lowering.all_nodes()?;
    let outputs = lowering.mark_outputs()?;
    if options.kind == Kind::Classify {
        lowering.append_classification()?;
    }
    let manifest = lowering.manifest(options, source);
    let Lowering { tensors, ops, .. } = lowering;
    Ok(Lowered {
        builder: Builder { manifest, tensors, ops, tokenizer: Vec::new(), grammar: Vec::new(), tests: Vec::new() },
        outputs,
    })
}

impl<'g> Lowering<'g> {
    fn new(graph: &'g Graph) -> Self {
        let mut uses = BTreeMap::new();
        let inputs = graph.nodes.iter().flat_map(|n| &n.inputs);
        inputs.chain(&graph.outputs).for_each(|name| *uses.entry(name.as_str()).or_insert(0) += 1);
        let (values, tensors, ops) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut lowering = Self { graph, values, uses, done: BTreeSet::new(), tensors, ops };
        for (name, dims) in &graph.inputs {
            let dims: Vec<Dim> = dims.iter().map(|d| d.map_or(BATCH, Dim::fixed)).collect();
            let order = if dims.len() == 4 { Order::ChannelsLast } else { Order::Plain };
            lowering.add_value(name, name, Role::Input, dims, order);
        }
        lowering
    }

    /// All nodes; what can't be converted is gathered, by operator.
    fn all_nodes(&mut self) -> Result<(), Problems> {
        let mut refused: BTreeMap<&str, Refused> = BTreeMap::new();
        for (index, node) in self.graph.nodes.iter().enumerate() {
            if self.done.contains(&index) {
                continue;
            }
            let Err(reason) = self.node(index, node) else { continue };
            let Some(reason) = reason else { continue };
            let new = Refused { count: 0, first: node.name.clone(), reason };
            refused.entry(&node.op).or_insert(new).count += 1;
        }
        if refused.is_empty() {
            return Ok(());
        }
        let failed: usize = refused.values().map(|r| r.count).sum();
        let summary = format!("{failed} of {} nodes can't be converted", self.graph.nodes.len());
        let line =
            |(op, r): (&&str, &Refused)| format!("{op}: {}, the first is \"{}\": {}", r.count, r.first, r.reason);
        Err(Problems { summary, lines: refused.iter().map(line).collect() })
    }

    /// One node. An error without a reason: only its input could not be had, which was reported where it arose.
    fn node(&mut self, index: usize, node: &'g Node) -> Result<(), Option<String>> {
        let known = ["Gemm", "MatMul", "Add", "Conv", "MaxPool", "Relu", "Flatten", "Reshape", "Softmax", "ArgMax"];
        if !known.contains(&node.op.as_str()) {
            return Err(Some("this operator is not supported yet".into()));
        }
        if node.outputs.iter().skip(1).any(|o| self.uses.contains_key(o.as_str())) {
            return Err(Some("only its first output is supported".into()));
        }
        let Some(x) = node.input(0).and_then(|name| self.values.get(name)).cloned() else {
            let constant = node.input(0).is_some_and(|name| self.graph.constants.contains_key(name));
            return Err(constant.then(|| "its first input is a constant".into()));
        };
        match node.op.as_str() {
            "Gemm" => self.gemm(index, node, &x),
            "MatMul" => self.mat_mul(index, node, &x),
            "Add" => Err("supported only as the bias behind a MatMul".into()),
            "Conv" => self.conv(index, node, &x),
            "MaxPool" => self.max_pool(node, &x),
            "Relu" => self.unary(node, &x, Opcode::Relu),
            "Flatten" => self.flatten(node, &x),
            "Reshape" => self.reshape(node, &x),
            "Softmax" => self.softmax(node, &x),
            _ => self.arg_max(node, &x),
        }
        .map_err(Some)
    }

    /// Adds a tensor that holds the source's value `name`.
    fn add_value(&mut self, name: &str, tensor: &str, role: Role, dims: Vec<Dim>, order: Order) -> u32 {
        let shape = match (&dims[..], order) {
            (&[b, c, h, w], Order::ChannelsLast) => Shape::new(&[b, h, w, c]),
            _ => Shape::new(&dims),
        };
        let id = self.add_tensor(tensor, DType::F32, role, Layout::RowMajor, shape, Vec::new());
        self.values.insert(name.into(), Value { tensor: id, dims, order });
        id
    }

    fn add_tensor(&mut self, name: &str, dtype: DType, role: Role, layout: Layout, shape: Shape, data: Vec<u8>) -> u32 {
        let name = short(name, self.tensors.len());
        self.tensors.push(TensorSpec { name, dtype, role, layout, shape, data });
        self.tensors.len() as u32 - 1
    }

    fn add_op(&mut self, name: &str, code: Opcode, attributes: Attributes, inputs: Vec<u32>, output: u32) {
        let name = short(name, self.ops.len());
        self.ops.push(OpSpec { name, code, separate: false, attributes, inputs, output });
    }

    /// The node that alone uses this node's output, if it is of operator `op`.
    fn only_user(&self, node: &Node, op: &str) -> Option<(usize, &'g Node)> {
        let output = node.outputs.first()?;
        if self.uses.get(output.as_str()) != Some(&1) {
            return None;
        }
        let mut nodes = self.graph.nodes.iter().enumerate();
        nodes.find(|(_, user)| user.op == op && user.inputs.contains(output))
    }

    /// Takes in a Relu behind `node`: gives the activation and the name of the value that results.
    fn take_relu(&mut self, node: &'g Node) -> (Activation, &'g str) {
        match self.only_user(node, "Relu") {
            Some((index, relu)) => {
                self.done.insert(index);
                (Activation::Relu, relu.outputs.first().map_or("", String::as_str))
            }
            None => (Activation::None, node.outputs.first().map_or("", String::as_str)),
        }
    }

    /// Makes the source's outputs outputs of the model.
    fn mark_outputs(&mut self) -> Result<Vec<(String, Order)>, Problems> {
        let mut outputs = Vec::new();
        for name in &self.graph.outputs {
            let value =
                self.values.get(name).ok_or_else(|| Problems::one(format!("output \"{name}\" is a constant")))?;
            let tensor = &mut self.tensors[value.tensor as usize];
            if tensor.role != Role::Temporary {
                return Err(Problems::one(format!("output \"{name}\" is an input, or there twice")));
            }
            if matches!(value.order, Order::Columns { .. }) {
                return Err(Problems::one(format!("output \"{name}\" would need a Transpose, which comes later")));
            }
            tensor.role = Role::Output;
            outputs.push((name.clone(), value.order));
        }
        Ok(outputs)
    }

    /// Appends Softmax and ArgMax to the logits.
    fn append_classification(&mut self) -> Result<(), Problems> {
        let [name] = &self.graph.outputs[..] else {
            return Err(Problems::one("kind classify needs a model with one output, the logits"));
        };
        let logits = self.values.get(name).map(|v| v.tensor).unwrap_or_default();
        let shape = self.tensors[logits as usize].shape;
        if shape.rank() != 2 || shape.dims().first() != Some(&BATCH) {
            return Err(Problems::one("kind classify needs logits [B,C] with a free batch dimension"));
        }
        let mut output =
            |name: &str, dtype, shape| self.add_tensor(name, dtype, Role::Output, Layout::RowMajor, shape, Vec::new());
        let probabilities = output("probabilities", DType::F32, shape);
        let class = output("class", DType::I32, Shape::new(&[BATCH]));
        self.add_op("softmax", Opcode::Softmax, Attributes::None, vec![logits], probabilities);
        self.add_op("argmax", Opcode::ArgMax, Attributes::None, vec![logits], class);
        Ok(())
    }

    fn manifest(&self, options: &Options, source: &[u8]) -> Manifest {
        let ports = |role: Role| -> Vec<Port> {
            let tensors = self.tensors.iter().enumerate().filter(|(_, t)| t.role == role);
            tensors.map(|(id, t)| Port { name: t.name.chars().take(31).collect(), tensor: id as u32 }).collect()
        };
        let (inputs, mut outputs) = (ports(Role::Input), ports(Role::Output));
        // Logits come first; for several outputs of the source their order is the source's.
        let rank = |port: &Port| {
            let position = |name: &String| self.values.get(name).is_some_and(|v| v.tensor == port.tensor);
            self.graph.outputs.iter().position(position).unwrap_or(usize::MAX)
        };
        outputs.sort_by_key(|port| (rank(port), port.tensor));
        if let (Kind::Classify, Some(first)) = (options.kind, outputs.first_mut()) {
            first.name = "logits".into();
        }
        let classes = outputs.first().and_then(|p| self.tensors[p.tensor as usize].shape.split_last());
        let classes = classes.and_then(|(last, _)| last.as_fixed()).unwrap_or(0);
        let labels = match options.kind {
            Kind::Classify if options.labels.is_empty() => (0..classes).map(|c| c.to_string()).collect(),
            _ => options.labels.iter().collect(),
        };
        let free = self.tensors.iter().any(|t| t.shape.dims().contains(&BATCH));
        let batch = Symbol { name: "B".into(), min: 1, max: options.batch };
        Manifest {
            name: options.name.clone(),
            version: options.version,
            title: String::new(),
            kind: options.kind,
            quant: DType::F32,
            converter: concat!("mkmodel ", env!("CARGO_PKG_VERSION")).into(),
            licence: options.licence.clone(),
            notice: options.notice.clone(),
            source: options.source.clone(),
            source_sha256: Sha256::digest(source).into(),
            symbols: if free { vec![batch] } else { Vec::new() },
            inputs,
            outputs,
            labels,
            pre: options.pre.clone(),
            generate: None,
            accuracy: Vec::new(),
        }
    }
}

/// A name of 1 to 127 bytes without control characters.
fn short(name: &str, index: usize) -> String {
    let mut text: String = name.chars().filter(|c| !c.is_control()).collect();
    while text.len() > 127 {
        text.pop();
    }
    if text.is_empty() { format!("n{index}") } else { text }
}
