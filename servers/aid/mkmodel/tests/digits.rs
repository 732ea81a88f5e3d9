//! The digits models: converted, loaded, and compared with ONNX Runtime on all 1,797 pictures.

use abi::user::Features;
use mkmodel::{Options, convert};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use tensor::{Context, Needs, Variant, verify};
use waymodel::Model;
use waymodel::manifest::{Kind, Pre};
use waymodel::pgm::Picture;
use waymodel::samples::Samples;
use waymodel::write::f32_bytes;

const CLASSES: usize = 10;
const MLP_BITS: &str = "b45bc06cd1a5d890b2c6952954ab3fc8c628de2e975cee4292ebb3d9e8204f68";
const CNN_BITS: &str = "2da08e3032aeb1883a0be1c63d4aff9bbf9e25b63900ecccf59e784814fd38c5";

fn read(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models");
    std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn options(name: &str) -> Options {
    Options {
        name: format!("digits-{name}"),
        kind: Kind::Classify,
        pre: Pre::Image { width: 8, height: 8, channels: 1, scale: 1.0, bias: 0.0, invert: false },
        licence: "MIT OR Apache-2.0".into(),
        source: format!("digits_{name}.onnx"),
        ..Options::default()
    }
}

fn converted(name: &str) -> Vec<u8> {
    convert(&read(&format!("digits_{name}.onnx")), &options(name)).unwrap_or_else(|p| panic!("{p}"))
}

fn features() -> Features {
    let mut features = Features::empty();
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        features = Features::AVX2 | Features::FMA;
    }
    features.set(Features::AES, false);
    features
}

/// Logits and classes of all pictures, in batches of 64 and what is left.
fn infer(model: &Model<&[u8]>, variant: Variant, samples: &Samples<'_>) -> (Vec<u32>, Vec<i32>) {
    let memory = vec![0u8; Needs::of(model).total() as usize];
    let mut context = Context::new(model, [0; 4], variant, memory).expect("a context");
    let pictures: Vec<Vec<f32>> = samples
        .iter()
        .map(|(picture, _)| picture.iter().map(|&v| f32::from(v) / f32::from(samples.maxval)).collect())
        .collect();
    let (mut logits, mut classes) = (Vec::new(), Vec::new());
    for batch in pictures.chunks(64) {
        let mut outputs = [vec![0; 40 * batch.len()], vec![0; 40 * batch.len()], vec![0; 4 * batch.len()]];
        let [scores, probabilities, class] = &mut outputs;
        let dims = [batch.len() as u32, 0, 0, 0];
        let input = f32_bytes(&batch.concat());
        context.run(model, dims, &[&input], &mut [scores, probabilities, class]).expect("a run");
        logits.extend(outputs[0].as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)));
        classes.extend(outputs[2].as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)));
    }
    (logits, classes)
}

/// `bits`: the SHA-256 of all logits, the same on every processor.
fn compare_with_onnx_runtime(name: &str, bits: &str) {
    let file = converted(name);
    let model = Model::load(&file[..]).unwrap();
    let data = read("digits.samples");
    let samples = Samples::parse(&data).expect("the data set");
    assert_eq!(samples.len(), 1797);
    let runtime: Vec<f32> =
        read(&format!("digits_{name}.logits")).as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let (reference, classes) = infer(&model, Variant::REFERENCE, &samples);
    let mut worst = 0.0f32;
    for (index, (ours, theirs)) in reference.chunks(CLASSES).zip(runtime.chunks(CLASSES)).enumerate() {
        let best = (0..CLASSES).fold(0, |best, c| if theirs[c] > theirs[best] { c } else { best });
        assert_eq!(classes[index], best as i32, "picture {index}");
        let far = ours.iter().zip(theirs).map(|(&o, t)| (f32::from_bits(o) - t).abs()).fold(0.0, f32::max);
        worst = worst.max(far);
    }
    println!("{name}: 1797 classes equal, the greatest difference of a logit is {worst:e}");
    assert!(worst <= 1e-4, "{worst}");
    for variant in Variant::all(features()) {
        assert!(infer(&model, variant, &samples).0 == reference, "{} gives other bits", variant.name());
    }
    let digest = Sha256::digest(reference.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>());
    assert_eq!(mkmodel::show::hex(&digest), bits, "the bits of the logits");
    let right = samples.iter().zip(&classes).filter(|((_, label), class)| i32::from(*label) == **class).count();
    assert!(right * 1000 >= 1797 * 990, "{right} of 1797 are right");
}

#[test]
fn the_mlp_agrees_with_onnx_runtime_on_every_digit() {
    compare_with_onnx_runtime("mlp", MLP_BITS);
}

#[test]
fn the_cnn_agrees_with_onnx_runtime_on_every_digit() {
    compare_with_onnx_runtime("cnn", CNN_BITS);
}

#[test]
fn conversion_repeats_byte_for_byte() {
    assert_eq!(converted("cnn"), converted("cnn"));
    assert_eq!(converted("mlp"), converted("mlp"));
}

#[test]
fn every_variant_passes_the_known_answers() {
    for name in ["mlp", "cnn"] {
        let file = converted(name);
        let model = Model::load(&file[..]).unwrap();
        for variant in Variant::all(features()) {
            let memory = vec![0u8; Needs::of(&model).total() as usize];
            let verdict = verify(&model, &mut Context::new(&model, [0; 4], variant, memory).unwrap());
            assert_eq!((verdict.run, verdict.failed), (3, 0), "{name} with {}: {:?}", variant.name(), verdict.first);
        }
    }
}

#[test]
fn the_sample_pictures_are_what_they_are_called() {
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    for model_name in ["mlp", "cnn"] {
        let file = converted(model_name);
        let model = Model::load(&file[..]).unwrap();
        let memory = vec![0u8; Needs::of(&model).total() as usize];
        let mut context = Context::new(&model, [1, 0, 0, 0], Variant::best(features()), memory).unwrap();
        for (digit, name) in names.iter().enumerate() {
            let picture = Picture::parse(&read(&format!("samples/{name}.pgm"))).unwrap();
            assert_eq!((picture.width, picture.height, picture.maxval), (8, 8, 16));
            let input = f32_bytes(&picture.values(1.0, 0.0, false).collect::<Vec<_>>());
            let (mut probabilities, mut class) = ([0; 40], [0; 4]);
            let mut outputs: [&mut [u8]; 3] = [&mut [], &mut probabilities, &mut class];
            context.run(&model, [1, 0, 0, 0], &[&input], &mut outputs).unwrap();
            assert_eq!(i32::from_le_bytes(class), digit as i32, "{name}.pgm");
            let sure = f32::from_le_bytes(probabilities[4 * digit..4 * digit + 4].try_into().unwrap());
            assert!(sure > 0.99, "{name}.pgm: p = {sure}");
        }
    }
}
