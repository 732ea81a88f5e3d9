//! The stack's state, for `ifconfig` and `netstat`, and the interface's settings.

use core::net::{IpAddr, Ipv4Addr};

use libsys::{
    Error,
    protocol::{
        List, Text,
        net::{
            Address, ConnectionState, Counter, Endpoint, Interface, Neighbour, Origin, Reply, Route, Setting,
            SocketInfo, Switch, Transport,
        },
    },
};
use netlogic::words;
use tcpip::{Ipv4Cidr, Ipv4Config, SocketId};

use crate::server::{Server, now};

/// The card's interface.
const CARD: &str = "net0";

fn v4(address: Ipv4Addr) -> Address {
    Address::V4(address.octets())
}

/// `Interfaces`.
pub fn interfaces(server: &Server) -> Reply {
    let mut all = List::default();
    if server.nic.is_some() {
        let _ = all.push(card(server));
    }
    let _ = all.push(Interface {
        name: Text::cut("lo0"),
        mac: [0; 6],
        link: Switch::On,
        mtu: 65_535,
        address: Some((v4(Ipv4Addr::LOCALHOST), 8)),
        gateway: None,
        dns: List::default(),
        origin: Origin::Fixed,
        lease: 0,
        traffic: [0; 5],
    });
    Reply::Interfaces(all)
}

fn card(server: &Server) -> Interface {
    let (iface, counters) = (server.stack.iface(), server.stack.counters());
    let config = iface.ipv4;
    let mut dns = List::default();
    for address in config.iter().flat_map(|config| config.dns).flatten() {
        let _ = dns.push(v4(address));
    }
    let expires = server.stack.dhcp_status().and_then(|(_, expires)| expires);
    let dropped = counters.ethernet_dropped + counters.ethertype_unknown + counters.ip_malformed + counters.ip_checksum;
    Interface {
        name: Text::cut(CARD),
        mac: iface.mac.0,
        link: if server.up { Switch::On } else { Switch::Off },
        mtu: iface.mtu,
        address: config.map(|config| (v4(config.address.address), config.address.prefix)),
        gateway: config.and_then(|config| config.gateway).map(v4),
        dns,
        origin: match (config.is_some(), server.dhcp) {
            (true, true) => Origin::Dhcp,
            (true, false) => Origin::Fixed,
            (false, true) => Origin::DhcpPending,
            (false, false) => Origin::None,
        },
        lease: expires.map_or(0, |at| at.since(now()).secs() as u32),
        traffic: [counters.frames_in, counters.bytes_in, counters.frames_out, counters.bytes_out, dropped],
    }
}

/// `Routes`.
pub fn routes(server: &Server) -> Reply {
    let mut all = List::default();
    let mut route = |destination, gateway, interface: &str| {
        let _ = all.push(Route { destination, gateway, interface: Text::cut(interface) });
    };
    route((v4(Ipv4Addr::LOCALHOST), 8), None, "lo0");
    if let Some(config) = server.stack.iface().ipv4 {
        let Ipv4Cidr { address, prefix } = config.address;
        let network = Ipv4Addr::from_bits(address.to_bits() & config.address.netmask().to_bits());
        route((v4(network), prefix), None, CARD);
        if let Some(gateway) = config.gateway {
            route((v4(Ipv4Addr::UNSPECIFIED), 0), Some(v4(gateway)), CARD);
        }
    }
    Reply::Routes(all)
}

/// `Neighbours`.
pub fn neighbours(server: &Server, skip: u16) -> Result<Reply, Error> {
    let mut all = List::default();
    for neighbour in server.stack.neighbours().skip(skip.into()) {
        let mac = neighbour.mac.map(|mac| mac.0);
        if all.push(Neighbour { address: v4(neighbour.address), mac, age: 0 }).is_err() {
            break;
        }
    }
    Ok(Reply::Neighbours(all))
}

