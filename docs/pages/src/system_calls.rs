//! The page of system calls, from `abi`'s table and guide.

use crate::source::{self, Item};
use abi::Error;
use abi::calls::{CALLS, Call, Kind};
use abi::guide::{GUIDES, Guide, Work};

const INTRODUCTION: &str = "\
Nothing is ambient: a call names objects by the caller's handles, and whoever lacks a handle, or the right on it, gets
`BadHandle` or `Denied`. **An error changes nothing**, but for the caller's status.

The table in `microkernel/abi/src/calls.rs` is the one source of the numbers, the stubs of user programs, the fuzzer's grammar
and this page; `guide.rs` beside it has the reasons of the errors. A number that no call has, or a call that is no message with
bits above its number, is `BadArgument`.

## Registers

| | number → status | argument 1 | 2 | 3 to 10, or the words | deadline → badge |
|---|---|---|---|---|---|
| aarch64 `svc #0` | x16 | x0 | x1 | x2 to x9 | x10 |
| x86_64 `syscall` | rax | rdi | rsi | rdx r10 r8 r9 r12 to r15 | rbx |

Arguments and results stand in the order of the call's signature. The status is 0 or the number of an [error](errors.md). What a
call does not answer keeps its value, but for x11 to x15, x17 and x18 (aarch64), rcx and r11 (x86_64).

Calls marked *message* carry up to 64 bytes in the eight words, or up to 4,064 in the IPC buffer, and up to four handles, whose
values stand at the beginning of the IPC buffer. How many handles a thread is ready to take stands above the call's number, from
bit 16 on. `reply_recv` has its channel in the upper half of the tag. `recv` and `reply_recv` take a deadline: ns since boot, 0 to
look only, 2^64 - 1 to wait for ever.

## Kinds of arguments

| kind | what it is |
|---|---|
| Pool, Process, Thread, Channel, Notification, Memory, Grant, Interrupt, IoPorts, Authority | a handle to such an object |
| Any | a handle, to whatever |
| Handle | a handle that the call has made |
| Rights, Bits, Number | a word |
| Pages | a number of pages of 4,096 bytes |
| Address | an address of the process, from 64 KiB to below 2^47 |
| Access | 1 read, 2 write, 4 execute |
| Tag | length, handles and kind of a message |
| Token | who is to be answered: from `recv`; 0 in `reply_recv`: nobody |

A handle is 32 bits: the slot's generation above its index in the process's table.

## Work

| work | what it means |
|---|---|
| fixed | the same number of steps whatever there is |
| message | as fixed, and eight bytes at a time beyond the registers, up to four handles |
| bounded | grows with what is named, up to the bound |
| in parts | any amount: an entry does at most 8 units of some 500 instructions, then the call is rewound and comes again, so that interrupts and other cores get in |

Any call that takes an object's last handle away may go on in parts until what hung on it is gone; its results stand by then.

";

/// abi's sources, whose comments have what no table has.
const INFO: &str = include_str!("../../../microkernel/abi/src/info.rs");
const CALL: &str = include_str!("../../../microkernel/abi/src/calls.rs");
const RIGHTS: &str = include_str!("../../../microkernel/abi/src/rights.rs");

pub fn page() -> String {
    let mut out = super::head("System calls", "`abi::calls::CALLS` and `abi::guide::GUIDES`") + INTRODUCTION;
    out += &rights();
    out += "\n## The calls\n\n| number | call | | work |\n|---|---|---|---|\n";
    for call in CALLS {
        let first = call.text.split_inclusive(". ").next().unwrap_or_default();
        let (number, name) = (call.number, call.name);
        out += &format!("| {number} | [`{name}`](#{name}) | {} | {} |\n", first.trim(), class(guide(call)));
    }
    for call in CALLS {
        out += &entry(call);
    }
    out
}

/// More about a call; one that `GUIDES` lacks has none.
fn guide(call: &Call) -> &'static Guide {
    const NONE: Guide = Guide { call: "", rights: &[], work: Work::Fixed, reasons: &[] };
    GUIDES.iter().find(|guide| guide.call == call.name).unwrap_or(&NONE)
}

