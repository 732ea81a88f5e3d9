//! ASSIGN: binds names to directories.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use libsys::fs::Volume;
use libsys::names::NameSpace;
use libsys::protocol::Text;
use libsys::protocol::names::{Binding, Entry, Place, Source};
use readargs::{Args, Manual};
use shell_lang::fault::{Fault, code};
use shell_lang::host::Outcome;
use shell_lang::path;

use crate::job::fault;
use crate::names;

/// Its manual.
pub const MANUAL: Manual = Manual {
    name: "ASSIGN",
    aliases: &[],
    template: "NAME,TARGET/M,LIST/S,EXISTS/S,DISMOUNT/S,DEFER/S,PATH/S,ADD=APPEND/S,PREPEND/S,REMOVE/S,VOLS/S,DIRS/S,DEVICES/S",
    summary: "Binds names such as LIBS: to directories; alone, lists them.",
    arguments: &[
        ("NAME", "the name, with its colon; alone, it is removed"),
        ("TARGET", "one or more directories, searched in order"),
        ("LIST", "lists the names (also after a change)"),
        ("EXISTS", "whether there is such a name: return code 5 if not"),
        ("DISMOUNT", "removes the name"),
        ("DEFER", "looks the directory up when the name is first used"),
        ("PATH", "looks the directory up at every use"),
        ("ADD", "searches these directories after those it has"),
        ("PREPEND", "searches these directories before those it has"),
        ("REMOVE", "removes these directories from the name, or the name"),
        ("VOLS", "lists volumes only"),
        ("DIRS", "lists directories only"),
        ("DEVICES", "lists services only"),
    ],
    examples: &[
        ("ASSIGN WORK: RAM:work", "WORK:x is now RAM:work/x"),
        ("ASSIGN C: RAM:bin ADD", "commands are looked for there, too"),
    ],
};

type Done = Result<Outcome, Fault>;

/// Does what the arguments say.
pub fn run(args: &Args<'_>, cwd: &str, out: &mut Vec<u8>) -> Done {
    let Some(name) = args.string("NAME") else {
        list(args, out);
        return Ok(Outcome::OK);
    };
    let name = bare(name)?;
    if args.switch("EXISTS") {
        return Ok(exists(name, out));
    }
    let targets: Vec<String> =
        args.many("TARGET").iter().map(|target| path::join(cwd, target)).collect::<Result<_, _>>()?;
    if args.switch("REMOVE") || args.switch("DISMOUNT") || targets.is_empty() {
        remove(name, &targets)?;
    } else {
        change(name, &targets, args)?;
    }
    if args.switch("LIST") {
        list(args, out);
    }
    Ok(Outcome::OK)
}

fn bare(name: &str) -> Result<&str, Fault> {
    let bare = name.strip_suffix(':').unwrap_or(name);
    if bare.is_empty() || bare.len() > 32 || bare.contains([':', '/', ' ']) {
        return Err(Fault::new(code::INVALID_NAME, format!("\"{name}\" is no name to assign; write it like WORK:")));
    }
    Ok(bare)
}

fn exists(name: &str, out: &mut Vec<u8>) -> Outcome {
    match NameSpace::own().look(name) {
        Ok(entry) => {
            show(&entry, out);
            Outcome::OK
        }
        Err(_) => {
            out.extend_from_slice(format!("{name}: is not assigned\n").as_bytes());
            Outcome::code(5)
        }
    }
}

fn change(name: &str, targets: &[String], args: &Args<'_>) -> Result<(), Fault> {
    if let Ok(entry) = NameSpace::own().look(name)
        && !entry.bindings.iter().all(names::is_directory)
    {
        return Err(Fault::new(code::INVALID_NAME, format!("\"{name}\" is a service, no directory")));
    }
    let (first, rest) = match (args.switch("PREPEND"), args.switch("ADD")) {
        (true, _) => (Place::First, Place::First),
        (false, true) => (Place::Last, Place::Last),
        (false, false) => (Place::Replace, Place::Last),
    };
    let text = args.switch("DEFER") || args.switch("PATH");
    // Each one put in front: so the last goes first.
    let ordered: Vec<&String> =
        if first == Place::First { targets.iter().rev().collect() } else { targets.iter().collect() };
    if !text {
        // An error is to change nothing: all of them are looked at first.
        for target in &ordered {
            libsys::fs::stat(target).map_err(fault(target))?;
        }
    }
    for (index, target) in ordered.into_iter().enumerate() {
        let place = if index == 0 { first } else { rest };
        if !text {
            names::bind(name, &names::textual(target)?, place)?;
            continue;
        }
        let text = Text::try_from(target.as_str()).map_err(fault(target))?;
        let source = if args.switch("PATH") { Source::Path(text) } else { Source::Defer(text) };
        NameSpace::own().bind(name, source, place).map_err(fault(name))?;
        Volume::forget(name);
        names::note_text();
    }
    Ok(())
}

