//! QEMU's debugger, for what is told by looking at a running guest from outside: it is the system as it is, without doors for
//! tests.
//!
//! Sources: GDB manual, appendix E, "GDB Remote Serial Protocol"; a single step goes past a breakpoint that it begins at.

use crate::arch::Arch;
use crate::command::run::captured_machine;
use crate::guest::{self, Guest, Heard, Sink};
use crate::handover::Scratch;
use crate::interrupt::Interrupt;
use crate::machine::{Gdb, Machine};
use crate::options::{Net, Options};
use crate::system::runner::Stage;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The byte that stops a running guest.
const INTERRUPT: u8 = 3;
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What becomes of the guest when the debugger is done with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It goes on until it ends.
    GoOn,
    /// It goes on until it has printed a line, which may come before the debugger is done.
    Print,
    /// It is ended.
    End,
}

/// A guest without network that does this.
pub(super) fn plain(arch: Arch, exec: &str) -> Options {
    Options { arch, net: Net::None, exec: Some(exec.into()), ..Options::default() }
}

/// Boots a guest, with words for its kernel, that waits at its first instruction for a debugger, which does its work: what that
/// found, and what was said.
///
/// # Errors
/// What is wrong, with the log.
pub(crate) fn debug<T: Send>(
    stage: &Stage<'_>,
    options: &Options,
    command_line: &str,
    then: Then,
    work: impl FnOnce(&mut Debugger) -> Result<T> + Send,
) -> std::result::Result<(T, Heard), String> {
    let scratch = Scratch::new().map_err(|e| e.message)?;
    let records = scratch.path("records");
    let machine = captured_machine(stage.system, options, stage.first_port, &scratch).map_err(|e| e.message)?;
    let socket = scratch.path("debugger");
    let command_line = command_line.to_string();
    let machine =
        Machine { records: Some(records.clone()), gdb: Some(Gdb::Socket(socket.clone())), command_line, ..machine };
    let mut arguments = machine.arguments();
    // Else each stop has the devices look at their queues when the guest goes on, and interrupt it: with stop after stop, it would
    // do nothing but acknowledge.
    arguments.extend(["-global", "virtio-pci.ioeventfd=off"].map(Into::into));
    let guest = Guest { program: stage.qemu.clone(), arguments, records, timeout: PATIENCE };
    let (line, done, enough) = (AtomicBool::new(false), AtomicBool::new(false), Interrupt::own());
    let mut listener = Listener { heard: Heard::default(), line: &line, done: &done };
    let debugged = thread::scope(|scope| {
        let debugger = scope.spawn(|| {
            let result = Debugger::connect(&socket).and_then(|mut debugger| work(&mut debugger));
            // Of this and the listener, who comes last sees the other.
            done.store(then == Then::Print, Ordering::SeqCst);
            let printed = then == Then::Print && line.load(Ordering::SeqCst);
            if result.is_err() || then == Then::End || printed {
                enough.raise();
            }
            result
        });
        let report = guest::run(&guest, &mut listener, &enough).map_err(|e| e.message);
        let debugged = debugger.join().map_err(|_| "the debugger broke down".to_string())?;
        let _ = report?;
        debugged.map_err(|e| format!("the debugger: {e}"))
    });
    match debugged {
        Ok(found) => Ok((found, listener.heard)),
        Err(why) => Err(format!("{why}\n{}", listener.heard.log)),
    }
}

/// QEMU's end of the debugger's protocol.
pub(crate) struct Debugger(UnixStream);

impl Debugger {
    fn connect(socket: &Path) -> Result<Self> {
        let until = Instant::now() + PATIENCE / 4;
        loop {
            match UnixStream::connect(socket) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    let mut debugger = Self(stream);
                    // QEMU tells single registers only to who has asked what there are.
                    debugger.ask("qXfer:features:read:target.xml:0,400")?;
                    return Ok(debugger);
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

    /// Lets the guest run to an instruction: it is stopped before that.
    pub(crate) fn run_to(&mut self, address: u64) -> Result<()> {
        self.ask(&format!("Z1,{address:x},1"))?;
        self.ask("c")?;
        self.ask(&format!("z1,{address:x},1")).map(drop)
    }

    /// A register, by QEMU's number.
    pub(crate) fn register(&mut self, number: usize) -> Result<u64> {
        let digits = self.ask(&format!("p{number:x}"))?;
        self::number(&digits)
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

/// Eight bytes in the guest's order, as QEMU prints them.
pub(super) fn number(digits: &str) -> Result<u64> {
    let digits = digits.get(..16).ok_or(Error::other("too few digits"))?;
    u64::from_str_radix(digits, 16).map(u64::swap_bytes).map_err(Error::other)
}

/// Listens to a guest, until it has printed a line and the debugger is done, if that is enough.
struct Listener<'a> {
    heard: Heard,
    /// It has printed a line.
    line: &'a AtomicBool,
    /// The debugger is done, and a line is enough.
    done: &'a AtomicBool,
}

impl Sink for Listener<'_> {
    fn stdout(&mut self, bytes: &[u8]) -> bool {
        let more = self.heard.stdout(bytes);
        let line = self.heard.output.contains(&b'\n');
        self.line.store(line, Ordering::SeqCst);
        more && !(line && self.done.load(Ordering::SeqCst))
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.heard.stderr(bytes);
    }

    fn log(&mut self, line: &str) {
        self.heard.log(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_digits() {
        assert_eq!(number("ff0100000000000000").unwrap(), 0x1ff);
        assert!(number("ff01").is_err());
    }
}
