//! Rules 1 to 10: page 0, section table, hashes, signature, padding.

use crate::common::File;
use crate::{Case, bytes, raw};
use waymodel::ErrorKind::{BadSignature, Corrupt};
use waymodel::format::section::*;

const PAGE: usize = 4096;

/// Indices of the example's sections.
const TENSORS_ENTRY: u32 = 2;
const TESTS_ENTRY: u32 = 5;
const HASHES_ENTRY: u32 = 7;
const SIG_ENTRY: u32 = 8;

pub(crate) fn cases() -> Vec<Case> {
    [header(), table(), hashes(), padding()].into_iter().flatten().collect()
}

fn header() -> Vec<Case> {
    vec![
        raw(1, 0, "an empty file", Vec::clear),
        raw(1, 0, "seven pages", |f| f.truncate(7 * PAGE)),
        raw(1, 0, "a byte under eight pages", |f| f.truncate(8 * PAGE - 1)),
        bytes(2, 0, "another magic", |f| f.put(0, 0, *b"WAYMODL1")),
        bytes(2, 0, "no magic", |f| f.put(0, 0, [0; 8])),
        bytes(3, 0, "an older major", |f| f.put(0, 8, [1, 0])),
        bytes(3, 0, "a newer major", |f| f.put(0, 8, [3, 0])),
        bytes(4, 0, "seven sections", |f| f.put(0, 24, [7, 0])),
        bytes(4, 0, "33 sections", |f| f.put(0, 24, [33, 0])),
        bytes(4, 0, "another header length", |f| f.put(0, 26, [64, 0])),
        bytes(4, 0, "another table offset", |f| f.put(0, 28, [0, 1, 0, 0])),
        bytes(4, 0, "an unknown flag", |f| f.put(0, 12, [4])),
        bytes(4, 0, "reserved bytes at 56", |f| f.put(0, 56, [1])),
        bytes(4, 0, "reserved bytes at 96", |f| f.put(0, 127, [1])),
        bytes(4, 0, "something behind the section table", |f| f.put(0, PAGE - 1, [1])),
        bytes(5, 0, "a length that is greater than the file", |f| f.put(0, 18, [1])),
        raw(5, 0, "a missing page", |f| f.truncate(f.len() - PAGE)),
        raw(5, 0, "a page too many", |f| f.resize(f.len() + PAGE, 0)),
        raw(5, 0, "a byte too many", |f| f.push(0)),
        raw(5, 0, "a length that is no whole page, and the file's", |f| {
            f.push(0);
            let length = (f.len() as u64).to_le_bytes();
            f[16..24].copy_from_slice(&length);
        }),
    ]
}

