//! Pipes, redirections, `;`, `&&`, `||`, `&`, aliases, unknown commands, breaks.

mod world;
use shell_lang::host::Signal;
use shell_lang::lines::{Open, continued, logical_lines, open};
use world::{Session, exec, typed};

#[test]
fn a_pipe_carries_output_to_input() {
    assert_eq!(typed("type a.txt | upper"), "AY\nBE\n");
    assert_eq!(typed("type a.txt|upper | count"), "2\n");
}

#[test]
fn a_builtin_feeds_a_pipe() {
    assert_eq!(typed("echo hello | upper"), "HELLO\n");
    assert_eq!(typed("echo a; echo b | upper"), "a\nB\n");
}

#[test]
fn a_builtin_at_the_end_of_a_pipe_prints() {
    assert_eq!(typed("type a.txt | echo done"), "done\n");
}

#[test]
fn the_code_of_a_pipeline_is_its_last_stages() {
    let mut s = Session::new();
    s.line("end 10 | echo x");
    assert_eq!(s.code(), 0);
    s.line("echo x | end 5 7");
    assert_eq!((s.code(), s.reason()), (5, 7));
}

#[test]
fn a_bar_in_brackets_belongs_to_a_pattern() {
    assert_eq!(typed("args (a|b).txt | upper"), "<A.TXT><B.TXT>\n");
}

#[test]
fn sixteen_stages_and_no_more() {
    assert_eq!(typed(&format!("echo x{}", " | upper".repeat(15))), "X\n");
    let mut s = Session::new();
    assert_eq!(
        s.line(&format!("echo x{}", " | upper".repeat(16))),
        "shell: a pipeline of 17 stages; at most 16 are possible\n"
    );
    assert_eq!(s.reason(), 1026);
}

#[test]
fn nothing_runs_if_a_stage_is_unknown() {
    let mut s = Session::new();
    let text = s.line("type a.txt | nosuch > x | upper");
    assert_eq!(text, "type: unknown command; HELP lists all\n".replace("type", "nosuch"));
    assert_eq!(s.world.text("RAM:x"), "(none)");
}

#[test]
fn output_goes_to_a_file() {
    let mut s = Session::new();
    assert_eq!(s.line("echo one > new; echo two >> new; type new"), "one\ntwo\n");
    s.line("echo three >new");
    assert_eq!(s.world.text("RAM:new"), "three\n");
}

#[test]
fn redirections_may_stand_anywhere() {
    let mut s = Session::new();
    s.line(">new args a b");
    assert_eq!(s.world.text("RAM:new"), "<a><b>\n");
    assert_eq!(s.line("upper <a.txt"), "AY\nBE\n");
    s.line("upper < a.txt > SYS:out");
    assert_eq!(s.world.text("SYS:out"), "AY\nBE\n");
}

#[test]
fn errors_go_their_own_way() {
    let mut s = Session::new();
    assert_eq!(s.line("complain 2> errs"), "");
    assert_eq!(s.world.text("RAM:errs"), "it hurts\n");
    s.line("complain *>> errs");
    assert_eq!(s.world.text("RAM:errs"), "it hurts\nit hurts\n");
    assert_eq!(s.line("complain 2>&1 | upper"), "IT HURTS\n");
}

#[test]
fn errors_of_builtins_can_be_redirected_too() {
    let mut s = Session::new();
    assert_eq!(s.line("cd nowhere 2> errs"), "");
    assert!(s.world.text("RAM:errs").starts_with("cd: "), "{}", s.world.text("RAM:errs"));
    assert_eq!(s.code(), 10);
}

#[test]
fn a_redirection_alone_empties_a_file() {
    let mut s = Session::new();
    s.line(">a.txt");
    assert_eq!(s.world.text("RAM:a.txt"), "");
}

#[test]
fn wrong_redirections_are_refused() {
    assert_eq!(typed("echo x >"), "shell: a file name is missing after >\n");
    assert_eq!(typed("echo x > a > b"), "shell: the output is redirected twice\n");
    assert_eq!(typed("echo x > *.txt"), "echo: a redirection needs just one file\n");
    assert!(typed("type < nofile").contains("not found"));
}

