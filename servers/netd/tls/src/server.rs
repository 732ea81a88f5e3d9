//! The server's side: who it is, and whether it gives tickets.

use alloc::{string::String, sync::Arc, vec::Vec};

use rustls::server::UnbufferedServerConnection;
use rustls::sign::SingleCertAndKey;

use crate::crypto::Tickets;
use crate::{Crypto, Error, Identity};

/// What a server wants besides its identity.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Application protocols it speaks, the preferred first (RFC 7301). None: whatever the client offers is ignored.
    pub protocols: Vec<String>,
    /// Tickets given to each client after a full handshake; 0 turns resumption off. A resumed handshake costs a third.
    pub tickets: u8,
    /// How long a ticket holds (seconds; RFC 8446 §4.6.1 allows seven days).
    pub ticket_lifetime_s: u32,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { protocols: Vec::new(), tickets: 2, ticket_lifetime_s: 3_600 }
    }
}

/// A server's configuration, shared by its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    rustls: Arc<rustls::ServerConfig>,
    crypto: Crypto,
}

impl ServerConfig {
    /// Fails without randomness, which the key of the tickets needs.
    pub fn new(crypto: &Crypto, identity: &Identity, options: ServerOptions) -> Result<Self, Error> {
        let key = identity.certified_key();
        let mut config = rustls::ServerConfig::builder_with_details(crypto.provider(), crypto.time())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| Error::Configuration("no cipher suites"))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from((*key).clone())));
        config.alpn_protocols = options.protocols.into_iter().map(String::into_bytes).collect();
        config.send_tls13_tickets = usize::from(options.tickets);
        if options.tickets > 0 {
            let lifetime = options.ticket_lifetime_s.min(7 * 86_400);
            config.ticketer = Arc::new(Tickets::new(crypto.entropy(), lifetime).map_err(|_| Error::NoEntropy)?);
        }
        Ok(Self { rustls: Arc::new(config), crypto: crypto.clone() })
    }

    pub(crate) fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    pub(crate) fn start(&self) -> Result<UnbufferedServerConnection, rustls::Error> {
        UnbufferedServerConnection::new(self.rustls.clone())
    }
}
