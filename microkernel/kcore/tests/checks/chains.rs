//! Chains of handles, each made of the one before, through two processes: none has a right that a simple model has not.
//!
//! ```text
//! a handle with some rights ─ copy │ derive │ copy there │ give │ hand over │ send ─► the next one, here or there ─ … 32 times
//! ```
//!
//! The model is one word: what there was, less what was not asked for. Whoever moves a handle needs TRANSFER; whoever
//! can't still has the last one. Now and then the other process ends and there is a new one.

use abi::calls::{Gift, number as nr};
use abi::message::Tag;
use abi::{Error, Handle, Rights};
use kcore::objects::*;
use kmem::Link;

use crate::invariants;
use crate::random::{Random, each_seed};
use crate::world::*;

/// Links of a chain at most, chains in one world, and worlds: 20,000 chains, or a million.
const LINKS: u64 = 32;
const CHAINS: u64 = 100;
const WORLDS: u64 = 200;
/// Both threads', so that none is preempted by the other: init's.
const PRIORITY: u64 = 20;
/// Ways to make a handle of another.
const HOW: u64 = 7;
/// Grants nest so deep.
const DEPTH: u32 = 4;
const ALL: u64 = 0xffff;
const WAIT: u64 = u64::MAX;

/// A process with a thread, and what it needs of the other.
#[derive(Clone, Copy)]
struct Side {
    thread: ThreadLink,
    process: Link<PROCESS>,
    peer: u64,
    channel: u64,
    pool: u64,
}

/// init and another.
struct Pair {
    sides: [Side; 2],
    /// The other's pool, as init has it.
    pool: u64,
}

impl Pair {
    fn new(w: &mut World, channel: u64) -> Pair {
        let pool = w.ok(nr::create, &[w.pool, POOL as u64, 60, 30]);
        let peer = w.ok(nr::create, &[pool, PROCESS as u64]);
        let thread = w.ok(nr::create, &[pool, THREAD as u64, peer, PRIORITY, 0x2000_0000]);
        let [back, its_channel, its_pool] = [w.process, channel, pool].map(|own| w.ok(nr::dup, &[own, ALL, peer, 0]));
        w.ok(nr::start, &[thread, 0x40_0000, 0x60_0000, 0]);
        let me = w.init;
        let (thread, process) = w.with(|cx| {
            let me = cx.v.live(me).expect("alive");
            let thread = cx.lookup::<THREAD>(me, thread, Rights::empty()).expect("a thread").key.link();
            (thread, cx.lookup::<PROCESS>(me, peer, Rights::empty()).expect("a process").key.link())
        });
        let own = Side { thread: w.init, process: w.process_of(w.init), peer, channel, pool: w.pool };
        let other = Side { thread, process, peer: back, channel: its_channel, pool: its_pool };
        Pair { sides: [own, other], pool }
    }

    /// The other process ends, and there is a new one.
    fn remake(self, w: &mut World) -> Pair {
        w.run(self.sides[0].thread);
        w.ok(nr::destroy, &[self.pool]);
        w.ok(nr::close, &[self.pool]);
        w.ok(nr::close, &[self.sides[0].peer]);
        Pair::new(w, self.sides[0].channel)
    }
}

/// The handle that a chain is at.
#[derive(Clone, Copy)]
struct At {
    side: usize,
    handle: u64,
    rights: Rights,
    /// How many Grants it is through.
    depth: u32,
}

/// What has become of the handle before.
enum Before {
    Stays,
    Gone,
}

/// One link, in one of [`HOW`] ways, or why there is none.
fn link(w: &mut World, pair: &Pair, at: At, how: u64, random: &mut Random) -> Result<(At, Before), Error> {
    let (side, there) = (pair.sides[at.side], 1 - at.side);
    w.run(side.thread);
    // Three of four rights, so that some last.
    let mask = Rights::from_bits_truncate((random.next() | random.next()) as u16);
    let (bits, less) = (u64::from(mask.bits()), at.rights & mask);
    match how {
        0 | 1 => {
            let handle = w.call(nr::dup, &[at.handle, bits, 0, 0])?[0];
            Ok((At { handle, rights: less, ..at }, Before::Stays))
        }
        2 => {
            let handle = w.call(nr::derive, &[side.pool, at.handle, bits, random.next(), 0, 1])?[0];
            Ok((At { handle, rights: less, depth: at.depth + 1, ..at }, Before::Stays))
        }
        3 => {
            let handle = w.call(nr::dup, &[at.handle, bits, side.peer, 0])?[0];
            Ok((At { side: there, handle, rights: less, ..at }, Before::Stays))
        }
        moved @ (4 | 5) => {
            let target = pair.sides[there].process;
            let place = free_place(w, target);
            let gift = Gift::new(Handle::from_raw(at.handle as u32).expect("a handle"), mask, place).0;
            w.call(nr::give, &[side.peer, moved - 4, gift])?;
            let handle = u64::from(entry(w, target, place.into()).generation) << 16 | u64::from(place);
            let before = if moved == 5 { Before::Gone } else { Before::Stays };
            Ok((At { side: there, handle, rights: less, ..at }, before))
        }
        _ => {
            let handle = send(w, pair, at)?;
            Ok((At { side: there, handle, ..at }, Before::Gone))
        }
    }
}

