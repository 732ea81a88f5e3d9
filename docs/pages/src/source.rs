//! Doc comments of items whose texts no table in the code has: constants, variants of an enum, flags.
//!
//! It knows as much Rust as these files use: comments that begin with `///`, right above a line of code.

/// An item and its documentation in one line, links as code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The line of code, trimmed.
    pub code: &'a str,
    /// Its documentation.
    pub text: String,
}

impl Item<'_> {
    /// The name and the value of a constant: `pub const NAME: TYPE = VALUE;`.
    pub fn constant(&self) -> Option<(&str, &str)> {
        let code = self.code.strip_prefix("pub ").unwrap_or(self.code).strip_prefix("const ")?;
        let (name, value) = code.split_once('=')?;
        let name = name.split(':').next()?;
        Some((name.trim(), value.trim().trim_end_matches(';')))
    }
}

/// The documented items of a file, in their order.
pub fn items(file: &str) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let mut text = String::new();
    for line in file.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            text += more;
        } else if !line.is_empty() && !line.starts_with("#[") {
            if !text.is_empty() {
                items.push(Item { code: line, text: plain(text.trim()) });
            }
            text.clear();
        }
    }
    items
}

/// Links to items, which lead nowhere in the book, become what they show.
fn plain(text: &str) -> String {
    let mut text = text.replace("[`", "`").replace("`]", "`");
    while let Some((before, after)) = text.split_once("](")
        && let Some((start, shown)) = before.rsplit_once('[')
        && let Some((_, end)) = after.split_once(')')
    {
        text = format!("{start}{shown}{end}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_what_they_show() {
        assert_eq!(plain("eight [kinds](stretch), see [`X`] and [this](that)."), "eight kinds, see `X` and this.");
        assert_eq!(plain("a [b] (c) ]("), "a [b] (c) ](");
    }

    #[test]
    fn items_have_the_comments_right_above_them() {
        let file =
            "//! Module.\n\n/// A pool: see [`X`],\n/// and more.\npub const POOL: u64 = 1;\nconst OTHER: u8 = 2;\n";
        let items = items(file);
        assert_eq!(items, [Item { code: "pub const POOL: u64 = 1;", text: "A pool: see `X`, and more.".into() }]);
        assert_eq!(items[0].constant(), Some(("POOL", "1")));
    }
}
