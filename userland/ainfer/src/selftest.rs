//! `ainfer all`: every shipped model against the answers that ONNX Runtime gave, the sample pictures, and hostile files.
//!
//! The data lie beside the models: `digits.samples` has the pictures with their labels, `NAME.logits` what ONNX Runtime
//! computed for each, as f32. The digest of all logits is the same on every processor, and stands here.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::ai::{self, Ai};
use libsys::{Error, Status, fs, println};
use sha2::{Digest, Sha256};
use waymodel::Model;
use waymodel::samples::Samples;

use crate::classify::{self, Classifier};
use crate::mutants::MUTANTS;
use crate::refused::refused;
use crate::show::hex;
use crate::subject::{self, Subject, error_of};
use command::{Failure, Outcome};

/// Pictures of a run.
const BATCH: usize = 64;
/// A logit may differ by so much from ONNX Runtime's, whose sums have another order.
const FAR: f32 = 1e-4;
/// Model, how many of the 1,797 pictures, SHA-256 of all those logits.
const MODELS: &[(&str, usize, &str)] = &[
    ("digits", 1797, "b45bc06cd1a5d890b2c6952954ab3fc8c628de2e975cee4292ebb3d9e8204f68"),
    ("digits-cnn", 200, "e001fc05fab403b11f8568b95827f1c9216b9858f518e5d163ce7d5dcb3d22c0"),
];
const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// Counts checks; a failed one is shown, with V each.
struct Checks {
    verbose: bool,
    passed: u32,
    failed: u32,
}

impl Checks {
    fn check(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                if self.verbose {
                    println!("ok    {name}");
                }
            }
            Err(why) => {
                self.failed += 1;
                println!("FAIL  {name}: {why}");
            }
        }
    }
}

/// Runs all of it.
pub fn run(ai: &Ai, verbose: bool) -> Outcome {
    let mut checks = Checks { verbose, passed: 0, failed: 0 };
    let data = fs::read("SYS:models/digits.samples");
    match data.as_deref().map(Samples::parse) {
        Ok(Some(samples)) => {
            for (name, count, bits) in MODELS {
                if let Err(why) = model(&mut checks, ai, &samples, name, *count, bits) {
                    checks.check(name, Err(why.text));
                }
            }
        }
        Ok(None) => checks.check("samples", Err("SYS:models/digits.samples is no data set".into())),
        Err(error) => checks.check("samples", Err(format!("SYS:models/digits.samples: {error}"))),
    }
    if let Err(why) = pictures(&mut checks, ai) {
        checks.check("pictures", Err(why.text));
    }
    hostile(&mut checks, ai);
    refusals(&mut checks, ai);
    println!("ai: {} passed, {} failed", checks.passed, checks.failed);
    Ok(if checks.failed == 0 { Status::OK } else { Status::ERROR })
}

/// One model on the data set.
fn model(
    checks: &mut Checks,
    ai: &Ai,
    samples: &Samples<'_>,
    name: &str,
    count: usize,
    bits: &str,
) -> Result<(), Failure> {
    let subject = subject::open(ai, name)?;
    let path = format!("SYS:models/{name}.waymodel");
    let by_path = subject::open(ai, &path)?;
    checks.check(&format!("{name}: the file's root opens the same model"), equal(&by_path.manifest, &subject.manifest));
    checks.check(&format!("{name}: known answers"), known_answers(ai, &subject));
    let file = format!("SYS:models/{name}.logits");
    let theirs = fs::read(&file).map_err(|error| Failure::about(&file, error))?;
    let theirs: Vec<f32> = theirs.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();

    let classes = subject.classes()?;
    let classifier = Classifier::new(ai, &subject, BATCH as u32)?;
    let inputs: Vec<Vec<f32>> =
        samples.iter().take(count).map(|(picture, _)| values(picture, samples.maxval)).collect();
    let (mut logits, mut given, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    for batch in inputs.chunks(BATCH) {
        let answers = classifier.run(ai, batch.len(), &batch.concat()).map_err(|why| refused(name, why))?;
        sums.extend(answers.probabilities.chunks(classes).map(|row| row.iter().sum::<f32>()));
        logits.extend(answers.logits);
        given.extend(answers.classes);
    }
    checks.check(&format!("{name}: {count} pictures were answered"), equal(&given.len(), &count));
    let best = theirs.chunks(classes).map(greatest);
    let other = best.zip(&given).position(|(best, class)| best as i32 != *class);
    checks.check(&format!("{name}: ONNX Runtime's class on every picture"), none("picture", other));
    let worst = logits.iter().zip(&theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max);
    let near = if worst <= FAR { Ok(()) } else { Err(format!("{worst:e}")) };
    checks.check(&format!("{name}: no logit differs by more than {FAR:e}"), near);
    let off = sums.iter().position(|sum| (sum - 1.0).abs() > 1e-5);
    checks.check(&format!("{name}: probabilities add up to 1"), none("picture", off));
    let labels = samples.iter().map(|(_, label)| i32::from(label));
    let right = labels.zip(&given).filter(|(label, class)| label == *class).count();
    let enough = if right * 1000 >= count * 990 { Ok(()) } else { Err(format!("{right} of {count}")) };
    checks.check(&format!("{name}: 99 % of the labels"), enough);
    let bytes: Vec<u8> = logits.iter().flat_map(|value| value.to_le_bytes()).collect();
    let digest = hex(&Sha256::digest(&bytes));
    checks.check(&format!("{name}: the same bits as everywhere"), equal(&digest.as_str(), &bits));
    let alone = classifier.run(ai, 1, &inputs[0]).map_err(|why| refused(name, why))?;
    let first = logits.get(..classes).unwrap_or_default();
    checks.check(&format!("{name}: the same bits alone and in a batch"), equal(&&alone.logits[..], &first));
    let closed = classifier.close(ai).map_err(|why| format!("{why}"));
    checks.check(&format!("{name}: the context closes"), closed);
    Ok(())
}

fn values(picture: &[u8], maxval: u8) -> Vec<f32> {
    picture.iter().map(|&sample| f32::from(sample) / f32::from(maxval)).collect()
}

fn greatest(row: &[f32]) -> usize {
    (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best })
}

