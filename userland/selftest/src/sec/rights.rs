//! Rights only shrink, and each call wants its own.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::calls::{Kind as Argument, number};
use libsys::abi::{Error, Rights, info, user};
use libsys::{Error as LibError, OwnedHandle};

use super::handles::Bench;
use crate::checks::{Checks, times};
use crate::kernel::{POOL, Random, call, derive, dup, playground, raw, rights};

/// Handles that are made one of the other; such chains, and how many times as many with the long counts.
const LINKS: u32 = 32;
const CHAINS: u64 = 300;
const CHAINS_LONGER: u64 = 200;

/// `dup` and `derive` never give what the handle has not, for each kind of object and each right.
pub fn only_shrink(checks: &mut Checks) -> Result<(), LibError> {
    let bench = Bench::new()?;
    for (kind, object) in bench.each() {
        let has = rights(object)?;
        let singles = || has.iter();
        let cases = singles().map(|right| (format!("{right:?}"), cannot_grow(object, right)));
        checks.all(format!("{kind:?}: a handle with one right gets no other"), cases);
        let cases = singles().map(|right| (format!("{right:?}"), cannot_grow(object, has - right)));
        checks.all(format!("{kind:?}: a handle without one right gets it not back"), cases);
        let none = dup(raw(object), Rights::empty())?;
        let cases = core::iter::once(("none", grown(&none, Rights::empty())));
        checks.all(format!("{kind:?}: a handle without rights gets none"), cases);
    }
    let mut random = Random(6);
    let all = times(CHAINS, CHAINS_LONGER);
    let cases = (0..all).map(|n| (n, chain(&bench, &mut random)));
    checks.all(
        format!("{all} chains of {LINKS} handles, each made of the last: none has a right that the last has not"),
        cases,
    );
    Ok(())
}

/// `dup` and `derive` at random, each of what the one before gave.
fn chain(bench: &Bench, random: &mut Random) -> Result<(), String> {
    let objects = bench.each();
    let failed = |error: Error| format!("{error}");
    let look = |handle: &OwnedHandle| rights(handle).map_err(|error| format!("{error}"));
    let (kind, object) = objects[random.next() as usize % objects.len()];
    let mut last = dup(raw(object), Rights::all()).map_err(failed)?;
    let (mut grants, mut had) = (Vec::new(), look(&last)?);
    for link in 0..LINKS {
        // Three of four rights that it may have, so that some last.
        let mask = Rights::from_bits_truncate((random.next() | random.next()) as u16);
        last = match random.next() % 4 {
            0 => match derive(POOL, raw(&last), mask, random.next(), 0) {
                Ok((derived, grant)) => {
                    grants.push(grant);
                    derived
                }
                // Nested to the depth that there is, or a Grant.
                Err(Error::BadArgument | Error::WrongKind | Error::Denied) => continue,
                Err(error) => return Err(failed(error)),
            },
            _ => dup(raw(&last), mask).map_err(failed)?,
        };
        let has = look(&last)?;
        if !(had & mask).contains(has) {
            return Err(format!("{kind:?}, link {link}: {had:?} and {mask:?} gave {has:?}"));
        }
        had = has;
    }
    Ok(())
}

fn cannot_grow(object: &OwnedHandle, rights: Rights) -> Result<(), String> {
    let weak = dup(raw(object), rights).map_err(|error| format!("{error}"))?;
    grown(&weak, rights)
}

fn grown(weak: &OwnedHandle, most: Rights) -> Result<(), String> {
    let look = |handle: &OwnedHandle| rights(handle).map_err(|error| format!("{error}"));
    let copy = dup(raw(weak), Rights::all()).map_err(|error| format!("{error}"))?;
    let mut have = look(weak)? | look(&copy)?;
    match derive(POOL, raw(weak), Rights::all(), u64::MAX, 0) {
        Ok((derived, _grant)) => have |= look(&derived)?,
        // Grants are not derived from.
        Err(Error::WrongKind) => {}
        Err(error) => return Err(format!("{error}")),
    }
    if most.contains(have) { Ok(()) } else { Err(format!("{have:?}")) }
}

