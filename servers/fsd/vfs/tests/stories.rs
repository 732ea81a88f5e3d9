//! What clients of a volume experience.

use protocol::Text;
use protocol::fs::{Kind, Lock, Open, Protection, Rights, Seek, Target};
use vfs::session::{Mounted, Session};
use vfs::{ArchiveFs, Change, Error, FileSystem, New, RamFs};

const RW: Rights = Rights::READ.union(Rights::WRITE);
const MAKE: Open = Open::CREATE;
const NOW: u64 = 1_000;

fn ram(pages: u64) -> (Mounted<'static>, Session) {
    let mut volume = Mounted::new(RamFs::new("RAM", 1, pages, 7, NOW));
    let root = volume.fs.root();
    let session = Session::new(&mut volume, 1, root, RW).unwrap();
    (volume, session)
}

fn write(volume: &mut Mounted<'_>, s: &mut Session, path: &str, bytes: &[u8]) -> u32 {
    let (id, _) = s.open(volume, (0, path), (MAKE, RW), NOW).unwrap();
    s.write(volume, id, None, bytes, NOW).unwrap();
    id
}

fn dir(volume: &mut Mounted<'_>, s: &mut Session, path: &str) -> u32 {
    s.open(volume, (0, path), (MAKE | Open::DIRECTORY, RW), NOW).unwrap().0
}

fn read(volume: &Mounted<'_>, s: &mut Session, id: u32) -> Vec<u8> {
    let mut bytes = vec![0; 100_000];
    let n = s.read(volume, id, Some(0), &mut bytes).unwrap();
    bytes.truncate(n);
    bytes
}

fn symbolic(text: &str) -> Target {
    Target::Symbolic(Text::new(text).unwrap())
}

fn hard(text: &str) -> Target {
    Target::Hard(Text::new(text).unwrap())
}

#[test]
fn a_file_is_found_whatever_the_case_and_keeps_its_own() {
    let (mut v, mut s) = ram(100);
    write(&mut v, &mut s, "Letter", b"dear");
    let id = s.open(&mut v, (0, "LETTER"), (Open::empty(), Rights::READ), NOW).unwrap().0;
    assert_eq!(read(&v, &mut s, id), b"dear");
    let (entries, cookie) = s.list(&v, 0, 0, 12).unwrap();
    assert_eq!((entries[0].name.as_str(), entries[0].size, cookie), ("Letter", 4, 0));
    assert_eq!(s.open(&mut v, (0, "letter"), (MAKE | Open::NEW, RW), NOW).unwrap_err(), Error::Exists);
    s.rename(&mut v, (0, "letter"), (0, "LETTER"), NOW).unwrap();
    assert_eq!(s.list(&v, 0, 0, 12).unwrap().0[0].name.as_str(), "LETTER");
}

#[test]
fn own_position_explicit_position_and_append() {
    let (mut v, mut s) = ram(100);
    let id = write(&mut v, &mut s, "f", b"hello");
    assert_eq!(s.write(&mut v, id, None, b" world", NOW), Ok(11));
    assert_eq!(s.write(&mut v, id, Some(0), b"J", NOW), Ok(1));
    assert_eq!(s.seek(&v, id, Seek::Current(0)), Ok(11), "an explicit position moves nothing");
    assert_eq!(s.seek(&v, id, Seek::End(-5)), Ok(6));
    let mut word = [0; 5];
    assert_eq!(s.read(&v, id, None, &mut word), Ok(5));
    assert_eq!(&word, b"world");
    assert_eq!(s.seek(&v, id, Seek::Current(-99)), Err(Error::BadArgument));
    let append = s.open(&mut v, (0, "f"), (Open::empty(), RW | Rights::APPEND), NOW).unwrap().0;
    assert_eq!(s.write(&mut v, append, Some(0), b"!", NOW), Ok(12));
    assert_eq!(s.truncate(&mut v, append, 0, NOW), Err(Error::Denied));
    assert_eq!(read(&v, &mut s, id), b"Jello world!");
}

