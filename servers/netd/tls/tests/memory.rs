//! Client and server of this crate against each other, in memory.

mod support;

use std::sync::Arc;

use support::*;
use tls::{
    Aes, Certificate, ClientConfig, ClientOptions, Connection, Crypto, Error, Identity, IdentityError, NoEntropy,
    Progress, Reason, Roots, ServerConfig, ServerName, ServerOptions, State, Trust, UnixTime,
};

#[test]
fn a_handshake_opens_both_ends_and_says_with_whom() {
    let crypto = crypto();
    for identity in [P256, ED25519] {
        let mut pair = Pair::new(&client_config(&crypto), &server_config(&crypto, identity));
        pair.settle(1 << 14);
        assert_eq!((pair.client.state(), pair.server.state()), (State::Open, State::Open));
        let summary = pair.client.summary().unwrap();
        assert!(summary.to_string().starts_with("TLS 1.3, certificate of \"Test CA\", valid to 203"), "{summary}");
        assert_eq!((summary.suite, summary.group, summary.resumed), ("AES-128-GCM", "X25519", false));
        assert_eq!(summary.protocol.as_deref(), Some("http/1.1"));
        let certificate = summary.certificate.as_ref().unwrap();
        assert_eq!(certificate.names, ["server.test", "*.wild.test", "10.0.2.2"]);
        assert_eq!(certificate.subject.to_string(), "server.test");
        assert!(!certificate.is_authority && !certificate.is_self_issued);
    }
}

#[test]
fn without_aes_instructions_chacha20_comes_first() {
    let slow = crypto_at(Some(NOW), Aes::Software);
    let mut pair = Pair::new(&client_config(&slow), &server_config(&slow, P256));
    pair.settle(1 << 14);
    assert_eq!(pair.client.summary().unwrap().suite, "ChaCha20-Poly1305");
}

#[test]
fn wildcards_and_addresses_are_names_too() {
    let crypto = crypto();
    for to in ["a.wild.test", "10.0.2.2", "server.test."] {
        let mut pair = Pair::named(&client_config(&crypto), &server_config(&crypto, P256), to);
        pair.settle(1 << 14);
        assert_eq!(pair.client.state(), State::Open, "{to}");
    }
}

