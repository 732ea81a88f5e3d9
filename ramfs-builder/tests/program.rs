//! Programs: what is flattened, stripped and refused. The ELF files are made here, byte by byte.

use archive::program::{Processor, Program};
use archive::{Archive, INIT_BASE, PAGE, Rights};
use ramfs_builder::program::{flatten, strip};
use ramfs_builder::{Inputs, Missing};
use std::fs;
use std::path::{Path, PathBuf};

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const RELRO: u32 = 0x6474_e552;

/// A program header: type, flags, offset and address, bytes in the file and in memory.
type Header = (u32, u32, u64, u64, u64);

/// Page 0 read-only with the relocations, page 1 code, page 2 constants after relocation, page 3 data and zeros.
fn headers() -> Vec<Header> {
    vec![
        (LOAD, 4, 0, 0x400, 0x400),
        (LOAD, 5, 0x1000, 0x20, 0x20),
        (LOAD, 6, 0x2000, 0x60, 0x1000),
        (LOAD, 6, 0x3000, 8, 0x2000),
        (DYNAMIC, 6, 0x2010, 0x40, 0x40),
        (RELRO, 4, 0x2000, 0x60, 0x1000),
    ]
}

/// A static PIE with these headers and relocations (address, type, addend).
fn elf(machine: u16, headers: &[Header], relocations: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut out = vec![0; 0x3008];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    put(16, &3u16.to_le_bytes());
    put(18, &machine.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(24, &0x1010u64.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    for (i, half) in [64u16, 56, headers.len() as u16, 64].into_iter().enumerate() {
        put(52 + 2 * i, &half.to_le_bytes());
    }
    for (i, (kind, flags, at, file, memory)) in headers.iter().enumerate() {
        let base = 64 + 56 * i;
        put(base, &kind.to_le_bytes());
        put(base + 4, &flags.to_le_bytes());
        for (j, word) in [*at, *at, *at, *file, *memory, PAGE].into_iter().enumerate() {
            put(base + 8 + 8 * j, &word.to_le_bytes());
        }
    }
    for (i, (at, kind, addend)) in relocations.iter().enumerate() {
        for (j, word) in [at, kind, addend].into_iter().enumerate() {
            put(0x300 + 24 * i + 8 * j, &word.to_le_bytes());
        }
    }
    let dynamic = [7u64, 0x300, 8, 24 * relocations.len() as u64, 0, 0];
    for (i, word) in dynamic.into_iter().enumerate() {
        put(0x2010 + 8 * i, &word.to_le_bytes());
    }
    put(0x1000, &[0x90; 0x20]);
    put(0x3000, b"variable");
    out.extend(b"symbols and debugging data that nobody loads");
    out
}

const X86_64: u16 = 62;
const AARCH64: u16 = 183;

#[test]
fn init_is_flattened_and_relocated() {
    for (machine, relative, processor) in [(X86_64, 8, Processor::X86_64), (AARCH64, 1027, Processor::Aarch64)] {
        let bytes = elf(machine, &headers(), &[(0x2000, relative, 0x1010), (0x3ff8, relative, 0x3000)]);
        let (which, init) = flatten("L/init", &bytes).unwrap();
        assert_eq!((which, init.entry), (processor, INIT_BASE + 0x1010));
        let rights: Vec<Rights> = init.segments.iter().map(|s| s.rights).collect();
        assert_eq!(rights, [Rights::Read, Rights::ReadExecute, Rights::Read, Rights::ReadWrite]);
        assert_eq!(init.segments[2].bytes[..8], (INIT_BASE + 0x1010).to_le_bytes(), "a constant that was relocated");
        assert_eq!(init.segments[3].bytes[0xff8..], (INIT_BASE + 0x3000).to_le_bytes(), "one among the zeros");
        assert_eq!((&init.segments[3].bytes[..8], init.segments[3].memory_length), (&b"variable"[..], 0x2000));
        archive::write::write(&init, &[]).unwrap();
    }
}

#[test]
fn programs_keep_what_is_loaded() {
    let bytes = elf(X86_64, &headers(), &[(0x2000, 8, 0x1010)]);
    let (_, stripped) = strip(&bytes).unwrap();
    assert_eq!(stripped.len(), 0x3008);
    assert_eq!(stripped[0x1000..], bytes[0x1000..0x3008]);
    assert_eq!(strip(&stripped).unwrap().1, stripped, "stripping again changes nothing");
}

#[test]
fn what_could_not_be_loaded_is_refused_with_the_reason() {
    let with = |index: usize, header: Header| {
        let mut headers = headers();
        headers[index] = header;
        headers
    };
    let good = [(0x2000, 8, 0)];
    for (bytes, reason) in [
        (b"#!/bin/sh".to_vec(), "no 64-bit ELF file"),
        (elf(243, &headers(), &good), "neither aarch64 nor x86_64"),
        (elf(X86_64, &with(1, (LOAD, 7, 0x1000, 0x20, 0x20)), &good), "writable and executable"),
        (elf(X86_64, &with(1, (LOAD, 5, 0x1010, 0x20, 0x20)), &good), "separate-loadable-segments"),
        (elf(X86_64, &with(1, (LOAD, 5, 0x2000, 0x20, 0x20)), &good), "overlap"),
        (elf(X86_64, &with(1, (3, 4, 0x1000, 0x20, 0x20)), &good), "position-independent"),
        (elf(X86_64, &headers(), &[(0x2000, 6, 0)]), "relocations"),
        (elf(AARCH64, &headers(), &good), "relocations"),
    ] {
        let why = strip(&bytes).unwrap_err().to_string();
        assert!(why.contains(reason), "{why}: expected {reason}");
    }
    let outside = elf(X86_64, &headers(), &[(0x9000, 8, 0)]);
    assert!(flatten("init", &outside).is_err());
    let in_code = elf(X86_64, &headers(), &[(0x1000, 8, 0)]);
    assert!(flatten("init", &in_code).is_err());
}

#[test]
fn hostile_programs_are_refused_and_never_a_panic() {
    let good = elf(X86_64, &headers(), &[(0x2000, 8, 0x1010)]);
    let mut random = 0x5eed_u64;
    let mut next = |n: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % n as u64) as usize
    };
    for _ in 0..30_000 {
        let mut bytes = good.clone();
        for _ in 0..=next(3) {
            let at = [next(64 + 56 * 6), 0x300 + next(24), 0x2010 + next(48)][next(3)];
            bytes[at] = [0, 0xff, next(256) as u8][next(3)];
        }
        if let Ok(program) = Program::parse(&bytes) {
            assert!(program.loads().all(|l| l.address + l.memory_length <= program.span));
            assert!(program.relocations().all(|(at, _)| at < program.span));
        }
        let _ = strip(&bytes);
        if let Ok((_, init)) = flatten("init", &bytes) {
            let _ = archive::write::write(&init, &[]);
        }
    }
}

