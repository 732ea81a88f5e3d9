//! The runtime of user processes.
//!
//! * [`entry!`] and [`env`]: how a program starts, and with what; heap, panic and backtrace come with it.
//! * Typed handles that close when dropped: [`Channel`], [`Receiver`], [`Memory`], [`Pool`], [`Notification`], …
//!
//! Rules: `unsafe` stands only in `arch`, `entry`, `fault`, `heap`, `env`, `thread`, `thread_block`,
//! `time`, `memory`, `mapping`, `backtrace` and `sync`. What reaches
//! another process is bounded, what comes from one is checked. On the host everything compiles, system calls fail, and
//! what is logic is tested.
//!
//! Neighbours: `abi` is the kernel's interface, `protocol` the messages; servers and commands are built on this.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod ai;
mod arch;
pub mod backtrace;
mod channel;
pub mod clones;
pub mod console;
pub mod device;
pub mod entry;
pub mod env;
pub mod executor;
pub mod fault;
pub mod fs;
mod handle;
#[cfg(target_os = "viaether")]
mod heap;
pub mod io;
pub mod layout;
pub mod log;
mod mapping;
mod memory;
mod message;
pub mod names;
pub mod net;
mod objects;
#[cfg(target_os = "viaether")]
mod panic;
mod pieces;
mod process;
pub mod random;
#[cfg(feature = "raw")]
pub mod raw;
mod region;
pub mod ring;
pub mod roots;
pub mod serve;
mod server;
pub mod sessions;
pub mod spawn;
mod sync;
mod sys;
pub mod system;
pub mod thread;
mod thread_block;
pub mod time;
pub mod trace;
pub mod window;

pub use abi::{self, Rights, calls::Access};
pub use channel::Channel;
pub use entry::{Status, exit};
pub use handle::{About, OwnedHandle, about, dup};
pub use mapping::Mapping;
pub use memory::{Frozen, Keep, Memory, MemoryInfo, Private, device_fence};
pub use message::Handles;
pub use objects::{
    Authority, Budget, CoreFigures, Doorbell, Grant, Interrupt, IoPorts, Notification, Pool, PoolInfo, SystemFigures,
    Trigger, Width, core_figures, kernel_counters, root, system_figures,
};
pub use process::{Gifts, Held, Process, ProcessFigures, Seen, Thread, ThreadFigures, relax, yield_now};
pub use protocol::{self, Error};
pub use server::{Event, Faulted, Incoming, Receiver, Token, wait, wait_bits};
pub use sync::Mutex;

/// What most calls return.
pub type Result<T, E = Error> = core::result::Result<T, E>;
