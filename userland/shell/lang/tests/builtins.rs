//! The built-ins, the prompt, completion, the error table.

mod world;
use readargs::Line;
use shell_lang::complete::{complete, hint};
use shell_lang::{Around, Fault};
use world::{Session, typed};

#[test]
fn cd_changes_and_shows() {
    let mut s = Session::new();
    assert_eq!(s.line("cd"), "RAM:\n");
    s.line("cd sub/deep");
    assert_eq!(s.line("pwd"), "RAM:sub/deep\n");
    s.line("cd ..");
    s.line("chdir ~");
    assert_eq!(s.line("pwd"), "SYS:\n");
}

#[test]
fn cd_refuses_files_and_nothing() {
    let mut s = Session::new();
    assert_eq!(s.line("cd a.txt"), "cd: \"RAM:a.txt\" is a file, no directory\n");
    assert_eq!(s.reason(), 212);
    assert_eq!(s.line("cd nowhere"), "cd: \"RAM:nowhere\": object not found\n");
    assert_eq!(s.line("cd a b"), "cd: \"b\" is too much; arguments: DIR\n");
    assert_eq!(s.shell.cwd(), "RAM:");
}

#[test]
fn echo_in_its_forms() {
    assert_eq!(typed("echo"), "\n");
    assert_eq!(typed("echo a  b"), "a b\n");
    assert_eq!(typed("echo -n a; echo b noline"), "ab");
    assert_eq!(typed("echo -- -n"), "-n\n");
    assert_eq!(typed("echo 'a\\nb' ESC"), "a\nb\n");
    assert_eq!(typed("print x"), "x\n");
}

#[test]
fn set_and_unset() {
    let mut s = Session::new();
    s.line("set b 2; set a one two; set c=3");
    assert_eq!(s.line("set"), "a               one two\nb               2\nc               3\n");
    assert_eq!(s.line("get a"), "one two\n");
    s.line("unset a b");
    assert_eq!(s.line("get a"), "get: there is no local variable \"a\"\n");
    assert_eq!(s.line("unset zz"), "unset: there is no variable \"zz\"\n");
    assert_eq!(s.line("set a/b x"), "set: \"a/b\" is no name: up to 64 letters, digits, _ and -\n");
    assert_eq!(s.reason(), 210);
}

#[test]
fn global_variables() {
    let mut s = Session::new();
    s.line("setenv a 1; export b=2; setenv c SAVE 3");
    assert_eq!(s.line("getenv"), "a               1\nb               2\nc               3\n");
    assert_eq!(s.line("printenv a"), "1\n");
    assert_eq!(s.world.saved, ["c"]);
    s.line("unsetenv a");
    assert_eq!(s.line("getenv a"), "getenv: there is no global variable \"a\"\n");
}

#[test]
fn the_command_path() {
    let mut s = Session::new();
    assert_eq!(s.line("path"), "Current directory\nC:\n");
    s.line("path SYS:s; path sub head");
    assert_eq!(s.line("path show"), "Current directory\nRAM:sub\nSYS:s\nC:\n");
    s.line("path sys:s remove");
    assert_eq!(s.shell.path(), ["RAM:sub"]);
    assert!(s.line("path a.txt").contains("no directory"));
    s.line("path SYS:c reset");
    assert_eq!(s.shell.path(), ["SYS:c"]);
}

#[test]
fn the_prompt_is_filled() {
    let mut s = Session::new();
    let around = Around { time: Some("12:34"), host: "via" };
    let prompt = |s: &mut Session| s.shell.prompt(&mut s.world, around);
    assert_eq!(prompt(&mut s), "1.RAM:> ");
    s.line("prompt \"%R %T %H %% %x $$ `echo hi`> \"");
    s.line("end 5");
    assert_eq!(prompt(&mut s), "5 12:34 via % %x 1 hi> ");
    assert_eq!(s.code(), 5);
    s.line("prompt");
    assert_eq!(prompt(&mut s), "1.RAM:> ");
}

#[test]
fn why_explains_the_last_failure() {
    let mut s = Session::new();
    assert_eq!(s.line("why"), "Nothing has failed so far.\n");
    s.line("type nofile; echo fine");
    assert_eq!(s.line("why"), "type ended with return code 10: NotFound (205), object not found\n");
    s.line("lsit");
    assert!(s.line("why").starts_with("lsit ended with return code 10: NotFound (205), unknown command"));
    s.line("end 7");
    assert_eq!(s.line("why"), "end ended with return code 7\n");
    assert_eq!(s.code(), 7, "WHY leaves the code alone");
}

#[test]
fn why_knows_the_stage_that_failed() {
    let mut s = Session::new();
    s.line("type nofile | upper");
    assert!(s.line("why").starts_with("type ended with return code 10"));
}

#[test]
fn fault_explains_numbers() {
    assert_eq!(
        typed("fault 205 1045"),
        " 205 NotFound: object not found\n1045 Certificate: certificate not accepted\n"
    );
    assert_eq!(typed("fault 9"), "   9 no such error number\n");
    assert!(typed("fault").lines().count() > 50);
    assert!(typed("fault x").contains("is not a number"));
}

#[test]
fn faults_have_the_return_codes_of_the_contract() {
    let code = |number| Fault::about(number, "x").return_code();
    assert_eq!([205, 103, 304, 1056, 1061, 9].map(code), [10, 20, 20, 5, 20, 10]);
}

#[test]
fn ask_gives_five_for_yes() {
    let mut s = Session::new();
    s.world.answers = ["y", "no", " YES "].map(String::from).to_vec();
    assert_eq!(s.line("ask \"Go on?\"; if warn; echo going; endif"), "Go on? going\n");
    s.line("ask x");
    assert_eq!(s.code(), 0);
    s.line("ask x");
    assert_eq!(s.code(), 5);
    s.line("ask x");
    assert_eq!(s.code(), 0, "nobody answers");
}

