//! From a request's target to a path that can only lie below the root.
//!
//! Rejected rather than repaired: whatever a file system might take for more than a name. On this system that is not only
//! `..`: a colon names a volume (`SYS:`), and a second slash means the parent folder. So the result is a list of plain,
//! non-empty names without `/`, `:` and `\`, none of them `.` or `..`.

use alloc::{string::String, vec::Vec};

/// A name longer than the file systems take (bytes).
const MAX_NAME: usize = 255;
/// Deeper than anybody's pages.
const MAX_DEPTH: usize = 32;

/// A safe relative path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    names: Vec<String>,
    /// The target ended in `/`: a folder is meant.
    pub is_folder: bool,
    /// What stood behind `?`, as it came.
    pub query: Option<String>,
}

/// Why a target is refused. All are 400 Bad Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not begin with `/`.
    Form,
    /// A `%` without two hexadecimal digits.
    Percent,
    /// The decoded bytes are not UTF-8.
    NotUtf8,
    /// NUL, another control character, `\`, `:`, or an encoded `/`.
    Forbidden,
    /// It climbs above the root.
    Climbs,
    /// A name of more than 255 bytes, or more than 32 names.
    TooLong,
}

impl PathError {
    /// One line for the error page.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Form => "The target must begin with a slash.",
            Self::Percent => "A % must be followed by two hexadecimal digits.",
            Self::NotUtf8 => "The path is not UTF-8.",
            Self::Forbidden => "The path has a character that is not allowed.",
            Self::Climbs => "The path leads out of the root.",
            Self::TooLong => "The path has too long a name, or too many.",
        }
    }
}

impl RequestPath {
    /// Reads an origin-form target, `/path[?query]` (RFC 9112 §3.2.1).
    pub fn parse(target: &str) -> Result<Self, PathError> {
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.into())),
            None => (target, None),
        };
        let mut names: Vec<String> = Vec::new();
        let mut is_folder = true;
        for segment in path.strip_prefix('/').ok_or(PathError::Form)?.split('/') {
            let name = decode(segment)?;
            is_folder = matches!(name.as_str(), "" | "." | "..");
            match name.as_str() {
                "" | "." => {}
                ".." => drop(names.pop().ok_or(PathError::Climbs)?),
                _ if name.len() > MAX_NAME || names.len() == MAX_DEPTH => return Err(PathError::TooLong),
                _ => names.push(name),
            }
        }
        Ok(Self { names, is_folder, query })
    }

    /// The names, from the root down.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names joined by `/`; empty for the root itself.
    pub fn relative(&self) -> String {
        self.names.join("/")
    }
}

/// Decodes once; what is encoded twice stays a name with a `%` in it.
fn decode(segment: &str) -> Result<String, PathError> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let Some(([high, low], tail)) = tail.split_first_chunk() else { return Err(PathError::Percent) };
        let digit = |d: u8| char::from(d).to_digit(16).ok_or(PathError::Percent);
        bytes.push((digit(*high)? * 16 + digit(*low)?) as u8);
        rest = tail;
    }
    let name = String::from_utf8(bytes).map_err(|_| PathError::NotUtf8)?;
    let forbidden = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
    if name.contains(forbidden) { Err(PathError::Forbidden) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_become_plain_names() {
        for (target, relative, is_folder) in [
            ("/", "", true),
            ("/index.html", "index.html", false),
            ("/a/b/", "a/b", true),
            ("/a//b", "a/b", false),
            ("//a", "a", false),
            ("/a/./b/../c", "a/c", false),
            ("/a/..", "", true),
            ("/a%20b/%C3%A4", "a b/ä", false),
            ("/%2e/x", "x", false),
            ("/a%252fb", "a%2fb", false),
            ("/...", "...", false),
        ] {
            let path = RequestPath::parse(target).unwrap();
            assert_eq!((path.relative().as_str(), path.is_folder), (relative, is_folder), "{target}");
        }
        assert_eq!(RequestPath::parse("/a?b=/../c").unwrap().query.as_deref(), Some("b=/../c"));
    }

    #[test]
    fn nothing_leads_out_of_the_root() {
        for (target, error) in [
            ("", PathError::Form),
            ("a", PathError::Form),
            ("/..", PathError::Climbs),
            ("/a/../../b", PathError::Climbs),
            ("/%2e%2e/x", PathError::Climbs),
            ("/.%2E/x", PathError::Climbs),
            ("/..%2fx", PathError::Forbidden),
            ("/a%2fb", PathError::Forbidden),
            ("/..\\x", PathError::Forbidden),
            ("/%5c..%5cx", PathError::Forbidden),
            ("/SYS:S/Startup-Sequence", PathError::Forbidden),
            ("/SYS%3aS", PathError::Forbidden),
            ("/a%00.html", PathError::Forbidden),
            ("/a%0d%0ab", PathError::Forbidden),
            ("/%", PathError::Percent),
            ("/%4", PathError::Percent),
            ("/%g0", PathError::Percent),
            ("/%ff", PathError::NotUtf8),
            ("/%c0%ae%c0%ae/", PathError::NotUtf8),
        ] {
            assert_eq!(RequestPath::parse(target), Err(error), "{target}");
        }
        assert_eq!(RequestPath::parse(&("/".to_owned() + &"x".repeat(256))), Err(PathError::TooLong));
        assert_eq!(RequestPath::parse(&"/x".repeat(33)), Err(PathError::TooLong));
    }

    use alloc::borrow::ToOwned;
}
