//! The engine: words against a template.
//!
//! Words are taken left to right. A keyword or an option names its item; any other word goes to the first item that
//! takes words and is still empty. `/M` keeps taking; at the end `/A` items that stayed empty take from its end, which is
//! what makes `FROM/A/M,TO/A` work. `/F` takes the rest of the line as soon as a word reaches it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::args::{Args, Value};
use crate::error::{Code, Error};
use crate::line::{Line, Quoting, Word};
use crate::number::parse_number;
use crate::template::{Item, Kind, Template};

/// What a line turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<'t> {
    /// Arguments.
    Args(Args<'t>),
    /// The last word is a lone `?`: print the template, read a line, parse [`Line::answered`].
    Template,
    /// `--help` or `-h`: print the manual.
    Help,
}

impl<'t> Parsed<'t> {
    /// The arguments, if these are some.
    pub fn args(self) -> Option<Args<'t>> {
        match self {
            Parsed::Args(args) => Some(args),
            _ => None,
        }
    }
}

impl<'t> Template<'t> {
    /// Parses the words after a command's name.
    ///
    /// # Errors
    /// `BadNumber`, `ArgumentMissing`, `KeywordNeedsValue` or `TooManyArguments`, each with a line that names the word or
    /// item and what would be right.
    pub fn parse(&self, line: &Line) -> Result<Parsed<'t>, Error> {
        if line.words.last().is_some_and(|word| word.text == "?" && !word.is_quoted()) {
            return Ok(Parsed::Template);
        }
        let mut engine = Engine {
            template: self,
            line,
            values: vec![Value::default(); self.items().len()],
            at: 0,
            options: Options::On,
        };
        if engine.run()? == Step::Help {
            return Ok(Parsed::Help);
        }
        engine.give_back()?;
        engine.require()?;
        Ok(Parsed::Args(Args::new(self.clone(), engine.values)))
    }
}

#[derive(PartialEq, Eq)]
enum Step {
    Done,
    Help,
}

/// Whether words with dashes are options: `--` ends them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Options {
    On,
    Ended,
}

struct Engine<'e, 't> {
    template: &'e Template<'t>,
    line: &'e Line,
    values: Vec<Value>,
    /// The next word.
    at: usize,
    options: Options,
}

impl<'e, 't> Engine<'e, 't> {
    fn run(&mut self) -> Result<Step, Error> {
        let line = self.line;
        while let Some(word) = line.words.get(self.at) {
            self.at += 1;
            if self.options == Options::On && is_option(word) {
                if self.option(word)? == Step::Help {
                    return Ok(Step::Help);
                }
            } else if !self.keyword(word)? {
                self.positional(word)?;
            }
        }
        Ok(Step::Done)
    }

    /// `NAME` and `NAME=value`; false if the word is neither.
    fn keyword(&mut self, word: &'e Word) -> Result<bool, Error> {
        let text = word.text.as_str();
        if let Some((index, item)) =
            self.template.find(text).filter(|_| word.is_plain_to(text.len()) && !text.is_empty())
        {
            if item.kind() == Kind::Switch {
                self.switch_on(index);
            } else {
                self.take_next(index, text)?;
            }
            return Ok(true);
        }
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else { return Ok(false) };
        if !word.is_plain_to(name.len() + 1) {
            return Ok(false);
        }
        // `a=b` where `a` is a switch is a plain word: `echo n=5` prints it.
        match self.template.find(name).filter(|(_, item)| item.kind() != Kind::Switch) {
            Some((index, _)) => self.take_inline(index, word, name.len() + 1, value).map(|()| true),
            None => Ok(false),
        }
    }

    /// `--`, `--name`, `--name=value`, `-name`, `-x`, `-xyz`, `-x5`.
    fn option(&mut self, word: &'e Word) -> Result<Step, Error> {
        let text = word.text.as_str();
        if text == "--" {
            self.options = Options::Ended;
            return Ok(Step::Done);
        }
        let (long, name, value) = match text.strip_prefix("--") {
            Some(long) => (true, long, long.split_once('=')),
            None => (false, text.get(1..).unwrap_or(""), text.get(1..).unwrap_or("").split_once('=')),
        };
        let (name, value) = value.map_or((name, None), |(name, value)| (name, Some(value)));
        let found = self.template.find(name).filter(|_| !name.is_empty());
        match (found, value) {
            (Some((index, item)), None) if item.kind() == Kind::Switch => self.switch_on(index),
            (Some((index, _)), None) => self.take_next(index, text)?,
            (Some((_, item)), Some(_)) if item.kind() == Kind::Switch => {
                return Err(Error::new(
                    Code::TooManyArguments,
                    format!("{} is a switch and takes no value", item.name()),
                ));
            }
            (Some((index, _)), Some(value)) => self.take_inline(index, word, text.len() - value.len(), value)?,
            (None, _) if (long && name == "help") || (!long && name == "h") => return Ok(Step::Help),
            (None, _) if long => return Err(self.unknown(text)),
            (None, _) => self.bundle(word)?,
        }
        Ok(Step::Done)
    }

