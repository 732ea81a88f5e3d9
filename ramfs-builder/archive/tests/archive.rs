//! What is written is read back the same, and nothing else is taken for an archive.

use archive::write::{Content, InitImage, InitSegment, Item, hash, write};
use archive::{Archive, ArchiveError, EntryFlags, Header, INIT_BASE, Kind, PAGE, Rights};

fn init() -> InitImage {
    let segment = |page: u64, rights, length: usize, memory_length| InitSegment {
        address: INIT_BASE + page * PAGE,
        memory_length,
        rights,
        bytes: vec![page as u8 + 1; length],
    };
    InitImage {
        name: "L/init".into(),
        entry: INIT_BASE + PAGE + 16,
        segments: vec![
            segment(0, Rights::Read, 100, 100),
            segment(1, Rights::ReadExecute, 5000, 5000),
            segment(3, Rights::ReadWrite, 10, 9000),
        ],
    }
}

fn items() -> Vec<Item> {
    let file = |name: &str, bytes: &[u8]| Item {
        name: name.into(),
        content: Content::File(bytes.into(), EntryFlags { script: name.starts_with("S/") }),
    };
    vec![
        file("www/index.html", b"<html>"),
        file("S/Startup-Sequence", b"echo hello"),
        file("empty", b""),
        Item { name: "C/list".into(), content: Content::Program(vec![7; 10_000]) },
        Item { name: "C/LS".into(), content: Content::Alias("c/LIST".into()) },
        Item { name: archive::MANIFEST_NAME.into(), content: Content::Manifest(vec![1, 2, 3]) },
    ]
}

#[test]
fn what_is_written_is_read_back() {
    let bytes = write(&init(), &items()).unwrap();
    let archive = Archive::parse(&bytes).unwrap();
    assert_eq!(archive.len(), 7);
    let startup = archive.find("s/STARTUP-sequence").unwrap();
    assert_eq!(startup.name, "S/Startup-Sequence", "case is kept");
    assert!(startup.flags.script);
    assert_eq!(archive.payload(&startup), b"echo hello");
    assert_eq!(archive.find("C/nosuch"), None);
    assert_eq!(archive.find(archive::MANIFEST_NAME).unwrap().kind, Kind::Manifest);
    for entry in archive.entries() {
        assert!(entry.offset.is_multiple_of(PAGE), "{} maps in place", entry.name);
        assert_eq!(hash(archive.payload(&entry)), entry.sha256, "{}", entry.name);
    }
    assert_eq!(hash(archive.table_bytes()), archive.header().table_hash);
}

#[test]
fn an_alias_is_the_same_payload_under_another_name() {
    let bytes = write(&init(), &items()).unwrap();
    let archive = Archive::parse(&bytes).unwrap();
    let (list, ls) = (archive.find("C/list").unwrap(), archive.find("C/ls").unwrap());
    assert_eq!((ls.offset, ls.length, ls.sha256), (list.offset, list.length, list.sha256));
    assert_eq!(ls.alias_of, Some(list.index));
    assert_eq!(ls.kind, Kind::Program);
}

#[test]
fn the_kernel_needs_the_first_page_alone() {
    let bytes = write(&init(), &items()).unwrap();
    let header = Header::parse(&bytes[..PAGE as usize]).unwrap();
    assert_eq!(header.length, bytes.len() as u64);
    assert_eq!(header.init.entry, INIT_BASE + PAGE + 16);
    for (read, written) in header.init.segments().zip(&init().segments) {
        assert_eq!(
            (read.address, read.memory_length, read.rights),
            (written.address, written.memory_length, written.rights)
        );
        let at = read.offset as usize;
        assert_eq!(&bytes[at..at + read.file_length as usize], written.bytes);
    }
    assert_eq!(header.init.segments().count(), 3);
}

