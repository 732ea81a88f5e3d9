//! A connection of this crate over a TCP socket of the host.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tls::{ClientConfig, Connection, Error, Progress, State, Summary};

/// Blocking input and output around the state machine.
pub struct Wire {
    pub tls: Connection,
    socket: TcpStream,
}

impl Wire {
    pub fn new(tls: Connection, socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        Self { tls, socket }
    }

    /// Sends what is waiting. A peer that is gone is found out by reading.
    fn flush(&mut self) {
        let mut buffer = [0; 4_096];
        loop {
            let count = self.tls.take_output(&mut buffer);
            if count == 0 || self.socket.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    }

    /// Works off what is there, then takes one read from the socket.
    pub fn step(&mut self) -> Result<(), Error> {
        let result = loop {
            match self.tls.process() {
                Ok(Progress::More) => {}
                Ok(Progress::Idle) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.flush();
        result?;
        if self.tls.readable() > 0 || matches!(self.tls.state(), State::PeerClosed | State::Closed) {
            return Ok(());
        }
        let mut buffer = [0; 5_000];
        match self.socket.read(&mut buffer) {
            Ok(0) => self.tls.peer_ended(),
            Ok(count) => assert_eq!(self.tls.feed(&buffer[..count]), count),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.tls.peer_ended(),
            Err(error) => panic!("the peer is silent: {error}"),
        }
        Ok(())
    }

    /// The next plain text; empty at the peer's close.
    pub fn read(&mut self) -> Result<Vec<u8>, Error> {
        loop {
            let mut text = vec![0; self.tls.readable()];
            if !text.is_empty() {
                self.tls.read(&mut text);
                return Ok(text);
            }
            if matches!(self.tls.state(), State::PeerClosed | State::Closed) {
                return Ok(text);
            }
            self.step()?;
        }
    }

    pub fn write(&mut self, mut text: &[u8]) -> Result<(), Error> {
        while !text.is_empty() {
            text = &text[self.tls.write(text)?..];
            self.flush();
            if self.tls.state() == State::Handshaking {
                self.step()?;
            }
        }
        Ok(())
    }

    pub fn close(&mut self) {
        self.tls.close_notify();
        self.flush();
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
    }
}

/// Fetches a file by HTTP/1.0: the body and how it came.
pub fn fetch(config: &ClientConfig, address: SocketAddr, name: &str, file: &str) -> Result<(Vec<u8>, Summary), Error> {
    let socket = TcpStream::connect(address).expect("connect");
    let mut wire = Wire::new(Connection::client(config, super::name(name)), socket);
    wire.write(format!("GET /{file} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut all = Vec::new();
    loop {
        let text = wire.read()?;
        if text.is_empty() {
            break;
        }
        all.extend(text);
    }
    wire.close();
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    Ok((all.split_off(end), wire.tls.summary().expect("open").clone()))
}
