//! The clients of the kill test. Each goes round for ever and checks every answer it gets.
//!
//! While servers die, an answer may be one of the errors that the contracts have for that ([`MAY_BE`]); the client then opens
//! anew and goes on. After BREAK D three rounds must succeed without any.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use libsys::abi::PAGE_SIZE;
use libsys::ai::Ai;
use libsys::entry::exit_now;
use libsys::fs::{self, File};
use libsys::names::{self as name_space, bits};
use libsys::net::{self, Address, Endpoint, Network, Remote, TcpStream};
use libsys::protocol::{Id, ai, console, fs as files, net as sockets};
use libsys::{Channel, Error, Pool, Status, println, spawn, time, wait_bits};

use crate::kernel::Random;

/// The word before a client's name among the arguments.
pub const WORD: &str = "client";
/// The client that needs a peer.
pub const WIRE: &str = "wire";

/// The client that holds many sessions.
pub const HOLDER: &str = "holder";
/// How many: fewer than init keeps Grants of for a process, and more than one siege needs beyond another by chance.
const HELD: usize = 60;

/// What a client does in a round.
type Round = fn(&mut State) -> Result<u64, Trouble>;

/// The clients, and the pages that each needs at least, with something to spare.
const KINDS: &[(&str, Round, u32)] = &[
    ("ram", ram, 136),
    ("system", system, 216),
    ("names", opens, 56),
    (WIRE, wire, 200),
    ("ping", ping, 56),
    ("web", web, 144),
    ("ai", infer, 136),
    (HOLDER, hold, 56),
];

/// The usual clients' names.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, ..)| *name).filter(|name| *name != HOLDER)
}

/// Pages that one needs at least.
pub fn least(name: &str) -> u32 {
    KINDS.iter().find(|(known, ..)| *known == name).map_or(0, |(.., pages)| *pages)
}

/// Errors that may be while servers are killed. None of them is an answer.
const MAY_BE: &[Error] = &[
    Error::ServerDied,
    Error::Unavailable,
    Error::Stale,
    Error::BrokenPipe,
    Error::TimedOut,
    Error::Reset,
    Error::Refused,
    Error::NoRoute,
    Error::NoAnswer,
];
/// Rounds that must succeed at the end, and how long that may take: the first finds sessions that died unnoticed, and netd
/// asks for an address anew after 4 s, then after 8.
const LAST: u32 = 3;
const LATEST_NS: u64 = 20 * time::SECOND;
/// How long a request to the network may take.
const SOON_NS: u64 = 5 * time::SECOND;
/// Bytes of a file or of what goes over the wire at most, and the part of a client's pool that they may be: of such bytes, several
/// copies are about at a time.
const MOST: u64 = 96 << 10;
const PART: u64 = 24;

/// What can go wrong.
enum Trouble {
    /// An error: perhaps one that may be.
    Error(Error),
    /// An answer that is none.
    Wrong(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Error(error)
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Wrong(what.into()))
}

/// What a client keeps from round to round.
struct State {
    seed: u64,
    round: u64,
    random: Random,
    /// Bytes of a file or of what goes over the wire at most.
    most: u64,
    peer: Option<Endpoint>,
    /// What was read first, by name: it must stay so.
    first: Vec<(&'static str, Vec<u8>)>,
    network: Option<Arc<Network>>,
    ai: Option<(Ai, Id)>,
    kept: Option<(File, Vec<u8>)>,
    held: Vec<Channel<files::Service>>,
}

impl State {
    fn forget(&mut self) {
        (self.network, self.ai) = (None, None);
    }

    /// The same as the first time.
    fn same(&mut self, name: &'static str, bytes: &[u8]) -> Result<u64, Trouble> {
        match self.first.iter().find(|(known, _)| *known == name) {
            Some((_, first)) if first == bytes => Ok(1),
            Some((_, first)) => wrong(format!("{name}: {} bytes instead of {}, or others", bytes.len(), first.len())),
            None => {
                self.first.push((name, bytes.to_vec()));
                Ok(1)
            }
        }
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = 1 + self.random.next() % most;
        let mut random = Random(self.random.next());
        (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).take(length as usize).collect()
    }

