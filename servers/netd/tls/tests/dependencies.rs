//! What may not be linked: a source of randomness of its own, and anything that needs C.

use std::process::Command;

#[test]
fn no_crate_finds_randomness_on_its_own_and_none_is_c() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--package", "tls"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("rustls v0.23.46"), "the pinned version");
    for unwanted in ["getrandom ", "ring ", "aws-lc", "cc v", "rand v"] {
        assert!(!tree.lines().any(|line| line.starts_with(unwanted)), "{unwanted} is linked:\n{tree}");
    }
}
