//! Badges: who a caller is, and which bits a doorbell may set.

use libsys::abi::Rights;
use libsys::abi::info::Kind;
use libsys::{Error, Event, Notification, Pool, Receiver, wait_bits};

use crate::checks::Checks;
use crate::kernel::{POOL, adopt, call, create, derive, dup, raw};
use libsys::abi::calls::number;

/// What a client does to look like another.
pub fn run(checks: &mut Checks) -> Result<(), Error> {
    let server = create(POOL, Kind::Channel, 0, 0, 0)?;
    let (client, _grant) = derive(POOL, raw(&server), Rights::CALL | Rights::TRANSFER, 5, 0)?;
    checks.equal("the owner chooses a badge", client.about()?.badge, 5);
    let (again, _below) = derive(POOL, raw(&client), Rights::all(), 77, 0)?;
    checks.equal("a client's derivation keeps it", again.about()?.badge, 5);
    let copy = dup(raw(&again), Rights::all())?;
    checks.equal("its copy keeps it", copy.about()?.badge, 5);
    checks.equal("and has no more rights", copy.about()?.rights, Rights::CALL | Rights::TRANSFER);
    bells(checks)?;
    closed_ends(checks)
}

fn bells(checks: &mut Checks) -> Result<(), Error> {
    let own = Notification::own()?;
    let (low, high) = (1_u64 << 60, 1_u64 << 61);
    let (bell, _grant) = own.doorbell(&Pool::own()?, low, 0)?;
    let value = u64::from(bell.handle().raw());
    call(number::notify, &[value, u64::MAX])?;
    checks.equal("a doorbell sets its own bits only", wait_bits(low | high, 0), low);
    call(number::notify, &[value, high])?;
    checks.equal("and none where it has none", wait_bits(low | high, 0), 0);
    let (more, _below) = derive(POOL, value, Rights::all(), u64::MAX, u64::MAX)?;
    call(number::notify, &[raw(&more), u64::MAX])?;
    checks.equal("what is derived from it has its bits", wait_bits(low | high, 0), low);
    drop(more);
    checks.equal("and no close bits of its own choice", wait_bits(low | high, 0), 0);
    Ok(())
}

/// A client's own derivations neither close its session nor feign that.
fn closed_ends(checks: &mut Checks) -> Result<(), Error> {
    let pool = Pool::own()?;
    let receiver = Receiver::new(&pool)?;
    let (client, _grant) = receiver.client(&pool, 9)?;
    let client = adopt(client.into_handle().raw().into())?;
    let (below, _cell) = derive(POOL, raw(&client), Rights::all(), 123, 0)?;
    drop(below);
    let event = receiver.recv(0)?;
    checks.holds("the end of what a client derived is not the client's", matches!(event, Event::Deadline));
    drop(client);
    let event = receiver.recv(0)?;
    checks.holds("the end of the client is told by its badge", matches!(event, Event::Closed(9)));
    let event = receiver.recv(0)?;
    checks.holds("and told once", matches!(event, Event::Deadline));
    Ok(())
}
