//! A process's name space: names, what they are bound to, and narrowings (`contracts.md` §7).
//!
//! ```text
//!  Table ── Name "SYS" ── Binding ── Target: service "fs", narrowings ["SYS: r", "C"]
//!                      └─ Binding …  (multi-assign: tried in order)
//! ```
//!
//! Rules:
//! * Names compare without regard to ASCII case, and stand here without their colon.
//! * A new binding is made from an existing one: its narrowings are kept, at most one is added. So what a process can bind
//!   never reaches further than what it could already open; only [`Table::grant`], which is init's, makes a target anew.
//! * Everything has a bound, those of `contracts.md` §13; an operation that fails changes nothing.
//!
//! A copy shares its names with the original until one of them changes. Neighbours: init keeps a table per process and
//! answers the `names` protocol from it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod show;

use alloc::{borrow::ToOwned, collections::BTreeMap, rc::Rc, string::String, vec::Vec};

use protocol::Error;
use protocol::names::{Place, Source};

/// Names in a table, at most.
pub const MAX_NAMES: usize = 64;
/// Bindings of a name, at most.
pub const MAX_BINDINGS: usize = 8;
/// Narrowings of a binding, at most.
pub const MAX_NARROWINGS: usize = 4;
/// Bytes of a narrowing, at most.
pub const MAX_NARROWING: usize = 128;
/// Bytes of all narrowings and texts in a table, at most.
pub const MAX_TEXT: usize = 8 << 10;
/// What a text, a binding or a name takes beside its bytes, about.
const OVERHEAD: usize = 64;
/// Bytes of a name, at most.
pub const MAX_NAME: usize = 32;

/// A service and what it is to apply, in order; each narrowing can only shrink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The service's name.
    pub service: String,
    /// Texts that only the service reads.
    pub narrowings: Vec<String>,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// A service.
    Service(Target),
    /// A text that the shell resolves at the first use.
    Defer(String),
    /// A text that the shell resolves at every use.
    Path(String),
}

impl Binding {
    fn bytes(&self) -> usize {
        match self {
            Binding::Service(target) => target.narrowings.iter().map(String::len).sum(),
            Binding::Defer(text) | Binding::Path(text) => text.len(),
        }
    }
}

/// A name, as it was written, and its bindings in the order they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    written: String,
    bindings: Vec<Binding>,
}

type Names = BTreeMap<String, Name>;

/// A name space.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    names: Rc<Names>,
    /// See [`Table::weight`].
    weight: usize,
}

