//! Tables that servers keep: sessions by badge, and each session's objects by id.

use alloc::{collections::BTreeMap, vec::Vec};

use protocol::{Error, Id};

/// Sessions of a server at most.
pub const MAX_SESSIONS: usize = 1024;
/// Sessions that one client process may have.
pub const MAX_SESSIONS_OF_ONE: usize = 128;
/// Sessions that the processes of one job may have together: a quarter.
pub const MAX_SESSIONS_OF_JOB: usize = MAX_SESSIONS / 4;
/// Objects of a session at most.
pub const MAX_OBJECTS: usize = 1024;

/// A session's badge: which start of the server it belongs to, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Badge {
    /// Of the server: its process number.
    pub instance: u32,
    /// Of the session, from 1, never used again.
    pub session: u32,
}

impl Badge {
    /// As the kernel carries it.
    pub const fn to_u64(self) -> u64 {
        (self.instance as u64) << 32 | self.session as u64
    }

    /// From the kernel.
    pub const fn from_u64(badge: u64) -> Badge {
        Badge { instance: (badge >> 32) as u32, session: badge as u32 }
    }
}

/// Who a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its process number.
    pub process: u64,
    /// Its job: all that descends from one child of a service; a service's own number.
    pub job: u64,
}

/// The sessions of a server.
#[derive(Debug)]
pub struct Sessions<S> {
    instance: u32,
    next: u32,
    table: BTreeMap<u32, (Client, S)>,
}

impl<S> Sessions<S> {
    /// No sessions yet. `instance` is the server's process number.
    pub fn new(instance: u32) -> Self {
        Sessions { instance, next: 1, table: BTreeMap::new() }
    }

    /// Adds a session for a client. [`Error::Limit`] when the table is full, the client has [`MAX_SESSIONS_OF_ONE`], or its job
    /// [`MAX_SESSIONS_OF_JOB`].
    pub fn open(&mut self, client: Client, session: S) -> Result<Badge, Error> {
        let (mut own, mut job) = (0, 0);
        for (other, _) in self.table.values().filter(|(other, _)| other.job == client.job) {
            own += usize::from(other.process == client.process);
            job += 1;
        }
        let full = self.table.len() >= MAX_SESSIONS || own >= MAX_SESSIONS_OF_ONE || job >= MAX_SESSIONS_OF_JOB;
        if full || self.next == u32::MAX {
            return Err(Error::Limit);
        }
        let number = self.next;
        self.next += 1;
        self.table.insert(number, (client, session));
        Ok(Badge { instance: self.instance, session: number })
    }

    /// The session of a badge: [`Error::Stale`] if it is over or another server's.
    pub fn get(&mut self, badge: u64) -> Result<&mut S, Error> {
        let badge = self.own(badge)?;
        self.table.get_mut(&badge).map(|(_, session)| session).ok_or(Error::Stale)
    }

    /// Takes a session out, at `Closed`.
    pub fn close(&mut self, badge: u64) -> Option<S> {
        let badge = self.own(badge).ok()?;
        self.table.remove(&badge).map(|(_, session)| session)
    }

    /// The client that a session was opened for.
    pub fn client(&self, badge: u64) -> Option<Client> {
        self.table.get(&self.own(badge).ok()?).map(|(client, _)| *client)
    }

    fn own(&self, badge: u64) -> Result<u32, Error> {
        let badge = Badge::from_u64(badge);
        if badge.instance == self.instance { Ok(badge.session) } else { Err(Error::Stale) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// All, with their badges.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut S)> {
        let instance = self.instance;
        let badge = move |session: u32| Badge { instance, session }.to_u64();
        self.table.iter_mut().map(move |(number, (_, session))| (badge(*number), session))
    }
}

/// A session's objects by id; id 0 is what was opened.
#[derive(Debug)]
pub struct Objects<T> {
    slots: Vec<Option<T>>,
    limit: usize,
    used: usize,
}

impl<T> Objects<T> {
    /// With object 0.
    pub fn new(root: T) -> Self {
        Objects { slots: alloc::vec![Some(root)], limit: MAX_OBJECTS, used: 1 }
    }

    /// Adds one. [`Error::Limit`] when the table is full.
    pub fn add(&mut self, object: T) -> Result<Id, Error> {
        if self.used >= self.limit {
            return Err(Error::Limit);
        }
        self.used += 1;
        // The lowest free one: a table stays as short as it can.
        match self.slots.iter().position(Option::is_none) {
            Some(i) => {
                self.slots[i] = Some(object);
                Ok(Id(i as u32))
            }
            None => {
                self.slots.push(Some(object));
                Ok(Id(self.slots.len() as u32 - 1))
            }
        }
    }

