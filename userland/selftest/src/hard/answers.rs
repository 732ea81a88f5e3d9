//! Answers of a server's loop: those that are owed come by the next wait, all others at once, and each once.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use libsys::protocol::Bytes;
use libsys::protocol::console::{Reply, Request, Service};
use libsys::{Channel, Error, Pool, Receiver, thread};

use crate::checks::Checks;
use crate::threads::{finish, next_call, options};

/// How many bytes each caller asks for: all fit the registers but the last.
const LENGTHS: [u64; 5] = [1, 20, 40, 50, 100];

/// Five callers, answered in turn, one after it was kept for long, two at once, and the last as the server ends.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    let receiver = Receiver::new(&pool)?;
    let got: Arc<[AtomicU64; LENGTHS.len()]> = Arc::new(core::array::from_fn(|_| AtomicU64::new(0)));
    let mut threads = Vec::new();
    for (n, length) in LENGTHS.into_iter().enumerate() {
        let (client, _) = receiver.client(&pool, length)?;
        let got = got.clone();
        threads.push(thread::spawn(&pool, options()?, move || got[n].store(asked(client, length), Ordering::Release))?);
    }
    let mut kept = None;
    for n in 0..LENGTHS.len() {
        let call = next_call(&receiver)?;
        let answer = |badge: u64| Bytes::new(vec![badge as u8; badge as usize]).map(Reply::Bytes);
        let badge = call.badge;
        if n == 1 {
            kept = Some(call);
            continue;
        }
        receiver.reply::<Service>(call.token, answer(badge));
        if let Some(kept) = kept.take_if(|_| n == 3) {
            receiver.reply::<Service>(kept.token, answer(kept.badge));
        }
    }
    drop(receiver);
    threads.into_iter().for_each(finish);
    let got: Vec<u64> = got.iter().map(|got| got.load(Ordering::Acquire)).collect();
    checks.equal("each caller got its own answer, whole", got, LENGTHS.to_vec());
    Ok(())
}

/// How many bytes came, if they are what was asked for.
fn asked(client: libsys::OwnedHandle, length: u64) -> u64 {
    let request = Request::Read { length: length as u16, deadline: u64::MAX };
    match Channel::<Service>::adopt(client).call(&request) {
        Ok(Reply::Bytes(bytes)) if bytes.iter().all(|byte| *byte == length as u8) => bytes.len() as u64,
        _ => u64::MAX,
    }
}
