//! Other processes and threads, as whoever makes them holds them: init, debuggers.

use abi::{
    Handle, Rights,
    calls::{self, Access, GIFTS, Gift},
    info::{self, ThreadState},
    user,
};
use protocol::Error;

use crate::{
    Memory, Notification, OwnedHandle, Pool, arch,
    handle::{self, typed},
    mapping, sys,
};

typed! {
    /// An address space and a table of handles.
    Process
}
typed! {
    /// A flow of control, in this process or another.
    Thread
}

/// How a process fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFigures {
    /// Pages of its tables.
    pub table_pages: u64,
    /// Handles.
    pub handles: u64,
    /// Threads.
    pub threads: u64,
    /// Pages mapped.
    pub mapped: u64,
}

/// What is mapped at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// For what; nothing, if no page is there.
    pub access: Access,
    /// Which Memory's it is, as [`crate::MemoryInfo::identity`]; 0 for what is no Memory's own.
    pub identity: u64,
    /// Which page of it.
    pub page: usize,
    /// Pages that go on alike from here; there may be more.
    pub pages: usize,
}

/// A handle that a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// In its table.
    pub handle: Handle,
    /// Of the object.
    pub kind: info::Kind,
    /// What it allows.
    pub rights: Rights,
    /// Its badge.
    pub badge: u64,
    /// Grants that it hangs on.
    pub depth: u8,
    /// Whether its object is there and none of the Grants revoked.
    pub alive: bool,
}

/// Handles for a process, up to eight, each for an index from 1 to 127.
#[derive(Debug, Default)]
pub struct Gifts {
    words: [u64; GIFTS],
    moved: u64,
    owned: [Option<OwnedHandle>; GIFTS],
    count: usize,
}

impl Gifts {
    /// None.
    pub fn new() -> Gifts {
        Gifts::default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a second handle to an object, with at most these rights: [`Error::TooManyHandles`] beyond eight.
    pub fn copy(&mut self, what: Handle, rights: Rights, index: u16) -> Result<(), Error> {
        let word = self.words.get_mut(self.count).ok_or(Error::TooManyHandles)?;
        *word = Gift::new(what, rights, index).0;
        self.count += 1;
        Ok(())
    }

    /// Adds a handle that is this process's no more once it is given.
    pub fn hand(&mut self, what: impl Into<OwnedHandle>, rights: Rights, index: u16) -> Result<(), Error> {
        let (what, at) = (what.into(), self.count);
        self.copy(what.handle(), rights, index)?;
        self.moved |= 1 << at;
        if let Some(place) = self.owned.get_mut(at) {
            *place = Some(what);
        }
        Ok(())
    }
}

impl Process {
    /// An empty one, charged to the pool.
    pub fn create(pool: &Pool) -> Result<Process, Error> {
        let (process, _) = sys::create(pool.raw(), info::Kind::Process as u64, 0, 0, 0)?;
        Ok(Process(handle::adopt(process)?))
    }

    /// Puts a second handle to an object into its table, with at most these rights, at an index from 1, or anywhere with 0.
    pub fn endow(&self, what: Handle, rights: Rights, index: u16) -> Result<Handle, Error> {
        let (there, _) = sys::dup(what.raw().into(), rights.bits().into(), self.raw(), index.into())?;
        Handle::from_raw(there as u32).ok_or(Error::Internal)
    }

    /// Puts handles into its table at once: all, or by an error none. Those that were to move are closed then.
    pub fn give(&self, gifts: Gifts) -> Result<(), Error> {
        sys::give(self.raw(), gifts.moved, gifts.words)?;
        // They are the process's now.
        for handle in gifts.owned.into_iter().flatten() {
            let _ = handle.into_handle();
        }
        Ok(())
    }

    /// Its handles, from the first; at most so many.
    pub fn handles(&self, most: usize) -> Result<alloc::vec::Vec<Held>, Error> {
        let (mut all, mut slot) = (alloc::vec::Vec::new(), 0);
        while all.len() < most {
            let [handle, kind, rights, badge, depth, alive, next, _] = sys::info(self.raw(), info::HANDLES, slot)?;
            if let (Some(handle), Some(kind)) = (Handle::from_raw(handle as u32), info::Kind::from_code(kind)) {
                let rights = Rights::from_bits_truncate(rights as u16);
                all.push(Held { handle, kind, rights, badge, depth: depth as u8, alive: alive != 0 });
            }
            // Upwards, so this ends.
            if next <= slot {
                break;
            }
            slot = next;
        }
        Ok(all)
    }

    /// Has the kernel write what it calls into a ring ([`abi::trace`]), by an Authority with LOG.
    pub fn trace(&self, ring: &Memory, log: &crate::Authority) -> Result<(), Error> {
        sys::trace(self.raw(), ring.raw(), log.raw())?;
        Ok(())
    }

    /// Maps pages of a Memory in it. An error leaves none of them.
    pub fn map(
        &self,
        memory: &Memory,
        address: usize,
        first: usize,
        pages: usize,
        access: Access,
    ) -> Result<(), Error> {
        if pages == 0 {
            return Err(Error::BadArgument);
        }
        mapping::map(self.raw(), memory.raw(), address, first, pages, access).map_err(|(error, done)| {
            let _ = sys::unmap(self.raw(), address as u64, done as u64);
            error
        })
    }

    /// Takes mappings away. Not for this process itself: [`Error::Denied`].
    pub fn unmap(&self, address: usize, pages: usize) -> Result<(), Error> {
        self.other()?;
        sys::unmap(self.raw(), address as u64, pages as u64)?;
        Ok(())
    }

