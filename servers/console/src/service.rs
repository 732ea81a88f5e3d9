//! The requests of clients, and what devices bring.

use alloc::vec::Vec;

use libsys::protocol::console::{Kind, Mode, Reply, Request, Rights, Service, Side, Size};
use libsys::protocol::session::Attach;
use libsys::serve::Desk;
use libsys::system::Record;
use libsys::window::ServerSide;
use libsys::{Error, Handles, Incoming, Notification, OwnedHandle, Result, Token, names::bits, time};
use line::{Break, RecordKind};

use crate::log::Log;
use crate::port::Port;
use crate::serial::Serial;
use crate::session::{Session, Which};
use crate::terminal::{MAX_OUTPUT, Reader, Terminal, Writer};

/// Bits of a terminal session's doorbell that carry BREAK C to F.
const BREAK_C: u64 = bits::BREAK_C;
const BREAK_E: u64 = 1 << 2;
const BREAK_F: u64 = 1 << 3;

/// The console.
pub struct Server {
    pub desk: Desk<Session>,
    notification: Notification,
    serial: Option<Serial>,
    port: Option<Port>,
    log: Option<Log>,
    terminals: [Terminal; 2],
    size: Size,
    pair: bits::Pair,
}

impl Server {
    /// A console with these devices.
    pub fn new(
        notification: Notification,
        serial: Option<Serial>,
        port: Option<Port>,
        log: Option<Log>,
    ) -> Result<Server> {
        Ok(Server {
            desk: Desk::new()?,
            notification,
            serial,
            port,
            log,
            terminals: Default::default(),
            size: Size { columns: 80, rows: 24, kind: Kind::Dumb },
            pair: bits::take_pair(),
        })
    }

    /// When the next reader's patience ends.
    pub fn deadline(&self) -> u64 {
        self.terminals.iter().map(Terminal::deadline).min().unwrap_or(u64::MAX)
    }

    /// Opens a session for each client that waits for one: on the terminal that its binding's narrowings name.
    pub fn admit(&mut self) {
        let harnessed = self.port.is_some();
        let admitted = self.desk.admit(|work| {
            let session = Session::from_narrowings(&work.narrowings, harnessed)?;
            if session.which == Which::Harness && !harnessed {
                return Err(Error::NotFound);
            }
            Ok(session)
        });
        if let Err(error) = admitted {
            libsys::log!(Warning, "console: clients can't be let in: {error}");
        }
    }

    /// The last handle of a session is gone.
    pub fn close(&mut self, badge: u64) {
        self.desk.sessions.close(badge);
        self.terminals.iter_mut().for_each(|terminal| terminal.forget(badge));
    }

    /// Answers a call, or keeps its token.
    pub fn call(&mut self, call: Incoming) {
        let Incoming { badge, .. } = call;
        let request = call.request_taking(takes);
        let Incoming { handles, token, .. } = call;
        match request {
            Ok(request) => self.request(badge, request, handles, token),
            Err(error) => token.reply::<Service>(Err(error)),
        }
    }

    fn request(&mut self, badge: u64, request: Request, handles: Handles, token: Token) {
        match request {
            Request::Read { length, deadline } => self.read(badge, length, deadline, token),
            Request::Write { bytes } => self.write(badge, &bytes, token),
            Request::Drain => {
                let which = self.desk.sessions.get(badge).map(|session| session.which);
                match which {
                    Ok(which) => self.terminal(which).drain(Writer { badge, token }),
                    Err(error) => token.reply::<Service>(Err(error)),
                }
            }
            Request::Attach(attach) => token.reply_with::<Service>(self.attach(badge, attach, handles)),
            Request::Share { rights, side } => {
                let shared = self.share(badge, rights, side);
                token.reply_with::<Service>(shared.map(|handle| (Reply::Done, Handles::one(handle))));
            }
            prompt => {
                let answer = self.prompt(badge, prompt);
                token.reply::<Service>(answer);
            }
        }
    }

