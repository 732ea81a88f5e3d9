//! TLS as an option of connections and listeners.

use serde::{Deserialize, Serialize};

use super::Host;
use crate::{List, Text, session::Span};

/// TLS for a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsClient {
    /// The name the certificate must have.
    pub server_name: Host,
    /// Further roots: certificates in PEM or DER, in the window at the time of the request; empty for none.
    pub roots: Span,
    /// Whether SYS:certs counts as well.
    pub system_roots: SystemRoots,
    /// Application protocols in order of preference (`http/1.1`).
    pub alpn: List<Text<32>, 4>,
    /// What is demanded of the certificate.
    pub verify: Verify,
}

/// Whether the system's roots count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemRoots {
    /// They do.
    #[default]
    Used,
    /// Only those given.
    Ignored,
}

/// What is demanded of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verify {
    /// Chain, name and dates.
    #[default]
    Full,
    /// Nothing: `INSECURE`, for looking at a server, never a default.
    Nothing,
}

/// TLS for a listener: both in PEM, in the window at the time of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsServer {
    /// The certificate chain, the server's own first.
    pub chain: Span,
    /// Its private key.
    pub key: Span,
    /// Application protocols.
    pub alpn: List<Text<32>, 4>,
}
