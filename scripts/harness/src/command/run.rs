//! `scripts/run`.

use crate::arch::Arch;
use crate::build::{self, System};
use crate::guest::{self, End, Guest, Report, Sink};
use crate::handover::{Handover, Scratch};
use crate::interrupt::Interrupt;
use crate::machine::{Clock, Display, Gdb, HTTP, Image, Machine, Uart};
use crate::options::{self, Firmware, Forward, Net, Options, Request};
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::{Failure, install, media, port, terminal};
use std::ffi::OsString;
use std::io::Write;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How long a script may run unless `--timeout` says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(300);
/// Where GDB is waited for, or the next free port.
const GDB_PORT: u16 = 1234;

/// Runs the command; returns the exit status.
///
/// # Errors
/// What it could not do.
pub fn command(args: impl IntoIterator<Item = OsString>) -> Result<u8, Failure> {
    let options = match options::parse(args)? {
        Request::Help => {
            println!("{}", options::USAGE);
            return Ok(0);
        }
        Request::Run(options) => *options,
    };
    if options.gui && std::env::var_os("DISPLAY").is_none() && std::env::var_os("WAYLAND_DISPLAY").is_none() {
        return Err(Failure::usage(
            "--gui: there is no graphical session (neither DISPLAY nor WAYLAND_DISPLAY is set)",
        ));
    }
    let steps = Steps::new(if options.quiet { Say::Nothing } else { Say::Steps });
    let project = Project::find()?;
    let system = prepare(&project, &options, &steps)?;
    let interrupt = Interrupt::catch();
    if options.exec.is_some() {
        let report = execute(&system, &options, port::FIRST, &mut Console { quiet: options.quiet }, &interrupt)?;
        explain(&report, &options);
        Ok(report.end.status())
    } else {
        interactive(&system, &options, &steps, &interrupt)
    }
}

/// Installs what is missing and builds the system.
///
/// # Errors
/// What could not be installed or built.
pub fn prepare(project: &Project, options: &Options, steps: &Steps) -> Result<System, Failure> {
    install::rust(options.arch, steps)?;
    if std::env::var_os("VIAETHER_QEMU").is_none() {
        install::qemu(options.arch, steps)?;
    }
    if options.gui {
        install::gui(steps)?;
    }
    let mut system = build::system(project, options.arch, options.profile, &options.with, steps)?;
    if options.media.is_some() {
        add_image(&mut system, project, options, steps)?;
    }
    Ok(system)
}

/// Makes an image of a built system, and sees to it that there is firmware for it.
///
/// # Errors
/// What could not be installed or made.
pub fn add_image(system: &mut System, project: &Project, options: &Options, steps: &Steps) -> Result<(), Failure> {
    install::uefi(options.arch, steps)?;
    media::install(options.arch, steps)?;
    system.image = Some(media::build(project, system, options.arch, steps)?);
    Ok(())
}

/// The image to boot, if one is asked for.
fn image(system: &System, options: &Options) -> Result<Option<Image>, Failure> {
    let Some(medium) = options.media else { return Ok(None) };
    let file = system.image.clone().ok_or_else(|| Failure::new("no image was made"))?;
    let usual = if options.arch == Arch::Aarch64 { Firmware::Uefi } else { Firmware::Bios };
    Ok(Some(Image { file, medium, firmware: options.firmware.unwrap_or(usual) }))
}

/// Boots the system, runs the script of `options`, and returns how that ended. The web server's port on the host is the
/// first free one from `first_port` on.
///
/// # Errors
/// QEMU could not be started, or something given to the guest does not exist.
pub fn execute(
    system: &System,
    options: &Options,
    first_port: u16,
    sink: &mut dyn Sink,
    interrupt: &Interrupt,
) -> Result<Report, Failure> {
    execute_with(guest::program(options.arch.qemu()), system, options, first_port, sink, interrupt)
}

/// [`execute`] with `qemu` in QEMU's place.
///
/// # Errors
/// As [`execute`].
pub fn execute_with(
    qemu: OsString,
    system: &System,
    options: &Options,
    first_port: u16,
    sink: &mut dyn Sink,
    interrupt: &Interrupt,
) -> Result<Report, Failure> {
    let scratch = Scratch::new()?;
    let records = scratch.path("records");
    let machine =
        Machine { records: Some(records.clone()), ..captured_machine(system, options, first_port, &scratch)? };
    let guest =
        Guest { program: qemu, arguments: machine.arguments(), records, timeout: options.timeout.unwrap_or(TIMEOUT) };
    guest::run(&guest, sink, interrupt)
}

/// The machine for `options`, its UART on QEMU's stdout.
///
/// # Errors
/// Something given to the guest does not exist.
pub fn captured_machine(
    system: &System,
    options: &Options,
    first_port: u16,
    scratch: &Scratch,
) -> Result<Machine, Failure> {
    Ok(Machine { uart: Uart::Captured, ..machine(system, options, first_port, scratch)? })
}

