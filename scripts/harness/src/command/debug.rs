//! `scripts/debug`: the system under GDB.

use crate::build::{self, System};
use crate::guest::{self, Guest, Sink};
use crate::handover::Scratch;
use crate::interrupt::{self, Interrupt};
use crate::machine::{Machine, Uart};
use crate::options::{self, Options, Request};
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::{Failure, command::run, install, port};
use archive::manifest::Manifest;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// How long a guest may take that has no time-out: somebody looks at it.
const NO_END: Duration = Duration::from_secs(365 * 24 * 3600);
/// How often GDB's end is looked for.
const TICK: Duration = Duration::from_millis(20);

/// What `--help` prints.
pub const USAGE: &str = "\
usage: scripts/debug [OPTION]...
Boots the system in a QEMU that waits at the first instruction, and starts GDB on it, with the symbols of the kernel,
the servers and the commands, whose places are fixed for it. Takes the options of scripts/run. With --exec the commands
are run; without, the guest has a terminal of its own with its shell, which is named at start, as is a file to which
goes what the guest says.";

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
    let interrupt = Interrupt::catch_but_ctrl_c();
    session(&project, &system, &options, port::FIRST, &steps, |gdb| run_to_end(gdb, &interrupt))?
}

/// Boots the system, and runs GDB on it by `run`; in the end both are gone. The script of `options` is run, or the UART is a
/// terminal of its own. What is said goes to a file.
///
/// # Errors
/// What could not be started.
pub(crate) fn session<R>(
    project: &Project,
    system: &System,
    options: &Options,
    first_port: u16,
    steps: &Steps,
    run: impl FnOnce(Command) -> R,
) -> Result<R, Failure> {
    let scratch = Scratch::new()?;
    let machine = run::captured_machine(system, options, first_port, &scratch)?;
    let mut gdb = Command::new(options.arch.gdb().0);
    gdb.args(arguments(project, options, &machine)?);
    let log = project.target.join(format!("debug-{}.log", options.arch.name()));
    steps.line(&format!("what the guest says: {}", log.display()));
    let file = new(&log).map_err(|e| Failure::new(format!("{}: {e}", log.display())))?;
    let program = guest::program(options.arch.qemu());
    if options.exec.is_none() {
        let machine = Machine { uart: Uart::Own(log.clone()), ..machine };
        let ended = || Failure::new(format!("QEMU has ended; {} may say why", log.display()));
        return with_terminal(&program, &machine, file, steps, || run(gdb))?.ok_or_else(ended);
    }
    let records = scratch.path("records");
    let machine = Machine { records: Some(records.clone()), ..machine };
    let timeout = options.timeout.unwrap_or(NO_END);
    with_script(&Guest { program, arguments: machine.arguments(), records, timeout }, file, || run(gdb))
}

/// An empty file, at whose end everybody writes.
fn new(path: &Path) -> io::Result<File> {
    File::create(path)?;
    File::options().append(true).open(path)
}

/// Has QEMU run beside `work`, with a terminal that is named. None: it ended at once.
fn with_terminal<R>(
    program: &OsStr,
    machine: &Machine,
    log: File,
    steps: &Steps,
    work: impl FnOnce() -> R,
) -> Result<Option<R>, Failure> {
    let failed = |e| Failure::new(format!("{}: {e}", program.display()));
    let mut qemu = Command::new(program)
        .args(machine.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C is GDB's: it stops the guest.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let mut said = String::new();
    let mut stdout = qemu.stdout.take().map(BufReader::new);
    let read = stdout.as_mut().map_or(Ok(0), |stdout| stdout.read_line(&mut said));
    let terminal = said.split_whitespace().find(|word| word.starts_with("/dev/"));
    let result = read.map_err(failed).map(|_| {
        let terminal = terminal?;
        steps.line(&format!("its terminal, with the shell: {terminal} (for example: screen {terminal})"));
        Some(work())
    });
    let _ = qemu.kill();
    let _ = qemu.wait();
    result
}

/// Has QEMU run a script beside `work`.
fn with_script<R>(guest: &Guest, log: File, work: impl FnOnce() -> R) -> Result<R, Failure> {
    let enough = Interrupt::own();
    thread::scope(|scope| {
        let guest = scope.spawn(|| guest::run(guest, &mut Log(log), &enough));
        let result = work();
        enough.raise();
        guest.join().map_err(|_| Failure::new("the guest's log broke off"))??;
        Ok(result)
    })
}

/// Has GDB at our terminal until it ends, or somebody ends us.
fn run_to_end(mut gdb: Command, interrupt: &Interrupt) -> Result<u8, Failure> {
    let name = gdb.get_program().to_string_lossy().into_owned();
    let failed = |e| Failure::new(format!("{name}: {e}"));
    let mut child = gdb.spawn().map_err(failed)?;
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
        }
        if interrupt.came() {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(interrupt::STATUS);
        }
        thread::sleep(TICK);
    }
}

/// All that a guest says, in a file.
struct Log(File);

impl Sink for Log {
    fn stdout(&mut self, bytes: &[u8]) -> bool {
        let _ = self.0.write_all(bytes);
        true
    }

    fn stderr(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    fn log(&mut self, line: &str) {
        let _ = writeln!(self.0, "| {line}");
    }
}

/// GDB's arguments: the symbols of everything, where it lies, and where the guest is.
fn arguments(project: &Project, options: &Options, machine: &Machine) -> Result<Vec<String>, Failure> {
    let manifest = project.root.join("boot/manifest.toml");
    let manifest = ramfs_builder::source::joined(&manifest, &options.with).map_err(build::problems)?;
    let programs = project.programs(options.arch, options.profile);
    let kernel = project.kernel(options.arch, options.profile);
    let mut arguments = vec!["-q".to_string(), kernel.display().to_string()];
    let mut commands = vec!["set confirm off".to_string(), "set pagination off".to_string()];
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

    #[test]
    fn each_program_has_a_place_of_its_own() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boot/manifest.toml");
        let manifest = ramfs_builder::source::read(&manifest).unwrap();
        let all: Vec<(String, u64)> = places(&manifest).collect();
        assert!(["init", "netd", "shell", "commands"].iter().all(|name| all.iter().any(|(binary, _)| binary == name)));
        assert_eq!(all.iter().map(|(_, place)| place).collect::<BTreeSet<_>>().len(), all.len());
    }
}
