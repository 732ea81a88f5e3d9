//! A refused handle takes as long whatever it might be elsewhere: nothing of another process is to be learnt from it. A reply token that
//! is void takes as long as one that is another thread's.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use libsys::abi::calls::number;
use libsys::abi::info::{BASIC, Kind};
use libsys::abi::{Error, Handle, Rights};
use libsys::raw::Registers;
use libsys::{Error as LibError, Pool, thread, time, wait_bits};

use crate::checks::Checks;
use crate::kernel::{self, POOL, Random, call, create, derive, dup, raw};
use crate::sec::handles::Bench;
use crate::threads::{finish, options};

/// Calls that are timed together, as the clock of some processors has long ticks; and how often, as interrupts come between.
const TOGETHER: u64 = 64;
const TRIES: u64 = 12;
/// Values of each sort.
const VALUES: usize = 24;
/// Instructions by which two refusals of one sort may differ, for the ticks' sake.
const ALIKE: u64 = 1;
/// By which different sorts may: how far a value is looked at, all of it in the own table.
const SORTS: u64 = 48;
/// Places in the other process's table.
const PLACES: core::ops::Range<u16> = 96..120;
/// How long a thread here may take.
const PATIENCE: u64 = 10 * time::SECOND;

/// The least time of a call that is refused, in instructions.
fn least(mut one: impl FnMut()) -> u64 {
    let mut times = || {
        let before = time::now_ns();
        (0..TOGETHER).for_each(|_| one());
        (time::now_ns() - before) / TOGETHER
    };
    (0..TRIES).map(|_| times()).min().unwrap_or(0)
}

fn refusal(value: u64) -> u64 {
    least(|| _ = call(number::info, &[value, BASIC, 0]))
}

/// Handles, then tokens.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    handles(checks)?;
    tokens(checks)
}

fn handles(checks: &mut Checks) -> Result<(), LibError> {
    let bench = Bench::new()?;
    let mut random = Random(11);
    let live = raw(&bench.notification);
    let stale: Vec<u64> =
        (0..VALUES).map(|_| dup(live, Rights::all()).map(|handle| raw(&handle))).collect::<Result<_, Error>>()?;
    let sorts: [(&str, Vec<u64>); 5] = [
        ("stale", stale),
        ("of another generation", (1..=VALUES as u64).map(|n| live ^ n << 16).collect()),
        ("in no table", (0..VALUES).map(|_| random.next() & 0xffff_0000 | 0xf000 | random.next() & 0xfff).collect()),
        ("of 64 bits", (0..VALUES).map(|_| random.next() | 1 << 40).collect()),
        ("small", (0x8000..0x8000 + VALUES as u64).collect()),
    ];
    let mut all = Vec::new();
    for (name, values) in &sorts {
        let times: Vec<u64> = values.iter().map(|value| refusal(*value)).collect();
        let (least, most) = ends(&times);
        checks.holds(
            format!("handles {name}: refused in {least} to {most} instructions, all alike"),
            most - least <= ALIKE,
        );
        all.extend([least, most]);
    }
    let (least, most) = ends(&all);
    checks.check(format!("all sorts: {least} to {most}"), within(most - least, SORTS));
    elsewhere(checks, &bench)
}

/// A value that is refused here takes as long before as after another process has a handle of that value.
fn elsewhere(checks: &mut Checks, bench: &Bench) -> Result<(), LibError> {
    let cases = PLACES.map(|index| {
        let value = u64::from(Handle::first(index).raw());
        let (none, before) = (call(number::info, &[value, BASIC, 0]).is_err(), refusal(value));
        let rights = Rights::all().bits().into();
        let there = call(number::dup, &[raw(&bench.memory), rights, raw(&bench.process), index.into()]);
        let after = refusal(value);
        let result = match there {
            Ok(results) if none && results[0] == value => within(before.abs_diff(after), ALIKE),
            other => Err(format!("not set up: {none}, {other:x?}")),
        };
        (value, result)
    });
    checks.all("handles that another process has: refused as before it had them", cases);
    Ok(())
}

/// Tokens: of nobody, and of a caller that waits for another thread's answer.
fn tokens(checks: &mut Checks) -> Result<(), LibError> {
    let refusal = |token: u64| least(|| _ = call(number::reply, &[token, 8, 0]));
    let mut random = Random(12);
    let void: Vec<u64> = (0..VALUES).map(|_| refusal(random.next() & 0x7fff_ffff_7fff_ffff)).collect();
    let (shortest, longest) = ends(&void);
    let server = create(POOL, Kind::Channel, 0, 0, 0)?;
    let (client, _grant) = derive(POOL, raw(&server), Rights::CALL, 1, 0)?;
    let caller = thread::spawn(&Pool::own()?, options()?, move || _ = call(number::call, &[raw(&client), 8, 0]))?;
    let (taken, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (token, end) = (taken.clone(), over.clone());
    let taker = thread::spawn(&Pool::own()?, options()?, move || {
        let deadline = time::after(PATIENCE);
        let mut registers =
            Registers { number: number::recv.into(), a0: raw(&server), deadline, ..Registers::default() };
        let _ = kernel::with(&mut registers);
        token.store(registers.a0, Ordering::Release);
        while !end.load(Ordering::Acquire) && time::now_ns() < deadline {
            wait_bits(0, time::after(time::MILLISECOND));
        }
        let _ = call(number::reply, &[registers.a0, 8, 0]);
    })?;
    let until = time::after(PATIENCE);
    while taken.load(Ordering::Acquire) == 0 && time::now_ns() < until {
        wait_bits(0, time::after(time::MILLISECOND));
    }
    let others = refusal(taken.load(Ordering::Acquire));
    over.store(true, Ordering::Release);
    finish(taker);
    finish(caller);
    let apart = longest.max(others) - shortest.min(others);
    checks.check(
        format!("tokens of nobody: {shortest} to {longest} instructions, another's: {others}"),
        within(apart, SORTS),
    );
    Ok(())
}

/// The least and the most of some times.
fn ends(times: &[u64]) -> (u64, u64) {
    (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0))
}

fn within(difference: u64, most: u64) -> Result<(), String> {
    if difference <= most { Ok(()) } else { Err(format!("{difference} instructions apart")) }
}
