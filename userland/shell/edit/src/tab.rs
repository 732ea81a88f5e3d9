//! Completion: what Tab inserts, and the list that a second Tab shows.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::buffer::width;

/// Most candidates listed.
const MAX_LISTED: usize = 200;

/// What the candidates have in common, without regard to case, spelled as the first.
pub(crate) fn common(words: &[String]) -> &str {
    let Some((first, others)) = words.split_first() else { return "" };
    let mut end = first.len();
    for other in others {
        let same =
            first.char_indices().zip(other.chars()).take_while(|((_, a), b)| a.to_lowercase().eq(b.to_lowercase()));
        end = end.min(same.last().map_or(0, |((at, c), _)| at + c.len_utf8()));
    }
    first.get(..end).unwrap_or("")
}

/// The candidates in columns, each line ended by CR LF.
pub(crate) fn list(words: &[String], columns: usize) -> String {
    let names: Vec<&str> = words.iter().take(MAX_LISTED).map(|word| shown(word)).collect();
    let widest = names.iter().map(|name| name.chars().map(width).sum::<usize>()).max().unwrap_or(0) + 2;
    let in_row = (columns / widest).max(1);
    let mut out = String::new();
    for row in names.chunks(in_row) {
        let mut line = String::new();
        for name in row {
            line.push_str(name);
            let used: usize = name.chars().map(width).sum();
            line.extend(core::iter::repeat_n(' ', widest - used));
        }
        out.push_str(line.trim_end());
        out.push_str("\r\n");
    }
    if words.len() > MAX_LISTED {
        out.push_str(&format!("... and {} more\r\n", words.len() - MAX_LISTED));
    }
    out
}

/// A candidate without its directory: the part that differs.
fn shown(word: &str) -> &str {
    let name = word.trim_end();
    let body = name.strip_suffix(['/', ':']).unwrap_or(name);
    let start = body.rfind(['/', ':']).map_or(0, |at| at + 1);
    name.get(start..).unwrap_or(name)
}

/// Whether what was typed only differs in case from the common part, and is as long: Tab has nothing to add.
pub(crate) fn adds_nothing(typed: &str, common: &str) -> bool {
    common.len() < typed.len() || common.to_lowercase() == typed.to_lowercase()
}
