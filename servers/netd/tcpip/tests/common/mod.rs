//! What the tests share: two stacks and a wire between them, all by seed and simulated time.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use tcpip::rng::Rng;
use tcpip::*;

pub const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub const MAC_A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
pub const MAC_B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

pub type TestStack = Stack<OwnedBuffers>;

pub fn static_config(mac: MacAddr, ip: Ipv4Addr, seed: u64) -> Config {
    let mut key = [7; 16];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = mac.0[5];
    let mut config = Config::new(mac, key, key);
    let address = Ipv4Cidr::new(ip, 24);
    config.addressing =
        Addressing::Static(Ipv4Config { address, gateway: Some(Ipv4Addr::new(10, 0, 0, 254)), dns: [None; 3] });
    config
}

pub fn stack(mac: MacAddr, ip: Ipv4Addr, seed: u64) -> TestStack {
    Stack::new(static_config(mac, ip, seed), OwnedBuffers::default())
}

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Everything a stack wants to send now.
pub fn drain(stack: &mut TestStack, now: Instant) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut buf = vec![0; 70_000];
    while let Some(frame) = stack.next_frame(now, &mut buf) {
        frames.push(buf[..frame.len].to_vec());
    }
    frames
}

pub fn events(stack: &mut TestStack) -> Vec<Event> {
    std::iter::from_fn(|| stack.next_event()).collect()
}

/// What a wire does to frames, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub loss: u32,
    pub duplicate: u32,
    pub reorder: u32,
    pub corrupt: u32,
    pub delay: Duration,
    pub jitter: Duration,
}

/// Two stacks, a wire and a clock.
pub struct World {
    pub now: Instant,
    pub stacks: [TestStack; 2],
    pub faults: Faults,
    pub rng: Rng,
    /// Frames under way: when and in which order they arrive, at whom.
    wire: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
    pub carried: u64,
}

impl World {
    pub fn new(stacks: [TestStack; 2], faults: Faults, seed: u64) -> World {
        let mut key = [3; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        World {
            now: Instant::from_millis(1000),
            stacks,
            faults,
            rng: Rng::new(key),
            wire: BTreeMap::new(),
            count: 0,
            carried: 0,
        }
    }

    pub fn pair(faults: Faults, seed: u64) -> World {
        World::new([stack(MAC_A, A, seed), stack(MAC_B, B, seed)], faults, seed)
    }

    fn chance(&mut self, thousandths: u32) -> bool {
        self.rng.below(1000) < thousandths
    }

    fn put(&mut self, to: usize, frame: Vec<u8>) {
        let mut delay = self.faults.delay;
        if self.faults.jitter > Duration::ZERO {
            delay = delay + Duration::from_micros(u64::from(self.rng.below(self.faults.jitter.micros() as u32)));
        }
        if self.chance(self.faults.reorder) {
            delay = delay + self.faults.delay + ms(u64::from(self.rng.below(20)));
        }
        self.count += 1;
        self.wire.insert((self.now + delay, self.count), (to, frame));
    }

    /// Sends what the stacks have to send.
    pub fn flush(&mut self) {
        for from in 0..2 {
            for mut frame in drain(&mut self.stacks[from], self.now) {
                self.carried += 1;
                // Three lost ARP requests are an error, and not this test's subject.
                let arp = frame[12..14] == [8, 6];
                if !arp && self.chance(self.faults.loss) {
                    continue;
                }
                if self.chance(self.faults.corrupt) {
                    let at = self.rng.below(frame.len() as u32) as usize;
                    frame[at] ^= 1 << self.rng.below(8);
                }
                if self.chance(self.faults.duplicate) {
                    self.put(1 - from, frame.clone());
                }
                self.put(1 - from, frame);
            }
        }
    }

    /// Goes to the next thing that happens, at `limit` at the latest. Returns whether something happened.
    pub fn step(&mut self, limit: Instant) -> bool {
        self.flush();
        let wire = self.wire.first_key_value().map(|((at, _), _)| *at);
        let timers = self.stacks.iter().filter_map(Stack::poll_at).min();
        let next = wire.into_iter().chain(timers).min().filter(|at| *at <= limit);
        let Some(next) = next else {
            self.now = self.now.max(limit);
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, frame) = entry.remove();
            self.stacks[to].receive(self.now, &frame, FrameMeta::default());
            self.flush();
        }
        for stack in &mut self.stacks {
            stack.poll(self.now);
        }
        self.flush();
        true
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let limit = self.now + time;
        while self.step(limit) {}
    }
}

/// Byte `at` of a stream that the tests send.
pub fn byte(seed: u64, at: usize) -> u8 {
    ((at as u64).wrapping_mul(31).wrapping_add(seed) ^ (at as u64 >> 8)) as u8
}