/// A folder that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ramfs-builder-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const MANIFEST: &str = r#"
[[server]]
name = "devd"
image = "L/devd"
level = 2
class = "driver"
pages = 512
restart = "always"

[[program]]
binary = "list"
images = ["C/list", "C/ls"]
"#;

#[test]
fn an_archive_is_packed_twice_the_same() {
    let folder = Folder::new("pack");
    let (programs, sys) = (folder.0.join("programs"), folder.0.join("sys"));
    fs::create_dir_all(sys.join("S")).unwrap();
    fs::create_dir_all(&programs).unwrap();
    fs::write(folder.0.join("m.toml"), MANIFEST).unwrap();
    fs::write(sys.join("S/Startup-Sequence"), "echo hello").unwrap();
    let program = elf(X86_64, &headers(), &[]);
    fs::write(programs.join("init"), &program).unwrap();
    fs::write(programs.join("list"), &program).unwrap();
    let build = |missing| {
        let files: [&Path; 1] = [&sys];
        ramfs_builder::build(&Inputs {
            manifest: &folder.0.join("m.toml"),
            with: &[],
            programs: &programs,
            files: &files,
            missing,
        })
    };
    let problems = build(Missing::Refuse).unwrap_err();
    assert!(
        problems[0].0.starts_with("L/devd: its program") && problems[0].0.ends_with("was not built"),
        "{problems:?}"
    );
    let built = build(Missing::LeaveOut).unwrap();
    assert_eq!(built.left_out, ["devd"]);
    assert_eq!(build(Missing::LeaveOut).unwrap(), built);

    let archive = Archive::parse(&built.bytes).unwrap();
    assert!(archive.find("S/startup-sequence").unwrap().flags.script);
    assert_eq!(archive.find("C/ls").unwrap().offset, archive.find("C/list").unwrap().offset);
    let entry = archive.find(archive::MANIFEST_NAME).unwrap();
    let manifest = archive::manifest::Manifest::decode(archive.payload(&entry)).unwrap();
    assert!(manifest.servers.is_empty(), "what was left out is in no manifest");
    assert_eq!(manifest.programs.len(), 1);

    fs::write(programs.join("devd"), elf(AARCH64, &headers(), &[])).unwrap();
    let problems = build(Missing::Refuse).unwrap_err();
    assert!(problems[0].0.contains("it is for Aarch64, init for X86_64"), "{problems:?}");
    fs::write(programs.join("devd"), &program).unwrap();
    fs::create_dir_all(sys.join("c")).unwrap();
    fs::write(sys.join("c/LIST"), "twice").unwrap();
    assert_eq!(build(Missing::Refuse).unwrap_err()[0].0, "c/list: there are two of that name");
}
