//! Wildcards in paths: each component that has some is matched against its directory.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use pattern::{Pattern, is_pattern};

use crate::ast::Quote;
use crate::fault::{Fault, code};
use crate::host::{Host, Kind};
use crate::path;

/// Most names that one word becomes.
const MAX_MATCHES: usize = 1_000;
/// Most components with wildcards.
const MAX_WILD: usize = 8;

/// A word as a pattern, if it has wildcards.
///
/// Names hold some of the pattern language's signs, and a name typed as it is must never become others: `a~b`, `50%`,
/// `x#y` and `copy (1).txt` are names. So `#` and `~` count before a bracket (`#` before `?` too), brackets only with `#`
/// or `~` before them or a bar in the word, and `%` never.
pub(crate) fn pattern_of(signs: &[(char, Quote)]) -> Option<String> {
    let plain = |index: usize| signs.get(index).filter(|(_, quote)| *quote == Quote::None).map(|(c, _)| *c);
    let bar = (0..signs.len()).any(|index| plain(index) == Some('|'));
    let (mut text, mut wild, mut open) = (String::new(), false, Vec::new());
    for (index, &(c, _)) in signs.iter().enumerate() {
        let before = index.checked_sub(1).and_then(plain);
        let counts = match plain(index) {
            Some('*' | '?' | '[') => true,
            Some(']' | '-' | '|') => true,
            Some('#') => matches!(plain(index + 1), Some('?' | '(' | '[')),
            // In `[~a-z]` it is part of the class.
            Some('~') => matches!(plain(index + 1), Some('(' | '[')) || before == Some('['),
            Some('(') => {
                open.push(bar || matches!(before, Some('#' | '~')));
                open.last() == Some(&true)
            }
            Some(')') => open.pop() == Some(true),
            _ => false,
        };
        wild |= counts && !matches!(c, ']' | '-' | '|' | ')');
        if counts { text.push(c) } else { text.push_str(&pattern::escape(c.encode_utf8(&mut [0; 4]))) }
    }
    wild.then_some(text)
}

/// The paths that match, spelled from where the pattern starts, in order of name; none if nothing does or if the text is
/// no pattern after all. `pattern` has its quoted parts escaped.
///
/// Names that begin with a dot match only a pattern that does.
pub(crate) fn expand(host: &mut dyn Host, cwd: &str, text: &str) -> Result<Vec<String>, Fault> {
    let (volume, rest) = path::split(text);
    let start = match volume {
        Some(volume) if is_pattern(volume) => return Ok(Vec::new()),
        Some(volume) => format!("{}:", unescape(volume)),
        None => String::new(),
    };
    // `http://x/?a` is no path, and `a:b:c` neither.
    if rest.contains(':') || (volume.is_some() && rest.starts_with("//")) {
        return Ok(Vec::new());
    }
    let start = if rest.starts_with('/') { format!("{start}/") } else { start };
    let mut found = alloc::vec![start];
    let components: Vec<&str> = path::components(rest).collect();
    if components.iter().filter(|component| is_pattern(component)).count() > MAX_WILD {
        return Ok(Vec::new());
    }
    for (index, component) in components.iter().enumerate() {
        let last = index + 1 == components.len();
        found = match is_pattern(component) {
            false => found.into_iter().map(|at| with(&at, &unescape(component))).collect(),
            true => match Pattern::new(component) {
                Ok(pattern) => descend(host, cwd, &found, component, &pattern, last)?,
                Err(_) => return Ok(Vec::new()),
            },
        };
    }
    // Behind the last wildcard names were only appended.
    if components.last().is_some_and(|last| !is_pattern(last)) {
        found.retain(|at| path::join(cwd, at).is_ok_and(|joined| host.kind(&joined).is_ok()));
    }
    Ok(found)
}

/// The entries of all directories in `found` that match.
fn descend(
    host: &mut dyn Host,
    cwd: &str,
    found: &[String],
    component: &str,
    pattern: &Pattern,
    last: bool,
) -> Result<Vec<String>, Fault> {
    let mut next = Vec::new();
    for at in found {
        let Ok(joined) = path::join(cwd, at) else { continue };
        let Ok(entries) = host.list(&joined) else { continue };
        let dots = component.starts_with('.');
        let fits = |name: &str| (dots || !name.starts_with('.')) && pattern.matches(name);
        let entries = entries.into_iter().filter(|entry| (last || entry.kind == Kind::Directory) && fits(&entry.name));
        let mut names: Vec<String> = entries.map(|entry| entry.name).collect();
        names.sort_by_key(|name| name.to_lowercase());
        next.extend(names.iter().map(|name| with(at, name)));
        if next.len() > MAX_MATCHES {
            return Err(Fault::new(code::LIMIT, format!("\"{component}\" matches more than 1,000 names")));
        }
    }
    Ok(next)
}

fn with(at: &str, name: &str) -> String {
    if at.is_empty() || at.ends_with([':', '/']) { format!("{at}{name}") } else { format!("{at}/{name}") }
}

fn unescape(component: &str) -> String {
    Pattern::new(component)
        .ok()
        .and_then(|p| p.literal().map(ToString::to_string))
        .unwrap_or_else(|| component.to_string())
}
