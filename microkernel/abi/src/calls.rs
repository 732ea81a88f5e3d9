//! The table of system calls.
//!
//! [`for_each_call!`](crate::for_each_call) hands the whole table to a macro: number, name, arguments, results, errors
//! and text. [`CALLS`] is the same as data, for the reference page and the fuzzer.

use crate::{Handle, Rights};

/// Hands the table of system calls to the macro `$then`.
///
/// A row is `number name (argument: Kind, …) -> (result: Kind, …) [Error …] "text";`. Rows marked `ipc` use the
/// registers of [`crate::message`] and have stubs written by hand.
#[macro_export]
macro_rules! for_each_call {
    ($then:ident) => {
        $then! {
0 null () -> () [] "Does nothing, uncounted: what the way into the processor's kernel mode and back costs.";
ipc 1 call (channel: Channel, tag: Tag) -> (zero: Number, tag: Tag)
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied TooManyHandles TableFull PoolEmpty Deadlock]
  "Sends a message and waits for the answer. The receiver, if one waits, runs at once, with the caller's priority and time slice.";
ipc 2 reply_recv (token: Token, tag: Tag) -> (token: Token, tag: Tag)
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied CallerGone]
  "Answers a call, then receives. A server's loop.";
ipc 3 recv (channel: Channel) -> (token: Token, tag: Tag)
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied]
  "Waits for a call, a closed end, the bound notification's bits or the deadline; closed ends first, then calls and bits in turn. With channel 0 only bits and deadline.";
ipc 4 reply (token: Token, tag: Tag) -> () [BadHandle Denied BadArgument CallerGone]
  "Answers a call.";
5 notify (notification: Notification, bits: Bits) -> () [BadHandle Denied Revoked WrongKind ServerDied]
  "Sets those of the bits that the handle's badge has, and wakes the thread that waits for them.";
6 close (handle: Any, second: Any, third: Any, fourth: Any, fifth: Any, sixth: Any) -> () [BadHandle]
  "Gives handles up, each named once: the first, and those of the others that are not 0; by an error none. An object without handles goes; so does what hangs on it.";
7 dup (handle: Any, rights: Rights, process: Process, index: Number) -> (handle: Handle)
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied TableFull PoolEmpty]
  "Makes a second handle with the same badge and Grant, and at most the same rights. With a process (ENDOW; the handle needs TRANSFER) it goes into that table, at the index if it is not 0.";
8 derive (pool: Pool, handle: Any, rights: Rights, badge: Bits, close_bits: Bits, to: Derived) -> (handle: Handle, grant: Handle)
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied TableFull PoolEmpty]
  "Makes a weaker handle behind a new Grant, charged to the pool. Who may RECV (Channel) or is OWNER (Notification, Authority) chooses the badge and is told when the last such handle is gone; for others the badge stays. With to 1 instead of 0 the Grant gets no handle of its own: there is 0 for it. With a process in to (ENDOW; the handle needs TRANSFER) the derived handle goes into that table, at an index from 1 to 127. Grants nest to depth 4.";
9 revoke (grant: Grant) -> () [BadHandle Denied WrongKind ServerDied]
  "Ends every handle derived through the Grant, with their mappings, interrupt bindings and queued calls. Restarts itself until all is undone.";
10 info (handle: Any, what: Number, index: Number) -> (zero: Number, zero1: Number, w0: Number, w1: Number, w2: Number, w3: Number, w4: Number, w5: Number, w6: Number, w7: Number)
  [BadHandle Denied Revoked WrongKind BadArgument BadAddress ServerDied]
  "Tells about an object; the selectors and words are in `info`.";
11 create (pool: Pool, kind: Number, x: Number, y: Number, z: Number) -> (handle: Handle)
  [BadHandle Denied Revoked WrongKind BadArgument BadAddress ServerDied TableFull PoolEmpty OverBudget]
  "Makes an object, charged to the pool. What x, y and z mean stands beside each `info::Kind`.";
