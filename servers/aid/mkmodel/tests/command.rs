//! The program as a user calls it: files, exit status, what is printed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn mkmodel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mkmodel")).args(arguments).output().expect("mkmodel starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder of this test run, which is empty at first.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn a_model_is_converted_shown_checked_and_run_and_a_damaged_one_refused() {
    let folder = folder();
    let file = folder.join("digits.waymodel");
    let name = file.to_str().unwrap();
    let onnx = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/digits_mlp.onnx");
    let done = mkmodel(&["convert", onnx, "-o", name, "--kind", "classify", "--image", "8x8x1"]);
    assert_eq!((done.status.code(), text(&done.stderr).as_str()), (Some(0), ""));
    let info = mkmodel(&["info", name]);
    assert!(text(&info.stdout).contains("name       digits 1") && text(&info.stdout).contains("tests      3"));
    assert!(text(&mkmodel(&["check", name]).stdout).starts_with("digits 1: all rules hold, root "));
    assert_eq!(text(&mkmodel(&["run", name]).stdout), "3 passed, 0 failed\n");

    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let refused = mkmodel(&["check", name]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("chunk 0: rule 9: bytes 4096 to "), "{}", text(&refused.stderr));
}

#[test]
fn what_can_not_be_done_ends_with_1_and_what_is_not_understood_with_2() {
    let later = mkmodel(&["convert", "a.onnx", "-o", "b", "--quant", "q8_0"]);
    assert_eq!(later.status.code(), Some(1));
    assert_eq!(text(&later.stderr), "mkmodel: Unsupported: q8_0 comes with a later release\n");
    let missing = mkmodel(&["check", "no-such-file.waymodel"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).starts_with("mkmodel: no-such-file.waymodel: "));
    let usage = mkmodel(&["frobnicate"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(text(&usage.stderr).contains("Exit status: 0 done, 1 not convertible or bad, 2 usage."));
    assert_eq!(mkmodel(&["--help"]).status.code(), Some(0));
}
