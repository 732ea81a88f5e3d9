//! Against OpenSSL and curl on the loopback: kinds of keys, groups, suites, resumption, refusals. Skipped, with a line, when
//! the programs are missing.

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use support::openssl::{CA_EXTENSIONS, Order, SERVER_EXTENSIONS, Workshop};
use support::wire::{Wire, fetch};
use support::*;
use tls::{Aes, ClientConfig, ClientOptions, Connection, Crypto, Error, Reason, ServerConfig};

/// An hour from now: certificates made in this very second hold by then.
fn today() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs() + 3_600
}

fn crypto_today() -> Crypto {
    crypto_at(Some(today()), Aes::Hardware)
}

fn trusting(crypto: &Crypto, shop: &Workshop) -> ClientConfig {
    let options = ClientOptions { protocols: http11(), ..ClientOptions::default() };
    ClientConfig::new(crypto, roots(&shop.read("ca.pem")), options).expect("client")
}

/// 1 MiB that is nowhere the same.
fn blob(shop: &Workshop) -> Vec<u8> {
    let mut prng = Prng(9);
    let blob: Vec<u8> = (0..1 << 17).flat_map(|_| prng.next().to_le_bytes()).collect();
    std::fs::write(shop.path("blob"), &blob).expect("blob");
    blob
}

#[test]
fn every_kind_of_chain_is_verified_and_a_mebibyte_arrives() {
    for (key, digest) in [
        ("rsa", "-sha256"),
        ("rsa", "-sha384"),
        ("p256", "-sha256"),
        ("p384", "-sha384"),
        ("p384", "-sha256"),
        ("ed25519", ""),
    ] {
        let Some(shop) = Workshop::new(&["openssl"]) else { return };
        shop.chain(key, digest);
        let blob = blob(&shop);
        let server = shop.serve("-cert server.pem -key server.key -tls1_3");
        let config = trusting(&crypto_today(), &shop);
        for name in ["server.test", "127.0.0.1"] {
            let (body, summary) = fetch(&config, server.address, name, "blob").unwrap_or_else(|e| panic!("{key}: {e}"));
            assert!(body == blob, "{key}");
            assert_eq!(summary.certificate.unwrap().issuer.to_string(), "Made_CA");
        }
    }
}

#[test]
fn an_intermediate_authority_is_followed() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("p256", "-sha256");
    let middle = Order {
        name: "middle",
        key: "rsa",
        subject: "/CN=Middle",
        extensions: CA_EXTENSIONS,
        issuer: "ca",
        digest: "-sha256",
    };
    shop.certificate(&middle);
    shop.certificate(&Order {
        name: "leaf",
        key: "p384",
        subject: "/CN=leaf",
        extensions: SERVER_EXTENSIONS,
        issuer: "middle",
        digest: "-sha256",
    });
    blob(&shop);
    let config = trusting(&crypto_today(), &shop);
    let whole = shop.serve("-cert leaf.pem -key leaf.key -cert_chain middle.pem");
    let (_, summary) = fetch(&config, whole.address, "server.test", "blob").expect("the chain is whole");
    assert_eq!(summary.chain_len, 2);
    std::fs::write(shop.path("many.pem"), shop.read("middle.pem").repeat(10)).expect("a long chain");
    let long = shop.serve("-cert leaf.pem -key leaf.key -cert_chain many.pem");
    assert_eq!(reason(fetch(&config, long.address, "server.test", "blob")), Reason::NotAllowed);
    let broken = shop.serve("-cert leaf.pem -key leaf.key");
    assert_eq!(reason(fetch(&config, broken.address, "server.test", "blob")), Reason::UnknownIssuer);
}

#[test]
fn a_handshake_in_many_small_records_is_put_together() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("rsa", "-sha256");
    let blob = blob(&shop);
    let server = shop.serve("-cert server.pem -key server.key -max_send_frag 512 -split_send_frag 512");
    let (body, _) =
        fetch(&trusting(&crypto_today(), &shop), server.address, "server.test", "blob").expect("put together");
    assert!(body == blob);
}

#[test]
fn groups_come_through_hello_retry_and_suites_are_as_offered() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("p256", "-sha256");
    let blob = blob(&shop);
    let crypto = crypto_today();
    for (options, group, retried, suite) in [
        ("-groups X25519 -ciphersuites TLS_AES_128_GCM_SHA256", "X25519", false, "AES-128-GCM"),
        ("-groups P-256 -ciphersuites TLS_AES_256_GCM_SHA384", "P-256", true, "AES-256-GCM"),
        ("-groups P-384 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "P-384", true, "ChaCha20-Poly1305"),
    ] {
        let server = shop.serve(&format!("-cert server.pem -key server.key -alpn http/1.1 {options}"));
        let config = trusting(&crypto, &shop);
        let (body, summary) = fetch(&config, server.address, "server.test", "blob").expect(options);
        assert!(body == blob);
        assert_eq!((summary.group, summary.retried, summary.suite), (group, retried, suite));
        assert_eq!(summary.protocol.as_deref(), Some("http/1.1"));
        // The next one knows the group, and has a ticket.
        let (_, summary) = fetch(&config, server.address, "server.test", "blob").expect(options);
        assert!(summary.resumed && !summary.retried, "{options}");
    }
}

