//! Bytes that pass through the shell while a job runs: captured output, a built-in's text for the next stage, two outputs
//! that go into one pipe, and the pipes of a shell that is a stage itself.
//!
//! ```text
//!  a command's pipe ──Intake──► captured | the shell's own stream | Feed ──► the next command's pipe
//!  the shell's own standard input, a text ──────────────────────────┘
//! ```
//! A feed ends when all its sources have. One that nobody reads any more ends its sources: their writers get BrokenPipe.

use alloc::vec::Vec;

use libsys::io::{Input, PipeReader, PipeWriter};
use libsys::ring::Taken;
use libsys::{Error, Result};
use shell_lang::ast::Stream as Name;

use crate::streams::Streams;

/// Bytes that are moved at once, and that a feed holds back at most.
const PART: usize = 4096;

/// Where the bytes of an intake go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the interpreter.
    Captured,
    /// To one of the shell's own streams.
    Own(Name),
    /// Into a feed, by its index.
    Feed(usize),
}

struct Intake {
    reader: PipeReader,
    target: Target,
}

struct Feed {
    writer: PipeWriter,
    pending: Vec<u8>,
    sources: usize,
    /// Whether the shell's own input is one of them.
    own_input: bool,
    failure: Option<Error>,
}

/// All that passes through the shell for one job.
#[derive(Default)]
pub struct Relays {
    intakes: Vec<Intake>,
    feeds: Vec<Option<Feed>>,
    /// What was captured.
    pub captured: Vec<u8>,
    limit: usize,
    /// Whether more came than may be captured.
    pub overflow: bool,
}

impl Relays {
    /// None yet; at most so many bytes are captured.
    pub fn new(limit: usize) -> Relays {
        Relays { limit, ..Relays::default() }
    }

    /// Adds a command's output.
    pub fn take(&mut self, reader: PipeReader, target: Target) {
        if let Target::Feed(index) = target
            && let Some(Some(feed)) = self.feeds.get_mut(index)
        {
            feed.sources += 1;
        }
        self.intakes.push(Intake { reader, target });
    }

    /// Adds a command's input.
    pub fn feed(&mut self, writer: PipeWriter) -> usize {
        self.feeds.push(Some(Feed { writer, pending: Vec::new(), sources: 0, own_input: false, failure: None }));
        self.feeds.len() - 1
    }

    /// Adds bytes of the shell's own to a feed.
    pub fn append(&mut self, index: usize, bytes: &[u8]) {
        if let Some(Some(feed)) = self.feeds.get_mut(index) {
            feed.pending.extend_from_slice(bytes);
        }
    }

    /// The shell's own input is passed on by a feed.
    pub fn feed_own_input(&mut self, index: usize) {
        if let Some(Some(feed)) = self.feeds.get_mut(index) {
            feed.sources += 1;
            feed.own_input = true;
        }
    }

    /// Captures bytes of the shell's own.
    pub fn capture(&mut self, bytes: &[u8]) {
        let room = self.limit.saturating_sub(self.captured.len());
        self.overflow |= bytes.len() > room;
        self.captured.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    }

    /// Moves what can be moved; whether something was.
    pub fn pump(&mut self, own: &mut Streams) -> bool {
        let mut moved = self.pump_intakes(own);
        for index in 0..self.feeds.len() {
            moved |= self.pump_own_input(index, own);
            moved |= self.pump_feed(index);
        }
        moved
    }

    fn pump_intakes(&mut self, own: &mut Streams) -> bool {
        let mut moved = false;
        let mut index = 0;
        while let Some(intake) = self.intakes.get_mut(index) {
            let target = intake.target;
            if !has_room(&self.feeds, target) {
                index += 1;
                continue;
            }
            let mut part = [0; PART];
            let taken = intake.reader.poll(&mut part);
            let end = match taken {
                Ok(Taken::Nothing) => {
                    index += 1;
                    continue;
                }
                Ok(Taken::Bytes(count)) => self.deliver(target, part.get(..count).unwrap_or_default(), own).err(),
                Ok(Taken::End) => Some(Error::NoMoreEntries),
                Err(error) => Some(error),
            };
            moved = true;
            if let Some(why) = end {
                self.intakes.remove(index);
                self.source_ended(target, why);
            }
        }
        moved
    }

