//! Signals that end the harness: they set a flag, so that QEMU is ended and the terminal restored before we go.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Exit status after a signal, as shells give it for Ctrl-C.
pub const STATUS: u8 = 130;

/// Set by a signal, once those are caught.
static CAUGHT: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Tells whether somebody wants us to end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on: whatever waits for an interrupt ends by them. Where that is impossible they
    /// end the process as usual.
    pub fn catch() -> Self {
        Self::catch_all(&[SIGINT, SIGTERM, SIGHUP])
    }

    /// The same, but Ctrl-C does nothing: it is for a child that has our terminal.
    pub fn catch_but_ctrl_c() -> Self {
        let _ = signal_hook::flag::register(SIGINT, Arc::default());
        Self::catch_all(&[SIGTERM, SIGHUP])
    }

    fn catch_all(signals: &[c_int]) -> Self {
        CAUGHT.get_or_init(|| {
            let flag = Arc::new(AtomicBool::new(false));
            for signal in signals {
                let _ = signal_hook::flag::register(*signal, Arc::clone(&flag));
            }
            flag
        });
        Self::default()
    }

    /// One that comes by [`Interrupt::raise`], or by a signal if those are caught.
    #[must_use]
    pub fn own() -> Self {
        Self::default()
    }

    /// Makes it come.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it came.
    #[must_use]
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed) || CAUGHT.get().is_some_and(|caught| caught.load(Ordering::Relaxed))
    }
}
