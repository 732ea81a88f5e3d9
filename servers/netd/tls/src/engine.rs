//! One step of rustls' unbuffered connection, the same for both sides.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, Error};

use crate::queue::{Queue, Refill};

/// Bytes that a record of `n` bytes grows by at most: header, inner type, tag (RFC 8446 §5.2), and a key update before it.
const RECORD_OVERHEAD: usize = 64;

pub(crate) enum Engine {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What the application wants to send in this step.
#[derive(Clone, Copy)]
pub(crate) enum Outgoing<'a> {
    Nothing,
    Data(&'a [u8]),
    CloseNotify,
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There is more to do with the same input.
    Again,
    /// The handshake waits for the peer.
    Blocked,
    /// Application data may be sent; what was outgoing has been.
    Writable,
    /// The peer's close_notify has just been read.
    PeerClosed,
    /// Both sides have closed.
    Closed,
}

impl Engine {
    pub(crate) fn common(&self) -> &CommonState {
        match self {
            Self::Client(connection) => connection,
            Self::Server(connection) => connection,
        }
    }

    /// Shows rustls the records in `input`, which must begin with those it has seen and not yet discarded. Returns how
    /// many bytes of `input` are to be dropped, which holds after an error too.
    pub(crate) fn turn(
        &mut self,
        input: &mut [u8],
        output: &mut Queue,
        plain: &mut Queue,
        outgoing: Outgoing<'_>,
    ) -> (usize, Result<Turn, Error>) {
        match self {
            Self::Client(connection) => act(connection.process_tls_records(input), output, plain, outgoing),
            Self::Server(connection) => act(connection.process_tls_records(input), output, plain, outgoing),
        }
    }
}

fn act<D>(
    status: UnbufferedStatus<'_, '_, D>,
    output: &mut Queue,
    plain: &mut Queue,
    outgoing: Outgoing<'_>,
) -> (usize, Result<Turn, Error>) {
    let UnbufferedStatus { mut discard, state, .. } = status;
    let turn = state.and_then(|state| match state {
        ConnectionState::EncodeTlsData(mut encode) => {
            output.push_with(512, |out| encode.encode(out).map_err(encode_refill)).map(|()| Turn::Again)
        }
        ConnectionState::TransmitTlsData(transmit) => {
            transmit.done();
            Ok(Turn::Again)
        }
        ConnectionState::ReadTraffic(mut read) => {
            while let Some(record) = read.next_record() {
                let record = record?;
                discard += record.discard;
                plain.push_all(record.payload);
            }
            Ok(Turn::Again)
        }
        ConnectionState::WriteTraffic(mut write) => {
            match outgoing {
                Outgoing::Nothing => Ok(()),
                Outgoing::Data(data) => output
                    .push_with(data.len() + RECORD_OVERHEAD, |out| write.encrypt(data, out).map_err(encrypt_refill)),
                Outgoing::CloseNotify => {
                    output.push_with(RECORD_OVERHEAD, |out| write.queue_close_notify(out).map_err(encrypt_refill))
                }
            }?;
            Ok(Turn::Writable)
        }
        ConnectionState::BlockedHandshake => Ok(Turn::Blocked),
        ConnectionState::PeerClosed => Ok(Turn::PeerClosed),
        ConnectionState::Closed => Ok(Turn::Closed),
        // Early data is never offered and never accepted (it can be replayed).
        _ => Err(Error::General("early data".into())),
    });
    (discard, turn)
}

fn encode_refill(error: EncodeError) -> Refill<Error> {
    match error {
        EncodeError::InsufficientSize(size) => Refill::Need(size.required_size),
        EncodeError::AlreadyEncoded => Refill::Fail(Error::EncryptError),
    }
}

fn encrypt_refill(error: EncryptError) -> Refill<Error> {
    match error {
        EncryptError::InsufficientSize(size) => Refill::Need(size.required_size),
        EncryptError::EncryptExhausted => Refill::Fail(Error::EncryptError),
    }
}
