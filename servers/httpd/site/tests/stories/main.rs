//! Whole connections, told by what the client sends and sees.

mod world;

use site::status::Figures;
use world::{Client, World, ask, head_of};

#[test]
fn a_page_comes_with_its_type_and_exact_length() {
    let world = World::new();
    let seen = world.visit(Client::says("GET / HTTP/1.1\r\nHost: v\r\n\r\n"));
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{seen}");
    assert!(seen.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"));
    assert!(seen.contains("\r\nContent-Length: 20\r\n"));
    assert!(seen.ends_with("\r\n\r\n<h1>The index</h1>!\n"));
    assert_eq!(world.traffic().good, 1);
    assert_eq!(world.traffic().bytes, seen.len() as u64);
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let world = World::new();
    let pipelined =
        ask("GET", "/a.txt", "") + &ask("GET", "/none", "") + &ask("HEAD", "/", "") + &ask("GET", "/b/", "");
    let whole = world.visit(Client::says(&pipelined));
    let order: Vec<usize> = ["small\n", "404 Not Found", "Content-Length: 20", "in the folder\n"]
        .into_iter()
        .map(|text| whole.find(text).unwrap_or_else(|| panic!("{text} in {whole}")))
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    assert!(!whole.contains("The index"), "HEAD has no body");
    // However the network cuts it.
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(world.visit(Client::says(&pipelined).cut(size)), whole);
    }
}

#[test]
fn a_large_file_comes_whole_and_in_parts() {
    let world = World::new();
    let body = world.file("large.bin");
    let seen = world.visit_bytes(Client::says(&ask("GET", "/large.bin", "")));
    let (head, rest) = head_of(&seen);
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
    assert!(rest == body, "the body differs");
    let part = world.visit_bytes(Client::says(&ask("GET", "/large.bin", "Range: bytes=100000-100009\r\n")));
    let (head, rest) = head_of(&part);
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    assert_eq!(rest, &body[100_000..100_010]);
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let world = World::new();
    let first = world.visit(Client::says(&ask("GET", "/a.txt", "")));
    let tag = first.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
    let again = world.visit(Client::says(&ask("GET", "/a.txt", &format!("If-None-Match: {tag}\r\n"))));
    assert!(again.starts_with("HTTP/1.1 304 "), "{again}");
    assert!(again.ends_with("\r\n\r\n"));
    assert!(!World::with_run(2).visit(Client::says(&ask("GET", "/a.txt", ""))).contains(tag), "a new run, a new tag");
}

#[test]
fn bad_requests_are_told_what_they_are() {
    let world = World::new();
    let long = format!("GET /{} HTTP/1.1\r\nHost: v\r\n\r\n", "x".repeat(5_000));
    let many = ask("GET", "/", &"X: y\r\n".repeat(200));
    for (request, status) in [
        ("GET\r\n\r\n", "400"),
        ("GET /../x HTTP/1.1\r\nHost: v\r\n\r\n", "400"),
        ("GET /SYS:S HTTP/1.1\r\nHost: v\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET /none HTTP/1.1\r\nHost: v\r\n\r\n", "404"),
        ("GET /a.txt/ HTTP/1.1\r\nHost: v\r\n\r\n", "404"),
        ("GET /secret HTTP/1.1\r\nHost: v\r\n\r\n", "403"),
        ("GET /broken HTTP/1.1\r\nHost: v\r\n\r\n", "503"),
        ("POST / HTTP/1.1\r\nHost: v\r\nContent-Length: 0\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\nHost: v\r\nContent-Length: 99999999\r\n\r\n", "413"),
        (&long, "414"),
        (&many, "431"),
        ("GET / HTTP/2.0\r\nHost: v\r\n\r\n", "505"),
    ] {
        let seen = world.visit(Client::says(request));
        assert!(seen.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.40}: {seen}");
    }
}

#[test]
fn a_folder_without_its_slash_is_redirected() {
    let seen = World::new().visit(Client::says(&ask("GET", "/b", "")));
    assert!(seen.starts_with("HTTP/1.1 301 "), "{seen}");
    assert!(seen.contains("\r\nLocation: /b/\r\n"));
}

