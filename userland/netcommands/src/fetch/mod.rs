//! FETCH: what a URL names, to a file or to standard output.
//!
//! ```text
//!  URL ─► name ─► connect ─► (TLS) ─► request ─► head ─┬─► redirect: again
//!                                                      └─► body ─► sink
//! ```
//!
//! What fails says at which step and why. A file gets its name only when all of it is there.

mod sink;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use command::{About, Failure, Outcome};
use http::{Event, Fields, Host, Method, Redirects, Request, ResponseHead, ResponseReader, Scheme, Url};
use libsys::{
    Error, Status, eprintln, fs,
    io::{self, Write},
    net::{Address, Endpoint, Network, Remote, Step, TcpStream, Tls, Verify},
    protocol::{Text, net::Failure as NetFailure, session::MIN_WINDOW},
    time,
};
use readargs::Args;

use sink::Sink;

/// Seconds without progress, if nothing else is said.
const PATIENCE: u64 = 30;
/// Bytes read at once.
const PIECE: usize = 64 << 10;
/// Bytes of certificates at most.
const MAX_ROOTS: usize = 1 << 20;

/// What to fetch, and how.
struct Wish {
    method: Method,
    body: Vec<u8>,
    roots: Vec<u8>,
    insecure: bool,
    verbose: bool,
    /// ns without progress.
    patience: u64,
}

/// FETCH.
pub fn fetch(args: &Args) -> Outcome {
    let text = args.string_or("URL", "");
    let url = Url::parse(text).map_err(|why| Failure::new(Error::InvalidName, format!("{text}: {why}")))?;
    let wish = wish(args)?;
    let network = Network::open_with((MIN_WINDOW as usize).max(wish.roots.len()))
        .map_err(|error| Failure::new(error, format!("the network can't be opened: {}", error.text())))?;
    let to = args.string("O").map(String::from);
    let mut walk = Redirects::new(url);
    let mut method = wish.method;
    loop {
        let url = walk.current().clone();
        let mut exchange = Exchange::open(&network, &url, &wish)?;
        exchange.ask(&url, method, &wish)?;
        let head = exchange.head(&url)?;
        let next = walk.follow(method, head.status, head.fields.get("Location")).map_err(|why| {
            Failure::new(Error::from_code(why.code()).unwrap_or(Error::Http), format!("{url}: {why}"))
        })?;
        let Some(next) = next else { return exchange.finish(&url, &head, method, to.as_deref(), &wish) };
        if next.leaves_tls {
            eprintln!("fetch: {url} leads to {}, which is not protected by TLS", next.url);
        } else if wish.verbose {
            eprintln!("< {} leads to {}", head.status.0, next.url);
        }
        method = next.method;
    }
}

fn wish(args: &Args) -> Result<Wish, Failure> {
    let seconds = args.within("TIMEOUT", 1..=86_400)?.unwrap_or(PATIENCE);
    let roots = match args.string("CACERT") {
        None => Vec::new(),
        Some(path) => fs::read(path).about(path)?,
    };
    if roots.len() > MAX_ROOTS {
        return Err(Failure::new(Error::Limit, "CACERT: more than 1 MiB of certificates"));
    }
    let body = args.string("POST").map(|text| text.as_bytes().to_vec());
    let method = match (&body, args.switch("I")) {
        (Some(_), true) => return Err(Failure::new(Error::BadArgument, "HEAD and POST exclude each other")),
        (Some(_), false) => Method::Post,
        (None, true) => Method::Head,
        (None, false) => Method::Get,
    };
    Ok(Wish {
        method,
        body: body.unwrap_or_default(),
        roots,
        insecure: args.switch("INSECURE"),
        verbose: args.switch("V"),
        patience: seconds * time::SECOND,
    })
}

/// One connection, one request, one answer.
struct Exchange {
    stream: TcpStream,
    reader: ResponseReader,
    input: Vec<u8>,
    start: usize,
    patience: u64,
}

impl Exchange {
    fn open(network: &Arc<Network>, url: &Url, wish: &Wish) -> Result<Exchange, Failure> {
        let name = format!("{}", url.host());
        let remote = match url.host() {
            Host::V4(address) => {
                Remote::Endpoint(Endpoint { address: Address::V4(address.octets()), port: url.port() })
            }
            Host::Name(name) => Remote::Name(Text::try_from(name.as_str())?, url.port()),
        };
        let tls = (url.scheme() == Scheme::Https).then(|| Tls {
            server_name: name,
            roots: wish.roots.clone(),
            alpn: alloc::vec!["http/1.1".into()],
            verify: if wish.insecure { Verify::Nothing } else { Verify::Full },
            ..Tls::default()
        });
        let stream = TcpStream::connect(network, remote, tls.as_ref(), time::after(wish.patience))
            .map_err(|failure| unreachable(url, &failure))?;
        if wish.verbose {
            eprintln!("* connected to {}", stream.remote());
            if let Ok(peer) = stream.peer() {
                let how = if wish.insecure { ", NOT verified" } else { "" };
                eprintln!(
                    "* {}, {}, certificate of \"{}\" by \"{}\"{how}",
                    peer.version, peer.suite, peer.subject, peer.issuer
                );
            }
        }
        let reader = ResponseReader::new(wish.method);
        Ok(Exchange { stream, reader, input: Vec::new(), start: 0, patience: wish.patience })
    }

