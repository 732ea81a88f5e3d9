//! The parsed arguments, asked by name.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::error::{Code, Error};
use crate::template::{Item, Template};

/// What an item got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) texts: Vec<String>,
    pub(crate) numbers: Vec<i64>,
    pub(crate) on: Option<bool>,
}

impl Value {
    pub(crate) fn is_given(&self) -> bool {
        !self.texts.is_empty() || self.on.is_some()
    }
}

/// Arguments that fit their template. Any of an item's names finds it; a name the template lacks finds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args<'t> {
    template: Template<'t>,
    values: Vec<Value>,
}

impl<'t> Args<'t> {
    pub(crate) fn new(template: Template<'t>, values: Vec<Value>) -> Self {
        Args { template, values }
    }

    /// The text of an item (of a `/M` item its first), if it was given.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.many(name).first().map(String::as_str)
    }

    /// The text of an item or, where it was not given, `default`.
    pub fn string_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.string(name).unwrap_or(default)
    }

    /// All texts of an item, in order; empty if it was not given.
    pub fn many(&self, name: &str) -> &[String] {
        self.value(name).map_or(&[], |value| &value.texts)
    }

    /// Whether a `/S` item was named.
    pub fn switch(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value.on == Some(true))
    }

    /// Which of these items was given.
    ///
    /// # Errors
    /// `TooManyArguments`: several were.
    pub fn one_of<'n>(&self, names: &[&'n str]) -> Result<Option<&'n str>, Error> {
        let mut given = names.iter().copied().filter(|name| self.is_given(name));
        match (given.next(), given.next()) {
            (Some(first), Some(second)) => {
                Err(Error::new(Code::TooManyArguments, format!("{first} and {second} exclude each other")))
            }
            (first, _) => Ok(first),
        }
    }

    /// What a `/T` item was set to, if it was given.
    pub fn toggle(&self, name: &str) -> Option<bool> {
        self.value(name)?.on
    }

    /// The number of a `/N` item, if it was given.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.numbers(name).first().copied()
    }

    /// The number of a `/N` item, if it was given.
    ///
    /// # Errors
    /// `BadNumber`: it is outside of these bounds.
    pub fn within(&self, name: &str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, Error> {
        let Some(number) = self.number(name) else { return Ok(None) };
        if let Some(good) = u64::try_from(number).ok().filter(|number| bounds.contains(number)) {
            return Ok(Some(good));
        }
        let title = self.template.find(name).map_or(name, |(_, item)| item.title());
        let text = match bounds.into_inner() {
            (least, u64::MAX) => format!("{title}: {number} is less than {least}"),
            (least, most) => format!("{title}: {number} is not between {least} and {most}"),
        };
        Err(Error::new(Code::BadNumber, text))
    }

    /// All numbers of a `/N/M` item.
    pub fn numbers(&self, name: &str) -> &[i64] {
        self.value(name).map_or(&[], |value| &value.numbers)
    }

    /// Whether an item was given at all.
    pub fn is_given(&self, name: &str) -> bool {
        self.value(name).is_some_and(Value::is_given)
    }

    /// The items with their texts (`None`: not given; a switch that is on has its own name), for scripts' `.KEY`.
    pub fn pairs(&self) -> impl Iterator<Item = (&Item<'t>, Option<String>)> {
        self.template.items().iter().zip(&self.values).map(|(item, value)| {
            let text = match value.on {
                Some(true) => Some(String::from(item.name())),
                Some(false) => None,
                None if value.texts.is_empty() => None,
                None => Some(value.texts.join(" ")),
            };
            (item, text)
        })
    }

    fn value(&self, name: &str) -> Option<&Value> {
        let (index, _) = self.template.find(name)?;
        self.values.get(index)
    }
}
