//! Lines from a person: the line editor on a raw terminal.
//!
//! The terminal is raw only while a line is typed; commands find it cooked. One that does not answer the size query is
//! dumb: no escape sequence is ever sent to it.

use alloc::string::String;
use alloc::vec::Vec;

use libsys::console::Terminal;
use libsys::protocol::console::{Kind, Mode as Manner, Size as TerminalSize};
use libsys::time::{self, MILLISECOND};
use libsys::{Error, Result};
use lineedit::{Editor, Event, Helper, Mode, SIZE_QUERY, SizeProbe, Suggestions};
use shell_lang::Shell;
use shell_lang::complete::{complete, hint};

use crate::world::{HISTORY, World};

/// How long a terminal has to answer the size query.
const SIZE_PATIENCE: u64 = 200 * MILLISECOND;
/// How long an ESC waits for what it begins.
const ESCAPE_PATIENCE: u64 = 50 * MILLISECOND;

/// The editor, and what was typed ahead.
pub struct Keyboard {
    editor: Editor,
    ahead: Vec<u8>,
}

/// What the editor asks: completion and hints of the shell.
struct Help<'a> {
    shell: &'a Shell,
    world: &'a mut World,
}

impl Helper for Help<'_> {
    fn complete(&mut self, line: &str, cursor: usize) -> Suggestions {
        let found = complete(self.shell, self.world, line, cursor);
        Suggestions { start: found.start, words: found.words }
    }

    fn hint(&mut self, line: &str) -> String {
        hint(self.shell, self.world, line)
    }
}

impl Keyboard {
    /// Asks the terminal how large it is.
    pub fn new(world: &mut World) -> Result<Keyboard> {
        let terminal = world.streams.terminal().ok_or(Error::WrongType)?;
        let before = terminal.size()?;
        terminal.set_mode(Manner::Raw)?;
        let probed = probe(terminal);
        terminal.set_mode(Manner::Cooked)?;
        let (size, ahead) = probed?;
        let kind = if size.is_some() { Kind::Ansi } else { Kind::Dumb };
        let (columns, rows) = size.map_or((before.columns, before.rows), |size| (size.columns, size.rows));
        terminal.set_size(TerminalSize { columns, rows, kind })?;
        world.ansi = size.is_some();
        let mut editor = Editor::new(size.map_or(Mode::Dumb, Mode::Full), HISTORY);
        for line in world.history.lines() {
            editor.history_mut().add(line);
        }
        Ok(Keyboard { editor, ahead })
    }

    /// Remembers a line.
    pub fn remember(&mut self, line: &str, world: &mut World) {
        self.editor.history_mut().add(line);
        world.history.add(line);
    }

    /// `!!` and `!n` in a line replaced: `Ok(None)` where there is nothing to replace.
    ///
    /// # Errors
    /// The text of what is wrong.
    pub fn expand(&self, line: &str) -> Result<Option<String>, String> {
        self.editor.history().expand(line).map_err(|error| alloc::format!("{error}\n"))
    }

    /// Lets a person type a line.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn line(&mut self, shell: &Shell, world: &mut World, prompt: &str) -> Result<Event> {
        if core::mem::take(&mut world.forgotten) {
            self.editor.history_mut().clear();
        }
        terminal(world)?.set_mode(Manner::Raw)?;
        let event = self.edit(shell, world, prompt);
        terminal(world)?.set_mode(Manner::Cooked)?;
        event
    }

    fn edit(&mut self, shell: &Shell, world: &mut World, prompt: &str) -> Result<Event> {
        let mut out = Vec::new();
        self.editor.begin(prompt, &mut Help { shell, world }, &mut out);
        loop {
            let ahead = core::mem::take(&mut self.ahead);
            let (taken, event) = self.editor.feed(&ahead, &mut Help { shell, world }, &mut out);
            self.ahead = ahead.get(taken..).unwrap_or_default().into();
            terminal(world)?.write_all(&out)?;
            out.clear();
            if let Some(event) = event {
                return Ok(event);
            }
            let waiting = self.editor.is_waiting();
            let deadline = if waiting { time::now_ns() + ESCAPE_PATIENCE } else { u64::MAX };
            let mut typed = [0; 512];
            match terminal(world)?.read(&mut typed, deadline) {
                // A terminal that is at its end will never say anything again.
                Ok(0) => return Ok(Event::End),
                Ok(count) => self.ahead.extend_from_slice(typed.get(..count).unwrap_or_default()),
                Err(Error::TimedOut) => {
                    if let Some(event) = self.editor.timeout(&mut Help { shell, world }, &mut out) {
                        terminal(world)?.write_all(&out)?;
                        return Ok(event);
                    }
                }
                Err(Error::Break) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn terminal(world: &mut World) -> Result<&mut Terminal> {
    world.streams.terminal().ok_or(Error::WrongType)
}

/// The size, if the terminal tells it in time, and what a person typed meanwhile.
fn probe(terminal: &mut Terminal) -> Result<(Option<lineedit::Size>, Vec<u8>)> {
    terminal.write_all(SIZE_QUERY)?;
    let deadline = time::now_ns() + SIZE_PATIENCE;
    let mut probe = SizeProbe::default();
    let mut size = None;
    while size.is_none() {
        let mut typed = [0; 64];
        match terminal.read(&mut typed, deadline) {
            Ok(0) | Err(Error::TimedOut) => break,
            Ok(count) => {
                for byte in typed.get(..count).unwrap_or_default() {
                    size = size.or(probe.feed(*byte));
                }
            }
            Err(Error::Break) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((size, probe.into_typed()))
}
