//! x86_64's segment registers: what user code can load into them, and that none of it reaches another thread but the number itself.
//!
//! The four that are loaded at will take null selectors and the flat segment of user data. All else faults, and the stack segment takes
//! nothing else than it has. Selectors of DS, ES, FS and GS stay from one thread to the next; the bases of FS and GS do not.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::arch::asm;

use libsys::abi::calls::{ANY_CORE, CONFIG_CORE, number};
use libsys::abi::info;
use libsys::abi::message::{Fault, Kind as Received, Tag};
use libsys::raw::Registers;
use libsys::{Error, Mutex, Pool, Private, thread};

use crate::checks::{Checks, Hex, times};
use crate::deeds::Touch;
use crate::kernel::{call, playground, raw};
use crate::threads::{bare, faulted, finish, options, pin};

/// Selectors that are tried: all that name something, and many that don't; all there are with the long counts.
const SELECTORS: u64 = 0x100;
const SELECTORS_LONGER: u64 = 0x100;
/// Those that can be loaded, whatever privilege they ask for: none, and user data.
const NULL: core::ops::RangeInclusive<u64> = 0..=3;
const DATA: core::ops::RangeInclusive<u64> = 0x18..=0x1b;
/// User data, as the stack has it.
const STACK: u64 = 0x1b;
/// Turns with a thread that loads all of them.
const TURNS: u64 = 2_000;

/// Makes the table: a register, and a function that loads a selector, reads it back, and faults at an address that says it.
macro_rules! loads {
    ($($name:literal $load:ident;)*) => {
        const LOADS: [(&str, Touch); 5] = [$(($name, $load)),*];
        $(extern "C" fn $load(selector: u64) -> ! {
            // SAFETY: not sound, and meant so: either instruction ends the thread, which has nothing of compiled code.
            unsafe {
                asm!(concat!("mov ", $name, ", {0:e}"), concat!("mov {0:e}, ", $name), "shl {0}, 4", "add {0}, {1}", "mov {0}, [{0}]",
                    "2: jmp 2b", in(reg) selector, in(reg) nowhere(0), options(noreturn));
            }
        })*
    };
}

loads! {
    "ds" load_ds;
    "es" load_es;
    "fs" load_fs;
    "gs" load_gs;
    "ss" load_ss;
}

/// Where a thread faults that has loaded a selector. Nothing is there.
const fn nowhere(selector: u64) -> u64 {
    playground() + (1 << 40) + selector * 16
}

/// Every selector into every register; bases; what others see.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    for (name, load) in LOADS {
        let found = Arc::new(Mutex::new(Vec::new()));
        let told = found.clone();
        let stack = Private::create(&pool, 1)?;
        finish(thread::spawn(&pool, options()?, move || {
            let stack = stack.as_ptr() as u64 + stack.len() as u64;
            *told.lock() =
                (0..times(SELECTORS, SELECTORS_LONGER)).map(|selector| loaded(load, selector, stack)).collect();
        })?);
        let found = core::mem::take(&mut *found.lock());
        let cases = (0..).zip(found).map(|(selector, loaded)| (Hex(selector), as_should_be(name, selector, loaded)));
        checks.all(format!("{name}: what can be loaded"), cases);
    }
    beside(checks)
}

/// What reads back of a selector, or none if it faulted.
fn loaded(load: Touch, selector: u64, stack: u64) -> Result<Option<u64>, String> {
    let Registers { a1, words: [class, address, ..], .. } =
        faulted(load, selector, stack).map_err(|error| format!("{error}"))?;
    let back = address.wrapping_sub(nowhere(0)) / 16;
    match Tag(a1).kind() {
        Received::Fault if class == Fault::Instruction as u64 => Ok(None),
        Received::Fault if class == Fault::Read as u64 && back <= 0xffff => Ok(Some(back)),
        kind => Err(format!("{kind:?}, class {class} at {address:#x}")),
    }
}

fn as_should_be(name: &str, selector: u64, loaded: Result<Option<u64>, String>) -> Result<(), String> {
    let may = match name {
        "ss" => selector == STACK,
        _ => NULL.contains(&selector) || DATA.contains(&selector),
    };
    match loaded? {
        Some(back) if may && back == selector => Ok(()),
        None if !may => Ok(()),
        other => Err(format!("{other:x?}")),
    }
}

/// Another thread of the same core loads what it can before each of this one's turns.
fn beside(checks: &mut Checks) -> Result<(), Error> {
    pin(0)?;
    let stack = Private::create(&Pool::own()?, 1)?;
    let other = bare(scramble, 0, stack.as_ptr() as u64 + stack.len() as u64, None)?;
    call(number::config, &[raw(&other), CONFIG_CORE, 0])?;
    let before = look();
    let (mut moved, mut strange) = (0, 0);
    for _ in 0..TURNS {
        libsys::yield_now();
        let now = look();
        moved += u64::from((now.pointer, now.known) != (before.pointer, before.known));
        strange += now.selectors.iter().filter(|s| !NULL.contains(*s) && !DATA.contains(*s)).count();
    }
    let ran = call(number::info, &[raw(&other), info::THREAD, 0]).is_ok();
    call(number::destroy, &[raw(&other)])?;
    pin(ANY_CORE)?;
    checks.holds("another thread loads them meanwhile", ran);
    checks.equal("bases of FS and GS that another thread moved", moved, 0);
    checks.equal("selectors that nobody can load", strange, 0);
    Ok(())
}

/// Loads user data and null selectors into all four by turns. It has nothing of compiled code, which would need FS.
extern "C" fn scramble(_: u64) -> ! {
    // SAFETY: changes registers of a thread that does nothing else, and calls `yield`.
    unsafe {
        asm!("xor ebx, ebx", "2: mov ds, ebx", "mov es, ebx", "mov fs, ebx", "mov gs, ebx", "mov eax, {call}", "syscall",
            "inc ebx", "and ebx, 0x1b", "jmp 2b", call = const number::yield_now, options(noreturn));
    }
}

/// What a thread sees of its segments.
struct Seen {
    selectors: [u64; 4],
    /// What stands at the FS base, which is the thread's own block.
    pointer: u64,
    /// A known word, by way of GS, whose base is 0.
    known: u64,
}

fn look() -> Seen {
    let word = 0x5e95_u64;
    let mut selectors = [0; 4];
    let (pointer, known);
    let [ds, es, fs, gs] = &mut selectors;
    // SAFETY: reads registers, the thread's block and a local variable.
    unsafe {
        asm!("mov {0:e}, ds", "mov {1:e}, es", "mov {2:e}, fs", "mov {3:e}, gs", "mov {4}, fs:[0]", "mov {5}, gs:[{6}]",
            out(reg) *ds, out(reg) *es, out(reg) *fs, out(reg) *gs, out(reg) pointer, out(reg) known, in(reg) &word, options(nostack));
    }
    Seen { selectors, pointer, known }
}
