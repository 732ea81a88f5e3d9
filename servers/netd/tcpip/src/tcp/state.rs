//! The states of RFC 9293 §3.3.2.

/// A connection's state.
///
/// ```text
///            passive               active
///  LISTEN ------------> SYN-RECEIVED <------ SYN-SENT   (both SYN at once)
///                           |                   |
///                           v                   v
///                       ESTABLISHED <-----------+
///             close /                  \ FIN
///        FIN-WAIT-1 -- FIN --> CLOSING   CLOSE-WAIT
///             | ACK               | ACK      | close
///        FIN-WAIT-2 -- FIN --> TIME-WAIT  LAST-ACK -- ACK --> CLOSED
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// No connection.
    Closed,
    /// Waiting for a SYN ([`super::Listener`]).
    Listen,
    /// SYN sent.
    SynSent,
    /// SYN received and sent.
    SynReceived,
    /// Data flows both ways.
    Established,
    /// We closed; our FIN isn't acknowledged.
    FinWait1,
    /// Our FIN is acknowledged; the peer may still send.
    FinWait2,
    /// The peer closed; we may still send.
    CloseWait,
    /// Both closed at once; our FIN isn't acknowledged.
    Closing,
    /// The peer closed, then we; our FIN isn't acknowledged.
    LastAck,
    /// Both closed; old segments die out ([`super::TimeWait`]).
    TimeWait,
}

impl State {
    /// Whether the handshake is over: the states that RFC 9293 calls synchronized, without SYN-RECEIVED.
    pub fn is_synchronized(self) -> bool {
        !matches!(self, State::Closed | State::Listen | State::SynSent | State::SynReceived)
    }

    /// Whether the peer may still send data.
    pub fn can_receive(self) -> bool {
        matches!(self, State::Established | State::FinWait1 | State::FinWait2)
    }

    /// Whether the user may still send data.
    pub fn can_send(self) -> bool {
        matches!(self, State::SynSent | State::SynReceived | State::Established | State::CloseWait)
    }

    /// As `netstat` prints it.
    pub fn name(self) -> &'static str {
        match self {
            State::Closed => "CLOSED",
            State::Listen => "LISTEN",
            State::SynSent => "SYN-SENT",
            State::SynReceived => "SYN-RECEIVED",
            State::Established => "ESTABLISHED",
            State::FinWait1 => "FIN-WAIT-1",
            State::FinWait2 => "FIN-WAIT-2",
            State::CloseWait => "CLOSE-WAIT",
            State::Closing => "CLOSING",
            State::LastAck => "LAST-ACK",
            State::TimeWait => "TIME-WAIT",
        }
    }
}
