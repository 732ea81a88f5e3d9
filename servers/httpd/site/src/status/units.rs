//! Figures as people read them.

use alloc::{format, string::String};

use protocol::process::{ServiceState, State};

/// Bytes in the largest unit that leaves a whole part.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let power = (bytes.ilog2() / 10).min(4);
    let unit = UNITS.get(power as usize - 1).copied().unwrap_or_default();
    let tenths = (u128::from(bytes) * 10) >> (10 * power);
    if tenths < 100 { format!("{}.{} {unit}", tenths / 10, tenths % 10) } else { format!("{} {unit}", tenths / 10) }
}

/// `2 d 03:04:05`.
pub(super) fn span(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if days > 0 { format!("{days} d {clock}") } else { clock }
}

/// `1.234 s`.
pub(super) fn seconds(ns: u64) -> String {
    format!("{}.{:03} s", ns / 1_000_000_000, ns / 1_000_000 % 1_000)
}

/// A process's state in a word.
pub(super) const fn state(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Running => "running",
        State::Receiving => "waiting",
        State::Calling => "calling",
        State::Stopped => "stopped",
        State::Parked => "out of budget",
        State::Ended => "ended",
    }
}

/// A service's state in a word.
pub(super) const fn service(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Stopped => "stopped",
        ServiceState::Starting => "starting",
        ServiceState::Running => "running",
        ServiceState::Hung => "hung",
        ServiceState::BackOff => "waits to restart",
        ServiceState::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_the_figure() {
        for (figure, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (10 * 1024 - 1, "9.9 KiB"),
            (10 * 1024, "10 KiB"),
            (243 << 20, "243 MiB"),
            ((2 << 30) - 1, "1.9 GiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(bytes(figure), text);
        }
        assert_eq!(span(3_725_999_999_999), "01:02:05");
        assert_eq!(span(90_061_000_000_000), "1 d 01:01:01");
        assert_eq!(seconds(1_234_567_890), "1.234 s");
    }
}
