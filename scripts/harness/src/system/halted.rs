//! A test of the kernel's own fault report: QEMU's debugger stops the guest in the kernel and makes it go on where there is no
//! code. So what is tested is the kernel as it is, and it has no door in it for tests.
//!
//! ```text
//! stopped at reset ─► where it runs (place.rs) ─► breakpoint at kernel_syscall ─► steps, until it has a frame
//!     ─► pc := 8 ─► exception, report, power-off
//! ```
//!
//! The protocol: GDB manual, appendix E, "GDB Remote Serial Protocol".

use crate::arch::Arch;
use crate::command::run::captured_machine;
use crate::guest::{self, Guest, Sink};
use crate::handover::Scratch;
use crate::interrupt::Interrupt;
use crate::machine::Machine;
use crate::options::{self, Request};
use crate::port;
use crate::system::place;
use crate::system::runner::Stage;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

/// The function that is stopped in, by its name in the kernel's table.
const FUNCTION: &str = "viaether::entry::kernel_syscall";
/// Where no code is.
const NOWHERE: u64 = 8;
/// Instructions that a function needs for its frame, at most.
const PROLOGUE: usize = 40;
/// The byte that stops a running guest.
const INTERRUPT: u8 = 3;
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Boots, makes the kernel fault, and reads its report.
///
/// # Errors
/// What is wrong, with what was said.
pub fn check(stage: &Stage<'_>, address: u64) -> std::result::Result<(), String> {
    let (moved, log) = debug(stage, PLAIN, &busy(), "", Then::GoOn, |port| derail(port, stage.arch, address))?;
    judge(&log, moved).map_err(|why| format!("{why}\n{log}"))
}

/// What a guest does that is still to make system calls when the debugger has looked at it, however fast the host is.
pub(super) fn busy() -> String {
    "wait 1 SEC; ".repeat(30) + "version"
}

/// What becomes of the guest when the debugger is done with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It goes on until it ends.
    GoOn,
    /// It is ended.
    End,
}

/// Options of the guests that are looked at for what they are, not for what they need.
pub(super) const PLAIN: &[&str] = &["--net", "none"];

/// Boots a guest, with words for its kernel, that waits for a debugger at this port, which does its work: what that found, and the
/// log.
///
/// # Errors
/// What is wrong, with the log.
pub(crate) fn debug<T: Send>(
    stage: &Stage<'_>,
    arguments: &[&str],
    exec: &str,
    command_line: &str,
    then: Then,
    work: impl FnOnce(u16) -> Result<T> + Send,
) -> std::result::Result<(T, String), String> {
    let Ok(Request::Run(mut options)) = options::parse(arguments) else { return Err("its options are wrong".into()) };
    (options.arch, options.exec) = (stage.arch, Some(exec.into()));
    let scratch = Scratch::new().map_err(|e| e.message)?;
    let records = scratch.path("records");
    let machine = captured_machine(stage.system, &options, stage.first_port, &scratch).map_err(|e| e.message)?;
    let port = port::free_from(stage.first_port + 60).map_err(|e| e.message)?;
    let command_line = command_line.to_string();
    let machine = Machine { records: Some(records.clone()), gdb: Some(port), command_line, ..machine };
    let mut arguments = machine.arguments();
    // Else each stop has the devices look at their queues when the guest goes on, and interrupt it: with stop after stop, it would
    // do nothing but acknowledge.
    arguments.extend(["-global", "virtio-pci.ioeventfd=off"].map(Into::into));
    let guest = Guest { program: stage.qemu.clone(), arguments, records, timeout: PATIENCE };
    let (mut log, enough) = (Log::default(), Interrupt::never());
    let debugged = thread::scope(|scope| {
        let debugger = scope.spawn(|| {
            let result = work(port);
            if result.is_err() || then == Then::End {
                enough.raise();
            }
            result
        });
        let report = guest::run(&guest, &mut log, &enough).map_err(|e| e.message);
        let debugged = debugger.join().map_err(|_| "the debugger broke down".to_string())?;
        let _ = report?;
        debugged.map_err(|e| format!("the debugger: {e}"))
    });
    match debugged {
        Ok(found) => Ok((found, log.0)),
        Err(why) => Err(format!("{why}\n{}", log.0)),
    }
}

/// Where [`FUNCTION`] is, in a linked kernel.
#[must_use]
pub fn function(kernel: &[u8]) -> Option<u64> {
    let table = symbols::write::of_elf(kernel, crate::names::BASE)?;
    let start = symbols::Symbols::parse(&table)?.iter().find(|(_, name)| *name == FUNCTION)?.0;
    Some(crate::names::BASE + u64::from(start))
}

