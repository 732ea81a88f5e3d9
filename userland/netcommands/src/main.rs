//! The commands of the network: PING, TRACEROUTE, IFCONFIG, NETSTAT, RESOLVE, FETCH and the self-test NETTEST, in one program.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod fetch;
mod ifconfig;
mod netstat;
mod nettest;
mod ping;
mod resolve;
mod table;
mod traceroute;

use command::Command;
use libsys::Status;

libsys::entry!(main);

/// The commands by their manuals' names. The self-tests share a manual; this program has the network's.
const COMMANDS: &[Command] = &[
    ("PING", ping::ping),
    ("TRACEROUTE", traceroute::traceroute),
    ("IFCONFIG", ifconfig::ifconfig),
    ("NETSTAT", netstat::netstat),
    ("RESOLVE", resolve::resolve),
    ("FETCH", fetch::fetch),
    ("SELFTEST", nettest::nettest),
];

fn main() -> Status {
    command::run(COMMANDS, |_, command| command())
}