#[test]
fn a_file_for_a_redirection_may_be_quoted_or_a_variable() {
    let mut s = Session::new();
    s.line("set f new; echo hi > $f");
    assert_eq!(s.world.text("RAM:new"), "hi\n");
    assert_eq!(s.line("upper < 'my file'"), "SPACES\n");
}

#[test]
fn a_digit_before_the_sign_counts_only_at_the_start_of_a_word() {
    let mut s = Session::new();
    s.line("args a2>new");
    assert_eq!(s.world.text("RAM:new"), "<a2>\n");
}

#[test]
fn a_semicolon_separates_and_begins_comments() {
    assert_eq!(typed("echo a; echo b;echo c"), "a\nb\nc\n");
    assert_eq!(typed("; echo a"), "");
    assert_eq!(typed("echo 'a;b' a\\;b"), "a;b a;b\n");
}

#[test]
fn a_hash_begins_a_comment_unless_it_begins_a_pattern() {
    assert_eq!(typed("echo a # b"), "a\n");
    assert_eq!(typed("echo a#b"), "a#b\n");
    assert_eq!(typed("args #?.doc"), "<c.doc>\n");
    assert_eq!(typed("# echo x"), "");
}

#[test]
fn and_goes_on_below_five() {
    assert_eq!(typed("true && echo yes"), "yes\n");
    assert_eq!(typed("end 4 && echo yes"), "yes\n");
    assert_eq!(typed("warn && echo yes"), "");
    assert_eq!(typed("end 10 && echo yes"), "");
}

#[test]
fn or_goes_on_from_five() {
    assert_eq!(typed("end 4 || echo no"), "");
    assert_eq!(typed("warn || echo no"), "no\n");
    assert_eq!(typed("false || echo no"), "no\n");
}

#[test]
fn chains_go_from_left_to_right() {
    assert_eq!(typed("false && echo a || echo b && echo c"), "b\nc\n");
    assert_eq!(typed("true || echo a && echo b"), "b\n");
}

#[test]
fn a_missing_command_is_reported() {
    assert_eq!(typed("| upper"), "shell: a command is missing before |\n");
    assert_eq!(typed("echo a && && echo b"), "shell: a command is missing before &&\n");
    assert_eq!(typed("echo a ||"), "shell: a command is missing after ||\n");
    assert_eq!(typed("& echo"), "shell: a command is missing before &\n");
}

#[test]
fn an_ampersand_runs_in_the_background() {
    let mut s = Session::new();
    assert_eq!(s.line("copy a b & echo next"), "[1] 41\nnext\n");
    assert_eq!(s.line("type a.txt | upper &"), "[2] 42\n");
    assert_eq!(s.world.started, ["copy a b", "type a.txt | upper"]);
}

#[test]
fn run_does_the_same_with_options() {
    let mut s = Session::new();
    assert_eq!(s.line("run copy a b ALL"), "[1] 41\n");
    assert_eq!(s.line("run QUIET copy 'x y' b | upper"), "");
    assert_eq!(s.line("run CAPS=\"net fs\" list"), "[3] 43\n");
    assert_eq!(s.line("bg caps none list"), "[4] 44\n");
    assert_eq!(s.world.started, ["copy a b ALL", "copy 'x y' b | upper", "list caps net fs", "list caps none"]);
}

#[test]
fn builtins_scripts_and_chains_in_the_background_get_a_shell() {
    let mut s = Session::new();
    s.line("list && copy a b &");
    s.line("echo hi &");
    s.line("run SYS:s/greet you");
    assert_eq!(s.world.started, ["shell {list && copy a b}", "shell {echo hi}", "shell {EXECUTE SYS:s/greet you}"]);
}

