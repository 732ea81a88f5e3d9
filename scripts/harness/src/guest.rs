//! A QEMU that runs a script (`--exec`): its records, its log, its end.
//!
//! ```text
//! starting --record 3--> code known --QEMU ends--> Code
//!    |  |                    |
//!    |  |                    +--40 s--> code, with a complaint
//!    |  +--QEMU ends--> Down; Killed, if by a signal
//!    +--deadline--> TimedOut
//! ```
//!
//! Rules: whatever happens, QEMU has ended and its socket is closed when [`run`] returns. Three threads read (records, UART,
//! QEMU's own messages); this one alone writes and decides, so output keeps its order within each stream.

use crate::interrupt::Interrupt;
use crate::records::{Decoder, Piece};
use crate::{Failure, interrupt};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long the system may take to power off after the return code: 5 s a level, and some for QEMU.
const POWER_OFF: Duration = Duration::from_secs(40);
/// How long a dead QEMU's last output may take to arrive.
const DRAIN: Duration = Duration::from_secs(2);
/// How often deadline and interrupt are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Log lines kept for the report of a time-out.
const LAST_LINES: usize = 25;
/// A line of the log is cut here.
const MAX_LINE: usize = 4096;

/// A QEMU to start.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The socket named in them, which takes the records.
    pub records: PathBuf,
    /// How long it may take in all.
    pub timeout: Duration,
}

/// Takes what the guest says, as it comes.
pub trait Sink {
    /// Bytes of the commands' stdout. False: nobody wants more, end the run.
    fn stdout(&mut self, bytes: &[u8]) -> bool;
    /// Bytes of the commands' stderr.
    fn stderr(&mut self, bytes: &[u8]);
    /// A line of the UART, or of QEMU itself.
    fn log(&mut self, line: &str);
}

/// All that the guest says, kept.
#[derive(Debug, Default)]
pub struct Heard {
    /// The commands' stdout and stderr, as they came.
    pub output: Vec<u8>,
    /// Lines of the UART and of QEMU.
    pub log: String,
}

impl Sink for Heard {
    fn stdout(&mut self, bytes: &[u8]) -> bool {
        self.output.extend(bytes);
        true
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }

    fn log(&mut self, line: &str) {
        self.log.push_str(line);
        self.log.push('\n');
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The script's return code, and the system powered off.
    Code(u32),
    /// The script's return code, but the system did not power off.
    StillUp(u32),
    /// It went down, or never came up, without a return code.
    Down,
    /// QEMU itself was ended by a signal.
    Killed(i32),
    /// It took too long.
    TimedOut,
    /// Somebody ended the harness, or nobody reads its output any more.
    Interrupted,
}

impl End {
    /// QEMU's end without a return code of the guest's; `status` is none if it could not be asked for.
    #[must_use]
    pub fn of_qemu(status: Option<ExitStatus>) -> Self {
        status.and_then(|status| status.signal()).map_or(Self::Down, Self::Killed)
    }

    /// The exit status of `scripts/run`. A system that did not power off is no success.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Code(code) => u8::try_from(code).unwrap_or(u8::MAX),
            Self::StillUp(0) | Self::Down | Self::Killed(_) => 1,
            Self::StillUp(code) => u8::try_from(code).unwrap_or(u8::MAX),
            Self::TimedOut => 124,
            Self::Interrupted => interrupt::STATUS,
        }
    }

    /// What the exit status alone does not say.
    #[must_use]
    pub fn complaint(self) -> Option<String> {
        match self {
            Self::Code(_) | Self::Interrupted => None,
            Self::StillUp(code) => Some(format!("the script ended with {code}, but the system did not power off")),
            Self::Down => Some("the system went down without a return code".to_string()),
            Self::Killed(signal) => {
                Some(format!("QEMU itself was ended ({}), not the system in it", ExitStatus::from_raw(signal)))
            }
            Self::TimedOut => Some("time-out".to_string()),
        }
    }
}

/// What is known when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// The last lines of the log, for people who wonder why.
    pub last_lines: Vec<String>,
}

/// Runs it to its end.
///
/// # Errors
/// QEMU or its socket could not be started.
pub fn run(guest: &Guest, sink: &mut dyn Sink, interrupt: &Interrupt) -> Result<Report, Failure> {
    let listener =
        UnixListener::bind(&guest.records).map_err(|e| Failure::new(format!("{}: {e}", guest.records.display())))?;
    let mut child = Command::new(&guest.program)
        .args(&guest.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A Ctrl-C of the terminal is for us; we end QEMU.
        .process_group(0)
        .spawn()
        .map_err(|e| Failure::new(format!("{}: {e}", guest.program.display())))?;
    let events = listen(&mut child, listener);
    let mut run = Run::new(sink);
    let end = run.until_end(&mut child, &events, Instant::now() + guest.timeout, interrupt);
    let _ = child.kill();
    let _ = child.wait();
    // If QEMU never connected, the reader still waits for it.
    drop(UnixStream::connect(&guest.records));
    run.drain(&events);
    let _ = std::fs::remove_file(&guest.records);
    run.finish(end)
}

enum Event {
    Records(Vec<u8>),
    Uart(Vec<u8>),
    Qemu(Vec<u8>),
}

/// Starts the readers. The channel ends when all of them have.
fn listen(child: &mut Child, listener: UnixListener) -> Receiver<Event> {
    let (sender, receiver) = sync_channel(256);
    let (uart, qemu) = (child.stdout.take(), child.stderr.take());
    let to = sender.clone();
    thread::spawn(move || {
        if let Ok((stream, _)) = listener.accept() {
            forward(stream, &to, Event::Records);
        }
    });
    if let Some(uart) = uart {
        let to = sender.clone();
        thread::spawn(move || forward(uart, &to, Event::Uart));
    }
    if let Some(qemu) = qemu {
        thread::spawn(move || forward(qemu, &sender, Event::Qemu));
    }
    receiver
}

fn forward(mut from: impl Read, to: &SyncSender<Event>, event: fn(Vec<u8>) -> Event) {
    let mut buffer = [0; 16384];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if to.send(event(buffer[..n].to_vec())).is_err() {
            return;
        }
    }
}

