//! Conditional requests (RFC 9110 §13): entity tags and dates.

use alloc::{format, string::String};

use crate::{Fields, HttpDate};

/// An entity tag as it stands in `ETag`, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Changes with every byte. What cannot stand between quotes is left out.
    pub fn strong(text: &str) -> Self {
        Self(format!("\"{}\"", clean(text)))
    }

    /// Changes with what matters, such as a date with seconds.
    pub fn weak(text: &str) -> Self {
        Self(format!("W/\"{}\"", clean(text)))
    }

    /// The tag on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Equal but for weakness (§8.8.3.2).
    fn equals_weakly(&self, other: &str) -> bool {
        opaque(&self.0) == opaque(other)
    }

    fn equals_strongly(&self, other: &str) -> bool {
        !self.0.starts_with("W/") && self.0 == other
    }
}

fn clean(text: &str) -> String {
    text.chars().filter(|&c| c.is_ascii_graphic() && c != '"' && c != ',').collect()
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// What tells one version of a thing from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Its tag.
    pub etag: Option<ETag>,
    /// When it was last changed.
    pub modified: Option<HttpDate>,
}

impl Validators {
    /// `If-Range` has one tag, compared strongly, or one date, which must be the very one (§13.1.5).
    pub(crate) fn matches_if_range(&self, condition: &str) -> bool {
        match HttpDate::parse(condition) {
            Some(date) => self.modified == Some(date),
            None => self.etag.as_ref().is_some_and(|tag| tag.equals_strongly(condition)),
        }
    }
}

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Answer as if there were none.
    Proceed,
    /// 304: the client has it already.
    NotModified,
    /// 412: it is not what the client thinks.
    Failed,
}

/// Decides for GET and HEAD, in the order of §13.2.2. A condition that cannot be read is no condition.
pub fn evaluate(fields: &Fields, validators: &Validators) -> Precondition {
    let date = |name: &str| fields.only(name).and_then(HttpDate::parse).zip(validators.modified);
    if fields.get("If-Match").is_some() {
        if !listed(fields, "If-Match", |tag| validators.etag.as_ref().is_some_and(|own| own.equals_strongly(tag))) {
            return Precondition::Failed;
        }
    } else if date("If-Unmodified-Since").is_some_and(|(asked, modified)| modified > asked) {
        return Precondition::Failed;
    }
    if fields.get("If-None-Match").is_some() {
        let known =
            listed(fields, "If-None-Match", |tag| validators.etag.as_ref().is_some_and(|own| own.equals_weakly(tag)));
        return if known { Precondition::NotModified } else { Precondition::Proceed };
    }
    match date("If-Modified-Since") {
        Some((asked, modified)) if modified <= asked => Precondition::NotModified,
        _ => Precondition::Proceed,
    }
}

/// Whether `*` or one of the tags in a list fits. Tags have no commas here, as [`ETag`] makes them; a foreign one with a
/// comma fits none of ours.
fn listed(fields: &Fields, name: &str, fits: impl Fn(&str) -> bool) -> bool {
    fields
        .all(name)
        .flat_map(|v| v.split(','))
        .map(|tag| tag.trim_matches([' ', '\t']))
        .any(|tag| tag == "*" || fits(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(conditions: &[(&str, &str)]) -> Precondition {
        let validators = Validators { etag: Some(ETag::strong("v2")), modified: Some(HttpDate(1_000_000_000)) };
        let mut fields = Fields::new();
        conditions.iter().for_each(|(name, value)| fields.push(name, value).unwrap());
        evaluate(&fields, &validators)
    }

    const THEN: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        for (conditions, answer) in [
            (&[][..], Precondition::Proceed),
            (&[("If-None-Match", "\"v2\"")], Precondition::NotModified),
            (&[("If-None-Match", "W/\"v2\"")], Precondition::NotModified),
            (&[("If-None-Match", "\"v1\", \"v2\"")], Precondition::NotModified),
            (&[("If-None-Match", "*")], Precondition::NotModified),
            (&[("If-None-Match", "\"v1\"")], Precondition::Proceed),
            (&[("If-Modified-Since", THEN)], Precondition::NotModified),
            (&[("If-Modified-Since", BEFORE)], Precondition::Proceed),
            (&[("If-Modified-Since", "yesterday")], Precondition::Proceed),
            (&[("If-None-Match", "\"v1\""), ("If-Modified-Since", THEN)], Precondition::Proceed),
        ] {
            assert_eq!(ask(conditions), answer, "{conditions:?}");
        }
    }

    #[test]
    fn a_client_that_is_wrong_about_it_is_told() {
        for (conditions, answer) in [
            (&[("If-Match", "\"v2\"")][..], Precondition::Proceed),
            (&[("If-Match", "*")], Precondition::Proceed),
            (&[("If-Match", "\"v1\"")], Precondition::Failed),
            (&[("If-Match", "W/\"v2\"")], Precondition::Failed),
            (&[("If-Unmodified-Since", BEFORE)], Precondition::Failed),
            (&[("If-Unmodified-Since", THEN)], Precondition::Proceed),
        ] {
            assert_eq!(ask(conditions), answer, "{conditions:?}");
        }
    }

    #[test]
    fn tags_cannot_break_the_head() {
        assert_eq!(ETag::strong("a\"b\r\nc d").as_str(), "\"abcd\"");
        assert_eq!(ETag::weak("1-2").as_str(), "W/\"1-2\"");
    }
}
