//! Verification of signatures, in certificates (webpki) and on the handshake (RFC 8446 §4.2.3).

use core::fmt;

use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::signature::Verifier;
use rsa::signature::hazmat::PrehashVerifier;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPublicKey, pkcs1v15, pss};
use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// RSA keys below this are within reach of factoring; above, a certificate costs too much time to check.
const RSA_BITS: core::ops::RangeInclusive<u32> = 2048..=8192;

/// Everything that is verified, and what each of TLS' schemes may mean.
pub(super) static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms { all: ALL, mapping: BY_SCHEME };

type Dyn = &'static dyn SignatureVerificationAlgorithm;

static ALL: &[Dyn] = &[
    &P256_SHA256,
    &P256_SHA384,
    &P384_SHA256,
    &P384_SHA384,
    &ED25519,
    &PSS_SHA256,
    &PSS_SHA384,
    &PSS_SHA512,
    &PKCS1_SHA256,
    &PKCS1_SHA384,
    &PKCS1_SHA512,
];

/// rustls takes the first of each list for TLS 1.3, where the curve belongs to the scheme.
static BY_SCHEME: &[(SignatureScheme, &[Dyn])] = &[
    (SignatureScheme::ECDSA_NISTP384_SHA384, &[&P384_SHA384, &P256_SHA384]),
    (SignatureScheme::ECDSA_NISTP256_SHA256, &[&P256_SHA256, &P384_SHA256]),
    (SignatureScheme::ED25519, &[&ED25519]),
    (SignatureScheme::RSA_PSS_SHA512, &[&PSS_SHA512]),
    (SignatureScheme::RSA_PSS_SHA384, &[&PSS_SHA384]),
    (SignatureScheme::RSA_PSS_SHA256, &[&PSS_SHA256]),
    (SignatureScheme::RSA_PKCS1_SHA512, &[&PKCS1_SHA512]),
    (SignatureScheme::RSA_PKCS1_SHA384, &[&PKCS1_SHA384]),
    (SignatureScheme::RSA_PKCS1_SHA256, &[&PKCS1_SHA256]),
];

/// Says whether `signature` over `message` was made by the holder of `key`; `None` for no, whatever the reason.
type Check = fn(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()>;

/// A kind of key together with a kind of signature.
struct Algorithm {
    name: &'static str,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    check: Check,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        (self.check)(key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! algorithms {
    ($($name:ident: $key:ident, $signature:ident, $check:expr;)*) => {
        $(static $name: Algorithm = Algorithm {
            name: stringify!($name), key: alg_id::$key, signature: alg_id::$signature, check: $check,
        };)*
    };
}

algorithms! {
    P256_SHA256: ECDSA_P256, ECDSA_SHA256, p256::<Sha256>;
    P256_SHA384: ECDSA_P256, ECDSA_SHA384, p256::<Sha384>;
    P384_SHA256: ECDSA_P384, ECDSA_SHA256, p384::<Sha256>;
    P384_SHA384: ECDSA_P384, ECDSA_SHA384, p384::<Sha384>;
    ED25519: ED25519, ED25519, ed25519;
    PSS_SHA256: RSA_ENCRYPTION, RSA_PSS_SHA256, rsa_pss_sha256;
    PSS_SHA384: RSA_ENCRYPTION, RSA_PSS_SHA384, rsa_pss_sha384;
    PSS_SHA512: RSA_ENCRYPTION, RSA_PSS_SHA512, rsa_pss_sha512;
    PKCS1_SHA256: RSA_ENCRYPTION, RSA_PKCS1_SHA256, rsa_pkcs1_sha256;
    PKCS1_SHA384: RSA_ENCRYPTION, RSA_PKCS1_SHA384, rsa_pkcs1_sha384;
    PKCS1_SHA512: RSA_ENCRYPTION, RSA_PKCS1_SHA512, rsa_pkcs1_sha512;
}

fn p256<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&D::digest(message), &signature).ok()
}

fn p384<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&D::digest(message), &signature).ok()
}

/// Strict: no keys of small order, one encoding a signature.
fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::try_from(key).ok()?;
    key.verify_strict(message, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
}

fn rsa_key(key: &[u8]) -> Option<RsaPublicKey> {
    RsaPublicKey::from_pkcs1_der(key).ok().filter(|k| RSA_BITS.contains(&k.n().bits()))
}

macro_rules! rsa_checks {
    ($($name:ident: $scheme:ident, $digest:ident;)*) => {
        $(fn $name(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
            let key = $scheme::VerifyingKey::<$digest>::new(rsa_key(key)?);
            key.verify(message, &signature.try_into().ok()?).ok()
        })*
    };
}

rsa_checks! {
    rsa_pss_sha256: pss, Sha256;
    rsa_pss_sha384: pss, Sha384;
    rsa_pss_sha512: pss, Sha512;
    rsa_pkcs1_sha256: pkcs1v15, Sha256;
    rsa_pkcs1_sha384: pkcs1v15, Sha384;
    rsa_pkcs1_sha512: pkcs1v15, Sha512;
}
