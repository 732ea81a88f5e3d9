//! Aliases: the first word of a command replaced by text, `[]` in it by the arguments.
//!
//! Replacement is textual, as in AmigaDOS, so an alias may hold pipes and `;`. In what an alias became, the same alias is
//! not replaced again: `ALIAS list "list LONG"` works.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::fault::{Fault, code};
use crate::lex::{Dialect, Op, Token, lex};
use crate::names::Names;
use crate::parse::MAX_LINE;

/// Replaces aliases in a statement's text; `None` if there is none to replace.
///
/// # Errors
/// `LineTooLong`, or what lexing the result reports.
pub fn replace(text: &str, aliases: &Names<String>, dialect: Dialect<'_>) -> Result<Option<String>, Fault> {
    if aliases.is_empty() {
        return Ok(None);
    }
    let mut used = Vec::new();
    let replaced = inner(text, aliases, dialect, &mut used)?;
    Ok(replaced.filter(|replaced| replaced != text))
}

fn inner(
    text: &str,
    aliases: &Names<String>,
    dialect: Dialect<'_>,
    used: &mut Vec<String>,
) -> Result<Option<String>, Fault> {
    let tokens = lex(text, dialect)?;
    let mut out = String::new();
    let (mut copied, mut changed, mut at) = (0, false, 0);
    while at < tokens.len() {
        let end = tokens.iter().skip(at).position(ends_command).map_or(tokens.len(), |length| at + length);
        let command = tokens.get(at..end).unwrap_or(&[]);
        at = end + 1;
        let Some(Token::Word(first)) = command.iter().find(|token| matches!(token, Token::Word(_))) else { continue };
        let Some(name) = first.plain().filter(|name| !used.iter().any(|old| old.eq_ignore_ascii_case(name))) else {
            continue;
        };
        let Some(alias) = aliases.get(name) else { continue };
        let args_end = command.last().map_or(first.span.end, end_of);
        let args = text.get(first.span.end..args_end).unwrap_or("");
        used.push(String::from(name));
        let became = substitute(alias, args);
        let became = inner(&became, aliases, dialect, used)?.unwrap_or(became);
        used.pop();
        out.push_str(text.get(copied..first.span.start).unwrap_or(""));
        out.push_str(&became);
        copied = args_end;
        changed = true;
        if out.len() > MAX_LINE {
            return Err(Fault::new(
                code::LINE_TOO_LONG,
                format!("with the alias {name} the line is longer than 4,096 bytes"),
            ));
        }
    }
    out.push_str(text.get(copied..).unwrap_or(""));
    Ok(changed.then_some(out))
}

/// Puts arguments where `[]` stands, or behind the text.
fn substitute(alias: &str, args: &str) -> String {
    match alias.split_once("[]") {
        Some((before, after)) => format!("{before}{}{after}", args.trim_start()),
        None => format!("{alias}{args}"),
    }
}

fn ends_command(token: &Token) -> bool {
    matches!(token, Token::Op(op, _) if !matches!(op, Op::File(..) | Op::Join(..)))
}

fn end_of(token: &Token) -> usize {
    match token {
        Token::Word(word) => word.span.end,
        Token::Op(_, span) => span.end,
    }
}