#[test]
fn run_needs_a_command_that_exists() {
    assert_eq!(typed("run"), "run: a command is missing behind it\n");
    assert_eq!(typed("run nosuch"), "nosuch: unknown command; HELP lists all\n");
    assert_eq!(typed("run ?"), "QUIET/S,CAPS/K,COMMAND/F\n");
}

#[test]
fn thirty_two_jobs_and_no_more() {
    let mut s = Session::new();
    (0..32).for_each(|_| {
        s.line("list &");
    });
    assert!(s.line("list &").contains("32 jobs run already"));
    assert_eq!(s.reason(), 1026);
}

#[test]
fn an_alias_replaces_the_first_word() {
    let mut s = Session::new();
    s.line("alias a args one");
    assert_eq!(s.line("a two; A three"), "<one><two>\n<one><three>\n");
    assert_eq!(s.line("args a"), "<a>\n", "only the first word");
    assert_eq!(
        s.line("'a' x; echo ok"),
        "a: unknown command; HELP lists all\nok\n".split_once('\n').map(|(e, o)| format!("{o}{e}\n")).unwrap()
    );
}

#[test]
fn brackets_mark_where_arguments_go() {
    let mut s = Session::new();
    s.line("alias swap \"args [] last\"");
    assert_eq!(s.line("swap 'a b' c"), "<a b><c><last>\n");
}

#[test]
fn an_alias_may_hold_pipes_and_several_commands() {
    let mut s = Session::new();
    s.line("alias shout 'echo [] | upper'");
    assert_eq!(s.line("shout hi && echo ok"), "HI\nok\n");
    s.line("alias both 'echo a; echo'");
    assert_eq!(s.line("both b"), "a\nb\n");
    assert_eq!(s.line("type a.txt | shout"), "\n".to_uppercase());
}

#[test]
fn an_alias_of_an_alias_and_of_itself() {
    let mut s = Session::new();
    s.line("alias args 'args x'; alias p args");
    assert_eq!(s.line("p y"), "<x><y>\n");
    s.line("alias one two; alias two one");
    assert!(s.line("one").contains("unknown command"));
}

#[test]
fn the_unix_way_to_make_an_alias() {
    let mut s = Session::new();
    s.line("alias ll='args long'");
    assert_eq!(s.line("ll x"), "<long><x>\n");
    assert_eq!(s.line("alias"), "ll              args long\n");
    assert_eq!(s.line("alias ll"), "args long\n");
    assert_eq!(s.line("unalias ll; unalias ll"), "unalias: there is no alias \"ll\"\n");
}

#[test]
fn an_unknown_command_is_named_with_the_nearest_known() {
    let mut s = Session::new();
    assert_eq!(s.line("lsit"), "lsit: unknown command; did you mean \"list\"? HELP lists all\n");
    assert_eq!((s.code(), s.reason()), (10, 205));
    assert_eq!(s.line("hsitory"), "hsitory: unknown command; did you mean \"history\"? HELP lists all\n");
    assert_eq!(s.line("qqqqq"), "qqqqq: unknown command; HELP lists all\n");
    s.line("alias qqqqq QQQQQ");
    assert_eq!(s.line("qqqqq"), "QQQQQ: unknown command; HELP lists all\n");
    let gone = "there is no program for this command in C:; ASSIGN shows where that is";
    assert_eq!(s.line("Uname"), format!("Uname: {gone}\n"));
}

#[test]
fn a_directorys_name_changes_to_it() {
    let mut s = Session::new();
    s.line("sub");
    assert_eq!(s.shell.cwd(), "RAM:sub");
    s.line("..");
    assert_eq!(s.shell.cwd(), "RAM:");
    s.line("SYS:");
    assert_eq!(s.shell.cwd(), "SYS:");
    assert!(s.line("c x").contains("a directory, no command"));
}

#[test]
fn a_stopped_command_says_so() {
    let mut s = Session::new();
    assert_eq!(s.line("hang; echo on"), "***BREAK\n", "and the rest of the line is left");
    assert_eq!((s.code(), s.reason()), (20, 304));
    assert_eq!(s.line("hang || echo saved"), "***BREAK\n");
    assert_eq!(s.line("while a eq a; hang; endloop"), "***BREAK\n");
}

