//! Broken input: flights that are changed, cut, repeated or mixed. Nothing may panic, hang or open a connection that was
//! tampered with. Counts are fixed and seeds too, so that a failure repeats.

mod support;

use support::*;
use tls::{Certificate, Connection, Error, State};

/// One way of breaking bytes.
fn mutate(prng: &mut Prng, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..1 + prng.below(3) {
        let at = prng.below(out.len());
        match prng.below(7) {
            0 if !out.is_empty() => out[at] ^= 1 << prng.below(8),
            1 if !out.is_empty() => out[at] = prng.next() as u8,
            2 => out.truncate(at),
            3 => out.insert(at.min(out.len()), prng.next() as u8),
            4 if !out.is_empty() => drop(out.remove(at)),
            5 => {
                let end = (at + prng.below(64)).min(out.len());
                let copy = out[at.min(end)..end].to_vec();
                out.splice(at..at, copy);
            }
            _ => {
                let end = (at + 4).min(out.len());
                out[at.min(end)..end].fill(if prng.below(2) == 0 { 0 } else { 0xff });
            }
        }
    }
    out
}

/// Feeds bytes in pieces and works them off; gives up when the connection takes no more.
fn drive(prng: &mut Prng, connection: &mut Connection, bytes: &[u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + 1 + prng.below(700));
        let taken = connection.feed(&bytes[at..end]);
        at += taken;
        settle(connection);
        if taken == 0 {
            break;
        }
    }
    settle(connection);
    let had_error = connection.error().cloned();
    assert_eq!(connection.state() == State::Failed, had_error.is_some());
    if let Some(error) = had_error {
        assert!((1045..=1046).contains(&error.code()) && !error.to_string().contains('\n'), "{error:?}");
    }
}

#[test]
fn changed_client_flights_fail_cleanly() {
    let crypto = crypto();
    let (client, server) = (client_config(&crypto), server_config(&crypto, P256));
    let mut prng = Prng(1);
    for _ in 0..2_500 {
        let mut pair = Pair::new(&client, &server);
        settle(&mut pair.client);
        settle(&mut pair.server);
        let hello = mutate(&mut prng, &output(&mut pair.client));
        drive(&mut prng, &mut pair.server, &hello);
        assert_ne!(pair.server.state(), State::Open, "the client has not finished");
    }
}

#[test]
fn changed_server_flights_never_open_a_connection() {
    let crypto = crypto();
    let (client, server) = (client_config(&crypto), server_config(&crypto, P256));
    let mut prng = Prng(2);
    for _ in 0..1_500 {
        let mut pair = Pair::new(&client, &server);
        settle(&mut pair.client);
        settle(&mut pair.server);
        let hello = output(&mut pair.client);
        drive(&mut prng, &mut pair.server, &hello);
        let flight = output(&mut pair.server);
        let broken = mutate(&mut prng, &flight);
        drive(&mut prng, &mut pair.client, &broken);
        if pair.client.state() == State::Open {
            // Only what lies outside the handshake's own records may differ: a compatibility record that TLS 1.3 ignores,
            // or something behind the flight.
            assert!(broken.starts_with(&flight) || differs_only_in_plain_headers(&flight, &broken), "{broken:x?}");
        }
    }
}

/// ServerHello's record and ChangeCipherSpec are not sealed: their record version, and repetitions of the latter, are
/// ignored by RFC 8446 §5.1 and §5.
fn differs_only_in_plain_headers(one: &[u8], other: &[u8]) -> bool {
    let essence = |flight: &[u8]| {
        let (mut records, mut rest) = (Vec::new(), flight);
        while let [kind, _, _, high, low, tail @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(tail.len());
            if *kind != 20 {
                records.push((*kind, tail[..length].to_vec()));
            }
            rest = &tail[length..];
        }
        records
    };
    let (one, other) = (essence(one), essence(other));
    other.len() >= one.len() && other[..one.len()] == one[..]
}

#[test]
fn changed_records_of_an_open_connection_are_noticed() {
    let crypto = crypto();
    let (client, server) = (client_config(&crypto), server_config(&crypto, P256));
    let mut prng = Prng(3);
    for _ in 0..1_500 {
        let mut pair = Pair::new(&client, &server);
        pair.settle(1 << 14);
        pair.client.write(b"the first record").unwrap();
        pair.client.write(b"the second record").unwrap();
        let broken = mutate(&mut prng, &output(&mut pair.client));
        drive(&mut prng, &mut pair.server, &broken);
        let text = read_all(&mut pair.server);
        assert!(b"the first recordthe second record".starts_with(&text[..]), "{}", String::from_utf8_lossy(&text));
        pair.server.peer_ended();
        settle(&mut pair.server);
        assert!(pair.server.error().is_some(), "there was no close_notify");
    }
}

#[test]
fn a_flight_cut_anywhere_waits_and_then_reports_the_end() {
    let crypto = crypto();
    let (client, server) = (client_config(&crypto), server_config(&crypto, ED25519));
    let mut pair = Pair::new(&client, &server);
    settle(&mut pair.client);
    settle(&mut pair.server);
    let hello = output(&mut pair.client);
    for at in 0..hello.len() {
        let mut server = Connection::server(&server);
        settle(&mut server);
        server.feed(&hello[..at]);
        settle(&mut server);
        assert_eq!(server.state(), State::Handshaking);
        server.peer_ended();
        assert_eq!(server.process(), Err(Error::ClosedInHandshake), "cut at {at}");
    }
}

#[test]
fn endless_rubbish_is_bounded() {
    let crypto = crypto();
    let mut server = Connection::server(&server_config(&crypto, P256));
    settle(&mut server);
    // A handshake message that announces 16 MiB, in valid records.
    let mut record = vec![22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    for _ in 0..64 {
        server.feed(&record);
        settle(&mut server);
    }
    assert_eq!(server.state(), State::Failed);
    // Empty records, which carry nothing.
    let mut server = Connection::server(&server_config(&crypto, P256));
    settle(&mut server);
    for _ in 0..10_000 {
        server.feed(&[22, 3, 1, 0, 0]);
        settle(&mut server);
    }
    assert_eq!(server.state(), State::Failed);
}

#[test]
fn readers_of_files_take_anything() {
    let mut prng = Prng(4);
    let der = tls::parse_pem(P256.0).unwrap().remove(0).contents;
    for _ in 0..20_000 {
        let broken = mutate(&mut prng, &der);
        if let Some(certificate) = Certificate::from_der(&broken) {
            assert!(!certificate.subject.to_string().contains('\n'));
        }
        let _ = tls::parse_pem(&mutate(&mut prng, P256.0));
    }
    for _ in 0..500 {
        let _ = tls::Roots::new().add(&mutate(&mut prng, CA));
        let _ = tls::Identity::from_files(&mutate(&mut prng, P256.0), &mutate(&mut prng, P256.1));
    }
}