/// The reason in a refusal for a certificate.
fn reason<T>(result: Result<T, Error>) -> Reason {
    match result {
        Err(Error::Certificate(problem)) => {
            assert!(problem.certificate.is_some(), "the text names the certificate");
            problem.reason
        }
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn bad_certificates_are_refused_for_the_right_reason() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("p256", "-sha256");
    blob(&shop);
    let server = shop.serve("-cert server.pem -key server.key");
    let good = trusting(&crypto_today(), &shop);
    let at = |days: i64| {
        let crypto = crypto_at(Some((today() as i64 + days * 86_400) as u64), Aes::Hardware);
        fetch(&trusting(&crypto, &shop), server.address, "server.test", "blob")
    };

    assert!(at(0).is_ok());
    assert!(matches!(reason(at(5_000)), Reason::Expired { .. }));
    assert!(matches!(reason(at(-5)), Reason::NotYetValid { .. }));
    let Reason::WrongName { names, .. } = reason(fetch(&good, server.address, "bank.test", "blob")) else { panic!() };
    assert_eq!(names, ["server.test", "127.0.0.1"]);
    let clockless = trusting(&crypto_at(None, Aes::Hardware), &shop);
    assert_eq!(fetch(&clockless, server.address, "server.test", "blob").err(), Some(Error::NoClock));

    let stranger = Order {
        name: "stranger",
        key: "p256",
        subject: "/CN=Stranger",
        extensions: CA_EXTENSIONS,
        issuer: "stranger",
        digest: "-sha256",
    };
    shop.certificate(&stranger);
    let unknown =
        ClientConfig::new(&crypto_today(), roots(&shop.read("stranger.pem")), ClientOptions::default()).unwrap();
    assert_eq!(reason(fetch(&unknown, server.address, "server.test", "blob")), Reason::UnknownIssuer);

    let serve = |order: Order<'_>, address: &dyn Fn(SocketAddr)| {
        shop.certificate(&order);
        address(shop.serve(&format!("-cert {0}.pem -key {0}.key", order.name)).address);
    };
    let base = Order {
        name: "odd",
        key: "p256",
        subject: "/CN=odd",
        extensions: SERVER_EXTENSIONS,
        issuer: "ca",
        digest: "-sha256",
    };
    let expect = |address, wanted: Reason| assert_eq!(reason(fetch(&good, address, "server.test", "blob")), wanted);
    serve(Order { issuer: "odd", ..base }, &|a| expect(a, Reason::SelfSigned));
    serve(Order { issuer: "odd", extensions: CA_EXTENSIONS, ..base }, &|a| expect(a, Reason::SelfSigned));
    serve(Order { extensions: CA_EXTENSIONS, ..base }, &|a| expect(a, Reason::IsAuthority));
    let nameless = "basicConstraints=CA:FALSE\n";
    let wanted = Reason::WrongName { wanted: "server.test".into(), names: vec![] };
    serve(Order { extensions: nameless, subject: "/CN=server.test", ..base }, &|a| expect(a, wanted.clone()));
    let for_mail = "extendedKeyUsage=emailProtection\nsubjectAltName=DNS:server.test\n";
    serve(Order { extensions: for_mail, ..base }, &|a| expect(a, Reason::WrongPurpose));
    let critical = "subjectAltName=DNS:server.test\n1.2.3.4=critical,ASN1:NULL\n";
    serve(Order { extensions: critical, ..base }, &|a| expect(a, Reason::NotAllowed));
    serve(Order { digest: "-sha1", ..base }, &|a| expect(a, Reason::UnsupportedAlgorithm));
}

#[test]
fn a_root_of_the_same_name_with_another_key_is_a_bad_signature() {
    let (Some(one), Some(other)) = (Workshop::new(&["openssl"]), Workshop::new(&["openssl"])) else { return };
    one.chain("p256", "-sha256");
    other.chain("p256", "-sha256");
    blob(&one);
    let server = one.serve("-cert server.pem -key server.key");
    let why = reason(fetch(&trusting(&crypto_today(), &other), server.address, "server.test", "blob"));
    assert!(matches!(why, Reason::BadSignature | Reason::UnknownIssuer), "{why:?}");
}

#[test]
fn a_server_without_tls_1_3_is_named_as_such() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("p256", "-sha256");
    let server = shop.serve("-cert server.pem -key server.key -tls1_2");
    let error = fetch(&trusting(&crypto_today(), &shop), server.address, "server.test", "blob").expect_err("an error");
    assert_eq!((error.code(), &error), (1046, &Error::Alert(70)));
    assert!(error.to_string().contains("it does not speak TLS 1.3"), "{error}");
}

#[test]
fn a_server_that_wants_our_certificate_is_named_as_such() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("p256", "-sha256");
    let server = shop.serve("-cert server.pem -key server.key -CAfile ca.pem -Verify 1");
    let error = fetch(&trusting(&crypto_today(), &shop), server.address, "server.test", "blob").err();
    assert_eq!(error, Some(Error::Alert(116)));
}

