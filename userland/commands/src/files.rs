//! TYPE, MORE, MAKEDIR, MAKELINK, TOUCH, WRITE, JOIN, PROTECT, FILENOTE, SYNC.

use alloc::string::String;
use alloc::vec::Vec;

use libsys::console::Terminal;
use libsys::io::{self, Lines, Read, Write};
use libsys::protocol::console::Mode;
use libsys::protocol::fs::{Kind, Protection};
use libsys::{Error, Status, fs, print, println, time};
use readargs::Args;

use crate::context::{About, Failure, Outcome, Source, each_source, expand, is_directory, output};

const BUFFER: usize = 32 * 1024;

/// TYPE.
pub fn show(args: &Args) -> Outcome {
    let mut out = output(args.string("TO"))?;
    each_source(args.many("FROM"), |name, mut source| {
        if args.switch("HEX") {
            return crate::text::dump(&mut source, 0, u64::MAX, &mut *out);
        }
        if args.switch("NUMBER") {
            let mut lines = Lines::new(source);
            let mut number = 0;
            while let Some(line) = lines.next_row()? {
                number += 1;
                out.write_all(alloc::format!("{number:>5}  ").as_bytes())?;
                out.write_all(&line)?;
                out.write_all(b"\n")?;
            }
            return Ok(());
        }
        copy_all(&mut source, &mut *out).about(name.unwrap_or("standard input"))
    })?;
    Ok(Status::OK)
}

/// Copies everything.
pub fn copy_all(from: &mut dyn Read, to: &mut dyn Write) -> Result<(), Error> {
    let mut buffer = alloc::vec![0; BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count])?,
        }
    }
}

/// MORE: a page at a time if somebody looks on, everything otherwise.
pub fn more(args: &Args) -> Outcome {
    let terminal = if io::stdout().is_terminal() { Terminal::open("console").ok() } else { None };
    let Some(mut keys) = terminal else {
        each_source(args.many("FILE"), |name, mut source| {
            copy_all(&mut source, &mut io::stdout()).about(name.unwrap_or("standard input"))
        })?;
        return Ok(Status::OK);
    };
    let rows = keys.size().map_or(24, |size| size.rows).max(2) as usize - 1;
    let mut left = rows;
    let mut quit = false;
    let before = keys.set_mode(Mode::Raw)?;
    let shown = each_source(args.many("FILE"), |_, source| {
        let mut lines = Lines::new(source);
        while let Some(line) = lines.next_row()? {
            if quit {
                return Ok(());
            }
            if left == 0 {
                (left, quit) = ask(&mut keys, rows)?;
                if quit {
                    return Ok(());
                }
            }
            io::stdout().write_all(&line)?;
            io::stdout().write_all(b"\r\n")?;
            left -= 1;
        }
        Ok(())
    });
    io::stdout().flush()?;
    keys.set_mode(before)?;
    shown.map(|()| Status::OK)
}

/// How many lines may come next, and whether it is enough.
fn ask(keys: &mut Terminal, rows: usize) -> Result<(usize, bool), Failure> {
    io::stdout().write_all(b"-- more: space, return, q --")?;
    io::stdout().flush()?;
    let mut key = [0];
    let answer = loop {
        if keys.read(&mut key, u64::MAX)? == 0 {
            break (0, true);
        }
        match key[0] {
            b' ' => break (rows, false),
            b'\r' | b'\n' => break (1, false),
            b'q' | b'Q' | 3 => break (0, true),
            _ => {}
        }
    };
    io::stdout().write_all(b"\r                            \r")?;
    Ok(answer)
}

/// MAKEDIR.
pub fn make_dir(args: &Args) -> Outcome {
    for name in args.many("NAME") {
        if args.switch("ALL") {
            for (at, _) in name.match_indices('/') {
                make_one(&name[..at], true)?;
            }
        }
        make_one(name, args.switch("ALL"))?;
    }
    Ok(Status::OK)
}

fn make_one(name: &str, may_exist: bool) -> Result<(), Failure> {
    match fs::create_dir(name) {
        Err(Error::Exists) if may_exist && is_directory(name) => Ok(()),
        result => result.about(name),
    }
}

/// MAKELINK.
pub fn make_link(args: &Args) -> Outcome {
    let (name, target) = (args.string_or("FROM", ""), args.string_or("TO", ""));
    if args.switch("FORCE") && fs::stat_link(name).is_ok() {
        fs::remove(name).about(name)?;
    }
    if args.switch("HARD") {
        fs::hard_link(name, target).about(name)?;
    } else {
        fs::link(name, target).about(name)?;
    }
    Ok(Status::OK)
}

/// TOUCH.
pub fn touch(args: &Args) -> Outcome {
    for name in args.many("NAME") {
        if fs::exists(name) {
            fs::set(name, None, Some(time::utc_ns().unwrap_or(0)), None).about(name)?;
        } else {
            fs::File::append(name).about(name)?;
        }
    }
    Ok(Status::OK)
}

