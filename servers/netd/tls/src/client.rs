//! The client's side: whom to trust, which name to ask for.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;
use core::net::IpAddr;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::pki_types;

use crate::sessions::Sessions;
use crate::verifier::Verifier;
use crate::{Certificate, Crypto, Error, Roots};

/// The name of a server: a host name (RFC 1123) or an address. A name is also sent to the server (SNI), an address not.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerName(pki_types::ServerName<'static>);

impl ServerName {
    /// Reads a host name or an address. `None` for what is neither. A final dot, which DNS uses, is dropped: certificates
    /// have none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        pki_types::ServerName::try_from(text).ok().map(|name| Self(name.to_owned()))
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            pki_types::ServerName::DnsName(name) => f.write_str(name.as_ref()),
            pki_types::ServerName::IpAddress(address) => match address {
                pki_types::IpAddr::V4(four) => IpAddr::from(*four.as_ref()).fmt(f),
                pki_types::IpAddr::V6(sixteen) => IpAddr::from(*sixteen.as_ref()).fmt(f),
            },
            _ => f.write_str("?"),
        }
    }
}

impl fmt::Debug for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which servers a client believes.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those whose certificate leads to one of these roots, holds today, and is for the name that was asked for.
    /// Revocation is not checked: it would take a further connection to a third party.
    Roots(Roots),
    /// Everyone. Protects against listening, not against deception. For a user who asked for exactly that.
    Anyone,
}

/// What a client wants besides trust.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Application protocols to offer, the preferred first (RFC 7301), such as `http/1.1`. None: the extension is not sent.
    pub protocols: Vec<String>,
    /// So many servers' sessions are kept for resumption; 0 turns it off.
    pub sessions: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { protocols: Vec::new(), sessions: 32 }
    }
}

/// A client's configuration. Connections that share one share its sessions.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    rustls: Arc<rustls::ClientConfig>,
    verifier: Arc<Verifier>,
    crypto: Crypto,
}

impl ClientConfig {
    /// Fails when `trust` has no roots.
    pub fn new(crypto: &Crypto, trust: Trust, options: ClientOptions) -> Result<Self, Error> {
        let verifier = match trust {
            Trust::Roots(roots) => Verifier::demanding(roots.into_store(), crypto)
                .ok_or(Error::Configuration("there are no roots of trust (SYS:certs is empty)"))?,
            Trust::Anyone => Verifier::trusting(crypto),
        };
        let verifier = Arc::new(verifier);
        let mut config = rustls::ClientConfig::builder_with_details(crypto.provider(), crypto.time())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| Error::Configuration("no cipher suites"))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        config.alpn_protocols = options.protocols.into_iter().map(String::into_bytes).collect();
        config.resumption = Resumption::store(Arc::new(Sessions::new(options.sessions)));
        Ok(Self { rustls: Arc::new(config), verifier, crypto: crypto.clone() })
    }

    pub(crate) fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    /// Makes the keys of the first flight and the flight itself.
    pub(crate) fn start(&self, name: &ServerName) -> Result<UnbufferedClientConnection, rustls::Error> {
        UnbufferedClientConnection::new(self.rustls.clone(), name.0.clone())
    }

    pub(crate) fn take_refused(&self, name: &ServerName) -> Option<Certificate> {
        self.verifier.take_refused(&name.0)
    }
}
