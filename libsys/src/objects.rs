//! The kernel's smaller objects as typed handles: pools, notifications, grants, interrupts, ports, authorities.

use abi::{Handle, Rights, boot, calls, calls::Derived, info, user};
use protocol::Error;

use crate::{
    OwnedHandle, Process,
    handle::{self, typed},
    sys,
};

typed! {
    /// Page frames and the right to make objects from them.
    Pool
}
typed! {
    /// 64 bits to set and to wait for, with OWNER.
    Notification
}
typed! {
    /// The right to set bits of a notification: those of its badge.
    Doorbell
}
typed! {
    /// A revocation cell: revoking it ends every handle derived through it. Dropping it revokes nothing.
    Grant
}
typed! {
    /// An interrupt line or message.
    Interrupt
}
typed! {
    /// x86_64 I/O ports.
    IoPorts
}
typed! {
    /// A right that is about no object: LOG, SEAL, POWER.
    Authority
}

/// How a pool fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolInfo {
    /// Its pages.
    pub pages: u64,
    /// Of these used, sub-pools included.
    pub used: u64,
    /// Given to sub-pools.
    pub given: u64,
    /// The highest priority its threads may have.
    pub ceiling: u64,
    /// Objects in it.
    pub objects: u64,
    /// The CPU budget that pays for its threads: its own or the nearest above.
    pub budget: Option<Budget>,
    /// ns charged to that budget so far.
    pub charged_ns: u64,
}

/// Processor time on each core: so much of each period, in µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// At least 10.
    pub micros: u32,
    /// 50 to 1,000,000.
    pub period: u32,
}

impl Budget {
    /// So many per cent, in periods of this length.
    pub fn percent(percent: u8, period: u32) -> Budget {
        Budget { micros: (u64::from(period) * u64::from(percent) / 100) as u32, period }
    }

    fn word(self) -> u64 {
        u64::from(self.micros) | u64::from(self.period) << 32
    }

    fn from_word(word: u64) -> Option<Budget> {
        (word != 0).then_some(Budget { micros: word as u32, period: (word >> 32) as u32 })
    }
}

impl Pool {
    /// The process's own pool. init has it from the boot page.
    pub fn own() -> Result<Pool, Error> {
        Ok(Pool(handle::dup(own_pool(), Rights::all())?))
    }

    /// A sub-pool with so many pages, whose threads have at most this priority.
    pub fn create(&self, pages: usize, ceiling: u8) -> Result<Pool, Error> {
        self.create_limited(pages, ceiling, None)
    }

    /// The same with a CPU budget, which is taken out of the budget of the nearest pool above that has one.
    pub fn create_limited(&self, pages: usize, ceiling: u8, budget: Option<Budget>) -> Result<Pool, Error> {
        let (kind, word) = (info::Kind::Pool as u64, budget.map_or(0, Budget::word));
        let (pool, _) = sys::create(self.raw(), kind, pages as u64, ceiling.into(), word)?;
        Ok(Pool(handle::adopt(pool)?))
    }

    /// A handle to hand to a server: it can make objects in the pool, and no more.
    pub fn lend(&self) -> Result<Pool, Error> {
        self.dup(Rights::MAKE | Rights::TRANSFER)
    }

    /// Ends all that was made from it and gives the pages back.
    pub fn destroy(self) -> Result<(), Error> {
        sys::destroy(self.raw())?;
        Ok(())
    }

    /// The same, and gives up handles to what there was in it, or not.
    pub fn destroy_with(self, others: impl IntoIterator<Item = OwnedHandle>) -> Result<(), Error> {
        let destroyed = sys::destroy(self.raw());
        handle::close_all([self.into_inner()].into_iter().chain(others));
        destroyed?;
        Ok(())
    }

    /// Moves free pages to a sub-pool.
    pub fn give(&self, to: &Pool, pages: usize) -> Result<(), Error> {
        sys::pool_move(self.raw(), to.raw(), pages as u64)?;
        Ok(())
    }

    /// How it fares.
    pub fn info(&self) -> Result<PoolInfo, Error> {
        let [pages, used, given, ceiling, objects, budget, _, charged_ns] = sys::info(self.raw(), info::POOL, 0)?;
        let budget = Budget::from_word(budget);
        Ok(PoolInfo { pages, used, given, ceiling, objects, budget, charged_ns })
    }
}

/// The handle of the process's own pool; init's is set from the boot page.
pub(crate) fn own_pool() -> Handle {
    let raw = OWN_POOL.load(core::sync::atomic::Ordering::Relaxed);
    Handle::from_raw(raw).unwrap_or(user::OWN_POOL)
}

