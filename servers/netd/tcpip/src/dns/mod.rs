//! The stub resolver (RFC 1034, RFC 1035, RFC 2308, RFC 5452).
//!
//! A *lookup* is a caller's; it waits for a *query*, which lookups of the same name share, so that an attacker never has
//! several chances at once (RFC 5452 §5). A query has a random id and a random source port, both new for each attempt;
//! an answer counts only from the server asked, to that port, with that id and that question. From the answer, only the
//! chain of CNAMEs that starts at the question, and the addresses at its end, are believed.

pub mod cache;

use crate::addr::Endpoint;
use crate::rng::Rng;
use crate::slab::{Slab, SocketId};
use crate::time::{Duration, Instant};
use crate::wire::dns::{Data, MAX_QUERY, Name, PORT, Record, RecordType, Response, ResponseCode, write_query};
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use cache::Cache;
use core::fmt;
use core::net::IpAddr;

/// Addresses kept of one name.
pub const MAX_ADDRESSES: usize = 8;
/// Lookups at once, finished ones that nobody took included.
pub const MAX_LOOKUPS: usize = 64;
/// Queries at once.
pub const MAX_QUERIES: usize = 32;
/// CNAMEs followed from a name to its addresses.
const MAX_CHAIN: u8 = 8;
/// Attempts a query has, over all servers.
const MAX_ATTEMPTS: u32 = 4;
/// Time for the first attempt; doubled each time.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);
/// What a negative answer without an SOA is kept.
const DEFAULT_NEGATIVE_TTL: u32 = 30;

/// The addresses of a name; never empty.
pub type Addresses = Vec<IpAddr>;

/// Why a name has no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResolveError {
    /// The name doesn't exist.
    NameUnknown,
    /// The name exists, without an address of the kind asked for.
    NoAddress,
    /// The text is no domain name.
    BadName,
    /// There is no name server.
    NoServer,
    /// No server answered.
    TimedOut,
    /// The servers couldn't or wouldn't answer.
    ServerFailure,
    /// Too many lookups.
    Limit,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResolveError::NameUnknown => "no such name",
            ResolveError::NoAddress => "the name has no address",
            ResolveError::BadName => "not a domain name",
            ResolveError::NoServer => "no name server",
            ResolveError::TimedOut => "no answer from a name server",
            ResolveError::ServerFailure => "the name servers failed",
            ResolveError::Limit => "too many lookups",
        })
    }
}

/// Names a lookup.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LookupId(SocketId);

struct Lookup {
    state: LookupState,
    record_type: RecordType,
    /// CNAMEs followed across queries.
    chain: u8,
}

enum LookupState {
    Waiting(Name),
    Done(Result<Addresses, ResolveError>),
}

struct Query {
    name: Name,
    record_type: RecordType,
    attempts: u32,
    /// The last attempt: server, our port, id.
    sent: Option<(Endpoint, u16, u16)>,
    deadline: Instant,
    refused: bool,
}

/// A query to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The server.
    pub server: Endpoint,
    /// Our port.
    pub port: u16,
    /// The message.
    pub bytes: Vec<u8>,
}

/// The resolver.
pub struct Resolver {
    servers: Vec<IpAddr>,
    cache: Cache,
    lookups: Slab<Lookup>,
    queries: Vec<Query>,
    finished: VecDeque<LookupId>,
}

impl Default for Resolver {
    fn default() -> Resolver {
        Resolver {
            servers: Vec::new(),
            cache: Cache::default(),
            lookups: Slab::new(MAX_LOOKUPS),
            queries: Vec::new(),
            finished: VecDeque::new(),
        }
    }
}

impl Resolver {
    /// Sets the name servers. What other servers said is forgotten.
    pub fn set_servers(&mut self, servers: impl Iterator<Item = IpAddr>) {
        let servers: Vec<IpAddr> = servers.take(crate::iface::MAX_DNS).collect();
        if servers != self.servers {
            self.servers = servers;
            self.cache.clear();
        }
    }

    /// The name servers.
    pub fn servers(&self) -> &[IpAddr] {
        &self.servers
    }

    /// Starts a lookup. Literal addresses, `localhost` and cached names are done at once, but are reported like others.
    pub fn start(&mut self, now: Instant, text: &str, record_type: RecordType) -> Result<LookupId, ResolveError> {
        let local = self.without_asking(now, text, record_type);
        let state = match local {
            Some(answer) => LookupState::Done(answer),
            None => LookupState::Waiting(Name::new(text).ok_or(ResolveError::BadName)?),
        };
        let question = match &state {
            LookupState::Waiting(name) => Some(name.clone()),
            LookupState::Done(_) => None,
        };
        if question.as_ref().is_some_and(|name| !self.can_ask(name, record_type)) {
            return Err(ResolveError::Limit);
        }
        let lookup = Lookup { state, record_type, chain: 0 };
        let id = LookupId(self.lookups.insert(lookup).map_err(|_| ResolveError::Limit)?);
        match question {
            Some(name) => self.ask(now, name, record_type),
            None => self.finished.push_back(id),
        }
        Ok(id)
    }

