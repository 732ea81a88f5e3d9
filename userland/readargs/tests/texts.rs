//! Templates, manuals, completion, splitting.

mod common;
use readargs::{Expect, Kind, Line, Manual, Quoting, Template, Word, quote, read};

const MANUAL: Manual = Manual {
    name: "DELETE",
    aliases: &["rm", "rmdir"],
    template: "FILE/M/A,R=ALL/S,TO/K,N=LINES/N/K",
    summary: "Deletes files and directories.",
    arguments: &[
        ("FILE", "what to delete"),
        ("ALL", "directories with all they hold"),
        ("TO", "a file | pipe"),
        ("N", "lines"),
    ],
    examples: &[("DELETE RAM:x", "deletes RAM:x")],
};

#[test]
fn a_template_is_taken_apart() {
    let template = Template::new("FROM/A/M,BUF=BUFFER/K/N,Q=QUIET/S").unwrap();
    let [from, buffer, quiet] = template.items() else { panic!("{template:?}") };
    assert!(from.is_required() && from.is_many() && from.is_positional());
    assert_eq!((buffer.name(), buffer.kind()), ("BUFFER", Kind::Number));
    assert!(buffer.needs_keyword() && !buffer.is_positional());
    assert_eq!((quiet.letter(), quiet.kind()), (Some('Q'), Kind::Switch));
}

#[test]
fn the_longest_name_is_shown_and_the_first_of_equals() {
    let name = |source| Template::new(source).unwrap().items()[0].name();
    assert_eq!((name("TO=AS"), name("VOLS=VOLUMES"), name("R=ALL")), ("TO", "VOLUMES", "ALL"));
}

#[test]
fn bad_templates_are_refused() {
    for source in [
        "A/X", "A/", "A/M,B/M", "A/F,B/F", "A,a", "A=A,B=a", "A=", "A B", "A/S/N", "A/S/A", "A/S/M", "A/F/M", "/S",
        "X/K/S",
    ] {
        let error = read(source, &Line::default()).expect_err(source);
        assert_eq!(error.number(), 114, "{source}");
        assert!(error.text().contains(source));
    }
    let long = vec!["X"; 65].join(",");
    assert_eq!(Template::new(&long).unwrap_err().number(), 114);
}

#[test]
fn the_templates_of_the_design_are_good() {
    for source in [
        "",
        "DIR",
        "/M,N=NOLINE/S,E=ESC/S,TO/K",
        "NAME/A/M",
        "PATH/M,ADD/S,SHOW/S,RESET/S,REMOVE/S,HEAD/S",
        "NAME,TARGET/M,LIST/S,EXISTS/S,DISMOUNT/S,DEFER/S,PATH/S,ADD=APPEND/S,PREPEND/S,REMOVE/S,VOLS/S,DIRS/S,DEVICES/S",
        "NOT/S,WARN/S,ERROR/S,FAIL/S,,EQ/K,GT/K,GE/K,VAL/S,EXISTS/K",
        "NAME/M/A,P=ALL/S",
        "DIR/K,FILE/K,ADD/K/M",
    ] {
        assert!(Template::new(source).is_ok(), "{source}");
    }
}

#[test]
fn the_help_comes_from_the_manual() {
    let expected = "DELETE: Deletes files and directories.\n  DELETE FILE/M/A,R=ALL/S,TO/K,N=LINES/N/K\n  also: rm, rmdir\n\
        \x20 FILE...           what to delete\n  -r, ALL           directories with all they hold\n\
        \x20 TO VALUE          a file | pipe\n  -n, LINES NUMBER  lines\n  > DELETE RAM:x\n      deletes RAM:x\n";
    assert_eq!(MANUAL.help(), expected);
}

#[test]
fn the_page_is_markdown_with_bars_escaped() {
    let page = MANUAL.page();
    assert!(page.starts_with("## DELETE\n"));
    assert!(page.contains("| `TO VALUE` | a file \\| pipe |\n"), "{page}");
}

#[test]
fn a_manual_must_fit_its_template() {
    assert_eq!(MANUAL.check(), Ok(()));
    let extra = Manual { arguments: &[("FILE", "x"), ("NOPE", "y")], ..MANUAL };
    assert!(extra.check().unwrap_err().text().contains("NOPE"));
    let short = Manual { arguments: &[("FILE", "x")], ..MANUAL };
    assert!(short.check().unwrap_err().text().contains("ALL"));
}

#[test]
fn keywords_complete_in_the_manner_typed() {
    let template = Template::new("FILE/M,R=ALL/S,AS=TO/K,ADD/K").unwrap();
    let complete = |partial| template.complete(&Line::default(), partial).keywords;
    assert_eq!(complete("A"), ["ALL", "AS", "ADD"]);
    assert_eq!(complete("al"), ["all"]);
    assert_eq!(complete("--a"), ["--all", "--as", "--add"]);
    assert_eq!(complete("zz"), [""; 0]);
    assert_eq!(complete("ö"), [""; 0]);
}

