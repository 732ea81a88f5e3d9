//! The source graph in f64, channels second as ONNX has them: an evaluator that shares nothing with the kernels, for
//! known answers.

use crate::source::{Graph, Node};
use std::collections::BTreeMap;

/// A value, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub dims: Vec<usize>,
    pub values: Vec<f64>,
}

impl Array {
    fn rows(&self) -> Option<(usize, std::slice::ChunksExact<'_, f64>)> {
        let last = *self.dims.last().filter(|&&n| n > 0)?;
        Some((last, self.values.chunks_exact(last)))
    }
}

/// All values of the graph for these inputs. The lowering has understood every node before.
pub(crate) fn run(graph: &Graph, inputs: &[Array]) -> Result<BTreeMap<String, Array>, String> {
    let mut values = BTreeMap::new();
    for (name, constant) in &graph.constants {
        if let Some(weights) = constant.f32s() {
            let array = Array { dims: constant.dims.clone(), values: weights.iter().map(|&v| v.into()).collect() };
            values.insert(name.clone(), array);
        }
    }
    for ((name, _), array) in graph.inputs.iter().zip(inputs) {
        values.insert(name.clone(), array.clone());
    }
    for node in &graph.nodes {
        let result = compute(node, graph, &values).ok_or_else(|| format!("\"{}\" can't be evaluated", node.name))?;
        values.insert(node.outputs.first().cloned().unwrap_or_default(), result);
    }
    Ok(values)
}

fn compute(node: &Node, graph: &Graph, values: &BTreeMap<String, Array>) -> Option<Array> {
    let value = |index: usize| node.input(index).and_then(|name| values.get(name));
    let x = value(0)?;
    match node.op.as_str() {
        "Gemm" => Some(add(product(x, value(1)?, node.int("transB", 0) != 0)?, value(2))),
        "MatMul" => product(x, value(1)?, false),
        "Add" => {
            let (a, b) = (x, value(1)?);
            let (large, small) = if a.values.len() >= b.values.len() { (a, b) } else { (b, a) };
            Some(add(large.clone(), Some(small)))
        }
        "Conv" => convolution(node, x, value(1)?, value(2)),
        "MaxPool" => pool(node, x),
        "Relu" => Some(Array { dims: x.dims.clone(), values: x.values.iter().map(|v| v.max(0.0)).collect() }),
        "Flatten" => {
            let batch = *x.dims.first()?;
            Some(Array { dims: vec![batch, x.values.len() / batch.max(1)], values: x.values.clone() })
        }
        "Reshape" => reshape(x, graph.constants.get(node.input(1)?)?.i64s()?),
        "Softmax" => softmax(x),
        "ArgMax" => {
            let best =
                |row: &[f64]| row.iter().enumerate().fold(0, |best, (i, v)| if *v > row[best] { i } else { best });
            let values = x.rows()?.1.map(|row| best(row) as f64).collect();
            Some(Array { dims: x.dims.split_last()?.1.to_vec(), values })
        }
        _ => None,
    }
}

fn product(x: &Array, w: &Array, transposed: bool) -> Option<Array> {
    let &[a, b] = &w.dims[..] else { return None };
    let (columns, depth) = if transposed { (a, b) } else { (b, a) };
    let (last, rows) = x.rows()?;
    if last != depth {
        return None;
    }
    let at = |n: usize, k: usize| w.values[if transposed { n * depth + k } else { k * columns + n }];
    let dot = |row: &[f64], n: usize| row.iter().enumerate().map(|(k, v)| v * at(n, k)).sum();
    let values = rows.flat_map(|row| (0..columns).map(move |n| (row, n))).map(|(row, n)| dot(row, n)).collect();
    let mut dims = x.dims.clone();
    *dims.last_mut()? = columns;
    Some(Array { dims, values })
}

/// Adds one value a column (or one for all).
fn add(mut y: Array, bias: Option<&Array>) -> Array {
    if let Some(bias) = bias.filter(|b| !b.values.is_empty()) {
        let columns = bias.values.len();
        y.values.iter_mut().enumerate().for_each(|(i, v)| *v += bias.values[i % columns]);
    }
    y
}

/// A window's attributes with ONNX's defaults: stride, dilation, top and left padding, output size.
struct Slide {
    stride: [usize; 2],
    dilation: [usize; 2],
    pad: [usize; 2],
    output: [usize; 2],
}

