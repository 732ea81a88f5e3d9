//! The stack against Linux's own TCP, over a TAP device in a network namespace that the test makes for itself and
//! that vanishes with it. Needs root and /dev/net/tun; elsewhere it says so and counts as skipped.

mod common;

use common::{byte, ms};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Instant as Clock;
use tcpip::icmp::PingRequest;
use tcpip::rng::Rng;
use tcpip::*;

const LINUX: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// The stack on a TAP device.
struct Host {
    stack: Stack<OwnedBuffers>,
    tap: File,
    start: Clock,
    buf: Vec<u8>,
    /// Frames lost each way, in thousandths.
    loss: u32,
    rng: Rng,
}

/// Runs `test` in a fresh network namespace with a TAP device, on a thread whose threads share the namespace.
fn with_tap(loss: u32, test: fn(&mut Host)) {
    let body = move || -> Result<(), String> {
        enter_namespace()?;
        let tap = open_tap()?;
        for args in ["link set lo up", "addr add 10.99.0.1/24 dev vtap0", "link set vtap0 up"] {
            let status = Command::new("ip").args(args.split(' ')).status().map_err(|error| format!("ip: {error}"))?;
            assert!(status.success(), "ip {args}");
        }
        test(&mut Host::new(tap, loss));
        Ok(())
    };
    match std::thread::spawn(body).join() {
        Ok(Ok(())) => {}
        // Past the capture of test output, so that whoever counts sees it.
        Ok(Err(reason)) => drop(writeln!(std::io::stdout(), "skipped: {reason}")),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn enter_namespace() -> Result<(), String> {
    // SAFETY: unshare takes flags alone, touches no memory, and changes this thread's namespace only.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    if result == 0 { Ok(()) } else { Err(format!("no network namespace: {}", std::io::Error::last_os_error())) }
}

fn open_tap() -> Result<File, String> {
    let tap = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .map_err(|error| format!("/dev/net/tun: {error}"))?;
    // struct ifreq: 16 bytes of name, then the flags, 40 bytes in all.
    let mut request = [0u8; 40];
    request[..5].copy_from_slice(b"vtap0");
    let flags = (libc::IFF_TAP | libc::IFF_NO_PI) as u16;
    request[16..18].copy_from_slice(&flags.to_ne_bytes());
    // SAFETY: 1. the descriptor is open for the whole call; 2. TUNSETIFF reads and writes one ifreq, 40 bytes, which
    // `request` has; 3. the kernel keeps no pointer to it.
    let result = unsafe { libc::ioctl(tap.as_raw_fd(), libc::TUNSETIFF as _, request.as_mut_ptr()) };
    if result != 0 {
        return Err(format!("TUNSETIFF: {}", std::io::Error::last_os_error()));
    }
    Ok(tap)
}

impl Host {
    fn new(tap: File, loss: u32) -> Host {
        let mut config = Config::new(MacAddr([2, 0, 0, 0, 99, 2]), [5; 16], [6; 16]);
        let address = Ipv4Cidr::new(OURS, 24);
        config.addressing = Addressing::Static(Ipv4Config { address, gateway: None, dns: [None; 3] });
        config.tcp.time_wait = Duration::from_secs(2);
        let stack = Stack::new(config, OwnedBuffers { send: 1 << 18, receive: 1 << 18 });
        Host { stack, tap, start: Clock::now(), buf: vec![0; 70_000], loss, rng: Rng::new([1; 16]) }
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros() as u64 + 1_000_000)
    }

    fn lost(&mut self) -> bool {
        self.rng.below(1000) < self.loss
    }

    /// Sends what there is to send, waits for a frame or a timer, and takes the frames that came.
    fn turn(&mut self) {
        assert!(self.start.elapsed() < PATIENCE, "out of patience: {:?}", self.stack.tcp_connections().next());
        self.flush();
        let wait = self.stack.poll_at().map_or(20, |at| at.since(self.now()).millis().min(20));
        let mut fd = libc::pollfd { fd: self.tap.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        for round in 0..64 {
            let timeout = if round == 0 { wait as i32 } else { 0 };
            // SAFETY: `fd` is one valid pollfd that lives through the call.
            if unsafe { libc::poll(&mut fd, 1, timeout) } <= 0 {
                break;
            }
            let mut frame = [0; 2048];
            let len = self.tap.read(&mut frame).unwrap();
            if !self.lost() {
                self.stack.receive(self.now(), &frame[..len], FrameMeta::default());
            }
        }
        self.stack.poll(self.now());
        self.flush();
        while self.stack.next_event().is_some() {}
    }

    fn flush(&mut self) {
        let now = self.now();
        while let Some(frame) = self.stack.next_frame(now, &mut self.buf) {
            if !self.lost() {
                self.tap.write_all(&self.buf[..frame.len]).unwrap();
            }
        }
    }

    fn wait<T>(&mut self, mut ready: impl FnMut(&mut Stack<OwnedBuffers>) -> Option<T>) -> T {
        loop {
            if let Some(value) = ready(&mut self.stack) {
                return value;
            }
            self.turn();
        }
    }

    fn accept(&mut self, listener: SocketId) -> SocketId {
        self.wait(|stack| stack.tcp_accept(listener).unwrap())
    }

    fn send(&mut self, id: SocketId, seed: u64, len: usize) {
        let mut sent = 0;
        while sent < len {
            let chunk: Vec<u8> = (sent..len.min(sent + 30_000)).map(|at| byte(seed, at)).collect();
            let count = self.stack.tcp_send(id, &chunk).unwrap();
            sent += count;
            if count < chunk.len() {
                self.turn();
            }
        }
    }

    fn receive(&mut self, id: SocketId, seed: u64) -> usize {
        let (mut total, mut buf) = (0, vec![0; 65_536]);
        loop {
            match self.stack.tcp_recv(id, &mut buf).unwrap() {
                None => self.turn(),
                Some(0) => return total,
                Some(count) => {
                    check(seed, total, &buf[..count]);
                    total += count;
                }
            }
        }
    }

    /// Goes on until Linux's side is done.
    fn join<T>(&mut self, thread: JoinHandle<T>) -> T {
        while !thread.is_finished() {
            self.turn();
        }
        thread.join().unwrap()
    }
}

fn check(seed: u64, at: usize, bytes: &[u8]) {
    for (index, got) in bytes.iter().enumerate() {
        assert_eq!(*got, byte(seed, at + index), "byte {}", at + index);
    }
}

/// Linux's side of a transfer: send, close that direction, receive to the end.
fn exchange(mut stream: TcpStream, send: usize) -> usize {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let receiver = std::thread::spawn(move || {
        let (mut total, mut buf) = (0, vec![0; 65_536]);
        loop {
            let count = reader.read(&mut buf).unwrap();
            if count == 0 {
                return total;
            }
            check(2, total, &buf[..count]);
            total += count;
        }
    });
    let data: Vec<u8> = (0..send).map(|at| byte(1, at)).collect();
    stream.write_all(&data).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    receiver.join().unwrap()
}

fn serve_and_call(host: &mut Host, len: usize) {
    let listener = host.stack.tcp_listen(None, 80, 8, SocketOptions::default()).unwrap();
    let linux = std::thread::spawn(move || exchange(TcpStream::connect((OURS, 80)).unwrap(), len));
    let id = host.accept(listener);
    // The peer closes its direction first; ours goes on.
    assert_eq!(host.receive(id, 1), len);
    host.send(id, 2, len);
    host.stack.tcp_shutdown(host.now(), id).unwrap();
    assert_eq!(host.join(linux), len);
    host.stack.close(host.now(), id).unwrap();

    let server = TcpListener::bind((LINUX, 8080)).unwrap();
    let linux = std::thread::spawn(move || exchange(server.accept().unwrap().0, len));
    let id = host.stack.tcp_connect(host.now(), Endpoint::new(LINUX, 8080), SocketOptions::default()).unwrap();
    host.wait(|stack| (stack.tcp_state(id).unwrap() == State::Established).then_some(()));
    host.send(id, 2, len);
    host.stack.tcp_shutdown(host.now(), id).unwrap();
    assert_eq!(host.receive(id, 1), len);
    assert_eq!(host.join(linux), len);
    host.stack.close(host.now(), id).unwrap();
    host.wait(|stack| (stack.in_use().0 == 1).then_some(()));
}

#[test]
fn megabytes_go_both_ways_and_half_closed() {
    with_tap(0, |host| serve_and_call(host, 4_000_000));
}

#[test]
fn a_lossy_wire_loses_nothing() {
    with_tap(20, |host| serve_and_call(host, 400_000));
}

#[test]
fn a_closed_port_refuses_on_both_sides() {
    with_tap(0, |host| {
        let id = host.stack.tcp_connect(host.now(), Endpoint::new(LINUX, 9), SocketOptions::default()).unwrap();
        host.wait(|stack| (stack.tcp_state(id).unwrap() == State::Closed).then_some(()));
        assert_eq!(host.stack.tcp_error(id), Ok(Some(Error::Refused)));
        let linux = std::thread::spawn(|| TcpStream::connect((OURS, 9)).map(|_| ()).unwrap_err().kind());
        assert_eq!(host.join(linux), std::io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_thousand_short_connections() {
    with_tap(0, |host| {
        let listener = host.stack.tcp_listen(None, 80, 128, SocketOptions::default()).unwrap();
        let client = || {
            for _ in 0..50 {
                let mut stream = TcpStream::connect((OURS, 80)).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.write_all(b"request").unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).unwrap();
                assert_eq!(answer, b"response");
            }
        };
        let mut clients: Vec<_> = (0..20).map(|_| std::thread::spawn(client)).collect();
        let mut open = Vec::new();
        let mut served = 0;
        while served < 1000 {
            while let Some(id) = host.stack.tcp_accept(listener).unwrap() {
                open.push(id);
            }
            open.retain(|id| {
                let mut buf = [0; 100];
                let Some(count) = host.stack.tcp_recv(*id, &mut buf).unwrap() else { return true };
                assert_eq!(&buf[..count], b"request");
                host.stack.tcp_send(*id, b"response").unwrap();
                host.stack.close(host.now(), *id).unwrap();
                served += 1;
                false
            });
            host.turn();
        }
        for client in clients.drain(..) {
            host.join(client);
        }
        assert_eq!(host.stack.counters().tcp_backlog_full, 0);
    });
}

#[test]
fn a_reset_from_linux_is_an_error_and_ours_reaches_it() {
    with_tap(0, |host| {
        let listener = host.stack.tcp_listen(None, 80, 8, SocketOptions::default()).unwrap();
        let linux = std::thread::spawn(|| {
            // Unread data makes Linux reset at close.
            let stream = TcpStream::connect((OURS, 80)).unwrap();
            stream.peek(&mut [0; 1]).unwrap();
            drop(stream);
            // The reset may even come before connect has returned.
            TcpStream::connect((OURS, 80)).and_then(|mut stream| stream.read(&mut [0; 1])).unwrap_err().kind()
        });
        let id = host.accept(listener);
        host.stack.tcp_send(id, b"unread").unwrap();
        host.wait(|stack| (stack.tcp_state(id).unwrap() == State::Closed).then_some(()));
        assert_eq!(host.stack.tcp_error(id), Ok(Some(Error::Reset)));
        let id = host.accept(listener);
        host.stack.tcp_abort(host.now(), id).unwrap();
        assert_eq!(host.join(linux), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn pings_and_large_datagrams() {
    with_tap(0, |host| {
        let ping = host.stack.ping_open(LINUX).unwrap();
        host.stack.ping_send(ping, PingRequest::new(1, 4000)).unwrap();
        let reply = host.wait(|stack| stack.ping_recv(ping).unwrap());
        assert_eq!((reply.sequence, reply.from, reply.result), (1, LINUX, Ok(4000)));

        let socket = host.stack.udp_bind(None, 7).unwrap();
        let linux = std::thread::spawn(|| {
            let socket = UdpSocket::bind((LINUX, 0)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let data: Vec<u8> = (0..9000).map(|at| byte(1, at)).collect();
            socket.send_to(&data, (OURS, 7)).unwrap();
            let mut buf = vec![0; 10_000];
            let (count, from) = socket.recv_from(&mut buf).unwrap();
            check(1, 0, &buf[..count]);
            (count, from)
        });
        let datagram = host.wait(|stack| stack.recv_from(socket).unwrap());
        check(1, 0, &datagram.data);
        host.stack.send_to(socket, datagram.remote, &datagram.data).unwrap();
        assert_eq!(host.join(linux), (9000, (OURS, 7).into()));
    });
}

#[test]
fn a_silent_neighbour_is_unreachable_and_keep_alives_are_answered() {
    with_tap(0, |host| {
        let nobody = Endpoint::new(Ipv4Addr::new(10, 99, 0, 77), 80);
        let id = host.stack.tcp_connect(host.now(), nobody, SocketOptions::default()).unwrap();
        host.wait(|stack| (stack.tcp_state(id).unwrap() == State::Closed).then_some(()));
        assert_eq!(host.stack.tcp_error(id), Ok(Some(Error::Unreachable)));

        let server = TcpListener::bind((LINUX, 8080)).unwrap();
        let options = SocketOptions { keep_alive: Some(ms(700)), ..SocketOptions::default() };
        let id = host.stack.tcp_connect(host.now(), Endpoint::new(LINUX, 8080), options).unwrap();
        host.wait(|stack| {
            let status = stack.tcp_status(id).unwrap();
            (status.counters.segments_out >= 6).then_some(())
        });
        assert_eq!(host.stack.tcp_state(id), Ok(State::Established));
        drop(server);
    });
}
