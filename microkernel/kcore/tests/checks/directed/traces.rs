//! Traces: what is written when, and when it ends.

use abi::calls::number as nr;
use abi::message::BUFFER_PAYLOAD;
use abi::trace::{Event, HEADER, RECORD_WORDS, RECORDS_PER_PAGE};
use abi::{Error, Status};
use kcore::objects::*;

use super::*;
use crate::invariants;

/// A traced child process of two pages of ring: its thread, the ring's handle and first frame.
struct Traced {
    process: u64,
    child: ThreadLink,
    channel: u64,
    ring: u64,
    base: kmem::Frame,
}

fn traced(w: &mut World) -> Traced {
    let process = w.ok(nr::create, &[ROOT, PROCESS as u64]);
    let (handle, child) = w.thread(process, 10, 0x2000_0000);
    let channel = w.ok(nr::create, &[ROOT, CHANNEL as u64]);
    w.ok(nr::dup, &[channel, ALL, process, 5]);
    w.ok(nr::start, &[handle, 0x40_0000, 0x60_0000, 0]);
    let ring = w.ok(nr::create, &[ROOT, MEMORY as u64, 2, 0]);
    w.ok(nr::trace, &[process, ring, w.log]);
    let init = w.init;
    let base = w.with(|cx| {
        let init = cx.v.live(init).unwrap();
        let memory = cx.lookup::<MEMORY>(init, ring, abi::Rights::empty()).unwrap().key;
        cx.v.managed(cx.v.get(memory).base).unwrap()
    });
    Traced { process, child, channel, ring, base }
}

fn word(w: &mut World, frame: kmem::Frame, at: usize) -> u64 {
    w.with(|cx| cx.v.read_word(frame, at))
}

/// The records so far: event, call, status or number, a0.
fn records(w: &mut World, t: &Traced) -> Vec<(u8, u16, u64, u64)> {
    let written = word(w, t.base, HEADER.written);
    let capacity = RECORDS_PER_PAGE;
    (written.saturating_sub(capacity)..written)
        .map(|n| {
            let at = (n % capacity) as usize * RECORD_WORDS * 8;
            let head = word(w, t.base.plus(1), at + 8);
            let [number, a0] = [16, 24].map(|offset| word(w, t.base.plus(1), at + offset));
            (head as u8, (head >> 8) as u16, number, a0)
        })
        .collect()
}

const CALL: u8 = Event::Call as u8;
const RETURN: u8 = Event::Return as u8;
const OK: u64 = Status::OK.0;

#[test]
fn a_call_is_recorded_when_it_begins_and_when_it_returns() {
    let mut w = world(500);
    let t = traced(&mut w);
    w.enter(nr::config as u64, &[MAIN, 0, 5]);
    assert_eq!(w.current(), t.child, "the more urgent one");
    w.enter(nr::null as u64, &[]);
    w.enter(nr::close as u64, &[99]);
    let refused = Status::from(Err(Error::BadHandle)).0;
    let so_far =
        [(CALL, nr::null, 0, 0), (RETURN, nr::null, OK, 0), (CALL, nr::close, 6, 99), (RETURN, nr::close, refused, 99)];
    assert_eq!(records(&mut w, &t), so_far);
    // One that waits returns when it is answered and runs again.
    w.enter(nr::call as u64, &[0x1_0005, 8, 77]);
    w.enter(nr::recv as u64, &[t.channel, WAIT]);
    let token = w.answer(w.init).unwrap()[0];
    assert_eq!(records(&mut w, &t)[4..], [(CALL, nr::call, 1, 0x1_0005)]);
    w.enter(nr::reply as u64, &[token, 8, 78]);
    assert_eq!(w.current(), t.child);
    assert_eq!(records(&mut w, &t)[5..], [(RETURN, nr::call, OK, 0)]);
    let last = 5 * RECORD_WORDS * 8;
    assert_eq!(word(&mut w, t.base.plus(1), last + 48), 78, "with its message");
    invariants::check(&mut w);
}