/// Serves `count` connections on a thread: a page of 100 kB for a request, or an echo of lines.
fn serve_ours(
    config: ServerConfig,
    count: usize,
    echo: bool,
) -> (SocketAddr, std::thread::JoinHandle<Vec<Option<Error>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("address");
    let thread = std::thread::spawn(move || {
        let connections = listener.incoming().take(count);
        connections
            .map(|socket| serve_one(Wire::new(Connection::server(&config), socket.expect("accept")), echo).err())
            .collect()
    });
    (address, thread)
}

fn serve_one(mut wire: Wire, echo: bool) -> Result<(), Error> {
    let mut request: Vec<u8> = Vec::new();
    loop {
        let text = wire.read()?;
        request.extend(&text);
        if text.is_empty() {
            break;
        } else if echo {
            wire.write(&text)?;
        } else if request.windows(4).any(|w| w == b"\r\n\r\n") {
            wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n")?;
            wire.write(&[b'x'; 100_000])?;
            break;
        }
    }
    wire.close();
    Ok(())
}

#[test]
fn curl_verifies_this_server_and_gets_its_page() {
    for key in ["p256", "ed25519"] {
        let Some(shop) = Workshop::new(&["openssl", "curl"]) else { return };
        shop.chain(key, if key == "p256" { "-sha256" } else { "" });
        let config = server_config(&crypto_today(), (&shop.read("server.pem"), &shop.read("server.key")));
        let (address, server) = serve_ours(config, 3, false);
        for _ in 0..3 {
            let output = Command::new("curl")
                .args(["-sS", "--tlsv1.3", "--max-time", "20", "--cacert"])
                .arg(shop.path("ca.pem"))
                .args(["--resolve", &format!("server.test:{}:127.0.0.1", address.port())])
                .arg(format!("https://server.test:{}/", address.port()))
                .output()
                .expect("curl");
            assert!(output.status.success(), "{key}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(output.stdout == [b'x'; 100_000]);
        }
        assert_eq!(server.join().expect("server"), [None, None, None]);
    }
}

/// Runs `openssl s_client` with lines on its input, each after a pause, and gives what it prints.
fn s_client(shop: &Workshop, address: SocketAddr, options: &str, lines: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-servername", "server.test", "-CAfile", "ca.pem"])
        .args(["-verify_hostname", "server.test"])
        .args(options.split_whitespace())
        .current_dir(&shop.dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl s_client");
    let mut input = child.stdin.take().expect("stdin");
    for line in lines {
        std::thread::sleep(Duration::from_millis(300));
        let _ = input.write_all(line.as_bytes());
        let _ = input.flush();
    }
    std::thread::sleep(Duration::from_millis(300));
    drop(input);
    let output = child.wait_with_output().expect("output");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn s_client_gets_every_suite_and_group_and_resumes() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("p256", "-sha256");
    let config = server_config(&crypto_today(), (&shop.read("server.pem"), &shop.read("server.key")));
    let (address, server) = serve_ours(config, 4, true);
    for (options, wanted) in [
        ("-groups X25519 -ciphersuites TLS_AES_128_GCM_SHA256 -alpn http/1.1", "ALPN protocol: http/1.1"),
        ("-groups P-256 -ciphersuites TLS_AES_256_GCM_SHA384", "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"),
        ("-groups P-384 -ciphersuites TLS_CHACHA20_POLY1305_SHA256 -sess_out session", "Verify return code: 0 (ok)"),
        ("-ciphersuites TLS_CHACHA20_POLY1305_SHA256 -sess_in session", "Reused, TLSv1.3"),
    ] {
        let said = s_client(&shop, address, options, &["hello\n"]);
        assert!(said.contains(wanted), "{options}: {said}");
    }
    assert_eq!(server.join().expect("server"), [None, None, None, None]);
}

#[test]
fn a_key_update_in_the_middle_changes_nothing() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("p256", "-sha256");
    let config = server_config(&crypto_today(), (&shop.read("server.pem"), &shop.read("server.key")));
    let (address, server) = serve_ours(config, 1, true);
    // A line that begins with K makes s_client update its keys and ask for ours to be updated.
    let said = s_client(&shop, address, "", &["before\n", "K\n", "after\n"]);
    assert!(said.contains("KEYUPDATE") && said.contains("before") && said.contains("after"), "{said}");
    assert_eq!(server.join().expect("server"), [None]);
}

#[test]
fn an_old_client_is_refused() {
    let Some(shop) = Workshop::new(&["openssl"]) else { return };
    shop.chain("p256", "-sha256");
    let config = server_config(&crypto_today(), (&shop.read("server.pem"), &shop.read("server.key")));
    let (address, server) = serve_ours(config, 1, true);
    let said = s_client(&shop, address, "-tls1_2", &[]);
    assert!(said.contains("alert protocol version"), "{said}");
    assert_eq!(server.join().expect("server"), [Some(Error::Incompatible("it does not speak TLS 1.3".into()))]);
}