fn slide(node: &Node, sides: [usize; 2], window: [usize; 2]) -> Option<Slide> {
    let pair = |name: &str| node.ints(name).map_or([1, 1], |v| [v[0] as usize, v[1] as usize]);
    let pads = node.ints("pads").map_or([0; 4], |v| [v[0], v[1], v[2], v[3]].map(|p| p as usize));
    let (stride, dilation) = (pair("strides"), pair("dilations"));
    let size = |axis: usize| {
        let room = sides[axis] + pads[axis] + pads[axis + 2];
        room.checked_sub(dilation[axis] * (window[axis] - 1) + 1).map(|room| room / stride[axis] + 1)
    };
    Some(Slide { stride, dilation, pad: [pads[0], pads[1]], output: [size(0)?, size(1)?] })
}

/// The positions in the input of an output pixel's taps along one axis; `None` in the padding.
fn tap(slide: &Slide, axis: usize, at: usize, tap: usize, side: usize) -> Option<usize> {
    (at * slide.stride[axis] + tap * slide.dilation[axis]).checked_sub(slide.pad[axis]).filter(|&p| p < side)
}

fn convolution(node: &Node, x: &Array, w: &Array, bias: Option<&Array>) -> Option<Array> {
    let (&[batch, channels, height, width], &[outputs, taps, kh, kw]) = (&x.dims[..], &w.dims[..]) else { return None };
    let slide = slide(node, [height, width], [kh, kw])?;
    let per_group = outputs / (channels / taps);
    let mut values = Vec::new();
    for (image, n) in (0..batch).flat_map(|b| (0..outputs).map(move |n| (b, n))) {
        let first = n / per_group * taps;
        for (y, z) in (0..slide.output[0]).flat_map(|y| (0..slide.output[1]).map(move |z| (y, z))) {
            let mut sum = bias.map_or(0.0, |b| b.values[n]);
            for (c, i, j) in (0..taps).flat_map(|c| (0..kh).flat_map(move |i| (0..kw).map(move |j| (c, i, j)))) {
                let place = tap(&slide, 0, y, i, height).zip(tap(&slide, 1, z, j, width));
                if let Some((line, column)) = place {
                    let sample = x.values[((image * channels + first + c) * height + line) * width + column];
                    sum += sample * w.values[((n * taps + c) * kh + i) * kw + j];
                }
            }
            values.push(sum);
        }
    }
    Some(Array { dims: vec![batch, outputs, slide.output[0], slide.output[1]], values })
}

fn pool(node: &Node, x: &Array) -> Option<Array> {
    let &[batch, channels, height, width] = &x.dims[..] else { return None };
    let window = node.ints("kernel_shape").map(|v| [v[0] as usize, v[1] as usize])?;
    let slide = slide(node, [height, width], window)?;
    let mut values = Vec::new();
    for plane in x.values.chunks_exact(height * width) {
        for (y, z) in (0..slide.output[0]).flat_map(|y| (0..slide.output[1]).map(move |z| (y, z))) {
            let taps = (0..window[0]).flat_map(|i| (0..window[1]).map(move |j| (i, j)));
            let places = taps.filter_map(|(i, j)| tap(&slide, 0, y, i, height).zip(tap(&slide, 1, z, j, width)));
            values.push(places.map(|(line, column)| plane[line * width + column]).fold(f64::NEG_INFINITY, f64::max));
        }
    }
    Some(Array { dims: vec![batch, channels, slide.output[0], slide.output[1]], values })
}

fn reshape(x: &Array, shape: &[i64]) -> Option<Array> {
    let known = |(axis, &d): (usize, &i64)| if d == 0 { x.dims.get(axis).copied() } else { usize::try_from(d).ok() };
    let product: usize = shape.iter().enumerate().filter_map(known).product();
    let free = x.values.len().checked_div(product)?;
    let dims = shape.iter().enumerate().map(|entry| known(entry).unwrap_or(free)).collect();
    Some(Array { dims, values: x.values.clone() })
}

/// Softmax over the last axis.
pub(crate) fn softmax(x: &Array) -> Option<Array> {
    let mut values = Vec::with_capacity(x.values.len());
    for row in x.rows()?.1 {
        let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|v| (v - greatest).exp()).sum();
        values.extend(row.iter().map(|v| (v - greatest).exp() / sum));
    }
    Some(Array { dims: x.dims.clone(), values })
}
