//! "Did you mean": the nearest known name by edit distance (insert, delete, replace, swap of neighbours).

use alloc::vec::Vec;

/// Longest name that is compared.
const MAX_NAME: usize = 32;

/// The known name nearest to `name`, if it is near enough: one edit for up to 3 letters, two for up to 6, else three.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    if name.is_empty() || name.len() > MAX_NAME {
        return None;
    }
    let allowed = match name.len() {
        1 => return None,
        2..=3 => 1,
        4..=6 => 2,
        _ => 3,
    };
    let best = known.map(|other| (distance(&name, other), other)).min_by_key(|&(distance, _)| distance);
    best.filter(|&(distance, _)| distance <= allowed && distance < name.len()).map(|(_, other)| other)
}

/// Edits between a lower-case name and `other`, in whatever case.
fn distance(name: &[char], other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().take(MAX_NAME + 1).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, &a) in name.iter().enumerate() {
        let mut row = alloc::vec![i + 1];
        for (j, &b) in other.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, j) + usize::from(a != b);
            let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && name.get(i - 1) == Some(&b) && other.get(j - 1) == Some(&a);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = core::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 6] = ["LIST", "DIR", "DELETE", "VERSION", "CD", "copy"];

    fn near(name: &str) -> Option<&'static str> {
        nearest(name, KNOWN.into_iter())
    }

    #[test]
    fn typing_mistakes_are_found() {
        assert_eq!(near("lsit"), Some("LIST"));
        assert_eq!(near("dri"), Some("DIR"));
        assert_eq!(near("delet"), Some("DELETE"));
        assert_eq!(near("verzoin"), Some("VERSION"));
        assert_eq!(near("COPPY"), Some("copy"));
    }

    #[test]
    fn far_names_are_not() {
        assert_eq!(near("x"), None);
        assert_eq!(near("nosuch"), None);
        assert_eq!(near("zz"), None);
        assert_eq!(near(&"l".repeat(100)), None);
    }
}
