//! Every message: round trips, what is cut, what is too long, what is mutated, and that no variant ever moves.

mod samples;

use std::{collections::BTreeMap, fmt::Debug, fmt::Write};

use protocol::{Error, MAX_MESSAGE, StartBody, decode, encode};
use samples::each;
use serde::{Serialize, de::DeserializeOwned};

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    let mut buffer = [0; MAX_MESSAGE];
    let length = encode(value, &mut buffer).unwrap();
    buffer[..length].to_vec()
}

#[test]
fn messages_come_back_whole_and_no_other_way() {
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, samples: Vec<T>) {
        for sample in samples {
            let bytes = encoded(&sample);
            assert_eq!(decode::<T>(&bytes).as_ref(), Ok(&sample), "{name}");
            for cut in 0..bytes.len() {
                assert_eq!(decode::<T>(&bytes[..cut]), Err(Error::Malformed), "{name} {sample:?} cut at {cut}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert_eq!(decode::<T>(&longer), Err(Error::Malformed), "{name} {sample:?} with a byte more");
        }
    }
    each!(check);
}

#[test]
fn unknown_variants_are_refused() {
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, samples: Vec<T>) {
        if !name.ends_with("request") {
            return;
        }
        let variants = samples.iter().map(|sample| encoded(sample)[0]).max().unwrap() + 1;
        for tag in [&[variants][..], &[0x7f], &[0xff, 0x01], &[0xff, 0xff, 0xff, 0xff, 0x0f]] {
            for rest in [0, 1, 40] {
                let bytes = [tag, &vec![0; rest]].concat();
                assert_eq!(decode::<T>(&bytes), Err(Error::Malformed), "{name} tag {tag:?}");
            }
        }
    }
    each!(check);
}

#[test]
fn overlong_numbers_and_bad_texts_are_refused() {
    use protocol::{child, names, process};
    // A varint of a u32 has at most five bytes, the last at most 0x0f; of a u16 three, the last at most 3.
    let list = |number: &[u8]| decode::<process::Request>(&[&[10][..], number].concat());
    assert!(list(&[0xff, 0xff, 0xff, 0xff, 0x0f]).is_ok());
    assert_eq!(list(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(Error::Malformed));
    assert_eq!(list(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(Error::Malformed));
    let give = |number: &[u8]| decode::<child::Request>(&[&[0][..], number].concat());
    assert!(give(&[0xff, 0xff, 0x03]).is_ok());
    assert_eq!(give(&[0xff, 0xff, 0x04]), Err(Error::Malformed));
    let look = |name: &[u8]| decode::<names::Request>(&[&[7, name.len() as u8][..], name].concat());
    assert!(look("näme".as_bytes()).is_ok());
    assert_eq!(look(b"n\xe4me"), Err(Error::Malformed));
    assert_eq!(look(&[b'a'; 33]), Err(Error::Malformed), "longer than its bound");
    // A rights bit that nobody knows, an error number that nobody has, a bool and an option that are neither.
    assert!(decode::<process::Request>(&[0, 1, 0, 0, 0x0f]).is_ok());
    assert_eq!(decode::<process::Request>(&[0, 1, 0, 0, 0x10]), Err(Error::Malformed));
    assert_eq!(decode::<names::Request>(&[3, 5, 0xea, 0x07]).map(drop), Ok(()));
    assert_eq!(decode::<names::Request>(&[3, 5, 0x01]), Err(Error::Malformed));
    assert_eq!(decode::<names::Request>(&[5, 1, b'T', 2]), Err(Error::Malformed));
}

/// SplitMix64: repeatable without a dependency.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = [0, 0x7f, 0x80, 0xff][self.below(4)],
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => bytes.insert(at, self.below(256) as u8),
                _ => bytes.truncate(at),
            }
        }
    }
}

/// The fuzz target: decoding never panics, and what decodes is within its bounds: it can be encoded into a message, and
/// comes back the same.
fn decoding_holds<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) -> bool {
    let Ok(value) = decode::<T>(bytes) else { return false };
    let mut buffer = [0; MAX_MESSAGE];
    let length = encode(&value, &mut buffer).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    // Compared as bytes: a float may be NaN.
    let again = decode::<T>(&buffer[..length]).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    assert_eq!(encoded(&again), &buffer[..length]);
    true
}

