//! Putting messages into registers or the IPC buffer, and taking them out.

use alloc::vec::Vec;

use abi::{
    Handle,
    message::{MAX_BYTES, MAX_HANDLES, REGISTER_BYTES, Tag},
};
use protocol::Error;
use serde::{Serialize, de::DeserializeOwned};

use crate::{OwnedHandle, thread_block::Buffer};

/// Up to four handles that go or came with a message.
#[derive(Debug, Default)]
pub struct Handles {
    slots: [Option<OwnedHandle>; MAX_HANDLES],
    count: usize,
}

impl Handles {
    /// None.
    pub const fn none() -> Handles {
        Handles { slots: [const { None }; MAX_HANDLES], count: 0 }
    }

    /// One.
    pub fn one(handle: impl Into<OwnedHandle>) -> Handles {
        let mut handles = Handles::none();
        handles.slots[0] = Some(handle.into());
        handles.count = 1;
        handles
    }

    /// Two.
    pub fn two(first: impl Into<OwnedHandle>, second: impl Into<OwnedHandle>) -> Handles {
        let mut handles = Handles::one(first);
        handles.slots[1] = Some(second.into());
        handles.count = 2;
        handles
    }

    /// Adds one: [`Error::TooManyHandles`] beyond four.
    pub fn push(&mut self, handle: impl Into<OwnedHandle>) -> Result<(), Error> {
        let slot = self.slots.get_mut(self.count).ok_or(Error::TooManyHandles)?;
        *slot = Some(handle.into());
        self.count += 1;
        Ok(())
    }

    /// How many there are, taken ones included.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Exactly so many, in order; otherwise [`Error::Malformed`] and all are closed.
    pub fn exactly<const N: usize>(self) -> Result<[OwnedHandle; N], Error> {
        if self.count != N {
            return Err(Error::Malformed);
        }
        let mut slots = self.slots.into_iter();
        let all: [Option<OwnedHandle>; N] = core::array::from_fn(|_| slots.next().flatten());
        if all.iter().any(Option::is_none) {
            return Err(Error::Malformed);
        }
        // Checked just above: `flatten` drops nothing.
        let mut all = all.into_iter().flatten();
        Ok(core::array::from_fn(|_| match all.next() {
            Some(handle) => handle,
            None => unreachable!(),
        }))
    }

    /// Takes one out.
    pub fn take(&mut self, index: usize) -> Result<OwnedHandle, Error> {
        self.slots.get_mut(index).and_then(Option::take).ok_or(Error::Malformed)
    }

    /// Puts the values into the buffer for sending.
    pub(crate) fn write(&self) -> Result<(), Error> {
        if self.count > 0 {
            let mut buffer = Buffer::own().ok_or(Error::Internal)?;
            for (place, handle) in buffer.handles().iter_mut().zip(&self.slots) {
                *place = handle.as_ref().map_or(0, |handle| handle.handle().raw());
            }
        }
        Ok(())
    }

    /// They have moved: forget them.
    pub(crate) fn moved(self) {
        for handle in self.slots.into_iter().flatten() {
            let _ = handle.into_handle();
        }
    }

    /// Those that came with a message.
    pub(crate) fn received(tag: Tag) -> Handles {
        let mut handles = Handles::none();
        let count = tag.handles().min(MAX_HANDLES);
        if count > 0
            && let Some(mut buffer) = Buffer::own()
        {
            for (slot, raw) in handles.slots.iter_mut().zip(buffer.handles().iter().take(count)) {
                *slot = Handle::from_raw(*raw).map(OwnedHandle::adopt);
            }
            handles.count = count;
        }
        handles
    }
}

impl<const N: usize> From<[OwnedHandle; N]> for Handles {
    /// At most four; more does not compile.
    fn from(array: [OwnedHandle; N]) -> Handles {
        const { assert!(N <= MAX_HANDLES) };
        let mut handles = Handles { count: N, ..Handles::none() };
        for (slot, handle) in handles.slots.iter_mut().zip(array) {
            *slot = Some(handle);
        }
        handles
    }
}