/// Overrides [`own_pool`].
pub(crate) static OWN_POOL: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

impl Notification {
    /// A new one, charged to the pool.
    pub fn create(pool: &Pool) -> Result<Notification, Error> {
        let (handle, _) = sys::create(pool.raw(), info::Kind::Notification as u64, 0, 0, 0)?;
        Ok(Notification(handle::adopt(handle)?))
    }

    /// The process's own, bound to its main thread.
    pub fn own() -> Result<Notification, Error> {
        Ok(Notification(handle::dup(user::OWN_NOTIFICATION, Rights::all())?))
    }

    /// A doorbell to give away: it sets `bits`; when the last handle through it is gone, `gone` is set. The pool pays.
    pub fn doorbell(&self, pool: &Pool, bits: u64, gone: u64) -> Result<(Doorbell, Grant), Error> {
        let rights = Rights::NOTIFY | Rights::TRANSFER;
        let (bell, grant) =
            sys::derive(pool.raw(), self.raw(), rights.bits().into(), bits, gone, Derived::WITH_GRANT.0)?;
        Ok((Doorbell(handle::adopt(bell)?), Grant(handle::adopt(grant)?)))
    }

    /// Sets bits.
    pub fn notify(&self, bits: u64) -> Result<(), Error> {
        sys::notify(self.raw(), bits)?;
        Ok(())
    }
}

impl Doorbell {
    /// Sets all bits of its badge.
    pub fn ring(&self) -> Result<(), Error> {
        sys::notify(self.raw(), u64::MAX)?;
        Ok(())
    }

    /// Sets those of the bits that its badge has.
    pub fn ring_bits(&self, bits: u64) -> Result<(), Error> {
        sys::notify(self.raw(), bits)?;
        Ok(())
    }
}

impl Grant {
    /// Ends every handle derived through it.
    pub fn revoke(self) -> Result<(), Error> {
        sys::revoke(self.raw())?;
        Ok(())
    }

    /// Whether there is nothing left that [`Grant::revoke`] would take back.
    pub fn leads_nowhere(&self) -> bool {
        sys::info(self.raw(), info::GRANT, 0).is_ok_and(|[something, ..]| something == 0)
    }

    /// A weaker handle of any kind behind a new Grant; the badge stays.
    pub fn derive(pool: &Pool, handle: &OwnedHandle, rights: Rights) -> Result<(OwnedHandle, Grant), Error> {
        let (derived, grant) =
            sys::derive(pool.raw(), handle.raw(), rights.bits().into(), 0, 0, Derived::WITH_GRANT.0)?;
        Ok((handle::adopt(derived)?, Grant(handle::adopt(grant)?)))
    }
}

impl Interrupt {
    /// One line out of a range. `edge` lines are acknowledged differently by the controller.
    pub fn slice(&self, pool: &Pool, line: u64, trigger: Trigger) -> Result<Interrupt, Error> {
        let (handle, _) = sys::slice(pool.raw(), self.raw(), line, 1, trigger as u64)?;
        Ok(Interrupt(handle::adopt(handle)?))
    }

    /// Has it set bits of a notification, and unmasks it.
    pub fn bind(&self, notification: &Notification, bits: u64) -> Result<(), Error> {
        sys::irq_bind(self.raw(), notification.raw(), bits)?;
        Ok(())
    }

    /// Unbinds and masks it.
    pub fn unbind(&self) -> Result<(), Error> {
        sys::irq_bind(self.raw(), 0, 0)?;
        Ok(())
    }

    /// Unmasks it again after it came and its cause was dealt with.
    pub fn acknowledge(&self) -> Result<(), Error> {
        sys::irq_ack(self.raw())?;
        Ok(())
    }

    /// What a device has to write where to raise it (MSI): address and data; zeros for a line.
    pub fn message(&self) -> Result<(u64, u32), Error> {
        let [_, _, address, data, ..] = sys::info(self.raw(), info::INTERRUPT, 0)?;
        Ok((address, data as u32))
    }

    /// How often it came.
    pub fn count(&self) -> Result<u64, Error> {
        let [_, _, _, _, count, ..] = sys::info(self.raw(), info::INTERRUPT, 0)?;
        Ok(count)
    }
}

/// How a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// While it is active.
    Level = 0,
    /// When it becomes active.
    Edge = 1,
}

/// Bytes of a port access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte = 1,
    /// 16 bits.
    Half = 2,
    /// 32 bits.
    Word = 4,
}

impl IoPorts {
    /// A part of the range.
    pub fn slice(&self, pool: &Pool, first: u64, count: u64) -> Result<IoPorts, Error> {
        let (handle, _) = sys::slice(pool.raw(), self.raw(), first, count, 0)?;
        Ok(IoPorts(handle::adopt(handle)?))
    }

