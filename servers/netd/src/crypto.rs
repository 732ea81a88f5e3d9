//! TLS' arithmetic on a second, lower thread: a handshake costs milliseconds, which no other connection's packets wait for.
//!
//! ```text
//!  Secure::pump ─► jobs ─► the thread: roots, configuration, Connection::process ─► done ─► CRYPTO bit ─► Secure again
//! ```
//!
//! A connection is either with the thread or with the loop, never with both.

use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};

use libsys::protocol::net::{Failure, Step, SystemRoots, Verify};
use libsys::{
    Error, Mutex, Notification, Pool,
    abi::user::Features,
    fs, random,
    thread::{self, JoinHandle, Options},
    time,
};
use netlogic::words;
use tls::{
    Aes, ClientConfig, ClientOptions, Connection, Entropy, Identity, NoEntropy, Roots, ServerName, Trust, UnixTime,
};

pub use tls::ServerConfig;

use crate::{CRYPTO, session::Key, socket::Wanted};

/// Where the system's roots are.
const CERTS: &str = "SYS:";
/// Bytes of all files of roots together.
const MAX_ROOTS: u64 = 4 << 20;
/// Bytes of the thread's stack: arithmetic of RSA and P-384, and parsing of certificates.
const STACK: usize = 256 << 10;
/// How far the thread is below the loop.
const BELOW: u8 = 8;
/// Configurations kept for the resumption of their sessions.
const KEPT: usize = 4;

/// What is to be done.
enum Work {
    /// A client's connection is to begin.
    Begin(Box<Wanted>),
    /// A connection has work.
    Process(Box<Connection>),
}

/// What came of it.
pub struct Done {
    /// Whose it is.
    pub key: Key,
    /// The connection, or why there is none.
    pub connection: Result<Box<Connection>, Failure>,
}

struct Desk {
    jobs: VecDeque<(Key, Work)>,
    done: VecDeque<Done>,
}

static DESK: Mutex<Desk> = Mutex::new(Desk { jobs: VecDeque::new(), done: VecDeque::new() });

/// The loop's side.
pub struct Crypto {
    algorithms: tls::Crypto,
    thread: Option<JoinHandle>,
}

struct Random;

impl Entropy for Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy> {
        random::fill(out).map_err(|_| NoEntropy)
    }
}

fn clock() -> Option<UnixTime> {
    time::utc_ns().ok().map(|ns| UnixTime(ns / time::SECOND))
}

impl Crypto {
    /// Without the thread: it starts with the first job.
    pub fn new() -> Crypto {
        // The ciphers find the instructions by themselves on x86_64; on aarch64 only if they were compiled for them.
        let used = cfg!(any(target_arch = "x86_64", target_feature = "aes"));
        let aes = if used && time::features().contains(Features::AES) { Aes::Hardware } else { Aes::Software };
        Crypto { algorithms: tls::Crypto::new(Arc::new(Random), Arc::new(clock), aes), thread: None }
    }

    /// A listener's configuration, from its certificate chain and key.
    pub fn server(&self, chain: &[u8], key: &[u8], protocols: Vec<String>) -> Result<ServerConfig, Error> {
        let identity = Identity::from_files(chain, key).map_err(|why| {
            libsys::log!(Warning, "a listener's identity was refused: {why}");
            Error::Certificate
        })?;
        let options = tls::ServerOptions { protocols, ..tls::ServerOptions::default() };
        ServerConfig::new(&self.algorithms, &identity, options)
            .map_err(|why| Error::from_code(why.code()).unwrap_or(Error::Tls))
    }

    /// A client's connection is to begin.
    pub fn begin(&mut self, key: Key, wanted: Box<Wanted>) -> Result<(), Error> {
        self.hand_over(key, Work::Begin(wanted))
    }

    /// A connection has work to do.
    pub fn process(&mut self, key: Key, connection: Box<Connection>) -> Result<(), Error> {
        self.hand_over(key, Work::Process(connection))
    }

    fn hand_over(&mut self, key: Key, work: Work) -> Result<(), Error> {
        if self.thread.is_none() {
            self.thread = Some(start(self.algorithms.clone())?);
        }
        DESK.lock().jobs.push_back((key, work));
        match &self.thread {
            Some(thread) => thread.notification.notify(1),
            None => Err(Error::Internal),
        }
    }

    /// What is finished.
    pub fn done(&self) -> Option<Done> {
        DESK.lock().done.pop_front()
    }
}

