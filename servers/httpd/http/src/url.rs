//! URLs of `http` and `https` (RFC 3986, as far as these two schemes need it).
//!
//! What is not plain is refused or made plain while reading: hosts become lower case, what may not stand in a path is
//! percent-encoded, a fragment is dropped. User names in URLs are refused, because they deceive more than they help; names
//! beyond ASCII too, because their encoding (IDNA) is not here.

use alloc::{format, string::String};
use core::fmt;

use crate::host::{Host, parse_host};
use crate::reference;

/// Longer URLs are refused (bytes).
const MAX_URL: usize = 8_192;

/// How the server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain, port 80.
    Http,
    /// Over TLS, port 443.
    Https,
}

impl Scheme {
    /// The port when the URL names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A checked URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// Begins with `/`.
    pub(crate) path: String,
    /// Without the `?`.
    pub(crate) query: Option<String>,
}

/// Why a text is no URL for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// More than 8,192 bytes.
    TooLong,
    /// It does not begin with `http://` or `https://`.
    Scheme(String),
    /// A user name or password before an `@`.
    UserInfo,
    /// No host between `//` and the path.
    NoHost,
    /// A character that no host name has, a label or a name that is too long, an address that is none.
    Host(String),
    /// A host name beyond ASCII.
    Idna(String),
    /// An IPv6 address.
    Ipv6,
    /// Not a number from 1 to 65535.
    Port(String),
    /// A `%` that no two hexadecimal digits follow.
    Percent,
    /// A line end or another control character.
    Control,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("longer than 8,192 bytes"),
            Self::Scheme(scheme) if scheme.is_empty() => f.write_str("it must begin with http:// or https://"),
            Self::Scheme(scheme) => write!(f, "{scheme}: is not supported, only http:// and https://"),
            Self::UserInfo => f.write_str("a user name before @ is not supported"),
            Self::NoHost => f.write_str("it names no host"),
            Self::Host(host) => write!(f, "\"{host}\" is no host name and no address"),
            Self::Idna(host) => write!(f, "\"{host}\" has letters beyond ASCII; write it in its xn-- form"),
            Self::Ipv6 => f.write_str("IPv6 addresses are not supported"),
            Self::Port(port) => write!(f, "\"{port}\" is no port (1 to 65535)"),
            Self::Percent => f.write_str("a % must be followed by two hexadecimal digits"),
            Self::Control => f.write_str("it has a control character"),
        }
    }
}

impl core::error::Error for UrlError {}

impl UrlError {
    /// The system's error code: InvalidName.
    pub fn code(&self) -> u16 {
        210
    }
}

impl Url {
    /// Reads an absolute URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = checked(text)?;
        let (scheme, rest) = split_scheme(text).ok_or_else(|| UrlError::Scheme(String::new()))?;
        let scheme = known_scheme(scheme)?;
        let rest = rest.strip_prefix("//").ok_or(UrlError::NoHost)?;
        Self::parse_authority(scheme, rest)
    }

    /// What a `Location` means, seen from here (RFC 3986 §5.2).
    pub fn resolve(&self, text: &str) -> Result<Self, UrlError> {
        let text = checked(text)?;
        if let Some((scheme, rest)) = split_scheme(text) {
            let scheme = known_scheme(scheme)?;
            return match rest.strip_prefix("//") {
                Some(rest) => Self::parse_authority(scheme, rest),
                None => Err(UrlError::NoHost),
            };
        }
        if let Some(rest) = text.strip_prefix("//") {
            return Self::parse_authority(self.scheme, rest);
        }
        let (path, query) = reference::split(text);
        let mut url = self.clone();
        if path.is_empty() {
            if let Some(query) = query {
                url.query = Some(reference::encode_query(query)?);
            }
            return Ok(url);
        }
        let joined = if path.starts_with('/') { path.into() } else { reference::join(&self.path, path) };
        url.path = reference::without_dots(&reference::encode_path(&joined)?);
        url.query = query.map(reference::encode_query).transpose()?;
        Ok(url)
    }

    /// http or https.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Who the server is.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query: what the request line asks for.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Host, and port unless it is the scheme's own: what `Host` says.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            format!("{}", self.host)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The last name of the path, for a file to save it in; still percent-encoded. `None` when the path ends in `/`.
    pub fn file_name(&self) -> Option<&str> {
        self.path.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// `host[:port][/path][?query][#fragment]`
    fn parse_authority(scheme: Scheme, rest: &str) -> Result<Self, UrlError> {
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        if authority.starts_with('[') {
            return Err(UrlError::Ipv6);
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, parse_port(port, scheme)?),
            None => (authority, scheme.default_port()),
        };
        let (path, query) = reference::split(tail);
        let path = if path.is_empty() { "/" } else { path };
        if !path.starts_with('/') {
            return Err(UrlError::Host(rest.into())); // a backslash ends the host for some readers and not for others
        }
        Ok(Self {
            scheme,
            host: parse_host(host)?,
            port,
            path: reference::without_dots(&reference::encode_path(path)?),
            query: query.map(reference::encode_query).transpose()?,
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.target())
    }
}

