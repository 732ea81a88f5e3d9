//! What the screen shows after each sequence of keys: editing, wrapping, pasting, odd bytes.

mod terminal;
use lineedit::{Event, MAX_TEXT, SIZE_QUERY, Size, SizeProbe};
use terminal::{Desk, line, shows};

fn entered(desk: &Desk) -> Vec<&str> {
    desk.events.iter().map(|event| if let Event::Line(line) = event { line.as_str() } else { "-" }).collect()
}

#[test]
fn typing_shows_behind_the_prompt() {
    let mut desk = Desk::new();
    assert_eq!(desk.screen(), "1>");
    desk.keys("list");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> list", (0, 7)));
}

#[test]
fn enter_gives_the_line_and_a_new_row() {
    let mut desk = Desk::new();
    desk.keys("one\rtwo\ntree\r\n");
    assert_eq!(entered(&desk), ["one", "two", "tree"]);
    assert_eq!(desk.screen(), "1> one\n1> two\n1> tree\n1>");
}

#[test]
fn enter_in_the_middle_takes_the_whole_line() {
    let mut desk = Desk::new();
    desk.keys("hello\x01\r");
    assert_eq!(entered(&desk), ["hello"]);
    assert_eq!(desk.screen(), "1> hello\n1>");
}

#[test]
fn backspace_in_both_spellings() {
    assert_eq!(shows("abc\x7f\x08d"), "1> ad");
    assert_eq!(shows("\x7f\x7fa"), "1> a");
}

#[test]
fn arrows_and_their_control_letters_move() {
    assert_eq!(line("ac\x1b[Db"), "abc");
    assert_eq!(line("bc\x02\x02a\x06\x06d"), "abcd");
    assert_eq!(line("ac\x1bODb\x1bOCd"), "abcd");
}

#[test]
fn home_and_end_in_all_spellings() {
    for home in ["\x1b[1~", "\x1b[H", "\x1bOH", "\x1b[7~", "\x01"] {
        for end in ["\x1b[4~", "\x1b[F", "\x1bOF", "\x1b[8~", "\x05"] {
            assert_eq!(line(&format!("bc{home}a{end}d")), "abcd", "{home:?} {end:?}");
        }
    }
}

#[test]
fn delete_and_control_d_take_what_is_under_the_cursor() {
    assert_eq!(line("abc\x01\x1b[3~"), "bc");
    assert_eq!(line("abc\x01\x04"), "bc");
    assert_eq!(line("abc\x1b[3~"), "abc");
}

#[test]
fn words_are_moved_over() {
    assert_eq!(line("one two\x1bbX"), "one Xtwo");
    assert_eq!(line("one two\x1bb\x1bbX"), "Xone two");
    assert_eq!(line("one two\x01\x1bfX"), "oneX two");
    assert_eq!(line("one two\x1b[1;5DX\x1b[1;5CY"), "one XtwoY");
}

#[test]
fn words_are_cut() {
    assert_eq!(line("copy a/b c\x17"), "copy a/b ");
    assert_eq!(line("copy a/b\x17"), "copy ");
    assert_eq!(line("copy a/b\x1b\x7f"), "copy a/");
    assert_eq!(line("one two\x01\x1bd"), " two");
}

#[test]
fn what_was_cut_comes_back() {
    assert_eq!(line("one two\x17\x01\x19 "), "two one ");
    assert_eq!(line("one two\x15x\x19"), "xone two");
    assert_eq!(line("one two\x01\x0b\x19\x19"), "one twoone two");
}

#[test]
fn cuts_in_a_row_add_up() {
    assert_eq!(line("a b c\x17\x17\x19"), "a b c");
    assert_eq!(line("one two\x01\x1bd\x1bd\x19"), "one two");
    assert_eq!(line("a b\x17\x05\x17\x19"), "a ", "a move ends the row");
}

#[test]
fn letters_are_swapped() {
    assert_eq!(line("lsit\x1b[D\x1b[D\x14"), "list");
    assert_eq!(line("ab\x14"), "ba");
    assert_eq!(line("a\x14"), "a");
    assert_eq!(line("ab\x01\x14"), "ab");
}

#[test]
fn control_c_throws_the_line_away() {
    let mut desk = Desk::new();
    desk.keys("abc\x01\x03");
    assert_eq!(desk.events, [Event::Cancelled]);
    assert_eq!(desk.screen(), "1> abc^C\n1>");
}