fn remove(name: &str, targets: &[String]) -> Result<(), Fault> {
    let unknown = |error| match error {
        libsys::Error::NotFound => Fault::new(code::NOT_FOUND, format!("{name}: is not assigned; ASSIGN lists names")),
        error => fault(name)(error),
    };
    let entry = NameSpace::own().look(name).map_err(unknown)?;
    if !entry.bindings.iter().all(names::is_directory) {
        return Err(Fault::new(code::INVALID_NAME, format!("\"{name}\" is a service, no directory")));
    }
    if targets.is_empty() {
        NameSpace::own().unbind(name, None).map_err(unknown)?;
    }
    for target in targets {
        let same = |binding: &Binding| shown(binding).eq_ignore_ascii_case(&whole(target));
        let entry = NameSpace::own().look(name).map_err(unknown)?;
        let at = entry.bindings.iter().position(same);
        let at = at.ok_or_else(|| Fault::new(code::NOT_FOUND, format!("{name}: does not lead to \"{target}\"")))?;
        NameSpace::own().unbind(name, Some(at as u8)).map_err(unknown)?;
    }
    Volume::forget(name);
    Ok(())
}

/// A path in terms of volumes, as bindings are shown.
fn whole(target: &str) -> String {
    let (Some(name), rest) = path::split(target) else { return target.to_string() };
    let place = NameSpace::own().look(name).ok().and_then(|entry| entry.bindings.first().and_then(names::place));
    match place {
        Some(mut place) => {
            place.enter(rest);
            place.shown()
        }
        None => target.to_string(),
    }
}

// ---- listing ----

fn list(args: &Args<'_>, out: &mut Vec<u8>) {
    let all = !args.switch("VOLS") && !args.switch("DIRS") && !args.switch("DEVICES");
    let directories = names::directories();
    let (volumes, assigns): (Vec<&Entry>, Vec<&Entry>) = directories.iter().partition(|entry| is_volume(entry));
    if all || args.switch("VOLS") {
        out.extend_from_slice(b"Volumes:\n");
        volumes.iter().for_each(|entry| out.extend_from_slice(format!("{} [mounted]\n", entry.name).as_bytes()));
    }
    if all || args.switch("DIRS") {
        out.extend_from_slice(if all { b"\nDirectories:\n" } else { b"Directories:\n" });
        assigns.iter().for_each(|entry| show(entry, out));
    }
    if all || args.switch("DEVICES") {
        let services: Vec<String> = NameSpace::own()
            .list()
            .unwrap_or_default()
            .iter()
            .filter(|entry| !directories.iter().any(|directory| directory.name == entry.name))
            .map(|entry| entry.name.to_string())
            .collect();
        out.extend_from_slice(if all { b"\nServices:\n" } else { b"Services:\n" });
        out.extend_from_slice(services.join(" ").as_bytes());
        out.push(b'\n');
    }
}

/// A volume's name leads to the top of the volume of that name.
fn is_volume(entry: &Entry) -> bool {
    let place = entry.bindings.first().and_then(names::place);
    place.is_some_and(|place| place.path.is_empty() && place.volume.eq_ignore_ascii_case(&entry.name))
}

fn show(entry: &Entry, out: &mut Vec<u8>) {
    for (index, binding) in entry.bindings.iter().enumerate() {
        let line = match index {
            0 => format!("{:14} {}\n", entry.name.to_string(), shown(binding)),
            _ => format!("{:>12} + {}\n", "", shown(binding)),
        };
        out.extend_from_slice(line.as_bytes());
    }
}

fn shown(binding: &Binding) -> String {
    match binding {
        Binding::Service { service, narrowings } => match names::place(binding) {
            Some(place) => place.shown(),
            None => format!("{service} {narrowings}"),
        },
        Binding::Defer(text) => format!("<{text}>"),
        Binding::Path(text) => format!("[{text}]"),
    }
}
