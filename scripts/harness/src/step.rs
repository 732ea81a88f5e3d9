//! Lines about progress, with the time since the start. Short steps say nothing.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A step longer than this gets lines.
const WORTH_A_LINE: Duration = Duration::from_millis(1500);

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// Steps that take time, and at a terminal what cargo says.
    Steps,
    /// Steps that take time; what cargo says is kept.
    Lines,
    /// Nothing.
    Nothing,
}

/// Prints steps on stderr.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    start: Instant,
    say: Say,
}

impl Steps {
    /// Starts the clock.
    #[must_use]
    pub fn new(say: Say) -> Self {
        Self { start: Instant::now(), say }
    }

    /// Whether steps are said.
    #[must_use]
    pub fn are_said(&self) -> bool {
        self.say != Say::Nothing
    }

    /// Whether what cargo says goes straight to a terminal.
    #[must_use]
    pub fn show_cargo(&self) -> bool {
        self.say == Say::Steps
    }

    /// A line of its own.
    pub fn line(&self, text: &str) {
        if self.are_said() {
            eprintln!("[{:5.1} s] {text}", self.start.elapsed().as_secs_f64());
        }
    }

    /// Does `work`. If it takes long there is a line while it goes on, and one with the time when it is done.
    pub fn step<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let (done, wait) = channel::<()>();
        let result = thread::scope(|scope| {
            scope.spawn(move || {
                if wait.recv_timeout(WORTH_A_LINE) == Err(RecvTimeoutError::Timeout) {
                    self.line(&format!("building {what}"));
                }
            });
            let result = work();
            drop(done);
            result
        });
        let took = began.elapsed();
        if took > WORTH_A_LINE {
            self.line(&format!("built {what} in {:.1} s", took.as_secs_f64()));
        }
        result
    }

    /// Seconds since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
