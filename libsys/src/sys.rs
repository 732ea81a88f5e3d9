//! System calls as functions: stubs made from the kernel's table, and the message calls written by hand.
//!
//! They are for this crate; what programs use are the typed handles. A call that can pull memory away under Rust's feet
//! (`unmap`, `start`, …) is safe to make only as the typed function says that does it.

use abi::{
    Error, Handle,
    calls::{CLOSED, GIFTS, number},
    message,
};

use crate::arch::{self, Frame};

/// The two results of a simple call.
pub(crate) type Two = (u64, u64);

fn result(status: u64, results: Two) -> Result<Two, Error> {
    abi::Status(status).result().map(|()| results)
}

const fn pad<const N: usize>(arguments: [u64; N]) -> [u64; 6] {
    let mut all = [0; 6];
    let mut i = 0;
    while i < N {
        all[i] = arguments[i];
        i += 1;
    }
    all
}

macro_rules! stub {
    // Message calls, and calls whose results are words, are written below.
    (ipc $number:literal $name:ident ($($a:ident)*) $text:literal) => {};
    ($number:literal info ($($a:ident)*) $text:literal) => {};
    ($number:literal state ($($a:ident)*) $text:literal) => {};
    ($number:literal debug_log ($($a:ident)*) $text:literal) => {};
    ($number:literal give ($($a:ident)*) $text:literal) => {};
    ($number:literal close ($($a:ident)*) $text:literal) => {};
    ($number:literal $name:ident ($($a:ident)*) $text:literal) => {
        #[doc = $text]
        #[inline(always)]
        #[allow(dead_code, reason = "the table is complete, the runtime need not use all of it")]
        pub(crate) fn $name($($a: u64),*) -> Result<Two, Error> {
            let (status, a0, a1) = arch::simple($number, pad([$($a),*]));
            result(status, (a0, a1))
        }
    };
}

macro_rules! stubs {
    ($($($ipc:ident)? $number:literal $name:ident ($($a:ident: $ak:ident),*) -> ($($r:ident: $rk:ident),*)
       [$($e:ident)*] $text:literal;)*) => { $(stub!($($ipc)? $number $name ($($a)*) $text);)* };
}
abi::for_each_call!(stubs);

/// Tells about an object: eight words, see `abi::info`.
pub(crate) fn info(handle: u64, what: u64, index: u64) -> Result<[u64; 8], Error> {
    words(number::info, handle, what, index)
}

/// Reads eight registers of a thread.
pub(crate) fn state(thread: Handle, index: u64) -> Result<[u64; 8], Error> {
    words(number::state, thread.raw().into(), index, 0)
}

fn words(number: u16, a0: u64, a1: u64, a2: u64) -> Result<[u64; 8], Error> {
    let mut frame = Frame { number: number.into(), a0, a1, ..Frame::default() };
    frame.words[0] = a2;
    arch::full(&mut frame);
    abi::Status(frame.number).result().map(|()| frame.words)
}

/// Writes a log record; text beyond 64 bytes has to lie in the IPC buffer.
pub(crate) fn debug_log(authority: Handle, tag: u64, words: [u64; 8]) -> Result<(), Error> {
    let number = number::debug_log.into();
    let mut frame = Frame { number, a0: authority.raw().into(), a1: tag, deadline: 0, words };
    arch::full(&mut frame);
    abi::Status(frame.number).result()
}

/// Puts handles into a process's table, see [`Gift`](abi::calls::Gift).
pub(crate) fn give(process: u64, moved: u64, gifts: [u64; GIFTS]) -> Result<(), Error> {
    let mut frame = Frame { number: number::give.into(), a0: process, a1: moved, deadline: 0, words: gifts };
    arch::full(&mut frame);
    abi::Status(frame.number).result()
}

/// Gives a handle up.
#[inline(always)]
pub(crate) fn close(handle: u64) -> Result<Two, Error> {
    close_all([handle, 0, 0, 0, 0, 0])
}

/// Gives handles up, each named once: the first, and those of the others that are not 0.
#[inline(always)]
pub(crate) fn close_all(handles: [u64; CLOSED]) -> Result<Two, Error> {
    let (status, a0, a1) = arch::simple(number::close.into(), handles);
    result(status, (a0, a1))
}

/// How many handles this runtime always has room for in what it receives.
const TAKES: u64 = (message::MAX_HANDLES as u64) << message::TAKES_SHIFT;

/// `call`: the reply's tag and words.
pub(crate) fn call(channel: Handle, tag: message::Tag, words: [u64; 8]) -> Result<(message::Tag, [u64; 8]), Error> {
    let number = u64::from(number::call) | TAKES;
    let mut frame = Frame { number, a0: channel.raw().into(), a1: tag.0, deadline: 0, words };
    arch::full(&mut frame);
    abi::Status(frame.number).result()?;
    Ok((message::Tag(frame.a1), frame.words))
}

/// What `recv` and `reply_recv` return with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub token: u64,
    pub tag: message::Tag,
    pub badge: u64,
    pub words: [u64; 8],
}

/// `recv`, with `channel` 0 for bits and the deadline alone.
pub(crate) fn recv(channel: u32, deadline: u64) -> Result<Received, Error> {
    let number = u64::from(number::recv) | TAKES;
    let mut frame = Frame { number, a0: channel.into(), deadline, ..Frame::default() };
    arch::full(&mut frame);
    abi::Status(frame.number).result()?;
    Ok(Received { token: frame.a0, tag: message::Tag(frame.a1), badge: frame.deadline, words: frame.words })
}

/// `reply_recv`.
pub(crate) fn reply_recv(
    token: u64,
    tag: message::Tag,
    words: [u64; 8],
    channel: u32,
    deadline: u64,
) -> Result<Received, Error> {
    let number = u64::from(number::reply_recv) | TAKES;
    let a1 = tag.0 | u64::from(channel) << message::CHANNEL_SHIFT;
    let mut frame = Frame { number, a0: token, a1, deadline, words };
    arch::full(&mut frame);
    abi::Status(frame.number).result()?;
    Ok(Received { token: frame.a0, tag: message::Tag(frame.a1), badge: frame.deadline, words: frame.words })
}

/// `reply`.
pub(crate) fn reply(token: u64, tag: message::Tag, words: [u64; 8]) -> Result<(), Error> {
    let mut frame = Frame { number: number::reply.into(), a0: token, a1: tag.0, deadline: 0, words };
    arch::full(&mut frame);
    abi::Status(frame.number).result()
}
