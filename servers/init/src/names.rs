//! The `names` service: name spaces, and opening what they lead to (`contracts.md` §7).
//!
//! A space belongs to a process: what it opens is counted on it, and the server is told its number. A copy belongs to who
//! made it until it is given to a child. With its process a space ends, wherever its handle is by then.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use archive::manifest::SHELL_LEVEL;
use libsys::abi::user;
use libsys::names::bits;
use libsys::protocol::names::{Reply, Request, Service};
use libsys::protocol::{List, Text};
use libsys::protocol::{Protocol, ai, console, device, fs, net};
use libsys::{Error, Grant, Handles, Incoming, OwnedHandle, Rights, time};
use namespace::{Binding, Table};
use supervise::opens::Wanted;

use crate::badge::Badge;
use crate::world::World;

/// Name spaces, at most: two for each process.
const MAX_SPACES: usize = 512;
/// Of one job, or of one service beside its jobs: a quarter.
const MAX_SPACES_EACH: usize = MAX_SPACES / 4;
/// What all name spaces may weigh, and those of one job: they lie in init's own memory.
const MAX_WEIGHT: usize = 2 << 20;
const MAX_WEIGHT_EACH: usize = MAX_WEIGHT / 4;

/// A name space.
#[derive(Debug)]
pub struct Space {
    /// Its names.
    pub table: Table,
    /// The process it belongs to.
    pub owner: u32,
    /// Whether it is a copy that was not given to a child yet.
    pub copy: bool,
}

impl World {
    /// A call on a name space's handle.
    pub fn names_call(&mut self, number: u32, incoming: Incoming) {
        let request = match incoming.request::<Request>() {
            Ok(request) if self.spaces.contains_key(&number) => request,
            Ok(_) => return incoming.token.reply::<Service>(Err(Error::NotFound)),
            Err(error) => return incoming.token.reply::<Service>(Err(error)),
        };
        let Incoming { token, handles, .. } = incoming;
        if let Request::Open { name, protocol, major, binding } = &request {
            if !handles.is_empty() {
                return token.reply::<Service>(Err(Error::Malformed));
            }
            match self.find_open(number, name, protocol, *major, *binding) {
                Ok(wanted) => self.open(wanted, token),
                Err(error) => token.reply::<Service>(Err(error)),
            }
            return;
        }
        let answer = self.names_answer(number, request, handles);
        self.receiver.reply_with::<Service>(token, answer);
    }

    fn names_answer(&mut self, number: u32, request: Request, handles: Handles) -> Result<(Reply, Handles), Error> {
        let expected = usize::from(matches!(request, Request::Give { .. }));
        if handles.len() != expected {
            return Err(Error::Malformed);
        }
        match request {
            Request::Next => return Ok((self.next_open(number)?, Handles::none())),
            Request::Give { request } => self.give(number, request, handles)?,
            Request::Refuse { request, error } => {
                let index = self.provider_of(number)?;
                let open = self.opens.finish(index, request)?;
                self.answered(index);
                open.token.reply::<Service>(Err(error));
            }
            Request::Copy => return self.copy(number),
            request => return Ok((self.edit_space(number, request)?, Handles::none())),
        }
        Ok((Reply::Done, Handles::none()))
    }

    /// Changes or shows a name space. A change that makes it too heavy is taken back.
    fn edit_space(&mut self, number: u32, request: Request) -> Result<Reply, Error> {
        let space = self.spaces.get_mut(&number).ok_or(Error::NotFound)?;
        let (owner, before) = (space.owner, space.table.clone());
        let reply = edit(&mut space.table, request)?;
        if space.table.weight() > before.weight() && self.room(owner, 0).is_err() {
            self.spaces.get_mut(&number).ok_or(Error::NotFound)?.table = before;
            return Err(Error::Limit);
        }
        Ok(reply)
    }

    /// Whether a process may have one more name space of this weight, beside what its job has.
    fn room(&self, owner: u32, weight: usize) -> Result<(), Error> {
        let total = weight + self.spaces.values().map(|space| space.table.weight()).sum::<usize>();
        if self.spaces.len() < MAX_SPACES_EACH && total <= MAX_WEIGHT_EACH {
            // All of them together are no more than one job's.
            return Ok(());
        }
        let own = self.table.counted_as(owner);
        let (mut each, mut count) = (weight, 0);
        for space in self.spaces.values().filter(|space| self.table.counted_as(space.owner) == own) {
            each += space.table.weight();
            count += 1;
        }
        let fits = self.spaces.len() < MAX_SPACES && count < MAX_SPACES_EACH;
        if fits && total <= MAX_WEIGHT && each <= MAX_WEIGHT_EACH { Ok(()) } else { Err(Error::Limit) }
    }

    // ---- clients ----

