//! A server's certificate chain and its private key.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::crypto::load_key;
use crate::roots::{RootsError, certificates};
use crate::{Certificate, PemError, parse_pem};

/// Longer chains are a mistake.
const MAX_CHAIN: usize = 10;

/// Who a server is: its chain, own certificate first, and the key to it.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// Why files make no identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// The file of certificates.
    Certificates(RootsError),
    /// The chain has more than 10 certificates.
    ChainTooLong,
    /// The file of the key is not PEM.
    Key(PemError),
    /// It has no `PRIVATE KEY` or `EC PRIVATE KEY`.
    NoKey,
    /// The key is encrypted with a password.
    EncryptedKey,
    /// The key is neither ECDSA P-256 nor Ed25519; RSA keys do not sign here.
    UnsupportedKey,
    /// The first certificate is another key's.
    Mismatch,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificates(error) => write!(f, "certificates: {error}"),
            Self::ChainTooLong => f.write_str("certificates: a chain of more than 10"),
            Self::Key(error) => write!(f, "key: {error}"),
            Self::NoKey => f.write_str("key: no -----BEGIN PRIVATE KEY-----"),
            Self::EncryptedKey => f.write_str("key: it is encrypted; store it without a password"),
            Self::UnsupportedKey => f.write_str("key: only ECDSA P-256 and Ed25519 are supported"),
            Self::Mismatch => f.write_str("the first certificate is not this key's"),
        }
    }
}

impl core::error::Error for IdentityError {}

impl Identity {
    /// Reads the chain (PEM, or one certificate in DER) and the key (PEM: PKCS #8 or SEC1), and checks that they belong
    /// together. Both may be the same file.
    pub fn from_files(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain: Vec<CertificateDer<'static>> = certificates(chain).map_err(IdentityError::Certificates)?;
        if chain.len() > MAX_CHAIN {
            return Err(IdentityError::ChainTooLong);
        }
        let key = load_key(&private_key(key)?).map_err(|_| IdentityError::UnsupportedKey)?;
        let both = CertifiedKey::new(chain, key);
        match both.keys_match() {
            Ok(()) => Ok(Self(Arc::new(both))),
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(IdentityError::Mismatch),
            Err(_) => Err(IdentityError::Certificates(RootsError::BadCertificate(1))),
        }
    }

    /// What the certificate says, for a log line; `None` if it is odd beyond reading.
    pub fn certificate(&self) -> Option<Certificate> {
        Certificate::from_der(self.0.cert.first()?)
    }

    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        self.0.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?})", self.0.key)
    }
}

fn private_key(file: &[u8]) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let blocks = match parse_pem(file) {
        Ok(blocks) => blocks,
        // "Proc-Type: 4,ENCRYPTED" headers are what an old encrypted key breaks the Base64 with.
        Err(PemError::BadBase64 { .. }) if contains(file, b"ENCRYPTED") => return Err(IdentityError::EncryptedKey),
        Err(error) => return Err(IdentityError::Key(error)),
    };
    for block in blocks {
        match block.label.as_str() {
            "PRIVATE KEY" => return Ok(PrivatePkcs8KeyDer::from(block.contents).into()),
            "EC PRIVATE KEY" => return Ok(PrivateSec1KeyDer::from(block.contents).into()),
            "RSA PRIVATE KEY" => return Ok(PrivatePkcs1KeyDer::from(block.contents).into()),
            "ENCRYPTED PRIVATE KEY" => return Err(IdentityError::EncryptedKey),
            _ => {}
        }
    }
    Err(IdentityError::NoKey)
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|w| w == word)
}