#[test]
fn mutated_messages_never_panic() {
    fn fuzz<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, samples: Vec<T>) {
        let mut random = Random(name.len() as u64);
        let seeds: Vec<Vec<u8>> = samples.iter().map(encoded).collect();
        let mut accepted = 0;
        for _ in 0..12_000 {
            let mut bytes = seeds[random.below(seeds.len())].clone();
            random.mutate(&mut bytes);
            accepted += usize::from(decoding_holds::<T>(&bytes));
        }
        // Some mutants are messages: else this would test nothing but refusals.
        assert!(accepted > 0 || name == "child reply" || name == "failure", "{name}: {accepted}");
    }
    each!(fuzz);
}

#[test]
fn start_blocks_are_refused_when_they_lie() {
    let mut random = Random(9);
    let seeds: Vec<Vec<u8>> = samples::bodies().iter().map(encoded).collect();
    let mut accepted = 0;
    for turn in 0..5_000 {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        if turn > 0 {
            random.mutate(&mut bytes);
        }
        accepted += usize::from(body_is_judged_alike(&bytes));
    }
    assert!(accepted > 0);
    // What is too much of something.
    let limits = (protocol::start::MAX_ARGS, protocol::start::MAX_ENV, protocol::fs::MAX_PATH);
    for (n, (args, env, cwd)) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)].into_iter().enumerate() {
        let body = StartBody {
            args: vec![String::new(); limits.0 + args],
            env: vec![Default::default(); limits.1 + env],
            cwd: "x".repeat(limits.2 + cwd),
            ..StartBody::default()
        };
        let bytes = protocol::encode_vec(&body, protocol::start::MAX_BODY).unwrap();
        assert_eq!(body_is_judged_alike(&bytes), n == 0);
    }
}

/// Whether bytes are a good body: as who keeps it and who passes it on see it.
fn body_is_judged_alike(bytes: &[u8]) -> bool {
    let kept = decode::<StartBody>(bytes).and_then(StartBody::check);
    assert_eq!(protocol::start::check_body(bytes), kept.as_ref().map(|_| ()).map_err(|error| *error));
    let Ok(body) = kept else { return false };
    assert!(body.handles.iter().all(|(_, index)| *index >= 16));
    true
}

