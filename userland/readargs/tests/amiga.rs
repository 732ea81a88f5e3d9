//! Stories in the AmigaDOS manner: keywords, switches, `/M` that gives back, `/F`.

mod common;
use common::{args, parse, refused};
use readargs::{Line, Parsed, Template};

const COPY: &str = "FROM/A/M,TO/A,R=ALL/S,Q=QUIET/S,BUF=BUFFER/K/N";

#[test]
fn words_fill_items_in_order() {
    let a = args("FROM/A,TO", "one two");
    assert_eq!((a.string("FROM"), a.string("TO")), (Some("one"), Some("two")));
}

#[test]
fn what_is_not_given_is_absent() {
    let a = args("FROM/A,TO", "one");
    assert_eq!(a.string("TO"), None);
    assert!(!a.is_given("TO") && a.is_given("FROM"));
    assert_eq!(a.string_or("TO", "RAM:"), "RAM:");
}

#[test]
fn keywords_work_in_any_order_and_case() {
    let a = args("FROM/A,TO", "to two FROM one");
    assert_eq!((a.string("FROM"), a.string("TO")), (Some("one"), Some("two")));
}

#[test]
fn a_keyword_takes_its_value_behind_an_equals_sign() {
    let a = args("FROM/A,TO", "TO=two from=one");
    assert_eq!((a.string("FROM"), a.string("TO")), (Some("one"), Some("two")));
}

#[test]
fn every_alias_names_the_item() {
    let a = args("FROM/A,TO=AS/A", "a as b");
    assert_eq!(a.string("TO"), Some("b"));
    assert_eq!(a.string("AS"), Some("b"));
}

#[test]
fn a_switch_is_on_when_named() {
    let a = args(COPY, "a b ALL");
    assert!(a.switch("ALL") && a.switch("R"));
    assert!(!a.switch("QUIET"));
}

#[test]
fn many_gives_its_last_word_to_the_required_item_behind_it() {
    let a = args(COPY, "a b c d");
    assert_eq!(a.many("FROM"), ["a", "b", "c"]);
    assert_eq!(a.string("TO"), Some("d"));
}

#[test]
fn many_gives_several_back_in_order() {
    let a = args("FILE/M,X/A,Y/A", "1 2 3 4");
    assert_eq!(a.many("FILE"), ["1", "2"]);
    assert_eq!((a.string("X"), a.string("Y")), (Some("3"), Some("4")));
}

#[test]
fn many_may_give_all_back_if_it_is_not_required() {
    let a = args("FILE/M,TO/A", "x");
    assert_eq!(a.many("FILE"), [""; 0]);
    assert_eq!(a.string("TO"), Some("x"));
}

#[test]
fn many_keeps_one_if_it_is_required() {
    let (code, text) = refused(COPY, "only");
    assert_eq!(code, 116);
    assert!(text.starts_with("TO is missing"), "{text}");
}

#[test]
fn many_gives_nothing_back_when_the_keyword_was_there() {
    let a = args(COPY, "a b TO=c d");
    assert_eq!(a.many("FROM"), ["a", "b", "d"]);
    assert_eq!(a.string("TO"), Some("c"));
}

#[test]
fn what_many_gives_back_to_a_number_must_be_one() {
    let a = args("FILE/M,COUNT/A/N", "a b 7");
    assert_eq!(a.number("COUNT"), Some(7));
    assert_eq!(refused("FILE/M,COUNT/A/N", "a b c").0, 115);
}

#[test]
fn a_keyword_only_item_never_takes_a_loose_word() {
    let a = args("FILE/M/A,AS=TO/K/A", "a b TO c");
    assert_eq!(a.many("FILE"), ["a", "b"]);
    let (code, text) = refused("FILE/M/A,AS=TO/K/A", "a b c");
    assert_eq!(code, 116);
    assert!(text.starts_with("AS VALUE is missing"), "{text}");
}

#[test]
fn repeated_keywords_add_to_many() {
    assert_eq!(args("FROM/M", "FROM a FROM b c").many("FROM"), ["a", "b", "c"]);
}

#[test]
fn keyword_and_many_go_on_after_the_keyword() {
    let a = args("DIR/K,FILE/K,ADD/K/M", "ADD a b c");
    assert_eq!(a.many("ADD"), ["a", "b", "c"]);
    assert_eq!(refused("DIR/K,FILE/K,ADD/K/M", "a b").0, 118);
}

