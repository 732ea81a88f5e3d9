//! One sample of every variant of every message, with its encoding in the golden file.

#![allow(dead_code, reason = "each test uses its part")]

use protocol::{
    Bytes, Error, Id, List, Text, ai, child, console, device, fs, names, net, process,
    session::{Attach, Attached, Data, Room, Span},
};

/// A text.
pub fn text<const N: usize>(value: &str) -> Text<N> {
    Text::new(value).unwrap()
}

/// Bytes.
pub fn bytes<const N: usize>(value: &[u8]) -> Bytes<N> {
    Bytes::new(value).unwrap()
}

/// A list.
pub fn list<T, const N: usize>(value: impl Into<Vec<T>>) -> List<T, N> {
    match List::new(value) {
        Ok(list) => list,
        Err(error) => panic!("{error}"),
    }
}

const SPAN: Span = Span { offset: 4096, length: 300 };

fn attach() -> Attach {
    Attach { window: 1 << 16, slots: 64 }
}

fn attached() -> Attached {
    attach().layout()
}

/// Requests of `process`.
pub fn process_requests() -> Vec<process::Request> {
    use process::*;
    let image = Image::Archive(text("C/list"));
    vec![
        Request::Create { image, name: text("list"), pages: 1024, rights: Rights::LIST | Rights::POWER },
        Request::Image { pages: 9 },
        Request::Verify,
        Request::Catch { bits: 5 },
        Request::Break { number: 300, signal: Signal::Force },
        Request::Exit { code: 20, reason: 1061 },
        Request::Reap,
        Request::Power { how: Power::Reboot },
        Request::Seed,
        Request::Entropy { bytes: bytes(&[1, 2, 3]) },
        Request::List { after: 7 },
        Request::Holds { number: 7, skip: 24 },
        Request::Services { skip: 6 },
        Request::Service { name: text("netd"), action: Action::Restart },
        Request::System,
        Request::Log,
    ]
}

/// Replies of `process`.
pub fn process_replies() -> Vec<process::Reply> {
    use process::*;
    let info = ProcessInfo {
        number: 12,
        parent: 3,
        name: text("fetch"),
        waits_for: text("net"),
        state: State::Calling,
        level: 7,
        priority: 20,
        threads: 1,
        handles: 19,
        used: 200,
        pages: 1024,
        cpu_ns: 1 << 40,
        started_ns: 77,
    };
    let service = ServiceInfo {
        name: text("netd"),
        process: 7,
        state: ServiceState::BackOff,
        restarts: 2,
        used: 480,
        provides: text("net"),
        holds: text("virtio-net@00:02.0, irq 33"),
        reason: 1060,
    };
    let system = SystemInfo {
        cores: 4,
        running: 1,
        ram_total: 1 << 28,
        ram_free: 1 << 27,
        boot_ns: 40_000_000,
        features: 127,
        prompt_ns: 0,
        version: text("0.1.0"),
    };
    vec![
        Reply::Done,
        Reply::Created { number: 9 },
        Reply::Reaped(Ended { number: 9, code: 10, reason: 205 }),
        Reply::Seed([7; 32]),
        Reply::Processes(list([info])),
        Reply::Holds(list([text("net")])),
        Reply::Services(list([service])),
        Reply::System(system),
    ]
}

/// Requests of `child`.
pub fn child_requests() -> Vec<child::Request> {
    use child::Request::{Body, Give, Start};
    vec![Give { index: 16 }, Body { bytes: bytes(b"body") }, Start]
}

/// Replies of `child`.
pub fn child_replies() -> Vec<child::Reply> {
    vec![child::Reply::Done]
}

/// Requests of `names`.
pub fn names_requests() -> Vec<names::Request> {
    use names::*;
    let from = Source::Name { name: text("RAM"), binding: 1, narrowing: text("t") };
    vec![
        Request::Open { name: text("SYS"), protocol: text("fs"), major: 1, binding: 0 },
        Request::Next,
        Request::Give { request: 5 },
        Request::Refuse { request: 5, error: Error::Denied },
        Request::Bind { name: text("T"), from, place: Place::Last },
        Request::Bind { name: text("X"), from: Source::Defer(text("SYS:x")), place: Place::First },
        Request::Bind { name: text("X"), from: Source::Path(text("SYS:x")), place: Place::Replace },
        Request::Unbind { name: text("T"), binding: Some(1) },
        Request::List { skip: 4 },
        Request::Look { name: text("T") },
        Request::Copy,
        Request::Narrow { name: text("WORK"), narrowing: text("docs r") },
    ]
}

