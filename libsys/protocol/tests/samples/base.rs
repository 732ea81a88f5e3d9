//! Samples of `process`, `child`, `names` and `device`.

use protocol::{Error, child, device, names, pager, process};

use super::{bytes, list, text};

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
        Request::View { first: 3, pages: 64, write: true },
        Request::Forget { address: 0x3000_0000_0000 },
        Request::Clone { name: text("clone"), pages: 400, entry: 0x5000_0000_1000, stack: 0x7fff_1fff_ff00 },
        Request::Revoke { number: 9, service: text("net") },
        Request::Trace { number: 9 },
        Request::Priority { number: 9, priority: 63 },
        Request::Spawn {
            program: text("C/list"),
            name: text("list"),
            pages: 100,
            rights: Rights::LIST,
            given: list([10, 12, 16]),
            body: bytes(&[7; 9]),
        },
    ]
}

/// Requests of `pager`.
pub fn pager_requests() -> Vec<pager::Request> {
    use pager::*;
    vec![
        Request::Process { number: 9 },
        Request::Backing { number: 9, start: 0x8000_0000_0000 },
        Request::Extents { number: 9, skip: 4 },
        Request::Keep { number: 9 },
        Request::Release { number: 9, identity: 70_000 },
        Request::Faulted { number: 9, words: [2, 0x80, 0x5000_0000_1000, 0x7fff_1fff_ff00, 6, 1], why: Why::PoolEmpty },
        Request::Work,
        Request::Cloned { child: 12, error: 1007 },
    ]
}

/// Replies of `pager`.
pub fn pager_replies() -> Vec<pager::Reply> {
    use pager::*;
    let heap = Region { start: 0x2000_0000_0000, pages: 1024, backing: Backing::Zero };
    let constant = Region { start: 0x5000_0000_1000, pages: 2, backing: Backing::Constant };
    let backing = Backing::Memory { first: 3, write: true };
    let view = Region { start: 0x3000_0000_0000, pages: 64, backing };
    vec![
        Reply::Done,
        Reply::Process { regions: list([heap, constant, view]) },
        Reply::Extents { shared: list([false, true]), skip: 7 },
        Reply::Clone { parent: 9, child: 12 },
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
        budget_us: 100,
        period_us: 200,
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
        Reply::View { address: 0x3000_0000_0000 },
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
        Reply::Work { request: 5, narrowings: list([text("RAM")]), label: 12, job: 10, protocol: text("fs") },
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
    let info = |id, bus| Info {
        id,
        kind: text("virtio-net"),
        name: text("virtio-net@00:02.0"),
        bus,
        claimed_by: 5,
        interrupts: 3,
        messages: Messages::MsiX,
    };
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