fn class(guide: &Guide) -> &'static str {
    match guide.work {
        Work::Fixed => "fixed",
        Work::Message | Work::Receiving => "message",
        Work::Bounded(_) => "bounded",
        Work::Parts(_) => "in parts",
    }
}

fn entry(call: &Call) -> String {
    let (name, guide) = (call.name, guide(call));
    let mut out = format!("\n## {name}\n\n`{name}({})", list(call.arguments));
    if call.results.iter().any(counts) {
        out += &format!(" → {}", list(call.results));
    }
    out += &format!("`, number {}{}\n\n{}\n\n", call.number, if call.message { ", message" } else { "" }, call.text);
    if !guide.rights.is_empty() {
        let rights = guide.rights.iter().map(|(argument, right)| format!("`{argument}` {right}"));
        out += &format!("Rights: {}.\n\n", rights.collect::<Vec<_>>().join("; "));
    }
    out += &match guide.work {
        Work::Fixed => "Work: fixed.\n".to_string(),
        Work::Message => "Work: that of the message.\n".to_string(),
        Work::Receiving => "Work: that of the message. Restarts itself after each eight waiting callers whose handles can't be taken.\n".to_string(),
        Work::Bounded(what) => format!("Work: bounded by {what}.\n"),
        Work::Parts(what) => format!("Work: in parts: {what}. Restarts itself.\n"),
    };
    out += &more(name);
    if !call.errors.is_empty() {
        out += "\n| error | why | to blame |\n|---|---|---|\n";
        for error in call.errors {
            out += &format!("| `{}` | {} | {} |\n", error.name(), reasons(call, *error).join("; or "), blame(*error));
        }
    }
    out
}

/// Who is to blame for a kernel error.
pub fn blame(error: Error) -> &'static str {
    Error::ALL.iter().find(|(other, _)| *other == error).map_or("", |(_, blame)| blame)
}

/// Why a call answers an error: what follows from its arguments, and what the guide says.
pub fn reasons(call: &Call, error: Error) -> Vec<String> {
    let guide = guide(call);
    let named = |what: &dyn Fn(&str, Kind) -> Option<String>| {
        call.arguments
            .iter()
            .filter(|(_, kind)| is_handle(*kind))
            .filter_map(|(name, kind)| what(name, *kind))
            .collect()
    };
    let mut reasons: Vec<String> = match error {
        Error::BadHandle => named(&|name, _| Some(format!("`{name}` is no handle of the caller's"))),
        Error::Revoked => named(&|name, _| Some(format!("`{name}` was derived through a Grant that is revoked"))),
        Error::ServerDied => named(&|name, _| Some(format!("what `{name}` names is gone"))),
        Error::WrongKind => named(&|name, kind| (kind != Kind::Any).then(|| format!("`{name}` is no {kind:?}"))),
        Error::Denied => guide.rights.iter().map(|(name, right)| format!("`{name}` lacks {right}")).collect(),
        Error::WriteAndExecute => vec!["the access has both".to_string()],
        _ => Vec::new(),
    };
    reasons.extend(guide.reasons.iter().filter(|(other, _)| *other == error).map(|(_, text)| (*text).to_string()));
    if reasons.is_empty() {
        // What the error means anyway.
        reasons.push(crate::errors::kernel_text(error).trim_end_matches('.').to_string());
    }
    reasons
}

fn is_handle(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Handle
            | Kind::Rights
            | Kind::Bits
            | Kind::Number
            | Kind::Pages
            | Kind::Address
            | Kind::Access
            | Kind::Tag
            | Kind::Token
            | Kind::Gift
            | Kind::Derived
    )
}

/// What a call's numbers mean, where they have names.
fn more(call: &str) -> String {
    match call {
        "info" => selectors(),
        "create" => kinds(),
        "config" => settings("CONFIG_", "`config`: "),
        "system" => settings("SYSTEM_", "`system`: "),
        _ => String::new(),
    }
}

fn selectors() -> String {
    let mut out = String::from("\n| what | name | kind of object, right: words from the first on |\n|---|---|---|\n");
    let about = |item: &Item<'_>| item.text.contains(": ") && kind_names().any(|name| item.text.starts_with(name));
    for item in source::items(INFO).iter().filter(|item| about(item)) {
        if let Some((name, value)) = item.constant() {
            out += &format!("| {value} | {name} | {} |\n", item.text);
        }
    }
    out
}

