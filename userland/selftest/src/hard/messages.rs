//! Calls between threads of this process: lengths, handles, replies in another order.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::abi::message::{self, FOREVER, MAX_BYTES, Tag};
use libsys::abi::{Error, Rights};
use libsys::raw::{self as door, Registers};
use libsys::thread::{self, JoinHandle};
use libsys::{Error as LibError, OwnedHandle, Pool, Thread};

use crate::checks::Checks;
use crate::kernel::{self, POOL, adopt, call, create, derive, dup, raw, used};
use crate::threads::{finish, options};

/// Handles that every receive here takes.
const TAKES: u64 = 4 << message::TAKES_SHIFT;
/// The only byte of the message that ends an echo.
const STOP: u64 = 0xee;

/// A thread that answers every call with what it brought: bytes and handles.
pub struct Echo {
    client: OwnedHandle,
    thread: JoinHandle,
}

impl Echo {
    pub fn start() -> Result<Echo, LibError> {
        let server = create(POOL, Kind::Channel, 0, 0, 0)?;
        let (client, _) = derive(POOL, raw(&server), Rights::CALL | Rights::TRANSFER, 1, 0)?;
        let thread = thread::spawn(&Pool::own()?, options()?, move || serve(&server))?;
        Ok(Echo { client, thread })
    }

    /// A client's end of one's own.
    pub fn client(&self) -> Result<OwnedHandle, Error> {
        dup(raw(&self.client), Rights::all())
    }

    /// The thread that answers.
    pub fn thread(&self) -> &Thread {
        self.thread.thread()
    }

    /// Asks with a word; the word that comes back.
    pub fn ask(&self, word: u64) -> Result<u64, Error> {
        call(number::call, &[raw(&self.client), 8, word]).map(|results| results[2])
    }

    /// Asks with a tag and whatever lies in the buffer; the reply's tag.
    fn send(&self, tag: Tag, words: [u64; 8]) -> Result<(Tag, [u64; 8]), Error> {
        let number = u64::from(number::call) | TAKES;
        let mut registers = Registers { number, a0: raw(&self.client), a1: tag.0, deadline: 0, words };
        kernel::with(&mut registers)?;
        Ok((Tag(registers.a1), registers.words))
    }

    /// Ends it.
    pub fn stop(self) {
        let _ = call(number::call, &[raw(&self.client), 1, STOP]);
        finish(self.thread);
    }
}

fn serve(server: &OwnedHandle) {
    let channel = raw(server);
    let mut registers = receive(channel);
    while kernel::with(&mut registers).is_ok() {
        let tag = Tag(registers.a1);
        if tag.kind() != message::Kind::Call {
            registers = receive(channel);
            continue;
        }
        let number = u64::from(number::reply_recv) | TAKES;
        registers.a1 = tag.0 & Tag::SENT | channel << message::CHANNEL_SHIFT;
        registers = Registers { number, deadline: FOREVER, ..registers };
        if tag.bytes() == 1 && registers.words[0] == STOP {
            registers.number = number::reply.into();
            registers.a1 = 0;
            let _ = kernel::with(&mut registers);
            return;
        }
    }
}

fn receive(channel: u64) -> Registers {
    let number = u64::from(number::recv) | TAKES;
    Registers { number, a0: channel, deadline: FOREVER, ..Registers::default() }
}

/// Every length from 0 to the longest, by register and by buffer, comes back as it went.
pub fn lengths(checks: &mut Checks) -> Result<(), LibError> {
    let echo = Echo::start()?;
    let all: Vec<usize> = (0..=80).chain((96..MAX_BYTES).step_by(97)).chain([MAX_BYTES - 1, MAX_BYTES]).collect();
    checks.all("bytes there and back", all.into_iter().map(|length| (length, there_and_back(&echo, length))));
    let tag = Tag(MAX_BYTES as u64 + 1);
    checks.refused("a byte more than the longest", echo.send(tag, [0; 8]).map(drop), &[Error::BadArgument]);
    checks.equal("afterwards it still answers", echo.ask(77), Ok(77));
    echo.stop();
    Ok(())
}

fn there_and_back(echo: &Echo, length: usize) -> Result<(), String> {
    let sent: Vec<u8> = (0..length).map(|i| (i * 7 + length) as u8).collect();
    let mut words = [0; 8];
    if length <= message::REGISTER_BYTES {
        let mut short = [0; 64];
        short[..length].copy_from_slice(&sent);
        words.iter_mut().zip(short.as_chunks().0).for_each(|(word, chunk)| *word = u64::from_le_bytes(*chunk));
    } else {
        door::write_payload(&sent);
    }
    let tag = Tag::new(length, 0).ok_or("no tag")?;
    let (tag, words) = echo.send(tag, words).map_err(|error| format!("{error}"))?;
    if tag.bytes() != length {
        return Err(format!("{} bytes came back", tag.bytes()));
    }
    let mut back = alloc::vec![0; length];
    if length <= message::REGISTER_BYTES {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        back.copy_from_slice(&bytes[..length]);
        if bytes[length..].iter().any(|byte| *byte != 0) {
            return Err("bytes beyond the length are not zero".into());
        }
    } else {
        door::read_payload(&mut back);
    }
    if back == sent { Ok(()) } else { Err("other bytes came back".into()) }
}

