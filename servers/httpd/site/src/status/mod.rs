//! The status page: the system's figures for people and for programs.

mod html;
mod json;
mod units;

use alloc::{string::String, vec::Vec};

use protocol::net::{Counter, Interface};
use protocol::process::{ProcessInfo, ServiceInfo, SystemInfo};

use crate::TrafficFigures;

pub use html::html;
pub use json::json;

/// What is known at one moment. What could not be asked for is empty, and the page says so.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// ns since boot.
    pub uptime_ns: u64,
    /// Seconds since 1970, if there is a clock.
    pub utc: Option<u64>,
    /// `aarch64` or `x86_64`.
    pub processor: String,
    /// The machine.
    pub system: Option<SystemInfo>,
    /// All processes.
    pub processes: Vec<ProcessInfo>,
    /// All services.
    pub services: Vec<ServiceInfo>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
    /// The network stack's counters.
    pub counters: Vec<Counter>,
    /// httpd's own.
    pub traffic: TrafficFigures,
}
