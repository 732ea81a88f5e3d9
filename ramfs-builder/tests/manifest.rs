//! The manifest of the system itself, and what the checks say about bad ones.

use ramfs_builder::check::check;
use ramfs_builder::graph::{Graph, Target};
use ramfs_builder::source;
use std::path::Path;

fn system() -> archive::manifest::Manifest {
    source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../boot/manifest.toml")).unwrap()
}

#[test]
fn the_authority_graph_of_the_system() {
    let manifest = system();
    let graph = Graph::of(&manifest);
    println!("{graph}");
    assert_eq!(check(&manifest), []);
    assert_eq!(graph.uphill(), [], "calls go downhill");
    assert!(graph.drivers_of("virtio-net").iter().all(|d| *d == "netd"), "nothing but netd reaches the NIC");
    assert!(graph.drivers_of("virtio-blk").iter().all(|d| *d == "fsd"), "nothing but fsd reaches the disk");
    let holders = |root: &str| -> Vec<&str> {
        let holds = |n: &&ramfs_builder::graph::Node| n.reaches.contains(&Target::Root(root.into()));
        graph.0.iter().filter(holds).map(|n| n.name.as_str()).collect()
    };
    assert_eq!(holders("devices"), ["devd"], "only devd sees the machine");
    assert_eq!(holders("archive"), ["fsd"]);
    let powerful = |n: &&ramfs_builder::graph::Node| n.reaches.contains(&Target::Right("power".into()));
    assert_eq!(graph.0.iter().filter(powerful).map(|n| n.name.as_str()).collect::<Vec<_>>(), ["shell"]);
}

#[test]
fn init_reads_what_was_packed() {
    let manifest = system();
    let bytes = manifest.encode().unwrap();
    assert_eq!(archive::manifest::Manifest::decode(&bytes), Some(manifest));
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(archive::manifest::Manifest::decode(&longer), None);
    for length in 0..bytes.len() {
        assert_eq!(archive::manifest::Manifest::decode(&bytes[..length]), None, "{length}");
    }
}

const GOOD: &str = r#"
[[server]]
name = "devd"
image = "L/devd"
level = 2
class = "driver"
pages = 512
provides = ["device"]
restart = "always"

[[server]]
name = "netd"
image = "L/netd"
level = 5
class = "driver"
pages = 512
devices = [{ kind = "virtio-net", dma_pages = 100 }]
provides = ["net"]
restart = "always"
"#;

/// The problems of the good manifest with `from` replaced.
fn problems(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    match source::parse(&GOOD.replace(from, to)) {
        Ok(manifest) => check(&manifest).iter().map(|p| format!("{p}\n")).collect(),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn each_mistake_is_named() {
    assert_eq!(problems("512", "512"), "");
    for (from, to, said) in [
        ("name = \"netd\"", "nmae = \"netd\"", "unknown field `nmae`"),
        ("class = \"driver\"", "class = \"diver\"", "unknown variant `diver`"),
        ("name = \"netd\"", "name = \"DEVD\"", "server DEVD: there are two of that name"),
        ("L/netd", "l/DEVD", "there are two of that name"),
        ("provides = [\"net\"]", "provides = [\"device\"]", "service device: there are two of that name"),
        ("level = 5", "level = 2", "uphill"),
        ("level = 5", "level = 1", "level 1 is not one of 2 to 7"),
        ("provides = [\"device\"]", "provides = []", "no server provides \"device\""),
        ("provides = [\"net\"]", "needs = [{ name = \"disk\" }]", "it needs disk, which no server provides"),
        (
            "provides = [\"device\"]",
            "provides = [\"device\"]\nneeds = [{ name = \"net\" }]",
            "calls netd (level 5) uphill",
        ),
        ("dma_pages = 100", "dma_pages = 2000", "the limit is 1024"),
        ("pages = 512\ndevices", "pages = 3\ndevices", "64 is the least"),
        ("L/netd", "SYS:netd", "is no path in the archive"),
    ] {
        let problems = problems(from, to);
        assert!(problems.contains(said), "{to}: expected {said:?} in {problems:?}");
    }
}

#[test]
fn a_device_has_one_driver() {
    let second = "\n[[server]]\nname = \"spy\"\nimage = \"L/spy\"\nlevel = 6\nclass = \"server\"\npages = 64\n\
                  devices = [{ kind = \"virtio-net\", dma_pages = 0 }]\nrestart = \"never\"\n";
    let manifest = source::parse(&format!("{GOOD}{second}")).unwrap();
    let problems = check(&manifest);
    assert!(problems.iter().any(|p| p.0.contains("given to both netd and spy")), "{problems:?}");
}

#[test]
fn every_command_has_a_program_under_each_of_its_names() {
    let manifest = system();
    let images: Vec<String> =
        manifest.programs.iter().flat_map(|program| &program.images).map(|image| image.to_ascii_lowercase()).collect();
    let missing: Vec<String> = manuals::all()
        .flat_map(|manual| std::iter::once(&manual.name).chain(manual.aliases))
        .map(|name| format!("c/{}", name.to_ascii_lowercase()))
        .filter(|image| !images.contains(image))
        .collect();
    assert!(missing.is_empty(), "boot/manifest.toml lacks images of {missing:?}");
}
