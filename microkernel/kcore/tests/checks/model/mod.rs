//! A naive model of the kernel: maps and lists, written apart from it, obviously right. The same calls get the same
//! answers.
//!
//! It knows one process: three clients that call, equally urgent, and a server (init) that does everything else. So
//! what is compared is who may do what (handles, rights, badges, Grants, revocation), what is told (bits, closed ends,
//! and which message comes when), and the life of pages. Times, priorities and pools are not the model's subject.

mod compare;
mod memory;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use abi::Error::{self, *};
use abi::Rights;
use kcore::objects::{CHANNEL, GRANT, MEMORY, NOTIFICATION};

pub type Object = usize;
pub type Grant = usize;

/// What a handle is.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub object: Object,
    pub rights: Rights,
    pub badge: u64,
    pub grant: Option<Grant>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Channel {
        callers: VecDeque<Call>,
        /// Each of the badges that stand together may come first.
        closed: VecDeque<Vec<u64>>,
    },
    Notification {
        bits: u64,
    },
    Memory {
        pages: Vec<Page>,
        mapped: BTreeMap<u64, Mapped>,
    },
    Grant(Grant),
}

impl Kind {
    /// Groups of ends that wait to be told.
    fn ends(&self) -> usize {
        if let Kind::Channel { closed, .. } = self { closed.len() } else { 0 }
    }
}

/// A call that waits in a channel.
#[derive(Clone, Debug)]
pub struct Call {
    pub client: usize,
    pub words: [u64; 8],
    pub badge: u64,
    pub grant: Option<Grant>,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Page {
    Data,
    Frozen,
    Code,
}

/// A page that is mapped: which, how, by which Grant, and what its handle allowed.
#[derive(Clone, Copy, Debug)]
pub struct Mapped {
    pub page: usize,
    pub access: u8,
    pub grant: Option<Grant>,
    pub allowed: u8,
}

#[derive(Clone, Debug)]
struct Cell {
    parent: Option<Grant>,
    depth: u8,
    revoked: bool,
    /// Badge or close bits, if its maker is told.
    tells: Option<u64>,
    target: Object,
    told: bool,
    /// The pool that pays for it, and whether that is gone.
    pool: usize,
    dead: bool,
    /// The object by which it is revoked.
    cell: Object,
}

/// What `recv` with a deadline that has passed returns with.
#[derive(Debug, PartialEq)]
pub enum Received {
    Closed(u64),
    Call([u64; 8], u64),
    Bits(u64),
    Deadline,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub handles: BTreeMap<u64, Held>,
    objects: Vec<Option<Kind>>,
    /// Each object's class, which it keeps after its end.
    classes: Vec<u8>,
    grants: Vec<Cell>,
    /// The notification that the server waits for, and whether bits were the last thing received.
    pub bound: Option<(Object, Option<Grant>)>,
    bits_last: bool,
    /// How each client's call ended; none while it waits.
    pub clients: [Option<Result<(), Error>>; 3],
}

impl Model {
    pub fn new_object(&mut self, kind: Kind) -> Object {
        self.classes.push(match kind {
            Kind::Channel { .. } => CHANNEL,
            Kind::Notification { .. } => NOTIFICATION,
            Kind::Memory { .. } => MEMORY,
            Kind::Grant(_) => GRANT,
        });
        self.objects.push(Some(kind));
        self.objects.len() - 1
    }

    fn alive(&self, grant: Option<Grant>) -> bool {
        grant.is_none_or(|g| !self.grants[g].revoked && !self.grants[g].dead && self.alive(self.grants[g].parent))
    }

    /// The handle, its object there and not revoked; kind and rights are up to the caller.
    pub fn live(&self, handle: u64) -> Result<Held, Error> {
        let held = *self.handles.get(&handle).ok_or(BadHandle)?;
        self.objects[held.object].as_ref().ok_or(ServerDied)?;
        if self.alive(held.grant) { Ok(held) } else { Err(Revoked) }
    }

    /// A handle to use: kind first, then whether it is there, revoked, and allowed.
    pub fn get(&self, handle: u64, class: u8, right: Rights) -> Result<Held, Error> {
        let held = *self.handles.get(&handle).ok_or(BadHandle)?;
        if self.classes[held.object] != class {
            return Err(WrongKind);
        }
        let held = self.live(handle)?;
        if held.rights.contains(right) { Ok(held) } else { Err(Denied) }
    }

    pub fn class(&self, held: &Held) -> u8 {
        self.classes[held.object]
    }

    pub fn dup(&self, handle: u64, rights: Rights) -> Result<Held, Error> {
        let held = self.live(handle)?;
        Ok(Held { rights: held.rights & rights, ..held })
    }