#[test]
fn holes_read_as_zeros_and_cost_nothing() {
    let (mut v, mut s) = ram(4);
    let id = write(&mut v, &mut s, "sparse", b"a");
    s.write(&mut v, id, Some(1 << 30), b"z", NOW).unwrap();
    assert_eq!(s.stat(&v, id, "", Open::empty()).unwrap().size, (1 << 30) + 1);
    let mut hole = [1; 10];
    assert_eq!(s.read(&v, id, Some(100), &mut hole), Ok(10));
    assert_eq!(hole, [0; 10]);
    s.truncate(&mut v, id, 1, NOW).unwrap();
    s.truncate(&mut v, id, 10, NOW).unwrap();
    assert_eq!(read(&v, &mut s, id), b"a\0\0\0\0\0\0\0\0\0");
    assert_eq!(s.write(&mut v, id, Some(u64::MAX), b"x", NOW), Err(Error::Limit));
}

#[test]
fn a_full_volume_says_so_and_changes_nothing() {
    let (mut v, mut s) = ram(4);
    let id = write(&mut v, &mut s, "f", &[7; 2 * 4096]);
    assert_eq!(s.write(&mut v, id, None, &[8; 8192], NOW), Err(Error::VolumeFull));
    assert_eq!(read(&v, &mut s, id), [7; 8192], "all or nothing");
    s.write(&mut v, id, None, &[8; 4096], NOW).unwrap();
    assert_eq!(v.fs.volume().free, 0);
    assert_eq!(s.write(&mut v, id, Some(0), &[9; 4096], NOW), Ok(4096), "writing over it needs nothing");
    s.truncate(&mut v, id, 0, NOW).unwrap();
    assert_eq!(v.fs.volume().free, 3);
}

#[test]
fn empty_files_are_not_free() {
    let (mut v, mut s) = ram(2);
    let made = (0..10_000).take_while(|i| {
        let id = s.open(&mut v, (0, &format!("f{i}")), (MAKE, RW), NOW).map(|(id, _)| id);
        id.and_then(|id| s.close(&mut v, id)).is_ok()
    });
    let made = made.count();
    assert!((10..40).contains(&made), "{made}");
}

#[test]
fn an_unlinked_file_lives_while_it_is_open() {
    let (mut v, mut s) = ram(10);
    let id = write(&mut v, &mut s, "f", b"still here");
    s.unlink(&mut v, 0, "f", NOW).unwrap();
    assert_eq!(s.stat(&v, 0, "f", Open::empty()).unwrap_err(), Error::NotFound);
    assert_eq!(read(&v, &mut s, id), b"still here");
    let stat = s.stat(&v, id, "", Open::empty()).unwrap();
    s.close(&mut v, id).unwrap();
    assert_eq!(v.fs.volume().free, 10);
    let node = vfs::Node { inode: stat.inode, generation: stat.generation };
    assert_eq!(v.fs.stat(node).unwrap_err(), Error::Stale);
    let again = write(&mut v, &mut s, "g", b"");
    let stat_again = s.stat(&v, again, "", Open::empty()).unwrap();
    assert_eq!(stat_again.inode, stat.inode, "the number is used again");
    assert_ne!(stat_again.generation, stat.generation, "but never as the same file");
}

#[test]
fn a_removed_directory_takes_no_names() {
    let (mut v, mut s) = ram(10);
    let d = dir(&mut v, &mut s, "d");
    s.unlink(&mut v, 0, "d", NOW).unwrap();
    assert_eq!(s.open(&mut v, (d, "x"), (MAKE, RW), NOW).unwrap_err(), Error::NotFound);
    assert_eq!(s.stat(&v, d, "..", Open::empty()).unwrap_err(), Error::NotFound);
    assert_eq!(s.list(&v, d, 0, 5), Ok((vec![], 0)));
}

#[test]
fn hard_links_are_one_file() {
    let (mut v, mut s) = ram(10);
    let id = write(&mut v, &mut s, "a", b"one");
    s.link(&mut v, 0, "b", &hard("a"), NOW).unwrap();
    s.write(&mut v, id, None, b" two", NOW).unwrap();
    let b = s.open(&mut v, (0, "b"), (Open::empty(), Rights::READ), NOW).unwrap();
    assert_eq!((b.1.links, b.1.size), (2, 7));
    s.unlink(&mut v, 0, "a", NOW).unwrap();
    assert_eq!(read(&v, &mut s, b.0), b"one two");
    dir(&mut v, &mut s, "d");
    assert_eq!(s.link(&mut v, 0, "e", &hard("d"), NOW), Err(Error::WrongType));
    assert_eq!(s.link(&mut v, 0, "b", &hard("b"), NOW), Err(Error::Exists));
}

