//! `create` and `slice`: objects by handle.

use abi::info::Kind;
use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};
use kmem::{AnyName, Class, Key};

use crate::alloc::Need;
use crate::hw::Trigger;
use crate::objects::*;
use crate::state::Cx;
use crate::{Hw, Progress};

/// All that one who made an object may do with it.
const FULL: Rights = Rights::all();

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `create`.
    pub fn create(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let pool = self.lookup::<POOL>(thread, regs.argument(0), Rights::MAKE)?.key;
        let process = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let [x, y, z] = [regs.argument(2), regs.argument(3), regs.argument(4)];
        let kind = Kind::from_code(regs.argument(1)).ok_or(Error::BadArgument)?;
        if self.pool_dies(pool) && !mutant(Mutant::DyingPoolMakes) {
            return Err(Error::ServerDied);
        }
        // What the handle's slot takes is checked together with what the object takes: then nothing after can fail.
        let mut need = Need::default();
        self.need_slots(&mut need, process, 1)?;
        let name = match kind {
            Kind::Memory => {
                let Some(memory) = self.create_memory(thread, pool, x, y, need)? else {
                    return Ok(Progress::Restart);
                };
                self.v.name(memory).any()
            }
            Kind::Pool => self.create_pool(pool, x, y, z, need).map(|key| self.v.name(key).any())?,
            Kind::Process => self.create_process(pool, need).map(|key| self.v.name(key).any())?,
            Kind::Thread => {
                let home = self.lookup::<PROCESS>(thread, x, Rights::ENDOW)?.key;
                let made = self.create_thread(pool, home, y, z, need)?;
                if home == process {
                    // A process's threads are paged and supervised alike.
                    self.v.get_mut(made).fault = self.v.get(thread).fault;
                }
                self.v.name(made).any()
            }
            Kind::Channel => {
                self.make_simple::<CHANNEL>(pool, Channel { pool: pool.link(), ..Channel::default() }, need)?
            }
            Kind::Notification => {
                let value = Notification { pool: pool.link(), ..Notification::default() };
                self.make_simple::<NOTIFICATION>(pool, value, need)?
            }
            _ => return Err(Error::BadArgument),
        };
        let badge = if kind == Kind::Notification { u64::MAX } else { 0 };
        self.hand_out(thread, process, Entry { object: name, rights: FULL.bits(), badge, ..Entry::default() })
    }

    /// System call `slice`.
    pub fn slice(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let pool = self.lookup::<POOL>(thread, regs.argument(0), Rights::MAKE)?.key;
        let process = self.v.follow(self.v.get(thread).process).ok_or(Error::BadHandle)?;
        let from = self.live_entry(process, regs.argument(1))?;
        let [offset, count, flags] = [regs.argument(2), regs.argument(3), regs.argument(4)];
        if self.pool_dies(pool) {
            return Err(Error::ServerDied);
        }
        let trigger = match (flags, from.object.class()) {
            (0, _) => Trigger::Level,
            (1, INTERRUPT) => Trigger::Edge,
            _ => return Err(Error::BadArgument),
        };
        self.reserve_slice(process, pool, from.object.class())?;
        let name = if let Some(memory) = self.v.find_any::<MEMORY>(from.object) {
            let slice = self.slice_memory(pool, memory, offset, count)?;
            self.v.name(slice).any()
        } else if let Some(lines) = self.v.find_any::<INTERRUPT>(from.object) {
            if count != 1 || !from.rights().contains(Rights::USE) {
                return Err(if count != 1 { Error::BadArgument } else { Error::Denied });
            }
            let line = self.slice_interrupt(pool, lines, offset, trigger)?;
            self.v.name(line).any()
        } else if let Some(ports) = self.v.find_any::<PORTS>(from.object) {
            let part = self.slice_ports(pool, ports, offset, count)?;
            self.v.name(part).any()
        } else {
            return Err(Error::WrongKind);
        };
        self.hand_out(thread, process, Entry { object: name, ..from })
    }

    /// Checks that the caller's table has room, and the pool for the slice of an object of this class.
    fn reserve_slice(&self, process: ProcessKey<'id>, pool: PoolKey<'id>, class: u8) -> Result<(), Error> {
        let mut need = Need::default();
        self.need_slots(&mut need, process, 1)?;
        match class {
            MEMORY => self.need_object::<MEMORY>(&mut need, pool.link()),
            INTERRUPT => self.need_object::<INTERRUPT>(&mut need, pool.link()),
            PORTS => self.need_object::<PORTS>(&mut need, pool.link()),
            _ => return Err(Error::WrongKind),
        }
        self.check(&need)
    }

    fn make_simple<const I: u8>(
        &mut self,
        pool: PoolKey<'id>,
        value: <Objects as Class<I>>::T,
        mut need: Need,
    ) -> Result<AnyName, Error>
    where
        Objects: Class<I>,
    {
        self.need_object::<I>(&mut need, pool.link());
        self.check(&need)?;
        let key: Key<'id, I> = self.make(pool, value).ok_or(Error::PoolEmpty)?;
        Ok(self.v.name(key).any())
    }

    fn hand_out(&mut self, thread: ThreadKey<'id>, process: ProcessKey<'id>, entry: Entry) -> Result<Progress, Error> {
        let handle = self.insert_counted(process, entry)?;
        self.answer(thread, [handle as u64]);
        Ok(Progress::Done)
    }
}
