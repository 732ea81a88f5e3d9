//! A connection: bytes in, bytes out, plain text on the other side. See the crate's documentation for the picture.
//!
//! How netd drives one:
//!
//! ```text
//! bytes arrived:   feed() ─► process() until Idle ─► take_output() ─► read()
//! FIN arrived:     peer_ended() ─► process() until Idle
//! app has data:    write() ─► take_output()
//! app is done:     close_notify() ─► take_output()
//! ```
//!
//! `process` runs on the lower thread while `needs_handshake_work`, on the connection's own thread otherwise. A connection
//! is `Send`: it moves between the two, it is never used by both at once.

use alloc::{boxed::Box, string::String};

use crate::engine::{Engine, Outgoing, Turn};
use crate::queue::Queue;
use crate::summary::{Summary, summarise};
use crate::{ClientConfig, Error, ServerConfig, ServerName, translate};

/// A handshake message of 64 KiB, in as many records as it may take, and a record behind it.
const INPUT_LIMIT: usize = 96 << 10;
/// Sealed bytes that wait for the network. `write` stops here.
const OUTPUT_LIMIT: usize = 64 << 10;
/// Opened bytes that wait for the application. `process` stops here.
const PLAIN_LIMIT: usize = 64 << 10;
/// The most plain text in one record (RFC 8446 §5.1).
const MAX_FRAGMENT: usize = 1 << 14;
/// The most bytes in a record behind its header (RFC 8446 §5.2).
const MAX_RECORD: usize = MAX_FRAGMENT + 256;
/// Bytes of a record's header: type, version, length.
const HEADER: usize = 5;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing can be read or written yet.
    Handshaking,
    /// Both directions are open.
    Open,
    /// The peer has said that it sends no more; writing is still possible.
    PeerClosed,
    /// Both sides have closed, properly.
    Closed,
    /// Ended by an error; [`Connection::error`] says which. Output may still hold an alert for the peer.
    Failed,
}

/// Whether [`Connection::process`] has more to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Call again, now or after something more urgent.
    More,
    /// Nothing to do until bytes arrive or buffers are emptied.
    Idle,
}

enum Role {
    Client(ClientConfig, ServerName),
    Server(ServerConfig),
}

/// One TLS connection, of either side.
pub struct Connection {
    role: Role,
    /// Made by the first step, because that costs a key; gone after a failure.
    engine: Option<Box<Engine>>,
    input: Queue,
    /// So many bytes of `input` has rustls seen and not yet discarded.
    shown: usize,
    output: Queue,
    plain: Queue,
    state: State,
    error: Option<Error>,
    heard_tls: bool,
    peer_ended: bool,
    sent_close: bool,
    summary: Option<Box<Summary>>,
}

impl Connection {
    /// A client's connection to the server of this name. Nothing is computed yet.
    pub fn client(config: &ClientConfig, name: ServerName) -> Self {
        Self::new(Role::Client(config.clone(), name))
    }

    /// A server's connection to a client that has just come.
    pub fn server(config: &ServerConfig) -> Self {
        Self::new(Role::Server(config.clone()))
    }

    fn new(role: Role) -> Self {
        Self {
            role,
            engine: None,
            input: Queue::new(INPUT_LIMIT),
            shown: 0,
            output: Queue::new(OUTPUT_LIMIT),
            plain: Queue::new(PLAIN_LIMIT),
            state: State::Handshaking,
            error: None,
            heard_tls: false,
            peer_ended: false,
            sent_close: false,
            summary: None,
        }
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why it failed, if it did.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// What was agreed and with whom; from `Open` on.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_deref()
    }