/// Replies of `names`.
pub fn names_replies() -> Vec<names::Reply> {
    use names::*;
    let bindings = [
        Binding::Service { service: text("fsd"), narrowings: text("RAM") },
        Binding::Defer(text("SYS:x")),
        Binding::Path(text("SYS:y")),
    ];
    vec![
        Reply::Done,
        Reply::Opened { bindings: 2 },
        Reply::Work { request: 5, narrowings: list([text("RAM")]), label: 12, protocol: text("fs") },
        Reply::Names(list([Entry { name: text("C"), bindings: list(bindings) }])),
    ]
}

/// Requests of `device`.
pub fn device_requests() -> Vec<device::Request> {
    use device::*;
    vec![
        Request::List { after: 0 },
        Request::Claim { id: 3 },
        Request::Release { id: 3 },
        Request::Region { id: 3, index: 1 },
        Request::Interrupt { id: 3, index: 2 },
        Request::Configuration { id: 3, offset: 64, length: 16 },
        Request::Configure { id: 3, offset: 4, size: 2, value: 7 },
        Request::Dma { id: 3, pages: 64 },
        Request::Reset { id: 3 },
        Request::Option { key: text("exec") },
        Request::File { name: text("exec"), offset: 4000 },
        Request::SetClock { utc_ns: 1 << 60 },
    ]
}

/// Replies of `device`.
pub fn device_replies() -> Vec<device::Reply> {
    use device::*;
    let pci = Bus::Pci {
        bus: 0,
        device: 2,
        function: 0,
        vendor: 0x1af4,
        product: 0x1041,
        class: 0x02_0000,
        subsystem: 0x1100,
    };
    let info = |id, bus| Info { id, kind: text("virtio-net"), name: text("virtio-net@00:02.0"), bus, claimed_by: 0 };
    let claimed = Claimed {
        regions: list([Region { bar: 4, kind: RegionKind::Memory, offset: 0, length: 16384 }]),
        interrupts: 3,
        messages: Messages::MsiX,
        dma_pages: 1024,
        clock_hz: 0,
    };
    vec![
        Reply::Done,
        Reply::Devices(list([
            info(1, pci),
            info(2, Bus::VirtioMmio { address: 0x0a00_0000, product: 1 }),
            info(3, Bus::Board { address: 0x3f8 }),
        ])),
        Reply::Claimed(claimed),
        Reply::Bytes(bytes(&[1, 2])),
        Reply::Dma { address: 0x8000_0000 },
        Reply::Option(Some(text("value"))),
        Reply::Option(None),
        Reply::File { size: 3, bytes: bytes(b"abc") },
    ]
}

/// Requests of `console`.
pub fn console_requests() -> Vec<console::Request> {
    use console::*;
    vec![
        Request::Attach(attach()),
        Request::Close { id: Id(1) },
        Request::Share { rights: Rights::READ | Rights::WRITE, side: Side::Error },
        Request::Read { length: 200, deadline: u64::MAX },
        Request::Write { bytes: bytes(b"hello\n") },
        Request::Mode { mode: Mode::Raw },
        Request::Size,
        Request::SetSize { size: Size { columns: 80, rows: 24, kind: Kind::Ansi } },
        Request::Discard,
        Request::Foreground,
        Request::ReturnCode { code: 10 },
        Request::Drain,
    ]
}

/// Replies of `console`.
pub fn console_replies() -> Vec<console::Reply> {
    use console::*;
    vec![
        Reply::Attached(attached()),
        Reply::Done,
        Reply::Bytes(bytes(b"line\n")),
        Reply::Mode(Mode::Silent),
        Reply::Size(Size { columns: 80, rows: 24, kind: Kind::Dumb }),
    ]
}

