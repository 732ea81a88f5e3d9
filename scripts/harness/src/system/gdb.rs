//! The system under GDB, as `scripts/debug` starts it: a breakpoint in a server by name is reached there, with its source.

use crate::arch::Arch;
use crate::command::debug;
use crate::command::run::captured_machine;
use crate::guest;
use crate::handover::Scratch;
use crate::options::Options;
use crate::project::Project;
use crate::system::debugger::plain;
use crate::system::output;
use crate::system::runner::Stage;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// What is done at GDB's prompt.
const COMMANDS: &[&str] = &["break netd::main", "continue", "backtrace", "kill"];
/// What it must say once it has stopped: where, with the file, and who called that.
const SAYS: &[&str] = &["Breakpoint 1, netd::main", "servers/netd/src/main.rs:", "in libsys::entry::real::start"];

/// Boots the system under GDB, and looks what that says.
///
/// # Errors
/// What is wrong, with what GDB said.
pub fn check(project: &Project, stage: &Stage<'_>, arch: Arch) -> Result<(), String> {
    let options = Options { gdb: true, ..plain(arch, "version") };
    let scratch = Scratch::new().map_err(|e| e.message)?;
    let machine = captured_machine(stage.system, &options, stage.first_port, &scratch).map_err(|e| e.message)?;
    let mut arguments = debug::arguments(project, &options, &machine).map_err(|e| e.message)?;
    arguments.push("-batch".into());
    COMMANDS.iter().for_each(|command| arguments.extend(["-ex".to_string(), (*command).to_string()]));
    let mut qemu = Command::new(guest::program(arch.qemu()));
    qemu.args(machine.arguments()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut qemu = qemu.spawn().map_err(|e| e.to_string())?;
    let said = output::of(Command::new(arch.gdb().0).args(arguments), PATIENCE);
    let _ = qemu.kill();
    let _ = qemu.wait();
    let said = said?;
    match SAYS.iter().find(|text| !said.contains(**text)) {
        None => Ok(()),
        Some(text) => Err(format!("GDB never says \"{text}\"\n{said}")),
    }
}
