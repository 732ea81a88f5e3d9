//! One connection, from its first byte to its last.
//!
//! ```text
//!  read ─► feed ─► request ─► Site::answer ─► body, piece by piece ─┐
//!   ▲                                                               │ keep-alive, pipelined
//!   └───────────────────────────────────────────────────────────────┘
//!  Closing: flush ─► FIN ─► read and drop until the peer's FIN, a limit of bytes or of time
//! ```

use alloc::vec;

use http::server::{Connection, Limits, Phase};
use protocol::Error;

use crate::{Backend, Site, answer::Body};

const SECOND: u64 = 1_000_000_000;
/// Bytes read from the network at once.
const INPUT: usize = 2_048;
/// Bytes of a file read at once.
const PIECE: usize = 16 << 10;
/// Bytes given to the network at once.
const OUTPUT: usize = 4_096;

/// A connection's two directions. Deadlines are in ns since boot: [`Error::TimedOut`] then.
pub trait Stream {
    /// Reads what is there, at least one byte; 0 is the end.
    fn read(&mut self, to: &mut [u8], deadline: u64) -> impl Future<Output = Result<usize, Error>>;
    /// Writes everything.
    fn write_all(&mut self, from: &[u8], deadline: u64) -> impl Future<Output = Result<(), Error>>;
    /// Says that no more will be written (FIN, behind what was).
    fn shutdown(&mut self) -> Result<(), Error>;
}

/// The time limits, in ns.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Between requests.
    pub idle: u64,
    /// From the first byte of a request to its last, however steadily they drip.
    pub request: u64,
    /// For the network to take 4 KiB of an answer.
    pub write: u64,
    /// For the peer to close after the FIN.
    pub linger: u64,
    /// Bytes that are read and dropped after it.
    pub linger_bytes: usize,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            idle: 10 * SECOND,
            request: 30 * SECOND,
            write: 10 * SECOND,
            linger: 2 * SECOND,
            linger_bytes: 256 << 10,
        }
    }
}

/// Talks to one client until the connection is over. What goes wrong ends this connection alone.
pub async fn converse<S: Stream, B: Backend>(stream: &mut S, site: &Site<B>) {
    site.traffic.opened();
    let mut talk = Talk { stream, site, connection: Connection::new(Limits::default()), ended: false };
    if talk.run().await.is_ok() {
        talk.part().await;
    }
    site.traffic.closed();
}

struct Talk<'a, S, B: Backend> {
    stream: &'a mut S,
    site: &'a Site<B>,
    connection: Connection,
    /// The peer has sent its FIN.
    ended: bool,
}

impl<S: Stream, B: Backend> Talk<'_, S, B> {
    /// Until everything has been said. An error: the stream is broken and there is nobody to part from.
    async fn run(&mut self) -> Result<(), Error> {
        let mut input = [0; INPUT];
        let (mut start, mut end) = (0, 0);
        let mut since = self.site.backend.now_ns();
        loop {
            self.flush().await?;
            if self.connection.should_close() {
                return Ok(());
            }
            if let Some(request) = self.connection.next_request() {
                let body = self.site.answer(&mut self.connection, &request);
                self.send(body).await?;
                since = self.site.backend.now_ns();
            } else if start < end {
                let was_idle = self.connection.phase() == Phase::Idle;
                start += self.connection.feed(input.get(start..end).unwrap_or_default());
                if was_idle {
                    since = self.site.backend.now_ns();
                }
            } else {
                (start, end) = (0, self.read(&mut input, since).await?);
            }
        }
    }

    /// More of a request. The time limit counts from the request's first byte, so that one byte a second wins nothing.
    async fn read(&mut self, input: &mut [u8], since: u64) -> Result<usize, Error> {
        let times = &self.site.times;
        let limit = if self.connection.phase() == Phase::Idle { times.idle } else { times.request };
        match self.stream.read(input, since.saturating_add(limit)).await {
            Ok(0) => {
                self.ended = true;
                self.connection.peer_ended();
                Ok(0)
            }
            Ok(count) => Ok(count),
            Err(Error::TimedOut) => {
                self.site.traffic.timed_out();
                self.connection.timed_out();
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// The body of an answer whose head is said.
    async fn send(&mut self, body: Option<Body<B::File>>) -> Result<(), Error> {
        let Some(Body { mut file, mut at }) = body else { return Ok(()) };
        let mut piece = vec![0; PIECE];
        while self.connection.body_left() > 0 {
            let wanted = usize::try_from(self.connection.body_left()).unwrap_or(PIECE).min(PIECE);
            let room = piece.get_mut(..wanted).unwrap_or_default();
            let count = self.site.backend.read_at(&mut file, at, room).unwrap_or(0);
            if count == 0 {
                // Shorter than it was, or fsd is gone: the client must see that something is missing.
                self.connection.abort();
                return Ok(());
            }
            let mut rest = room.get(..count).unwrap_or_default();
            while !rest.is_empty() {
                let taken = self.connection.write_body(rest);
                rest = rest.get(taken..).unwrap_or_default();
                self.flush().await?;
            }
            at += count as u64;
        }
        Ok(())
    }

    /// All that waits goes to the network.
    async fn flush(&mut self) -> Result<(), Error> {
        let mut buffer = [0; OUTPUT];
        while self.connection.output_len() > 0 {
            let count = self.connection.take_output(&mut buffer);
            let deadline = self.site.backend.now_ns().saturating_add(self.site.times.write);
            let written = self.stream.write_all(buffer.get(..count).unwrap_or_default(), deadline).await;
            if written == Err(Error::TimedOut) {
                self.site.traffic.timed_out();
            }
            written?;
            self.site.traffic.sent(count);
        }
        Ok(())
    }

    /// FIN, then everything up to the peer's.
    async fn part(&mut self) {
        if self.stream.shutdown().is_err() || self.ended {
            return;
        }
        let deadline = self.site.backend.now_ns().saturating_add(self.site.times.linger);
        let mut dropped = [0; INPUT];
        let mut left = self.site.times.linger_bytes;
        while left > 0 {
            match self.stream.read(&mut dropped, deadline).await {
                Ok(count) if count > 0 => left = left.saturating_sub(count),
                _ => return,
            }
        }
    }
}
