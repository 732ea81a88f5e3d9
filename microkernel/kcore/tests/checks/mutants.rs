//! The tests are tested: each seeded bug of `kmem::mutants` is caught by one of them.
//!
//! Every bug is tried in processes of its own, which run this very program with the bug chosen by `VIAETHER_MUTANT`: the
//! directed tests first, then the random ones with a few seeds, then the exploration with a small bound. Without a bug the
//! same tests find nothing. What a bug breaks may hang or crash its process; that is caught, too.
//!
//! ```text
//! VIAETHER_MUTANT=TokenTwice cargo test -p kcore --test checks directed::      sees one bug caught
//! VIAETHER_MUTANT=TokenTwice cargo test -p kcore --test checks mutants::       tries one bug
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{env, thread};

use kmem::mutants::MUTANTS;

/// What is tried on a bug, the cheapest first: tests, and how much of each.
const STAGES: &[(&[&str], &str, &str)] = &[
    (
        &["directed::", "stories::", "wheel::", "wrong::", "exhaustion::", "restarts::", "fast::a_", "fast::what"],
        "4",
        "1000",
    ),
    (&["sequences::", "table::", "model::", "confinement::", "fast::the"], "4", "1000"),
    (&["explore::every"], "4", "2000"),
    (&["sequences::", "table::", "model::", "confinement::"], "60", "1000"),
];
/// Processes at a time.
const WORKERS: usize = 2;
/// A process in which no test ends for so long hangs.
const HANGS: Duration = Duration::from_secs(30);
/// The environment that chooses a bug.
const CHOSEN: &str = "VIAETHER_MUTANT";

#[test]
fn every_seeded_bug_is_caught() {
    let only = env::var(CHOSEN).ok();
    let tried: Vec<_> =
        MUTANTS.iter().filter(|(_, name, _)| only.as_deref().is_none_or(|only| only == *name)).collect();
    if only.is_none() {
        assert_eq!(catch(None), None, "without a bug nothing is caught");
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut results = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, name, text)) = tried.get(n) else { return results };
            let caught = catch(Some(name));
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

/// The test that catches a bug, if one does.
fn catch(mutant: Option<&str>) -> Option<String> {
    STAGES.iter().find_map(|(tests, seeds, states)| {
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
        let failed = first_failure(&mut child);
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        failed
    })
}

/// The first test of a process that fails, crashes or hangs.
fn first_failure(child: &mut Child) -> Option<String> {
    let lines = lines(child);
    let mut last = String::from("the start");
    loop {
        match lines.recv_timeout(HANGS) {
            Ok(line) => {
                let Some((name, result)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) else {
                    if line.starts_with("test result: ok") {
                        return None;
                    }
                    continue;
                };
                last = name.to_string();
                if result.contains("FAILED") {
                    return Some(last);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => return Some(format!("a hang after {last}")),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Some(format!("a crash after {last}")),
        }
    }
}

/// What a process prints, line by line.
fn lines(child: &mut Child) -> Receiver<String> {
    let out = child.stdout.take().expect("its output is a pipe");
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}
