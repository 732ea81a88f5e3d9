//! Building: user programs, kernel with the names of its functions, boot archive, and on aarch64 the kernel's Linux image.
//!
//! One cargo invocation per target; cargo decides what is up to date, so a run without changes costs two of its checks.
//! Packages of `--with` that are no members of the workspace have one each.

use crate::arch::Arch;
use crate::names;
use crate::options::Profile;
use crate::project::{Package, Project, USER_PROFILE};
use crate::relocations;
use crate::room::Fill;
use crate::step::Steps;
use crate::with::{self, Guests};
use crate::{Failure, image, install, models};
use ramfs_builder::{Inputs, Missing, Problem};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What QEMU is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// The kernel as `-kernel` takes it.
    pub kernel: PathBuf,
    /// The boot archive.
    pub archive: PathBuf,
    /// Both as an image that firmware boots, where one was made.
    pub image: Option<PathBuf>,
    /// What the compiler warned of, as far as it was not shown ([`Steps::show_cargo`]).
    pub warnings: String,
}

/// Builds the system for one processor, joined by the folders `with` ([`with`]).
///
/// # Errors
/// What could not be built; cargo's own words stand on stderr.
pub fn system(
    project: &Project,
    arch: Arch,
    profile: Profile,
    with: &[PathBuf],
    steps: &Steps,
) -> Result<System, Failure> {
    let guests = with::guests(project, with)?;
    let name = arch.name();
    let what = format!("servers and commands for {name}");
    let mut warnings = steps.step(&what, || programs(project, arch, profile, &guests, steps))?;
    for guest in &guests.others {
        warnings += &steps.step(&guest.name, || other(project, arch, profile, guest, steps))?;
    }
    let elf = project.kernel(arch, profile);
    warnings += &steps.step(&format!("the kernel for {name}"), || kernel(project, arch, profile, steps))?;
    let folder = project.system(arch, profile);
    fs::create_dir_all(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    let archive = folder.join(with::archive_name(with));
    let programs = project.programs(arch, profile);
    steps.step("the boot archive", || pack(project, &programs, with, &archive, steps))?;
    let kernel = finished_kernel(arch, &elf, &folder, steps)?;
    Ok(System { kernel, archive, image: None, warnings })
}

/// Builds the system with a kernel that measures how long interrupts are off. It has a folder of its own, so that neither kernel
/// is built again because of the other.
///
/// # Errors
/// As [`system`].
pub fn measuring(project: &Project, arch: Arch, steps: &Steps) -> Result<System, Failure> {
    let system = system(project, arch, Profile::Release, &[], steps)?;
    let target = project.target.join("kernel-measuring");
    steps.step(&format!("a measuring kernel for {}", arch.name()), || {
        let mut cargo = cargo(project, "build");
        cargo.args(["--release", "--features", "stretch", "--target", arch.kernel_target(), "-p", "kernel"]);
        cargo.arg("--target-dir").arg(&target);
        finish(cargo, "the measuring kernel", steps)
    })?;
    let elf = target.join(arch.kernel_target()).join("release/viaether");
    let folder = project.target.join("system").join(arch.name()).join("measuring");
    fs::create_dir_all(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    Ok(System { kernel: finished_kernel(arch, &elf, &folder, steps)?, ..system })
}

/// Servers and commands, those of guests that are members among them.
fn programs(
    project: &Project,
    arch: Arch,
    profile: Profile,
    guests: &Guests,
    steps: &Steps,
) -> Result<String, Failure> {
    let mut cargo = for_users(project, arch, profile);
    let packages = project.user_packages()?;
    if packages.is_empty() {
        return Err(Failure::new(
            "the workspace has no user programs: no package directly below servers/ or userland/",
        ));
    }
    for package in packages.iter().chain(&guests.members) {
        cargo.args(["-p", &package.name]);
    }
    finish(cargo, "the servers and commands", steps)
}

/// A package of another workspace, built as the system's own are.
fn other(project: &Project, arch: Arch, profile: Profile, package: &Package, steps: &Steps) -> Result<String, Failure> {
    let mut cargo = for_users(project, arch, profile);
    cargo.arg("--manifest-path").arg(package.folder.join("Cargo.toml"));
    for setting in profiles(&project.manifest()?) {
        cargo.args(["--config", &setting]);
    }
    finish(cargo, &package.name, steps)
}

/// The profiles of the system's workspace, as cargo's options.
fn profiles(manifest: &toml::Table) -> Vec<String> {
    let value = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(format!("{text:?}")),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        // Settings of single packages.
        _ => None,
    };
    let profile = |name: &str| {
        let table = manifest.get("profile").and_then(|profiles| profiles.get(name)).and_then(toml::Value::as_table);
        let settings = table.into_iter().flatten();
        let settings = settings.filter_map(|(key, set)| Some(format!("profile.{name}.{key}={}", value(set)?)));
        settings.collect::<Vec<_>>()
    };
    ["dev", "release", USER_PROFILE].into_iter().flat_map(profile).collect()
}

/// cargo, told to build for user processes.
fn for_users(project: &Project, arch: Arch, profile: Profile) -> Command {
    let mut cargo = cargo(project, "build");
    if profile == Profile::Release {
        cargo.args(["--profile", USER_PROFILE]);
    }
    cargo.arg("--target-dir").arg(project.user_target());
    user_targets(&mut cargo, project, &[arch]);
    cargo
}

/// cargo, told to have clippy look at the servers and commands, for these processors.
///
/// # Errors
/// A package that can't be read.
pub fn user_clippy(project: &Project, archs: &[Arch]) -> Result<Command, Failure> {
    let mut cargo = cargo(project, "clippy");
    cargo.arg("--quiet").arg("--target-dir").arg(project.target.join("user-clippy"));
    user_targets(&mut cargo, project, archs);
    for package in project.user_packages()? {
        cargo.args(["-p", &package.name]);
    }
    cargo.args(["--", "-D", "warnings"]);
    Ok(cargo)
}

/// The targets of user processes, with their `core` and `alloc`.
fn user_targets(cargo: &mut Command, project: &Project, archs: &[Arch]) {
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo.args(["-Zjson-target-spec", "-Zbuild-std=core,alloc,compiler_builtins"]);
    cargo.arg("-Zbuild-std-features=compiler-builtins-mem");
    for arch in archs {
        cargo.arg("--target").arg(project.specification(*arch));
    }
}

fn kernel(project: &Project, arch: Arch, profile: Profile, steps: &Steps) -> Result<String, Failure> {
    let mut cargo = cargo(project, "build");
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    cargo.arg("--target-dir").arg(project.kernel_target());
    cargo.args(["--target", arch.kernel_target(), "-p", "kernel"]);
    finish(cargo, "the kernel", steps)
}

/// Builds the loader by which UEFI boots aarch64; returns where it is.
///
/// # Errors
/// As [`system`].
pub fn loader(project: &Project, steps: &Steps) -> Result<PathBuf, Failure> {
    let mut cargo = cargo(project, "build");
    cargo.args(["--release", "--target", install::LOADER_TARGET, "-p", "loader"]);
    cargo.arg("--target-dir").arg(project.kernel_target());
    finish(cargo, "the UEFI loader", steps)?;
    Ok(project.kernel_target().join(install::LOADER_TARGET).join("release/loader.efi"))
}

fn cargo(project: &Project, command: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(command).current_dir(&project.root).stdin(Stdio::null());
    // What cargo told this process about its own package would confuse build scripts.
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("CARGO_PKG_") || key == "CARGO_MANIFEST_DIR" {
            cargo.env_remove(key);
        }
    }
    cargo
}

