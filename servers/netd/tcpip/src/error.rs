//! Why a call failed or a connection ended.

use core::fmt;

/// Why a call failed or a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The id names no socket (any more).
    BadSocket,
    /// The socket is of another kind, or in a state where the call makes no sense.
    WrongKind,
    /// A table or queue is full.
    Limit,
    /// The port or the pair of endpoints is taken.
    AddressInUse,
    /// No address of our own yet, or no route to the destination.
    NoRoute,
    /// A router or the neighbour protocol says that the host can't be reached.
    Unreachable,
    /// A router dropped the packet: it had passed as many as its time to live allowed.
    HopLimit,
    /// The peer has no listener there.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// The peer didn't answer in time.
    TimedOut,
    /// The user aborted the connection.
    Aborted,
    /// A datagram or name is longer than the format allows.
    TooLong,
    /// The address, name or port is not a valid one.
    BadAddress,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::BadSocket => "no such socket",
            Error::WrongKind => "not possible on this socket",
            Error::Limit => "limit reached",
            Error::AddressInUse => "address in use",
            Error::NoRoute => "no route",
            Error::Unreachable => "host unreachable",
            Error::HopLimit => "too many routers on the way",
            Error::Refused => "connection refused",
            Error::Reset => "connection reset",
            Error::TimedOut => "timed out",
            Error::Aborted => "aborted",
            Error::TooLong => "too long",
            Error::BadAddress => "bad address",
        })
    }
}
