//! The `child` service: a process that is being made, for its spawner (`contracts.md` §4).

use libsys::abi::{places::Places, user};
use libsys::protocol::child::{Reply, Request, Service};
use libsys::protocol::start::{Flags, Header, MAX_BODY, check_body};
use libsys::{Error, Gifts, Handles, Incoming, Rights, time};
use supervise::restart::End;

use crate::start_block::{self, Block};
use crate::world::World;

/// The last index that may be given: 64 named handles.
const LAST: u16 = user::FIRST_NAMED + 63;
/// Bytes of all start blocks that are being made, at most: 1 MiB.
const MAX_BODIES: usize = 1 << 20;

impl World {
    /// A call on a child channel.
    pub fn child_call(&mut self, number: u32, incoming: Incoming) {
        let answer = match incoming.request::<Request>() {
            Ok(request) => self.child_answer(number, request, incoming.handles),
            Err(error) => Err(error),
        };
        self.receiver.reply::<Service>(incoming.token, answer.map(|()| Reply::Done));
    }

    fn child_answer(&mut self, number: u32, request: Request, handles: Handles) -> Result<(), Error> {
        let process = self.table.get_mut(number).ok_or(Error::ServerDied)?;
        let newborn = process.kernel.newborn.as_mut().ok_or(Error::InUse)?;
        match request {
            Request::Give { index } => self.give_to_child(number, index, handles),
            _ if !handles.is_empty() => Err(Error::Malformed),
            Request::Body { bytes } => {
                let own = newborn.body.len() + bytes.len();
                if own > MAX_BODY || self.bodies() + bytes.len() > MAX_BODIES {
                    return Err(Error::Limit);
                }
                let process = self.table.get_mut(number).ok_or(Error::ServerDied)?;
                process.kernel.newborn.as_mut().ok_or(Error::InUse)?.body.extend_from_slice(&bytes);
                Ok(())
            }
            Request::Start => {
                let block = core::mem::take(&mut newborn.body);
                check_body(&block)?;
                self.give_names(number)?;
                self.begin(number, &block)
            }
        }
    }

    /// Gives a new process that has its start block handles, each at its place, and starts it.
    pub fn equip_child(&mut self, number: u32, places: &[u16], mut handles: Handles) -> Result<(), Error> {
        let mut gifts = Gifts::new();
        for (at, place) in places.iter().enumerate() {
            self.prepare_gifts(number, *place, Handles::one(handles.take(at)?), &mut gifts)?;
        }
        if !gifts.is_empty() {
            self.hand_over(number, gifts)?;
        }
        self.give_names(number)?;
        self.set_off(number)
    }

    /// Bytes of start blocks of processes that are being made: they lie in init's own memory.
    fn bodies(&self) -> usize {
        self.table.iter().filter_map(|process| process.kernel.newborn.as_ref()).map(|newborn| newborn.body.len()).sum()
    }

    /// Puts handles at ascending indices.
    fn give_to_child(&mut self, number: u32, index: u16, handles: Handles) -> Result<(), Error> {
        let mut gifts = Gifts::new();
        self.prepare_gifts(number, index, handles, &mut gifts)?;
        self.hand_over(number, gifts)
    }

    /// The same, for what is given with others.
    fn prepare_gifts(&mut self, number: u32, index: u16, mut handles: Handles, gifts: &mut Gifts) -> Result<(), Error> {
        let count = handles.len() as u16;
        let last = index.checked_add(count.max(1) - 1).ok_or(Error::BadArgument)?;
        let names = index == user::NAMES_CHANNEL.index() && count == 1;
        if count == 0 || !(names || index >= user::STDIN.index() && last <= LAST) {
            return Err(Error::BadArgument);
        }
        let process = self.table.get_mut(number).ok_or(Error::ServerDied)?;
        let parent = process.parent;
        let newborn = process.kernel.newborn.as_mut().ok_or(Error::InUse)?;
        let wanted = (index..=last).fold(0_u128, |mask, i| mask | 1 << i);
        if newborn.given & wanted != 0 {
            return Err(Error::Exists);
        }
        newborn.given |= wanted;
        let rights = if names { Rights::CALL } else { Rights::all() };
        for (i, place) in (index..=last).enumerate() {
            let handle = handles.take(i)?;
            if names {
                self.hand_space(&handle, parent, number);
            }
            gifts.hand(handle, rights, place)?;
        }
        Ok(())
    }

    /// A child that was given no name space gets a copy of its spawner's.
    fn give_names(&mut self, number: u32) -> Result<(), Error> {
        let process = self.table.get(number).ok_or(Error::ServerDied)?;
        let named = 1 << user::NAMES_CHANNEL.index();
        if process.kernel.newborn.as_ref().is_some_and(|newborn| newborn.given & named != 0) {
            return Ok(());
        }
        let names = self.names_of_process(process.parent);
        self.new_space(names, number)?;
        let process = self.table.get_mut(number).ok_or(Error::ServerDied)?;
        if let Some(newborn) = process.kernel.newborn.as_mut() {
            newborn.given |= named;
        }
        Ok(())
    }

    /// Puts gifts into a process's table.
    fn hand_over(&self, number: u32, gifts: Gifts) -> Result<(), Error> {
        self.table.get(number).ok_or(Error::ServerDied)?.kernel.process.give(gifts)
    }

    /// The header of a process's start block, with a seed of its own.
    pub fn header(&mut self, number: u32, body: &[u8], paged: bool, places: &Places) -> Header {
        let mut flags = Flags::empty();
        flags.set(Flags::SEEDED, self.entropy.seeded());
        flags.set(Flags::PAGED, paged);
        let Places { heap, mappings, .. } = *places;
        Header { flags, number, body: body.len() as u32, heap, mappings, seed: self.entropy.derive() }
    }

    /// Starts a process with this start block.
    pub fn begin(&mut self, number: u32, body: &[u8]) -> Result<(), Error> {
        let process = &self.table.get(number).ok_or(Error::ServerDied)?.kernel;
        let (paged, places) = (process.paging.fault.is_some(), process.places);
        let header = &self.header(number, body, paged, &places);
        start_block::give(&self.table.get(number).ok_or(Error::ServerDied)?.kernel, Block { header, body })?;
        self.set_off(number)
    }

    /// Has a process run that has all it needs.
    fn set_off(&mut self, number: u32) -> Result<(), Error> {
        let process = self.table.get_mut(number).ok_or(Error::ServerDied)?;
        start_block::start(&process.kernel)?;
        process.kernel.newborn = None;
        process.started = Some(time::now_ns());
        Ok(())
    }

    /// The spawner's end is gone: what was not started is given up.
    pub fn child_closed(&mut self, number: u32) {
        if self.table.get(number).is_some_and(|process| process.kernel.newborn.is_some()) {
            self.end_process(number, 20, Error::Cancelled.code(), End::Own, time::now_ns());
        }
    }
}
