//! TCP connections and listeners, plain or with TLS.

use alloc::{string::String, sync::Arc, vec::Vec};

use abi::calls::Access;
use protocol::{
    Error, Id, List, Text,
    net::{
        Endpoint, Event, Failure, MIN_RING, Peer, Remote, Reply, Request, SocketOption, SocketState, Step, SystemRoots,
        TlsClient, TlsServer, Verify,
    },
    session::Span,
};

use super::{Network, host};
use crate::{
    Handles, Memory,
    io::{Read, Write},
    ring::{self, Consumer, Part, Producer, Taken},
};

/// Bytes of each ring of a connection, if nothing else is said.
pub const RING: u32 = 64 << 10;

/// TLS for a connection.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The name that the certificate must have.
    pub server_name: String,
    /// Further roots in PEM or DER.
    pub roots: Vec<u8>,
    /// Whether the system's roots count.
    pub system_roots: SystemRoots,
    /// Application protocols in order of preference.
    pub alpn: Vec<String>,
    /// What is demanded of the certificate.
    pub verify: Verify,
}

/// What a TLS server shows: both in PEM.
#[derive(Clone, Debug, Default)]
pub struct TlsIdentity {
    /// The certificate chain, its own first.
    pub chain: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
    /// Application protocols.
    pub alpn: Vec<String>,
}

fn protocols(names: &[String]) -> Result<List<Text<32>, 4>, Error> {
    let names: Result<Vec<Text<32>>, Error> = names.iter().map(|name| Text::try_from(name.as_str())).collect();
    List::new(names?)
}

/// A failure that has no more to tell than its error.
fn failed(step: Step) -> impl Fn(Error) -> Failure {
    move |error| Failure { step, error, detail: Text::default() }
}

/// A connection. Reading and writing wait until the deadline, if one is set.
#[derive(Debug)]
pub struct TcpStream {
    network: Arc<Network>,
    id: Id,
    remote: Endpoint,
    send: Producer<Part>,
    receive: Consumer<Part>,
    deadline: u64,
    also: u64,
}

impl TcpStream {
    /// Connects, and with TLS shakes hands, until the deadline (ns since boot). A failure names its step.
    pub fn connect(
        network: &Arc<Network>,
        remote: Remote,
        tls: Option<&Tls>,
        deadline: u64,
    ) -> Result<TcpStream, Failure> {
        let id = TcpStream::begin(network, remote, tls, deadline).map_err(failed(Step::Connect))?;
        let stream = TcpStream::await_connected(network, id, deadline);
        if stream.is_err() {
            network.close(id);
        }
        stream
    }

    /// Begins to connect.
    pub(super) fn begin(network: &Network, remote: Remote, tls: Option<&Tls>, deadline: u64) -> Result<Id, Error> {
        let reply = network.with_window([tls.map_or(&[], |tls| &tls.roots)], |[roots]| {
            let tls = tls.map(|tls| client(tls, roots)).transpose()?;
            network.ask(&Request::Connect { remote, tls, deadline })
        });
        match reply? {
            Reply::Opened { id, .. } => Ok(id),
            _ => Err(Error::Protocol),
        }
    }

    fn await_connected(network: &Arc<Network>, id: Id, deadline: u64) -> Result<TcpStream, Failure> {
        let fail = failed(Step::Connect);
        let state = match network.ask(&Request::Wait { id, event: Event::Connected, deadline }).map_err(&fail)? {
            Reply::State(state) => state,
            _ => return Err(fail(Error::Protocol)),
        };
        match state.failure {
            Some(failure) => Err(failure),
            None => TcpStream::with_rings(network, id, state.remote, RING).map_err(fail),
        }
    }

    pub(super) fn with_rings(network: &Arc<Network>, id: Id, remote: Endpoint, size: u32) -> Result<TcpStream, Error> {
        let size = size.max(MIN_RING).next_power_of_two();
        let (reply, handles) = network.ask_with(&Request::Rings { id, size }, Handles::none())?;
        let Reply::Rings { size, send, receive, pages } = reply else { return Err(Error::Protocol) };
        let [memory] = handles.exactly()?;
        let access = Access::READ | Access::WRITE;
        let mapping = Arc::new(Memory::adopt(memory).map_part(0, pages as usize, access)?);
        let part = |start: u32| Part::new(mapping.clone(), start as usize, ring::DATA + size as usize);
        Ok(TcpStream {
            network: network.clone(),
            id,
            remote,
            send: Producer::open(part(send)?, ring::BYTE)?,
            receive: Consumer::open(part(receive)?, ring::BYTE)?,
            deadline: u64::MAX,
            also: 0,
        })
    }

    /// The other end.
    pub fn remote(&self) -> Endpoint {
        self.remote
    }

    /// Until when reading and writing wait, in ns since boot: [`Error::TimedOut`] then.
    pub fn set_deadline(&mut self, deadline: u64) {
        self.deadline = deadline;
    }

    /// Bits of the own notification (BREAK C) that end a wait with [`Error::Break`].
    pub fn set_break(&mut self, bits: u64) {
        self.also = bits;
    }

    fn wait(&self) -> Result<(), Error> {
        let came = self.network.wait(self.deadline, self.also)?;
        if came & self.also != 0 { Err(Error::Break) } else { Ok(()) }
    }

