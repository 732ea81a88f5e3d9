//! Names in archives: relative paths such as `S/Startup-Sequence`.
//!
//! Only printable ASCII, so that "the same name but for case" means the same to every reader, whatever its tables of
//! letters.

use core::cmp::Ordering;

/// Bytes a name may have.
pub const MAX_NAME: usize = 1024;
/// Bytes a component may have.
pub const MAX_COMPONENT: usize = 255;

/// Whether `name` may stand in an archive: 1 to 1,024 bytes of printable ASCII without `:`, `\` and `"`, made of
/// components of 1 to 255 bytes between single slashes, none of them `.` or `..`.
#[must_use]
pub fn check(name: &str) -> bool {
    let printable = name.bytes().all(|b| (b' '..=b'~').contains(&b) && !matches!(b, b':' | b'\\' | b'"'));
    let component = |c: &str| !c.is_empty() && c.len() <= MAX_COMPONENT && c != "." && c != "..";
    printable && name.len() <= MAX_NAME && name.split('/').all(component)
}

/// The bytes of `name` without the difference of upper and lower case. `/` sorts before every other character a name may
/// have but the few below it, which does no harm: all that counts is that every reader and writer sorts alike.
pub fn fold(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(|b| b.to_ascii_lowercase())
}

/// The order of the table: by folded bytes.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    fold(a).cmp(fold(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_ordinary_paths_only() {
        for good in ["C/echo", "S/Startup-Sequence", "init", "www/a b.html", "a/..b"] {
            assert!(check(good), "{good}");
        }
        for bad in ["", "/C", "C/", "C//x", "../x", "a/./b", "SYS:x", "a\\b", "caf\u{e9}", "a\nb"] {
            assert!(!check(bad), "{bad:?}");
        }
        let long = [b'a'; 256];
        assert!(!check(core::str::from_utf8(&long).unwrap()));
        assert!(check(core::str::from_utf8(&long[1..]).unwrap()));
    }

    #[test]
    fn case_makes_no_difference() {
        assert_eq!(compare("C/Echo", "c/eCHO"), Ordering::Equal);
        assert_eq!(compare("C/a", "c/B"), Ordering::Less);
    }
}
