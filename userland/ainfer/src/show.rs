//! LIST, INFO and VERIFY.

use alloc::format;
use alloc::string::String;

use libsys::ai::Ai;
use libsys::{Error, Status, println};
use readargs::Args;
use waymodel::manifest::Pre;
use waymodel::{DType, Kind};

use crate::classify::json;
use crate::refused::refused;
use crate::subject;
use command::{Failure, Outcome};

/// All models that aid has.
pub fn list(ai: &Ai, args: &Args) -> Outcome {
    let models = ai.list().map_err(|why| refused("list", why))?;
    if !args.switch("QUIET") && !args.switch("JSON") {
        println!("{:<11} {:>3} {:<9} {:<7} {:>8} {:>6}  Root", "Model", "Ver", "Kind", "Weights", "Memory", "Users");
    }
    for model in models {
        let (kind, weights) = (kind_name(model.kind), weights_name(model.quant));
        let (name, version, users, root) = (&model.name, model.version, model.users, hex(&model.root[..8]));
        if args.switch("QUIET") {
            println!("{name}");
        } else if args.switch("JSON") {
            let name = json(name);
            let (root, bytes) = (hex(&model.root), model.bytes);
            println!(
                "{{\"name\":{name},\"version\":{version},\"kind\":\"{kind}\",\"weights\":\"{weights}\",\"bytes\":{bytes},\
                 \"users\":{users},\"root\":\"{root}\"}}"
            );
        } else {
            let memory = format!("{} KiB", model.bytes.div_ceil(1024));
            println!("{name:<11} {version:>3} {kind:<9} {weights:<7} {memory:>8} {users:>6}  {root}");
        }
    }
    Ok(Status::OK)
}

/// What a model says about itself.
pub fn info(ai: &Ai, args: &Args) -> Outcome {
    let model = subject::open(ai, args.string_or("MODEL", ""))?.manifest;
    println!("{}", format!("{} {}  {}", model.name, model.version, model.title).trim_end());
    println!("kind       {}, weights {}", model.kind.name(), weights_name(model.quant as u8));
    println!("source     {} (SHA-256 {})", model.source, hex(&model.source_sha256));
    println!("converter  {}", model.converter);
    println!("licence    {}", model.licence);
    match model.pre {
        Pre::Image { width, height, channels, .. } => {
            println!("takes      pictures of {width} by {height}, {channels} channel")
        }
        Pre::Text => println!("takes      text"),
        Pre::None => println!("takes      values as they are"),
    }
    for symbol in &model.symbols {
        println!("dimension  {} from {} to {}", symbol.name, symbol.min, symbol.max);
    }
    for (what, ports) in [("input", &model.inputs), ("output", &model.outputs)] {
        for port in ports {
            println!("{what:<10} {}", port.name);
        }
    }
    if !model.labels.is_empty() {
        let labels: alloc::vec::Vec<&str> = model.labels.iter().collect();
        println!("labels     {}", labels.join(" "));
    }
    Ok(Status::OK)
}

/// Runs the known answers that a model carries.
pub fn verify(ai: &Ai, args: &Args) -> Outcome {
    let word = args.string_or("MODEL", "");
    let subject = subject::open(ai, word)?;
    let (run, failed) = ai.verify(subject.id).map_err(|why| refused(word, why))?;
    println!("{}: {} passed, {failed} failed", subject.manifest.name, run.saturating_sub(failed));
    if failed > 0 || run == 0 {
        let text = format!("{word}: computes something else than its known answers");
        return Err(Failure::new(Error::Corrupt, text));
    }
    Ok(Status::OK)
}

/// AISTAT: what aid has done and has.
pub fn stats(ai: &Ai) -> Outcome {
    let stats = ai.stats().map_err(|why| refused("aistat", why))?;
    let [models, contexts, tensors] = stats.objects;
    println!("queued     {}", stats.queued);
    println!("done       {}", stats.done);
    println!("failed     {}", stats.failed);
    println!("cancelled  {}", stats.cancelled);
    println!("busy       {}.{:03} ms", stats.busy_us / 1000, stats.busy_us % 1000);
    println!("models     {models}");
    println!("contexts   {contexts}");
    println!("tensors    {tensors}");
    Ok(Status::OK)
}

fn kind_name(code: u8) -> &'static str {
    let kinds = [Kind::Tensor, Kind::Classify, Kind::Embed, Kind::Generate];
    kinds.iter().find(|kind| **kind as u8 == code).map_or("?", |kind| kind.name())
}

fn weights_name(code: u8) -> &'static str {
    DType::from_code(code).map_or("?", DType::name)
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