#[test]
fn symbolic_links() {
    let (mut v, mut s) = ram(10);
    dir(&mut v, &mut s, "d");
    write(&mut v, &mut s, "d/f", b"content");
    s.link(&mut v, 0, "link", &symbolic("d"), NOW).unwrap();
    s.link(&mut v, 0, "d/up", &symbolic("../link/f"), NOW).unwrap();
    assert_eq!(s.stat(&v, 0, "link/up", Open::empty()).unwrap().size, 7);
    assert_eq!(s.stat(&v, 0, "link", Open::NO_FOLLOW).unwrap().kind, Kind::Link);
    assert_eq!(s.read_link(&v, 0, "d/up"), Ok("../link/f"));
    assert_eq!(s.read_link(&v, 0, "d/f").unwrap_err(), Error::WrongType);
    s.link(&mut v, 0, "made", &symbolic("d/new"), NOW).unwrap();
    write(&mut v, &mut s, "made", b"x");
    assert_eq!(s.stat(&v, 0, "d/new", Open::empty()).unwrap().size, 1, "a dangling link is created through");
    s.link(&mut v, 0, "out", &symbolic("SYS:C"), NOW).unwrap();
    assert_eq!(s.stat(&v, 0, "out", Open::empty()).unwrap_err(), Error::OtherVolume);
    s.link(&mut v, 0, "round", &symbolic("round"), NOW).unwrap();
    assert_eq!(s.stat(&v, 0, "round", Open::empty()).unwrap_err(), Error::Loop);
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let (mut v, mut s) = ram(20);
    write(&mut v, &mut s, "l0", b"end");
    for i in 1..=41 {
        s.link(&mut v, 0, &format!("l{i}"), &symbolic(&format!("l{}", i - 1)), NOW).unwrap();
    }
    assert_eq!(s.stat(&v, 0, "l40", Open::empty()).unwrap().size, 3);
    assert_eq!(s.stat(&v, 0, "l41", Open::empty()).unwrap_err(), Error::Loop);
}

#[test]
fn nothing_leaves_the_directory_a_session_was_given() {
    let (mut v, mut s) = ram(10);
    write(&mut v, &mut s, "secret", b"x");
    let jail = dir(&mut v, &mut s, "jail");
    dir(&mut v, &mut s, "jail/inner");
    s.link(&mut v, 0, "jail/sneaky", &symbolic("../../secret"), NOW).unwrap();
    let mut inside = s.share(&mut v, jail, RW, 2).unwrap();
    for path in ["../secret", "inner/../../secret", "/../secret", "/secret", "sneaky", "../../../secret"] {
        assert_eq!(inside.stat(&v, 0, path, Open::empty()).unwrap_err(), Error::NotFound, "{path}");
    }
    let inner = inside.open(&mut v, (0, "inner"), (Open::empty(), RW), NOW).unwrap().0;
    assert!(inside.stat(&v, inner, "..", Open::empty()).is_ok());
    s.rename(&mut v, (0, "jail/inner"), (0, "moved"), NOW).unwrap();
    assert_eq!(
        inside.stat(&v, inner, "../secret", Open::empty()).unwrap_err(),
        Error::NotFound,
        "moved away while open"
    );
    let root_of_jail = inside.stat(&v, 0, "..", Open::empty()).unwrap().inode;
    assert_eq!(root_of_jail, inside.stat(&v, 0, "", Open::empty()).unwrap().inode);
}

