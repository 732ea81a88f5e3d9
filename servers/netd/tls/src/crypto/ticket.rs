//! Session tickets of a server (RFC 8446 §4.6.1): the session itself, sealed under a key that only this process knows.
//!
//! ```text
//! ticket = nonce (12) | ChaCha20-Poly1305(session) | tag (16)
//! ```
//!
//! The key lives as long as the configuration. A restarted httpd makes a new one, and clients fall back to a full
//! handshake. Nonces are random: 2^32 tickets under one key stay far below the bound where two are likely to meet.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key};
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

use crate::{Entropy, NoEntropy};

const NONCE: usize = 12;
const TAG: usize = 16;

pub(crate) struct Tickets {
    cipher: ChaCha20Poly1305,
    entropy: Arc<dyn Entropy>,
    lifetime_s: u32,
}

impl Tickets {
    pub(crate) fn new(entropy: Arc<dyn Entropy>, lifetime_s: u32) -> Result<Self, NoEntropy> {
        let mut key = Zeroizing::new([0u8; 32]);
        entropy.fill(&mut *key)?;
        Ok(Self { cipher: ChaCha20Poly1305::new(<&Key>::from(&*key)), entropy, lifetime_s })
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.lifetime_s
    }

    /// `None` (no randomness) means that the client gets no ticket; the connection stands.
    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let mut ticket = alloc::vec![0; NONCE];
        self.entropy.fill(&mut ticket).ok()?;
        ticket.extend_from_slice(session);
        let (nonce, body) = ticket.split_at_mut(NONCE);
        let nonce: &[u8; NONCE] = (&*nonce).try_into().ok()?;
        let tag = self.cipher.encrypt_inout_detached(nonce.into(), b"", body.into()).ok()?;
        ticket.extend_from_slice(&tag);
        Some(ticket)
    }

    /// `None` for whatever this key did not seal: the client then gets a full handshake.
    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = ticket.split_first_chunk::<NONCE>()?;
        let (body, tag) = rest.split_last_chunk::<TAG>()?;
        let mut session = body.to_vec();
        self.cipher.decrypt_inout_detached(nonce.into(), b"", session.as_mut_slice().into(), tag.into()).ok()?;
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> Arc<dyn Entropy> {
        let next = core::sync::atomic::AtomicU8::new(1);
        Arc::new(move |out: &mut [u8]| {
            out.fill_with(|| next.fetch_add(1, core::sync::atomic::Ordering::Relaxed));
            Ok(())
        })
    }

    #[test]
    fn a_ticket_opens_only_under_its_own_key_and_unchanged() {
        let ours = Tickets::new(counter(), 60).unwrap();
        let ticket = ours.encrypt(b"session").unwrap();
        assert_eq!(ours.decrypt(&ticket).unwrap(), b"session");
        for at in 0..ticket.len() {
            let mut forged = ticket.clone();
            forged[at] ^= 1;
            assert!(ours.decrypt(&forged).is_none());
            assert!(ours.decrypt(&ticket[..at]).is_none());
        }
        let entropy = counter();
        entropy.fill(&mut [0]).unwrap();
        assert!(Tickets::new(entropy, 60).unwrap().decrypt(&ticket).is_none());
    }

    #[test]
    fn without_randomness_there_is_no_key() {
        assert!(Tickets::new(Arc::new(|_: &mut [u8]| Err(NoEntropy)), 60).is_err());
    }
}