#[test]
fn numbers_in_every_spelling() {
    let a = args("N/N/M", "10 -3 0x1F 64K 2M 1G +4");
    assert_eq!(a.numbers("N"), [10, -3, 31, 65_536, 2 << 20, 1 << 30, 4]);
}

#[test]
fn a_bad_number_is_named() {
    let (code, text) = refused("LINES/N", "ten");
    assert_eq!(code, 115);
    assert_eq!(text, "LINES: \"ten\" is not a number such as 10, -3, 0x1F or 64K");
}

#[test]
fn a_number_is_held_to_its_bounds() {
    let template = "C=COUNT/K/N,/N";
    let count = |text: String| args(template, &text).within("C", 1..=3).map_err(|error| error.to_string());
    assert_eq!(count(String::new()), Ok(None));
    assert_eq!((count("C=1".into()), count("C=3".into())), (Ok(Some(1)), Ok(Some(3))));
    for bad in [-1, 0, 4, i64::MIN, i64::MAX] {
        assert_eq!(count(format!("C={bad}")), Err(format!("COUNT: {bad} is not between 1 and 3")));
    }
    let most = i64::MAX.to_string();
    assert_eq!(args(template, &most).within("", 1..=u64::MAX), Ok(Some(i64::MAX as u64)));
    let error = args(template, "0").within("", 1..=u64::MAX).expect_err("0 is less");
    assert_eq!((error.number(), error.text()), (115, "the argument: 0 is less than 1"));
}

#[test]
fn items_exclude_each_other() {
    let one_of = |text| args("START/S,STOP/S,LOG/S", text).one_of(&["START", "STOP"]).map_err(|e| e.to_string());
    assert_eq!((one_of(""), one_of("stop"), one_of("LOG START")), (Ok(None), Ok(Some("STOP")), Ok(Some("START"))));
    assert_eq!(one_of("STOP START"), Err("START and STOP exclude each other".into()));
    let when = |text| args("TIME/N,UNTIL/K", text).one_of(&["TIME", "UNTIL"]).map_err(|e| e.to_string());
    assert_eq!((when("5"), when("UNTIL 14:05")), (Ok(Some("TIME")), Ok(Some("UNTIL"))));
    assert_eq!(when("5 UNTIL 14:05"), Err("TIME and UNTIL exclude each other".into()));
}

#[test]
fn a_toggle_is_set_by_its_words() {
    assert_eq!(args("ECHO/T", "ECHO on").toggle("ECHO"), Some(true));
    assert_eq!(args("ECHO/T", "ECHO=No").toggle("ECHO"), Some(false));
    assert_eq!(args("ECHO/T", "").toggle("ECHO"), None);
    assert_eq!(refused("ECHO/T", "ECHO maybe").0, 117);
}

#[test]
fn rest_is_verbatim() {
    let a = args("FILE/A,TEXT/F", "note  it's   \"really\"  so".replace('\'', "").as_str());
    assert_eq!(a.string("TEXT"), Some("its   \"really\"  so"));
}

#[test]
fn rest_of_one_word_loses_its_quotes() {
    assert_eq!(args("NAME,STRING/F", "x \"hello  world\"").string("STRING"), Some("hello  world"));
}

#[test]
fn rest_swallows_keywords_and_options() {
    let a = args("QUIET/S,COMMAND/F", "list QUIET -x --help");
    assert!(!a.switch("QUIET"));
    assert_eq!(a.string("COMMAND"), Some("list QUIET -x --help"));
}

#[test]
fn switches_before_rest_still_count() {
    let a = args("QUIET/S,COMMAND/F", "quiet list all");
    assert!(a.switch("QUIET"));
    assert_eq!(a.string("COMMAND"), Some("list all"));
}

#[test]
fn rest_by_keyword() {
    assert_eq!(args("A,TEXT/F", "TEXT one two").string("TEXT"), Some("one two"));
    assert_eq!(args("A,TEXT/F", "TEXT=one  two").string("TEXT"), Some("one  two"));
}

#[test]
fn a_quoted_word_is_never_a_keyword() {
    let a = args("FILE/M/A,ALL/S", "\"all\" 'ALL' \\all");
    assert_eq!(a.many("FILE"), ["all", "ALL", "all"]);
    assert!(!a.switch("ALL"));
}

