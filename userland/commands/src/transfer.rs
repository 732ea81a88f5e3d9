//! COPY, MOVE, RENAME, DELETE.

use alloc::string::String;
use alloc::vec::Vec;

use libsys::protocol::fs::{Kind, Protection, Stat};
use libsys::{Error, Status, env, fs, println};
use readargs::Args;

use crate::context::{About, Failure, Outcome, expand, file_name, is_directory};
use crate::files::{children, confirm, copy_all};

const MAX_DEPTH: usize = 64;

/// COPY.
pub fn copy(args: &Args) -> Outcome {
    let sources = expand(args.many("FROM"))?;
    let target = args.string_or("TO", "");
    for (from, to) in pairs(&sources, target, args.switch("ALL"))? {
        copy_one(args, &from, &to, 0)?;
    }
    Ok(Status::OK)
}

/// What goes where: into the target if it is a directory, else one thing under the target's name.
fn pairs(sources: &[String], target: &str, trees: bool) -> Result<Vec<(String, String)>, Failure> {
    if is_directory(target) {
        return Ok(sources.iter().map(|from| (from.clone(), fs::path::join(target, file_name(from)))).collect());
    }
    match sources {
        [from] if trees || !is_directory(from) => Ok(alloc::vec![(from.clone(), target.into())]),
        [from] => Err(Failure::new(Error::WrongType, alloc::format!("{from}: a directory; ALL copies what is in it"))),
        _ => Err(Failure::new(
            Error::DirNotFound,
            alloc::format!("{target}: not a directory, so only one file can go there"),
        )),
    }
}

fn copy_one(args: &Args, from: &str, to: &str, depth: usize) -> Result<(), Failure> {
    let stat = fs::stat(from).about(from)?;
    if stat.kind == Kind::Directory {
        if !args.switch("ALL") {
            return Err(Failure::new(
                Error::WrongType,
                alloc::format!("{from}: a directory; ALL copies what is in it"),
            ));
        }
        return copy_tree(args, from, to, depth);
    }
    let there = fs::stat(to).ok();
    if let Some(there) = &there {
        if (there.inode, there.volume) == (stat.inode, stat.volume) {
            return Err(Failure::new(Error::InUse, alloc::format!("{from}: can't be copied onto itself")));
        }
        let skip = args.switch("NOREP") || args.switch("NEWER") && there.modified >= stat.modified;
        if skip || args.switch("INTER") && !confirm(&alloc::format!("Replace {to}?"))? {
            return Ok(());
        }
        if args.switch("FORCE") && there.protection.intersects(Protection::WRITE | Protection::DELETE) {
            fs::set(to, Some(there.protection - Protection::WRITE - Protection::DELETE), None, None).about(to)?;
        }
    }
    let mut source = fs::File::open(from).about(from)?;
    let mut target = fs::File::create(to).about(to)?;
    if let Err(error) = copy_all(&mut source, &mut target) {
        // Half a file is no copy.
        drop(target);
        if there.is_none() {
            let _ = fs::remove(to);
        }
        return Err(Failure::about(to, error));
    }
    if args.switch("CLONE") {
        clone_attributes(&stat, to)?;
    }
    if args.switch("VERBOSE") || depth > 0 && !args.switch("QUIET") {
        println!("{from} -> {to}");
    }
    Ok(())
}

fn clone_attributes(stat: &Stat, to: &str) -> Result<(), Failure> {
    fs::set(to, Some(stat.protection), Some(stat.modified), Some(&stat.comment)).about(to)
}

fn copy_tree(args: &Args, from: &str, to: &str, depth: usize) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::about(from, Error::Limit));
    }
    let (source, inside) = (fs::path::canonical(from).about(from)?, fs::path::canonical(to).about(to)?);
    let (source, inside) = (source.to_ascii_lowercase(), inside.to_ascii_lowercase());
    if inside == source || inside.starts_with(&alloc::format!("{}/", source.trim_end_matches('/'))) {
        return Err(Failure::new(Error::InUse, alloc::format!("{from}: can't be copied into itself")));
    }
    // What is in it is listed before anything is made, so that a copy below it is not copied again.
    let below = children(from)?;
    match fs::create_dir(to) {
        Err(Error::Exists) if is_directory(to) => {}
        result => result.about(to)?,
    }
    for child in below {
        copy_one(args, &child, &fs::path::join(to, file_name(&child)), depth + 1)?;
    }
    Ok(())
}

