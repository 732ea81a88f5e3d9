//! Where the kernel is, a fault does not tell: in the kernel's half of the addresses all look alike, whether a page is there or not.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use libsys::abi::message::{Kind as Received, Tag};
use libsys::{Error as LibError, Mutex, Pool, Private, thread};

use crate::checks::Checks;
use crate::deeds::{TOUCHES, Touch};
use crate::threads::{faulted, finish, options};

/// The GiB in which the kernel is, at one of some 500 places that are so far apart; and some of its code from there on.
const PLACES: u64 = 0xffff_ffff_8000_0000;
const APART: u64 = 2 << 20;
const CODE: u64 = 0x2_0000;
/// Memory, seen through the kernel's map of all memory.
const MEMORY: u64 = if cfg!(target_arch = "x86_64") { 0xffff_8000_0010_0000 } else { 0xffff_0000_4100_0000 };
/// Where nothing is mapped.
const NOWHERE: u64 = 0xffff_f000_0000_0000;

/// A fault's class, and the processor's word for it.
type Told = [u64; 2];

/// Every way to touch an address, at every place where the kernel may be.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    let pool = Pool::own()?;
    for (way, touch) in TOUCHES {
        let found = Arc::new(Mutex::new(Vec::new()));
        let told = found.clone();
        let stack = Private::create(&pool, 1)?;
        // A thread of its own, so that nothing else comes where it waits: the main thread gets signals, too.
        finish(thread::spawn(&pool, options()?, move || *told.lock() = all(touch, &stack))?);
        let found = core::mem::take(&mut *found.lock());
        let nowhere = found.first().map(|(_, told)| told.clone()).unwrap_or_else(|| Err("no fault".into()));
        let cases = found.into_iter().map(|(at, told)| {
            let same = match (told, &nowhere) {
                (Ok(told), Ok(nowhere)) if told == *nowhere => Ok(()),
                (told, _) => Err(format!("{told:x?} and not {nowhere:x?}")),
            };
            (format!("{at:#x}"), same)
        });
        checks.all(format!("a {way} tells nothing of the kernel's half"), cases);
    }
    Ok(())
}

/// What is told of each address; first of one where nothing is.
fn all(touch: Touch, stack: &Private) -> Vec<(u64, Result<Told, String>)> {
    let stack = stack.as_ptr() as u64 + stack.len() as u64;
    let places = (0..1 << 30).step_by(APART as usize).map(|far| PLACES + far + CODE);
    let all = [NOWHERE].into_iter().chain(places).chain([MEMORY, u64::MAX - 4095]);
    all.map(|at| (at, told(touch, at, stack))).collect()
}

/// What the fault of a thread of one's own says that touches an address.
fn told(touch: Touch, at: u64, stack: u64) -> Result<Told, String> {
    let received = faulted(touch, at, stack).map_err(|error| format!("{error}"))?;
    let [class, address, pc, _, syndrome, ..] = received.words;
    match Tag(received.a1).kind() {
        Received::Fault if address == at => Ok([class, syndrome]),
        kind => Err(format!("{kind:?}, class {class} at {address:#x}, pc {pc:#x}, syndrome {syndrome:#x}")),
    }
}
