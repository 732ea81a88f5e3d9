//! What a story is, and whether what happened is what it tells.

use crate::arch::Arch;
use crate::guest::End;
use crate::system::peer::Peer;
use crate::system::typing::Step;

/// Whether a story can pass yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is run.
    Enabled,
    /// What it needs is not there yet: it counts as skipped. The text says what is missing.
    Waiting(&'static str),
}

/// The stories of one feature, enabled together.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// A word.
    pub name: &'static str,
    /// Whether they are run.
    pub state: State,
    /// The stories.
    pub stories: &'static [Story],
}

/// When a story is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Always.
    Ordinary,
    /// With `--long`.
    Long,
}

/// How it must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The script ends with this exit status.
    Status(u8),
    /// A visitor on the host is content; then the guest is ended.
    Visited,
}

/// A story. In its texts `{name}` stands for what its peer calls so: `{port}`, `{ca}`, `{digest}`.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// Unique.
    pub name: &'static str,
    /// Options of `scripts/run`.
    pub options: &'static [&'static str],
    /// The script; empty where it is told at the terminal.
    pub exec: &'static str,
    /// What is done at the terminal; empty where it is told by a script.
    pub steps: &'static [Step],
    /// How it must end.
    pub ending: Ending,
    /// Stdout and stderr together must contain each of these.
    pub expect: &'static [&'static str],
    /// The log must contain each of these.
    pub expect_log: &'static [&'static str],
    /// Neither output nor log may contain any of these, besides [`ALWAYS_FORBIDDEN`].
    pub forbid: &'static [&'static str],
    /// The only processor it is about.
    pub only: Option<Arch>,
    /// A program on the host that it talks to.
    pub peer: Option<Peer>,
    /// At most so many times what the first half of the times that TIME printed are, the second half are.
    pub slowdown: Option<u32>,
    /// When it is run.
    pub length: Length,
}

/// What no run may say.
pub const ALWAYS_FORBIDDEN: &[&str] = &["panicked at", "kernel panic", "[FAIL]", "can't be switched off"];

impl Story {
    /// A story of one script that succeeds; the beginning of all others.
    #[must_use]
    pub const fn new(name: &'static str, exec: &'static str) -> Self {
        Self {
            name,
            options: &[],
            exec,
            steps: &[],
            ending: Ending::Status(0),
            expect: &[],
            expect_log: &[],
            forbid: &[],
            only: None,
            peer: None,
            slowdown: None,
            length: Length::Ordinary,
        }
    }

    /// A story told at the terminal of an interactive run. After the last step the run ends, with status 0.
    #[must_use]
    pub const fn typed(name: &'static str, steps: &'static [Step]) -> Self {
        Self { steps, ..Self::new(name, "") }
    }

    /// It ends with `status`.
    #[must_use]
    pub const fn fails(self, status: u8) -> Self {
        Self { ending: Ending::Status(status), ..self }
    }

    /// It prints each of `texts`.
    #[must_use]
    pub const fn prints(self, texts: &'static [&'static str]) -> Self {
        Self { expect: texts, ..self }
    }

    /// The log has each of `texts`.
    #[must_use]
    pub const fn logs(self, texts: &'static [&'static str]) -> Self {
        Self { expect_log: texts, ..self }
    }

    /// It says none of `texts`.
    #[must_use]
    pub const fn never(self, texts: &'static [&'static str]) -> Self {
        Self { forbid: texts, ..self }
    }

    /// It is run with these options of `scripts/run`.
    #[must_use]
    pub const fn with(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    /// It is about one processor.
    #[must_use]
    pub const fn only(self, arch: Arch) -> Self {
        Self { only: Some(arch), ..self }
    }

    /// It talks to a program on the host, and ends when that is content if it is a visitor.
    #[must_use]
    pub const fn peer(self, peer: Peer) -> Self {
        let ending = if peer.visits() { Ending::Visited } else { self.ending };
        Self { peer: Some(peer), ending, ..self }
    }

    /// Of the times that TIME prints, each of the second half is at most so many times the median of the first half.
    #[must_use]
    pub const fn slows_down_at_most(self, times: u32) -> Self {
        Self { slowdown: Some(times), ..self }
    }

    /// It is run with `--long` only.
    #[must_use]
    pub const fn long(self) -> Self {
        Self { length: Length::Long, ..self }
    }
}

/// What a run of a story said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How it ended.
    pub end: End,
    /// Stdout and stderr, in the order they came.
    pub output: String,
    /// The log.
    pub log: String,
}

