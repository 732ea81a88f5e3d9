//! Somebody at the keyboard: runs a program on a terminal of its own, types, and looks at the screen.
//!
//! ```text
//! typist --keys--> master ~~~ slave --> setsid --ctty --> harness run --> QEMU
//!        <-screen--   (a pseudo-terminal: raw mode, QEMU's own key and the restored settings are the real ones)
//! ```
//!
//! Rules: each step has a deadline; whatever happens, the program has ended when [`perform`] returns. One thread reads, one
//! writes, so that neither a full terminal nor a deaf guest stops the clock.

use crate::Failure;
use crate::guest::End;
use crate::interrupt::Interrupt;
use crate::system::screen::{SIZE, Screen};
use crate::system::typing::Step;
use rustix::fs::{Mode, OFlags, fcntl_getfl, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a step may take. The first one boots a system, maybe after building it.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(20);
/// How long a program that is told to end may take.
const GRACE: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How the program ended.
    pub end: End,
    /// All it printed.
    pub output: String,
    /// The first step that failed, and why.
    pub failure: Option<String>,
}

/// Runs the program on a terminal, does all steps, and waits for its end.
///
/// # Errors
/// There is no terminal to be had, or the program cannot be started.
pub fn perform(program: &[OsString], steps: &[Step], stop: &Interrupt) -> Result<Seen, Failure> {
    let failed = |what: &str, e: &dyn std::fmt::Display| Failure::new(format!("{what}: {e}"));
    let (master, slave) = terminal().map_err(|e| failed("a terminal", &e))?;
    let before = settings(&slave).map_err(|e| failed("the terminal's settings", &e))?;
    let copy = || slave.try_clone().map_err(|e| failed("the terminal", &e));
    let child = Command::new("setsid")
        .arg("--ctty")
        .args(program)
        .stdin(copy()?)
        .stdout(copy()?)
        .stderr(copy()?)
        .spawn()
        .map_err(|e| failed("setsid", &e))?;
    let mut typist = Typist::new(child, master).map_err(|e| failed("the terminal", &e))?;
    let mut failure = steps.iter().enumerate().find_map(|(number, step)| {
        let result = typist.step(step, stop);
        result.err().map(|why| format!("step {}, {step:?}: {why}", number + 1))
    });
    if failure.is_none() {
        failure = typist.wait_for_end(stop).err();
    }
    let end = typist.end();
    if end != End::Interrupted && settings(&slave).ok() != Some(before) {
        failure = failure.or(Some("the terminal is not restored".into()));
    }
    Ok(Seen { end, output: typist.screen.text(), failure })
}

/// What a terminal must be again afterwards: its modes, and the flags of the file that all share.
type Settings = (String, OFlags);

fn settings(slave: &OwnedFd) -> rustix::io::Result<Settings> {
    let Termios { input_modes, output_modes, control_modes, local_modes, .. } = tcgetattr(slave)?;
    Ok((format!("{input_modes:?} {output_modes:?} {control_modes:?} {local_modes:?}"), fcntl_getfl(slave)?))
}

fn terminal() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = open(ptsname(&master, Vec::new())?, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    tcsetwinsize(&slave, Winsize { ws_row: SIZE.0, ws_col: SIZE.1, ws_xpixel: 0, ws_ypixel: 0 })?;
    Ok((master, slave))
}

struct Typist {
    child: Child,
    ended: Option<End>,
    keys: Sender<Vec<u8>>,
    heard: Receiver<Vec<u8>>,
    screen: Screen,
}

impl Typist {
    fn new(child: Child, master: OwnedFd) -> std::io::Result<Self> {
        let (mut from, mut to) = (File::from(master.try_clone()?), File::from(master));
        let (keys, typed) = channel::<Vec<u8>>();
        let (hear, heard) = channel();
        thread::spawn(move || while typed.recv().is_ok_and(|bytes| to.write_all(&bytes).is_ok()) {});
        thread::spawn(move || {
            let mut buffer = [0; 16384];
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                if hear.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, ended: None, keys, heard, screen: Screen::default() })
    }

    fn step(&mut self, step: &Step, stop: &Interrupt) -> Result<(), String> {
        match *step {
            Step::Type(keys) => self.type_keys(keys),
            Step::TypeAll(keys) => self.type_keys(&keys()),
            Step::Prints(text) => self.wait_for(text, stop, |screen| screen.prints(text)),
            Step::PrintsAll(text) => {
                text().lines().try_for_each(|line| self.wait_for(line, stop, |screen| screen.prints(line)))
            }
            Step::Shows(text) => self.wait_for(text, stop, |screen| screen.shows(text)),
        }
    }

    fn type_keys(&self, keys: &str) -> Result<(), String> {
        self.keys.send(keys.as_bytes().to_vec()).map_err(|_| "nobody reads".to_string())
    }

    /// Looks at the screen until it is as wanted.
    fn wait_for(
        &mut self,
        what: &str,
        stop: &Interrupt,
        mut there: impl FnMut(&mut Screen) -> bool,
    ) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let heard = self.hear();
            if there(&mut self.screen) {
                return Ok(());
            }
            match self.ended {
                Some(end) if !heard => return Err(format!("it ended ({end:?}) before \"{what}\" came")),
                Some(_) => {}
                None => self.ended = self.looked_at(),
            }
            self.go_on(what, stop, until)?;
        }
    }

    /// Waits for the program's end, and for the last of what it printed.
    fn wait_for_end(&mut self, stop: &Interrupt) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while self.hear() || self.ended.is_none() {
            self.ended = self.ended.or_else(|| self.looked_at());
            self.go_on("the end", stop, until)?;
        }
        Ok(())
    }

    fn go_on(&self, what: &str, stop: &Interrupt, until: Instant) -> Result<(), String> {
        if stop.came() {
            return Err("interrupted".into());
        }
        if Instant::now() > until {
            return Err(format!("\"{what}\" did not come; the cursor is in the row \"{}\"", self.screen.row()));
        }
        Ok(())
    }

    /// Takes what was printed meanwhile; false if nothing came for a while.
    fn hear(&mut self) -> bool {
        let Ok(bytes) = self.heard.recv_timeout(TICK) else { return false };
        let mut answer = Vec::new();
        self.screen.feed(&bytes, &mut answer);
        if !answer.is_empty() {
            // Who does not read any more needs no answer.
            let _ = self.keys.send(answer);
        }
        true
    }

    fn looked_at(&mut self) -> Option<End> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.code().map_or(End::Down, |code| End::Code(code.cast_unsigned()))),
            Err(_) => Some(End::Down),
        }
    }

    /// Ends the program if it has not ended: politely first, so that it ends QEMU.
    fn end(&mut self) -> End {
        if let Some(end) = self.ended {
            return end;
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let until = Instant::now() + GRACE;
        while Instant::now() < until && self.looked_at().is_none() {
            thread::sleep(TICK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        End::Interrupted
    }
}
