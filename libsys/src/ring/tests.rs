use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize},
    },
    thread,
    vec::Vec,
};

use super::*;

/// Shared memory between threads.
struct Host {
    words: Vec<AtomicU32>,
    tail: AtomicU64,
    head: AtomicU64,
    data: Vec<AtomicU8>,
}

impl Host {
    fn ring(unit: u16, size: u32) -> Arc<Host> {
        let host = Host {
            words: (0..64).map(|_| AtomicU32::new(0)).collect(),
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
            data: (0..size as usize * unit as usize).map(|_| AtomicU8::new(0)).collect(),
        };
        let host = Arc::new(host);
        create(&host, unit, size).unwrap();
        host
    }

    fn counter(&self, offset: usize) -> &AtomicU64 {
        if offset == TAIL { &self.tail } else { &self.head }
    }
}

impl RingMemory for Arc<Host> {
    fn len(&self) -> usize {
        DATA + self.data.len()
    }
    fn load(&self, offset: usize, order: Ordering) -> u32 {
        self.words[offset / 4].load(order)
    }
    fn store(&self, offset: usize, value: u32, order: Ordering) {
        self.words[offset / 4].store(value, order);
    }
    fn swap(&self, offset: usize, value: u32, order: Ordering) -> u32 {
        self.words[offset / 4].swap(value, order)
    }
    fn load64(&self, offset: usize, order: Ordering) -> u64 {
        self.counter(offset).load(order)
    }
    fn store64(&self, offset: usize, value: u64, order: Ordering) {
        self.counter(offset).store(value, order);
    }
    fn copy_out(&self, offset: usize, to: &mut [u8]) {
        for (i, byte) in to.iter_mut().enumerate() {
            *byte = self.data[offset - DATA + i].load(Ordering::Relaxed);
        }
    }
    fn copy_in(&self, offset: usize, from: &[u8]) {
        for (i, byte) in from.iter().enumerate() {
            self.data[offset - DATA + i].store(*byte, Ordering::Relaxed);
        }
    }
}

/// A bell that counts and can be waited for.
#[derive(Default)]
struct Counted {
    rung: Mutex<bool>,
    heard: Condvar,
    times: AtomicUsize,
}

impl Counted {
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            let (guard, timeout) = self.heard.wait_timeout(rung, std::time::Duration::from_secs(10)).unwrap();
            assert!(!timeout.timed_out(), "a wake-up was lost");
            rung = guard;
        }
        *rung = false;
    }

    fn count(&self) -> usize {
        self.times.load(Ordering::Relaxed)
    }
}

impl Bell for Counted {
    fn ring(&self) {
        self.times.fetch_add(1, Ordering::Relaxed);
        *self.rung.lock().unwrap() = true;
        self.heard.notify_one();
    }
}

fn pair(unit: u16, size: u32) -> (Arc<Host>, Producer<Arc<Host>>, Consumer<Arc<Host>>) {
    let host = Host::ring(unit, size);
    (host.clone(), Producer::open(host.clone(), unit).unwrap(), Consumer::open(host, unit).unwrap())
}

#[test]
fn bytes_come_out_in_order_across_the_end() {
    let (_, mut producer, mut consumer) = pair(BYTE, 16);
    let bell = Counted::default();
    let mut buffer = [0; 16];
    for round in 0..10_u8 {
        let bytes: Vec<u8> = (0..11).map(|i| round * 11 + i).collect();
        assert_eq!(producer.write(&bytes, &bell), Ok(11));
        assert_eq!(consumer.read(&mut buffer, &bell), Ok(Taken::Bytes(11)));
        assert_eq!(buffer[..11], bytes);
    }
    assert_eq!(bell.count(), 0, "nobody waited, so nobody is woken");
}

#[test]
fn a_full_ring_takes_no_more_and_a_slot_is_whole() {
    let (_, mut producer, mut consumer) = pair(SLOT, 2);
    let bell = Counted::default();
    assert_eq!(producer.write(&[1; 63], &bell), Ok(0));
    assert_eq!(producer.write(&[1; 64 * 3], &bell), Ok(128));
    assert_eq!(producer.write(&[1; 64], &bell), Ok(0));
    assert_eq!(consumer.read(&mut [0; 63], &bell), Ok(Taken::Nothing));
    assert_eq!(consumer.read(&mut [0; 64], &bell), Ok(Taken::Bytes(64)));
}

