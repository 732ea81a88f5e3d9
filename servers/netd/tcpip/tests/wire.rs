//! Two stacks over a wire that loses, repeats, reorders, delays and damages frames.
//!
//! Every byte arrives once and in order, both connections end, and no timer stays behind.

mod common;

use common::*;
use tcpip::*;

/// What one run does.
#[derive(Clone, Copy, Debug)]
struct Run {
    seed: u64,
    faults: Faults,
    up: usize,
    down: usize,
    buffers: OwnedBuffers,
    nodelay: bool,
    timestamps: bool,
    scaling: bool,
    read_size: usize,
}

/// One end's progress.
struct End {
    id: Option<SocketId>,
    sent: usize,
    to_send: usize,
    received: usize,
    expected: usize,
    shut: bool,
    ended: bool,
}

fn world(run: &Run) -> World {
    let make = |mac, ip| {
        let mut config = static_config(mac, ip, run.seed);
        config.tcp.timestamps = run.timestamps;
        config.tcp.window_scaling = run.scaling;
        config.tcp.data_retries = 40;
        config.tcp.orphan_retries = 40;
        config.tcp.syn_retries = 20;
        config.tcp.rto_max = Duration::from_secs(5);
        Stack::new(config, run.buffers)
    };
    World::new([make(MAC_A, A), make(MAC_B, B)], run.faults, run.seed)
}

fn work(world: &mut World, side: usize, end: &mut End, run: &Run) {
    let Some(id) = end.id else { return };
    let stack = &mut world.stacks[side];
    assert_eq!(stack.tcp_error(id), Ok(None), "{run:?} side {side}");
    let connected = stack.tcp_state(id).unwrap().is_synchronized();
    while connected && end.sent < end.to_send {
        let chunk: Vec<u8> =
            (end.sent..end.to_send.min(end.sent + 5000)).map(|at| byte(run.seed + side as u64, at)).collect();
        let count = stack.tcp_send(id, &chunk).unwrap();
        end.sent += count;
        if count < chunk.len() {
            break;
        }
    }
    if connected && end.sent == end.to_send && !end.shut {
        stack.tcp_shutdown(world.now, id).unwrap();
        end.shut = true;
    }
    let mut buf = vec![0; run.read_size];
    while let Some(count) = stack.tcp_recv(id, &mut buf).unwrap() {
        if count == 0 {
            end.ended = true;
            break;
        }
        for (index, got) in buf[..count].iter().enumerate() {
            assert_eq!(*got, byte(run.seed + 1 - side as u64, end.received + index), "{run:?} side {side}");
        }
        end.received += count;
    }
    assert!(end.received <= end.expected, "{run:?}");
}

fn transfer(run: Run) -> u64 {
    let mut world = world(&run);
    let options = SocketOptions { nodelay: run.nodelay, ..SocketOptions::default() };
    let listener = world.stacks[1].tcp_listen(None, 80, 4, options).unwrap();
    let id = world.stacks[0].tcp_connect(world.now, Endpoint::new(B, 80), options).unwrap();
    let end = |id, to_send, expected| End { id, sent: 0, to_send, received: 0, expected, shut: false, ended: false };
    let mut ends = [end(Some(id), run.up, run.down), end(None, run.down, run.up)];
    let limit = world.now + Duration::from_secs(3000);
    let mut steps = 0;
    loop {
        if ends[1].id.is_none() {
            ends[1].id = world.stacks[1].tcp_accept(listener).unwrap();
        }
        for (side, end) in ends.iter_mut().enumerate() {
            work(&mut world, side, end, &run);
        }
        if ends.iter().all(|end| end.ended && end.shut) {
            break;
        }
        steps += 1;
        let happened = world.step(limit) && steps < 100_000;
        assert!(
            happened,
            "stuck at {:?}: {run:?} {:?} {:?}",
            world.now,
            status(&world, &ends, 0),
            status(&world, &ends, 1)
        );
    }
    for (side, end) in ends.iter().enumerate() {
        assert_eq!(end.received, end.expected, "{run:?} side {side}");
        world.stacks[side].close(world.now, end.id.unwrap()).unwrap();
    }
    world.stacks[1].close(world.now, listener).unwrap();
    world.run_for(Duration::from_secs(1000));
    for stack in &world.stacks {
        assert_eq!(stack.in_use(), (0, 0), "{run:?} {:?}", stack.tcp_connections().collect::<Vec<_>>());
        assert_eq!(stack.poll_at(), None, "{run:?}: a timer stays");
    }
    world.carried
}

fn status(world: &World, ends: &[End; 2], side: usize) -> Option<TcpStatus> {
    ends[side].id.and_then(|id| world.stacks[side].tcp_status(id).ok())
}

