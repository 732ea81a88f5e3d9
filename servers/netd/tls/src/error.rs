//! Why there is no connection: typed for programs, one line for people, a code of the system's error table.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use crate::{Certificate, UnixTime};

/// The end of a connection. `Display` gives one line without the peer's name, which the caller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The source of randomness failed: no key can be made.
    NoEntropy,
    /// The time of day is not known: no certificate can be judged.
    NoClock,
    /// The peer's certificate was refused.
    Certificate(Box<CertificateProblem>),
    /// The peer refused: its fatal alert (RFC 8446 §6.2).
    Alert(u8),
    /// The peer has no version, suite, group or signature in common with us.
    Incompatible(String),
    /// What came is not TLS at all, for example plain HTTP.
    NotTls,
    /// A record's seal is broken: it was changed on the way.
    BadRecord,
    /// The peer broke the protocol.
    Protocol(String),
    /// The stream ended without close_notify: the data may be incomplete.
    Truncated,
    /// The peer ended before the handshake was done.
    ClosedInHandshake,
    /// The peer sent more than this connection takes.
    Limit(&'static str),
    /// The configuration cannot work.
    Configuration(&'static str),
}

/// A refused certificate and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateProblem {
    /// What is wrong.
    pub reason: Reason,
    /// The server's own certificate as far as it could be read; the fault may lie with another one of its chain.
    pub certificate: Option<Certificate>,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It, or one that signs for it, held until `not_after`.
    Expired {
        /// Its last second.
        not_after: UnixTime,
        /// The time it was judged at.
        now: UnixTime,
    },
    /// It, or one that signs for it, holds from `not_before` on.
    NotYetValid {
        /// Its first second.
        not_before: UnixTime,
        /// The time it was judged at.
        now: UnixTime,
    },
    /// It is for other names.
    WrongName {
        /// The name that was asked for.
        wanted: String,
        /// The names it has.
        names: Vec<String>,
    },
    /// No known root stands behind it.
    UnknownIssuer,
    /// It is signed by itself, and is no known root.
    SelfSigned,
    /// It is an authority's certificate, not a server's.
    IsAuthority,
    /// A signature, in the chain or on the handshake, is not its issuer's or owner's.
    BadSignature,
    /// It is signed in a way that is not accepted here (such as SHA-1), or has such a key.
    UnsupportedAlgorithm,
    /// It is not for use by a server.
    WrongPurpose,
    /// It cannot be read.
    BadEncoding,
    /// The server sent none.
    Missing,
    /// Its chain is too long, a path length or name constraint in it does not allow it, or it has a critical extension that is
    /// not known here.
    NotAllowed,
}