    /// Requests that are answered at once.
    fn prompt(&mut self, badge: u64, request: Request) -> Result<Reply> {
        let session = self.desk.sessions.get(badge)?;
        let which = session.which;
        match request {
            Request::Size => Ok(Reply::Size(self.size)),
            Request::SetSize { size } => {
                session.may(Rights::CONTROL)?;
                if size.columns == 0 || size.rows == 0 {
                    return Err(Error::BadArgument);
                }
                self.size = size;
                Ok(Reply::Done)
            }
            Request::Mode { mode } => {
                session.may(Rights::CONTROL)?;
                let (before, typed_ahead) = self.terminal(which).input.set_mode(inner(mode));
                if let Some(key) = typed_ahead {
                    self.ring_break(key);
                }
                Ok(Reply::Mode(outer(before)))
            }
            Request::Discard => {
                session.may(Rights::READ)?;
                self.terminal(which).input.discard();
                Ok(Reply::Done)
            }
            Request::Foreground => {
                session.may(Rights::CONTROL)?;
                self.terminal(which).foreground = Some(badge);
                Ok(Reply::Done)
            }
            Request::ReturnCode { code } => {
                session.may(Rights::CONTROL)?;
                if which != Which::Harness {
                    return Err(Error::WrongType);
                }
                self.record(RecordKind::ReturnCode, &u32::from(code).to_le_bytes());
                Ok(Reply::Done)
            }
            // A session has no object but its terminal.
            Request::Close { .. } => Err(Error::BadArgument),
            _ => Err(Error::Malformed),
        }
    }

    fn read(&mut self, badge: u64, length: u16, deadline: u64, token: Token) {
        let session =
            self.desk.sessions.get(badge).and_then(|session| session.may(Rights::READ).map(|()| session.which));
        match session {
            // The harness gives no input: its scripts come as a file.
            Ok(Which::Harness) => token.reply::<Service>(libsys::protocol::Bytes::new([]).map(Reply::Bytes)),
            Ok(Which::Serial) => {
                let reader = Reader { badge, length: length.into(), deadline, token };
                self.terminal(Which::Serial).wait_to_read(reader);
            }
            Err(error) => token.reply::<Service>(Err(error)),
        }
    }

    fn write(&mut self, badge: u64, bytes: &[u8], token: Token) {
        let session = self.desk.sessions.get(badge);
        let session = session.and_then(|session| session.may(Rights::WRITE).map(|()| (session.which, session.side)));
        let (which, side) = match session {
            Ok(session) => session,
            Err(error) => return token.reply::<Service>(Err(error)),
        };
        let mut out = Vec::with_capacity(bytes.len() + 8);
        match (which, side) {
            (Which::Harness, Side::Output) => line::encode_record(RecordKind::Output, bytes, &mut out),
            (Which::Harness, Side::Error) => line::encode_record(RecordKind::Error, bytes, &mut out),
            (Which::Serial, _) => match self.terminal(Which::Serial).input.mode() {
                line::Mode::Raw => out.extend_from_slice(bytes),
                _ => line::crlf(bytes, &mut out),
            },
        }
        self.terminal(which).write(Writer { badge, token }, &out);
    }

    fn record(&mut self, kind: RecordKind, bytes: &[u8]) {
        let mut record = Vec::with_capacity(bytes.len() + 5);
        line::encode_record(kind, bytes, &mut record);
        self.terminal(Which::Harness).queue(&record);
    }

    fn attach(&mut self, badge: u64, attach: Attach, handles: Handles) -> Result<(Reply, Handles)> {
        if self.desk.sessions.get(badge)?.attached.is_some() {
            return Err(Error::Exists);
        }
        let (side, layout, back) = ServerSide::attach(attach, handles, &self.notification, self.pair)?;
        self.desk.sessions.get(badge)?.attached = Some(side);
        Ok((Reply::Attached(layout), back))
    }

    fn share(&mut self, badge: u64, rights: Rights, side: Side) -> Result<OwnedHandle> {
        let session = self.desk.sessions.get(badge)?;
        if !session.rights.contains(rights) {
            return Err(Error::Denied);
        }
        let shared = Session { which: session.which, rights, side, attached: None };
        self.desk.share(badge, shared)
    }

