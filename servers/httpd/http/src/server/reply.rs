//! An answer's head, and the page for an error.

use alloc::{format, string::String, string::ToString, vec::Vec};

use crate::fields::write_field;
use crate::{FieldError, Fields, HttpDate, Status};

/// How long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes follow, exactly.
    Bytes(u64),
    /// None follow and none are announced: 204, 304.
    None,
}

/// An answer without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code.
    pub status: Status,
    /// Fields besides `Date`, `Content-Length` and `Connection`, which the connection writes.
    pub fields: Fields,
    /// The length of the body. For HEAD too: it is announced there and not sent.
    pub length: Length,
}

impl Reply {
    /// An answer of this type and length.
    pub fn new(status: Status, content_type: &str, length: u64) -> Self {
        let mut reply = Self { status, fields: Fields::new(), length: Length::Bytes(length) };
        reply.add("Content-Type", content_type);
        reply
    }

    /// An answer that never has a body.
    pub fn bodiless(status: Status) -> Self {
        Self { status, fields: Fields::new(), length: Length::None }
    }

    /// Adds a field; refused when it would break the head.
    pub fn field(mut self, name: &str, value: &str) -> Result<Self, FieldError> {
        self.fields.push(name, value)?;
        Ok(self)
    }

    /// Adds a field whose text this crate made itself.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let clean = self.fields.push(name, value);
        debug_assert!(clean.is_ok(), "{name}: {value}");
    }

    /// Writes the head. Without a clock there is no `Date` (RFC 9110 §6.6.1).
    pub(crate) fn write(&self, out: &mut Vec<u8>, now: Option<HttpDate>, keep: KeepAlive) {
        out.extend_from_slice(format!("HTTP/1.1 {} {}\r\n", self.status.0, self.status.reason()).as_bytes());
        if let Some(now) = now {
            write_field(out, "Date", &now.to_string());
        }
        write_field(out, "Server", "Viaether");
        self.fields.write(out);
        if let Length::Bytes(length) = self.length {
            write_field(out, "Content-Length", &length.to_string());
        }
        match keep {
            KeepAlive::Close => write_field(out, "Connection", "close"),
            KeepAlive::Explicit => write_field(out, "Connection", "keep-alive"),
            KeepAlive::Implied => {}
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// What is said about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    /// It is closed after this answer.
    Close,
    /// It stays, and HTTP/1.0 must be told.
    Explicit,
    /// It stays, as HTTP/1.1 expects.
    Implied,
}

/// An HTML page for a status, with one sentence of why. Any text may stand in `why`.
pub fn error_page(status: Status, why: &str) -> String {
    let title = escape_html(&status.to_string());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1><p>{}</p></body>\n</html>\n",
        escape_html(why)
    )
}

/// Makes a text safe inside HTML, attributes in quotes included.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_date_length_and_connection() {
        let reply = Reply::new(Status::OK, "text/plain", 5).field("X-Y", "z").unwrap();
        let mut out = Vec::new();
        reply.write(&mut out, Some(HttpDate(784_111_777)), KeepAlive::Close);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: Viaether\r\nContent-Type: text/plain\r\n\
             X-Y: z\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        );
        assert!(Reply::bodiless(Status::NOT_MODIFIED).field("A", "b\r\nC: d").is_err());
    }

    #[test]
    fn pages_are_html_whatever_they_say() {
        let page = error_page(Status::NOT_FOUND, "no <script>\"&'");
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<title>404 Not Found</title>"));
        assert!(page.contains("no &lt;script&gt;&quot;&amp;&#39;") && !page.contains("<script>"));
    }
}
