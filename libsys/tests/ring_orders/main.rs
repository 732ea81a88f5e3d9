//! The ring's wake-ups (`contracts.md` §5) in every order of two threads: loom runs the very code of `libsys::ring` again
//! and again, each time with another order of its loads, stores and fences, and with every value that the memory model
//! lets a load see. Two threads that both sleep are a deadlock, which loom reports; bytes are cells in which loom sees
//! races.
//!
//! Bounded: two threads, rings of two bytes (eight for the quarter), few bytes, and two to four preemptions. What loom
//! can't show: a store that others see before an earlier load of its own thread is done (load buffering); and its `SeqCst`
//! fences order a little more than the standard says: all that came before one happens before the next.
//!
//! A test that only passes shows nothing: so the memory ([`memory`]) can be given a [`Flaw`], and then the exploration has
//! to fail.

mod memory;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libsys::Error;
use libsys::ring::{Consumer, Producer, Taken};

use memory::{Doorbell, Flaw, HEAD, PRODUCER_CLOSED, Pair, SOUND, Side, TAIL, pair};

/// What a program does that writes to a pipe, at most `step` bytes at a time: it sleeps when there is no room. Returns what
/// was sent before the reader closed.
fn send(producer: &mut Producer<Side>, bytes: &[u8], step: usize, own: &Doorbell, other: &Doorbell) -> usize {
    let mut sent = 0;
    while sent < bytes.len() {
        let slept = match producer.write(&bytes[sent..bytes.len().min(sent + step)], other) {
            Ok(0) => producer.must_sleep(),
            Ok(count) => {
                sent += count;
                Ok(false)
            }
            Err(error) => Err(error),
        };
        match slept {
            Ok(true) => own.wait(),
            Ok(false) => {}
            Err(error) => {
                assert_eq!(error, Error::BrokenPipe);
                break;
            }
        }
    }
    sent
}

/// What a program does that reads a pipe, at most `step` bytes at a time, until there are `limit` bytes or the writer
/// closed: it sleeps when there is nothing.
fn receive(
    consumer: &mut Consumer<Side>,
    limit: usize,
    step: usize,
    own: &Doorbell,
    other: &Doorbell,
) -> (Vec<u8>, Result<(), Error>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8];
    while bytes.len() < limit {
        match consumer.read(&mut buffer[..step], other) {
            Ok(Taken::Bytes(count)) => bytes.extend(&buffer[..count]),
            Ok(Taken::Nothing) if consumer.must_sleep().unwrap() => own.wait(),
            Ok(Taken::Nothing) => {}
            Ok(Taken::End) => break,
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}

/// Runs a story in every order with at most `preemptions` switches that neither thread asked for. Returns how many there
/// are.
fn explore(preemptions: usize, story: impl Fn() + Send + Sync + 'static) -> usize {
    let orders = Arc::new(AtomicUsize::new(0));
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = Some(preemptions);
    explorer.max_branches = 10_000;
    let count = orders.clone();
    explorer.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        story();
    });
    let orders = orders.load(Ordering::Relaxed);
    println!("{orders} orders");
    orders
}

/// A pipe: `bytes` through a ring of two, then the end or a reason. `steps` and `flaws`: the writer's, and the reader's.
fn transfer(steps: [usize; 2], bytes: &'static [u8], reason: Option<Error>, flaws: [Flaw; 2]) {
    let Pair { mut producer, mut consumer, producers, consumers } = pair(2, flaws);
    let (own, other) = (producers.clone(), consumers.clone());
    let writer = loom::thread::spawn(move || {
        assert_eq!(send(&mut producer, bytes, steps[0], &own, &other), bytes.len());
        producer.close(reason, &other);
    });
    let (got, end) = receive(&mut consumer, usize::MAX, steps[1], &consumers, &producers);
    assert_eq!(got, bytes, "lost, doubled or out of order");
    assert_eq!(end, reason.map_or(Ok(()), Err));
    writer.join().unwrap();
}

#[test]
fn every_byte_arrives_and_then_the_end() {
    assert!(explore(3, || transfer([1, 2], b"ab", None, SOUND)) > 1000);
    assert!(explore(2, || transfer([1, 2], b"abc", None, SOUND)) > 1000);
    assert!(explore(2, || transfer([2, 1], b"abcd", None, SOUND)) > 1000);
}

#[test]
fn a_reason_comes_after_the_last_byte() {
    assert!(explore(4, || transfer([1, 1], b"a", Some(Error::NotFound), SOUND)) > 1000);
}

