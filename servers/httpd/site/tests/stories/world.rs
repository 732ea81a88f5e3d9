//! A system that is not there: files from a list, a clock that moves when somebody waits, a client with a script.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::HttpDate;
use protocol::net::{Address, Counter, Interface, Origin, Switch};
use protocol::process::{ProcessInfo, ServiceInfo, ServiceState, State, SystemInfo};
use protocol::{Error, List, Text};
use site::status::Figures;
use site::{Backend, Opened, Site, Stream, TrafficFigures, Version, converse};

pub const SECOND: u64 = 1_000_000_000;

/// A request with a `Host`.
pub fn ask(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: v\r\n{fields}\r\n")
}

/// Head and body of the first answer.
pub fn head_of(seen: &[u8]) -> (String, &[u8]) {
    let at = seen.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head") + 4;
    (String::from_utf8_lossy(&seen[..at]).into_owned(), &seen[at..])
}

/// The system around a site.
pub struct World {
    pub figures: Figures,
    run: u64,
    now: Cell<u64>,
    traffic: Cell<TrafficFigures>,
}

impl World {
    pub fn new() -> World {
        World::with_run(1)
    }

    pub fn with_run(run: u64) -> World {
        World { figures: Figures::default(), run, now: Cell::new(0), traffic: Cell::default() }
    }

    pub fn now(&self) -> u64 {
        self.now.get()
    }

    /// What the last site counted.
    pub fn traffic(&self) -> TrafficFigures {
        self.traffic.get()
    }

    pub fn file(&self, path: &str) -> Vec<u8> {
        content(path).unwrap()
    }

    pub fn visit(&self, client: Client) -> String {
        String::from_utf8(self.visit_bytes(client)).expect("text")
    }

    pub fn visit_bytes(&self, mut client: Client) -> Vec<u8> {
        self.run(&mut client)
    }

    /// Lets a client talk until the connection is over; returns what it saw.
    pub fn run(&self, client: &mut Client) -> Vec<u8> {
        let site = Site::new(self, self.run);
        let mut line = Line { client: &mut *client, world: self };
        // Nothing here ever waits, so the first poll is the last.
        let done = pin!(converse(&mut line, &site)).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(done, Poll::Ready(()));
        self.traffic.set(site.traffic.figures());
        client.seen.clone()
    }
}

fn content(path: &str) -> Option<Vec<u8>> {
    match path {
        "index.html" => Some(b"<h1>The index</h1>!\n".to_vec()),
        "a.txt" => Some(b"small\n".to_vec()),
        "b/index.html" => Some(b"in the folder\n".to_vec()),
        "large.bin" => Some((0..300_000_u32).map(|i| (i * 7 / 3) as u8).collect()),
        "shrinks.bin" => Some(vec![b'x'; 10]),
        _ => None,
    }
}

impl Backend for &World {
    type File = Vec<u8>;

    fn open(&self, path: &str) -> Result<Opened<Vec<u8>>, Error> {
        match path {
            "" | "b" => return Ok(Opened::Folder),
            "secret" => return Err(Error::ReadProtected),
            "broken" => return Err(Error::ServerDied),
            _ => {}
        }
        let file = content(path).ok_or(Error::NotFound)?;
        let length = if path == "shrinks.bin" { 1_000 } else { file.len() as u64 };
        Ok(Opened::File { file, length, version: Version { inode: path.len() as u64, generation: 1, modified_ns: 0 } })
    }

