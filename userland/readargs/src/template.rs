//! Templates: `FROM/A/M,TO=AS/A,R=ALL/S` taken apart and checked.

use alloc::format;
use alloc::vec::Vec;

use crate::error::{Code, Error};

/// Most items of a template, and most names of an item.
const MAX_ITEMS: usize = 64;
const MAX_NAMES: usize = 8;

/// What an item takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One word.
    Text,
    /// `/N`: a number.
    Number,
    /// `/S`: nothing; it is on when named.
    Switch,
    /// `/T`: ON, YES, OFF or NO.
    Toggle,
    /// `/F`: the rest of the line, as it was typed.
    Rest,
}

/// One item of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'t> {
    names: Vec<&'t str>,
    kind: Kind,
    required: bool,
    keyword: bool,
    many: bool,
}

impl<'t> Item<'t> {
    /// All names, in the template's order. An item without a name has one empty name.
    pub fn names(&self) -> &[&'t str] {
        &self.names
    }

    /// The name for people: the longest, of equals the first.
    pub fn name(&self) -> &'t str {
        self.names.iter().rev().max_by_key(|name| name.len()).copied().unwrap_or("")
    }

    /// What errors call it.
    pub(crate) fn title(&self) -> &'t str {
        if self.name().is_empty() { "the argument" } else { self.name() }
    }

    /// The one-letter name, if there is one: the `x` of `-x`.
    pub fn letter(&self) -> Option<char> {
        self.names.iter().find(|name| name.len() == 1).and_then(|name| name.chars().next())
    }

    /// What it takes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `/A`: it must be there.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// `/K` (or `/T`): its value counts only after its keyword.
    pub fn needs_keyword(&self) -> bool {
        self.keyword
    }

    /// `/M`: it takes what fits nowhere else.
    pub fn is_many(&self) -> bool {
        self.many
    }

    /// Whether a word without keyword can be its value.
    pub fn is_positional(&self) -> bool {
        !self.keyword && !matches!(self.kind, Kind::Switch | Kind::Toggle)
    }

    /// Whether `name` is one of its names, in any case.
    pub fn answers_to(&self, name: &str) -> bool {
        !name.is_empty() && self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// A template, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<'t> {
    source: &'t str,
    items: Vec<Item<'t>>,
}

impl<'t> Template<'t> {
    /// Takes a template apart. The empty one is of a command without arguments.
    ///
    /// # Errors
    /// `BadTemplate`: an unknown or contradictory modifier, a name given twice, two `/M` or `/F`, or more than 64 items.
    pub fn new(source: &'t str) -> Result<Self, Error> {
        let mut items = Vec::new();
        if !source.is_empty() {
            for part in source.split(',') {
                items.push(item(source, part)?);
            }
        }
        let template = Template { source, items };
        template.check()?;
        Ok(template)
    }

    /// The text it was made of.
    pub fn source(&self) -> &'t str {
        self.source
    }

    /// The items in order.
    pub fn items(&self) -> &[Item<'t>] {
        &self.items
    }

    /// The item that answers to `name`, with its index; the empty name finds the first item without a name.
    pub fn find(&self, name: &str) -> Option<(usize, &Item<'t>)> {
        let found = |item: &&Item<'t>| item.answers_to(name) || (name.is_empty() && item.name().is_empty());
        self.items.iter().enumerate().find(|(_, item)| found(item))
    }

    fn check(&self) -> Result<(), Error> {
        if self.items.len() > MAX_ITEMS {
            return Err(bad(self.source, "has more than 64 items"));
        }
        if self.items.iter().filter(|item| item.many).count() > 1 {
            return Err(bad(self.source, "has more than one /M"));
        }
        if self.items.iter().filter(|item| item.kind == Kind::Rest).count() > 1 {
            return Err(bad(self.source, "has more than one /F"));
        }
        for (index, item) in self.items.iter().enumerate() {
            for name in &item.names {
                let before = self.items.get(..index).unwrap_or(&[]);
                if before.iter().any(|other| other.answers_to(name)) {
                    return Err(bad(self.source, &format!("has {name} twice")));
                }
            }
        }
        Ok(())
    }
}

/// Takes one `A=B/K/N` apart.
fn item<'t>(source: &str, part: &'t str) -> Result<Item<'t>, Error> {
    let mut pieces = part.trim().split('/');
    let names: Vec<&'t str> = pieces.next().unwrap_or("").split('=').collect();
    let well_named = |name: &&str| -> bool { name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') };
    if names.len() > MAX_NAMES || !names.iter().all(well_named) || names.len() > 1 && names.contains(&"") {
        return Err(bad(source, &format!("has a bad name in {part:?}")));
    }
    let mut item = Item { names, kind: Kind::Text, required: false, keyword: false, many: false };
    for modifier in pieces {
        let kind = match modifier {
            "A" | "a" => {
                item.required = true;
                continue;
            }
            "K" | "k" => {
                item.keyword = true;
                continue;
            }
            "M" | "m" => {
                item.many = true;
                continue;
            }
            "S" | "s" => Kind::Switch,
            "N" | "n" => Kind::Number,
            "T" | "t" => Kind::Toggle,
            "F" | "f" => Kind::Rest,
            _ => return Err(bad(source, &format!("has an unknown modifier in {part:?}"))),
        };
        if item.kind != Kind::Text && item.kind != kind {
            return Err(bad(source, &format!("has modifiers that contradict in {part:?}")));
        }
        item.kind = kind;
    }
    let single = matches!(item.kind, Kind::Switch | Kind::Toggle | Kind::Rest);
    let pointless = item.kind == Kind::Switch && (item.required || item.keyword);
    let unreachable = item.name().is_empty() && !item.is_positional();
    if (single && item.many) || pointless || unreachable {
        return Err(bad(source, &format!("has modifiers that contradict in {part:?}")));
    }
    item.keyword |= item.kind == Kind::Toggle;
    Ok(item)
}

fn bad(source: &str, what: &str) -> Error {
    Error::new(Code::BadTemplate, format!("the template \"{source}\" {what}"))
}
