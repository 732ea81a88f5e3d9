//! Programs on the host that a story talks to. A *server* is there before the guest; a *visitor* comes when the guest's
//! web server answers, and when it is content the story is over.

use crate::Failure;
use crate::handover::Scratch;
use crate::project::Project;
use crate::step::{Say, Steps};
use crate::system::certificates::{self, Fault};
use crate::system::{crowd, output};
use crate::{install, port};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a visitor waits for the guest's first answer.
const FIRST_ANSWER: Duration = Duration::from_secs(120);
/// How long Chromium may take to show a page.
const CHROMIUM_PATIENCE: Duration = Duration::from_secs(120);
/// Fetches of the page by curl, half of them on one connection.
const FETCHES: u32 = 1000;
/// The file that TLS servers serve: 1 MiB.
const BLOB: usize = 1 << 20;

/// A program on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// `openssl s_server` serving `/blob`, with a certificate that has that fault.
    Tls(Fault),
    /// Sends back what it gets, on any number of connections.
    Echo,
    /// curl, fetching httpd's page 1,000 times.
    Curl,
    /// Headless Chromium, loading httpd's pages.
    Chromium,
    /// 32 connections at once, see [`crowd`].
    Crowd,
    /// A crowd, after httpd and netd were killed under load.
    Siege,
}

impl Peer {
    /// Whether it is a visitor.
    #[must_use]
    pub const fn visits(self) -> bool {
        matches!(self, Self::Curl | Self::Chromium | Self::Crowd | Self::Siege)
    }

    /// Makes sure it is there.
    ///
    /// # Errors
    /// Why it is not; the story is skipped then.
    pub fn install(self) -> Result<(), Failure> {
        let (program, package) = match self {
            Self::Echo => return Ok(()),
            Self::Tls(_) => ("openssl", "openssl"),
            Self::Curl | Self::Crowd | Self::Siege => ("curl", "curl"),
            Self::Chromium => ("chromium", "chromium"),
        };
        install::programs(&[(program, &[package])], &Steps::new(Say::Steps))
    }
}

