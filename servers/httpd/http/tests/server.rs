//! Stories of a server's connection: what is answered, what is refused, and when the connection ends.

use http::server::{Connection, Limits, NotNow, Phase, Reply};
use http::{HttpDate, Method, Status};

const NOW: Option<HttpDate> = Some(HttpDate(784_111_777));

fn output(connection: &mut Connection) -> String {
    let mut out = vec![0; connection.output_len()];
    let count = connection.take_output(&mut out);
    assert_eq!(count, out.len());
    String::from_utf8(out).unwrap()
}

/// Feeds a request and gives the status line of what comes back without anybody answering.
fn refused(request: &[u8]) -> String {
    let mut connection = Connection::new(Limits::default());
    assert_eq!(connection.feed(request), request.len());
    assert!(connection.next_request().is_none(), "{}", String::from_utf8_lossy(request));
    let answer = output(&mut connection);
    assert!(connection.should_close());
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.contains("<!DOCTYPE html>"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    answer.lines().next().unwrap().into()
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n").into_bytes()
}

/// A request with these lines behind the first two.
fn with(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n").into_bytes()
}

#[test]
fn a_request_is_answered_and_the_connection_stays() {
    let mut connection = Connection::new(Limits::default());
    assert_eq!(connection.phase(), Phase::Idle);
    for round in 0..3 {
        let request = get("/x%20y?q");
        assert_eq!(connection.feed(&request), request.len());
        assert_eq!(connection.phase(), Phase::Ready);
        let request = connection.next_request().unwrap();
        assert!(connection.next_request().is_none(), "each only once");
        assert_eq!((request.head.method, request.head.path.relative().as_str()), (Method::Get, "x y"));
        assert_eq!((request.head.target.as_str(), request.head.path.query.as_deref()), ("/x%20y?q", Some("q")));
        connection.respond_with(&Reply::new(Status::OK, "text/plain", 5), b"hello", NOW).unwrap();
        let answer = output(&mut connection);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), "{answer}");
        assert!(answer.ends_with("Content-Length: 5\r\n\r\nhello"), "round {round}: {answer}");
        assert_eq!((connection.phase(), connection.should_close()), (Phase::Idle, false));
    }
}

#[test]
fn whether_the_connection_stays_is_the_clients_wish() {
    for (request, stays, says) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, None),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false, Some("close")),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", true, None),
        ("GET / HTTP/1.0\r\n\r\n", false, Some("close")),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, Some("keep-alive")),
        ("GET / HTTP/1.7\r\nHost: a\r\n\r\n", true, None),
    ] {
        let mut connection = Connection::new(Limits::default());
        connection.feed(request.as_bytes());
        connection.next_request().expect(request);
        connection.respond_with(&Reply::new(Status::OK, "text/plain", 0), b"", None).unwrap();
        let answer = output(&mut connection);
        assert_eq!(connection.should_close(), !stays, "{request}");
        let said = answer.lines().find_map(|l| l.strip_prefix("Connection: "));
        assert_eq!(said, says, "{request}");
        assert!(!answer.contains("Date:"), "no clock, no date");
    }
}

#[test]
fn pipelined_requests_wait_for_their_turn() {
    let mut connection = Connection::new(Limits::default());
    let both = [get("/one"), get("/two")].concat();
    let first = connection.feed(&both);
    assert_eq!(first, both.len() / 2);
    assert_eq!(connection.feed(&both[first..]), 0, "the second waits outside");
    assert_eq!(connection.next_request().unwrap().head.path.relative(), "one");
    assert_eq!(connection.feed(&both[first..]), 0);
    connection.respond_error(Status::NOT_FOUND, "There is no such page.", NOW).unwrap();
    assert_eq!(connection.feed(&both[first..]), both.len() - first);
    assert_eq!(connection.next_request().unwrap().head.path.relative(), "two");
    assert!(output(&mut connection).starts_with("HTTP/1.1 404 Not Found\r\n"));
}