/// `Sockets`.
pub fn sockets(server: &Server, skip: u16) -> Result<Reply, Error> {
    let any = |port| Endpoint::from((Ipv4Addr::UNSPECIFIED, port));
    let process = |id: SocketId| {
        let key = server.sockets.key_of(id);
        key.and_then(|key| server.sockets.get(key)).map_or(0, |socket| socket.process as u32)
    };
    let quiet = |id, transport, state, port| SocketInfo {
        transport,
        state,
        local: any(port),
        remote: any(0),
        queued: [0; 2],
        retransmits: 0,
        process: process(id),
    };
    let connections = server.stack.tcp_connections().map(|(id, status)| SocketInfo {
        transport: Transport::Tcp,
        state: words::state(status.state),
        local: words::endpoint(status.tuple.local),
        remote: words::endpoint(status.tuple.remote),
        queued: [status.send_queue as u32, status.receive_queue as u32],
        retransmits: status.counters.retransmits as u32,
        process: process(id),
    });
    let listeners = server
        .stack
        .tcp_listeners()
        .map(|(id, listener)| quiet(id, Transport::Tcp, ConnectionState::Listen, listener.port));
    let datagrams = server.stack.udp_sockets().map(|(id, port, (_, bytes))| SocketInfo {
        queued: [0, bytes as u32],
        ..quiet(id, Transport::Udp, ConnectionState::Datagram, port)
    });
    let mut all = List::default();
    for socket in listeners.chain(connections).chain(datagrams).skip(skip.into()) {
        if all.push(socket).is_err() {
            break;
        }
    }
    Ok(Reply::Sockets(all))
}

macro_rules! named {
    ($counters:ident: $($field:ident $name:literal,)*) => {
        [$(($name, $counters.$field),)*]
    };
}

/// `Counters`.
pub fn counters(server: &Server, skip: u16) -> Result<Reply, Error> {
    let c = server.stack.counters();
    let mut all = List::default();
    let values = named! { c:
        frames_in "frames.in", bytes_in "bytes.in", frames_out "frames.out", bytes_out "bytes.out",
        ethernet_dropped "ethernet.dropped", ethertype_unknown "ethernet.unknown",
        arp_in "arp.in", arp_malformed "arp.malformed", arp_conflicts "arp.conflicts",
        neighbour_dropped "arp.unanswered",
        ip_in "ip.in", ip_out "ip.out", ip_malformed "ip.malformed", ip_checksum "ip.checksum",
        ip_not_ours "ip.not-ours", ip_bad_source "ip.bad-source", ip_unknown_protocol "ip.unknown-protocol",
        ip_no_route "ip.no-route", ip_queue_full "ip.queue-full",
        fragments_in "ip.fragments-in", fragments_out "ip.fragments-out", reassembled "ip.reassembled",
        reassembly_dropped "ip.reassembly-dropped", reassembly_timeout "ip.reassembly-timeout",
        icmp_in "icmp.in", icmp_dropped "icmp.dropped", icmp_errors_out "icmp.errors-out",
        icmp_limited "icmp.limited",
        udp_in "udp.in", udp_out "udp.out", udp_malformed "udp.malformed", udp_no_port "udp.no-port",
        udp_queue_full "udp.queue-full",
        tcp_in "tcp.in", tcp_out "tcp.out", tcp_malformed "tcp.malformed", tcp_no_connection "tcp.no-connection",
        tcp_resets_out "tcp.resets-out", tcp_backlog_full "tcp.backlog-full", tcp_no_socket "tcp.no-socket",
        tcp_time_wait_overflow "tcp.time-wait-overflow", tcp_established "tcp.established",
        tcp_retransmits "tcp.retransmits",
        dns_dropped "dns.dropped", dhcp_dropped "dhcp.dropped",
    };
    for (name, value) in values.into_iter().skip(skip.into()) {
        if all.push(Counter { name: Text::cut(name), value }).is_err() {
            break;
        }
    }
    Ok(Reply::Counters(all))
}

impl Server {
    /// `Configure`.
    pub fn configure(&mut self, name: &str, setting: Setting) -> Result<(), Error> {
        if name != CARD || self.nic.is_none() {
            return Err(Error::NotFound);
        }
        match setting {
            Setting::Link(Switch::Off) => self.up = false,
            Setting::Link(Switch::On) => self.up = true,
            Setting::Dhcp => {
                self.dhcp = true;
                self.stack.start_dhcp();
            }
            Setting::Fixed(address, prefix, gateway) => {
                let address = four(address)?;
                if prefix > 32 || address.is_unspecified() || address.is_multicast() {
                    return Err(Error::BadArgument);
                }
                let gateway = gateway.map(four).transpose()?;
                let dns = self.stack.iface().ipv4.map_or([None; 3], |config| config.dns);
                self.dhcp = false;
                self.stack.stop_dhcp();
                self.stack.set_ipv4(Some(Ipv4Config { address: Ipv4Cidr::new(address, prefix), gateway, dns }));
            }
        }
        Ok(())
    }
}

fn four(address: Address) -> Result<Ipv4Addr, Error> {
    match IpAddr::from(address) {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(Error::Unsupported),
    }
}