/// Up to four handles move there and back.
pub fn handles(checks: &mut Checks) -> Result<(), LibError> {
    let echo = Echo::start()?;
    for count in 1..=4 {
        checks.check(format!("{count} handles there and back"), handles_there_and_back(&echo, count));
    }
    let before = used(POOL)?;
    for _ in 0..100 {
        let _ = handles_there_and_back(&echo, 4);
    }
    checks.equal("400 handles later nothing is left", used(POOL)?, before);
    let five = Tag(8 | 5 << 13);
    checks.refused("five handles", echo.send(five, [0; 8]).map(drop), &[Error::BadArgument, Error::TooManyHandles]);
    let memory = create(POOL, Kind::Memory, 1, 0, 0)?;
    let kept = dup(raw(&memory), Rights::all() - Rights::TRANSFER)?;
    door::write_handles([raw(&kept) as u32, 0, 0, 0]);
    let one = Tag::new(8, 1).ok_or(LibError::Internal)?;
    checks.refused("a handle without TRANSFER", echo.send(one, [0; 8]).map(drop), &[Error::Denied]);
    checks.holds("stays", kept.about().is_ok());
    door::write_handles([0xffff_ffff, 0, 0, 0]);
    checks.refused("a handle that is none", echo.send(one, [0; 8]).map(drop), &[Error::BadHandle]);
    door::write_handles([raw(&memory) as u32; 4]);
    let twice = Tag::new(8, 2).ok_or(LibError::Internal)?;
    checks.refused("one handle twice", echo.send(twice, [0; 8]).map(drop), &[Error::BadHandle, Error::BadArgument]);
    checks.holds("stays as well", memory.about().is_ok());
    checks.equal("afterwards it still answers", echo.ask(78), Ok(78));
    echo.stop();
    Ok(())
}

fn handles_there_and_back(echo: &Echo, count: usize) -> Result<(), String> {
    let failed = |error: Error| format!("{error}");
    let mut values = [0; 4];
    for value in values.iter_mut().take(count) {
        *value = create(POOL, Kind::Notification, 0, 0, 0).map_err(failed)?.into_handle().raw();
    }
    door::write_handles(values);
    let (tag, _) = echo.send(Tag::new(8, count).ok_or("no tag")?, [5; 8]).map_err(failed)?;
    let back = door::read_handles();
    let owned: Result<Vec<OwnedHandle>, Error> =
        back.iter().take(tag.handles()).map(|raw| adopt((*raw).into())).collect();
    let owned = owned.map_err(failed)?;
    let kinds =
        owned.iter().filter(|handle| handle.about().is_ok_and(|about| about.kind == Kind::Notification)).count();
    if kinds == count { Ok(()) } else { Err(format!("{kinds} came back")) }
}

/// Four callers, answered in the opposite order; tokens work once, and only here.
pub fn deferred(checks: &mut Checks) -> Result<(), LibError> {
    let server = create(POOL, Kind::Channel, 0, 0, 0)?;
    let answers: Arc<[AtomicU64; 4]> = Arc::new(core::array::from_fn(|_| AtomicU64::new(0)));
    let mut threads = Vec::new();
    for n in 0..4 {
        let (client, _) = derive(POOL, raw(&server), Rights::CALL, n + 1, 0)?;
        let answers = answers.clone();
        threads.push(thread::spawn(&Pool::own()?, options()?, move || {
            let answer = call(number::call, &[raw(&client), 8, n]).map_or(u64::MAX, |results| results[2]);
            answers[n as usize].store(answer, Ordering::Release);
            core::mem::forget(client);
        })?);
    }
    let mut taken = Vec::new();
    while taken.len() < 4 {
        let mut registers = receive(raw(&server));
        kernel::with(&mut registers)?;
        if Tag(registers.a1).kind() == message::Kind::Call {
            taken.push((registers.a0, registers.deadline, registers.words[0]));
        }
    }
    checks.holds("each caller has its badge", taken.iter().all(|(_, badge, word)| *badge == word + 1));
    let (first, _, _) = taken[0];
    checks.equal("a token is void in another thread", elsewhere(first)?, Some(Error::CallerGone));
    for (token, _, word) in taken.iter().rev() {
        checks.equal(
            format!("caller {word} is answered"),
            call(number::reply, &[*token, 8, 10 + word]).map(drop),
            Ok(()),
        );
    }
    for (token, _, _) in &taken {
        checks.refused("a token works once", call(number::reply, &[*token, 8, 0]).map(drop), &[Error::CallerGone]);
    }
    threads.into_iter().for_each(finish);
    let got: Vec<u64> = answers.iter().map(|answer| answer.load(Ordering::Acquire)).collect();
    checks.equal("each got its own answer", got, alloc::vec![10, 11, 12, 13]);
    Ok(())
}

/// How a reply by this token ends in another thread.
fn elsewhere(token: u64) -> Result<Option<Error>, LibError> {
    let code = Arc::new(AtomicU64::new(0));
    let there = code.clone();
    let thread = thread::spawn(&Pool::own()?, options()?, move || {
        let error = call(number::reply, &[token, 8, 99]).err();
        there.store(error.map_or(0, |error| error as u64), Ordering::Release);
    })?;
    finish(thread);
    Ok(Error::from_code(code.load(Ordering::Acquire) as u16))
}
