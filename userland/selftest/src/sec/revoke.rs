//! What was taken back does nothing any more.

use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::abi::{Error, Rights, info};
use libsys::protocol::{Id, fs as files};
use libsys::{Channel, Error as LibError, OwnedHandle, env, names, system};

use crate::checks::{Checks, many};
use crate::child;
use crate::kernel::{POOL, PROCESS, call, create, derive, dup, playground, raw};

/// Sessions that are opened and closed one after the other.
const SESSIONS: usize = 100;

/// Handles, what was derived from them, and mappings.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    for _ in 0..many(1) {
        once(checks)?;
    }
    checks.equal("a session opened after many others", child::doing("revoked")?.code, 0);
    Ok(())
}

fn once(checks: &mut Checks) -> Result<(), LibError> {
    let memory = create(POOL, Kind::Memory, 2, 0, 0)?;
    let (lent, grant) = derive(POOL, raw(&memory), Rights::all() - Rights::OWNER, 0, 0)?;
    let (below, _cell) = derive(POOL, raw(&lent), Rights::all(), 0, 0)?;
    let copy = dup(raw(&lent), Rights::all())?;
    let at = playground();
    call(number::map, &[PROCESS, raw(&lent), at, 0, 1, 3])?;
    call(number::map, &[PROCESS, raw(&below), at + 4096, 0, 1, 1])?;
    call(number::map, &[PROCESS, raw(&memory), at + 8192, 0, 1, 1])?;
    call(number::revoke, &[raw(&grant)])?;
    for (name, handle) in [("the handle", &lent), ("what was derived from it", &below), ("its copy", &copy)] {
        ended(checks, name, handle);
    }
    let access = |address: u64| call(number::protect, &[PROCESS, address, 1, 1]);
    checks.refused("its mapping is gone", access(at), &[Error::BadAddress]);
    checks.refused("the mapping through what was derived is gone", access(at + 4096), &[Error::BadAddress]);
    checks.equal("the owner's own mapping stays", access(at + 8192).map(drop), Ok(()));
    call(number::unmap, &[PROCESS, at, 3])?;
    checks.holds("the owner's handle stays", call(number::info, &[raw(&memory), info::MEMORY, 0]).is_ok());
    checks.equal("revoking twice does no harm", call(number::revoke, &[raw(&grant)]).map(drop), Ok(()));
    let channel = create(POOL, Kind::Channel, 0, 0, 0)?;
    let (client, grant) = derive(POOL, raw(&channel), Rights::CALL, 1, 0)?;
    call(number::revoke, &[raw(&grant)])?;
    checks.refused("calling through it", call(number::call, &[raw(&client), 0]), &[Error::Revoked]);
    depth(checks)
}

/// A process from which a service is taken back after it opened and closed more sessions of it than are kept at a time:
/// those that it has are gone.
pub fn after_many_sessions() -> Result<(), LibError> {
    let open = || names::open::<files::Service>("SYS");
    let root = files::Request::Stat { dir: Id::ROOT, path: Default::default(), flags: files::Open::empty() };
    let first = open()?;
    for _ in 0..SESSIONS {
        drop(open()?);
    }
    let last = open()?;
    for session in [&first, &last] {
        session.call(&root)?;
    }
    system::revoke(env::number(), "fsd")?;
    let gone = |session: &Channel<files::Service>| session.call(&root).is_err_and(|error| error == LibError::Revoked);
    let refused = open().is_err_and(|error| error == LibError::NotFound);
    if gone(&first) && gone(&last) && refused { Ok(()) } else { Err(LibError::Internal) }
}

fn ended(checks: &mut Checks, name: &str, handle: &OwnedHandle) {
    let value = raw(handle);
    let tell = call(number::info, &[value, info::BASIC, 0]);
    checks.refused(alloc::format!("{name}: info"), tell, &[Error::Revoked]);
    let map = call(number::map, &[PROCESS, value, playground() + 0x10_0000, 0, 1, 1]);
    checks.refused(alloc::format!("{name}: map"), map, &[Error::Revoked]);
    checks.refused(alloc::format!("{name}: dup"), dup(value, Rights::all()), &[Error::Revoked]);
    checks.refused(alloc::format!("{name}: derive"), derive(POOL, value, Rights::all(), 0, 0), &[Error::Revoked]);
    checks.refused(alloc::format!("{name}: slice"), call(number::slice, &[POOL, value, 0, 1, 0]), &[Error::Revoked]);
}

/// Grants nest four deep and no deeper.
fn depth(checks: &mut Checks) -> Result<(), LibError> {
    let memory = create(POOL, Kind::Memory, 1, 0, 0)?;
    let mut chain = alloc::vec![derive(POOL, raw(&memory), Rights::all(), 0, 0)?];
    for _ in 1..4 {
        let next = derive(POOL, raw(&chain[chain.len() - 1].0), Rights::all(), 0, 0)?;
        chain.push(next);
    }
    let fifth = derive(POOL, raw(&chain[3].0), Rights::all(), 0, 0);
    checks.refused("a fifth Grant in a chain", fifth.map(drop), &[Error::BadArgument]);
    call(number::revoke, &[raw(&chain[1].1)])?;
    let tell = |at: usize| call(number::info, &[raw(&chain[at].0), info::BASIC, 0]).map(drop);
    checks.equal("above the revoked Grant all works", tell(0), Ok(()));
    checks.equal("at it nothing", tell(1), Err(Error::Revoked));
    checks.equal("below it nothing", (tell(2), tell(3)), (Err(Error::Revoked), Err(Error::Revoked)));
    Ok(())
}
