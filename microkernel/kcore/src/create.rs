//! `create` and `slice`: objects by handle.

use abi::info::Kind;
use abi::{Error, Rights};
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
        if self.v.get(pool).dying {
            return Err(Error::ServerDied);
        }
        // The handle's slot comes first: with it at hand, nothing after the object can fail.
        let name = match kind {
            Kind::Memory => {
                let Some(memory) = self.create_memory(thread, pool, x, y)? else { return Ok(Progress::Restart) };
                self.v.name(memory).any()
            }
            _ => {
                self.reserve_slot(process, pool, kind)?;
                match kind {
                    Kind::Pool => self.create_pool(pool, x, y).map(|key| self.v.name(key).any())?,
                    Kind::Process => self.create_process(pool).map(|key| self.v.name(key).any())?,
                    Kind::Thread => {
                        let home = self.lookup::<PROCESS>(thread, x, Rights::ENDOW)?.key;
                        self.create_thread(pool, home, y, z).map(|key| self.v.name(key).any())?
                    }
                    Kind::Channel => {
                        self.make_simple::<CHANNEL>(pool, Channel { pool: pool.link(), ..Channel::default() })?
                    }
                    Kind::Notification => {
                        let value = Notification { pool: pool.link(), ..Notification::default() };
                        self.make_simple::<NOTIFICATION>(pool, value)?
                    }
                    _ => return Err(Error::BadArgument),
                }
            }
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
        if self.v.get(pool).dying {
            return Err(Error::ServerDied);
        }
        let trigger = match (flags, from.object.class()) {
            (0, _) => Trigger::Level,
            (1, INTERRUPT) => Trigger::Edge,
            _ => return Err(Error::BadArgument),
        };
        let kind = Kind::from_code(from.object.class() as u64).ok_or(Error::WrongKind)?;
        self.reserve_slot(process, pool, kind)?;
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

    /// Checks that the caller's table has room beside what an object of this kind takes from the pool.
    fn reserve_slot(&self, process: ProcessKey<'id>, pool: PoolKey<'id>, kind: Kind) -> Result<(), Error> {
        let mut need = Need::default();
        self.need_slots(&mut need, process, 1)?;
        match kind {
            Kind::Pool => self.need_object::<POOL>(&mut need, pool.link()),
            Kind::Process => self.need_object::<PROCESS>(&mut need, pool.link()),
            Kind::Thread => self.need_object::<THREAD>(&mut need, pool.link()),
            Kind::Channel => self.need_object::<CHANNEL>(&mut need, pool.link()),
            Kind::Notification => self.need_object::<NOTIFICATION>(&mut need, pool.link()),
            Kind::Memory => self.need_object::<MEMORY>(&mut need, pool.link()),
            Kind::Interrupt => self.need_object::<INTERRUPT>(&mut need, pool.link()),
            Kind::IoPorts => self.need_object::<PORTS>(&mut need, pool.link()),
            Kind::Grant | Kind::Authority => return Err(Error::WrongKind),
        }
        self.check(&need)
    }

    fn make_simple<const I: u8>(
        &mut self,
        pool: PoolKey<'id>,
        value: <Objects as Class<I>>::T,
    ) -> Result<AnyName, Error>
    where
        Objects: Class<I>,
    {
        let key: Key<'id, I> = self.make(pool, value).ok_or(Error::PoolEmpty)?;
        Ok(self.v.name(key).any())
    }

    fn hand_out(&mut self, thread: ThreadKey<'id>, process: ProcessKey<'id>, entry: Entry) -> Result<Progress, Error> {
        let handle = self.insert_counted(process, entry)?;
        self.answer(thread, [handle as u64]);
        Ok(Progress::Done)
    }
}
