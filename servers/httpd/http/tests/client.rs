//! Stories of a client's reader: where an answer ends, and what is none.

use http::{BodyError, Event, FieldError, Method, ResponseError, ResponseReader, Status};

/// Reads an answer cut into pieces: body, bytes used, and whether it ended by itself.
fn read(method: Method, answer: &[u8], cut: usize) -> Result<(ResponseReader, Vec<u8>, usize, bool), ResponseError> {
    let mut reader = ResponseReader::new(method);
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let end = (at + cut).min(answer.len());
        let (taken, event) = reader.next(&answer[at..end])?;
        at += taken;
        match event {
            Event::Body(piece) => body.extend_from_slice(piece),
            Event::End => return Ok((reader, body, at, true)),
            Event::Head => assert!(reader.head().is_some()),
            Event::NeedMore if at == answer.len() => {
                reader.end_of_stream()?;
                return Ok((reader, body, at, false));
            }
            Event::NeedMore => {}
        }
    }
}

/// The same at every cut; the body as text and what is left of the input.
fn whole(method: Method, answer: &str) -> (u16, String, usize) {
    let results: Vec<_> = (1..=answer.len())
        .map(|cut| {
            let (reader, body, used, _) =
                read(method, answer.as_bytes(), cut).unwrap_or_else(|e| panic!("{answer:?}: {e}"));
            (reader.head().unwrap().status.0, String::from_utf8(body).unwrap(), answer.len() - used)
        })
        .collect();
    assert!(results.iter().all(|r| *r == results[0]), "cuts matter: {answer:?}");
    results[0].clone()
}

fn wrong(answer: &str) -> ResponseError {
    let errors: Vec<_> =
        (1..=answer.len()).map(|cut| read(Method::Get, answer.as_bytes(), cut).map(drop).unwrap_err()).collect();
    assert!(errors.iter().all(|e| *e == errors[0]), "cuts matter: {answer:?}");
    assert_eq!(errors[0].code(), 1047);
    errors[0]
}

#[test]
fn a_body_ends_by_length_by_chunks_or_with_the_connection() {
    for (answer, body, rest) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", "hello", 4),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx", "", 1),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhello", "hello", 0),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\nx",
            "hello",
            1,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\nContent-Length: 99\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "hello",
            0,
        ),
        ("HTTP/1.0 200 OK\r\n\r\nhello", "hello", 0),
        ("HTTP/1.1 200\r\n\r\nhello", "hello", 0),
        ("HTTP/1.1 200 \nX: y\n\nhello", "hello", 0),
        ("\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "no", 0),
    ] {
        let (_, text, left) = whole(Method::Get, answer);
        assert_eq!((text.as_str(), left), (body, rest), "{answer:?}");
    }
}

#[test]
fn some_answers_never_have_a_body() {
    for (method, answer) in [
        (Method::Head, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        (Method::Head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (Method::Get, "HTTP/1.1 204 No Content\r\n\r\n"),
        (Method::Get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"),
    ] {
        assert_eq!(whole(method, &format!("{answer}next")), (whole(method, answer).0, String::new(), 4));
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(whole(Method::Get, answer), (200, "ok".into(), 0));
    assert_eq!(wrong(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(9)), ResponseError::Interim);
    assert_eq!(wrong("HTTP/1.1 101 Switching\r\n\r\n"), ResponseError::Interim);
}

#[test]
fn the_head_tells_what_is_coming() {
    let (reader, ..) =
        read(Method::Get, b"HTTP/1.1 206 Partial\x07 Content\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabc", 99).unwrap();
    let head = reader.head().unwrap();
    assert_eq!(
        (head.status, head.reason.as_str(), head.length),
        (Status::PARTIAL_CONTENT, "Partial  Content", Some(3))
    );
    assert_eq!(head.fields.get("x-a"), Some("b"));
}

#[test]
fn a_connection_is_used_again_only_when_the_end_is_beyond_doubt() {
    for (answer, reuse) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\n\r\n", false),
    ] {
        assert_eq!(read(Method::Get, answer.as_bytes(), 99).unwrap().0.can_reuse(), reuse, "{answer:?}");
    }
}

#[test]
fn what_is_no_answer_is_named() {
    use ResponseError as E;
    for (answer, error) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", E::NotHttp),
        ("HTTP/2 200 OK\r\n\r\n", E::NotHttp),
        ("HTTP/1.1 20 OK\r\n\r\n", E::NotHttp),
        ("HTTP/1.1 2000 OK\r\n\r\n", E::NotHttp),
        ("HTTP/1.1  200 OK\r\n\r\n", E::NotHttp),
        ("HTTP/1.1 099 OK\r\n\r\n", E::NotHttp),
        ("\n\n\n", E::NotHttp),
        ("HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n", E::Field(FieldError::Folded)),
        ("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", E::Field(FieldError::Name)),
        ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", E::LineEnd),
        ("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n", E::Length),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", E::Length),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello", E::Length),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", E::TransferCoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", E::TransferCoding),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", E::TransferCoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello", E::Body(BodyError::ChunkSize)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello", E::Body(BodyError::ChunkEnd)),
    ] {
        assert_eq!(wrong(answer), error, "{answer:?}");
    }
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(40_000));
    assert_eq!(read(Method::Get, long.as_bytes(), 1_000).map(drop), Err(E::HeadTooLong));
}

#[test]
fn an_answer_that_was_cut_says_how_much_is_missing() {
    let cut = |missing| ResponseError::Truncated { missing };
    assert_eq!(wrong("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), cut(Some(5)));
    assert_eq!(wrong("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), cut(None));
    assert_eq!(wrong("HTTP/1.1 200 OK\r\nContent-Le"), cut(None));
    let mut silent = ResponseReader::new(Method::Get);
    assert_eq!(silent.end_of_stream(), Err(cut(None)));
    assert_eq!(silent.next(b"HTTP/1.1 200 OK\r\n\r\n"), Err(cut(None)), "an error is final");
}