12 destroy (handle: Any) -> () [BadHandle Denied Revoked WrongKind ServerDied]
  "Pool (DESTROY): ends all that was made from it, sub-pools included, and returns its pages. Thread (CONTROL): ends it. Restarts itself until all is gone.";
13 pool_move (from: Pool, to: Pool, pages: Pages) -> () [BadHandle Denied Revoked WrongKind BadArgument ServerDied PoolEmpty]
  "Moves free pages from a pool to its sub-pool (MAKE on both), or back (DESTROY on the sub-pool).";
14 slice (pool: Pool, object: Any, offset: Pages, count: Pages, flags: Number) -> (handle: Handle)
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied TableFull PoolEmpty]
  "A part of a Memory (pages), of interrupt lines (one; flags 1: edge-triggered) or of I/O ports, as an object of its own with the same rights.";
15 map (process: Process, memory: Memory, address: Address, offset: Pages, pages: Pages, access: Access) -> ()
  [BadHandle Denied Revoked WrongKind BadArgument BadAddress WriteAndExecute NotExecutable ServerDied TableFull PoolEmpty]
  "Maps pages of a Memory, at most 128, where nothing is mapped. Access: 1 read, 2 write, 4 execute; execute only what is sealed, write never what is frozen.";
16 unmap (process: Process, address: Address, pages: Pages) -> () [BadHandle Denied Revoked WrongKind BadArgument BadAddress ServerDied]
  "Takes mappings in the range, of at most 32,768 pages, away; holes are no error. Restarts itself.";
17 protect (process: Process, address: Address, pages: Pages, access: Access) -> ()
  [BadHandle Denied Revoked WrongKind BadArgument BadAddress WriteAndExecute NotExecutable ServerDied TableFull]
  "Changes the access of mapped pages, at most 128, within what the mapping's handle allowed.";
18 evict (memory: Memory, offset: Pages, pages: Pages, keep: Access) -> () [BadHandle Denied Revoked WrongKind BadArgument ServerDied]
  "By the OWNER: unmaps the pages wherever they are mapped (keep 0), or makes them read-only until they are mapped anew (keep 1). Restarts itself.";
19 freeze (memory: Memory, offset: Pages, pages: Pages) -> () [BadHandle Denied Revoked WrongKind BadArgument StillMapped ServerDied]
  "By the OWNER: nobody can write these pages, at most 256, any more. Refused while a writable mapping exists.";
20 seal (memory: Memory, offset: Pages, pages: Pages, authority: Authority) -> () [BadHandle Denied Revoked WrongKind BadArgument NotFrozen ServerDied]
  "By the OWNER with an Authority that has SEAL: frozen pages, at most 32, become code. Instruction caches are coherent on return.";
21 start (thread: Thread, pc: Address, sp: Address, argument: Number, fault: Channel, notification: Notification) -> () [BadHandle Denied Revoked WrongKind BadAddress BadArgument ServerDied]
  "Starts a stopped thread; its first argument register has the argument. Before that its fault channel and its notification are set, as by config, but for what is 0.";
22 stop (thread: Thread) -> () [BadHandle Denied Revoked WrongKind ServerDied]
  "Stops a thread; a call of its that is being served ends with CallerGone at the server. A thread may stop itself.";
23 state (thread: Thread, index: Number) -> (zero: Number, zero1: Number, w0: Number, w1: Number, w2: Number, w3: Number, w4: Number, w5: Number, w6: Number, w7: Number)
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied]
  "Reads eight registers of a stopped or waiting thread from the index on, in the order of `kcore::Regs`.";
24 config (thread: Thread, what: Number, value: Number) -> () [BadHandle Denied Revoked WrongKind BadArgument ServerDied]
  "Sets 0 priority (at most its pool's ceiling), 1 fault channel (handle with CALL, or 0), 2 bound notification (handle with OWNER, or 0), 3 thread pointer, 4 home core (2^64 - 1: any, as at first).";
