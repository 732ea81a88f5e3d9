//! Messages that no honest client sends, to every service this process can open.
//!
//! Good requests are cut at each byte, followed by trailing bytes, and changed; besides come tags that are none, unknown
//! variants and handles that nobody asked for. The service must refuse and go on.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::abi::calls::number;
use libsys::abi::message::{MAX_BYTES, Tag};
use libsys::abi::{Error, user};
use libsys::console::Terminal;
use libsys::names::NameSpace;
use libsys::protocol::console::Side;
use libsys::protocol::session::Span;
use libsys::protocol::{Answer, Id, Protocol, Text, ai, console, device, encode_vec, fs, names, net, process};
use libsys::raw::{self as door, Registers};
use libsys::{Channel, Error as LibError, OwnedHandle};

use crate::checks::{Checks, times};
use crate::kernel::{self, POOL, Random, create, raw, used};
use libsys::abi::info::Kind;

/// Random messages to a service, how many times as many with the long counts (a quarter of a million; `golden` sends three
/// times as many), and their bytes.
const RANDOM: u64 = 400;
const RANDOM_LONGER: u64 = 625;
const RANDOM_BYTES: usize = 64;

/// The kernel's half of the addresses: no answer has a word of it, but -1.
const KERNEL: u64 = 0xffff_8000_0000_0000;
/// Words of answers that were looked at, and what was found in them.
static LOOKED_AT: AtomicU64 = AtomicU64::new(0);
static ADDRESSES: AtomicU64 = AtomicU64::new(0);
static BEHIND: AtomicU64 = AtomicU64::new(0);
/// Answers that did not fit the registers.
static LONG_ONES: AtomicU64 = AtomicU64::new(0);

/// Each service, each kind of bad message.
pub fn run(checks: &mut Checks) -> Result<(), LibError> {
    let own = NameSpace::own();
    // A copy, so that nothing that is understood by chance changes the names in use.
    if let Some(names) = own.copy()?.into_handle() {
        service::<names::Service>(
            checks,
            &names,
            &[&names::Request::Look { name: Text::cut("SYS") }, &names::Request::List { skip: 0 }],
            Strength::Careful,
        );
    }
    let process = libsys::dup(user::PROCESS_CHANNEL, libsys::Rights::CALL)?;
    let good = [&process::Request::System, &process::Request::Catch { bits: 0 }, &process::Request::List { after: 0 }];
    service::<process::Service>(checks, &process, &good, Strength::Careful);
    let read = fs::Request::Stat { dir: Id::ROOT, path: Text::default(), flags: fs::Open::empty() };
    opened::<fs::Service>(checks, "SYS", &[&read]);
    // Without rights, so that nothing that is understood by chance is written to the terminal or ends the script there.
    let powerless = Terminal::open("console").and_then(|mut own| own.share(console::Rights::empty(), Side::Output));
    session::<console::Service>(checks, "console", powerless, &[&console::Request::Size]);
    let manifest = ai::Request::Info { id: Id::ROOT, to: Span { offset: 0, length: 64 } };
    opened::<ai::Service>(checks, "ai", &[&ai::Request::Limits, &ai::Request::List { after: 0 }, &manifest]);
    opened::<net::Service>(checks, "net", &[]);
    opened::<device::Service>(checks, "device", &[]);
    let words = LOOKED_AT.load(Ordering::Relaxed);
    checks.equal(format!("{words} words of answers: addresses of the kernel"), ADDRESSES.load(Ordering::Relaxed), 0);
    let long = LONG_ONES.load(Ordering::Relaxed);
    checks.holds(format!("{long} long answers among them"), long > 0);
    checks.equal("bytes behind an answer's end that are not zero", BEHIND.load(Ordering::Relaxed), 0);
    Ok(())
}

/// A service behind a name; one that this process has not is left out.
fn opened<P: Protocol>(checks: &mut Checks, name: &str, good: &[&P::Request]) {
    session::<P>(checks, name, NameSpace::own().open::<P>(name).map(Channel::into_inner), good);
}

