//! Completion: what may come next in a half-typed line.

use alloc::string::String;
use alloc::vec::Vec;

use crate::line::Line;
use crate::template::{Item, Kind, Template};

/// What the word under the cursor can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Keywords that start as the partial word does and are not given yet, spelled as the partial word is (`ALL`, `all`,
    /// `--all`).
    pub keywords: Vec<String>,
    /// What a plain word here would be.
    pub expect: Expect,
}

/// What a plain word at the cursor would be taken as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The value of the item with this name: most often a file.
    Value(String),
    /// A number for the item with this name.
    Number(String),
    /// One of ON, YES, OFF, NO.
    Toggle,
    /// Nothing: only a keyword fits.
    Nothing,
}

impl Template<'_> {
    /// Completes `partial`, the word under the cursor, after the whole words of `before`.
    pub fn complete(&self, before: &Line, partial: &str) -> Completion {
        let state = Seen::of(self, before);
        if let Some(item) = state.pending.and_then(|index| self.items().get(index)) {
            return Completion { keywords: Vec::new(), expect: expect(item) };
        }
        let keywords = self.items().iter().zip(&state.given).filter(|(item, given)| !**given || item.is_many());
        let keywords = keywords.filter_map(|(item, _)| spell(item.name(), partial)).collect();
        let open = |(item, given): &(&Item<'_>, &bool)| item.is_positional() && (item.is_many() || !**given);
        let slot = self.items().iter().zip(&state.given).find(open);
        Completion { keywords, expect: slot.map_or(Expect::Nothing, |(item, _)| expect(item)) }
    }

    /// What is still to give, as a grey hint behind the typed words: the items not given yet.
    pub fn hint(&self, before: &Line) -> String {
        let state = Seen::of(self, before);
        let open = self.source().split(',').zip(self.items()).zip(&state.given);
        let open: Vec<&str> =
            open.filter(|((_, item), given)| !**given || item.is_many()).map(|((part, _), _)| part.trim()).collect();
        open.join(",")
    }
}

/// Which items the words before the cursor fill; a tolerant reading of what the engine does strictly.
struct Seen {
    given: Vec<bool>,
    /// The item whose keyword is the last word, so its value comes next.
    pending: Option<usize>,
}

impl Seen {
    fn of(template: &Template<'_>, before: &Line) -> Seen {
        let mut seen = Seen { given: template.items().iter().map(|_| false).collect(), pending: None };
        for word in &before.words {
            if seen.pending.take().is_some() {
                continue;
            }
            let bare = word.text.trim_start_matches('-');
            let name = bare.split('=').next().unwrap_or("");
            let found = template.find(name).filter(|_| !name.is_empty() && word.is_plain_to(name.len()));
            match found {
                Some((index, item)) => {
                    seen.mark(index);
                    if item.kind() != Kind::Switch && !bare.contains('=') {
                        seen.pending = Some(index);
                    }
                }
                None if word.text.starts_with('-') && !word.is_quoted() => {}
                None => {
                    let open = |(item, given): (&Item<'_>, &bool)| item.is_positional() && (item.is_many() || !given);
                    if let Some(index) = template.items().iter().zip(&seen.given).position(open) {
                        seen.mark(index);
                    }
                }
            }
        }
        seen
    }

    fn mark(&mut self, index: usize) {
        if let Some(given) = self.given.get_mut(index) {
            *given = true;
        }
    }
}

fn expect(item: &Item<'_>) -> Expect {
    match item.kind() {
        Kind::Number => Expect::Number(String::from(item.name())),
        Kind::Toggle => Expect::Toggle,
        Kind::Switch => Expect::Nothing,
        Kind::Text | Kind::Rest => Expect::Value(String::from(item.name())),
    }
}

/// The keyword in the partial word's manner, if it starts so.
fn spell(name: &str, partial: &str) -> Option<String> {
    let (dashes, typed) = match partial.strip_prefix("--") {
        Some(typed) => ("--", typed),
        None if partial == "-" => ("--", ""),
        None => ("", partial),
    };
    let head = name.get(..typed.len())?;
    if name.is_empty() || !head.eq_ignore_ascii_case(typed) {
        return None;
    }
    let lower = !dashes.is_empty() || typed.chars().next().is_some_and(char::is_lowercase);
    let mut out = String::from(dashes);
    out.push_str(&if lower { name.to_ascii_lowercase() } else { name.to_ascii_uppercase() });
    Some(out)
}
