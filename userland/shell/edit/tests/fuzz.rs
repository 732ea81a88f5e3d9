//! Random keys: no panic, the screen always shows the line, dumb mode never escapes.

mod terminal;
use terminal::Desk;
use unicode_width::UnicodeWidthStr;

struct Random(u64);

impl Random {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

const KEYS: &[&str] = &[
    "a",
    "b",
    " ",
    "漢",
    "ö",
    "e\u{301}",
    "\x7f",
    "\x1b[D",
    "\x1b[C",
    "\x1b[A",
    "\x1b[B",
    "\x01",
    "\x05",
    "\x17",
    "\x15",
    "\x0b",
    "\x19",
    "\x14",
    "\x12",
    "\r",
    "\t",
    "\x1bb",
    "\x1bf",
    "\x1bd",
    "\x1b[3~",
    "\x1b[200~",
    "\x1b[201~",
    "\x0c",
    "\x03",
    "copy ",
    "\x1b",
    "\x1b[",
    "\x1b[5;9R",
    "\x07",
    "longer text that wraps ",
    "\x1a",
];

/// The target: bytes typed at a small terminal.
fn target(data: &[u8]) -> Desk {
    let mut desk = Desk::sized(12, 5);
    desk.words.0 = vec!["copy ", "cop", "a1 ", "a2 "];
    desk.terminal.strict = false;
    desk.bytes(data);
    desk.timeout();
    assert!(desk.editor.text().len() <= lineedit::MAX_TEXT);
    desk
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(0x5EED_0030);
    for _ in 0..5_000 {
        // Cursor reports change the size under the terminal; that is tested elsewhere.
        let data: Vec<u8> = (0..random.next(60)).map(|_| random.next(256) as u8).filter(|&byte| byte != b'R').collect();
        target(&data);
    }
}

#[test]
fn after_random_keys_the_screen_shows_the_line() {
    let mut random = Random(0x5EED_0031);
    let mut checked = 0;
    for _ in 0..5_000 {
        let keys: String =
            (0..random.next(30)).map(|_| KEYS[random.next(KEYS.len())]).filter(|key| !key.ends_with('R')).collect();
        // What may be under way is ended; the line is drawn once more, the cursor at its end.
        let mut desk = target(format!("{keys}\x1b[201~").as_bytes());
        desk.keys("\x07\x05");
        let text = desk.editor.text().to_string();
        if text.contains('\n') || text.width() > 30 || text == "copy " {
            continue;
        }
        checked += 1;
        let shown: String = desk.screen().replace(['\n', ' '], "");
        let wanted = format!("1>{}", text.replace(' ', ""));
        assert!(
            shown.ends_with(&wanted) || desk.screen().contains("search"),
            "{keys:?}: {:?} lacks {wanted:?}",
            desk.screen()
        );
    }
    assert!(checked > 1_000, "{checked}");
}

#[test]
fn dumb_mode_never_escapes() {
    let mut random = Random(0x5EED_0032);
    for _ in 0..2_000 {
        let mut desk = Desk::dumb();
        desk.words.0 = vec!["copy ", "cut "];
        desk.terminal.strict = false;
        let keys: String =
            (0..random.next(12)).map(|_| KEYS[random.next(KEYS.len())]).filter(|key| key.len() < 20).collect();
        desk.keys(&keys);
        assert_eq!(desk.terminal.escapes, 0, "{keys:?}");
    }
}