    /// What an open asks for, and of whom.
    fn find_open(&self, space: u32, name: &str, protocol: &str, major: u16, binding: u8) -> Result<Wanted, Error> {
        let space = self.spaces.get(&space).ok_or(Error::NotFound)?;
        let (found, bindings) = space.table.resolve(name, binding)?;
        let Binding::Service(target) = found else { return Err(Error::WrongType) };
        check_version(protocol, major)?;
        let provides = |provided: &String| provided.eq_ignore_ascii_case(&target.service);
        let provider = self.services.iter().position(|service| service.server.provides.iter().any(provides));
        Ok(Wanted {
            provider: provider.ok_or(Error::NotFound)?,
            client: space.owner,
            narrowings: target.narrowings.clone(),
            protocol: protocol.into(),
            bindings,
        })
    }

    fn open(&mut self, wanted: Wanted, token: libsys::Token) {
        let (index, now) = (wanted.provider, time::now_ns());
        let alive = self.services.get(index).is_some_and(|s| s.process().is_some() || self.due(s).is_some());
        if !alive {
            return token.reply::<Service>(Err(Error::Unavailable));
        }
        if wanted.protocol == console::Service::NAME && self.prompt == 0 {
            self.prompt = now;
        }
        match self.opens.add(wanted, token, now) {
            Ok(_) => self.ring_work(index),
            Err((error, token)) => token.reply::<Service>(Err(error)),
        }
    }

    /// Tells a server that it has work, if it does.
    pub fn ring_work(&mut self, index: usize) {
        if !self.opens.waiting(index) {
            return;
        }
        let Some(service) = self.services.get_mut(index) else { return };
        service.attention.asked(time::now_ns());
        let number = service.process();
        if let Some(process) = number.and_then(|number| self.table.get(number)) {
            let _ = process.kernel.notification.notify(bits::WORK);
        }
    }

    // ---- servers ----

    /// The service whose process owns this name space.
    fn provider_of(&self, space: u32) -> Result<usize, Error> {
        let owner = self.spaces.get(&space).filter(|space| !space.copy).ok_or(Error::NotFound)?.owner;
        self.table.get(owner).and_then(|process| process.service).ok_or(Error::Denied)
    }

    fn answered(&mut self, index: usize) {
        if let Some(service) = self.services.get_mut(index) {
            service.attention.answered();
        }
    }

    fn next_open(&mut self, space: u32) -> Result<Reply, Error> {
        let index = self.provider_of(space)?;
        if let Some(service) = self.services.get_mut(index) {
            service.ready = true;
            service.attention.answered();
        }
        let open = self.opens.take(index).ok_or(Error::NoMoreEntries)?;
        let narrowings: Vec<Text<128>> = open.narrowings.iter().map(|text| Text::cut(text)).collect();
        let reply = Reply::Work {
            request: open.number,
            narrowings: List::new(narrowings)?,
            label: open.client.into(),
            job: self.table.counted_as(open.client).into(),
            protocol: Text::cut(&open.protocol),
        };
        // It is now taken: it has to be answered too.
        if let Some(service) = self.services.get_mut(index) {
            service.attention.asked(time::now_ns());
        }
        Ok(reply)
    }

    fn give(&mut self, space: u32, request: u32, handles: Handles) -> Result<(), Error> {
        let index = self.provider_of(space)?;
        let [session] = handles.exactly()?;
        let open = self.opens.finish(index, request)?;
        self.answered(index);
        let session = self.lend(open.client, index, session);
        let reply = Reply::Opened { bindings: open.bindings };
        open.token.reply_with::<Service>(Ok((reply, Handles::one(session))));
        Ok(())
    }

    /// A session for a command, behind a Grant in its own pool by which REVOKE takes it back. One that can't be had so, for
    /// want of memory or because the service's handles are too deep already, is given as it is.
    fn lend(&mut self, client: u32, index: usize, session: OwnedHandle) -> OwnedHandle {
        let (Some(process), Some(service)) = (self.table.get_mut(client), self.services.get(index)) else {
            return session;
        };
        if process.level < SHELL_LEVEL || !process.kernel.lent.room(Grant::leads_nowhere) {
            return session;
        }
        match Grant::derive(&process.kernel.pool, &session, Rights::all()) {
            Ok((lent, grant)) => {
                process.kernel.lent.add(&service.server.name, grant);
                lent
            }
            Err(_) => session,
        }
    }

