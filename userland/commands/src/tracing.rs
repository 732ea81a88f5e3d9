//! TRACE: the system calls of a process, a line each.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::abi::calls::{CALLS, Call, Derived, Gift, Kind, number as nr};
use libsys::abi::message::{self, Tag};
use libsys::abi::trace::Event;
use libsys::abi::{Rights, Status as KernelStatus};
use libsys::io::{self, Write};
use libsys::trace::{Trace, Traced};
use libsys::{Error, Status, println, system, time};
use readargs::Args;

use crate::context::{Failure, Outcome};
use crate::processes;

/// How long it sleeps when there is nothing to show.
const NAP_NS: u64 = 20_000_000;

/// TRACE.
pub fn trace(args: &Args) -> Outcome {
    let target = args.string("PROCESS").ok_or_else(|| Failure::new(Error::ArgumentMissing, "which process?"))?;
    let number = processes::number(target)?;
    let mut left = args.within("COUNT", 1..=u64::MAX)?.unwrap_or(u64::MAX);
    let trace = Trace::start(number).map_err(|error| processes::about_process(number, error))?;
    // Ctrl-C ends it as usual; so does the end of who is traced.
    let mut shown = Shown { trace, threads: BTreeMap::new() };
    loop {
        while left > 0 && shown.next() {
            left -= 1;
        }
        if left == 0 || !system::processes()?.iter().any(|info| info.number == number) {
            break;
        }
        io::stdout().flush()?;
        libsys::wait_bits(0, time::after(NAP_NS));
    }
    match shown.trace.lost() {
        0 => Ok(Status::OK),
        lost => {
            println!("{lost} records were lost: it called faster than they were printed");
            Ok(Status::WARN)
        }
    }
}

struct Shown {
    trace: Trace,
    /// Threads in the order in which they appeared.
    threads: BTreeMap<u32, usize>,
}

impl Shown {
    /// Prints a record; false if there is none.
    fn next(&mut self) -> bool {
        let Some(record) = self.trace.next_record() else { return false };
        let count = self.threads.len() + 1;
        let thread = *self.threads.entry(record.thread).or_insert(count);
        let micros = record.time_ns / 1_000;
        println!("[{:5}.{:06}] {thread} {}", micros / 1_000_000, micros % 1_000_000, text(&record));
        true
    }
}

/// A record in words.
fn text(record: &Traced) -> String {
    let Some(call) = CALLS.iter().find(|call| call.number == record.call) else {
        return format!("call {} (there is none of that number)", record.call);
    };
    match record.event {
        Event::Call if call.message => sent(call, record),
        Event::Call => format!("{}({})", call.name, list(call.arguments, record)),
        Event::Return => match KernelStatus(record.number).result() {
            Err(error) => format!("  {} = {error}", call.name),
            Ok(()) if call.message => received(call, record),
            Ok(()) => match list(call.results, record) {
                results if results.is_empty() => format!("  {} = ok", call.name),
                results => format!("  {} = {results}", call.name),
            },
        },
    }
}

/// A message that is sent, or what is received by.
fn sent(call: &Call, record: &Traced) -> String {
    let [first, second] = record.first;
    let deadline = match record.badge {
        message::FOREVER => String::new(),
        at => format!(", until {} us", at / 1_000),
    };
    match call.number {
        nr::call => format!("call(channel={}) {}", handle(first), payload(Tag(second), &record.words)),
        nr::reply => format!("reply(token={first:#x}) {}", payload(Tag(second), &record.words)),
        nr::reply_recv if first == 0 => format!("reply_recv(channel={}{deadline})", handle(second >> 32)),
        nr::reply_recv => {
            let answer = payload(Tag(second & u64::from(u32::MAX)), &record.words);
            format!("reply_recv(token={first:#x}, channel={}{deadline}) {answer}", handle(second >> 32))
        }
        _ => format!("{}(channel={}{deadline})", call.name, handle(first)),
    }
}

/// What a message call has returned with.
fn received(call: &Call, record: &Traced) -> String {
    let (name, tag) = (call.name, Tag(record.first[1]));
    let kind = match (call.number, tag.kind()) {
        (nr::call, _) => return format!("  {name} = {}", payload(tag, &record.words)),
        (nr::reply, _) => return format!("  {name} = ok"),
        (_, message::Kind::Call) => {
            let from = format!("call, badge {:#x}, token {:#x}", record.badge, record.first[0]);
            return format!("  {name} = {from}: {}", payload(tag, &record.words));
        }
        (_, message::Kind::Bits) => format!("bits {:#x}", record.badge),
        (_, message::Kind::Closed) => format!("closed, badge {:#x}", record.badge),
        (_, message::Kind::Deadline) => "deadline".to_string(),
        (_, message::Kind::Fault) => format!("fault, badge {:#x}, token {:#x}", record.badge, record.first[0]),
    };
    format!("  {name} = {kind}")
}

/// Length, handles, and the bytes that a record has: the first 64.
fn payload(tag: Tag, words: &[u64; 8]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).take(tag.bytes().min(64)).collect();
    let shown: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let more = if tag.bytes() > 64 { "…" } else { "" };
    let handles = match tag.handles() {
        0 => String::new(),
        count => format!(", {count} handles"),
    };
    format!("{} bytes{handles} {shown}{more}", tag.bytes())
}

fn list(kinds: &[(&str, Kind)], record: &Traced) -> String {
    let registers = record.first.iter().chain(&record.words);
    let named = kinds.iter().zip(registers).filter(|((name, _), _)| !name.starts_with("zero"));
    let texts: Vec<String> =
        named.map(|((name, kind), value)| format!("{name}={}", value_text(*kind, *value))).collect();
    texts.join(", ")
}

fn value_text(kind: Kind, value: u64) -> String {
    match kind {
        Kind::Rights => {
            let rights = Rights::from_bits_truncate(value as u16);
            let names: Vec<&str> = rights.iter_names().map(|(name, _)| name).collect();
            if rights == Rights::all() { "all".into() } else { names.join("|") }
        }
        Kind::Gift if value == 0 => "none".into(),
        Kind::Gift => {
            let gift = Gift(value);
            let rights = value_text(Kind::Rights, gift.rights().into());
            format!("{}({rights})@{}", handle(gift.handle().into()), gift.index())
        }
        Kind::Derived => match Derived(value).place() {
            Some((process, index)) => format!("{}@{index}", handle(process.into())),
            None => value.to_string(),
        },
        Kind::Number | Kind::Pages => value.to_string(),
        Kind::Bits | Kind::Address | Kind::Access | Kind::Tag | Kind::Token => format!("{value:#x}"),
        _ => handle(value),
    }
}

/// A handle as its index and, after the first, its generation.
fn handle(raw: u64) -> String {
    match (raw & 0xffff, raw >> 16) {
        (0, 0) => "none".into(),
        (index, 1) => index.to_string(),
        (index, generation) => format!("{index}.{generation}"),
    }
}
