//! What happens at a panic: message and backtrace to the log, then the process ends with 20 (Internal).

use crate::{entry, thread_block};

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    if thread_block::enter_panic() {
        // A panic while reporting one.
        entry::exit_now(protocol::Error::Internal.into());
    }
    entry::last_words();
    match info.location() {
        Some(at) => crate::log!(Error, "panic at {}:{}: {}", at.file(), at.line(), info.message()),
        None => crate::log!(Error, "panic: {}", info.message()),
    }
    crate::backtrace::log();
    entry::exit_now(protocol::Error::Internal.into())
}