/// The same with a session that was tried to be had.
fn session<P: Protocol>(checks: &mut Checks, name: &str, opened: Result<OwnedHandle, LibError>, good: &[&P::Request]) {
    match opened {
        Ok(channel) => service::<P>(checks, &channel, good, Strength::Full),
        Err(LibError::NotFound) => {}
        Err(error) => checks.check(format!("{name} opens"), Err(format!("{error}"))),
    }
}

/// Whether a message that means something by chance does harm.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// It may: random messages start with a variant that there is not.
    Careful,
    /// It does not.
    Full,
}

fn service<P: Protocol>(checks: &mut Checks, channel: &OwnedHandle, good: &[&P::Request], strength: Strength) {
    let name = P::NAME;
    let wrong = |bytes: &[u8]| refused::<P>(channel, bytes);
    checks.check(format!("{name}: an empty message"), wrong(&[]));
    checks.all(format!("{name}: variants that there are not"), (200..=255_u8).map(|v| (v, wrong(&[v, 1]))));
    for request in good {
        let Ok(bytes) = encode_vec(*request, MAX_BYTES) else { continue };
        let cuts = (0..bytes.len()).map(|length| (length, wrong(&bytes[..length])));
        checks.all(format!("{name}: a request cut at each byte"), cuts);
        let longer = (1..=16).map(|more| {
            let mut bytes = bytes.clone();
            bytes.resize(bytes.len() + more, 0x5a);
            (more, wrong(&bytes))
        });
        checks.all(format!("{name}: a request with trailing bytes"), longer);
        checks.check(format!("{name}: it still answers"), understood::<P>(channel, &bytes));
    }
    let mut random = Random(4);
    let noise = (0..times(RANDOM, RANDOM_LONGER)).map(|n| {
        let mut bytes: Vec<u8> = (0..n as usize % RANDOM_BYTES + 1).map(|_| random.next() as u8).collect();
        if strength == Strength::Careful {
            bytes[0] = 0xff;
        }
        (n, answered::<P>(channel, &bytes).map(drop))
    });
    checks.all(format!("{name}: random bytes"), noise);
    checks.check(format!("{name}: the longest message, of nonsense"), long_refused(channel, MAX_BYTES));
    checks.check(format!("{name}: handles that nobody asked for"), unasked(channel));
    tags(checks, name, channel);
}

/// Sends bytes in registers; the answer as it was sent.
fn send(channel: &OwnedHandle, bytes: &[u8]) -> Result<(Tag, [u8; 64]), Error> {
    let mut short = [0; 64];
    short.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    let tag = Tag::new(bytes.len(), 0).ok_or(Error::BadArgument)?;
    let mut registers = Registers { a0: raw(channel), a1: tag.0, ..Registers::default() };
    registers.number = u64::from(number::call) | 4 << 16;
    for (word, chunk) in registers.words.iter_mut().zip(short.as_chunks().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    kernel::with(&mut registers)?;
    let addresses = registers.words.iter().filter(|word| **word >= KERNEL && **word != u64::MAX).count();
    LOOKED_AT.fetch_add(registers.words.len() as u64, Ordering::Relaxed);
    ADDRESSES.fetch_add(addresses as u64, Ordering::Relaxed);
    let mut reply = [0; 64];
    for (chunk, word) in reply.as_chunks_mut().0.iter_mut().zip(registers.words) {
        *chunk = word.to_le_bytes();
    }
    let mut long = alloc::vec![0; Tag(registers.a1).bytes()];
    if long.len() > reply.len() {
        // It lies in the buffer. Text and numbers of a protocol are not aligned there.
        door::read_payload(&mut long);
        let words = long.windows(8).filter_map(|bytes| bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)));
        ADDRESSES
            .fetch_add(words.filter(|word| *word >= KERNEL && *word != u64::MAX).count() as u64, Ordering::Relaxed);
        LONG_ONES.fetch_add(1, Ordering::Relaxed);
    }
    let behind = reply.iter().skip(Tag(registers.a1).bytes()).filter(|byte| **byte != 0).count();
    BEHIND.fetch_add(behind as u64, Ordering::Relaxed);
    Ok((Tag(registers.a1), reply))
}

