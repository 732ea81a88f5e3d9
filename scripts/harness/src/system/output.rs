//! What a program on the host says until it ends, which it must do in time.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs a program without input, and without a look at its complaints; in the end it is gone.
///
/// # Errors
/// It can't be run, or goes on for longer than `patience`: with what it said so far.
pub fn of(command: &mut Command, patience: Duration) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = command.spawn().map_err(|e| format!("{name}: {e}"))?;
    let mut out = program.stdout.take().ok_or("no output")?;
    let (ended, end) = mpsc::channel::<()>();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        let _ = out.read_to_end(&mut said);
        drop(ended);
        String::from_utf8_lossy(&said).into_owned()
    });
    // Nothing is ever sent: the other end goes away.
    let in_time = end.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Disconnected);
    let _ = program.kill();
    let _ = program.wait();
    let said = reader.join().map_err(|_| "the reader broke down".to_string())?;
    if in_time { Ok(said) } else { Err(format!("{name} does not end in {} s\n{said}", patience.as_secs())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Result<String, String> {
        of(Command::new("sh").args(["-c", script]), patience)
    }

    #[test]
    fn what_is_said_is_read_to_the_end() {
        let text = shell("echo one; sleep 0.1; echo two", Duration::from_secs(60)).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn who_does_not_end_is_stopped_and_what_was_said_is_told() {
        let error = shell("echo one; exec sleep 600", Duration::from_secs(1)).unwrap_err();
        assert_eq!(error, "sh does not end in 1 s\none\n");
        assert!(of(&mut Command::new("/nowhere"), Duration::ZERO).unwrap_err().starts_with("/nowhere: "));
    }
}
