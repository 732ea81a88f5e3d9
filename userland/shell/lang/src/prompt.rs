//! The prompt: `%N` shell number, `%S` directory, `%R` return code, `%T` time, `%H` host; variables and backticks work.

use alloc::string::{String, ToString};

use crate::host::Host;
use crate::interp::Run;
use crate::lex::{Dialect, lex_text};
use crate::shell::Shell;

/// What only the caller knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// The time of day, spelled, if it is known.
    pub time: Option<&'a str>,
    /// The machine's name.
    pub host: &'a str,
}

/// Longest prompt, in characters.
const MAX_PROMPT: usize = 200;

impl Shell {
    /// The prompt to show now. It never fails: what can't be expanded is shown as it is.
    pub fn prompt(&mut self, host: &mut dyn Host, around: Around<'_>) -> String {
        let source = self.prompt.clone();
        let last = self.last;
        let text = match lex_text(&source, Dialect::Shell) {
            Ok(parts) => Run::new(self, host).expand_text(&parts).unwrap_or(source),
            Err(_) => source,
        };
        // A command in the prompt leaves `$RC` alone.
        self.last = last;
        let filled = self.fill(&text, around);
        filled.chars().filter(|c| !c.is_control() || *c == '\u{1b}').take(MAX_PROMPT).collect()
    }

    fn fill(&self, text: &str, around: Around<'_>) -> String {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('N' | 'n') => out.push_str(&self.number.to_string()),
                Some('S' | 's') => out.push_str(&self.cwd),
                Some('R' | 'r') => out.push_str(&self.last.code.to_string()),
                Some('T' | 't') => out.push_str(around.time.unwrap_or("--:--")),
                Some('H' | 'h') => out.push_str(around.host),
                Some('%') => out.push('%'),
                Some(other) => out.extend(['%', other]),
                None => out.push('%'),
            }
        }
        out
    }
}
