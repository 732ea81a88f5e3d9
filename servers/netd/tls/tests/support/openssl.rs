//! The `openssl` command line as a maker of certificates and as a peer, in a folder of its own that goes away again.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder with certificates in it.
pub struct Workshop {
    pub dir: PathBuf,
}

/// What a certificate is to be.
pub struct Order<'a> {
    pub name: &'a str,
    pub key: &'a str,
    pub subject: &'a str,
    /// Lines of an OpenSSL extension section.
    pub extensions: &'a str,
    /// The name of the signing certificate; its own name for a self-signed one.
    pub issuer: &'a str,
    pub digest: &'a str,
}

pub const CA_EXTENSIONS: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
pub const SERVER_EXTENSIONS: &str =
    "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:server.test,IP:127.0.0.1\n";

impl Workshop {
    /// `None`, with a line that says so, when a tool is missing: the tests cannot judge anything then.
    pub fn new(tools: &[&str]) -> Option<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        for tool in tools {
            if Command::new(tool).arg("--help").output().is_err() {
                eprintln!("skipped: the program `{tool}` is not installed");
                return None;
            }
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("tls-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        Some(Self { dir })
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path(file)).expect(file)
    }

    pub fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.dir)
            .output()
            .expect("openssl");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn make_key(&self, kind: &str, file: &str) {
        let options = match kind {
            "rsa" => "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            "rsa-1024" => "-algorithm RSA -pkeyopt rsa_keygen_bits:1024",
            "p256" => "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            "p384" => "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
            "ed25519" => "-algorithm ED25519",
            other => panic!("no such key: {other}"),
        };
        self.openssl(&format!("genpkey {options} -out {file}"));
    }

    /// Makes `name.key` and `name.pem`, valid for ten years from now.
    pub fn certificate(&self, order: &Order<'_>) {
        let Order { name, key, subject, extensions, issuer, digest } = order;
        self.make_key(key, &format!("{name}.key"));
        std::fs::write(self.path("extensions"), format!("[e]\n{extensions}")).expect("extensions");
        self.openssl(&format!("req -new -key {name}.key -subj {subject} -out {name}.csr"));
        let signer = if name == issuer {
            format!("-signkey {name}.key")
        } else {
            format!("-CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial")
        };
        self.openssl(&format!(
            "x509 -req -in {name}.csr -extfile extensions -extensions e -days 3650 {digest} {signer} -out {name}.pem"
        ));
    }

    /// A root `ca` and a server `server` below it, both with this kind of key.
    pub fn chain(&self, key: &str, digest: &str) {
        let ca = Order { name: "ca", key, subject: "/CN=Made_CA", extensions: CA_EXTENSIONS, issuer: "ca", digest };
        self.certificate(&ca);
        let server = Order { name: "server", subject: "/CN=server.test", extensions: SERVER_EXTENSIONS, ..ca };
        self.certificate(&server);
    }

    /// Runs `openssl s_server`, which serves this folder's files by HTTP/1.0.
    pub fn serve(&self, options: &str) -> Peer {
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
            let mut child = Command::new("openssl")
                .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-WWW"])
                // It is to serve what it thinks too weak, too: the client under test must refuse it.
                .args(["-cipher", "ALL:@SECLEVEL=0"])
                .args(options.split_whitespace())
                .current_dir(&self.dir)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("openssl s_server");
            let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
            if lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("ACCEPT")) {
                // Its chatter must not fill the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Peer { child, address: ([127, 0, 0, 1], port).into() };
            }
            let _ = child.wait(); // the port was taken in between
        }
        panic!("openssl s_server does not start");
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all::<&Path>(self.dir.as_ref());
    }
}

/// A running server; it ends with its owner.
pub struct Peer {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
