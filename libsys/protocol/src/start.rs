//! What a process finds when it starts: the start block's header and body (`contracts.md` §4), and streams (§5).

use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};

use crate::{Error, List, Text, decode, flags::flags, fs};

/// Marks a start block.
pub const MAGIC: u32 = u32::from_le_bytes(*b"VIAS");
/// Version of the start block.
pub const VERSION: u16 = 2;
/// Bytes of the header; the body follows.
pub const HEADER: usize = 64;
/// Bytes of a start block at most: 16 pages.
pub const MAX_BLOCK: usize = 64 << 10;
/// Bytes of a body at most.
pub const MAX_BODY: usize = MAX_BLOCK - HEADER;

flags! {
    /// Flags of the start block.
    pub struct Flags: u16 {
        /// The seed is good.
        const SEEDED = 1;
        /// A pager fills heap and stack page by page.
        const PAGED = 2;
    }
}

/// The header, 64 bytes: magic u32, version u16, flags u16, process number u32, body length u32, heap u64, mappings u64, seed.
/// What else a process has lies where it starts: the block at its start argument, time page and IPC buffer behind it
/// (`abi::places`), the stack at its stack pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What holds for the process.
    pub flags: Flags,
    /// Its number.
    pub number: u32,
    /// Bytes of the body.
    pub body: u32,
    /// Where its heap begins.
    pub heap: u64,
    /// Where its mappings begin.
    pub mappings: u64,
    /// 32 bytes that no other process was given; good only with [`Flags::SEEDED`].
    pub seed: [u8; 32],
}

impl Header {
    /// As it stands in the block.
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let mut raw = [0; HEADER];
        raw[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        raw[4..6].copy_from_slice(&VERSION.to_le_bytes());
        raw[6..8].copy_from_slice(&self.flags.bits().to_le_bytes());
        raw[8..12].copy_from_slice(&self.number.to_le_bytes());
        raw[12..16].copy_from_slice(&self.body.to_le_bytes());
        raw[16..24].copy_from_slice(&self.heap.to_le_bytes());
        raw[24..32].copy_from_slice(&self.mappings.to_le_bytes());
        raw[32..64].copy_from_slice(&self.seed);
        raw
    }

    /// The header of a block, checked.
    pub fn from_bytes(raw: &[u8; HEADER]) -> Result<Header, Error> {
        let word = |at: usize| u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let half = |at: usize| u16::from_le_bytes([raw[at], raw[at + 1]]);
        if word(0) != MAGIC {
            return Err(Error::Malformed);
        }
        if half(4) != VERSION {
            return Err(Error::Version);
        }
        let flags = Flags::from_bits(half(6)).ok_or(Error::Malformed)?;
        let body = word(12);
        if body as usize > MAX_BODY {
            return Err(Error::Malformed);
        }
        let mut seed = [0; 32];
        seed.copy_from_slice(&raw[32..]);
        Ok(Header { flags, number: word(8), body, heap: long(16), mappings: long(24), seed })
    }
}

/// The body, written by the spawner; init checks only that it decodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartBody {
    /// Arguments; 0 is the command's name. [`StartBody::check`] holds them to [`MAX_ARGS`].
    pub args: Vec<String>,
    /// The shell's local variables; a look-up falls back to the file `ENV:name`.
    pub env: Vec<(String, String)>,
    /// The current directory, `NAME:dir`: a text, because it outlives fsd.
    pub cwd: String,
    /// Standard input, output, error; their handles are 10–11, 12–13, 14–15.
    pub streams: [Stream; 3],
    /// Named handles: name and index in the handle table, from 16.
    pub handles: List<(Text<32>, u16), 64>,
}

/// Most arguments.
pub const MAX_ARGS: usize = 1024;
/// Most variables.
pub const MAX_ENV: usize = 256;

impl StartBody {
    /// The body, if its lists keep their bounds. Texts are bounded by the block.
    pub fn check(self) -> Result<StartBody, Error> {
        check(self.args.len(), self.env.len(), &self.cwd, &self.handles)?;
        Ok(self)
    }
}

fn check(args: usize, env: usize, cwd: &str, handles: &[(Text<32>, u16)]) -> Result<(), Error> {
    let handles = handles.iter().all(|(_, index)| *index >= abi::user::FIRST_NAMED);
    let fits = args <= MAX_ARGS && env <= MAX_ENV && cwd.len() <= fs::MAX_PATH && handles;
    if fits { Ok(()) } else { Err(Error::Limit) }
}

/// Whether the bytes are a body that decodes and keeps the bounds: for who passes them on.
pub fn check_body(bytes: &[u8]) -> Result<(), Error> {
    let Seen { args, env, cwd, streams: [_, _, _], handles } = decode(bytes)?;
    check(args.count, env.count, cwd, &handles)
}

/// A [`StartBody`] whose texts are looked at and left where they are.
#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow)]
    args: Counted<&'a str>,
    #[serde(borrow)]
    env: Counted<(&'a str, &'a str)>,
    cwd: &'a str,
    streams: [Stream; 3],
    handles: List<(Text<32>, u16), 64>,
}

/// A list that is looked through and not kept.
struct Counted<T> {
    count: usize,
    elements: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Counted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Count<T> {
            type Value = Counted<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Counted<T>, A::Error> {
                let mut count = 0;
                while list.next_element::<T>()?.is_some() {
                    count += 1;
                }
                Ok(Counted { count, elements: PhantomData })
            }
        }
        deserializer.deserialize_seq(Count(PhantomData))
    }
}

flags! {
    /// What a stream may be used for.
    pub struct StreamRights: u8 {
        /// Read.
        const READ = 1;
        /// Write.
        const WRITE = 2;
        /// Every write goes to the end.
        const APPEND = 4;
    }
}

/// Where a standard stream leads. Each has up to two handles, at 10 + 2·n.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Nowhere: reading finds the end, writing is swallowed. No handles.
    #[default]
    Null,
    /// A byte ring. Handles: its Memory; the peer's doorbell. Input consumes, output and error produce.
    Pipe,
    /// An open file. Handles: its session (object 0). Name and rights are to re-open it after fsd died.
    File {
        /// `NAME:dir/file`.
        name: Text<1024>,
        /// As it was opened.
        rights: StreamRights,
    },
    /// A console's terminal. Handles: its session (object 0).
    Terminal {
        /// The service's name, to open it again after console died.
        name: Text<32>,
        /// As it was opened.
        rights: StreamRights,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_bad_ones_are_refused() {
        let header = Header {
            flags: Flags::SEEDED,
            number: 9,
            body: 77,
            heap: 0x6078_1234_5000,
            mappings: 0x1000_8765_4000,
            seed: [5; 32],
        };
        let raw = header.to_bytes();
        assert_eq!(Header::from_bytes(&raw), Ok(header));
        for (at, error) in [(0, Error::Malformed), (4, Error::Version), (7, Error::Malformed), (15, Error::Malformed)] {
            let mut bad = raw;
            bad[at] ^= 0x80;
            assert_eq!(Header::from_bytes(&bad), Err(error), "byte {at}");
        }
    }
}
