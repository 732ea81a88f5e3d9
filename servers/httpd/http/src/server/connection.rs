//! One connection of a server: requests out of bytes, bytes out of answers, one after the other.
//!
//! ```text
//!            ┌────────────── keep-alive ───────────────┐
//!            ▼                                         │
//! Idle ─► Reading ─► Ready ─next_request─► Answering ──┤
//!            │  refused, timed out                     │ close
//!            └──────────────► Closing ◄────────────────┘
//! ```
//!
//! Pipelined requests wait in the network's buffer: while an answer is under way `feed` takes nothing. In `Closing` it takes
//! and drops everything, because a connection that is closed with bytes unread is reset, and the reset can overtake the
//! answer. So: when `should_close`, send FIN, and go on feeding until the peer's FIN or a time limit.

use alloc::{vec, vec::Vec};
use core::mem;

use crate::body::BodyReader;
use crate::lines::{Bounds, LineEnd, Lines};
use crate::server::head::{Refusal, RequestHead, parse};
use crate::server::reply::KeepAlive;
use crate::server::{Length, Reply, error_page};
use crate::{HttpDate, Method, Status};

/// The bounds of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the request line; more is 414.
    pub line: usize,
    /// Bytes of the head; more is 431.
    pub head: usize,
    /// Header fields; more is 431.
    pub fields: usize,
    /// Bytes of a request's body; more is 413.
    pub body: usize,
    /// Requests, after which the connection is closed.
    pub requests: u32,
    /// Bytes of answers that wait for the network.
    pub output: usize,
    /// What may be asked; anything else is 405.
    pub methods: &'static [Method],
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 4_096,
            head: 8_192,
            fields: 100,
            body: 65_536,
            requests: 1_000,
            output: 32_768,
            methods: &[Method::Get, Method::Head],
        }
    }
}

/// Where a connection stands; also which of the caller's time limits applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between requests.
    Idle,
    /// In the middle of a request.
    Reading,
    /// A request is whole: [`Connection::next_request`] gives it.
    Ready,
    /// The request was handed out; its answer is awaited or under way.
    Answering,
    /// No more requests; what is left of output goes out.
    Closing,
}

/// A whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRequest {
    /// Method, path, fields.
    pub head: RequestHead,
    /// The body, mostly empty.
    pub body: Vec<u8>,
}

/// No request is waiting for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNow;

#[derive(Debug)]
enum Step {
    Head(Lines),
    Body {
        head: RequestHead,
        reader: BodyReader,
        body: Vec<u8>,
    },
    Ready(ServerRequest),
    /// Bytes of the answer's body still to come; `None` before the answer's head.
    Answering {
        left: Option<u64>,
    },
    Closing,
}