/// Sends bytes; what the service says about them, if it is an error.
fn answered<P: Protocol>(channel: &OwnedHandle, bytes: &[u8]) -> Result<Option<LibError>, String> {
    let (tag, reply) = send(channel, bytes.get(..64.min(bytes.len())).unwrap_or(bytes)).map_err(|e| format!("{e}"))?;
    if tag.bytes() > 64 {
        // A long answer is none of the errors, which are short.
        return Ok(None);
    }
    let answer: Answer<P> =
        libsys::protocol::decode(&reply[..tag.bytes()]).map_err(|error| format!("its answer: {error}"))?;
    Ok(answer.err())
}

fn refused<P: Protocol>(channel: &OwnedHandle, bytes: &[u8]) -> Result<(), String> {
    match answered::<P>(channel, bytes)? {
        Some(LibError::Malformed) => Ok(()),
        Some(error) => Err(format!("{error} instead of Malformed")),
        None => Err("it was understood".into()),
    }
}

fn understood<P: Protocol>(channel: &OwnedHandle, bytes: &[u8]) -> Result<(), String> {
    match answered::<P>(channel, bytes)? {
        Some(LibError::Malformed) => Err("Malformed".into()),
        _ => Ok(()),
    }
}

/// A message whose bytes lie in the IPC buffer, as they are.
fn long_refused(channel: &OwnedHandle, bytes: usize) -> Result<(), String> {
    let tag = Tag::new(bytes, 0).ok_or("no tag")?;
    libsys::raw::write_payload(&alloc::vec![0xff; bytes]);
    let number = u64::from(number::call) | 4 << 16;
    let mut registers = Registers { number, a0: raw(channel), a1: tag.0, ..Registers::default() };
    kernel::with(&mut registers).map_err(|error| format!("{error}"))?;
    Ok(())
}

/// Handles come along with a request that takes none: they must not stay anywhere.
fn unasked(channel: &OwnedHandle) -> Result<(), String> {
    let failed = |error: Error| format!("{error}");
    let before = used(POOL).map_err(failed)?;
    for _ in 0..32 {
        let notification = create(POOL, Kind::Notification, 0, 0, 0).map_err(failed)?;
        libsys::raw::write_handles([notification.into_handle().raw(), 0, 0, 0]);
        let tag = Tag::new(1, 1).ok_or("no tag")?;
        let number = u64::from(number::call) | 4 << 16;
        let mut registers = Registers { number, a0: raw(channel), a1: tag.0, ..Registers::default() };
        registers.words[0] = 0xff;
        kernel::with(&mut registers).map_err(failed)?;
    }
    // It may answer before it closes what came along. When it takes the next message, it has.
    send(channel, &[0xff]).map_err(failed)?;
    let after = used(POOL).map_err(failed)?;
    // The handles were closed by the service, and with them the objects.
    if after.1 > before.1 { Err(format!("{} objects are left", after.1 - before.1)) } else { Ok(()) }
}

/// Tags that say more than a message may have.
fn tags(checks: &mut Checks, name: &str, channel: &OwnedHandle) {
    let bad = [4065, 8191, 5 << 13, 7 << 13, 1 << 16, 1 << 20, 1 << 63, u64::MAX];
    let cases = bad.map(|tag| {
        let mut registers =
            Registers { number: number::call.into(), a0: raw(channel), a1: tag, ..Registers::default() };
        let result = match kernel::with(&mut registers) {
            Err(Error::BadArgument | Error::BadHandle) => Ok(()),
            other => Err(format!("{other:?}")),
        };
        (format!("{tag:#x}"), result)
    });
    checks.all(format!("{name}: tags that are none"), cases);
}