/// A server that runs, and what its story calls `{name}`.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    _echo: Option<Echo>,
    /// Names and what they stand for.
    pub names: Vec<(&'static str, String)>,
    _scratch: Scratch,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the server side of a peer; nothing for a visitor.
///
/// # Errors
/// It cannot be started.
pub fn start(peer: Option<Peer>, first_port: u16) -> Result<Running, Failure> {
    let scratch = Scratch::new()?;
    if peer == Some(Peer::Echo) {
        let echo = Echo::start(first_port)?;
        let names = vec![("port", echo.port.to_string())];
        return Ok(Running { child: None, _echo: Some(echo), names, _scratch: scratch });
    }
    let Some(Peer::Tls(fault)) = peer else {
        return Ok(Running { child: None, _echo: None, names: Vec::new(), _scratch: scratch });
    };
    let folder = scratch.path("");
    certificates::make(&folder, fault)?;
    let blob: Vec<u8> = (0..BLOB as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    scratch.write("blob", &blob)?;
    let port = port::free_from(first_port)?;
    let child = Command::new("openssl")
        .args(["s_server", "-quiet", "-WWW", "-tls1_3", "-cert", "server.pem", "-key", "server.key", "-accept"])
        .arg(port.to_string())
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| Failure::new(format!("openssl: {e}")))?;
    let digest: String = archive::write::hash(&blob).iter().map(|b| format!("{b:02x}")).collect();
    let ca = scratch.path("ca.pem").to_string_lossy().into_owned();
    let running = Running {
        child: Some(child),
        _echo: None,
        names: vec![("port", port.to_string()), ("digest", digest), ("ca", ca)],
        _scratch: scratch,
    };
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if Instant::now() > until {
            return Err(Failure::new("openssl s_server does not listen"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(running)
}

/// A server that sends back what it gets. Its threads end with their connections.
#[derive(Debug)]
struct Echo {
    port: u16,
    over: Arc<AtomicBool>,
}

impl Echo {
    fn start(first_port: u16) -> Result<Self, Failure> {
        let port = port::free_from(first_port)?;
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| Failure::new(format!("echo: {e}")))?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // One that breaks is over: the guest may be killed at any time.
                thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        Ok(Self { port, over })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// What a visitor does at the guest's web server.
///
/// # Errors
/// Why it is not content.
pub fn visit(peer: Peer, port: u16, over: &dyn Fn() -> bool) -> Result<(), String> {
    let url = format!("http://127.0.0.1:{port}/");
    wait_for_answer(&url, over)?;
    match peer {
        Peer::Tls(_) | Peer::Echo => Ok(()),
        Peer::Curl => {
            let half = FETCHES / 2;
            fetch_often(&url, half, &[])?;
            fetch_often(&url, half, &["-H", "Connection: close"])
        }
        Peer::Chromium => {
            shows(&url, "from the network card up")?;
            shows(&format!("{url}status"), "<h2>Services</h2>")
        }
        Peer::Crowd => crowd::visit(port, &served()?),
        Peer::Siege => crowd::besiege(port, &served()?, over),
    }
}

/// What the guest serves.
fn served() -> Result<PathBuf, String> {
    Project::find().map(|project| project.root.join("boot/sys/www")).map_err(|e| e.to_string())
}

/// The host's connect succeeds while the guest is still dead, so only bytes count.
fn wait_for_answer(url: &str, over: &dyn Fn() -> bool) -> Result<(), String> {
    let until = Instant::now() + FIRST_ANSWER;
    while Instant::now() < until && !over() {
        let answered = Command::new("curl").args(["-s", "-f", "-m", "2", "-o", "/dev/null", url]).status();
        if answered.is_ok_and(|s| s.success()) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
    Err("the guest's web server never answered".into())
}

fn fetch_often(url: &str, times: u32, options: &[&str]) -> Result<(), String> {
    let output = Command::new("curl")
        .args(["-sS", "-f", "-m", "120", "-o", "/dev/null", "-w", "%{http_code}\n"])
        .args(options)
        .arg(format!("{url}?[1-{times}]"))
        .output()
        .map_err(|e| format!("curl: {e}"))?;
    let good = output.stdout.split(|&b| b == b'\n').filter(|line| *line == b"200").count();
    if output.status.success() && good == times as usize {
        return Ok(());
    }
    Err(format!("curl: {good} of {times} fetches: {}", String::from_utf8_lossy(&output.stderr)))
}

fn shows(url: &str, text: &str) -> Result<(), String> {
    let page = dump_dom(url)?;
    if page.contains(text) { Ok(()) } else { Err(format!("Chromium shows at {url}: {page}")) }
}

fn dump_dom(url: &str) -> Result<String, String> {
    let scratch = Scratch::new().map_err(|e| e.to_string())?;
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--dump-dom"])
        .arg(format!("--user-data-dir={}", scratch.path("profile").display()))
        .arg(url);
    output::of(&mut chromium, CHROMIUM_PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn an_echo_sends_everything_back_to_each() {
        let running = start(Some(Peer::Echo), 19600).unwrap();
        let port: u16 = running.names[0].1.parse().unwrap();
        let mut both = [(); 2].map(|()| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap());
        for (stream, text) in both.iter_mut().zip([b"one", b"two"]) {
            stream.write_all(text).unwrap();
        }
        for (stream, text) in both.iter_mut().zip([b"one", b"two"]) {
            let mut back = [0; 3];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(&back, text);
        }
    }

    /// What openssl itself thinks of the certificates, so that the stories fail for the right reason.
    #[test]
    fn certificates_have_exactly_their_fault() {
        if install::find("openssl").is_none() {
            println!("skipped: openssl is missing");
            return;
        }
        for (fault, says) in [
            (Fault::None, "Verification: OK"),
            (Fault::Expired, "certificate has expired"),
            (Fault::Misnamed, "mismatch"),
            (Fault::UnknownIssuer, "unable to get local issuer"),
        ] {
            let running = start(Some(Peer::Tls(fault)), 19500).unwrap();
            let name = |n: &str| running.names.iter().find(|(k, _)| *k == n).unwrap().1.clone();
            let output = Command::new("openssl")
                .args(["s_client", "-verify_ip", "10.0.2.2", "-CAfile", &name("ca"), "-connect"])
                .arg(format!("127.0.0.1:{}", name("port")))
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(says), "{fault:?}: {said}");
        }
    }
}