#[test]
fn rights_only_shrink() {
    let (mut v, mut s) = ram(10);
    write(&mut v, &mut s, "f", b"x");
    let mut reader = s.share(&mut v, 0, Rights::READ, 2).unwrap();
    let f = reader.open(&mut v, (0, "f"), (Open::empty(), Rights::READ), NOW).unwrap().0;
    assert_eq!(reader.open(&mut v, (0, "f"), (Open::empty(), RW), NOW).unwrap_err(), Error::Denied);
    assert_eq!(reader.open(&mut v, (0, "g"), (MAKE, Rights::READ), NOW).unwrap_err(), Error::Denied);
    assert_eq!(reader.write(&mut v, f, None, b"y", NOW), Err(Error::Denied));
    assert_eq!(reader.truncate(&mut v, f, 0, NOW), Err(Error::Denied));
    assert_eq!(reader.unlink(&mut v, 0, "f", NOW), Err(Error::Denied));
    assert_eq!(reader.rename(&mut v, (0, "f"), (0, "g"), NOW), Err(Error::Denied));
    assert_eq!(reader.set(&mut v, 0, "f", &Change::default()), Err(Error::Denied));
    assert_eq!(reader.share(&mut v, f, RW, 3).unwrap_err(), Error::Denied);
    let mut logger = s.share(&mut v, 0, RW | Rights::APPEND, 4).unwrap();
    let log = logger.open(&mut v, (0, "f"), (Open::empty(), RW), NOW).unwrap().0;
    assert_eq!(logger.write(&mut v, log, Some(0), b"y", NOW), Ok(2), "append-only below an append-only directory");
    assert_eq!(logger.open(&mut v, (0, "f"), (Open::TRUNCATE, RW), NOW).unwrap_err(), Error::Denied);
}

#[test]
fn protection_comment_and_times() {
    let (mut v, mut s) = ram(10);
    write(&mut v, &mut s, "f", b"x");
    let protect = |p| Change { protection: Some(p), comment: Some("mine"), modified: Some(42) };
    s.set(&mut v, 0, "f", &protect(Protection::DELETE | Protection::WRITE | Protection::SCRIPT)).unwrap();
    let stat = s.stat(&v, 0, "f", Open::empty()).unwrap();
    assert_eq!((stat.comment.as_str(), stat.modified, stat.created), ("mine", 42, NOW));
    assert!(stat.protection.contains(Protection::SCRIPT));
    assert_eq!(s.unlink(&mut v, 0, "f", NOW), Err(Error::DeleteProtected));
    assert_eq!(s.open(&mut v, (0, "f"), (Open::TRUNCATE, RW), NOW).unwrap_err(), Error::WriteProtected);
    write(&mut v, &mut s, "g", b"y");
    assert_eq!(s.rename(&mut v, (0, "g"), (0, "f"), NOW), Err(Error::DeleteProtected));
    s.set(&mut v, 0, "f", &protect(Protection::READ)).unwrap();
    assert_eq!(s.open(&mut v, (0, "f"), (Open::empty(), Rights::READ), NOW).unwrap_err(), Error::ReadProtected);
    let long = "x".repeat(80);
    assert_eq!(s.set(&mut v, 0, "f", &Change { comment: Some(&long), ..Change::default() }), Err(Error::Limit));
}

#[test]
fn renames_replace_files_and_never_directories() {
    let (mut v, mut s) = ram(10);
    write(&mut v, &mut s, "a", b"a");
    write(&mut v, &mut s, "b", b"bb");
    dir(&mut v, &mut s, "d");
    dir(&mut v, &mut s, "d/e");
    s.rename(&mut v, (0, "a"), (0, "b"), NOW).unwrap();
    assert_eq!(s.stat(&v, 0, "b", Open::empty()).unwrap().size, 1);
    assert_eq!(s.rename(&mut v, (0, "b"), (0, "d"), NOW), Err(Error::Exists));
    assert_eq!(s.rename(&mut v, (0, "d"), (0, "b"), NOW), Err(Error::Exists));
    assert_eq!(s.rename(&mut v, (0, "d"), (0, "d/e/f"), NOW), Err(Error::InUse), "not into itself");
    assert_eq!(s.unlink(&mut v, 0, "d", NOW), Err(Error::DirNotEmpty));
    s.rename(&mut v, (0, "d/e"), (0, "e"), NOW).unwrap();
    assert_eq!(s.stat(&v, 0, "e/..", Open::empty()).unwrap().inode, 1, "its parent follows");
    assert_eq!(s.rename(&mut v, (0, "nosuch"), (0, "x"), NOW), Err(Error::NotFound));
    assert_eq!(s.rename(&mut v, (0, ".."), (0, "x"), NOW), Err(Error::InvalidName));
}

