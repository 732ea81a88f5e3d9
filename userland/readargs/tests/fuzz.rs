//! Random templates and lines: no panic, and what must always hold does.

use readargs::{Line, Parsed, Template, Word, quote, read};

struct Random(u64);

impl Random {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }

    fn text(&mut self, alphabet: &[&str], most: usize) -> String {
        (0..self.next(most + 1)).map(|_| alphabet[self.next(alphabet.len())]).collect()
    }
}

const WORDS: &[&str] = &[
    "a", "b", " ", " ", "-", "--", "=", "\"", "'", "\\", "*", "?", "ALL", "TO", "n", "5", "0x", "K", "ö", "N", "\n",
    "$", "help", "-h",
];
const TEMPLATES: &[&str] = &[
    "FROM/A/M,TO/A,R=ALL/S,N=LINES/K/N",
    "NAME,STRING/F",
    "/M,N=NOLINE/S,TO/K",
    "A/M,B/A,C/A/N",
    "QUIET/S,COMMAND/F",
    "",
    "E/T,A/K/M",
    "N/N/M",
    ",TO/K,,ALL/S",
];

/// The target: a template's number, then the line.
fn target(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let template = TEMPLATES[usize::from(*first) % TEMPLATES.len()];
    let text = String::from_utf8_lossy(rest);
    let _ = Template::new(&text);
    let Ok(line) = Line::split(&text) else { return };
    let again = Line::of(line.words.iter().cloned());
    assert!(Line::split(&again.raw).is_ok_and(|split| split == again), "{text:?}");
    let template = Template::new(template).unwrap();
    let _ = (template.complete(&line, &text), template.hint(&line));
    match template.parse(&line) {
        Ok(Parsed::Args(args)) => {
            for item in template.items() {
                assert!(!item.is_required() || args.is_given(item.name()));
                assert!(item.is_many() || args.many(item.name()).len() <= 1);
            }
        }
        Ok(Parsed::Template | Parsed::Help) => {}
        Err(error) => assert!(!error.text().contains(char::is_control) && (114..=120).contains(&error.number())),
    }
}

#[test]
fn random_lines_never_panic() {
    let mut random = Random(0x5EED_0001);
    for _ in 0..20_000 {
        let mut data = vec![random.next(256) as u8];
        data.extend(random.text(WORDS, 14).bytes());
        target(&data);
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(0x5EED_0002);
    for _ in 0..10_000 {
        let data: Vec<u8> = (0..random.next(40)).map(|_| random.next(256) as u8).collect();
        target(&data);
    }
}

#[test]
fn random_templates_never_panic() {
    let mut random = Random(0x5EED_0003);
    for _ in 0..10_000 {
        let source = random.text(&["A", "B", "/", ",", "=", "A", "K", "S", "M", "N", "F", "T", " ", "ö"], 12);
        let _ = read(&source, &Line::default());
    }
}

#[test]
fn quoting_any_text_and_splitting_gives_it_back() {
    let mut random = Random(0x5EED_0004);
    for _ in 0..20_000 {
        let text = random.text(WORDS, 10);
        let split = Line::split(&quote(&text)).unwrap();
        assert_eq!(split.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), [text.as_str()]);
        let named = Line::of([Word::quoted(text.clone())]);
        assert_eq!(Line::split(&named.raw).unwrap(), named);
    }
}
