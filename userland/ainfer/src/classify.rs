//! Classifying pictures.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::ai::{self, Ai};
use libsys::protocol::Id;
use libsys::{Error, Status, fs, println};
use readargs::Args;
use waymodel::manifest::Pre;
use waymodel::pgm::{MOST_BYTES, Picture};

use crate::refused::refused;
use crate::subject::{self, Subject};
use command::{Failure, Outcome};

/// What a model says about a batch.
#[derive(Debug)]
pub struct Answers {
    /// Row by row, one value a class.
    pub logits: Vec<f32>,
    pub probabilities: Vec<f32>,
    pub classes: Vec<i32>,
    /// Processor time.
    pub us: u32,
}

/// A classifying model, ready for batches up to a size.
#[derive(Debug)]
pub struct Classifier {
    context: Id,
    classes: usize,
}

impl Classifier {
    /// A context for batches of at most so many.
    pub fn new(ai: &Ai, subject: &Subject, batch: u32) -> Result<Classifier, Failure> {
        let classes = subject.classes()?;
        let context = ai.context(subject.id, dims(batch)).map_err(|why| refused(&subject.manifest.name, why))?;
        Ok(Classifier { context, classes })
    }

    /// Runs a batch of so many inputs, which stand one behind the other.
    pub fn run(&self, ai: &Ai, batch: usize, values: &[f32]) -> Result<Answers, ai::Failure> {
        let input: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let each = 4 * self.classes * batch;
        let inferred = ai.infer(self.context, dims(batch as u32), &[&input], &[each, each, 4 * batch], 0)?;
        let [logits, probabilities, classes] = &inferred.outputs[..] else { return Err(Error::Protocol.into()) };
        let classes = classes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
        Ok(Answers { logits: floats(logits), probabilities: floats(probabilities), classes, us: inferred.us })
    }

    /// Gives the context back.
    pub fn close(self, ai: &Ai) -> Result<(), ai::Failure> {
        ai.close(self.context)
    }
}

fn dims(batch: u32) -> [u32; 4] {
    [batch, 0, 0, 0]
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The action CLASSIFY.
pub fn run(ai: &Ai, args: &Args) -> Outcome {
    let word = args.string_or("MODEL", "");
    let files = args.many("ARGS");
    if files.is_empty() {
        let text = format!("which pictures? For example: ainfer {word} classify SYS:samples/seven.pgm");
        return Err(Failure::new(Error::ArgumentMissing, text));
    }
    let subject = subject::open(ai, word)?;
    let classifier = Classifier::new(ai, &subject, 1)?;
    for file in files {
        let values = picture(&subject, file)?;
        let answers = classifier.run(ai, 1, &values).map_err(|why| refused(file, why))?;
        let line = line(&subject, &answers, args).ok_or_else(|| Failure::about(file, Error::Protocol))?;
        match files.len() {
            _ if args.switch("JSON") => println!("{{\"file\":{},{line}}}", json(file)),
            1 => println!("{line}"),
            _ => println!("{file}: {line}"),
        }
    }
    Ok(Status::OK)
}

/// The answer as it is printed: `7   p=0.998   41 us`.
fn line(subject: &Subject, answers: &Answers, args: &Args) -> Option<String> {
    let class = usize::try_from(*answers.classes.first()?).ok()?;
    let label = subject.manifest.labels.get(class)?;
    let p = answers.probabilities.get(class)?;
    Some(if args.switch("JSON") {
        format!("\"class\":{class},\"label\":{},\"p\":{p:.6},\"us\":{}", json(label), answers.us)
    } else if args.switch("QUIET") {
        label.into()
    } else {
        format!("{label}   p={p:.3}   {} us", answers.us)
    })
}

/// A picture as the model's input.
pub fn picture(subject: &Subject, path: &str) -> Result<Vec<f32>, Failure> {
    let Pre::Image { width, height, channels, scale, bias, invert } = subject.manifest.pre else {
        let text = format!("{}: does not take pictures", subject.manifest.name);
        return Err(Failure::new(Error::Unsupported, text));
    };
    if channels != 1 {
        let text = format!("{}: takes pictures of {channels} channels, PGM has one", subject.manifest.name);
        return Err(Failure::new(Error::Unsupported, text));
    }
    let stat = fs::stat(path).map_err(|error| Failure::about(path, error))?;
    if stat.size > MOST_BYTES as u64 {
        return Err(Failure::new(Error::Limit, format!("{path}: the picture is longer than 1 MiB")));
    }
    let file = fs::read(path).map_err(|error| Failure::about(path, error))?;
    let picture = Picture::parse(&file).map_err(|why| Failure::new(Error::Shape, format!("{path}: {why}")))?;
    if (picture.width, picture.height) != (width, height) {
        let (w, h) = (picture.width, picture.height);
        return Err(Failure::new(
            Error::Shape,
            format!("{path}: {w} by {h} pixels, the model takes {width} by {height}"),
        ));
    }
    Ok(picture.values(scale, bias, invert).collect())
}

/// A text in JSON's quotes.
pub fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
