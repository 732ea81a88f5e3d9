//! `mkmodel`: makes, shows and checks .waymodel files. Exit status: 0 done, 1 not convertible or bad, 2 usage.
#![forbid(unsafe_code)]

use mkmodel::cli::{self, Command, Convert, USAGE, Wrong};
use std::path::Path;
use std::process::ExitCode;
use waymodel::Model;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match cli::parse(&arguments) {
        Ok(command) => carry_out(command),
        Err(Wrong::Later(text)) => Err(text),
        Err(Wrong::Usage(text)) => {
            eprintln!("mkmodel: {text}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("mkmodel: {text}");
            ExitCode::from(1)
        }
    }
}

fn carry_out(command: Command) -> Result<(), String> {
    match command {
        Command::Help => println!("{USAGE}"),
        Command::Convert(convert) => return run_conversion(*convert),
        Command::Info(file) => with_model(&file, |model| {
            println!("{}", mkmodel::show::info(model));
            Ok(())
        })?,
        Command::Check(file) => with_model(&file, |model| {
            let manifest = model.manifest();
            println!(
                "{} {}: all rules hold, root {}",
                manifest.name,
                manifest.version,
                mkmodel::show::hex(model.root())
            );
            Ok(())
        })?,
        Command::Run(file) => with_model(&file, run_tests)?,
    }
    Ok(())
}

fn run_tests(model: &Model<&[u8]>) -> Result<(), String> {
    let verdict = mkmodel::run_known_answers(model).map_err(|p| p.to_string())?;
    println!("{} passed, {} failed", verdict.run - verdict.failed, verdict.failed);
    match verdict.first {
        Some(failure) => Err(format!("the first failure is {failure:?}")),
        None => Ok(()),
    }
}

fn with_model(file: &Path, action: impl FnOnce(&Model<&[u8]>) -> Result<(), String>) -> Result<(), String> {
    let bytes = read(file)?;
    let model = Model::load(&bytes[..]).map_err(|e| format!("{}: {e}", file.display()))?;
    action(&model).map_err(|e| format!("{}: {e}", file.display()))
}

fn run_conversion(convert: Convert) -> Result<(), String> {
    let Convert { input, output, mut options, labels, notice } = convert;
    if let Some(file) = labels {
        options.labels = text(&file)?.lines().map(String::from).collect();
    }
    if let Some(file) = notice {
        options.notice = text(&file)?;
    }
    let onnx = read(&input)?;
    let file = mkmodel::convert(&onnx, &options).map_err(|p| format!("{}: {p}", input.display()))?;
    std::fs::write(&output, file).map_err(|e| format!("{}: {e}", output.display()))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))
}

fn text(file: &Path) -> Result<String, String> {
    String::from_utf8(read(file)?).map_err(|_| format!("{}: is not UTF-8", file.display()))
}
