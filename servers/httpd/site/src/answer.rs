//! From a request to its answer: the status page, or a file below the root.

use alloc::{format, string::String};

use http::server::{
    Connection, ETag, FileInfo, NotNow, Reply, ServerRequest, Validators, content_type, error_page, plan_file,
};
use http::{HttpDate, Status};
use protocol::Error;

use crate::status::{self, Figures};
use crate::{Backend, Opened, Times, Traffic, Version};

/// The file of a folder.
const INDEX: &str = "index.html";
const NS: u64 = 1_000_000_000;

/// What is served.
#[derive(Debug)]
pub struct Site<B> {
    /// Files, figures and time.
    pub backend: B,
    /// Time limits.
    pub times: Times,
    /// What is counted.
    pub traffic: Traffic,
    /// Different at every start: part of every `ETag`, because numbers of files begin anew with each boot.
    run: u64,
}

/// What is still to be sent once the head is said.
pub(crate) struct Body<F> {
    /// Read from here,
    pub file: F,
    /// from this position on.
    pub at: u64,
}

impl<B: Backend> Site<B> {
    /// A site. `run` is a random number.
    pub fn new(backend: B, run: u64) -> Site<B> {
        Site { backend, times: Times::default(), traffic: Traffic::default(), run }
    }

    /// Says the head of the answer, and all of it if it is short.
    pub(crate) fn answer(&self, connection: &mut Connection, request: &ServerRequest) -> Option<Body<B::File>> {
        let path = request.head.path.relative();
        let said = match path.as_str() {
            "status" => self.say(connection, "text/html; charset=utf-8", &status::html(&self.figures())),
            "status.json" => self.say(connection, "application/json", &status::json(&self.figures())),
            _ => return self.answer_file(connection, request, path),
        };
        debug_assert!(said.is_ok(), "a request is answered once");
        None
    }

    fn figures(&self) -> Figures {
        Figures { traffic: self.traffic.figures(), ..self.backend.figures() }
    }

    /// A page that is made anew for each request.
    fn say(&self, connection: &mut Connection, kind: &str, text: &str) -> Result<(), NotNow> {
        let mut reply = Reply::new(Status::OK, kind, text.len() as u64);
        add(&mut reply, &[("Cache-Control", "no-store")]);
        self.finish(connection, &mut reply, Some(text))
    }

    fn answer_file(
        &self,
        connection: &mut Connection,
        request: &ServerRequest,
        mut path: String,
    ) -> Option<Body<B::File>> {
        let mut opened = self.backend.open(&path);
        if let Ok(Opened::Folder) = opened {
            if !request.head.path.is_folder {
                self.redirect(connection, &path);
                return None;
            }
            path = if path.is_empty() { INDEX.into() } else { format!("{path}/{INDEX}") };
            opened = self.backend.open(&path);
        } else if opened.is_ok() && request.head.path.is_folder {
            // `/style.css/`: relative links on it would lead nowhere.
            opened = Err(Error::NotFound);
        }
        match opened {
            Ok(Opened::File { file, length, version }) => {
                let validators = self.validators(version, length);
                let info = FileInfo { length, content_type: content_type(&path), validators };
                let (mut reply, bytes) = plan_file(request.head.method, &request.head.fields, &info);
                add(&mut reply, &[("Cache-Control", "no-cache")]);
                self.finish(connection, &mut reply, None).ok()?;
                Some(Body { file, at: bytes.start })
            }
            Ok(Opened::Folder) => self.refuse(connection, Error::NotFound),
            Err(error) => self.refuse(connection, error),
        }
    }

    fn validators(&self, version: Version, length: u64) -> Validators {
        let Version { inode, generation, modified_ns } = version;
        let tag = format!("{:x}-{inode:x}.{generation:x}-{length:x}-{modified_ns:x}", self.run);
        let modified = (modified_ns >= NS).then_some(HttpDate(modified_ns / NS));
        Validators { etag: Some(ETag::strong(&tag)), modified }
    }

    /// A folder asked for without its slash: links on its page are relative to it.
    fn redirect(&self, connection: &mut Connection, path: &str) {
        let page = error_page(Status::MOVED_PERMANENTLY, "The folder's address ends with a slash.");
        let mut reply = Reply::new(Status::MOVED_PERMANENTLY, "text/html; charset=utf-8", page.len() as u64);
        add(&mut reply, &[("Location", &format!("/{}/", encoded(path)))]);
        let _ = self.finish(connection, &mut reply, Some(&page));
    }

    fn refuse(&self, connection: &mut Connection, error: Error) -> Option<Body<B::File>> {
        let (status, why) = match error {
            Error::NotFound | Error::DirNotFound | Error::WrongType | Error::InvalidName => {
                (Status::NOT_FOUND, "There is nothing at this address.")
            }
            Error::Denied | Error::ReadProtected => (Status::FORBIDDEN, "This may not be read."),
            _ => (Status::SERVICE_UNAVAILABLE, "The files can't be reached at the moment."),
        };
        let page = error_page(status, why);
        let mut reply = Reply::new(status, "text/html; charset=utf-8", page.len() as u64);
        let _ = self.finish(connection, &mut reply, Some(&page));
        None
    }

    /// Says the head, with what every answer says, and the whole body if it is at hand.
    fn finish(&self, connection: &mut Connection, reply: &mut Reply, body: Option<&str>) -> Result<(), NotNow> {
        add(
            reply,
            &[
                ("X-Content-Type-Options", "nosniff"),
                ("Content-Security-Policy", "default-src 'self'"),
                ("Referrer-Policy", "no-referrer"),
            ],
        );
        self.traffic.answered(reply.status);
        let now = self.backend.date();
        match body {
            Some(body) => connection.respond_with(reply, body.as_bytes(), now),
            None => connection.respond(reply, now),
        }
    }
}

/// Fields of our own making, which are never refused.
fn add(reply: &mut Reply, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        let added = reply.fields.push(name, value);
        debug_assert!(added.is_ok(), "{name}: {value}");
    }
}

/// A path for `Location`: what is no unreserved character (RFC 3986 §2.3) goes in percent.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}
