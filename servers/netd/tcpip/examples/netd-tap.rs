//! The stack on a TAP device, as a peer for benchmarks: `netd-tap TAP ADDRESS` serves one HTTP response a connection at
//! port 80, discards at 5001 and sends without end at 5002. The device and its host's side are the caller's to make.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Instant as Clock;
use tcpip::*;

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
const PREFIX: u8 = 24;

/// What is done with a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    Http,
    Discard,
    Source,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(name), Some(address)) = (args.next(), args.next().and_then(|text| text.parse::<Ipv4Addr>().ok())) else {
        eprintln!("usage: netd-tap TAP ADDRESS");
        std::process::exit(2);
    };
    let mut tap = open_tap(&name);
    let start = Clock::now();
    let clock = || Instant::from_micros(start.elapsed().as_micros() as u64 + 1);
    let mut stack = Stack::new(config(address), OwnedBuffers { send: 1 << 20, receive: 1 << 20 });
    let listen = |stack: &mut Stack<OwnedBuffers>, port| {
        stack.tcp_listen(None, port, 128, SocketOptions::default()).expect("a free port")
    };
    let listeners = [(80, Service::Http), (5001, Service::Discard), (5002, Service::Source)]
        .map(|(port, service)| (listen(&mut stack, port), service));
    let mut open: Vec<(SocketId, Service)> = Vec::new();
    let mut buf = vec![0; 1 << 16];
    loop {
        let now = clock();
        while let Some(frame) = stack.next_frame(now, &mut buf) {
            // A full device loses the frame, as a wire would.
            let _ = tap.write(&buf[..frame.len]);
        }
        let wait = stack.poll_at().map_or(1000, |at| at.since(clock()).millis().min(1000));
        if wait_readable(&tap, wait as i32) {
            for _ in 0..64 {
                let Ok(len) = tap.read(&mut buf) else { break };
                stack.receive(clock(), &buf[..len], FrameMeta::default());
            }
        }
        let now = clock();
        stack.poll(now);
        while stack.next_event().is_some() {}
        for (listener, service) in listeners {
            while let Ok(Some(id)) = stack.tcp_accept(listener) {
                open.push((id, service));
            }
        }
        open.retain(|(id, service)| !serve(&mut stack, now, *id, *service, &mut buf));
    }
}

/// Does what there is to do. Returns whether the connection is done.
fn serve(stack: &mut Stack<OwnedBuffers>, now: Instant, id: SocketId, service: Service, buf: &mut [u8]) -> bool {
    loop {
        match stack.tcp_recv(id, buf) {
            Ok(None) => break,
            Ok(Some(count)) if count > 0 && service == Service::Discard => {}
            Ok(Some(count)) if count > 0 && service == Service::Http => {
                let _ = stack.tcp_send(id, RESPONSE);
                let _ = stack.close(now, id);
                return true;
            }
            _ => {
                let _ = stack.close(now, id);
                return true;
            }
        }
    }
    if service == Service::Source {
        while matches!(stack.tcp_send(id, &[0x55; 16_384]), Ok(count) if count > 0) {}
    }
    false
}

fn config(address: Ipv4Addr) -> Config {
    let mut seed = [0; 32];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed)).expect("/dev/urandom");
    let (seed, key) = (std::array::from_fn(|at| seed[at]), std::array::from_fn(|at| seed[16 + at]));
    let mut config = Config::new(MacAddr([2, 0, 0, 0, 0, 2]), seed, key);
    let address = Ipv4Cidr::new(address, PREFIX);
    config.addressing = Addressing::Static(Ipv4Config { address, gateway: None, dns: [None; 3] });
    config.limits.time_waits = 16_384;
    config
}

fn open_tap(name: &str) -> File {
    let tap = OpenOptions::new().read(true).write(true).open("/dev/net/tun").expect("/dev/net/tun");
    // struct ifreq: 16 bytes of name, then the flags, 40 bytes in all.
    let mut request = [0u8; 40];
    let len = name.len().min(15);
    request[..len].copy_from_slice(&name.as_bytes()[..len]);
    request[16..18].copy_from_slice(&((libc::IFF_TAP | libc::IFF_NO_PI) as u16).to_ne_bytes());
    // SAFETY: 1. the descriptor is open for both calls; 2. TUNSETIFF reads and writes one ifreq, 40 bytes, which
    // `request` has, and keeps no pointer to it; 3. F_SETFL takes flags alone.
    let result = unsafe {
        libc::fcntl(tap.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK);
        libc::ioctl(tap.as_raw_fd(), libc::TUNSETIFF as _, request.as_mut_ptr())
    };
    assert!(result == 0, "{name}: {}", std::io::Error::last_os_error());
    tap
}

fn wait_readable(tap: &File, millis: i32) -> bool {
    let mut fd = libc::pollfd { fd: tap.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `fd` is one valid pollfd that lives through the call.
    unsafe { libc::poll(&mut fd, 1, millis) > 0 }
}