    /// Takes bytes from the network and says how many: fewer than given when the buffer is full. Costs a copy, no more.
    /// After the peer's close or a failure bytes mean nothing and are dropped.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        match self.state {
            State::Handshaking | State::Open => self.input.push(bytes),
            State::PeerClosed | State::Closed | State::Failed => bytes.len(),
        }
    }

    /// The network's stream has ended (FIN). Without a close_notify before it the connection fails with
    /// [`Error::Truncated`], once all that came before has been processed.
    pub fn peer_ended(&mut self) {
        self.peer_ended = true;
    }

    /// Whether the next [`process`](Self::process) does the heavy arithmetic of a handshake.
    pub fn needs_handshake_work(&self) -> bool {
        self.state == State::Handshaking && (self.wants_start() || self.next_record().is_some())
    }

    /// Takes one step: starts, or takes one record from input. A record of a handshake can cost a few milliseconds (a
    /// chain of certificates), one of data some 10 µs.
    ///
    /// An error is final and comes again with every further call.
    pub fn process(&mut self) -> Result<Progress, Error> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if self.has_ended() || self.is_held_back() {
            return Ok(Progress::Idle);
        }
        if self.wants_start() {
            self.start()?;
        } else if let Some(record) = self.next_record() {
            self.shown += record;
        } else if self.input.room() == 0 {
            return Err(self.fail(Error::Limit("a message longer than 64 KiB")));
        } else if self.peer_ended {
            let handshaking = self.state == State::Handshaking;
            return Err(self.fail(if handshaking { Error::ClosedInHandshake } else { Error::Truncated }));
        } else {
            return Ok(Progress::Idle);
        }
        self.run(Outgoing::Nothing)?;
        let more = self.next_record().is_some() || (self.peer_ended && !self.has_ended());
        Ok(if more { Progress::More } else { Progress::Idle })
    }

    /// Seals plain text and says how much of it was taken: none before `Open` and after our close, less than given when
    /// output is full.
    pub fn write(&mut self, plain: &[u8]) -> Result<usize, Error> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let mut taken = 0;
        while self.may_write() && taken < plain.len() && self.output.room() > 0 {
            let end = plain.len().min(taken + MAX_FRAGMENT);
            if self.run(Outgoing::Data(&plain[taken..end]))? != Turn::Writable {
                break;
            }
            taken = end;
        }
        Ok(taken)
    }

    /// Says that we send no more. Reading goes on. Before `Open` there is nobody to say it to, and the connection is over.
    pub fn close_notify(&mut self) {
        if self.may_write() {
            // What fails here is a connection that ends anyway; the error stays readable.
            let _ = self.run(Outgoing::CloseNotify);
            self.sent_close = true;
            if self.state == State::PeerClosed {
                self.state = State::Closed;
            }
        } else if self.state == State::Handshaking {
            self.sent_close = true;
            self.state = State::Closed;
            self.engine = None;
            self.input.clear();
            self.shown = 0;
        }
    }

    /// Moves sealed bytes for the network into `out` and says how many.
    pub fn take_output(&mut self, out: &mut [u8]) -> usize {
        self.output.take(out)
    }

    /// Sealed bytes that wait for the network.
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Moves plain text into `out` and says how many bytes. 0 means that none is there now; [`state`](Self::state) says
    /// whether more can come.
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        self.plain.take(out)
    }

    /// Plain bytes that wait to be read.
    pub fn readable(&self) -> usize {
        self.plain.len()
    }

    fn may_write(&self) -> bool {
        matches!(self.state, State::Open | State::PeerClosed) && !self.sent_close
    }

    fn wants_start(&self) -> bool {
        self.engine.is_none() && self.state == State::Handshaking
    }

    /// The application or the network does not take what is ready: no more is made until they do.
    fn is_held_back(&self) -> bool {
        self.state == State::Open && (self.plain.room() == 0 || self.output.room() == 0)
    }

    fn has_ended(&self) -> bool {
        !matches!(self.state, State::Handshaking | State::Open)
    }

    /// The length of the next record that rustls has not seen, if it is whole. A header that is none is shown with all
    /// that there is, so that rustls refuses it and tells the peer.
    fn next_record(&self) -> Option<usize> {
        let unseen = self.input.bytes().get(self.shown..)?;
        let [kind, major, _, high, low, ..] = *unseen else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let plausible = (20..=24).contains(&kind) && major == 3 && length <= MAX_RECORD;
        let whole = if plausible { HEADER + length } else { unseen.len() };
        (whole <= unseen.len()).then_some(whole)
    }

    /// Checks that there is a clock, then makes rustls' connection; for a client that makes a key and the first flight.
    fn start(&mut self) -> Result<(), Error> {
        let clock = match &self.role {
            Role::Client(config, _) => config.crypto().now(),
            Role::Server(config) => config.crypto().now(),
        };
        if clock.is_none() {
            return Err(self.fail(Error::NoClock));
        }
        let engine = match &self.role {
            Role::Client(config, name) => config.start(name).map(Engine::Client),
            Role::Server(config) => config.start().map(Engine::Server),
        };
        match engine {
            Ok(engine) => self.engine = Some(Box::new(engine)),
            Err(error) => return Err(self.fail_with(error)),
        }
        Ok(())
    }

    /// Lets rustls work through what it has been shown, until it waits for something. What is outgoing is sent if that is
    /// [`Turn::Writable`].
    fn run(&mut self, outgoing: Outgoing<'_>) -> Result<Turn, Error> {
        let rest = loop {
            match self.turn(outgoing) {
                Ok(Turn::Again) => continue,
                Ok(rest) => break rest,
                Err(error) => {
                    self.take_alert();
                    return Err(self.fail_with(error));
                }
            }
        };
        match rest {
            Turn::Writable => self.opened(),
            Turn::PeerClosed if self.state == State::Handshaking => return Err(self.fail(Error::ClosedInHandshake)),
            Turn::PeerClosed | Turn::Closed => {
                self.state = if self.sent_close { State::Closed } else { State::PeerClosed };
                self.input.clear();
                self.shown = 0;
            }
            Turn::Blocked | Turn::Again => {}
        }
        self.heard_tls |= self.engine.as_ref().is_some_and(|e| e.common().protocol_version().is_some());
        Ok(rest)
    }

    fn turn(&mut self, outgoing: Outgoing<'_>) -> Result<Turn, rustls::Error> {
        let Some(engine) = &mut self.engine else { return Err(rustls::Error::HandshakeNotComplete) };
        let seen = self.shown.min(self.input.len());
        let shown = &mut self.input.bytes_mut()[..seen];
        let (discard, turn) = engine.turn(shown, &mut self.output, &mut self.plain, outgoing);
        let discard = discard.min(seen);
        self.input.consume(discard);
        self.shown = seen - discard;
        turn
    }

    /// The handshake is done as soon as rustls lets us write.
    fn opened(&mut self) {
        let Some(engine) = &self.engine else { return };
        if self.state == State::Handshaking && !engine.common().is_handshaking() {
            self.state = State::Open;
            self.summary = Some(Box::new(summarise(engine)));
        }
    }

    /// After an error rustls may have one alert for the peer. It is asked only while it says so: asked again it would work
    /// on input it has already refused.
    fn take_alert(&mut self) {
        while self.engine.as_ref().is_some_and(|e| e.common().wants_write()) {
            if self.turn(Outgoing::Nothing).is_err() {
                break;
            }
        }
    }

    fn fail_with(&mut self, error: rustls::Error) -> Error {
        let refused = matches!(error, rustls::Error::InvalidCertificate(_));
        let (wanted, certificate) = match &self.role {
            Role::Client(config, name) => (Some(name), refused.then(|| config.take_refused(name)).flatten()),
            Role::Server(_) => (None, None),
        };
        let context = translate::Context { wanted, certificate, heard_tls: self.heard_tls };
        let error = translate::error(error, context);
        self.fail(error)
    }

    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed;
        self.engine = None;
        self.input.clear();
        self.shown = 0;
        self.error = Some(error.clone());
        error
    }
}

impl core::fmt::Debug for Connection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let role = match &self.role {
            Role::Client(_, name) => alloc::format!("client of {name}"),
            Role::Server(_) => String::from("server"),
        };
        write!(f, "Connection({role}, {:?})", self.state)
    }
}