    fn without_asking(&self, now: Instant, text: &str, wanted: RecordType) -> Option<Result<Addresses, ResolveError>> {
        let matches = |address: &IpAddr| address.is_ipv4() == (wanted == RecordType::A);
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(if matches(&address) { Ok(vec![address]) } else { Err(ResolveError::NoAddress) });
        }
        let Some(name) = Name::new(text) else { return Some(Err(ResolveError::BadName)) };
        // RFC 6761 §6.3.
        if name.as_str() == "localhost" || name.as_str().ends_with(".localhost") {
            let address = match wanted {
                RecordType::A => IpAddr::V4(core::net::Ipv4Addr::LOCALHOST),
                RecordType::Aaaa => return Some(Err(ResolveError::NoAddress)),
            };
            return Some(Ok(vec![address]));
        }
        if self.servers.is_empty() {
            return Some(Err(ResolveError::NoServer));
        }
        self.cache.get(now, &name, wanted)
    }

    fn can_ask(&self, name: &Name, record_type: RecordType) -> bool {
        self.queries.len() < MAX_QUERIES || self.find(name, record_type).is_some()
    }

    fn find(&self, name: &Name, record_type: RecordType) -> Option<usize> {
        self.queries.iter().position(|query| query.name == *name && query.record_type == record_type)
    }

    fn ask(&mut self, now: Instant, name: Name, record_type: RecordType) {
        if self.find(&name, record_type).is_none() {
            self.queries.push(Query { name, record_type, attempts: 0, sent: None, deadline: now, refused: false });
        }
    }

    /// The next lookup that is done.
    pub fn next_finished(&mut self) -> Option<LookupId> {
        self.finished.pop_front()
    }

    /// Takes the result of a lookup that is done; the id is used up.
    pub fn take(&mut self, id: LookupId) -> Option<Result<Addresses, ResolveError>> {
        if matches!(self.lookups.get(id.0)?.state, LookupState::Waiting(_)) {
            return None;
        }
        match self.lookups.remove(id.0)?.state {
            LookupState::Done(result) => Some(result),
            LookupState::Waiting(_) => None,
        }
    }

    /// Gives a lookup up.
    pub fn cancel(&mut self, id: LookupId) {
        self.lookups.remove(id.0);
        self.finished.retain(|other| *other != id);
        self.drop_unwanted_queries();
    }

    /// Whether a query of ours uses `port`.
    pub fn owns_port(&self, port: u16) -> bool {
        self.queries.iter().any(|query| query.sent.is_some_and(|(_, ours, _)| ours == port))
    }

    /// When [`Resolver::poll`] has something to do.
    pub fn poll_at(&self) -> Option<Instant> {
        self.queries.iter().map(|query| query.deadline).min()
    }

    /// The next query to send. `free_port` gives an unused port.
    pub fn poll(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        mut free_port: impl FnMut(&mut Rng) -> u16,
    ) -> Option<Outgoing> {
        loop {
            let index = self.queries.iter().position(|query| query.deadline <= now)?;
            let query = self.queries.get_mut(index)?;
            let server = (query.attempts as usize).checked_rem(self.servers.len()).and_then(|at| self.servers.get(at));
            let (Some(server), true) = (server.copied(), query.attempts < MAX_ATTEMPTS) else {
                let error = if query.refused { ResolveError::ServerFailure } else { ResolveError::TimedOut };
                self.finish_query(index, Err(error));
                continue;
            };
            query.deadline = now + FIRST_TIMEOUT.scaled(1 << query.attempts.min(8), 1);
            query.attempts += 1;
            let (server, port, id) = (Endpoint::new(server, PORT), free_port(rng), rng.next_u16());
            query.sent = Some((server, port, id));
            let mut bytes = vec![0; MAX_QUERY];
            let len = write_query(id, &query.name, query.record_type, &mut bytes)?;
            bytes.truncate(len);
            return Some(Outgoing { server, port, bytes });
        }
    }

    /// Takes a datagram to `port`. `false`: it was not the answer to an open question.
    pub fn receive(&mut self, now: Instant, from: Endpoint, port: u16, payload: &[u8]) -> bool {
        let Some(response) = Response::parse(payload) else { return false };
        let asked = Some((from, port, response.id));
        let Some(index) = self
            .queries
            .iter()
            .position(|query| query.sent == asked && response.answers_question(&query.name, query.record_type))
        else {
            return false;
        };
        let Some(query) = self.queries.get_mut(index) else { return false };
        if response.code == ResponseCode::Failure {
            query.refused = true;
            query.sent = None;
            query.deadline = now;
            return true;
        }
        let found = Answer::read(&response, &query.name, query.record_type);
        if found.addresses.is_empty() && response.truncated {
            query.refused = true;
            query.sent = None;
            query.deadline = now;
            return true;
        }
        self.on_answer(now, index, &response, found);
        true
    }

    fn on_answer(&mut self, now: Instant, index: usize, response: &Response<'_>, found: Answer) {
        let Some(query) = self.queries.get(index) else { return };
        let (name, record_type) = (query.name.clone(), query.record_type);
        if !found.addresses.is_empty() {
            let answer = Ok(found.addresses);
            self.cache.insert(now, &name, record_type, answer.clone(), found.ttl);
            return self.finish_query(index, answer);
        }
        let negative_ttl = negative_ttl(response);
        if response.code == ResponseCode::NameError || found.end == name || negative_ttl.is_some() {
            let unknown = response.code == ResponseCode::NameError;
            let error = if unknown { ResolveError::NameUnknown } else { ResolveError::NoAddress };
            let ttl = negative_ttl.unwrap_or(DEFAULT_NEGATIVE_TTL);
            self.cache.insert(now, &name, record_type, Err(error), ttl);
            return self.finish_query(index, Err(error));
        }
        self.follow(now, index, found.end);
    }

    /// The chain leads to a name whose address the answer didn't have: the lookups wait for that one.
    fn follow(&mut self, now: Instant, index: usize, target: Name) {
        let query = self.queries.swap_remove(index);
        if let Some(answer) = self.cache.get(now, &target, query.record_type) {
            return self.finish_lookups(&query.name, query.record_type, answer);
        }
        let ids: Vec<SocketId> = self.waiting(&query.name, query.record_type);
        for id in ids {
            let Some(lookup) = self.lookups.get_mut(id) else { continue };
            lookup.chain += 1;
            if lookup.chain > MAX_CHAIN {
                lookup.state = LookupState::Done(Err(ResolveError::ServerFailure));
                self.finished.push_back(LookupId(id));
            } else {
                lookup.state = LookupState::Waiting(target.clone());
            }
        }
        if !self.waiting(&target, query.record_type).is_empty() {
            self.ask(now, target, query.record_type);
        }
    }

    fn finish_query(&mut self, index: usize, answer: Result<Addresses, ResolveError>) {
        let query = self.queries.swap_remove(index);
        self.finish_lookups(&query.name, query.record_type, answer);
    }

    fn finish_lookups(&mut self, name: &Name, record_type: RecordType, answer: Result<Addresses, ResolveError>) {
        for id in self.waiting(name, record_type) {
            if let Some(lookup) = self.lookups.get_mut(id) {
                lookup.state = LookupState::Done(answer.clone());
                self.finished.push_back(LookupId(id));
            }
        }
    }

    fn waiting(&self, name: &Name, record_type: RecordType) -> Vec<SocketId> {
        let waits = |lookup: &Lookup| {
            lookup.record_type == record_type && matches!(&lookup.state, LookupState::Waiting(other) if other == name)
        };
        self.lookups.iter().filter(|(_, lookup)| waits(lookup)).map(|(id, _)| id).collect()
    }

    fn drop_unwanted_queries(&mut self) {
        let queries = core::mem::take(&mut self.queries);
        self.queries =
            queries.into_iter().filter(|query| !self.waiting(&query.name, query.record_type).is_empty()).collect();
    }
}