/// A call on an object of the bench, and the right it needs.
struct Use {
    name: &'static str,
    right: Rights,
    number: u16,
    /// Which object, by its place in `Bench::each`.
    object: usize,
    /// Which argument the object is.
    at: usize,
    arguments: fn(&Bench) -> [u64; 6],
}

const P: usize = 0;
const PROCESS: usize = 1;
const THREAD: usize = 2;
const CHANNEL: usize = 3;
const NOTIFICATION: usize = 4;
const MEMORY: usize = 5;
const GRANT: usize = 6;
/// The authority that every process has: to read and write its log.
const LOG: usize = 7;

/// `create` of a kind.
const fn make(name: &'static str, arguments: fn(&Bench) -> [u64; 6]) -> Use {
    Use { arguments, ..one(name, Rights::MAKE, number::create, P) }
}

/// Giving it away.
const fn give(object: usize) -> Use {
    Use { arguments: |b| [0, 0, raw(&b.process), 50, 0, 0], ..one("give", Rights::TRANSFER, number::dup, object) }
}

const fn one(name: &'static str, right: Rights, number: u16, object: usize) -> Use {
    Use { name, right, number, object, at: 0, arguments: |_| [0, 0, 0, 0, 0, 0] }
}

/// Every call that asks for a right, with arguments that are good otherwise.
const USES: &[Use] = &[
    make("create a Channel", |_| [0, info::Kind::Channel as u64, 0, 0, 0, 0]),
    make("create a Notification", |_| [0, info::Kind::Notification as u64, 0, 0, 0, 0]),
    make("create a Memory", |_| [0, info::Kind::Memory as u64, 1, 0, 0, 0]),
    make("create a Process", |_| [0, info::Kind::Process as u64, 0, 0, 0, 0]),
    make("create a Pool", |_| [0, info::Kind::Pool as u64, 2, 1, 0, 0]),
    make("create a Thread", |b| [0, info::Kind::Thread as u64, raw(&b.process), 1, 0x5000_0000, 0]),
    give(P),
    give(PROCESS),
    give(THREAD),
    give(CHANNEL),
    give(NOTIFICATION),
    give(MEMORY),
    give(GRANT),
    give(LOG),
    Use { arguments: |b| [0, raw(&b.memory), 0, 0, 0, 0], ..one("derive", Rights::MAKE, number::derive, P) },
    Use { arguments: |b| [0, raw(&b.memory), 0, 1, 0, 0], ..one("slice", Rights::MAKE, number::slice, P) },
    Use { arguments: |b| [0, raw(&b.pool), 1, 0, 0, 0], ..one("pool_move from", Rights::MAKE, number::pool_move, P) },
    Use { arguments: |_| [POOL, 0, 1, 0, 0, 0], at: 1, ..one("pool_move to", Rights::MAKE, number::pool_move, P) },
    one("destroy", Rights::DESTROY, number::destroy, P),
    Use {
        arguments: |b| [0, raw(&b.memory), playground(), 0, 1, 1],
        ..one("map into", Rights::MAP, number::map, PROCESS)
    },
    Use { arguments: |_| [0, playground(), 1, 0, 0, 0], ..one("unmap", Rights::MAP, number::unmap, PROCESS) },
    Use { arguments: |_| [0, playground(), 1, 1, 0, 0], ..one("protect", Rights::MAP, number::protect, PROCESS) },
    Use {
        arguments: |b| [raw(&b.memory), 0, 0, 50, 0, 0],
        at: 2,
        ..one("dup into", Rights::ENDOW, number::dup, PROCESS)
    },
    one("give", Rights::ENDOW, number::give, PROCESS),
    Use {
        arguments: |b| [raw(&b.pool), info::Kind::Thread as u64, 0, 1, 0x5000_0000, 0],
        at: 2,
        ..one("create in", Rights::ENDOW, number::create, PROCESS)
    },
    Use { arguments: |_| [0, info::PROCESS, 0, 0, 0, 0], ..one("info", Rights::INSPECT, number::info, PROCESS) },
    Use { arguments: |_| [0, 0x10_0000, 0, 0, 0, 0], ..one("start", Rights::CONTROL, number::start, THREAD) },
    one("stop", Rights::CONTROL, number::stop, THREAD),
    Use { arguments: |_| [0, 0, 1, 0, 0, 0], ..one("config", Rights::CONTROL, number::config, THREAD) },
    one("destroy", Rights::CONTROL, number::destroy, THREAD),
    one("state", Rights::INSPECT, number::state, THREAD),
    Use { arguments: |_| [0, info::THREAD, 0, 0, 0, 0], ..one("info", Rights::INSPECT, number::info, THREAD) },
    one("call", Rights::CALL, number::call, CHANNEL),
    one("recv", Rights::RECV, number::recv, CHANNEL),
    Use {
        arguments: |b| [raw(&b.thread), 1, 0, 0, 0, 0],
        at: 2,
        ..one("config fault", Rights::CALL, number::config, CHANNEL)
    },
    Use { arguments: |_| [0, 1, 0, 0, 0, 0], ..one("notify", Rights::NOTIFY, number::notify, NOTIFICATION) },
    Use {
        arguments: |b| [raw(&b.thread), 2, 0, 0, 0, 0],
        at: 2,
        ..one("config bound", Rights::OWNER, number::config, NOTIFICATION)
    },
    Use {
        arguments: |b| [raw(&b.process), 0, playground(), 0, 1, 1],
        at: 1,
        ..one("map to read", Rights::READ, number::map, MEMORY)
    },
    Use {
        arguments: |b| [raw(&b.process), 0, playground(), 0, 1, 3],
        at: 1,
        ..one("map to write", Rights::WRITE, number::map, MEMORY)
    },
    Use {
        arguments: |b| [raw(&b.process), 0, playground(), 0, 1, 5],
        at: 1,
        ..one("map to execute", Rights::EXECUTE, number::map, MEMORY)
    },
    Use { arguments: |_| [0, 0, 1, 0, 0, 0], ..one("evict", Rights::OWNER, number::evict, MEMORY) },
    Use { arguments: |_| [0, 0, 1, 0, 0, 0], ..one("freeze", Rights::OWNER, number::freeze, MEMORY) },
    Use {
        arguments: |_| [0, 0, 1, libsys::abi::user::LOG.raw() as u64, 0, 0],
        ..one("seal", Rights::OWNER, number::seal, MEMORY)
    },
    Use {
        arguments: |_| [0, info::DEVICE_ADDRESS, 0, 0, 0, 0],
        ..one("device address", Rights::OWNER, number::info, MEMORY)
    },
    one("revoke", Rights::REVOKE, number::revoke, GRANT),
    one("debug_log", Rights::LOG, number::debug_log, LOG),
    Use { arguments: |_| [0, info::SYSTEM, 0, 0, 0, 0], ..one("info system", Rights::LOG, number::info, LOG) },
    Use { arguments: |_| [0, info::STATISTICS, 0, 0, 0, 0], ..one("info counters", Rights::LOG, number::info, LOG) },
    Use { arguments: |_| [0, info::CORE, 0, 0, 0, 0], ..one("info core", Rights::LOG, number::info, LOG) },
    Use { arguments: |_| [0, info::STRETCHES, 0, 0, 0, 0], ..one("info stretches", Rights::LOG, number::info, LOG) },
    Use {
        arguments: |b| [raw(&b.process), raw(&b.memory), 0, 0, 0, 0],
        at: 2,
        ..one("trace", Rights::LOG, number::trace, LOG)
    },
    Use { arguments: |_| [0, 99, 0, 0, 0, 0], ..one("system", Rights::POWER, number::system, LOG) },
    Use { arguments: |b| [raw(&b.memory), 0, 1, 0, 0, 0], at: 3, ..one("seal with", Rights::SEAL, number::seal, LOG) },
];