    /// The object of an id: [`Error::BadHandle`] if there is none.
    pub fn get(&self, id: Id) -> Result<&T, Error> {
        self.slots.get(id.0 as usize).and_then(Option::as_ref).ok_or(Error::BadHandle)
    }

    /// The object of an id: [`Error::BadHandle`] if there is none.
    pub fn get_mut(&mut self, id: Id) -> Result<&mut T, Error> {
        self.slots.get_mut(id.0 as usize).and_then(Option::as_mut).ok_or(Error::BadHandle)
    }

    /// Takes one out. Object 0 stays: [`Error::BadArgument`].
    pub fn remove(&mut self, id: Id) -> Result<T, Error> {
        if id == Id::ROOT {
            return Err(Error::BadArgument);
        }
        let object = self.slots.get_mut(id.0 as usize).and_then(Option::take).ok_or(Error::BadHandle)?;
        self.used -= 1;
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        Ok(object)
    }

    /// How many there are, object 0 included.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Never: object 0 is always there.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// All with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.slots.iter().enumerate().filter_map(|(i, slot)| slot.as_ref().map(|object| (Id(i as u32), object)))
    }

    /// All with their ids.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Id, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(i, slot)| slot.as_mut().map(|object| (Id(i as u32), object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that is a job of its own.
    fn alone(process: u64) -> Client {
        Client { process, job: process }
    }

    #[test]
    fn badges_of_another_start_or_a_closed_session_are_stale() {
        let mut sessions = Sessions::new(9);
        let a = sessions.open(alone(1), "a").unwrap().to_u64();
        let b = sessions.open(alone(1), "b").unwrap().to_u64();
        assert_eq!(sessions.get(b), Ok(&mut "b"));
        assert_eq!(sessions.get(a ^ 1 << 32), Err(Error::Stale));
        assert_eq!(sessions.close(a), Some("a"));
        assert_eq!(sessions.get(a), Err(Error::Stale));
        assert_eq!(sessions.close(a), None);
        assert_ne!(sessions.open(alone(1), "c").unwrap().to_u64(), a, "numbers are not used again");
    }

    #[test]
    fn one_client_takes_at_most_its_share() {
        let mut sessions = Sessions::new(1);
        for _ in 0..MAX_SESSIONS_OF_ONE {
            sessions.open(alone(5), ()).unwrap();
        }
        assert_eq!(sessions.open(alone(5), ()), Err(Error::Limit));
        for client in 0..MAX_SESSIONS - MAX_SESSIONS_OF_ONE {
            sessions.open(alone(1000 + client as u64), ()).unwrap();
        }
        assert_eq!(sessions.open(alone(6), ()), Err(Error::Limit));
    }

    #[test]
    fn nor_do_the_processes_of_a_job_take_more_together() {
        let mut sessions = Sessions::new(1);
        let first = sessions.open(Client { process: 5, job: 5 }, ()).unwrap().to_u64();
        for process in 1..MAX_SESSIONS_OF_JOB as u64 {
            sessions.open(Client { process: 5 + process % 8, job: 5 }, ()).unwrap();
        }
        assert_eq!(sessions.open(Client { process: 99, job: 5 }, ()), Err(Error::Limit));
        assert!(sessions.open(alone(99), ()).is_ok(), "others are served");
        sessions.close(first);
        assert!(sessions.open(Client { process: 99, job: 5 }, ()).is_ok());
    }

    #[test]
    fn ids_are_low_bounded_and_the_root_stays() {
        let mut objects = Objects::new('r');
        let ids: Vec<Id> = "abc".chars().map(|c| objects.add(c).unwrap()).collect();
        assert_eq!(ids, [Id(1), Id(2), Id(3)]);
        assert_eq!(objects.remove(Id(2)), Ok('b'));
        assert_eq!(objects.get(Id(2)), Err(Error::BadHandle));
        assert_eq!(objects.remove(Id(2)), Err(Error::BadHandle));
        assert_eq!(objects.add('d'), Ok(Id(2)));
        assert_eq!(objects.remove(Id(0)), Err(Error::BadArgument));
        assert_eq!(objects.get(Id(77)), Err(Error::BadHandle));
        while objects.len() < MAX_OBJECTS {
            objects.add('x').unwrap();
        }
        assert_eq!(objects.add('y'), Err(Error::Limit));
    }
}
