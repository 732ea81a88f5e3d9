//! What a process must not do, done: each ends this process, or shows by code 0 that it was let.

use core::arch::asm;
use core::hint::black_box;

use libsys::entry::exit_now;
use libsys::{Error, Status, fault};

/// Deeds, for the suites to go through. Each must end its process by a fault.
pub const FATAL: &[&str] = &[
    "read-null",
    "write-null",
    "jump-null",
    "read-kernel",
    "write-kernel",
    "jump-kernel",
    "read-noncanonical",
    "write-noncanonical",
    "jump-noncanonical",
    "read-top",
    "write-code",
    "write-constants",
    "write-start-block",
    "write-time-page",
    "run-data",
    "run-stack",
    "run-heap",
    "overflow-stack",
    "undefined",
    "privileged",
];

/// A kernel address on both processors.
const KERNEL: u64 = 0xffff_8000_0010_0000;
/// Neither the user's nor the kernel's.
const NONCANONICAL: u64 = 0x0010_0000_0000_0000;
/// The last bytes of the address space.
const TOP: u64 = 0xffff_ffff_ffff_fff8;

/// A return instruction, as data.
#[cfg(target_arch = "x86_64")]
const RETURN: [u8; 4] = [0xc3, 0xc3, 0xc3, 0xc3];
#[cfg(target_arch = "aarch64")]
const RETURN: [u8; 4] = 0xd65f_03c0_u32.to_le_bytes();

static CONSTANT: [u64; 2] = [1, 2];
static mut DATA: [u8; 4] = RETURN;

/// Does it. What comes back ends with code 0: it was let.
pub fn perform(deed: &str) -> ! {
    match deed {
        "exit-7" => exit_now(Status { code: 7, reason: 0 }),
        "bomb" => crate::sec::bombs::go_off(),
        "lend-names" => end(crate::sec::services::lend_names()),
        "victim" => end(crate::sec::services::victim()),
        "read-null" => fault::read(),
        "write-null" => fault::write(),
        "jump-null" => fault::fetch(),
        "overflow-stack" => fault::stack(),
        "read-kernel" => read(KERNEL),
        "write-kernel" => write(KERNEL),
        "jump-kernel" => jump(KERNEL),
        "read-noncanonical" => read(NONCANONICAL),
        "write-noncanonical" => write(NONCANONICAL),
        "jump-noncanonical" => jump(NONCANONICAL),
        "read-top" => read(TOP),
        "write-code" => write((perform as fn(&str) -> !) as usize as u64 & !7),
        "write-constants" => write(black_box(&CONSTANT) as *const _ as u64),
        "write-start-block" => write(libsys::layout::start_block() as u64),
        "write-time-page" => write(libsys::layout::time_page() as u64),
        "run-data" => jump(&raw mut DATA as u64),
        "run-stack" => {
            let code = black_box(RETURN);
            jump(black_box(&code) as *const _ as u64)
        }
        "run-heap" => {
            let code = black_box(alloc::boxed::Box::new([RETURN; 4]));
            jump(code.as_ptr() as u64)
        }
        "deep-stack" | "heap-to-limit" | "over-commit" | "fault-together" | "write-file" | "gone-view" | "work"
        | "leave-clone" => crate::paged::perform(deed),
        "undefined" => undefined(),
        "privileged" => privileged(),
        "own-page" => end(crate::tags::own_page()),
        "revoked" => end(crate::sec::revoke::after_many_sessions()),
        "secret" => end(crate::sec::leaks::keep_secret()),
        "where" => exit_now(crate::sec::leaks::tell()),
        name if crate::privileged::execute(name) => {}
        _ => exit_now(Error::BadArgument.into()),
    }
    exit_now(Status::OK)
}

/// Ends this process with what has come of it.
fn end(result: Result<(), Error>) -> ! {
    exit_now(result.map_or_else(Status::from, |()| Status::OK))
}

/// How a thread touches an address.
pub type Touch = extern "C" fn(u64) -> !;

/// Every way. Who comes back from it stays: no fault comes.
pub const TOUCHES: [(&str, Touch); 3] = [("load", load), ("store", store), ("jump", fetch)];

extern "C" fn load(at: u64) -> ! {
    read(at);
    stay()
}

extern "C" fn store(at: u64) -> ! {
    write(at);
    stay()
}

extern "C" fn fetch(at: u64) -> ! {
    jump(at);
    stay()
}

fn stay() -> ! {
    loop {
        libsys::relax();
    }
}

fn read(at: u64) {
    // SAFETY: not sound, and meant so: it must fault, and ends the process.
    black_box(unsafe { (at as *const u64).read_volatile() });
}

fn write(at: u64) {
    // SAFETY: not sound, and meant so: it must fault, and ends the process.
    unsafe { (at as *mut u64).write_volatile(black_box(0)) };
}

fn jump(to: u64) {
    // SAFETY: not sound, and meant so: the fetch must fault, and ends the process. The value is not null.
    let target: extern "C" fn() = unsafe { core::mem::transmute(to as usize) };
    target();
}

fn undefined() {
    // SAFETY: an undefined instruction; it must fault.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("ud2", options(nomem, nostack))
    };
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("udf #0", options(nomem, nostack))
    };
}

fn privileged() {
    // SAFETY: would turn interrupts off; user code must not, so it must fault.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("cli", options(nomem, nostack))
    };
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("msr daifset, #2", options(nomem, nostack))
    };
}
