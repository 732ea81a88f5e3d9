//! Every variant gives the bits of the reference, and the reference gives those of an independent loop in the test.
//!
//! Each shape is a model of one op, written and loaded like any other.

#[path = "../../waymodel/tests/common/mod.rs"]
mod common;

use abi::user::Features;
use common::{Random, batched, manifest, matrix, op, tensor, vector};
use tensor::{Context, Needs, Variant};
use waymodel::op::{Activation, Attributes, Conv, Window};
use waymodel::write::{Builder, TensorSpec, f32_bytes};
use waymodel::{DType, Model, Opcode, Role};

/// What this host's processor has, in the kernel's word.
fn features() -> Features {
    let mut features = Features::empty();
    #[cfg(target_arch = "x86_64")]
    {
        features.set(Features::AVX2, std::arch::is_x86_feature_detected!("avx2"));
        features.set(Features::FMA, std::arch::is_x86_feature_detected!("fma"));
    }
    features.set(Features::DOT_PRODUCT, false);
    features
}

/// Runs `builder`'s model with every variant; gives the first output's bits, which all must agree on.
fn run(builder: &Builder, batch: u32, input: &[f32]) -> Vec<u32> {
    let file = builder.build();
    let model = Model::load(&file[..]).unwrap_or_else(|e| panic!("{e}"));
    let output = model.manifest().outputs[0].tensor;
    let bytes = model.tensor(output).and_then(|t| t.bytes(&[batch])).expect("an output") as usize;
    let results = Variant::all(features()).map(|variant| {
        let memory = vec![0xA5u8; Needs::of(&model).total() as usize];
        let mut context = Context::new(&model, [0; 4], variant, memory).expect("a context");
        let mut out = vec![0; bytes];
        context.run(&model, [batch, 0, 0, 0], &[&f32_bytes(input)], &mut [&mut out]).expect("a run");
        let words = out.as_chunks().0.iter().map(|w| u32::from_le_bytes(*w)).collect::<Vec<_>>();
        (variant, words)
    });
    let results: Vec<_> = results.collect();
    let (_, reference) = &results[0];
    for (variant, words) in &results {
        let first = words.iter().zip(reference).position(|(a, b)| a != b);
        assert_eq!(first, None, "{} differs from the reference", variant.name());
    }
    reference.clone()
}

/// A model of one op from x to y; weights are tensors 1 and on, y is the last.
fn one_op(x: &[u32], y: TensorSpec, code: Opcode, attributes: Attributes, weights: Vec<TensorSpec>) -> Builder {
    let output = 1 + weights.len() as u32;
    let inputs: Vec<u32> = (0..output).collect();
    let mut tensors = vec![tensor("x", Role::Input, batched(x))];
    tensors.extend(weights);
    tensors.push(y);
    let mut manifest = manifest(&[("x", 0)], &[("y", output)]);
    manifest.symbols[0].max = 64;
    let ops = vec![op("op", code, attributes, &inputs, output)];
    Builder { manifest, tensors, ops, tokenizer: Vec::new(), grammar: Vec::new(), tests: Vec::new() }
}

fn output(dims: &[u32]) -> TensorSpec {
    tensor("y", Role::Output, batched(dims))
}