/// Requests of `fs`.
pub fn fs_requests() -> Vec<fs::Request> {
    use fs::*;
    let dir = Id::ROOT;
    vec![
        Request::Attach(attach()),
        Request::Close { id: Id(1) },
        Request::Share { id: Id(1), rights: Rights::READ },
        Request::Open { dir, path: text("a/b"), flags: Open::CREATE | Open::NEW, rights: Rights::all() },
        Request::Stat { dir, path: text("a"), flags: Open::empty() },
        Request::Set {
            dir,
            path: text("a"),
            protection: Some(Protection::SCRIPT),
            modified: Some(5),
            comment: Some(text("note")),
        },
        Request::List { dir, cookie: 3 },
        Request::Read { id: Id(1), at: Some(1 << 33), room: Room::Window(SPAN) },
        Request::Read { id: Id(1), at: None, room: Room::Inline(512) },
        Request::Write { id: Id(1), at: None, data: Data::Inline(bytes(b"data")) },
        Request::Write { id: Id(1), at: Some(0), data: Data::Window(SPAN) },
        Request::Truncate { id: Id(1), size: 0 },
        Request::Rename { from: dir, path: text("a"), to: dir, new: text("b") },
        Request::Unlink { dir, path: text("a") },
        Request::Link { dir, path: text("a"), target: Target::Symbolic(text("SYS:x")) },
        Request::Link { dir, path: text("a"), target: Target::Hard(text("x")) },
        Request::ReadLink { dir, path: text("a") },
        Request::Sync { id: dir },
        Request::Lock { id: Id(1), lock: Lock::Exclusive },
        Request::StatFs { id: dir },
        Request::Map { id: Id(1), offset: 4096, length: 8192 },
        Request::Seek { id: Id(1), to: Seek::End(-5) },
        Request::Volumes,
    ]
}

/// Replies of `fs`.
pub fn fs_replies() -> Vec<fs::Reply> {
    use fs::*;
    let stat = fs::Stat {
        inode: 9,
        generation: 2,
        kind: Kind::File,
        size: 1 << 34,
        links: 1,
        protection: Protection::SCRIPT | Protection::DELETE,
        modified: 1 << 60,
        created: 1 << 59,
        volume: 1,
        comment: text("note"),
    };
    let entry =
        Entry { name: text("file"), kind: Kind::Directory, size: 3, protection: Protection::empty(), modified: 4 };
    let volume = fs::Volume {
        name: text("RAM"),
        format: text("ram"),
        block: 4096,
        blocks: 1000,
        free: 900,
        files: 3,
        access: VolumeAccess::ReadWrite,
    };
    vec![
        Reply::Attached(attached()),
        Reply::Done,
        Reply::Opened { id: Id(1), stat: stat.clone() },
        Reply::Stat(stat),
        Reply::Entries { entries: list([entry]), cookie: 12 },
        Reply::Data(Data::Inline(bytes(b"data"))),
        Reply::Written { length: 4, position: 100 },
        Reply::Target(text("SYS:x")),
        Reply::Volume(volume.clone()),
        Reply::Position(7),
        Reply::Volumes(list([volume])),
    ]
}

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

/// Start blocks' bodies.
pub fn bodies() -> Vec<protocol::StartBody> {
    use protocol::{StartBody, Stream, start::StreamRights};
    let rights = StreamRights::WRITE | StreamRights::APPEND;
    vec![
        StartBody::default(),
        StartBody {
            args: vec!["list".into(), "SYS:".into()],
            env: vec![("RC".into(), "0".into())],
            cwd: "SYS:".into(),
            streams: [
                Stream::Terminal { name: text("console"), rights: StreamRights::READ },
                Stream::Pipe,
                Stream::File { name: text("RAM:out"), rights },
            ],
            handles: list([(text("pool"), 16)]),
        },
    ]
}

/// Runs a block for every list of samples: `each!(run)` calls `run(name, list)`.
macro_rules! each {
    ($run:path) => {
        $run("process request", samples::process_requests());
        $run("process reply", samples::process_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("child request", samples::child_requests());
        $run("child reply", samples::child_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("names request", samples::names_requests());
        $run("names reply", samples::names_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("device request", samples::device_requests());
        $run("device reply", samples::device_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("console request", samples::console_requests());
        $run("console reply", samples::console_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("fs request", samples::fs_requests());
        $run("fs reply", samples::fs_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("net request", samples::net_requests());
        $run("net reply", samples::net_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("ai request", samples::ai_requests());
        $run("ai reply", samples::ai_replies().into_iter().map(Ok).collect::<Vec<Result<_, Error>>>());
        $run("start body", samples::bodies());
        $run("failure", vec![Err::<(), Error>(Error::ServerDied), Err(Error::NotFound)]);
    };
}
pub(crate) use each;
