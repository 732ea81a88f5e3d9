//! Postcard with the project's strictness: what does not fit or does not end where it should is an error.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Encodes a message into the buffer and returns its length. [`Error::Overflow`] if it does not fit.
pub fn encode<T: Serialize>(value: &T, buffer: &mut [u8]) -> Result<usize, Error> {
    match postcard::to_slice(value, buffer) {
        Ok(used) => Ok(used.len()),
        Err(_) => Err(Error::Overflow),
    }
}

/// Encodes something larger than a message, for example a start block's body, of at most `limit` bytes.
pub fn encode_vec<T: Serialize>(value: &T, limit: usize) -> Result<Vec<u8>, Error> {
    let size = postcard::experimental::serialized_size(value).map_err(|_| Error::Overflow)?;
    if size > limit {
        return Err(Error::Overflow);
    }
    let mut bytes = alloc::vec![0; size];
    encode(value, &mut bytes)?;
    Ok(bytes)
}

/// Decodes a message that fills the bytes exactly; anything else is [`Error::Malformed`].
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Error::Malformed),
    }
}
