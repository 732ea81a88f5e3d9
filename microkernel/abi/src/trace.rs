//! The ring of a trace, as the system call `trace` has it filled.

/// Words of a record: time in ns since boot; event in bits 0–7, the call's number in bits 8–23, the thread's place in
/// bits 32–63; the number register (the status, after the call), `a0`, `a1`, the badge register, eight words: the registers',
/// or, of a message that lies in the IPC buffer, its first 64 bytes.
pub const RECORD_WORDS: usize = 16;
/// Records in a page; the first page is the header's.
pub const RECORDS_PER_PAGE: u64 = (crate::PAGE_SIZE / (RECORD_WORDS * 8)) as u64;

/// Byte offsets of the header's words.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Records written since the trace began.
    pub written: usize,
    /// Records read: the observer's to count.
    pub read: usize,
    /// Records dropped because the ring was full.
    pub lost: usize,
}

/// Where they are.
pub const HEADER: Header = Header { written: 0, read: 8, lost: 16 };

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// A call begins.
    Call = 1,
    /// A call has ended; a call that does not return has none.
    Return = 2,
}