#[test]
fn paths_that_lead_nowhere() {
    let (mut v, mut s) = ram(10);
    write(&mut v, &mut s, "f", b"");
    for (path, error) in [
        ("nosuch", Error::NotFound),
        ("nosuch/x", Error::DirNotFound),
        ("f/x", Error::WrongType),
        ("f/", Error::WrongType),
        ("f/..", Error::WrongType),
        ("RAM:f", Error::InvalidName),
    ] {
        assert_eq!(s.stat(&v, 0, path, Open::empty()).unwrap_err(), error, "{path}");
    }
    assert!(s.stat(&v, 0, ".//./f", Open::empty()).is_ok());
    assert_eq!(s.close(&mut v, 0), Err(Error::BadArgument));
    assert_eq!(s.close(&mut v, 99), Err(Error::BadArgument));
}

#[test]
fn a_listing_sees_what_stays_exactly_once() {
    let (mut v, mut s) = ram(50);
    for i in 0..30 {
        let id = write(&mut v, &mut s, &format!("f{i}"), b"");
        s.close(&mut v, id).unwrap();
    }
    let (mut seen, mut cookie, mut round) = (Vec::new(), 0, 0);
    loop {
        let (entries, next) = s.list(&v, 0, cookie, 4).unwrap();
        seen.extend(entries.into_iter().map(|e| e.name.into_string()));
        if next == 0 {
            break;
        }
        cookie = next;
        // Meanwhile others come and go: one that was seen, the one the cookie names, one that is still to come.
        let _ = s.unlink(&mut v, 0, &seen[seen.len() - 1], NOW);
        let _ = s.unlink(&mut v, 0, &format!("f{}", 29 - round), NOW);
        write(&mut v, &mut s, &format!("new{round}"), b"");
        s.rename(&mut v, (0, "f14"), (0, "F14"), NOW).unwrap();
        round += 1;
        assert!(round < 30);
    }
    let mut unique: Vec<String> = seen.iter().map(|n| n.to_lowercase()).collect();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), seen.len(), "nothing twice");
    for i in (0..20).filter(|i| i % 4 != 3) {
        assert!(unique.contains(&format!("f{i}")), "f{i} stayed");
    }
}

#[test]
fn locks_keep_others_from_writing_and_go_with_the_object() {
    let (mut v, mut s) = ram(10);
    let a = write(&mut v, &mut s, "f", b"x");
    let mut other = s.share(&mut v, 0, RW, 2).unwrap();
    let b = other.open(&mut v, (0, "f"), (Open::empty(), RW), NOW).unwrap().0;
    s.lock(&mut v, a, Lock::Exclusive).unwrap();
    assert_eq!(other.lock(&mut v, b, Lock::Shared), Err(Error::InUse));
    assert_eq!(other.write(&mut v, b, None, b"y", NOW), Err(Error::InUse));
    assert_eq!(other.open(&mut v, (0, "f"), (Open::TRUNCATE, RW), NOW).unwrap_err(), Error::InUse);
    assert!(s.write(&mut v, a, None, b"y", NOW).is_ok());
    s.close(&mut v, a).unwrap();
    other.lock(&mut v, b, Lock::Exclusive).unwrap();
    other.end(&mut v);
    assert!(v.locks.is_empty());
}

#[test]
fn a_session_has_a_bound() {
    let (mut v, mut s) = ram(10);
    let opened = (0..2000).take_while(|_| s.open(&mut v, (0, ""), (Open::empty(), RW), NOW).is_ok()).count();
    assert_eq!(opened, vfs::session::MAX_OBJECTS - 1);
    let absent = s.open(&mut v, (0, "new"), (MAKE, RW), NOW).unwrap_err();
    assert_eq!((absent, s.stat(&v, 0, "new", Open::empty()).unwrap_err()), (Error::Limit, Error::NotFound));
}

mod sys {
    use super::*;
    use archive::write::{Content, InitImage, InitSegment, Item};
    use archive::{Archive, EntryFlags, INIT_BASE, Rights as InitRights};

