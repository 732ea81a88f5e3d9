//! `process`: init's service for each process: making others, ending, waiting for them, power, entropy, the system's state.
//!
//! Handle 4 of a process is this service; its badge is the process. What one may reap, break or list follows from it.
//! init calls nobody and never waits for a client, so only [`Request::Seed`] may wait.
//!
//! ```text
//!  Create ──► child channel (`child` protocol) ── Give, Body … Start ──► running ── Exit, fault, Break ──► over
//!  Spawn ──────────────────────── all of it at once ────────────────────────┘              CHILD (bit 4) ──► Reap
//!     (between Create and Start the child goes with its spawner)
//! ```

use serde::{Deserialize, Serialize};

use crate::{Bytes, Error, Idempotent, List, Protocol, Text, flags::flags};

/// The service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Protocol for Service {
    const NAME: &'static str = "process";
    const MAJOR: u16 = 1;
    type Request = Request;
    type Reply = Reply;
}

flags! {
    /// What a process may ask init for beyond its own children.
    pub struct Rights: u8 {
        /// List all processes and services, map the log.
        const LIST = 1;
        /// Break processes that are not its own.
        const BREAK = 2;
        /// Start, stop and restart services.
        const SERVICES = 4;
        /// Power off and reboot.
        const POWER = 8;
    }
}

/// Handles that [`Request::Spawn`] gives at most, beside the pool.
pub const SPAWN_HANDLES: usize = 3;
/// Bytes of the start block's body in it at most: with the names it fits a message.
pub const SPAWN_BODY: usize = 3600;

/// A program to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Image {
    /// A program of the boot archive by its path there (`C/list`).
    Archive(Text<255>),
    /// A Memory that `Image` made and `Verify` sealed; it goes with the request as second handle.
    Verified,
}

/// The BREAK signals and the one that can't be caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Signal {
    /// BREAK C: stop.
    C,
    /// BREAK D: stop the script.
    D,
    /// BREAK E: for the program to define.
    E,
    /// BREAK F: show yourself.
    F,
    /// Ends the process whatever it handles.
    Force,
}

impl Signal {
    /// Its notification bit, 0–3; `Force` has none.
    pub const fn bit(self) -> Option<u64> {
        match self {
            Signal::C => Some(1),
            Signal::D => Some(2),
            Signal::E => Some(4),
            Signal::F => Some(8),
            Signal::Force => None,
        }
    }
}

/// How the system is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Power {
    /// Off.
    Off,
    /// Start again.
    Reboot,
}

/// What to do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Start one that is stopped.
    Start,
    /// End it and let it rest.
    Stop,
    /// End it and start it again.
    Restart,
}