    /// Reads what is there; waits for at least one byte. 0 is the end.
    pub fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        if to.is_empty() {
            return Ok(0);
        }
        loop {
            match self.receive.read(to, &self.network.side.bell)? {
                Taken::Bytes(count) => return Ok(count),
                Taken::End => return Ok(0),
                Taken::Nothing if self.receive.must_sleep()? => self.wait()?,
                Taken::Nothing => {}
            }
        }
    }

    /// What is there now, without waiting.
    pub fn poll_read(&mut self, to: &mut [u8]) -> Result<Taken, Error> {
        self.receive.read(to, &self.network.side.bell)
    }

    pub(super) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    pub(super) fn read_must_sleep(&self) -> Result<bool, Error> {
        self.receive.must_sleep()
    }

    pub(super) fn write_must_sleep(&self) -> Result<bool, Error> {
        self.send.must_sleep().map_err(|_| self.why())
    }

    /// Writes what fits now, without waiting; returns how much.
    pub fn poll_write(&mut self, from: &[u8]) -> Result<usize, Error> {
        match self.send.write(from, &self.network.side.bell) {
            // Why it broke, netd knows.
            Err(Error::BrokenPipe) => Err(self.why()),
            result => result,
        }
    }

    /// Writes what there is room for; waits for room for one byte.
    pub fn write(&mut self, from: &[u8]) -> Result<usize, Error> {
        loop {
            let count = self.poll_write(from)?;
            if count > 0 || from.is_empty() {
                return Ok(count);
            }
            if self.write_must_sleep()? {
                self.wait()?;
            }
        }
    }

    fn why(&self) -> Error {
        match self.state() {
            Ok(SocketState { failure: Some(failure), .. }) => failure.error,
            Ok(_) => Error::BrokenPipe,
            Err(error) => error,
        }
    }

    /// Writes everything.
    pub fn write_all(&mut self, mut from: &[u8]) -> Result<(), Error> {
        while !from.is_empty() {
            let count = self.write(from)?;
            from = from.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Says that no more will be written; what was, is sent.
    pub fn shutdown(&mut self) -> Result<(), Error> {
        self.send.close(None, &self.network.side.bell);
        self.network.done(&Request::Shutdown { id: self.id })
    }

    /// How it is.
    pub fn state(&self) -> Result<SocketState, Error> {
        match self.network.ask(&Request::State { id: self.id })? {
            Reply::State(state) => Ok(state),
            _ => Err(Error::Protocol),
        }
    }

    /// The certificate that the other end showed: [`Error::NotFound`] without TLS.
    pub fn peer(&self) -> Result<Peer, Error> {
        match self.network.ask(&Request::Peer { id: self.id })? {
            Reply::Peer(peer) => Ok(peer),
            _ => Err(Error::Protocol),
        }
    }

    /// Sets an option.
    pub fn set_option(&self, option: SocketOption) -> Result<(), Error> {
        self.network.done(&Request::SetOption { id: self.id, option })
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.send.close(None, &self.network.side.bell);
        self.receive.close(&self.network.side.bell);
        self.network.close(self.id);
    }
}

impl Read for TcpStream {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        TcpStream::read(self, to)
    }
}

impl Write for TcpStream {
    fn write_all(&mut self, from: &[u8]) -> Result<(), Error> {
        TcpStream::write_all(self, from)
    }
}

fn client(tls: &Tls, roots: Span) -> Result<TlsClient, Error> {
    Ok(TlsClient {
        server_name: host(&tls.server_name)?,
        roots,
        system_roots: tls.system_roots,
        alpn: protocols(&tls.alpn)?,
        verify: tls.verify,
    })
}

/// Waits for connections.
#[derive(Debug)]
pub struct TcpListener {
    network: Arc<Network>,
    id: Id,
    local: Endpoint,
    ring: u32,
}

impl TcpListener {
    /// Listens at an address and port. `backlog` connections wait at most.
    pub fn bind(
        network: &Arc<Network>,
        local: Endpoint,
        backlog: u16,
        tls: Option<&TlsIdentity>,
    ) -> Result<TcpListener, Error> {
        let parts: [&[u8]; 2] = tls.map_or([&[], &[]], |tls| [&tls.chain, &tls.key]);
        let reply = network.with_window(parts, |[chain, key]| {
            let tls = tls.map(|tls| Ok::<_, Error>(TlsServer { chain, key, alpn: protocols(&tls.alpn)? }));
            network.ask(&Request::Listen { local, backlog, tls: tls.transpose()? })
        });
        match reply? {
            Reply::Opened { id, local } => Ok(TcpListener { network: network.clone(), id, local, ring: RING }),
            _ => Err(Error::Protocol),
        }
    }

    pub(super) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Bytes of each ring of the connections that it accepts.
    pub fn set_ring(&mut self, bytes: u32) {
        self.ring = bytes;
    }

    /// Where it listens.
    pub fn local(&self) -> Endpoint {
        self.local
    }

    /// The next connection; waits until the deadline (ns since boot): [`Error::TimedOut`]. 0 polls.
    pub fn accept(&self, deadline: u64) -> Result<TcpStream, Error> {
        match self.network.ask(&Request::Accept { id: self.id, deadline })? {
            Reply::Accepted { id, remote } => {
                let stream = TcpStream::with_rings(&self.network, id, remote, self.ring);
                if stream.is_err() {
                    self.network.close(id);
                }
                stream
            }
            _ => Err(Error::Protocol),
        }
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.network.close(self.id);
    }
}
