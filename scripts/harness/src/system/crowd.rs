//! A crowd at the guest's web server: many connections at once, of which one says nothing and one drips.
//!
//! The others fetch files again and again on connections that stay open, and look at every byte: what one client does must
//! not show at another. A *siege* is a crowd that goes on while servers below it are killed, by a shell that it must not keep
//! from running.

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
const BESIEGERS: usize = 4;
/// The servers that are killed in a siege.
const KILLED: [&str; 2] = ["httpd", "netd"];
/// Between two looks whether they were.
const LOOK: Duration = Duration::from_millis(200);
/// How long a siege lasts at most.
const SIEGE: Duration = Duration::from_secs(120);
/// How long a besieger waits for the next bytes: a server that is killed does not always say so.
const IMPATIENCE: Duration = Duration::from_secs(3);

/// Bytes of an answer at most.
const MOST: usize = 1 << 20;

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
    let mut clients = enter(port, files)?;
    let slow = clients.pop().ok_or("a crowd of none")?;
    let idle = connect(port, PATIENCE)?;
    let result = thread::scope(|scope| {
        let fetching = |(number, client)| scope.spawn(move || fetch(client, files).map_err(told(number)));
        let busy: Vec<_> = clients.into_iter().enumerate().map(fetching).collect();
        let slow = scope.spawn(|| drip(slow, &files[0]));
        busy.into_iter().chain([slow]).try_for_each(|client| match client.join() {
            Ok(result) => result,
            Err(_) => Err("a client panicked".into()),
        })
    });
    drop(idle);
    result
}

/// All but the idle one come in one after the other, each served before the next: QEMU's own listener has a queue of one, and
/// whom the host leaves standing there waits for seconds before the guest hears of it.
fn enter(port: u16, files: &[File]) -> Result<Vec<TcpStream>, String> {
    let enter = |number| {
        let mut client = connect(port, PATIENCE)?;
        ask(&mut client, files.get(..1).unwrap_or_default()).map_err(told(number))?;
        Ok(client)
    };
    (0..CLIENTS - 1).map(enter).collect()
}

fn told(number: usize) -> impl Fn(String) -> String {
    move |why| format!("client {number}: {why}")
}

/// A few clients fetch again and again until the servers were killed and are back, whatever that does to their connections.
/// Afterwards the web server must serve a crowd as if nothing had been.
///
/// # Errors
/// They are not killed, do not come back, or the crowd is not served.
pub fn besiege(port: u16, www: &Path, over: &dyn Fn() -> bool) -> Result<(), String> {
    let files = &files(www)?;
    let enough = &AtomicBool::new(false);
    let result = thread::scope(|scope| {
        for _ in 0..BESIEGERS {
            scope.spawn(move || {
                let mut besieger = Besieger { port, connection: None };
                while !enough.load(Ordering::Relaxed) {
                    besieger.round(files);
                }
            });
        }
        let result = outlast(port, over);
        enough.store(true, Ordering::Relaxed);
        result
    });
    result.and_then(|()| visit(port, www))
}

/// Waits until the web server itself tells that all of [`KILLED`] were started again.
fn outlast(port: u16, over: &dyn Fn() -> bool) -> Result<(), String> {
    let until = Instant::now() + SIEGE;
    loop {
        let status = connect(port, IMPATIENCE).and_then(|mut stream| {
            stream.write_all(request("/status.json").as_bytes()).map_err(|e| e.to_string())?;
            answer(&mut stream, "/status.json")
        });
        let status = status.map(|json| String::from_utf8_lossy(&json).into_owned());
        if status.as_ref().is_ok_and(|json| KILLED.iter().all(|name| restarts(json, name) > Some(0))) {
            return Ok(());
        }
        if Instant::now() > until || over() {
            return Err(format!("{} were not started again; the last look: {status:?}", KILLED.join(" and ")));
        }
        thread::sleep(LOOK);
    }
}