#[test]
fn the_largest_replies_fit_a_message() {
    use protocol::{ai, device, fs, names, net, process};
    use samples::{bytes, list, text};
    let long = |n: usize| "x".repeat(n);
    let ok = |length: usize, name: &str| assert!(length <= MAX_MESSAGE, "{name}: {length}");
    let whole = |reply: &dyn Fn() -> Vec<u8>, name: &str| ok(reply().len() + 1, name);

    let process = process::ProcessInfo {
        number: u32::MAX,
        parent: u32::MAX,
        name: text(&long(32)),
        waits_for: text(&long(32)),
        state: process::State::Ended,
        level: 255,
        priority: 255,
        threads: u16::MAX,
        handles: u32::MAX,
        used: u32::MAX,
        pages: u32::MAX,
        cpu_ns: u64::MAX,
        budget_us: u32::MAX,
        period_us: u32::MAX,
        started_ns: u64::MAX,
    };
    whole(&|| encoded(&process::Reply::Processes(list(vec![process.clone(); 16]))), "processes");
    whole(&|| encoded(&process::Reply::Holds(list(vec![text(&long(128)); 24]))), "holds");
    let service = process::ServiceInfo {
        name: text(&long(32)),
        process: u32::MAX,
        state: process::ServiceState::Failed,
        restarts: u32::MAX,
        used: u32::MAX,
        provides: text(&long(128)),
        holds: text(&long(255)),
        reason: u16::MAX,
    };
    whole(&|| encoded(&process::Reply::Services(list(vec![service.clone(); 6]))), "services");
    let binding = names::Binding::Service { service: text(&long(32)), narrowings: text(&long(80)) };
    let entry = names::Entry { name: text(&long(32)), bindings: list(vec![binding; 8]) };
    whole(&|| encoded(&names::Reply::Names(list(vec![entry.clone(); 4]))), "names");
    let entry = fs::Entry {
        name: text(&long(255)),
        kind: fs::Kind::Link,
        size: u64::MAX,
        protection: fs::Protection::all(),
        modified: u64::MAX,
    };
    whole(&|| encoded(&fs::Reply::Entries { entries: list(vec![entry.clone(); 12]), cookie: u64::MAX }), "entries");
    let volume = fs::Volume {
        name: text(&long(32)),
        format: text(&long(16)),
        block: u32::MAX,
        blocks: u64::MAX,
        free: u64::MAX,
        files: u64::MAX,
        access: fs::VolumeAccess::ReadWrite,
    };
    whole(&|| encoded(&fs::Reply::Volumes(list(vec![volume.clone(); 16]))), "volumes");
    let bus = device::Bus::Pci {
        bus: 255,
        device: 31,
        function: 7,
        vendor: u16::MAX,
        product: u16::MAX,
        class: u32::MAX,
        subsystem: u16::MAX,
    };
    let info = device::Info {
        id: u32::MAX,
        kind: text(&long(24)),
        name: text(&long(48)),
        bus,
        claimed_by: u32::MAX,
        interrupts: u8::MAX,
        messages: device::Messages::MsiX,
    };
    whole(&|| encoded(&device::Reply::Devices(list(vec![info.clone(); 16]))), "devices");
    whole(&|| encoded(&device::Reply::File { size: u32::MAX, bytes: bytes(&[0; 4000]) }), "file");
    let far = net::Endpoint { address: net::Address::V6([255; 16]), port: u16::MAX };
    let socket = net::SocketInfo {
        transport: net::Transport::Udp,
        state: net::ConnectionState::Datagram,
        local: far,
        remote: far,
        queued: [u32::MAX; 2],
        retransmits: u32::MAX,
        process: u32::MAX,
    };
    whole(&|| encoded(&net::Reply::Sockets(list(vec![socket.clone(); 32]))), "sockets");
    let counter = net::Counter { name: text(&long(40)), value: u64::MAX };
    whole(&|| encoded(&net::Reply::Counters(list(vec![counter.clone(); 48]))), "counters");
    let neighbour = net::Neighbour { address: far.address, mac: Some([255; 6]), age: u32::MAX };
    whole(&|| encoded(&net::Reply::Neighbours(list(vec![neighbour.clone(); 48]))), "neighbours");
    let interface = net::Interface {
        name: text(&long(16)),
        mac: [255; 6],
        link: net::Switch::On,
        mtu: u16::MAX,
        address: Some((far.address, 128)),
        gateway: Some(far.address),
        dns: list(vec![far.address; 4]),
        origin: net::Origin::Fixed,
        lease: u32::MAX,
        traffic: [u64::MAX; 5],
    };
    whole(&|| encoded(&net::Reply::Interfaces(list(vec![interface.clone(); 8]))), "interfaces");
    let model = ai::Info {
        id: protocol::Id(u32::MAX),
        root: [255; 32],
        name: text(&long(63)),
        version: u32::MAX,
        kind: 255,
        quant: 255,
        state: ai::ModelState::Failed,
        users: u32::MAX,
        bytes: u64::MAX,
    };
    whole(&|| encoded(&ai::Reply::Models(list(vec![model.clone(); 16]))), "models");
    whole(&|| encoded(&ai::Reply::Tokens(list(vec![u32::MAX; 512]))), "tokens");
}

#[test]
fn common_requests_travel_in_registers() {
    use protocol::{Id, fs, session::Room};
    let read = fs::Request::Read { id: Id(7), at: Some(1 << 40), room: Room::Window(Default::default()) };
    assert!(encoded(&read).len() <= 64);
    let open = fs::Request::Open {
        dir: Id(0),
        path: samples::text("docs/letters/2026/to-the-editor.txt"),
        flags: fs::Open::empty(),
        rights: fs::Rights::READ,
    };
    assert!(encoded(&open).len() <= 64);
}

/// Variants are appended, never moved: each sample's bytes stand in `golden.txt`. To add samples, add lines; a line that
/// changes is a protocol that breaks.
#[test]
fn the_encoding_stands_still() {
    fn collect<T: Serialize + Debug>(name: &str, samples: Vec<T>) {
        for (i, sample) in samples.iter().enumerate() {
            let mut hex = String::new();
            for byte in encoded(sample) {
                let _ = write!(hex, "{byte:02x}");
            }
            LINES.with_borrow_mut(|lines| lines.push((format!("{name} {i}"), hex)));
        }
    }
    thread_local!(static LINES: std::cell::RefCell<Vec<(String, String)>> = const { std::cell::RefCell::new(Vec::new()) });
    each!(collect);
    let lines = LINES.take();
    let text: String = lines.iter().map(|(name, hex)| format!("{name}: {hex}\n")).collect();
    let golden = include_str!("golden.txt");
    let known: BTreeMap<&str, &str> = golden.lines().filter_map(|line| line.split_once(": ")).collect();
    let changed: Vec<&String> = lines
        .iter()
        .filter(|(name, hex)| known.get(name.as_str()) != Some(&hex.as_str()))
        .map(|(name, _)| name)
        .collect();
    assert!(changed.is_empty(), "changed or new: {changed:?}\n{text}");
    assert_eq!(known.len(), lines.len(), "a sample was removed");
}