#[test]
fn the_order_of_input_does_not_matter() {
    let mut reversed = items();
    reversed.reverse();
    assert_eq!(write(&init(), &items()).unwrap(), write(&init(), &reversed).unwrap());
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    let with = |name: &str, content| {
        let mut items = items();
        items.push(Item { name: name.into(), content });
        write(&init(), &items).unwrap_err()
    };
    assert_eq!(with("c/List", Content::Program(vec![])), ArchiveError::BadOrder);
    assert_eq!(with("../up", Content::Program(vec![])), ArchiveError::BadName);
    assert_eq!(with("C/x", Content::Alias("C/none".into())), ArchiveError::BadAlias);
    assert_eq!(with("C/x", Content::Alias("C/ls".into())), ArchiveError::BadAlias, "no chains");

    let mut outside = init();
    outside.entry = INIT_BASE;
    assert_eq!(write(&outside, &[]).unwrap_err(), ArchiveError::BadInit, "the entry point must be executable");
    let mut overlapping = init();
    overlapping.segments[1].address = INIT_BASE;
    assert_eq!(write(&overlapping, &[]).unwrap_err(), ArchiveError::BadInit);
    let mut elsewhere = init();
    elsewhere.segments.remove(0);
    assert_eq!(write(&elsewhere, &[]).unwrap_err(), ArchiveError::BadInit, "init starts at its base");
}

#[test]
fn a_truncated_archive_is_refused_at_every_length() {
    let bytes = write(&init(), &items()).unwrap();
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        assert!(Archive::parse(&bytes[..length]).is_err(), "{length}");
    }
    let mut longer = bytes.clone();
    longer.extend([0xee; 100]);
    assert_eq!(Archive::parse(&longer).unwrap().bytes(), bytes, "a loader may round up");
}

#[test]
fn write_and_execute_does_not_exist() {
    let mut bytes = write(&init(), &items()).unwrap();
    let rights_of_first_segment = 0x100 + 32;
    bytes[rights_of_first_segment] = 7;
    assert_eq!(Header::parse(&bytes).unwrap_err(), ArchiveError::BadInit);
}

/// The fuzz target: whatever is accepted can be read to the end, and lies inside.
fn reads_or_refuses(bytes: &[u8]) {
    let Ok(archive) = Archive::parse(bytes) else { return };
    let mut count = 0;
    for entry in archive.entries() {
        assert_eq!(archive.payload(&entry).len() as u64, entry.length);
        assert!(entry.offset.is_multiple_of(PAGE));
        if entry.index > 0 {
            assert_eq!(archive.find(entry.name).map(|e| e.index), Some(entry.index));
        }
        count += 1;
    }
    assert_eq!(count, archive.len());
    for s in archive.header().init.segments() {
        assert!(s.offset + s.file_length <= archive.header().length);
    }
}

#[test]
fn fuzz_reader() {
    let seed = write(&init(), &items()).unwrap();
    let mut random = Random(0x5eed);
    let table_end = 3 * PAGE as usize;
    for _ in 0..30_000 {
        let mut bytes = seed.clone();
        for _ in 0..=random.below(3) {
            // Mostly where structure is: the fields of the header and the table.
            let at = if random.below(2) == 0 { random.below(0x180) } else { random.below(table_end) };
            bytes[at] = match random.below(4) {
                0 => 0,
                1 => 0xff,
                2 => bytes[at] ^ (1 << random.below(8)),
                _ => random.below(256) as u8,
            };
        }
        reads_or_refuses(&bytes);
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

mod files {
    use archive::ArchiveError;
    use archive::files::{File, Files, write};

    #[test]
    fn what_is_written_is_read_back() {
        let files = [File { name: "ca.pem", bytes: b"-----" }, File { name: "dir/empty", bytes: b"" }];
        let bytes = write(&files).unwrap();
        let read: Vec<_> = Files::parse(&bytes).unwrap().iter().collect();
        assert_eq!(read, files);
        assert!(Files::parse(&write(&[]).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let bytes = write(&[File { name: "a", bytes: b"12345" }]).unwrap();
        for length in 0..bytes.len() {
            assert!(Files::parse(&bytes[..length]).is_err(), "{length}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Files::parse(&longer).unwrap_err(), ArchiveError::BadLayout);
        let mut huge = bytes.clone();
        huge[24..32].fill(0xff);
        assert_eq!(Files::parse(&huge).unwrap_err(), ArchiveError::TooShort);
        assert_eq!(write(&[File { name: "/etc", bytes: b"" }]).unwrap_err(), ArchiveError::BadName);
        let mut random = super::Random(7);
        for _ in 0..20_000 {
            let mut bytes = bytes.clone();
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
            if let Ok(files) = Files::parse(&bytes) {
                assert_eq!(files.iter().count() as u32, files.len());
            }
        }
    }
}
