//! Where a stream can lead: nowhere, a pipe, a file, a terminal.

use abi::calls::Access;
use protocol::{Error, Stream, console::Side, start::StreamRights};

use super::{Read, Write};
use crate::{
    Channel, Doorbell, Handles, Memory, Pool,
    console::Terminal,
    fs::File,
    names::bits::{self, Pair},
    ring::{self, Consumer, Part, Producer, Taken},
    server,
};

/// The reading end of a pipe.
#[derive(Debug)]
pub struct PipeReader {
    ring: Consumer<Part>,
    bell: Doorbell,
    pair: Pair,
}

/// The writing end of a pipe.
#[derive(Debug)]
pub struct PipeWriter {
    ring: Producer<Part>,
    bell: Doorbell,
    pair: Pair,
}

fn map(memory: &Memory) -> Result<Part, Error> {
    Ok(Part::whole(memory.map(Access::READ | Access::WRITE)?))
}

/// A new pipe's Memory, paid by a pool. The pages that are mapped are its header and data.
pub(crate) fn create_ring(pool: &Pool) -> Result<Memory, Error> {
    let memory = Memory::create(pool, ring::pages(ring::BYTE, ring::PIPE_SIZE))?;
    ring::create(&map(&memory)?, ring::BYTE, ring::PIPE_SIZE)?;
    Ok(memory)
}

impl PipeReader {
    /// The reading end of a ring whose writer rings `pair` on this process's notification; `bell` rings the writer.
    pub fn new(memory: &Memory, bell: Doorbell, pair: Pair) -> Result<PipeReader, Error> {
        Ok(PipeReader { ring: Consumer::open(map(memory)?, ring::BYTE)?, bell, pair })
    }

    /// What is there now, without waiting.
    pub fn poll(&mut self, to: &mut [u8]) -> Result<Taken, Error> {
        self.ring.read(to, &self.bell)
    }

    /// For event loops: whether to wait for [`PipeReader::pair`] before polling again.
    pub fn must_sleep(&self) -> Result<bool, Error> {
        self.ring.must_sleep()
    }

    /// The bits that tell of bytes, and of the writer's death.
    pub fn pair(&self) -> Pair {
        self.pair
    }

    /// The writer's process is gone: the gone bit came.
    pub fn peer_gone(&mut self) {
        self.ring.peer_gone();
    }
}

impl Read for PipeReader {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        if to.is_empty() {
            return Ok(0);
        }
        loop {
            match self.ring.read(to, &self.bell)? {
                Taken::Bytes(count) => return Ok(count),
                Taken::End => return Ok(0),
                Taken::Nothing if self.ring.must_sleep()? => {
                    if server::wait_bits(self.pair.mask(), u64::MAX) & self.pair.gone != 0 {
                        self.ring.peer_gone();
                    }
                }
                Taken::Nothing => {}
            }
        }
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.ring.close(&self.bell);
        bits::give_pair(self.pair);
    }
}

impl PipeWriter {
    /// The writing end of a ring whose reader rings `pair` on this process's notification; `bell` rings the reader.
    pub fn new(memory: &Memory, bell: Doorbell, pair: Pair) -> Result<PipeWriter, Error> {
        Ok(PipeWriter { ring: Producer::open(map(memory)?, ring::BYTE)?, bell, pair })
    }

    /// Writes what fits now, without waiting; returns how much.
    pub fn poll(&mut self, from: &[u8]) -> Result<usize, Error> {
        self.ring.write(from, &self.bell)
    }

    /// For event loops: whether to wait for [`PipeWriter::pair`] before polling again.
    pub fn must_sleep(&self) -> Result<bool, Error> {
        self.ring.must_sleep()
    }

    /// The bits that tell of room, and of the reader's death.
    pub fn pair(&self) -> Pair {
        self.pair
    }

    /// The reader's process is gone: the gone bit came.
    pub fn peer_gone(&mut self) {
        self.ring.peer_gone();
    }