#[test]
fn the_end_comes_after_the_last_byte() {
    let (_, mut producer, mut consumer) = pair(BYTE, 16);
    let bell = Counted::default();
    producer.write(b"last", &bell).unwrap();
    producer.close(None, &bell);
    assert_eq!(consumer.must_sleep(), Ok(false));
    let mut buffer = [0; 16];
    assert_eq!(consumer.read(&mut buffer, &bell), Ok(Taken::Bytes(4)));
    assert_eq!(consumer.read(&mut buffer, &bell), Ok(Taken::End));
    assert_eq!(consumer.must_sleep(), Ok(false));
}

#[test]
fn a_writers_reason_and_its_death_come_instead_of_the_end() {
    let bell = Counted::default();
    let (_, mut producer, mut consumer) = pair(BYTE, 16);
    producer.write(b"half", &bell).unwrap();
    producer.close(Some(Error::NotFound), &bell);
    assert_eq!(consumer.read(&mut [0; 16], &bell), Ok(Taken::Bytes(4)));
    assert_eq!(consumer.read(&mut [0; 16], &bell), Err(Error::NotFound));

    let (_, mut producer, mut consumer) = pair(BYTE, 16);
    producer.write(b"half", &bell).unwrap();
    consumer.peer_gone();
    assert_eq!(consumer.read(&mut [0; 16], &bell), Ok(Taken::Bytes(4)));
    assert_eq!(consumer.read(&mut [0; 16], &bell), Err(Error::BrokenPipe));

    let (_, mut producer, mut consumer) = pair(BYTE, 16);
    producer.close(None, &bell);
    consumer.peer_gone();
    assert_eq!(consumer.read(&mut [0; 16], &bell), Ok(Taken::End), "it said the end before it went");
}

#[test]
fn writing_to_a_closed_reader_is_a_broken_pipe() {
    let bell = Counted::default();
    let (_, mut producer, mut consumer) = pair(BYTE, 16);
    consumer.close(&bell);
    assert_eq!(producer.write(b"x", &bell), Err(Error::BrokenPipe));
    assert_eq!(producer.must_sleep(), Err(Error::BrokenPipe));
    let (_, mut producer, _) = pair(BYTE, 16);
    producer.peer_gone();
    assert_eq!(producer.write(b"x", &bell), Err(Error::BrokenPipe));
}

#[test]
fn a_waiting_producer_is_told_when_a_quarter_is_free() {
    let (_, mut producer, mut consumer) = pair(BYTE, 16);
    let bell = Counted::default();
    producer.write(&[0; 16], &bell).unwrap();
    assert_eq!(producer.must_sleep(), Ok(true));
    for _ in 0..3 {
        consumer.read(&mut [0; 1], &bell).unwrap();
        assert_eq!(bell.count(), 0);
    }
    consumer.read(&mut [0; 1], &bell).unwrap();
    assert_eq!(bell.count(), 1);
    consumer.read(&mut [0; 8], &bell).unwrap();
    assert_eq!(bell.count(), 1, "told once");
}

#[test]
fn a_waiting_consumer_is_told_once() {
    let (_, mut producer, consumer) = pair(BYTE, 16);
    let bell = Counted::default();
    assert_eq!(consumer.must_sleep(), Ok(true));
    producer.write(b"a", &bell).unwrap();
    producer.write(b"b", &bell).unwrap();
    assert_eq!(bell.count(), 1);
}

#[test]
fn written_ahead_is_invisible_until_published() {
    let (_, mut producer, mut consumer) = pair(BYTE, 8);
    let bell = Counted::default();
    producer.write_ahead(2, b"cd").unwrap();
    assert_eq!(consumer.read(&mut [0; 8], &bell), Ok(Taken::Nothing));
    producer.write_ahead(0, b"ab").unwrap();
    producer.publish(4, &bell).unwrap();
    let mut buffer = [0; 8];
    consumer.peek(1, &mut buffer[..3]).unwrap();
    assert_eq!(&buffer[..3], b"bcd");
    assert_eq!(consumer.peek(2, &mut buffer[..3]), Err(Error::Overflow));
    assert_eq!(consumer.release(5, &bell), Err(Error::Overflow));
    consumer.release(4, &bell).unwrap();
    assert_eq!(producer.write_ahead(6, b"xyz"), Err(Error::Overflow));
    assert_eq!(producer.publish(9, &bell), Err(Error::Overflow));
}

