//! Contexts: what they refuse, what they leave untouched, and that hostile models that load also run without harm.

#[path = "../../waymodel/tests/common/mod.rs"]
mod common;

use abi::user::Features;
use common::{Random, example, numbers};
use tensor::{Context, Failure, Needs, RunError, Variant, verify};
use waymodel::write::{f32_bytes, find_section, reseal};
use waymodel::{Limits, Model, format::section};

fn memory(model: &Model<&[u8]>) -> Vec<u8> {
    vec![0; Needs::of(model).total() as usize]
}

fn context(model: &Model<&[u8]>) -> Context<Vec<u8>> {
    Context::new(model, [0; 4], Variant::REFERENCE, memory(model)).expect("a context")
}

/// Output buffers of the example for this batch, filled with a mark.
fn buffers(batch: usize) -> [Vec<u8>; 3] {
    [vec![0xEE; 20 * batch], vec![0xEE; 20 * batch], vec![0xEE; 4 * batch]]
}

fn run(
    model: &Model<&[u8]>,
    context: &mut Context<Vec<u8>>,
    batch: u32,
    input: &[u8],
) -> Result<[Vec<u8>; 3], RunError> {
    let mut outputs = buffers(batch as usize);
    let [logits, probabilities, class] = &mut outputs;
    let result = context.run(model, [batch, 0, 0, 0], &[input], &mut [logits, probabilities, class]);
    match result {
        Ok(()) => Ok(outputs),
        Err(error) => {
            assert_eq!(outputs, buffers(batch as usize), "an error changes no output");
            Err(error)
        }
    }
}

#[test]
fn a_run_gives_consistent_outputs_and_leaves_no_trace_for_the_next() {
    let file = example().build();
    let model = Model::load(&file[..]).unwrap();
    let mut context = context(&model);
    let inputs = [f32_bytes(&numbers(1, 72)), f32_bytes(&numbers(2, 72))];
    let first = run(&model, &mut context, 1, &inputs[0]).unwrap();
    run(&model, &mut context, 1, &inputs[1]).unwrap();
    assert_eq!(run(&model, &mut context, 1, &inputs[0]).unwrap(), first);
    let both = run(&model, &mut context, 2, &inputs.concat()).unwrap();
    assert_eq!(both[0][..20], first[0]);
    let probabilities: f32 = first[1].as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).sum();
    assert!((probabilities - 1.0).abs() < 1e-6);
}

#[test]
fn wrong_sizes_and_dimensions_are_refused() {
    let file = example().build();
    let model = Model::load(&file[..]).unwrap();
    let mut context = context(&model);
    let input = f32_bytes(&numbers(1, 72));
    assert_eq!(run(&model, &mut context, 0, &[]), Err(RunError::Dimension { symbol: 0, have: 0, most: 4 }));
    assert_eq!(run(&model, &mut context, 5, &input), Err(RunError::Dimension { symbol: 0, have: 5, most: 4 }));
    assert_eq!(run(&model, &mut context, 1, &input[4..]), Err(RunError::Shape { port: 0, have: 284, need: 288 }));
    assert_eq!(run(&model, &mut context, 2, &input), Err(RunError::Shape { port: 0, have: 288, need: 576 }));
    let error = context.run(&model, [1, 0, 0, 0], &[&input], &mut []).unwrap_err();
    assert_eq!(error, RunError::Shape { port: 3, have: 0, need: 3 });
    let error = context.run(&model, [1, 1, 0, 0], &[&input], &mut [&mut [], &mut [], &mut []]).unwrap_err();
    assert_eq!(error, RunError::Dimension { symbol: 1, have: 1, most: 0 });
    context.run(&model, [1, 0, 0, 0], &[&input], &mut [&mut [], &mut [], &mut []]).expect("outputs may be unwanted");
}

#[test]
fn a_context_wants_enough_memory_and_its_own_model() {
    let file = example().build();
    let model = Model::load(&file[..]).unwrap();
    let need = Needs::of(&model).total();
    let short = Context::new(&model, [0; 4], Variant::REFERENCE, vec![0; need as usize - 1]).unwrap_err();
    assert_eq!(short, RunError::Memory { have: need - 1, need });
    let too_many = Context::new(&model, [9, 0, 0, 0], Variant::REFERENCE, memory(&model)).unwrap_err();
    assert_eq!(too_many, RunError::Dimension { symbol: 0, have: 9, most: 4 });
    let mut small = Context::new(&model, [2, 0, 0, 0], Variant::REFERENCE, memory(&model)).unwrap();
    let input = f32_bytes(&numbers(1, 216));
    assert_eq!(run(&model, &mut small, 3, &input), Err(RunError::Dimension { symbol: 0, have: 3, most: 2 }));
    let mut other = example();
    other.manifest.version += 1;
    let other = other.build();
    let other = Model::load(&other[..]).unwrap();
    assert_eq!(run(&other, &mut small, 1, &input[..288]), Err(RunError::OtherModel));
}

#[test]
fn infinite_and_undefined_results_are_not_given_out() {
    let file = example().build();
    let model = Model::load(&file[..]).unwrap();
    let mut context = context(&model);
    for huge in [f32::MAX, f32::MIN, 1e38] {
        let input = f32_bytes(&[huge; 72]);
        assert!(matches!(run(&model, &mut context, 1, &input), Err(RunError::NonFinite { output: 0 })), "{huge}");
    }
    run(&model, &mut context, 1, &f32_bytes(&numbers(1, 72))).expect("the context still works");
}

#[test]
fn verify_counts_and_names_what_failed() {
    let mut builder = example();
    let file = builder.build();
    let model = Model::load(&file[..]).unwrap();
    let verdict = verify(&model, &mut context(&model));
    assert_eq!(verdict.run, 3, "the example's classes are all written as 0, which may be wrong");
    builder.tests[1].abs = 0.0;
    let file = builder.build();
    let model = Model::load(&file[..]).unwrap();
    let verdict = verify(&model, &mut context(&model));
    assert!(verdict.failed >= 1);
    assert!(matches!(verdict.first, Some(Failure::Value { .. })), "{verdict:?}");
}

/// Mutated models that still load are run by every variant: no panic, and the same result.
#[test]
fn mutated_models_that_load_run_without_harm() {
    let seed = example().build();
    let mut random = Random(77);
    let mut features = Features::empty();
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        features = Features::AVX2 | Features::FMA;
    }
    features.set(Features::AES, false);
    let limits = Limits { arena: 1 << 20, ..Limits::default() };
    let mut ran = 0;
    for _ in 0..6_000 {
        let mut file = seed.clone();
        let sections = [section::TENSORS, section::GRAPH, section::PLAN, section::MANIFEST, section::DATA];
        for _ in 0..1 + random.below(2) {
            let (start, length) = find_section(&file, sections[random.below(5)]).unwrap();
            file[start + random.below(length)] = [0, 1, 2, 3, 4, 0xFF, random.next() as u8][random.below(7)];
        }
        reseal(&mut file);
        let Ok(model) = Model::load_within(&file[..], &limits) else { continue };
        ran += 1;
        let results: Vec<_> = Variant::all(features)
            .map(|variant| {
                let mut context = Context::new(&model, [0; 4], variant, memory(&model)).expect("a context");
                let input = f32_bytes(&numbers(1, 72));
                model.manifest().symbols.first().map(|_| run(&model, &mut context, 1, &input))
            })
            .collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "variants differ");
    }
    assert!(ran > 300, "{ran} models loaded");
}
