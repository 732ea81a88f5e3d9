//! Broken input for every reader: no panic, no growth, and cuts never matter. Fixed seeds, fixed counts.

use http::server::{Connection, Limits, Phase, Reply, RequestPath, content_type};
use http::{Event, HttpDate, Method, ResponseReader, Status, Url};

/// A generator of test data (splitmix64).
struct Prng(u64);

impl Prng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Pieces that mean something to HTTP: more telling than random bytes.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b"\0",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Host: b\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"%2e%2e/",
    b"%00",
    b"..",
    b"//",
    b"\\",
    b"\xff",
    b"Expect: 100-continue\r\n",
    b"Range: bytes=0-1\r\n",
];

fn mutate(prng: &mut Prng, seed: &[u8]) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..1 + prng.below(4) {
        let at = prng.below(out.len() + 1);
        match prng.below(6) {
            0 if at < out.len() => out[at] ^= 1 << prng.below(8),
            1 if at < out.len() => drop(out.remove(at)),
            2 => out.truncate(at),
            3 => out.insert(at, prng.next() as u8),
            4 => drop(out.splice(at..at, WORDS[prng.below(WORDS.len())].iter().copied()).collect::<Vec<_>>()),
            _ => {
                let end = (at + prng.below(20)).min(out.len());
                let copy = out[at..end].to_vec();
                let to = prng.below(out.len() + 1);
                out.splice(to..to, copy);
            }
        }
    }
    out
}

const REQUESTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"GET /x/../y%20z?q=1 HTTP/1.1\r\nHost: a.test:8080\r\nRange: bytes=1-2\r\nConnection: keep-alive\r\n\r\nHEAD / HTTP/1.0\r\n\r\n",
    b"HEAD http://a.test/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
];

/// Everything that a server's connection does with these bytes: requests and what it sends, each answered the same way.
fn serve(input: &[u8], mut cut: impl FnMut() -> usize) -> (Vec<String>, Vec<u8>) {
    let mut connection = Connection::new(Limits { requests: 5, ..Limits::default() });
    let (mut requests, mut sent, mut at) = (Vec::new(), Vec::new(), 0);
    while at < input.len() {
        let end = (at + cut().max(1)).min(input.len());
        let taken = connection.feed(&input[at..end]);
        at += taken;
        if let Some(request) = connection.next_request() {
            assert!(
                request
                    .head
                    .path
                    .names()
                    .iter()
                    .all(|n| !n.is_empty() && n != ".." && n != "." && !n.contains(['/', '\\', ':', '\0']))
            );
            requests.push(format!("{request:?}"));
            connection.respond_with(&Reply::new(Status::OK, "text/plain", 2), b"ok", None).unwrap();
        } else {
            assert!(taken > 0, "no progress");
        }
        let mut out = vec![0; connection.output_len()];
        connection.take_output(&mut out);
        sent.extend(out);
    }
    assert!(requests.len() <= 5);
    assert_ne!(connection.phase(), Phase::Ready);
    (requests, sent)
}

#[test]
fn requests_mean_the_same_at_every_cut() {
    for seed in REQUESTS {
        let whole = serve(seed, || usize::MAX / 2);
        assert!(!whole.1.is_empty());
        for cut in 1..seed.len() {
            let mut first = Some(cut);
            assert_eq!(serve(seed, || first.take().unwrap_or(seed.len())), whole, "cut at {cut}");
            assert_eq!(serve(seed, || cut), whole, "pieces of {cut}");
        }
    }
}

#[test]
fn broken_requests_mean_the_same_however_they_are_cut() {
    let mut prng = Prng(11);
    for round in 0..60_000 {
        let input = mutate(&mut prng, REQUESTS[round % REQUESTS.len()]);
        let whole = serve(&input, || usize::MAX / 2);
        let limit = 1 + prng.below(9);
        let mut cuts = Prng(round as u64);
        let pieces = serve(&input, || 1 + cuts.below(limit));
        assert_eq!(whole, pieces, "{}", String::from_utf8_lossy(&input));
    }
}

const ANSWERS: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.0 404 Not Found\nServer: x\n\n<html>",
    b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
];

/// Head, body and outcome of an answer.
fn receive(input: &[u8], mut cut: impl FnMut() -> usize) -> (Option<String>, Vec<u8>, String) {
    let mut reader = ResponseReader::new(Method::Get);
    let (mut body, mut at) = (Vec::new(), 0);
    let outcome = loop {
        let end = (at + cut().max(1)).min(input.len());
        match reader.next(&input[at..end]) {
            Err(error) => break format!("{error}"),
            Ok((_, Event::End)) => break "end".into(),
            Ok((taken, event)) => {
                at += taken;
                match event {
                    Event::Body(piece) => body.extend_from_slice(piece),
                    Event::NeedMore if at == input.len() => break format!("{:?}", reader.end_of_stream()),
                    Event::NeedMore => assert!(taken > 0, "no progress"),
                    Event::Head | Event::End => {}
                }
            }
        }
    };
    assert!(body.len() <= input.len());
    (reader.head().map(|h| format!("{h:?}")), body, outcome)
}

#[test]
fn broken_answers_mean_the_same_however_they_are_cut() {
    let mut prng = Prng(12);
    for round in 0..60_000 {
        let input = mutate(&mut prng, ANSWERS[round % ANSWERS.len()]);
        let whole = receive(&input, || usize::MAX / 2);
        let limit = 1 + prng.below(9);
        let mut cuts = Prng(round as u64);
        assert_eq!(whole, receive(&input, || 1 + cuts.below(limit)), "{}", String::from_utf8_lossy(&input));
    }
}

#[test]
fn texts_of_all_kinds_are_read_without_a_panic_and_urls_stay_what_they_are() {
    let mut prng = Prng(13);
    let seeds = [
        "http://a.test:80/b/../c?d#e",
        "https://10.0.2.2/%41",
        "//b.test/x",
        "/a/./b//c/..%2f",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "../../x?y",
    ];
    let base = Url::parse("http://base.test/dir/file?q").unwrap();
    for round in 0..60_000 {
        let bytes = mutate(&mut prng, seeds[round % seeds.len()].as_bytes());
        let text = String::from_utf8_lossy(&bytes);
        for url in [Url::parse(&text), base.resolve(&text)].into_iter().flatten() {
            let plain = url.to_string();
            assert!(plain.bytes().all(|b| b.is_ascii_graphic()), "{plain}");
            assert_eq!(Url::parse(&plain).as_ref(), Ok(&url), "{plain} is plain already");
            let path = url.target();
            let path = path.split('?').next().unwrap();
            assert!(path.starts_with('/') && !path.split('/').any(|name| name == ".." || name == "."), "{path}");
        }
        if let Ok(path) = RequestPath::parse(&text) {
            assert!(!path.relative().contains(':') && !path.relative().starts_with('/'));
        }
        if let Some(date) = HttpDate::parse(&text) {
            assert_eq!(date.to_string(), text);
        }
        content_type(&text);
    }
}
