//! What the tests share: repeatable randomness, a clock that can be set, two ends of a connection in memory.
#![allow(dead_code)] // each test uses its own part

pub mod openssl;
pub mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tls::{
    Aes, ClientConfig, ClientOptions, Connection, Crypto, Identity, NoEntropy, Progress, Roots, ServerConfig,
    ServerName, ServerOptions, Trust, UnixTime,
};

pub const CA: &[u8] = include_bytes!("../data/ca.pem");
pub const P256: (&[u8], &[u8]) = (include_bytes!("../data/p256.pem"), include_bytes!("../data/p256.key"));
pub const ED25519: (&[u8], &[u8]) = (include_bytes!("../data/ed25519.pem"), include_bytes!("../data/ed25519.key"));

/// 2027-01-01: inside the validity of the fixed certificates.
pub const NOW: u64 = 1_798_761_600;

/// A generator of test data (splitmix64). Not random at all.
pub struct Prng(pub u64);

impl Prng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

pub fn crypto_at(now: Option<u64>, aes: Aes) -> Crypto {
    let seed = AtomicU64::new(1);
    let entropy = move |out: &mut [u8]| -> Result<(), NoEntropy> {
        for byte in out {
            *byte = Prng(seed.fetch_add(1, Ordering::Relaxed)).next() as u8;
        }
        Ok(())
    };
    Crypto::new(Arc::new(entropy), Arc::new(move || now.map(UnixTime)), aes)
}

pub fn crypto() -> Crypto {
    crypto_at(Some(NOW), Aes::Hardware)
}

pub fn roots(pem: &[u8]) -> Trust {
    let mut roots = Roots::new();
    roots.add(pem).expect("roots");
    Trust::Roots(roots)
}

pub fn http11() -> Vec<String> {
    vec!["http/1.1".into()]
}

pub fn client_config(crypto: &Crypto) -> ClientConfig {
    let options = ClientOptions { protocols: http11(), ..ClientOptions::default() };
    ClientConfig::new(crypto, roots(CA), options).expect("client configuration")
}

pub fn server_config(crypto: &Crypto, (chain, key): (&[u8], &[u8])) -> ServerConfig {
    let identity = Identity::from_files(chain, key).expect("identity");
    let options = ServerOptions { protocols: http11(), ..ServerOptions::default() };
    ServerConfig::new(crypto, &identity, options).expect("server configuration")
}

pub fn name(text: &str) -> ServerName {
    ServerName::parse(text).expect("server name")
}

/// Both ends of a connection and the wire between them.
pub struct Pair {
    pub client: Connection,
    pub server: Connection,
}

impl Pair {
    pub fn new(client: &ClientConfig, server: &ServerConfig) -> Self {
        Self::named(client, server, "server.test")
    }

    pub fn named(client: &ClientConfig, server: &ServerConfig, to: &str) -> Self {
        Self { client: Connection::client(client, name(to)), server: Connection::server(server) }
    }

    /// Carries bytes both ways, `step` at a time, until nothing moves. Errors stay in the connections.
    pub fn settle(&mut self, step: usize) {
        loop {
            settle(&mut self.client);
            settle(&mut self.server);
            let moved =
                carry(&mut self.client, &mut self.server, step) + carry(&mut self.server, &mut self.client, step);
            if moved == 0 {
                return;
            }
        }
    }
}

pub fn settle(connection: &mut Connection) {
    while connection.process() == Ok(Progress::More) {}
}

pub fn carry(from: &mut Connection, to: &mut Connection, step: usize) -> usize {
    let mut wire = vec![0; step];
    let count = from.take_output(&mut wire);
    let mut sent = 0;
    while sent < count {
        let taken = to.feed(&wire[sent..count]);
        sent += taken;
        if to.process().is_err() || taken == 0 {
            break;
        }
    }
    count
}

pub fn output(connection: &mut Connection) -> Vec<u8> {
    let mut out = vec![0; connection.output_len()];
    let count = connection.take_output(&mut out);
    out.truncate(count);
    out
}

pub fn read_all(connection: &mut Connection) -> Vec<u8> {
    let mut out = vec![0; connection.readable()];
    connection.read(&mut out);
    out
}
