//! Asking to be woken without being about to sleep on the ring: for who has another reason to wait, as a network stack
//! that keeps bytes in the ring until they are acknowledged.

use core::sync::atomic::Ordering;

use protocol::Error;

use super::{CONSUMER_WAITS, Consumer, PRODUCER_WAITS, Producer, RingMemory};

impl<M: RingMemory> Consumer<M> {
    /// The next publication or close rings, whatever is in the ring already. Returns what is there after saying so.
    pub fn arm(&self) -> Result<usize, Error> {
        self.place.memory.store(CONSUMER_WAITS, 1, Ordering::Relaxed);
        self.place.memory.fence();
        self.available()
    }
}

impl<M: RingMemory> Producer<M> {
    /// The next release that leaves a quarter of the ring free rings. Returns what is free after saying so.
    pub fn arm(&self) -> Result<usize, Error> {
        self.place.memory.store(PRODUCER_WAITS, 1, Ordering::Relaxed);
        self.place.memory.fence();
        self.free()
    }
}
