//! DIR, LIST, INFO, DU, STAT: what is there.

use alloc::string::String;
use alloc::vec::Vec;

use libsys::protocol::fs::{Entry, Kind, Protection, VolumeAccess};
use libsys::{Error, Status, env, fs, println};
use readargs::Args;

use crate::context::{About, Failure, Outcome, expand, file_name, is_alias, is_directory};
use crate::format::{human, stamp};

/// Levels of directories that are walked.
const MAX_DEPTH: usize = 64;

/// DIR.
pub fn dir(args: &Args) -> Outcome {
    let here = env::current_dir();
    let path = args.string_or("DIR", &here);
    let kinds = Kinds::of(args);
    walk(path, args.switch("ALL"), 0, &mut |path, depth, entries| {
        if depth > 0 {
            println!("{:1$}{2} (dir)", "", depth * 2 - 2, file_name(path));
        }
        for entry in entries.iter().filter(|entry| entry.kind == Kind::Directory && depth == 0 && kinds.dirs) {
            if !args.switch("ALL") {
                println!("     {} (dir)", entry.name);
            }
        }
        let names = entries.iter().filter(|entry| entry.kind != Kind::Directory && kinds.files);
        let names: Vec<&str> = names.map(|entry| &*entry.name).collect();
        for pair in names.chunks(2) {
            let second = pair.get(1).copied().unwrap_or("");
            let indent = depth * 2;
            println!("{}", alloc::format!("{:indent$}  {:<34} {second}", "", pair[0]).trim_end());
        }
        Ok(())
    })?;
    Ok(Status::OK)
}

/// Which kinds of entries are wanted.
#[derive(Clone, Copy)]
struct Kinds {
    files: bool,
    dirs: bool,
}

impl Kinds {
    fn of(args: &Args) -> Kinds {
        let (files, dirs) = (args.switch("FILES"), args.switch("DIRS"));
        Kinds { files: files || !dirs, dirs: dirs || !files }
    }

    fn takes(self, kind: Kind) -> bool {
        if kind == Kind::Directory { self.dirs } else { self.files }
    }
}

/// What is told of each directory: its path, how deep it lies, and what is in it.
type Visit<'a> = dyn FnMut(&str, usize, &[Entry]) -> Result<(), Failure> + 'a;

/// Visits a directory, and those below it, names in order.
fn walk(path: &str, all: bool, depth: usize, visit: &mut Visit<'_>) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::about(path, Error::Limit));
    }
    let mut entries = fs::read_dir(path).about(path)?;
    entries.sort_by_key(|entry| entry.name.to_lowercase());
    visit(path, depth, &entries)?;
    for entry in entries.iter().filter(|entry| all && entry.kind == Kind::Directory) {
        walk(&fs::path::join(path, &entry.name), all, depth + 1, visit)?;
    }
    Ok(())
}

/// LIST, and `ls`.
pub fn list(args: &Args) -> Outcome {
    let long = !is_alias("ls") || args.switch("LONG");
    let here = alloc::vec![env::current_dir()];
    let names = if args.many("DIR").is_empty() { here } else { expand(args.many("DIR"))? };
    let pattern = match args.string("PAT") {
        Some(text) => Some(
            pattern::Pattern::new(text)
                .map_err(|_| Failure::new(Error::BadTemplate, alloc::format!("{text}: not a pattern")))?,
        ),
        None => None,
    };
    let kinds = Kinds::of(args);
    let wanted = |entry: &Entry| {
        let shown = args.switch("HIDDEN") || !entry.protection.contains(Protection::HIDDEN);
        shown && kinds.takes(entry.kind) && pattern.as_ref().is_none_or(|pattern| pattern.matches(&entry.name))
    };
    let mut single = Vec::new();
    for name in &names {
        if !is_directory(name) {
            single.push((name.clone(), entry_of(name)?));
        }
    }
    show(args, &single, long)?;
    for name in names.iter().filter(|name| is_directory(name)) {
        walk(name, args.switch("ALL"), 0, &mut |path, _, entries| {
            let mut rows: Vec<(String, Entry)> = entries
                .iter()
                .filter(|entry| wanted(entry))
                .map(|entry| (fs::path::join(path, &entry.name), entry.clone()))
                .collect();
            order(args, &mut rows)?;
            let several = names.len() > 1 || args.switch("ALL");
            let head = long && !args.switch("NOHEAD") && !args.is_given("LFORMAT");
            if head {
                println!("Directory \"{path}\"");
            } else if several && !args.is_given("LFORMAT") {
                println!("{path}");
            }
            show(args, &rows, long)?;
            if head {
                sum(&rows);
            }
            Ok(())
        })?;
    }
    Ok(Status::OK)
}

fn entry_of(path: &str) -> Result<Entry, Failure> {
    let stat = fs::stat(path).about(path)?;
    let name = libsys::protocol::Text::cut(file_name(path));
    Ok(Entry { name, kind: stat.kind, size: stat.size, protection: stat.protection, modified: stat.modified })
}

fn order(args: &Args, rows: &mut [(String, Entry)]) -> Result<(), Failure> {
    match args.string("SORT").map(str::to_ascii_uppercase).as_deref() {
        None | Some("NAME") => {}
        Some("SIZE") => rows.sort_by_key(|(_, entry)| core::cmp::Reverse(entry.size)),
        Some("DATE") => rows.sort_by_key(|(_, entry)| core::cmp::Reverse(entry.modified)),
        Some(other) => {
            return Err(Failure::new(Error::BadArgument, alloc::format!("SORT {other}: not NAME, SIZE or DATE")));
        }
    }
    Ok(())
}

