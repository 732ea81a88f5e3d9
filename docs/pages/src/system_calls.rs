//! The page of system calls, from `abi`'s table.

use abi::calls::{CALLS, Call, Kind};

const INTRODUCTION: &str = "\
A call's number is in `x16` (aarch64) or `rax` (x86_64); the status comes back there: 0, or an [error](errors.md). Handles
are 32-bit: a generation above an index into the process's own table. Nothing is ambient: whoever lacks a handle, or the
right on it, gets `BadHandle` or `Denied`. An error changes nothing.

Calls marked *message* carry up to 64 bytes in the eight message registers, up to 4,064 in the IPC buffer, and up to four
handles. The table in `microkernel/abi/src/calls.rs` is the one source of the numbers, the stubs of user programs, this page
and the fuzzer's grammar.

";

pub fn page() -> String {
    let mut out = super::head("System calls", "`abi::calls::CALLS`") + INTRODUCTION;
    out += "| number | call | |\n|---|---|---|\n";
    for call in CALLS {
        let first = call.text.split_inclusive('.').next().unwrap_or_default();
        out += &format!("| {} | [`{}`](#{}) | {} |\n", call.number, call.name, call.name, first.trim());
    }
    for call in CALLS {
        out += &entry(call);
    }
    out
}

fn entry(call: &Call) -> String {
    let mut out = format!("\n## {}\n\n`{}", call.name, call.name);
    out += &format!("({})", list(call.arguments));
    if !call.results.is_empty() {
        out += &format!(" → {}", list(call.results));
    }
    out += &format!("`, number {}{}\n\n{}\n", call.number, if call.message { ", message" } else { "" }, call.text);
    if !call.errors.is_empty() {
        let errors: Vec<String> = call.errors.iter().map(|error| format!("{error:?}")).collect();
        out += &format!("\nErrors: {}.\n", errors.join(", "));
    }
    out
}

/// Words that only keep registers in place are left out.
fn list(items: &[(&str, Kind)]) -> String {
    let words = items.iter().filter(|(name, _)| !name.starts_with("zero"));
    words.map(|(name, kind)| format!("{name}: {kind:?}")).collect::<Vec<_>>().join(", ")
}
