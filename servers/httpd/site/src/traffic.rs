//! What httpd counts about itself.

use core::cell::Cell;

/// The counters, shared by all connections of the thread.
#[derive(Debug, Default)]
pub struct Traffic(Cell<TrafficFigures>);

/// What they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficFigures {
    /// Connections now.
    pub open: u32,
    /// Most connections at one time.
    pub most: u32,
    /// Connections since the start.
    pub connections: u64,
    /// Answers with 2xx and 3xx.
    pub good: u64,
    /// Answers with 4xx, those to requests that could not be read left out.
    pub client_errors: u64,
    /// Answers with 5xx.
    pub server_errors: u64,
    /// Connections that ran into a time limit.
    pub timeouts: u64,
    /// Bytes sent, heads included.
    pub bytes: u64,
}

impl Traffic {
    /// What was counted so far.
    pub fn figures(&self) -> TrafficFigures {
        self.0.get()
    }

    fn change(&self, change: impl FnOnce(&mut TrafficFigures)) {
        let mut figures = self.0.get();
        change(&mut figures);
        self.0.set(figures);
    }

    pub(crate) fn opened(&self) {
        self.change(|f| {
            f.open += 1;
            f.most = f.most.max(f.open);
            f.connections += 1;
        });
    }

    pub(crate) fn closed(&self) {
        self.change(|f| f.open = f.open.saturating_sub(1));
    }

    pub(crate) fn answered(&self, status: http::Status) {
        self.change(|f| match status.0 {
            ..400 => f.good += 1,
            400..500 => f.client_errors += 1,
            _ => f.server_errors += 1,
        });
    }

    pub(crate) fn timed_out(&self) {
        self.change(|f| f.timeouts += 1);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.change(|f| f.bytes += bytes as u64);
    }
}