fn show(args: &Args, rows: &[(String, Entry)], long: bool) -> Result<(), Failure> {
    if let Some(format) = args.string("LFORMAT") {
        for (path, entry) in rows {
            println!("{}", by_format(format, path, entry));
        }
        return Ok(());
    }
    if !long {
        for (_, entry) in rows {
            println!("{}", entry.name);
        }
        return Ok(());
    }
    for (_, entry) in rows {
        let size = match entry.kind {
            Kind::Directory => "Dir".into(),
            Kind::Link => "Link".into(),
            Kind::File => alloc::format!("{}", entry.size),
        };
        println!("{:<28} {:>10} {} {}", entry.name, size, letters(entry.protection), stamp(entry.modified));
    }
    Ok(())
}

fn sum(rows: &[(String, Entry)]) {
    let dirs = rows.iter().filter(|(_, entry)| entry.kind == Kind::Directory).count();
    let bytes: u64 = rows.iter().filter(|(_, entry)| entry.kind == Kind::File).map(|(_, entry)| entry.size).sum();
    println!("{} files - {} directories - {}", rows.len() - dirs, dirs, human(bytes));
}

fn by_format(format: &str, path: &str, entry: &Entry) -> String {
    let mut out = String::new();
    let mut letters_of = format.chars();
    while let Some(letter) = letters_of.next() {
        match (letter, if letter == '%' { letters_of.next() } else { None }) {
            ('%', Some('N' | 'n' | 'S' | 's')) => out.push_str(&entry.name),
            ('%', Some('P' | 'p')) => out.push_str(fs::path::parent(path).0),
            ('%', Some('F' | 'f')) => out.push_str(path),
            ('%', Some('L' | 'l')) => out.push_str(&alloc::format!("{}", entry.size)),
            ('%', Some('D' | 'd')) => out.push_str(&stamp(entry.modified)),
            ('%', Some(other)) => out.push(other),
            (plain, _) => out.push(plain),
        }
    }
    out
}

/// Protection as letters: `h s p a` are set, `r w e d` allowed.
pub fn letters(protection: Protection) -> String {
    let set =
        [('h', Protection::HIDDEN), ('s', Protection::SCRIPT), ('p', Protection::PURE), ('a', Protection::ARCHIVE)];
    let forbidden =
        [('r', Protection::READ), ('w', Protection::WRITE), ('e', Protection::EXECUTE), ('d', Protection::DELETE)];
    let mut out = String::new();
    out.extend(set.iter().map(|(letter, bit)| if protection.contains(*bit) { *letter } else { '-' }));
    out.extend(forbidden.iter().map(|(letter, bit)| if protection.contains(*bit) { '-' } else { *letter }));
    out
}

/// INFO.
pub fn info(args: &Args) -> Outcome {
    let volumes = fs::volumes("SYS")?;
    if args.switch("VOLS") {
        for volume in volumes {
            println!("{}:", volume.name);
        }
        return Ok(Status::OK);
    }
    println!(
        "{:<8} {:>10} {:>10} {:>10} {:>5} {:>7}  {:<11} {}",
        "Volume", "Size", "Used", "Free", "Full", "Files", "State", "Format"
    );
    for v in volumes {
        let size = v.blocks * u64::from(v.block);
        let free = v.free * u64::from(v.block);
        let used = size.saturating_sub(free);
        let full = (used * 100).checked_div(size).unwrap_or(100);
        let state = if v.access == VolumeAccess::ReadOnly { "read only" } else { "read/write" };
        println!(
            "{:<8} {:>10} {:>10} {:>10} {:>4}% {:>7}  {:<11} {}",
            alloc::format!("{}:", v.name),
            human(size),
            human(used),
            human(free),
            full,
            v.files,
            state,
            v.format
        );
    }
    Ok(Status::OK)
}

/// DU.
pub fn usage(args: &Args) -> Outcome {
    let here = alloc::vec![env::current_dir()];
    let names = if args.many("DIR").is_empty() { here } else { expand(args.many("DIR"))? };
    let show = |bytes: u64| if args.switch("H") { human(bytes) } else { alloc::format!("{}", bytes.div_ceil(1024)) };
    for name in names {
        let mut total = 0;
        walk(&name, true, 0, &mut |path, depth, entries| {
            let own: u64 = entries.iter().filter(|entry| entry.kind == Kind::File).map(|entry| entry.size).sum();
            total += own;
            if depth > 0 && !args.switch("S") {
                println!("{:>10}  {path}", show(own));
            }
            Ok(())
        })?;
        println!("{:>10}  {name}", show(total));
    }
    Ok(Status::OK)
}

/// STAT.
pub fn stat(args: &Args) -> Outcome {
    for name in expand(args.many("FILE"))? {
        let s = fs::stat_link(&name).about(&name)?;
        println!("{name}");
        println!("  kind        {:?}", s.kind);
        println!("  size        {} bytes", s.size);
        println!("  protection  {}", letters(s.protection));
        println!("  modified    {}", stamp(s.modified));
        println!("  created     {}", stamp(s.created));
        println!("  inode       {} generation {} on volume {}, {} links", s.inode, s.generation, s.volume, s.links);
        if !s.comment.is_empty() {
            println!("  comment     {}", s.comment);
        }
    }
    Ok(Status::OK)
}
