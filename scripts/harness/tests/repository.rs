//! Rules about the source itself, held over the whole repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates that need no `unsafe` forbid it; it may stand in the kernel's bottom, in the entry and mapping code of libsys,
/// in drivers' memory and in inference kernels only.
const MUST_FORBID: &[&str] = &[
    "microkernel/firmware",
    "microkernel/kcore",
    "servers/netd/tcpip",
    "servers/netd/tls",
    "servers/httpd/http",
    "servers/fsd/vfs",
    "servers/aid/waymodel",
    "libsys/protocol",
    "userland/readargs",
    "userland/pattern",
    "userland/shell/lang",
    "userland/shell/edit",
    "ramfs-builder/archive",
    "ramfs-builder",
    "scripts/harness",
];
/// Lines in a source file, at most.
const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All Rust files of the repository.
fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

fn violations(rule: impl Fn(&Path, &str) -> Option<String>) -> Vec<String> {
    let root = root();
    let broken = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(&root).unwrap();
        rule(name, &text).map(|why| format!("{}: {why}", name.display()))
    };
    sources().iter().filter_map(broken).collect()
}

#[test]
fn crates_that_need_no_unsafe_forbid_it() {
    for folder in MUST_FORBID {
        let folder = root().join(folder);
        let file = ["src/lib.rs", "src/main.rs"].iter().map(|f| folder.join(f)).find(|f| f.is_file()).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{}", file.display());
    }
}

#[test]
fn files_have_one_subject_and_a_bound() {
    let long = violations(|_, text| {
        let lines = text.lines().count();
        (lines > MAX_LINES).then(|| format!("{lines} lines, the limit is {MAX_LINES}"))
    });
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn nothing_is_left_to_do() {
    // Put together here, so that this file does not break its own rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let left = violations(|_, text| marks.iter().find(|m| text.contains(**m)).map(|m| format!("has a {m}")));
    assert!(left.is_empty(), "{left:#?}");
}
