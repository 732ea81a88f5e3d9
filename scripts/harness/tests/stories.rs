//! Stories are run, filled in, judged and visited, with a double in QEMU's place.

use harness::arch::Arch;
use harness::build::System;
use harness::interrupt::Interrupt;
use harness::project::Project;
use harness::system::certificates::Fault;
use harness::system::peer::Peer;
use harness::system::runner::{Outcome, Stage, run};
use harness::system::story::Story;

fn play(story: &Story, first_port: u16) -> Outcome {
    let project = Project::find().unwrap();
    let system = System { kernel: "kernel".into(), archive: "archive".into(), image: None, warnings: String::new() };
    let mut stage = Stage::new(&project, &system, Arch::Aarch64, first_port);
    stage.qemu = env!("CARGO_BIN_EXE_fake-qemu").into();
    run(&stage, story, &Interrupt::own())
}

#[test]
fn a_story_passes_or_says_why_not() {
    const GOOD: Story = Story::new("good", "out hello\ncode 0").prints(&["hello"]);
    assert_eq!(play(&GOOD, 18600).failure, None);
    const SILENT: Story = Story::new("silent", "log hello\ncode 0").prints(&["hello"]);
    let outcome = play(&SILENT, 18600);
    assert_eq!(outcome.failure.as_deref(), Some("it does not print \"hello\""));
    assert!(outcome.transcript.ends_with("--- log ---\nhello\n"));
    const WORSE: Story = Story::new("worse", "log x panicked at y\ncode 0");
    assert!(play(&WORSE, 18600).failure.unwrap().contains("panicked at"));
}

#[test]
fn options_of_a_story_reach_the_guest() {
    const PUT: Story =
        Story::new("put", "show files\noptions\ncode 0").with(&["--put", "{root}/Cargo.toml=x", "--smp", "4"]);
    const PRINTS: Story = PUT.prints(&["VIAFILES", "[workspace]", "-smp 4", "gic-version=3"]);
    assert_eq!(play(&PRINTS, 18610).failure, None);
}

#[test]
fn a_peer_is_named_in_the_script() {
    if harness::install::find("openssl").is_none() {
        println!("skipped: openssl is missing");
        return;
    }
    const TLS: Story = Story::new("tls", "out https://10.0.2.2:{port}/\ncode 0")
        .with(&["--put", "{ca}=ca.pem"])
        .prints(&["https://10.0.2.2:{port}/"])
        .peer(Peer::Tls(Fault::None));
    let outcome = play(&TLS, 18700);
    assert_eq!(outcome.failure, None);
    assert!(!outcome.transcript.contains("{port}"));
}

#[test]
fn a_guest_that_ends_before_its_visitor_fails() {
    const GONE: Story = Story::new("gone", "code 0").peer(Peer::Curl);
    let why = play(&GONE, 18630).failure.unwrap();
    assert!(why.contains("never answered"), "{why}");
}
