//! KILLTEST: servers are killed at random while clients look at every answer.
//!
//! ```text
//!  settle ─► figures ─► clients start ─► [ wait ─► kill a server ─► look at the canary ] × KILLS ─► all are back
//!                                                                                                     │
//!  the same figures ◄─ settle ◄─ clients end ◄─ each client: a round without any error ◄──────────────┘
//! ```
//!
//! The small siege first lets init and the pager have the memory that they need with so many clients; they keep it. What
//! init needs at a time differs, and its table of handles has grown to the most there ever were: so one client of that siege
//! alone holds many sessions, for each of which init has a Grant. The second can't need more by chance.
//! *Settling* ends every server once and waits until it is back, so both figures are those of servers that have just
//! started. A client is a process of its own ([`client`]); an answer may be an error that the contracts allow while a
//! server is away, but never a wrong one. The *canary* is memory full of a pattern, part of it taken anew after each
//! kill: what a device or a dying server wrote where it must not would show there.

pub mod client;
mod figures;
mod room;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use command::{Failure, Outcome};
use libsys::io::{PipeReader, Read};
use libsys::protocol::process::{ServiceInfo, ServiceState, Signal};
use libsys::spawn::{Command, Stdio};
use libsys::{Error, Pool, Private, Status, println, spawn, system, time, wait_bits};
use readargs::Args;

use crate::child::{Endless, WORD};
use crate::kernel::Random;
use figures::Figures;
use room::Room;

/// Kills if nothing else is said.
const KILLS: u64 = 20;
/// Kills of the siege before the figures are taken.
const FIRST_KILLS: u64 = 8;
/// Servers that are killed if nothing else is said: all but the shell, which tells this program what to do.
const SERVERS: &[&str] = &["devd", "console", "fsd", "netd", "httpd", "aid", "pager"];
/// Services that are not killed, and why.
const SPARED: &[(&str, &str)] = &[("init", "the system ends with it"), ("shell", "this test ends with it")];
/// The longest time between two kills.
const PAUSE_NS: u64 = 300 * time::MILLISECOND;
/// How long a server may take to be back, and a client to end.
const PATIENCE_NS: u64 = 60 * time::SECOND;
/// Bytes that a client says at most.
const MOST: usize = 16 << 10;

/// The command.
pub fn run(args: &Args) -> Outcome {
    let kills = args.within("KILLS", 1..=u64::MAX)?.unwrap_or(KILLS);
    let seed = args.within("SEED", 0..=u64::MAX)?.unwrap_or(1);
    let servers: Vec<&str> = match args.string("SERVER") {
        Some(list) => list.split(',').collect(),
        None => SERVERS.to_vec(),
    };
    let peer = args.string("PEER").unwrap_or("");
    known(&servers)?;
    println!("killtest: {kills} kills of {}, seed {seed}", servers.join(", "));
    let clients: Vec<&'static str> = client::names().filter(|name| !peer.is_empty() || *name != client::WIRE).collect();
    let mut troubles = siege(FIRST_KILLS, !seed, &servers, &[&clients[..], &[client::HOLDER]].concat(), peer)?;
    settle()?;
    let before = Figures::take()?;
    troubles.extend(siege(kills, seed, &servers, &clients, peer)?);
    settle()?;
    let after = Figures::take()?;
    let mut failed = 0;
    for trouble in troubles.into_iter().chain(after.differences(&before)) {
        println!("FAIL {trouble}");
        failed += 1;
    }
    println!("killtest: {kills} kills, {failed} failed");
    Ok(if failed == 0 { Status::OK } else { Status::ERROR })
}

/// Refuses names of no service, and of one that is spared.
fn known(servers: &[&str]) -> Result<(), Failure> {
    let services = system::services().map_err(|error| Failure::about("services", error))?;
    let spared = |name: &str| SPARED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, why)| *why);
    let there: Vec<&str> = services.iter().map(|one| one.name.as_str()).filter(|name| spared(name).is_none()).collect();
    for name in servers {
        if !there.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let why = spared(name).unwrap_or("no such service");
            return Err(Failure::new(Error::NotFound, format!("{name}: {why}; there are {}", there.join(", "))));
        }
    }
    Ok(())
}

fn service(name: &str) -> Result<Option<ServiceInfo>, Error> {
    Ok(system::services()?.into_iter().find(|service| service.name.eq_ignore_ascii_case(name)))
}

/// Waits until a service has a process that is none of those before; `ready`: until it asked for work, too.
fn up(name: &str, before: u32, ready: Ready) -> Result<u32, String> {
    let until = time::after(PATIENCE_NS);
    loop {
        let service = service(name).map_err(|error| format!("{name}: {error}"))?.ok_or("it is no service")?;
        let there = service.process != 0 && service.process != before;
        if there && (ready == Ready::No || service.state == ServiceState::Running) {
            return Ok(service.process);
        }
        if service.state == ServiceState::Failed || time::now_ns() > until {
            return Err(format!("{name} does not come back: {:?}, reason {}", service.state, service.reason));
        }
        wait_bits(0, time::after(5 * time::MILLISECOND));
    }
}

/// Whether a service that has only begun to start is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ready {
    No,
    Yes,
}

/// Ends every server once, in the order of their levels, and waits until all are back and nothing changes any more.
fn settle() -> Result<(), Failure> {
    for name in SERVERS {
        if let Some(service) = service(name).map_err(|error| Failure::about(name, error))? {
            kill(service.process);
            up(name, service.process, Ready::Yes).map_err(|why| Failure::new(Error::Unavailable, why))?;
        }
    }
    // Drivers that lost their device notice it at their next access.
    for name in SERVERS {
        up(name, 0, Ready::Yes).map_err(|why| Failure::new(Error::Unavailable, why))?;
    }
    figures::quiet().map_err(|error| Failure::about("figures", error))
}

