//! Handles that were never given: guessed, closed, of another process, of another kind; and reply tokens likewise.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::abi::calls::{CALLS, Call, Kind as Argument, number};
use libsys::abi::info::{BASIC, Kind};
use libsys::abi::{Error, Rights, user};
use libsys::raw::Registers;
use libsys::{Error as LibError, OwnedHandle};

use crate::checks::{Checks, Hex, long, many, times};
use crate::kernel::{self, POOL, Random, adopt, call, create, derive, dup, playground, raw, snapshot};

/// Random values of 64 bits, and how many times as many with the long counts.
const RANDOM: u64 = 100_000;
const RANDOM_LONGER: u64 = 100;
/// Of the small values, one in so many is tried at every call; all of them with the long counts.
const SMALL_APART: usize = 251;
/// Handles given out by one slot: more than it has generations; and how many times as many with the long counts.
const REUSES: u64 = 0x1_0400;
const REUSES_LONGER: u64 = 16;
/// Tokens that are guessed, and how many times as many with the long counts.
const TOKENS: u64 = 10_000;
const TOKENS_LONGER: u64 = 30;

/// Tries values at `info`, which takes any handle.
fn bad(value: u64) -> Result<(), String> {
    match call(number::info, &[value, BASIC, 0]) {
        Err(Error::BadHandle) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// Values that no kernel ever gave out.
pub fn forged(checks: &mut Checks) -> Result<(), LibError> {
    checks.all("all small values", (0..=0xffff_u64).map(|value| (value, bad(value))));
    let known = |value: u64| value as u16 <= 64 && value >> 16 < 64;
    let mut random = Random(1);
    let values = (0..many(4096)).map(|_| random.next() & 0xffff_ffff).filter(|value| !known(*value));
    checks.all("random values of 32 bits", values.map(|value| (Hex(value), bad(value))));
    let mut random = Random(2);
    let values = (0..times(RANDOM, RANDOM_LONGER)).map(|_| random.next() | 1 << 40);
    checks.all("random values of 64 bits", values.map(|value| (Hex(value), bad(value))));
    let own = u64::from(user::OWN_POOL.raw());
    checks.all("own handles with more bits above", (32..64).map(|bit| (bit, bad(own | 1 << bit))));
    checks.all(
        "own handles of other generations",
        (2..=0xffff_u64).step_by(257).map(|g| (g, bad(g << 16 | own & 0xffff))),
    );
    Ok(())
}

/// Objects of each kind, in a pool of their own; the process among them is empty and its thread never runs.
pub struct Bench {
    pub pool: OwnedHandle,
    pub process: OwnedHandle,
    pub thread: OwnedHandle,
    pub channel: OwnedHandle,
    pub notification: OwnedHandle,
    pub memory: OwnedHandle,
    derived: OwnedHandle,
    pub grant: OwnedHandle,
}

impl Bench {
    pub fn new() -> Result<Bench, Error> {
        let pool = create(POOL, Kind::Pool, 64, 1, 0)?;
        let of = |kind, x, y, z| create(raw(&pool), kind, x, y, z);
        let process = of(Kind::Process, 0, 0, 0)?;
        let thread = of(Kind::Thread, raw(&process), 1, 0x4000_0000)?;
        let channel = of(Kind::Channel, 0, 0, 0)?;
        let notification = of(Kind::Notification, 0, 0, 0)?;
        let memory = of(Kind::Memory, 2, 0, 0)?;
        let (derived, grant) = derive(raw(&pool), raw(&memory), Rights::all(), 0, 0)?;
        Ok(Bench { process, thread, channel, notification, memory, grant, pool, derived })
    }

    /// Everything it has, by kind.
    pub fn each(&self) -> [(Argument, &OwnedHandle); 7] {
        [
            (Argument::Pool, &self.pool),
            (Argument::Process, &self.process),
            (Argument::Thread, &self.thread),
            (Argument::Channel, &self.channel),
            (Argument::Notification, &self.notification),
            (Argument::Memory, &self.memory),
            (Argument::Grant, &self.grant),
        ]
    }

    /// Its handles, the pool's first, for who ends the pool and closes them.
    pub fn into_raw(self) -> [u64; 8] {
        let all = [&self.pool, &self.process, &self.thread, &self.channel, &self.notification, &self.memory];
        let [pool, process, thread, channel, notification, memory] = all.map(raw);
        let [derived, grant] = [&self.derived, &self.grant].map(raw);
        core::mem::forget(self);
        [pool, process, thread, channel, notification, memory, derived, grant]
    }

    /// A good value for an argument of this kind.
    fn value(&self, kind: Argument) -> u64 {
        match kind {
            Argument::Any => raw(&self.memory),
            Argument::Authority => user::LOG.raw().into(),
            Argument::Pages | Argument::Bits | Argument::Access => 1,
            Argument::Address => playground(),
            Argument::Rights | Argument::Number | Argument::Tag | Argument::Token => 0,
            _ => self.each().iter().find(|(known, _)| *known == kind).map_or(0, |(_, handle)| raw(handle)),
        }
    }

    /// Good arguments for a call.
    fn arguments(&self, row: &Call) -> Vec<u64> {
        row.arguments.iter().map(|(_, kind)| self.value(*kind)).collect()
    }
}

impl Drop for Bench {
    /// Its pages go back: closing a pool's last handle does not destroy it.
    fn drop(&mut self) {
        let _ = call(number::destroy, &[raw(&self.pool)]);
    }
}

/// Whether a kind of argument is a handle.
fn is_handle(kind: Argument) -> bool {
    use Argument::{Any, Authority, Channel, Grant, Interrupt, IoPorts, Memory, Notification, Pool, Process, Thread};
    matches!(
        kind,
        Any | Pool | Process | Thread | Channel | Notification | Memory | Grant | Interrupt | IoPorts | Authority
    )
}

/// Makes a call that must be refused, with one of its documented errors, and change nothing.
fn refused(row: &Call, arguments: &[u64], errors: &[Error]) -> Result<(), String> {
    let before = snapshot();
    let result = call(row.number, arguments);
    if snapshot() != before {
        return Err(format!("{result:?}, and something changed"));
    }
    match result {
        Err(error) if row.errors.contains(&error) && (errors.is_empty() || errors.contains(&error)) => Ok(()),
        Err(error) => Err(format!("{error}, which is not among its errors here")),
        Ok(_) => Err("it was let through".into()),
    }
}

/// Each handle argument of each call in turn: forged, closed, of another process, of another kind.
pub fn in_every_call(checks: &mut Checks) -> Result<(), LibError> {
    let bench = Bench::new()?;
    let foreign = foreign(&bench)?;
    let stale = stale(&bench)?;
    let forged = [0xffff_ffff, 0x0001_fff0, 1, stale, foreign, 1 << 32 | u64::from(user::OWN_POOL.raw())];
    for row in CALLS {
        let good = bench.arguments(row);
        for (at, (name, kind)) in row.arguments.iter().enumerate().filter(|(_, (_, kind))| is_handle(*kind)) {
            let with = |value: u64| {
                let mut arguments = good.clone();
                arguments[at] = value;
                arguments
            };
            let cases = forged.iter().map(|value| (format!("{value:#x}"), refused(row, &with(*value), &[])));
            checks.all(format!("{}: forged {name}", row.name), cases);
            checks.check(format!("{}: small values as {name}", row.name), small(row, with));
            if *kind == Argument::Any {
                continue;
            }
            let others = bench.each().into_iter().filter(|(other, _)| other != kind);
            let wrong = [Error::WrongKind, Error::BadHandle, Error::Denied];
            let cases = others.map(|(other, handle)| (format!("{other:?}"), refused(row, &with(raw(handle)), &wrong)));
            checks.all(format!("{}: another kind as {name}", row.name), cases);
        }
    }
    Ok(())
}

/// Values that name a slot and no generation, which is no handle: none is let through, and all together change nothing. 0 means
/// something to some calls.
fn small(row: &Call, with: impl Fn(u64) -> Vec<u64>) -> Result<(), String> {
    let before = snapshot();
    let step = if long() { 1 } else { SMALL_APART };
    for value in (1..=0xffff_u64).step_by(step) {
        match call(row.number, &with(value)) {
            Err(Error::BadHandle) => {}
            other => return Err(format!("{value:#x}: {other:?}")),
        }
    }
    if snapshot() == before { Ok(()) } else { Err("something changed".into()) }
}

/// A handle of another process, at an index that is free here.
fn foreign(bench: &Bench) -> Result<u64, Error> {
    let there = [raw(&bench.notification), Rights::all().bits().into(), raw(&bench.process), 120];
    Ok(call(number::dup, &there)?[0])
}

/// A handle that was closed.
fn stale(bench: &Bench) -> Result<u64, Error> {
    dup(raw(&bench.notification), Rights::all()).map(|handle| raw(&handle))
}

/// Handles that were good once, or are good elsewhere.
pub fn stale_and_foreign(checks: &mut Checks) -> Result<(), LibError> {
    let bench = Bench::new()?;
    let foreign = foreign(&bench)?;
    checks.check("a handle of another process", bad(foreign));
    let first = stale(&bench)?;
    checks.check("a closed handle", bad(first));
    let again = dup(raw(&bench.memory), Rights::all())?;
    checks.equal("its slot is used again", raw(&again) as u16, first as u16);
    checks.check("the closed handle's value while its slot is used again", bad(first));
    drop(again);
    let mut seen = 0;
    for _ in 0..times(REUSES, REUSES_LONGER) {
        let handle = dup(raw(&bench.notification), Rights::all())?;
        seen += u32::from(raw(&handle) == first);
    }
    checks.equal("a slot that went through all generations never gives a value twice", seen, 0);
    checks.check("the first value after all generations", bad(first));
    let moved = dup(raw(&bench.notification), Rights::all())?;
    let value = raw(&moved);
    drop(moved);
    checks.refused("closing twice", call(number::close, &[value]), &[Error::BadHandle]);
    Ok(())
}

/// Tokens that no receive gave.
pub fn tokens(checks: &mut Checks) -> Result<(), LibError> {
    let mut random = Random(3);
    let guesses = (0..64).chain((0..times(TOKENS, TOKENS_LONGER)).map(|_| random.next()));
    let answer = |number: u16, token: u64| {
        let mut registers = Registers { number: number.into(), a0: token, ..Registers::default() };
        match kernel::with(&mut registers) {
            Err(Error::CallerGone | Error::BadArgument) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    let cases: Vec<u64> = guesses.collect();
    checks.all("reply by a guessed token", cases.iter().map(|token| (Hex(*token), answer(number::reply, *token))));
    // Token 0 means no reply here.
    let cases = cases.iter().filter(|token| **token != 0);
    checks.all("reply_recv by a guessed token", cases.map(|token| (Hex(*token), answer(number::reply_recv, *token))));
    checks.refused("no handle 0", adopt(0).map(drop), &[Error::BadHandle]);
    Ok(())
}
