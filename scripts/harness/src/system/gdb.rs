//! The system under GDB, as `scripts/debug` starts it: a breakpoint in a server by name is reached there, with its source.

use crate::arch::Arch;
use crate::command::debug;
use crate::command::run::captured_machine;
use crate::guest;
use crate::handover::Scratch;
use crate::options::Options;
use crate::project::Project;
use crate::system::debugger::plain;
use crate::system::runner::Stage;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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
    let port = machine.gdb.unwrap_or_default();
    let mut arguments = debug::arguments(project, &options, port).map_err(|e| e.message)?;
    arguments.push("-batch".into());
    COMMANDS.iter().for_each(|command| arguments.extend(["-ex".to_string(), (*command).to_string()]));
    let mut qemu = Command::new(guest::program(arch.qemu()));
    qemu.args(machine.arguments()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut qemu = qemu.spawn().map_err(|e| e.to_string())?;
    let said = said(Command::new(arch.gdb().0).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()));
    let _ = qemu.kill();
    let _ = qemu.wait();
    let said = said?;
    match SAYS.iter().find(|text| !said.contains(**text)) {
        None => Ok(()),
        Some(text) => Err(format!("GDB never says \"{text}\"\n{said}")),
    }
}

/// What a program says until it ends.
fn said(command: &mut Command) -> Result<String, String> {
    let mut program = command.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let mut out = program.stdout.take().ok_or("no output")?;
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = out.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let ended = ends(&mut program);
    let _ = program.kill();
    let _ = program.wait();
    let text = reader.join().map_err(|_| "the reader broke down".to_string())?;
    if ended { Ok(text) } else { Err(format!("GDB does not come to an end\n{text}")) }
}

fn ends(program: &mut Child) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if !matches!(program.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}