#[test]
fn silence_ends_a_connection_and_slowness_is_answered() {
    let world = World::new();
    assert_eq!(world.visit(Client::silent()), "", "nothing was asked");
    assert_eq!(world.now(), 12 * world::SECOND, "10 s of silence, then 2 s for the client to close");
    assert_eq!(world.traffic().timeouts, 1);

    // A byte a second is progress, but not for ever.
    let world = World::new();
    let seen = world.visit(Client::says(&ask("GET", "/", &"X: yyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(9))).drips());
    assert!(seen.starts_with("HTTP/1.1 408 "), "{seen}");
    assert_eq!(world.now() / world::SECOND, 33, "30 s after the first byte, which came after one, and 2 s to close");

    // A short one arrives in time.
    let seen = World::new().visit(Client::says("GET / HTTP/1.0\r\n\r\n").drips());
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
}

#[test]
fn an_idle_connection_may_wait_between_requests() {
    let world = World::new();
    let seen = world.visit(Client::says(&ask("GET", "/a.txt", "")).then_waits(9).and_says(&ask("GET", "/a.txt", "")));
    assert_eq!(seen.matches("small").count(), 2);
    assert_eq!(world.traffic().timeouts, 0);
}

#[test]
fn a_connection_ends_with_fin_and_is_read_to_its_end() {
    let world = World::new();
    let mut client = Client::says("GET / HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n").then_more(100_000);
    let seen = world.run(&mut client);
    assert!(String::from_utf8_lossy(&seen).contains("Connection: close"));
    assert!(client.has_fin(), "FIN was sent");
    assert_eq!(client.unread(), 0, "what came after it was read");

    // Not for ever: a client that never stops is left.
    let mut client = Client::says("GET / HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n").then_more(10_000_000);
    world.run(&mut client);
    assert!(client.unread() > 9_000_000);
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let world = World::new();
    let mut client = Client::says(&ask("GET", "/large.bin", "")).takes_at_most(70_000);
    let seen = world.run(&mut client);
    assert!(seen.len() <= 70_000);
    assert!(!client.has_fin(), "there is nobody to part from");
    assert_eq!((world.traffic().timeouts, world.traffic().open), (1, 0));
}

#[test]
fn a_file_that_shrinks_is_cut_off_not_filled_up() {
    let seen = World::new().visit_bytes(Client::says(&ask("GET", "/shrinks.bin", "")));
    let (head, rest) = head_of(&seen);
    assert!(head.contains("Content-Length: 1000\r\n"));
    assert!(rest.len() < 1000);
}

#[test]
fn the_status_page_shows_hostile_names_as_text() {
    let mut world = World::new();
    world.figures = world::figures("<script>alert(1)</script>");
    let page = world.visit(Client::says(&ask("GET", "/status", "")));
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    assert!(page.contains("Cache-Control: no-store"));
    for text in ["netd", "1.9 MiB", "Viaether 0.1.0", "10.0.2.15/24", "tcp.retransmits", "<td class=\"n\">3</td>"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let json = world.visit(Client::says(&ask("GET", "/status.json", "")));
    let (_, body) = json.split_once("\r\n\r\n").unwrap();
    assert!(body.contains("\"restarts\":3") && body.contains("\"tcp.retransmits\":7"), "{body}");
    assert_eq!(body.matches('{').count(), body.matches('}').count());
}

#[test]
fn the_status_page_says_what_it_knows_when_it_knows_nothing() {
    let mut world = World::new();
    world.figures = Figures::default();
    let page = world.visit(Client::says(&ask("GET", "/status", "")));
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("Up for"), "{page}");
}

#[test]
fn whatever_comes_the_connection_ends() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let world = World::new();
    let seeds = [ask("GET", "/a.txt", "Range: bytes=0-1\r\n"), ask("HEAD", "/b/", ""), ask("GET", "/status.json", "")];
    for _ in 0..2_000 {
        let mut bytes = seeds[next() as usize % 3].clone().into_bytes();
        for _ in 0..next() % 6 {
            let at = next() as usize % bytes.len();
            match next() % 3 {
                0 => bytes[at] = next() as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, next() as u8),
            }
        }
        let mut client = Client::says_bytes(&bytes).cut(1 + next() as usize % 40);
        world.run(&mut client);
        assert_eq!(world.traffic().open, 0);
    }
}
