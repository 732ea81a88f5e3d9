//! The process's own three streams. They are opened at their first use.
//!
//! stdout is buffered: by line on a terminal, else by 4 KiB. stderr goes out at once, after what stdout holds.

use abi::{Handle, user};
use alloc::vec::Vec;
use protocol::{Error, Stream};

use super::{Input, Output, Read, Write};
use crate::{Handles, Mutex, OwnedHandle, Status, env, names::bits::Pair};

/// Bytes that stdout holds back.
const BUFFER: usize = 4096;

struct Buffered {
    output: Output,
    bytes: Vec<u8>,
}

static INPUT: Mutex<Option<Input>> = Mutex::new(None);
static OUTPUT: Mutex<Option<Buffered>> = Mutex::new(None);
static ERROR: Mutex<Option<Output>> = Mutex::new(None);

/// The stream's description and its handles at 10 + 2·index.
fn given(index: usize) -> (Stream, Handles) {
    let stream = env::stream(index);
    let first = user::STDIN.index() + 2 * index as u16;
    let handle = |n| OwnedHandle::adopt(Handle::first(first + n));
    let handles = match stream {
        Stream::Null => Handles::none(),
        Stream::Pipe => Handles::two(handle(0), handle(1)),
        Stream::File { .. } | Stream::Terminal { .. } => Handles::one(handle(0)),
    };
    (stream, handles)
}

fn output(index: usize) -> Result<Output, Error> {
    let (stream, handles) = given(index);
    Output::open(stream, handles, Pair::stream(index))
}

/// Standard input.
#[derive(Clone, Copy, Debug)]
pub struct Stdin;

/// Standard input.
pub fn stdin() -> Stdin {
    Stdin
}

impl Stdin {
    /// Runs something with the stream itself.
    pub fn with<T>(self, run: impl FnOnce(&mut Input) -> Result<T, Error>) -> Result<T, Error> {
        let mut input = INPUT.lock();
        if input.is_none() {
            let (stream, handles) = given(0);
            *input = Some(Input::open(stream, handles, Pair::stream(0))?);
        }
        // What was asked for before has to be seen before an answer is typed.
        if input.as_ref().is_some_and(Input::is_terminal) {
            stdout().flush()?;
        }
        input.as_mut().map_or(Err(Error::Internal), run)
    }

    /// Whether somebody types.
    pub fn is_terminal(self) -> bool {
        matches!(env::streams(), [Stream::Terminal { .. }, ..])
    }

    /// Takes the stream out, for example to read its pipe in an event loop; afterwards it is at its end.
    pub fn take(self) -> Result<Input, Error> {
        self.with(|input| Ok(core::mem::replace(input, Input::Null)))
    }
}

impl Read for Stdin {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        self.with(|input| input.read(to))
    }
}

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

/// Standard output.
pub fn stdout() -> Stdout {
    Stdout
}

impl Stdout {
    /// Whether somebody looks on.
    pub fn is_terminal(self) -> bool {
        matches!(env::streams(), [_, Stream::Terminal { .. }, _])
    }

    /// Runs something with the stream itself, after what is buffered was written.
    pub fn with<T>(self, run: impl FnOnce(&mut Output) -> Result<T, Error>) -> Result<T, Error> {
        self.buffered(|buffered| {
            buffered.flush()?;
            run(&mut buffered.output)
        })
    }

    fn buffered<T>(self, run: impl FnOnce(&mut Buffered) -> Result<T, Error>) -> Result<T, Error> {
        let mut place = OUTPUT.lock();
        if place.is_none() {
            *place = Some(Buffered { output: output(1)?, bytes: Vec::new() });
        }
        place.as_mut().map_or(Err(Error::Internal), run)
    }
}

impl Buffered {
    fn write(&mut self, from: &[u8]) -> Result<(), Error> {
        if matches!(self.output, Output::Null) {
            return Ok(());
        }
        if self.bytes.len() + from.len() > BUFFER {
            self.flush()?;
        }
        if from.len() >= BUFFER {
            return self.output.write_all(from);
        }
        self.bytes.extend_from_slice(from);
        if self.output.is_terminal() && from.contains(&b'\n') {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let result = self.output.write_all(&self.bytes);
        // What could not be written is gone: an error is told once.
        self.bytes.clear();
        result
    }
}

impl Write for Stdout {
    fn write_all(&mut self, from: &[u8]) -> Result<(), Error> {
        self.buffered(|buffered| buffered.write(from))
    }

    fn flush(&mut self) -> Result<(), Error> {
        match OUTPUT.lock().as_mut() {
            Some(buffered) => buffered.flush(),
            None => Ok(()),
        }
    }
}

/// Standard error.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

/// Standard error.
pub fn stderr() -> Stderr {
    Stderr
}

impl Write for Stderr {
    fn write_all(&mut self, from: &[u8]) -> Result<(), Error> {
        // In the order it was said, where both lead to one terminal.
        let _ = stdout().flush();
        let mut place = ERROR.lock();
        if place.is_none() {
            *place = Some(output(2)?);
        }
        place.as_mut().map_or(Ok(()), |output| output.write_all(from))
    }
}

/// Flushes stdout and closes the streams at the end of the process. A pipe gets the reason of a process that failed. Returns
/// how the process ends: one whose last bytes could not be written did not succeed.
#[allow(dead_code, reason = "the host has no exit")]
pub(crate) fn close_standard(status: Status) -> Status {
    let status = match stdout().flush() {
        Err(error) if status.code < 10 => error.into(),
        _ => status,
    };
    let failed = (status.code >= 10).then(|| Error::from_code(status.reason).unwrap_or(Error::BrokenPipe));
    let out = OUTPUT.lock().take().map(|buffered| buffered.output);
    let outputs = [out.or_else(|| untouched_pipe(1)), ERROR.lock().take().or_else(|| untouched_pipe(2))];
    for mut output in outputs.into_iter().flatten() {
        if let Output::Pipe(pipe) = &mut output {
            pipe.close(failed);
        }
    }
    drop(INPUT.lock().take());
    status
}

/// For a clone: its parent's streams are not its own, nor what they hold back. Their handles must not be closed: they name
/// nothing here, or something else.
#[cfg(target_os = "viaether")]
pub(crate) fn forget_standard() {
    core::mem::forget(INPUT.lock().take());
    core::mem::forget(OUTPUT.lock().take());
    core::mem::forget(ERROR.lock().take());
}

/// A pipe that was never written has to be ended too: its reader waits.
fn untouched_pipe(index: usize) -> Option<Output> {
    match env::stream(index) {
        Stream::Pipe => output(index).ok(),
        _ => None,
    }
}
