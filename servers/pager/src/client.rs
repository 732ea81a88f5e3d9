//! A process that is served: its handles, what lies where, and the Memories that its pages are in.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Range;

use libsys::protocol::pager::{Region, Why};
use libsys::{Access, Error, Memory, Pool, Process};
use regions::PAGE;
use regions::around::Run;
use regions::bag::Bag;
use regions::table::Table;

/// Why a fault was not repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The process is to end.
    Refused(Why),
    /// It has ended, or a Memory that its pages were to come from is gone.
    Gone,
}

/// What a system call for a process failed with, as its trouble.
impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error {
            Error::PoolEmpty | Error::TableFull => Trouble::Refused(Why::PoolEmpty),
            Error::Limit => Trouble::Refused(Why::Limit),
            Error::ServerDied | Error::NotFound => Trouble::Gone,
            _ => Trouble::Refused(Why::Wild),
        }
    }
}

/// A Memory in some process's pool that has pages of one or, after a clone, of several.
#[derive(Debug)]
pub struct Extent {
    /// It.
    pub memory: Memory,
    /// As the kernel tells it.
    pub identity: u64,
    /// The process that paid for it.
    pub owner: u32,
    /// Whether all who have pages of it are known here: not if an earlier pager shared it.
    pub known: bool,
}

/// A process.
#[derive(Debug)]
pub struct Client {
    /// Its number.
    pub number: u32,
    /// Its address space.
    pub process: Process,
    /// It pays.
    pub pool: Pool,
    /// What lies where.
    pub regions: Table<Memory>,
    /// Extents, none twice.
    pub extents: Vec<Rc<Extent>>,
    /// Whether `extents` are all that init has.
    pub complete: bool,
    bag: Bag<Rc<Extent>>,
}

/// Pages that become a process's own again at once, at most: fewer than the kernel maps in a call.
const WINDOW: u64 = 64;
const WRITE: Access = Access::READ.union(Access::WRITE);

impl Client {
    /// With what init tells.
    pub fn new(number: u32, process: Process, pool: Pool, regions: &[Region]) -> Client {
        let regions = Table::new(regions);
        Client { number, process, pool, regions, extents: Vec::new(), complete: false, bag: Bag::default() }
    }

    /// Whether it has not ended.
    pub fn lives(&self) -> bool {
        !matches!(self.process.page(PAGE as usize), Err(Error::ServerDied))
    }

    /// Maps fresh pages, the needed one at least. What is there already stays.
    pub fn fill(&mut self, run: Run, keep: impl FnMut(&Memory) -> Result<(), Error>) -> Result<Run, Trouble> {
        let (extent, first, pages) = self.take(run.pages, keep)?;
        let run = run.at_most(pages);
        let memory = &extent.memory;
        let mut result = self.process.map(memory, run.start() as usize, first as usize, pages as usize, WRITE);
        if result.is_err() && pages > 1 {
            // Something is there already, or the tables for so much can't be paid: the needed one alone, then.
            self.bag.give_back(pages - 1);
            result = self.process.map(memory, run.page as usize, first as usize, 1, WRITE);
            return self.filled(result, Run::single(run.page));
        }
        self.filled(result, run)
    }

    fn filled(&mut self, result: Result<(), Error>, run: Run) -> Result<Run, Trouble> {
        match result {
            Ok(()) => Ok(run),
            Err(error) => {
                self.bag.give_back(run.pages);
                // Another thread was faster.
                if error == Error::BadAddress { Ok(run) } else { Err(error.into()) }
            }
        }
    }

    /// Maps pages of a region's Memory, the needed one at least.
    pub fn show(&self, memory: &Memory, page: u64, run: Run, access: Access) -> Result<Run, Trouble> {
        let first = page - (run.page - run.start()) / PAGE;
        let mut result = self.process.map(memory, run.start() as usize, first as usize, run.pages as usize, access);
        let mut shown = run;
        if result.is_err() && run.pages > 1 {
            shown = Run::single(run.page);
            result = self.process.map(memory, run.page as usize, page as usize, 1, access);
        }
        match result {
            Ok(()) | Err(Error::BadAddress) => Ok(shown),
            // The Memory is gone, frozen, or too short: what was promised is not there.
            Err(Error::PoolEmpty | Error::TableFull) => Err(Trouble::Refused(Why::PoolEmpty)),
            Err(_) => Err(Trouble::Refused(Why::Wild)),
        }
    }

    /// Pages in a row out of an extent: the extent, the first page, how many. `keep` has init keep a new one.
    pub fn take(
        &mut self,
        pages: u64,
        mut keep: impl FnMut(&Memory) -> Result<(), Error>,
    ) -> Result<(Rc<Extent>, u64, u64), Trouble> {
        if let Some(taken) = self.bag.take(pages) {
            return Ok(taken);
        }
        let mut size = self.bag.size(pages);
        let memory = loop {
            match Memory::create(&self.pool, size as usize) {
                Ok(memory) => break memory,
                Err(Error::PoolEmpty) if size > 1 => size /= 2,
                Err(error) => return Err(error.into()),
            }
        };
        keep(&memory)?;
        let identity = memory.info()?.identity;
        let extent = Rc::new(Extent { memory, identity, owner: self.number, known: true });
        self.extents.push(extent.clone());
        self.bag.put(extent, size);
        self.bag.take(pages).ok_or(Trouble::Gone)
    }

    /// Whether an extent is this process's own, and nobody else has pages of it.
    pub fn alone(&self, extent: &Rc<Extent>) -> bool {
        // Two references are the process's own: its list and, for one extent, its bag.
        let own = 1 + usize::from(self.uses(extent));
        extent.known && extent.owner == self.number && Rc::strong_count(extent) == own
    }

    /// Pages around one that are mapped in a row like it, as far as a region and the window around it go: where they begin,
    /// the first one in its Memory, how many.
    pub fn alike(&self, page: u64, region: &Range<u64>) -> Result<(u64, u64, u64), Error> {
        let window = page & !(WINDOW * PAGE - 1);
        let (mut at, end) = (window.max(region.start), (window + WINDOW * PAGE).min(region.end));
        loop {
            let seen = self.process.page(at as usize)?;
            let pages = (seen.pages as u64).clamp(1, (end - at) / PAGE);
            if page < at + pages * PAGE {
                return Ok((at, seen.page as u64, pages));
            }
            at += pages * PAGE;
        }
    }

    /// Whether pages of an extent are still to come.
    pub fn uses(&self, extent: &Rc<Extent>) -> bool {
        self.bag.extent().is_some_and(|used| Rc::ptr_eq(used, extent))
    }

    /// The extent with this identity that is still there.
    pub fn extent(&self, identity: u64) -> Option<&Rc<Extent>> {
        // The Memory of a dead process may be gone, and its identity another's.
        self.extents.iter().find(|extent| extent.identity == identity && extent.memory.info().is_ok())
    }
}