/// What a selector's text begins with.
fn kind_names() -> impl Iterator<Item = &'static str> {
    [
        "Any",
        "Pool",
        "Process",
        "Thread",
        "Channel",
        "Notification",
        "Memory",
        "Grant",
        "Interrupt",
        "IoPorts",
        "Authority",
    ]
    .into_iter()
}

fn kinds() -> String {
    let mut out = String::from("\n| kind | | x, y, z |\n|---|---|---|\n");
    for item in source::items(INFO) {
        let Some((what, arguments)) = item.text.split_once(" `create`: ") else { continue };
        let Some((name, value)) = item.code.trim_end_matches(',').split_once(" = ") else { continue };
        out += &format!("| {value} {name} | {what} | {} |\n", arguments.trim_end_matches('.'));
    }
    out
}

/// Constants of a call whose texts begin with its name.
fn settings(prefix: &str, begin: &str) -> String {
    let mut out = String::from("\n| number | name | |\n|---|---|---|\n");
    for item in source::items(CALL) {
        let (Some((name, value)), Some(text)) = (item.constant(), item.text.strip_prefix(begin)) else { continue };
        if name.starts_with(prefix) {
            out += &format!("| {value} | {name} | {text} |\n");
        }
    }
    out
}

fn rights() -> String {
    let mut out = String::from(
        "## Rights\n\nRights only shrink. One word serves all kinds; a right that a kind has no use for is ignored there.\n\n\
         | bit | right | what it allows |\n|---|---|---|\n",
    );
    for item in source::items(RIGHTS) {
        let Some((name, value)) = item.constant() else { continue };
        let bit = match value.strip_prefix("1 << ") {
            Some(bit) => bit.to_string(),
            None => format!("as {}", value.trim_start_matches("Self::").trim_end_matches(".bits()")),
        };
        out += &format!("| {bit} | {name} | {} |\n", item.text);
    }
    out
}

/// Words that only keep registers in place are left out.
fn counts((name, _): &(&str, Kind)) -> bool {
    !name.starts_with("zero")
}

fn list(items: &[(&str, Kind)]) -> String {
    let words = items.iter().filter(|item| counts(item));
    words.map(|(name, kind)| format!("{name}: {kind:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_is_about_the_table() {
        for call in CALLS {
            assert!(GUIDES.iter().any(|guide| guide.call == call.name), "abi::guide lacks {}", call.name);
        }
        for guide in GUIDES {
            let call = CALLS.iter().find(|call| call.name == guide.call);
            let call = call.unwrap_or_else(|| panic!("abi::guide has {}, which is no call", guide.call));
            for (error, text) in guide.reasons {
                assert!(call.errors.contains(error), "{}: the table does not list {error}", call.name);
                assert!(!text.ends_with('.') && text.len() < 200, "{}: {text}", call.name);
            }
            for (argument, _) in guide.rights {
                assert!(call.arguments.iter().any(|(name, _)| name == argument), "{}: no {argument}", call.name);
            }
        }
    }

    #[test]
    fn every_error_of_every_call_has_a_reason() {
        let call = CALLS.iter().find(|call| call.name == "map").unwrap();
        let denied = reasons(call, Error::Denied);
        assert_eq!(denied.first().map(String::as_str), Some("`process` lacks MAP"));
        assert!(denied.last().unwrap().contains("frozen"));
        for call in CALLS {
            for error in call.errors {
                assert!(reasons(call, *error).iter().all(|reason| !reason.is_empty()), "{} {error}", call.name);
            }
        }
    }

    #[test]
    fn numbers_with_names_are_listed() {
        assert!(selectors().contains("| 1 | POOL | Pool: pages of the pool"));
        assert!(kinds().contains("| 3 Thread | A flow of control. | process, priority, address of the IPC buffer |"));
        assert!(settings("CONFIG_", "`config`: ").contains("| 0 | CONFIG_PRIORITY | base priority. |"));
        assert!(rights().contains("| 2 | CALL | Channel: call. |") && rights().contains("| as CALL | LOG |"));
    }
}