#[test]
fn completion_knows_what_the_next_word_is() {
    let template = Template::new("FROM/A,TO/A,N=LINES/K/N,ECHO/T,ALL/S").unwrap();
    let expect = |text: &str| template.complete(&Line::split(text).unwrap(), "").expect;
    assert_eq!(expect(""), Expect::Value("FROM".into()));
    assert_eq!(expect("a"), Expect::Value("TO".into()));
    assert_eq!(expect("a b"), Expect::Nothing);
    assert_eq!(expect("-n"), Expect::Number("LINES".into()));
    assert_eq!(expect("a LINES 5"), Expect::Value("TO".into()));
    assert_eq!(expect("ECHO"), Expect::Toggle);
}

#[test]
fn completion_leaves_out_what_was_given() {
    let template = Template::new("FROM,ALL/S,ADD/S").unwrap();
    assert_eq!(template.complete(&Line::split("x ALL").unwrap(), "a").keywords, ["add"]);
}

#[test]
fn the_hint_shows_what_is_still_to_come() {
    let template = Template::new("FROM/A/M,TO/A,R=ALL/S").unwrap();
    assert_eq!(template.hint(&Line::default()), "FROM/A/M,TO/A,R=ALL/S");
    assert_eq!(template.hint(&Line::split("x -r").unwrap()), "FROM/A/M,TO/A");
}

#[test]
fn words_are_split_at_blanks() {
    let line = Line::split("  a\tb  'c d' ").unwrap();
    let texts: Vec<&str> = line.words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(texts, ["a", "b", "c d"]);
    assert_eq!(line.words[2].start, 7);
    assert!(line.words[2].is_quoted());
}

#[test]
fn escapes_of_both_worlds_in_double_quotes() {
    let text = |raw: &str| Line::split(raw).unwrap().words[0].text.clone();
    assert_eq!(text(r#""a*"b**c*Nd*Ee""#), "a\"b*c\nd\u{1b}e");
    assert_eq!(text(r#""a\"b\\c\nd\te\$f""#), "a\"b\\c\nd\te$f");
    assert_eq!(text(r#""*.txt *n \q""#), "*.txt *n \\q");
    assert_eq!(text(r"'a*N\n'"), "a*N\\n");
}

#[test]
fn the_quoted_part_is_remembered() {
    let quoting = |raw: &str| Line::split(raw).unwrap().words[0].quoting;
    assert_eq!(quoting("plain"), Quoting::Plain);
    assert_eq!(quoting("TO='x'"), Quoting::From(3));
    assert_eq!(quoting("''"), Quoting::From(0));
    assert_eq!(quoting(r"a\ b"), Quoting::From(1));
}

#[test]
fn an_open_quote_is_reported_with_its_column() {
    let error = Line::split("ö \"abc").unwrap_err();
    assert_eq!((error.number(), error.text()), (119, "the quote at column 3 is not closed"));
    assert_eq!(Line::split(&"x".repeat(65_537)).unwrap_err().number(), 120);
}

#[test]
fn quoting_is_used_only_where_it_is_needed() {
    assert_eq!(quote("RAM:x.txt"), "RAM:x.txt");
    assert_eq!(quote("a b"), "'a b'");
    assert_eq!(quote("it's"), "\"it's\"");
    assert_eq!(quote(""), "''");
    assert_eq!(quote("?"), "'?'");
    assert_eq!(quote("a'b*N$\n"), "\"a'b**N\\$\\n\"");
}

#[test]
fn a_line_of_words_is_spelled_so_that_it_splits_again() {
    let line = Line::of([
        Word::plain("copy"),
        Word::quoted("all"),
        Word { quoting: Quoting::From(3), ..Word::plain("TO=a b") },
    ]);
    assert_eq!(line.raw, "copy 'all' TO='a b'");
    assert_eq!(Line::split(&line.raw).unwrap(), line);
}

#[test]
fn a_process_gets_its_line_back() {
    let args = ["all", "a b", "c"].map(String::from);
    let line = Line::received(&args, Some("\"all\"  'a b' c"));
    assert!(line.words[0].is_quoted() && !line.words[2].is_quoted());
    assert_eq!(line.rest(1), "'a b' c");
}

#[test]
fn without_its_raw_text_or_with_a_wrong_one_no_word_is_quoted() {
    let args = ["all", "a b", "it's"].map(String::from);
    for raw in [None, Some("all other words"), Some("\"open")] {
        let line = Line::received(&args, raw);
        let texts: Vec<&str> = line.words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["all", "a b", "it's"]);
        assert!(line.words.iter().all(|word| !word.is_quoted()));
        assert_eq!(line.rest(1), "a b it's");
    }
}