impl Error {
    /// The code of the system's error table: NoEntropy 1031, NoClock 1032, Certificate 1045, Tls 1046 for the rest.
    pub fn code(&self) -> u16 {
        match self {
            Self::NoEntropy => 1031,
            Self::NoClock => 1032,
            Self::Certificate(_) => 1045,
            _ => 1046,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntropy => f.write_str("the system has no randomness yet, so no key can be made"),
            Self::NoClock => f.write_str("the time of day is not known, so no certificate can be judged"),
            Self::Certificate(problem) => problem.fmt(f),
            Self::Alert(code) => write!(f, "the other side refused: {} (alert {code})", alert_meaning(*code)),
            Self::Incompatible(what) => write!(f, "nothing in common with the other side: {what}"),
            Self::NotTls => f.write_str("the other side does not speak TLS on this port"),
            Self::BadRecord => f.write_str("a record was damaged on the way"),
            Self::Protocol(what) => write!(f, "the other side broke the protocol: {what}"),
            Self::Truncated => f.write_str("the connection was cut: it ended without close_notify"),
            Self::ClosedInHandshake => f.write_str("the other side ended the connection during the handshake"),
            Self::Limit(what) => write!(f, "the other side sent too much: {what}"),
            Self::Configuration(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.certificate {
            Some(c) => write!(f, "certificate of \"{}\", issued by \"{}\": {}", c.subject, c.issuer, self.reason),
            None => write!(f, "certificate: {}", self.reason),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { not_after, now } => write!(f, "expired on {not_after} (today is {now})"),
            Self::NotYetValid { not_before, now } => write!(f, "not valid before {not_before} (today is {now})"),
            Self::WrongName { wanted, names } => write_names(f, wanted, names),
            Self::UnknownIssuer => {
                f.write_str("its issuer is unknown: no root in SYS:certs or CACERT stands behind it")
            }
            Self::SelfSigned => f.write_str("it is signed by itself and is no known root"),
            Self::IsAuthority => f.write_str("it is an authority's, not a server's (CA:TRUE)"),
            Self::BadSignature => f.write_str("a signature is wrong"),
            Self::UnsupportedAlgorithm => f.write_str("its key or signature is of a kind that is not accepted"),
            Self::WrongPurpose => f.write_str("it is not meant for servers (extended key usage)"),
            Self::BadEncoding => f.write_str("it cannot be read"),
            Self::Missing => f.write_str("the server sent none"),
            Self::NotAllowed => {
                f.write_str("its chain is not allowed (length, name constraints, or an unknown critical extension)")
            }
        }
    }
}

/// At most four names: enough to see the mistake, short enough for a line.
fn write_names(f: &mut fmt::Formatter<'_>, wanted: &str, names: &[String]) -> fmt::Result {
    const SHOWN: usize = 4;
    if names.is_empty() {
        return write!(f, "it has no names (subjectAltName), so it is not for {wanted}");
    }
    f.write_str("it is for ")?;
    for (i, name) in names.iter().take(SHOWN).enumerate() {
        write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
    }
    if names.len() > SHOWN {
        write!(f, " and {} more", names.len() - SHOWN)?;
    }
    write!(f, ", not for {wanted}")
}

/// RFC 8446 §6.2, in words that say what to look at.
fn alert_meaning(code: u8) -> &'static str {
    match code {
        10 => "unexpected message",
        20 => "bad record",
        22 => "record too long",
        40 => "no acceptable set of parameters",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired",
        46 => "certificate not accepted",
        47 => "illegal parameter",
        48 => "unknown authority behind the certificate",
        49 => "access denied",
        50 => "message could not be read",
        51 => "bad signature or checksum in the handshake",
        70 => "it does not speak TLS 1.3",
        71 => "it wants stronger cryptography",
        80 => "internal error of the other side",
        86 => "inappropriate fallback",
        90 => "cancelled",
        109 => "missing extension",
        110 => "unsupported extension",
        112 => "it does not know this host name",
        115 => "unknown pre-shared key",
        116 => "it wants a certificate from us",
        120 => "no application protocol in common",
        _ => "unknown reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString, vec};

    #[test]
    fn codes_are_those_of_the_contract() {
        let certificate = CertificateProblem { reason: Reason::BadEncoding, certificate: None };
        assert_eq!(Error::NoEntropy.code(), 1031);
        assert_eq!(Error::NoClock.code(), 1032);
        assert_eq!(Error::Certificate(Box::new(certificate)).code(), 1045);
        assert_eq!(Error::Alert(40).code(), 1046);
        assert_eq!(Error::Truncated.code(), 1046);
    }

    #[test]
    fn a_wrong_name_is_told_with_the_names_there_are() {
        let reason = |names: &[&str]| {
            let names = names.iter().map(|n| n.to_string()).collect();
            Reason::WrongName { wanted: "server.test".into(), names }.to_string()
        };
        assert_eq!(reason(&[]), "it has no names (subjectAltName), so it is not for server.test");
        assert_eq!(reason(&["a.test", "*.b.test"]), "it is for a.test, *.b.test, not for server.test");
        assert_eq!(reason(&["a", "b", "c", "d", "e", "f"]), "it is for a, b, c, d and 2 more, not for server.test");
    }

    #[test]
    fn every_text_is_one_line() {
        let mut errors =
            vec![Error::NotTls, Error::Incompatible("x".into()), Error::Protocol("y".into()), Error::Limit("z")];
        errors.extend((0..=255).map(Error::Alert));
        for error in errors {
            assert!(!format!("{error}").contains('\n'));
        }
    }
}
