//! `ramfs-builder`: packs the boot archive, or prints the authority graph of its manifest.

#![forbid(unsafe_code)]

use lexopt::prelude::*;
use ramfs_builder::{Inputs, Missing, Problem, check, graph, source};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: ramfs-builder --manifest FILE [--with DIR]... --root DIR [--files DIR]... [--allow-missing] -o ARCHIVE
       ramfs-builder --manifest FILE [--with DIR]... --graph

Packs init and the programs that the manifest names (built, in --root) and the files below --files.
  --with DIR        join the rows of DIR/manifest.toml to the manifest's
  --allow-missing   leave programs out that were not built, and say which
  --graph           print who reaches what, and pack nothing";

#[derive(Default)]
struct Options {
    manifest: Option<PathBuf>,
    with: Vec<PathBuf>,
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
        let manifest = source::joined(&manifest, &options.with).map_err(lines)?;
        print!("{}", graph::Graph::of(&manifest));
        let problems = check::check(&manifest);
        return if problems.is_empty() { Ok(()) } else { Err(lines(problems)) };
    }
    let (root, output) = (needed(&options.root, "--root")?, needed(&options.output, "-o")?);
    let files: Vec<&Path> = options.files.iter().map(PathBuf::as_path).collect();
    let with: Vec<&Path> = options.with.iter().map(PathBuf::as_path).collect();
    let missing = if options.allow_missing { Missing::LeaveOut } else { Missing::Refuse };
    let inputs = Inputs { manifest: &manifest, with: &with, programs: &root, files: &files, missing };
    let built = ramfs_builder::build(&inputs).map_err(lines)?;
    if !built.left_out.is_empty() {
        eprintln!("ramfs-builder: left out, not built: {}", built.left_out.join(" "));
    }
    std::fs::write(&output, built.bytes).map_err(|e| vec![format!("{}: {e}", output.display())])
}

fn lines(problems: Vec<Problem>) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// `None`: help was asked for.
fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("manifest") => options.manifest = Some(parser.value()?.into()),
            Long("with") => options.with.push(parser.value()?.into()),
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
