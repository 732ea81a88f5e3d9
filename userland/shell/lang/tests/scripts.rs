//! IF, SKIP, loops, FAILAT, QUIT, EXECUTE with .KEY.

mod world;
use shell_lang::host::Signal;
use world::{Session, exec, typed};

/// Runs a script file with arguments and gives what it prints.
fn script(text: &str, args: &str) -> String {
    let mut s = Session::new();
    s.world.files.insert("RAM:script".into(), text.into());
    s.line(&format!("execute script {args}"))
}

#[test]
fn if_runs_what_its_condition_allows() {
    assert_eq!(exec("if exists a.txt\necho yes\nelse\necho no\nendif").0, "yes\n");
    assert_eq!(exec("if exists nofile\necho yes\nelse\necho no\nendif").0, "no\n");
    assert_eq!(exec("if not exists nofile\necho yes\nendif\necho on").0, "yes\non\n");
}

#[test]
fn if_works_in_one_line() {
    assert_eq!(typed("if exists a.txt; echo yes; else; echo no; endif; echo on"), "yes\non\n");
}

#[test]
fn ifs_nest() {
    let text = "if a eq a; if a eq b; echo 1; else; echo 2; endif; else; if a eq a; echo 3; endif; endif; echo 4";
    assert_eq!(typed(text), "2\n4\n");
    assert_eq!(typed(&text.replacen("a eq a", "a eq c", 1)), "3\n4\n");
}

#[test]
fn conditions_on_return_codes() {
    for (code, warn, error, fail) in [(0, "", "", ""), (5, "w", "", ""), (10, "w", "e", ""), (20, "w", "e", "f")] {
        let text = format!(
            "failat 99; end {code}; if warn; echo n=w; endif; end {code}; if error; echo n=e; endif; end {code}; if fail; echo n=f; endif"
        );
        let expected: String =
            [warn, error, fail].iter().filter(|c| !c.is_empty()).map(|c| format!("n={c}\n")).collect();
        assert_eq!(exec(&text).0, expected, "{code}");
    }
}

#[test]
fn conditions_compare_texts_and_numbers() {
    for (condition, holds) in [
        ("Yes EQ yes", true),
        ("a EQ b", false),
        ("b GT a", true),
        ("10 GT 9", false),
        ("10 GT 9 VAL", true),
        ("0x10 EQ 16 VAL", true),
        ("9 GE 9 VAL", true),
        ("NOT a EQ a", false),
        ("\"\" EQ \"\"", true),
        ("$nope EQ \"\"", true),
        ("$nope EQ x", false),
    ] {
        let text = format!("if {condition}; echo yes; else; echo no; endif");
        assert_eq!(typed(&text), if holds { "yes\n" } else { "no\n" }, "{condition}");
    }
}

#[test]
fn wrong_conditions_stop_the_script() {
    let (text, code) = exec("if\necho x\nendif");
    assert!(text.starts_with("IF: a condition is missing"), "{text}");
    assert_eq!(code, 10);
    assert!(exec("if a GT b VAL; endif").0.starts_with("IF: \"a\" is not a number"));
    assert_eq!(exec("if warn\necho x").0, "IF: its ENDIF is missing\n");
    assert_eq!(exec("endloop").0, "ENDLOOP: there is no WHILE or FOR before it\n");
}

#[test]
fn block_words_stand_alone() {
    assert!(typed("echo x | if warn").contains("it must stand alone"));
    assert!(typed("true && endif").contains("it must stand alone"));
    assert_eq!(typed("echo if; echo \"else\""), "if\nelse\n");
}

#[test]
fn skip_goes_on_behind_a_label() {
    assert_eq!(exec("echo a\nskip there\necho b\nlab other\necho c\nlab THERE\necho d").0, "a\nd\n");
    assert_eq!(exec("skip\necho b\nlab any\necho d").0, "d\n");
}

#[test]
fn skip_stops_at_endskip() {
    assert_eq!(exec("skip there\necho b\nendskip\necho c\nlab there\necho d").0, "c\nd\n");
}

#[test]
fn skip_back_repeats() {
    let text = "set n \"\"\nlab top\nset n \"x$n\"\necho $n\nif not $n eq xxx\nskip top back\nendif\necho end";
    assert_eq!(exec(text).0, "x\nxx\nxxx\nend\n");
}