25 yield_now () -> () [] "Lets other ready threads of the same priority run.";
26 irq_bind (interrupt: Interrupt, notification: Notification, bits: Bits) -> () [BadHandle Denied Revoked WrongKind BadArgument ServerDied]
  "Has the interrupt set bits of a notification (OWNER or NOTIFY), and unmasks it; notification 0 unbinds and masks.";
27 irq_ack (interrupt: Interrupt) -> () [BadHandle Denied Revoked WrongKind BadArgument ServerDied]
  "Unmasks a bound interrupt again after it came.";
28 ioport (ports: IoPorts, operation: Number, offset: Number, value: Number) -> (value: Number) [BadHandle Denied Revoked WrongKind BadArgument ServerDied]
  "Reads (operation 1, 2, 4: its size in bytes) or writes (operation 17, 18, 20) a port.";
29 debug_log (authority: Authority, tag: Tag) -> () [BadHandle Denied Revoked WrongKind BadArgument]
  "Writes a log record: bits 0-12 of the tag its length (at most 232), bits 16-17 its level; text in the words, or, beyond 64 bytes, in the IPC buffer.";
30 system (authority: Authority, operation: Number) -> () [BadHandle Denied Revoked WrongKind BadArgument]
  "With POWER: 0 powers the machine off, 1 reboots it. Does not return.";
31 trace (process: Process, ring: Memory, authority: Authority) -> ()
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied TableFull]
  "Has all calls of a process (INSPECT) written into a ring (READ and WRITE; 2 to 256 pages), laid out as `trace` says; with an Authority that has LOG. Ring 0 ends it, and so does the end of what allowed it. TableFull beyond 256 threads.";
32 give (process: Process, moved: Bits, gift0: Gift, gift1: Gift, gift2: Gift, gift3: Gift, gift4: Gift, gift5: Gift, gift6: Gift, gift7: Gift) -> ()
  [BadHandle Denied Revoked WrongKind BadArgument ServerDied]
  "Puts up to eight handles (with TRANSFER) into the table of a process (ENDOW), each with at most the same rights and at an index of the first 128, as `Gift` says; 0 is none. Those whose bit is set in moved, the first's is bit 0, leave the caller's table. An error gives none.";
        }
    };
}

/// What an argument or result is: enough for a fuzzer to make good and bad ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Any,
    Pool,
    Process,
    Thread,
    Channel,
    Notification,
    Memory,
    Grant,
    Interrupt,
    IoPorts,
    Authority,
    Handle,
    Rights,
    Bits,
    Number,
    Pages,
    Address,
    Access,
    Tag,
    Token,
    Gift,
    Derived,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// Whether it uses the registers of a message.
    pub message: bool,
    /// Arguments in the order of the registers.
    pub arguments: &'static [(&'static str, Kind)],
    /// Results in the order of the registers.
    pub results: &'static [(&'static str, Kind)],
    /// The errors it may answer.
    pub errors: &'static [crate::Error],
    /// What it does.
    pub text: &'static str,
}

macro_rules! table {
    (@message ipc) => { true };
    (@message) => { false };
    ($($($ipc:ident)? $number:literal $name:ident ($($a:ident: $ak:ident),*) -> ($($r:ident: $rk:ident),*)
       [$($e:ident)*] $text:literal;)*) => {
        /// Every system call, ascending by number.
        pub const CALLS: &[Call] = &[$(Call {
            number: $number,
            name: stringify!($name),
            message: table!(@message $($ipc)?),
            arguments: &[$((stringify!($a), Kind::$ak)),*],
            results: &[$((stringify!($r), Kind::$rk)),*],
            errors: &[$(crate::Error::$e),*],
            text: $text,
        }),*];

        /// The numbers.
        #[allow(missing_docs, non_upper_case_globals, reason = "the table has the texts")]
        pub mod number { $(pub const $name: u16 = $number;)* }
    };
}
for_each_call!(table);

/// `give`: handles at most.
pub const GIFTS: usize = 8;
/// How many handles `close` takes.
pub const CLOSED: usize = 6;

