//! `ramfs-builder`: packs the boot archive, or prints the authority graph of its manifest.

#![forbid(unsafe_code)]

use lexopt::prelude::*;
use ramfs_builder::{Inputs, Missing, check, graph, source};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: ramfs-builder --manifest FILE --root DIR [--files DIR]... [--allow-missing] -o ARCHIVE
       ramfs-builder --manifest FILE --graph

Packs init and the programs that the manifest names (built, in --root) and the files below --files.
  --allow-missing   leave programs out that were not built, and say which
  --graph           print who reaches what, and pack nothing";

#[derive(Default)]
struct Options {
    manifest: Option<PathBuf>,
    root: Option<PathBuf>,
    files: Vec<PathBuf>,
    output: Option<PathBuf>,
    allow_missing: bool,
    graph: bool,
}

fn main() -> ExitCode {
    let options = match parse() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("ramfs-builder: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            for problem in problems {
                eprintln!("ramfs-builder: {problem}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Vec<String>> {
    let needed = |path: &Option<PathBuf>, option: &str| path.clone().ok_or(vec![format!("{option} is missing")]);
    let manifest = needed(&options.manifest, "--manifest")?;
    if options.graph {
        let manifest = source::read(&manifest).map_err(|p| vec![p.to_string()])?;
        print!("{}", graph::Graph::of(&manifest));
        let problems = check::check(&manifest);
        return if problems.is_empty() { Ok(()) } else { Err(problems.iter().map(ToString::to_string).collect()) };
    }
    let (root, output) = (needed(&options.root, "--root")?, needed(&options.output, "-o")?);
    let files: Vec<&Path> = options.files.iter().map(PathBuf::as_path).collect();
    let missing = if options.allow_missing { Missing::LeaveOut } else { Missing::Refuse };
    let inputs = Inputs { manifest: &manifest, programs: &root, files: &files, missing };
    let built = ramfs_builder::build(&inputs).map_err(|ps| ps.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    if !built.left_out.is_empty() {
        eprintln!("ramfs-builder: left out, not built: {}", built.left_out.join(" "));
    }
    std::fs::write(&output, built.bytes).map_err(|e| vec![format!("{}: {e}", output.display())])
}

/// `None`: help was asked for.
fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("manifest") => options.manifest = Some(parser.value()?.into()),
            Long("root") => options.root = Some(parser.value()?.into()),
            Long("files") => options.files.push(parser.value()?.into()),
            Short('o') | Long("output") => options.output = Some(parser.value()?.into()),
            Long("allow-missing") => options.allow_missing = true,
            Long("graph") => options.graph = true,
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(options))
}