/// MOVE.
pub fn move_files(args: &Args) -> Outcome {
    let sources = expand(args.many("FROM"))?;
    for (from, to) in pairs(&sources, args.string_or("TO", ""), true)? {
        if args.switch("NOREP") && fs::exists(&to) {
            continue;
        }
        if args.switch("FORCE") {
            unprotect(&from)?;
        }
        match fs::rename(&from, &to) {
            Err(Error::OtherVolume) => {
                move_over(&from, &to)?;
            }
            result => result.about(&from)?,
        }
    }
    Ok(Status::OK)
}

/// To another volume: a copy with everything, then the old one goes.
fn move_over(from: &str, to: &str) -> Result<(), Failure> {
    let stat = fs::stat(from).about(from)?;
    if stat.kind == Kind::Directory {
        match fs::create_dir(to) {
            Err(Error::Exists) if is_directory(to) => {}
            result => result.about(to)?,
        }
        for child in children(from)? {
            move_over(&child, &fs::path::join(to, file_name(&child)))?;
        }
    } else {
        let mut target = fs::File::create(to).about(to)?;
        copy_all(&mut fs::File::open(from).about(from)?, &mut target).about(to)?;
        drop(target);
        clone_attributes(&stat, to)?;
    }
    fs::remove(from).about(from)
}

/// RENAME.
pub fn rename(args: &Args) -> Outcome {
    let sources = expand(args.many("FROM"))?;
    for (from, to) in pairs(&sources, args.string_or("TO", ""), true)? {
        if fs::exists(&to) && !from.eq_ignore_ascii_case(&to) {
            return Err(Failure::about(&to, Error::Exists));
        }
        fs::rename(&from, &to).about(&from)?;
    }
    Ok(Status::OK)
}

/// DELETE.
pub fn delete(args: &Args) -> Outcome {
    let force = args.switch("FORCE");
    let mut names = Vec::new();
    for argument in args.many("FILE") {
        match expand(core::slice::from_ref(argument)) {
            Ok(mut found) => names.append(&mut found),
            Err(failure) if failure.error == Error::NotFound && force => {}
            Err(failure) => return Err(failure),
        }
    }
    // The shell has replaced patterns by what matches: several names are what a pattern leaves.
    let ask = names.len() > 1 && env::is_interactive() && !force && !args.switch("QUIET");
    if ask && !confirm(&alloc::format!("Delete {} files?", names.len()))? {
        return Ok(Status::WARN);
    }
    for name in names {
        match delete_one(args, &name, 0) {
            Err(failure) if failure.error == Error::NotFound && force => {}
            result => result?,
        }
    }
    Ok(Status::OK)
}

fn delete_one(args: &Args, name: &str, depth: usize) -> Result<(), Failure> {
    let stat = fs::stat_link(name).about(name)?;
    if stat.kind == Kind::Directory && args.switch("ALL") {
        if depth > MAX_DEPTH {
            return Err(Failure::about(name, Error::Limit));
        }
        for child in children(name)? {
            delete_one(args, &child, depth + 1)?;
        }
    }
    if args.switch("FORCE") {
        unprotect(name)?;
    }
    match fs::remove(name) {
        Err(Error::DirNotEmpty) => {
            return Err(Failure::new(
                Error::DirNotEmpty,
                alloc::format!("{name}: not empty; ALL deletes what is in it"),
            ));
        }
        result => result.about(name)?,
    }
    if depth > 0 && !args.switch("QUIET") {
        println!("{name} deleted");
    }
    Ok(())
}

fn unprotect(name: &str) -> Result<(), Failure> {
    let stat = fs::stat_link(name).about(name)?;
    let guards = Protection::DELETE | Protection::WRITE;
    if stat.protection.intersects(guards) {
        fs::set(name, Some(stat.protection - guards), None, None).about(name)?;
    }
    Ok(())
}
