//! Random patterns against a naive matcher that tries everything, and random bytes.

use std::collections::BTreeSet;

use pattern::{Pattern, escape, is_pattern};

struct Random(u64);

impl Random {
    fn next(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

/// The oracle's own tree; it spells the pattern, so the two share no parser.
enum Tree {
    Char(char),
    Any,
    Empty,
    Class(bool, char, char),
    Many(Vec<Tree>),
    Either(Vec<Tree>),
    Repeat(Box<Tree>),
    Not(Box<Tree>),
}

fn grow(random: &mut Random, depth: usize) -> Tree {
    let leaf = depth == 0;
    match random.next(if leaf { 5 } else { 9 }) {
        0 | 1 => Tree::Char(['a', 'b', 'c'][random.next(3)]),
        2 => Tree::Any,
        3 => Tree::Empty,
        4 => Tree::Class(random.next(2) == 0, 'a', ['a', 'b'][random.next(2)]),
        5 => Tree::Many((0..random.next(4)).map(|_| grow(random, depth - 1)).collect()),
        6 => Tree::Either((0..1 + random.next(3)).map(|_| grow(random, depth - 1)).collect()),
        7 => Tree::Repeat(Box::new(grow(random, depth - 1))),
        _ => Tree::Not(Box::new(grow(random, depth - 1))),
    }
}

fn spell(tree: &Tree) -> String {
    match tree {
        Tree::Char(c) => c.to_string(),
        Tree::Any => "?".into(),
        Tree::Empty => "%".into(),
        Tree::Class(inverted, low, high) => format!("[{}{low}-{high}]", if *inverted { "~" } else { "" }),
        Tree::Many(trees) => format!("({})", trees.iter().map(spell).collect::<String>()),
        Tree::Either(trees) => format!("({})", trees.iter().map(spell).collect::<Vec<_>>().join("|")),
        Tree::Repeat(tree) => format!("#{}", spell(tree)),
        Tree::Not(tree) => format!("~{}", spell(tree)),
    }
}

/// Where a match from `start` can end.
fn ends(tree: &Tree, text: &[char], start: usize) -> BTreeSet<usize> {
    let one = |fits: bool| if fits { BTreeSet::from([start + 1]) } else { BTreeSet::new() };
    match tree {
        Tree::Char(c) => one(text.get(start) == Some(c)),
        Tree::Any => one(start < text.len()),
        Tree::Empty => BTreeSet::from([start]),
        Tree::Class(inverted, low, high) => {
            one(text.get(start).is_some_and(|c| (low..=high).contains(&c) != *inverted))
        }
        Tree::Many(trees) => trees
            .iter()
            .fold(BTreeSet::from([start]), |from, tree| from.iter().flat_map(|&at| ends(tree, text, at)).collect()),
        Tree::Either(trees) => trees.iter().flat_map(|tree| ends(tree, text, start)).collect(),
        Tree::Repeat(tree) => {
            let mut all = BTreeSet::from([start]);
            loop {
                let more: BTreeSet<usize> = all.iter().flat_map(|&at| ends(tree, text, at)).collect();
                let size = all.len();
                all.extend(more);
                if all.len() == size {
                    return all;
                }
            }
        }
        Tree::Not(tree) => {
            let taken = ends(tree, text, start);
            (start..=text.len()).filter(|end| !taken.contains(end)).collect()
        }
    }
}

#[test]
fn the_matcher_agrees_with_the_oracle() {
    let mut random = Random(0x5EED_0010);
    let (mut yes, mut no) = (0, 0);
    for _ in 0..4_000 {
        let tree = grow(&mut random, 3);
        let source = spell(&tree);
        let Ok(pattern) = Pattern::new(&source) else { panic!("{source}") };
        for _ in 0..6 {
            let text: Vec<char> = (0..random.next(6)).map(|_| ['a', 'b', 'c', 'd'][random.next(4)]).collect();
            let expected = ends(&tree, &text, 0).contains(&text.len());
            let shown: String = text.iter().collect();
            assert_eq!(pattern.matches(&shown), expected, "{source} on {shown:?}");
            assert_eq!(pattern.matches(&shown.to_uppercase()), expected, "{source} on {shown:?} in capitals");
            if expected { yes += 1 } else { no += 1 }
        }
    }
    assert!(yes > 1_000 && no > 1_000, "{yes} {no}");
}

fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_at(text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at));
    if let Ok(pattern) = Pattern::new(first) {
        let matched = pattern.matches(second);
        if let Some(literal) = pattern.literal() {
            assert!(pattern.matches(literal) && (!matched || literal.chars().count() == second.chars().count()));
        }
    }
    let escaped = escape(&text);
    assert!(!is_pattern(&escaped));
    if let Ok(pattern) = Pattern::new(&escaped) {
        assert!(pattern.matches(&text));
        assert_eq!(pattern.literal(), Some(&*text));
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(0x5EED_0011);
    const SIGNS: &[u8] = b"ab#?*~%()|[]'-!x\xc3\xa4";
    for round in 0..20_000 {
        let data: Vec<u8> = (0..random.next(60))
            .map(|_| if round % 2 == 0 { random.next(256) as u8 } else { SIGNS[random.next(SIGNS.len())] })
            .collect();
        target(&data);
    }
}