/// How often a service was started again, as the status page has it.
fn restarts(json: &str, service: &str) -> Option<u32> {
    let (_, about) = json.split_once(&format!("\"name\":\"{service}\""))?;
    let (_, number) = about.split_once("\"restarts\":")?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A client that comes again when its connection breaks.
struct Besieger {
    port: u16,
    connection: Option<TcpStream>,
}

impl Besieger {
    /// Fetches all files, if it is served.
    fn round(&mut self, files: &[File]) {
        self.connection = self.connection.take().or_else(|| connect(self.port, IMPATIENCE).ok());
        self.connection.take_if(|connection| ask(connection, files).is_err());
    }
}

fn files(www: &Path) -> Result<[File; 3], String> {
    let file = |target, name: &str| {
        let content = std::fs::read(www.join(name)).map_err(|e| format!("{name}: {e}"))?;
        Ok::<_, String>(File { target, content })
    };
    Ok([file("/", "index.html")?, file("/style.css", "style.css")?, file("/icon.svg", "icon.svg")?])
}

fn connect(port: u16, patience: Duration) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|e| format!("connect: {e}"))?;
    stream.set_read_timeout(Some(patience)).map_err(|e| e.to_string())?;
    Ok(stream)
}

fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: guest\r\n\r\n")
}

/// All files, again and again.
fn fetch(mut stream: TcpStream, files: &[File]) -> Result<(), String> {
    (0..ROUNDS).try_for_each(|_| ask(&mut stream, files))
}

/// All files once, two requests on the way at a time.
fn ask(stream: &mut TcpStream, files: &[File]) -> Result<(), String> {
    for pair in files.chunks(2) {
        let asked: String = pair.iter().map(|file| request(file.target)).collect();
        stream.write_all(asked.as_bytes()).map_err(|e| format!("write: {e}"))?;
        pair.iter().try_for_each(|file| expect(stream, file))?;
    }
    Ok(())
}

/// One request, a few bytes at a time.
fn drip(mut stream: TcpStream, file: &File) -> Result<(), String> {
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    for bytes in request(file.target).as_bytes().chunks(4) {
        stream.write_all(bytes).map_err(|e| format!("the slow client: write: {e}"))?;
        thread::sleep(DRIP);
    }
    expect(&mut stream, file).map_err(|why| format!("the slow client: {why}"))
}

/// Reads one answer, no byte more, and looks whether it is the file.
fn expect(stream: &mut impl Read, file: &File) -> Result<(), String> {
    let content = answer(stream, file.target)?;
    if content == file.content { Ok(()) } else { Err(format!("{}: other bytes than the file's", file.target)) }
}

/// Reads one good answer, no byte more: its content.
fn answer(stream: &mut impl Read, target: &str) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).map_err(|e| format!("{target}: the head: {e}"))?;
        head.push(byte[0]);
        if head.len() > 4096 {
            return Err(format!("{target}: the head has no end"));
        }
    }
    let head = String::from_utf8_lossy(&head);
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    let Some(length) = length.filter(|_| head.starts_with("HTTP/1.1 200 ")) else {
        return Err(format!("{target}: {}", head.lines().next().unwrap_or_default()));
    };
    let mut content = vec![0; length.min(MOST)];
    stream.read_exact(&mut content).map_err(|e| format!("{target}: the body: {e}"))?;
    Ok(content)
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
    fn restarts_are_read_from_the_status_page() {
        let json = r#"{"services":[{"name":"httpd","state":"recv","restarts":0},{"name":"netd","restarts":12}]}"#;
        assert_eq!([restarts(json, "httpd"), restarts(json, "netd"), restarts(json, "fsd")], [Some(0), Some(12), None]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (bytes, why) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npaga", "other bytes"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npag", "the body"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npages", "other bytes"),
            ("HTTP/1.1 200 OK\r\n\r\npage", "200 OK"),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "503"),
            ("HTTP/1.1 200 OK\r\n", "the head"),
        ] {
            assert!(expect(&mut bytes.as_bytes(), &FILE()).unwrap_err().contains(why), "{bytes}");
        }
        assert!(expect(&mut [b'x'; 5000].as_slice(), &FILE()).unwrap_err().contains("no end"));
    }
}
