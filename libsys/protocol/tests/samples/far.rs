//! Samples of `net` and `ai`.

use protocol::{
    Error, Id, ai, net,
    session::{Data, Room},
};

use super::{SPAN, attach, attached, bytes, list, text};

fn endpoint() -> net::Endpoint {
    net::Endpoint { address: net::Address::V4([10, 0, 2, 2]), port: 8443 }
}

/// Requests of `net`.
pub fn net_requests() -> Vec<net::Request> {
    use net::*;
    let tls = TlsClient {
        server_name: text("server.test"),
        roots: SPAN,
        system_roots: SystemRoots::Used,
        alpn: list([text("http/1.1")]),
        verify: Verify::Full,
    };
    let server = TlsServer { chain: SPAN, key: SPAN, alpn: list([]) };
    let (id, deadline) = (Id(1), 9);
    vec![
        Request::Attach(attach()),
        Request::Close { id },
        Request::Share { id },
        Request::Connect { remote: Remote::Name(text("server.test"), 443), tls: Some(tls), deadline },
        Request::Connect { remote: Remote::Endpoint(endpoint()), tls: None, deadline: u64::MAX },
        Request::Listen { local: endpoint(), backlog: 32, tls: Some(server) },
        Request::Accept { id, deadline },
        Request::Rings { id, size: MIN_RING },
        Request::Wait { id, event: Event::Connected, deadline },
        Request::Shutdown { id },
        Request::State { id },
        Request::Peer { id },
        Request::SetOption { id, option: SocketOption::NoDelay(Switch::On) },
        Request::SetOption { id, option: SocketOption::KeepAlive(60) },
        Request::SetOption { id, option: SocketOption::UserTimeout(1000) },
        Request::Bind { local: endpoint() },
        Request::SendTo { id, remote: endpoint(), data: Data::Inline(bytes(b"dgram")) },
        Request::Receive { id, room: Room::Inline(512), deadline },
        Request::Resolve { name: text("server.test"), kind: RecordKind::A, server: Some(endpoint()), deadline },
        Request::Ping { address: Address::V6([1; 16]), sequence: 2, size: 56, deadline },
        Request::Interfaces,
        Request::Configure { name: text("net0"), setting: Setting::Fixed(Address::V4([10, 0, 2, 15]), 24, None) },
        Request::Sockets { skip: 32 },
        Request::Counters { skip: 48 },
        Request::Neighbours { skip: 0 },
        Request::Routes,
        Request::Probe { address: Address::V4([10, 0, 2, 2]), hops: 3, deadline },
    ]
}

/// Replies of `net`.
pub fn net_replies() -> Vec<net::Reply> {
    use net::*;
    let state = SocketState {
        state: ConnectionState::Handshaking,
        local: endpoint(),
        remote: endpoint(),
        failure: Some(Failure { step: Step::Tls, error: Error::Certificate, detail: text("expired") }),
        waiting: 3,
        rings: Switch::Off,
    };
    let peer = net::Peer {
        version: text("TLS 1.3"),
        suite: text("TLS_AES_128_GCM_SHA256"),
        alpn: text(""),
        subject: text("server.test"),
        issuer: text("Test CA"),
        not_before: -1,
        not_after: 1 << 31,
        resumed: Switch::On,
        fingerprint: [3; 32],
    };
    let interface = Interface {
        name: text("net0"),
        mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
        link: Switch::On,
        mtu: 1500,
        address: Some((Address::V4([10, 0, 2, 15]), 24)),
        gateway: Some(Address::V4([10, 0, 2, 2])),
        dns: list([Address::V4([10, 0, 2, 3])]),
        origin: Origin::Dhcp,
        lease: 86_400,
        traffic: [1, 2, 3, 4, 5],
    };
    let socket = SocketInfo {
        transport: Transport::Tcp,
        state: ConnectionState::Established,
        local: endpoint(),
        remote: endpoint(),
        queued: [1, 2],
        retransmits: 3,
        process: 12,
    };
    let neighbour = Neighbour { address: Address::ANY, mac: Some([1; 6]), age: 3 };
    let route = Route { destination: (Address::ANY, 0), gateway: Some(Address::ANY), interface: text("net0") };
    vec![
        Reply::Attached(attached()),
        Reply::Done,
        Reply::Opened { id: Id(1), local: endpoint() },
        Reply::Accepted { id: Id(2), remote: endpoint() },
        Reply::Rings { size: 65536, send: 0, receive: 69632, pages: 34 },
        Reply::State(state),
        Reply::Peer(peer),
        Reply::Datagram { remote: endpoint(), data: Data::Inline(bytes(b"dgram")), length: 5 },
        Reply::Addresses { addresses: list([Address::ANY]), name: text("server.test"), ttl: 60, server: endpoint() },
        Reply::Pong { address: Address::ANY, time_ns: 350_000, ttl: 64, size: 56 },
        Reply::Interfaces(list([interface])),
        Reply::Sockets(list([socket])),
        Reply::Counters(list([Counter { name: text("tcp.retransmits"), value: 7 }])),
        Reply::Neighbours(list([neighbour])),
        Reply::Routes(list([route])),
        Reply::Hop { address: Address::V4([10, 0, 2, 1]), time_ns: 7 },
    ]
}

