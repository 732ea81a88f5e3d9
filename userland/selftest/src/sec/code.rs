//! What may execute: only what init sealed; and what a process must not touch at all.

use alloc::format;
use alloc::string::String;

use libsys::Error as LibError;
use libsys::abi::Error;
use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::protocol::process::Ended;

use crate::checks::Checks;
use crate::kernel::{POOL, PROCESS, call, create, playground, raw};
use crate::{child, deeds};

/// Mappings that would be code.
pub fn mappings(checks: &mut Checks) -> Result<(), LibError> {
    let memory = create(POOL, Kind::Memory, 2, 0, 0)?;
    let (memory, at) = (raw(&memory), playground());
    let map = |access: u64| call(number::map, &[PROCESS, memory, at, 0, 1, access]);
    let protect = |access: u64| call(number::protect, &[PROCESS, at, 1, access]);
    checks.refused("map writable and executable", map(7), &[Error::WriteAndExecute]);
    checks.refused("map to write and execute, not read", map(6), &[Error::WriteAndExecute]);
    checks.refused("map executable what is not sealed", map(5), &[Error::NotExecutable]);
    for access in [0, 2, 4, 8, 9, 255, 256 + 1, u64::MAX] {
        checks.refused(format!("map with access {access}"), map(access), &[Error::BadArgument]);
    }
    map(3)?;
    checks.refused("protect to writable and executable", protect(7), &[Error::WriteAndExecute]);
    checks.refused("protect to executable", protect(5), &[Error::NotExecutable]);
    checks.refused("freeze what is mapped to write", call(number::freeze, &[memory, 0, 1]), &[Error::StillMapped]);
    let log = u64::from(libsys::abi::user::LOG.raw());
    let seal = || call(number::seal, &[memory, 0, 1, log]);
    checks.refused("seal what is not frozen", seal(), &[Error::NotFrozen, Error::Denied]);
    protect(1)?;
    checks.equal("freeze what is mapped to read", call(number::freeze, &[memory, 0, 1]).map(drop), Ok(()));
    checks.refused("protect the frozen to write", protect(3), &[Error::Denied, Error::BadArgument, Error::StillMapped]);
    checks.refused("protect the frozen to execute", protect(5), &[Error::NotExecutable]);
    checks.refused("seal without the authority", seal(), &[Error::Denied]);
    call(number::unmap, &[PROCESS, at, 1])?;
    checks.refused("map the frozen to write", map(3), &[Error::Denied, Error::BadArgument, Error::StillMapped]);
    checks.refused("map the frozen to execute", map(5), &[Error::NotExecutable]);
    let code = mappings as fn(&mut Checks) -> Result<(), LibError> as usize as u64 & !4095;
    let own = |access: u64| call(number::protect, &[PROCESS, code, 1, access]);
    let errors = [Error::Denied, Error::BadArgument, Error::WriteAndExecute, Error::StillMapped];
    checks.refused("protect the own code to write", own(3), &errors);
    checks.refused("and to all", own(7), &[Error::WriteAndExecute]);
    Ok(())
}

/// Each deed ends its child by a fault, and nobody else.
pub fn faults(checks: &mut Checks) -> Result<(), LibError> {
    let how = |end: &Ended| (end.code, end.reason);
    let seven = child::doing("exit-7")?;
    checks.equal("a child that does nothing bad ends as it says", how(&seven), (7, 0));
    for deed in deeds::FATAL.iter().chain(crate::privileged::NAMES) {
        let result: Result<(), String> = match child::doing(deed) {
            Ok(end) if how(&end) == (20, LibError::Fault.code()) => Ok(()),
            Ok(end) => Err(format!("code {}, reason {}", end.code, end.reason)),
            Err(error) => Err(format!("{error}")),
        };
        checks.check(deed, result);
    }
    for deed in crate::privileged::HARMLESS {
        let end = child::doing(deed)?;
        checks.holds(deed, [(0, 0), (20, LibError::Fault.code())].contains(&how(&end)));
    }
    Ok(())
}
