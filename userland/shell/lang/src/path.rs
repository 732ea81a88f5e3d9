//! Paths: `NAME:dir/file`.
//!
//! Rules (the merged reading): `:x` and `/x` start at the root of the current volume, `.` and `..` work, `..` never
//! leaves the volume, the empty path is the current directory. A joined path is always `NAME:a/b`, without `.`, `..`,
//! doubled or trailing slashes. Volume names are compared without regard to case; spelling is kept.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::fault::{Fault, code};

/// Longest path, in bytes.
pub const MAX_PATH: usize = 4_095;
/// Longest component or volume name, in bytes.
pub const MAX_COMPONENT: usize = 255;

/// Splits `NAME:rest`. Without a colon (or with a slash before it) there is no volume; in `:rest` it is empty.
pub fn split(path: &str) -> (Option<&str>, &str) {
    match path.split_once(':') {
        Some((volume, rest)) if !volume.contains('/') => (Some(volume), rest),
        _ => (None, path),
    }
}

/// The components of what [`split`] left, without empty ones.
pub fn components(rest: &str) -> impl Iterator<Item = &str> {
    rest.split('/').filter(|component| !component.is_empty())
}

/// Joins `path` to `current`, a joined path itself.
///
/// # Errors
/// `InvalidName`: a control character, a colon inside a component, or something too long.
pub fn join(current: &str, path: &str) -> Result<String, Fault> {
    let (volume, rest) = split(path);
    let (here, below) = split(current);
    let from_root = rest.starts_with('/');
    let (volume, mut parts): (&str, Vec<&str>) = match volume {
        Some(name) if !name.is_empty() => (name, Vec::new()),
        Some(_) => (here.unwrap_or(""), Vec::new()),
        None if from_root => (here.unwrap_or(""), Vec::new()),
        None => (here.unwrap_or(""), components(below).collect()),
    };
    for component in components(rest) {
        match component {
            "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    let joined = format!("{volume}:{}", parts.join("/"));
    check(&joined)?;
    Ok(joined)
}

/// Checks a joined path: lengths and characters.
///
/// # Errors
/// `InvalidName`.
pub fn check(path: &str) -> Result<(), Fault> {
    let bad = |what: &str| Err(Fault::new(code::INVALID_NAME, format!("\"{path}\": {what}")));
    let (volume, rest) = split(path);
    if path.len() > MAX_PATH {
        return Err(Fault::new(code::INVALID_NAME, "a path has at most 4,095 bytes"));
    }
    if path.chars().any(char::is_control) {
        return bad("a path has no control characters");
    }
    if volume.is_none_or(str::is_empty) {
        return bad("a path begins with a volume, as in SYS:c");
    }
    if rest.contains(':') {
        return bad("a colon stands only after the volume's name");
    }
    if volume.into_iter().chain(components(rest)).any(|component| component.len() > MAX_COMPONENT) {
        return bad("a name has at most 255 bytes");
    }
    Ok(())
}

/// The last component, or of a volume's root its name with the colon.
pub fn file_name(path: &str) -> &str {
    let (_, rest) = split(path);
    components(rest).last().unwrap_or(path)
}

/// The directory a joined path lies in; a root is its own.
pub fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(at) => path.get(..at).unwrap_or(path),
        None => path.find(':').and_then(|colon| path.get(..=colon)).unwrap_or(path),
    }
}

/// Whether two volume names (without colon) are the same.
pub fn same_volume(a: &str, b: &str) -> bool {
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(current: &str, path: &str) -> String {
        join(current, path).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn a_full_path_stands_for_itself() {
        assert_eq!(joined("SYS:", "RAM:a/b"), "RAM:a/b");
        assert_eq!(joined("SYS:c", "RAM:"), "RAM:");
    }

    #[test]
    fn a_relative_path_goes_on_from_here() {
        assert_eq!(joined("SYS:", "c"), "SYS:c");
        assert_eq!(joined("SYS:c", "x/y"), "SYS:c/x/y");
        assert_eq!(joined("SYS:c", ""), "SYS:c");
    }

    #[test]
    fn colon_and_slash_mean_the_root() {
        assert_eq!(joined("SYS:a/b", ":"), "SYS:");
        assert_eq!(joined("SYS:a/b", ":c"), "SYS:c");
        assert_eq!(joined("SYS:a/b", "/c"), "SYS:c");
        assert_eq!(joined("SYS:a/b", "//c/"), "SYS:c");
    }

    #[test]
    fn dots_work_and_never_leave_the_volume() {
        assert_eq!(joined("SYS:a/b", ".."), "SYS:a");
        assert_eq!(joined("SYS:a/b", "../../../.."), "SYS:");
        assert_eq!(joined("SYS:a", "./x/../y/."), "SYS:a/y");
        assert_eq!(joined("SYS:a", "RAM:../x"), "RAM:x");
        assert_eq!(joined("SYS:a", "..."), "SYS:a/...");
    }

    #[test]
    fn bad_paths_are_refused() {
        for path in ["a:b:c", "x\ny", "a/b:c", &"x".repeat(256), &"x/".repeat(3_000)] {
            assert_eq!(join("SYS:", path).map_err(|fault| fault.code), Err(code::INVALID_NAME), "{path}");
        }
        assert!(join("", "x").is_err());
        assert!(join("SYS:", &"x".repeat(255)).is_ok());
    }

    #[test]
    fn names_and_parents() {
        assert_eq!((file_name("SYS:a/b"), parent("SYS:a/b")), ("b", "SYS:a"));
        assert_eq!((file_name("SYS:a"), parent("SYS:a")), ("a", "SYS:"));
        assert_eq!((file_name("SYS:"), parent("SYS:")), ("SYS:", "SYS:"));
    }

    #[test]
    fn volumes_have_no_case() {
        assert!(same_volume("Sys", "SYS") && same_volume("Ä", "ä") && !same_volume("SYS", "SYS2"));
        assert_eq!(split("a/b:c"), (None, "a/b:c"));
    }
}
