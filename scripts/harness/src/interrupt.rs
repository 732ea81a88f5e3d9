//! Signals that end the harness: they set a flag, so that QEMU is ended and the terminal restored before we go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit status after a signal, as shells give it for Ctrl-C.
pub const STATUS: u8 = 130;

/// Tells whether somebody wants us to end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on. Where that is impossible they end the process as usual.
    #[must_use]
    pub fn catch() -> Self {
        let flag = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
            let _ = signal_hook::flag::register(signal, Arc::clone(&flag.0));
        }
        flag
    }

    /// One that never comes, unless [`Interrupt::raise`] is called.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// Makes it come.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it came.
    #[must_use]
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
