//! `scripts/test kernel`: the kernel core's proof by test, which needs no machine and no QEMU.
//!
//! All tests of `abi`, `kmem` and `kcore` (sequences, model, exploration, seeded bugs and the rest; the book's page "The
//! kernel, proved by test" lists them), those of the libraries next to it, with the ring's wake-up protocol under loom, and,
//! where the toolchain has it, Miri.

use super::{Count, host};
use crate::project::Project;
use std::process::{Command, Stdio};

/// The name that asks for it.
pub const NAME: &str = "kernel";

/// The packages whose tests are the proof.
const PACKAGES: &[&str] = &["test", "--quiet", "--no-fail-fast", "-p", "abi", "-p", "kmem", "-p", "kcore"];
/// Whatever a process relies on as on the kernel: what tells it of the machine, and how it is called, starts processes,
/// names and supervises them, serves their faults and devices. `libsys` has the ring's wake-ups (`ring_orders`).
const BESIDE: &[&str] =
    &["firmware", "libsys", "protocol", "elfload", "namespace", "supervise", "regions", "pci", "machine"];
/// What Miri runs: it is some hundred times slower.
const MIRI: &[&[&str]] = &[
    &["+nightly", "miri", "test", "--quiet", "-p", "kmem"],
    &["+nightly", "miri", "test", "--quiet", "-p", "kcore", "--test", "checks", "stories::"],
];

/// Runs it, printing what it runs.
pub fn run(project: &Project, long: bool) -> Count {
    println!("host: the kernel core");
    let mut count = host::tests(project, PACKAGES, None, long);
    println!("host: what stands beside it; the ring's wake-ups, in every order");
    let beside: Vec<&str> =
        ["test", "--quiet", "--no-fail-fast"].into_iter().chain(BESIDE.iter().flat_map(|name| ["-p", name])).collect();
    count.add(host::tests(project, &beside, None, long));
    if has_miri() {
        for arguments in MIRI {
            println!("host: cargo {}", arguments.join(" "));
            count.add(host::tests(project, arguments, None, false));
        }
    } else {
        println!("skip host    Miri over kmem and kcore: needs nightly with the miri component");
        count.add(Count { skipped: 1, ..Count::default() });
    }
    count
}

fn has_miri() -> bool {
    let mut version = Command::new("cargo");
    version.args(["+nightly", "miri", "--version"]).stdin(Stdio::null());
    version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