#[test]
fn a_break_between_commands_stops_the_rest() {
    let mut s = Session::new();
    s.world.signals = vec![None, Some(Signal::Command)];
    assert_eq!(s.line("echo a; echo b; echo c"), "a\n***BREAK\n");
    assert_eq!(s.line("why"), "shell ended with return code 20: Break (304), ***BREAK\n");
}

#[test]
fn exec_gives_the_code_of_the_command_that_stopped_it() {
    assert_eq!(exec("echo a; end 10 205; echo b"), ("a\n".into(), 10));
    assert_eq!(exec("echo a; end 5; echo b"), ("a\nb\n".into(), 0));
    assert_eq!(exec("end 5"), (String::new(), 5));
    assert_eq!(exec("nosuch").1, 10);
    assert_eq!(exec("").1, 0);
    assert_eq!(exec("hang; echo x"), ("***BREAK\n".into(), 20));
}

#[test]
fn exec_spares_failures_that_are_handled() {
    assert_eq!(exec("end 10 || echo saved; echo on"), ("saved\non\n".into(), 0));
    assert_eq!(exec("failat 21; end 20; echo on"), ("on\n".into(), 0));
    assert_eq!(exec("failat 5; warn; echo on"), (String::new(), 5));
    assert_eq!(exec("quit 7; echo x"), (String::new(), 7));
    assert_eq!(exec("endshell 9; echo x"), (String::new(), 9));
}

#[test]
fn a_typed_line_goes_on_after_a_failure() {
    assert_eq!(typed("end 20; echo on"), "on\n");
}

#[test]
fn time_prints_how_long_it_took() {
    let mut s = Session::new();
    assert_eq!(s.line("time tick"), "1.500000 s\n");
    assert_eq!(s.line("time echo a | upper"), "A\n0.000000 s\n");
    assert_eq!(s.line("time"), "time: a command is missing behind it\n");
    s.line("time end 5");
    assert_eq!(s.code(), 5);
}

#[test]
fn the_hosts_own_builtins_run_like_the_shells() {
    assert_eq!(typed("clear"), "\x1b[2J");
    assert!(typed("assign").starts_with("assign: \"X:\": volume is not mounted"));
}

#[test]
fn lines_go_on_with_a_backslash_or_a_plus() {
    assert_eq!(continued("a \\"), Some("a "));
    assert_eq!(continued("a +"), Some("a "));
    assert_eq!(continued("a \\\\"), None);
    assert_eq!(continued("1+"), None);
    let lines = logical_lines("echo a +\n b\\\nc\nnext\nlast +");
    let texts: Vec<(u32, &str)> = lines.iter().map(|line| (line.number, line.text.as_str())).collect();
    assert_eq!(texts, [(1, "echo a  bc"), (4, "next"), (5, "last ")]);
    assert_eq!(typed("args a +\nb\\\nc"), "<a><bc>\n");
}

#[test]
fn what_is_typed_may_need_more() {
    assert_eq!(open("echo a"), None);
    assert_eq!(open("echo a +"), Some(Open::Line));
    assert_eq!(open("echo a |"), Some(Open::Line));
    assert_eq!(open("echo a &&"), Some(Open::Line));
    assert_eq!(open("if warn"), Some(Open::If));
    assert_eq!(open("if warn\necho a\nendif"), None);
    assert_eq!(open("for x in a b; if warn; endif"), Some(Open::Loop));
    assert_eq!(open("echo if"), None);
    assert_eq!(open("echo 'abc"), None);
    assert_eq!(open("list &"), None);
}

#[test]
fn messages_stay_one_line_and_never_steer_the_terminal() {
    assert_eq!(typed("\"*Ex*Ny\" a"), "?x?y: unknown command; HELP lists all\n");
    assert_eq!(typed("cd \"a*Eb\""), "cd: \"RAM:a?b\": a path has no control characters\n");
}