#[test]
fn data_passes_both_ways_however_the_wire_cuts_it() {
    let crypto = crypto();
    let (client, server) = (client_config(&crypto), server_config(&crypto, P256));
    let data: Vec<u8> = (0..100_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
    for step in [1, 7, 1_000, 100_000] {
        let mut pair = Pair::new(&client, &server);
        pair.settle(step);
        let (mut sent, mut received, mut back) = (0, Vec::new(), Vec::new());
        while received.len() < data.len() || back.len() < data.len() {
            let taken = pair.client.write(&data[sent..]).unwrap();
            assert_eq!(pair.server.write(&data[sent..sent + taken]).unwrap(), taken);
            sent += taken;
            pair.settle(step);
            received.extend(read_all(&mut pair.server));
            back.extend(read_all(&mut pair.client));
        }
        assert!(received == data && back == data, "step {step}");
    }
}

#[test]
fn full_buffers_hold_the_sender_back() {
    let crypto = crypto();
    let mut pair = Pair::new(&client_config(&crypto), &server_config(&crypto, P256));
    pair.settle(1 << 14);
    let megabyte = vec![7; 1 << 20];
    let taken = pair.client.write(&megabyte).unwrap();
    assert!((64 << 10..96 << 10).contains(&taken), "{taken}");
    assert_eq!(pair.client.write(&megabyte).unwrap(), 0);
    // The server's application reads nothing: what has been opened stays within its bound, the rest stays outside.
    let wire = output(&mut pair.client);
    assert_eq!(pair.server.feed(&wire), wire.len());
    settle(&mut pair.server);
    pair.client.write(&megabyte).unwrap();
    let wire = output(&mut pair.client);
    assert_eq!(pair.server.feed(&wire), wire.len());
    settle(&mut pair.server);
    assert!((64 << 10..96 << 10).contains(&pair.server.readable()));
    assert!(pair.server.feed(&wire) < wire.len());
}

#[test]
fn heavy_steps_are_announced_and_taken_one_record_at_a_time() {
    let crypto = crypto();
    let (client, server) = (client_config(&crypto), server_config(&crypto, P256));
    let mut client = Connection::client(&client, name("server.test"));
    let mut server = Connection::server(&server);
    assert!(client.needs_handshake_work(), "the first flight needs a key");
    assert_eq!(client.output_len(), 0, "which is not made by new()");
    settle(&mut client);
    assert!(!client.needs_handshake_work());
    settle(&mut server);
    let hello = output(&mut client);
    server.feed(&hello[..hello.len() - 1]);
    assert!(!server.needs_handshake_work(), "half a record is no work");
    server.feed(&hello[hello.len() - 1..]);
    assert!(server.needs_handshake_work());
    assert_eq!(server.output_len(), 0, "feed() computes nothing");
    settle(&mut server);
    let flight = output(&mut server);
    assert_eq!(client.feed(&flight), flight.len());
    assert_eq!(client.process(), Ok(Progress::More), "ServerHello is a step of its own");
    assert_eq!(client.state(), State::Handshaking);
    settle(&mut client);
    assert_eq!(client.state(), State::Open);
    assert!(!client.needs_handshake_work());
}

#[test]
fn connections_move_between_threads_and_configurations_are_shared() {
    fn moves<T: Send>() {}
    fn is_shared<T: Send + Sync + Clone>() {}
    moves::<Connection>();
    is_shared::<ClientConfig>();
    is_shared::<ServerConfig>();
    is_shared::<Crypto>();
}

#[test]
fn nothing_is_written_before_the_handshake_is_done() {
    let crypto = crypto();
    let mut client = Connection::client(&client_config(&crypto), name("server.test"));
    assert_eq!(client.write(b"secret"), Ok(0));
    settle(&mut client);
    assert_eq!(client.write(b"secret"), Ok(0));
}

#[test]
fn a_second_connection_resumes_the_first_ones_session() {
    let crypto = crypto();
    let (client, server) = (client_config(&crypto), server_config(&crypto, P256));
    for (round, resumed) in [(0, false), (1, true), (2, true)] {
        let mut pair = Pair::new(&client, &server);
        pair.settle(1 << 14);
        let summary = pair.client.summary().unwrap();
        assert_eq!(summary.resumed, resumed, "round {round}");
        assert!(summary.certificate.is_some(), "a resumed session still knows whose it is");
    }
    // Another configuration, perhaps with other roots, inherits nothing.
    let mut pair = Pair::new(&client_config(&crypto), &server);
    pair.settle(1 << 14);
    assert!(!pair.client.summary().unwrap().resumed);
}

#[test]
fn resumption_can_be_turned_off_on_either_side() {
    let crypto = crypto();
    let without = ClientOptions { sessions: 0, ..ClientOptions::default() };
    let client = ClientConfig::new(&crypto, roots(CA), without).unwrap();
    let server = server_config(&crypto, P256);
    let identity = Identity::from_files(P256.0, P256.1).unwrap();
    let no_tickets = ServerOptions { tickets: 0, ..ServerOptions::default() };
    let silent = ServerConfig::new(&crypto, &identity, no_tickets).unwrap();
    for (client, server) in [(&client, &server), (&client_config(&crypto), &silent)] {
        for _ in 0..2 {
            let mut pair = Pair::new(client, server);
            pair.settle(1 << 14);
            assert!(!pair.client.summary().unwrap().resumed);
        }
    }
}

#[test]
fn a_proper_close_is_told_from_a_cut() {
    let crypto = crypto();
    let (client, server) = (client_config(&crypto), server_config(&crypto, P256));
    let open = || {
        let mut pair = Pair::new(&client, &server);
        pair.settle(1 << 14);
        pair
    };

    let mut pair = open();
    pair.server.write(b"all of it").unwrap();
    pair.server.close_notify();
    pair.settle(1 << 14);
    pair.client.peer_ended();
    settle(&mut pair.client);
    assert_eq!((pair.client.state(), pair.client.error()), (State::PeerClosed, None));
    assert_eq!(read_all(&mut pair.client), b"all of it");
    assert_eq!(pair.server.write(b"more"), Ok(0), "after close_notify nothing is sent");
    assert_eq!(pair.client.write(b"an answer"), Ok(9), "the other half stays open");
    pair.client.close_notify();
    assert_eq!(pair.client.state(), State::Closed);
    pair.settle(1 << 14);
    assert_eq!((pair.server.state(), read_all(&mut pair.server)), (State::Closed, b"an answer".to_vec()));

    let mut pair = open();
    pair.server.write(b"half of").unwrap();
    let wire = output(&mut pair.server);
    pair.client.feed(&wire);
    pair.client.peer_ended();
    settle(&mut pair.client);
    assert_eq!((pair.client.state(), pair.client.error()), (State::Failed, Some(&Error::Truncated)));
    assert_eq!(read_all(&mut pair.client), b"half of", "what came whole can still be read");

    let mut early = Connection::client(&client, name("server.test"));
    settle(&mut early);
    early.peer_ended();
    assert_eq!(early.process(), Err(Error::ClosedInHandshake));
}

fn refusal(client: &ClientConfig, server: &ServerConfig, to: &str) -> (Error, Connection) {
    let mut pair = Pair::named(client, server, to);
    pair.settle(1 << 14);
    assert_eq!(pair.client.state(), State::Failed);
    (pair.client.error().unwrap().clone(), pair.server)
}

#[test]
fn a_certificate_that_does_not_hold_is_refused_with_the_reason() {
    let crypto = crypto();
    let server = server_config(&crypto, P256);

    let (error, server_end) = refusal(&client_config(&crypto), &server, "other.test");
    assert_eq!(error.code(), 1045);
    assert_eq!(
        error.to_string(),
        "certificate of \"server.test\", issued by \"Test CA\": it is for server.test, *.wild.test, 10.0.2.2, not for other.test"
    );
    assert_eq!(server_end.error(), Some(&Error::Alert(42)), "the server is told");

    let late = crypto_at(Some(NOW + 40 * 365 * 86_400), Aes::Hardware);
    let (error, _) = refusal(&client_config(&late), &server, "server.test");
    let Error::Certificate(problem) = &error else { panic!("{error}") };
    assert!(matches!(problem.reason, Reason::Expired { .. }));
    assert!(error.to_string().contains("expired on 203"), "{error}");
    assert!(error.to_string().contains("(today is 2066-12-22)"), "{error}");

    let early = crypto_at(Some(0), Aes::Hardware);
    let (error, _) = refusal(&client_config(&early), &server, "server.test");
    assert!(error.to_string().contains("not valid before 2026-"), "{error}");
    assert_eq!(error.code(), 1045);

    let other_root = ClientConfig::new(&crypto, roots(ED25519.0), ClientOptions::default()).unwrap();
    let (error, server_end) = refusal(&other_root, &server, "server.test");
    let Error::Certificate(problem) = &error else { panic!("{error}") };
    assert_eq!(problem.reason, Reason::UnknownIssuer);
    assert_eq!(server_end.error(), Some(&Error::Alert(48)));
}

#[test]
fn anyone_is_believed_only_when_asked_for() {
    let crypto = crypto();
    let anyone = ClientConfig::new(&crypto, Trust::Anyone, ClientOptions::default()).unwrap();
    let mut pair = Pair::named(&anyone, &server_config(&crypto, P256), "other.test");
    pair.settle(1 << 14);
    assert_eq!(pair.client.state(), State::Open);
    let none = ClientConfig::new(&crypto, Trust::Roots(Roots::new()), ClientOptions::default());
    assert!(matches!(none, Err(Error::Configuration(_))));
}

#[test]
fn without_a_clock_nothing_is_sent() {
    let crypto = crypto();
    let clockless = crypto_at(None, Aes::Hardware);
    for config in
        [client_config(&clockless), ClientConfig::new(&clockless, Trust::Anyone, ClientOptions::default()).unwrap()]
    {
        let mut client = Connection::client(&config, name("server.test"));
        assert_eq!(client.process(), Err(Error::NoClock));
        assert_eq!((client.state(), client.output_len(), Error::NoClock.code()), (State::Failed, 0, 1032));
        assert_eq!(client.process(), Err(Error::NoClock), "an error is final");
    }
    let mut server = Connection::server(&server_config(&clockless, P256));
    assert_eq!(server.process(), Err(Error::NoClock));
    drop(crypto);
}

#[test]
fn a_clock_that_fails_later_is_an_error_too() {
    let steps = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = steps.clone();
    let clock = move || (count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 1).then_some(UnixTime(NOW));
    let fading = Crypto::new(
        Arc::new(|out: &mut [u8]| {
            out.fill(3);
            Ok(())
        }),
        Arc::new(clock),
        Aes::Hardware,
    );
    let (error, _) = refusal(&client_config(&fading), &server_config(&crypto(), P256), "server.test");
    assert_eq!(error, Error::NoClock);
}

#[test]
fn without_randomness_nothing_is_sent() {
    let dry = Crypto::new(Arc::new(|_: &mut [u8]| Err(NoEntropy)), Arc::new(|| Some(UnixTime(NOW))), Aes::Hardware);
    let mut client = Connection::client(&client_config(&dry), name("server.test"));
    assert_eq!(client.process(), Err(Error::NoEntropy));
    assert_eq!((client.output_len(), Error::NoEntropy.code()), (0, 1031));
    let identity = Identity::from_files(P256.0, P256.1).unwrap();
    assert_eq!(ServerConfig::new(&dry, &identity, ServerOptions::default()).err(), Some(Error::NoEntropy));
    // Tickets off: the configuration needs no key, the first connection does.
    let server = ServerConfig::new(&dry, &identity, ServerOptions { tickets: 0, ..ServerOptions::default() }).unwrap();
    let mut pair = Pair::new(&client_config(&crypto()), &server);
    pair.settle(1 << 14);
    assert_eq!(pair.server.error(), Some(&Error::NoEntropy));
    pair.client.peer_ended();
    assert_eq!(pair.client.process(), Err(Error::ClosedInHandshake));
}

#[test]
fn randomness_may_run_dry_at_any_draw() {
    for draws in 0..12 {
        let left = std::sync::atomic::AtomicUsize::new(draws);
        let entropy = move |out: &mut [u8]| {
            use std::sync::atomic::Ordering::Relaxed;
            left.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).map_err(|_| NoEntropy)?;
            out.fill(5);
            Ok(())
        };
        let limited = Crypto::new(Arc::new(entropy), Arc::new(|| Some(UnixTime(NOW))), Aes::Hardware);
        let mut client = Connection::client(&client_config(&limited), name("server.test"));
        match client.process() {
            Ok(_) => assert!(client.output_len() > 0 && draws > 1),
            Err(error) => assert_eq!((error, client.output_len()), (Error::NoEntropy, 0)),
        }
    }
}