    /// Returns the derived handle and the Grant's.
    pub fn derive(
        &mut self,
        handle: u64,
        rights: Rights,
        badge: u64,
        close: u64,
        pool: usize,
    ) -> Result<(Held, Held), Error> {
        let held = self.live(handle)?;
        let (owner, is_note) = match self.objects[held.object].as_ref().ok_or(ServerDied)? {
            Kind::Grant(_) => return Err(WrongKind),
            Kind::Channel { .. } => (held.rights.contains(Rights::RECV), false),
            Kind::Notification { .. } => (held.rights.contains(Rights::OWNER), true),
            Kind::Memory { .. } => (false, false),
        };
        let depth = held.grant.map_or(0, |g| self.grants[g].depth) + 1;
        if depth > 4 {
            return Err(BadArgument);
        }
        let tells = owner.then_some(if is_note { close } else { badge });
        let (parent, target) = (held.grant, held.object);
        let grant = self.grants.len();
        let cell = self.new_object(Kind::Grant(grant));
        self.grants.push(Cell { parent, depth, revoked: false, tells, target, told: false, pool, dead: false, cell });
        let derived = Held {
            object: target,
            rights: held.rights & rights,
            badge: if owner { badge } else { held.badge },
            grant: Some(grant),
        };
        let cell = Held { object: cell, rights: Rights::REVOKE | Rights::TRANSFER, badge: 0, grant: None };
        Ok((derived, cell))
    }

    pub fn revoke(&mut self, handle: u64) -> Result<(), Error> {
        let held = self.get(handle, GRANT, Rights::REVOKE)?;
        let Some(Kind::Grant(grant)) = self.objects[held.object] else { return Err(WrongKind) };
        self.grants[grant].revoked = true;
        // Not what came about through Grants that died with their pools: that is undone with the ones above.
        let above = |g: &Grant| self.grants[*g].parent;
        let revoked = |g: Grant| self.grants[g].revoked && !self.grants[g].dead;
        let dead: BTreeSet<Grant> =
            (0..self.grants.len()).filter(|g| std::iter::successors(Some(*g), above).any(revoked)).collect();
        let gone = |grant: Option<Grant>| grant.is_some_and(|g| dead.contains(&g));
        for object in self.objects.iter_mut().flatten() {
            match object {
                Kind::Memory { mapped, .. } => mapped.retain(|_, m| !gone(m.grant)),
                Kind::Channel { callers, .. } => {
                    for call in callers.iter().filter(|call| gone(call.grant)) {
                        self.clients[call.client] = Some(Err(Revoked));
                    }
                    callers.retain(|call| !gone(call.grant));
                }
                _ => {}
            }
        }
        self.bound = self.bound.filter(|bound| !gone(bound.1));
        // What was unmapped may have been the last of its Memory.
        (0..self.objects.len())
            .filter(|n| self.classes[*n] == MEMORY)
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|n| self.end(n));
        Ok(())
    }

    pub fn close(&mut self, handles: &[u64]) -> Result<(), Error> {
        let good = |(n, handle)| self.handles.contains_key(handle) && !handles[..n].contains(handle);
        if !handles.iter().enumerate().all(good) {
            return Err(BadHandle);
        }
        for handle in handles {
            let held = self.handles.remove(handle).ok_or(BadHandle)?;
            self.tell(held.grant);
            self.end(held.object);
        }
        Ok(())
    }

    /// A pool goes, with the Grants that it paid for: handles through them die, mappings stay, and all ends that have not
    /// been told are.
    pub fn destroy_pool(&mut self, pool: usize) {
        let dying: Vec<Grant> =
            (0..self.grants.len()).filter(|g| self.grants[*g].pool == pool && !self.grants[*g].dead).collect();
        let marks: Vec<usize> = self.objects.iter().map(|o| o.as_ref().map_or(0, Kind::ends)).collect();
        for grant in &dying {
            let cell = &mut self.grants[*grant];
            cell.dead = true;
            let (object, told, parent, tells, target) =
                (cell.cell, std::mem::replace(&mut cell.told, true), cell.parent, cell.tells, cell.target);
            self.objects[object] = None;
            // What came about through it is undone with the one above.
            let up = |grant: &mut Option<Grant>, cells: &[Cell]| {
                while grant.is_some_and(|g| cells[g].dead) {
                    *grant = grant.and_then(|g| cells[g].parent);
                }
            };
            for object in self.objects.iter_mut().flatten() {
                match object {
                    Kind::Memory { mapped, .. } => mapped.values_mut().for_each(|m| up(&mut m.grant, &self.grants)),
                    Kind::Channel { callers, .. } => callers.iter_mut().for_each(|c| up(&mut c.grant, &self.grants)),
                    _ => {}
                }
            }
            if let Some(bound) = &mut self.bound {
                up(&mut bound.1, &self.grants);
            }
            if !told {
                self.tell_one(target, tells);
                self.tell(parent);
            }
        }
        // In which order a pool's Grants go is nobody's business.
        for (object, mark) in self.objects.iter_mut().zip(marks) {
            if let Some(Kind::Channel { closed, .. }) = object {
                let new: Vec<u64> = closed.split_off(mark).into_iter().flatten().collect();
                if !new.is_empty() {
                    closed.push_back(new);
                }
            }
        }
    }