fn start(algorithms: tls::Crypto) -> Result<JoinHandle, Error> {
    let pool = Pool::own()?;
    let priority = (pool.info()?.ceiling as u8).saturating_sub(BELOW).max(1);
    let notification = Notification::own()?;
    let options = Options { stack: STACK, ..Options::new(priority) };
    thread::spawn(&pool, options, move || {
        let mut worker = Worker { algorithms, system: None, kept: Vec::new() };
        loop {
            let job = DESK.lock().jobs.pop_front();
            match job {
                Some((key, work)) => {
                    let connection = worker.work(work);
                    DESK.lock().done.push_back(Done { key, connection });
                    let _ = notification.notify(CRYPTO);
                }
                None => drop(libsys::wait(u64::MAX)),
            }
        }
    })
}

/// The thread's side.
struct Worker {
    algorithms: tls::Crypto,
    system: Option<Roots>,
    /// Configurations with the system's roots alone, by their protocols.
    kept: Vec<(Vec<String>, ClientConfig)>,
}

impl Worker {
    fn work(&mut self, work: Work) -> Result<Box<Connection>, Failure> {
        let mut connection = match work {
            Work::Begin(wanted) => self.begin(&wanted)?,
            Work::Process(connection) => connection,
        };
        // What a failure means, the loop reads off the connection.
        while connection.needs_handshake_work() && connection.process().is_ok() {}
        Ok(connection)
    }

    fn begin(&mut self, wanted: &Wanted) -> Result<Box<Connection>, Failure> {
        let name = ServerName::parse(&wanted.tls.server_name)
            .ok_or_else(|| failure(Error::Tls, "the server's name is neither a host name nor an address"))?;
        let config = self.config(wanted)?;
        Ok(Box::new(Connection::client(&config, name)))
    }

    fn config(&mut self, wanted: &Wanted) -> Result<ClientConfig, Failure> {
        let protocols: Vec<String> = wanted.tls.alpn.iter().map(|name| name.as_str().into()).collect();
        let usual = wanted.roots.is_empty()
            && wanted.tls.system_roots == SystemRoots::Used
            && wanted.tls.verify == Verify::Full;
        if usual && let Some((_, config)) = self.kept.iter().find(|(kept, _)| *kept == protocols) {
            return Ok(config.clone());
        }
        let trust = match wanted.tls.verify {
            Verify::Nothing => Trust::Anyone,
            Verify::Full => Trust::Roots(self.roots(wanted)?),
        };
        let options = ClientOptions { protocols: protocols.clone(), ..ClientOptions::default() };
        let config = ClientConfig::new(&self.algorithms, trust, options).map_err(|why| words::tls_failure(&why))?;
        if usual {
            if self.kept.len() >= KEPT {
                self.kept.remove(0);
            }
            self.kept.push((protocols, config.clone()));
        }
        Ok(config)
    }

    fn roots(&mut self, wanted: &Wanted) -> Result<Roots, Failure> {
        let mut roots = match wanted.tls.system_roots {
            SystemRoots::Ignored => Roots::new(),
            SystemRoots::Used => self.system_roots(!wanted.roots.is_empty())?,
        };
        if !wanted.roots.is_empty() {
            roots.add(&wanted.roots).map_err(|why| {
                let text = alloc::format!("the certificates that were given: {why}");
                failure(Error::Certificate, &text)
            })?;
        }
        Ok(roots)
    }

    /// The files of SYS:certs, read at the first need. `others`: there are roots besides, so that none here is no error.
    fn system_roots(&mut self, others: bool) -> Result<Roots, Failure> {
        if self.system.is_none() {
            match read_roots() {
                Ok(roots) => self.system = Some(roots),
                Err(_) if others => return Ok(Roots::new()),
                Err(error) => {
                    let text = alloc::format!("the roots in SYS:certs can't be read: {}", error.text());
                    return Err(failure(error, &text));
                }
            }
        }
        Ok(self.system.clone().unwrap_or_default())
    }
}

fn read_roots() -> Result<Roots, Error> {
    let mut roots = Roots::new();
    let mut left = MAX_ROOTS;
    for entry in fs::read_dir(CERTS)? {
        let path = fs::path::join(CERTS, &entry.name);
        let bytes = fs::read(&path)?;
        left = left.checked_sub(bytes.len() as u64).ok_or(Error::Limit)?;
        if let Err(why) = roots.add(&bytes) {
            libsys::log!(Warning, "{path} has no roots: {why}");
        }
    }
    Ok(roots)
}

fn failure(error: Error, text: &str) -> Failure {
    Failure { step: Step::Tls, error, detail: libsys::protocol::Text::cut(text) }
}