/// A handle for another process, as an argument of `give`: the handle in bits 0-31, the rights it is to have at most in bits 32-47,
/// its index there in bits 48-63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gift(pub u64);

impl Gift {
    /// This handle, with at most these rights, at this index.
    #[must_use]
    pub const fn new(handle: Handle, rights: Rights, index: u16) -> Gift {
        Gift(handle.raw() as u64 | (rights.bits() as u64) << 32 | (index as u64) << 48)
    }

    /// The handle, which may be none.
    #[must_use]
    pub const fn handle(self) -> u32 {
        self.0 as u32
    }

    /// The rights, which may have bits that mean nothing.
    #[must_use]
    pub const fn rights(self) -> u16 {
        (self.0 >> 32) as u16
    }

    /// Where it goes.
    #[must_use]
    pub const fn index(self) -> u16 {
        (self.0 >> 48) as u16
    }
}

/// Where a derived handle goes, as an argument of `derive`: bit 0 says that its Grant gets no handle; then it may go to another
/// process, whose handle stands in bits 32-63, at the index in bits 16-31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derived(pub u64);

impl Derived {
    /// To the caller, as the Grant does.
    pub const WITH_GRANT: Derived = Derived(0);
    /// To the caller, without a handle of the Grant.
    pub const ALONE: Derived = Derived(1);

    /// To this process, at this index.
    #[must_use]
    pub const fn to(process: Handle, index: u16) -> Derived {
        Derived(1 | (index as u64) << 16 | (process.raw() as u64) << 32)
    }

    /// Whether the Grant gets no handle; `None` for what means nothing.
    #[must_use]
    pub const fn alone(self) -> Option<bool> {
        match self.0 as u16 {
            0 if self.0 == 0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// The process and the index; `None` for the caller.
    #[must_use]
    pub const fn place(self) -> Option<(u32, u16)> {
        if self.0 >> 16 == 0 { None } else { Some(((self.0 >> 32) as u32, (self.0 >> 16) as u16)) }
    }
}

/// `map` and `protect`: pages at most. What is checked at once is also changed at once.
pub const MAP_PAGES: u64 = 128;
/// `unmap`: pages at most.
pub const UNMAP_PAGES: u64 = 1 << 15;
/// `freeze`: pages at most.
pub const FREEZE_PAGES: u64 = 256;
/// `seal`: pages at most. Making the instruction caches coherent takes long.
pub const SEAL_PAGES: u64 = 32;
/// `info` MEMORY: pages of which it tells how many are frozen or sealed; the first ones.
pub const COUNTED_PAGES: u64 = 512;

/// `config`: base priority.
pub const CONFIG_PRIORITY: u64 = 0;
/// `config`: fault channel.
pub const CONFIG_FAULT: u64 = 1;
/// `config`: bound notification.
pub const CONFIG_NOTIFICATION: u64 = 2;
/// `config`: TPIDR_EL0 or the FS base.
pub const CONFIG_POINTER: u64 = 3;
/// `config`: the core on which alone the thread runs, or [`ANY_CORE`].
pub const CONFIG_CORE: u64 = 4;
/// `config` of [`CONFIG_CORE`]: the thread may run on every core, as after it was made.
pub const ANY_CORE: u64 = u64::MAX;

/// `system`: power off.
pub const SYSTEM_OFF: u64 = 0;
/// `system`: reboot.
pub const SYSTEM_REBOOT: u64 = 1;

bitflags::bitflags! {
    /// How pages are mapped.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Access: u8 {
        /// Loads.
        const READ = 1;
        /// Stores; needs READ.
        const WRITE = 2;
        /// Instruction fetch; needs READ, excludes WRITE.
        const EXECUTE = 4;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn numbers_are_dense_and_names_unique() {
        for (i, call) in CALLS.iter().enumerate() {
            assert_eq!(call.number as usize, i, "{}", call.name);
            assert!(CALLS.iter().filter(|other| other.name == call.name).count() == 1);
            assert!(call.arguments.len() <= 10 && call.results.len() <= 10);
        }
    }
}