    fn network(&mut self) -> Result<Arc<Network>, Error> {
        if self.network.as_ref().is_none_or(|network| network.is_dead()) {
            self.network = Some(Network::open()?);
        }
        self.network.clone().ok_or(Error::Internal)
    }
}

/// Goes round until told to end. Does not return.
pub fn perform(arguments: &[&str]) -> ! {
    let [name, seed, peer] = arguments else { exit_now(Error::BadArgument.into()) };
    let round = KINDS.iter().find(|(known, ..)| known == name).map(|(_, round, _)| *round);
    let (Some(round), Ok(seed)) = (round, seed.parse()) else { exit_now(Error::BadArgument.into()) };
    let info = Pool::own().and_then(|pool| pool.info()).unwrap_or_else(|error| exit_now(error.into()));
    let state = State {
        seed,
        round: 0,
        random: Random(seed),
        most: MOST.min(info.pages * PAGE_SIZE as u64 / PART),
        peer: endpoint(peer),
        first: Vec::new(),
        network: None,
        ai: None,
        kept: None,
        held: Vec::new(),
    };
    let status = match go(state, round) {
        Ok(Told { answers, errors, after_ns }) => {
            let after = after_ns / time::MILLISECOND;
            println!("{name}: {answers} right answers, {errors} errors that may be; at rest after {after} ms");
            Status::OK
        }
        Err(why) => {
            println!("{name}: {why}");
            Status::ERROR
        }
    };
    let _ = libsys::io::Write::flush(&mut libsys::io::stdout());
    exit_now(status)
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (address, port) = text.split_once(':')?;
    let mut parts = address.split('.').map(|part| part.parse::<u8>().ok());
    let mut next = || parts.next().flatten();
    Some(Endpoint { address: Address::V4([next()?, next()?, next()?, next()?]), port: port.parse().ok()? })
}

/// What a client tells.
struct Told {
    answers: u64,
    errors: u64,
    /// How long after the servers were back its last rounds had succeeded.
    after_ns: u64,
}

fn go(mut state: State, round: Round) -> Result<Told, String> {
    spawn::catch(bits::BREAK_D as u8).map_err(|error| format!("catch: {error}"))?;
    let (mut answers, mut errors, mut good, mut back) = (0, 0, 0, None);
    loop {
        if wait_bits(bits::BREAK_D, 0) != 0 {
            (good, back) = (0, Some(time::now_ns()));
        }
        state.round += 1;
        match round(&mut state) {
            Ok(more) => (answers, good) = (answers + more, good + 1),
            Err(Trouble::Wrong(what)) => return Err(format!("WRONG in round {}: {what}", state.round)),
            Err(Trouble::Error(error)) if MAY_BE.contains(&error) => {
                (errors, good) = (errors + 1, 0);
                state.forget();
                wait_bits(0, time::after(20 * time::MILLISECOND));
            }
            Err(Trouble::Error(error)) => return Err(format!("round {}: {error} can't be", state.round)),
        }
        if let Some(after_ns) = back.map(|back| time::now_ns() - back) {
            if good >= LAST {
                return Ok(Told { answers, errors, after_ns });
            }
            if after_ns > LATEST_NS {
                return Err("all servers are back, but it gets nothing but errors".into());
            }
        }
    }
}

/// What RAM: loses with its server is no answer.
fn lost(error: Error) -> Trouble {
    Trouble::Error(match error {
        Error::NotFound | Error::DirNotFound => Error::Stale,
        error => error,
    })
}

/// A file is written, read, copied, read again; another one stays open.
fn ram(state: &mut State) -> Result<u64, Trouble> {
    let bytes = state.bytes(state.most);
    let (one, two) = (format!("RAM:kill-{}-a", state.seed), format!("RAM:kill-{}-b", state.seed));
    let mut file = File::create(&one).map_err(lost)?;
    file.write_all(&bytes).map_err(lost)?;
    drop(file);
    let back = read(&one).map_err(lost)?;
    // A file that was made anew on the way is shorter: then its server died between two opens, which nobody hides. What it
    // has must be what was written.
    if back != bytes {
        return wrong(format!("{one}: {} bytes written, {} other ones read", bytes.len(), back.len()));
    }
    let mut to = File::create(&two).map_err(lost)?;
    to.write_all(&back).map_err(lost)?;
    drop(to);
    if read(&two).map_err(lost)? != bytes {
        return wrong(format!("{two}: the copy is another"));
    }
    fs::remove(&one).map_err(lost)?;
    fs::remove(&two).map_err(lost)?;
    Ok(2 + kept(state)?)
}

/// A file that stays open over its server's end: it is the same file, or none.
fn kept(state: &mut State) -> Result<u64, Trouble> {
    let path = format!("RAM:kill-{}-kept", state.seed);
    if let Some((file, content)) = &mut state.kept {
        let mut back = alloc::vec![0; content.len() + 1];
        match file.read_at(0, &mut back) {
            Ok(count) if back.get(..count) == Some(content.as_slice()) => return Ok(1),
            Ok(count) => return wrong(format!("{path}: {count} bytes, which are not those it had")),
            Err(_) => {}
        }
    }
    let content = state.bytes(400);
    let mut file = File::create(&path).map_err(lost)?;
    file.write_all(&content).map_err(lost)?;
    // The one before must not have become this one.
    if let Some((old, _)) = &mut state.kept
        && let Ok(count) = old.read_at(0, &mut [0; 16])
        && count > 0
    {
        return wrong(format!("{path}: a file that is gone reads as the one made after it"));
    }
    state.kept = Some((file, content));
    Ok(1)
}

fn read(path: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Files of the boot archive never change.
fn system(state: &mut State) -> Result<u64, Trouble> {
    let small = read("SYS:www/index.html")?;
    let mut answers = state.same("SYS:www/index.html", &small)?;
    if state.round % 4 == 1 {
        let large = read("SYS:certs/mozilla.pem")?;
        answers += state.same("SYS:certs/mozilla.pem", &large)?;
    }
    let names: Vec<u8> = fs::read_dir("SYS:")?.iter().flat_map(|entry| entry.name.bytes().chain([0])).collect();
    Ok(answers + state.same("SYS:", &names)?)
}

/// Names are opened, and what is behind them is what it says.
fn opens(state: &mut State) -> Result<u64, Trouble> {
    directory(&name_space::open("SYS")?)?;
    let network: Channel<sockets::Service> = name_space::open("net")?;
    match network.call(&sockets::Request::Interfaces)? {
        sockets::Reply::Interfaces(_) => {}
        other => return wrong(format!("net's interfaces are {other:?}")),
    }
    let terminal: Channel<console::Service> = name_space::open("console")?;
    drop(terminal);
    let ai: Channel<ai::Service> = name_space::open("ai")?;
    match ai.call(&ai::Request::Limits)? {
        ai::Reply::Limits(limits) => state.same("limits", format!("{limits:?}").as_bytes())?,
        other => return wrong(format!("ai's limits are {other:?}")),
    };
    Ok(4)
}

/// What a session of `SYS:` shows first.
fn directory(volume: &Channel<files::Service>) -> Result<(), Trouble> {
    let request = files::Request::Stat { dir: Id::ROOT, path: Default::default(), flags: files::Open::empty() };
    match volume.call(&request)? {
        files::Reply::Stat(stat) if stat.kind == files::Kind::Directory => Ok(()),
        other => wrong(format!("SYS: is {other:?}")),
    }
}

/// Sessions that are held whether their server lives or not; the last one is made anew.
fn hold(state: &mut State) -> Result<u64, Trouble> {
    if state.held.len() == HELD {
        state.held.pop();
    }
    while state.held.len() < HELD {
        state.held.push(name_space::open("SYS")?);
    }
    state.held.last().map_or(Ok(0), |last| directory(last).map(|()| 1))
}

/// Bytes go to the peer, which sends them back.
fn wire(state: &mut State) -> Result<u64, Trouble> {
    let peer = state.peer.ok_or(Error::BadArgument)?;
    let bytes = state.bytes(state.most);
    let network = state.network()?;
    let mut stream = connect(&network, peer)?;
    let (mut sent, mut back) = (0, 0);
    let mut buffer = alloc::vec![0; 16 << 10];
    while back < bytes.len() {
        let part = bytes.get(sent..(sent + (8 << 10)).min(bytes.len())).unwrap_or_default();
        stream.write_all(part)?;
        sent += part.len();
        // So that neither side's buffers fill up.
        while back < sent {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                // The peer never closes first: its host may, when the connection is broken.
                return Err(Error::Reset.into());
            }
            if buffer.get(..count) != bytes.get(back..back + count) {
                return wrong(format!("other bytes came back, from {back} on"));
            }
            back += count;
        }
    }
    Ok(1)
}

fn connect(network: &Arc<Network>, peer: Endpoint) -> Result<TcpStream, Error> {
    let until = time::after(SOON_NS);
    let mut stream =
        TcpStream::connect(network, Remote::Endpoint(peer), None, until).map_err(|failure| failure.error)?;
    stream.set_deadline(until);
    Ok(stream)
}

/// The gateway answers echoes, through the network card.
fn ping(state: &mut State) -> Result<u64, Trouble> {
    let size = (state.random.next() % 1400) as u16;
    let gateway = Address::V4([10, 0, 2, 2]);
    let pong = net::ping(gateway, state.round as u16, size, time::after(SOON_NS))?;
    if (pong.address, pong.size) != (gateway, size) {
        return wrong(format!("{} bytes from {}, asked were {size}", pong.size, pong.address));
    }
    Ok(1)
}

/// The web server's page.
fn web(state: &mut State) -> Result<u64, Trouble> {
    let network = state.network()?;
    let mut stream = connect(&network, Endpoint { address: Address::V4([127, 0, 0, 1]), port: 80 })?;
    stream.write_all(b"GET /style.css HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")?;
    let (mut answer, mut buffer) = (Vec::new(), alloc::vec![0; 8 << 10]);
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            count => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        // It ends early: its server did.
        return Err(Error::Reset.into());
    };
    let (head, body) = (text(answer.get(..end).unwrap_or_default()), answer.get(end + 4..).unwrap_or_default());
    if head.starts_with("HTTP/1.1 503") {
        return Err(Error::Unavailable.into());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    match length {
        Some(length) if head.starts_with("HTTP/1.1 200") && body.len() == length => state.same("style.css", body),
        Some(length) if body.len() < length => Err(Error::Reset.into()),
        _ => wrong(format!("httpd answers {head}")),
    }
}

/// The digits model on a pattern of ink: the same input, the same output.
fn infer(state: &mut State) -> Result<u64, Trouble> {
    let (ai, context) = match state.ai.take() {
        Some(known) => known,
        None => {
            let ai = Ai::open()?;
            let model = ai.model("digits").map_err(Error::from)?;
            let context = ai.context(model, [1, 0, 0, 0]).map_err(Error::from)?;
            (ai, context)
        }
    };
    let input: Vec<u8> = (0..64_u32).flat_map(|n| ((n * 37 % 256) as f32 / 255.0).to_le_bytes()).collect();
    let run = ai.infer(context, [1, 0, 0, 0], &[&input], &[40, 40, 4], 0).map_err(Error::from)?;
    state.ai = Some((ai, context));
    let outputs: Box<[u8]> = run.outputs.concat().into();
    state.same("the digits model's outputs", &outputs)
}
