//! From a mangled symbol to a name for people, short enough for a line of a log.
//!
//! | the demangler's | here |
//! |---|---|
//! | `<a::T<X>>::f::<Y>` | `a::T::f` |
//! | `a::b::<impl a::T<X>>::f` | `a::T::f` |
//! | `<a::T<X> as c::d::Trait<Y>>::f` | `<a::T as Trait>::f` |
//! | `core::ptr::drop_in_place::<a::T<X>>` | `core::ptr::drop_in_place::<a::T>` |
//!
//! Hashes and generic arguments are dropped: which instance it was, the frames around it tell. What is dropped where is the
//! only thing that matters, so the demangler's text is cut up instead of parsing manglings a second time.

use alloc::format;
use alloc::string::String;

/// Demangled and shortened. What is no mangled name stays as it is.
pub(crate) fn readable(mangled: &str) -> String {
    shorten(&format!("{:#}", rustc_demangle::demangle(mangled)))
}

/// At most `length` bytes; what is cut off is shown as two dots.
pub(crate) fn cut(name: &str, length: usize) -> String {
    if name.len() <= length {
        return name.into();
    }
    let end = (0..=length.saturating_sub(2)).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    format!("{}..", name.get(..end).unwrap_or_default())
}

fn shorten(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.find('<').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let Some((inner, after)) = bracket(from) else {
            out.push_str(from);
            return out;
        };
        rest = after;
        if let Some(of) = inner.strip_prefix("impl ").filter(|_| out.ends_with("::")) {
            // Where the implementation stands does not matter, what it is for does.
            out.clear();
            match of.split_once(" for ") {
                Some((of_trait, of_type)) => out.push_str(&qualified(of_type, Some(of_trait))),
                None => out.push_str(&qualified(of, None)),
            }
        } else if out.ends_with("drop_in_place::") || out.ends_with("drop_in_place") {
            out.push_str(&format!("<{}>", shorten(inner)));
        } else if out.ends_with("::") {
            out.truncate(out.len() - 2);
        } else if !out.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            match split_as(inner) {
                Some((of_type, of_trait)) => out.push_str(&qualified(of_type, Some(of_trait))),
                None => out.push_str(&qualified(inner, None)),
            }
        }
    }
    out.push_str(rest);
    out
}

/// The start of a path: `<type as Trait>`, a type's own path, or `<type>` where it has none.
fn qualified(of_type: &str, of_trait: Option<&str>) -> String {
    let of_type = shorten(of_type);
    if let Some(of_trait) = of_trait {
        let of_trait = shorten(of_trait);
        return format!("<{of_type} as {}>", of_trait.rsplit("::").next().unwrap_or_default());
    }
    let path = of_type.chars().all(|c| c.is_alphanumeric() || "_:{}#".contains(c));
    if path { of_type } else { format!("<{of_type}>") }
}

/// What stands between an opening bracket and the one that closes it, and what comes after.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            // `->` closes nothing.
            b'>' if !text.get(..at)?.ends_with('-') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((text.get(1..at)?, text.get(at + 1..)?));
        }
    }
    None
}

/// Splits `type as Trait`, outside of brackets.
fn split_as(text: &str) -> Option<(&str, &str)> {
    let outside = |(at, _): &(usize, &str)| {
        let before = text.get(..*at).unwrap_or_default();
        before.matches('<').count() + before.matches("->").count() == before.matches('>').count()
    };
    let (at, word) = text.match_indices(" as ").find(outside)?;
    Some((text.get(..at)?, text.get(at + word.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_only_a_compiler_needs() {
        for (demangled, name) in [
            ("main", "main"),
            ("kcore::list::pools::remove", "kcore::list::pools::remove"),
            (
                "<tcpip::dns::Resolver>::poll::<<tcpip::Stack<netd::Maker>>::poll::{closure#1}>",
                "tcpip::dns::Resolver::poll",
            ),
            ("<tcpip::Stack<netd::Maker>>::poll::{closure#1}", "tcpip::Stack::poll::{closure#1}"),
            ("kcore::memory::<impl kcore::state::Cx<H>>::seal", "kcore::state::Cx::seal"),
            ("a::b::<impl c::d::Show for a::T<X>>::show", "<a::T as Show>::show"),
            ("<alloc::vec::Vec<u8> as core::convert::From<&[u8]>>::from", "<alloc::vec::Vec as From>::from"),
            ("<[u8; 6] as core::fmt::Debug>::fmt", "<[u8; 6] as Debug>::fmt"),
            ("<[a::T<X>]>::sort::<Y>", "<[a::T]>::sort"),
            ("<<a::T as b::U>::V as c::W>::f", "<<a::T as U>::V as W>::f"),
            ("<fn(a::T) -> b::U<X> as c::Call<(Z,)>>::call::<fn() -> Y>", "<fn(a::T) -> b::U as Call>::call"),
            ("core::ptr::drop_in_place::<alloc::vec::Vec<a::T>>", "core::ptr::drop_in_place::<alloc::vec::Vec>"),
            ("a::broken<b::c", "a::broken<b::c"),
            ("odd>>", "odd>>"),
        ] {
            assert_eq!(shorten(demangled), name, "{demangled}");
        }
    }

    #[test]
    fn both_manglings_are_read() {
        assert_eq!(readable("_ZN5kcore4list5pools6remove17hffc7f0fd21ec8758E"), "kcore::list::pools::remove");
        assert_eq!(readable("_RNvMs_NtCs1234_7mycrate3fooNtB4_3Bar3baz"), "mycrate::foo::Bar::baz");
        assert_eq!(readable("memcpy"), "memcpy");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lon..");
        assert_eq!(cut("aäöü", 5), "aä..");
        assert_eq!(cut("ä", 1), "..");
    }
}
