//! The stack's and TLS' errors and states in the protocol's words.

use alloc::string::ToString;

use protocol::{
    Error, Text,
    net::{ConnectionState, Endpoint, Failure, Peer, Step, Switch},
};

/// An error of the stack.
pub fn error(error: tcpip::Error) -> Error {
    match error {
        tcpip::Error::BadSocket => Error::BadHandle,
        tcpip::Error::WrongKind => Error::WrongKind,
        tcpip::Error::Limit => Error::Limit,
        tcpip::Error::AddressInUse => Error::AddressInUse,
        tcpip::Error::NoRoute | tcpip::Error::Unreachable | tcpip::Error::HopLimit => Error::NoRoute,
        tcpip::Error::Refused => Error::Refused,
        tcpip::Error::Reset => Error::Reset,
        tcpip::Error::TimedOut => Error::TimedOut,
        tcpip::Error::Aborted => Error::Cancelled,
        tcpip::Error::TooLong | tcpip::Error::BadAddress => Error::BadArgument,
    }
}

/// An error of the resolver.
pub fn resolve_error(error: tcpip::ResolveError) -> Error {
    match error {
        tcpip::ResolveError::NameUnknown | tcpip::ResolveError::NoAddress | tcpip::ResolveError::BadName => {
            Error::NameUnknown
        }
        tcpip::ResolveError::NoServer => Error::NoRoute,
        tcpip::ResolveError::TimedOut => Error::TimedOut,
        tcpip::ResolveError::ServerFailure => Error::Unavailable,
        tcpip::ResolveError::Limit => Error::Limit,
    }
}

/// A failure of TCP.
pub fn tcp_failure(step: Step, why: tcpip::Error) -> Failure {
    Failure { step, error: error(why), detail: Text::cut(&why.to_string()) }
}

/// A failure of the resolver.
pub fn name_failure(why: tcpip::ResolveError) -> Failure {
    Failure { step: Step::Name, error: resolve_error(why), detail: Text::cut(&why.to_string()) }
}

/// A failure of TLS.
pub fn tls_failure(why: &tls::Error) -> Failure {
    let error = Error::from_code(why.code()).unwrap_or(Error::Tls);
    Failure { step: Step::Tls, error, detail: Text::cut(&why.to_string()) }
}

/// A failure that has no more to tell than its error.
pub fn plain_failure(step: Step, error: Error) -> Failure {
    Failure { step, error, detail: Text::cut(error.text()) }
}

/// A connection's state.
pub fn state(state: tcpip::State) -> ConnectionState {
    match state {
        tcpip::State::Closed => ConnectionState::Closed,
        tcpip::State::Listen => ConnectionState::Listen,
        tcpip::State::SynSent => ConnectionState::SynSent,
        tcpip::State::SynReceived => ConnectionState::SynReceived,
        tcpip::State::Established => ConnectionState::Established,
        tcpip::State::FinWait1 => ConnectionState::FinWait1,
        tcpip::State::FinWait2 => ConnectionState::FinWait2,
        tcpip::State::CloseWait => ConnectionState::CloseWait,
        tcpip::State::Closing => ConnectionState::Closing,
        tcpip::State::LastAck => ConnectionState::LastAck,
        tcpip::State::TimeWait => ConnectionState::TimeWait,
    }
}

/// An endpoint.
pub fn endpoint(endpoint: tcpip::Endpoint) -> Endpoint {
    Endpoint { address: endpoint.addr.into(), port: endpoint.port }
}

/// An endpoint for the stack.
pub fn to_stack(endpoint: Endpoint) -> tcpip::Endpoint {
    tcpip::Endpoint { addr: endpoint.address.into(), port: endpoint.port }
}

/// A TLS peer; none if it showed no certificate.
pub fn peer(summary: &tls::Summary) -> Option<Peer> {
    let certificate = summary.certificate.as_ref()?;
    Some(Peer {
        version: Text::cut("TLS 1.3"),
        suite: Text::cut(summary.suite),
        alpn: Text::cut(summary.protocol.as_deref().unwrap_or_default()),
        subject: Text::cut(&certificate.subject.to_string()),
        issuer: Text::cut(&certificate.issuer.to_string()),
        not_before: certificate.not_before.0 as i64,
        not_after: certificate.not_after.0 as i64,
        resumed: if summary.resumed { Switch::On } else { Switch::Off },
        fingerprint: [0; 32],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_keep_their_reason() {
        let refused = tcp_failure(Step::Connect, tcpip::Error::Refused);
        assert_eq!((refused.error, refused.detail.as_str()), (Error::Refused, "connection refused"));
        let clock = tls_failure(&tls::Error::NoClock);
        assert_eq!((clock.step, clock.error), (Step::Tls, Error::NoClock));
        assert_eq!(tls_failure(&tls::Error::NotTls).error, Error::Tls);
        assert_eq!(name_failure(tcpip::ResolveError::NameUnknown).error, Error::NameUnknown);
    }
}
