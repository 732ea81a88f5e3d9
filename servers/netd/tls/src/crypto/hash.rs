//! SHA-256 and SHA-384, bare and as HMAC, for the transcript and the key schedule (RFC 8446 §4.4.1, §7.1).

use alloc::boxed::Box;
use core::marker::PhantomData;

use ::hmac::{EagerHash, Hmac, KeyInit, Mac};
use rustls::crypto::{hash, hmac};
use sha2::{Digest, Sha256, Sha384};

/// A hash function as rustls sees one.
pub(super) struct HashFunction<D> {
    algorithm: hash::HashAlgorithm,
    length: usize,
    digest: PhantomData<fn() -> D>,
}

pub(super) static SHA256: HashFunction<Sha256> = HashFunction::new(hash::HashAlgorithm::SHA256, 32);
pub(super) static SHA384: HashFunction<Sha384> = HashFunction::new(hash::HashAlgorithm::SHA384, 48);

impl<D> HashFunction<D> {
    const fn new(algorithm: hash::HashAlgorithm, length: usize) -> Self {
        Self { algorithm, length, digest: PhantomData }
    }
}

struct Transcript<D>(D);

impl<D: Digest + Clone + Send + Sync + 'static> hash::Hash for HashFunction<D> {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Transcript(D::new()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&D::digest(data))
    }

    fn output_len(&self) -> usize {
        self.length
    }

    fn algorithm(&self) -> hash::HashAlgorithm {
        self.algorithm
    }
}

impl<D: Digest + Clone + Send + Sync + 'static> hash::Context for Transcript<D> {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Transcript(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        Digest::update(&mut self.0, data);
    }
}

struct Keyed<M> {
    mac: M,
    length: usize,
}

impl<D> hmac::Hmac for HashFunction<D>
where
    D: EagerHash + Send + Sync + 'static,
    Hmac<D>: KeyInit + Mac + Clone + Send + Sync,
{
    fn with_key(&self, key: &[u8]) -> Box<dyn hmac::Key> {
        // RFC 2104: a key may have any length, so this cannot fail; the crate's trait is wider than HMAC.
        let mac = <Hmac<D> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length");
        Box::new(Keyed { mac, length: self.length })
    }

    fn hash_output_len(&self) -> usize {
        self.length
    }
}

impl<M: Mac + Clone + Send + Sync> hmac::Key for Keyed<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> hmac::Tag {
        let mut mac = self.mac.clone();
        mac.update(first);
        middle.iter().for_each(|part| mac.update(part));
        mac.update(last);
        hmac::Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        self.length
    }
}
