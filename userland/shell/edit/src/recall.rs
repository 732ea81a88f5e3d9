//! Lines from before: browsing by prefix (arrows, page keys) and searching (Ctrl-R).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::editor::{BELL, Editor, Helper, Mode};
use crate::key::Key;

/// Most characters of a search.
const MAX_QUERY: usize = 64;

/// Browsing the history: where it stands, the prefix, and the line it began with.
#[derive(Clone, Debug)]
pub(crate) struct Browse {
    index: usize,
    prefix: String,
    stash: String,
}

/// Ctrl-R: what is looked for, what was found, and the line it began with.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) query: String,
    found: Option<usize>,
    stash: String,
}

impl Editor {
    /// One line back in the history, with the same prefix; false if there is none.
    pub(crate) fn older(&mut self) -> bool {
        let browse = self.browse.take().unwrap_or_else(|| Browse {
            index: self.history.len(),
            prefix: self.buffer.text().to_string(),
            stash: self.buffer.text().to_string(),
        });
        let current = self.buffer.text().to_string();
        let found = self.history.older(browse.index, |line| line.starts_with(&browse.prefix) && line != current);
        let index = found.unwrap_or(browse.index);
        if let Some(line) = found.and_then(|index| self.history.get(index)) {
            self.buffer.set(line);
        }
        self.browse = Some(Browse { index, ..browse });
        found.is_some()
    }

    /// One line forward; behind the newest the line that was there before.
    pub(crate) fn newer(&mut self) -> bool {
        let Some(browse) = self.browse.take() else { return false };
        let current = self.buffer.text().to_string();
        match self.history.newer(browse.index, |line| line.starts_with(&browse.prefix) && line != current) {
            Some(index) => {
                self.buffer.set(self.history.get(index).unwrap_or(""));
                self.browse = Some(Browse { index, ..browse });
            }
            None => self.buffer.set(&browse.stash),
        }
        true
    }

    pub(crate) fn begin_search(&mut self, out: &mut Vec<u8>) {
        if self.mode == Mode::Dumb {
            out.push(BELL);
            return;
        }
        self.search = Some(Search { query: String::new(), found: None, stash: self.buffer.text().to_string() });
    }

    /// A key during a search; true if it ended the search and is to be done as usual.
    pub(crate) fn search_key(&mut self, key: Key, helper: &mut dyn Helper, out: &mut Vec<u8>) -> bool {
        let Some(mut search) = self.search.take() else { return true };
        match key {
            Key::Ctrl('c' | 'g') | Key::Escape => {
                self.buffer.set(&search.stash);
                self.draw(helper, out);
                return false;
            }
            Key::Ctrl('r') => self.look(&mut search, true, out),
            Key::Backspace => {
                search.query.pop();
                search.found = None;
                self.look(&mut search, false, out);
            }
            Key::Char(c) if search.query.chars().count() < MAX_QUERY => {
                search.query.push(c);
                self.look(&mut search, false, out);
            }
            Key::Char(_) => out.push(BELL),
            // Anything else takes the line that was found.
            _ => return true,
        }
        self.search = Some(search);
        self.draw(helper, out);
        false
    }

    /// Finds the newest line with the query, from where the search stands; with `again` an older one.
    fn look(&mut self, search: &mut Search, again: bool, out: &mut Vec<u8>) {
        if search.query.is_empty() {
            self.buffer.set(&search.stash);
            return;
        }
        let before = match search.found {
            Some(index) if again => index,
            Some(index) => index + 1,
            None => self.history.len(),
        };
        let query = search.query.to_lowercase();
        match self.history.older(before, |line| line.to_lowercase().contains(&query)) {
            Some(index) => {
                search.found = Some(index);
                self.buffer.set(self.history.get(index).unwrap_or(""));
            }
            None => out.push(BELL),
        }
    }
}
