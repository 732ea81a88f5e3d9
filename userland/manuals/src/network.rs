//! The network.

use crate::Manual;

pub(crate) const MANUALS: &[Manual] = &[
    Manual {
        name: "PING",
        aliases: &[],
        template: "HOST/A,C=COUNT/K/N,I=INTERVAL/K/N,SIZE/K/N",
        summary: "asks a host whether it is there",
        arguments: &[
            ("HOST", "a name or an address"),
            ("C", "how often (4)"),
            ("I", "milliseconds between (1000)"),
            ("SIZE", "bytes of data (56)"),
        ],
        examples: &[("ping 10.0.2.2 C=2", "two questions, two answers")],
    },
    Manual {
        name: "TRACEROUTE",
        aliases: &[],
        template: "HOST/A,HOPS/K/N,PROBES/K/N",
        summary: "shows the routers on the way to a host",
        arguments: &[
            ("HOST", "a name or an address"),
            ("HOPS", "at most so many (30)"),
            ("PROBES", "questions to each (3)"),
        ],
        examples: &[("traceroute 10.0.2.2", "1 10.0.2.2, and the times it took")],
    },
    Manual {
        name: "IFCONFIG",
        aliases: &["ip"],
        template: "IF,ADDR,MASK,GW/K,DHCP/S,UP/S,DOWN/S",
        summary: "shows or sets addresses",
        arguments: &[
            ("IF", "the interface (net0)"),
            ("ADDR", "its address"),
            ("MASK", "its network mask, or bits"),
            ("GW", "the gateway"),
            ("DHCP", "asks for an address"),
            ("UP", "on"),
            ("DOWN", "off"),
        ],
        examples: &[],
    },
    Manual {
        name: "NETSTAT",
        aliases: &["ss"],
        template: "TCP/S,UDP/S,ROUTES/S,ARP/S,STATS/S,LISTEN/S",
        summary: "shows connections and counters",
        arguments: &[
            ("TCP", "connections"),
            ("UDP", "datagram sockets"),
            ("ROUTES", "routes"),
            ("ARP", "neighbours"),
            ("STATS", "counters"),
            ("LISTEN", "listening sockets"),
        ],
        examples: &[],
    },
    Manual {
        name: "RESOLVE",
        aliases: &["nslookup", "host", "dig"],
        template: "NAME/A,TYPE/K,SERVER/K",
        summary: "asks for the addresses of a name",
        arguments: &[("NAME", "the name"), ("TYPE", "A"), ("SERVER", "another server")],
        examples: &[],
    },
    Manual {
        name: "FETCH",
        aliases: &["curl", "wget"],
        template: "URL/A,O=TO/K,V=VERBOSE/S,I=HEAD/S,CACERT/K,INSECURE/S,POST/K,TIMEOUT/K/N",
        summary: "fetches what a URL names",
        arguments: &[
            ("URL", "http:// or https://"),
            ("O", "into this file"),
            ("V", "tells of connection, TLS and answer"),
            ("I", "the head only"),
            ("CACERT", "trusts this certificate, too"),
            ("INSECURE", "trusts anybody: for tests"),
            ("POST", "sends this"),
            ("TIMEOUT", "seconds without progress (30)"),
        ],
        examples: &[("fetch http://10.0.2.2:8000/ TO RAM:page", "a page into a file")],
    },
];
