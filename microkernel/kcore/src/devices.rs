//! I/O ports, Authorities, and what hangs on them: the log and the power switch.

use abi::boot::LOG_TEXT;
use abi::calls::{SYSTEM_OFF, SYSTEM_REBOOT};
use abi::message::{BUFFER_PAYLOAD, REGISTER_BYTES};
use abi::{Error, Rights};
use kmem::mutants::{Mutant, mutant};

use crate::hw::{PortOperation, PortSize, Reboot};
use crate::objects::*;
use crate::state::Cx;
use crate::{Hw, Progress};

impl<'id, H: Hw> Cx<'_, 'id, H> {
    /// System call `ioport`.
    pub fn ioport(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let ports = *self.v.get(self.lookup::<PORTS>(thread, regs.argument(0), Rights::USE)?.key);
        let (size, bytes) = match regs.argument(1) & 0xf {
            1 => (PortSize::Byte, 1),
            2 => (PortSize::Word, 2),
            4 => (PortSize::Double, 4),
            _ => return Err(Error::BadArgument),
        };
        let operation = match regs.argument(1) >> 4 {
            0 => PortOperation::Read(size),
            1 => PortOperation::Write(size, regs.argument(3) as u32),
            _ => return Err(Error::BadArgument),
        };
        let offset = regs.argument(2);
        let most = ports.count as u64 + mutant(Mutant::PortBeyond) as u64;
        if offset.checked_add(bytes).is_none_or(|end| end > most) {
            return Err(Error::BadArgument);
        }
        let value = self.s.hw.port(ports.first + offset as u16, operation);
        self.answer(thread, [value as u64]);
        Ok(Progress::Done)
    }

    /// `slice` of I/O ports.
    pub fn slice_ports(
        &mut self,
        pool: PoolKey<'id>,
        ports: kmem::Key<'id, PORTS>,
        offset: u64,
        count: u64,
    ) -> Result<kmem::Key<'id, PORTS>, Error> {
        let from = *self.v.get(ports);
        let end = offset.checked_add(count).filter(|end| *end <= from.count as u64 && count > 0);
        if end.is_none() {
            return Err(Error::BadArgument);
        }
        // ---- point of no return ----
        let part = Ports { first: from.first + offset as u16, count: count as u32, pool: pool.link(), refs: 0 };
        self.make::<PORTS>(pool, part).ok_or(Error::PoolEmpty)
    }

    /// System call `debug_log`.
    pub fn debug_log(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = self.v.get(thread).context.regs;
        let authority = self.lookup::<AUTHORITY>(thread, regs.a0, Rights::LOG)?;
        let (length, level) = ((regs.a1 & 0x1fff) as usize, (regs.a1 >> 16) as u8 & 3);
        if length > LOG_TEXT || regs.a1 >> 18 != 0 || regs.a1 & 0xe000 != 0 {
            return Err(Error::BadArgument);
        }
        let mut text = [0u8; LOG_TEXT];
        let buffer = self.v.get(thread).buffer;
        for (i, bytes) in text[..length].chunks_mut(8).enumerate() {
            let word = match length {
                0..=REGISTER_BYTES => regs.words[i],
                _ => self.v.read_word(buffer, BUFFER_PAYLOAD + i * 8),
            };
            bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
        }
        let label = if mutant(Mutant::LogLabelForged) { 0 } else { authority.entry.badge };
        self.write_log(level, label, &text[..length]);
        Ok(Progress::Done)
    }

    /// System call `system`.
    pub fn system(&mut self, thread: ThreadKey<'id>) -> Result<Progress, Error> {
        let regs = &self.v.get(thread).context.regs;
        let (handle, operation) = (regs.a0, regs.a1);
        let need = if mutant(Mutant::PowerForAll) { Rights::empty() } else { Rights::POWER };
        self.lookup::<AUTHORITY>(thread, handle, need)?;
        let reboot = match operation {
            SYSTEM_OFF => Reboot::No,
            SYSTEM_REBOOT => Reboot::Yes,
            _ => return Err(Error::BadArgument),
        };
        self.s.hw.power(reboot);
        Ok(Progress::Done)
    }
}
