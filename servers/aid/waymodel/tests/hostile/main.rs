//! Files that break one rule each, and must be refused by that rule, at that place.

#[path = "../common/mod.rs"]
mod common;
mod frame;
mod graph;
mod manifest;
mod ports;
mod tables;
mod texts;

use common::{File, example};
use waymodel::write::Builder;
use waymodel::{ErrorKind, Limits, Model};

/// How a case's file comes about.
pub(crate) enum Change {
    /// The parts are changed, and then written as mkmodel would.
    Parts(fn(&mut Builder)),
    /// The file's bytes are changed, and the hashes made right again.
    Bytes(fn(&mut File)),
    /// The file's bytes are changed and nothing else.
    Raw(fn(&mut Vec<u8>)),
}

/// A file, and how it must be refused.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rule: u8,
    pub(crate) index: u32,
    pub(crate) kind: ErrorKind,
    pub(crate) change: Change,
}

pub(crate) fn parts(rule: u8, index: u32, name: &'static str, change: fn(&mut Builder)) -> Case {
    Case { name, rule, index, kind: ErrorKind::BadModel, change: Change::Parts(change) }
}

pub(crate) fn bytes(rule: u8, index: u32, name: &'static str, change: fn(&mut File)) -> Case {
    Case { name, rule, index, kind: ErrorKind::BadModel, change: Change::Bytes(change) }
}

pub(crate) fn raw(rule: u8, index: u32, name: &'static str, change: fn(&mut Vec<u8>)) -> Case {
    Case { name, rule, index, kind: ErrorKind::BadModel, change: Change::Raw(change) }
}

impl Case {
    pub(crate) fn kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    fn file(&self) -> Vec<u8> {
        match self.change {
            Change::Parts(change) => {
                let mut builder = example();
                change(&mut builder);
                builder.build()
            }
            Change::Bytes(change) => {
                let mut file = File::new();
                change(&mut file);
                file.resealed()
            }
            Change::Raw(change) => {
                let mut file = File::new().0;
                change(&mut file);
                file
            }
        }
    }
}

fn all_cases() -> Vec<Case> {
    [frame::cases(), manifest::cases(), tables::cases(), graph::cases(), ports::cases(), texts::cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn every_case_is_refused_by_its_rule() {
    let mut wrong = Vec::new();
    for case in all_cases() {
        let file = case.file();
        match Model::load(&file[..]) {
            Ok(_) => wrong.push(format!("{}: was accepted", case.name)),
            Err(e) if (e.rule, e.index, e.kind) != (case.rule, case.index, case.kind) => {
                wrong.push(format!("{}: rule {} index {} {:?}: {e}", case.name, e.rule, e.index, e.kind));
            }
            Err(e) => assert!(!e.detail.is_empty() && !e.place.is_empty(), "{}: {e}", case.name),
        }
    }
    assert!(wrong.is_empty(), "{} cases went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn there_are_enough_cases_and_every_rule_has_two() {
    let cases = all_cases();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    for rule in 1..=25 {
        let count = cases.iter().filter(|c| c.rule == rule).count();
        assert!(count >= 2, "rule {rule} has {count} cases");
    }
}

#[test]
fn the_example_itself_is_a_model() {
    let file = File::new().0;
    let model = Model::load(&file[..]).expect("the example");
    assert_eq!((model.tensors().len(), model.graph().len(), model.test_count()), (11, 6, 3));
    assert_eq!(model.manifest().name, "example");
    assert_eq!(model.tests().count(), 3);
    assert!(model.signer().is_none());
}

#[test]
fn writing_it_twice_gives_the_same_bytes() {
    assert_eq!(example().build(), example().build());
}

#[test]
fn a_greater_minor_and_an_optional_section_are_accepted() {
    let mut file = File::new();
    file.put(0, 10, 7u16.to_le_bytes());
    assert!(Model::load(&file.resealed()[..]).is_ok());
    let mut file = File::new();
    let tests = file.entry(0x80);
    file.0[tests] = 0x81;
    file.0[tests + 4] = 1;
    assert!(Model::load(&file.resealed()[..]).is_ok(), "an unknown section that is optional");
}

#[test]
fn the_message_names_the_op_and_both_shapes() {
    let mut builder = example();
    builder.tensors[common::id::CONVOLVED as usize].shape = common::batched(&[6, 6, 19]);
    let error = Model::load(&builder.build()[..]).unwrap_err();
    assert_eq!(error.to_string(), "op 0 \"conv\": rule 18: output is [B,6,6,20], the file says [B,6,6,19]");
}

#[test]
fn limits_are_told_apart_from_mistakes() {
    let file = File::new().0;
    let narrow = |limits: Limits| Model::load_within(&file[..], &limits).unwrap_err();
    let error = narrow(Limits { file: 8192, ..Limits::default() });
    assert_eq!((error.kind, error.rule, error.limit), (ErrorKind::Limit, 5, 8192));
    let error = narrow(Limits { arena: 64, ..Limits::default() });
    assert_eq!((error.kind, error.rule, error.limit), (ErrorKind::Limit, 21, 64));
}

#[test]
fn any_flipped_bit_is_refused() {
    let file = File::new().0;
    let mut random = common::Random(11);
    let page_bits = (0..4096 * 8).step_by(7);
    let others: Vec<usize> = (0..3000).map(|_| random.below(file.len() * 8)).collect();
    let tail = (file.len() - 2 * 4096) * 8;
    let tail_bits = (tail..file.len() * 8).step_by(61);
    for bit in page_bits.chain(others).chain(tail_bits) {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Model::load(&damaged[..]).is_err(), "bit {bit}");
    }
}
