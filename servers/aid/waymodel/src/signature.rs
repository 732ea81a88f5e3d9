//! The signature section: rule 8.
//!
//! Loading tells who signed (if anyone did) and that the signature is right. Whether that key is trusted is the caller's
//! matter: a model of an unknown key counts as unsigned.

use crate::bytes::Record;
use crate::error::{ErrorKind, LoadError};
use crate::format::SIGNATURE;
use alloc::string::String;

const ED25519: u32 = 1;
/// What is signed is this text followed by the root.
pub(crate) const SIGNED_PREFIX: &[u8] = b"viaether/waymodel/2\0";

/// The public key that signed a model (Ed25519).
pub type PublicKey = [u8; 32];

/// Rule 8: all zero, or a right signature of `root`. Gives the signer.
pub(crate) fn check(section: &[u8], root: &[u8; 32]) -> Result<Option<PublicKey>, LoadError> {
    let record = Record(section);
    match record.u32(0) {
        0 if record.is_zero(0, SIGNATURE) => Ok(None),
        0 => Err(wrong("unsigned, but not all zero")),
        ED25519 if !record.is_zero(4, 32) => Err(wrong("reserved bytes are not zero")),
        ED25519 => verify(&record.array(32), &record.array(64), root).map(Some),
        _ => Err(wrong("unknown algorithm")),
    }
}

fn wrong(detail: impl Into<String>) -> LoadError {
    LoadError::bad(8, 0, "signature", detail).of(ErrorKind::BadSignature)
}

#[cfg(feature = "ed25519")]
fn verify(key: &PublicKey, signature: &[u8; 64], root: &[u8; 32]) -> Result<PublicKey, LoadError> {
    let mut message = [0; SIGNED_PREFIX.len() + 32];
    let (prefix, tail) = message.split_at_mut(SIGNED_PREFIX.len());
    prefix.copy_from_slice(SIGNED_PREFIX);
    tail.copy_from_slice(root);
    // Strict: one signature has one accepted form, and small-order keys are refused (RFC 8032 leaves both open).
    ed25519_dalek::VerifyingKey::from_bytes(key)
        .and_then(|k| k.verify_strict(&message, &ed25519_dalek::Signature::from_bytes(signature)))
        .map_err(|_| wrong("does not match the root"))?;
    Ok(*key)
}

#[cfg(not(feature = "ed25519"))]
fn verify(_key: &PublicKey, _signature: &[u8; 64], _root: &[u8; 32]) -> Result<PublicKey, LoadError> {
    Err(LoadError::bad(8, 0, "signature", "this build can't check signatures").of(ErrorKind::Unsupported))
}