impl Table {
    /// Without names.
    #[must_use]
    pub fn new() -> Table {
        Table::default()
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// About how many bytes the table takes: to bound what all tables take together.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// The names, to change them; the table is weighed afterwards.
    fn change(&mut self, change: impl FnOnce(&mut Names)) {
        let names = Rc::make_mut(&mut self.names);
        change(names);
        let texts = |binding: &Binding| match binding {
            Binding::Service(target) => target.service.len() + OVERHEAD * target.narrowings.len(),
            Binding::Defer(_) | Binding::Path(_) => 0,
        };
        let name = |name: &Name| {
            let bindings = name.bindings.iter().map(|b| OVERHEAD + texts(b) + b.bytes()).sum::<usize>();
            2 * OVERHEAD + bindings
        };
        self.weight = names.values().map(name).sum();
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Binds a name to a service: init's own, for what the manifest says. A further one comes after the others.
    ///
    /// # Errors
    /// `InvalidName`, `Limit`.
    pub fn grant(&mut self, name: &str, target: Target) -> Result<(), Error> {
        let narrow = target.narrowings.len() <= MAX_NARROWINGS;
        if !narrow || target.narrowings.iter().any(|text| text.len() > MAX_NARROWING) {
            return Err(Error::Limit);
        }
        self.put(name, Binding::Service(target), Place::Last)
    }

    /// What a binding of a name leads to, and how many bindings the name has.
    ///
    /// # Errors
    /// `NotFound`: no such name or binding.
    pub fn resolve(&self, name: &str, binding: u8) -> Result<(&Binding, u8), Error> {
        let found = self.names.get(&fold(name)?).ok_or(Error::NotFound)?;
        let one = found.bindings.get(usize::from(binding)).ok_or(Error::NotFound)?;
        Ok((one, found.bindings.len() as u8))
    }

    /// Binds a name.
    ///
    /// # Errors
    /// `NotFound`: the source's name or binding; `InvalidName`; `Limit`: one of the bounds; `WrongType`: a narrowing of a
    /// text.
    pub fn bind(&mut self, name: &str, from: &Source, place: Place) -> Result<(), Error> {
        let binding = match from {
            Source::Defer(text) => Binding::Defer(text.as_str().to_owned()),
            Source::Path(text) => Binding::Path(text.as_str().to_owned()),
            Source::Name { name, binding, narrowing } => {
                let (found, _) = self.resolve(name, *binding)?;
                narrowed(found, narrowing)?
            }
        };
        self.put(name, binding, place)
    }

    /// Removes a name, or one of its bindings; with the last binding the name goes.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`.
    pub fn unbind(&mut self, name: &str, binding: Option<u8>) -> Result<(), Error> {
        let key = fold(name)?;
        let count = self.names.get(&key).ok_or(Error::NotFound)?.bindings.len();
        match binding.map(usize::from) {
            Some(index) if index >= count => return Err(Error::NotFound),
            Some(index) if count > 1 => {
                self.change(|names| {
                    if let Some(found) = names.get_mut(&key) {
                        found.bindings.remove(index);
                    }
                });
            }
            _ => self.change(|names| drop(names.remove(&key))),
        }
        Ok(())
    }

    /// Adds a narrowing to every binding of a name.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`, `Limit`; `WrongType` if a binding is a text.
    pub fn narrow(&mut self, name: &str, narrowing: &str) -> Result<(), Error> {
        let key = fold(name)?;
        let found = self.names.get(&key).ok_or(Error::NotFound)?;
        let bindings = found.bindings.iter().map(|b| narrowed(b, narrowing)).collect::<Result<Vec<_>, _>>()?;
        self.check_text(&key, &bindings)?;
        self.change(|names| {
            if let Some(found) = names.get_mut(&key) {
                found.bindings = bindings;
            }
        });
        Ok(())
    }

    fn put(&mut self, name: &str, binding: Binding, place: Place) -> Result<(), Error> {
        let key = fold(name)?;
        let old = self.names.get(&key);
        if old.is_none() && self.names.len() >= MAX_NAMES {
            return Err(Error::Limit);
        }
        let mut bindings = match place {
            Place::Replace => Vec::new(),
            Place::First | Place::Last => old.map(|name| name.bindings.clone()).unwrap_or_default(),
        };
        let at = if place == Place::First { 0 } else { bindings.len() };
        bindings.insert(at, binding);
        if bindings.len() > MAX_BINDINGS {
            return Err(Error::Limit);
        }
        self.check_text(&key, &bindings)?;
        let written = trim(name).to_owned();
        self.change(|names| drop(names.insert(key, Name { written, bindings })));
        Ok(())
    }

    /// Whether the table's text stays within its bound when `key` has these bindings.
    fn check_text(&self, key: &str, bindings: &[Binding]) -> Result<(), Error> {
        let others = self.names.iter().filter(|(other, _)| *other != key).flat_map(|(_, name)| &name.bindings);
        let bytes: usize = others.chain(bindings).map(Binding::bytes).sum();
        if bytes <= MAX_TEXT { Ok(()) } else { Err(Error::Limit) }
    }
}

/// A binding with one more narrowing; an empty one changes nothing.
fn narrowed(binding: &Binding, narrowing: &str) -> Result<Binding, Error> {
    if narrowing.is_empty() {
        return Ok(binding.clone());
    }
    let Binding::Service(target) = binding else { return Err(Error::WrongType) };
    if target.narrowings.len() >= MAX_NARROWINGS || narrowing.len() > MAX_NARROWING {
        return Err(Error::Limit);
    }
    let mut target = target.clone();
    target.narrowings.push(narrowing.to_owned());
    Ok(Binding::Service(target))
}

/// A name without its colon.
fn trim(name: &str) -> &str {
    name.strip_suffix(':').unwrap_or(name)
}

/// The key of a name: without colon, in lower case. Names have 1 to 32 printable characters, no `:`, `/`, or quote.
fn fold(name: &str) -> Result<String, Error> {
    let name = trim(name);
    let good = |c: char| !c.is_control() && !matches!(c, ':' | '/' | '"');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(good) {
        return Err(Error::InvalidName);
    }
    Ok(name.to_ascii_lowercase())
}
