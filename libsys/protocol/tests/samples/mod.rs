//! One sample of every variant of every message, with its encoding in the golden file.

#![allow(dead_code, reason = "each test uses its part")]

mod base;
mod far;

pub use base::*;
pub use far::*;

use protocol::{
    Bytes, Id, List, Text, console, fs,
    session::{Attach, Attached, Data, Room, Span},
};

/// A text.
pub fn text<const N: usize>(value: &str) -> Text<N> {
    Text::new(value).unwrap()
}

/// Bytes.
pub fn bytes<const N: usize>(value: &[u8]) -> Bytes<N> {
    Bytes::new(value).unwrap()
}

/// A list.
pub fn list<T, const N: usize>(value: impl Into<Vec<T>>) -> List<T, N> {
    match List::new(value) {
        Ok(list) => list,
        Err(error) => panic!("{error}"),
    }
}

const SPAN: Span = Span { offset: 4096, length: 300 };

fn attach() -> Attach {
    Attach { window: 1 << 16, slots: 64 }
}

fn attached() -> Attached {
    attach().layout()
}

/// Requests of `console`.
pub fn console_requests() -> Vec<console::Request> {
    use console::*;
    vec![
        Request::Attach(attach()),
        Request::Close { id: Id(1) },
        Request::Share { rights: Rights::READ | Rights::WRITE, side: Side::Error },
        Request::Read { length: 200, deadline: u64::MAX },
        Request::Write { bytes: bytes(b"hello\n") },
        Request::Mode { mode: Mode::Raw },
        Request::Size,
        Request::SetSize { size: Size { columns: 80, rows: 24, kind: Kind::Ansi } },
        Request::Discard,
        Request::Foreground,
        Request::ReturnCode { code: 10 },
        Request::Drain,
    ]
}

/// Replies of `console`.
pub fn console_replies() -> Vec<console::Reply> {
    use console::*;
    vec![
        Reply::Attached(attached()),
        Reply::Done,
        Reply::Bytes(bytes(b"line\n")),
        Reply::Mode(Mode::Silent),
        Reply::Size(Size { columns: 80, rows: 24, kind: Kind::Dumb }),
    ]
}

/// Requests of `fs`.
pub fn fs_requests() -> Vec<fs::Request> {
    use fs::*;
    let dir = Id::ROOT;
    vec![
        Request::Attach(attach()),
        Request::Close { id: Id(1) },
        Request::Share { id: Id(1), rights: Rights::READ },
        Request::Open { dir, path: text("a/b"), flags: Open::CREATE | Open::NEW, rights: Rights::all() },
        Request::Stat { dir, path: text("a"), flags: Open::empty() },
        Request::Set {
            dir,
            path: text("a"),
            protection: Some(Protection::SCRIPT),
            modified: Some(5),
            comment: Some(text("note")),
        },
        Request::List { dir, cookie: 3 },
        Request::Read { id: Id(1), at: Some(1 << 33), room: Room::Window(SPAN) },
        Request::Read { id: Id(1), at: None, room: Room::Inline(512) },
        Request::Write { id: Id(1), at: None, data: Data::Inline(bytes(b"data")) },
        Request::Write { id: Id(1), at: Some(0), data: Data::Window(SPAN) },
        Request::Truncate { id: Id(1), size: 0 },
        Request::Rename { from: dir, path: text("a"), to: dir, new: text("b") },
        Request::Unlink { dir, path: text("a") },
        Request::Link { dir, path: text("a"), target: Target::Symbolic(text("SYS:x")) },
        Request::Link { dir, path: text("a"), target: Target::Hard(text("x")) },
        Request::ReadLink { dir, path: text("a") },
        Request::Sync { id: dir },
        Request::Lock { id: Id(1), lock: Lock::Exclusive },
        Request::StatFs { id: dir },
        Request::Map { id: Id(1), offset: 4096, length: 8192 },
        Request::Seek { id: Id(1), to: Seek::End(-5) },
        Request::Volumes,
    ]
}

/// Replies of `fs`.
pub fn fs_replies() -> Vec<fs::Reply> {
    use fs::*;
    let stat = fs::Stat {
        inode: 9,
        generation: 2,
        kind: Kind::File,
        size: 1 << 34,
        links: 1,
        protection: Protection::SCRIPT | Protection::DELETE,
        modified: 1 << 60,
        created: 1 << 59,
        volume: 1,
        comment: text("note"),
    };
    let entry =
        Entry { name: text("file"), kind: Kind::Directory, size: 3, protection: Protection::empty(), modified: 4 };
    let volume = fs::Volume {
        name: text("RAM"),
        format: text("ram"),
        block: 4096,
        blocks: 1000,
        free: 900,
        files: 3,
        access: VolumeAccess::ReadWrite,
    };
    vec![
        Reply::Attached(attached()),
        Reply::Done,
        Reply::Opened { id: Id(1), stat: stat.clone() },
        Reply::Stat(stat),
        Reply::Entries { entries: list([entry]), cookie: 12 },
        Reply::Data(Data::Inline(bytes(b"data"))),
        Reply::Written { length: 4, position: 100 },
        Reply::Target(text("SYS:x")),
        Reply::Volume(volume.clone()),
        Reply::Position(7),
        Reply::Volumes(list([volume])),
    ]
}

/// Start blocks' bodies.
pub fn bodies() -> Vec<protocol::StartBody> {
    use protocol::{StartBody, Stream, start::StreamRights};
    let rights = StreamRights::WRITE | StreamRights::APPEND;
    vec![
        StartBody::default(),
        StartBody {
            args: vec!["list".into(), "SYS:".into()],
            env: vec![("RC".into(), "0".into())],
            cwd: "SYS:".into(),
            streams: [
                Stream::Terminal { name: text("console"), rights: StreamRights::READ },
                Stream::Pipe,
                Stream::File { name: text("RAM:out"), rights },
            ],
            handles: list([(text("pool"), 16)]),
        },
    ]
}

/// Runs a block for every list of samples: `each!(run)` calls `run(name, list)`.
macro_rules! each {
    ($run:path) => {
        $run("process request", samples::process_requests());
        $run("process reply", samples::process_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("child request", samples::child_requests());
        $run("child reply", samples::child_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("names request", samples::names_requests());
        $run("names reply", samples::names_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("device request", samples::device_requests());
        $run("device reply", samples::device_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("console request", samples::console_requests());
        $run("console reply", samples::console_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("fs request", samples::fs_requests());
        $run("fs reply", samples::fs_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("net request", samples::net_requests());
        $run("net reply", samples::net_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("ai request", samples::ai_requests());
        $run("ai reply", samples::ai_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("pager request", samples::pager_requests());
        $run("pager reply", samples::pager_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("start body", samples::bodies());
        $run("failure", vec![Err::<(), Error>(Error::ServerDied), Err(Error::NotFound)]);
    };
}
pub(crate) use each;