    fn image() -> Vec<u8> {
        let segment =
            InitSegment { address: INIT_BASE, memory_length: 4, rights: InitRights::ReadExecute, bytes: vec![0; 4] };
        let init = InitImage { name: "L/init".into(), entry: INIT_BASE, segments: vec![segment] };
        let file = |name: &str, bytes: &[u8], script| Item {
            name: name.into(),
            content: Content::File(bytes.into(), EntryFlags { script }),
        };
        let items = [
            file("S/Startup-Sequence", b"echo hello", true),
            file("www/index.html", b"<html>", false),
            file("www/css/a.css", b"", false),
            Item { name: "C/list".into(), content: Content::Program(vec![7; 9000]) },
            Item { name: "C/ls".into(), content: Content::Alias("C/list".into()) },
        ];
        archive::write::write(&init, &items).unwrap()
    }

    #[test]
    fn the_boot_archive_is_a_tree() {
        let image = image();
        let archive = Archive::parse(&image).unwrap();
        let mut v = Mounted::new(ArchiveFs::new("SYS", 2, archive).unwrap());
        let root = v.fs.root();
        let mut s = Session::new(&mut v, 1, root, Rights::READ).unwrap();
        let names = |s: &Session, v: &Mounted<'_>, id| -> Vec<String> {
            let (mut names, mut cookie) = (Vec::new(), 0);
            loop {
                let (entries, next) = s.list(v, id, cookie, 1).unwrap();
                names.extend(entries.into_iter().map(|e| e.name.into_string()));
                if next == 0 {
                    return names;
                }
                cookie = next;
            }
        };
        assert_eq!(names(&s, &v, 0), ["C", "S", "www"], "init is no file");
        let www = s.open(&mut v, (0, "WWW"), (Open::DIRECTORY, Rights::READ), NOW).unwrap().0;
        assert_eq!(names(&s, &v, www), ["css", "index.html"]);
        let (id, stat) = s.open(&mut v, (www, "../s/startup-sequence"), (Open::empty(), Rights::READ), NOW).unwrap();
        assert!(stat.protection.contains(Protection::SCRIPT));
        assert_eq!(read(&v, &mut s, id), b"echo hello");
        let (list, _) = s.open(&mut v, (0, "C/list"), (Open::empty(), Rights::READ), NOW).unwrap();
        let (ls, _) = s.open(&mut v, (0, "C/ls"), (Open::empty(), Rights::READ), NOW).unwrap();
        let extent = s.extent(&v, list).unwrap();
        assert_eq!(s.extent(&v, ls), Ok(extent));
        assert_eq!(image[extent.offset as usize..][..extent.length as usize], vec![7; 9000]);
        assert_eq!(extent.offset % 4096, 0);
        let mut none = [0; 4];
        assert_eq!(s.read(&v, list, Some(u64::MAX), &mut none), Ok(0));
    }

    #[test]
    fn nothing_can_be_changed() {
        let image = image();
        let archive = Archive::parse(&image).unwrap();
        let mut fs = ArchiveFs::new("SYS", 2, archive).unwrap();
        let (root, s) = (fs.root(), fs.look_up(fs.root(), "S").unwrap());
        assert_eq!(fs.create(root, "x", New::File, NOW), Err(Error::ReadOnly));
        assert_eq!(fs.unlink(s, "Startup-Sequence", NOW), Err(Error::ReadOnly));
        assert_eq!(fs.rename((root, "S"), (root, "T"), NOW), Err(Error::ReadOnly));
        assert_eq!(fs.write(s, 0, b"", NOW), Err(Error::ReadOnly));
        assert_eq!(fs.truncate(s, 0, NOW), Err(Error::ReadOnly));
        assert_eq!(fs.set(s, &Change::default()), Err(Error::ReadOnly));
        let mut v = Mounted::new(fs);
        let mut session = Session::new(&mut v, 1, root, RW).unwrap();
        assert_eq!(session.open(&mut v, (0, "x"), (MAKE, RW), NOW).unwrap_err(), Error::ReadOnly);
        assert_eq!(
            session.open(&mut v, (0, "S/Startup-Sequence"), (Open::empty(), RW), NOW).unwrap_err(),
            Error::WriteProtected
        );
    }
}