    /// Letters behind one dash; the first that takes a value takes the rest of the word, else the next word.
    fn bundle(&mut self, word: &'e Word) -> Result<(), Error> {
        let text = word.text.as_str();
        for (at, letter) in text.char_indices().skip(1) {
            let end = at + letter.len_utf8();
            let mut buffer = [0; 4];
            let found = self.template.find(letter.encode_utf8(&mut buffer));
            let Some((index, item)) = found.filter(|_| word.is_plain_to(end)) else { return Err(self.unknown(text)) };
            if item.kind() == Kind::Switch {
                self.switch_on(index);
                continue;
            }
            let rest = text.get(end..).unwrap_or("");
            if rest.is_empty() && word.is_plain_to(text.len()) {
                return self.take_next(index, text);
            }
            let start = end + usize::from(rest.starts_with('='));
            return self.take_inline(index, word, start, text.get(start..).unwrap_or(""));
        }
        Ok(())
    }

    /// A word without keyword.
    fn positional(&mut self, word: &'e Word) -> Result<(), Error> {
        let open = |(item, value): (&Item<'_>, &Value)| item.is_positional() && (item.is_many() || !value.is_given());
        // `/K/M` goes on taking words once its keyword was there.
        let going_on = |(item, value): (&Item<'_>, &Value)| item.is_many() && value.is_given();
        let items = self.template.items();
        let slot = items.iter().zip(&self.values).position(open);
        let Some(index) = slot.or_else(|| items.iter().zip(&self.values).position(going_on)) else {
            return Err(self.surplus(word));
        };
        if items.get(index).is_some_and(|item| item.kind() == Kind::Rest) {
            self.take_rest(index, self.at - 1);
            return Ok(());
        }
        self.store(index, &word.text)
    }

    /// The value of a keyword that stands as a word of its own.
    fn take_next(&mut self, index: usize, keyword: &str) -> Result<(), Error> {
        let Some(item) = self.template.items().get(index) else { return Ok(()) };
        if item.kind() == Kind::Rest {
            if self.at >= self.line.words.len() {
                return Err(needs_value(item, keyword));
            }
            self.take_rest(index, self.at);
            return Ok(());
        }
        let Some(value) = self.line.words.get(self.at) else { return Err(needs_value(item, keyword)) };
        self.at += 1;
        self.store(index, &value.text)
    }

    /// The value behind `=`; for `/F` everything from there on.
    fn take_inline(&mut self, index: usize, word: &Word, start: usize, value: &str) -> Result<(), Error> {
        let Some(item) = self.template.items().get(index) else { return Ok(()) };
        if item.kind() == Kind::Rest && self.at < self.line.words.len() {
            // Nothing before the value was quoted, so its offset in the raw text is that in the word.
            let from = word.start + start;
            let rest = self.line.raw.get(from..).unwrap_or("").trim_end();
            self.put_rest(index, rest);
            return Ok(());
        }
        if value.is_empty() && word.quoting == Quoting::Plain {
            return Err(needs_value(item, &word.text));
        }
        self.store(index, value)
    }

    fn take_rest(&mut self, index: usize, from: usize) {
        let line = self.line;
        self.put_rest(index, line.rest(from));
    }

    fn put_rest(&mut self, index: usize, rest: &str) {
        if let Some(value) = self.values.get_mut(index) {
            value.texts = vec![String::from(rest)];
        }
        self.at = self.line.words.len();
    }

    fn switch_on(&mut self, index: usize) {
        if let Some(value) = self.values.get_mut(index) {
            value.on = Some(true);
        }
    }

    /// Stores one value, converted as its item says.
    fn store(&mut self, index: usize, text: &str) -> Result<(), Error> {
        let (Some(item), Some(value)) = (self.template.items().get(index), self.values.get_mut(index)) else {
            return Ok(());
        };
        if value.is_given() && !item.is_many() {
            return Err(Error::new(
                Code::TooManyArguments,
                format!("{} is given twice, the second time as \"{text}\"", item.name()),
            ));
        }
        match item.kind() {
            Kind::Number => value.numbers.push(parse_number(text).ok_or_else(|| bad_number(item, text))?),
            Kind::Toggle => value.on = Some(toggle(item, text)?),
            _ => {}
        }
        value.texts.push(text.to_string());
        Ok(())
    }

    /// Lets `/A` items that stayed empty take from the end of `/M`, the last one first.
    fn give_back(&mut self) -> Result<(), Error> {
        let items = self.template.items();
        let Some(many) = items.iter().position(Item::is_many) else { return Ok(()) };
        let keep = usize::from(items.get(many).is_some_and(Item::is_required));
        let empty = |(index, item): &(usize, &Item<'_>)| {
            *index != many
                && item.is_required()
                && item.is_positional()
                && !self.values.get(*index).is_some_and(Value::is_given)
        };
        let hungry: Vec<usize> = items.iter().enumerate().filter(empty).map(|(index, _)| index).collect();
        let spare = self.values.get(many).map_or(0, |value| value.texts.len()).saturating_sub(keep);
        for &index in hungry.iter().rev().skip(hungry.len().saturating_sub(spare)) {
            let Some(text) = self.values.get_mut(many).and_then(|value| value.texts.pop()) else { break };
            if let Some(value) = self.values.get_mut(many) {
                value.numbers.pop();
            }
            self.store(index, &text)?;
        }
        Ok(())
    }

    fn require(&self) -> Result<(), Error> {
        let mut missing = self
            .template
            .items()
            .iter()
            .zip(&self.values)
            .filter(|(item, value)| item.is_required() && !value.is_given());
        let Some((item, _)) = missing.next() else { return Ok(()) };
        let how = if item.needs_keyword() { format!("{} VALUE", item.name()) } else { item.name().to_string() };
        Err(Error::new(Code::ArgumentMissing, format!("{how} is missing; arguments: {}", self.template.source())))
    }

    fn surplus(&self, word: &Word) -> Error {
        let text = if self.template.items().is_empty() {
            format!("\"{}\" is too much: the command takes no arguments", word.text)
        } else {
            format!("\"{}\" is too much; arguments: {}", word.text, self.template.source())
        };
        Error::new(Code::TooManyArguments, text)
    }

    fn unknown(&self, option: &str) -> Error {
        let known: Vec<String> =
            self.template.items().iter().filter(|item| !item.name().is_empty()).map(spelled).collect();
        let known = if known.is_empty() { String::from("none") } else { known.join(" ") };
        Error::new(Code::TooManyArguments, format!("the option {option} is unknown; options: {known} (-- ends them)"))
    }
}

/// Whether a word looks like an option: a dash or two, then a letter, all unquoted; or `--`.
fn is_option(word: &Word) -> bool {
    let text = word.text.as_str();
    let dashes = if text.starts_with("--") { 2 } else { 1 };
    let letter = text.get(dashes..).and_then(|rest| rest.chars().next());
    text.starts_with('-')
        && word.is_plain_to(dashes + letter.map_or(0, char::len_utf8))
        && (letter.is_some_and(char::is_alphabetic) || text == "--")
}

/// An item as an option: `-r/--all`.
fn spelled(item: &Item<'_>) -> String {
    let long = item.name().to_ascii_lowercase();
    match item.letter() {
        Some(letter) if long.len() > 1 => format!("-{}/--{long}", letter.to_ascii_lowercase()),
        Some(letter) => format!("-{}", letter.to_ascii_lowercase()),
        None => format!("--{long}"),
    }
}

fn toggle(item: &Item<'_>, text: &str) -> Result<bool, Error> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match () {
        () if is("ON") || is("YES") => Ok(true),
        () if is("OFF") || is("NO") => Ok(false),
        () => {
            let text = format!("{} is ON, YES, OFF or NO, not \"{text}\"", item.name());
            Err(Error::new(Code::KeywordNeedsValue, text))
        }
    }
}

fn needs_value(item: &Item<'_>, keyword: &str) -> Error {
    let name = item.name();
    let value = if item.kind() == Kind::Number { "NUMBER" } else { "VALUE" };
    // A file may well be called as the keyword is: `cd dir`.
    let or_quote = if item.answers_to(keyword) { format!(" (as a plain word: \"{keyword}\")") } else { String::new() };
    Error::new(Code::KeywordNeedsValue, format!("{keyword} needs a value: {name} {value} or {name}={value}{or_quote}"))
}

fn bad_number(item: &Item<'_>, text: &str) -> Error {
    Error::new(Code::BadNumber, format!("{}: \"{text}\" is not a number such as 10, -3, 0x1F or 64K", item.title()))
}