/// The machine for `options`, its UART on our terminal.
fn machine(system: &System, options: &Options, first_port: u16, scratch: &Scratch) -> Result<Machine, Failure> {
    let mut forwards = options.forwards.clone();
    let mut told = Vec::new();
    if options.net == Net::User && !forwards.iter().any(|f| f.guest == HTTP) {
        forwards.push(Forward { host: port::free_from(first_port)?, guest: HTTP });
    }
    if let Some(forward) = forwards.iter().find(|f| f.guest == HTTP) {
        told.push(("hostport", forward.host.to_string()));
    }
    let exec = options.exec.as_deref();
    told.push(("interactive", if exec.is_some() { "0" } else { "1" }.to_string()));
    if exec.is_some() {
        told.push(("exec", "1".to_string()));
    }
    let fw_cfg = Handover { options: told, exec, puts: &options.puts }.write(scratch)?;
    Ok(Machine {
        arch: options.arch,
        cpu: options.cpu.clone(),
        machine: options.machine.clone(),
        smp: options.smp,
        mem: options.mem,
        net: options.net.clone(),
        forwards,
        pcap: options.pcap.clone(),
        clock: if options.icount { Clock::Instructions } else { Clock::Free },
        gdb: if options.gdb { Some(Gdb::Port(port::free_from(GDB_PORT)?)) } else { None },
        display: if options.gui { Display::Window } else { Display::None },
        uart: Uart::Terminal,
        records: None,
        image: image(system, options)?,
        kernel: system.kernel.clone(),
        command_line: command_line(options),
        archive: system.archive.clone(),
        fw_cfg,
        more: options.qemu.clone(),
    })
}

/// The kernel's command line.
fn command_line(options: &Options) -> String {
    let words = [
        // Somebody at the terminal sees what fails; everything is in KLOG.
        (options.exec.is_none(), "log=error"),
        // GDB looks for the kernel and each program at one address.
        (options.gdb, "place=fixed"),
    ];
    words.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

/// Gives the terminal to QEMU until it ends.
fn interactive(system: &System, options: &Options, steps: &Steps, interrupt: &Interrupt) -> Result<u8, Failure> {
    let scratch = Scratch::new()?;
    let machine = machine(system, options, port::FIRST, &scratch)?;
    steps.line("starting QEMU; to leave it: Ctrl-] then x");
    if let Some(forward) = machine.forwards.iter().find(|f| f.guest == HTTP) {
        steps.line(&format!("its web server: http://127.0.0.1:{}/", forward.host));
    }
    if let Some(gdb) = &machine.gdb {
        steps.line(&format!("waiting for GDB: target remote {}", gdb.target()));
    }
    let saved = terminal::Saved::now();
    let program = guest::program(options.arch.qemu());
    let mut child = Command::new(&program)
        .args(machine.arguments())
        .spawn()
        .map_err(|e| Failure::new(format!("{}: {e}", program.display())))?;
    let deadline = options.timeout.map(|t| Instant::now() + t);
    let end = loop {
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) if status.success() => break End::Code(0),
            gone => break End::of_qemu(gone.ok().flatten()),
        }
        if interrupt.came() {
            break End::Interrupted;
        }
        if deadline.is_some_and(|d| Instant::now() > d) {
            break End::TimedOut;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let _ = child.kill();
    let _ = child.wait();
    drop(saved);
    if let Some(complaint) = end.complaint() {
        eprintln!("scripts/run: {complaint}");
    }
    Ok(end.status())
}

/// What the guest says goes to our own streams: stdout unchanged, the log with a mark before each line.
struct Console {
    quiet: bool,
}

impl Sink for Console {
    fn stdout(&mut self, bytes: &[u8]) -> bool {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).is_ok()
    }

    fn stderr(&mut self, bytes: &[u8]) {
        let _ = std::io::stderr().lock().write_all(bytes);
    }

    fn log(&mut self, line: &str) {
        if !self.quiet {
            eprintln!("| {line}");
        }
    }
}

/// Says what a status alone does not.
fn explain(report: &Report, options: &Options) {
    let Some(complaint) = report.end.complaint() else { return };
    let log = match report.end {
        End::TimedOut => {
            format!(" after {} s; the last lines of the log:", options.timeout.unwrap_or(TIMEOUT).as_secs())
        }
        End::Down | End::Killed(_) if options.quiet => "; the last lines of the log:".to_string(),
        _ => return eprintln!("scripts/run: {complaint}"),
    };
    eprintln!("scripts/run: {complaint}{log}");
    for line in &report.last_lines {
        eprintln!("| {line}");
    }
}