#[test]
fn control_d_ends_only_an_empty_line() {
    let mut desk = Desk::new();
    desk.keys("a\x04\x7f\x04");
    assert_eq!(desk.events, [Event::End]);
}

#[test]
fn control_l_clears_the_screen_and_keeps_the_line() {
    let mut desk = Desk::new();
    desk.keys("one\rtwo\x0c");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> two", (0, 6)));
}

#[test]
fn control_z_explains_itself() {
    let mut desk = Desk::sized(80, 6);
    desk.keys("abc\x02\x1a");
    assert_eq!(
        desk.screen(),
        "1> abc\nNothing can be suspended; a trailing & runs a command in the background.\n1> abc"
    );
    assert_eq!(desk.cursor(), (2, 5));
}

#[test]
fn long_lines_wrap() {
    let mut desk = Desk::new();
    desk.keys("0123456789abcdefg");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> 0123456789abcdefg", (1, 0)));
    desk.keys("h");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> 0123456789abcdefg\nh", (1, 1)));
    desk.keys("\x7f\x7f");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> 0123456789abcdef", (0, 19)));
}

#[test]
fn editing_in_a_wrapped_line() {
    let mut desk = Desk::new();
    desk.keys("0123456789abcdefghijk\x01X");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> X0123456789abcdef\nghijk", (0, 4)));
    desk.keys("\x05\r");
    assert_eq!(desk.screen(), "1> X0123456789abcdef\nghijk\n1>");
}

#[test]
fn wrapping_at_the_bottom_scrolls() {
    let mut desk = Desk::sized(10, 3);
    desk.keys("a\rb\rc\r0123456789");
    assert_eq!(desk.screen(), "1> c\n1> 0123456\n789");
    desk.keys("\x01X");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> c\n1> X012345\n6789", (1, 4)));
}

#[test]
fn a_line_higher_than_the_screen_is_shown_around_the_cursor() {
    let mut desk = Desk::sized(10, 3);
    desk.keys("0123456789abcdefghijklmnopqrstuvwxyz");
    assert_eq!(desk.screen(), "789abcdefg\nhijklmnopq\nrstuvwxyz");
    desk.keys("\x01");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> 0123456\n789abcdefg\nhijklmnopq", (0, 3)));
    desk.keys("\x05!");
    assert!(desk.screen().ends_with("rstuvwxyz!"));
}

#[test]
fn wide_characters_take_two_columns() {
    let mut desk = Desk::new();
    desk.keys("漢字x\x1b[D\x1b[D");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> 漢字x", (0, 5)));
    desk.keys("\x7f");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> 字x", (0, 3)));
}

#[test]
fn a_wide_character_that_does_not_fit_wraps_whole() {
    let mut desk = Desk::sized(8, 4);
    desk.keys("abcd漢");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> abcd\n漢", (1, 2)));
    desk.keys("\x1b[D");
    assert_eq!(desk.cursor(), (1, 0));
}

#[test]
fn accents_move_with_their_letter() {
    let mut desk = Desk::new();
    desk.keys("ae\u{301}b\x1b[D\x1b[D");
    assert_eq!(desk.cursor(), (0, 4));
    desk.keys("\x1b[3~");
    assert_eq!(desk.screen(), "1> ab");
    assert_eq!(line("e\u{301}\x7f"), "e", "backspace takes the accent alone");
}

#[test]
fn torn_and_wrong_utf8_is_dropped() {
    let mut desk = Desk::new();
    desk.bytes(b"a\xc3b\xff\xc0\x80\xe2\x28c\xed\xa0\x80\xf5");
    assert_eq!(desk.editor.text(), "ab(c");
    desk.bytes(b"\xc3");
    desk.bytes(b"\xa4");
    assert_eq!(desk.editor.text(), "ab(cä");
}

#[test]
fn a_paste_runs_nothing_until_enter() {
    let mut desk = Desk::new();
    desk.keys("\x1b[200~one\r\ntwo\tx\x03\x1b[A\x1b[201~");
    assert_eq!(desk.events, []);
    assert_eq!(desk.screen(), "1> one\ntwo x");
    desk.keys("!\r");
    assert_eq!(entered(&desk), ["one\ntwo x!"]);
    assert_eq!(desk.screen(), "1> one\ntwo x!\n1>");
}

#[test]
fn pasting_is_announced_only_while_a_line_is_edited() {
    let mut desk = Desk::new();
    assert!(desk.terminal.paste);
    let mut out = Vec::new();
    desk.editor.feed(b"\r", &mut desk.words, &mut out);
    desk.terminal.write(&out);
    assert!(!desk.terminal.paste);
}