struct Run<'a> {
    sink: &'a mut dyn Sink,
    decoder: Decoder,
    /// Set when the records cannot be read any more.
    malformed: bool,
    unwanted: bool,
    code: Option<(u32, Instant)>,
    uart: Lines,
    qemu: Lines,
    last: VecDeque<String>,
}

impl<'a> Run<'a> {
    fn new(sink: &'a mut dyn Sink) -> Self {
        Self {
            sink,
            decoder: Decoder::default(),
            malformed: false,
            unwanted: false,
            code: None,
            uart: Lines::default(),
            qemu: Lines::default(),
            last: VecDeque::new(),
        }
    }

    fn until_end(&mut self, child: &mut Child, events: &Receiver<Event>, deadline: Instant, stop: &Interrupt) -> End {
        loop {
            match events.recv_timeout(TICK) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
            }
            if stop.came() || self.unwanted {
                return End::Interrupted;
            }
            match child.try_wait() {
                Ok(None) => {}
                gone => {
                    let end = End::of_qemu(gone.ok().flatten());
                    self.drain(events);
                    return self.code.map_or(end, |(code, _)| End::Code(code));
                }
            }
            match self.code {
                Some((code, since)) if since.elapsed() > POWER_OFF => return End::StillUp(code),
                _ if Instant::now() > deadline => {
                    return self.code.map_or(End::TimedOut, |(code, _)| End::StillUp(code));
                }
                _ => {}
            }
        }
    }

    /// Takes what is still under way after QEMU's end.
    fn drain(&mut self, events: &Receiver<Event>) {
        let until = Instant::now() + DRAIN;
        while let Ok(event) = events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Records(bytes) => self.records(&bytes),
            Event::Uart(bytes) => {
                for line in self.uart.push(&bytes) {
                    self.log(line);
                }
            }
            Event::Qemu(bytes) => {
                for line in self.qemu.push(&bytes) {
                    self.log(format!("qemu: {line}"));
                }
            }
        }
    }

    fn records(&mut self, bytes: &[u8]) {
        if self.malformed {
            return;
        }
        match self.decoder.push(bytes) {
            Ok(pieces) => pieces.into_iter().for_each(|piece| self.piece(piece)),
            Err(bad) => {
                self.malformed = true;
                self.log(format!("harness: a malformed record (kind {}, length {})", bad.kind, bad.length));
            }
        }
    }

    fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Stdout(bytes) => self.unwanted |= !self.sink.stdout(&bytes),
            Piece::Stderr(bytes) => self.sink.stderr(&bytes),
            // The first one counts: nothing may turn a failure into a success.
            Piece::Code(code) => self.code = self.code.or(Some((code, Instant::now()))),
        }
    }

    fn log(&mut self, line: String) {
        self.sink.log(&line);
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn finish(mut self, end: End) -> Result<Report, Failure> {
        for line in [self.uart.rest(), self.qemu.rest()].into_iter().flatten() {
            self.log(line);
        }
        Ok(Report { end, last_lines: self.last.into() })
    }
}

/// Makes lines of bytes that come in pieces. Carriage returns are dropped, other control characters shown.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => lines.push(self.line()),
                b'\r' => {}
                _ => self.0.push(byte),
            }
            if self.0.len() >= MAX_LINE {
                lines.push(self.line());
            }
        }
        lines
    }

    fn rest(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.line())
    }

    fn line(&mut self) -> String {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned();
        text.chars().map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
    }
}

/// The program to start for QEMU: the environment's `VIAETHER_QEMU`, a test double's place, or `usual`.
#[must_use]
pub fn program(usual: &str) -> OsString {
    std::env::var_os("VIAETHER_QEMU").unwrap_or_else(|| Path::new(usual).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_status_follows_the_contract() {
        for (end, status) in [
            (End::Code(0), 0),
            (End::Code(5), 5),
            (End::Code(10), 10),
            (End::Code(20), 20),
            (End::Code(256), 255),
            (End::StillUp(0), 1),
            (End::StillUp(10), 10),
            (End::Down, 1),
            (End::Killed(11), 1),
            (End::TimedOut, 124),
            (End::Interrupted, 130),
        ] {
            assert_eq!(end.status(), status, "{end:?}");
        }
    }

    #[test]
    fn what_the_status_does_not_say_is_said() {
        let killed = End::Killed(11).complaint().unwrap();
        assert!(killed.contains("QEMU itself") && killed.contains("SIGSEGV"), "{killed}");
        assert!(End::StillUp(10).complaint().is_some_and(|said| said.contains("with 10")));
        assert_eq!(End::Code(20).complaint(), None);
    }

    #[test]
    fn lines_of_a_uart() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\r\ntw"), ["one"]);
        assert_eq!(lines.push(b"o\x1b[0m\n"), ["two\u{fffd}[0m"]);
        assert_eq!(lines.rest(), None);
        lines.push(b"unfinished");
        assert_eq!(lines.rest().as_deref(), Some("unfinished"));
    }
}
