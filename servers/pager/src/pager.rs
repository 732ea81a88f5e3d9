//! The loop, and what a fault needs.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;

use libsys::names::bits;
use libsys::protocol::pager::{EXTENTS, Reply, Request, Service, Why};
use libsys::{Access, Channel, Error, Event, Handles, Memory, Pool, Process, Receiver, Rights, Token, env};
use regions::around::Run;
use regions::fault::{Fault, Processor};
use regions::table::Decision;

use crate::client::{Client, Extent, Trouble};
use crate::notes::Notes;

/// Fresh pages that come at once, at most: 64 KiB.
const FILL: u64 = 16;
/// Pages of a view that come at once, at most: they cost nobody memory.
const SHOW: u64 = 64;
/// Pages of a view that come at least, if there are so many.
const SHOW_LEAST: u64 = 8;

/// All that the pager has.
#[derive(Debug)]
pub struct Pager {
    faults: Receiver,
    /// The way to init.
    pub init: Init,
    /// By number.
    pub clients: BTreeMap<u32, Client>,
    /// For the next pager.
    pub notes: Notes,
}

/// The way to init.
#[derive(Debug)]
pub struct Init(Channel<Service>);

impl Init {
    /// Has init keep an extent of a process.
    pub fn keep(&self, number: u32, memory: &Memory) -> Result<(), Error> {
        let handle = memory.dup(Rights::all())?;
        self.0.call_with(&Request::Keep { number }, Handles::one(handle)).map(drop)
    }
}

impl Pager {
    /// With what init gave.
    pub fn new() -> Result<Pager, Error> {
        Ok(Pager {
            faults: Receiver::adopt(env::take_handle("faults")?),
            init: Init(Channel::adopt(env::take_handle("pager")?)),
            clients: BTreeMap::new(),
            notes: Notes::open()?,
        })
    }

    /// Serves for ever. Returns only if the channel itself fails.
    pub fn run(mut self) -> Result<core::convert::Infallible, Error> {
        self.follow_note()?;
        self.work()?;
        let mut repaired: Option<Token> = None;
        loop {
            let event = match repaired.take() {
                Some(token) => self.faults.resume_recv(token, u64::MAX)?,
                None => self.faults.recv(u64::MAX)?,
            };
            match event {
                Event::Fault(fault) => {
                    let number = fault.badge as u32;
                    match self.repair(number, &fault.words) {
                        Ok(()) => repaired = Some(fault.token),
                        Err(trouble) => {
                            fault.token.abandon();
                            if let Some(why) = self.refusal(number, trouble) {
                                self.pass_on(number, &fault.words, why);
                            }
                        }
                    }
                }
                Event::Closed(badge) => drop(self.clients.remove(&(badge as u32))),
                Event::Bits(bits) if bits & bits::WORK != 0 => self.work()?,
                // Nobody has a handle to call with.
                Event::Call(_) | Event::Bits(_) | Event::Deadline => {}
            }
        }
    }

    /// Has the thread find what it looked for.
    fn repair(&mut self, number: u32, words: &[u64; 8]) -> Result<(), Trouble> {
        let fault = Fault::read(words, Processor::own()).ok_or(Trouble::Refused(Why::Wild))?;
        let client = self.client(number)?;
        if client.regions.find(fault.page).is_none() {
            // A view that is new, perhaps.
            self.refresh(number)?;
        }
        let client = self.client(number)?;
        let entry = client.regions.find(fault.page).ok_or(Trouble::Refused(Why::Wild))?;
        match entry.decide(&fault) {
            Decision::Fill => self.fill(number, fault.page),
            Decision::Own => self.own(number, fault.page),
            Decision::Show { page, write } => self.show(number, fault.page, page, write),
            Decision::Refuse => Err(Trouble::Refused(Why::Wild)),
        }
    }

    /// Fresh pages.
    pub fn fill(&mut self, number: u32, page: u64) -> Result<(), Trouble> {
        let Pager { init, clients, .. } = self;
        let client = clients.get_mut(&number).ok_or(Trouble::Gone)?;
        let entry = client.regions.find(page).ok_or(Trouble::Refused(Why::Wild))?;
        let run = entry.around.run(page, &entry.range(), FILL);
        let run = client.fill(run, |memory| init.keep(number, memory))?;
        if let Some(entry) = client.regions.find(page) {
            entry.around.came(run);
        }
        Ok(())
    }

