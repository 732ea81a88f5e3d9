//! Random lines and scripts: no panic, bounded, and quoting is undone.

mod world;

use readargs::quote;
use shell_lang::ast::Part;
use shell_lang::complete::{complete, hint};
use shell_lang::lex::{Dialect, Keyed, Token, lex};
use shell_lang::lines::{logical_lines, open};
use shell_lang::parse::parse;
use shell_lang::path;
use world::Session;

struct Random(u64);

impl Random {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }

    fn text(&mut self, pieces: &[&str], most: usize) -> String {
        (0..self.next(most + 1)).map(|_| pieces[self.next(pieces.len())]).collect()
    }
}

const PIECES: &[&str] = &[
    "echo ",
    "args ",
    "a",
    "b ",
    " ",
    " ",
    "\n",
    "$",
    "$x",
    "${x",
    "}",
    ":-",
    "$(",
    ")",
    "(",
    "`",
    "\"",
    "'",
    "\\",
    "*",
    "#?",
    "?",
    "|",
    "||",
    "&&",
    "&",
    ";",
    "<",
    ">",
    ">>",
    "2>",
    "2>&1",
    "*>",
    "RAM:",
    "/",
    "..",
    "if ",
    "warn",
    "else",
    "endif",
    "for x in ",
    "endloop",
    "while ",
    "not ",
    "eq ",
    "lab ",
    "skip ",
    "back ",
    "set x ",
    "alias a ",
    "quit ",
    "failat 5",
    "execute ",
    "run ",
    "time ",
    "cd ",
    "ö",
    "漢",
    "\u{1b}",
    "+",
    "[]",
    "-n",
    "--",
    "=",
    "%",
    "end 10 ",
    ".KEY a\n",
    "<a>",
    "<a$b>",
    ".BRA {\n",
    "{a}",
    "why ",
    "ask ",
    "help ",
    "which ",
];

/// The target for texts of the language: everything that reads it.
fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let keyed = Keyed { names: vec!["a".into(), "b".into()], ..Keyed::default() };
    for dialect in [Dialect::Shell, Dialect::Keyed(&keyed)] {
        for line in logical_lines(&text) {
            if let Ok(tokens) = lex(&line.text, dialect) {
                let mut last = 0;
                for token in tokens {
                    let span = match token {
                        Token::Word(word) => word.span,
                        Token::Op(_, span) => span,
                    };
                    assert!(last <= span.start && span.start < span.end, "{text:?}");
                    assert!(line.text.get(span.clone()).is_some(), "{text:?}");
                    last = span.end;
                }
            }
            let _ = parse(&line.text, dialect);
        }
    }
    let _ = open(&text);
    if let Ok(joined) = path::join("SYS:a/b", &text) {
        assert_eq!(path::join("RAM:", &joined), Ok(joined.clone()));
        assert!(path::check(&joined).is_ok() && !joined.contains("//") && !joined.ends_with("/.."));
    }
}

#[test]
fn random_texts_never_panic() {
    let mut random = Random(0x5EED_0020);
    for round in 0..20_000 {
        let data: Vec<u8> = if round % 4 == 0 {
            (0..random.next(60)).map(|_| random.next(256) as u8).collect()
        } else {
            random.text(PIECES, 20).into_bytes()
        };
        target(&data);
    }
}

#[test]
fn random_scripts_end_and_never_panic() {
    let mut random = Random(0x5EED_0021);
    for _ in 0..2_000 {
        let mut session = Session::new();
        let text = random.text(PIECES, 25);
        session.line(&text);
        session.world.steps = 0;
        session.exec(&text);
        session.world.files.insert("RAM:s".into(), text.clone().into_bytes());
        session.world.steps = 0;
        session.line("execute s x y");
        assert!(session.world.err.lines().all(|line| line.len() < 5_000), "{text:?}");
        let _ = complete(&session.shell, &mut session.world, &text, random.next(text.len() + 2));
        let _ = hint(&session.shell, &session.world, &text);
    }
}

#[test]
fn quoting_any_word_and_lexing_gives_it_back() {
    let mut random = Random(0x5EED_0022);
    for _ in 0..20_000 {
        let word = random.text(PIECES, 8);
        let spelled = quote(&word);
        let tokens = lex(&spelled, Dialect::Shell).unwrap_or_else(|fault| panic!("{word:?} {spelled:?} {fault}"));
        let [Token::Word(lexed)] = tokens.as_slice() else { panic!("{word:?} {spelled:?} {tokens:?}") };
        let [Part::Text { text, .. }] = lexed.parts.as_slice() else { panic!("{word:?} {spelled:?} {lexed:?}") };
        assert_eq!(*text, word, "{spelled:?}");
    }
}

#[test]
fn a_quoted_word_is_one_argument_of_a_command() {
    let mut random = Random(0x5EED_0023);
    for _ in 0..1_000 {
        let word = random.text(PIECES, 6);
        let mut session = Session::new();
        assert_eq!(session.line(&format!("args {}", quote(&word))), format!("<{word}>\n"));
    }
}