#[test]
fn a_message_of_more_than_64_bytes_is_recorded_as_it_lies_in_the_buffer() {
    let mut w = world(500);
    let t = traced(&mut w);
    let [child, init] = [t.child, w.init].map(|thread| w.edit(thread, |t| t.buffer));
    let fill = |w: &mut World, buffer, first: u64| {
        w.with(|cx| (0..9).for_each(|i| cx.v.write_word(buffer, BUFFER_PAYLOAD + i * 8, first + i as u64)));
    };
    let words =
        |w: &mut World, n: usize| std::array::from_fn(|i| word(w, t.base.plus(1), n * RECORD_WORDS * 8 + 48 + i * 8));
    w.enter(nr::config as u64, &[MAIN, 0, 5]);
    // 64 bytes travel in registers, whatever lies in the buffer; 65 in the buffer, whatever lies in registers.
    fill(&mut w, child, 0x100);
    w.enter(nr::call as u64, &[0x1_0005, 64, 1, 2, 3, 4, 5, 6, 7, 8]);
    w.enter(nr::recv as u64, &[t.channel, WAIT]);
    let token = w.answer(w.init).unwrap()[0];
    fill(&mut w, init, 0x200);
    w.enter(nr::reply as u64, &[token, 65]);
    assert_eq!(words(&mut w, 0), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(words(&mut w, 1), std::array::from_fn::<u64, 8, _>(|i| 0x200 + i as u64), "the answer");
    fill(&mut w, child, 0x300);
    w.enter(nr::call as u64, &[0x1_0005, 65, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(words(&mut w, 2), std::array::from_fn::<u64, 8, _>(|i| 0x300 + i as u64), "the next call");
    invariants::check(&mut w);
}

#[test]
fn a_traced_conversation_takes_the_general_path() {
    let mut w = world(500);
    let t = traced(&mut w);
    w.enter(nr::recv as u64, &[t.channel, WAIT]);
    let fast = w.k.system.counters()[1];
    w.enter(nr::call as u64, &[0x1_0005, 8, 1]);
    assert_eq!((w.current(), w.k.system.counters()[1]), (w.init, fast));
    let token = w.answer(w.init).unwrap()[0];
    w.enter(nr::reply_recv as u64, &[token, t.channel << 32]);
    assert_eq!(records(&mut w, &t).len(), 2);
    // Threads that are made later are traced, too; and none when it is over.
    w.run(t.child);
    w.ok(nr::null, &[]);
    let before = records(&mut w, &t).len();
    w.run(t.child);
    let child = t.child;
    w.enter(nr::yield_now as u64, &[]);
    assert!(records(&mut w, &t).len() > before && w.state(child).is_some());
    invariants::check(&mut w);
}

#[test]
fn what_does_not_fit_is_counted_and_the_rest_goes_on() {
    let mut w = world(500);
    let t = traced(&mut w);
    w.enter(nr::config as u64, &[MAIN, 0, 5]);
    for _ in 0..20 {
        w.enter(nr::null as u64, &[]);
    }
    assert_eq!((word(&mut w, t.base, HEADER.written), word(&mut w, t.base, HEADER.lost)), (32, 8));
    w.with(|cx| cx.v.write_word(t.base, HEADER.read, 30));
    w.enter(nr::yield_now as u64, &[]);
    assert_eq!(word(&mut w, t.base, HEADER.written), 34);
    // Whatever the observer writes there harms nobody.
    for read in [u64::MAX, 1 << 63, 35, 0] {
        w.with(|cx| cx.v.write_word(t.base, HEADER.read, read));
        w.enter(nr::null as u64, &[]);
        invariants::check(&mut w);
    }
}

#[test]
fn a_trace_ends_with_what_allowed_it() {
    // The ring's Memory.
    let mut w = world(500);
    let t = traced(&mut w);
    w.ok(nr::close, &[t.ring]);
    w.run(t.child);
    w.enter(nr::null as u64, &[]);
    assert_eq!(w.edit(t.child, |t| t.slow), 0);
    invariants::check(&mut w);
    // The Grants of the handles.
    for lent in [0, 1] {
        let mut w = world(500);
        let t = traced(&mut w);
        let got = w.call(nr::derive, &[ROOT, [t.process, t.ring][lent], ALL, 0, 0]).unwrap();
        let mut arguments = [t.process, t.ring, w.log];
        arguments[lent] = got[0];
        w.ok(nr::trace, &arguments);
        w.ok(nr::revoke, &[got[1]]);
        w.run(t.child);
        w.enter(nr::null as u64, &[]);
        assert_eq!(word(&mut w, t.base, HEADER.written), 0);
        assert_eq!(w.edit(t.child, |t| t.slow), 0);
    }
    // Freezing: nobody may write any more, not even the kernel.
    let mut w = world(500);
    let t = traced(&mut w);
    w.ok(nr::freeze, &[t.ring, 0, 2]);
    w.run(t.child);
    w.enter(nr::null as u64, &[]);
    assert_eq!(word(&mut w, t.base, HEADER.written), 0);
    // Its observer.
    let mut w = world(500);
    let t = traced(&mut w);
    w.ok(nr::trace, &[t.process, 0, 0]);
    w.run(t.child);
    w.enter(nr::null as u64, &[]);
    assert_eq!(records(&mut w, &t), []);
}

#[test]
fn only_who_may_traces() {
    let mut w = world(500);
    let t = traced(&mut w);
    let [blind, deaf] = [(t.process, abi::Rights::INSPECT), (t.ring, abi::Rights::WRITE)]
        .map(|(handle, right)| w.ok(nr::dup, &[handle, ALL & !(right.bits() as u64), 0, 0]));
    assert_eq!(w.call(nr::trace, &[blind, t.ring, w.log]), Err(Error::Denied));
    assert_eq!(w.call(nr::trace, &[t.process, deaf, w.log]), Err(Error::Denied));
    assert_eq!(w.call(nr::trace, &[t.process, t.ring, w.power]), Err(Error::Denied));
    assert_eq!(w.call(nr::trace, &[t.process, t.ring, 0]), Err(Error::BadHandle));
    let small = w.ok(nr::create, &[ROOT, MEMORY as u64, 1, 0]);
    assert_eq!(w.call(nr::trace, &[t.process, small, w.log]), Err(Error::BadArgument));
    let part = w.ok(nr::slice, &[ROOT, t.ring, 0, 2]);
    assert_eq!(w.call(nr::trace, &[t.process, part, w.log]), Err(Error::BadArgument));
    invariants::check(&mut w);
}
