//! The tests are tested: each seeded bug of `kmem::mutants` is caught by one of them.
//!
//! Every bug is tried in processes of its own, which run this very program with the bug chosen by `VIAETHER_MUTANT`: the
//! directed tests first, then the random ones with a few seeds, then the exploration with a small bound. Without a bug the
//! same tests find nothing. What a bug breaks may hang or crash its process; that is caught, too. Silence alone is no proof
//! of a hang, for the host may be busy: such a test is run once more, with no other beside it.
//!
//! ```text
//! VIAETHER_MUTANT=TokenTwice cargo test -p kcore --test checks directed::      sees one bug caught
//! VIAETHER_MUTANT=TokenTwice cargo test -p kcore --test checks mutants::       tries one bug
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, thread};

use kmem::mutants::MUTANTS;

/// Tests, how many seeds, and how many states.
type Stage = (&'static [&'static str], &'static str, &'static str);
/// What is said of a test that does not end.
const HANGING: &str = "which hangs";

/// What is tried on a bug, the cheapest first: tests, and how much of each.
const STAGES: &[Stage] = &[
    (
        &[
            "directed::",
            "stories::",
            "wheel::",
            "turns::",
            "wrong::",
            "exhaustion::",
            "chains::",
            "fast::a_",
            "fast::threads",
            "fast::what",
            "prompt::a",
        ],
        "4",
        "1000",
    ),
    (&["sequences::", "table::", "model::", "confinement::", "fast::the_", "prompt::the_"], "4", "1000"),
    (&["explore::every"], "4", "2000"),
    (&["sequences::", "table::", "model::", "confinement::", "fast::the", "prompt::the_", "restarts::"], "60", "1000"),
];
/// Processes at a time.
const WORKERS: usize = 2;
/// A process in which no test ends for so long hangs, or for so many times what the longest takes here without a bug.
const HANGS: Duration = Duration::from_secs(30);
const HANGS_TIMES: u32 = 10;
/// The environment that chooses a bug.
const CHOSEN: &str = "VIAETHER_MUTANT";

#[test]
fn every_seeded_bug_is_caught() {
    let only = env::var(CHOSEN).ok();
    let tried: Vec<_> =
        MUTANTS.iter().filter(|(_, name, _)| only.as_deref().is_none_or(|only| only == *name)).collect();
    // How long a test may take is measured where it runs.
    let (caught, longest) = catch(None, Duration::MAX);
    assert_eq!(caught, None, "without a bug nothing is caught");
    let patience = HANGS.max(longest * HANGS_TIMES);
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut results = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, name, text)) = tried.get(n) else { return results };
            let caught = catch(Some(name), patience).0;
            let by = caught.as_deref().unwrap_or("no test");
            say(&format!("seeded bug {name} ({text}): caught by {by}"));
            results.push((*name, caught.is_some()));
        }
    };
    let results = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker goes on")).collect::<Vec<_>>()
    });
    let survivors: Vec<_> = results.iter().filter(|result| !result.1).map(|result| result.0).collect();
    say(&format!("{} seeded bugs, {} caught", results.len(), results.len() - survivors.len()));
    assert!(survivors.is_empty(), "no test catches {survivors:?}");
}

/// Says what was found, past the test runner's capture: it is the result.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Held by all who run a stage, and alone by who runs it again.
static MACHINE: RwLock<()> = RwLock::new(());

/// The test that catches a bug, if one does; and the longest that a test took.
fn catch(mutant: Option<&str>, patience: Duration) -> (Option<String>, Duration) {
    let mut longest = Duration::ZERO;
    for stage in STAGES {
        let together = MACHINE.read().expect("nobody fails");
        let mut failed = run(stage, mutant, patience, &mut longest);
        drop(together);
        if failed.as_deref().is_some_and(|test| test.ends_with(HANGING)) {
            let _alone = MACHINE.write().expect("nobody fails");
            failed = run(stage, mutant, patience, &mut longest);
        }
        if failed.is_some() {
            return (failed, longest);
        }
    }
    (None, longest)
}

/// Runs a stage: the first of its tests that fails, crashes or hangs.
fn run(stage: &Stage, mutant: Option<&str>, patience: Duration, longest: &mut Duration) -> Option<String> {
    let (tests, seeds, states) = stage;
    let mut command = Command::new(env::current_exe().expect("this program has a file"));
    command.args(*tests).args(["--test-threads", "1"]).stdin(Stdio::null()).stderr(Stdio::null());
    // Nothing of what this process was told.
    for other in ["VIAETHER_LONG", "VIAETHER_SEED", "VIAETHER_WAY", CHOSEN] {
        command.env_remove(other);
    }
    command.env("VIAETHER_SEEDS", seeds).env("VIAETHER_STATES", states).env("RUST_BACKTRACE", "0");
    if let Some(name) = mutant {
        command.env(CHOSEN, name);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("this program can be run");
    let failed = first_failure(&mut child, patience, longest);
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
    failed
}

/// The first test of a process that fails, crashes or hangs.
fn first_failure(child: &mut Child, patience: Duration, longest: &mut Duration) -> Option<String> {
    let said = said(child);
    let mut running = String::from("the start");
    let mut since = Instant::now();
    loop {
        let end = match said.recv_timeout(patience) {
            Ok(text) => {
                if let Some(name) = text.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... ")) {
                    running = name.to_string();
                } else if text.starts_with("test result: ok") {
                    return None;
                } else if text.trim_end() == "ok" {
                    *longest = since.elapsed().max(*longest);
                    since = Instant::now();
                } else if text.trim_end() == "FAILED" {
                    return Some(running);
                }
                continue;
            }
            Err(RecvTimeoutError::Timeout) => HANGING,
            Err(RecvTimeoutError::Disconnected) => "which crashes",
        };
        return Some(format!("{running}, {end}"));
    }
}

/// What a process prints: lines, and `test NAME ... ` as soon as that test begins.
fn said(child: &mut Child) -> Receiver<String> {
    let mut out = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        while out.read_until(b' ', &mut text).is_ok_and(|read| read > 0) {
            // A line that ends in here, and what has begun of the next.
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
            if text.ends_with(b" ... ") {
                let line = std::mem::take(&mut text);
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        }
    });
    receive
}
