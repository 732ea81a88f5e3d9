//! The ring's memory and bells in loom's world, sound or with a flaw in one side's.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicU32 as Untracked;

use libsys::ring::{BYTE, Bell, Consumer, DATA, Producer, RingMemory, create};
use loom::cell::UnsafeCell;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

// The header as the contract has it.
pub const TAIL: usize = 0x40;
const PRODUCER_WAITS: usize = 0x48;
pub const PRODUCER_CLOSED: usize = 0x4c;
pub const HEAD: usize = 0x80;
const CONSUMER_WAITS: usize = 0x88;
const CONSUMER_CLOSED: usize = 0x8c;

/// What is wrong with a side's memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flaw {
    Nothing,
    /// The fence does nothing.
    NoFence,
    /// Who says that it will sleep doesn't look again: it gets the counter that it knows.
    NoSecondLook,
    /// All accesses to this word are relaxed.
    Relaxed(usize),
}

/// Both sides as they should be.
pub const SOUND: [Flaw; 2] = [Flaw::Nothing; 2];

/// What two sides share.
struct Shared {
    /// Magic, kind and size: written before there are two sides.
    start: [Untracked; 3],
    tail: AtomicU64,
    head: AtomicU64,
    producer: [AtomicU32; 2],
    consumer: [AtomicU32; 2],
    data: Vec<UnsafeCell<u8>>,
}

// SAFETY: 1. All but `data` is `Sync`. 2. Loom runs one thread at a time and all of them on one thread of the system, and
// fails the test before an access to a cell of `data` that is not ordered after the one before it.
unsafe impl Sync for Shared {}

/// One side's view of it.
pub struct Side {
    shared: Arc<Shared>,
    flaw: Flaw,
    /// The other's counter when it was last seen.
    seen: Cell<u64>,
    /// Has said that it will sleep, and not looked again.
    sleepy: Cell<bool>,
}

impl Side {
    fn word(&self, offset: usize) -> &AtomicU32 {
        match offset {
            PRODUCER_WAITS => &self.shared.producer[0],
            PRODUCER_CLOSED => &self.shared.producer[1],
            CONSUMER_WAITS => &self.shared.consumer[0],
            CONSUMER_CLOSED => &self.shared.consumer[1],
            _ => panic!("no word at {offset:#x}"),
        }
    }

    fn counter(&self, offset: usize) -> &AtomicU64 {
        match offset {
            TAIL => &self.shared.tail,
            HEAD => &self.shared.head,
            _ => panic!("no counter at {offset:#x}"),
        }
    }

    fn order(&self, offset: usize, order: Ordering) -> Ordering {
        if self.flaw == Flaw::Relaxed(offset) { Ordering::Relaxed } else { order }
    }
}

impl RingMemory for Side {
    fn len(&self) -> usize {
        DATA + self.shared.data.len()
    }

    fn load(&self, offset: usize, order: Ordering) -> u32 {
        match self.shared.start.get(offset / 4) {
            Some(word) => word.load(order),
            None => self.word(offset).load(self.order(offset, order)),
        }
    }

    fn store(&self, offset: usize, value: u32, order: Ordering) {
        match self.shared.start.get(offset / 4) {
            Some(word) => word.store(value, order),
            None => self.word(offset).store(value, self.order(offset, order)),
        }
        self.sleepy.set(matches!(offset, PRODUCER_WAITS | CONSUMER_WAITS) && value == 1);
    }

    fn swap(&self, offset: usize, value: u32, order: Ordering) -> u32 {
        self.word(offset).swap(value, self.order(offset, order))
    }

    fn load64(&self, offset: usize, order: Ordering) -> u64 {
        if self.sleepy.replace(false) && self.flaw == Flaw::NoSecondLook {
            return self.seen.get();
        }
        self.seen.set(self.counter(offset).load(self.order(offset, order)));
        self.seen.get()
    }

    fn store64(&self, offset: usize, value: u64, order: Ordering) {
        self.counter(offset).store(value, self.order(offset, order));
    }

    fn copy_out(&self, offset: usize, to: &mut [u8]) {
        for (cell, byte) in self.shared.data[offset - DATA..].iter().zip(to) {
            // SAFETY: 1. Loom has checked that nobody writes the cell meanwhile. 2. The pointer stays in the closure.
            cell.with(|place| *byte = unsafe { *place });
        }
    }

    fn copy_in(&self, offset: usize, from: &[u8]) {
        for (cell, byte) in self.shared.data[offset - DATA..].iter().zip(from) {
            // SAFETY: 1. Loom has checked that nobody uses the cell meanwhile. 2. The pointer stays in the closure.
            cell.with_mut(|place| unsafe { *place = *byte });
        }
    }

    fn fence(&self) {
        if self.flaw != Flaw::NoFence {
            fence(Ordering::SeqCst);
        }
    }
}

/// A side's notification: rung once or often, it wakes once. Loom also tries waking for no reason.
#[derive(Clone)]
pub struct Doorbell(Arc<Notify>);

impl Doorbell {
    /// Sleeps until it is rung, or was since it last woke.
    pub fn wait(&self) {
        self.0.wait();
    }
}

impl Bell for Doorbell {
    fn ring(&self) {
        self.0.notify();
    }
}

/// A ring of `size` bytes, and each side's own bell.
pub struct Pair {
    pub producer: Producer<Side>,
    pub consumer: Consumer<Side>,
    pub producers: Doorbell,
    pub consumers: Doorbell,
}

/// `flaws`: the producer's, and the consumer's.
pub fn pair(size: u32, flaws: [Flaw; 2]) -> Pair {
    let word = || AtomicU32::new(0);
    let shared = Arc::new(Shared {
        start: Default::default(),
        tail: AtomicU64::new(0),
        head: AtomicU64::new(0),
        producer: [word(), word()],
        consumer: [word(), word()],
        data: (0..size).map(|_| UnsafeCell::new(0)).collect(),
    });
    let [ours, theirs] = flaws.map(|flaw| {
        let (seen, sleepy) = (Cell::new(0), Cell::new(false));
        Side { shared: shared.clone(), flaw, seen, sleepy }
    });
    create(&ours, BYTE, size).unwrap();
    let bell = || Doorbell(Arc::new(Notify::new()));
    Pair {
        producer: Producer::open(ours, BYTE).unwrap(),
        consumer: Consumer::open(theirs, BYTE).unwrap(),
        producers: bell(),
        consumers: bell(),
    }
}