#[test]
fn a_lone_escape_needs_its_timer() {
    let mut desk = Desk::new();
    desk.keys("a\x1b");
    assert!(desk.editor.is_waiting());
    desk.timeout();
    assert!(!desk.editor.is_waiting());
    desk.keys("b");
    assert_eq!(desk.editor.text(), "ab", "b is no Alt-b");
}

#[test]
fn unknown_sequences_are_swallowed_whole() {
    assert_eq!(line("a\x1b[?12;34;56xb\x1b[99~c\x1b[1;2Ad\x1b[[Xe\x1bOzf"), "abcdef");
    assert_eq!(line(&format!("a\x1b[{}mb", "1;".repeat(50))), "ab");
}

#[test]
fn function_keys_are_told() {
    let mut desk = Desk::new();
    desk.keys("\x1bOP\x1b[15~\x1b[18~\x1b[21~\x1b[24~\x1b[[A\x1b[11~");
    let numbers: Vec<Event> = [1, 5, 7, 10, 12, 1, 1].map(Event::Function).to_vec();
    assert_eq!(desk.events, numbers);
}

#[test]
fn what_is_typed_ahead_stays_for_the_next_line() {
    let mut desk = Desk::new();
    let mut out = Vec::new();
    let (taken, event) = desk.editor.feed(b"one\rtwo\r", &mut desk.words, &mut out);
    assert_eq!((taken, event), (4, Some(Event::Line("one".into()))));
}

#[test]
fn a_text_has_a_limit_and_is_never_cut_in_silence() {
    let mut desk = Desk::sized(80, 24);
    desk.keys("\x1b[200~");
    desk.keys(&"x".repeat(MAX_TEXT + 104));
    desk.keys("\x1b[201~y");
    assert_eq!((desk.editor.text().len(), desk.terminal.bells), (MAX_TEXT, 105));
    desk.keys("\r");
    assert_eq!(desk.events, [Event::TooLong]);
    desk.keys("echo\r");
    assert_eq!(desk.events, [Event::TooLong, Event::Line("echo".into())]);
}

#[test]
fn keys_that_come_together_are_drawn_together() {
    let mut desk = Desk::sized(80, 24);
    let mut out = Vec::new();
    desk.editor.feed(b"echo one\x01two ", &mut desk.words, &mut out);
    assert_eq!(String::from_utf8_lossy(&out).matches("\x1b[J").count(), 1);
    desk.terminal.write(&out);
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> two echo one", (0, 7)));
}

#[test]
fn the_size_is_found_among_typed_bytes() {
    assert_eq!(SIZE_QUERY, b"\x1b[s\x1b[999;999H\x1b[6n\x1b[u");
    let mut probe = SizeProbe::default();
    let found: Vec<Size> = b"ls\x1b[50;132R".iter().filter_map(|&byte| probe.feed(byte)).collect();
    assert_eq!(found, [Size { columns: 132, rows: 50 }]);
    assert_eq!(probe.into_typed(), b"ls");
    let mut probe = SizeProbe::default();
    assert!(b"\x1b[0;0R".iter().find_map(|&byte| probe.feed(byte)) == Some(Size { columns: 8, rows: 2 }));
    let mut probe = SizeProbe::default();
    assert!(b"\x1b[99999;1Rlist\r".iter().all(|&byte| probe.feed(byte).is_none()));
}

#[test]
fn a_new_size_counts_from_the_next_draw() {
    let mut desk = Desk::sized(20, 6);
    desk.keys("\x1b[6;10R0123456789");
    assert_eq!(desk.screen(), "1> 0123456\n789");
}

#[test]
fn a_coloured_prompt_takes_no_extra_room() {
    let mut desk = Desk::sized(10, 4);
    desk.keys("x\x03");
    let mut out = Vec::new();
    desk.editor.begin("\x1b[32m12345678\x1b[0m", &mut desk.words, &mut out);
    desk.terminal.write(&out);
    desk.keys("ab");
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> x^C\n12345678ab", (2, 0)));
}

#[test]
fn other_output_and_a_redraw() {
    let mut desk = Desk::new();
    desk.keys("abc\x02");
    desk.terminal.write(b"\r\n[1] done\r\n");
    let mut out = Vec::new();
    desk.editor.redraw(&mut desk.words, &mut out);
    desk.terminal.write(&out);
    assert_eq!((desk.screen().as_str(), desk.cursor()), ("1> abc\n[1] done\n1> abc", (2, 5)));
}
