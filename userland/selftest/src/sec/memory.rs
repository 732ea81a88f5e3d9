//! Addresses, sizes and numbers that no system call may take.

use alloc::format;

use libsys::abi::calls::{CALLS, number};
use libsys::abi::info::Kind;
use libsys::abi::user::{USER_END, USER_START};
use libsys::abi::{Error, Rights};
use libsys::{Error as LibError, layout};

use super::handles::Bench;
use crate::checks::Checks;
use crate::kernel::{POOL, PROCESS, call, create, dup, playground, raw};

/// Null and near it, unaligned, the end of the user's half, neither's, the kernel's.
const BAD: [u64; 16] = [
    0,
    0xfff,
    0x1000,
    USER_START - 4096,
    playground() + 1,
    playground() + 0x800,
    USER_END - 1,
    USER_END,
    USER_END + 4096,
    0x0001_0000_0000_0000,
    0x00ff_ffff_ffff_f000,
    1 << 63,
    0xffff_0000_0000_0000,
    0xffff_8000_0000_0000,
    0xffff_ffff_8010_0000,
    u64::MAX - 4095,
];

/// Every argument that is an address.
pub fn addresses(checks: &mut Checks) -> Result<(), LibError> {
    let memory = create(POOL, Kind::Memory, 4, 0, 0)?;
    let bench = Bench::new()?;
    let errors = [Error::BadAddress, Error::BadArgument];
    for at in BAD {
        let map = call(number::map, &[PROCESS, raw(&memory), at, 0, 1, 1]);
        checks.refused(format!("map at {at:#x}"), map, &errors);
        let into = call(number::map, &[raw(&bench.process), raw(&memory), at, 0, 1, 1]);
        checks.refused(format!("map into another process at {at:#x}"), into, &errors);
        checks.refused(format!("unmap at {at:#x}"), call(number::unmap, &[PROCESS, at, 1]), &errors);
        checks.refused(format!("protect at {at:#x}"), call(number::protect, &[PROCESS, at, 1, 1]), &errors);
        let thread = create(raw(&bench.pool), Kind::Thread, raw(&bench.process), 1, at);
        checks.refused(format!("a thread's buffer at {at:#x}"), thread.map(drop), &errors);
    }
    for at in BAD.into_iter().filter(|at| *at >= USER_END) {
        let start = call(number::start, &[raw(&bench.thread), at, 0x1_0000, 0]);
        checks.refused(format!("start at {at:#x}"), start, &errors);
        let pointer = call(number::config, &[raw(&bench.thread), 3, at]);
        checks.refused(format!("thread pointer {at:#x}"), pointer, &errors);
    }
    let end = [PROCESS, raw(&memory), USER_END - 4096, 0, 2, 1];
    checks.refused("map over the user's end", call(number::map, &end), &errors);
    let wrap = [PROCESS, raw(&memory), playground(), 0, u64::MAX, 1];
    checks.refused("map more pages than there are", call(number::map, &wrap), &errors);
    taken(checks, raw(&memory))
}

/// What is mapped is not mapped over.
fn taken(checks: &mut Checks, memory: u64) -> Result<(), LibError> {
    for (what, at) in [
        ("the start block", layout::start_block() as u64),
        ("the time page", layout::time_page() as u64),
        ("the IPC buffer", layout::main_buffer() as u64),
        ("the stack", &raw const memory as u64 & !4095),
        ("the program", taken as fn(&mut Checks, u64) -> Result<(), LibError> as usize as u64 & !4095),
    ] {
        let map = call(number::map, &[PROCESS, memory, at, 0, 1, 1]);
        checks.refused(format!("map over {what}"), map, &[Error::BadAddress]);
    }
    Ok(())
}

/// Page counts, offsets, kinds, selectors.
pub fn numbers(checks: &mut Checks) -> Result<(), LibError> {
    let memory = create(POOL, Kind::Memory, 4, 0, 0)?;
    let bench = Bench::new()?;
    let (memory, at) = (raw(&memory), playground());
    let argument = [Error::BadArgument];
    for (offset, pages) in
        [(4, 1), (0, 5), (3, 2), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX), (0, 0), (1 << 52, 1)]
    {
        let name = |what: &str| format!("{what} {pages} pages from {offset:#x} of 4");
        checks.refused(name("map"), call(number::map, &[PROCESS, memory, at, offset, pages, 1]), &argument);
        checks.refused(name("slice"), call(number::slice, &[POOL, memory, offset, pages, 0]), &argument);
        checks.refused(name("evict"), call(number::evict, &[memory, offset, pages, 0]), &argument);
        checks.refused(name("freeze"), call(number::freeze, &[memory, offset, pages]), &argument);
    }
    for kind in (0..20).chain([255, 256 + 6, u64::MAX]).filter(|kind| !(1..=6).contains(kind)) {
        let made = call(number::create, &[POOL, kind, 1, 0, 0]);
        checks.refused(format!("create kind {kind}"), made, &argument);
    }
    for what in [60, 100, u64::MAX] {
        checks.refused(format!("info {what}"), call(number::info, &[memory, what, 0]), &argument);
        checks.refused(format!("config {what}"), call(number::config, &[raw(&bench.thread), what, 0]), &argument);
    }
    let huge = create(POOL, Kind::Memory, u64::MAX, 0, 0);
    checks.refused("a memory of 2^64 pages", huge.map(drop), &[Error::PoolEmpty, Error::BadArgument]);
    let device = create(POOL, Kind::Memory, 1, 2, 0);
    checks.refused("a memory of device registers", device.map(drop), &[Error::BadArgument, Error::Denied]);
    for core in [64, 1 << 32, u64::MAX - 1] {
        let config = call(number::config, &[raw(&bench.thread), 4, core]);
        checks.refused(format!("core {core}"), config, &argument);
    }
    for rights in [1 << 16, u64::MAX] {
        let made = call(number::dup, &[memory, rights, 0, 0]);
        checks.refused(format!("rights {rights:#x}"), made, &argument);
    }
    for number in [CALLS.len() as u16, 64, 255, 256, 0x7fff, 0xffff] {
        checks.refused(format!("system call {number}"), call(number, &[0; 10]), &argument);
    }
    drop(dup(memory, Rights::all())?);
    Ok(())
}
