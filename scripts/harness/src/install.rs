//! What must be there before anything can be built or booted, and installing it where we may.
//!
//! A check costs a look at a file, not a start of rustup, because every run makes it.

use crate::Failure;
use crate::arch::Arch;
use crate::step::Steps;
use rustix::process::geteuid;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target of the UEFI loader.
pub const LOADER_TARGET: &str = "aarch64-unknown-uefi";

/// Finds a program in `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|p| p.is_file())
}

/// Makes sure that the compiler has what the kernel and the user programs of `arch` need.
///
/// # Errors
/// It is missing, and could not be installed: says how to.
pub fn rust(arch: Arch, steps: &Steps) -> Result<(), Failure> {
    let sysroot = sysroot()?;
    let library = sysroot.join("lib/rustlib");
    let mut missing: Vec<Vec<&str>> = Vec::new();
    if !library.join(arch.kernel_target()).is_dir() {
        missing.push(vec!["target", "add", arch.kernel_target()]);
    }
    if !library.join("src/rust/library/core").is_dir() {
        missing.push(vec!["component", "add", "rust-src"]);
    }
    if !has_llvm_tools(&library) {
        missing.push(vec!["component", "add", "llvm-tools"]);
    }
    add(&missing, steps)
}

/// Makes sure that cargo can format and lint: a minimal toolchain can't.
///
/// # Errors
/// As [`rust`].
pub fn linters(steps: &Steps) -> Result<(), Failure> {
    let bin = sysroot()?.join("bin");
    let needed = [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")];
    let missing: Vec<_> = needed.iter().filter(|(program, _)| !bin.join(program).is_file()).collect();
    let missing: Vec<_> = missing.iter().map(|(_, component)| vec!["component", "add", component]).collect();
    add(&missing, steps)
}

/// Calls rustup with each list of arguments.
fn add(missing: &[Vec<&str>], steps: &Steps) -> Result<(), Failure> {
    for arguments in missing {
        let line = format!("rustup {}", arguments.join(" "));
        steps.line(&format!("installing: {line}"));
        if !succeeds(Command::new("rustup").args(arguments)) {
            return Err(Failure::new(format!("this is missing and could not be installed; please run: {line}")));
        }
    }
    Ok(())
}

/// Makes sure that cargo can build for UEFI.
///
/// # Errors
/// As [`rust`].
pub fn loader(steps: &Steps) -> Result<(), Failure> {
    match sysroot()?.join("lib/rustlib").join(LOADER_TARGET).is_dir() {
        true => Ok(()),
        false => add(&[vec!["target", "add", LOADER_TARGET]], steps),
    }
}

/// UEFI for `arch` in QEMU.
///
/// # Errors
/// As [`programs`].
pub fn uefi(arch: Arch, steps: &Steps) -> Result<(), Failure> {
    let [code, _] = arch.uefi();
    programs(&[(code, &[arch.uefi_package()])], steps)
}

/// Whether a program, or a file if it is a whole path, is there.
fn is_there(needed: &str) -> bool {
    if needed.starts_with('/') { Path::new(needed).is_file() } else { find(needed).is_some() }
}

/// Makes sure that each program, or file, is there, by installing the Debian packages that have it.
///
/// # Errors
/// One is missing, and could not be installed: says what to install.
pub fn programs(needed: &[(&str, &[&str])], steps: &Steps) -> Result<(), Failure> {
    let missing: Vec<_> = needed.iter().filter(|(program, _)| !is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<&str> = missing.iter().flat_map(|(_, packages)| packages.iter().copied()).collect();
    let by_hand = format!("apt-get update && apt-get install --no-install-recommends {}", packages.join(" "));
    if !geteuid().is_root() {
        return Err(Failure::new(format!("{} missing; please run, as root: {by_hand}", names.join(", "))));
    }
    if find("apt-get").is_none() {
        return Err(Failure::new(format!("{} missing; on Debian: {by_hand}", names.join(", "))));
    }
    steps.line(&format!("installing packages: {}", packages.join(" ")));
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&packages);
    let done = quietly(Command::new("apt-get").args(["update", "-qq"])) && quietly(&mut install);
    match needed.iter().find(|(program, _)| !is_there(program)) {
        None if done => Ok(()),
        _ => Err(Failure::new(format!("the packages could not be installed; please run: {by_hand}"))),
    }
}

/// QEMU for `arch`.
///
/// # Errors
/// As [`programs`].
pub fn qemu(arch: Arch, steps: &Steps) -> Result<(), Failure> {
    programs(&[(arch.qemu(), arch.packages())], steps)
}

fn sysroot() -> Result<PathBuf, Failure> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().into()),
        _ => Err(Failure::new("rustc does not work; please install stable Rust with rustup")),
    }
}

/// llvm-tools are in the host's folder, whatever the host is called.
fn has_llvm_tools(library: &Path) -> bool {
    let Ok(folders) = library.read_dir() else { return false };
    folders.flatten().any(|f| f.path().join("bin/llvm-objdump").is_file())
}

/// Runs a command whose output is shown only if it fails.
fn quietly(command: &mut Command) -> bool {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(_) => false,
    }
}

/// Runs a command with its output on stderr, so that our stdout stays the guest's.
fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    command.status().is_ok_and(|s| s.success())
}

/// QEMU's window.
///
/// # Errors
/// As [`programs`].
pub fn gui(steps: &Steps) -> Result<(), Failure> {
    // A module, not a program: it is looked for in the place where Debian has it.
    let folders = ["/usr/lib/x86_64-linux-gnu/qemu", "/usr/lib/aarch64-linux-gnu/qemu"];
    if folders.iter().any(|f| Path::new(f).join("ui-gtk.so").is_file()) {
        return Ok(());
    }
    match programs(&[("ui-gtk.so", &["qemu-system-gui"])], steps) {
        Err(_) if folders.iter().any(|f| Path::new(f).join("ui-gtk.so").is_file()) => Ok(()),
        other => other,
    }
}
