//! System calls as they are, without what the typed handles add.

use libsys::OwnedHandle;
use libsys::abi::calls::number;
use libsys::abi::info::Kind;
use libsys::abi::message::{self, FOREVER, Tag};
use libsys::abi::{Error, Handle, Rights, Status, user};
use libsys::raw::{self, Registers};

/// The process's own pool and process.
pub const POOL: u64 = user::OWN_POOL.raw() as u64;
pub const PROCESS: u64 = user::OWN_PROCESS.raw() as u64;

/// A call with up to six arguments.
#[inline(always)]
pub fn short(number: u16, arguments: [u64; 6]) -> Result<u64, Error> {
    // SAFETY: this program names only objects that it made, and unmaps only what it mapped for that.
    let (status, a0, _) = unsafe { raw::short_call(number.into(), arguments) };
    Status(status).result().map(|()| a0)
}

/// A message call.
#[inline(always)]
pub fn message(registers: &mut Registers) -> Result<(), Error> {
    // SAFETY: message calls write registers and the IPC buffer only.
    unsafe { raw::system_call(registers) };
    Status(registers.number).result()
}

/// `create` in the own pool.
pub fn create(kind: Kind, x: u64, y: u64, z: u64) -> Result<OwnedHandle, Error> {
    adopt(short(number::create, [POOL, kind as u64, x, y, z, 0])?)
}

/// `derive`, its Grant dropped.
pub fn derive(handle: &OwnedHandle, rights: Rights, badge: u64) -> Result<OwnedHandle, Error> {
    adopt(short(number::derive, [POOL, raw(handle), rights.bits().into(), badge, 0, 0])?)
}

fn adopt(value: u64) -> Result<OwnedHandle, Error> {
    Handle::from_raw(value as u32).map(OwnedHandle::adopt).ok_or(Error::BadHandle)
}

/// As an argument.
pub fn raw(handle: &OwnedHandle) -> u64 {
    handle.handle().raw().into()
}

/// One instruction that needs the vector registers.
#[inline(always)]
pub fn use_vectors() {
    // SAFETY: it changes one register, and says so.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("addps xmm0, xmm0", out("xmm0") _, options(nomem, nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("fadd v0.4s, v0.4s, v0.4s", out("v0") _, options(nomem, nostack, preserves_flags));
    }
}

/// A server's loop that answers each call with what it brought, until nobody is left who could call; it does something each time.
#[inline(never)]
pub fn echo(channel: u64, each: impl Fn()) -> Result<(), Error> {
    let takes = 4 << message::TAKES_SHIFT;
    let receive =
        Registers { number: u64::from(number::recv) | takes, a0: channel, deadline: FOREVER, ..Registers::default() };
    let mut registers = receive;
    loop {
        message(&mut registers)?;
        let tag = Tag(registers.a1);
        match tag.kind() {
            message::Kind::Call => {
                each();
                registers.number = u64::from(number::reply_recv) | takes;
                registers.a1 = tag.0 & Tag::SENT | channel << message::CHANNEL_SHIFT;
                registers.deadline = FOREVER;
            }
            message::Kind::Closed => return Ok(()),
            _ => registers = receive,
        }
    }
}
