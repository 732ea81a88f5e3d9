//! The grammar's tables: rule 24. States with edges, edges with words; from every state an end can be reached.

use crate::bytes::Record;
use crate::error::LoadError;
use alloc::format;
use alloc::string::String;
use alloc::vec;

const HEAD: usize = 16;
const MOST_STATES: u16 = 1024;
const MOST_EDGES: u16 = 8192;
const MOST_WORDS: u16 = 1024;
const LONGEST_WORD: u8 = 63;
/// Any word of the prompt.
const ANY: u16 = 0xFFFF;
/// The end of the answer.
const END: u16 = 0xFFFE;

/// Rule 24. An empty section is none.
pub(crate) fn check(section: &[u8]) -> Result<(), LoadError> {
    if section.is_empty() {
        return Ok(());
    }
    let tables = Tables::read(section).and_then(|t| t.check().map(|()| t));
    match tables.and_then(|t| t.all_reach_an_end()) {
        Ok(()) => Ok(()),
        Err(detail) => Err(LoadError::bad(24, 0, "grammar", detail)),
    }
}

struct Tables<'a> {
    states: &'a [[u8; 4]],
    edges: &'a [[u8; 4]],
    words: &'a [[u8; 4]],
    text: &'a [u8],
}

impl<'a> Tables<'a> {
    fn read(section: &'a [u8]) -> Result<Self, String> {
        let record = Record(section);
        let [states, edges, words] = [0, 2, 4].map(|at| record.u16(at));
        let in_range = |n: u16, most: u16| (1..=most).contains(&n);
        if !in_range(states, MOST_STATES) || !in_range(edges, MOST_EDGES) || words > MOST_WORDS {
            return Err(format!("{states} states, {edges} edges and {words} words are out of range"));
        }
        if record.u16(6) != 0 || record.u32(12) != 0 {
            return Err("reserved bytes are not zero".into());
        }
        let tables = section.get(HEAD..).unwrap_or(&[]);
        let [states, edges, words] = [states, edges, words].map(usize::from);
        let Some((records, text)) = tables.split_at_checked(4 * (states + edges + words)) else {
            return Err("is too short for its tables".into());
        };
        if text.len() as u64 != u64::from(record.u32(8)) {
            return Err("its text has another length than it says".into());
        }
        let (states, rest) = records.as_chunks::<4>().0.split_at(states);
        let (edges, words) = rest.split_at(edges);
        Ok(Self { states, edges, words, text })
    }

    fn check(&self) -> Result<(), String> {
        for (index, state) in self.states.iter().enumerate() {
            if self.edges_of(state).is_none_or(<[_]>::is_empty) {
                return Err(format!("state {index} has no edge, or edges that are not there"));
            }
        }
        for (index, edge) in self.edges.iter().enumerate() {
            let (word, next) = pair(edge);
            let known = matches!(word, ANY | END) || usize::from(word) < self.words.len();
            if !known || usize::from(next) >= self.states.len() || (word == END && next != 0) {
                return Err(format!("edge {index} has no such word or next state"));
            }
        }
        for (index, word) in self.words.iter().enumerate() {
            let (offset, length) = (usize::from(pair(word).0), word[2]);
            let bytes = self.text.get(offset..offset + usize::from(length));
            if !(1..=LONGEST_WORD).contains(&length) || word[3] != 0 || bytes.is_none() {
                return Err(format!("word {index} is not 1 to 63 bytes of the text"));
            }
        }
        if self.text.iter().all(u8::is_ascii_graphic) {
            Ok(())
        } else {
            Err("its text has other than 0x21 to 0x7E".into())
        }
    }

    /// Spreads "reaches an end" backwards until nothing changes; each round adds a state, so there are at most 1,024.
    fn all_reach_an_end(&self) -> Result<(), String> {
        let mut ends = vec![false; self.states.len()];
        loop {
            let mut grown = false;
            for (index, state) in self.states.iter().enumerate() {
                let leads = |edge: &[u8; 4]| {
                    let (word, next) = pair(edge);
                    word == END || ends.get(usize::from(next)).copied().unwrap_or(false)
                };
                if !ends[index] && self.edges_of(state).is_some_and(|edges| edges.iter().any(leads)) {
                    ends[index] = true;
                    grown = true;
                }
            }
            if !grown {
                break;
            }
        }
        match ends.iter().position(|&end| !end) {
            Some(index) => Err(format!("state {index} reaches no end")),
            None => Ok(()),
        }
    }

    fn edges_of(&self, state: &[u8; 4]) -> Option<&'a [[u8; 4]]> {
        let (first, count) = pair(state);
        self.edges.get(usize::from(first)..usize::from(first) + usize::from(count))
    }
}

/// Two u16 of a record.
fn pair(record: &[u8; 4]) -> (u16, u16) {
    (u16::from_le_bytes([record[0], record[1]]), u16::from_le_bytes([record[2], record[3]]))
}
