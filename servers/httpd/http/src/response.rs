//! Reading a server's answer.
//!
//! ```text
//! Head ─(1xx: again)─► Head ─► Body ─► End
//! ```

use alloc::string::String;
use core::fmt;

use crate::body::BodyReader;
use crate::fields::decimal;
use crate::lines::{Bounds, LineEnd, LineError, Lines};
use crate::{BodyError, FieldError, Fields, Method, Status};

/// Heads with many cookies are long; this is what browsers take at the least.
const BOUNDS: Bounds = Bounds { first_line: 4_096, total: 32_768, lines: 200 };
/// Interim answers before the real one.
const MAX_INTERIM: u32 = 8;

/// Status and fields of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The code.
    pub status: Status,
    /// The words behind it, as the server wrote them.
    pub reason: String,
    /// HTTP/1.1, not 1.0.
    pub is_http11: bool,
    /// The header fields.
    pub fields: Fields,
    /// How many bytes the body will have, if the server says so and there is a body.
    pub length: Option<u64>,
}

/// What the next bytes were.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Not enough yet: give more bytes, or say that there are none.
    NeedMore,
    /// The head is whole; [`ResponseReader::head`] has it.
    Head,
    /// Bytes of the body.
    Body(&'a [u8]),
    /// The answer is whole. Bytes behind it are not its own.
    End,
}

/// Why there is no answer, or only a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// The first line is no status line of HTTP/1.
    NotHttp,
    /// The head is longer than 32 KiB or has more than 200 fields.
    HeadTooLong,
    /// A CR alone in the head.
    LineEnd,
    /// A field is none.
    Field(FieldError),
    /// Content-Length is no number, or several that differ.
    Length,
    /// A coding of the transfer that nobody asked for.
    TransferCoding,
    /// A chunked body is broken.
    Body(BodyError),
    /// 1xx without end, or 101, which nobody asked for.
    Interim,
    /// The connection ended before the answer did; so many bytes are missing, if that is known.
    Truncated {
        /// Bytes of the body still to come.
        missing: Option<u64>,
    },
}

impl ResponseError {
    /// The system's error code: Http.
    pub fn code(&self) -> u16 {
        1047
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("the server does not speak HTTP/1"),
            Self::HeadTooLong => f.write_str("the answer's head is longer than 32 KiB or has more than 200 fields"),
            Self::LineEnd => f.write_str("the answer's head has a line end that is none"),
            Self::Field(error) => write!(f, "the answer has {error}"),
            Self::Length => f.write_str("the answer's Content-Length is no number, or several"),
            Self::TransferCoding => f.write_str("the answer comes in a transfer coding that was not asked for"),
            Self::Body(error) => write!(f, "the answer has {error}"),
            Self::Interim => f.write_str("the server sends interim answers and no real one"),
            Self::Truncated { missing: Some(n) } => write!(f, "the answer was cut: {n} bytes are missing"),
            Self::Truncated { missing: None } => f.write_str("the answer was cut"),
        }
    }
}

impl core::error::Error for ResponseError {}

#[derive(Debug)]
enum Phase {
    Head(Lines),
    Body(BodyReader),
    End,
    Failed(ResponseError),
}

/// Reads one answer to one request.
#[derive(Debug)]
pub struct ResponseReader {
    method: Method,
    phase: Phase,
    head: Option<ResponseHead>,
    interim: u32,
    reusable: bool,
}

