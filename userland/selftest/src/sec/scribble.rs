//! Shared memory is an allegation: a client writes anything into the rings of its connections while netd uses them. netd must
//! take no harm, and neither must anybody else's connections.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::names::{NameSpace, bits};
use libsys::net::{Address, Endpoint, Network, Remote, TcpListener, TcpStream};
use libsys::protocol::Id;
use libsys::protocol::net::{Event, Reply, Request, Service};
use libsys::protocol::session::{Attach, MIN_WINDOW};
use libsys::window::ClientSide;
use libsys::{Access, Channel, Error, Handles, Mapping, Memory, Pool, system, thread, time};

use crate::checks::{Checks, many};
use crate::kernel::Random;
use crate::threads::{finish, options};

/// Connections that are scribbled over, and rounds with each.
const CONNECTIONS: u64 = 6;
const ROUNDS: u64 = 400;
/// Bytes of a ring.
const RING: u32 = 16 << 10;
/// Words of a ring's header: producer's and consumer's.
const WORDS: [usize; 6] = [0x00, 0x08, 0x40, 0x48, 0x80, 0x88];
/// How long a request may take.
const SOON_NS: u64 = 5 * time::SECOND;

/// Scribbles over connections, one after the other, and has others use the network meanwhile.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let before = netd()?;
    let (mut good, mut races) = (0, 0);
    for seed in 0..many(CONNECTIONS) {
        let result = connection(seed);
        checks.check(format!("connection {seed}"), result.as_ref().map(drop).map_err(|why| why.clone()));
        good += u64::from(result.is_ok());
        races += result.unwrap_or(0);
    }
    checks.equal("connections of others beside those with nonsense in their rings", good, many(CONNECTIONS));
    checks.holds(format!("{races} times netd had written to a word between two that were written over it"), races > 0);
    checks.equal("netd is the one it was", netd()?, before);
    Ok(())
}

/// netd's process and restarts.
pub fn netd() -> Result<(u32, u32), Error> {
    let services = system::services()?;
    let netd = services.iter().find(|service| service.name.eq_ignore_ascii_case("netd")).ok_or(Error::NotFound)?;
    Ok((netd.process, netd.restarts))
}

/// A connection to oneself whose both ends have nonsense in their rings, and another that works meanwhile; how many words netd wrote
/// between two that were scribbled over them.
fn connection(seed: u64) -> Result<u64, String> {
    let step = |what: &'static str| move |error: Error| format!("{what}: {error}");
    let channel: Channel<Service> = NameSpace::own().open("net").map_err(step("open"))?;
    let pool = Pool::own().map_err(step("pool"))?;
    let request = Attach { window: MIN_WINDOW, slots: 0 };
    let side = ClientSide::attach(&channel, request, &pool, bits::take_pair(), 0).map_err(step("attach"))?;
    let deadline = time::after(SOON_NS);
    let here = Endpoint { address: Address::V4([127, 0, 0, 1]), port: 0 };
    let (listener, local) =
        opened(&channel, &Request::Listen { local: here, backlog: 2, tls: None }).map_err(step("listen"))?;
    let remote = Remote::Endpoint(Endpoint { port: local.port, ..here });
    let (client, _) = opened(&channel, &Request::Connect { remote, tls: None, deadline }).map_err(step("connect"))?;
    let connected = channel.call(&Request::Wait { id: client, event: Event::Connected, deadline });
    match connected.map_err(step("wait"))? {
        Reply::State(state) if state.failure.is_none() => {}
        other => return Err(format!("wait: {other:?}")),
    }
    let accepted = channel.call(&Request::Accept { id: listener, deadline }).map_err(step("accept"))?;
    let Reply::Accepted { id: server, .. } = accepted else { return Err("accept: another answer".into()) };
    let ours = rings(&channel, client).map_err(step("rings"))?;
    let theirs = rings(&channel, server).map_err(step("rings"))?;
    let (over, met) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (end, count) = (over.clone(), met.clone());
    // One thread writes into one end's without a pause, this one into the other's, rings and asks.
    let scribbler = thread::spawn(&pool, options().map_err(step("thread"))?, move || {
        let (mut random, mut scribbler) = (Random(seed), Scribbler::default());
        while !end.load(Ordering::Acquire) {
            scribbler.scribble(&theirs, &mut random);
        }
        count.fetch_add(scribbler.met, Ordering::Relaxed);
    })
    .map_err(step("thread"))?;
    let (mut random, mut own) = (Random(!seed), Scribbler::default());
    for _ in 0..ROUNDS {
        own.scribble(&ours, &mut random);
        let _ = side.bell.ring();
        if random.next().is_multiple_of(32) {
            let _ = channel.call(&Request::State { id: client });
        }
    }
    let works = another();
    over.store(true, Ordering::Release);
    finish(scribbler);
    bits::give_pair(side.pair);
    works.map_err(step("another")).map(|()| own.met + met.load(Ordering::Relaxed))
}