/// The state machine.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    step: Step,
    output: Vec<u8>,
    sent: usize,
    requests: u32,
    peer_ended: bool,
    /// Of the request being answered.
    is_head: bool,
    keep: KeepAlive,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(limits: Limits) -> Self {
        Self {
            step: Step::Head(lines(&limits)),
            limits,
            output: Vec::new(),
            sent: 0,
            requests: 0,
            peer_ended: false,
            is_head: false,
            keep: KeepAlive::Implied,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match &self.step {
            Step::Head(lines) if lines.is_empty() => Phase::Idle,
            Step::Head(_) | Step::Body { .. } => Phase::Reading,
            Step::Ready(_) => Phase::Ready,
            Step::Answering { .. } => Phase::Answering,
            Step::Closing => Phase::Closing,
        }
    }

    /// Takes bytes from the network and says how many. It stops behind a whole request and takes nothing until that is
    /// answered; offer the rest again then.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() {
            let rest = &input[taken..];
            let count = match &mut self.step {
                Step::Closing => rest.len(),
                Step::Ready(_) | Step::Answering { .. } => break,
                Step::Head(_) | Step::Body { .. } => match self.read(rest) {
                    Ok(count) => count,
                    Err(refusal) => {
                        self.refuse(refusal);
                        rest.len()
                    }
                },
            };
            taken += count;
        }
        taken
    }

    /// The network's stream has ended; say so when all bytes before the end were taken. A request that is whole is still
    /// answered.
    pub fn peer_ended(&mut self) {
        self.peer_ended = true;
        if matches!(self.step, Step::Head(_) | Step::Body { .. }) {
            self.step = Step::Closing;
        }
    }

    /// The caller's time limit for this phase has passed. In the middle of a request the client is told (408), elsewhere
    /// the connection just closes; an answer is cut off.
    pub fn timed_out(&mut self) {
        match self.phase() {
            Phase::Reading => self.refuse(Refusal::new(Status::REQUEST_TIMEOUT, "The request did not come in time.")),
            Phase::Idle => self.step = Step::Closing,
            Phase::Ready | Phase::Answering | Phase::Closing => self.abort(),
        }
    }

    /// The next whole request, once.
    pub fn next_request(&mut self) -> Option<ServerRequest> {
        if !matches!(self.step, Step::Ready(_)) {
            return None;
        }
        let Step::Ready(request) = mem::replace(&mut self.step, Step::Answering { left: None }) else { return None };
        self.requests += 1;
        self.is_head = request.head.method == Method::Head;
        self.keep = self.decide_keep_alive(&request.head);
        Some(request)
    }

    /// Begins the answer: its head goes out, then as many bytes as it announces by [`write_body`](Self::write_body). `now`
    /// is for the `Date` field.
    pub fn respond(&mut self, reply: &Reply, now: Option<HttpDate>) -> Result<(), NotNow> {
        let Step::Answering { left: left @ None } = &mut self.step else { return Err(NotNow) };
        reply.write(&mut self.output, now, self.keep);
        *left = Some(match reply.length {
            Length::Bytes(length) if !self.is_head && !reply.status.is_bodiless() => length,
            _ => 0,
        });
        self.end_answer();
        Ok(())
    }

    /// A whole answer at once, for short ones.
    pub fn respond_with(&mut self, reply: &Reply, body: &[u8], now: Option<HttpDate>) -> Result<(), NotNow> {
        debug_assert!(reply.length == Length::Bytes(body.len() as u64), "the length is the body's");
        self.respond(reply, now)?;
        if let Step::Answering { left: Some(left) } = &mut self.step {
            let length = usize::try_from(*left).unwrap_or(usize::MAX).min(body.len());
            self.output.extend_from_slice(&body[..length]);
            *left -= length as u64;
            self.end_answer();
        }
        Ok(())
    }

    /// An error page as the answer.
    pub fn respond_error(&mut self, status: Status, why: &str, now: Option<HttpDate>) -> Result<(), NotNow> {
        let page = error_page(status, why);
        self.respond_with(&Reply::new(status, "text/html; charset=utf-8", page.len() as u64), page.as_bytes(), now)
    }

    /// Takes bytes of the answer's body and says how many: no more than announced, none while output is full.
    pub fn write_body(&mut self, bytes: &[u8]) -> usize {
        let room = self.limits.output.saturating_sub(self.output_len());
        let Step::Answering { left: Some(left) } = &mut self.step else { return 0 };
        let taken = bytes.len().min(room).min(usize::try_from(*left).unwrap_or(usize::MAX));
        self.output.extend_from_slice(&bytes[..taken]);
        *left -= taken as u64;
        self.end_answer();
        taken
    }

    /// Bytes of the body that the answer still owes. 0: the answer is whole, or none is under way.
    pub fn body_left(&self) -> u64 {
        match self.step {
            Step::Answering { left: Some(left) } => left,
            _ => 0,
        }
    }

    /// The answer cannot be finished (the file has become shorter): the connection ends here, so that the client sees that
    /// something is missing.
    pub fn abort(&mut self) {
        self.step = Step::Closing;
        self.output.clear();
        self.sent = 0;
    }

    /// Moves bytes for the network into `out` and says how many.
    pub fn take_output(&mut self, out: &mut [u8]) -> usize {
        let waiting = &self.output[self.sent..];
        let taken = waiting.len().min(out.len());
        out[..taken].copy_from_slice(&waiting[..taken]);
        self.sent += taken;
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
        } else if self.sent * 2 >= self.output.len() {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
        taken
    }

    /// Bytes that wait for the network.
    pub fn output_len(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Everything has been said: send FIN, then feed until the peer's.
    pub fn should_close(&self) -> bool {
        matches!(self.step, Step::Closing) && self.output_len() == 0
    }

    /// RFC 9112 §9.3.
    fn decide_keep_alive(&self, head: &RequestHead) -> KeepAlive {
        let asks = |token| head.fields.has_token("Connection", token);
        if self.requests >= self.limits.requests || self.peer_ended || asks("close") {
            KeepAlive::Close
        } else if head.is_http11 {
            KeepAlive::Implied
        } else if asks("keep-alive") {
            KeepAlive::Explicit
        } else {
            KeepAlive::Close
        }
    }

    /// Takes bytes of a request.
    fn read(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        match &mut self.step {
            Step::Head(lines) => {
                let (taken, done) = lines.push(input)?;
                if done {
                    let (head, reader) = parse(lines, &self.limits)?;
                    self.begin_body(head, reader);
                }
                Ok(taken)
            }
            Step::Body { reader, body, .. } => {
                let (taken, piece) = reader.next(input)?;
                if body.len() + piece.len() > self.limits.body {
                    return Err(Refusal::new(Status::CONTENT_TOO_LARGE, "The body is too large."));
                }
                body.extend_from_slice(piece);
                if reader.is_done() {
                    self.end_body();
                }
                Ok(taken)
            }
            Step::Ready(_) | Step::Answering { .. } | Step::Closing => Ok(0),
        }
    }

    fn begin_body(&mut self, head: RequestHead, reader: BodyReader) {
        if reader.is_done() {
            self.step = Step::Ready(ServerRequest { head, body: Vec::new() });
            return;
        }
        // RFC 9110 §10.1.1: a client that waits for this sends its body at once. HTTP/1.0 has no interim answers.
        if head.is_http11 && head.fields.get("Expect").is_some() {
            self.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.step = Step::Body { head, reader, body: vec![] };
    }

    fn end_body(&mut self) {
        if let Step::Body { head, body, .. } = mem::replace(&mut self.step, Step::Closing) {
            self.step = Step::Ready(ServerRequest { head, body });
        }
    }

    /// After the last byte of an answer comes the next request, or the end.
    fn end_answer(&mut self) {
        if !matches!(self.step, Step::Answering { left: Some(0) }) {
            return;
        }
        let ends = self.keep == KeepAlive::Close || self.peer_ended;
        self.step = if ends { Step::Closing } else { Step::Head(lines(&self.limits)) };
    }

    /// Answers a request that cannot be read. There is no `Date`: this happens inside `feed`, which has no clock.
    fn refuse(&mut self, refusal: Refusal) {
        let page = error_page(refusal.status, refusal.why);
        let mut reply = Reply::new(refusal.status, "text/html; charset=utf-8", page.len() as u64);
        if refusal.status == Status::METHOD_NOT_ALLOWED {
            let allowed: Vec<&str> = self.limits.methods.iter().map(|m| m.as_str()).collect();
            reply.add("Allow", &allowed.join(", "));
        }
        reply.write(&mut self.output, None, KeepAlive::Close);
        self.output.extend_from_slice(page.as_bytes());
        self.step = Step::Closing;
    }
}

fn lines(limits: &Limits) -> Lines {
    let bounds = Bounds { first_line: limits.line, total: limits.head, lines: limits.fields + 1 };
    Lines::new(LineEnd::Strict, bounds)
}
