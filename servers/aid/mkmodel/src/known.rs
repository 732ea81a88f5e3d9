//! Known answers: three seeded inputs through the f64 evaluator of the source graph.

use crate::eval::{self, Array};
use crate::lower::{Lowered, Order};
use crate::source::Graph;
use crate::{Options, Problems};
use waymodel::DType;
use waymodel::manifest::Kind;
use waymodel::write::{TensorSpec, TestSpec, f32_bytes};

const CASES: u32 = 3;
/// f32 sums of some hundred terms of order 1 stay well below this against f64.
const ABS: f32 = 1e-4;
const REL: f32 = 1e-5;

/// Three cases, with batches of 1, 2 and 3 as far as the model permits.
pub(crate) fn answers(graph: &Graph, lowered: &Lowered, options: &Options) -> Result<Vec<TestSpec>, Problems> {
    (1..=CASES).map(|case| answer(graph, lowered, options, case)).collect()
}

fn answer(graph: &Graph, lowered: &Lowered, options: &Options, case: u32) -> Result<TestSpec, Problems> {
    let manifest = &lowered.builder.manifest;
    let batch = if manifest.symbols.is_empty() { 0 } else { case.min(options.batch) };
    let mut random = SplitMix64(case.into());
    let (mut values, mut inputs) = (Vec::new(), Vec::new());
    for ((_, dims), port) in graph.inputs.iter().zip(&manifest.inputs) {
        let dims: Vec<usize> = dims.iter().map(|d| d.unwrap_or(batch) as usize).collect();
        let count: usize = dims.iter().product();
        let ours: Vec<f32> = (0..count).map(|_| random.unit()).collect();
        let tensor: Option<&TensorSpec> = lowered.builder.tensors.get(port.tensor as usize);
        let order = if tensor.is_some_and(|t| t.shape.rank() == 4) { Order::ChannelsLast } else { Order::Plain };
        let theirs = transposed(&ours, &dims, order, Turn::ToSource);
        inputs.push(Array { dims, values: theirs.into_iter().map(f64::from).collect() });
        values.push(f32_bytes(&ours));
    }
    let results = eval::run(graph, &inputs).map_err(Problems::one)?;
    for (index, (name, order)) in lowered.outputs.iter().enumerate() {
        let result = results.get(name).ok_or_else(|| Problems::one(format!("\"{name}\" has no value")))?;
        let floats: Vec<f32> = result.values.iter().map(|&v| v as f32).collect();
        let ours = transposed(&floats, &result.dims, *order, Turn::ToModel);
        let dtype = manifest.outputs.get(index).and_then(|p| lowered.builder.tensors.get(p.tensor as usize));
        values.push(match dtype.map(|t| t.dtype) {
            Some(DType::I32) => ours.iter().flat_map(|&v| (v as i32).to_le_bytes()).collect(),
            _ => f32_bytes(&ours),
        });
        if options.kind == Kind::Classify {
            values.extend(classification(result)?);
        }
    }
    Ok(TestSpec { abs: ABS, rel: REL, symbols: [batch, 0, 0, 0], values })
}

/// Probabilities and classes of these logits.
fn classification(logits: &Array) -> Result<[Vec<u8>; 2], Problems> {
    let probabilities = eval::softmax(logits).ok_or_else(|| Problems::one("the logits have no classes"))?;
    let columns = logits.dims.last().copied().unwrap_or(1).max(1);
    let class = |row: &[f64]| row.iter().enumerate().fold(0, |best, (i, v)| if *v > row[best] { i } else { best });
    let classes = logits.values.chunks_exact(columns).flat_map(|row| (class(row) as i32).to_le_bytes()).collect();
    let floats: Vec<f32> = probabilities.values.iter().map(|&v| v as f32).collect();
    Ok([f32_bytes(&floats), classes])
}

enum Turn {
    ToSource,
    ToModel,
}

/// Elements of a picture of ONNX's dimensions, from one order to the other.
fn transposed(values: &[f32], dims: &[usize], order: Order, turn: Turn) -> Vec<f32> {
    let (Order::ChannelsLast, &[batch, channels, height, width]) = (order, dims) else { return values.to_vec() };
    let pixels = height * width;
    let (outer, inner) = match turn {
        Turn::ToSource => (channels, pixels),
        Turn::ToModel => (pixels, channels),
    };
    let from = |b: usize, o: usize, i: usize| values[b * channels * pixels + i * outer + o];
    let places = (0..batch).flat_map(|b| (0..outer).flat_map(move |o| (0..inner).map(move |i| (b, o, i))));
    places.map(|(b, o, i)| from(b, o, i)).collect()
}

/// Steele, Lea and Flood's SplitMix64.
struct SplitMix64(u64);

impl SplitMix64 {
    /// A number from 0 up to 1, with 24 bits.
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}
