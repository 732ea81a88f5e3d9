//! What needs no input is computed now; what nobody needs is dropped.

use crate::Problems;
use crate::source::{Attribute, Constant, Graph, Node, Values};
use std::collections::{BTreeMap, BTreeSet};

/// Folds constants, removes nodes that only pass a value on, and drops what no output needs.
pub(crate) fn fold(mut graph: Graph) -> Result<Graph, Problems> {
    let mut alias: BTreeMap<String, String> = BTreeMap::new();
    let mut nodes = Vec::new();
    for mut node in graph.nodes {
        for input in &mut node.inputs {
            if let Some(source) = alias.get(input) {
                input.clone_from(source);
            }
        }
        let Some(output) = node.outputs.first().cloned() else { continue };
        match (passes_on(&node), constant_of(&node, &graph.constants)) {
            (Some(source), _) => drop(alias.insert(output, source)),
            (None, Some(constant)) => drop(graph.constants.insert(output, constant)),
            (None, None) => nodes.push(node),
        }
    }
    for output in &mut graph.outputs {
        if let Some(source) = alias.get(output) {
            output.clone_from(source);
        }
    }
    if graph.outputs.is_empty() {
        return Err(Problems::one("the model has no output"));
    }
    graph.nodes = needed(nodes, &graph.outputs);
    Ok(graph)
}

/// The graph without a Softmax at its only output: classification appends its own.
pub(crate) fn without_softmax(mut graph: Graph) -> Graph {
    let last = graph.nodes.last().filter(|n| n.op == "Softmax" && n.outputs == graph.outputs);
    if let Some(logits) = last.and_then(|n| n.input(0)).map(String::from) {
        graph.nodes.pop();
        graph.outputs = vec![logits];
    }
    graph
}

/// Identity, and Dropout, which does nothing outside of training.
fn passes_on(node: &Node) -> Option<String> {
    matches!(node.op.as_str(), "Identity" | "Dropout").then(|| node.inputs.first().cloned()).flatten()
}

/// The value of a node that depends on constants alone, where it is known how.
fn constant_of(node: &Node, constants: &BTreeMap<String, Constant>) -> Option<Constant> {
    if node.op == "Constant" {
        return match node.attributes.get("value") {
            Some(Attribute::Tensor(constant)) => Some(constant.clone()),
            _ => None,
        };
    }
    let input = constants.get(node.input(0)?)?;
    match (node.op.as_str(), &input.dims[..], &input.values) {
        ("Transpose", &[rows, columns], Values::F32(values)) if node.ints("perm").is_none_or(|p| p == [1, 0]) => {
            let turned = (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c]));
            Some(Constant { dims: vec![columns, rows], values: Values::F32(turned.collect()) })
        }
        _ => None,
    }
}

/// The nodes that the outputs depend on.
fn needed(nodes: Vec<Node>, outputs: &[String]) -> Vec<Node> {
    let mut wanted: BTreeSet<String> = outputs.iter().cloned().collect();
    let mut kept = Vec::new();
    for node in nodes.into_iter().rev() {
        if node.outputs.iter().any(|output| wanted.contains(output)) {
            wanted.extend(node.inputs.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    kept
}
