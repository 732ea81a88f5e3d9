//! A table as the `names` protocol lists it.

use alloc::{string::String, vec::Vec};

use protocol::names::{self, Entry};
use protocol::{Error, List, Text};

use crate::{Binding, Name, Table, fold};

impl Table {
    /// Names in alphabetical order, from the `skip`-th on, as many as a message holds.
    #[must_use]
    pub fn list(&self, skip: usize) -> List<Entry, 4> {
        let some: Vec<Entry> = self.names.values().skip(skip).take(4).map(entry).collect();
        List::new(some).unwrap_or_default()
    }

    /// One name.
    ///
    /// # Errors
    /// `NotFound`, `InvalidName`.
    pub fn look(&self, name: &str) -> Result<Entry, Error> {
        self.names.get(&fold(name)?).map(entry).ok_or(Error::NotFound)
    }
}

fn entry(name: &Name) -> Entry {
    let bindings: Vec<names::Binding> = name.bindings.iter().map(binding).collect();
    Entry { name: Text::cut(&name.written), bindings: List::new(bindings).unwrap_or_default() }
}

fn binding(binding: &Binding) -> names::Binding {
    match binding {
        Binding::Service(target) => {
            let narrowings: String = target.narrowings.join(" / ");
            names::Binding::Service { service: Text::cut(&target.service), narrowings: Text::cut(&narrowings) }
        }
        Binding::Defer(text) => names::Binding::Defer(Text::cut(text)),
        Binding::Path(text) => names::Binding::Path(Text::cut(text)),
    }
}