    // ---- devices ----

    /// Bytes were received, or the transmitter has room.
    pub fn serial_interrupt(&mut self) {
        let Some(serial) = &mut self.serial else { return };
        let mut typed = Vec::new();
        if let Err(error) = serial.received(&mut |byte| typed.push(byte)).and_then(|()| serial.acknowledge()) {
            libsys::log!(Error, "console: serial port: {error}");
        }
        for byte in typed {
            let terminal = &mut self.terminals[Which::Serial as usize];
            let mut echo = Vec::new();
            let came = terminal.input.type_byte(byte, &mut echo);
            terminal.queue(&echo);
            if let Some(key) = came {
                terminal.break_readers();
                self.ring_break(key);
            }
        }
    }

    fn ring_break(&mut self, key: Break) {
        let bit = match key {
            Break::C => BREAK_C,
            Break::E => BREAK_E,
            Break::F => BREAK_F,
        };
        let Some(badge) = self.terminals[Which::Serial as usize].foreground else { return };
        if let Ok(Session { attached: Some(side), .. }) = self.desk.sessions.get(badge) {
            // A session's owner that is gone has no job to break.
            let _ = side.bell.ring_bits(bit);
        }
    }

    /// The harness's port has taken something.
    pub fn port_interrupt(&mut self) {
        if let Some(port) = &mut self.port
            && let Err(error) = port.acknowledge()
        {
            libsys::log!(Error, "console: harness port: {error}");
        }
    }

    /// There are new log records.
    pub fn log_written(&mut self) {
        let Some(log) = &mut self.log else { return };
        // First, so that a record written meanwhile rings again.
        let _ = log.acknowledge();
        while let Some(record) = log.next() {
            if record.level <= log.shown {
                show(&record, &mut self.terminals[Which::Serial as usize]);
            }
        }
    }

    /// After each event: sends what can go, answers who can be answered.
    pub fn settle(&mut self) {
        let [serial, harness] = &mut self.terminals;
        let sent = match &mut self.serial {
            Some(device) => device.send(&mut serial.output),
            None => {
                serial.output.clear();
                Ok(())
            }
        };
        let sent = sent.and_then(|()| match &mut self.port {
            Some(port) => port.send(&mut harness.output),
            None => Ok(()),
        });
        if let Err(error) = sent {
            libsys::log!(Error, "console: sending: {error}");
            serial.output.clear();
            harness.output.clear();
        }
        let now = time::now_ns();
        let busy = self.port.as_ref().is_some_and(|port| !port.is_idle());
        for (which, terminal) in self.terminals.iter_mut().enumerate() {
            terminal.serve_readers(now);
            terminal.serve_writers(busy && which == Which::Harness as usize);
        }
    }

    fn terminal(&mut self, which: Which) -> &mut Terminal {
        &mut self.terminals[which as usize]
    }
}

/// Shows a log record as a line of its own.
fn show(record: &Record, terminal: &mut Terminal) {
    if terminal.output.len() > MAX_OUTPUT {
        return;
    }
    let ms = record.time_ns / 1_000_000;
    let head = alloc::format!("[{:5}.{:03}] {} {}: ", ms / 1000, ms % 1000, record.level as u8, record.label);
    let mut text = head.into_bytes();
    line::printable(record.text.as_bytes(), &mut text);
    text.push(b'\n');
    terminal.queue_text(&text);
}

fn inner(mode: Mode) -> line::Mode {
    match mode {
        Mode::Cooked => line::Mode::Cooked,
        Mode::Silent => line::Mode::Silent,
        Mode::Raw => line::Mode::Raw,
    }
}

fn outer(mode: line::Mode) -> Mode {
    match mode {
        line::Mode::Cooked => Mode::Cooked,
        line::Mode::Silent => Mode::Silent,
        line::Mode::Raw => Mode::Raw,
    }
}

/// How many handles a request takes: a pool and a doorbell to attach, else none.
fn takes(request: &Request) -> usize {
    if matches!(request, Request::Attach(_)) { 2 } else { 0 }
}
