//! SEARCH, WC, HEAD, TAIL, SORT, UNIQ, TEE, HEX, SEQ.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use libsys::io::{self, Lines, Read, Write};
use libsys::protocol::fs::{Kind, Seek};
use libsys::{Error, Status, fs, println, time};
use readargs::Args;

use crate::context::{About, Failure, Outcome, Source, each_source, expand, output};
use crate::files::children;

/// Bytes that SORT takes at most.
const MAX_SORT: usize = 16 << 20;
const MAX_DEPTH: usize = 64;

/// SEARCH.
pub fn search(args: &Args) -> Outcome {
    let text = args.string_or("SEARCH", "");
    let matcher = Matcher::new(text, args.switch("NOCASE"), args.switch("REGEX"))?;
    let mut found = 0;
    let mut names = Vec::new();
    for name in expand(args.many("FROM"))? {
        gather(&name, args.switch("ALL"), 0, &mut names)?;
    }
    let several = names.len() > 1;
    if names.is_empty() {
        found += search_one(args, &matcher, None, Source::open(None)?)?;
    }
    for name in &names {
        found += search_one(args, &matcher, several.then_some(name), Source::open(Some(name))?)?;
    }
    Ok(if found == 0 { Status::WARN } else { Status::OK })
}

fn gather(name: &str, all: bool, depth: usize, names: &mut Vec<String>) -> Result<(), Failure> {
    if name == "-" || fs::stat(name).about(name)?.kind != Kind::Directory {
        names.push(name.into());
        return Ok(());
    }
    if !all || depth > MAX_DEPTH {
        return Err(Failure::new(Error::WrongType, alloc::format!("{name}: a directory; ALL searches what is in it")));
    }
    for child in children(name)? {
        gather(&child, all, depth + 1, names)?;
    }
    Ok(())
}

/// What a line must contain.
enum Matcher {
    Text { text: String, fold: bool },
    Pattern(pattern::Pattern),
}

impl Matcher {
    fn new(text: &str, fold: bool, pattern: bool) -> Result<Matcher, Failure> {
        if !pattern {
            let text = if fold { text.to_lowercase() } else { text.into() };
            return Ok(Matcher::Text { text, fold });
        }
        let anywhere = alloc::format!("#?({text})#?");
        let bad = |_| Failure::new(Error::BadTemplate, alloc::format!("{text}: not a pattern"));
        pattern::Pattern::new(&anywhere).map(Matcher::Pattern).map_err(bad)
    }

    fn matches(&self, line: &str) -> bool {
        match self {
            Matcher::Text { text, fold: true } => line.to_lowercase().contains(text.as_str()),
            Matcher::Text { text, fold: false } => line.contains(text.as_str()),
            Matcher::Pattern(pattern) => pattern.matches(line),
        }
    }
}

fn search_one(args: &Args, matcher: &Matcher, name: Option<&String>, source: Source) -> Result<u64, Failure> {
    let mut lines = Lines::new(source);
    let (mut number, mut found) = (0_u64, 0);
    let quiet = args.switch("QUIET") || args.switch("COUNT");
    while let Some(line) = lines.next_row()? {
        number += 1;
        let text = String::from_utf8_lossy(&line);
        if matcher.matches(&text) == args.switch("INVERT") {
            continue;
        }
        found += 1;
        if quiet {
            continue;
        }
        match (name, args.switch("NUM")) {
            (Some(name), true) => println!("{name}:{number}:{text}"),
            (Some(name), false) => println!("{name}:{text}"),
            (None, true) => println!("{number}:{text}"),
            (None, false) => println!("{text}"),
        }
    }
    if args.switch("COUNT") && !args.switch("QUIET") {
        match name {
            Some(name) => println!("{name}:{found}"),
            None => println!("{found}"),
        }
    }
    Ok(found)
}

/// WC.
pub fn count(args: &Args) -> Outcome {
    let chosen = [args.switch("LINES"), args.switch("WORDS"), args.switch("BYTES")];
    let show = |figures: [u64; 3], name: Option<&str>| {
        let wanted = |i: usize| chosen[i] || chosen == [false; 3];
        let row: Vec<String> = (0..3).filter(|i| wanted(*i)).map(|i| alloc::format!("{:>7}", figures[i])).collect();
        let row = row.join(" ");
        match name {
            Some(name) => println!("{row} {name}"),
            None if chosen.iter().filter(|on| **on).count() == 1 => println!("{}", row.trim_start()),
            None => println!("{row}"),
        }
    };
    let (mut all, mut files) = ([0; 3], 0);
    each_source(args.many("FILE"), |name, mut source| {
        let figures = figures(&mut source)?;
        show(figures, name);
        (0..3).for_each(|i| all[i] += figures[i]);
        files += 1;
        Ok(())
    })?;
    if files > 1 {
        show(all, Some("total"));
    }
    Ok(Status::OK)
}