    /// Takes a service back from a process: the sessions that it was given, wherever they are by now, and the names that
    /// lead there. What it opened by them (files, connections) stays until it closes that.
    pub fn revoke(&mut self, caller: u32, number: u32, service: &str) -> Result<(), Error> {
        self.table.may_signal(caller, number)?;
        let known = self.services.iter().find(|s| s.server.name.eq_ignore_ascii_case(service));
        let server = &known.ok_or(Error::NotFound)?.server;
        let (name, provides) = (server.name.clone(), server.provides.clone());
        for space in self.spaces.values_mut().filter(|space| space.owner == number) {
            for name in names_of_services(&space.table, &provides) {
                space.table.unbind(&name, None)?;
            }
        }
        let process = self.table.get_mut(number).ok_or(Error::NotFound)?;
        process.kernel.lent.take(&name).into_iter().try_for_each(Grant::revoke)
    }

    // ---- spaces ----

    /// A name space for a process, whose handle goes into its table.
    pub fn new_space(&mut self, table: Table, owner: u32) -> Result<(), Error> {
        self.add_space(Space { table, owner, copy: false }, |world, badge| {
            let process = &world.table.get(owner).ok_or(Error::ServerDied)?.kernel.process;
            world.receiver.client_for(&world.roots.pool, badge.pack(), (process, user::NAMES_CHANNEL.index()))
        })
    }

    /// Adds a name space, with a handle that is made for its badge.
    fn add_space<T>(&mut self, space: Space, make: impl FnOnce(&World, Badge) -> Result<T, Error>) -> Result<T, Error> {
        self.room(space.owner, space.table.weight())?;
        let number = self.next_space;
        let next = number.checked_add(1).ok_or(Error::TableFull)?;
        let made = make(self, Badge::Names(number))?;
        self.next_space = next;
        self.spaces.insert(number, space);
        Ok(made)
    }

    fn copy(&mut self, number: u32) -> Result<(Reply, Handles), Error> {
        let space = self.spaces.get(&number).ok_or(Error::NotFound)?;
        let (table, owner) = (space.table.clone(), space.owner);
        let handle = self.add_space(Space { table, owner, copy: true }, World::client)?;
        Ok((Reply::Done, Handles::one(handle)))
    }

    /// A copy that its maker gives to a child becomes the child's. The badge is an allegation (a handle of another channel
    /// may have any), so only a copy of the giver's own changes hands.
    pub fn hand_space(&mut self, handle: &OwnedHandle, from: u32, to: u32) {
        let Ok(about) = handle.about() else { return };
        let Some(Badge::Names(number)) = Badge::unpack(about.badge) else { return };
        if let Some(space) = self.spaces.get_mut(&number).filter(|space| space.copy && space.owner == from) {
            (space.owner, space.copy) = (to, false);
        }
    }

    /// The names of a process: what a child gets if nothing else is said.
    pub fn names_of_process(&self, number: u32) -> Table {
        let own = self.spaces.values().find(|space| space.owner == number && !space.copy);
        own.map(|space| space.table.clone()).unwrap_or_default()
    }

    /// The last handle of a name space is gone.
    pub fn names_closed(&mut self, number: u32) {
        self.spaces.remove(&number);
    }
}

/// The names of a table that lead to one of these services.
fn names_of_services(table: &Table, services: &[String]) -> Vec<String> {
    let leads = |binding: &libsys::protocol::names::Binding| match binding {
        libsys::protocol::names::Binding::Service { service, .. } => {
            services.iter().any(|known| known.eq_ignore_ascii_case(service))
        }
        _ => false,
    };
    let parts = (0..).step_by(4).map(|skip| table.list(skip)).take_while(|part| !part.is_empty());
    let bound = parts.flatten().filter(|name| name.bindings.iter().any(leads));
    bound.map(|name| name.name.to_string()).collect()
}

/// What changes or shows a table alone.
fn edit(table: &mut Table, request: Request) -> Result<Reply, Error> {
    match request {
        Request::Bind { name, from, place } => table.bind(&name, &from, place)?,
        Request::Unbind { name, binding } => table.unbind(&name, binding)?,
        Request::Narrow { name, narrowing } => table.narrow(&name, &narrowing)?,
        Request::List { skip } => return Ok(Reply::Names(table.list(skip.into()))),
        Request::Look { name } => return Ok(Reply::Names(List::new([table.look(&name)?])?)),
        _ => return Err(Error::Malformed),
    }
    Ok(Reply::Done)
}

/// A protocol that this build knows has one version; others are the servers' to judge.
fn check_version(protocol: &str, major: u16) -> Result<(), Error> {
    let known = [
        (ai::Service::NAME, ai::Service::MAJOR),
        (console::Service::NAME, console::Service::MAJOR),
        (device::Service::NAME, device::Service::MAJOR),
        (fs::Service::NAME, fs::Service::MAJOR),
        (net::Service::NAME, net::Service::MAJOR),
    ];
    let right = known.iter().find(|(name, _)| *name == protocol).is_none_or(|(_, right)| *right == major);
    if right { Ok(()) } else { Err(Error::Version) }
}
