//! Built-ins that read and change the shell's state: directory, variables, aliases, path, prompt, ECHO.

use alloc::format;
use alloc::string::{String, ToString};

use readargs::Args;

use super::line;
use crate::fault::{Fault, code};
use crate::host::{Keep, Kind};
use crate::interp::{Ended, Run};
use crate::path as paths;

type Result = core::result::Result<Ended, Fault>;

impl Run<'_> {
    /// Changes to a directory, given as a joined path.
    pub(crate) fn enter(&mut self, path: &str) -> core::result::Result<(), Fault> {
        match self.host.kind(path)? {
            Kind::Directory => {
                self.shell.cwd = path.to_string();
                Ok(())
            }
            Kind::File => Err(Fault::new(code::WRONG_TYPE, format!("\"{path}\" is a file, no directory"))),
        }
    }
}

pub(super) fn cd(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let Some(directory) = args.string("DIR") else { return pwd(run, args) };
    // There is no home directory; `~` is the system's volume.
    let directory = if directory == "~" { "SYS:" } else { directory };
    let path = paths::join(&run.shell.cwd, directory)?;
    run.enter(&path)?;
    Ok(Ended::OK)
}

pub(super) fn pwd(run: &mut Run<'_>, _: &Args<'_>) -> Result {
    let text = line(&run.shell.cwd);
    run.put(&text);
    Ok(Ended::OK)
}

pub(super) fn echo(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let mut text = args.many("").join(" ");
    if args.switch("ESC") {
        text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\e", "\u{1b}");
    }
    if !args.switch("NOLINE") {
        text.push('\n');
    }
    if let Some(file) = args.string("TO") {
        let path = paths::join(&run.shell.cwd, file)?;
        return run.write_file(path, text.into_bytes());
    }
    run.put(&text);
    Ok(Ended::OK)
}

/// `NAME=value` in one word is the Unix way; `NAME value` the Amiga's.
fn assignment(args: &Args<'_>) -> Option<(String, Option<String>)> {
    let name = args.string("NAME")?;
    let value = args.string("STRING").map(ToString::to_string);
    match name.split_once('=').filter(|_| value.is_none()) {
        Some((name, value)) => Some((name.to_string(), Some(value.to_string()))),
        None => Some((name.to_string(), value)),
    }
}

pub(super) fn set(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    match assignment(args) {
        Some((name, value)) => run.shell.variables.set(&name, value.unwrap_or_default())?,
        None => {
            let list: String =
                run.shell.variables.iter().map(|(name, value)| line(format!("{name:15} {value}"))).collect();
            run.put(&list);
        }
    }
    Ok(Ended::OK)
}

pub(super) fn unset(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    for name in args.many("NAME") {
        run.shell.variables.remove(name).ok_or_else(|| unknown("variable", name))?;
    }
    Ok(Ended::OK)
}

pub(super) fn get(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let name = args.string_or("NAME", "");
    let value = run.shell.variables.get(name).map(line).ok_or_else(|| unknown("local variable", name))?;
    run.put(&value);
    Ok(Ended::OK)
}

fn keep(args: &Args<'_>) -> Keep {
    if args.switch("SAVE") { Keep::Save } else { Keep::Now }
}

pub(super) fn setenv(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    match assignment(args) {
        Some((name, value)) => run.host.set_global(&name, &value.unwrap_or_default(), keep(args))?,
        None => list_globals(run),
    }
    Ok(Ended::OK)
}

fn list_globals(run: &mut Run<'_>) {
    for name in run.host.globals() {
        let value = run.host.global(&name).unwrap_or_default();
        run.put(&line(format!("{name:15} {value}")));
    }
}

pub(super) fn getenv(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    match args.string("NAME") {
        Some(name) => {
            let value = run.host.global(name).ok_or_else(|| unknown("global variable", name))?;
            run.put(&line(value));
        }
        None => list_globals(run),
    }
    Ok(Ended::OK)
}

pub(super) fn unsetenv(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    run.host.unset_global(args.string_or("NAME", ""), keep(args))?;
    Ok(Ended::OK)
}

pub(super) fn alias(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    match assignment(args) {
        Some((name, Some(text))) => run.shell.aliases.set(&name, text)?,
        Some((name, None)) => {
            let text = run.shell.aliases.get(&name).map(line).ok_or_else(|| unknown("alias", &name))?;
            run.put(&text);
        }
        None => {
            let list: String = run.shell.aliases.iter().map(|(name, text)| line(format!("{name:15} {text}"))).collect();
            run.put(&list);
        }
    }
    Ok(Ended::OK)
}

pub(super) fn unalias(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let name = args.string_or("NAME", "");
    run.shell.aliases.remove(name).ok_or_else(|| unknown("alias", name))?;
    Ok(Ended::OK)
}

/// Most directories of the command path.
const MAX_PATHS: usize = 32;

pub(super) fn path(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    let mut given = alloc::vec::Vec::new();
    for name in args.many("PATH") {
        let path = paths::join(&run.shell.cwd, name)?;
        if !args.switch("REMOVE") && run.host.kind(&path)? != Kind::Directory {
            return Err(Fault::new(code::WRONG_TYPE, format!("\"{path}\" is a file, no directory")));
        }
        given.push(path);
    }
    let mut path = if args.switch("RESET") { alloc::vec::Vec::new() } else { run.shell.path.clone() };
    path.retain(|old| !given.iter().any(|new| paths::same_volume(old, new)));
    if args.switch("HEAD") {
        path.splice(0..0, given);
    } else if !args.switch("REMOVE") {
        path.extend(given);
    }
    if path.len() > MAX_PATHS {
        return Err(Fault::new(code::LIMIT, "the command path has at most 32 directories"));
    }
    run.shell.path = path;
    if args.many("PATH").is_empty() && !args.switch("RESET") || args.switch("SHOW") {
        let mut text = String::from("Current directory\n");
        run.shell.path.iter().for_each(|path| text.push_str(&line(path)));
        text.push_str("C:\n");
        run.put(&text);
    }
    Ok(Ended::OK)
}

pub(super) fn prompt(run: &mut Run<'_>, args: &Args<'_>) -> Result {
    run.shell.prompt = args.string_or("PROMPT", "%N.%S> ").to_string();
    Ok(Ended::OK)
}

fn unknown(what: &str, name: &str) -> Fault {
    Fault::new(code::NOT_FOUND, format!("there is no {what} \"{name}\""))
}