/// What an answer section says about a question.
struct Answer {
    /// Where the chain of CNAMEs ends.
    end: Name,
    addresses: Addresses,
    /// The shortest TTL on the way.
    ttl: u32,
}

impl Answer {
    fn read(response: &Response<'_>, name: &Name, record_type: RecordType) -> Answer {
        let mut answer = Answer { end: name.clone(), addresses: Vec::new(), ttl: u32::MAX };
        // Records may come in any order, so each step of the chain looks at all of them.
        for _ in 0..=MAX_CHAIN {
            let mut next = None;
            for Record { name, ttl, data } in response.answers().filter(|record| record.name == answer.end) {
                let address = match (data, record_type) {
                    (Data::A(address), RecordType::A) => IpAddr::V4(address),
                    (Data::Aaaa(address), RecordType::Aaaa) => IpAddr::V6(address),
                    (Data::Cname(target), _) if target != name => {
                        next = Some((target, ttl));
                        continue;
                    }
                    _ => continue,
                };
                if answer.addresses.len() < MAX_ADDRESSES {
                    answer.addresses.push(address);
                    answer.ttl = answer.ttl.min(ttl);
                }
            }
            match next {
                Some((target, ttl)) if answer.addresses.is_empty() => {
                    answer.end = target;
                    answer.ttl = answer.ttl.min(ttl);
                }
                _ => break,
            }
        }
        answer
    }
}

/// RFC 2308 §5: the smaller of the SOA's TTL and its MINIMUM.
fn negative_ttl(response: &Response<'_>) -> Option<u32> {
    response.authorities().find_map(|record| match record.data {
        Data::Soa { minimum } => Some(record.ttl.min(minimum)),
        _ => None,
    })
}