fn known_answers(ai: &Ai, subject: &Subject) -> Result<(), String> {
    match ai.verify(subject.id) {
        Ok((run, 0)) if run >= 3 => Ok(()),
        Ok((run, failed)) => Err(format!("{failed} of {run} failed")),
        Err(why) => Err(format!("{why}")),
    }
}

/// The sample pictures, one of each digit.
fn pictures(checks: &mut Checks, ai: &Ai) -> Result<(), Failure> {
    let subject = subject::open(ai, "digits")?;
    let classifier = Classifier::new(ai, &subject, 1)?;
    for (digit, word) in DIGITS.into_iter().enumerate() {
        let path = format!("SYS:samples/{word}.pgm");
        let answer = classify::picture(&subject, &path)
            .and_then(|values| classifier.run(ai, 1, &values).map_err(|why| refused(&path, why)));
        let right = answer.map_err(|why| why.text).and_then(|answers| equal(&answers.classes[..], &[digit as i32]));
        checks.check(&path, right);
    }
    Ok(())
}

/// Changed files: aid must refuse each as the loader here does, and by the rule that was broken.
fn hostile(checks: &mut Checks, ai: &Ai) {
    let good = match fs::read("SYS:models/digits.waymodel") {
        Ok(good) => good,
        Err(error) => return checks.check("hostile files", Err(format!("SYS:models/digits.waymodel: {error}"))),
    };
    for mutant in MUTANTS {
        let file = mutant.apply(&good);
        let here = Model::load(&file[..]).err().map(|refusal| (error_of(refusal.kind), refusal.rule));
        let there = match ai.load(&file) {
            Ok(_) => None,
            Err(ai::Failure::Refused(refusal)) => Some((refusal.error, refusal.what)),
            Err(ai::Failure::Error(error)) => Some((error, 0)),
        };
        let wanted = Some((mutant.error, mutant.rule));
        let result = equal(&there, &wanted).and_then(|()| equal(&here, &wanted));
        checks.check(&format!("refused: {}", mutant.name), result);
    }
}

/// Requests that make no sense.
fn refusals(checks: &mut Checks, ai: &Ai) {
    let error = |result: Result<(), ai::Failure>| result.err().map(ai::Failure::error);
    let Ok(subject) = subject::open(ai, "digits") else { return };
    let unknown = error(ai.model("nosuch").map(drop));
    checks.check("refused: a model that nobody has", equal(&unknown, &Some(Error::NotFound)));
    let too_many = error(ai.context(subject.id, [65, 0, 0, 0]).map(drop));
    checks.check("refused: a batch beyond the model's", equal(&too_many, &Some(Error::Shape)));
    if let Ok(classifier) = Classifier::new(ai, &subject, 1) {
        let short = error(classifier.run(ai, 1, &[0.0; 63]).map(drop));
        checks.check("refused: an input that is too short", equal(&short, &Some(Error::Shape)));
        let larger = error(classifier.run(ai, 2, &[0.0; 128]).map(drop));
        checks.check("refused: a batch beyond the context's", equal(&larger, &Some(Error::Shape)));
        let endless = error(classifier.run(ai, 1, &[f32::MAX; 64]).map(drop));
        checks.check("refused: an answer that is not finite", equal(&endless, &Some(Error::NonFinite)));
    }
}

fn equal<T: PartialEq + core::fmt::Debug + ?Sized>(have: &T, want: &T) -> Result<(), String> {
    if have == want { Ok(()) } else { Err(format!("{have:?} instead of {want:?}")) }
}

fn none(what: &str, at: Option<usize>) -> Result<(), String> {
    at.map_or(Ok(()), |at| Err(format!("{what} {at}")))
}