    fn ask(&mut self, url: &Url, method: Method, wish: &Wish) -> Result<(), Failure> {
        self.reader = ResponseReader::new(method);
        let mut fields = Fields::new();
        for (name, value) in [("User-Agent", "viaether-fetch/0.1"), ("Accept", "*/*")] {
            fields.push(name, value).map_err(|_| Error::Internal)?;
        }
        if method == Method::Post {
            fields.push("Content-Type", "application/x-www-form-urlencoded").map_err(|_| Error::Internal)?;
        }
        let body: &[u8] = if method == Method::Post { &wish.body } else { &[] };
        let body_length = (method == Method::Post).then_some(body.len() as u64);
        let request = Request { method, url, fields: &fields, body_length }.write();
        if wish.verbose {
            eprintln!("> {} {}", method.as_str(), url);
        }
        self.stream.set_deadline(time::after(self.patience));
        let sent = self.stream.write_all(&request).and_then(|()| self.stream.write_all(body));
        sent.map_err(|error| broken(url, "sending the request", error))
    }

    /// The head of the answer.
    fn head(&mut self, url: &Url) -> Result<ResponseHead, Failure> {
        loop {
            let unread = self.input.get(self.start..).unwrap_or_default();
            let (used, event) = self.reader.next(unread).map_err(|why| bad_answer(url, &why))?;
            self.start += used;
            match event {
                Event::Head => return self.reader.head().cloned().ok_or_else(|| Error::Internal.into()),
                Event::NeedMore => self.more(url)?,
                Event::Body(_) | Event::End => return Err(Error::Internal.into()),
            }
        }
    }

    /// Reads on from the network.
    fn more(&mut self, url: &Url) -> Result<(), Failure> {
        self.input.drain(..self.start);
        self.start = 0;
        let old = self.input.len();
        self.input.try_reserve(PIECE).map_err(|_| Error::NoMemory)?;
        self.input.resize(old + PIECE, 0);
        self.stream.set_deadline(time::after(self.patience));
        let count = self.stream.read(self.input.get_mut(old..).unwrap_or_default());
        self.input.truncate(old + *count.as_ref().unwrap_or(&0));
        match count {
            Ok(0) => self.reader.end_of_stream().map_err(|why| bad_answer(url, &why)),
            Ok(_) => Ok(()),
            Err(error) => Err(broken(url, "reading the answer", error)),
        }
    }

    /// The answer is the one that counts.
    fn finish(mut self, url: &Url, head: &ResponseHead, method: Method, to: Option<&str>, wish: &Wish) -> Outcome {
        if wish.verbose || method == Method::Head {
            show_head(head, method == Method::Head && to.is_none())?;
        }
        if head.status.0 >= 400 {
            let text = format!("{url}: the server answers {} {}", head.status.0, head.reason);
            return Err(Failure::new(Error::Http, text));
        }
        if method == Method::Head {
            return Ok(Status::OK);
        }
        let mut sink = Sink::open(to, url.file_name().unwrap_or("index"), head.length)?;
        match self.body(url, &mut sink) {
            Ok(()) => {
                let peer = self.stream.peer().ok();
                sink.finish(peer.as_ref())?;
                Ok(Status::OK)
            }
            Err(failure) => {
                sink.discard();
                Err(failure)
            }
        }
    }

    fn body(&mut self, url: &Url, sink: &mut Sink) -> Result<(), Failure> {
        loop {
            let unread = self.input.get(self.start..).unwrap_or_default();
            let (used, event) = self.reader.next(unread).map_err(|why| bad_answer(url, &why))?;
            match event {
                Event::Body(bytes) => sink.write(bytes)?,
                Event::End => return Ok(()),
                Event::NeedMore if used == 0 => self.more(url)?,
                Event::NeedMore | Event::Head => {}
            }
            self.start += used;
        }
    }
}

/// Lines of the head: to standard output if that is what was asked for.
fn show_head(head: &ResponseHead, out: bool) -> Result<(), Failure> {
    let version = if head.is_http11 { "HTTP/1.1" } else { "HTTP/1.0" };
    let mut text = format!("{version} {} {}\n", head.status.0, head.reason);
    for (name, value) in head.fields.iter() {
        text.push_str(&format!("{name}: {value}\n"));
    }
    if out {
        return Ok(io::stdout().write_all(text.as_bytes())?);
    }
    for line in text.lines() {
        eprintln!("< {line}");
    }
    Ok(())
}

/// There is no connection: which step, and why.
fn unreachable(url: &Url, failure: &NetFailure) -> Failure {
    let step = match failure.step {
        Step::Name => "name",
        Step::Connect => "connect",
        Step::Tls => "TLS",
        Step::Transfer => "transfer",
    };
    let why = if failure.detail.is_empty() { failure.error.text() } else { failure.detail.as_str() };
    Failure::new(failure.error, format!("{}: {step}: {why}", url.authority()))
}

fn broken(url: &Url, step: &str, error: Error) -> Failure {
    let why = match error {
        Error::TimedOut => "no progress in the time allowed (TIMEOUT)",
        error => error.text(),
    };
    // A broken pipe here is the connection's, not standard output's, which ends quietly.
    let error = if error == Error::BrokenPipe { Error::Reset } else { error };
    Failure::new(error, format!("{}: {step}: {why}", url.authority()))
}

fn bad_answer(url: &Url, why: &http::ResponseError) -> Failure {
    Failure::new(Error::Http, format!("{}: {why}", url.authority()))
}
