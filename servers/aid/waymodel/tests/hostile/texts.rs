//! Rules 23 and 24: the tables of tokenizer and grammar.

use crate::common::example;
use crate::{Case, parts};
use waymodel::ErrorKind::Unsupported;
use waymodel::Model;
use waymodel::write::Builder;

const NONE: u32 = 0xFFFF_FFFF;

/// A WordPiece tokenizer of these tokens, with the ids in this order.
fn word_piece(tokens: &[&str], order: &[u32]) -> Vec<u8> {
    let mut words = vec![1, tokens.len() as u32, 3, 100, 0, NONE, NONE, NONE, 64];
    words.resize(16, 0);
    let ends = tokens.iter().scan(0, |end, token| {
        *end += token.len() as u32;
        Some(*end)
    });
    words.push(0);
    words.extend(ends);
    words.extend(order);
    let text = tokens.concat().into_bytes();
    words.iter().flat_map(|w| w.to_le_bytes()).chain(text).collect()
}

fn right_tokenizer() -> Vec<u8> {
    word_piece(&["[UNK]", "##s", "cat", "a"], &[1, 0, 3, 2])
}

/// A grammar of these states, edges and words.
fn grammar(states: &[[u16; 2]], edges: &[[u16; 2]], words: &[[u16; 2]], text: &[u8]) -> Vec<u8> {
    let head = [states.len(), edges.len(), words.len(), 0, text.len(), 0, 0, 0].map(|n| n as u16);
    let records = states.iter().chain(edges).chain(words).flatten();
    head.iter().chain(records).flat_map(|w| w.to_le_bytes()).chain(text.iter().copied()).collect()
}

/// `list` or any word, then the end.
fn right_grammar() -> Vec<u8> {
    grammar(&[[0, 2], [2, 1]], &[[0, 1], [0xFFFF, 1], [0xFFFE, 0]], &[[0, 4]], b"list")
}

fn tokenizer(name: &'static str, change: fn(&mut Builder)) -> Case {
    parts(23, 0, name, change)
}

fn rules(name: &'static str, change: fn(&mut Builder)) -> Case {
    parts(24, 0, name, change)
}

/// The right tables with the bytes at `at` replaced.
fn with<const N: usize>(mut tables: Vec<u8>, at: usize, bytes: [u8; N]) -> Vec<u8> {
    tables[at..at + N].copy_from_slice(&bytes);
    tables
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        tokenizer("a short head", |b| b.tokenizer = vec![1; 63]),
        tokenizer("an unknown tokenizer", |b| b.tokenizer = with(right_tokenizer(), 0, [9])),
        tokenizer("BPE", |b| b.tokenizer = with(right_tokenizer(), 0, [3])).kind(Unsupported),
        tokenizer("no tokens", |b| b.tokenizer = with(right_tokenizer(), 4, [0])),
        tokenizer("262,145 tokens", |b| b.tokenizer = with(right_tokenizer(), 4, [1, 0, 4, 0])),
        tokenizer("tokens that are not there", |b| b.tokenizer = with(right_tokenizer(), 4, [200])),
        tokenizer("an unknown tokenizer flag", |b| b.tokenizer = with(right_tokenizer(), 8, [8])),
        tokenizer("words of no length", |b| b.tokenizer = with(right_tokenizer(), 12, [0])),
        tokenizer("a special token that is not there", |b| b.tokenizer = with(right_tokenizer(), 16, [4])),
        tokenizer("reserved bytes of the head", |b| b.tokenizer = with(right_tokenizer(), 63, [1])),
        tokenizer("an offset that does not start at 0", |b| b.tokenizer = with(right_tokenizer(), 64, [1])),
        tokenizer("an empty token", |b| b.tokenizer = with(right_tokenizer(), 68, [0])),
        tokenizer("a token that is not UTF-8", |b| b.tokenizer = with(right_tokenizer(), 100, [0xFF])),
        tokenizer("text left over", |b| b.tokenizer.extend(right_tokenizer().into_iter().chain([b'x']))),
        tokenizer("an order that descends", |b| b.tokenizer = word_piece(&["b", "a"], &[0, 1])),
        tokenizer("a token twice", |b| b.tokenizer = word_piece(&["a", "a"], &[0, 1])),
        tokenizer("an id that is not there", |b| b.tokenizer = word_piece(&["a", "b"], &[0, 2])),
        tokenizer("a byte tokenizer of 255", |b| {
            b.tokenizer = with(with(vec![0; 64], 0, [2, 0, 0, 0, 255]), 32, [9]);
        }),
        rules("no states", |b| b.grammar = with(right_grammar(), 0, [0])),
        rules("1,025 states", |b| b.grammar = with(right_grammar(), 0, [1, 4])),
        rules("reserved bytes of the grammar", |b| b.grammar = with(right_grammar(), 6, [1])),
        rules("tables that are not there", |b| b.grammar = with(right_grammar(), 2, [99])),
        rules("another text length", |b| b.grammar = with(right_grammar(), 8, [5])),
        rules("a state without an edge", |b| b.grammar = grammar(&[[0, 0]], &[[0xFFFE, 0]], &[], b"")),
        rules("a state with edges that are not there", |b| b.grammar = grammar(&[[0, 2]], &[[0xFFFE, 0]], &[], b"")),
        rules("an edge of no word", |b| b.grammar = grammar(&[[0, 2]], &[[0, 0], [0xFFFE, 0]], &[], b"")),
        rules("an edge to no state", |b| b.grammar = grammar(&[[0, 2]], &[[0xFFFF, 1], [0xFFFE, 0]], &[], b"")),
        rules("an end that goes on", |b| b.grammar = grammar(&[[0, 1], [0, 1]], &[[0xFFFE, 1]], &[], b"")),
        rules("a word outside of the text", |b| b.grammar = grammar(&[[0, 1]], &[[0xFFFE, 0]], &[[1, 4]], b"list")),
        rules("a word of 64", |b| b.grammar = grammar(&[[0, 1]], &[[0xFFFE, 0]], &[[0, 64]], &[b'a'; 64])),
        rules("a space in the text", |b| b.grammar = grammar(&[[0, 1]], &[[0xFFFE, 0]], &[[0, 4]], b"li t")),
        rules("a state that reaches no end", |b| {
            b.grammar = grammar(&[[0, 2], [2, 1]], &[[0xFFFE, 0], [0xFFFF, 1], [0xFFFF, 1]], &[], b"");
        }),
    ]
}

#[test]
fn right_tables_are_accepted() {
    let mut builder = example();
    (builder.tokenizer, builder.grammar) = (right_tokenizer(), right_grammar());
    Model::load(&builder.build()[..]).unwrap_or_else(|e| panic!("{e}"));
    builder.tokenizer = with(with(vec![0; 64], 0, [2, 0, 0, 0, 0, 1]), 32, [9]);
    Model::load(&builder.build()[..]).unwrap_or_else(|e| panic!("{e}"));
}