    /// Ends the pipe: with a reason, the reader gets it instead of the end.
    pub fn close(&mut self, reason: Option<Error>) {
        self.ring.close(reason, &self.bell);
    }
}

impl Write for PipeWriter {
    fn write_all(&mut self, mut from: &[u8]) -> Result<(), Error> {
        while !from.is_empty() {
            let count = self.ring.write(from, &self.bell)?;
            from = from.get(count..).unwrap_or_default();
            if count == 0 && self.ring.must_sleep()? {
                let bits = server::wait_bits(self.pair.mask(), u64::MAX);
                if bits & self.pair.gone != 0 {
                    self.ring.peer_gone();
                }
            }
        }
        Ok(())
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.ring.close(None, &self.bell);
        bits::give_pair(self.pair);
    }
}

/// A stream that is read.
#[derive(Debug)]
pub enum Input {
    /// The end at once.
    Null,
    /// A pipe.
    Pipe(PipeReader),
    /// A file.
    File(File),
    /// A terminal.
    Terminal(Terminal),
}

/// A stream that is written.
#[derive(Debug)]
pub enum Output {
    /// Swallows all.
    Null,
    /// A pipe.
    Pipe(PipeWriter),
    /// A file.
    File(File),
    /// A terminal.
    Terminal(Terminal),
}

impl Input {
    /// What a stream of the start block leads to, with its handles and the bits its peer rings.
    pub fn open(stream: Stream, handles: Handles, pair: Pair) -> Result<Input, Error> {
        Ok(match stream {
            Stream::Null => Input::Null,
            Stream::Pipe => {
                let [memory, bell] = handles.exactly()?;
                Input::Pipe(PipeReader::new(&Memory::adopt(memory), Doorbell::adopt(bell), pair)?)
            }
            Stream::File { name, rights } => {
                let [session] = handles.exactly()?;
                Input::File(File::given(&name, rights, Channel::adopt(session))?)
            }
            Stream::Terminal { name, .. } => {
                let [session] = handles.exactly()?;
                Input::Terminal(Terminal::given(&name, Channel::adopt(session)))
            }
        })
    }

    /// Whether somebody types.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Input::Terminal(_))
    }
}

impl Read for Input {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        match self {
            Input::Null => Ok(0),
            Input::Pipe(pipe) => pipe.read(to),
            Input::File(file) => file.read(to),
            Input::Terminal(terminal) => terminal.read(to, u64::MAX),
        }
    }
}

impl Output {
    /// What a stream of the start block leads to, with its handles and the bits its peer rings.
    pub fn open(stream: Stream, handles: Handles, pair: Pair) -> Result<Output, Error> {
        Ok(match stream {
            Stream::Null => Output::Null,
            Stream::Pipe => {
                let [memory, bell] = handles.exactly()?;
                Output::Pipe(PipeWriter::new(&Memory::adopt(memory), Doorbell::adopt(bell), pair)?)
            }
            Stream::File { name, rights } => {
                let [session] = handles.exactly()?;
                let rights = rights | StreamRights::WRITE;
                Output::File(File::given(&name, rights, Channel::adopt(session))?)
            }
            Stream::Terminal { name, .. } => {
                let [session] = handles.exactly()?;
                let side = if pair == Pair::stream(2) { Side::Error } else { Side::Output };
                Output::Terminal(Terminal::given_side(&name, Channel::adopt(session), side))
            }
        })
    }

    /// Whether somebody looks on.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Output::Terminal(_))
    }
}

impl Write for Output {
    fn write_all(&mut self, from: &[u8]) -> Result<(), Error> {
        match self {
            Output::Null => Ok(()),
            Output::Pipe(pipe) => pipe.write_all(from),
            Output::File(file) => file.write_all(from),
            Output::Terminal(terminal) => terminal.write_all(from),
        }
    }
}