/// Bytes as words, in the order of memory.
pub(crate) fn to_words(bytes: &[u8; REGISTER_BYTES]) -> [u64; 8] {
    let mut words = [0; 8];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

/// Words as bytes.
pub(crate) fn to_bytes(words: &[u64; 8]) -> [u8; REGISTER_BYTES] {
    let mut bytes = [0; REGISTER_BYTES];
    for (chunk, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *chunk = word.to_le_bytes();
    }
    bytes
}

/// Encodes a message for sending: tag and words; what is longer than the registers stands in the IPC buffer.
pub(crate) fn prepare<T: Serialize>(value: &T, handles: &Handles) -> Result<(Tag, [u64; 8]), Error> {
    let (length, words) = match in_registers(value) {
        Some(short) => short,
        None => {
            let mut buffer = Buffer::own().ok_or(Error::Internal)?;
            (protocol::encode(value, buffer.payload())?, [0; 8])
        }
    };
    handles.write()?;
    let tag = Tag::new(length, handles.len()).ok_or(Error::Overflow)?;
    Ok((tag, words))
}

/// The same for what fits the registers, with the handles not yet in the IPC buffer.
pub(crate) fn short<T: Serialize>(value: &T, handles: &Handles) -> Option<(Tag, [u64; 8])> {
    let (length, words) = in_registers(value)?;
    Some((Tag::new(length, handles.len())?, words))
}

/// Length and words, if they fit.
#[inline(always)]
fn in_registers<T: Serialize>(value: &T) -> Option<(usize, [u64; 8])> {
    let mut bytes = [0; REGISTER_BYTES];
    let length = protocol::encode(value, &mut bytes).ok()?;
    bytes[length..].fill(0);
    Some((length, to_words(&bytes)))
}

/// Decodes what was received, in place.
pub(crate) fn decode<T: DeserializeOwned>(tag: Tag, words: &[u64; 8]) -> Result<T, Error> {
    let length = tag.bytes();
    if length <= REGISTER_BYTES {
        return protocol::decode(to_bytes(words).get(..length).unwrap_or_default());
    }
    // The buffer stays as it is while decoding allocates: growing the heap sends no message.
    let mut buffer = Buffer::own().ok_or(Error::Internal)?;
    protocol::decode(buffer.payload().get(..length).ok_or(Error::Malformed)?)
}

/// The payload of a received message, kept beyond the next system call.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// It came in registers.
    Short([u8; REGISTER_BYTES], usize),
    /// It came in the buffer.
    Long(Vec<u8>),
}

impl Payload {
    pub(crate) fn received(tag: Tag, words: &[u64; 8]) -> Payload {
        let length = tag.bytes().min(MAX_BYTES);
        if length <= REGISTER_BYTES {
            return Payload::Short(to_bytes(words), length);
        }
        // Reserved first: growing the heap must not come between looking at the buffer and copying it.
        let mut bytes = Vec::with_capacity(length);
        if let Some(mut buffer) = Buffer::own() {
            bytes.extend_from_slice(buffer.payload().get(..length).unwrap_or_default());
        }
        Payload::Long(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Payload::Short(bytes, length) => bytes.get(..*length).unwrap_or_default(),
            Payload::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bytes_are_the_same_memory() {
        let bytes: [u8; 64] = core::array::from_fn(|i| i as u8);
        assert_eq!(to_words(&bytes)[1], 0x0f0e_0d0c_0b0a_0908);
        assert_eq!(to_bytes(&to_words(&bytes)), bytes);
    }

    #[test]
    fn handle_counts_are_held() {
        let handle = |n| OwnedHandle::adopt(Handle::first(n));
        let mut handles = Handles::two(handle(1), handle(2));
        assert!(handles.push(handle(3)).is_ok() && handles.push(handle(4)).is_ok());
        assert_eq!(handles.push(handle(5)), Err(Error::TooManyHandles));
        assert_eq!(handles.len(), 4);
        assert!(handles.exactly::<3>().is_err());
        let [first] = Handles::one(handle(7)).exactly::<1>().unwrap();
        assert_eq!(first.handle(), Handle::first(7));
        let mut taken = Handles::one(handle(7));
        assert!(taken.take(0).is_ok());
        assert_eq!(taken.take(0), Err(Error::Malformed));
        assert!(taken.exactly::<1>().is_err());
    }
}