fn random_run(seed: u64) -> Run {
    let mut rng = tcpip::rng::Rng::new([
        seed as u8 ^ 0x55,
        (seed >> 8) as u8,
        (seed >> 16) as u8,
        9,
        9,
        9,
        9,
        9,
        9,
        9,
        9,
        9,
        9,
        9,
        9,
        9,
    ]);
    let mut upto = |bound: u32| rng.below(bound + 1);
    let faults = match seed % 6 {
        0 => Faults { loss: upto(20), ..Faults::default() },
        1 => Faults { loss: upto(200), ..Faults::default() },
        2 => Faults { reorder: upto(300), jitter: ms(1 + u64::from(upto(5))), ..Faults::default() },
        3 => Faults { duplicate: upto(300), corrupt: upto(50), ..Faults::default() },
        4 => {
            Faults { loss: upto(100), duplicate: upto(100), reorder: upto(200), corrupt: upto(50), ..Faults::default() }
        }
        _ => Faults { loss: upto(300), reorder: upto(100), ..Faults::default() },
    };
    let faults = Faults { delay: Duration::from_micros(u64::from(upto(30_000))), ..faults };
    let sizes = [0, 1, 100, 1460, 3000, 20_000, 60_000];
    Run {
        seed,
        faults,
        up: sizes[upto(6) as usize] + upto(50) as usize,
        down: sizes[upto(6) as usize] + upto(50) as usize,
        buffers: OwnedBuffers { send: 500 << upto(10), receive: 500 << upto(10) },
        nodelay: upto(1) == 1,
        timestamps: upto(2) > 0,
        scaling: upto(2) > 0,
        read_size: 1 << upto(14),
    }
}

/// A quarter of the runs: 1,000, or as many as TCPIP_WIRE_RUNS says, for a long night.
fn batch(quarter: u64) {
    let runs = std::env::var("TCPIP_WIRE_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    for seed in quarter * runs..(quarter + 1) * runs {
        transfer(random_run(seed));
    }
}

#[test]
fn random_wires_a() {
    batch(0);
}

#[test]
fn random_wires_b() {
    batch(1);
}

#[test]
fn random_wires_c() {
    batch(2);
}

#[test]
fn random_wires_d() {
    batch(3);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(transfer(random_run(77)), transfer(random_run(77)));
}

#[test]
fn a_clean_wire_repeats_nothing() {
    let run = Run {
        seed: 1,
        faults: Faults { delay: ms(10), ..Faults::default() },
        up: 500_000,
        down: 300_000,
        buffers: OwnedBuffers { send: 1 << 18, receive: 1 << 18 },
        nodelay: false,
        timestamps: true,
        scaling: true,
        read_size: 10_000,
    };
    let frames = transfer(run);
    // 346 and 208 full segments, and at most as many acknowledgments.
    assert!(frames < 1150, "{frames}");
}

/// Forty clients at once, a backlog of eight, a bad wire: everybody is served.
#[test]
fn a_crowd_before_a_small_backlog_is_served() {
    for seed in 0..20 {
        let faults = Faults { loss: 50, reorder: 50, delay: ms(5), ..Faults::default() };
        let mut world = World::pair(faults, seed);
        let options = SocketOptions::default();
        let listener = world.stacks[1].tcp_listen(None, 80, 8, options).unwrap();
        let mut clients: Vec<(SocketId, Vec<u8>)> = (0..40)
            .map(|_| (world.stacks[0].tcp_connect(world.now, Endpoint::new(B, 80), options).unwrap(), Vec::new()))
            .collect();
        let mut served = Vec::new();
        let limit = world.now + Duration::from_secs(600);
        let mut done = 0;
        while done < 40 {
            assert!(world.step(limit), "stuck: {seed}");
            while let Some(id) = world.stacks[1].tcp_accept(listener).unwrap() {
                let page: Vec<u8> = (0..3000).map(|at| byte(9, at)).collect();
                assert_eq!(world.stacks[1].tcp_send(id, &page), Ok(3000));
                world.stacks[1].close(world.now, id).unwrap();
                served.push(id);
            }
            clients.retain_mut(|(id, got)| {
                let mut buf = [0; 4000];
                match world.stacks[0].tcp_recv(*id, &mut buf).unwrap() {
                    Some(0) => {
                        assert!(got.len() == 3000 && got.iter().enumerate().all(|(at, b)| *b == byte(9, at)));
                        world.stacks[0].close(world.now, *id).unwrap();
                        done += 1;
                        return false;
                    }
                    Some(count) => got.extend_from_slice(&buf[..count]),
                    None => {}
                }
                true
            });
        }
        assert_eq!(served.len(), 40);
        world.stacks[1].close(world.now, listener).unwrap();
        world.run_for(Duration::from_secs(1000));
        for stack in &world.stacks {
            assert_eq!((stack.in_use(), stack.poll_at()), ((0, 0), None), "{seed}");
        }
    }
}