    fn read_at(&self, file: &mut Vec<u8>, at: u64, to: &mut [u8]) -> Result<usize, Error> {
        let rest = file.get(at as usize..).unwrap_or_default();
        let count = rest.len().min(to.len());
        to[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn figures(&self) -> Figures {
        self.figures.clone()
    }

    fn now_ns(&self) -> u64 {
        self.now.get()
    }

    fn date(&self) -> Option<HttpDate> {
        Some(HttpDate(1_800_000_000))
    }
}

enum Act {
    Bytes(Vec<u8>),
    Wait(u64),
}

/// A client: what it does in turn, and what it has seen. At the end of its script it closes.
pub struct Client {
    acts: VecDeque<Act>,
    seen: Vec<u8>,
    room: usize,
    fin: bool,
    silent: bool,
}

impl Client {
    pub fn says(text: &str) -> Client {
        Client::says_bytes(text.as_bytes())
    }

    pub fn says_bytes(bytes: &[u8]) -> Client {
        let acts = VecDeque::from([Act::Bytes(bytes.to_vec())]);
        Client { acts, seen: Vec::new(), room: usize::MAX, fin: false, silent: false }
    }

    /// Connects and does nothing, not even close.
    pub fn silent() -> Client {
        Client { silent: true, ..Client::says("") }
    }

    /// The network delivers at most so many bytes at once.
    pub fn cut(mut self, size: usize) -> Client {
        let pieces = |act| match act {
            Act::Bytes(bytes) => bytes.chunks(size).map(|piece| Act::Bytes(piece.to_vec())).collect(),
            wait => vec![wait],
        };
        self.acts = self.acts.into_iter().flat_map(pieces).collect();
        self
    }

    /// One byte a second.
    pub fn drips(mut self) -> Client {
        self = self.cut(1);
        self.acts = self.acts.into_iter().flat_map(|act| [Act::Wait(SECOND), act]).collect();
        self
    }

    pub fn then_waits(mut self, seconds: u64) -> Client {
        self.acts.push_back(Act::Wait(seconds * SECOND));
        self
    }

    pub fn and_says(mut self, text: &str) -> Client {
        self.acts.push_back(Act::Bytes(text.into()));
        self
    }

    /// So many bytes that nobody wants.
    pub fn then_more(mut self, count: usize) -> Client {
        self.acts.push_back(Act::Bytes(vec![b'x'; count]));
        self
    }

    pub fn takes_at_most(mut self, room: usize) -> Client {
        self.room = room;
        self
    }

    /// Whether the server said FIN.
    pub fn has_fin(&self) -> bool {
        self.fin
    }

    /// Bytes sent that the server never read.
    pub fn unread(&self) -> usize {
        self.acts.iter().map(|act| if let Act::Bytes(bytes) = act { bytes.len() } else { 0 }).sum()
    }
}

struct Line<'a> {
    client: &'a mut Client,
    world: &'a World,
}

impl Line<'_> {
    /// Time goes by: no further than the deadline.
    fn pass(&self, ns: u64, deadline: u64) -> Result<(), Error> {
        let now = self.world.now.get();
        self.world.now.set(now.saturating_add(ns).min(deadline.max(now)));
        if now.saturating_add(ns) > deadline { Err(Error::TimedOut) } else { Ok(()) }
    }
}

impl Stream for Line<'_> {
    async fn read(&mut self, to: &mut [u8], deadline: u64) -> Result<usize, Error> {
        loop {
            match self.client.acts.front_mut() {
                Some(Act::Wait(ns)) => {
                    let ns = *ns;
                    let start = self.world.now.get();
                    let result = self.pass(ns, deadline);
                    if result.is_err() {
                        self.client.acts[0] = Act::Wait(ns - (self.world.now.get() - start));
                        return Err(Error::TimedOut);
                    }
                    self.client.acts.pop_front();
                }
                Some(Act::Bytes(bytes)) if bytes.is_empty() => drop(self.client.acts.pop_front()),
                Some(Act::Bytes(bytes)) => {
                    let count = bytes.len().min(to.len());
                    to[..count].copy_from_slice(&bytes[..count]);
                    bytes.drain(..count);
                    return Ok(count);
                }
                None if self.client.silent => {
                    self.pass(u64::MAX, deadline)?;
                }
                None => return Ok(0),
            }
        }
    }

    async fn write_all(&mut self, from: &[u8], deadline: u64) -> Result<(), Error> {
        let count = from.len().min(self.client.room - self.client.seen.len().min(self.client.room));
        self.client.seen.extend_from_slice(&from[..count]);
        if count < from.len() { self.pass(u64::MAX, deadline) } else { Ok(()) }
    }

    fn shutdown(&mut self) -> Result<(), Error> {
        self.client.fin = true;
        Ok(())
    }
}

fn text<const N: usize>(value: &str) -> Text<N> {
    Text::cut(value)
}

/// Figures of a small system; a process in it is called as given.
pub fn figures(name: &str) -> Figures {
    let service = ServiceInfo {
        name: text("netd"),
        process: 7,
        state: ServiceState::Running,
        restarts: 3,
        used: 500,
        provides: text("net"),
        holds: text(""),
        reason: 0,
    };
    let process = ProcessInfo {
        number: 9,
        parent: 1,
        name: text(name),
        waits_for: text(""),
        state: State::Running,
        level: 7,
        priority: 32,
        threads: 1,
        handles: 20,
        used: 10,
        pages: 100,
        cpu_ns: 1_500_000,
        budget_us: 100,
        period_us: 200,
        started_ns: 0,
    };
    let interface = Interface {
        name: text("net0"),
        mac: [2; 6],
        link: Switch::On,
        mtu: 1500,
        address: Some((Address::V4([10, 0, 2, 15]), 24)),
        gateway: None,
        dns: List::new(vec![]).unwrap(),
        origin: Origin::Dhcp,
        lease: 0,
        traffic: [1, 2, 3, 4, 5],
    };
    let system = SystemInfo {
        cores: 4,
        running: 1,
        ram_total: 256 << 20,
        ram_free: 200 << 20,
        boot_ns: 1,
        features: 0,
        prompt_ns: 0,
        version: text("Viaether 0.1.0"),
    };
    Figures {
        uptime_ns: 90 * SECOND,
        utc: Some(1_800_000_000),
        processor: "x86_64".into(),
        system: Some(system),
        processes: vec![process],
        services: vec![service],
        interfaces: vec![interface],
        counters: vec![Counter { name: text("tcp.retransmits"), value: 7 }],
        traffic: TrafficFigures::default(),
    }
}
