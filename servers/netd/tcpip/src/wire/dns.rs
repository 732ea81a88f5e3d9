//! DNS messages (RFC 1035 §4) as a stub resolver needs them: one question out; header, question and records in.

use super::{Writer, array, ipv4_at, u8_at, u16_at, u32_at};
use alloc::string::String;
use core::net::{Ipv4Addr, Ipv6Addr};

/// Port of servers.
pub const PORT: u16 = 53;
/// A buffer of this size holds any query.
pub const MAX_QUERY: usize = 12 + 255 + 4;
/// Longest name as text.
pub const MAX_NAME: usize = 253;

/// Compression pointers followed in one name. Each must point further back, so this is a second belt.
const MAX_POINTERS: usize = 16;

/// A type of record that the resolver asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RecordType {
    /// IPv4 address.
    A,
    /// IPv6 address.
    Aaaa,
}

impl RecordType {
    fn code(self) -> u16 {
        match self {
            RecordType::A => 1,
            RecordType::Aaaa => 28,
        }
    }
}

/// A domain name: lower case, no dot at the end, checked lengths.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

impl Name {
    /// Checks `text`: 1 to 253 bytes, labels of 1 to 63 bytes of printable ASCII.
    pub fn new(text: &str) -> Option<Name> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let labels_fit = text.split('.').all(|label| (1..=63).contains(&label.len()));
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        (text.len() <= MAX_NAME && labels_fit && printable).then(|| Name(text.to_ascii_lowercase()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the name at `at`; returns it and the offset behind it. Bytes that [`Name::new`] would refuse are refused.
    fn parse(message: &[u8], at: usize) -> Option<(Name, usize)> {
        let mut text = String::new();
        let (mut at, mut behind, mut pointers) = (at, None, 0);
        loop {
            let len = usize::from(u8_at(message, at)?);
            match len >> 6 {
                0 if len == 0 => break,
                0 => {
                    let label = message.get(at + 1..at + 1 + len)?;
                    if text.len() + len + 1 > MAX_NAME + 1 || !label.iter().all(|b| b.is_ascii_graphic() && *b != b'.')
                    {
                        return None;
                    }
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
                    at += 1 + len;
                }
                3 => {
                    let target = usize::from(u16_at(message, at)? & 0x3fff);
                    pointers += 1;
                    if target >= at || pointers > MAX_POINTERS {
                        return None;
                    }
                    behind = behind.or(Some(at + 2));
                    at = target;
                }
                _ => return None,
            }
        }
        // The root's name is empty; it is no host.
        (text.len() <= MAX_NAME).then(|| (Name(text), behind.unwrap_or(at + 1)))
    }

    fn write(&self, writer: &mut Writer<'_>) {
        for label in self.0.split('.') {
            writer.u8(label.len() as u8).bytes(label.as_bytes());
        }
        writer.u8(0);
    }
}

/// Outcome code of a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseCode {
    /// The question was answered, perhaps with no record.
    NoError,
    /// The name doesn't exist.
    NameError,
    /// Anything else: the server couldn't or wouldn't.
    Failure,
}

/// Data of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Data {
    /// IPv4 address.
    A(Ipv4Addr),
    /// IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name for the same.
    Cname(Name),
    /// Start of authority; its MINIMUM bounds negative caching (RFC 2308).
    Soa {
        /// The MINIMUM field, seconds.
        minimum: u32,
    },
}

/// A resource record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Whose it is.
    pub name: Name,
    /// Seconds it may be kept.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// A parsed response.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The query's id.
    pub id: u16,
    /// Outcome.
    pub code: ResponseCode,
    /// The answer was cut.
    pub truncated: bool,
    message: &'a [u8],
    question: usize,
    records: usize,
    answers: u16,
    authorities: u16,
}

/// Writes a query for `name` with recursion desired.
pub fn write_query(id: u16, name: &Name, record_type: RecordType, buf: &mut [u8]) -> Option<usize> {
    let mut writer = Writer::new(buf);
    writer.u16(id).u16(0x0100).u16(1).u16(0).u16(0).u16(0);
    name.write(&mut writer);
    writer.u16(record_type.code()).u16(1).finish()
}

impl<'a> Response<'a> {
    /// Parses header and question. `None`: not a response to one question of class IN.
    pub fn parse(message: &'a [u8]) -> Option<Response<'a>> {
        let flags = u16_at(message, 2)?;
        let response_to_standard_query = flags & 0xf800 == 0x8000;
        if !response_to_standard_query || u16_at(message, 4)? != 1 {
            return None;
        }
        let (_, behind) = Name::parse(message, 12)?;
        if u16_at(message, behind + 2)? != 1 {
            return None;
        }
        Some(Response {
            id: u16_at(message, 0)?,
            code: match flags & 15 {
                0 => ResponseCode::NoError,
                3 => ResponseCode::NameError,
                _ => ResponseCode::Failure,
            },
            truncated: flags & 0x0200 != 0,
            message,
            question: behind,
            records: behind + 4,
            answers: u16_at(message, 6)?,
            authorities: u16_at(message, 8)?,
        })
    }

    /// Whether the response repeats this question.
    pub fn answers_question(&self, name: &Name, record_type: RecordType) -> bool {
        Name::parse(self.message, 12).is_some_and(|(asked, _)| asked == *name)
            && u16_at(self.message, self.question) == Some(record_type.code())
    }

    /// The records of the answer section, as far as they are well formed; unknown types are skipped.
    pub fn answers(&self) -> impl Iterator<Item = Record> + '_ {
        self.section(0, self.answers)
    }

    /// The records of the authority section.
    pub fn authorities(&self) -> impl Iterator<Item = Record> + '_ {
        self.section(self.answers, self.authorities)
    }

    fn section(&self, skip: u16, count: u16) -> impl Iterator<Item = Record> + '_ {
        let mut at = Some(self.records);
        let total = usize::from(skip).saturating_add(usize::from(count));
        (0..total)
            .map_while(move |index| {
                let (record, behind) = parse_record(self.message, at?)?;
                at = Some(behind);
                Some((index, record))
            })
            .filter_map(move |(index, record)| record.filter(|_| index >= usize::from(skip)))
    }
}

/// Reads the record at `at`: `Some((None, behind))` for a type or class that isn't ours.
fn parse_record(message: &[u8], at: usize) -> Option<(Option<Record>, usize)> {
    let (name, at) = Name::parse(message, at)?;
    let (code, class) = (u16_at(message, at)?, u16_at(message, at + 2)?);
    let ttl = u32_at(message, at + 4)?;
    let len = usize::from(u16_at(message, at + 8)?);
    let (start, behind) = (at + 10, at + 10 + len);
    let rdata = message.get(start..behind)?;
    let data = match (code, class) {
        (1, 1) if len == 4 => ipv4_at(rdata, 0).map(Data::A),
        (28, 1) if len == 16 => array::<16>(rdata, 0).map(|octets| Data::Aaaa(octets.into())),
        (5, 1) => Name::parse(message, start).map(|(name, _)| Data::Cname(name)),
        (6, 1) => len.checked_sub(4).and_then(|minimum| u32_at(rdata, minimum)).map(|minimum| Data::Soa { minimum }),
        _ => None,
    };
    // RFC 2181 §8: a TTL with the top bit set counts as zero.
    let ttl = if ttl >> 31 == 0 { ttl } else { 0 };
    Some((data.map(|data| Record { name, ttl, data }), behind))
}
