//! What the kernel gave init: the handles of the boot page, typed.

use abi::boot::{BootInfo, RootKind};
use libsys::{Authority, Error, Interrupt, Memory, OwnedHandle, Pool, root};

/// The roots that init uses itself; the devices' are handed to devd by [`crate::devices`].
pub struct Roots {
    /// All memory.
    pub pool: Pool,
    /// The boot archive, with OWNER.
    pub archive: Memory,
    /// The kernel's log.
    pub log_ring: Memory,
    /// A new record in it.
    pub log_interrupt: Interrupt,
    /// LOG, with OWNER.
    pub log: Authority,
    /// SEAL.
    pub seal: Authority,
    /// POWER.
    pub power: Authority,
}

impl Roots {
    /// From the boot page.
    pub fn take(boot: &BootInfo) -> Result<Roots, Error> {
        let one = |kind| handle(boot, kind).ok_or(Error::BadHandle);
        Ok(Roots {
            pool: one(RootKind::Pool)?.into(),
            archive: one(RootKind::Archive)?.into(),
            log_ring: one(RootKind::LogRing)?.into(),
            log_interrupt: one(RootKind::LogInterrupt)?.into(),
            log: one(RootKind::Log)?.into(),
            seal: one(RootKind::Seal)?.into(),
            power: one(RootKind::Power)?.into(),
        })
    }
}

fn handle(boot: &BootInfo, kind: RootKind) -> Option<OwnedHandle> {
    root(boot, kind).next()?.handle().map(OwnedHandle::adopt)
}
