//! Narrowings: the texts behind names such as `SYS:` and `T:`, applied in order, each of which can only shrink.
//!
//! `SYS: r`, `RAM:T rw`, then perhaps `letters/old r`: a volume (in the first one only), a path, and the rights that are
//! left: `r` read, `w` write, `a` append only.

use crate::Error;
use protocol::fs::Rights;

/// A narrowing, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrowing<'a> {
    /// The volume's name without its colon, if it says one.
    pub volume: Option<&'a str>,
    /// From there; empty for the top.
    pub path: &'a str,
    /// What is left; `None`: all there was.
    pub rights: Option<Rights>,
}

/// Takes a narrowing apart. The last word is rights if it consists of their letters and something stands before it.
///
/// # Errors
/// `InvalidName` for one without a volume or a path.
pub fn parse(text: &str) -> Result<Narrowing<'_>, Error> {
    let text = text.trim();
    let (place, rights) = match text.rsplit_once(' ') {
        Some((place, word)) if letters(word).is_some() => (place.trim_end(), letters(word)),
        _ => (text, None),
    };
    let (volume, path) = match place.split_once(':') {
        Some((volume, path)) if !volume.is_empty() => (Some(volume), path),
        Some(_) => return Err(Error::InvalidName),
        None => (None, place),
    };
    if volume.is_none() && path.is_empty() {
        return Err(Error::InvalidName);
    }
    Ok(Narrowing { volume, path, rights })
}

/// What two sets of rights leave together: reading and writing only if both have it, append-only if either demands it.
#[must_use]
pub fn shrink(have: Rights, asked: Rights) -> Rights {
    let both = have & asked & (Rights::READ | Rights::WRITE);
    both | ((have | asked) & Rights::APPEND)
}

fn letters(word: &str) -> Option<Rights> {
    let mut rights = Rights::empty();
    for letter in word.chars() {
        rights |= match letter {
            'r' => Rights::READ,
            'w' => Rights::WRITE,
            'a' => Rights::WRITE | Rights::APPEND,
            _ => return None,
        };
    }
    (!word.is_empty()).then_some(rights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_path_and_rights() {
        let narrowing = |volume, path, rights| Ok(Narrowing { volume, path, rights });
        assert_eq!(parse("SYS: r"), narrowing(Some("SYS"), "", Some(Rights::READ)));
        assert_eq!(parse("RAM:T rw"), narrowing(Some("RAM"), "T", Some(Rights::READ | Rights::WRITE)));
        assert_eq!(parse("my letters/old ra"), narrowing(None, "my letters/old", letters("ra")));
        assert_eq!(parse("my letters"), narrowing(None, "my letters", None));
        assert_eq!(parse(""), Err(Error::InvalidName));
        assert_eq!(parse(":x r"), Err(Error::InvalidName));
    }

    #[test]
    fn rights_only_shrink() {
        let (r, w, a) = (Rights::READ, Rights::WRITE, Rights::APPEND);
        assert_eq!(shrink(r, r | w), r);
        assert_eq!(shrink(r | w, w), w);
        assert_eq!(shrink(r | w, w | a), w | a);
        assert_eq!(shrink(w | a, r | w), w | a, "append-only is not lost");
    }
}