/// Sends the handle to the other side, which answers.
fn send(w: &mut World, pair: &Pair, at: At) -> Result<u64, Error> {
    let (from, to) = (pair.sides[at.side], pair.sides[1 - at.side]);
    w.run(to.thread);
    w.enter(taking(nr::recv, 1), &[to.channel, WAIT]);
    w.run(from.thread);
    let buffer = w.edit(from.thread, |t| t.buffer);
    w.with(|cx| cx.v.write_word(buffer, 0, at.handle));
    let mut call = |handles| {
        w.enter(nr::call.into(), &[from.channel, Tag::new(0, handles).expect("a tag").0]);
        if w.current() == from.thread { Err(w.answer(from.thread).expect_err("nobody has answered")) } else { Ok(()) }
    };
    let sent = call(1);
    if sent.is_err() {
        // It waits still.
        call(0).expect("a message without handles");
    }
    let buffer = w.edit(to.thread, |t| t.buffer);
    let arrived = w.with(|cx| cx.v.read_word(buffer, 0)) & 0xffff_ffff;
    let token = w.answer(to.thread).expect("a message")[0];
    w.ok(nr::reply, &[token, 0]);
    sent.map(|()| arrived)
}

/// A process's entry.
fn entry(w: &mut World, process: Link<PROCESS>, index: u32) -> Entry {
    w.with(|cx| {
        let process = cx.v.live(process).expect("alive");
        cx.slot_entry(process, index).filter(|entry| entry.object.class() != 0).expect("an entry")
    })
}

/// An index of a process's at which nothing stands.
fn free_place(w: &mut World, process: Link<PROCESS>) -> u16 {
    w.with(|cx| {
        let process = cx.v.live(process).expect("alive");
        (1..128).find(|index| cx.slot_free(process, u32::from(*index))).expect("a free place")
    })
}

/// A new object in a pool, for init; and what it is made of.
fn object(w: &mut World, pool: u64, kind: u8) -> (u64, Vec<u64>) {
    if kind != GRANT {
        return (w.ok(nr::create, &[pool, kind.into(), 2, 0]), Vec::new());
    }
    let memory = w.ok(nr::create, &[pool, MEMORY.into(), 2, 0]);
    let made = w.call(nr::derive, &[pool, memory, ALL, 0, 0]).expect("a Grant");
    (made[1], vec![memory, made[0]])
}

/// A chain from a new object; how many links it has.
fn chain(w: &mut World, pair: &Pair, random: &mut Random) -> u64 {
    w.run(pair.sides[0].thread);
    let kind = random.pick(&[MEMORY, NOTIFICATION, CHANNEL, POOL, PROCESS, GRANT]);
    let pool = w.ok(nr::create, &[w.pool, POOL.into(), 40, 30]);
    let (object, others) = object(w, pool, kind);
    let handle = w.ok(nr::dup, &[object, ALL, 0, 0]);
    let first = entry(w, pair.sides[0].process, handle as u32 & 0xffff);
    let (mut at, mut links) = (At { side: 0, handle, rights: first.rights(), depth: 0 }, 0);
    for _ in 0..random.below(LINKS) + 1 {
        let how = random.below(HOW);
        match link(w, pair, at, how, random) {
            Ok((next, before)) => {
                let made = entry(w, pair.sides[next.side].process, next.handle as u32 & 0xffff);
                assert_eq!((made.object, made.rights()), (first.object, next.rights), "link {links} of a {kind}");
                w.run(pair.sides[at.side].thread);
                let closed = w.call(nr::close, &[at.handle]).err();
                assert_eq!(closed, matches!(before, Before::Gone).then_some(Error::BadHandle));
                (at, links) = (next, links + 1);
            }
            Err(Error::Denied) => assert!(!at.rights.contains(Rights::TRANSFER), "{:?} moves", at.rights),
            // Grants nest no deeper, and there are none of Grants.
            Err(Error::BadArgument) => assert_eq!(at.depth, DEPTH, "link {links} of a {kind}, by {how}"),
            Err(Error::WrongKind) => assert_eq!(kind, GRANT),
            Err(error) => panic!("link {links} of a {kind}, by {how}: {error}"),
        }
    }
    w.run(pair.sides[at.side].thread);
    w.ok(nr::close, &[at.handle]);
    w.run(pair.sides[0].thread);
    w.ok(nr::destroy, &[pool]);
    for handle in others.into_iter().chain([object, pool]) {
        w.ok(nr::close, &[handle]);
    }
    links
}

#[test]
fn no_link_of_a_chain_has_more_rights_than_the_one_before() {
    each_seed("no_link_of_a_chain", WORLDS, |seed| {
        let mut w = world(400);
        let mut random = Random::new(seed);
        let channel = w.ok(nr::create, &[w.pool, CHANNEL.into()]);
        let mut pair = Pair::new(&mut w, channel);
        let mut links = 0;
        for n in 0..CHAINS {
            if n % 16 == 15 {
                pair = pair.remake(&mut w);
            }
            links += chain(&mut w, &pair, &mut random);
        }
        assert!(links > CHAINS, "{links} links");
        invariants::check(&mut w);
    });
}