    fn tell_one(&mut self, target: Object, tells: Option<u64>) {
        match (self.objects[target].as_mut(), tells) {
            (Some(Kind::Channel { closed, .. }), Some(badge)) => closed.push_back(vec![badge]),
            (Some(Kind::Notification { bits }), Some(close)) => *bits |= close,
            _ => {}
        }
    }

    /// Tells the owner, if this was the last handle through a Grant and those below it; and so the one above.
    fn tell(&mut self, grant: Option<Grant>) {
        let Some(grant) = grant else { return };
        let above = |g: &Grant| if self.grants[*g].dead { None } else { self.grants[*g].parent };
        let through = |g: Option<Grant>| std::iter::successors(g, above).any(|g| g == grant);
        if self.grants[grant].told || self.handles.values().any(|held| through(held.grant)) {
            return;
        }
        self.grants[grant].told = true;
        let (tells, target, parent) = (self.grants[grant].tells, self.grants[grant].target, self.grants[grant].parent);
        self.tell_one(target, tells);
        self.hand_up();
        self.tell(parent);
    }

    /// A Grant that has told its end, and to which nobody has a handle, is gone: a binding through it hangs on the one above.
    fn hand_up(&mut self) {
        let Some((_, grant)) = &mut self.bound else { return };
        while let Some(g) = *grant {
            let cell = &self.grants[g];
            let gone = cell.dead || cell.told && self.objects[cell.cell].is_none();
            if !gone {
                return;
            }
            *grant = cell.parent;
        }
    }

    /// Ends an object that has lost the handles it lives by.
    pub fn end(&mut self, object: Object) {
        let mut left = self.handles.values().filter(|held| held.object == object);
        let lives = match &self.objects[object] {
            Some(Kind::Channel { .. }) => left.any(|held| held.rights.contains(Rights::RECV)),
            Some(Kind::Memory { mapped, .. }) => left.next().is_some() || !mapped.is_empty(),
            Some(_) => left.next().is_some(),
            None => return,
        };
        if lives {
            return;
        }
        if let Some(Kind::Channel { callers, .. }) = &self.objects[object] {
            for call in callers {
                self.clients[call.client] = Some(Err(ServerDied));
            }
        }
        self.bound = self.bound.filter(|bound| bound.0 != object);
        self.objects[object] = None;
        self.hand_up();
    }

    pub fn bind(&mut self, handle: u64) -> Result<(), Error> {
        let held = self.get(handle, NOTIFICATION, Rights::OWNER)?;
        self.bound = Some((held.object, held.grant));
        Ok(())
    }

    pub fn notify(&mut self, handle: u64, set: u64) -> Result<(), Error> {
        let held = self.get(handle, NOTIFICATION, Rights::NOTIFY)?;
        if let Some(Kind::Notification { bits }) = &mut self.objects[held.object] {
            *bits |= set & held.badge;
        }
        Ok(())
    }

    /// A client calls; it waits.
    pub fn call(&mut self, client: usize, handle: u64, bytes: usize, sent: [u64; 8]) -> Result<(), Error> {
        let held = self.get(handle, CHANNEL, Rights::CALL)?;
        if let Some(Kind::Channel { callers, .. }) = &mut self.objects[held.object] {
            // What a message does not use arrives as zeros.
            let mut used: Vec<u8> = sent.iter().flat_map(|word| word.to_le_bytes()).take(bytes).collect();
            used.resize(64, 0);
            let words = std::array::from_fn(|i| u64::from_le_bytes(used[i * 8..i * 8 + 8].try_into().unwrap()));
            callers.push_back(Call { client, words, badge: held.badge, grant: held.grant });
        }
        self.clients[client] = None;
        Ok(())
    }

    /// The server polls. Of ends that are told in any order, it got the one with the badge `got`.
    pub fn receive(&mut self, handle: u64, got: u64) -> Result<Received, Error> {
        let held = self.get(handle, CHANNEL, Rights::RECV)?;
        let bound = self.bound;
        let Some(Kind::Channel { callers, closed }) = &mut self.objects[held.object] else { return Err(ServerDied) };
        if let Some(badges) = closed.front_mut() {
            let badge = badges.swap_remove(badges.iter().position(|badge| *badge == got).unwrap_or(0));
            if badges.is_empty() {
                closed.pop_front();
            }
            return Ok(Received::Closed(badge));
        }
        let call = if self.bits_last { callers.pop_front() } else { None };
        if call.is_none()
            && let Some(Some(Kind::Notification { bits })) = bound.map(|bound| &mut self.objects[bound.0])
            && *bits != 0
        {
            self.bits_last = true;
            return Ok(Received::Bits(std::mem::take(bits)));
        }
        let Some(Kind::Channel { callers, .. }) = &mut self.objects[held.object] else { return Err(ServerDied) };
        let Some(call) = call.or_else(|| callers.pop_front()) else { return Ok(Received::Deadline) };
        self.bits_last = false;
        // It is answered at once.
        self.clients[call.client] = Some(Ok(()));
        Ok(Received::Call(call.words, call.badge))
    }
}
