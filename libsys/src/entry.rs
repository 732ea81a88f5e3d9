//! How a process begins and ends.
//!
//! ```text
//!  _start ─► start: thread block ─► start block (init: boot page) ─► the program's main ─► exit
//! ```

use protocol::Error;

/// Declares the program's main function: `fn()`, or one that returns something that implements [`Termination`].
///
/// ```ignore
/// #![no_std]
/// #![no_main]
/// libsys::entry!(main);
/// fn main() -> Result<(), libsys::Error> { … }
/// ```
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn viaether_main() -> u64 {
            $crate::entry::Termination::status($main()).pack()
        }
    };
}

/// Declares init's main function: `fn(&'static abi::boot::BootInfo)`, which does not return.
#[macro_export]
macro_rules! entry_init {
    ($main:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn viaether_main() -> u64 {
            match $crate::entry::boot_info() {
                Some(boot) => $crate::entry::Termination::status($main(boot)).pack(),
                None => $crate::entry::Status::from($crate::Error::Internal).pack(),
            }
        }
    };
}

/// How a process ended: the return code and the reason for WHY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// 0 OK, 5 WARN, 10 ERROR, 20 FAIL.
    pub code: u32,
    /// An [`Error`]'s number, or 0.
    pub reason: u16,
}

impl Status {
    /// All went well.
    pub const OK: Status = Status { code: 0, reason: 0 };
    /// A hint, or "not found": 5.
    pub const WARN: Status = Status { code: 5, reason: 0 };
    /// 10.
    pub const ERROR: Status = Status { code: 10, reason: 0 };
    /// 20.
    pub const FAIL: Status = Status { code: 20, reason: 0 };

    /// For `entry!`.
    #[doc(hidden)]
    pub const fn pack(self) -> u64 {
        self.code as u64 | (self.reason as u64) << 32
    }

    #[cfg(target_os = "viaether")]
    const fn unpack(packed: u64) -> Status {
        Status { code: packed as u32, reason: (packed >> 32) as u16 }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        Status { code: error.return_code().into(), reason: error.code() }
    }
}

/// What a main function may return.
pub trait Termination {
    /// How the process is to end.
    fn status(self) -> Status;
}

impl Termination for () {
    fn status(self) -> Status {
        Status::OK
    }
}

impl Termination for core::convert::Infallible {
    fn status(self) -> Status {
        match self {}
    }
}

impl Termination for Status {
    fn status(self) -> Status {
        self
    }
}

impl Termination for u32 {
    fn status(self) -> Status {
        Status { code: self, reason: 0 }
    }
}

impl<T: Termination> Termination for Result<T, Error> {
    fn status(self) -> Status {
        match self {
            Ok(value) => value.status(),
            Err(error) => error.into(),
        }
    }
}

#[cfg(target_os = "viaether")]
mod real {
    use core::sync::atomic::{AtomicPtr, Ordering};

    use abi::{
        boot::{self, BootInfo, RootKind},
        calls, user,
    };

    use super::Status;
    use crate::{env, layout, objects, sys, thread_block::Block, time};

    unsafe extern "C" {
        fn viaether_main() -> u64;
    }

    static BOOT: AtomicPtr<BootInfo> = AtomicPtr::new(core::ptr::null_mut());

