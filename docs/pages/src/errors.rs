//! The page of errors, from the tables of `protocol` and `abi`.

use crate::blame::BLAME;
use crate::source;
use abi::calls::CALLS;
use protocol::Error;

/// abi's source, whose comments say what each error means.
const KERNEL: &str = include_str!("../../../microkernel/abi/src/error.rs");

const INTRODUCTION: &str = "\
A command ends with 0 OK, 5 WARN, 10 ERROR or 20 FAIL. An error is one line on standard error: what, the name, why, and what
would be right; `WHY` says the last one again. Numbers below 400 are AmigaDOS's.

Each error has one who is to blame: whom to look at first. An error that the kernel or a server answers changes nothing; the one
exception is `ServerDied`, after which the request may have been done or not.
";

pub fn page() -> String {
    let mut out = super::head("Errors and return codes", "`protocol::Error` and `abi::Error`") + INTRODUCTION;
    out += "\n## The kernel's\n\n| number | name | code | meaning | to blame | calls that answer it |\n|---|---|---|---|---|---|\n";
    for (error, blame) in abi::Error::ALL {
        let (name, code) = (error.name(), Error::from(*error).return_code());
        let calls = CALLS.iter().filter(|call| call.errors.contains(error));
        let calls: Vec<String> = calls.map(|call| format!("[{0}](system-calls.md#{0})", call.name)).collect();
        let calls = if calls.is_empty() { "none".to_string() } else { calls.join(", ") };
        out += &format!("| {} | `{name}` | {code} | {} | {blame} | {calls} |\n", *error as u16, kernel_text(*error));
    }
    out += "\nThe page of [system calls](system-calls.md) says for each call when it answers which. libsys and servers pass kernel\n\
            errors on, and answer some of them themselves, for what is like it: `Denied` for a right on a `process` channel,\n\
            `BadHandle` for an object's number, `TimedOut` for a deadline.\n";
    out += "\n## Of services and commands\n\n| number | name | code | meaning | to blame | who answers it |\n|---|---|---|---|---|---|\n";
    for error in Error::ALL.iter().filter(|error| !is_only_the_kernels(**error)) {
        let (code, name, return_code, text) = (error.code(), error.name(), error.return_code(), error.text());
        let (blame, who) = blame(*error);
        out += &format!("| {code} | `{name}` | {return_code} | {text} | {blame} | {who} |\n");
    }
    out
}

/// Errors that stand in the kernel's table and not among those of services.
fn is_only_the_kernels(error: Error) -> bool {
    abi::Error::from_code(error.code()).is_some() && !BLAME.iter().any(|(name, ..)| *name == error.name())
}

/// Who is to blame for an error of a service, and who answers it.
fn blame(error: Error) -> (&'static str, &'static str) {
    BLAME.iter().find(|(name, ..)| *name == error.name()).map_or(("", ""), |(_, blame, who)| (blame, who))
}

/// What a kernel error means.
pub fn kernel_text(error: abi::Error) -> String {
    let begin = format!("{} = ", error.name());
    let item = source::items(KERNEL).into_iter().find(|item| item.code.starts_with(&begin));
    item.map_or_else(String::new, |item| item.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_one_to_blame() {
        for error in Error::ALL.iter().filter(|error| !is_only_the_kernels(**error)) {
            assert!(!blame(*error).0.is_empty(), "docs/pages/src/blame.rs lacks {}", error.name());
        }
        for (name, ..) in BLAME {
            assert!(Error::ALL.iter().any(|error| error.name() == *name), "{name} is no error");
        }
        for (error, blame) in abi::Error::ALL {
            assert!(!kernel_text(*error).is_empty() && !blame.is_empty(), "{error}");
        }
    }
}