fn table() -> Vec<Case> {
    vec![
        bytes(6, 0, "an unknown section flag", |f| f.put_entry(MANIFEST, 4, [2])),
        bytes(6, 0, "reserved bytes of an entry", |f| f.put_entry(MANIFEST, 28, [1])),
        bytes(6, TESTS_ENTRY, "an unknown section that is not optional", |f| f.put_entry(TESTS, 0, [0x81])),
        bytes(6, 1, "types that descend", |f| f.put_entry(STRINGS, 0, [0x08, 0, 0, 0, 1])),
        bytes(6, TESTS_ENTRY, "a type twice", |f| {
            f.put_entry(TESTS, 24, [2]);
            f.put_entry(TESTS, 0, [0x50])
        }),
        bytes(6, 0, "a first section that starts late", |f| f.put_entry(MANIFEST, 9, [0x20])),
        bytes(6, 3, "a section that starts in another", |f| {
            let start = (f.start(TENSORS) as u64).to_le_bytes();
            f.put_entry(GRAPH, 8, start)
        }),
        bytes(6, 0, "a length past the end", |f| f.put_entry(MANIFEST, 16, 60_000u64.to_le_bytes())),
        bytes(6, 0, "a length that overflows", |f| f.put_entry(MANIFEST, 16, u64::MAX.to_le_bytes())),
        bytes(6, 0, "a manifest over its limit", |f| f.put_entry(MANIFEST, 16, 65_537u64.to_le_bytes())),
        bytes(6, 0, "an empty manifest", |f| f.put_entry(MANIFEST, 16, [0; 8])),
        bytes(6, 0, "two manifests", |f| f.put_entry(MANIFEST, 24, [2])),
        bytes(6, 1, "strings with records", |f| f.put_entry(STRINGS, 24, [1])),
        bytes(6, TENSORS_ENTRY, "a tensor record more than there is", |f| f.put_entry(TENSORS, 24, [12])),
        bytes(6, TENSORS_ENTRY, "no tensor record", |f| f.put_entry(TENSORS, 24, [0])),
        bytes(6, TENSORS_ENTRY, "tensor records that overflow", |f| f.put_entry(TENSORS, 24, [255; 4])),
        bytes(6, TESTS_ENTRY, "no test in the tests", |f| f.put_entry(TESTS, 24, [0])),
        bytes(6, TESTS_ENTRY, "65 tests", |f| f.put_entry(TESTS, 24, [65])),
        bytes(6, 4, "no plan", |f| f.put_entry(PLAN, 0, [0x51, 0, 0, 0, 1])).at_end(),
        bytes(6, 7, "no hashes", |f| f.put_entry(HASHES, 0, [0xA0, 0, 0, 0, 1])).at_end(),
        bytes(6, SIG_ENTRY, "something between hashes and signature", |f| f.put_entry(SIG, 0, [0xE1, 0, 0, 0, 1])),
        bytes(6, SIG_ENTRY, "something else than a signature at the end", |f| f.put_entry(SIG, 0, [0xF1, 0, 0, 0, 1])),
        bytes(6, HASHES_ENTRY, "a hash too many", |f| {
            f.put_entry(HASHES, 16, [64]);
            f.put_entry(HASHES, 24, [2])
        }),
        raw(6, 9, "a page behind the signature", |f| {
            f.resize(f.len() + PAGE, 0);
            let length = (f.len() as u64).to_le_bytes();
            f[16..24].copy_from_slice(&length);
        }),
        bytes(6, SIG_ENTRY, "a short signature", |f| f.put_entry(SIG, 16, [127])),
    ]
}

impl Case {
    /// What is missing is found behind the last entry.
    fn at_end(self) -> Self {
        Self { index: 9, ..self }
    }
}

fn hashes() -> Vec<Case> {
    vec![
        raw(7, 0, "a changed root", |f| f[64] ^= 1).kind(Corrupt),
        raw(7, 0, "a changed minor", |f| f[10] ^= 1).kind(Corrupt),
        raw(7, 0, "a changed arena size", |f| f[33] ^= 1).kind(Corrupt),
        raw(7, 0, "a changed hash", |f| {
            let file = File(std::mem::take(f));
            let at = file.start(HASHES);
            *f = file.0;
            f[at] ^= 0x80;
        })
        .kind(Corrupt),
        bytes(8, 0, "an unknown algorithm", |f| f.put(SIG, 0, [2])).kind(BadSignature),
        bytes(8, 0, "unsigned, with a key", |f| f.put(SIG, 32, [1])).kind(BadSignature),
        bytes(8, 0, "unsigned, with a signature", |f| f.put(SIG, 127, [1])).kind(BadSignature),
        bytes(8, 0, "reserved bytes of a signature", |f| {
            f.put(SIG, 0, [1]);
            f.put(SIG, 31, [1])
        })
        .kind(BadSignature),
        bytes(8, 0, "a signature of nothing", |f| f.put(SIG, 0, [1])).kind(BadSignature),
        raw(9, 0, "a changed weight", |f| {
            let file = File(std::mem::take(f));
            let at = file.start(DATA) + 8;
            *f = file.0;
            f[at] ^= 1;
        })
        .kind(Corrupt),
        raw(9, 0, "a changed manifest", |f| f[PAGE] ^= 1).kind(Corrupt),
    ]
}

fn padding() -> Vec<Case> {
    vec![
        bytes(10, 0, "something behind the manifest", |f| {
            let end = f.length(MANIFEST);
            f.put(MANIFEST, end, [1])
        }),
        bytes(10, 6, "something behind the data", |f| {
            let end = f.length(DATA);
            f.put(DATA, end, [1])
        }),
        bytes(10, HASHES_ENTRY, "something behind the hashes", |f| f.put(HASHES, PAGE - 1, [1])),
        bytes(10, SIG_ENTRY, "something behind the signature", |f| f.put(SIG, 128, [1])),
        bytes(10, SIG_ENTRY, "something in the last byte", |f| f.put(SIG, PAGE - 1, [1])),
    ]
}
