//! The pages of the book that come from tables in the code: system calls, errors, commands, counters.
//!
//! `cargo run -p pages` writes them; a test fails while a checked-in page differs from its table.
#![forbid(unsafe_code)]

mod blame;
mod commands;
mod counters;
mod errors;
mod source;
mod system_calls;

/// A generated page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its path below `docs/src`.
    pub path: &'static str,
    /// Its Markdown.
    pub text: String,
}

/// All generated pages.
#[must_use]
pub fn all() -> Vec<Page> {
    vec![
        Page { path: "reference/system-calls.md", text: system_calls::page() },
        Page { path: "reference/errors.md", text: errors::page() },
        Page { path: "reference/commands.md", text: commands::page() },
        Page { path: "reference/counters.md", text: counters::page() },
    ]
}

/// What stands on top of each.
fn head(title: &str, source: &str) -> String {
    format!("<!-- Written by `cargo run -p pages` from {source}: change it there. -->\n\n# {title}\n\n")
}
