//! Judging a server's certificate: webpki decides, this remembers what was refused, so that the error can name it.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme};
use spin::Mutex;

use crate::{Certificate, Crypto};

/// A server that sends more certificates than this is refused, which bounds the arithmetic of one step. Real chains have
/// two to four; webpki itself would check up to a hundred signatures.
const MAX_CHAIN: usize = 10;

/// Refused certificates are kept until the connection asks, which is at once; so a few do.
const REFUSALS: usize = 8;

pub(crate) struct Verifier {
    /// `None`: any certificate will do.
    chain: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    refused: Mutex<Vec<(ServerName<'static>, Certificate)>>,
}

impl Verifier {
    /// Demands a chain to one of `roots`, of which there must be one at least.
    pub(crate) fn demanding(roots: RootCertStore, crypto: &Crypto) -> Option<Self> {
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto.provider()).build().ok()?;
        Some(Self { chain: Some(chain), ..Self::trusting(crypto) })
    }

    /// Takes any certificate; its owner must still prove to hold the key.
    pub(crate) fn trusting(crypto: &Crypto) -> Self {
        let algorithms = crypto.provider().signature_verification_algorithms;
        Self { chain: None, algorithms, refused: Mutex::new(Vec::new()) }
    }

    /// The leaf certificate that was last refused for this name. Tried, not waited for: see `sessions`.
    pub(crate) fn take_refused(&self, name: &ServerName<'_>) -> Option<Certificate> {
        let mut refused = self.refused.try_lock()?;
        let at = refused.iter().rposition(|(n, _)| n == name)?;
        Some(refused.remove(at).1)
    }

    fn remember(&self, name: &ServerName<'_>, leaf: &CertificateDer<'_>) {
        let (Some(mut refused), Some(certificate)) = (self.refused.try_lock(), Certificate::from_der(leaf)) else {
            return;
        };
        if refused.len() == REFUSALS {
            refused.remove(0);
        }
        refused.push((name.to_owned(), certificate));
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.chain.is_some() { "Verifier(roots)" } else { "Verifier(anyone)" })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let verdict = if intermediates.len() < MAX_CHAIN {
            chain.verify_server_cert(leaf, intermediates, name, ocsp, now)
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        };
        if verdict.is_err() {
            self.remember(name, leaf);
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