/// Why what happened is not the story; `None`: it is. `expect` are the story's texts with all names filled in.
#[must_use]
pub fn judge(story: &Story, expect: &[String], told: &Told) -> Option<String> {
    match story.ending {
        Ending::Status(status) if told.end.status() != status => {
            return Some(format!("exit status {} ({:?}), expected {status}", told.end.status(), told.end));
        }
        Ending::Visited if told.end != End::Interrupted => {
            return Some(format!("the guest ended ({:?}) before the visit was over", told.end));
        }
        _ => {}
    }
    if let Some(text) = expect.iter().find(|t| !told.output.contains(t.as_str())) {
        return Some(format!("it does not print \"{text}\""));
    }
    if let Some(text) = story.expect_log.iter().find(|t| !told.log.contains(**t)) {
        return Some(format!("its log has no \"{text}\""));
    }
    if let Some(why) = story.slowdown.and_then(|most| slowdown(&told.output, most)) {
        return Some(why);
    }
    let forbidden = story.forbid.iter().chain(ALWAYS_FORBIDDEN);
    let said = |text: &&&str| told.output.contains(**text) || told.log.contains(**text);
    forbidden.into_iter().find(said).map(|text| format!("it says \"{text}\""))
}

/// Why the times in an output are not as [`Story::slows_down_at_most`] says.
fn slowdown(output: &str, most: u32) -> Option<String> {
    let micros = |line: &str| {
        let (seconds, fraction) = line.trim_end().strip_suffix(" s")?.split_once('.')?;
        (fraction.len() == 6).then_some(())?;
        Some(seconds.parse::<u64>().ok()? * 1_000_000 + fraction.parse::<u64>().ok()?)
    };
    let mut times: Vec<u64> = output.lines().filter_map(micros).collect();
    if times.is_empty() || !times.len().is_multiple_of(2) {
        return Some(format!("TIME printed {} times, which are no two halves", times.len()));
    }
    let loaded = times.split_off(times.len() / 2);
    times.sort_unstable();
    let usual = times[times.len() / 2];
    let worst = loaded.iter().max().copied().unwrap_or(0);
    (worst > usual * u64::from(most))
        .then(|| format!("{worst} us, more than {most} times {usual} us: {times:?}, {loaded:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_compared_by_halves() {
        let output = "a\n0.000100 s\n0.000900 s\nx s\n0.000110 s\n0.000100 s\n0.000330 s\n0.000200 s\n";
        assert_eq!(slowdown(output, 3), None);
        assert!(slowdown(output, 2).is_some());
        assert!(slowdown("0.000100 s\n", 2).is_some() && slowdown("", 2).is_some());
    }

    fn told(end: End, output: &str, log: &str) -> Told {
        Told { end, output: output.into(), log: log.into() }
    }

    fn judged(story: &Story, told: &Told) -> Option<String> {
        let expect: Vec<String> = story.expect.iter().map(ToString::to_string).collect();
        judge(story, &expect, told)
    }

    #[test]
    fn a_story_is_told_by_status_output_and_silence() {
        const STORY: Story = Story::new("x", "x").fails(10).prints(&["why"]).never(&["never"]);
        assert_eq!(judged(&STORY, &told(End::Code(10), "this is why", "booting")), None);
        for (bad, reason) in [
            (told(End::Code(0), "why", ""), "exit status 0"),
            (told(End::TimedOut, "why", ""), "exit status 124"),
            (told(End::Code(10), "because", ""), "does not print \"why\""),
            (told(End::Code(10), "why never", ""), "says \"never\""),
            (told(End::Code(10), "why", "kernel panic: x"), "says \"kernel panic\""),
        ] {
            assert!(judged(&STORY, &bad).unwrap().contains(reason), "{reason}");
        }
    }

    #[test]
    fn a_log_is_told_apart_from_what_is_printed() {
        const STORY: Story = Story::new("x", "x").logs(&["faulted"]);
        assert_eq!(judged(&STORY, &told(End::Code(0), "", "x faulted")), None);
        assert!(judged(&STORY, &told(End::Code(0), "x faulted", "")).unwrap().contains("its log has no"));
    }

    #[test]
    fn a_visited_guest_lives_until_the_visit_is_over() {
        const STORY: Story = Story::new("x", "wait").peer(Peer::Curl);
        assert_eq!(judged(&STORY, &told(End::Interrupted, "", "")), None);
        assert!(judged(&STORY, &told(End::Down, "", "")).unwrap().contains("before the visit"));
    }
}
