//! Completion: what the word at the cursor may become.
//!
//! First words: commands, aliases, directories. Later words: the command's keywords and files. `SY` becomes `SYS:`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use readargs::{Expect, Line, Manual, quote};

use crate::ast::Word;
use crate::builtin;
use crate::host::{Host, Kind};
use crate::lex::{Dialect, Op, Token, lex};
use crate::path;
use crate::shell::Shell;

/// Most candidates that are collected.
const MAX_CANDIDATES: usize = 256;

/// Candidates for one word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Where the word starts in the line; it ends at the cursor.
    pub start: usize,
    /// What it may become, quoted where needed, in order. A whole word ends in a space, a directory in `/` or `:`.
    pub words: Vec<String>,
}

/// Completes the word that ends at `cursor` (a byte position).
pub fn complete(shell: &Shell, host: &mut dyn Host, line: &str, cursor: usize) -> Candidates {
    let before = line.get(..cursor).unwrap_or(line);
    let Some(place) = Place::of(before) else { return Candidates { start: cursor, words: Vec::new() } };
    let mut words = Vec::new();
    match &place.command {
        None => {
            words.extend(commands(shell, host, &place.partial));
            words.extend(files(shell, host, &place.partial, Only::Directories));
        }
        Some((name, args)) => {
            let mut value = true;
            let template = manual(shell, host, name).and_then(|manual| manual.template().ok());
            if let Some(template) = &template {
                let completion = template.complete(args, &place.partial);
                words.extend(completion.keywords.into_iter().map(|keyword| format!("{keyword} ")));
                value = matches!(completion.expect, Expect::Value(_));
                if completion.expect == Expect::Toggle {
                    words.extend(
                        ["ON ", "OFF "].iter().filter(|word| starts(word, &place.partial)).map(|word| word.to_string()),
                    );
                }
            }
            let (head, partial) = keyword_value(&place.partial);
            if value || head > 0 {
                let typed = place.partial.get(..head).unwrap_or("");
                // A file called as a keyword is one only in quotes.
                let is_keyword =
                    |file: &str| head == 0 && template.as_ref().is_some_and(|t| t.find(file.trim_end()).is_some());
                let spell = |file: String| match is_keyword(&file) {
                    true => format!("\"{}\" ", file.trim_end()),
                    false => format!("{typed}{file}"),
                };
                words.extend(files(shell, host, partial, Only::All).into_iter().map(spell));
            }
        }
    }
    words.truncate(MAX_CANDIDATES);
    words.dedup();
    Candidates { start: place.start, words }
}

/// What to show grey behind the line: the template of the command when nothing but its name was typed, else what of it is
/// still open. Empty while a word is being typed.
pub fn hint(shell: &Shell, host: &dyn Host, line: &str) -> String {
    let Some(place) = Place::of(line) else { return String::new() };
    let (Some((name, args)), true) = (&place.command, place.partial.is_empty()) else { return String::new() };
    let template = manual(shell, host, name).and_then(|manual| manual.template().ok());
    template.map(|template| template.hint(args)).unwrap_or_default()
}

/// Where the cursor stands.
struct Place {
    start: usize,
    /// The word before the cursor, quotes undone.
    partial: String,
    /// The command and the whole words behind it; `None` if the word is the command itself.
    command: Option<(String, Line)>,
}

