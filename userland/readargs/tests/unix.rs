//! Stories in the Unix manner: dashes, bundles, help.

mod common;
use common::{args, parse, refused};
use readargs::Parsed;

const LIST: &str = "DIR/M,P=PAT/K,L=LONG/S,A=HIDDEN/S,R=ALL/S,SORT/K,LFORMAT/K";
const HEAD: &str = "FILE/M,N=LINES/K/N,C=BYTES/K/N";

#[test]
fn a_letter_alias_answers_to_a_dash() {
    assert!(args(LIST, "-r").switch("ALL"));
    assert!(args(LIST, "-R").switch("ALL"));
}

#[test]
fn letters_are_bundled() {
    let a = args(LIST, "-la work");
    assert!(a.switch("LONG") && a.switch("HIDDEN"));
    assert_eq!(a.many("DIR"), ["work"]);
}

#[test]
fn a_letter_takes_the_next_word_as_value() {
    assert_eq!(args(HEAD, "-n 5 notes").number("LINES"), Some(5));
}

#[test]
fn a_letter_takes_the_rest_of_its_word_as_value() {
    assert_eq!(args(HEAD, "-n5 notes").number("LINES"), Some(5));
    assert_eq!(args(HEAD, "-n=5 notes").number("LINES"), Some(5));
    assert_eq!(args("O=TO/K", "-oRAM:x").string("TO"), Some("RAM:x"));
}

#[test]
fn a_bundle_may_end_in_a_letter_with_value() {
    let a = args("V=VERBOSE/S,O=TO/K", "-vo file");
    assert!(a.switch("VERBOSE"));
    assert_eq!(a.string("TO"), Some("file"));
}

#[test]
fn a_quoted_value_in_a_bundle() {
    assert_eq!(args("O=TO/K", "-o\"a b\"").string("TO"), Some("a b"));
}

#[test]
fn long_options() {
    let a = args(LIST, "--all --pat=#?.txt --sort size");
    assert!(a.switch("ALL"));
    assert_eq!((a.string("PAT"), a.string("SORT")), (Some("#?.txt"), Some("size")));
}

#[test]
fn long_options_name_positional_items_too() {
    let a = args("FROM/A,TO/A", "--to=b --from a");
    assert_eq!((a.string("FROM"), a.string("TO")), (Some("a"), Some("b")));
}

#[test]
fn one_dash_before_a_whole_name() {
    assert_eq!(args("DIR,NAME/K", ". -name x").string("NAME"), Some("x"));
}

#[test]
fn two_dashes_end_the_options() {
    assert_eq!(args("FILE/M/A,R=ALL/S", "-- -r --all").many("FILE"), ["-r", "--all"]);
}

#[test]
fn a_quoted_dash_is_no_option() {
    assert_eq!(args("FILE/M/A,R=ALL/S", "\"-r\" \\-r").many("FILE"), ["-r", "-r"]);
}

#[test]
fn a_lone_dash_and_negative_numbers_are_words() {
    assert_eq!(args("FILE/M", "- -5 ->").many("FILE"), ["-", "-5", "->"]);
    assert_eq!(args("PRI/A/N", "-5").number("PRI"), Some(-5));
}

#[test]
fn help_is_asked_for() {
    assert_eq!(parse(LIST, "--help"), Ok(Parsed::Help));
    assert_eq!(parse(LIST, "work -h"), Ok(Parsed::Help));
    assert_eq!(parse("FILE/A", "-h"), Ok(Parsed::Help), "a missing argument does not hide it");
}

#[test]
fn a_letter_h_of_the_template_wins_over_help() {
    assert!(args("H=HUMAN/S", "-h").switch("HUMAN"));
    assert_eq!(parse("H=HUMAN/S", "--help"), Ok(Parsed::Help));
}

#[test]
fn an_unknown_option_is_named_with_those_that_exist() {
    let (code, text) = refused("FILE/M,R=ALL/S,SORT/K", "-x");
    assert_eq!(code, 118);
    assert_eq!(text, "the option -x is unknown; options: --file -r/--all --sort (-- ends them)");
    assert_eq!(refused("", "--fast").1, "the option --fast is unknown; options: none (-- ends them)");
}

#[test]
fn a_letter_unknown_inside_a_bundle_refuses_the_bundle() {
    assert!(refused(LIST, "-lz").1.contains("-lz"));
}

#[test]
fn a_switch_refuses_a_value() {
    let (code, text) = refused(LIST, "--all=yes");
    assert_eq!((code, text.as_str()), (118, "ALL is a switch and takes no value"));
}

#[test]
fn a_letter_without_its_value() {
    let (code, text) = refused(HEAD, "notes -n");
    assert_eq!((code, text.as_str()), (117, "-n needs a value: LINES NUMBER or LINES=NUMBER"));
    assert_eq!(refused(HEAD, "--lines=").0, 117);
}