#[test]
fn a_missing_label_is_reported() {
    assert_eq!(
        exec("skip nowhere\necho x"),
        ("SKIP: there is no LAB nowhere behind it (SKIP BACK goes up)\n".into(), 10)
    );
}

#[test]
fn skip_works_behind_or() {
    assert_eq!(exec("end 5 || skip bad\necho good\nquit\nlab bad\necho bad").0, "bad\n");
}

#[test]
fn for_goes_through_words() {
    assert_eq!(exec("for f in *.txt z\necho [$f]\nendloop\necho end").0, "[a.txt]\n[b.txt]\n[z]\nend\n");
    assert_eq!(typed("for x in a b; for y in 1 2; echo $x$y; endloop; endloop"), "a1\na2\nb1\nb2\n");
    assert_eq!(typed("for x in; echo $x; endloop; echo end"), "end\n");
    assert!(typed("for x of a; endloop").contains("write FOR name IN word"));
}

#[test]
fn while_repeats() {
    let text = "set n \"\"; while not \"$n\" eq xxx; set n x$n; echo $n; endloop; echo end";
    assert_eq!(typed(text), "x\nxx\nxxx\nend\n");
}

#[test]
fn skip_out_of_a_loop_leaves_it() {
    let text = "lab again\nfor x in a b\necho $x\nskip out\nendloop\nlab out\nif \"$n\" eq \"\"\nset n 1\nskip again back\nendif";
    assert_eq!(exec(text).0, "a\na\n");
}

#[test]
fn an_endless_loop_can_be_stopped() {
    let mut s = Session::new();
    s.world.signals = vec![None; 20];
    s.world.signals.push(Some(Signal::Script));
    assert!(s.line("while a eq a; endloop").ends_with("***BREAK: script stopped\n"));
    assert_eq!((s.code(), s.reason()), (20, 304));
}

#[test]
fn a_script_has_numbered_arguments() {
    assert_eq!(script("args $1 \"$2\" $# $0", "one \"two three\""), "<one><two three><2><script>\n");
    assert_eq!(typed("args $1"), "\n");
}

#[test]
fn a_script_has_its_own_fail_limit() {
    let mut s = Session::new();
    s.world.files.insert("RAM:inner".into(), "failat 30\nend 20\necho inner".into());
    s.world.files.insert("RAM:outer".into(), "execute inner\nfailat\nend 10\necho never".into());
    assert_eq!(
        s.line("execute outer; echo after"),
        "inner\nFail limit: 10\nafter\nouter: line 3 ended with 10; FAILAT is 10\n"
    );
}

#[test]
fn a_script_that_fails_gives_its_code() {
    let mut s = Session::new();
    s.world.files.insert("RAM:bad".into(), "echo a\nend 20 103\necho b".into());
    s.line("execute bad");
    assert_eq!((s.code(), s.reason()), (20, 103));
    s.world.files.insert("RAM:quits".into(), "quit 5\necho b".into());
    assert_eq!(s.line("execute quits && echo no || echo yes"), "yes\n");
}

#[test]
fn endshell_in_a_script_leaves_the_shell() {
    let mut s = Session::new();
    s.world.files.insert("RAM:bye".into(), "endshell 3".into());
    s.line("execute bye; echo no");
    assert_eq!(s.left, Some(3));
}

#[test]
fn a_wrong_line_is_an_error_only_when_reached() {
    assert_eq!(script("skip over\necho 'open\nlab over\necho ok", ""), "ok\n");
    let text = script("echo a\necho 'open\necho b", "");
    assert_eq!(
        text,
        "a\nshell: line 2: the quote at column 6 is not closed\nscript: line 2 ended with 10; FAILAT is 10\n"
    );
}

#[test]
fn other_names_of_execute() {
    assert_eq!(typed(". SYS:s/greet you"), "hello you softly\n");
    assert_eq!(typed("source SYS:s/greet you LOUD"), "hello you LOUD\n");
    assert!(typed("execute nofile").contains("not found"));
}

#[test]
fn a_keyed_script_runs_by_its_name() {
    let mut s = Session::new();
    s.line("path SYS:s");
    assert_eq!(s.line("greet \"a b\""), "hello a b softly\n");
    assert_eq!(s.line("greet ?"), "name/A,LOUD/S\n");
    assert!(s.line("greet").contains("name is missing"));
}