#[test]
fn lies_in_the_header_are_refused() {
    let bell = Counted::default();
    let (host, mut producer, mut consumer) = pair(BYTE, 16);
    host.head.store(1, Ordering::Relaxed);
    assert_eq!(producer.write(b"x", &bell), Err(Error::Protocol));
    host.tail.store(17, Ordering::Relaxed);
    assert_eq!(consumer.read(&mut [0; 16], &bell), Err(Error::Protocol));
    for (offset, value) in [(0, 0), (4, 2), (4, 0x0041_0001), (8, 15), (8, 32), (8, 0), (8, 1 << 31)] {
        let host = Host::ring(BYTE, 16);
        host.store(offset, value, Ordering::Relaxed);
        assert!(Consumer::open(host.clone(), BYTE).is_err(), "{offset}: {value}");
        assert!(Producer::open(host, BYTE).is_err());
    }
    let host = Host::ring(BYTE, 16);
    for (offset, value) in [(PRODUCER_CLOSED, 0xffff_ffff), (PRODUCER_CLOSED, 7)] {
        let mut consumer = Consumer::open(host.clone(), BYTE).unwrap();
        host.store(offset, value, Ordering::Relaxed);
        assert_eq!(consumer.read(&mut [0; 16], &bell), Err(Error::BrokenPipe));
    }
}

#[test]
fn the_other_side_may_change_its_counters_at_any_time() {
    // A hostile peer: whatever it writes, no index leaves the ring and nothing panics.
    let bell = Counted::default();
    let mut random = 1_u64;
    let (host, mut producer, mut consumer) = pair(BYTE, 64);
    for _ in 0..100_000 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let value = random >> (random >> 58);
        match random >> 61 {
            0 => host.tail.store(value, Ordering::Relaxed),
            1 => host.head.store(value, Ordering::Relaxed),
            2 => drop(producer.write(&[1; 100][..(value % 100) as usize], &bell)),
            3 => drop(consumer.read(&mut [0; 100][..(value % 100) as usize], &bell)),
            4 => drop(producer.write_ahead((value % 80) as usize, &[2; 9])),
            5 => drop(consumer.release(value % 70, &bell)),
            _ => host.words[CONSUMER_WAITS / 4].store(value as u32, Ordering::Relaxed),
        }
    }
}

#[test]
fn two_threads_lose_no_byte_and_no_wake_up() {
    for size in [2, 16, 256, 4096] {
        let (_, mut producer, mut consumer) = pair(BYTE, size);
        let (to_consumer, to_producer) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
        let total = 40_000_usize * size.min(16) as usize / 4;
        let writer = {
            let (to_consumer, to_producer) = (to_consumer.clone(), to_producer.clone());
            thread::spawn(move || {
                let mut sent = 0;
                while sent < total {
                    let bytes: Vec<u8> = (sent..total.min(sent + 37)).map(|i| (i % 251) as u8).collect();
                    match producer.write(&bytes, &*to_consumer).unwrap() {
                        0 if producer.must_sleep().unwrap() => to_producer.wait(),
                        n => sent += n,
                    }
                }
                producer.close(None, &*to_consumer);
            })
        };
        let mut got = 0;
        let mut buffer = [0; 53];
        loop {
            match consumer.read(&mut buffer, &*to_producer).unwrap() {
                Taken::Bytes(n) => {
                    for byte in &buffer[..n] {
                        assert_eq!(*byte, (got % 251) as u8);
                        got += 1;
                    }
                }
                Taken::Nothing if consumer.must_sleep().unwrap() => to_consumer.wait(),
                Taken::Nothing => {}
                Taken::End => break,
            }
        }
        writer.join().unwrap();
        assert_eq!(got, total);
    }
}
