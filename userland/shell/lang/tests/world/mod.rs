//! A world of tables: files, directories, a few programs, and a record of all that happened.
#![allow(dead_code)]

use std::collections::BTreeMap;

use readargs::{Line, Manual};
use shell_lang::ast::{Mode, Stream};
use shell_lang::fault::{Fault, code};
use shell_lang::host::*;
use shell_lang::path::{file_name, parent, split};
use shell_lang::{After, Shell};

const MANUALS: &[Manual] = &[
    Manual {
        name: "LIST",
        aliases: &["ls"],
        template: "DIR/M,P=PAT/K,R=ALL/S,SORT/K",
        summary: "Lists directories.",
        arguments: &[],
        examples: &[],
    },
    Manual {
        name: "COPY",
        aliases: &["cp"],
        template: "FROM/A/M,TO/A,R=ALL/S",
        summary: "Copies files.",
        arguments: &[],
        examples: &[],
    },
    Manual {
        name: "VERSION",
        aliases: &["uname"],
        template: "NAME/M,FULL/S",
        summary: "Prints the version.",
        arguments: &[],
        examples: &[],
    },
];

/// The fake world.
#[derive(Default)]
pub struct World {
    pub files: BTreeMap<String, Vec<u8>>,
    pub out: String,
    pub err: String,
    pub answers: Vec<String>,
    pub signals: Vec<Option<Signal>>,
    pub globals: BTreeMap<String, String>,
    pub saved: Vec<String>,
    pub started: Vec<String>,
    pub history: Vec<String>,
    pub steps: usize,
    pub clock: u64,
    pub scheduling: Option<Scheduling>,
}

impl World {
    pub fn new() -> World {
        let mut world = World::default();
        for (path, text) in [
            ("SYS:c/list", ""),
            ("SYS:s/greet", ".KEY name/A,LOUD/S\n.DEF name nobody\necho hello <name> <LOUD$softly>\n"),
            ("RAM:b.txt", "bee\n"),
            ("RAM:a.txt", "ay\nbe\n"),
            ("RAM:c.doc", "see\n"),
            ("RAM:.hidden", ""),
            ("RAM:all", "odd\n"),
            ("RAM:my file", "spaces\n"),
            ("RAM:sub/one.txt", ""),
            ("RAM:sub/deep/two.txt", ""),
        ] {
            world.files.insert(path.into(), text.into());
        }
        world
    }

    fn is_directory(&self, path: &str) -> bool {
        let root = split(path).1.is_empty();
        let prefix = if root { path.to_string() } else { format!("{path}/") };
        self.files
            .keys()
            .any(|file| file.len() > prefix.len() && file.to_lowercase().starts_with(&prefix.to_lowercase()))
    }

    fn file(&self, path: &str) -> Option<&Vec<u8>> {
        self.files.iter().find(|(own, _)| own.eq_ignore_ascii_case(path)).map(|(_, bytes)| bytes)
    }

    /// Runs a program: its output, its errors, its outcome.
    fn program(&mut self, name: &str, line: &Line, cwd: &str, input: &[u8]) -> (Vec<u8>, String, Outcome) {
        let words: Vec<&str> = line.words.iter().map(|word| word.text.as_str()).collect();
        let input = String::from_utf8_lossy(input).into_owned();
        let mut outcome = Outcome::OK;
        let mut errors = String::new();
        let out = match name {
            "args" => words.iter().map(|word| format!("<{word}>")).collect::<String>() + "\n",
            "quoted" => {
                line.words.iter().map(|word| if word.is_quoted() { 'q' } else { 'p' }).collect::<String>() + "\n"
            }
            "raw" => format!("{}\n", line.raw),
            "upper" => input.to_uppercase(),
            "count" => format!("{}\n", input.lines().count()),
            "read" => input,
            "type" => {
                let path = shell_lang::path::join(cwd, words.first().unwrap_or(&"")).unwrap();
                match self.file(&path) {
                    Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    None => {
                        errors = format!("type: \"{path}\" not found\n");
                        outcome = Outcome { code: 10, reason: 205 };
                        String::new()
                    }
                }
            }
            "complain" => {
                errors = "it hurts\n".into();
                outcome = Outcome::code(5);
                String::new()
            }
            "tick" => {
                self.clock += 1_500_000_000;
                String::new()
            }
            "hang" => {
                outcome = Outcome { code: 20, reason: code::BREAK };
                String::new()
            }
            "end" => {
                let number = |index: usize| words.get(index).and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
                outcome = Outcome { code: number(0), reason: number(1) as u16 };
                String::new()
            }
            _ => String::new(),
        };
        (out.into_bytes(), errors, outcome)
    }

