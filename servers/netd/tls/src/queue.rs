//! Bytes that wait: a bounded queue whose contents are one slice, as rustls wants them.

use alloc::vec::Vec;

/// An empty queue gives memory above this back.
const KEPT: usize = 4 << 10;

pub(crate) struct Queue {
    bytes: Vec<u8>,
    start: usize,
    limit: usize,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// Takes as much of `data` as there is room for and says how much.
    pub(crate) fn push(&mut self, data: &[u8]) -> usize {
        let taken = data.len().min(self.room());
        self.push_all(&data[..taken]);
        taken
    }

    /// Takes all of `data`, beyond the limit if need be: for one record that is already here.
    pub(crate) fn push_all(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    /// Lets `write` fill new bytes at the end: it gets zeros of the length `need` and says how many it used, or how many it
    /// would need.
    pub(crate) fn push_with<E>(
        &mut self,
        mut need: usize,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, Refill<E>>,
    ) -> Result<(), E> {
        let end = self.bytes.len();
        loop {
            self.bytes.resize(end + need, 0);
            match write(&mut self.bytes[end..]) {
                Ok(used) => {
                    self.bytes.truncate(end + used.min(need));
                    return Ok(());
                }
                Err(Refill::Need(more)) if more > need => need = more,
                Err(Refill::Need(_)) => {
                    self.bytes.truncate(end);
                    return Ok(());
                }
                Err(Refill::Fail(error)) => {
                    self.bytes.truncate(end);
                    return Err(error);
                }
            }
        }
    }

    /// Moves bytes from the front into `out`.
    pub(crate) fn take(&mut self, out: &mut [u8]) -> usize {
        let taken = out.len().min(self.len());
        out[..taken].copy_from_slice(&self.bytes()[..taken]);
        self.consume(taken);
        taken
    }

    /// Drops bytes from the front. Those behind move only when as many are free before them: each byte moves about once.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count.min(self.len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
            self.start = 0;
        } else if self.start * 2 >= self.bytes.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.consume(self.len());
    }
}

/// What a writer of [`Queue::push_with`] lacks.
pub(crate) enum Refill<E> {
    /// So many bytes in all.
    Need(usize),
    Fail(E),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order_and_never_more_than_the_limit() {
        let mut queue = Queue::new(10);
        let (mut sent, mut received) = (0u8, 0u8);
        for step in 0..1_000usize {
            let data: Vec<u8> = (0..step % 7).map(|i| sent.wrapping_add(i as u8)).collect();
            sent = sent.wrapping_add(queue.push(&data) as u8);
            assert!(queue.len() <= 10);
            let mut out = [0; 5];
            let taken = queue.take(&mut out[..step % 5 + 1]);
            for &byte in &out[..taken] {
                assert_eq!(byte, received);
                received = received.wrapping_add(1);
            }
        }
        assert!(received > 0);
    }

    #[test]
    fn a_writer_gets_the_room_it_asks_for() {
        let mut queue = Queue::new(100);
        queue.push_all(b"ab");
        let written: Result<(), ()> = queue.push_with(1, |out| {
            if out.len() < 3 {
                Err(Refill::Need(3))
            } else {
                out.copy_from_slice(b"cde");
                Ok(3)
            }
        });
        assert_eq!((written, queue.bytes()), (Ok(()), &b"abcde"[..]));
        assert_eq!(queue.push_with(4, |_| Err(Refill::Fail(7))), Err(7));
        assert_eq!(queue.bytes(), b"abcde");
    }
}