impl ResponseReader {
    /// For the answer to a request with this method, which decides whether a body follows.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            phase: Phase::Head(Lines::new(LineEnd::Lenient, BOUNDS)),
            head: None,
            interim: 0,
            reusable: false,
        }
    }

    /// The head, once it was announced.
    pub fn head(&self) -> Option<&ResponseHead> {
        self.head.as_ref()
    }

    /// After the end: whether the connection can take another request.
    pub fn can_reuse(&self) -> bool {
        matches!(self.phase, Phase::End) && self.reusable
    }

    /// Reads on: how many bytes of `input` were used, and what they were. Call until it needs more or is at the end, also
    /// with nothing left: an answer without a body ends right behind its head. An error is final.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Event<'a>), ResponseError> {
        let result = self.advance(input);
        if let Err(error) = result {
            self.phase = Phase::Failed(error);
        }
        result
    }

    /// The connection has ended. Right for a body that ends with it, an error elsewhere.
    pub fn end_of_stream(&mut self) -> Result<(), ResponseError> {
        let missing = match &self.phase {
            Phase::End => return Ok(()),
            Phase::Body(BodyReader::UntilClose) => {
                self.phase = Phase::End;
                return Ok(());
            }
            Phase::Failed(error) => return Err(*error),
            Phase::Body(BodyReader::Length(left)) => Some(*left),
            Phase::Head(_) | Phase::Body(_) => None,
        };
        let error = ResponseError::Truncated { missing };
        self.phase = Phase::Failed(error);
        Err(error)
    }

    fn advance<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Event<'a>), ResponseError> {
        match &mut self.phase {
            Phase::Failed(error) => Err(*error),
            Phase::End => Ok((0, Event::End)),
            Phase::Head(_) => self.read_head(input),
            Phase::Body(reader) => {
                let (taken, piece) = reader.next(input).map_err(ResponseError::Body)?;
                if !piece.is_empty() {
                    return Ok((taken, Event::Body(piece)));
                }
                if reader.is_done() {
                    self.phase = Phase::End;
                    return Ok((taken, Event::End));
                }
                Ok((taken, Event::NeedMore))
            }
        }
    }

    /// Reads up to the end of the real head, past interim ones.
    fn read_head<'a>(&mut self, input: &[u8]) -> Result<(usize, Event<'a>), ResponseError> {
        let mut taken = 0;
        while let Phase::Head(lines) = &mut self.phase {
            let (count, done) = lines.push(&input[taken..]).map_err(|error| match error {
                LineError::BareLineEnd => ResponseError::LineEnd,
                LineError::OnlyEmpty => ResponseError::NotHttp,
                _ => ResponseError::HeadTooLong,
            })?;
            taken += count;
            if !done {
                return Ok((taken, Event::NeedMore));
            }
            let head = parse_head(lines)?;
            if !head.status.is_interim() {
                self.take_head(head)?;
                return Ok((taken, Event::Head));
            }
            self.interim += 1;
            if head.status.0 == 101 || self.interim > MAX_INTERIM {
                return Err(ResponseError::Interim);
            }
            self.phase = Phase::Head(Lines::new(LineEnd::Lenient, BOUNDS));
        }
        Ok((taken, Event::NeedMore))
    }

    fn take_head(&mut self, mut head: ResponseHead) -> Result<(), ResponseError> {
        let (body, certain) = framing(&head, self.method)?;
        head.length = match &body {
            BodyReader::Length(length) => Some(*length),
            _ => None,
        };
        let keep = if head.is_http11 {
            !head.fields.has_token("Connection", "close")
        } else {
            head.fields.has_token("Connection", "keep-alive")
        };
        self.reusable = keep && certain;
        self.head = Some(head);
        self.phase = Phase::Body(body);
        Ok(())
    }
}

/// `HTTP/1.x SP status [SP reason]` and fields.
fn parse_head(lines: &Lines) -> Result<ResponseHead, ResponseError> {
    let mut lines = lines.iter();
    let first = lines.next().ok_or(ResponseError::NotHttp)?;
    let rest = first.strip_prefix(b"HTTP/1.").ok_or(ResponseError::NotHttp)?;
    let [minor @ b'0'..=b'9', b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', reason @ ..] = rest else {
        return Err(ResponseError::NotHttp);
    };
    if !matches!(reason, [] | [b' ', ..]) {
        return Err(ResponseError::NotHttp);
    }
    let digit = |d: &u8| u16::from(d - b'0');
    let mut fields = Fields::new();
    for line in lines {
        fields.push_line(line).map_err(ResponseError::Field)?;
    }
    let reason = String::from_utf8_lossy(reason.trim_ascii());
    Ok(ResponseHead {
        status: Status(digit(a) * 100 + digit(b) * 10 + digit(c)),
        reason: reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        is_http11: *minor != b'0',
        fields,
        length: None,
    })
}

/// RFC 9112 §6.3, and whether the end of the body is beyond doubt.
fn framing(head: &ResponseHead, method: Method) -> Result<(BodyReader, bool), ResponseError> {
    if method == Method::Head || head.status.is_bodiless() {
        return Ok((BodyReader::Length(0), true));
    }
    // The same length twice is what some proxies make of one; it decides nothing.
    let mut lengths = head.fields.all("Content-Length").flat_map(|v| v.split(',')).map(|v| v.trim_matches([' ', '\t']));
    if head.fields.get("Transfer-Encoding").is_some() {
        let only_chunked = head.fields.only("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
        if !only_chunked || !head.is_http11 {
            return Err(ResponseError::TransferCoding);
        }
        // With a length beside it the chunks decide, but somebody on the way may think otherwise.
        return Ok((BodyReader::chunked(), lengths.next().is_none()));
    }
    let Some(first) = lengths.next() else { return Ok((BodyReader::UntilClose, false)) };
    let length = decimal(first).ok_or(ResponseError::Length)?;
    if lengths.any(|other| decimal(other) != Some(length)) {
        return Err(ResponseError::Length);
    }
    Ok((BodyReader::Length(length), true))
}
