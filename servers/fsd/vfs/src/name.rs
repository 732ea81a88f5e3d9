//! Components of paths.

use alloc::string::String;
use protocol::Error;
use protocol::fs::MAX_NAME;

/// Whether a file may be called so: 1 to 255 bytes, not `.` or `..`, without `/`, `:` and control characters.
///
/// # Errors
/// [`Error::InvalidName`].
pub fn check(name: &str) -> Result<(), Error> {
    let special = matches!(name, "" | "." | "..");
    let forbidden = |c: char| matches!(c, '/' | ':') || c.is_control();
    if special || name.len() > MAX_NAME || name.chars().any(forbidden) {
        return Err(Error::InvalidName);
    }
    Ok(())
}

/// What two names have in common if they differ in case only. Unicode's simple lower case, the same for everybody: a
/// volume's meaning must not depend on a language.
#[must_use]
pub fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_and_impossible_ones() {
        for good in ["a", "Startup-Sequence", "a b", "...", "caf\u{e9}"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "RAM:", "a\nb", "\0"] {
            assert_eq!(check(bad), Err(Error::InvalidName), "{bad:?}");
        }
        assert_eq!(check(&"x".repeat(255)), Ok(()));
        assert_eq!(check(&"x".repeat(256)), Err(Error::InvalidName));
    }

    #[test]
    fn case_is_folded_beyond_ascii() {
        assert_eq!(fold("C\u{c4}t"), fold("c\u{e4}T"));
        assert_ne!(fold("a"), fold("\u{e4}"));
    }
}
