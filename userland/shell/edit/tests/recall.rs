//! History, search, completion, hints, and dumb mode.

mod terminal;
use lineedit::{Event, History};
use terminal::Desk;

fn entered(desk: &Desk) -> Vec<&str> {
    desk.events.iter().map(|event| if let Event::Line(line) = event { line.as_str() } else { "-" }).collect()
}

#[test]
fn up_and_down_browse() {
    let mut desk = Desk::new();
    desk.keys("one\rtwo\r\x1b[A");
    assert_eq!(desk.editor.text(), "two");
    desk.keys("\x10");
    assert_eq!(desk.editor.text(), "one");
    desk.keys("\x1b[A");
    assert_eq!((desk.editor.text(), desk.terminal.bells), ("one", 1));
    desk.keys("\x1b[B\x0e");
    assert_eq!(desk.editor.text(), "");
}

#[test]
fn up_on_text_looks_for_its_prefix() {
    let mut desk = Desk::sized(40, 20);
    desk.keys("list a\rcopy\rlist b\rcopy x\rli\x1b[A");
    assert_eq!(desk.editor.text(), "list b");
    desk.keys("\x1b[5~");
    assert_eq!(desk.editor.text(), "list a");
    desk.keys("\x1b[B\x1b[6~");
    assert_eq!(desk.editor.text(), "li", "the line it began with");
}

#[test]
fn an_edit_ends_browsing() {
    let mut desk = Desk::sized(40, 20);
    desk.keys("one\rtwo\r\x1b[A!\x1b[A");
    assert_eq!(desk.editor.text(), "two!");
}

#[test]
fn control_r_searches_backwards() {
    let mut desk = Desk::sized(40, 20);
    desk.keys("copy a b\rlist\rcopy c d\rx\x12");
    assert!(desk.screen().ends_with("(search) : x"), "{}", desk.screen());
    desk.keys("COP");
    assert!(desk.screen().ends_with("(search) COP: copy c d"));
    desk.keys("\x12");
    assert!(desk.screen().ends_with("(search) COP: copy a b"));
    desk.keys("\x12");
    assert_eq!((desk.editor.text(), desk.terminal.bells), ("copy a b", 1));
    desk.keys("\r");
    assert_eq!(entered(&desk).last(), Some(&"copy a b"));
    assert!(desk.screen().ends_with("1> copy a b\n1>"));
}

#[test]
fn a_search_is_given_up() {
    for key in ["\x07", "\x03"] {
        let mut desk = Desk::sized(40, 20);
        desk.keys(&format!("copy\rxy\x12co{key}"));
        assert_eq!(desk.editor.text(), "xy");
        assert!(desk.screen().ends_with("1> xy"));
    }
    let mut desk = Desk::sized(40, 20);
    desk.keys("copy\rxy\x12co\x1b");
    desk.timeout();
    assert_eq!(desk.editor.text(), "xy");
}

#[test]
fn a_search_ends_at_other_keys_and_they_count() {
    let mut desk = Desk::sized(40, 20);
    desk.keys("copy\r\x12cop\x01X");
    assert_eq!(desk.editor.text(), "Xcopy");
    desk.keys("\x03\x12copq\x7f");
    assert_eq!(desk.editor.text(), "copy", "backspace shortens the query");
}

#[test]
fn tab_completes_the_only_one() {
    let mut desk = Desk::new();
    desk.words.0 = vec!["version ", "list "];
    desk.keys("ver\t");
    assert_eq!((desk.editor.text(), desk.cursor()), ("version ", (0, 11)));
    desk.keys("L\tx");
    assert_eq!(desk.editor.text(), "version list x");
}

#[test]
fn tab_completes_what_is_common_and_lists_at_the_second() {
    let mut desk = Desk::sized(30, 8);
    desk.words.0 = vec!["SYS:c/copy ", "SYS:c/cut ", "SYS:c/count "];
    desk.keys("type s\t");
    assert_eq!(desk.editor.text(), "type SYS:c/c");
    desk.keys("\t");
    assert_eq!(desk.screen(), "1> type SYS:c/c\ncopy   cut    count\n1> type SYS:c/c");
    assert_eq!(desk.cursor(), (2, 15));
    desk.keys("o\t");
    assert_eq!((desk.editor.text(), desk.terminal.bells), ("type SYS:c/co", 1));
    desk.keys("\t");
    assert!(desk.screen().ends_with("copy   count\n1> type SYS:c/co"), "{}", desk.screen());
}

