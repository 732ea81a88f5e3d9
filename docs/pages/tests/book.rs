//! The book: generated pages are current, and everything it points to is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn generated_pages_are_those_of_the_tables() {
    for page in pages::all() {
        let path = root().join("docs/src").join(page.path);
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == page.text, "{} is not current: cargo run -p pages", path.display());
    }
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).unwrap();
    for page in markdown(&root().join("docs/src")) {
        let name = page.strip_prefix(root().join("docs/src")).unwrap().to_string_lossy().into_owned();
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "{name} is not in the summary");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut pages = markdown(&root().join("docs"));
    pages.extend(["README.md", "CHANGELOG.md", "CAVEATS.md"].map(|name| root().join(name)));
    for page in pages {
        let text = prose(&read(&page));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (target, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if target.is_empty() { page.clone() } else { page.parent().unwrap().join(target) };
            assert!(target.exists(), "{}: {link}", page.display());
            let known = place.is_empty() || headings(&read(&target)).iter().any(|heading| heading == place);
            assert!(known, "{}: {link} names no heading", page.display());
        }
    }
}

#[test]
fn what_pages_show_of_files_is_there() {
    let mut shown = 0;
    for page in markdown(&root().join("docs/src")) {
        let text = read(&page);
        for include in text.split("{{#include ").skip(1).filter_map(|rest| rest.split("}}").next()) {
            let (file, anchor) = include.split_once(':').expect("a file and an anchor");
            let text = read(&page.parent().unwrap().join(file));
            assert!(part(&text, anchor).is_some_and(|part| !part.trim().is_empty()), "{}: {include}", page.display());
            shown += 1;
        }
    }
    assert!(shown > 0);
}

#[test]
fn an_anchor_is_a_line_of_its_own() {
    let text = "a\n// ANCHOR: x\nb\n// ANCHOR_END: x\n// ANCHOR: xy\nc\n";
    assert_eq!(part(text, "x").as_deref(), Some("b\n"));
    assert_eq!(part(text, "xy"), None, "it has no end");
    assert_eq!(part(text, "z"), None);
}

#[test]
fn headings_are_named_as_mdbook_names_them() {
    let text = "# Who is `who`?\n```text\n# no heading\n```\n## fs, and net\n## Who is who\n";
    assert_eq!(headings(text), ["who-is-who", "fs-and-net", "who-is-who-1"]);
}

#[test]
fn the_tree_that_the_readme_draws_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let tree = readme.split("## The tree").nth(1).and_then(|rest| rest.split("```").nth(1)).expect("a tree");
    for name in tree.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| name.ends_with('/')) {
        assert!(root().join(name).is_dir(), "{name}");
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A page without its blocks of code.
fn prose(text: &str) -> String {
    let mut code = false;
    let outside = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    });
    outside.map(|line| format!("{line}\n")).collect()
}

/// The names by which links find a page's headings.
fn headings(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in prose(text).lines().filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let name: String = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
        let again = names.iter().filter(|other| **other == name).count();
        names.push(if again == 0 { name } else { format!("{name}-{again}") });
    }
    names
}

/// What stands between a file's lines `ANCHOR: name` and `ANCHOR_END: name`.
fn part(text: &str, name: &str) -> Option<String> {
    let mark = |line: &str, word: &str| line.trim_start_matches(['/', '#', ' ']) == format!("{word}: {name}");
    let mut lines = text.lines().skip_while(|line| !mark(line, "ANCHOR")).skip(1);
    let inside: Vec<&str> = lines.by_ref().take_while(|line| !mark(line, "ANCHOR_END")).collect();
    let ended = text.lines().any(|line| mark(line, "ANCHOR_END"));
    ended.then(|| inside.iter().map(|line| format!("{line}\n")).collect())
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(markdown(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            all.push(path);
        }
    }
    all
}