    fn store(&mut self, mode: Mode, path: &str, bytes: &[u8]) {
        let file = self.files.entry(path.to_string()).or_default();
        if mode == Mode::Write {
            file.clear();
        }
        file.extend_from_slice(bytes);
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> String {
        self.file(path).map_or("(none)".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

impl Host for World {
    fn schedule(&mut self, how: Option<Scheduling>) -> Option<Scheduling> {
        std::mem::replace(&mut self.scheduling, how)
    }

    fn set_priority(&mut self, process: u32, priority: u8) -> Result<(), Fault> {
        self.out.push_str(&format!("process {process} at {priority}\n"));
        Ok(())
    }

    fn find(&mut self, name: &str, cwd: &str, path: &[String]) -> Found {
        const PROGRAMS: &[&str] = &[
            "args", "quoted", "raw", "upper", "count", "read", "type", "complain", "tick", "hang", "end", "list",
            "copy", "version",
        ];
        if PROGRAMS.contains(&name.to_lowercase().as_str()) {
            return Found::Program(format!("SYS:c/{}", name.to_lowercase()));
        }
        let mut places = vec![cwd.to_string()];
        places.extend(path.iter().cloned());
        for place in places {
            let Ok(joined) = shell_lang::path::join(&place, name) else { continue };
            if self.file(&joined).is_some_and(|bytes| bytes.starts_with(b".KEY")) {
                return Found::Script(joined);
            }
            if self.is_directory(&joined) {
                return Found::Directory(joined);
            }
        }
        Found::Nothing
    }

    fn run(&mut self, job: Job<'_>) -> Result<Finished, Fault> {
        assert!(!job.stages.is_empty() && job.stages.len() <= 16);
        let mut input = Vec::new();
        let mut finished = Finished::default();
        if let Some(Scheduling { priority, budget }) = self.scheduling {
            self.out.push_str(&format!("at {priority}, budget {budget:?}: "));
        }
        for stage in &job.stages {
            let mut target = None;
            let mut error_target = None;
            for redirection in &stage.redirections {
                match redirection {
                    Redirection::File { stream: Stream::In, path, .. } => {
                        input = self.file(path).cloned().ok_or_else(|| Fault::about(205, path))?;
                    }
                    Redirection::File { stream: Stream::Out, mode, path } => target = Some((*mode, path.clone())),
                    Redirection::File { stream: Stream::Err, mode, path } => error_target = Some((*mode, path.clone())),
                    Redirection::Join(..) => {}
                }
            }
            let joined = stage.redirections.contains(&Redirection::Join(Stream::Err, Stream::Out));
            let (mut out, mut err, outcome) = match &stage.source {
                Source::Program { name, line, .. } => {
                    let (out, err, outcome) = self.program(&name.to_lowercase(), line, job.cwd, &input);
                    assert_eq!(Line::split(&line.raw).unwrap().words, line.words, "raw text and words differ");
                    (out, err.into_bytes(), outcome)
                }
                Source::Shell { text } => (format!("shell: {text}\n").into_bytes(), Vec::new(), Outcome::OK),
                Source::Text { out, err, outcome } => (out.clone(), err.clone(), *outcome),
            };
            if joined {
                out.append(&mut err);
            }
            match error_target {
                Some((mode, path)) => self.store(mode, &path, &err),
                None => self.err.push_str(&String::from_utf8_lossy(&err)),
            }
            input = match target {
                Some((mode, path)) => {
                    self.store(mode, &path, &out);
                    Vec::new()
                }
                None => out,
            };
            finished.stages.push(outcome);
        }
        match job.output {
            Output::Shell => self.out.push_str(&String::from_utf8_lossy(&input)),
            Output::Capture(limit) => finished.captured = input[..input.len().min(limit)].to_vec(),
        }
        Ok(finished)
    }

    fn start(&mut self, job: Job<'_>, background: &Background) -> Result<Started, Fault> {
        let caps = background.caps.as_ref().map_or(String::new(), |caps| format!(" caps {caps}"));
        let stages: Vec<String> = job
            .stages
            .iter()
            .map(|stage| match &stage.source {
                Source::Program { name, line, .. } => format!("{name} {}", line.raw),
                Source::Shell { text } => format!("shell {{{text}}}"),
                Source::Text { .. } => "text".into(),
            })
            .collect();
        self.started.push(format!("{}{caps}", stages.join(" | ").trim_end()));
        let job = self.started.len() as u32;
        Ok(Started { job, process: 40 + job })
    }

    fn jobs(&mut self) -> usize {
        self.started.len()
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if stream == Stream::Err { self.err.push_str(&text) } else { self.out.push_str(&text) }
    }

    fn read_line(&mut self, prompt: &str) -> Result<Option<String>, Fault> {
        if self.answers.is_empty() {
            return Ok(None);
        }
        self.out.push_str(prompt);
        Ok(Some(self.answers.remove(0)))
    }

    fn read_file(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, Fault> {
        let bytes = self.file(path).cloned().ok_or_else(|| Fault::about(code::NOT_FOUND, path))?;
        if bytes.len() > limit { Err(Fault::about(303, path)) } else { Ok(bytes) }
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Fault> {
        let prefix = if path.ends_with(':') { path.to_string() } else { format!("{path}/") }.to_lowercase();
        let mut names = BTreeMap::new();
        for file in self.files.keys().filter(|file| file.to_lowercase().starts_with(&prefix)) {
            let rest = &file[prefix.len()..];
            match rest.split_once('/') {
                Some((directory, _)) => names.insert(directory.to_string(), Kind::Directory),
                None => names.insert(rest.to_string(), Kind::File),
            };
        }
        if names.is_empty() {
            return Err(Fault::about(code::NOT_FOUND, path));
        }
        Ok(names.into_iter().map(|(name, kind)| Entry { name, kind }).collect())
    }

    fn kind(&mut self, path: &str) -> Result<Kind, Fault> {
        match () {
            () if self.file(path).is_some() => Ok(Kind::File),
            () if self.is_directory(path) => Ok(Kind::Directory),
            () => Err(Fault::about(code::NOT_FOUND, path)),
        }
    }

    fn volumes(&mut self) -> Vec<String> {
        vec!["RAM".into(), "SYS".into()]
    }

    fn global(&mut self, name: &str) -> Option<String> {
        self.globals.get(&name.to_lowercase()).cloned()
    }

    fn globals(&mut self) -> Vec<String> {
        self.globals.keys().cloned().collect()
    }

    fn set_global(&mut self, name: &str, value: &str, keep: Keep) -> Result<(), Fault> {
        if keep == Keep::Save {
            self.saved.push(name.into());
        }
        self.globals.insert(name.to_lowercase(), value.into());
        Ok(())
    }

    fn unset_global(&mut self, name: &str, _: Keep) -> Result<(), Fault> {
        self.globals.remove(&name.to_lowercase()).map(|_| ()).ok_or_else(|| Fault::about(code::NOT_FOUND, name))
    }

    fn take_signal(&mut self) -> Option<Signal> {
        self.steps += 1;
        if self.steps > 5_000 {
            return Some(Signal::Script);
        }
        if self.signals.is_empty() { None } else { self.signals.remove(0) }
    }

    fn now(&mut self) -> u64 {
        self.clock
    }

    fn manuals(&self) -> &[Manual] {
        MANUALS
    }

    fn history(&self) -> Vec<String> {
        self.history.clone()
    }

    fn clear_history(&mut self) {
        self.history.clear();
    }

    fn builtin(&mut self, name: &str, line: &Line, _: &str, out: &mut Vec<u8>) -> Option<Result<Outcome, Fault>> {
        match name.to_ascii_uppercase().as_str() {
            "CLEAR" => {
                out.extend_from_slice(b"\x1b[2J");
                Some(Ok(Outcome::OK))
            }
            "ASSIGN" if line.words.is_empty() => Some(Err(Fault::about(218, "X:"))),
            _ => None,
        }
    }
}

/// A shell in a world.
pub struct Session {
    pub shell: Shell,
    pub world: World,
    pub left: Option<u32>,
}

impl Session {
    pub fn new() -> Session {
        Session { shell: Shell::new(1, "RAM:"), world: World::new(), left: None }
    }

    /// Types a line; the result is what it printed, errors included.
    pub fn line(&mut self, text: &str) -> String {
        (self.world.out, self.world.err) = (String::new(), String::new());
        if let After::Leave(code) = self.shell.line(&mut self.world, text) {
            self.left = Some(code);
        }
        format!("{}{}", self.world.out, self.world.err)
    }

    /// Runs text as `--exec` does; the result is the exit code.
    pub fn exec(&mut self, text: &str) -> u32 {
        (self.world.out, self.world.err) = (String::new(), String::new());
        self.shell.exec(&mut self.world, text)
    }

    pub fn code(&self) -> u32 {
        self.shell.last().code
    }

    pub fn reason(&self) -> u16 {
        self.shell.last().reason
    }
}

/// What one line prints in a fresh shell.
pub fn typed(text: &str) -> String {
    Session::new().line(text)
}

/// What a script prints, run as `--exec` does, and its code.
pub fn exec(text: &str) -> (String, u32) {
    let mut session = Session::new();
    let code = session.exec(text);
    (format!("{}{}", session.world.out, session.world.err), code)
}

/// Keeps unused imports honest.
pub fn directory_of(path: &str) -> (&str, &str) {
    (parent(path), file_name(path))
}
