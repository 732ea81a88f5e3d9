//! The first screen. Every figure comes from the running system; what is not there yet is left out, and nothing is waited
//! for.

use alloc::format;
use alloc::string::String;

use libsys::net::{self, Address, Origin};
use libsys::protocol::process::{ServiceInfo, ServiceState};
use libsys::{device::Devices, system, time};

/// The processor's name.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };

/// The lines.
pub fn text() -> String {
    let mut text = machine();
    if let Some(line) = network() {
        text.push_str(&line);
    }
    text.push_str("Type HELP, or CMD ? for a command's arguments.  Tab completes.\n");
    text
}

fn machine() -> String {
    let hundredths = time::now_ns() / 10_000_000;
    let boot = format!("boot {}.{:02} s", hundredths / 100, hundredths % 100);
    match system::info() {
        Ok(info) => {
            let cpus = if info.running == 1 { "cpu" } else { "cpus" };
            let free = info.ram_free >> 20;
            format!("Viaether {} ({ARCHITECTURE}, {} {cpus}, {free} MiB free)   {boot}\n", info.version, info.running)
        }
        Err(_) => format!("Viaether ({ARCHITECTURE})   {boot}\n"),
    }
}

/// The network, as far as it is up.
fn network() -> Option<String> {
    let services = system::services().ok()?;
    let runs = |name: &str| {
        let named = |service: &&ServiceInfo| service.name.eq_ignore_ascii_case(name);
        services.iter().find(named).is_some_and(|service| service.state == ServiceState::Running)
    };
    if !runs("netd") {
        return None;
    }
    let interface = net::interfaces().ok()?.into_iter().next()?;
    let mut line = match (interface.address, interface.origin) {
        (Some((address, prefix)), origin) => {
            let how = if origin == Origin::Dhcp { " (dhcp)" } else { "" };
            format!("{} {}/{prefix}{how}", interface.name, shown(address))
        }
        (None, Origin::DhcpPending) => format!("{}: waiting for DHCP", interface.name),
        (None, _) => format!("{}: no address", interface.name),
    };
    if runs("httpd")
        && let Some(port) = host_port()
    {
        line.push_str(&format!("   http://127.0.0.1:{port}/ on your host -> httpd ready"));
    }
    line.push('\n');
    Some(line)
}

fn shown(address: Address) -> String {
    format!("{address}")
}

/// The host's port that leads to httpd; only the host knows it.
fn host_port() -> Option<u16> {
    Devices::open_named("config").ok()?.option("hostport").ok()??.parse().ok()
}