fn kill(process: u32) {
    // It may have ended by itself a moment ago.
    let _ = spawn::send(process, Signal::Force);
}

/// The kills. What went wrong, a line each.
fn siege(
    kills: u64,
    seed: u64,
    servers: &[&str],
    clients: &[&'static str],
    peer: &str,
) -> Result<Vec<String>, Failure> {
    let mut troubles = Vec::new();
    let mut random = Random(seed);
    let room = Room::of(clients)?;
    if room.little {
        println!("     little memory: clients of {:?} pages, a canary of {} + {}", room.clients, room.stays, room.anew);
    }
    let mut canary = Canary::new(&room).map_err(|error| Failure::about("canary", error))?;
    let clients: Result<Vec<Client>, Error> = clients
        .iter()
        .zip(room.clients)
        .map(|(name, pages)| Client::start(name, pages, random.next() >> 1, peer))
        .collect();
    let clients = clients.map_err(|error| Failure::about("clients", error))?;
    let mut last: Vec<u32> = servers.iter().map(|_| 0).collect();
    for number in 1..=kills {
        wait_bits(0, time::after(random.next() % PAUSE_NS));
        let which = random.next() as usize % servers.len();
        // Now and then one that only just starts.
        let ready = if random.next().is_multiple_of(4) { Ready::No } else { Ready::Yes };
        match up(servers[which], last[which], ready) {
            Ok(process) => {
                kill(process);
                last[which] = process;
            }
            Err(why) => {
                troubles.push(format!("kill {number}: {why}"));
                break;
            }
        }
        if let Err(why) = canary.look() {
            troubles.push(format!("kill {number}, {}: {why}", servers[which]));
        }
    }
    for name in SERVERS {
        if let Err(why) = up(name, 0, Ready::Yes) {
            troubles.push(why);
        }
    }
    for client in clients {
        client.end(&mut troubles);
    }
    Ok(troubles)
}

/// A client's process, and what it says.
struct Client {
    name: &'static str,
    child: Endless,
    says: PipeReader,
}

impl Client {
    fn start(name: &'static str, pages: u32, seed: u64, peer: &str) -> Result<Client, Error> {
        let pool = Pool::own()?;
        let command = Command::new("C/selftest").args([WORD, client::WORD, name, &seed.to_string(), peer]);
        let mut prepared = command.pages(pages).stdout(Stdio::Piped).prepare(&pool)?;
        let says = prepared.pipe_here(1, &pool)?;
        Ok(Client { name, child: prepared.start()?.into(), says })
    }

    /// Has it do its last rounds, and looks how it ends.
    fn end(mut self, troubles: &mut Vec<String>) {
        let _ = self.child.send(Signal::D);
        let until = time::after(PATIENCE_NS);
        let ended = loop {
            match self.child.try_wait() {
                Ok(Some(ended)) => break Some(ended),
                _ if time::now_ns() > until => break None,
                _ => wait_bits(0, time::after(10 * time::MILLISECOND)),
            };
        };
        if ended.is_none() {
            let _ = self.child.send(Signal::Force);
        }
        let mut bytes = Vec::new();
        // A client that ends with an error closes its output with the reason.
        let _ = self.says.read_to_end(&mut bytes, MOST);
        let said = String::from_utf8_lossy(&bytes).trim_end().to_string();
        match ended {
            Some(ended) if ended.code == 0 => println!("     {said}"),
            Some(ended) => {
                troubles.push(format!("client {}: code {}, {}: {said}", self.name, ended.code, ended.reason))
            }
            None => troubles.push(format!("client {} does not end: {said}", self.name)),
        }
    }
}

/// Memory that nobody else may touch.
struct Canary {
    stays: Private,
    anew: Option<Private>,
    /// Pages of the part that is taken anew.
    pages: usize,
    turn: u64,
}

impl Canary {
    fn new(room: &Room) -> Result<Canary, Error> {
        let mut stays = Private::create(&Pool::own()?, room.stays)?;
        fill(&mut stays, 0);
        Ok(Canary { stays, anew: None, pages: room.anew, turn: 0 })
    }

    /// Nothing has changed; and what is taken anew is empty.
    fn look(&mut self) -> Result<(), String> {
        if let Some(at) = changed(&self.stays, 0) {
            return Err(format!("memory of another changed, at {at:#x}"));
        }
        if let Some(at) = self.anew.as_ref().and_then(|anew| changed(anew, self.turn)) {
            return Err(format!("memory that was free a moment ago changed, at {at:#x}"));
        }
        self.anew = None;
        let pool = Pool::own().map_err(|error| format!("{error}"))?;
        let mut anew = Private::create(&pool, self.pages).map_err(|error| format!("{error}"))?;
        if let Some(at) = anew.iter().position(|byte| *byte != 0) {
            return Err(format!("new memory is not empty, at {at:#x}"));
        }
        self.turn += 1;
        fill(&mut anew, self.turn);
        self.anew = Some(anew);
        Ok(())
    }
}

fn pattern(turn: u64, at: usize) -> u64 {
    (turn << 48 ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

fn fill(memory: &mut [u8], turn: u64) {
    let (words, _) = memory.as_chunks_mut();
    words.iter_mut().enumerate().for_each(|(at, word)| *word = pattern(turn, at).to_le_bytes());
}

fn changed(memory: &[u8], turn: u64) -> Option<usize> {
    let (words, _) = memory.as_chunks();
    words.iter().enumerate().position(|(at, word)| u64::from_le_bytes(*word) != pattern(turn, at)).map(|at| at * 8)
}
