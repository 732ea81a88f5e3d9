//! Standard streams.

/// Flushes and closes the standard streams at the end of the process.
pub(crate) fn close_standard(_status: crate::Status) {}
