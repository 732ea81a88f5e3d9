//! A terminal: what was typed, what is to go out, and who waits for either.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use libsys::protocol::Bytes;
use libsys::protocol::console::{PART, Reply, Service};
use libsys::{Error, Token};
use line::{Discipline, Writers};

/// Bytes that may wait to go out before writers wait.
pub const MAX_OUTPUT: usize = 64 * 1024;
/// Readers that may wait.
const MAX_WAITING: usize = 64;

/// A reader that waits.
pub struct Reader {
    pub badge: u64,
    pub length: usize,
    pub deadline: u64,
    pub token: Token,
}

/// A writer that waits for room, or for everything to have gone out.
pub struct Writer {
    pub badge: u64,
    pub token: Token,
}

/// A terminal.
#[derive(Default)]
pub struct Terminal {
    pub input: Discipline,
    pub output: VecDeque<u8>,
    pub readers: VecDeque<Reader>,
    pub writers: Writers<Writer>,
    /// The session that BREAK goes to.
    pub foreground: Option<u64>,
}

impl Terminal {
    /// Adds a reader; it is answered by [`Terminal::serve_readers`].
    pub fn wait_to_read(&mut self, reader: Reader) {
        if self.readers.len() >= MAX_WAITING {
            reader.token.reply::<Service>(Err(Error::Limit));
        } else {
            self.readers.push_back(reader);
        }
    }

    /// Queues a writer's bytes; it is answered by [`Terminal::serve_writers`] when there is room for more.
    pub fn write(&mut self, writer: Writer, bytes: &[u8]) {
        let Terminal { output, writers, .. } = self;
        if let Err(writer) = writers.admit(MAX_OUTPUT, writer, || output.extend(bytes)) {
            writer.token.reply::<Service>(Err(Error::Limit));
        }
    }

    /// Has a writer wait until all has gone out.
    pub fn drain(&mut self, writer: Writer) {
        if let Err(writer) = self.writers.admit(0, writer, || ()) {
            writer.token.reply::<Service>(Err(Error::Limit));
        }
    }

    /// Answers readers as far as there is input, and those whose deadline has passed. Who waits for a line sees it typed.
    pub fn serve_readers(&mut self, now: u64) {
        while !self.readers.is_empty() {
            let mut echo = Vec::new();
            self.input.attend(&mut echo);
            self.queue(&echo);
            if !self.input.readable() {
                break;
            }
            let Some(reader) = self.readers.pop_front() else { break };
            let bytes = self.input.read(reader.length.min(PART));
            reader.token.reply::<Service>(Bytes::new(bytes).map(Reply::Bytes));
        }
        for _ in 0..self.readers.len() {
            let Some(reader) = self.readers.pop_front() else { break };
            if reader.deadline <= now {
                let answer = if reader.deadline == 0 { Bytes::new([]).map(Reply::Bytes) } else { Err(Error::TimedOut) };
                reader.token.reply::<Service>(answer);
            } else {
                self.readers.push_back(reader);
            }
        }
    }

    /// Answers writers as far as there is room. What the device has taken but not sent keeps those waiting who want it out.
    pub fn serve_writers(&mut self, sending: bool) {
        let left = self.output.len() + usize::from(sending);
        while let Some(writer) = self.writers.answer(left) {
            writer.token.reply::<Service>(Ok(Reply::Done));
        }
    }

    /// Ends pending reads: a break was typed.
    pub fn break_readers(&mut self) {
        for reader in self.readers.drain(..) {
            reader.token.reply::<Service>(Err(Error::Break));
        }
    }

    /// Forgets a session that is over. Its calls were given up by the caller, who is gone.
    pub fn forget(&mut self, badge: u64) {
        self.readers.retain(|reader| reader.badge != badge);
        self.writers.retain(|writer| writer.badge != badge);
        if self.foreground == Some(badge) {
            self.foreground = None;
        }
    }

    /// The earliest deadline of a reader.
    pub fn deadline(&self) -> u64 {
        self.readers.iter().map(|reader| reader.deadline).min().unwrap_or(u64::MAX)
    }

    /// Queues output.
    pub fn queue(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }

    /// Queues text with the line ends a serial terminal wants.
    pub fn queue_text(&mut self, bytes: &[u8]) {
        let mut text = Vec::with_capacity(bytes.len() + 8);
        line::crlf(bytes, &mut text);
        self.output.extend(text);
    }
}
