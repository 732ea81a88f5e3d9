//! The process table: numbers, parents, rights, and the records of those that ended.
//!
//! ```text
//!  add ─► new ── start ─► running ── end ─► record, if its parent lives ── reap ─► gone
//! ```
//!
//! Rules (`contracts.md` §4, §6, §13):
//! * Numbers grow and are never used again.
//! * A record counts as a process until its parent reaped it or is over itself.
//! * Rights of a child are at most its spawner's and what its image asks for.
//! * All that descends from one child of a service is a job, whoever of it is over; a job has at most [`MAX_JOB`] processes,
//!   records included.
//!
//! `K` is what the kernel has of a process; the table only keeps it.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use protocol::Error;
use protocol::process::{Ended, Rights};

use crate::Time;

/// Processes, at most, records included.
pub const MAX_PROCESSES: usize = 256;
/// Processes of one job, records included: a quarter of the table.
pub const MAX_JOB: usize = MAX_PROCESSES / 4;

/// A process to be.
#[derive(Debug, Clone)]
pub struct New {
    /// Who makes it; 0 is init.
    pub parent: u32,
    /// What people see.
    pub name: String,
    /// `contracts.md` §1.
    pub level: u8,
    /// What it may ask init for.
    pub rights: Rights,
    /// Its place in the list of services, if it is one.
    pub service: Option<usize>,
}

/// A process.
#[derive(Debug)]
pub struct Process<K> {
    /// Its number.
    pub number: u32,
    /// Who made it; 0 is init, or one who is over.
    pub parent: u32,
    /// What people see.
    pub name: String,
    /// The child of a service that it descends from, itself perhaps, which may be over; none for services.
    pub job: Option<u32>,
    /// `contracts.md` §1.
    pub level: u8,
    /// What it may ask init for.
    pub rights: Rights,
    /// Its place in the list of services, if it is one.
    pub service: Option<usize>,
    /// When it started; none while it is new.
    pub started: Option<Time>,
    /// How many of those that it made live.
    children: usize,
    /// Which BREAK bits (0–3), and SHUTDOWN (5), it handles itself.
    pub caught: u8,
    /// What the kernel has of it.
    pub kernel: K,
}

/// All processes but init.
#[derive(Debug)]
pub struct Table<K> {
    live: BTreeMap<u32, Process<K>>,
    /// By parent.
    records: BTreeMap<u32, Vec<Ended>>,
    next: u32,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        // init is number 1.
        Table { live: BTreeMap::new(), records: BTreeMap::new(), next: 2 }
    }
}

impl<K> Table<K> {
    /// Whether one more fits: to be asked before its kernel objects are made.
    ///
    /// # Errors
    /// `TableFull`; `Limit` for the job.
    pub fn room(&self, parent: u32) -> Result<(), Error> {
        let count = self.count();
        if count < MAX_JOB {
            // All of them together are no more than one job's.
            return Ok(());
        }
        if count >= MAX_PROCESSES {
            return Err(Error::TableFull);
        }
        match self.job_of(parent) {
            Some(job) if self.job_size(job) >= MAX_JOB => Err(Error::Limit),
            _ => Ok(()),
        }
    }

    /// A number for a process that is about to be made. Whether it comes to that or not, the number is used up: handles
    /// with its badge may be on their way to be closed.
    ///
    /// # Errors
    /// As [`Table::room`].
    pub fn reserve(&mut self, parent: u32) -> Result<u32, Error> {
        self.room(parent)?;
        let number = self.next;
        self.next = number.checked_add(1).ok_or(Error::TableFull)?;
        Ok(number)
    }

    /// Adds a process under its reserved number.
    ///
    /// # Errors
    /// As [`Table::room`]; what the kernel has of it comes back.
    pub fn add(&mut self, number: u32, new: New, kernel: K) -> Result<(), (Error, K)> {
        if let Err(error) = self.room(new.parent) {
            return Err((error, kernel));
        }
        let New { parent, name, level, rights, service } = new;
        let job = if service.is_some() { None } else { Some(self.job_of(parent).unwrap_or(number)) };
        if let Some(parent) = self.live.get_mut(&parent) {
            parent.children += 1;
        }
        let (started, children, caught) = (None, 0, 0);
        let process = Process { number, parent, name, job, level, rights, service, started, children, caught, kernel };
        self.live.insert(number, process);
        Ok(())
    }