#[test]
fn a_quoted_value_behind_a_keyword() {
    let a = args("FROM,TO/K", "TO=\"my file\" FROM='x=y z'");
    assert_eq!((a.string("TO"), a.string("FROM")), (Some("my file"), Some("x=y z")));
}

#[test]
fn an_empty_quoted_value_is_a_value() {
    assert_eq!(args("FROM,TO/K", "TO=\"\"").string("TO"), Some(""));
    assert_eq!(args("DIR", "\"\"").string("DIR"), Some(""));
    assert_eq!(refused("FROM,TO/K", "TO=").0, 117);
}

#[test]
fn a_keyword_at_the_end_lacks_its_value() {
    let (code, text) = refused("FROM,TO/K", "a TO");
    assert_eq!(code, 117);
    assert_eq!(text, "TO needs a value: TO VALUE or TO=VALUE (as a plain word: \"TO\")");
}

#[test]
fn too_many_words_are_named() {
    let (code, text) = refused("DIR", "a b");
    assert_eq!(code, 118);
    assert_eq!(text, "\"b\" is too much; arguments: DIR");
    assert_eq!(refused("", "x").1, "\"x\" is too much: the command takes no arguments");
}

#[test]
fn an_item_given_twice_is_refused() {
    let (code, text) = refused("FROM,TO/K", "TO=a TO=b");
    assert_eq!(code, 118);
    assert_eq!(text, "TO is given twice, the second time as \"b\"");
}

#[test]
fn a_lone_question_mark_asks_for_the_template() {
    assert_eq!(parse(COPY, "?"), Ok(Parsed::Template));
    assert_eq!(parse(COPY, "a b ?"), Ok(Parsed::Template));
    assert_eq!(args("FILE", "\"?\"").string("FILE"), Some("?"));
    assert_eq!(args("FILE/M", "? a").many("FILE"), ["?", "a"]);
}

#[test]
fn the_answer_to_the_template_joins_the_line() {
    let line = Line::split("one ?").unwrap().answered("TO two").unwrap();
    let template = Template::new("FROM/A,TO/A").unwrap();
    let a = template.parse(&line).unwrap().args().unwrap();
    assert_eq!((a.string("FROM"), a.string("TO")), (Some("one"), Some("two")));
}

#[test]
fn an_item_without_a_name_is_found_by_the_empty_name() {
    let a = args("/M,N=NOLINE/S,TO/K", "hello world NOLINE");
    assert_eq!(a.many(""), ["hello", "world"]);
    assert!(a.switch("NOLINE"));
}

#[test]
fn the_template_of_if() {
    const IF: &str = "NOT/S,WARN/S,ERROR/S,FAIL/S,,EQ/K,GT/K,GE/K,VAL/S,EXISTS/K";
    let a = args(IF, "$x EQ yes");
    assert_eq!((a.string(""), a.string("EQ")), (Some("$x"), Some("yes")));
    assert_eq!(args(IF, "NOT EXISTS RAM:x").string("EXISTS"), Some("RAM:x"));
}

#[test]
fn a_switch_with_an_equals_sign_is_a_word() {
    assert_eq!(args("/M,N=NOLINE/S", "n=5").many(""), ["n=5"]);
}

#[test]
fn required_items_are_missed() {
    let (code, text) = refused("NAME/A", "");
    assert_eq!((code, text.as_str()), (116, "NAME is missing; arguments: NAME/A"));
}

#[test]
fn unknown_names_find_nothing() {
    let a = args("NAME", "x");
    assert_eq!(a.string("NOPE"), None);
    assert!(!a.switch("NOPE") && a.number("NOPE").is_none() && a.numbers("NOPE").is_empty());
}

#[test]
fn pairs_list_what_a_script_gets() {
    let a = args("FILE/A,OPT/S,N/N,LIST/M", "x OPT 5 a b");
    let pairs: Vec<(&str, Option<String>)> = a.pairs().map(|(item, text)| (item.name(), text)).collect();
    let some = |text: &str| Some(String::from(text));
    assert_eq!(pairs, [("FILE", some("x")), ("OPT", some("OPT")), ("N", some("5")), ("LIST", some("a b"))]);
}
