//! More processes than a processor has address-space tags: those that come too late share one, and find nothing of each other.

use alloc::format;
use alloc::vec::Vec;

use libsys::abi::Error;
use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::{Error as LibError, Pool, time, wait_bits};

use crate::checks::Checks;
use crate::child;
use crate::kernel::{POOL, PROCESS, call, create, peek, playground, poke, raw, used};

/// More than the kernel gives tags, 4,095.
const MOST: u64 = 4_200;
/// Pages that an empty process takes, with its handle.
const EACH: u64 = 3;
/// Processes that run beside each other then.
const NEIGHBOURS: usize = 3;
/// Pages of each.
const NEIGHBOUR: u32 = 128;
/// How often each of them looks whether its page is its own.
const LOOKS: u64 = 20;

/// Empty processes take all tags; then processes run that have different pages at the same address.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    // What the handles to them take stays with this process's table.
    crowd(checks)?;
    let before = used(POOL)?.0;
    crowd(checks)?;
    checks.holds("all but what the heap grew by came back", used(POOL)?.0 < before + 16);
    Ok(())
}

fn crowd(checks: &mut Checks) -> Result<(), LibError> {
    let beside = NEIGHBOURS as u32 * NEIGHBOUR;
    let pages = child::room((MOST * EACH) as u32 + beside)?.saturating_sub(beside);
    let pool = create(POOL, Kind::Pool, pages.into(), 1, 0)?;
    let mut empty = Vec::new();
    let refused = (0..MOST).find_map(|_| match create(raw(&pool), Kind::Process, 0, 0, 0) {
        Ok(process) => {
            empty.push(process);
            None
        }
        Err(error) => Some(error),
    });
    checks.holds(
        "nothing but pages bounds how many processes there are",
        matches!(refused, None | Some(Error::PoolEmpty)),
    );
    let running: Result<Vec<_>, LibError> =
        (0..NEIGHBOURS).map(|_| child::command("own-page", NEIGHBOUR).spawn(&Pool::own()?)).collect();
    for (n, child) in running?.iter().enumerate() {
        checks.equal(format!("process {n} beside {} finds its own page", empty.len()), child.wait()?.code, 0);
    }
    call(number::destroy, &[raw(&pool)])?;
    Ok(())
}

/// Has a page where the others have one of their own, with what nobody else writes there.
pub fn own_page() -> Result<(), LibError> {
    let memory = create(POOL, Kind::Memory, 1, 0, 0)?;
    let (at, mine) = (playground(), time::now_ns() | 1);
    call(number::map, &[PROCESS, raw(&memory), at, 0, 1, 3])?;
    for look in 0..LOOKS {
        if peek(at) != if look == 0 { 0 } else { mine + look } {
            return Err(LibError::Internal);
        }
        poke(at, mine + look + 1);
        wait_bits(0, time::after(time::MILLISECOND));
    }
    Ok(())
}
