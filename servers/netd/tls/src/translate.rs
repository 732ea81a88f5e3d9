//! From rustls' errors to this crate's. The only place that knows both.

use alloc::{boxed::Box, format, string::String, string::ToString};
use core::fmt::Debug;

use rustls::{CertificateError, InvalidMessage, PeerIncompatible, pki_types};

use crate::{Certificate, CertificateProblem, Error, Reason, ServerName, UnixTime};

/// What is known about the connection when it fails.
pub(crate) struct Context<'a> {
    /// The name that was asked for; a server has none.
    pub(crate) wanted: Option<&'a ServerName>,
    /// The leaf certificate that the verifier refused last for this name.
    pub(crate) certificate: Option<Certificate>,
    /// Whether any record of the peer was understood so far.
    pub(crate) heard_tls: bool,
}

pub(crate) fn error(error: rustls::Error, context: Context<'_>) -> Error {
    use rustls::Error as Rustls;
    match error {
        Rustls::FailedToGetRandomBytes => Error::NoEntropy,
        Rustls::FailedToGetCurrentTime => Error::NoClock,
        Rustls::InvalidCertificate(problem) => {
            let reason = reason(&problem, &context);
            Error::Certificate(Box::new(CertificateProblem { reason, certificate: context.certificate }))
        }
        Rustls::NoCertificatesPresented => {
            Error::Certificate(Box::new(CertificateProblem { reason: Reason::Missing, certificate: None }))
        }
        Rustls::AlertReceived(alert) => Error::Alert(alert.into()),
        Rustls::PeerIncompatible(what) => Error::Incompatible(incompatible(&what)),
        Rustls::NoApplicationProtocol => Error::Incompatible("no application protocol (ALPN)".into()),
        Rustls::DecryptError => Error::BadRecord,
        Rustls::PeerSentOversizedRecord => Error::Protocol("a record is too long".into()),
        Rustls::InvalidMessage(what) if !context.heard_tls && is_not_tls(what) => Error::NotTls,
        Rustls::InvalidMessage(what) => Error::Protocol(format!("message: {}", words(&what))),
        Rustls::PeerMisbehaved(what) => Error::Protocol(words(&what)),
        other => Error::Protocol(one_line(&other.to_string())),
    }
}

/// rustls tells a stream that is no TLS by the first header.
fn is_not_tls(what: InvalidMessage) -> bool {
    use InvalidMessage::*;
    matches!(what, InvalidContentType | UnknownProtocolVersion | MessageTooLarge)
}

fn incompatible(what: &PeerIncompatible) -> String {
    use PeerIncompatible::*;
    match what {
        ServerTlsVersionIsDisabledByOurConfig
        | ServerDoesNotSupportTls12Or13
        | SupportedVersionsExtensionRequired
        | Tls12NotOfferedOrEnabled => "it does not speak TLS 1.3".into(),
        NoCipherSuitesInCommon => "no cipher suite".into(),
        NoKxGroupsInCommon | NamedGroupsExtensionRequired => "no group for the key exchange".into(),
        NoSignatureSchemesInCommon => "no kind of signature".into(),
        other => words(other),
    }
}

fn reason(problem: &CertificateError, context: &Context<'_>) -> Reason {
    use CertificateError as C;
    let seen = context.certificate.as_ref();
    match problem {
        C::ExpiredContext { time, not_after } => Reason::Expired { not_after: seconds(not_after), now: seconds(time) },
        C::NotValidYetContext { time, not_before } => {
            Reason::NotYetValid { not_before: seconds(not_before), now: seconds(time) }
        }
        C::NotValidForNameContext { .. } | C::NotValidForName => Reason::WrongName {
            wanted: context.wanted.map(ToString::to_string).unwrap_or_default(),
            names: seen.map(|c| c.names.clone()).unwrap_or_default(),
        },
        C::UnknownIssuer if seen.is_some_and(|c| c.is_self_issued) => Reason::SelfSigned,
        C::UnknownIssuer => Reason::UnknownIssuer,
        C::BadSignature => Reason::BadSignature,
        C::UnsupportedSignatureAlgorithmContext { .. } | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            Reason::UnsupportedAlgorithm
        }
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => Reason::WrongPurpose,
        C::BadEncoding | C::Expired | C::NotValidYet => Reason::BadEncoding,
        // webpki's rarer reasons come without their name when there is no std.
        _ if seen.is_some_and(|c| c.is_authority && c.is_self_issued) => Reason::SelfSigned,
        _ if seen.is_some_and(|c| c.is_authority) => Reason::IsAuthority,
        _ => Reason::NotAllowed,
    }
}

fn seconds(time: &pki_types::UnixTime) -> UnixTime {
    UnixTime(time.as_secs())
}

/// `MissingKeyShare` → `missing key share`: the names of rustls' variants are words.
fn words(what: &impl Debug) -> String {
    let mut text = String::new();
    for c in format!("{what:?}").chars().take(80) {
        if c.is_uppercase() && text.ends_with(|l: char| l.is_lowercase() || l.is_ascii_digit()) {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
    }
    one_line(&text)
}

fn one_line(text: &str) -> String {
    text.chars().take(160).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::PeerMisbehaved;

    #[test]
    fn rustls_names_become_words() {
        assert_eq!(words(&PeerMisbehaved::InvalidKeyShare), "invalid key share");
        assert_eq!(words(&InvalidMessage::MissingData("ServerName")), "missing data(\"server name\")");
    }
}
