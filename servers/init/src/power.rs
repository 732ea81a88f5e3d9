//! Going down in order (`contracts.md` §12).
//!
//! ```text
//!  level 7: SHUTDOWN ─► wait ─► force ─► level 6: … ─► level 2 ─► power off, or reboot
//! ```
//!
//! A process that says by `process.catch` that it handles SHUTDOWN (bit 5) has up to 5 s to end; others get a moment. The
//! caller counts as done: it waits for an answer that never comes.

use libsys::protocol::process::{Power, Rights};
use libsys::{Error, time};
use supervise::restart::End;
use supervise::{MS, SECOND, Time};

use crate::world::World;

/// Bit 5 of a notification, and of what `process.catch` takes.
const SHUTDOWN: u64 = 1 << 5;
/// How long a level may take that handles it.
const PATIENCE: u64 = 5 * SECOND;
/// How long others get.
const MOMENT: u64 = 20 * MS;
/// Where it starts, and where it ends: init is level 1.
const LEVELS: (u8, u8) = (7, 2);

/// The system is going down.
#[derive(Debug)]
pub struct Shutdown {
    how: Power,
    /// Who asked.
    caller: u32,
    /// What is being ended.
    level: u8,
    /// When who handles it is out of time.
    pub until: Time,
    /// When others are.
    moment: Time,
}

impl World {
    /// Begins to go down, if the caller may say so.
    pub fn start_shutdown(&mut self, caller: u32, how: Power) -> Result<(), Error> {
        self.need(caller, Rights::POWER)?;
        if self.shutdown.is_some() {
            return Err(Error::InUse);
        }
        libsys::log!(Notice, "going down");
        self.shutdown = Some(Shutdown { how, caller, level: LEVELS.0, until: 0, moment: 0 });
        self.tell_level(time::now_ns());
        Ok(())
    }

    /// Tells the processes of the level.
    fn tell_level(&mut self, now: Time) {
        let Some(shutdown) = self.shutdown.as_mut() else { return };
        let (level, caller) = (shutdown.level, shutdown.caller);
        let mut waits = MOMENT;
        for process in self.table.iter().filter(|p| p.level == level && p.number != caller) {
            let _ = process.kernel.notification.notify(SHUTDOWN);
            if u64::from(process.caught) & SHUTDOWN != 0 {
                waits = PATIENCE;
            }
        }
        (shutdown.until, shutdown.moment) = (now.saturating_add(waits), now.saturating_add(MOMENT));
    }

    /// Looks whether the level is done, and goes on to the next.
    pub fn go_down(&mut self, now: Time) {
        while let Some(shutdown) = &self.shutdown {
            let (level, caller, how) = (shutdown.level, shutdown.caller, shutdown.how);
            let here = |p: &&crate::birth::Known| p.level == level && p.number != caller;
            let left = self.table.iter().filter(here).count();
            let waits = self.table.iter().filter(here).any(|p| u64::from(p.caught) & SHUTDOWN != 0);
            let until = if waits { shutdown.until } else { shutdown.moment };
            if left > 0 && now < until {
                if let Some(shutdown) = self.shutdown.as_mut() {
                    shutdown.until = until;
                }
                return;
            }
            self.force(level, caller, now);
            if level <= LEVELS.1 {
                let error = self.roots.power.power(how);
                libsys::log!(Error, "the machine can't be powered off: {error}");
                self.shutdown = None;
                return;
            }
            if let Some(shutdown) = self.shutdown.as_mut() {
                shutdown.level = level - 1;
            }
            self.tell_level(now);
        }
    }

    /// Ends what is left of a level.
    fn force(&mut self, level: u8, caller: u32, now: Time) {
        let left: alloc::vec::Vec<u32> =
            self.table.iter().filter(|p| p.level == level && p.number != caller).map(|p| p.number).collect();
        for number in left {
            self.end_process(number, 20, Error::Break.code(), End::Ordered, now);
        }
    }
}