/// Runs cargo. People at a terminal see what it does; others see its words if it fails. Returns its warnings, if they
/// were not shown: it repeats those of what is up to date.
fn finish(mut cargo: Command, what: &str, steps: &Steps) -> Result<String, Failure> {
    let shown = steps.show_cargo() && std::io::stderr().is_terminal();
    let output = if shown {
        cargo.stdout(std::io::stderr()).stderr(Stdio::inherit()).output()
    } else {
        cargo.arg("--quiet").output()
    };
    let output = output.map_err(|e| Failure::new(format!("cargo could not be started: {e}")))?;
    let words = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(words.into_owned());
    }
    Err(Failure::new(format!("{what} could not be built\n{words}").trim_end()))
}

fn pack(project: &Project, programs: &Path, with: &[PathBuf], to: &Path, steps: &Steps) -> Result<(), Failure> {
    let (manifest, files) = (project.root.join("boot/manifest.toml"), project.root.join("boot/sys"));
    let made = models::files(project)?;
    let (files, missing) = ([made.as_path(), &files], Missing::LeaveOut);
    let with: Vec<&Path> = with.iter().map(PathBuf::as_path).collect();
    let inputs = Inputs { manifest: &manifest, with: &with, programs, files: &files, missing };
    let built = ramfs_builder::build(&inputs).map_err(problems)?;
    if !built.left_out.is_empty() {
        steps.line(&format!("left out of the boot archive, not built: {}", built.left_out.join(" ")));
    }
    write_if_changed(to, &built.bytes)
}

/// A failure of all that the boot archive's maker found.
#[must_use]
pub fn problems(problems: Vec<Problem>) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::new(format!("the boot archive could not be made:\n{}", lines.join("\n")))
}

/// Makes of the linked kernel what is booted: with its names, with the places by which it is moved, and on aarch64 as a Linux image.
fn finished_kernel(arch: Arch, elf: &Path, folder: &Path, steps: &Steps) -> Result<PathBuf, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", elf.display()));
    let mut kernel = fs::read(elf).map_err(|e| failed(&e))?;
    if let Fill::TooLarge(bytes) = names::fill(&mut kernel).map_err(|e| failed(&e))? {
        steps.line(&format!("the kernel's traces will be addresses: their names take {bytes} bytes (SYMBOLS_ROOM)"));
    }
    if let Fill::TooLarge(bytes) = relocations::fill(&mut kernel, arch).map_err(|e| failed(&e))? {
        let room = "RELOCATIONS_ROOM";
        steps.line(&format!("the kernel will run where it is linked: its places take {bytes} bytes ({room})"));
    }
    let (name, bytes) = match arch {
        Arch::X86_64 => ("viaether", kernel),
        Arch::Aarch64 => ("Image", image::from_elf(&kernel).map_err(|e| failed(&e))?),
    };
    let to = folder.join(name);
    write_if_changed(&to, &bytes)?;
    Ok(to)
}

/// Replaces a file as a whole, so that a QEMU that has the old one open keeps it.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let failed = |e| Failure::new(format!("{}: {e}", path.display()));
    let beside = path.with_extension(format!("new{}", std::process::id()));
    fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path)).map_err(failed)
}
