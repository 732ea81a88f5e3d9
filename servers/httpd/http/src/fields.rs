//! Header fields (RFC 9110 §5) in the order they came.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// Names compare without case; several fields of a name stay several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// Why a line is no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// The line begins with a space: folding, which RFC 9112 §5.2 forbids.
    Folded,
    /// There is no colon, or no name before it, or something in the name that no name has (a space before the colon too).
    Name,
    /// A control character in the value.
    Value,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folded => "a folded header field",
            Self::Name => "a bad header field name",
            Self::Value => "a control character in a header field",
        })
    }
}

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field. What would break the message (controls, a bad name) is refused.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), FieldError> {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(FieldError::Name);
        }
        if !value.bytes().all(is_value) {
            return Err(FieldError::Value);
        }
        self.0.push((name.into(), value.trim_matches([' ', '\t']).into()));
        Ok(())
    }

    /// Reads a line `name: value` without its end.
    pub(crate) fn push_line(&mut self, line: &[u8]) -> Result<(), FieldError> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(FieldError::Folded);
        }
        let colon = line.iter().position(|&b| b == b':').ok_or(FieldError::Name)?;
        let name = core::str::from_utf8(&line[..colon]).map_err(|_| FieldError::Name)?;
        self.push(name, &String::from_utf8_lossy(&line[colon + 1..]))
    }

    /// The value of the first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields of this name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The value, if there is exactly one field of this name.
    pub fn only(&self, name: &str) -> Option<&str> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether a comma-separated list, over all fields of this name, has this token (such as `close` in `Connection`).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|v| v.split(',')).any(|t| t.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.0 {
            write_field(out, name, value);
        }
    }
}

/// Only for names and values that are known to be clean.
pub(crate) fn write_field(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §5.5: visible characters, space, tab, and bytes above 127.
fn is_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// A Content-Length of digits alone: no sign, no list, no overflow (RFC 9112 §6.3, §11.2).
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_fields_and_names_have_no_case() {
        let mut fields = Fields::new();
        for line in ["Host: a.test", "ACCEPT:*/*", "X-Empty:", "connection: Keep-Alive ,\tUpgrade", "Connection: close"]
        {
            fields.push_line(line.as_bytes()).unwrap();
        }
        assert_eq!(
            (fields.get("host"), fields.get("accept"), fields.get("x-empty")),
            (Some("a.test"), Some("*/*"), Some(""))
        );
        assert!(fields.has_token("Connection", "close") && fields.has_token("connection", "upgrade"));
        assert!(!fields.has_token("connection", "clos"));
        assert_eq!((fields.only("host"), fields.only("connection")), (Some("a.test"), None));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_field() {
        let cases: [(&[u8], FieldError); 8] = [
            (b" folded", FieldError::Folded),
            (b"\tfolded", FieldError::Folded),
            (b"no colon", FieldError::Name),
            (b": no name", FieldError::Name),
            (b"Content-Length : 5", FieldError::Name),
            (b"na\xffme: x", FieldError::Name),
            (b"a: b\x00c", FieldError::Value),
            (b"a: b\rc", FieldError::Value),
        ];
        for (line, error) in cases {
            assert_eq!(Fields::new().push_line(line), Err(error), "{line:?}");
        }
        assert_eq!(Fields::new().push("X", "a\r\nSet-Cookie: b"), Err(FieldError::Value), "nothing is injected");
    }

    #[test]
    fn a_length_is_digits() {
        assert_eq!((decimal("0"), decimal("18446744073709551")), (Some(0), Some(18_446_744_073_709_551)));
        for bad in ["", "+5", "-5", "5 5", "5,5", "0x5", "99999999999999999999", " 5"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }
}