/// The report names what called the function that went astray, and says how far the kernel was moved.
fn judge(log: &str, moved: u64) -> std::result::Result<(), String> {
    if !log.contains("kernel exception") {
        return Err("the kernel reports no exception".into());
    }
    if !log.lines().any(|line| line.ends_with(&format!("the kernel was moved by {moved:#x}"))) {
        return Err(format!("the report does not say that the kernel was moved by {moved:#x}"));
    }
    let frame = |number: &str| log.lines().find_map(|line| line.trim_start().strip_prefix(number));
    match (frame("#0 "), frame("#1 ")) {
        (Some(pc), _) if pc.trim() != format!("{NOWHERE:016x}") => Err(format!("the trace begins with {pc}")),
        (Some(_), Some(caller)) if caller.contains("  ") && caller.contains("+0x") => Ok(()),
        (Some(_), Some(caller)) => Err(format!("the trace has no names: {caller}")),
        _ => Err("the report has no trace".into()),
    }
}

#[derive(Default)]
struct Log(String);

impl Sink for Log {
    fn stdout(&mut self, _bytes: &[u8]) -> bool {
        true
    }

    fn stderr(&mut self, _bytes: &[u8]) {}

    fn log(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

/// Makes the kernel fault in the function that is linked at an address: how far that was moved.
fn derail(port: u16, arch: Arch, address: u64) -> Result<u64> {
    let mut debugger = Debugger::connect(port)?;
    let moved = place::distance(&mut debugger, arch)?;
    let address = address + moved;
    // Bytes of the frame pointer and of the program counter among the registers, as QEMU sends them.
    let (frame, pc) = match arch {
        Arch::X86_64 => (48..56, 128..136),
        Arch::Aarch64 => (232..240, 256..264),
    };
    debugger.ask(&format!("Z1,{address:x},1"))?;
    debugger.ask("c")?;
    debugger.ask(&format!("z1,{address:x},1"))?;
    let callers = word(&debugger.ask("g")?, &frame)?;
    for _ in 0..PROLOGUE {
        debugger.ask("s")?;
        let mut registers = debugger.ask("g")?;
        if word(&registers, &frame)? != callers {
            registers.replace_range(hex(&pc), &format!("{:016x}", NOWHERE.swap_bytes()));
            debugger.ask(&format!("G{registers}"))?;
            return debugger.send("c").map(|()| moved);
        }
    }
    Err(Error::other("the function makes no frame"))
}

/// Two digits a byte.
fn hex(bytes: &Range<usize>) -> Range<usize> {
    2 * bytes.start..2 * bytes.end
}

fn word(registers: &str, bytes: &Range<usize>) -> Result<u64> {
    let digits = registers.get(hex(bytes)).ok_or(Error::other("too few registers"))?;
    u64::from_str_radix(digits, 16).map(u64::swap_bytes).map_err(Error::other)
}

/// QEMU's end of the debugger's protocol.
pub(crate) struct Debugger(TcpStream);

impl Debugger {
    pub(crate) fn connect(port: u16) -> Result<Self> {
        let until = Instant::now() + PATIENCE / 4;
        loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    // Packets are short and many.
                    stream.set_nodelay(true)?;
                    return Ok(Self(stream));
                }
                Err(error) if Instant::now() > until => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// A packet, and the answer to it. An answer that says no is an error.
    pub(crate) fn ask(&mut self, packet: &str) -> Result<String> {
        self.send(packet)?;
        self.answer(packet)
    }

    /// Lets the guest run for a while, then stops it wherever it is.
    pub(super) fn run(&mut self, time: Duration) -> Result<()> {
        self.send("c")?;
        thread::sleep(time);
        self.0.write_all(&[INTERRUPT])?;
        self.answer("an interrupt").map(drop)
    }

    fn answer(&mut self, packet: &str) -> Result<String> {
        while self.byte()? != b'$' {}
        let mut answer = String::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte => answer.push(char::from(byte)),
            }
        }
        // The checksum: nothing is lost on the way through the host.
        for _ in 0..2 {
            self.byte()?;
        }
        self.0.write_all(b"+")?;
        if answer.is_empty() || answer.starts_with('E') {
            return Err(Error::new(ErrorKind::Unsupported, format!("{packet}: \"{answer}\"")));
        }
        Ok(answer)
    }

    pub(crate) fn send(&mut self, packet: &str) -> Result<()> {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.0.write_all(format!("${packet}#{sum:02x}").as_bytes())
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_names() {
        let report = |trace: &str| format!("kernel exception, class 0x21\n| the kernel was moved by 0x200000\n{trace}");
        let judge = |log: &str| judge(log, 0x20_0000);
        let good = "  #0 0000000000000008\n  #1 ffffffff80001234  system_call+0x44";
        assert_eq!(judge(&report(good)), Ok(()));
        for (trace, why) in [
            ("", "no trace"),
            ("  #0 0000000000000008\n  #1 ffffffff80001234", "no names"),
            ("  #0 ffffffff80001234  a+0x1\n  #1 ffffffff80001234  a+0x1", "begins with"),
        ] {
            assert!(judge(&report(trace)).unwrap_err().contains(why), "{trace}");
        }
        assert!(judge(good).unwrap_err().contains("no exception"));
        assert!(super::judge(&report(good), 0x40_0000).unwrap_err().contains("moved by 0x400000"));
    }

    #[test]
    fn registers_are_little_endian_digits() {
        assert_eq!(word("ff0100000000000000", &(0..8)).unwrap(), 0x1ff);
        assert!(word("ff01", &(0..8)).is_err());
    }
}
