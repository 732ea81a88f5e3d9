//! What a handle allows.

use bitflags::bitflags;

bitflags! {
    /// What a handle allows. Rights only ever shrink: by `dup` and `derive`.
    ///
    /// One word serves all kinds of objects; a right that a kind has no use for is ignored there.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Rights: u16 {
        /// Any: may move to another process, in a message or by `dup` into its table.
        const TRANSFER = 1 << 0;
        /// Notification: wait for it, bind it, choose badges. Memory: evict, freeze, seal, and learn its device
        /// address. Authority: choose badges. Pool: learn what lies in it.
        const OWNER = 1 << 1;
        /// Channel: call.
        const CALL = 1 << 2;
        /// Channel: receive, choose badges.
        const RECV = 1 << 3;
        /// Notification: set the bits of the badge.
        const NOTIFY = 1 << 4;
        /// Memory: map readable.
        const READ = 1 << 5;
        /// Memory: map writable.
        const WRITE = 1 << 6;
        /// Memory: map executable what is sealed.
        const EXECUTE = 1 << 7;
        /// Pool: make objects from it.
        const MAKE = 1 << 8;
        /// Pool: destroy it, with all that was made from it, and take pages out of it.
        const DESTROY = 1 << 9;
        /// Process: map, unmap, protect in its address space.
        const MAP = 1 << 10;
        /// Process: put handles into its table, make threads in it.
        const ENDOW = 1 << 11;
        /// Thread: start, stop, configure, destroy.
        const CONTROL = 1 << 12;
        /// Thread: read its registers. Process: learn its figures.
        const INSPECT = 1 << 13;
        /// Grant: revoke it.
        const REVOKE = 1 << 14;
        /// Interrupt: bind and acknowledge. IoPorts: read and write.
        const USE = 1 << 15;

        /// Authority: write to the log, and read the kernel's counters.
        const LOG = Self::CALL.bits();
        /// Authority: seal frozen pages as code.
        const SEAL = Self::EXECUTE.bits();
        /// Authority: power off and reboot.
        const POWER = Self::DESTROY.bits();
    }
}