/// Lines, words and bytes.
fn figures(source: &mut dyn Read) -> Result<[u64; 3], Error> {
    let mut buffer = alloc::vec![0; 32 * 1024];
    let (mut lines, mut words, mut bytes, mut in_word) = (0, 0, 0, false);
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            return Ok([lines, words, bytes]);
        }
        bytes += count as u64;
        for byte in &buffer[..count] {
            lines += u64::from(*byte == b'\n');
            let space = byte.is_ascii_whitespace();
            words += u64::from(!space && !in_word);
            in_word = !space;
        }
    }
}

/// HEAD.
pub fn head(args: &Args) -> Outcome {
    args.one_of(&["LINES", "BYTES"])?;
    let lines = args.within("LINES", 0..=u64::MAX)?.unwrap_or(10);
    let bytes = args.within("BYTES", 0..=u64::MAX)?;
    each_source(args.many("FILE"), |_, mut source| {
        if let Some(mut left) = bytes {
            let mut buffer = [0; 4096];
            while left > 0 {
                let most = left.min(buffer.len() as u64) as usize;
                let count = source.read(&mut buffer[..most])?;
                if count == 0 {
                    break;
                }
                io::stdout().write_all(&buffer[..count])?;
                left -= count as u64;
            }
            return Ok(());
        }
        let mut rows = Lines::new(source);
        for _ in 0..lines {
            let Some(line) = rows.next_row()? else { break };
            io::stdout().write_all(&line)?;
            io::stdout().write_all(b"\n")?;
        }
        Ok(())
    })?;
    Ok(Status::OK)
}

/// TAIL.
pub fn tail(args: &Args) -> Outcome {
    let most = args.within("LINES", 0..=u64::MAX)?.unwrap_or(10) as usize;
    each_source(args.many("FILE"), |name, source| {
        let mut last = VecDeque::new();
        let mut lines = Lines::new(source);
        while let Some(line) = lines.next_row()? {
            if last.len() == most {
                last.pop_front();
            }
            if most > 0 {
                last.push_back(line);
            }
        }
        for line in last {
            io::stdout().write_all(&line)?;
            io::stdout().write_all(b"\n")?;
        }
        match name {
            Some(name) if args.switch("FOLLOW") => follow(name),
            _ => Ok(()),
        }
    })?;
    Ok(Status::OK)
}

/// Goes on with what is added to a file. BREAK ends it.
fn follow(name: &str) -> Result<(), Failure> {
    let mut file = fs::File::open(name).about(name)?;
    file.seek(Seek::End(0))?;
    let mut buffer = alloc::vec![0; 4096];
    loop {
        let count = file.read(&mut buffer)?;
        if count > 0 {
            io::stdout().write_all(&buffer[..count])?;
            io::stdout().flush()?;
        } else {
            // The file system tells nobody of changes yet: look again five times a second.
            libsys::wait_bits(0, time::after(200_000_000));
        }
    }
}

/// SORT.
pub fn sort(args: &Args) -> Outcome {
    let column = args.within("COLSTART", 1..=u64::MAX)?.map_or(0, |column| column as usize - 1);
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    each_source(args.many("FROM"), |name, source| {
        let mut rows = Lines::new(source);
        while let Some(line) = rows.next_row()? {
            bytes += line.len();
            if bytes > MAX_SORT {
                let text = alloc::format!("{}: more than {MAX_SORT} bytes can't be sorted", name.unwrap_or("input"));
                return Err(Failure::new(Error::Limit, text));
            }
            lines.push(line);
        }
        Ok(())
    })?;
    let number = |line: &[u8]| {
        let text = String::from_utf8_lossy(line.get(column..).unwrap_or_default());
        let text = text.trim_start();
        let end = text
            .char_indices()
            .find(|(i, c)| !(c.is_ascii_digit() || *i == 0 && *c == '-'))
            .map_or(text.len(), |(i, _)| i);
        text[..end].parse::<i64>().unwrap_or(0)
    };
    if args.switch("NUMERIC") {
        lines.sort_by_key(|line| number(line));
    } else {
        lines.sort_by(|a, b| a.get(column..).unwrap_or_default().cmp(b.get(column..).unwrap_or_default()));
    }
    if args.switch("REVERSE") {
        lines.reverse();
    }
    if args.switch("UNIQUE") {
        lines.dedup();
    }
    let mut out = output(args.string("TO"))?;
    for line in lines {
        out.write_all(&line)?;
        out.write_all(b"\n")?;
    }
    Ok(Status::OK)
}

