//! The host in a URL: a name or an address of four numbers.

use alloc::string::String;
use core::fmt;
use core::net::Ipv4Addr;

use crate::UrlError;

/// RFC 1035 §2.3.4.
const MAX_HOST: usize = 253;
const MAX_LABEL: usize = 63;

/// Who the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name to be resolved, in lower case.
    Name(String),
    /// An address.
    V4(Ipv4Addr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
        }
    }
}

/// A name, or four decimal numbers. A last label of digits means an address, so `127.1` and `0x7f.1`, which some readers
/// take for 127.0.0.1, are neither.
pub(crate) fn parse_host(text: &str) -> Result<Host, UrlError> {
    if text.is_empty() {
        return Err(UrlError::NoHost);
    }
    if !text.is_ascii() {
        return Err(UrlError::Idna(text.into()));
    }
    let wrong = || UrlError::Host(text.into());
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or(name);
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X");
    if numeric {
        return text.parse().map(Host::V4).map_err(|_| wrong());
    }
    let label = |l: &str| {
        let edges = !l.starts_with('-') && !l.ends_with('-');
        (1..=MAX_LABEL).contains(&l.len())
            && edges
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if name.len() > MAX_HOST || !name.split('.').all(label) {
        return Err(wrong());
    }
    Ok(Host::Name(name.to_ascii_lowercase()))
}