impl Place {
    fn of(before: &str) -> Option<Place> {
        // A quote may still be open: it is closed for a look.
        let attempts = ["", "\"", "'"].map(|end| format!("{before}{end}"));
        let tokens = attempts.iter().find_map(|text| lex(text, Dialect::Shell).ok())?;
        let mut words: Vec<&Word> = Vec::new();
        let mut is_file = false;
        for token in &tokens {
            match token {
                Token::Word(word) if core::mem::take(&mut is_file) && word.span.end < before.len() => {}
                Token::Word(word) => words.push(word),
                Token::Op(Op::File(..), _) => is_file = true,
                Token::Op(Op::Join(..), _) => {}
                Token::Op(..) => words.clear(),
            }
        }
        let current = words.last().filter(|word| word.span.end >= before.len()).copied();
        let whole = words.len() - usize::from(current.is_some());
        let command = words.first().filter(|_| whole > 0).map(|name| {
            let args = words.iter().skip(1).take(whole - 1);
            (text_of(name), Line::of(args.map(|word| readargs::Word::plain(text_of(word)))))
        });
        let start = current.map_or(before.len(), |word| word.span.start);
        Some(Place { start, partial: current.map(text_of).unwrap_or_default(), command })
    }
}

fn text_of(word: &Word) -> String {
    let texts = word.parts.iter().map(|part| match part {
        crate::ast::Part::Text { text, .. } => text.clone(),
        crate::ast::Part::Variable { name, .. } => format!("${name}"),
        crate::ast::Part::Output { .. } => String::new(),
    });
    texts.collect()
}

/// The manual of a command; an alias leads to that of its first word.
fn manual(shell: &Shell, host: &dyn Host, name: &str) -> Option<Manual> {
    let name = shell.aliases.get(name).and_then(|text| text.split([' ', '\t']).next()).unwrap_or(name);
    builtin::manuals().iter().chain(host.manuals()).find(|manual| builtin::answers(manual, name)).copied()
}

fn commands(shell: &Shell, host: &dyn Host, partial: &str) -> Vec<String> {
    if partial.contains([':', '/']) {
        return Vec::new();
    }
    let manuals = builtin::manuals().iter().chain(host.manuals());
    let names = manuals.flat_map(|manual| core::iter::once(manual.name).chain(manual.aliases.iter().copied()));
    let names = names.chain(shell.aliases.iter().map(|(name, _)| name)).filter(|name| starts(name, partial));
    let capital = partial.chars().next().is_some_and(char::is_uppercase);
    let spelled = names.map(|name| if capital { name.to_uppercase() } else { name.to_lowercase() });
    let mut names: Vec<String> = spelled.map(|name| name + " ").collect();
    names.sort();
    names.dedup();
    names
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Only {
    All,
    Directories,
}

/// Files that begin so, spelled from where the partial word starts, and volumes.
fn files(shell: &Shell, host: &mut dyn Host, partial: &str, only: Only) -> Vec<String> {
    let cut = partial.rfind(['/', ':']).map_or(0, |at| at + 1);
    let (directory, name) = partial.split_at(cut);
    let mut found = Vec::new();
    if let Ok(joined) = path::join(&shell.cwd, directory)
        && let Ok(entries) = host.list(&joined)
    {
        for entry in entries.into_iter().filter(|entry| starts(&entry.name, name)) {
            let hidden = entry.name.starts_with('.') && !name.starts_with('.');
            match entry.kind {
                _ if hidden => {}
                Kind::Directory => found.push(quote(&format!("{directory}{}/", entry.name))),
                Kind::File if only == Only::All => found.push(quote(&format!("{directory}{}", entry.name)) + " "),
                Kind::File => {}
            }
        }
    }
    if cut == 0 && !partial.is_empty() {
        found.extend(host.volumes().iter().filter(|volume| starts(volume, partial)).map(|volume| format!("{volume}:")));
    }
    found.sort_by_key(|name| name.to_lowercase());
    found
}

/// In `TO=RAM:x` the value starts behind `=`.
fn keyword_value(partial: &str) -> (usize, &str) {
    let cut = partial.find('=').map_or(0, |at| at + 1);
    (cut, partial.get(cut..).unwrap_or(""))
}

fn starts(name: &str, partial: &str) -> bool {
    let mut name = name.chars().flat_map(char::to_lowercase);
    partial.chars().flat_map(char::to_lowercase).all(|c| name.next() == Some(c))
}
