//! A file as an answer: conditions, ranges and fields together, in the order RFC 9110 §13.2.2 gives.

use core::ops::Range;

use crate::server::{Precondition, RangeAnswer, Reply, Validators, choose_range, evaluate};
use crate::{Fields, Method, Status};

/// What a server knows of a file before it reads it.
#[derive(Clone, Debug)]
pub struct FileInfo<'a> {
    /// Bytes.
    pub length: u64,
    /// See [`content_type`](crate::server::content_type).
    pub content_type: &'a str,
    /// Its version.
    pub validators: Validators,
}

/// The head of the answer to GET or HEAD, and the bytes of the file that follow it.
pub fn plan_file(method: Method, fields: &Fields, file: &FileInfo<'_>) -> (Reply, Range<u64>) {
    let total = file.length;
    let (mut reply, bytes) = match evaluate(fields, &file.validators) {
        Precondition::NotModified => (Reply::bodiless(Status::NOT_MODIFIED), 0..0),
        Precondition::Failed => return (Reply::new(Status::PRECONDITION_FAILED, file.content_type, 0), 0..0),
        Precondition::Proceed => {
            // Range is defined for GET alone (§14.2).
            let asked =
                if method == Method::Get { choose_range(fields, total, &file.validators) } else { RangeAnswer::Whole };
            match asked {
                RangeAnswer::Whole => (Reply::new(Status::OK, file.content_type, total), 0..total),
                RangeAnswer::Part(part) => {
                    let mut reply = Reply::new(Status::PARTIAL_CONTENT, file.content_type, part.length());
                    reply.add("Content-Range", &part.content_range(total));
                    (reply, part.first..part.last + 1)
                }
                RangeAnswer::Unsatisfiable => {
                    let mut reply = Reply::new(Status::RANGE_NOT_SATISFIABLE, file.content_type, 0);
                    reply.add("Content-Range", &alloc::format!("bytes */{total}"));
                    return (reply, 0..0);
                }
            }
        }
    };
    reply.add("Accept-Ranges", "bytes");
    if let Some(etag) = &file.validators.etag {
        reply.add("ETag", etag.as_str());
    }
    if let Some(modified) = file.validators.modified {
        reply.add("Last-Modified", &alloc::string::ToString::to_string(&modified));
    }
    (reply, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpDate;
    use crate::server::{ETag, Length};

    fn plan(method: Method, asked: &[(&str, &str)]) -> (Reply, Range<u64>) {
        let mut fields = Fields::new();
        asked.iter().for_each(|(name, value)| fields.push(name, value).unwrap());
        let validators = Validators { etag: Some(ETag::strong("v")), modified: Some(HttpDate(1_000_000_000)) };
        plan_file(method, &fields, &FileInfo { length: 100, content_type: "text/plain", validators })
    }

    #[test]
    fn whole_part_and_nothing() {
        let (reply, bytes) = plan(Method::Get, &[]);
        assert_eq!((reply.status, reply.length, bytes), (Status::OK, Length::Bytes(100), 0..100));
        assert_eq!(
            (reply.fields.get("etag"), reply.fields.get("last-modified")),
            (Some("\"v\""), Some("Sun, 09 Sep 2001 01:46:40 GMT"))
        );
        let (reply, bytes) = plan(Method::Get, &[("Range", "bytes=10-19")]);
        assert_eq!((reply.status, reply.length, bytes), (Status::PARTIAL_CONTENT, Length::Bytes(10), 10..20));
        assert_eq!(reply.fields.get("content-range"), Some("bytes 10-19/100"));
        let (reply, bytes) = plan(Method::Get, &[("Range", "bytes=100-")]);
        assert_eq!(
            (reply.status, reply.fields.get("content-range"), bytes),
            (Status::RANGE_NOT_SATISFIABLE, Some("bytes */100"), 0..0)
        );
        let (reply, _) = plan(Method::Head, &[("Range", "bytes=10-19")]);
        assert_eq!((reply.status, reply.length), (Status::OK, Length::Bytes(100)));
        let (reply, bytes) = plan(Method::Get, &[("If-None-Match", "\"v\""), ("Range", "bytes=0-1")]);
        assert_eq!((reply.status, reply.length, bytes), (Status::NOT_MODIFIED, Length::None, 0..0));
        assert_eq!(plan(Method::Get, &[("If-Match", "\"w\"")]).0.status, Status::PRECONDITION_FAILED);
    }
}