/// The object of a use, what it is, and the rights that its handle has.
fn object(bench: &Bench, used: &Use) -> Result<(Argument, u64, Rights), Error> {
    if used.object == LOG {
        let own = dup(user::LOG.raw().into(), Rights::all())?;
        return Ok((Argument::Authority, user::LOG.raw().into(), rights(&own).map_err(|_| Error::BadHandle)?));
    }
    let (kind, handle) = bench.each()[used.object];
    Ok((kind, raw(handle), Rights::all()))
}

/// Cells at least: who loses some notices.
const CELLS: usize = 1_500;

/// Calls whose good case would wait for ever, or needs an authority that nobody here has.
const NEVER_ALLOWED: &[&str] = &["call", "seal"];

/// What a use needs: its right, and to write or execute also to read.
fn needs(used: &Use) -> Rights {
    let reads = matches!(used.name, "map to write" | "map to execute");
    if reads { used.right | Rights::READ } else { used.right }
}

/// Each call, each right: with all rights but this one, and with this one alone. What is allowed and what denied follows from
/// what the call needs, to the cell.
pub fn cells(checks: &mut Checks) -> Result<(), LibError> {
    let mut count = 0;
    for used in USES {
        let (kind, _, has) = object(&Bench::new()?, used)?;
        let mut cases = Vec::new();
        for right in Rights::all().iter() {
            for rights in [Rights::all() - right, right] {
                let denied = !(rights & has).contains(needs(used));
                if !denied && NEVER_ALLOWED.contains(&used.name) {
                    continue;
                }
                cases.push((format!("{rights:?}"), cell(used, rights, denied)));
            }
        }
        count += cases.len();
        checks.all(format!("{kind:?}, {}: each right alone, and all but each", used.name), cases);
    }
    checks.holds(format!("{count} cells"), count >= CELLS);
    Ok(())
}