    /// The process of that number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Process<K>> {
        self.live.get(&number)
    }

    /// The process of that number.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Process<K>> {
        self.live.get_mut(&number)
    }

    /// All, ascending by number.
    pub fn iter(&self) -> impl Iterator<Item = &Process<K>> {
        self.live.values()
    }

    /// The same, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process<K>> {
        self.live.values_mut()
    }

    /// Processes and records.
    #[must_use]
    pub fn count(&self) -> usize {
        self.live.len() + self.records.values().map(Vec::len).sum::<usize>()
    }

    /// A process is over: it leaves the table, its children lose their parent, and its parent gets a record.
    pub fn end(&mut self, number: u32, code: u32, reason: u16) -> Option<Process<K>> {
        let process = self.live.remove(&number)?;
        if process.children > 0 {
            for child in self.live.values_mut().filter(|p| p.parent == number) {
                child.parent = 0;
            }
        }
        self.records.remove(&number);
        if let Some(parent) = self.live.get_mut(&process.parent) {
            parent.children -= 1;
            // What never started has no end to tell of: its spawner gave it up.
            if process.started.is_some() {
                self.records.entry(process.parent).or_default().push(Ended { number, code, reason });
            }
        }
        Some(process)
    }

    /// Takes the oldest record of a child.
    ///
    /// # Errors
    /// `NoMoreEntries`: none is over.
    pub fn reap(&mut self, parent: u32) -> Result<Ended, Error> {
        let records = self.records.get_mut(&parent).ok_or(Error::NoMoreEntries)?;
        let first = records.remove(0);
        if records.is_empty() {
            self.records.remove(&parent);
        }
        Ok(first)
    }

    /// Whether `ancestor` made `number`, or made who made it, and so on.
    #[must_use]
    pub fn descends(&self, number: u32, ancestor: u32) -> bool {
        self.ancestors(number).any(|parent| parent == ancestor)
    }

    /// Whether `caller` may send signals to `number`: itself, what descends from it, or with BREAK any.
    ///
    /// # Errors
    /// `NotFound`: no such process, or none that the caller may know of; `Denied`.
    pub fn may_signal(&self, caller: u32, number: u32) -> Result<(), Error> {
        let rights = self.get(caller).map_or(Rights::empty(), |caller| caller.rights);
        if !self.live.contains_key(&number) {
            return Err(Error::NotFound);
        }
        if number == caller || rights.contains(Rights::BREAK) || self.descends(number, caller) {
            return Ok(());
        }
        Err(if rights.contains(Rights::LIST) { Error::Denied } else { Error::NotFound })
    }

    /// Whether `caller` may see `number` in lists.
    #[must_use]
    pub fn may_see(&self, caller: u32, number: u32) -> bool {
        let all = self.get(caller).is_some_and(|caller| caller.rights.contains(Rights::LIST));
        all || number == caller || self.descends(number, caller)
    }

    /// The job that a process is of; none for services.
    #[must_use]
    pub fn job_of(&self, number: u32) -> Option<u32> {
        self.get(number)?.job
    }

    /// What is counted together with a process: its job, or a service alone.
    #[must_use]
    pub fn counted_as(&self, number: u32) -> u32 {
        self.job_of(number).unwrap_or(number)
    }

    /// Its processes, and the records that they have not reaped.
    fn job_size(&self, job: u32) -> usize {
        let own = self.live.values().filter(|process| process.job == Some(job));
        own.map(|process| 1 + self.records.get(&process.number).map_or(0, Vec::len)).sum()
    }

    /// Parent, parent's parent, … as far as they live. A parent's number is below its child's, so this ends.
    fn ancestors(&self, number: u32) -> impl Iterator<Item = u32> {
        let parent = |number: u32| self.get(number).map(|p| p.parent).filter(|parent| *parent != 0);
        core::iter::successors(parent(number), move |number| parent(*number))
    }
}

/// The rights of a child: at most the spawner's, what was asked for, and what its image's manifest entry asks for.
#[must_use]
pub fn child_rights(spawner: Rights, asked: Rights, image: Rights) -> Rights {
    spawner & asked & image
}
