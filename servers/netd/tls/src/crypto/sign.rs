//! A server's own keys: ECDSA over P-256 and Ed25519. Neither needs randomness to sign (RFC 6979, RFC 8032).

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use p256::pkcs8::DecodePrivateKey;
use rsa::signature::Signer as _;
use rustls::crypto::KeyProvider;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, alg_id};
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// A key that this crate cannot sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyError;

/// Reads a PKCS #8 or SEC1 private key.
pub(crate) fn load_key(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyError> {
    let key = match key {
        PrivateKeyDer::Pkcs8(key) => {
            let der = key.secret_pkcs8_der();
            let p256 = p256::ecdsa::SigningKey::from_pkcs8_der(der).map(Key::P256);
            p256.or_else(|_| ed25519_dalek::SigningKey::from_pkcs8_der(der).map(Key::Ed25519)).map_err(|_| KeyError)?
        }
        PrivateKeyDer::Sec1(key) => {
            Key::P256(p256::SecretKey::from_sec1_der(key.secret_sec1_der()).map_err(|_| KeyError)?.into())
        }
        _ => return Err(KeyError),
    };
    Ok(Arc::new(key))
}

/// rustls' own door to [`load_key`].
#[derive(Debug)]
pub(super) struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        load_key(&key).map_err(|KeyError| Error::General("not a P-256 or Ed25519 key".into()))
    }
}

#[derive(Clone)]
enum Key {
    P256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256(_) => "P-256 key",
            Self::Ed25519(_) => "Ed25519 key",
        })
    }
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&self.scheme()).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    /// Lets rustls check that certificate and key belong together.
    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(match self {
            Self::P256(key) => {
                public_key_to_spki(&alg_id::ECDSA_P256, key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Self::Ed25519(key) => public_key_to_spki(&alg_id::ED25519, key.verifying_key().as_bytes()),
        })
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::P256(_) => SignatureAlgorithm::ECDSA,
            Self::Ed25519(_) => SignatureAlgorithm::ED25519,
        }
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        })
    }

    fn scheme(&self) -> SignatureScheme {
        match self {
            Self::P256(_) => SignatureScheme::ECDSA_NISTP256_SHA256,
            Self::Ed25519(_) => SignatureScheme::ED25519,
        }
    }
}
