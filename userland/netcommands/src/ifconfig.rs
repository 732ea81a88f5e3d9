//! IFCONFIG: shows interfaces, or sets one.

use alloc::string::{String, ToString};
use core::net::Ipv4Addr;

use command::{About, Failure, Outcome};
use libsys::{
    Error, Status,
    net::{self, Address, Interface, Origin, Setting, Switch},
    println,
};
use readargs::Args;

/// IFCONFIG.
pub fn ifconfig(args: &Args) -> Outcome {
    let name = args.string("IF");
    let chosen = name.unwrap_or("net0");
    let mut changed = false;
    let mut set = |setting| {
        changed = true;
        net::configure(chosen, setting).about(chosen)
    };
    if args.switch("DOWN") {
        set(Setting::Link(Switch::Off))?;
    }
    if args.switch("UP") {
        set(Setting::Link(Switch::On))?;
    }
    if args.switch("DHCP") {
        set(Setting::Dhcp)?;
    }
    if let Some(text) = args.string("ADDR") {
        let (address, prefix) = address(text, args.string("MASK"))?;
        let gateway = args.string("GW").map(parse).transpose()?;
        set(Setting::Fixed(v4(address), prefix, gateway.map(v4)))?;
    } else if args.is_given("GW") || args.is_given("MASK") {
        return Err(Failure::new(Error::ArgumentMissing, "MASK and GW need an address: ADDR"));
    }
    if changed {
        return Ok(Status::OK);
    }
    let all = net::interfaces()?;
    let mut shown = all.iter().filter(|interface| name.is_none_or(|name| interface.name.eq_ignore_ascii_case(name)));
    let mut any = false;
    for interface in shown.by_ref() {
        show(interface);
        any = true;
    }
    if any { Ok(Status::OK) } else { Err(Failure::about(chosen, Error::NotFound)) }
}

fn show(interface: &Interface) {
    let origin = match interface.origin {
        Origin::None => "",
        Origin::DhcpPending => "(dhcp, no answer yet)",
        Origin::Dhcp => "(dhcp)",
        Origin::Fixed => "(fixed)",
    };
    let address = match interface.address {
        Some((address, prefix)) => alloc::format!("{address}/{prefix} "),
        None => String::new(),
    };
    let link = if interface.link == Switch::On { "up" } else { "down" };
    println!("{:<5} {link}, {address}{origin}", interface.name);
    if interface.mac != [0; 6] {
        let [a, b, c, d, e, f] = interface.mac;
        println!(
            "      hardware {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}, packets up to {} bytes",
            interface.mtu
        );
    }
    if let Some(gateway) = interface.gateway {
        let dns: alloc::vec::Vec<String> = interface.dns.iter().map(Address::to_string).collect();
        println!(
            "      gateway {gateway}, name servers {}",
            if dns.is_empty() { "none".into() } else { dns.join(" ") }
        );
    }
    if interface.lease > 0 {
        println!("      lease for {} s", interface.lease);
    }
    let [frames_in, bytes_in, frames_out, bytes_out, dropped] = interface.traffic;
    if frames_in + frames_out > 0 {
        println!(
            "      in {frames_in} packets, {bytes_in} bytes, {dropped} dropped; out {frames_out} packets, {bytes_out} bytes"
        );
    }
}

fn v4(address: Ipv4Addr) -> Address {
    Address::V4(address.octets())
}

fn parse(text: &str) -> Result<Ipv4Addr, Failure> {
    text.parse().map_err(|_| Failure::new(Error::BadArgument, alloc::format!("{text}: not an address as 10.0.2.15")))
}

/// `10.0.2.15/24`, or an address with a mask or its bits.
fn address(text: &str, mask: Option<&str>) -> Result<(Ipv4Addr, u8), Failure> {
    let (address, mask) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, mask),
    };
    let mask = mask.unwrap_or("24");
    let bad = || Failure::new(Error::BadArgument, alloc::format!("{mask}: not a mask as 255.255.255.0 or 24"));
    let prefix = match mask.parse::<Ipv4Addr>() {
        Ok(dotted) => {
            let ones = dotted.to_bits().leading_ones();
            if dotted.to_bits().count_ones() != ones {
                return Err(bad());
            }
            ones as u8
        }
        Err(_) => mask.parse().ok().filter(|bits| *bits <= 32).ok_or_else(bad)?,
    };
    Ok((parse(address)?, prefix))
}