fn opened(channel: &Channel<Service>, request: &Request) -> Result<(Id, Endpoint), Error> {
    match channel.call(request)? {
        Reply::Opened { id, local } => Ok((id, local)),
        _ => Err(Error::Protocol),
    }
}

/// A socket's rings, mapped, and where each begins.
type Rings = (Mapping, [usize; 2]);

fn rings(channel: &Channel<Service>, id: Id) -> Result<Rings, Error> {
    let (reply, handles) = channel.call_with(&Request::Rings { id, size: RING }, Handles::none())?;
    let Reply::Rings { send, receive, pages, .. } = reply else { return Err(Error::Protocol) };
    let [memory] = handles.exactly()?;
    let mapping = Memory::adopt(memory).map_part(0, pages as usize, Access::READ | Access::WRITE)?;
    Ok((mapping, [send as usize, receive as usize]))
}

/// Who writes into the headers of two rings: what it wrote last into each word.
#[derive(Default)]
struct Scribbler {
    last: [[Option<u64>; WORDS.len()]; 2],
    /// Words that netd had written since: it was in the middle of what these rings are for.
    met: u64,
}

impl Scribbler {
    /// Writes a word somewhere in a header: a small step, an edge, or anything.
    fn scribble(&mut self, (mapping, starts): &Rings, random: &mut Random) {
        let (ring, at) = (random.next() as usize % 2, random.next() as usize % WORDS.len());
        let Ok(word) = mapping.double(starts[ring] + WORDS[at]) else { return };
        let old = word.load(Ordering::Relaxed);
        let new = match random.next() % 5 {
            0 => random.next(),
            1 => old.wrapping_add(random.next() % 64),
            2 => old.wrapping_add(u64::from(RING)),
            3 => u64::MAX,
            _ => random.next() & 0x1_0000_0001,
        };
        let found = word.swap(new, Ordering::Relaxed);
        let last = self.last[ring][at].replace(new);
        self.met += u64::from(last.is_some_and(|last| last != found));
    }
}

/// A connection as it should be.
pub fn another() -> Result<(), Error> {
    let network = Network::open()?;
    let here = Endpoint { address: Address::V4([127, 0, 0, 1]), port: 0 };
    let listener = TcpListener::bind(&network, here, 2, None)?;
    let until = time::after(SOON_NS);
    let mut client =
        TcpStream::connect(&network, Remote::Endpoint(Endpoint { port: listener.local().port, ..here }), None, until)
            .map_err(|failure| failure.error)?;
    let mut server = listener.accept(until)?;
    client.set_deadline(until);
    server.set_deadline(until);
    let sent: Vec<u8> = (0..4096_u32).map(|n| (n * 7) as u8).collect();
    client.write_all(&sent)?;
    let mut back = alloc::vec![0; sent.len()];
    let mut got = 0;
    while got < back.len() {
        got += match server.read(&mut back[got..])? {
            0 => return Err(Error::BrokenPipe),
            count => count,
        };
    }
    if back == sent { Ok(()) } else { Err(Error::Corrupt) }
}