fn checked(text: &str) -> Result<&str, UrlError> {
    let text = text.trim_matches(' ');
    if text.len() > MAX_URL {
        Err(UrlError::TooLong)
    } else if text.chars().any(char::is_control) {
        Err(UrlError::Control)
    } else {
        Ok(text)
    }
}

/// `scheme:` (RFC 3986 §3.1): a letter, then letters, digits, `+`, `-`, `.`.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let fits = bytes.next()?.is_ascii_alphabetic() && bytes.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    fits.then_some((scheme, rest))
}

fn known_scheme(scheme: &str) -> Result<Scheme, UrlError> {
    if scheme.eq_ignore_ascii_case("http") {
        Ok(Scheme::Http)
    } else if scheme.eq_ignore_ascii_case("https") {
        Ok(Scheme::Https)
    } else {
        Err(UrlError::Scheme(scheme.into()))
    }
}

fn parse_port(text: &str, scheme: Scheme) -> Result<u16, UrlError> {
    if text.is_empty() {
        return Ok(scheme.default_port()); // "http://host:/" is allowed (RFC 3986 §3.2.3)
    }
    let digits = text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    let port = if digits { text.parse().unwrap_or(0) } else { 0 };
    if port == 0 { Err(UrlError::Port(text.into())) } else { Ok(port) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn round(text: &str) -> String {
        Url::parse(text).map_or_else(|e| format!("error: {e}"), |u| u.to_string())
    }

    #[test]
    fn urls_are_read_and_made_plain() {
        for (text, plain) in [
            ("http://example.test", "http://example.test/"),
            ("HTTPS://Example.TEST:443/A/b", "https://example.test/A/b"),
            ("https://10.0.2.2:8443/blob?x=1&y=%20", "https://10.0.2.2:8443/blob?x=1&y=%20"),
            ("http://a.test./x", "http://a.test/x"),
            ("http://a.test:/x", "http://a.test/x"),
            ("http://a.test?q", "http://a.test/?q"),
            ("http://a.test#frag", "http://a.test/"),
            ("http://a.test/x#frag?no", "http://a.test/x"),
            ("http://a.test/a/./b/../c", "http://a.test/a/c"),
            ("http://a.test/../../c", "http://a.test/c"),
            ("http://a.test/ä b\"<>\\^`{|}", "http://a.test/%C3%A4%20b%22%3C%3E%5C%5E%60%7B%7C%7D"),
            ("  http://a_b.test/x ", "http://a_b.test/x"),
            ("http://localhost:65535/", "http://localhost:65535/"),
        ] {
            assert_eq!(round(text), plain, "{text}");
        }
        let url = Url::parse("https://a.test/dir/file.txt?x").unwrap();
        assert_eq!((url.port(), url.file_name(), url.target().as_str()), (443, Some("file.txt"), "/dir/file.txt?x"));
        assert_eq!(Url::parse("http://a.test/dir/").unwrap().file_name(), None);
    }

    #[test]
    fn what_is_none_is_refused_with_the_reason() {
        let host = |h: &str| UrlError::Host(h.into());
        for (text, error) in [
            ("", UrlError::Scheme("".into())),
            ("example.test", UrlError::Scheme("".into())),
            ("/path", UrlError::Scheme("".into())),
            ("ftp://a.test/", UrlError::Scheme("ftp".into())),
            ("file:///etc/passwd", UrlError::Scheme("file".into())),
            ("http:a.test", UrlError::NoHost),
            ("http:///x", UrlError::NoHost),
            ("http://user:pass@a.test/", UrlError::UserInfo),
            ("http://good.test@evil.test/", UrlError::UserInfo),
            ("http://[::1]/", UrlError::Ipv6),
            ("http://bücher.test/", UrlError::Idna("bücher.test".into())),
            ("http://a..b/", host("a..b")),
            ("http://-a.test/", host("-a.test")),
            ("http://a b/", host("a b")),
            ("http://127.1/", host("127.1")),
            ("http://0x7f.0.0.1/", host("0x7f.0.0.1")),
            ("http://0x7f000001/", host("0x7f000001")),
            ("http://256.0.0.1/", host("256.0.0.1")),
            ("http://a.test\\@evil.test/", host("a.test\\@evil.test/")),
            ("http://a.test:0/", UrlError::Port("0".into())),
            ("http://a.test:65536/", UrlError::Port("65536".into())),
            ("http://a.test:8x/", UrlError::Port("8x".into())),
            ("http://a.test/%", UrlError::Percent),
            ("http://a.test/%4", UrlError::Percent),
            ("http://a.test/?%zz", UrlError::Percent),
            ("http://a.test/x\r\nHost: evil", UrlError::Control),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
        assert_eq!(Url::parse(&format!("http://a.test/{}", "x".repeat(9_000))), Err(UrlError::TooLong));
        assert!(Url::parse(&format!("http://{}.test/", "x".repeat(64))).is_err());
    }

    #[test]
    fn references_resolve_as_in_the_rfc() {
        let base = Url::parse("http://a.test/b/c/d?q").unwrap();
        for (reference, resolved) in [
            ("g", "http://a.test/b/c/g"),
            ("./g", "http://a.test/b/c/g"),
            ("g/", "http://a.test/b/c/g/"),
            ("/g", "http://a.test/g"),
            ("//g", "http://g/"),
            ("?y", "http://a.test/b/c/d?y"),
            ("g?y", "http://a.test/b/c/g?y"),
            ("#s", "http://a.test/b/c/d?q"),
            ("", "http://a.test/b/c/d?q"),
            (".", "http://a.test/b/c/"),
            ("..", "http://a.test/b/"),
            ("../g", "http://a.test/b/g"),
            ("../../../g", "http://a.test/g"),
            ("/./g", "http://a.test/g"),
            ("/../g", "http://a.test/g"),
            ("g.", "http://a.test/b/c/g."),
            ("..g", "http://a.test/b/c/..g"),
            ("./g/.", "http://a.test/b/c/g/"),
            ("g?y/../x", "http://a.test/b/c/g?y/../x"),
            ("https://b.test:444/x", "https://b.test:444/x"),
        ] {
            assert_eq!(base.resolve(reference).unwrap().to_string(), resolved, "{reference}");
        }
        assert_eq!(base.resolve("mailto:x@y"), Err(UrlError::Scheme("mailto".into())));
        assert_eq!(base.resolve("//user@b.test/"), Err(UrlError::UserInfo));
        assert_eq!(base.resolve("/x\ny"), Err(UrlError::Control));
    }
}