    /// Pages of a view.
    fn show(&mut self, number: u32, page: u64, at: u64, write: bool) -> Result<(), Trouble> {
        let client = self.clients.get_mut(&number).ok_or(Trouble::Gone)?;
        let entry = client.regions.find(page).ok_or(Trouble::Refused(Why::Wild))?;
        let region = entry.range();
        let mut run = entry.around.run(page, &region, SHOW);
        if run.pages == 1 {
            run = Run { pages: SHOW_LEAST, ..run }.at_most((region.end - page) / regions::PAGE);
        }
        let memory = match entry.memory.take() {
            Some(memory) => memory,
            None => {
                let request = Request::Backing { number, start: entry.region.start };
                let (_, handles) = self.init.0.call_with(&request, Handles::none())?;
                let [memory] = handles.exactly()?;
                memory.into()
            }
        };
        let access = if write { Access::READ | Access::WRITE } else { Access::READ };
        let shown = client.show(&memory, at, run, access);
        if let Some(entry) = client.regions.find(page) {
            entry.memory = Some(memory);
            entry.around.came(shown?);
        }
        shown.map(drop)
    }

    /// A process, asked for if it is new here.
    pub fn client(&mut self, number: u32) -> Result<&mut Client, Error> {
        if !self.clients.contains_key(&number) {
            let client = self.look(number)?;
            self.clients.insert(number, client);
        }
        self.clients.get_mut(&number).ok_or(Error::Internal)
    }

    /// What init knows of a process.
    fn look(&self, number: u32) -> Result<Client, Error> {
        let (reply, handles) = self.ask(&Request::Process { number })?;
        let Reply::Process { regions } = reply else { return Err(Error::Protocol) };
        let [process, pool] = handles.exactly()?;
        Ok(Client::new(number, Process::adopt(process), Pool::adopt(pool), &regions))
    }

    /// Its regions anew.
    fn refresh(&mut self, number: u32) -> Result<(), Error> {
        self.client(number)?.regions = self.look(number)?.regions;
        Ok(())
    }

    /// All the Memories that a process has pages in, those too that init or an earlier pager made.
    pub fn load_extents(&mut self, number: u32) -> Result<(), Error> {
        if self.client(number)?.complete {
            return Ok(());
        }
        let mut skip = 0;
        loop {
            let (reply, mut handles) = self.ask(&Request::Extents { number, skip })?;
            let Reply::Extents { shared, skip: next } = reply else { return Err(Error::Protocol) };
            for (index, shared) in shared.iter().enumerate() {
                self.add_extent(number, handles.take(index)?.into(), !shared)?;
            }
            skip = next;
            if shared.len() < EXTENTS {
                break;
            }
        }
        self.client(number)?.complete = true;
        Ok(())
    }

    /// One that may be known here already, of this process or another.
    fn add_extent(&mut self, number: u32, memory: Memory, known: bool) -> Result<(), Error> {
        // One that is gone has nobody's pages.
        let Ok(identity) = memory.info().map(|info| info.identity) else { return Ok(()) };
        if self.client(number)?.extent(identity).is_some() {
            return Ok(());
        }
        let same = self.clients.values().find_map(|client| client.extent(identity)).cloned();
        let extent = same.unwrap_or_else(|| Rc::new(Extent { memory, identity, owner: number, known }));
        self.client(number)?.extents.push(extent);
        Ok(())
    }

    /// Why a process is to end that a fault can't be repaired of. If what is gone is not the process but a Memory behind its
    /// pages (a file server's that died, say), its thread must not wait for ever.
    fn refusal(&self, number: u32, trouble: Trouble) -> Option<Why> {
        match trouble {
            Trouble::Refused(why) => Some(why),
            Trouble::Gone => self.clients.get(&number).is_some_and(Client::lives).then_some(Why::Wild),
        }
    }

    /// Not the pager's to repair: init ends the process.
    fn pass_on(&self, number: u32, words: &[u64; 8], why: Why) {
        let [a, b, c, d, e, f, ..] = *words;
        if let Err(error) = self.ask(&Request::Faulted { number, words: [a, b, c, d, e, f], why }) {
            libsys::log!(Error, "a fault of process {number} could not be told: {error}");
        }
    }

    /// Asks init.
    pub fn ask(&self, request: &Request) -> Result<(Reply, Handles), Error> {
        self.init.0.call_with(request, Handles::none())
    }
}
