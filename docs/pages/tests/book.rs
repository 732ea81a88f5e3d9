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
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(page.parent().unwrap().join(target).exists(), "{}: {link}", page.display());
        }
    }
}

#[test]
fn the_tree_that_the_readme_draws_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let tree = readme.split("## The tree").nth(1).and_then(|rest| rest.split("```").nth(1)).expect("a tree");
    for name in tree.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| name.ends_with('/')) {
        assert!(root().join(name).is_dir(), "{name}");
    }
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
