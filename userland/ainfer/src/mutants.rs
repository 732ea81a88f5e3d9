//! Hostile model files: a good one with one thing changed. Those marked `sealed` have right hashes again, so that only the
//! rule in question can refuse them.

use alloc::vec::Vec;

use libsys::Error;
use waymodel::format::{PAGE, section};
use waymodel::write::{find_section, reseal};

/// One change and what it must be refused with.
pub struct Mutant {
    pub name: &'static str,
    /// The rule's number; 0 where aid refuses before it reads.
    pub rule: u8,
    pub error: Error,
    sealed: bool,
    change: fn(&mut Vec<u8>),
}

const fn raw(rule: u8, error: Error, name: &'static str, change: fn(&mut Vec<u8>)) -> Mutant {
    Mutant { name, rule, error, sealed: false, change }
}

const fn sealed(rule: u8, name: &'static str, change: fn(&mut Vec<u8>)) -> Mutant {
    Mutant { name, rule, error: Error::BadModel, sealed: true, change }
}

/// At least one for each part of the loader.
pub const MUTANTS: &[Mutant] = &[
    raw(1, Error::BadModel, "one page", |file| file.truncate(PAGE as usize)),
    raw(2, Error::BadModel, "another magic", |file| flip(file, 0)),
    raw(3, Error::BadModel, "another major", |file| flip(file, 8)),
    raw(4, Error::BadModel, "reserved bytes that are not zero", |file| flip(file, 100)),
    raw(5, Error::BadModel, "a page too many", |file| file.resize(file.len() + PAGE as usize, 0)),
    raw(7, Error::Corrupt, "another root", |file| flip(file, 64)),
    raw(9, Error::Corrupt, "a weight with one bit changed", |file| flip_in(file, section::DATA, 64)),
    raw(9, Error::Corrupt, "a manifest with one bit changed", |file| flip_in(file, section::MANIFEST, 1)),
    sealed(6, "a section that starts elsewhere", |file| flip(file, 128 + 9)),
    raw(8, Error::BadSignature, "a signature by an unknown algorithm", |file| flip_in(file, section::SIG, 0)),
    sealed(11, "a manifest that is no text", |file| flip_in_by(file, section::MANIFEST, 1, 0x80)),
    sealed(13, "a tensor of unknown type", |file| set_in(file, section::TENSORS, 5, 99)),
    sealed(15, "an op that nobody knows", |file| set_in(file, section::GRAPH, 0, 0xEE)),
    sealed(17, "an op that reads a tensor that is not there", |file| set_in(file, section::GRAPH, 14, 0x7F)),
    sealed(20, "a plan outside the arena's grid", |file| set_in(file, section::PLAN, 8, 1)),
];

impl Mutant {
    /// The changed file.
    pub fn apply(&self, good: &[u8]) -> Vec<u8> {
        let mut file = good.to_vec();
        (self.change)(&mut file);
        if self.sealed {
            reseal(&mut file);
        }
        file
    }
}

fn flip(file: &mut [u8], at: usize) {
    if let Some(byte) = file.get_mut(at) {
        *byte ^= 1;
    }
}

fn flip_in(file: &mut [u8], kind: u32, at: usize) {
    flip_in_by(file, kind, at, 1);
}

fn flip_in_by(file: &mut [u8], kind: u32, at: usize, by: u8) {
    if let Some(byte) = find_section(file, kind).and_then(|(start, _)| file.get_mut(start + at)) {
        *byte ^= by;
    }
}

fn set_in(file: &mut [u8], kind: u32, at: usize, value: u8) {
    if let Some(byte) = find_section(file, kind).and_then(|(start, _)| file.get_mut(start + at)) {
        *byte = value;
    }
}