    /// Changes the access of pages. Not for this process itself: [`Error::Denied`].
    pub fn protect(&self, address: usize, pages: usize, access: Access) -> Result<(), Error> {
        self.other()?;
        sys::protect(self.raw(), address as u64, pages as u64, access.bits().into())?;
        Ok(())
    }

    fn other(&self) -> Result<(), Error> {
        if self.handle() == user::OWN_PROCESS { Err(Error::Denied) } else { Ok(()) }
    }

    /// A thread in it, stopped. The kernel maps its IPC buffer at `buffer`, where nothing may be mapped.
    pub fn thread(&self, pool: &Pool, priority: u8, buffer: usize) -> Result<Thread, Error> {
        let kind = info::Kind::Thread as u64;
        let (thread, _) = sys::create(pool.raw(), kind, self.raw(), priority.into(), buffer as u64)?;
        Ok(Thread(handle::adopt(thread)?))
    }

    /// What is mapped at an address, a multiple of a page.
    pub fn page(&self, address: usize) -> Result<Seen, Error> {
        let [access, identity, page, pages, ..] = sys::info(self.raw(), info::PAGE, address as u64)?;
        let access = Access::from_bits_truncate(access as u8);
        Ok(Seen { access, identity, page: page as usize, pages: pages as usize })
    }

    /// How it fares.
    pub fn figures(&self) -> Result<ProcessFigures, Error> {
        let [table_pages, handles, threads, mapped, ..] = sys::info(self.raw(), info::PROCESS, 0)?;
        Ok(ProcessFigures { table_pages, handles, threads, mapped })
    }
}

/// How a thread fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadFigures {
    /// What it does.
    pub state: ThreadState,
    /// Its priority now.
    pub priority: u8,
    /// Its own priority.
    pub base: u8,
    /// Processor time in ns.
    pub cpu_ns: u64,
    /// Its core.
    pub core: u64,
    /// Calls it made.
    pub calls: u64,
    /// The badge of the channel whose answer it waits for.
    pub waits_for: u64,
}

impl Thread {
    /// Starts it at an address of its process. The argument arrives in its first argument register.
    ///
    /// Not for threads of this process, which [`crate::thread::spawn`] makes: whoever calls this holds another's.
    /// Before that it is set which notification its `recv` waits for, and, if that is given here, who is told of its faults.
    pub fn start(
        &self,
        (pc, sp): (usize, usize),
        argument: u64,
        fault: Option<&OwnedHandle>,
        notification: &Notification,
    ) -> Result<(), Error> {
        let fault = fault.map_or(0, OwnedHandle::raw);
        sys::start(self.raw(), pc as u64, sp as u64, argument, fault, notification.raw())?;
        Ok(())
    }

    /// Stops it.
    pub fn stop(&self) -> Result<(), Error> {
        sys::stop(self.raw())?;
        Ok(())
    }

    /// Ends it.
    pub fn destroy(self) -> Result<(), Error> {
        sys::destroy(self.raw())?;
        Ok(())
    }

    /// Sets its priority, at most its pool's ceiling.
    pub fn set_priority(&self, priority: u8) -> Result<(), Error> {
        self.config(calls::CONFIG_PRIORITY, priority.into())
    }

    /// Who is told of its faults; none leaves it stopped.
    pub fn set_fault_channel(&self, channel: Option<&OwnedHandle>) -> Result<(), Error> {
        self.config(calls::CONFIG_FAULT, channel.map_or(0, OwnedHandle::raw))
    }

    /// Which notification its `recv` waits for.
    pub fn set_notification(&self, notification: Option<&Notification>) -> Result<(), Error> {
        self.config(calls::CONFIG_NOTIFICATION, notification.map_or(0, Notification::raw))
    }

    /// The core on which alone it runs; none: any, as at first. A core that does not run is refused.
    pub fn set_core(&self, core: Option<u32>) -> Result<(), Error> {
        self.config(calls::CONFIG_CORE, core.map_or(calls::ANY_CORE, u64::from))
    }

    fn config(&self, what: u64, value: u64) -> Result<(), Error> {
        sys::config(self.raw(), what, value)?;
        Ok(())
    }

    /// How it fares.
    pub fn figures(&self) -> Result<ThreadFigures, Error> {
        let [state, priority, base, cpu_ns, core, calls, waits_for, _] = sys::info(self.raw(), info::THREAD, 0)?;
        let state = match state {
            0 => ThreadState::Stopped,
            1 => ThreadState::Ready,
            2 => ThreadState::Running,
            3 => ThreadState::Calling,
            4 => ThreadState::AwaitingReply,
            5 => ThreadState::Receiving,
            7 => ThreadState::Parked,
            _ => ThreadState::Faulted,
        };
        Ok(ThreadFigures { state, priority: priority as u8, base: base as u8, cpu_ns, core, calls, waits_for })
    }

    /// Eight of its registers from an index on, in the order of the kernel's saved registers.
    pub fn registers(&self, index: u64) -> Result<[u64; 8], Error> {
        Ok(sys::state(self.handle(), index)?)
    }
}

/// In a loop that looks for what another core does: lets that core go first, where cores share a processor. On aarch64 this is
/// YIELD; Rust's `spin_loop` is an ISB there, and emulators that run one core after the other go on with the same one.
#[inline(always)]
pub fn relax() {
    arch::relax();
}

/// Lets other ready threads of the same priority run.
pub fn yield_now() {
    let _ = sys::yield_now();
}
