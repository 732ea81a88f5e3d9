//! Terminals.

use protocol::{
    Bytes, Error,
    console::{Mode, PART, Reply, Request, Rights, Service, Side, Size},
    session::{Attach, MIN_WINDOW},
};

use crate::{
    Channel, Handles, OwnedHandle, Pool,
    names::{self, NameSpace, bits},
    window::ClientSide,
};

/// A terminal of the console.
#[derive(Debug)]
pub struct Terminal {
    name: alloc::string::String,
    channel: Channel<Service>,
    attached: Option<ClientSide>,
    /// Where its writes go: a new console has to be told again.
    side: Side,
    /// Set by this process: to be set again when console died.
    mode: Option<Mode>,
    /// Likewise.
    size: Option<Size>,
}

impl Terminal {
    /// Opens a terminal by its service's name (`console`).
    pub fn open(name: &str) -> Result<Terminal, Error> {
        Ok(Terminal::given(name, names::open(name)?))
    }

    /// A terminal whose session was given to this process; the name opens it again when console died.
    pub fn given(name: &str, channel: Channel<Service>) -> Terminal {
        Terminal::given_side(name, channel, Side::Output)
    }

    /// A terminal that was given as standard error.
    pub fn given_side(name: &str, channel: Channel<Service>, side: Side) -> Terminal {
        Terminal { name: name.into(), channel, attached: None, side, mode: None, size: None }
    }

    /// Another session of a terminal, for this process itself.
    pub fn shared(of: &mut Terminal, rights: Rights, side: Side) -> Result<Terminal, Error> {
        let session = of.share(rights, side)?;
        Ok(Terminal::given_side(&of.name, Channel::adopt(session), side))
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells console where BREAK goes: from now on Ctrl-C sets bit 0 of this process's notification, and other events the
    /// returned pair.
    pub fn take_breaks(&mut self) -> Result<bits::Pair, Error> {
        if let Some(side) = &self.attached {
            return Ok(side.pair);
        }
        let request = Attach { window: MIN_WINDOW, slots: 0 };
        let side = ClientSide::attach(&self.channel, request, &Pool::own()?, bits::take_pair(), bits::BREAKS)?;
        let pair = side.pair;
        self.attached = Some(side);
        self.done(&Request::Foreground)?;
        Ok(pair)
    }

    /// Asks; when console died, opens the terminal again, and repeats what may be repeated.
    fn ask(&mut self, request: &Request) -> Result<Reply, Error> {
        let mut tries = 0;
        loop {
            match self.channel.call(request) {
                Err(Error::ServerDied) if tries < names::RETRIES => {
                    tries += 1;
                    self.reopen()?;
                    // A write or read in flight may have been half done; saying it again is what a person expects.
                    let repeat = matches!(request, Request::Read { .. } | Request::Write { .. });
                    if !repeat && !protocol::Idempotent::idempotent(request) {
                        return Err(Error::ServerDied);
                    }
                }
                result => return result,
            }
        }
    }

    fn reopen(&mut self) -> Result<(), Error> {
        self.channel = NameSpace::own().open(&self.name)?;
        if self.side != Side::Output {
            let rights = Rights::READ | Rights::WRITE | Rights::CONTROL;
            let (_, session) =
                self.channel.call_for_handle(&Request::Share { rights, side: self.side }, Handles::none())?;
            self.channel = Channel::adopt(session);
        }
        if let Some(mode) = self.mode {
            self.channel.call(&Request::Mode { mode })?;
        }
        if let Some(size) = self.size {
            self.channel.call(&Request::SetSize { size })?;
        }
        if self.attached.take().is_some() {
            self.take_breaks()?;
        }
        Ok(())
    }

    /// Makes this session the one that BREAK goes to again, after another process had it.
    pub fn foreground(&mut self) -> Result<(), Error> {
        self.done(&Request::Foreground)
    }

    fn done(&mut self, request: &Request) -> Result<(), Error> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            _ => Err(Error::Protocol),
        }
    }

    /// Reads a line or, raw, bytes: 0 is the end. Waits until the deadline; [`Error::Break`] after Ctrl-C.
    pub fn read(&mut self, to: &mut [u8], deadline: u64) -> Result<usize, Error> {
        let length = to.len().min(PART) as u16;
        match self.ask(&Request::Read { length, deadline })? {
            Reply::Bytes(bytes) => {
                to.get_mut(..bytes.len()).ok_or(Error::Protocol)?.copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            _ => Err(Error::Protocol),
        }
    }

    /// Writes everything.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for part in bytes.chunks(PART) {
            self.done(&Request::Write { bytes: Bytes::new(part)? })?;
        }
        Ok(())
    }

    /// Sets the mode; returns the one before.
    pub fn set_mode(&mut self, mode: Mode) -> Result<Mode, Error> {
        match self.ask(&Request::Mode { mode })? {
            Reply::Mode(before) => {
                self.mode = Some(mode);
                Ok(before)
            }
            _ => Err(Error::Protocol),
        }
    }

    /// Its size.
    pub fn size(&mut self) -> Result<Size, Error> {
        match self.ask(&Request::Size)? {
            Reply::Size(size) => Ok(size),
            _ => Err(Error::Protocol),
        }
    }

    /// Tells console what the terminal answered about its size.
    pub fn set_size(&mut self, size: Size) -> Result<(), Error> {
        self.done(&Request::SetSize { size })?;
        self.size = Some(size);
        Ok(())
    }

    /// Throws away what was typed.
    pub fn discard(&mut self) -> Result<(), Error> {
        self.done(&Request::Discard)
    }

    /// Waits until all is out.
    pub fn drain(&mut self) -> Result<(), Error> {
        self.done(&Request::Drain)
    }

    /// On a harness terminal: the script's return code.
    pub fn return_code(&mut self, code: u8) -> Result<(), Error> {
        self.done(&Request::ReturnCode { code })
    }

    /// A session of this terminal to give away, as a stream of a child for example.
    pub fn share(&mut self, rights: Rights, side: Side) -> Result<OwnedHandle, Error> {
        let mut tries = 0;
        loop {
            match self.channel.call_with(&Request::Share { rights, side }, Handles::none()) {
                Ok((_, handles)) => {
                    let [handle] = handles.exactly()?;
                    return Ok(handle);
                }
                Err(Error::ServerDied) if tries < names::RETRIES => {
                    tries += 1;
                    self.reopen()?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
