//! A crowd at the guest's web server: many connections at once, of which one says nothing and one drips.
//!
//! The others fetch files again and again on connections that stay open, and look at every byte: what one client does must
//! not show at another. A *siege* is a crowd that goes on while servers below it are killed.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Connections at once.
const CLIENTS: usize = 32;
/// Rounds of each busy client, all files in each.
const ROUNDS: usize = 10;
/// How long a client waits for the next bytes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between the bytes of the one that drips.
const DRIP: Duration = Duration::from_millis(500);

/// Clients of a siege.
const BESIEGERS: usize = 8;
/// How often a siege is broken: as many servers are killed.
const KILLED: usize = 2;
/// How long a siege lasts at most.
const SIEGE: Duration = Duration::from_secs(120);
/// How long a besieger waits for the next bytes: a server that is killed does not always say so.
const IMPATIENCE: Duration = Duration::from_secs(3);
/// Between two tries to be let in again.
const AGAIN: Duration = Duration::from_millis(50);

/// A file and what it must be.
struct File {
    target: &'static str,
    content: Vec<u8>,
}

/// Lets the crowd in. `www` is the folder that the guest serves.
///
/// # Errors
/// What the first discontented client says.
pub fn visit(port: u16, www: &Path) -> Result<(), String> {
    let files = &files(www)?;
    let idle = connect(port, PATIENCE)?;
    let result = thread::scope(|scope| {
        let fetching = |number| scope.spawn(move || fetch_often(port, files, PATIENCE).map_err(told(number)));
        let busy: Vec<_> = (0..CLIENTS - 2).map(fetching).collect();
        let slow = scope.spawn(|| drip(port, &files[0]));
        busy.into_iter().chain([slow]).try_for_each(|client| match client.join() {
            Ok(result) => result,
            Err(_) => Err("a client panicked".into()),
        })
    });
    drop(idle);
    result
}

/// A few clients fetch without a pause until the server was gone twice and came back, whatever that does to their
/// connections. Afterwards it must serve a crowd as if nothing had been.
///
/// # Errors
/// It does not break down as often, does not come back, or does not serve.
pub fn besiege(port: u16, www: &Path, over: &dyn Fn() -> bool) -> Result<(), String> {
    let files = &files(www)?;
    let enough = &AtomicBool::new(false);
    let result = thread::scope(|scope| {
        for _ in 1..BESIEGERS {
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    pause_if(fetch_often(port, files, IMPATIENCE).is_err());
                }
            });
        }
        let result = outlast(port, files, over);
        enough.store(true, Ordering::Relaxed);
        result
    });
    result.and_then(|()| visit(port, www))
}

/// Fetches until the server was gone [`KILLED`] times and is there again.
fn outlast(port: u16, files: &[File], over: &dyn Fn() -> bool) -> Result<(), String> {
    let until = Instant::now() + SIEGE;
    let (mut broken, mut there) = (0, true);
    while broken < KILLED || !there {
        if Instant::now() > until || over() {
            return Err(format!("the server broke down {broken} times, not {KILLED}, and is there: {there}"));
        }
        let before = std::mem::replace(&mut there, fetch_often(port, files, IMPATIENCE).is_ok());
        broken += usize::from(before && !there);
        pause_if(!there);
    }
    Ok(())
}

fn pause_if(failed: bool) {
    if failed {
        thread::sleep(AGAIN);
    }
}

fn files(www: &Path) -> Result<[File; 3], String> {
    let file = |target, name: &str| {
        let content = std::fs::read(www.join(name)).map_err(|e| format!("{name}: {e}"))?;
        Ok::<_, String>(File { target, content })
    };
    Ok([file("/", "index.html")?, file("/style.css", "style.css")?, file("/icon.svg", "icon.svg")?])
}

fn told(number: usize) -> impl Fn(String) -> String {
    move |why| format!("client {number}: {why}")
}

fn connect(port: u16, patience: Duration) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|e| format!("connect: {e}"))?;
    stream.set_read_timeout(Some(patience)).map_err(|e| e.to_string())?;
    Ok(stream)
}

fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: guest\r\n\r\n")
}

/// All files, again and again, two requests on the way at a time.
fn fetch_often(port: u16, files: &[File], patience: Duration) -> Result<(), String> {
    let mut stream = connect(port, patience)?;
    for _ in 0..ROUNDS {
        for pair in files.chunks(2) {
            let asked: String = pair.iter().map(|file| request(file.target)).collect();
            stream.write_all(asked.as_bytes()).map_err(|e| format!("write: {e}"))?;
            for file in pair {
                expect(&mut stream, file)?;
            }
        }
    }
    Ok(())
}

/// One request, a few bytes at a time.
fn drip(port: u16, file: &File) -> Result<(), String> {
    let mut stream = connect(port, PATIENCE)?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    for bytes in request(file.target).as_bytes().chunks(4) {
        stream.write_all(bytes).map_err(|e| format!("the slow client: write: {e}"))?;
        thread::sleep(DRIP);
    }
    expect(&mut stream, file).map_err(|why| format!("the slow client: {why}"))
}

/// Reads one answer, no byte more, and looks whether it is the file.
fn expect(stream: &mut impl Read, file: &File) -> Result<(), String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).map_err(|e| format!("{}: the head: {e}", file.target))?;
        head.push(byte[0]);
        if head.len() > 4096 {
            return Err(format!("{}: the head has no end", file.target));
        }
    }
    let head = String::from_utf8_lossy(&head);
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    if !head.starts_with("HTTP/1.1 200 ") || length != Some(file.content.len()) {
        return Err(format!("{}: {}", file.target, head.lines().next().unwrap_or_default()));
    }
    let mut content = vec![0; file.content.len()];
    stream.read_exact(&mut content).map_err(|e| format!("{}: the body: {e}", file.target))?;
    if content == file.content { Ok(()) } else { Err(format!("{}: other bytes than the file's", file.target)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: fn() -> File = || File { target: "/", content: b"page".to_vec() };

    #[test]
    fn an_answer_is_read_to_its_last_byte_and_no_further() {
        let mut bytes: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npageHTTP";
        assert_eq!(expect(&mut bytes, &FILE()), Ok(()));
        assert_eq!(bytes, b"HTTP");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (bytes, why) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npaga", "other bytes"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npag", "the body"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npages", "200 OK"),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "503"),
            ("HTTP/1.1 200 OK\r\n", "the head"),
        ] {
            assert!(expect(&mut bytes.as_bytes(), &FILE()).unwrap_err().contains(why), "{bytes}");
        }
        assert!(expect(&mut [b'x'; 5000].as_slice(), &FILE()).unwrap_err().contains("no end"));
    }
}
