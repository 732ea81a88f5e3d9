//! Quoting, variables, substitution, wildcards: what arguments a command gets.

mod world;
use world::{Session, typed};

#[test]
fn words_are_split_at_blanks() {
    assert_eq!(typed("args one   two\tthree"), "<one><two><three>\n");
}

#[test]
fn double_quotes_keep_blanks_and_know_both_escapes() {
    assert_eq!(typed(r#"args "a  b" "x*"y" "p\"q" "**" "\\""#), "<a  b><x\"y><p\"q><*><\\>\n");
    assert_eq!(typed(r#"args "a*Nb" "c\nd" "*.txt" "it*s""#), "<a\nb><c\nd><*.txt><it*s>\n");
}

#[test]
fn single_quotes_keep_everything() {
    assert_eq!(typed(r"args '$RC *N \n `x`'"), "<$RC *N \\n `x`>\n");
}

#[test]
fn a_backslash_quotes_one_character() {
    assert_eq!(typed(r"args a\ b \$RC \; \| \*"), "<a b><$RC><;><|><*>\n");
}

#[test]
fn quoted_pieces_join_into_one_word() {
    assert_eq!(typed(r#"args a"b c"'d e'f """#), "<ab cd ef><>\n");
}

#[test]
fn commands_know_which_words_were_quoted() {
    assert_eq!(typed("quoted all \"all\" 'all' \\all"), "pqqq\n");
}

#[test]
fn the_raw_line_is_what_was_typed() {
    assert_eq!(typed("raw  one   \"two  three\"  TO='x'"), "one   \"two  three\"  TO='x'\n");
}

#[test]
fn the_raw_line_has_values_in_quotes() {
    let mut s = Session::new();
    s.line("set x \"a'b c\"");
    assert_eq!(s.line("raw \"$x\" end"), "\"a'b c\" end\n");
}

#[test]
fn an_open_quote_is_reported() {
    let mut s = Session::new();
    assert_eq!(s.line("args \"abc"), "shell: the quote at column 6 is not closed\n");
    assert_eq!((s.code(), s.reason()), (10, 119));
    assert_eq!(s.line("echo don't"), "shell: the quote at column 9 is not closed\n");
}

#[test]
fn variables_have_values() {
    let mut s = Session::new();
    s.line("set name world");
    assert_eq!(s.line("args $name ${name}s \"$name!\" '$name'"), "<world><worlds><world!><$name>\n");
}

#[test]
fn names_of_variables_have_no_case() {
    let mut s = Session::new();
    s.line("set Name x");
    assert_eq!(s.line("args $NAME $name"), "<x><x>\n");
}

#[test]
fn an_unset_variable_is_nothing_unless_quoted() {
    assert_eq!(typed("args a $nope \"$nope\" b"), "<a><><b>\n");
}

#[test]
fn defaults_stand_in() {
    let mut s = Session::new();
    assert_eq!(s.line("args ${x:-none} \"${x:-a b}\" ${x:-a b}"), "<none><a b><a><b>\n");
    s.line("set x 1; set y 2");
    assert_eq!(s.line("args ${x:-none} ${z:-$y}"), "<1><2>\n");
}

#[test]
fn unquoted_values_are_split_and_quoted_ones_are_not() {
    let mut s = Session::new();
    s.line("set x \"a  b\"");
    assert_eq!(s.line("args $x \"$x\" p$x'q'"), "<a><b><a  b><pa><bq>\n");
}

#[test]
fn values_are_never_syntax() {
    let mut s = Session::new();
    s.line("set x 'a; args b | upper > RAM:evil & \"'");
    assert_eq!(s.line("args \"$x\""), "<a; args b | upper > RAM:evil & \">\n");
    assert_eq!(s.line("args $x"), "<a;><args><b><|><upper><>><RAM:evil><&><\">\n");
    assert_eq!(s.world.text("RAM:evil"), "(none)");
}

#[test]
fn the_shells_own_variables() {
    let mut s = Session::new();
    s.line("end 5 205");
    assert_eq!(s.line("args $RC $RESULT2 $? $PROCESS $$"), "<5><205><5><1><1>\n");
}

#[test]
fn global_variables_are_found_behind_local_ones() {
    let mut s = Session::new();
    s.line("setenv editor ed");
    assert_eq!(s.line("args $editor"), "<ed>\n");
    s.line("set editor mine");
    assert_eq!(s.line("args $editor"), "<mine>\n");
}

#[test]
fn arguments_have_numbers() {
    let mut s = Session::new();
    s.shell.set_arguments(["a", "b c"].map(String::from).to_vec());
    assert_eq!(s.line("args $1 \"$2\" $3 ${2} $# \"$*\""), "<a><b c><b><c><2><a b c>\n");
    assert_eq!(s.line("args $12"), "<a2>\n");
}

#[test]
fn a_lone_dollar_is_text() {
    assert_eq!(typed("args $ 5$ \"$\" $."), "<$><5$><$><$.>\n");
}

#[test]
fn bad_braces_are_reported() {
    assert!(typed("args ${a b}").contains("is no variable"));
    assert!(typed("args ${").contains("is not closed"));
}

#[test]
fn output_of_commands_becomes_words() {
    assert_eq!(typed("args $(type a.txt) \"$(type a.txt)\" `type b.txt`"), "<ay><be><ay\nbe><bee>\n");
}

#[test]
fn output_of_builtins_becomes_words_too() {
    assert_eq!(typed("args $(echo one two) $(pwd)"), "<one><two><RAM:>\n");
}

#[test]
fn substitutions_nest() {
    assert_eq!(typed("args $(echo $(echo deep))"), "<deep>\n");
    assert_eq!(typed("args \"$(echo \"a b\")\""), "<a b>\n");
    assert!(typed("args $(echo").contains("is not closed"));
}

#[test]
fn substitutions_do_not_nest_without_end() {
    let text = format!("args {}echo x{}", "$(echo ".repeat(12), ")".repeat(12));
    assert!(typed(&text).contains("nested more than 10 deep"), "{}", typed(&text));
}

#[test]
fn wildcards_of_both_worlds() {
    assert_eq!(typed("args #?.txt"), "<a.txt><b.txt>\n");
    assert_eq!(typed("args *.txt"), "<a.txt><b.txt>\n");
    assert_eq!(typed("args ?.txt [bc].*"), "<a.txt><b.txt><b.txt><c.doc>\n");
    assert_eq!(typed("args (a|c).#?"), "<a.txt><c.doc>\n");
    assert_eq!(typed("args ~(#?.txt|all|my#?)"), "<c.doc><sub>\n");
}

#[test]
fn wildcards_in_directories_and_volumes() {
    assert_eq!(typed("args RAM:sub/*.txt s*/*.txt"), "<RAM:sub/one.txt><sub/one.txt>\n");
    assert_eq!(typed("args SYS:*/list */*/two.*"), "<SYS:c/list><sub/deep/two.txt>\n");
    assert_eq!(typed("args /a.*"), "</a.txt>\n");
}

#[test]
fn wildcards_that_match_nothing_stay() {
    assert_eq!(typed("args *.zip http://x/?q=1 100% [x"), "<*.zip><http://x/?q=1><100%><[x>\n");
}

#[test]
fn quoted_wildcards_are_text() {
    assert_eq!(typed("args '*.txt' \"#?\" \\*"), "<*.txt><#?><*>\n");
    assert_eq!(typed("args 'my'*"), "<my file>\n");
}

#[test]
fn names_with_odd_signs_are_never_patterns() {
    let mut s = Session::new();
    for name in ["copy (1).txt", "copy 1.txt", "a~b", "axx", "50%", "50", "x#y", "x"] {
        s.world.files.insert(format!("RAM:odd/{name}"), Vec::new());
    }
    s.line("cd odd");
    assert_eq!(s.line("args a~b 50% x#y copy\\ (1).txt"), "<a~b><50%><x#y><copy (1).txt>\n");
    assert_eq!(s.line("args c*(1)*"), "<copy (1).txt>\n");
    assert_eq!(s.line("args ~(c*|#?[0-9%]#?|x*) #(x|y) [~c-x5]*"), "<axx><a~b><x><axx><a~b>\n");
    assert_eq!(s.line("args ('copy 1'|x#y|nope)*"), "<copy 1.txt><x#y>\n");
}

#[test]
fn hidden_names_need_a_dot() {
    assert_eq!(typed("args .h*"), "<.hidden>\n");
    assert!(!typed("args *").contains("hidden"));
}

#[test]
fn what_a_wildcard_found_is_never_a_keyword() {
    assert_eq!(typed("quoted al*"), "q\n");
    assert_eq!(typed("raw my* al*"), "'my file' 'all'\n");
}

#[test]
fn a_lone_question_mark_at_the_end_is_kept() {
    assert_eq!(typed("args ?"), "<?>\n");
    assert_eq!(typed("quoted ?"), "p\n");
}

#[test]
fn the_command_may_be_a_variable() {
    let mut s = Session::new();
    s.line("set cmd args");
    assert_eq!(s.line("$cmd x"), "<x>\n");
}

#[test]
fn a_line_of_nothing_does_nothing() {
    let mut s = Session::new();
    for text in ["", "   ", "$nope", "; comment", "# comment", ";;", "\t"] {
        assert_eq!(s.line(text), "", "{text:?}");
        assert_eq!(s.code(), 0);
    }
}

#[test]
fn long_lines_are_refused() {
    let mut s = Session::new();
    let fits = format!("args {}", "x".repeat(4_091));
    assert_eq!(s.line(&fits).len(), 4_091 + 3);
    assert!(s.line(&(fits + "x")).contains("4097 bytes"));
    assert_eq!(s.reason(), 120);
}
