//! Paths: `NAME:dir/file`.
//!
//! | written | means |
//! |---|---|
//! | `NAME:dir/file` | below the assign NAME |
//! | `:file`, `/file` | below the root of the current directory's assign |
//! | `file` | below the current directory |
//!
//! `.` and `..` are left to the file server, which never goes above the assign; joining resolves none of them.

use alloc::string::{String, ToString};

use protocol::{
    Error,
    fs::{MAX_NAME, MAX_PATH, MAX_REQUEST_PATH},
};

use crate::env;

/// The assign's name and the path below it (no slash at either end), from a path and the current directory.
pub fn split(path: &str) -> Result<(String, String), Error> {
    split_at(path, &env::current_dir())
}

/// [`split`] with a given current directory.
pub fn split_at(path: &str, cwd: &str) -> Result<(String, String), Error> {
    check(path)?;
    if let Some((name, rest)) = named(path) {
        if !name.is_empty() {
            return Ok((name.to_string(), trim(rest).to_string()));
        }
        let (name, _) = named(cwd).ok_or(Error::InvalidName)?;
        return Ok((name.to_string(), trim(rest).to_string()));
    }
    let (name, dir) = named(cwd).ok_or(Error::InvalidName)?;
    if path.starts_with('/') {
        return Ok((name.to_string(), trim(path).to_string()));
    }
    let (dir, path) = (trim(dir), trim(path));
    let joined = match (dir.is_empty(), path.is_empty()) {
        (true, _) => path.to_string(),
        (_, true) => dir.to_string(),
        _ => alloc::format!("{dir}/{path}"),
    };
    check(&joined)?;
    Ok((name.to_string(), joined))
}

/// A path as people write it whole: `NAME:dir/file`, with `.` and `..` resolved.
pub fn canonical(path: &str) -> Result<String, Error> {
    let (name, rest) = split(path)?;
    let mut parts = alloc::vec::Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Ok(alloc::format!("{name}:{}", parts.join("/")))
}

/// A path with a component added: `SYS:` and `x` give `SYS:x`.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() || dir.ends_with(':') || dir.ends_with('/') {
        alloc::format!("{dir}{name}")
    } else {
        alloc::format!("{dir}/{name}")
    }
}

/// Directory and last component of a path: `SYS:a/b` gives `SYS:a` and `b`.
pub fn parent(path: &str) -> (&str, &str) {
    match path.rfind(['/', ':']) {
        Some(at) if path.as_bytes().get(at) == Some(&b':') => path.split_at(at + 1),
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => ("", path),
    }
}

/// Name and rest, if there is a colon before any slash.
fn named(path: &str) -> Option<(&str, &str)> {
    let (name, rest) = path.split_once(':')?;
    (!name.contains('/')).then_some((name, rest))
}

fn trim(path: &str) -> &str {
    path.trim_matches('/')
}

fn check(path: &str) -> Result<(), Error> {
    if path.len() > MAX_PATH {
        return Err(Error::Limit);
    }
    if path.bytes().any(|byte| byte == 0) || path.split('/').any(|part| part.len() > MAX_NAME + 33) {
        return Err(Error::InvalidName);
    }
    Ok(())
}

/// Cuts a long path into what one request can hold and the rest, at a slash.
pub(crate) fn first_part(path: &str) -> Result<(&str, &str), Error> {
    if path.len() <= MAX_REQUEST_PATH {
        return Ok((path, ""));
    }
    let head = path.as_bytes().get(..=MAX_REQUEST_PATH).ok_or(Error::InvalidName)?;
    let at = head.iter().rposition(|byte| *byte == b'/').ok_or(Error::InvalidName)?;
    Ok((path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, cwd: &str) -> String {
        let (name, rest) = split_at(path, cwd).unwrap();
        alloc::format!("{name}|{rest}")
    }

    #[test]
    fn paths_find_their_assign() {
        for (path, cwd, found) in [
            ("SYS:a/b", "RAM:x", "SYS|a/b"),
            ("SYS:", "RAM:x", "SYS|"),
            ("SYS:/a/", "RAM:x", "SYS|a"),
            (":a", "RAM:x", "RAM|a"),
            ("/a", "RAM:x", "RAM|a"),
            ("a", "RAM:x/", "RAM|x/a"),
            ("", "RAM:x", "RAM|x"),
            ("..", "RAM:x", "RAM|x/.."),
            ("a/b:c", "RAM:", "RAM|a/b:c"),
        ] {
            assert_eq!(at(path, cwd), found, "{path} in {cwd}");
        }
        assert_eq!(split_at("a", "nowhere"), Err(Error::InvalidName));
        assert_eq!(split_at("a\0b", "RAM:"), Err(Error::InvalidName));
    }

    #[test]
    fn canonical_paths_join_and_split() {
        assert_eq!(canonical("SYS:a/./b/../c"), Ok("SYS:a/c".into()));
        assert_eq!(canonical("SYS:../.."), Ok("SYS:".into()));
        assert_eq!(join("SYS:", "x"), "SYS:x");
        assert_eq!(join("SYS:a", "x"), "SYS:a/x");
        assert_eq!(parent("SYS:a/b"), ("SYS:a", "b"));
        assert_eq!(parent("SYS:a"), ("SYS:", "a"));
        assert_eq!(parent("a"), ("", "a"));
    }

    #[test]
    fn long_paths_are_cut_at_a_slash() {
        let path = core::array::from_fn::<_, 20, _>(|_| "d".repeat(200)).join("/");
        let mut rest = path.as_str();
        let mut parts = 0;
        while !rest.is_empty() {
            let (part, after) = first_part(rest).unwrap();
            assert!(part.len() <= MAX_REQUEST_PATH && part.split('/').all(|part| part.len() == 200));
            parts += part.split('/').count();
            rest = after;
        }
        assert_eq!(parts, 20);
        assert_eq!(first_part(&"d".repeat(2000)), Err(Error::InvalidName));
    }
}
