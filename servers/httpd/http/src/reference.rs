//! The path and query parts of URLs: splitting, joining, dot segments, percent-encoding (RFC 3986 §2, §3.3, §5.2).

use alloc::{string::String, vec::Vec};

use crate::UrlError;

/// `path[?query][#fragment]` → path and query.
pub(crate) fn split(text: &str) -> (&str, Option<&str>) {
    let text = text.split('#').next().unwrap_or_default();
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    }
}

/// A relative path behind the folder that `base` is in.
pub(crate) fn join(base: &str, relative: &str) -> String {
    let folder = base.rfind('/').map_or("/", |at| &base[..=at]);
    [folder, relative].concat()
}

/// Removes `.` and `..` segments; `..` at the top goes nowhere (RFC 3986 §5.2.4).
pub(crate) fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let mut ends_in_folder = false;
    for segment in segments {
        ends_in_folder = false;
        match segment {
            "." => ends_in_folder = true,
            ".." => {
                kept.pop();
                ends_in_folder = true;
            }
            name => kept.push(name),
        }
    }
    let mut out = String::with_capacity(path.len() + 1);
    for segment in &kept {
        out.push('/');
        out.push_str(segment);
    }
    if ends_in_folder || kept.is_empty() {
        out.push('/');
    }
    out
}

pub(crate) fn encode_path(text: &str) -> Result<String, UrlError> {
    encode(text, b"\"<>\\^`{|}?#")
}

pub(crate) fn encode_query(text: &str) -> Result<String, UrlError> {
    encode(text, b"\"<>\\^`{|}#")
}

/// Percent-encodes what may not stand there. What is encoded already stays, if it is so correctly.
fn encode(text: &str, unfit: &[u8]) -> Result<String, UrlError> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'%'
            && !matches!(bytes.get(at + 1..at + 3), Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
        {
            return Err(UrlError::Percent);
        }
        if byte.is_ascii_graphic() && !unfit.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    Ok(out)
}
