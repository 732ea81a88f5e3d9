//! What each sign means, in the words of the table.

use pattern::{MAX_PATTERN, MAX_TEXT_WITH_NOT, Pattern, Wrong, escape, is_pattern};

fn matches(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(text)
}

fn wrong(pattern: &str) -> (usize, Wrong) {
    let error = Pattern::new(pattern).expect_err(pattern);
    (error.at, error.what)
}

#[test]
fn plain_text_matches_itself_in_any_case() {
    assert!(matches("ReadMe", "README") && matches("straße", "STRAßE") && matches("ÄÖ", "äö"));
    assert!(!matches("readme", "readme2") && !matches("readme", "readm"));
}

#[test]
fn the_empty_pattern_matches_the_empty_text() {
    assert!(matches("", "") && matches("%", "") && !matches("", "a") && !matches("%", "a"));
}

#[test]
fn a_question_mark_is_one_character() {
    assert!(matches("a?c", "abc") && matches("?", "ä"));
    assert!(!matches("a?c", "ac") && !matches("?", "") && !matches("?", "ab"));
}

#[test]
fn a_hash_repeats_one_item() {
    for text in ["", "a", "aaaa"] {
        assert!(matches("#a", text));
    }
    assert!(!matches("#a", "ab"));
    assert!(matches("a#bc", "ac") && matches("a#bc", "abbbc"));
}

#[test]
fn hash_question_mark_is_anything_and_so_is_the_star() {
    for pattern in ["#?.txt", "*.txt"] {
        assert!(matches(pattern, ".txt") && matches(pattern, "a.b.TXT"));
        assert!(!matches(pattern, "a.txt2"));
    }
}

#[test]
fn a_bracket_can_be_repeated() {
    assert!(matches("#(ab)", "ababab") && !matches("#(ab)", "aba"));
    assert!(matches("#(a|bb)", "abba") && !matches("#(a|bb)", "ab"));
}

#[test]
fn alternatives() {
    assert!(matches("(a|b|cd)x", "cdx") && matches("(a|b)", "B"));
    assert!(matches("a|b", "a") && matches("a|b", "b"), "outside brackets too");
    assert!(matches("(|a)b", "b") && matches("(%|a)b", "ab"), "one may be empty");
}

#[test]
fn not_matches_what_its_operand_does_not() {
    assert!(matches("~(#?.info)", "disk") && !matches("~(#?.info)", "disk.info"));
    assert!(matches("~a", "") && matches("~a", "aa") && !matches("~a", "A"));
    assert!(matches("~~a", "a") && !matches("~~a", "b"));
}

#[test]
fn not_in_the_middle() {
    assert!(matches("x~(a)y", "xby") && matches("x~(a)y", "xy") && !matches("x~(a)y", "xay"));
    assert!(matches("#?~(.o|.d)", "main.c"));
}

#[test]
fn classes() {
    assert!(matches("[a-c]", "B") && matches("[A-C]", "b") && !matches("[a-c]", "d"));
    assert!(matches("[~a-c]", "d") && !matches("[~a-c]", "B"));
    assert!(matches("[!0-9]", "x") && matches("[^0-9]", "x") && !matches("[!0-9]", "5"));
    assert!(matches("#[0-9]", "2026") && matches("file[0-9][0-9]", "file07"));
}

#[test]
fn odd_members_of_classes() {
    assert!(matches("[]a]", "]") && matches("[a-]", "-") && matches("['a']x]", "]") && matches("['']", "'"));
    assert!(!matches("[z-a]", "m"), "an empty range");
}

#[test]
fn an_apostrophe_makes_the_next_sign_plain() {
    assert!(matches("'*'?", "*?") && !matches("'*", "x") && matches("''", "'"));
    assert_eq!(Pattern::new("a'*b").unwrap().literal(), Some("a*b"));
    assert_eq!(Pattern::new("a*b").unwrap().literal(), None);
}

#[test]
fn what_is_a_pattern() {
    for text in ["*", "a?", "#?", "(a|b)", "~x", "[a]", "100%"] {
        assert!(is_pattern(text), "{text}");
    }
    for text in ["", "a.txt", "SYS:c/list", "'*", "don't", "'#'?", "a-b"] {
        assert!(!is_pattern(text), "{text}");
    }
}

#[test]
fn escaping() {
    assert_eq!(escape("a*(b)'"), "a'*'(b')''");
    assert!(!is_pattern(&escape("*?#~%()|[]'")));
    assert!(matches(&escape("*?#~%()|[]'"), "*?#~%()|[]'"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    assert_eq!(wrong("ab#"), (2, Wrong::NothingAfter));
    assert_eq!(wrong("~"), (0, Wrong::NothingAfter));
    assert_eq!(wrong("a'"), (1, Wrong::NothingAfter));
    assert_eq!(wrong("(#)"), (1, Wrong::NothingAfter));
    assert_eq!(wrong("x(a|b"), (1, Wrong::NotClosed));
    assert_eq!(wrong("[a-z"), (0, Wrong::NotClosed));
    assert_eq!(wrong("[]"), (0, Wrong::NotClosed));
    assert_eq!(wrong("a)"), (1, Wrong::NotOpened));
    assert_eq!(Pattern::new("(").unwrap_err().to_string(), "bad pattern at character 1: this bracket is not closed");
}

#[test]
fn limits_hold() {
    assert!(Pattern::new(&"a".repeat(MAX_PATTERN)).is_ok());
    assert_eq!(wrong(&"a".repeat(MAX_PATTERN + 1)).1, Wrong::TooLong);
    assert_eq!(wrong(&"(".repeat(40)).1, Wrong::TooDeep);
    assert_eq!(wrong(&"#".repeat(200)).1, Wrong::TooDeep);
    assert!(matches("~(b)", &"a".repeat(MAX_TEXT_WITH_NOT)) && !matches("~(b)", &"a".repeat(MAX_TEXT_WITH_NOT + 1)));
    assert!(matches("*", &"a".repeat(65_536)) && !matches("*", &"a".repeat(65_537)));
}

#[test]
fn patterns_that_explode_elsewhere_end_soon() {
    let text = "a".repeat(1_000);
    assert!(!matches(&format!("{}b", "#?".repeat(100)), &text));
    assert!(!matches("#(#(#(#(a))))b", &text));
    assert!(!matches("#(a|aa|aaa|#a)b", &text));
    assert!(matches("~(#?b)~(#?c)~(#?d)~(~(~(#?e)))", &"a".repeat(300)));
}
