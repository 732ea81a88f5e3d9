//! The command line: what is asked for, or what is wrong with it.

use crate::Options;
use std::path::{Path, PathBuf};
use waymodel::manifest::{Kind, Pre};

/// Shown on a usage error and by `--help`.
pub const USAGE: &str = "\
mkmodel convert IN -o OUT [--name N] [--version V] [--kind tensor|classify] [--quant f32] [--labels A,B|FILE]
                [--image WxHxC[:SCALE:BIAS]] [--max B=64] [--licence SPDX] [--notice FILE]
mkmodel info|check|run FILE
Exit status: 0 done, 1 not convertible or bad, 2 usage.";

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Show the usage.
    Help,
    /// Convert a model.
    Convert(Box<Convert>),
    /// Print what a model says about itself.
    Info(PathBuf),
    /// Load a model by all rules.
    Check(PathBuf),
    /// Run a model's known answers.
    Run(PathBuf),
}

/// Files and settings of a conversion.
#[derive(Clone, Debug)]
pub struct Convert {
    /// The ONNX file.
    pub input: PathBuf,
    /// Where the model goes.
    pub output: PathBuf,
    /// Settings; labels and notice may still lie in files.
    pub options: Options,
    /// A file with a label a line.
    pub labels: Option<PathBuf>,
    /// A file with notices.
    pub notice: Option<PathBuf>,
}

/// A command line that can't be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The usage is wrong: exit status 2.
    Usage(String),
    /// It will work in a later release: exit status 1.
    Later(String),
}

/// Understands the arguments behind the program's name.
pub fn parse(arguments: &[String]) -> Result<Command, Wrong> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--help" | "-h" | "help"] => Ok(Command::Help),
        ["info", file] => Ok(Command::Info(file.into())),
        ["check", file] => Ok(Command::Check(file.into())),
        ["run", file] => Ok(Command::Run(file.into())),
        ["convert", ref rest @ ..] => convert(rest).map(|c| Command::Convert(Box::new(c))),
        ["sign" | "report", ..] => Err(later(words[0])),
        [] => Err(usage("no command")),
        [command, ..] => Err(usage(format!("\"{command}\" is no command, or has the wrong number of arguments"))),
    }
}

fn convert(words: &[&str]) -> Result<Convert, Wrong> {
    let (mut input, mut output) = (None, None);
    let (mut labels, mut notice, mut name) = (None, None, None);
    let mut options = Options::default();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| usage(format!("{word} needs a value")));
        match word {
            "-o" => output = Some(PathBuf::from(value()?)),
            "--name" => name = Some(value()?.to_string()),
            "--version" => options.version = number(word, value()?)?,
            "--kind" => options.kind = kind(value()?)?,
            "--quant" => quant(value()?)?,
            "--labels" => match value()? {
                list if list.contains(',') => options.labels = list.split(',').map(String::from).collect(),
                file => labels = Some(file.into()),
            },
            "--image" => options.pre = image(value()?)?,
            "--max" => options.batch = batch(value()?)?,
            "--licence" => options.licence = value()?.into(),
            "--notice" => notice = Some(value()?.into()),
            "--tests" | "--sign" => return Err(later(word)),
            _ if word.starts_with('-') => return Err(usage(format!("unknown option {word}"))),
            _ if input.is_some() => return Err(usage(format!("one input too many: {word}"))),
            _ => input = Some(PathBuf::from(word)),
        }
    }
    let (Some(input), Some(output)) = (input, output) else { return Err(usage("convert needs IN and -o OUT")) };
    options.source = input.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    options.name = name.unwrap_or_else(|| name_of(&output));
    Ok(Convert { input, output, options, labels, notice })
}

/// A model's name from its file's: the stem, in the characters that names may have.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().map_or(String::new(), |s| s.to_string_lossy().to_lowercase());
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    stem.chars().map(|c| if fits(c) { c } else { '-' }).take(63).collect()
}

fn kind(word: &str) -> Result<Kind, Wrong> {
    match word {
        "tensor" => Ok(Kind::Tensor),
        "classify" => Ok(Kind::Classify),
        "embed" | "generate" => Err(later(word)),
        _ => Err(usage(format!("unknown kind {word}"))),
    }
}

fn quant(word: &str) -> Result<(), Wrong> {
    match word {
        "f32" => Ok(()),
        "f16" | "bf16" | "q8_0" | "q4_0" => Err(later(word)),
        _ => Err(usage(format!("unknown weight type {word}"))),
    }
}

/// `WxHxC[:SCALE:BIAS]`.
fn image(word: &str) -> Result<Pre, Wrong> {
    let wrong = || usage(format!("--image {word}: must be WxHxC[:SCALE:BIAS]"));
    let mut parts = word.split(':');
    let sizes: Vec<u16> = parts.next().unwrap_or("").split('x').map_while(|n| n.parse().ok()).collect();
    let &[width, height, channels] = &sizes[..] else { return Err(wrong()) };
    let (scale, bias) = match parts.collect::<Vec<_>>()[..] {
        [] => (1.0, 0.0),
        [scale, bias] => (scale.parse().map_err(|_| wrong())?, bias.parse().map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    let channels = u8::try_from(channels).map_err(|_| wrong())?;
    Ok(Pre::Image { width, height, channels, scale, bias, invert: false })
}

/// `B=64`.
fn batch(word: &str) -> Result<u32, Wrong> {
    match word.split_once('=') {
        Some(("B", value)) => match number("--max B", value)? {
            n @ 1..=64 => Ok(n),
            n => Err(usage(format!("--max B={n}: must be 1 to 64"))),
        },
        Some(("T", _)) => Err(later("--max T")),
        _ => Err(usage(format!("--max {word}: must be B=NUMBER"))),
    }
}

fn number(option: &str, word: &str) -> Result<u32, Wrong> {
    word.parse().map_err(|_| usage(format!("{option} {word}: must be a number")))
}

fn usage(text: impl Into<String>) -> Wrong {
    Wrong::Usage(text.into())
}

fn later(what: &str) -> Wrong {
    Wrong::Later(format!("Unsupported: {what} comes with a later release"))
}
