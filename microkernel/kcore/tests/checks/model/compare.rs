//! The same calls to the kernel and to the model.

use std::collections::{BTreeMap, VecDeque};

use abi::calls::number as nr;
use abi::message::{Kind as Came, Tag};
use abi::{Error, Rights};
use kcore::hw::Entry as Entered;
use kcore::objects::*;

use super::memory::ANY;
use super::{Held, Kind, Model, Page, Received};
use crate::invariants;
use crate::random::{Random, each_seed};
use crate::sequences::USUAL;
use crate::world::*;

const OWN: u64 = 0x1_0001;
const MAIN: u64 = 0x1_0002;
/// Where pages are mapped: across a boundary of lowest tables.
const AT: u64 = 0x4020_0000 - 4 * 4096;
const PLACES: u64 = 10;

struct Pair {
    w: World,
    m: Model,
    r: Random,
    clients: Vec<ThreadLink>,
    /// Two pools that come and go, by their numbers in the model.
    pools: [(usize, u64); 2],
    next_pool: usize,
    /// Handles that were closed, to try again.
    closed: Vec<u64>,
    done: VecDeque<String>,
}

#[test]
fn the_kernel_agrees_with_a_naive_model() {
    each_seed("the_kernel_agrees_with_a_naive_model", USUAL, |seed| {
        let mut pair = Pair::new(seed);
        for _ in 0..250 {
            pair.step();
            pair.compare();
        }
        invariants::check(&mut pair.w);
    });
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let mut w = world(600);
        let clients = (0..3)
            .map(|n| {
                let (handle, link) = w.thread(OWN, 10, 0x2000_0000 + (n << 12));
                w.ok(nr::start, &[handle, 0x40_0000, 0x50_0000, 0]);
                w.ok(nr::close, &[handle]);
                link
            })
            .collect();
        w.ok(nr::config, &[MAIN, 2, 0]);
        let m = Model { clients: [Some(Ok(())); 3], ..Model::default() };
        let pools = [1, 2].map(|n| (n, w.ok(nr::create, &[w.pool, POOL as u64, 40, 20])));
        let closed = vec![0, 1 << 16];
        Pair { w, m, r: Random::new(seed), clients, pools, next_pool: 3, closed, done: VecDeque::new() }
    }

    /// A handle: any that the model knows, or a closed one.
    fn handle(&mut self, class: u8) -> u64 {
        let all: Vec<u64> = self.m.handles.iter().filter(|(_, h)| self.m.class(h) == class).map(|(h, _)| *h).collect();
        if self.r.one_in(20) || all.is_empty() {
            return self.any();
        }
        self.r.pick(&all)
    }

    fn any(&mut self) -> u64 {
        let all: Vec<u64> = self.m.handles.keys().copied().collect();
        if self.r.one_in(20) || all.is_empty() { self.r.pick(&self.closed) } else { self.r.pick(&all) }
    }

    fn rights(&mut self) -> Rights {
        if self.r.one_in(2) { Rights::all() } else { Rights::from_bits_truncate(self.r.next() as u16) }
    }

    /// Makes a call and compares whether it fails, and how.
    fn both<T>(&mut self, number: u16, arguments: &[u64], model: Result<T, Error>) -> Option<(T, [u64; 10])> {
        let name = abi::calls::CALLS[number as usize].name;
        self.note(format!("{name} {arguments:x?}: {:?}", model.as_ref().err()));
        let answer = self.w.call(number, arguments);
        match (answer, model) {
            (Ok(answer), Ok(value)) => Some((value, answer)),
            (Err(_), Err(ANY)) => None,
            (answer, model) => {
                assert_eq!(answer.err(), model.err(), "{name} {arguments:x?}");
                None
            }
        }
    }

    fn note(&mut self, what: String) {
        self.done.push_back(what);
        if self.done.len() > 20 {
            self.done.pop_front();
        }
    }

    fn made(&mut self, handle: u64, held: Held) {
        assert!(self.m.handles.insert(handle, held).is_none(), "a new handle is new");
    }

    fn step(&mut self) {
        match self.r.below(20) {
            _ if self.r.one_in(40) => self.destroy_pool(),
            0 | 1 if self.m.handles.len() < 100 => self.create(),
            2 | 3 if self.m.handles.len() < 100 => {
                let (handle, rights) = (self.any(), self.rights());
                let model = self.m.dup(handle, rights);
                if let Some((held, answer)) = self.both(nr::dup, &[handle, rights.bits() as u64, 0, 0], model) {
                    self.made(answer[0], held);
                }
            }
            4..7 if self.m.handles.len() < 100 => self.derive(),
            7 => {
                let handle = self.handle(GRANT);
                let model = self.m.revoke(handle);
                self.both(nr::revoke, &[handle], model);
            }
            8..10 => {
                let more = if self.r.one_in(3) { self.r.below(6) } else { 0 };
                let mut handles = vec![self.any()];
                handles.extend((0..more).map(|_| self.any()).filter(|handle| *handle != 0));
                let model = self.m.close(&handles);
                self.both(nr::close, &handles, model);
                self.closed.extend(handles);
            }
            10 => {
                let handle = self.handle(NOTIFICATION).max(1);
                let model = self.m.bind(handle);
                self.both(nr::config, &[MAIN, 2, handle], model);
            }
            11 => {
                let (handle, bits) = (self.handle(NOTIFICATION), 1 << self.r.below(8));
                let model = self.m.notify(handle, bits);
                self.both(nr::notify, &[handle, bits], model);
            }
            12 | 13 => self.call(),
            14 | 15 => self.receive(),
            _ => self.memory(),
        }
    }

    fn create(&mut self) {
        let (kind, class, size) = match self.r.below(3) {
            0 => (Kind::Channel { callers: VecDeque::new(), closed: VecDeque::new() }, CHANNEL, 0),
            1 => (Kind::Notification { bits: 0 }, NOTIFICATION, 0),
            _ => (Kind::Memory { pages: vec![Page::Data; 4], mapped: BTreeMap::new() }, MEMORY, 4),
        };
        let badge = if class == NOTIFICATION { u64::MAX } else { 0 };
        let object = self.m.new_object(kind);
        let held = Held { object, rights: Rights::all(), badge, grant: None };
        let arguments = [self.w.pool, class as u64, size, 0];
        if let Some((held, answer)) = self.both(nr::create, &arguments, Ok(held)) {
            self.made(answer[0], held);
        }
    }

    fn derive(&mut self) {
        let (handle, rights) = (self.any(), self.rights());
        let (badge, close) = (1 + self.r.below(1 << 16), 1 << self.r.below(8));
        let (number, pool) = self.r.pick(&[(0, self.w.pool), self.pools[0], self.pools[1]]);
        let (model, alone) = (self.m.derive(handle, rights, badge, close, number), self.r.one_in(4));
        let arguments = [pool, handle, rights.bits() as u64, badge, close, alone.into()];
        if let Some(((derived, cell), answer)) = self.both(nr::derive, &arguments, model) {
            self.made(answer[0], derived);
            match alone {
                true => {
                    assert_eq!(answer[1], 0, "there is no handle to the Grant");
                    self.m.end(cell.object);
                }
                false => self.made(answer[1], cell),
            }
        }
    }

    /// A pool goes, and what was derived at its cost; another takes its place.
    fn destroy_pool(&mut self) {
        let which = self.r.below(2) as usize;
        let (number, pool) = self.pools[which];
        self.note(format!("pool {number} goes"));
        self.m.destroy_pool(number);
        self.w.ok(nr::destroy, &[pool]);
        self.w.ok(nr::close, &[pool]);
        self.closed.push(pool);
        self.pools[which] = (self.next_pool, self.w.ok(nr::create, &[self.w.pool, POOL as u64, 40, 20]));
        self.next_pool += 1;
    }

    /// A client that waits for nothing calls.
    fn call(&mut self) {
        let client = self.r.below(3) as usize;
        if self.m.clients[client].is_none() {
            return;
        }
        let (handle, bytes) = (self.handle(CHANNEL), self.r.below(65));
        let words: [u64; 8] = std::array::from_fn(|_| self.r.next());
        self.note(format!("client {client} calls {handle:x}"));
        let model = self.m.call(client, handle, bytes as usize, words);
        if let Err(error) = model {
            self.m.clients[client] = Some(Err(error));
        }
        let link = self.clients[client];
        self.w.run(link);
        let arguments: Vec<u64> = [handle, bytes].into_iter().chain(words).collect();
        self.w.enter(nr::call as u64, &arguments);
        assert_eq!(self.w.current(), self.w.init, "init is more urgent");
    }

    /// init polls, and answers at once.
    fn receive(&mut self) {
        let handle = self.handle(CHANNEL).max(1);
        let init = self.w.init;
        let answer = self.w.call(nr::recv, &[handle, 0]);
        let badge = self.w.edit(init, |t| t.context.regs.badge);
        let model = self.m.receive(handle, badge);
        self.note(format!("recv {handle:x}: {:?}", model.as_ref().err()));
        assert_eq!(answer.err(), model.as_ref().err().copied(), "recv {handle:x}");
        let (Ok(expected), Ok(answer)) = (model, answer) else { return };
        let got = match Tag(answer[1]).kind() {
            Came::Closed => Received::Closed(badge),
            Came::Call => Received::Call(answer[2..].try_into().unwrap(), badge),
            Came::Bits => Received::Bits(badge),
            Came::Deadline => Received::Deadline,
            Came::Fault => panic!("nobody faults"),
        };
        assert_eq!(got, expected);
        if matches!(got, Received::Call(..)) {
            self.w.ok(nr::reply, &[answer[0], 0]);
        }
    }

    fn memory(&mut self) {
        let (handle, from, count) = (self.handle(MEMORY), self.r.below(5), 1 + self.r.below(3));
        let (place, access) = (self.r.below(PLACES - 3), self.r.pick(&[1, 1, 3, 3, 3, 5, 5, 0, 2, 4, 6, 7]));
        let (at, n, seal) = (AT + (place << 12), count as usize, self.w.seal);
        match self.r.below(7) {
            0..3 => {
                let model = self.m.map(handle, place, from as usize, n, access);
                self.both(nr::map, &[OWN, handle, at, from, count, access as u64], model);
            }
            3 => {
                self.m.unmap(place, count);
                self.both(nr::unmap, &[OWN, at, count], Ok(()));
            }
            4 => {
                let model = self.m.protect(place, count, access);
                self.both(nr::protect, &[OWN, at, count, access as u64], model);
            }
            5 => {
                let keep = self.r.below(3) as u8;
                let model = self.m.evict(handle, from as usize, n, keep);
                self.both(nr::evict, &[handle, from, count, keep as u64], model);
            }
            _ if self.r.one_in(2) => {
                let model = self.m.freeze(handle, from as usize, n);
                self.both(nr::freeze, &[handle, from, count], model);
            }
            _ => {
                let model = self.m.seal(handle, from as usize, n);
                self.both(nr::seal, &[handle, from, count, seal], model);
            }
        }
    }

    /// Every handle, every client and every page of the address space.
    fn compare(&mut self) {
        for (handle, held) in self.m.handles.clone() {
            let expected =
                self.m.live(handle).map(|_| (self.m.class(&held) as u64, held.rights.bits() as u64, held.badge));
            let answer = self.w.call(nr::info, &[handle, 0]).map(|words| (words[2], words[3], words[4]));
            assert_eq!(answer, expected, "handle {handle:x}");
        }
        for n in 0..3 {
            let link = self.clients[n];
            let expected = self.m.clients[n];
            let waits = self.w.state(link) == Some(State::Calling);
            assert_eq!(waits, expected.is_none(), "client {n}");
            if let Some(result) = expected {
                assert_eq!(self.w.answer(link).map(|_| ()), result, "client {n}");
            }
        }
        let process = self.w.process_of(self.w.init);
        let space = self.m.space();
        for place in 0..PLACES {
            let entry = match self.w.page(process, AT + (place << 12)) {
                Entered::Page(_, access) => Some(access.bits()),
                _ => None,
            };
            assert_eq!(entry, space.get(&place).map(|(_, mapped)| mapped.access), "place {place}");
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.done.iter().for_each(|what| eprintln!("{what}"));
        }
    }
}
