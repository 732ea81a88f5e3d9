//! The first objects, made by the boot code before any user code runs.

use abi::info::MemoryType;
use abi::{Error, Rights};
use kmem::{AnyName, Name};

use crate::Hw;
use crate::alloc::Need;
use crate::log::LOG_PAGES;
use crate::objects::*;
use crate::state::{Cx, LOG_LINE};

/// What init starts with.
pub struct BootObjects<'id> {
    /// The root pool.
    pub pool: PoolKey<'id>,
    /// init.
    pub process: ProcessKey<'id>,
    /// Its main thread, stopped.
    pub thread: ThreadKey<'id>,
    /// The log.
    pub log_ring: MemoryKey<'id>,
}

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// The root pool, the log, and init: a process with a stopped thread of this priority and handles 1, 2 and 6.
    pub fn first_objects(&mut self, priority: u8, buffer: u64) -> Result<BootObjects<'id>, Error> {
        self.my_core().online = true;
        let pool = self.create_root_pool(63).ok_or(Error::PoolEmpty)?;
        let log_ring = self.zeroed_memory(pool, LOG_PAGES)?;
        if let Some(ring) = self.v.managed(self.v.get(log_ring).base) {
            self.place_log(ring);
        }
        // The kernel writes there for ever, whoever closes the last handle.
        self.v.get_mut(log_ring).refs += 1;
        let process = self.create_process(pool, Need::default())?;
        let thread = self.create_thread(pool, process, priority as u64, buffer, Need::default())?;
        let value = Notification { pool: pool.link(), ..Notification::default() };
        let notification = self.make::<NOTIFICATION>(pool, value).ok_or(Error::PoolEmpty)?;
        self.bind_notification(thread, Some(notification), Name::NONE);
        let names = [
            (1, self.v.name(process).any(), 0),
            (2, self.v.name(thread).any(), 0),
            (6, self.v.name(notification).any(), u64::MAX),
        ];
        for (index, object, badge) in names {
            let entry = Entry { object, rights: Rights::all().bits(), badge, ..Entry::default() };
            self.insert_at(process, index, entry).ok_or(Error::TableFull)?;
            self.count_handle(&entry);
        }
        // The other places that a process's first handles have stay free for init to leave empty.
        Ok(BootObjects { pool, process, thread, log_ring })
    }

    /// A Memory of zeroed frames, at once.
    pub fn zeroed_memory(&mut self, pool: PoolKey<'id>, pages: u32) -> Result<MemoryKey<'id>, Error> {
        let memory = self.new_memory(pool, pages as u64, MemoryType::Ram, Need::default())?;
        self.zero_frames(memory, 0..pages);
        Ok(memory)
    }

    /// Puts a handle with these rights into a process's table.
    pub fn grant_boot(&mut self, process: ProcessKey<'id>, object: AnyName, rights: Rights) -> Result<u32, Error> {
        self.insert_counted(process, Entry { object, rights: rights.bits(), ..Entry::default() })
    }

    /// An Interrupt over lines `first` … `first + count - 1`.
    pub fn boot_lines(&mut self, pool: PoolKey<'id>, first: u32, count: u32) -> Result<AnyName, Error> {
        let value = Interrupt { first, count, pool: pool.link(), ..Interrupt::default() };
        let key = self.make::<INTERRUPT>(pool, value).ok_or(Error::PoolEmpty)?;
        Ok(self.v.name(key).any())
    }

    /// The Interrupt that a new log record raises.
    pub fn boot_log_interrupt(&mut self, pool: PoolKey<'id>) -> Result<AnyName, Error> {
        self.boot_lines(pool, LOG_LINE, 1)
    }

    /// All I/O ports.
    pub fn boot_ports(&mut self, pool: PoolKey<'id>) -> Result<AnyName, Error> {
        let value = Ports { first: 0, count: 0x1_0000, pool: pool.link(), refs: 0 };
        let key = self.make::<PORTS>(pool, value).ok_or(Error::PoolEmpty)?;
        Ok(self.v.name(key).any())
    }

    /// An Authority: what it allows stands in the handle's rights.
    pub fn boot_authority(&mut self, pool: PoolKey<'id>) -> Result<AnyName, Error> {
        let key = self.make::<AUTHORITY>(pool, Authority { pool: pool.link(), refs: 0 }).ok_or(Error::PoolEmpty)?;
        Ok(self.v.name(key).any())
    }
}