/// UNIQ.
pub fn unique(args: &Args) -> Outcome {
    let show = |line: &[u8], times: u64| -> Result<(), Failure> {
        if args.switch("COUNT") {
            io::stdout().write_all(alloc::format!("{times:>7} ").as_bytes())?;
        }
        io::stdout().write_all(line)?;
        io::stdout().write_all(b"\n")?;
        Ok(())
    };
    let mut lines = Lines::new(Source::open(args.string("FILE"))?);
    let mut last: Option<(Vec<u8>, u64)> = None;
    while let Some(line) = lines.next_row()? {
        match &mut last {
            Some((before, times)) if *before == line => *times += 1,
            _ => {
                if let Some((before, times)) = last.replace((line, 1)) {
                    show(&before, times)?;
                }
            }
        }
    }
    if let Some((before, times)) = last {
        show(&before, times)?;
    }
    Ok(Status::OK)
}

/// TEE.
pub fn tee(args: &Args) -> Outcome {
    let mut files = Vec::new();
    for path in args.many("FILE") {
        let file = if args.switch("APPEND") { fs::File::append(path) } else { fs::File::create(path) };
        files.push(file.about(path)?);
    }
    let mut input = io::stdin();
    let mut buffer = alloc::vec![0; 16 * 1024];
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(Status::OK);
        }
        io::stdout().write_all(&buffer[..count])?;
        for file in &mut files {
            file.write_all(&buffer[..count])?;
        }
    }
}

/// HEX.
pub fn hex(args: &Args) -> Outcome {
    let path = args.string_or("FILE", "");
    let mut source = Source::open(Some(path))?;
    let from = args.within("FROM", 0..=u64::MAX)?.unwrap_or(0);
    let length = args.within("LEN", 0..=u64::MAX)?.unwrap_or(u64::MAX);
    dump(&mut source, from, length, &mut io::stdout())?;
    Ok(Status::OK)
}

/// Prints bytes from an offset on, sixteen a line.
pub fn dump(source: &mut dyn Read, from: u64, length: u64, out: &mut dyn Write) -> Result<(), Failure> {
    let mut buffer = alloc::vec![0; 4096];
    let (mut at, mut row) = (0_u64, Vec::with_capacity(16));
    let end = from.saturating_add(length);
    loop {
        let count = source.read(&mut buffer)?;
        for byte in &buffer[..count] {
            if (from..end).contains(&at) {
                row.push(*byte);
                if row.len() == 16 {
                    out.write_all(line_of(at + 1 - 16, &row).as_bytes())?;
                    row.clear();
                }
            }
            at += 1;
        }
        if count == 0 || at >= end {
            break;
        }
    }
    if !row.is_empty() {
        let start = at.min(end) - row.len() as u64;
        out.write_all(line_of(start, &row).as_bytes())?;
    }
    Ok(())
}

fn line_of(at: u64, row: &[u8]) -> String {
    let mut line = alloc::format!("{at:08x}:");
    for i in 0..16 {
        let gap = if i % 4 == 0 { " " } else { "" };
        match row.get(i) {
            Some(byte) => line.push_str(&alloc::format!("{gap}{byte:02x}")),
            None => line.push_str(&alloc::format!("{gap}  ")),
        }
    }
    line.push_str("  ");
    line.extend(row.iter().map(|byte| if (0x20..0x7f).contains(byte) { *byte as char } else { '.' }));
    line.push('\n');
    line
}

/// SEQ.
pub fn sequence(args: &Args) -> Outcome {
    let first = args.number("FROM").unwrap_or(1);
    let (from, to) = args.number("TO").map_or((1, first), |to| (first, to));
    let step = args.number("STEP").unwrap_or(if to >= from { 1 } else { -1 });
    if step == 0 {
        return Err(Failure::new(Error::BadNumber, "STEP 0: it would never end"));
    }
    let mut at = from;
    while if step > 0 { at <= to } else { at >= to } {
        println!("{at}");
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    Ok(Status::OK)
}