#[test]
fn parameters_stand_for_arguments() {
    assert_eq!(
        script(".KEY file/A,n=lines/N/K\nargs <file> \"<file>\" <lines$7> <n> x<file>y", "'a b' n=3"),
        "<a><b><a b><3><3><xa><by>\n"
    );
    assert_eq!(script(".KEY a/M\nargs <a>", "1 2 3"), "<1><2><3>\n");
}

#[test]
fn parameters_have_defaults() {
    assert_eq!(script(".KEY to\n.DEF to RAM:\nargs <to> <to$x>", ""), "<RAM:><RAM:>\n");
    assert_eq!(script(".KEY to\nargs <to$x> <to$>", ""), "<x>\n");
    assert_eq!(script(".KEY to\nargs $to ${to:-z}", "q"), "<q><q>\n");
}

#[test]
fn brackets_can_be_changed() {
    let text = ".KEY f\n.BRA {\n.KET }\nargs {f} > out\ntype out\nupper < a.txt";
    assert_eq!(script(text, "x"), "<x>\nAY\nBE\n");
    assert_eq!(script(".KEY f\n.DOLLAR %\nargs <f%none>", ""), "<none>\n");
}

#[test]
fn unknown_parameters_are_redirections() {
    assert_eq!(script(".KEY f\nupper <a.txt", ""), "AY\nBE\n");
}

#[test]
fn values_of_parameters_are_never_syntax() {
    assert_eq!(
        script(".KEY f\nargs \"<f>\" <f>", "'a | upper > x; $RC'"),
        "<a | upper > x; $RC><a><|><upper><>><x;><$RC>\n"
    );
}

#[test]
fn in_keyed_scripts_a_semicolon_is_a_comment() {
    assert_eq!(script(".KEY f\necho a ; echo b\n. a comment\n.\necho c", ""), "a\nc\n");
}

#[test]
fn dot_commands_can_be_wrong() {
    assert!(script(".KEY f\n.WHAT x\n", "").contains("line 2: WHAT is unknown"));
    assert!(script(".KEY f\n.KEY g\n", "").contains("KEY stands twice"));
    assert!(script(".KEY a/X\n", "").contains("unknown modifier"));
    assert!(script(".BRA xx\n", "").contains("takes one sign"));
    assert_eq!(script(".KEY f\n.DOT !\n!DEF f q\nargs <f>", ""), "<q>\n");
}

#[test]
fn a_script_that_calls_itself_ends() {
    let mut s = Session::new();
    s.world.files.insert("RAM:loop".into(), "execute loop".into());
    assert!(s.line("execute loop").contains("nested more than 10 deep"));
}

#[test]
fn aliases_made_in_a_script_work_in_its_next_line() {
    assert_eq!(script("alias say echo\nsay hi", ""), "hi\n");
}

#[test]
fn scripts_in_pipelines_get_a_shell_of_their_own() {
    assert_eq!(typed("execute SYS:s/greet 'a b' | upper"), "SHELL: EXECUTE SYS:S/GREET 'A B'\n");
    assert_eq!(typed("args $(execute SYS:s/greet you)"), "<hello><you><softly>\n");
}

#[test]
fn ctrl_d_stops_a_script() {
    let mut s = Session::new();
    s.world.files.insert("RAM:long".into(), "echo 1\necho 2\necho 3".into());
    s.world.signals = vec![None, None, Some(Signal::Script)];
    assert_eq!(s.line("execute long"), "1\n***BREAK: script stopped\n");
}

#[test]
fn a_script_that_is_no_text_is_refused() {
    let mut s = Session::new();
    s.world.files.insert("RAM:bin".into(), vec![0xff, 0xfe]);
    assert!(s.line("execute bin").contains("is no text"));
}

#[test]
fn the_deepest_nesting_fits_a_small_stack() {
    // 64 KiB is what a command's stack has; the host's part comes on top of the interpreter's.
    let run = || {
        let mut s = Session::new();
        s.world.files.insert(
            "RAM:deep".into(),
            "for x in $(alias2 a); if a eq a; execute deep | upper; execute deep; endif; endloop".into(),
        );
        s.line("alias alias2 'echo [] && echo $(pwd)'");
        assert!(s.line("time alias2 \"$(execute deep)\"").contains("nested more than 10 deep"));
    };
    std::thread::Builder::new().stack_size(64 * 1024).spawn(run).unwrap().join().unwrap();
}
