//! Key exchange: X25519 (RFC 7748) and ECDH over P-256 and P-384 (RFC 8446 §4.2.8.2), preferred in this order.

use alloc::{boxed::Box, sync::Arc, vec, vec::Vec};
use core::fmt;

use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use zeroize::Zeroizing;

use crate::Entropy;

/// A random scalar lies outside a NIST curve's order with probability below 2^-32: so many failures in a row mean that
/// the source of randomness is broken.
const TRIES: usize = 8;

/// The groups, each with the source of its secrets. rustls keeps them for ever (see [`Crypto`](super::Crypto)).
pub(super) fn groups(entropy: &Arc<dyn Entropy>) -> Vec<&'static dyn SupportedKxGroup> {
    let group = |name, start| -> &'static dyn SupportedKxGroup {
        Box::leak(Box::new(Group { name, start, entropy: entropy.clone() }))
    };
    vec![
        group(NamedGroup::X25519, X25519::start),
        group(NamedGroup::secp256r1, P256::start),
        group(NamedGroup::secp384r1, P384::start),
    ]
}

type Start = fn(&dyn Entropy) -> Result<Box<dyn ActiveKeyExchange>, Error>;

struct Group {
    name: NamedGroup,
    start: Start,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        (self.start)(&*self.entropy)
    }

    fn name(&self) -> NamedGroup {
        self.name
    }

    /// None of these is a finite field; the default would link tables of primes.
    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

fn secret<const N: usize>(entropy: &dyn Entropy) -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    entropy.fill(&mut *bytes).map_err(|_| Error::FailedToGetRandomBytes)?;
    Ok(bytes)
}

struct X25519 {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl X25519 {
    fn start(entropy: &dyn Entropy) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = secret(entropy)?;
        let public = x25519_dalek::x25519(*secret, x25519_dalek::X25519_BASEPOINT_BYTES);
        Ok(Box::new(Self { secret, public }))
    }
}

impl ActiveKeyExchange for X25519 {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let shared = Zeroizing::new(x25519_dalek::x25519(*self.secret, peer));
        // RFC 8446 §7.4.2: a point of small order gives zero, and a secret that everybody knows.
        if *shared == [0; 32] {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&shared[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// The two NIST curves differ in nothing but their crate and their size.
macro_rules! nist_curve {
    ($name:ident, $curve:ident, $bytes:literal, $group:ident) => {
        struct $name {
            secret: $curve::SecretKey,
            public: Box<[u8]>,
        }

        impl $name {
            fn start(entropy: &dyn Entropy) -> Result<Box<dyn ActiveKeyExchange>, Error> {
                for _ in 0..TRIES {
                    // A number outside the order is thrown away, not reduced: every scalar stays equally likely.
                    if let Ok(secret) = $curve::SecretKey::from_slice(&secret::<$bytes>(entropy)?[..]) {
                        let public = secret.public_key().to_sec1_bytes();
                        return Ok(Box::new(Self { secret, public }));
                    }
                }
                Err(Error::FailedToGetRandomBytes)
            }
        }

        impl ActiveKeyExchange for $name {
            fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
                // RFC 8446 §4.2.8.2: uncompressed points only. Reading one checks that it lies on the curve.
                if peer.first() != Some(&4) {
                    return Err(PeerMisbehaved::InvalidKeyShare.into());
                }
                let peer = $curve::PublicKey::from_sec1_bytes(peer).map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
                let shared = $curve::ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), peer.as_affine());
                Ok(SharedSecret::from(&shared.raw_secret_bytes()[..]))
            }

            fn pub_key(&self) -> &[u8] {
                &self.public
            }

            fn group(&self) -> NamedGroup {
                NamedGroup::$group
            }
        }
    };
}

nist_curve!(P256, p256, 32, secp256r1);
nist_curve!(P384, p384, 48, secp384r1);
