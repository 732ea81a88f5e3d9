//! Rows of other folders: what joins the system's manifest, and what is refused.

use archive::manifest::{Manifest, Right};
use ramfs_builder::check::check;
use ramfs_builder::graph::{Graph, Target};
use ramfs_builder::join::{Rows, join};
use ramfs_builder::source;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn system() -> Manifest {
    source::read(&root().join("boot/manifest.toml")).unwrap()
}

#[test]
fn the_books_example_joins_the_system_and_is_not_part_of_it() {
    let system = system();
    assert!(system.server("tallyd").is_none() && system.provider("tally").is_none());
    let joined = source::joined(&root().join("boot/manifest.toml"), &[root().join("docs/examples/tally")]).unwrap();
    assert_eq!(check(&joined), []);
    assert_eq!(joined.servers.len(), system.servers.len() + 1);
    assert!(joined.servers.is_sorted_by_key(|server| server.level), "servers stay in the order of start");
    let graph = Graph::of(&joined);
    let shell = graph.0.iter().find(|node| node.name == "shell").unwrap();
    assert!(shell.reaches.contains(&Target::Server("tallyd".into(), "tally".into())));
    assert_eq!(joined.rights_of("C/tallytest"), [Right::List, Right::Break]);
    assert!(joined.rights_of("C/tally").is_empty());
}

const SERVER: &str = r#"
[[server]]
name = "hallo"
image = "L/hallo"
level = 3
class = "server"
pages = 64
provides = ["greeting"]
restart = "never"

[[name]]
name = "G"
service = "greeting"

[[program]]
binary = "greet"
images = ["C/greet"]

[[add]]
server = "shell"
needs = [{ name = "greeting" }]
"#;

/// What is said about the rows with `from` replaced; the manifest is as it was.
fn refused(from: &str, to: &str) -> String {
    assert!(SERVER.contains(from), "{from}");
    let rows: Rows = toml::from_str(&SERVER.replace(from, to)).unwrap();
    let mut manifest = system();
    match join(&mut manifest, rows, "x/manifest.toml") {
        Ok(()) => String::new(),
        Err(problems) => {
            assert_eq!(manifest, system());
            problems.iter().map(|problem| format!("{problem}\n")).collect()
        }
    }
}

#[test]
fn what_is_there_already_is_refused_with_its_name() {
    assert_eq!(refused("hallo", "hallo"), "");
    for (from, to, said) in [
        ("name = \"hallo\"", "name = \"Netd\"", "has a server Netd already"),
        ("L/hallo", "L/netd", "has a file L/netd already"),
        ("L/hallo", "L/x/netd", "has a program netd already"),
        ("L/hallo", "L/x/init", "has a program init already"),
        ("\"greeting\"]", "\"fs\"]", "has a name fs already"),
        ("name = \"G\"", "name = \"sys\"", "has a name sys already"),
        ("C/greet", "c/LIST", "has a file c/LIST already"),
        ("binary = \"greet\"", "binary = \"commands\"", "has a program commands already"),
        ("server = \"shell\"", "server = \"shel\"", "there is no server shel; there are devd, console,"),
        ("[{ name = \"greeting\" }]", "[{ name = \"Net\" }]", "server shell needs Net already"),
    ] {
        let problems = refused(from, to);
        assert!(problems.contains(said), "{to}: expected {said:?} in {problems:?}");
        assert!(problems.lines().all(|line| line.starts_with("x/manifest.toml: ")), "{problems}");
    }
}

#[test]
fn the_whole_is_checked_like_the_systems_own() {
    let mut manifest = system();
    let rows = SERVER.replace("level = 3", "level = 7").replace("server = \"shell\"", "server = \"fsd\"");
    join(&mut manifest, toml::from_str(&rows).unwrap(), "x").unwrap();
    let problems = check(&manifest);
    assert!(problems.iter().any(|p| p.0.contains("server fsd (level 3): its need greeting")), "{problems:?}");
}

#[test]
fn a_folder_without_rows_is_named() {
    let problems = source::joined(&root().join("boot/manifest.toml"), &[Path::new("/nonexistent")]).unwrap_err();
    assert!(problems[0].0.starts_with("/nonexistent/manifest.toml: "), "{problems:?}");
    assert!(toml::from_str::<Rows>("[[sever]]").unwrap_err().to_string().contains("unknown field `sever`"));
}
