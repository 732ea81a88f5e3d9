//! The roots of trust: certificates of authorities, from files.
//!
//! The system's roots are plain files in `SYS:certs` (PEM bundles or DER), made at build time by this crate's example
//! `roots` from Mozilla's list. None are compiled in: what is trusted can be read, exchanged and removed as a file, and a
//! netd without https carries no 120 keys. webpki takes a root's key and name and does not judge its dates.

use alloc::vec::Vec;
use core::fmt;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::{PemError, parse_pem};

/// More roots than any browser carries.
const MAX_ROOTS: usize = 1_024;

/// A set of trusted roots.
#[derive(Clone)]
pub struct Roots(RootCertStore);

/// Why a file gives no roots. Nothing of it was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootsError {
    /// It is neither DER nor PEM.
    Pem(PemError),
    /// It is PEM, but has no `CERTIFICATE`.
    NoCertificate,
    /// This certificate of it, counted from 1, cannot be read.
    BadCertificate(usize),
    /// There would be more than 1,024.
    TooMany,
}

impl fmt::Display for RootsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(error) => write!(f, "no certificates in PEM or DER: {error}"),
            Self::NoCertificate => f.write_str("no -----BEGIN CERTIFICATE-----"),
            Self::BadCertificate(n) => write!(f, "certificate {n} cannot be read"),
            Self::TooMany => f.write_str("more than 1,024 roots"),
        }
    }
}

impl core::error::Error for RootsError {}

impl Roots {
    /// No roots: nobody is trusted.
    pub fn new() -> Self {
        Self(RootCertStore::empty())
    }

    /// Adds the certificates of a file, PEM (any number) or DER (one), and says how many it had. After an error the set
    /// is as it was.
    pub fn add(&mut self, file: &[u8]) -> Result<usize, RootsError> {
        let mut added = RootCertStore::empty();
        for (index, der) in certificates(file)?.into_iter().enumerate() {
            added.add(der).map_err(|_| RootsError::BadCertificate(index + 1))?;
        }
        let count = added.roots.len();
        if self.0.roots.len() + count > MAX_ROOTS {
            return Err(RootsError::TooMany);
        }
        self.0.roots.append(&mut added.roots);
        Ok(count)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.roots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.roots.is_empty()
    }

    pub(crate) fn into_store(self) -> RootCertStore {
        self.0
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.len())
    }
}

/// The certificates of a PEM or DER file. A DER certificate begins with the tag of a SEQUENCE, which is no PEM text.
pub(crate) fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    if let [0x30, 0x80..=0x84, ..] = file {
        return Ok(alloc::vec![CertificateDer::from(file.to_vec())]);
    }
    let blocks = parse_pem(file).map_err(RootsError::Pem)?;
    let wanted = |label: &str| matches!(label, "CERTIFICATE" | "X509 CERTIFICATE");
    let found: Vec<_> = blocks.into_iter().filter(|b| wanted(&b.label)).map(|b| b.contents.into()).collect();
    if found.is_empty() { Err(RootsError::NoCertificate) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_adds_nothing_and_says_why() {
        let mut roots = Roots::new();
        assert_eq!(roots.add(b"<html>"), Err(RootsError::Pem(PemError::NoBlock)));
        assert_eq!(roots.add(b"-----BEGIN KEY-----\nAQID\n-----END KEY-----\n"), Err(RootsError::NoCertificate));
        assert_eq!(
            roots.add(b"-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"),
            Err(RootsError::BadCertificate(1))
        );
        assert_eq!(roots.add(&[0x30, 0x82, 0, 1, 0]), Err(RootsError::BadCertificate(1)));
        assert!(roots.is_empty());
    }
}