#[test]
fn a_writer_is_told_of_a_quarter_and_need_not_wait_for_more() {
    // Of eight bytes one is not a quarter, two are. The reader takes no third before the writer is done. (With a tenth byte
    // it would have to: the ninth may come in after the first went out, and then there is no quarter.)
    let orders = explore(3, || {
        let Pair { mut producer, mut consumer, producers, consumers } = pair(8, SOUND);
        let (own, other) = (producers.clone(), consumers.clone());
        let writer = loom::thread::spawn(move || {
            assert_eq!(send(&mut producer, b"abcdefghi", 8, &own, &other), 9);
            producer.close(None, &other);
        });
        let (quarter, end) = receive(&mut consumer, 2, 1, &consumers, &producers);
        assert_eq!((&quarter[..], end), (&b"ab"[..], Ok(())));
        writer.join().unwrap();
        let (rest, end) = receive(&mut consumer, usize::MAX, 8, &consumers, &producers);
        assert_eq!((&rest[..], end), (&b"cdefghi"[..], Ok(())));
    });
    assert!(orders > 1000);
}

#[test]
fn a_reader_that_closes_wakes_the_writer() {
    for taken in [0, 1] {
        let orders = explore(3, move || {
            let Pair { mut producer, mut consumer, producers, consumers } = pair(2, SOUND);
            let (own, other) = (producers.clone(), consumers.clone());
            let writer = loom::thread::spawn(move || send(&mut producer, b"abcd", 1, &own, &other));
            let (got, end) = receive(&mut consumer, taken, 1, &consumers, &producers);
            consumer.close(&producers);
            assert_eq!((&got[..], end), (&b"abcd"[..taken], Ok(())));
            let sent = writer.join().unwrap();
            assert!((taken..=taken + 2).contains(&sent), "{sent} bytes into a ring of two");
        });
        assert!(orders >= 30);
    }
}

#[test]
fn who_arms_is_rung_as_well() {
    // As a network stack does it: bytes are put and looked at ahead, and published and released later.
    let orders = explore(2, || {
        let Pair { mut producer, mut consumer, producers, consumers } = pair(2, SOUND);
        let (own, other) = (producers.clone(), consumers.clone());
        let writer = loom::thread::spawn(move || {
            let bytes = b"abc";
            let mut sent = 0;
            while sent < bytes.len() {
                let count = producer.arm().unwrap().min(bytes.len() - sent);
                if count == 0 {
                    own.wait();
                    continue;
                }
                for ahead in (0..count).rev() {
                    producer.write_ahead(ahead, &bytes[sent + ahead..][..1]).unwrap();
                }
                producer.publish(count as u64, &other).unwrap();
                sent += count;
            }
            producer.close(None, &other);
        });
        let mut got: Vec<u8> = Vec::new();
        loop {
            let closed = consumer.is_closed();
            match consumer.arm().unwrap() {
                0 if closed => break,
                0 => consumers.wait(),
                count => {
                    let mut buffer = [0; 2];
                    consumer.peek(0, &mut buffer[..count]).unwrap();
                    got.extend(&buffer[..count]);
                    consumer.release(count as u64, &producers).unwrap();
                }
            }
        }
        assert_eq!(got, b"abc");
        writer.join().unwrap();
    });
    assert!(orders > 1000);
}

#[test]
fn each_flaw_is_found() {
    let sleep = "deadlock";
    let race = "Causality violation";
    let flaws = [
        ([Flaw::NoFence, Flaw::Nothing], sleep),
        ([Flaw::Nothing, Flaw::NoFence], sleep),
        ([Flaw::NoSecondLook, Flaw::Nothing], sleep),
        ([Flaw::Nothing, Flaw::NoSecondLook], sleep),
        ([Flaw::Relaxed(TAIL), Flaw::Nothing], race),
        ([Flaw::Nothing, Flaw::Relaxed(TAIL)], race),
        ([Flaw::Relaxed(HEAD), Flaw::Nothing], race),
        ([Flaw::Nothing, Flaw::Relaxed(HEAD)], race),
        // Relaxed in the writer it is none: the fence of its last publication orders that store as well.
        ([Flaw::Nothing, Flaw::Relaxed(PRODUCER_CLOSED)], "lost, doubled or out of order"),
    ];
    for (flaws, what) in flaws {
        let story = move || transfer([1, 2], b"abc", None, flaws);
        let found = catch_unwind(AssertUnwindSafe(|| explore(2, story)));
        let found = found.expect_err("an order shows it");
        let text = found.downcast_ref::<String>().map_or("", String::as_str);
        assert!(text.contains(what), "{flaws:?}: {text}");
    }
}