    /// Reads the port at an offset from the range's first.
    pub fn read(&self, offset: u16, width: Width) -> Result<u32, Error> {
        let (value, _) = sys::ioport(self.raw(), width as u64, offset.into(), 0)?;
        Ok(value as u32)
    }

    /// Writes the port at an offset from the range's first.
    pub fn write(&self, offset: u16, width: Width, value: u32) -> Result<(), Error> {
        sys::ioport(self.raw(), 16 + width as u64, offset.into(), value.into())?;
        Ok(())
    }
}

impl Authority {
    /// A weaker one with a badge of one's choice, for LOG: the label of the records.
    pub fn label(&self, pool: &Pool, rights: Rights, badge: u64) -> Result<Authority, Error> {
        let (handle, _) = sys::derive(pool.raw(), self.raw(), rights.bits().into(), badge, 0, Derived::ALONE.0)?;
        Ok(Authority(handle::adopt(handle)?))
    }

    /// The same, into a process's table.
    pub fn label_for(
        &self,
        pool: &Pool,
        rights: Rights,
        badge: u64,
        (process, index): (&Process, u16),
    ) -> Result<(), Error> {
        let to = Derived::to(process.handle(), index).0;
        sys::derive(pool.raw(), self.raw(), rights.bits().into(), badge, 0, to)?;
        Ok(())
    }

    /// Powers off or reboots, with POWER. Returns only if it may not.
    pub fn power(&self, reboot: protocol::process::Power) -> Error {
        let operation = match reboot {
            protocol::process::Power::Off => calls::SYSTEM_OFF,
            protocol::process::Power::Reboot => calls::SYSTEM_REBOOT,
        };
        match sys::system(self.raw(), operation) {
            Ok(_) => Error::Internal,
            Err(error) => error.into(),
        }
    }
}

/// The kernel's figures that anybody with LOG may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemFigures {
    /// Cores found.
    pub cores: u64,
    /// Cores running.
    pub running: u64,
    /// Features of the processor.
    pub features: user::Features,
    /// Free pages of the root pool.
    pub free_pages: u64,
    /// All pages.
    pub pages: u64,
    /// ns since boot.
    pub now_ns: u64,
}

/// The machine's figures, by the process's LOG handle.
pub fn system_figures() -> Result<SystemFigures, Error> {
    let [cores, running, features, free_pages, pages, now_ns, ..] =
        sys::info(crate::log::handle().raw().into(), info::SYSTEM, 0)?;
    let features = user::Features::from_bits_truncate(features);
    Ok(SystemFigures { cores, running, features, free_pages, pages, now_ns })
}

/// The kernel's counters with their names, by the process's LOG handle.
pub fn kernel_counters() -> Result<alloc::vec::Vec<(&'static str, u64)>, Error> {
    let mut counters = alloc::vec::Vec::with_capacity(info::COUNTERS.len());
    for (i, names) in info::COUNTERS.chunks(8).enumerate() {
        let values = sys::info(crate::log::handle().raw().into(), info::STATISTICS, 8 * i as u64)?;
        counters.extend(names.iter().map(|(name, _)| *name).zip(values));
    }
    Ok(counters)
}

/// What the kernel counts of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreFigures {
    /// Whether it runs.
    pub running: bool,
    /// ns in which it had nothing to run.
    pub idle_ns: u64,
    /// Threads it switched to.
    pub switches: u64,
    /// Times that other cores called it.
    pub kicks: u64,
    /// Times that it had TLBs forget something.
    pub flushes: u64,
    /// Threads that came to it from other cores.
    pub taken: u64,
    /// The priority of what runs on it now.
    pub priority: Option<u8>,
}

/// The figures of a core, by the process's LOG handle.
pub fn core_figures(core: u32) -> Result<CoreFigures, Error> {
    let log = crate::log::handle().raw().into();
    let [running, idle_ns, switches, kicks, flushes, taken, priority, _] = sys::info(log, info::CORE, core.into())?;
    let priority = priority.checked_sub(1).map(|priority| priority as u8);
    Ok(CoreFigures { running: running != 0, idle_ns, switches, kicks, flushes, taken, priority })
}

/// A root handle of the boot page, typed by the caller.
pub fn root(boot: &boot::BootInfo, kind: boot::RootKind) -> impl Iterator<Item = boot::Root> {
    let count = (boot.root_count as usize).min(boot::MAX_ROOTS);
    boot.roots.iter().take(count).copied().filter(move |root| root.kind == kind as u32)
}
