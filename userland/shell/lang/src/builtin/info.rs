//! Built-ins that tell: WHY, FAULT, HELP, HISTORY, WHICH.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use protocol::Error;
use readargs::{Args, Manual};

use super::{answers, line, manuals};
use crate::fault::{self, Fault, code};
use crate::host::Found;
use crate::interp::{Ended, Run};

type Result = core::result::Result<Ended, Fault>;

pub(super) fn why(run: &mut Run<'_>, _: &Args<'_>) -> Result {
    let text = match &run.shell.why {
        None => String::from("Nothing has failed so far.\n"),
        Some(why) => {
            let reason = why.outcome.reason;
            let name = fault::name(reason).map_or(String::new(), |name| format!(": {name} ({reason})"));
            let text =
                why.text.as_deref().or_else(|| fault::text(reason)).map_or(String::new(), |text| format!(", {text}"));
            format!("{} ended with return code {}{name}{text}\n", why.name, why.outcome.code)
        }
    };
    run.put(&text);
    Ok(Ended::With(run.shell.last))
}

pub(super) fn fault(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    if args.numbers("NUMBERS").is_empty() {
        let row = |error: &Error| line(format!("{:4} {}: {}", error.code(), error.name(), error.text()));
        let all: String = Error::ALL.iter().map(row).collect();
        run.put(&all);
        return Ok(Ended::OK);
    }
    for &number in args.numbers("NUMBERS") {
        let known = u16::try_from(number).ok().and_then(|code| Some((fault::name(code)?, fault::text(code)?)));
        let text = known.map_or(String::from("no such error number"), |(name, text)| format!("{name}: {text}"));
        run.put(&line(format!("{number:4} {text}")));
    }
    Ok(Ended::OK)
}

/// All manuals: the shell's, then the host's, by name.
fn all_manuals(run: &Run<'_>) -> Vec<Manual> {
    let mut all: Vec<Manual> = manuals().iter().chain(run.host.manuals()).copied().collect();
    all.sort_by_key(|manual| manual.name);
    all
}

pub(super) fn help(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let all = all_manuals(run);
    if let Some(topic) = args.string("TOPIC") {
        let found = all.iter().find(|manual| answers(manual, topic));
        let manual = found
            .ok_or_else(|| Fault::new(code::NOT_FOUND, format!("there is no command \"{topic}\"; HELP lists all")))?;
        run.put(&manual.help());
        return Ok(Ended::OK);
    }
    let wanted = args.string("SEARCH").map(str::to_lowercase);
    if wanted.is_none() && !args.switch("ALL") {
        run.put(&columns(all.iter().map(|manual| manual.name)));
        run.put("HELP name explains one, HELP ALL has a line for each, CMD ? shows arguments.\n");
        return Ok(Ended::OK);
    }
    let has = |manual: &&Manual| {
        wanted.as_ref().is_none_or(|wanted| {
            manual.name.to_lowercase().contains(wanted) || manual.summary.to_lowercase().contains(wanted)
        })
    };
    let found: String =
        all.iter().filter(has).map(|manual| line(format!("{:12} {}", manual.name, manual.summary))).collect();
    run.put(&found);
    Ok(if found.is_empty() { super::control::ended(5) } else { Ended::OK })
}

/// Names in columns, 72 characters wide at most.
fn columns<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut text = String::new();
    for (index, name) in names.enumerate() {
        if index > 0 && index % 6 == 0 {
            text.push('\n');
        }
        text.push_str(&format!("{name:12}"));
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    line(lines.join("\n"))
}

pub(super) fn history(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    if args.switch("CLEAR") {
        run.host.clear_history();
        return Ok(Ended::OK);
    }
    let lines = run.host.history();
    let count = args.within("N", 0..=u64::MAX)?.map_or(lines.len(), |count| count as usize);
    let skip = lines.len().saturating_sub(count);
    for (index, text) in lines.iter().enumerate().skip(skip) {
        run.put(&line(format!("{:4}  {text}", index + 1)));
    }
    Ok(Ended::OK)
}

pub(super) fn which(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let name = args.string_or("FILE", "");
    let mut found = Vec::new();
    if let Some(text) = run.shell.aliases.get(name) {
        found.push(format!("alias for {text}"));
    }
    if let Some(builtin) = super::find(name) {
        found.push(format!("built-in {}", builtin.manual.name));
    }
    match run.host.find(name, &run.shell.cwd, &run.shell.path) {
        Found::Program(path) => found.push(path),
        Found::Script(path) => found.push(format!("script {path}")),
        Found::Directory(path) => found.push(format!("directory {path}")),
        Found::Nothing => {}
    }
    if found.is_empty() {
        run.put(&line(format!("{name} is not known")));
        return Ok(super::control::ended(5));
    }
    let most = if args.switch("ALL") { found.len() } else { 1 };
    let text: String = found.iter().take(most).map(line).collect();
    run.put(&text);
    Ok(Ended::OK)
}
