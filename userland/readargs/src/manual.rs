//! A command's manual: one constant that gives `CMD ?`, `--help` and the page in the book.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::{Code, Error};
use crate::template::{Item, Kind, Template};

/// Everything a command says about itself. The template is the source of names; the rest is text for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manual {
    /// The name, in capitals.
    pub name: &'static str,
    /// Other names it answers to, in small letters.
    pub aliases: &'static [&'static str],
    /// The template; empty for a command without arguments.
    pub template: &'static str,
    /// One line: what it does.
    pub summary: &'static str,
    /// For each item its name and one line of text.
    pub arguments: &'static [(&'static str, &'static str)],
    /// A line to type, and what it does.
    pub examples: &'static [(&'static str, &'static str)],
}

impl Manual {
    /// The template, taken apart.
    ///
    /// # Errors
    /// `BadTemplate`.
    pub fn template(&self) -> Result<Template<'static>, Error> {
        Template::new(self.template)
    }

    /// What `--help` prints: summary, usage, a line for each argument, examples.
    pub fn help(&self) -> String {
        let mut out = format!("{}: {}\n", self.name, self.summary);
        out.push_str(&format!("  {} {}\n", self.name, self.template));
        if !self.aliases.is_empty() {
            out.push_str(&format!("  also: {}\n", self.aliases.join(", ")));
        }
        let rows: Vec<(String, &str)> = self.items().iter().map(|item| (form(item), self.about(item))).collect();
        let width = rows.iter().map(|(form, _)| form.len()).max().unwrap_or(0);
        for (form, about) in rows {
            out.push_str(format!("  {form:width$}  {about}").trim_end());
            out.push('\n');
        }
        for (line, what) in self.examples {
            out.push_str(&format!("  > {line}\n      {what}\n"));
        }
        out
    }

    /// The page for the book, in Markdown.
    pub fn page(&self) -> String {
        let mut out = format!("## {}\n\n{}\n\n    {} {}\n", self.name, self.summary, self.name, self.template);
        if !self.aliases.is_empty() {
            out.push_str(&format!("\nAlso: `{}`\n", self.aliases.join("`, `")));
        }
        if !self.items().is_empty() {
            out.push_str("\n| argument | meaning |\n|---|---|\n");
        }
        for item in self.items() {
            out.push_str(&format!("| `{}` | {} |\n", form(&item), self.about(&item).replace('|', "\\|")));
        }
        for (line, what) in self.examples {
            out.push_str(&format!("\n`{line}`: {what}\n"));
        }
        out
    }

    /// Checks that template and texts fit: every item is described, nothing else is. For each command's own test.
    ///
    /// # Errors
    /// `BadTemplate`, naming what does not fit.
    pub fn check(&self) -> Result<(), Error> {
        let template = self.template()?;
        let bad = |text: String| Err(Error::new(Code::BadTemplate, text));
        for (name, _) in self.arguments {
            if template.find(name).is_none() {
                return bad(format!("{}: {name} is described but not in the template", self.name));
            }
        }
        for item in template.items() {
            if self.about(item).is_empty() {
                return bad(format!("{}: {:?} is not described", self.name, item.name()));
            }
        }
        Ok(())
    }

    fn items(&self) -> Vec<Item<'static>> {
        self.template().map(|template| template.items().to_vec()).unwrap_or_default()
    }

    fn about(&self, item: &Item<'_>) -> &'static str {
        let named = |(name, _): &&(&str, &str)| item.answers_to(name) || (name.is_empty() && item.name().is_empty());
        self.arguments.iter().find(named).map_or("", |(_, about)| about)
    }
}

/// An item as one types it: `FROM...`, `-r, ALL`, `-n, LINES NUMBER`, `[TO]`.
fn form(item: &Item<'_>) -> String {
    let mut name = item.name().to_string();
    if name.is_empty() {
        name = String::from("WORD");
    }
    let value = match item.kind() {
        Kind::Switch => "",
        Kind::Toggle => " ON|OFF",
        Kind::Number if item.needs_keyword() => " NUMBER",
        Kind::Text | Kind::Rest if item.needs_keyword() => " VALUE",
        _ => "",
    };
    let dots = if item.is_many() || item.kind() == Kind::Rest { "..." } else { "" };
    let letter = item.letter().filter(|_| item.name().len() > 1);
    let dash = letter.map_or(String::new(), |letter| format!("-{}, ", letter.to_ascii_lowercase()));
    let body = format!("{dash}{name}{value}{dots}");
    if item.is_positional() && !item.is_required() { format!("[{body}]") } else { body }
}