    fn deliver(&mut self, target: Target, bytes: &[u8], own: &mut Streams) -> Result<()> {
        match target {
            Target::Captured => {
                self.capture(bytes);
                if self.overflow { Err(Error::Overflow) } else { Ok(()) }
            }
            Target::Own(name) => own.write(name, bytes),
            Target::Feed(index) => match self.feeds.get_mut(index) {
                Some(Some(feed)) => {
                    feed.pending.extend_from_slice(bytes);
                    Ok(())
                }
                _ => Err(Error::BrokenPipe),
            },
        }
    }

    fn source_ended(&mut self, target: Target, why: Error) {
        if let Target::Feed(index) = target
            && let Some(Some(feed)) = self.feeds.get_mut(index)
        {
            feed.sources -= 1;
            if why != Error::NoMoreEntries {
                feed.failure = Some(why);
            }
        }
    }

    /// Passes the shell's own input on, only as much as the command asks for: the rest is the next command's.
    fn pump_own_input(&mut self, index: usize, own: &mut Streams) -> bool {
        let Some(Some(feed)) = self.feeds.get_mut(index) else { return false };
        if !feed.own_input || !feed.pending.is_empty() {
            return false;
        }
        if !own.unread.is_empty() {
            feed.pending = core::mem::take(&mut own.unread);
            return true;
        }
        let Input::Pipe(reader) = &mut own.input else { return false };
        let mut part = [0; PART];
        match reader.poll(&mut part) {
            Ok(Taken::Bytes(count)) => feed.pending.extend_from_slice(part.get(..count).unwrap_or_default()),
            Ok(Taken::Nothing) => return false,
            Ok(Taken::End) => (feed.own_input, feed.sources) = (false, feed.sources - 1),
            Err(error) => (feed.own_input, feed.sources, feed.failure) = (false, feed.sources - 1, Some(error)),
        }
        true
    }

    fn pump_feed(&mut self, index: usize) -> bool {
        let Some(place) = self.feeds.get_mut(index) else { return false };
        let Some(feed) = place else { return false };
        let mut moved = false;
        while !feed.pending.is_empty() {
            match feed.writer.poll(&feed.pending) {
                Ok(0) => return moved,
                Ok(count) => {
                    feed.pending.drain(..count.min(feed.pending.len()));
                    moved = true;
                }
                Err(_) => {
                    // Nobody reads: whoever writes is to know.
                    *place = None;
                    self.intakes.retain(|intake| intake.target != Target::Feed(index));
                    return true;
                }
            }
        }
        if feed.sources == 0 {
            feed.writer.close(feed.failure);
            *place = None;
            return true;
        }
        moved
    }

    /// The bits to wait for; none if there is something to do now.
    pub fn wait_mask(&self, own: &Streams) -> Option<u64> {
        let mut mask = 0;
        for intake in self.intakes.iter().filter(|intake| has_room(&self.feeds, intake.target)) {
            if !intake.reader.must_sleep().unwrap_or(true) {
                return None;
            }
            mask |= intake.reader.pair().mask();
        }
        for feed in self.feeds.iter().flatten() {
            if !feed.pending.is_empty() && !feed.writer.must_sleep().unwrap_or(true) {
                return None;
            }
            mask |= feed.writer.pair().mask();
            if let (true, true, Input::Pipe(reader)) = (feed.own_input, feed.pending.is_empty(), &own.input) {
                if !reader.must_sleep().unwrap_or(true) {
                    return None;
                }
                mask |= reader.pair().mask();
            }
        }
        Some(mask)
    }

    /// Bits that came: who is gone.
    pub fn note(&mut self, bits: u64, own: &mut Streams) {
        for intake in self.intakes.iter_mut().filter(|intake| bits & intake.reader.pair().gone != 0) {
            intake.reader.peer_gone();
        }
        for feed in self.feeds.iter_mut().flatten().filter(|feed| bits & feed.writer.pair().gone != 0) {
            feed.writer.peer_gone();
        }
        if let Input::Pipe(reader) = &mut own.input
            && bits & reader.pair().gone != 0
        {
            reader.peer_gone();
        }
    }

    /// After all commands have ended: takes what they left in their pipes. What was not read of the shell's own input
    /// stays for the next command.
    pub fn drain(&mut self, own: &mut Streams) {
        while self.pump_intakes(own) {}
        for feed in self.feeds.iter_mut().flatten().filter(|feed| feed.own_input) {
            own.unread = core::mem::take(&mut feed.pending);
        }
        self.intakes.clear();
        self.feeds.clear();
    }
}

fn has_room(feeds: &[Option<Feed>], target: Target) -> bool {
    match target {
        Target::Feed(index) => !matches!(feeds.get(index), Some(Some(feed)) if feed.pending.len() >= PART),
        _ => true,
    }
}
