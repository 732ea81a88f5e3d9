//! What the process was started with: arguments, variables, current directory, streams, named handles.

use alloc::string::String;

use abi::Handle;
use protocol::{Error, StartBody, Stream};

use crate::{OwnedHandle, sync::Mutex};

struct Start {
    number: u32,
    body: StartBody,
}

static START: Mutex<Option<Start>> = Mutex::new(None);

/// Reads the start block; the entry calls it once.
#[cfg(target_os = "viaether")]
pub(crate) fn start() -> Result<(), Error> {
    use protocol::start::{Flags, HEADER, Header};

    let block = crate::layout::start_block();
    // SAFETY: the block is mapped readable, frozen, and has at least one page.
    let header = Header::from_bytes(unsafe { &*(block as *const [u8; HEADER]) })?;
    // SAFETY: init, which made the block, checked that header and body lie within its pages.
    let body = unsafe { core::slice::from_raw_parts((block + HEADER) as *const u8, header.body as usize) };
    crate::heap::begin(header.heap as usize, header.flags.contains(Flags::PAGED));
    crate::layout::set_mappings(header.mappings as usize);
    crate::random::seed(&header.seed, header.flags.contains(Flags::SEEDED));
    let body = protocol::decode::<StartBody>(body)?.check()?;
    *START.lock() = Some(Start { number: header.number, body });
    Ok(())
}

fn with<R>(f: impl FnOnce(&mut Start) -> R) -> Option<R> {
    START.lock().as_mut().map(f)
}

/// The process's number: for people.
pub fn number() -> u32 {
    with(|start| start.number).unwrap_or(1)
}

/// Whether somebody sits at a terminal and can be asked.
pub fn is_interactive() -> bool {
    matches!(streams(), [Stream::Terminal { .. }, ..])
}

/// The arguments; 0 is the command's name.
pub fn args() -> alloc::vec::Vec<String> {
    with(|start| start.body.args.clone()).unwrap_or_default()
}

/// The arguments after the command's name.
pub fn arguments() -> alloc::vec::Vec<String> {
    with(|start| start.body.args.get(1..).map(<[String]>::to_vec)).flatten().unwrap_or_default()
}

/// The command's name, for messages.
pub fn name() -> String {
    with(|start| start.body.args.first().cloned()).flatten().unwrap_or_else(|| "init".into())
}

/// [`name`] for a panic's report: without the heap, and empty if it can't be had at once.
pub(crate) fn name_at_once<R>(tell: impl FnOnce(&str) -> R) -> R {
    match START.try_lock() {
        Some(start) => tell(start.as_ref().and_then(|start| start.body.args.first()).map_or("init", String::as_str)),
        None => tell(""),
    }
}

/// A local variable; names compare without regard to ASCII case.
pub fn local_var(name: &str) -> Option<String> {
    with(|start| start.body.env.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()))
        .flatten()
}

/// All local variables.
pub fn vars() -> alloc::vec::Vec<(String, String)> {
    with(|start| start.body.env.clone()).unwrap_or_default()
}

/// The current directory, `NAME:dir`.
pub fn current_dir() -> String {
    match with(|start| start.body.cwd.clone()) {
        Some(cwd) if !cwd.is_empty() => cwd,
        _ => "SYS:".into(),
    }
}

/// Changes the current directory, for this process and what it starts. Whether it exists is the caller's to find out.
pub fn set_current_dir(dir: &str) {
    with(|start| start.body.cwd = dir.into());
}

/// The standard streams as they were given.
pub fn streams() -> [protocol::Stream; 3] {
    with(|start| start.body.streams.clone()).unwrap_or_default()
}

/// One of them.
pub(crate) fn stream(index: usize) -> protocol::Stream {
    with(|start| start.body.streams.get(index).cloned()).flatten().unwrap_or_default()
}

/// A handle that the spawner gave by name. Each can be taken once: [`Error::NotFound`] afterwards.
pub fn take_handle(name: &str) -> Result<OwnedHandle, Error> {
    let index = with(|start| {
        let mut handles = core::mem::take(&mut start.body.handles).into_vec();
        let at = handles.iter().position(|(key, _)| *key == name);
        let index = at.map(|at| handles.swap_remove(at).1);
        start.body.handles = protocol::List::new(handles).unwrap_or_default();
        index
    });
    let index = index.flatten().ok_or(Error::NotFound)?;
    Ok(OwnedHandle::adopt(Handle::first(index)))
}