/// What clients of `process` send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Makes a process, not started. Handles: pool (MAKE; the child's own is made inside it), image if `Verified`. Answer:
    /// `Created` with the child channel and the child's Notification (OWNER). Not idempotent.
    Create {
        /// What it runs.
        image: Image,
        /// What people see in lists.
        name: Text<32>,
        /// Pages of its pool.
        pages: u32,
        /// At most the spawner's own.
        rights: Rights,
    },
    /// Makes an empty Memory for an image in a pool. Handle: pool. Answer: `Done` with the Memory, writable. Not idempotent.
    Image {
        /// Its pages.
        pages: u32,
    },
    /// Takes the Memory back, freezes, checks and seals it. Handle: the Memory. Answer: `Done` with it, or `NotExecutable`:
    /// until programs are signed, always. Not idempotent.
    Verify,
    /// Which BREAK bits (0–3) the process handles itself. Idempotent.
    Catch {
        /// Bits 0–3.
        bits: u8,
    },
    /// Sends a signal. `NotFound`, or `Denied` without BREAK where it is not one's own. Not idempotent.
    Break {
        /// The process.
        number: u32,
        /// The signal.
        signal: Signal,
    },
    /// Ends the caller; never answered.
    Exit {
        /// The return code: 0, 5, 10 or 20, others are allowed.
        code: u32,
        /// The reason for WHY, an [`Error`]'s number or 0.
        reason: u16,
    },
    /// Takes the end of one child: `Reaped`, or `NoMoreEntries` if none is over. Not idempotent.
    Reap,
    /// Powers off or reboots in order. Right POWER. Not answered if it succeeds.
    Power {
        /// How.
        how: Power,
    },
    /// Fresh entropy: `Seed`; waits up to 5 s, then `NoEntropy`. Idempotent.
    Seed,
    /// Mixes bytes from a device into init's entropy. From devd alone. Idempotent.
    Entropy {
        /// What came from the device.
        bytes: Bytes<64>,
    },
    /// Lists processes with numbers above `after`, own ones or, with LIST, all: `Processes`. Idempotent.
    List {
        /// 0 at first.
        after: u32,
    },
    /// What a process holds, where from: `Holds`. Idempotent.
    Holds {
        /// The process.
        number: u32,
        /// Lines to skip.
        skip: u16,
    },
    /// Lists services from the `skip`-th on: `Services`. Idempotent.
    Services {
        /// Services to skip.
        skip: u16,
    },
    /// Starts, stops or restarts a service. Right SERVICES. Not idempotent.
    Service {
        /// Its name.
        name: Text<32>,
        /// What to do.
        action: Action,
    },
    /// About the machine: `System`. Idempotent.
    System,
    /// The kernel's log ring. Right LIST. Answer: `Done` with its Memory (READ). Idempotent.
    Log,
    /// Has pages of a Memory appear at their first use: `View`. Handle: the Memory (READ, and WRITE to write). `Limit`;
    /// `Unavailable` for processes that no pager serves. Not idempotent.
    View {
        /// Where in the Memory, in pages.
        first: u32,
        /// How many pages.
        pages: u32,
        /// Whether they may be written.
        write: bool,
    },
    /// Forgets a view; its addresses are not used again. The process unmaps what it has of it. Idempotent.
    Forget {
        /// As `View` told it.
        address: u64,
    },
    /// Makes a process, not started, whose memory is the caller's as it is now: program, heap, stack and data, no views
    /// that can be written, no handles. Handle: pool (MAKE). Answer: `Created` as for `Create`, once the memory is shared.
    /// Not idempotent.
    Clone {
        /// What people see in lists.
        name: Text<32>,
        /// Pages of its pool.
        pages: u32,
        /// Where its main thread starts.
        entry: u64,
        /// Its stack pointer then.
        stack: u64,
    },
    /// Takes a service back from a process: sessions that it opened, wherever they went, and the names that lead there.
    /// `NotFound`, or `Denied` without BREAK where it is not one's own. Idempotent.
    Revoke {
        /// The process.
        number: u32,
        /// The service's name.
        service: Text<32>,
    },
    /// Has the kernel write what a process calls into a ring. Handle: the ring's Memory, READ and WRITE; its end is the
    /// trace's. `NotFound`, or `Denied` without BREAK where it is not one's own. Not idempotent.
    Trace {
        /// The process.
        number: u32,
    },
    /// Gives a process's main thread another priority, at most its pool's ceiling. `NotFound`, or `Denied` without BREAK
    /// where it is not one's own; `BadArgument` above the ceiling. Idempotent.
    Priority {
        /// The process.
        number: u32,
        /// 0 to 63, the most urgent.
        priority: u8,
    },
    /// Makes a process and starts it: `Create` of a program of the boot archive, `Give`, `Body` and `Start` in one, for what
    /// needs no more than this. Handles: pool (MAKE; the child's own is made inside it), then those that the child gets. Answer:
    /// `Created` with the child's Notification (OWNER). Not idempotent.
    Spawn {
        /// What it runs, by its path in the boot archive.
        program: Text<255>,
        /// What people see in lists.
        name: Text<32>,
        /// Pages of its pool.
        pages: u32,
        /// At most the spawner's own.
        rights: Rights,
        /// Where the handles go, as `child`'s `Give` says.
        given: List<u16, SPAWN_HANDLES>,
        /// An encoded [`crate::StartBody`].
        body: Bytes<SPAWN_BODY>,
    },
}