/// WRITE.
pub fn write(args: &Args) -> Outcome {
    let path = args.string_or("FILE", "");
    let mut file = if args.switch("APPEND") { fs::File::append(path) } else { fs::File::create(path) }.about(path)?;
    let mut line = String::from(args.string_or("TEXT", ""));
    line.push('\n');
    file.write_all(line.as_bytes()).about(path)?;
    Ok(Status::OK)
}

/// JOIN.
pub fn join(args: &Args) -> Outcome {
    let target = args.string_or("AS", "");
    let sources = expand(args.many("FILE"))?;
    let canonical = fs::path::canonical(target).about(target)?;
    for source in &sources {
        if fs::path::canonical(source).about(source)?.eq_ignore_ascii_case(&canonical) {
            return Err(Failure::new(Error::InUse, alloc::format!("{source}: can't be joined into itself")));
        }
    }
    let mut out = fs::File::create(target).about(target)?;
    for source in &sources {
        copy_all(&mut Source::open(Some(source))?, &mut out).about(source)?;
    }
    Ok(Status::OK)
}

/// PROTECT.
pub fn protect(args: &Args) -> Outcome {
    let files = expand(&[String::from(args.string_or("FILE", ""))])?;
    let Some(flags) = args.string("FLAGS") else {
        for file in files {
            let stat = fs::stat(&file).about(&file)?;
            println!("{file}: {}", crate::listing::letters(stat.protection));
        }
        return Ok(Status::OK);
    };
    for file in files {
        protect_one(args, &file, flags, 0)?;
    }
    Ok(Status::OK)
}

fn protect_one(args: &Args, file: &str, flags: &str, depth: usize) -> Result<(), Failure> {
    let stat = fs::stat(file).about(file)?;
    let how = match (flags.as_bytes().first(), args.switch("ADD"), args.switch("SUB")) {
        (Some(b'+'), ..) | (_, true, _) => Change::Add,
        (Some(b'-'), ..) | (_, _, true) => Change::Subtract,
        _ => Change::Set,
    };
    let protection = changed(stat.protection, flags.trim_start_matches(['+', '-']), how)?;
    fs::set(file, Some(protection), None, None).about(file)?;
    if args.switch("ALL") && stat.kind == Kind::Directory && depth < 64 {
        for entry in fs::read_dir(file).about(file)? {
            protect_one(args, &fs::path::join(file, &entry.name), flags, depth + 1)?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Set,
    Add,
    Subtract,
}

/// The protection after letters were set, added or taken away. `r w e d` allow, where the stored bits forbid.
fn changed(before: Protection, letters: &str, how: Change) -> Result<Protection, Failure> {
    const FORBIDDING: Protection =
        Protection::READ.union(Protection::WRITE).union(Protection::EXECUTE).union(Protection::DELETE);
    let mut named = Protection::empty();
    for letter in letters.chars() {
        named |= match letter.to_ascii_lowercase() {
            'h' => Protection::HIDDEN,
            's' => Protection::SCRIPT,
            'p' => Protection::PURE,
            'a' => Protection::ARCHIVE,
            'r' => Protection::READ,
            'w' => Protection::WRITE,
            'e' => Protection::EXECUTE,
            'd' => Protection::DELETE,
            other => {
                return Err(Failure::new(Error::BadArgument, alloc::format!("{other}: not one of h s p a r w e d")));
            }
        };
    }
    // In the letters' sense: a letter that stands is a right or a mark.
    let stands = before ^ FORBIDDING;
    let after = match how {
        Change::Set => named,
        Change::Add => stands | named,
        Change::Subtract => stands - named,
    };
    Ok(after ^ FORBIDDING)
}

/// FILENOTE.
pub fn note(args: &Args) -> Outcome {
    let path = args.string_or("FILE", "");
    fs::set(path, None, None, Some(args.string_or("COMMENT", ""))).about(path)?;
    Ok(Status::OK)
}

/// SYNC.
pub fn sync(args: &Args) -> Outcome {
    match args.string("VOLUME") {
        Some(volume) => fs::sync(volume).about(volume)?,
        None => {
            for volume in fs::volumes("SYS")? {
                let path = alloc::format!("{}:", volume.name);
                fs::sync(&path).about(&path)?;
            }
        }
    }
    Ok(Status::OK)
}

/// Asks a question whose answer is yes or no.
pub fn confirm(question: &str) -> Result<bool, Failure> {
    print!("{question} (y/n) ");
    let answer = Lines::new(io::stdin()).next_line()?.unwrap_or_default();
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Names below a directory, as paths.
pub fn children(dir: &str) -> Result<Vec<String>, Failure> {
    Ok(fs::read_dir(dir).about(dir)?.into_iter().map(|entry| fs::path::join(dir, &entry.name)).collect())
}