/// Values over many magnitudes, with zeros of both signs among them.
fn values(random: &mut Random, count: usize) -> Vec<f32> {
    let value = |random: &mut Random| match random.below(16) {
        0 => 0.0,
        1 => -0.0,
        2 => random.unit() * 1e-30,
        3 => random.unit() * 1e6,
        _ => random.unit(),
    };
    (0..count).map(|_| value(random)).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn activate(value: f32, act: Activation) -> f32 {
    if act == Activation::None || value > 0.0 { value } else { 0.0 }
}

/// One sum, as the format's text says: from +0, k ascending, fused or not.
fn sum(pairs: impl Iterator<Item = (f32, f32)>, separate: bool) -> f32 {
    pairs.fold(0.0, |acc, (x, w)| if separate { acc + x * w } else { x.mul_add(w, acc) })
}

#[test]
fn linear_agrees_over_shapes_on_and_off_the_tiles() {
    let mut random = Random(1);
    let edges = [1usize, 2, 3, 5, 6, 7, 12, 13, 15, 16, 17, 31, 32, 33, 48, 64, 65, 80];
    for case in 0..160 {
        let [k, n] = [0; 2].map(|_| edges[random.below(edges.len())]);
        let batch = if case < 18 { case + 1 } else { 1 + random.below(20) };
        let (x, w) = (values(&mut random, batch * k), values(&mut random, n * k));
        let bias = (random.below(3) > 0).then(|| values(&mut random, n));
        let separate = random.below(3) == 0;
        let act = if random.below(2) == 0 { Activation::Relu } else { Activation::None };
        let mut weights = vec![matrix("w", &[n as u32, k as u32], &w)];
        weights.extend(bias.as_ref().map(|b| vector("b", b)));
        let y = output(&[n as u32]);
        let mut builder = one_op(&[k as u32], y, Opcode::Linear, Attributes::Linear(act), weights);
        builder.ops[0].separate = separate;
        let expected: Vec<f32> = (0..batch * n)
            .map(|i| {
                let (row, column) = (&x[i / n * k..][..k], &w[i % n * k..][..k]);
                let total = sum(row.iter().copied().zip(column.iter().copied()), separate);
                activate(bias.as_ref().map_or(total, |b| total + b[i % n]), act)
            })
            .collect();
        assert_eq!(run(&builder, batch as u32, &x), bits(&expected), "{batch}x{k}x{n}, separate {separate}");
    }
}

#[test]
fn convolutions_agree_over_windows_strides_paddings_and_groups() {
    let mut random = Random(2);
    let mut done = 0;
    while done < 120 {
        let [h, w] = [0; 2].map(|_| 1 + random.below(9));
        let groups = [1, 1, 1, 2, 3][random.below(5)];
        let taps = 1 + random.below(5);
        let n = if groups == 1 { 1 + random.below(40) } else { 16 * groups };
        let small = |random: &mut Random, n: usize| (1 + random.below(n)) as u16;
        let size = [small(&mut random, 4), small(&mut random, 4)];
        let conv = Conv {
            window: Window {
                size,
                stride: [small(&mut random, 3), small(&mut random, 3)],
                pad: [0; 4].map(|_: u16| random.below(4) as u16),
            },
            dilation: [small(&mut random, 2), small(&mut random, 2)],
            groups: groups as u16,
            act: if random.below(2) == 0 { Activation::Relu } else { Activation::None },
        };
        let Some([out_h, out_w]) = sides([h, w], &conv.window, conv.dilation) else { continue };
        done += 1;
        let batch = 1 + random.below(3);
        let channels = taps * groups;
        let x = values(&mut random, batch * h * w * channels);
        let [kh, kw] = size.map(usize::from);
        let filter = values(&mut random, n * kh * kw * taps);
        let bias = values(&mut random, n);
        let dims = [n, kh, kw, taps].map(|d| d as u32);
        let weights = vec![matrix("w", &dims, &filter), vector("b", &bias)];
        let y = output(&[out_h, out_w, n].map(|d| d as u32));
        let builder = one_op(&[h, w, channels].map(|d| d as u32), y, Opcode::Conv2d, Attributes::Conv(conv), weights);
        let mut expected = Vec::new();
        for place in 0..batch * out_h * out_w * n {
            let (image, pixel, column) = (place / n / (out_h * out_w), place / n % (out_h * out_w), place % n);
            let (oy, ox) = (pixel / out_w, pixel % out_w);
            let first = column / (n / groups) * taps;
            let pairs = (0..kh * kw * taps).map(|k| {
                let (i, j, c) = (k / taps / kw, k / taps % kw, k % taps);
                let line = (oy * usize::from(conv.window.stride[0]) + i * usize::from(conv.dilation[0])) as i64;
                let column_x = (ox * usize::from(conv.window.stride[1]) + j * usize::from(conv.dilation[1])) as i64;
                let (line, column_x) = (line - i64::from(conv.window.pad[0]), column_x - i64::from(conv.window.pad[1]));
                let inside = (0..h as i64).contains(&line) && (0..w as i64).contains(&column_x);
                let at =
                    ((image as i64 * h as i64 + line) * w as i64 + column_x) * channels as i64 + (first + c) as i64;
                (if inside { x[at as usize] } else { 0.0 }, filter[column * kh * kw * taps + k])
            });
            expected.push(activate(sum(pairs, false) + bias[column], conv.act));
        }
        assert_eq!(run(&builder, batch as u32, &x), bits(&expected), "{conv:?} over {h}x{w}x{channels} to {n}");
    }
}

/// Output height and width, if the window fits.
fn sides(input: [usize; 2], window: &Window, dilation: [u16; 2]) -> Option<[usize; 2]> {
    let [top, left, bottom, right] = window.pad.map(usize::from);
    let side = |axis: usize, padding: usize| {
        let reach = usize::from(dilation[axis]) * (usize::from(window.size[axis]) - 1) + 1;
        Some((input[axis] + padding).checked_sub(reach)? / usize::from(window.stride[axis]) + 1)
    };
    Some([side(0, top + bottom)?, side(1, left + right)?])
}

#[test]
fn max_pools_take_the_greatest_real_tap() {
    let mut random = Random(3);
    let mut done = 0;
    while done < 60 {
        let [h, w, c] = [0; 3].map(|_| 1 + random.below(9));
        let size = [0; 2].map(|_: u16| 1 + random.below(4) as u16);
        let pad = [0, 1, 0, 1].map(|axis: usize| random.below(size[axis].into()) as u16);
        let window = Window { size, stride: [0; 2].map(|_: u16| 1 + random.below(3) as u16), pad };
        let Some([out_h, out_w]) = sides([h, w], &window, [1, 1]) else { continue };
        done += 1;
        let x = values(&mut random, h * w * c);
        let y = output(&[out_h, out_w, c].map(|d| d as u32));
        let dims = [h, w, c].map(|d| d as u32);
        let builder = one_op(&dims, y, Opcode::MaxPool, Attributes::Pool(window), Vec::new());
        let mut expected = Vec::new();
        for place in 0..out_h * out_w * c {
            let (oy, ox, channel) = (place / c / out_w, place / c % out_w, place % c);
            let places = (0..usize::from(size[0])).flat_map(|i| (0..usize::from(size[1])).map(move |j| (i, j)));
            let taps = places.filter_map(|(i, j)| {
                let line = (oy * usize::from(window.stride[0]) + i).checked_sub(pad[0].into()).filter(|&l| l < h)?;
                let column = (ox * usize::from(window.stride[1]) + j).checked_sub(pad[1].into()).filter(|&l| l < w)?;
                Some(x[(line * w + column) * c + channel])
            });
            expected.push(taps.reduce(|a, b| if a > b { a } else { b }).expect("a real tap"));
        }
        assert_eq!(run(&builder, 1, &x), bits(&expected), "{window:?} over {h}x{w}x{c}");
    }
}

#[test]
fn softmax_agrees_and_is_right() {
    let mut random = Random(4);
    for n in (1..=50).chain([64, 100, 127, 128, 129, 1000]) {
        let batch = 1 + random.below(5);
        let scale = [1.0, 10.0, 60.0][random.below(3)];
        let x: Vec<f32> = (0..batch * n).map(|_| random.unit() * scale).collect();
        let builder = one_op(&[n as u32], output(&[n as u32]), Opcode::Softmax, Attributes::None, Vec::new());
        let result = run(&builder, batch as u32, &x);
        for (row, ours) in x.chunks(n).zip(result.chunks(n)) {
            let greatest = row.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = row.iter().map(|&v| f64::from(v - greatest).exp()).sum();
            for (&v, &bits) in row.iter().zip(ours) {
                let (have, want) = (f64::from(f32::from_bits(bits)), f64::from(v - greatest).exp() / sum);
                assert!((have - want).abs() <= 1e-6 * want + 1e-37, "{have} for {want}, {n} columns");
            }
        }
    }
}

#[test]
fn relu_gives_positive_zeros_and_argmax_the_lowest_index() {
    let x = [1.5, -1.5, 0.0, -0.0, 1e-40, -1e-40, 3.0, 3.0];
    let relu = one_op(&[8], output(&[8]), Opcode::Relu, Attributes::None, Vec::new());
    assert_eq!(run(&relu, 1, &x), bits(&[1.5, 0.0, 0.0, 0.0, 1e-40, 0.0, 3.0, 3.0]));
    let y = TensorSpec { dtype: DType::I32, ..output(&[]) };
    let arg_max = one_op(&[4], y, Opcode::ArgMax, Attributes::None, Vec::new());
    assert_eq!(run(&arg_max, 2, &x), [0, 2]);
    let same = [-0.0, 0.0, -0.0, 0.0];
    assert_eq!(run(&arg_max, 1, &same), [0], "zeros of both signs are equal");
}

#[test]
fn reshape_and_flatten_move_nothing() {
    let x = values(&mut Random(5), 2 * 24);
    let reshape = one_op(&[2, 3, 4], output(&[6, 4]), Opcode::Reshape, Attributes::None, Vec::new());
    assert_eq!(run(&reshape, 2, &x), bits(&x));
    let flatten = one_op(&[2, 3, 4], output(&[24]), Opcode::Flatten, Attributes::None, Vec::new());
    assert_eq!(run(&flatten, 2, &x), bits(&x));
}

#[test]
fn a_batch_gives_what_its_rows_give_alone() {
    let mut random = Random(6);
    let (k, n) = (37, 21);
    let (x, w) = (values(&mut random, 13 * k), values(&mut random, n * k));
    let weights = vec![matrix("w", &[n as u32, k as u32], &w)];
    let attributes = Attributes::Linear(Activation::None);
    let builder = one_op(&[k as u32], output(&[n as u32]), Opcode::Linear, attributes, weights);
    let alone: Vec<u32> = x.chunks(k).flat_map(|row| run(&builder, 1, row)).collect();
    assert_eq!(run(&builder, 13, &x), alone);
}

#[test]
fn this_host_runs_its_vector_variant_and_only_if_told() {
    assert_eq!(
        Variant::best(Features::empty()).name(),
        if cfg!(target_arch = "aarch64") { "neon" } else { "reference" }
    );
    assert_eq!(Variant::named("reference", features()), Some(Variant::REFERENCE));
    assert_eq!(Variant::named("sse9", features()), None);
    if features().contains(Features::AVX2 | Features::FMA) {
        assert_eq!(Variant::best(features()).name(), "avx2");
    }
}