impl Idempotent for Request {
    fn idempotent(&self) -> bool {
        use Request::*;
        matches!(
            self,
            Catch { .. }
                | Priority { .. }
                | Revoke { .. }
                | Seed
                | Entropy { .. }
                | List { .. }
                | Holds { .. }
                | Services { .. }
                | System
                | Log
                | Forget { .. }
        )
    }
}

/// What init answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// A process was made.
    Created {
        /// Its number.
        number: u32,
    },
    /// How a child ended.
    Reaped(Ended),
    /// 32 fresh bytes.
    Seed([u8; 32]),
    /// Processes, ascending by number; fewer than 16 is the end.
    Processes(List<ProcessInfo, 16>),
    /// What a process holds, a line each; fewer than 24 is the end.
    Holds(List<Text<128>, 24>),
    /// Services; fewer than 6 is the end.
    Services(List<ServiceInfo, 6>),
    /// The machine.
    System(SystemInfo),
    /// A view.
    View {
        /// Where it starts.
        address: u64,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its number.
    pub number: u32,
    /// Its return code.
    pub code: u32,
    /// Why: an [`Error`]'s number, or 0.
    pub reason: u16,
}

impl Ended {
    /// The reason, if it is one.
    pub fn error(self) -> Option<Error> {
        Error::from_code(self.reason)
    }
}

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Made, not started.
    New,
    /// Running or ready.
    Running,
    /// Waits for a message, bits or a deadline.
    Receiving,
    /// Waits for the answer of a server.
    Calling,
    /// Stopped.
    Stopped,
    /// Over, not reaped.
    Ended,
    /// Ready, but its CPU budget is used up for this period.
    Parked,
}

/// A process in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Its number.
    pub number: u32,
    /// Who made it; 0 for init's own.
    pub parent: u32,
    /// Its name.
    pub name: Text<32>,
    /// The service whose answer it waits for, or empty.
    pub waits_for: Text<32>,
    /// What it does.
    pub state: State,
    /// Its level, `contracts.md` §1.
    pub level: u8,
    /// Its main thread's priority.
    pub priority: u8,
    /// Threads.
    pub threads: u16,
    /// Handles.
    pub handles: u32,
    /// Pages used of its pool.
    pub used: u32,
    /// Pages of its pool.
    pub pages: u32,
    /// Processor time of its main thread in ns.
    pub cpu_ns: u64,
    /// The CPU budget that it has or shares: µs on each core, 0 for none.
    pub budget_us: u32,
    /// Of what period, in µs.
    pub period_us: u32,
    /// When it started, ns since boot.
    pub started_ns: u64,
}

/// How a service fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServiceState {
    /// Not asked for.
    Stopped,
    /// Started, has not yet asked for work.
    Starting,
    /// At work.
    Running,
    /// Has left an open request unanswered for 10 s.
    Hung,
    /// Waits for its next start.
    BackOff,
    /// Died too often and is left alone.
    Failed,
}

/// A service in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceInfo {
    /// Its name.
    pub name: Text<32>,
    /// Its process, or 0.
    pub process: u32,
    /// How it fares.
    pub state: ServiceState,
    /// Starts after the first.
    pub restarts: u32,
    /// Pages used of its pool.
    pub used: u32,
    /// What it offers.
    pub provides: Text<128>,
    /// What it holds.
    pub holds: Text<255>,
    /// Why it ended last: an [`Error`]'s number or 0.
    pub reason: u16,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemInfo {
    /// Cores found.
    pub cores: u32,
    /// Cores running.
    pub running: u32,
    /// Bytes of memory.
    pub ram_total: u64,
    /// Bytes free.
    pub ram_free: u64,
    /// ns from the kernel's first instruction to init's.
    pub boot_ns: u64,
    /// [`abi::user::Features`].
    pub features: u64,
    /// ns since boot at which the first prompt's terminal was opened, or 0.
    pub prompt_ns: u64,
    /// What this build is: version, commit.
    pub version: Text<64>,
}