#[test]
fn head_announces_and_does_not_send() {
    let mut connection = Connection::new(Limits::default());
    connection.feed(b"HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.next_request().unwrap();
    connection.respond(&Reply::new(Status::OK, "text/plain", 1 << 40), NOW).unwrap();
    let answer = output(&mut connection);
    assert!(answer.contains("Content-Length: 1099511627776") && answer.ends_with("\r\n\r\n"));
    assert_eq!((connection.phase(), connection.body_left()), (Phase::Idle, 0));
}

#[test]
fn a_large_body_goes_out_in_pieces_and_never_longer_than_announced() {
    let mut connection = Connection::new(Limits::default());
    connection.feed(&get("/big"));
    connection.next_request().unwrap();
    connection.respond(&Reply::new(Status::OK, "text/plain", 200_000), NOW).unwrap();
    let piece = [b'x'; 50_000];
    let (mut sent, mut received) = (0, output(&mut connection).len());
    let head = received;
    while connection.body_left() > 0 {
        let taken = connection.write_body(&piece);
        sent += taken;
        if taken == 0 {
            let mut out = [0; 3_000];
            received += connection.take_output(&mut out);
        }
        assert!(connection.output_len() <= Limits::default().output);
    }
    assert_eq!(connection.write_body(&piece), 0);
    received += output(&mut connection).len();
    assert_eq!((sent, received), (200_000, head + 200_000));
    assert_eq!(connection.phase(), Phase::Idle);
}

#[test]
fn an_answer_that_cannot_be_finished_ends_the_connection() {
    let mut connection = Connection::new(Limits::default());
    connection.feed(&get("/shrunk"));
    connection.next_request().unwrap();
    connection.respond(&Reply::new(Status::OK, "text/plain", 100), NOW).unwrap();
    connection.write_body(b"only this");
    connection.abort();
    assert!(connection.should_close());
    assert_eq!(connection.respond(&Reply::new(Status::OK, "text/plain", 0), NOW), Err(NotNow));
}

#[test]
fn answers_without_a_request_are_a_mistake_of_the_caller() {
    let mut connection = Connection::new(Limits::default());
    let reply = Reply::new(Status::OK, "text/plain", 0);
    assert_eq!(connection.respond(&reply, NOW), Err(NotNow));
    connection.feed(&get("/"));
    assert_eq!(connection.respond(&reply, NOW), Err(NotNow), "not handed out yet");
    connection.next_request().unwrap();
    assert_eq!(connection.respond(&reply, NOW), Ok(()));
    assert_eq!(connection.respond(&reply, NOW), Err(NotNow));
}

#[test]
fn time_limits_depend_on_where_it_stands() {
    let mut idle = Connection::new(Limits::default());
    idle.timed_out();
    assert!(idle.should_close());
    assert_eq!(output(&mut idle), "");

    let mut slow = Connection::new(Limits::default());
    slow.feed(b"GET / HT");
    assert_eq!(slow.phase(), Phase::Reading);
    slow.timed_out();
    assert!(output(&mut slow).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    assert!(slow.should_close());
    assert_eq!(slow.feed(b"TP/1.1\r\n\r\n"), 10, "what still comes is dropped, so that nothing is reset");

    let mut stuck = Connection::new(Limits::default());
    stuck.feed(&get("/"));
    stuck.next_request().unwrap();
    stuck.timed_out();
    assert!(stuck.should_close());
}

#[test]
fn a_client_that_stops_sending_still_gets_its_answer() {
    let mut connection = Connection::new(Limits::default());
    connection.feed(&get("/"));
    connection.peer_ended();
    connection.next_request().unwrap();
    connection.respond_with(&Reply::new(Status::OK, "text/plain", 2), b"ok", NOW).unwrap();
    assert!(output(&mut connection).ends_with("ok"));
    assert!(connection.should_close());
    let mut partial = Connection::new(Limits::default());
    partial.feed(b"GET /");
    partial.peer_ended();
    assert!(partial.should_close() && output(&mut partial).is_empty());
}

#[test]
fn a_connection_serves_only_so_many_requests() {
    let mut connection = Connection::new(Limits { requests: 2, ..Limits::default() });
    for last in [false, true] {
        connection.feed(&get("/"));
        connection.next_request().unwrap();
        connection.respond_with(&Reply::new(Status::OK, "text/plain", 0), b"", NOW).unwrap();
        assert_eq!(output(&mut connection).contains("Connection: close"), last);
        assert_eq!(connection.should_close(), last);
    }
}

#[test]
fn bounds_have_their_own_statuses() {
    assert_eq!(refused(&get(&("/".to_owned() + &"x".repeat(5_000)))), "HTTP/1.1 414 URI Too Long");
    assert_eq!(
        refused(&with(&format!("X: {}\r\n", "y".repeat(9_000)))),
        "HTTP/1.1 431 Request Header Fields Too Large"
    );
    assert_eq!(refused(&with(&"X: y\r\n".repeat(101))), "HTTP/1.1 431 Request Header Fields Too Large");
    let post = |length: u64| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    assert_eq!(refused(&post(5)), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(refused(&post(1 << 40)), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(refused(&with("Content-Length: 65537\r\n")), "HTTP/1.1 413 Content Too Large");
    let endless = [
        with("Transfer-Encoding: chunked\r\n"),
        b"8000\r\n".to_vec(),
        vec![0; 0x8000],
        b"\r\n8001\r\n".to_vec(),
        vec![0; 0x8001],
    ]
    .concat();
    assert_eq!(refused(&endless), "HTTP/1.1 413 Content Too Large");
}

#[test]
fn methods_and_versions_have_their_own_statuses() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "get"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(refused(request.as_bytes()), "HTTP/1.1 405 Method Not Allowed", "{method}");
    }
    let mut connection = Connection::new(Limits::default());
    connection.feed(b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(output(&mut connection).contains("\r\nAllow: GET, HEAD\r\n"));
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.1"] {
        let request = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(refused(request.as_bytes()), "HTTP/1.1 505 HTTP Version Not Supported", "{version}");
    }
}

#[test]
fn what_is_no_request_is_bad() {
    for request in [
        &b"GET /\r\n\r\n"[..],
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / http/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/11\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.x\r\nHost: a\r\n\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /../etc HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    ] {
        assert_eq!(refused(request), "HTTP/1.1 400 Bad Request", "{}", String::from_utf8_lossy(request));
    }
}

#[test]
fn what_two_readers_could_understand_in_two_ways_is_bad() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length : 5\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\r\n\tfolded\r\n",
        "X: y\rContent-Length: 5\r\n",
        "X: y\nContent-Length: 5\r\n",
        "X: y\0\r\n",
        "X\0: y\r\n",
        ": y\r\n",
        "X\r\n",
        "X: y\r\r\n",
    ] {
        assert_eq!(refused(&with(lines)), "HTTP/1.1 400 Bad Request", "{lines:?}");
    }
    assert_eq!(refused(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(refused(b"GET / HTTP/1.1\nHost: a\n\n"), "HTTP/1.1 400 Bad Request");
    for chunk in [
        "g\r\n",
        "\r\n",
        "5\nhello\r\n",
        "5;\nhello\r\n",
        "3\r\nhello\r\n",
        "-0\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0 1\r\n\r\n",
    ] {
        let request = [with("Transfer-Encoding: chunked\r\n"), chunk.into()].concat();
        assert_eq!(refused(&request), "HTTP/1.1 400 Bad Request", "{chunk:?}");
    }
}

#[test]
fn bodies_are_read_so_that_what_follows_is_not_taken_for_a_request() {
    for body in [&b"Content-Length: 5\r\n\r\nGET /"[..], b"Transfer-Encoding: Chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n"] {
        let mut connection = Connection::new(Limits::default());
        let request = [b"GET /one HTTP/1.1\r\nHost: a\r\n", body, &get("/two")].concat();
        let taken = connection.feed(&request);
        let one = connection.next_request().unwrap();
        assert_eq!((one.head.path.relative().as_str(), &one.body[..]), ("one", &b"GET /"[..]));
        connection.respond_with(&Reply::new(Status::OK, "text/plain", 0), b"", NOW).unwrap();
        connection.feed(&request[taken..]);
        assert_eq!(connection.next_request().unwrap().head.path.relative(), "two");
    }
}

#[test]
fn a_client_that_asks_before_its_body_is_told_to_go_on() {
    let mut connection = Connection::new(Limits { methods: &[Method::Post], ..Limits::default() });
    connection.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n");
    assert_eq!(output(&mut connection), "HTTP/1.1 100 Continue\r\n\r\n");
    connection.feed(b"ok");
    assert_eq!(connection.next_request().unwrap().body, b"ok");
    let odd = b"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n";
    assert_eq!(refused(odd), "HTTP/1.1 417 Expectation Failed");
}

#[test]
fn a_proxys_form_of_the_target_is_understood() {
    for (target, path) in [("http://a.test/x", "x"), ("HTTP://a.test:80", ""), ("https://a.test/x?y", "x")] {
        let mut connection = Connection::new(Limits::default());
        connection.feed(&get(target));
        assert_eq!(connection.next_request().expect(target).head.path.relative(), path);
    }
}
