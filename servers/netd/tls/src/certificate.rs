//! What a certificate says, for people: whose it is, who issued it, how long it holds, which names it has.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use crate::UnixTime;
use crate::der::{self, Reader, Value};

const OID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const OID_ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const OID_ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 0x04, 0x0b];
const OID_SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const OID_BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// At most this many names are kept for messages.
const MAX_NAMES: usize = 64;
/// At most this many characters of a name are kept.
const MAX_NAME: usize = 128;

/// The fields of an X.509 certificate (RFC 5280 §4.1) that people are shown. Reading one proves nothing about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose certificate it is.
    pub subject: SubjectName,
    /// Who signed it, by its own word.
    pub issuer: SubjectName,
    /// The first second in which it holds.
    pub not_before: UnixTime,
    /// The last second in which it holds.
    pub not_after: UnixTime,
    /// Host names and addresses of the subjectAltName extension, as text; at most 64.
    pub names: Vec<String>,
    /// Basic constraints say that it may sign other certificates.
    pub is_authority: bool,
    /// Subject and issuer are the same name.
    pub is_self_issued: bool,
}

/// The parts of a distinguished name that people know something by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectName {
    /// CN
    pub common_name: Option<String>,
    /// O
    pub organization: Option<String>,
    /// OU
    pub unit: Option<String>,
}

impl fmt::Display for SubjectName {
    /// The most telling part: CN, else O, else OU.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.common_name.as_deref().or(self.organization.as_deref()).or(self.unit.as_deref());
        f.write_str(known.unwrap_or("(no name)"))
    }
}

impl Certificate {
    /// Reads a certificate in DER. `None` when it is none; text in it that is not printable is replaced.
    pub fn from_der(bytes: &[u8]) -> Option<Self> {
        let outer = Reader::new(bytes).expect(der::SEQUENCE)?;
        let mut tbs = outer.inside().expect(der::SEQUENCE)?.inside();
        let _version = tbs.expect(0xa0);
        let _serial = tbs.next()?;
        let _signature = tbs.expect(der::SEQUENCE)?;
        let issuer = tbs.expect(der::SEQUENCE)?;
        let mut validity = tbs.expect(der::SEQUENCE)?.inside();
        let not_before = UnixTime::from_x509(validity.next()?.contents)?;
        let not_after = UnixTime::from_x509(validity.next()?.contents)?;
        let subject = tbs.expect(der::SEQUENCE)?;
        let mut read = Self {
            subject: SubjectName::read(subject)?,
            issuer: SubjectName::read(issuer)?,
            not_before,
            not_after,
            names: Vec::new(),
            is_authority: false,
            is_self_issued: subject.encoded == issuer.encoded,
        };
        let _public_key = tbs.expect(der::SEQUENCE)?;
        while let Some(field) = tbs.next() {
            if field.tag == 0xa3 {
                read.extensions(field.inside().expect(der::SEQUENCE)?)?;
            }
        }
        Some(read)
    }

    fn extensions(&mut self, list: Value<'_>) -> Option<()> {
        let mut list = list.inside();
        while !list.is_empty() {
            let mut extension = list.expect(der::SEQUENCE)?.inside();
            let id = extension.expect(der::OID)?.contents;
            let _critical = extension.expect(der::BOOLEAN);
            let value = extension.expect(der::OCTET_STRING)?.contents;
            if id == OID_SUBJECT_ALT_NAME {
                self.alternative_names(Reader::new(value).expect(der::SEQUENCE)?);
            } else if id == OID_BASIC_CONSTRAINTS {
                let ca = Reader::new(value).expect(der::SEQUENCE)?.inside().expect(der::BOOLEAN);
                self.is_authority = ca.is_some_and(|v| v.contents != [0]);
            }
        }
        Some(())
    }

    /// GeneralNames (RFC 5280 §4.2.1.6): dNSName is `[2]`, iPAddress `[7]`.
    fn alternative_names(&mut self, list: Value<'_>) {
        let mut list = list.inside();
        while let Some(name) = list.next() {
            let text = match name.tag {
                0x82 => printable(name.contents),
                0x87 => address(name.contents),
                _ => continue,
            };
            if self.names.len() < MAX_NAMES {
                self.names.push(text);
            }
        }
    }
}

impl SubjectName {
    /// Name ::= SEQUENCE OF SET OF SEQUENCE { type OID, value }. Of several values of one type the last counts, which is
    /// the most specific.
    fn read(name: Value<'_>) -> Option<Self> {
        let mut read = Self::default();
        let mut parts = name.inside();
        while !parts.is_empty() {
            let mut set = parts.expect(der::SET)?.inside();
            while !set.is_empty() {
                let mut pair = set.expect(der::SEQUENCE)?.inside();
                let id = pair.expect(der::OID)?.contents;
                let value = pair.next()?;
                let slot = match id {
                    OID_COMMON_NAME => &mut read.common_name,
                    OID_ORGANIZATION => &mut read.organization,
                    OID_ORGANIZATIONAL_UNIT => &mut read.unit,
                    _ => continue,
                };
                *slot = text(value);
            }
        }
        Some(read)
    }
}

fn text(value: Value<'_>) -> Option<String> {
    match value.tag {
        der::UTF8_STRING | der::PRINTABLE_STRING | der::IA5_STRING => Some(printable(value.contents)),
        der::T61_STRING => Some(clean(value.contents.iter().map(|&b| char::from(b)))),
        der::BMP_STRING => {
            let units = value.contents.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]]));
            Some(clean(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))))
        }
        _ => None,
    }
}

fn printable(bytes: &[u8]) -> String {
    clean(String::from_utf8_lossy(bytes).chars())
}

/// A certificate's text goes to terminals: no control characters, no overrides of direction, a bounded length.
fn clean(chars: impl Iterator<Item = char>) -> String {
    let unfit = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    chars.take(MAX_NAME).map(|c| if unfit(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

pub(crate) fn address(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        format!("{}", core::net::Ipv4Addr::from(four))
    } else if let Ok(sixteen) = <[u8; 16]>::try_from(bytes) {
        format!("{}", core::net::Ipv6Addr::from(sixteen))
    } else {
        String::from("(bad address)")
    }
}
