//! Writing a client's request.

use alloc::{format, string::ToString, vec::Vec};

use crate::fields::write_field;
use crate::{Fields, Url};

/// The methods that are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the RFC's
pub enum Method {
    Get,
    Head,
    Post,
}

impl Method {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

/// A request for one URL. `Host`, `Connection` and the framing are written by itself, `fields` are the rest.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What is asked.
    pub method: Method,
    /// Of whom, and for what.
    pub url: &'a Url,
    /// Further fields, such as `Accept` and `User-Agent`.
    pub fields: &'a Fields,
    /// The length of the body that follows, for POST.
    pub body_length: Option<u64>,
}

impl Request<'_> {
    /// The head, ready to send. It asks for the connection to be closed after the answer: `fetch` makes one request a
    /// connection.
    pub fn write(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method.as_str(), self.url.target()).into_bytes();
        write_field(&mut out, "Host", &self.url.authority());
        self.fields.write(&mut out);
        if let Some(length) = self.body_length {
            write_field(&mut out, "Content-Length", &length.to_string());
        }
        write_field(&mut out, "Connection", "close");
        out.extend_from_slice(b"\r\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn a_request_names_target_and_host() {
        let url = Url::parse("http://Example.test:8080/a b?q=1#part").unwrap();
        let mut fields = Fields::new();
        fields.push("Accept", "*/*").unwrap();
        let get = Request { method: Method::Get, url: &url, fields: &fields, body_length: None };
        assert_eq!(
            String::from_utf8(get.write()).unwrap(),
            "GET /a%20b?q=1 HTTP/1.1\r\nHost: example.test:8080\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        let post = Request { method: Method::Post, body_length: Some(3), ..get };
        assert!(String::from_utf8(post.write()).unwrap().contains("\r\nContent-Length: 3\r\n"));
    }
}
