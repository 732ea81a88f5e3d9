//! `scripts/debug`: the system under GDB.

use crate::build;
use crate::handover::Scratch;
use crate::interrupt::Interrupt;
use crate::machine::Machine;
use crate::options::{self, Options, Request};
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::{Failure, command::run, guest, install, port};
use archive::manifest::Manifest;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// What `--help` prints.
pub const USAGE: &str = "\
usage: scripts/debug [OPTION]...
Boots the system in a QEMU that waits at the first instruction, and starts GDB on it, with the symbols of the kernel,
the servers and the commands, whose places are fixed for it. Takes the options of scripts/run; the log goes to a file
that is named at start.";

/// Runs the command; returns GDB's exit status.
///
/// # Errors
/// What it could not do.
pub fn command(args: impl IntoIterator<Item = OsString>) -> Result<u8, Failure> {
    let mut options = match options::parse(args)? {
        Request::Help => {
            println!("{USAGE}");
            return Ok(0);
        }
        Request::Run(options) => *options,
    };
    options.gdb = true;
    options::without_media(&options)?;
    let steps = Steps::new(Say::Steps);
    let project = Project::find()?;
    install::rust(options.arch, &steps)?;
    install::qemu(options.arch, &steps)?;
    let (gdb, package) = options.arch.gdb();
    install::programs(&[(gdb, &[package])], &steps)?;
    let system = build::system(&project, options.arch, options.profile, &options.with, &steps)?;
    let scratch = Scratch::new()?;
    let machine = run::captured_machine(&system, &options, port::FIRST, &scratch)?;
    let arguments = arguments(&project, &options, &machine)?;
    let log = project.target.join(format!("debug-{}.log", options.arch.name()));
    let output = File::create(&log).map_err(|e| Failure::new(format!("{}: {e}", log.display())))?;
    let errors = output.try_clone().map_err(|e| Failure::new(format!("{}: {e}", log.display())))?;
    steps.line(&format!("the log of the guest: {}", log.display()));
    let program = guest::program(options.arch.qemu());
    let mut qemu = Command::new(&program)
        .args(machine.arguments())
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        // Ctrl-C is GDB's: it stops the guest. It must end neither QEMU nor us.
        .process_group(0)
        .spawn()
        .map_err(|e| Failure::new(format!("{}: {e}", program.display())))?;
    let _ignored = Interrupt::catch();
    let status = Command::new(gdb).args(arguments).status();
    let _ = qemu.kill();
    let _ = qemu.wait();
    match status {
        Ok(status) => Ok(status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1)),
        Err(e) => Err(Failure::new(format!("{gdb}: {e}"))),
    }
}

/// GDB's arguments: the symbols of everything, where it lies, and where the guest is.
pub(crate) fn arguments(project: &Project, options: &Options, machine: &Machine) -> Result<Vec<String>, Failure> {
    let manifest = project.root.join("boot/manifest.toml");
    let manifest = ramfs_builder::source::joined(&manifest, &options.with).map_err(build::problems)?;
    let programs = project.programs(options.arch, options.profile);
    let kernel = project.kernel(options.arch, options.profile);
    let mut arguments = vec!["-q".to_string(), kernel.display().to_string()];
    let mut commands = vec!["set confirm off".to_string()];
    commands.extend(places(&manifest).map(|(binary, place)| {
        let file = programs.join(binary);
        format!("add-symbol-file {} -o {place:#x}", file.display())
    }));
    commands.extend(machine.gdb.iter().map(|gdb| format!("target remote {}", gdb.target())));
    for command in commands {
        arguments.extend(["-ex".to_string(), command]);
    }
    Ok(arguments)
}

/// The programs of the system, and where each is placed.
fn places(manifest: &Manifest) -> impl Iterator<Item = (String, u64)> {
    let servers = manifest.servers.iter().map(|s| (s.binary(), &s.image));
    let programs = manifest.programs.iter().filter_map(|p| Some((p.binary.clone(), p.images.first()?)));
    let places = servers.chain(programs).filter_map(|(binary, image)| Some((binary, manifest.fixed_place(image)?)));
    [("init".to_string(), archive::INIT_BASE)].into_iter().chain(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn each_program_has_a_place_of_its_own() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boot/manifest.toml");
        let manifest = ramfs_builder::source::read(&manifest).unwrap();
        let all: Vec<(String, u64)> = places(&manifest).collect();
        assert!(["init", "netd", "shell", "commands"].iter().all(|name| all.iter().any(|(binary, _)| binary == name)));
        assert_eq!(all.iter().map(|(_, place)| place).collect::<BTreeSet<_>>().len(), all.len());
    }
}
