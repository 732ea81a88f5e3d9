//! `scripts/debug`: the system under GDB.

use crate::build;
use crate::handover::Scratch;
use crate::interrupt::Interrupt;
use crate::options::{self, Options, Request};
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::{Failure, command::run, guest, install, port};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What `--help` prints.
pub const USAGE: &str = "\
usage: scripts/debug [OPTION]...
Boots the system in a QEMU that waits at the first instruction, and starts GDB on it, with the symbols of the kernel and
of init. Takes the options of scripts/run; the log goes to a file that is named at start.";

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
    let steps = Steps::new(Say::Steps);
    let project = Project::find()?;
    install::rust(options.arch, &steps)?;
    install::qemu(options.arch, &steps)?;
    let (gdb, package) = options.arch.gdb();
    install::programs(&[(gdb, &[package])], &steps)?;
    let system = build::system(&project, options.arch, options.profile, &steps)?;
    let scratch = Scratch::new()?;
    let machine = run::captured_machine(&system, &options, port::FIRST, &scratch)?;
    let port = machine.gdb.unwrap_or_default();
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
    let status = Command::new(gdb).args(arguments(&project, &options, port)).status();
    let _ = qemu.kill();
    let _ = qemu.wait();
    match status {
        Ok(status) => Ok(status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1)),
        Err(e) => Err(Failure::new(format!("{gdb}: {e}"))),
    }
}

fn arguments(project: &Project, options: &Options, port: u16) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let kernel = text(&project.kernel(options.arch, options.profile));
    let init = text(&project.programs(options.arch, options.profile).join("init"));
    let mut arguments = vec!["-q".to_string(), kernel];
    let commands = [
        "set confirm off".to_string(),
        format!("add-symbol-file {init} -o {:#x}", archive::INIT_BASE),
        format!("target remote 127.0.0.1:{port}"),
    ];
    for command in commands {
        arguments.extend(["-ex".to_string(), command]);
    }
    arguments
}
