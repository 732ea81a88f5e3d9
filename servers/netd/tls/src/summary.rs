//! What a connection agreed on, as `fetch VERBOSE` and httpd's log show it.

use alloc::string::String;
use core::fmt;

use rustls::{CipherSuite, HandshakeKind, NamedGroup};

use crate::Certificate;
use crate::engine::Engine;

/// The parameters of an open connection.
///
/// `Display` gives `TLS 1.3, certificate of "Test CA", valid to 2027-03-01`, where the quoted name is the issuer's: who
/// vouches for the server is what a user decides on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// `AES-128-GCM`, `AES-256-GCM` or `ChaCha20-Poly1305`.
    pub suite: &'static str,
    /// `X25519`, `P-256` or `P-384`.
    pub group: &'static str,
    /// An earlier session was resumed: certificates were judged then.
    pub resumed: bool,
    /// The server asked for another group first (HelloRetryRequest).
    pub retried: bool,
    /// The application protocol both agreed on (ALPN).
    pub protocol: Option<String>,
    /// On a client: the server's certificate.
    pub certificate: Option<Certificate>,
    /// On a client: how many certificates the server sent.
    pub chain_len: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TLS 1.3")?;
        match &self.certificate {
            Some(c) => write!(f, ", certificate of \"{}\", valid to {}", c.issuer, c.not_after),
            None => Ok(()),
        }
    }
}

pub(crate) fn summarise(engine: &Engine) -> Summary {
    let common = engine.common();
    let chain = common.peer_certificates().unwrap_or_default();
    Summary {
        suite: suite(common.negotiated_cipher_suite().map(|s| s.suite())),
        group: group(common.negotiated_key_exchange_group().map(|g| g.name())),
        resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        retried: common.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest),
        protocol: common.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned()),
        certificate: chain.first().and_then(|leaf| Certificate::from_der(leaf)),
        chain_len: chain.len(),
    }
}

fn suite(suite: Option<CipherSuite>) -> &'static str {
    match suite {
        Some(CipherSuite::TLS13_AES_128_GCM_SHA256) => "AES-128-GCM",
        Some(CipherSuite::TLS13_AES_256_GCM_SHA384) => "AES-256-GCM",
        Some(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256) => "ChaCha20-Poly1305",
        _ => "unknown",
    }
}

fn group(group: Option<NamedGroup>) -> &'static str {
    match group {
        Some(NamedGroup::X25519) => "X25519",
        Some(NamedGroup::secp256r1) => "P-256",
        Some(NamedGroup::secp384r1) => "P-384",
        _ => "unknown",
    }
}
