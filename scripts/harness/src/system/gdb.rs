//! The system under GDB, as `scripts/debug` starts it: breakpoints in a server and in a command, by name, are reached there, with
//! their source.

use crate::arch::Arch;
use crate::command::debug;
use crate::options::Options;
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::system::debugger::plain;
use crate::system::output;
use crate::system::runner::Stage;
use std::time::Duration;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// What is done at GDB's prompt.
const COMMANDS: &[&str] = &[
    "hbreak netd::main",
    "continue",
    "backtrace",
    "hbreak commands::system::version",
    "continue",
    "backtrace",
    "kill",
];
/// What it must say once it has stopped: where, with the file, and who called that.
const SAYS: &[&str] = &[
    "Breakpoint 1, netd::main",
    "servers/netd/src/main.rs:",
    "in libsys::entry::real::start",
    "Breakpoint 2.",
    "commands::system::version () at userland/commands/src/system.rs:",
    "commands::main () at userland/commands/src/main.rs:",
];

/// Boots the system under GDB, which stops a server and a command, and looks what that says.
///
/// # Errors
/// What is wrong, with what GDB said.
pub fn check(project: &Project, stage: &Stage<'_>, arch: Arch) -> Result<(), String> {
    let options = Options { gdb: true, ..plain(arch, "version") };
    let steps = Steps::new(Say::Nothing);
    let said = debug::session(project, stage.system, &options, stage.first_port, &steps, |mut gdb| {
        gdb.arg("-batch");
        COMMANDS.iter().for_each(|command| _ = gdb.args(["-ex", command]));
        output::of(&mut gdb, PATIENCE)
    });
    let said = said.map_err(|e| e.message)??;
    match SAYS.iter().find(|text| !said.contains(**text)) {
        None => Ok(()),
        Some(text) => Err(format!("GDB never says \"{text}\"\n{said}")),
    }
}
