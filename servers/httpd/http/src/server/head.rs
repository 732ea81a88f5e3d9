//! A request's head: read strictly, refused with a status (RFC 9112 §3, §5, §6, §11.2).

use alloc::string::String;

use crate::body::BodyReader;
use crate::fields::{decimal, is_token};
use crate::lines::{LineError, Lines};
use crate::server::{Limits, RequestPath};
use crate::{BodyError, FieldError, Fields, Method, Status};

/// A request without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// One of [`Limits::methods`].
    pub method: Method,
    /// The target's path, safe to walk from the root.
    pub path: RequestPath,
    /// The target as it came, for a log: visible ASCII.
    pub target: String,
    /// The header fields.
    pub fields: Fields,
    /// HTTP/1.1, not 1.0.
    pub is_http11: bool,
}

/// Why a request gets an error for an answer. The connection is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub status: Status,
    /// One sentence for the page.
    pub why: &'static str,
}

impl Refusal {
    pub(crate) const fn new(status: Status, why: &'static str) -> Self {
        Self { status, why }
    }

    const fn bad(why: &'static str) -> Self {
        Self::new(Status::BAD_REQUEST, why)
    }
}

impl From<LineError> for Refusal {
    fn from(error: LineError) -> Self {
        match error {
            LineError::FirstLineTooLong => Self::new(Status::URI_TOO_LONG, "The request line is too long."),
            LineError::TooLong => Self::new(Status::FIELDS_TOO_LARGE, "The header fields are too long."),
            LineError::TooManyLines => Self::new(Status::FIELDS_TOO_LARGE, "There are too many header fields."),
            LineError::OnlyEmpty => Self::bad("Only empty lines came."),
            LineError::BareLineEnd => Self::bad("Lines must end with CR LF."),
        }
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::bad(match error {
            FieldError::Folded => "Header fields must not be folded.",
            FieldError::Name => "A header field has no proper name.",
            FieldError::Value => "A header field has a control character.",
        })
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::bad(match error {
            BodyError::ChunkSize => "A chunk has no proper size.",
            BodyError::ChunkEnd => "A chunk does not end where it says.",
            BodyError::TooLong => "Chunk extensions or trailers are too long.",
        })
    }
}

/// Reads a whole head; also how its body is framed.
pub(crate) fn parse(lines: &Lines, limits: &Limits) -> Result<(RequestHead, BodyReader), Refusal> {
    let mut lines = lines.iter();
    let line = RequestLine::parse(lines.next().unwrap_or_default())?;
    let mut fields = Fields::new();
    for line in lines {
        fields.push_line(line)?;
    }
    check_host(&fields, line.is_http11)?;
    let body = framing(&fields, line.is_http11)?;
    let known = [Method::Get, Method::Head, Method::Post].into_iter().find(|m| m.as_str() == line.method);
    let method = known.filter(|m| limits.methods.contains(m));
    let method = method.ok_or(Refusal::new(Status::METHOD_NOT_ALLOWED, "This method is not supported here."))?;
    if matches!(body, BodyReader::Length(length) if length > limits.body as u64) {
        return Err(Refusal::new(Status::CONTENT_TOO_LARGE, "The body is too large."));
    }
    if fields.all("Expect").any(|value| !value.eq_ignore_ascii_case("100-continue")) {
        return Err(Refusal::new(Status::EXPECTATION_FAILED, "This expectation is not supported."));
    }
    let path = RequestPath::parse(line.origin_form()?).map_err(|error| Refusal::bad(error.reason()))?;
    Ok((RequestHead { method, path, target: line.target.into(), fields, is_http11: line.is_http11 }, body))
}

struct RequestLine<'a> {
    method: &'a str,
    target: &'a str,
    is_http11: bool,
}

impl<'a> RequestLine<'a> {
    /// `method SP target SP HTTP/x.y`, single spaces, visible ASCII.
    fn parse(line: &'a [u8]) -> Result<Self, Refusal> {
        let shape = Refusal::bad("The request line is not METHOD TARGET HTTP/1.1.");
        let line =
            core::str::from_utf8(line).ok().filter(|l| l.bytes().all(|b| (b' '..=b'~').contains(&b))).ok_or(shape)?;
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(shape);
        };
        if method.is_empty() || !method.bytes().all(is_token) || target.is_empty() {
            return Err(shape);
        }
        let [major, b'.', minor] = *version.strip_prefix("HTTP/").ok_or(shape)?.as_bytes() else { return Err(shape) };
        match (major, minor) {
            (b'1', b'0'..=b'9') => Ok(Self { method, target, is_http11: minor != b'0' }),
            (b'0'..=b'9', b'0'..=b'9') => {
                Err(Refusal::new(Status::VERSION_NOT_SUPPORTED, "Only HTTP/1 is spoken here."))
            }
            _ => Err(shape),
        }
    }

    /// The target from its first slash on. A proxy's absolute form is taken as well (RFC 9112 §3.2.2), its host ignored as
    /// that of `Host` is: there is one site here.
    fn origin_form(&self) -> Result<&'a str, Refusal> {
        if self.target.starts_with('/') {
            return Ok(self.target);
        }
        let wrong = Refusal::bad("The target must be a path.");
        let lower = |prefix: &str| self.target.get(..prefix.len()).is_some_and(|t| t.eq_ignore_ascii_case(prefix));
        let rest = match (lower("http://"), lower("https://")) {
            (true, _) => &self.target[7..],
            (_, true) => &self.target[8..],
            _ => return Err(wrong),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        if end == 0 || !rest[..end].bytes().all(is_host) {
            return Err(wrong);
        }
        match &rest[end..] {
            "" => Ok("/"),
            path if path.starts_with('/') => Ok(path),
            _ => Err(wrong),
        }
    }
}

/// RFC 9112 §3.2: exactly one in HTTP/1.1, and never two.
fn check_host(fields: &Fields, is_http11: bool) -> Result<(), Refusal> {
    match (fields.only("Host"), fields.get("Host")) {
        (Some(host), _) if host.bytes().all(is_host) => Ok(()),
        (None, None) if !is_http11 => Ok(()),
        _ => Err(Refusal::bad("There must be one proper Host field.")),
    }
}

fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

/// Where the body ends, if that can be said in one way only.
fn framing(fields: &Fields, is_http11: bool) -> Result<BodyReader, Refusal> {
    let lengths = fields.all("Content-Length").count();
    if fields.get("Transfer-Encoding").is_some() {
        let chunked = fields.only("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
        return match (lengths, is_http11, chunked) {
            (0, true, true) => Ok(BodyReader::chunked()),
            (0, true, false) => Err(Refusal::bad("Only the transfer coding chunked is supported.")),
            _ => Err(Refusal::bad("The length of the body can be understood in two ways.")),
        };
    }
    match (lengths, fields.get("Content-Length").and_then(decimal)) {
        (0, _) => Ok(BodyReader::Length(0)),
        (1, Some(length)) => Ok(BodyReader::Length(length)),
        _ => Err(Refusal::bad("Content-Length must be one number.")),
    }
}