fn cell(used: &Use, rights: Rights, denied: bool) -> Result<(), String> {
    let failed = |error: Error| format!("{error}");
    let bench = Bench::new().map_err(failed)?;
    let (_, object, _) = object(&bench, used).map_err(failed)?;
    let weak = dup(object, rights).map_err(failed)?;
    let mut arguments = (used.arguments)(&bench);
    arguments[used.at] = raw(&weak);
    let result = call(used.number, &arguments);
    // What was mapped here is to go with its bench.
    let _ = call(number::destroy, &[raw(&bench.pool)]);
    match (denied, result) {
        (true, Err(Error::Denied)) => Ok(()),
        (true, other) => Err(format!("{other:?} instead of Denied")),
        (false, Err(Error::Denied)) => Err("Denied".into()),
        (false, _) => Ok(()),
    }
}

/// Each call on a handle that has every right but the one it needs.
pub fn matrix(checks: &mut Checks) -> Result<(), LibError> {
    let bench = Bench::new()?;
    for used in USES {
        let (kind, object, _) = object(&bench, used)?;
        let weak = dup(object, Rights::all() - used.right)?;
        let mut arguments = (used.arguments)(&bench);
        arguments[used.at] = raw(&weak);
        let name = format!("{kind:?} without {:?}: {}", used.right, used.name);
        checks.refused(name, call(used.number, &arguments), &[Error::Denied]);
    }
    let weak = dup(raw(&bench.memory), Rights::all() - Rights::TRANSFER)?;
    let into = [raw(&weak), 0, raw(&bench.process), 0];
    checks.refused("any without TRANSFER: dup into a process", call(number::dup, &into), &[Error::Denied]);
    let log = u64::from(libsys::abi::user::LOG.raw());
    checks.refused("LOG as POWER", call(number::system, &[log, 0]), &[Error::Denied]);
    let seal = [raw(&bench.memory), 0, 1, log];
    call(number::freeze, &[raw(&bench.memory), 0, 1])?;
    checks.refused("LOG as SEAL", call(number::seal, &seal), &[Error::Denied]);
    let own = u64::from(libsys::abi::user::OWN_POOL.raw());
    checks.refused("destroying the own pool", call(number::destroy, &[own]), &[Error::Denied]);
    Ok(())
}
