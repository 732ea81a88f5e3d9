//! A job: the processes of a pipeline, joined by pipes, in a pool of their own while the shell waits for them.
//!
//! ```text
//!  stages ─plan (files opened, where each stream goes)─► prepare (processes made) ─► join (pipes) ─► start ─► wait
//! ```
//! Nothing runs before everything is made: what fails until then leaves nothing. Ctrl-C sends BREAK C to every process of
//! the job, the second time with force.

use alloc::string::String;
use alloc::vec::Vec;

use libsys::names::bits;
use libsys::protocol::process::{Ended, Signal};
use libsys::spawn::{self, Child};
use libsys::{Pool, wait_bits};
use shell_lang::fault::{Fault, code};
use shell_lang::host::{Finished, Outcome};

use crate::relay::Relays;
use crate::streams::Streams;

/// A process of a job, or what stands for one.
pub enum Member {
    /// It runs.
    Runs(Child),
    /// It is over, or a built-in that was none.
    Over(Outcome),
}

/// A job that was started.
pub struct Running {
    /// Its stages, in order.
    pub members: Vec<Member>,
    /// What passes through the shell.
    pub relays: Relays,
    /// The pool that it alone has.
    pub pool: Option<Pool>,
    /// What was typed.
    pub text: String,
}

/// A BREAK that came while a job ran and is not the job's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// Ctrl-D: the script is to stop.
    pub script: bool,
}

impl Running {
    /// Whether all have ended; takes the ends that are there.
    pub fn is_over(&mut self) -> bool {
        let mut over = true;
        for member in &mut self.members {
            if let Member::Runs(child) = member {
                match child.try_wait() {
                    Ok(Some(ended)) => *member = Member::Over(outcome(ended)),
                    Ok(None) => over = false,
                    // init does not know it any more.
                    Err(_) => *member = Member::Over(Outcome::code(20)),
                }
            }
        }
        over
    }

    /// The number of its last process.
    pub fn process(&self) -> u32 {
        let number = |member: &Member| match member {
            Member::Runs(child) => Some(child.number),
            Member::Over(_) => None,
        };
        self.members.iter().rev().find_map(number).unwrap_or(0)
    }

    /// Sends a signal to all that still run.
    pub fn send(&self, signal: Signal) {
        for member in &self.members {
            if let Member::Runs(child) = member {
                // One that ended meanwhile needs no signal.
                let _ = child.send(signal);
            }
        }
    }

    /// Waits for the end, passing on bytes and breaks.
    pub fn wait(mut self, own: &mut Streams) -> (Finished, Left) {
        let mut breaks = 0;
        let mut left = Left::default();
        while !self.is_over() {
            if self.relays.pump(own) {
                continue;
            }
            let Some(mask) = self.relays.wait_mask(own) else { continue };
            let came = wait_bits(mask | bits::CHILD | bits::BREAKS, u64::MAX);
            self.relays.note(came, own);
            if came & bits::BREAK_C != 0 {
                self.send(if breaks == 0 { Signal::C } else { Signal::Force });
                breaks += 1;
            }
            if came & bits::BREAK_D != 0 {
                left.script = true;
            }
            for (bit, signal) in [(4, Signal::E), (8, Signal::F)] {
                if came & bit != 0 {
                    self.send(signal);
                }
            }
        }
        self.relays.drain(own);
        let mut stages: Vec<Outcome> = self.outcomes();
        if self.relays.overflow
            && let Some(last) = stages.last_mut()
        {
            *last = Outcome { code: 10, reason: libsys::Error::Overflow.code() };
        }
        let captured = core::mem::take(&mut self.relays.captured);
        self.end();
        (Finished { stages, captured }, left)
    }

    /// How its stages ended.
    pub fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |member: &Member| match member {
            Member::Runs(_) => Outcome::OK,
            Member::Over(outcome) => *outcome,
        };
        self.members.iter().map(outcome).collect()
    }

    /// Gives its pool back.
    pub fn end(self) {
        let Running { members, relays, pool, .. } = self;
        drop((members, relays));
        if let Some(pool) = pool {
            let _ = pool.destroy();
        }
    }
}

fn outcome(ended: Ended) -> Outcome {
    Outcome { code: ended.code, reason: ended.reason }
}

/// Waits for a moment, as long as nobody breaks: whether somebody did.
pub fn pause(nanoseconds: u64) -> bool {
    let until = libsys::time::now_ns().saturating_add(nanoseconds);
    wait_bits(bits::BREAK_C, until) != 0
}

/// What a library's error means to a person, about something.
pub fn fault(about: &str) -> impl Fn(libsys::Error) -> Fault {
    move |error| match error {
        libsys::Error::Break => Fault::new(code::BREAK, "***BREAK"),
        error if about.is_empty() => Fault::new(error.code(), error.text()),
        error => Fault::about(error.code(), about),
    }
}

/// Ends of children that were taken while others were waited for stay with libsys until they are asked for.
pub fn reap() {
    let _ = spawn::reap();
}
