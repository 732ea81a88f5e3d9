//! Ranges (RFC 9110 §14): one range of bytes is served, several are not, which the RFC leaves to the server.

use alloc::{format, string::String};

use crate::Fields;
use crate::fields::decimal;
use crate::server::Validators;

/// Bytes `first` to `last`, both included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

impl ByteRange {
    /// How many bytes.
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }

    /// The value of `Content-Range` within `total` bytes.
    pub fn content_range(self, total: u64) -> String {
        format!("bytes {}-{}/{total}", self.first, self.last)
    }
}

/// What a request's range comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeAnswer {
    /// 200: no range asked for, or none that counts.
    Whole,
    /// 206
    Part(ByteRange),
    /// 416: the range lies behind the end.
    Unsatisfiable,
}

/// Decides on `Range` and `If-Range` of a GET for `total` bytes. What cannot be read is ignored (§14.2).
pub fn choose_range(fields: &Fields, total: u64, validators: &Validators) -> RangeAnswer {
    let Some(text) = fields.only("Range") else { return RangeAnswer::Whole };
    if fields.all("If-Range").any(|condition| !validators.matches_if_range(condition)) {
        return RangeAnswer::Whole;
    }
    let Some((unit, set)) = text.split_once('=') else { return RangeAnswer::Whole };
    if !unit.eq_ignore_ascii_case("bytes") || set.contains(',') {
        return RangeAnswer::Whole;
    }
    let Some((first, last)) = set.trim_matches([' ', '\t']).split_once('-') else { return RangeAnswer::Whole };
    let range = match (decimal(first), decimal(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.min(total.saturating_sub(1))),
        (Some(first), None) if last.is_empty() => (first, total.saturating_sub(1)),
        (None, Some(suffix)) if first.is_empty() => {
            if suffix == 0 {
                return RangeAnswer::Unsatisfiable;
            }
            (total.saturating_sub(suffix), total.saturating_sub(1))
        }
        _ => return RangeAnswer::Whole,
    };
    if range.0 < total {
        RangeAnswer::Part(ByteRange { first: range.0, last: range.1 })
    } else {
        RangeAnswer::Unsatisfiable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpDate;
    use crate::server::ETag;

    fn choose(range: &str, total: u64) -> RangeAnswer {
        let mut fields = Fields::new();
        fields.push("Range", range).unwrap();
        choose_range(&fields, total, &Validators::default())
    }

    #[test]
    fn one_range_is_cut_to_what_there_is() {
        let part = |first, last| RangeAnswer::Part(ByteRange { first, last });
        for (range, answer) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=10-19", part(10, 19)),
            ("Bytes=90-", part(90, 99)),
            ("bytes=90-1000", part(90, 99)),
            ("bytes=-5", part(95, 99)),
            ("bytes=-1000", part(0, 99)),
            ("bytes=100-", RangeAnswer::Unsatisfiable),
            ("bytes=-0", RangeAnswer::Unsatisfiable),
        ] {
            assert_eq!(choose(range, 100), answer, "{range}");
        }
        assert_eq!(choose("bytes=0-", 0), RangeAnswer::Unsatisfiable);
        assert_eq!(choose("bytes=-1", 0), RangeAnswer::Unsatisfiable);
        assert_eq!(ByteRange { first: 90, last: 99 }.content_range(100), "bytes 90-99/100");
    }

    #[test]
    fn what_is_no_single_range_of_bytes_gives_the_whole() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=a-b",
            "bytes=0-1,5-6",
            "lines=1-2",
            "bytes=+1-2",
            "bytes=1--2",
        ] {
            assert_eq!(choose(range, 100), RangeAnswer::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_gives_the_whole() {
        let validators = Validators { etag: Some(ETag::strong("v2")), modified: Some(HttpDate(1_000_000_000)) };
        for (condition, counts) in [
            ("\"v2\"", true),
            ("\"v1\"", false),
            ("W/\"v2\"", false),
            ("Sun, 09 Sep 2001 01:46:40 GMT", true),
            ("Sun, 09 Sep 2001 01:46:41 GMT", false),
            ("nonsense", false),
        ] {
            let mut fields = Fields::new();
            fields.push("Range", "bytes=0-1").unwrap();
            fields.push("If-Range", condition).unwrap();
            assert_eq!(choose_range(&fields, 100, &validators) != RangeAnswer::Whole, counts, "{condition}");
        }
    }
}
