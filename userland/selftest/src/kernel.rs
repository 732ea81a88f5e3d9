//! System calls with arguments of one's choice.
//!
//! Rule for the suites: what may succeed names only objects and addresses that the check itself made; addresses come from
//! [`playground`], where nothing else lies. What names anything else must be refused by the kernel, which is the point.

use libsys::abi::calls::number;
use libsys::abi::info::{self, Kind};
use libsys::abi::{Error, Handle, Rights, Status, user};
use libsys::raw::{self, Registers};
use libsys::{Error as LibError, OwnedHandle};

/// Results in the order of the table: `a0`, `a1`, words.
pub type Results = [u64; 10];

/// Makes a call with arguments in the order of the table.
pub fn call(number: u16, arguments: &[u64]) -> Result<Results, Error> {
    let mut all = [0; 10];
    for (place, argument) in all.iter_mut().zip(arguments) {
        *place = *argument;
    }
    let [a0, a1, words @ ..] = all;
    let mut registers = Registers { number: number.into(), a0, a1, deadline: 0, words };
    with(&mut registers)?;
    let mut results = [registers.a0, registers.a1, 0, 0, 0, 0, 0, 0, 0, 0];
    results[2..].copy_from_slice(&registers.words);
    Ok(results)
}

/// Makes a call with all registers.
pub fn with(registers: &mut Registers) -> Result<(), Error> {
    // SAFETY: by this module's rule a call either touches only what the check made, or is refused. Should the kernel let one
    // through that it must refuse, the check fails, and this process may fail with it.
    unsafe { raw::system_call(registers) };
    Status(registers.number).result()
}

/// Addresses of this process where nothing lies: between its mappings and its heap.
pub const fn playground() -> u64 {
    0x1800_0000_0000
}

/// Reads a word in the playground, where whoever calls has something mapped, or handles the fault.
pub fn peek(at: u64) -> u64 {
    // SAFETY: 1. By this module's rule nothing but what a check mapped lies there; if nothing does, the thread faults. 2. Others
    // write it meanwhile, hence the volatile read.
    unsafe { (at as *const u64).read_volatile() }
}

/// Writes a word in the playground, in the same way.
pub fn poke(at: u64, value: u64) {
    // SAFETY: as in `peek`.
    unsafe { (at as *mut u64).write_volatile(value) }
}

/// The process's own pool.
pub const POOL: u64 = user::OWN_POOL.raw() as u64;
/// The process itself.
pub const PROCESS: u64 = user::OWN_PROCESS.raw() as u64;

/// As the kernel's argument.
pub fn raw(handle: &OwnedHandle) -> u64 {
    handle.handle().raw().into()
}

/// Takes charge of a handle that a call gave.
pub fn adopt(raw: u64) -> Result<OwnedHandle, Error> {
    u32::try_from(raw).ok().and_then(Handle::from_raw).map(OwnedHandle::adopt).ok_or(Error::BadHandle)
}

/// `create`.
pub fn create(pool: u64, kind: Kind, x: u64, y: u64, z: u64) -> Result<OwnedHandle, Error> {
    adopt(call(number::create, &[pool, kind as u64, x, y, z])?[0])
}

/// `dup` into the own table.
pub fn dup(handle: u64, rights: Rights) -> Result<OwnedHandle, Error> {
    adopt(call(number::dup, &[handle, rights.bits().into(), 0, 0])?[0])
}

/// `derive`: the handle and its Grant.
pub fn derive(
    pool: u64,
    handle: u64,
    rights: Rights,
    badge: u64,
    close: u64,
) -> Result<(OwnedHandle, OwnedHandle), Error> {
    let results = call(number::derive, &[pool, handle, rights.bits().into(), badge, close])?;
    Ok((adopt(results[0])?, adopt(results[1])?))
}

/// Rights of a handle, as the kernel tells.
pub fn rights(handle: &OwnedHandle) -> Result<Rights, LibError> {
    Ok(handle.about()?.rights)
}

/// Pages used and objects of a pool.
pub fn used(pool: u64) -> Result<(u64, u64), Error> {
    let results = call(number::info, &[pool, info::POOL, 0])?;
    Ok((results[3], results[6]))
}

/// What a refused call must not change: pool's pages and objects; the process's tables, handles, threads, mappings.
pub fn snapshot() -> Result<[u64; 6], Error> {
    let (pages, objects) = used(POOL)?;
    let results = call(number::info, &[PROCESS, info::PROCESS, 0])?;
    Ok([pages, objects, results[2], results[3], results[4], results[5]])
}

/// A seeded generator (SplitMix64), so that every run tries the same.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