    /// What the kernel told init; none in other processes.
    pub fn boot_info() -> Option<&'static BootInfo> {
        // SAFETY: null, or the boot page: mapped for ever, frozen, checked by `start`.
        unsafe { BOOT.load(Ordering::Acquire).as_ref() }
    }

    /// The main thread's block.
    static MAIN: Block = Block::new();

    /// Where a clone of this process starts, and its stack pointer then: below all that the callers of this function's
    /// caller have on their stacks. None on threads whose stack is not the main one.
    #[inline(always)]
    pub(crate) fn clone_start() -> Option<(u64, u64)> {
        let frame = crate::arch::frame() & !15;
        // As after a call on x86_64: 8 below a multiple of 16; aarch64 wants a multiple.
        let stack = if cfg!(target_arch = "x86_64") { frame - 8 } else { frame };
        let top = MAIN.stack().end;
        let here = (top - layout::MAIN_STACK_BYTES..top).contains(&stack);
        here.then_some((start_clone as extern "C" fn(u64) -> ! as usize as u64, stack as u64))
    }

    /// The first code of a clone. Its own things lie where its parent's do, so what the parent wrote down of that holds.
    extern "C" fn start_clone(_block: u64) -> ! {
        MAIN.reset();
        let block = &raw const MAIN as u64;
        if sys::config(user::MAIN_THREAD.raw().into(), calls::CONFIG_POINTER, block).is_err() {
            stop();
        }
        crate::clones::begin()
    }

    /// The first Rust code of a process, called by `_start` with the start argument, where the start block lies, and the stack
    /// pointer.
    pub(crate) extern "C" fn start(start_block: u64, stack: u64) -> ! {
        layout::set_start_block(start_block as usize);
        // The stack ends where it began; how far it reaches down only backtraces want to know.
        let stack = stack as usize;
        MAIN.prepare(layout::main_buffer(), stack.saturating_sub(layout::MAX_STACK)..stack);
        let block = &raw const MAIN as u64;
        if sys::config(user::MAIN_THREAD.raw().into(), calls::CONFIG_POINTER, block).is_err() {
            stop();
        }
        time::start();
        // SAFETY: every process is told where its start block, or boot page, is mapped: at least one page, frozen.
        let magic = unsafe { *(start_block as *const u32) };
        let known = match magic {
            boot::MAGIC => start_init(),
            _ => env::start(),
        };
        if let Err(error) = known {
            crate::log!(Error, "start block: {error}");
            super::exit(error.into());
        }
        // SAFETY: `entry!` defines it with this signature.
        let status = unsafe { viaether_main() };
        super::exit(Status::unpack(status))
    }

    fn start_init() -> Result<(), protocol::Error> {
        // SAFETY: the magic said that the kernel's boot page is there; it is frozen.
        let boot = unsafe { &*(layout::start_block() as *const BootInfo) };
        if boot.version != boot::VERSION || (boot.size as usize) < size_of::<BootInfo>() {
            return Err(protocol::Error::Version);
        }
        BOOT.store(core::ptr::from_ref(boot).cast_mut(), Ordering::Release);
        time::start_from(boot);
        let handle = |kind| objects::root(boot, kind).next().map_or(0, |root| root.handle);
        objects::OWN_POOL.store(handle(RootKind::Pool), Ordering::Release);
        crate::log::LOG.store(handle(RootKind::Log), Ordering::Release);
        crate::random::seed(&boot.seed, boot.seed != [0; 32]);
        crate::heap::begin(boot.heap as usize, false);
        layout::set_mappings(boot.mappings as usize);
        Ok(())
    }

    /// Stops this thread for ever: nothing else can be done.
    pub(crate) fn stop() -> ! {
        loop {
            let _ = sys::stop(user::MAIN_THREAD.raw().into());
            let _ = sys::recv(0, u64::MAX);
        }
    }
}

#[cfg(target_os = "viaether")]
pub use real::boot_info;
#[cfg(target_os = "viaether")]
pub(crate) use real::{clone_start, start};

/// No clones on the host.
#[cfg(not(target_os = "viaether"))]
pub(crate) fn clone_start() -> Option<(u64, u64)> {
    None
}

/// What the kernel told init; none on the host.
#[cfg(not(target_os = "viaether"))]
pub fn boot_info() -> Option<&'static abi::boot::BootInfo> {
    None
}

/// Ends the process. What stdout still buffers is written first.
#[cfg(target_os = "viaether")]
pub fn exit(status: Status) -> ! {
    let status = crate::io::close_standard(status);
    exit_now(status)
}

/// Ends the process as it is. The end of init is the end of the system: it powers off.
#[cfg(target_os = "viaether")]
pub fn exit_now(status: Status) -> ! {
    use protocol::process::{Request, Service};
    if let Some(boot) = boot_info() {
        last_words();
        crate::log!(Error, "init is over ({}): powering off", status.code);
        for power in crate::root(boot, abi::boot::RootKind::Power) {
            let _ = crate::sys::system(power.handle.into(), abi::calls::SYSTEM_OFF);
        }
    }
    let request = Request::Exit { code: status.code, reason: status.reason };
    let _ = crate::channel::call::<Service>(abi::user::PROCESS_CHANNEL, &request, crate::Handles::none());
    real::stop()
}

/// For init: has the kernel print what is logged from now on, whoever reads the log otherwise.
#[cfg(target_os = "viaether")]
pub(crate) fn last_words() {
    let Some(boot) = boot_info() else { return };
    for interrupt in crate::root(boot, abi::boot::RootKind::LogInterrupt) {
        let _ = crate::sys::irq_bind(interrupt.handle.into(), 0, 0);
    }
}

/// Ends the process: on the host, by a panic.
#[cfg(not(target_os = "viaether"))]
pub fn exit(status: Status) -> ! {
    panic!("exit {}", status.code)
}

/// Ends the process: on the host, by a panic.
#[cfg(not(target_os = "viaether"))]
pub fn exit_now(status: Status) -> ! {
    exit(status)
}
