//! The shell's own three streams, and what of them its commands get.
//!
//! A file or terminal is shared: the command gets a session of its own. A pipe's end stays with its process, so a shell
//! that is a stage of a pipeline gives its commands pipes and relays the bytes (`contracts.md` §5).

use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::{Handle, user};
use libsys::console::Terminal;
use libsys::io::{Input, Output, Read, Write};
use libsys::names::bits::Pair;
use libsys::protocol::Stream;
use libsys::protocol::console::{Rights, Side};
use libsys::protocol::fs::Rights as FileRights;
use libsys::spawn::Stdio;
use libsys::{Error, Handles, OwnedHandle, Result, env};
use shell_lang::ast::Stream as Name;

/// Bytes of a line that is read from a pipe or file, at most.
const MAX_LINE: usize = 4096;

/// The shell's own streams.
pub struct Streams {
    /// Standard input.
    pub input: Input,
    /// Standard output.
    pub output: Output,
    /// Standard error.
    pub error: Output,
    given: [Stream; 3],
    /// What was read from a pipe and not used yet.
    pub unread: Vec<u8>,
    person: Person,
}

/// Whether somebody sits at the terminal, and can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// Somebody types.
    Sits,
    /// It is the harness's: commands have no input.
    Absent,
}

/// What a command gets for one of the shell's streams.
pub enum Lent {
    /// This.
    Direct(Stdio),
    /// A pipe, whose bytes the shell passes on.
    Relayed,
}

/// The number of a stream: 0, 1, 2.
pub const fn number(name: Name) -> usize {
    match name {
        Name::In => 0,
        Name::Out => 1,
        Name::Err => 2,
    }
}

impl Streams {
    /// Those that the process was started with.
    pub fn given() -> Result<Streams> {
        let given = env::streams();
        let [first, second, third] = [0, 1, 2].map(|index| (handles(&given, index), Pair::stream(index)));
        Ok(Streams {
            input: Input::open(given[0].clone(), first.0, first.1)?,
            output: Output::open(given[1].clone(), second.0, second.1)?,
            error: Output::open(given[2].clone(), third.0, third.1)?,
            given,
            unread: Vec::new(),
            person: Person::Sits,
        })
    }

    /// All three on a terminal that this shell opens and takes the breaks of.
    pub fn of_terminal(name: &str, person: Person) -> Result<Streams> {
        let mut input = Terminal::open(name)?;
        let all = Rights::READ | Rights::WRITE | Rights::CONTROL;
        let output = Terminal::shared(&mut input, all, Side::Output)?;
        let error = Terminal::shared(&mut input, all, Side::Error)?;
        input.take_breaks()?;
        Ok(Streams {
            input: Input::Terminal(input),
            output: Output::Terminal(output),
            error: Output::Terminal(error),
            given: Default::default(),
            unread: Vec::new(),
            person,
        })
    }

    /// The terminal behind standard input, if it is one.
    pub fn terminal(&mut self) -> Option<&mut Terminal> {
        match &mut self.input {
            Input::Terminal(terminal) => Some(terminal),
            _ => None,
        }
    }

    /// Writes to output or error.
    pub fn write(&mut self, stream: Name, bytes: &[u8]) -> Result<()> {
        match stream {
            Name::Err => self.error.write_all(bytes),
            _ => self.output.write_all(bytes),
        }
    }

    /// What a command in the foreground gets for a stream.
    pub fn lend(&mut self, index: usize) -> Result<Lent> {
        let given = self.given.get(index).cloned().unwrap_or_default();
        match index {
            0 => match &mut self.input {
                Input::Terminal(_) if self.person == Person::Absent => Ok(Lent::Direct(Stdio::Null)),
                Input::Null => Ok(Lent::Direct(Stdio::Null)),
                Input::Pipe(_) => Ok(Lent::Relayed),
                Input::File(file) => file_session(file.share(FileRights::READ)?, given),
                Input::Terminal(terminal) => {
                    let rights = Rights::READ | Rights::WRITE | Rights::CONTROL;
                    terminal_session(terminal, rights, Side::Output)
                }
            },
            _ => {
                let (output, side) = match index {
                    1 => (&mut self.output, Side::Output),
                    _ => (&mut self.error, Side::Error),
                };
                match output {
                    Output::Null => Ok(Lent::Direct(Stdio::Null)),
                    Output::Pipe(_) => Ok(Lent::Relayed),
                    Output::File(file) => file_session(file.share(FileRights::WRITE | FileRights::APPEND)?, given),
                    Output::Terminal(terminal) => terminal_session(terminal, Rights::WRITE | Rights::CONTROL, side),
                }
            }
        }
    }

    /// Asks for a line; none at the end of input.
    pub fn read_line(&mut self, prompt: &str) -> Result<Option<String>> {
        if let Input::Null = self.input {
            return Ok(None);
        }
        if self.input.is_terminal() {
            self.output.write_all(prompt.as_bytes())?;
        }
        let mut fits = true;
        loop {
            if let Some(at) = self.unread.iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(at + 1);
                let line = core::mem::replace(&mut self.unread, rest);
                return if fits { Ok(Some(text(line))) } else { Err(Error::LineTooLong) };
            }
            if self.unread.len() >= MAX_LINE {
                // What is left of the line is no line of its own.
                fits = false;
                self.unread.clear();
            }
            let mut part = [0; 512];
            let count = self.input.read(&mut part)?;
            if count == 0 && !fits {
                return Err(Error::LineTooLong);
            }
            if count == 0 {
                let last = core::mem::take(&mut self.unread);
                return Ok((!last.is_empty()).then(|| text(last)));
            }
            self.unread.extend_from_slice(part.get(..count).unwrap_or_default());
        }
    }

    /// Ends pipes that this process writes; a failure is told to their readers.
    pub fn close(mut self, failure: Option<Error>) {
        for output in [&mut self.output, &mut self.error] {
            if let Output::Pipe(pipe) = output {
                pipe.close(failure);
            }
        }
    }
}

fn handles(given: &[Stream; 3], index: usize) -> Handles {
    let first = user::STDIN.index() + 2 * index as u16;
    let handle = |n| OwnedHandle::adopt(Handle::first(first + n));
    match given.get(index) {
        Some(Stream::Pipe) => Handles::two(handle(0), handle(1)),
        Some(Stream::File { .. } | Stream::Terminal { .. }) => Handles::one(handle(0)),
        _ => Handles::none(),
    }
}

fn file_session(session: OwnedHandle, given: Stream) -> Result<Lent> {
    Ok(Lent::Direct(Stdio::Raw(given, Handles::one(session))))
}

/// A session with these rights or, where the shell has less itself, with what lets a command write.
fn terminal_session(terminal: &mut Terminal, rights: Rights, side: Side) -> Result<Lent> {
    let shared = match Stdio::terminal(terminal, rights, side) {
        Err(Error::Denied) => Stdio::terminal(terminal, rights & (Rights::READ | Rights::WRITE), side)?,
        result => result?,
    };
    Ok(Lent::Direct(shared))
}

fn text(line: Vec<u8>) -> String {
    let end = line.len() - line.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned()
}