/// Requests of `ai`, in the order of their numbers.
pub fn ai_requests() -> Vec<ai::Request> {
    use ai::*;
    let (id, dims) = (Id(1), [1, 2, 3, 4]);
    let args = [
        Arg::Inline(bytes(&[1, 2, 3, 4])),
        Arg::Window(SPAN),
        Arg::Tensor { id, offset: 0, length: 8 },
        Arg::Text(text("hello")),
    ];
    vec![
        Request::Limits,
        Request::List { after: 0 },
        Request::Open { model: ModelName::Name(text("digits")) },
        Request::LoadBegin { bytes: 1 << 20 },
        Request::LoadCommit { id },
        Request::Publish { id },
        Request::Info { id, to: SPAN },
        Request::Tensor { bytes: 4096 },
        Request::Context { model: id, dims, priority: 2 },
        Request::Infer { context: id, dims, inputs: list(args), outputs: list([Arg::Inline(bytes(&[]))]), deadline: 0 },
        Request::Tokenise { model: id, text: Arg::Text(text("hello")) },
        Request::Generate {
            context: id,
            prompt: Arg::Text(text("hello")),
            max: 64,
            temperature: 0.5,
            top_k: 40,
            top_p: 0.9,
            seed: 7,
            flags: 1,
        },
        Request::Cancel { tag: 3 },
        Request::Reset { context: id, length: 0 },
        Request::Query { context: id, dims, deadline: 9 },
        Request::Reserve { context: id, dims, period_us: 1000, deadline_us: 500 },
        Request::Verify { model: id },
        Request::Stats,
        Request::Close { id },
        Request::Attach(attach()),
        Request::Share { id },
    ]
}

/// Replies of `ai`.
pub fn ai_replies() -> Vec<ai::Reply> {
    use ai::*;
    let info = ai::Info {
        id: Id(1),
        root: [9; 32],
        name: text("digits"),
        version: 1,
        kind: 1,
        quant: 0,
        state: ModelState::Ready,
        users: 2,
        bytes: 61_440,
    };
    let limits = ai::Limits {
        variant: text("avx2"),
        workers: 1,
        models: 32,
        contexts: 8,
        requests: 16,
        file: 1 << 30,
        arena: 1 << 28,
    };
    let stats = ai::Stats { queued: 1, done: 2, failed: 3, cancelled: 4, busy_us: 5, objects: [6, 7, 8] };
    let refusal = Refusal { error: Error::Shape, what: 1, index: 2, have: 3, limit: 4 };
    vec![
        Reply::Done,
        Reply::Limits(limits),
        Reply::Models(list([info.clone()])),
        Reply::Opened { id: Id(1) },
        Reply::Model(info),
        Reply::Manifest { length: 300 },
        Reply::Inferred { values: list([bytes(&[0; 4])]), us: 41 },
        Reply::Tokens(list([101, 102])),
        Reply::Cost { cost_us: 40, wait_us: 0, admissible: Admissible::Yes },
        Reply::Verified { run: 3, failed: 0 },
        Reply::Stats(stats),
        Reply::Attached(attached()),
        Reply::Refused(refusal),
    ]
}