#[test]
fn tab_rings_when_there_is_nothing() {
    let mut desk = Desk::new();
    desk.keys("zz\t");
    assert_eq!((desk.editor.text(), desk.terminal.bells), ("zz", 1));
}

#[test]
fn tab_in_the_middle_keeps_what_follows() {
    let mut desk = Desk::new();
    desk.words.0 = vec!["version "];
    desk.keys("ver x\x02\x02\t");
    assert_eq!((desk.editor.text(), desk.cursor()), ("version  x", (0, 11)));
}

#[test]
fn the_hint_is_grey_and_leaves_no_trace() {
    let mut desk = Desk::new();
    desk.keys("copy ");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> copy from/a,to/a", (0, 8)));
    desk.keys("x");
    assert_eq!(desk.screen(), "1> copy x");
    desk.keys("\x7f\r");
    assert_eq!(desk.screen(), "1> copy\n1>");
}

#[test]
fn the_hint_is_cut_to_its_row() {
    let mut desk = Desk::sized(14, 4);
    desk.keys("copy ");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> copy from/", (0, 8)));
}

#[test]
fn dumb_mode_writes_no_escape() {
    let mut desk = Desk::dumb();
    desk.words.0 = vec!["copy ", "cut "];
    desk.keys("list abc\x17x\x1b[Dy\x15abc\x7f\x7fd\r\x1b[A\x12\x0c\t\tz\t漢\x7f\x1b[200~q\rw\x1b[201~\x1a\r\x03\x04");
    assert_eq!(desk.terminal.escapes, 0);
}

#[test]
fn dumb_mode_edits_at_the_end() {
    let mut desk = Desk::dumb();
    desk.keys("abc\x01\x1b[Dd\x7f\x7fx");
    assert_eq!((desk.editor.text(), desk.screen().as_str(), desk.cursor()), ("abx", "1> abx", (0, 6)));
    desk.keys(" 漢字\x7f");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> abx 漢", (0, 9)));
    desk.keys("\x15one\r\x1b[A");
    assert_eq!(desk.screen(), "1> one\n1> one");
    assert_eq!(entered(&desk), ["one"]);
}

#[test]
fn dumb_mode_completes_and_lists() {
    let mut desk = Desk::dumb();
    desk.words.0 = vec!["copy ", "cut "];
    desk.keys("c\t\t");
    assert_eq!(desk.screen(), "1> c\ncopy  cut\n1> c");
    desk.keys("o\t");
    assert_eq!(desk.screen(), "1> c\ncopy  cut\n1> copy");
}

#[test]
fn history_has_a_limit_and_no_doubles() {
    let mut history = History::new(3);
    for line in ["a", "b", "b", " private", "", "c", "d"] {
        history.add(line);
    }
    assert_eq!(history.lines().collect::<Vec<_>>(), ["b", "c", "d"]);
    assert_eq!(history.to_text(), "b\nc\nd\n");
    let mut other = History::new(10);
    other.load(&history.to_text());
    assert_eq!(other.len(), 3);
}

#[test]
fn events_name_lines() {
    let mut history = History::new(10);
    history.load("one\ntwo\nthree\n");
    let expand = |line: &str| {
        history.expand(line).map(|line| line.unwrap_or("(same)".into())).map_err(|error| error.to_string())
    };
    assert_eq!(expand("!!"), Ok("three".into()));
    assert_eq!(expand("echo !1 !-2!"), Ok("echo one two!".into()));
    assert_eq!(expand("hi! \\!! '!!' a != b !x"), Ok("(same)".into()));
    assert_eq!(expand("\"!!\""), Ok("\"three\"".into()));
    assert_eq!(expand("!7"), Err("!7: no such line; HISTORY lists them".into()));
    assert!(expand("!0").is_err() && expand("!-9").is_err() && expand("!99999999999999999999").is_err());
    assert!(History::new(5).expand("!!").is_err());
}
