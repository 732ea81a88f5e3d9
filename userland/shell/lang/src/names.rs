//! Tables by name, without regard to case but keeping the spelling: variables, aliases, parameters.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::fault::{Fault, code};

/// Longest name, in bytes, and most entries.
const MAX_NAME: usize = 64;
const MAX_ENTRIES: usize = 512;

/// A table from names to values, ordered by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names<V> {
    entries: BTreeMap<String, (String, V)>,
}

impl<V> Default for Names<V> {
    fn default() -> Self {
        Names { entries: BTreeMap::new() }
    }
}

impl<V> Names<V> {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.entries.get(&name.to_lowercase()).map(|(_, value)| value)
    }

    /// Sets a name; the first spelling stays.
    ///
    /// # Errors
    /// `InvalidName` for a name that is empty, longer than 64 bytes, or has other characters than letters, digits, `_`,
    /// `-` and `.`; `Limit` beyond 512 names.
    pub fn set(&mut self, name: &str, value: V) -> Result<(), Fault> {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '?' | '!');
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
            let text = alloc::format!("\"{name}\" is no name: up to 64 letters, digits, _ and -");
            return Err(Fault::new(code::INVALID_NAME, text));
        }
        let key = name.to_lowercase();
        if let Some((_, old)) = self.entries.get_mut(&key) {
            *old = value;
            return Ok(());
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Err(Fault::new(code::LIMIT, "at most 512 names are possible"));
        }
        self.entries.insert(key, (String::from(name), value));
        Ok(())
    }

    /// Removes a name and says whether it was there.
    pub fn remove(&mut self, name: &str) -> Option<V> {
        self.entries.remove(&name.to_lowercase()).map(|(_, value)| value)
    }

    /// All names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.entries.values().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