#[test]
fn a_question_mark_asks_for_arguments() {
    let mut s = Session::new();
    assert_eq!(s.line("cd ?"), "DIR\n", "nobody to ask");
    s.world.answers = vec!["sub".into()];
    assert_eq!(s.line("cd ?"), "DIR: ");
    assert_eq!(s.shell.cwd(), "RAM:sub");
}

#[test]
fn help_comes_from_the_manuals() {
    assert!(typed("cd --help").starts_with("CD: Shows or changes the current directory.\n  CD DIR\n  also: chdir\n"));
    assert_eq!(typed("help cd"), typed("cd -h"));
    assert!(typed("help ls").starts_with("LIST: Lists directories.\n"));
    let all = typed("help");
    assert!(all.contains("ALIAS") && all.contains("VERSION"), "{all}");
    assert!(all.lines().all(|line| line.chars().count() <= 80));
    assert_eq!(typed("help search copies"), "COPY         Copies files.\n");
    assert!(typed("help all").lines().count() > 40);
    assert_eq!(typed("help nosuch"), "help: there is no command \"nosuch\"; HELP lists all\n");
}

#[test]
fn history_is_listed() {
    let mut s = Session::new();
    s.world.history = ["one", "two", "three"].map(String::from).to_vec();
    assert_eq!(s.line("history 2"), "   2  two\n   3  three\n");
    assert_eq!(s.line("history clear; history"), "");
}

#[test]
fn which_tells_what_a_name_is() {
    let mut s = Session::new();
    s.line("alias list 'list x'");
    assert_eq!(s.line("which list all"), "alias for list x\nSYS:c/list\n");
    assert_eq!(s.line("which cd"), "built-in CD\n");
    assert_eq!(s.line("which sub"), "directory RAM:sub\n");
    assert_eq!(s.line("which nosuch"), "nosuch is not known\n");
    assert_eq!(s.code(), 5);
}

#[test]
fn codes_for_scripts() {
    let mut s = Session::new();
    for (name, code) in [("true", 0), ("warn", 5), ("false", 10), ("fail", 20)] {
        s.line(name);
        assert_eq!(s.code(), code);
    }
}

#[test]
fn failat_shows_and_checks() {
    let mut s = Session::new();
    assert_eq!(s.line("failat"), "Fail limit: 10\n");
    assert_eq!(s.line("failat 21; failat"), "Fail limit: 21\n");
    assert_eq!(s.line("failat 0"), "failat: 0 is no limit; 1 or more is\n");
    assert_eq!(s.line("quit 300"), "quit: 300 is no return code; 0 to 255 are\n");
}

#[test]
fn endshell_leaves() {
    for (text, code) in [("endshell", 0), ("exit 5", 5), ("logout", 0)] {
        let mut s = Session::new();
        s.line(text);
        assert_eq!(s.left, Some(code));
    }
}

#[test]
fn a_startup_script_runs_with_arguments() {
    let mut s = Session::new();
    s.shell.script(&mut s.world, "SYS:s/greet", &Line::split("me").unwrap());
    assert_eq!(s.world.out, "hello me softly\n");
    s.shell.script(&mut s.world, "SYS:s/none", &Line::default());
    assert!(s.world.err.contains("not found"));
}

/// The candidates for what stands before the bar.
fn tab(text: &str) -> Vec<String> {
    let mut s = Session::new();
    s.line("alias listing list");
    complete(&s.shell, &mut s.world, text, text.len()).words
}

#[test]
fn commands_and_aliases_complete() {
    assert_eq!(tab("hi"), ["history "]);
    assert_eq!(tab("LI"), ["LIST ", "LISTING "]);
    assert_eq!(tab("echo x | ver"), ["version "]);
    assert_eq!(tab("su"), ["sub/"]);
}

#[test]
fn volumes_complete() {
    assert_eq!(tab("SY"), ["SYS:"]);
    assert_eq!(tab("list sy"), ["SYS:"]);
}

#[test]
fn files_and_keywords_complete() {
    assert_eq!(tab("list a"), ["all ", "a.txt ", "\"all\" "]);
    assert_eq!(tab("list RAM:sub/"), ["RAM:sub/deep/", "RAM:sub/one.txt "]);
    assert_eq!(tab("type 'my"), ["'my file' "]);
    assert_eq!(tab("list SO"), ["SORT "]);
    assert_eq!(tab("list --so"), ["--sort "]);
    assert_eq!(tab("list P=RAM:b"), ["P=RAM:b.txt "]);
    assert_eq!(tab("echo x > b"), ["b.txt "]);
}

#[test]
fn completion_says_where_the_word_starts() {
    let mut s = Session::new();
    let start = |s: &mut Session, text: &str| complete(&s.shell, &mut s.world, text, text.len()).start;
    assert_eq!(start(&mut s, "list a"), 5);
    assert_eq!(start(&mut s, "list "), 5);
    assert_eq!(start(&mut s, "type 'my f"), 5);
}

#[test]
fn a_hint_shows_the_template() {
    let s = Session::new();
    assert_eq!(hint(&s.shell, &s.world, "copy "), "FROM/A/M,TO/A,R=ALL/S");
    assert_eq!(hint(&s.shell, &s.world, "cp a -r "), "FROM/A/M,TO/A");
    assert_eq!(hint(&s.shell, &s.world, "copy a"), "");
    assert_eq!(hint(&s.shell, &s.world, "nosuch "), "");
}
