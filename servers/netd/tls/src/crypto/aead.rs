//! The three suites of TLS 1.3 (RFC 8446 §9.1) and how a record is sealed and opened (§5.2).

use alloc::boxed::Box;
use core::marker::PhantomData;

use aes_gcm::aead::{self, AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, Nonce,
    OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm, UnsupportedOperationError,
    make_tls13_aad,
};
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::{
    CipherSuite, CipherSuiteCommon, ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion,
    SupportedCipherSuite, Tls13CipherSuite,
};

use super::hash::{SHA256, SHA384};

/// Bytes of the tag that each of the three suites appends.
const TAG: usize = 16;

/// Records after which rustls refreshes the keys. AES-GCM: RFC 8446 §5.5 gives 2^24.5 full records; ChaCha20 has no
/// bound that is reached before sequence numbers end.
const AES_RECORDS: u64 = 1 << 24;

pub(super) const AES_128_GCM: SupportedCipherSuite = SupportedCipherSuite::Tls13(&AES_128_GCM_SHA256);
pub(super) const AES_256_GCM: SupportedCipherSuite = SupportedCipherSuite::Tls13(&AES_256_GCM_SHA384);
pub(super) const CHACHA20_POLY1305: SupportedCipherSuite = SupportedCipherSuite::Tls13(&CHACHA20_POLY1305_SHA256);

static AES_128_GCM_SHA256: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_AES_128_GCM_SHA256,
        hash_provider: &SHA256,
        confidentiality_limit: AES_RECORDS,
    },
    hkdf_provider: &HkdfUsingHmac(&SHA256),
    aead_alg: &Algorithm::<Aes128Gcm> {
        key_len: 16,
        secrets: |key, iv| ConnectionTrafficSecrets::Aes128Gcm { key, iv },
        cipher: PhantomData,
    },
    quic: None,
};

static AES_256_GCM_SHA384: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_AES_256_GCM_SHA384,
        hash_provider: &SHA384,
        confidentiality_limit: AES_RECORDS,
    },
    hkdf_provider: &HkdfUsingHmac(&SHA384),
    aead_alg: &Algorithm::<Aes256Gcm> {
        key_len: 32,
        secrets: |key, iv| ConnectionTrafficSecrets::Aes256Gcm { key, iv },
        cipher: PhantomData,
    },
    quic: None,
};

static CHACHA20_POLY1305_SHA256: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        hash_provider: &SHA256,
        confidentiality_limit: u64::MAX,
    },
    hkdf_provider: &HkdfUsingHmac(&SHA256),
    aead_alg: &Algorithm::<ChaCha20Poly1305> {
        key_len: 32,
        secrets: |key, iv| ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv },
        cipher: PhantomData,
    },
    quic: None,
};

struct Algorithm<C> {
    key_len: usize,
    secrets: fn(AeadKey, Iv) -> ConnectionTrafficSecrets,
    cipher: PhantomData<fn() -> C>,
}

/// One direction's key. The nonce of a record is the vector xor its sequence number (RFC 8446 §5.3).
struct RecordKey<C> {
    cipher: C,
    iv: Iv,
}

impl<C: KeyInit> Algorithm<C> {
    fn key(&self, key: &AeadKey, iv: Iv) -> RecordKey<C> {
        // The key schedule derives `key_len` bytes, which is the cipher's own length.
        let cipher = C::new_from_slice(key.as_ref()).expect("the key schedule gives keys of the suite's length");
        RecordKey { cipher, iv }
    }
}

impl<C: AeadInOut + KeyInit + Send + Sync + 'static> Tls13AeadAlgorithm for Algorithm<C> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(self.key(&key, iv))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(self.key(&key, iv))
    }

    fn key_len(&self) -> usize {
        self.key_len
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok((self.secrets)(key, iv))
    }
}

impl<C: AeadInOut + Send + Sync> MessageEncrypter for RecordKey<C> {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, seq: u64) -> Result<OutboundOpaqueMessage, Error> {
        let total = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(total);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&message.typ.to_array());
        let nonce = Nonce::new(&self.iv, seq).0;
        let nonce: &aead::Nonce<C> = nonce.as_slice().try_into().map_err(|_| Error::EncryptError)?;
        let tag = self
            .cipher
            .encrypt_inout_detached(nonce, &make_tls13_aad(total), payload.as_mut().into())
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);
        // RFC 8446 §5.2: on the wire every sealed record is application data of "TLS 1.2".
        Ok(OutboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, payload))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        payload_len + 1 + TAG
    }
}

impl<C: AeadInOut + Send + Sync> MessageDecrypter for RecordKey<C> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        let aad = make_tls13_aad(payload.len());
        let sealed = payload.len().checked_sub(TAG).ok_or(Error::DecryptError)?;
        let nonce = Nonce::new(&self.iv, seq).0;
        let nonce: &aead::Nonce<C> = nonce.as_slice().try_into().map_err(|_| Error::DecryptError)?;
        let (text, tag) = payload.split_at_mut(sealed);
        let tag: &aead::Tag<C> = (&*tag).try_into().map_err(|_| Error::DecryptError)?;
        self.cipher.decrypt_inout_detached(nonce, &aad, text.into(), tag).map_err(|_| Error::DecryptError)?;
        payload.truncate(sealed);
        message.into_tls13_unpadded_message()
    }
}