#[test]
fn who_does_not_speak_tls_is_told_so() {
    let crypto = crypto();
    let mut client = Connection::client(&client_config(&crypto), name("server.test"));
    settle(&mut client);
    client.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(client.process(), Err(Error::NotTls));
    let mut server = Connection::server(&server_config(&crypto, P256));
    settle(&mut server);
    server.feed(b"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n");
    assert_eq!(server.process(), Err(Error::NotTls));
    assert_eq!(Error::NotTls.code(), 1046);
}

#[test]
fn no_protocol_in_common_ends_the_connection() {
    let crypto = crypto();
    let h2 = ClientOptions { protocols: vec!["h2".into()], ..ClientOptions::default() };
    let client = ClientConfig::new(&crypto, roots(CA), h2).unwrap();
    let (error, server) = refusal(&client, &server_config(&crypto, P256), "server.test");
    assert_eq!(error, Error::Alert(120));
    assert!(matches!(server.error(), Some(Error::Incompatible(_))));
}

#[test]
fn identities_say_what_is_wrong_with_their_files() {
    let try_files = |chain: &[u8], key: &[u8]| Identity::from_files(chain, key).err();
    assert_eq!(try_files(P256.0, ED25519.1), Some(IdentityError::Mismatch));
    assert_eq!(try_files(P256.0, P256.0), Some(IdentityError::NoKey));
    assert_eq!(
        try_files(P256.0, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAQID\n-----END ENCRYPTED PRIVATE KEY-----"),
        Some(IdentityError::EncryptedKey)
    );
    assert_eq!(
        try_files(P256.0, b"-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----"),
        Some(IdentityError::UnsupportedKey)
    );
    let old = b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END EC PRIVATE KEY-----";
    assert_eq!(try_files(P256.0, old), Some(IdentityError::EncryptedKey));
    assert!(matches!(try_files(b"", P256.1), Some(IdentityError::Certificates(_))));
    let identity = Identity::from_files(P256.0, P256.1).unwrap();
    assert_eq!(identity.certificate().unwrap().subject.to_string(), "server.test");
    assert_eq!(format!("{identity:?}"), "Identity(P-256 key)", "no key in a log");
}

#[test]
fn server_names_are_names_or_addresses() {
    for good in ["server.test", "a", "xn--bcher-kva.test", "10.0.2.2", "::1"] {
        assert_eq!(ServerName::parse(good).map(|n| n.to_string()).as_deref(), Some(good));
    }
    for bad in ["", ".", "a b", "a..b", "https://a", "a/b", "büro.test", "a:443"] {
        assert!(ServerName::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn the_root_shows_itself_as_what_it_is() {
    let der = tls::parse_pem(CA).unwrap().remove(0).contents;
    let root = Certificate::from_der(&der).unwrap();
    assert!(root.is_authority && root.is_self_issued && root.names.is_empty());
    assert_eq!((root.subject.organization.as_deref(), root.issuer.to_string().as_str()), (Some("Viaether"), "Test CA"));
    let mut roots = Roots::new();
    assert_eq!(roots.add(&der), Ok(1), "DER is taken as well as PEM");
}
