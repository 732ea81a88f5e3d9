//! NETSTAT: connections, routes, neighbours, counters.

use alloc::{format, string::ToString, vec};

use command::Outcome;
use libsys::{
    Status,
    net::{self, ConnectionState, SocketInfo, Transport},
    println,
};
use readargs::Args;

use crate::table::Table;

/// NETSTAT.
pub fn netstat(args: &Args) -> Outcome {
    let chosen = ["TCP", "UDP", "ROUTES", "ARP", "STATS", "LISTEN"].iter().any(|name| args.switch(name));
    let wanted = |name: &str| args.switch(name) || (!chosen && matches!(name, "TCP" | "UDP" | "LISTEN"));
    if wanted("TCP") || wanted("UDP") || wanted("LISTEN") {
        sockets(|socket| match (socket.transport, socket.state) {
            (Transport::Tcp, ConnectionState::Listen) => wanted("LISTEN"),
            (Transport::Tcp, _) => wanted("TCP"),
            (Transport::Udp, _) => wanted("UDP"),
        })?;
    }
    if wanted("ROUTES") {
        routes()?;
    }
    if wanted("ARP") {
        neighbours()?;
    }
    if wanted("STATS") {
        for counter in net::counters()? {
            println!("{:<24} {:>12}", counter.name, counter.value);
        }
    }
    Ok(Status::OK)
}

fn sockets(wanted: impl Fn(&SocketInfo) -> bool) -> libsys::Result<()> {
    let mut table = Table::new(&["Kind", "State", "Local", "Remote", "To send", "To read", "Repeated", "Process"]);
    for socket in net::sockets()?.iter().filter(|socket| wanted(socket)) {
        let kind = match socket.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        let state = match socket.state {
            ConnectionState::Datagram => "-".into(),
            state => format!("{state:?}"),
        };
        let [to_send, to_read] = socket.queued;
        table.add(vec![
            kind.into(),
            state,
            socket.local.to_string(),
            socket.remote.to_string(),
            to_send.to_string(),
            to_read.to_string(),
            socket.retransmits.to_string(),
            if socket.process == 0 { "-".into() } else { socket.process.to_string() },
        ]);
    }
    table.print();
    Ok(())
}

fn routes() -> libsys::Result<()> {
    let mut table = Table::new(&["Destination", "Gateway", "Interface"]);
    for route in net::routes()? {
        let (address, prefix) = route.destination;
        let destination = if prefix == 0 { "default".into() } else { format!("{address}/{prefix}") };
        let gateway = route.gateway.map_or("-".into(), |gateway| gateway.to_string());
        table.add(vec![destination, gateway, route.interface.to_string()]);
    }
    table.print();
    Ok(())
}

fn neighbours() -> libsys::Result<()> {
    let mut table = Table::new(&["Address", "Hardware"]);
    for neighbour in net::neighbours()? {
        let hardware = match neighbour.mac {
            Some([a, b, c, d, e, f]) => format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"),
            None => "no answer".into(),
        };
        table.add(vec![neighbour.address.to_string(), hardware]);
    }
    table.print();
    Ok(())
}
