//! curl against a server of these parts on the loopback: pages, ranges, conditions, keep-alive. Skipped without curl.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use http::server::{Connection, ETag, FileInfo, Limits, Validators, plan_file};
use http::{Event, Fields, HttpDate, Method, Request, ResponseReader, Status, Url};

const PAGE: usize = 300_000;

fn page() -> Vec<u8> {
    (0..PAGE).map(|i| (i * 7 / 3) as u8).collect()
}

/// A server that answers everything on `/page` and nothing elsewhere; it runs until the test ends.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || serve(socket));
        }
    });
    address
}

fn serve(mut socket: TcpStream) {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut connection = Connection::new(Limits::default());
    let (mut waiting, mut buffer) = (Vec::new(), [0; 777]);
    let mut fin_sent = false;
    loop {
        let taken = connection.feed(&waiting);
        waiting.drain(..taken);
        if let Some(request) = connection.next_request() {
            answer(
                &mut connection,
                &mut socket,
                request.head.method,
                &request.head.path.relative(),
                &request.head.fields,
            );
            continue;
        }
        flush(&mut connection, &mut socket);
        if connection.should_close() && !fin_sent {
            fin_sent = socket.shutdown(std::net::Shutdown::Write).is_ok();
        }
        match socket.read(&mut buffer) {
            Ok(count) if count > 0 => waiting.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
}

fn answer(connection: &mut Connection, socket: &mut TcpStream, method: Method, path: &str, fields: &Fields) {
    let now = Some(HttpDate(1_800_000_000));
    if path != "page" {
        connection.respond_error(Status::NOT_FOUND, "There is no such page.", now).unwrap();
        return;
    }
    let page = page();
    let validators = Validators { etag: Some(ETag::strong("v1")), modified: Some(HttpDate(1_700_000_000)) };
    let info = FileInfo { length: page.len() as u64, content_type: "application/octet-stream", validators };
    let (reply, bytes) = plan_file(method, fields, &info);
    connection.respond(&reply, now).unwrap();
    let mut rest = &page[bytes.start as usize..bytes.end as usize];
    while connection.body_left() > 0 {
        let taken = connection.write_body(rest);
        rest = &rest[taken..];
        flush(connection, socket);
    }
}

fn flush(connection: &mut Connection, socket: &mut TcpStream) {
    let mut out = [0; 5_000];
    loop {
        let count = connection.take_output(&mut out);
        if count == 0 || socket.write_all(&out[..count]).is_err() {
            return;
        }
    }
}

/// What curl prints; `None` when there is no curl.
fn curl(arguments: &[&str]) -> Option<Vec<u8>> {
    match Command::new("curl").args(["-sS", "--max-time", "20"]).args(arguments).output() {
        Ok(output) => {
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(_) => {
            eprintln!("skipped: curl is not installed");
            None
        }
    }
}

#[test]
fn curl_gets_pages_parts_and_conditions() {
    let url = format!("http://{}/page", server());
    let Some(body) = curl(&[&url]) else { return };
    assert!(body == page());
    assert!(curl(&["-r", "1000-1999", &url]).unwrap() == page()[1_000..2_000]);
    assert!(curl(&["-r", "-7", &url]).unwrap() == page()[PAGE - 7..]);
    let status = |arguments: &[&str]| {
        let all = [&["-o", "/dev/null", "-w", "%{http_code} %{num_connects} %{size_download}"], arguments].concat();
        String::from_utf8(curl(&all).unwrap()).unwrap()
    };
    assert_eq!(status(&["-r", "400000-", &url]), "416 1 0");
    assert_eq!(status(&["-H", "If-None-Match: \"v1\"", &url]), "304 1 0");
    assert_eq!(status(&["-z", "Tue, 14 Nov 2023 22:13:20 GMT", &url]), "304 1 0");
    assert_eq!(status(&["-z", "Tue, 14 Nov 2023 22:13:19 GMT", &url]), "200 1 300000");
    assert_eq!(status(&["-I", &url]), "200 1 0");
    assert_eq!(status(&["-0", &url]), "200 1 300000");
    assert!(status(&["--path-as-is", &format!("{url}/../../../etc/passwd")]).starts_with("400 1 "));
    assert!(status(&["-d", "body", &url]).starts_with("405 1 "));
    assert!(status(&["-H", &format!("X: {}", "y".repeat(9_000)), &url]).starts_with("431 1 "));
    assert!(status(&["-H", "Transfer-Encoding: chunked", "-d", "x", "-X", "GET", &url]).starts_with("200 1 "));
}

#[test]
fn curl_keeps_its_connection() {
    let address = server();
    let (one, two) = (format!("http://{address}/page"), format!("http://{address}/none"));
    let Some(said) = curl(&[
        "-o",
        "/dev/null",
        "-o",
        "/dev/null",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{num_connects}\n",
        &one,
        &two,
        &one,
    ]) else {
        return;
    };
    assert_eq!(String::from_utf8(said).unwrap(), "200 1\n404 0\n200 0\n");
}

#[test]
fn the_client_of_this_crate_gets_the_page_too() {
    let url = Url::parse(&format!("http://{}/page", server())).unwrap();
    let mut socket = TcpStream::connect((url.host().to_string(), url.port())).unwrap();
    let request = Request { method: Method::Get, url: &url, fields: &Fields::new(), body_length: None };
    socket.write_all(&request.write()).unwrap();
    let mut reader = ResponseReader::new(Method::Get);
    let (mut body, mut buffer) = (Vec::new(), [0; 1_234]);
    'answer: loop {
        let count = socket.read(&mut buffer).unwrap();
        let mut at = 0;
        loop {
            let (taken, event) = reader.next(&buffer[at..count]).unwrap();
            at += taken;
            match event {
                Event::Head => assert_eq!(reader.head().unwrap().length, Some(PAGE as u64)),
                Event::Body(piece) => body.extend_from_slice(piece),
                Event::End => break 'answer,
                Event::NeedMore => break,
            }
        }
    }
    assert!(body == page());
}
