//! The kernel's log ring: read as it is written, shown on the serial port.

use libsys::abi::boot::{LOG_RECORDS, LOG_TEXT};
use libsys::{Access, Interrupt, Mapping, Memory, Notification, Result, env};

const HEADER: usize = 4096;
const RECORD: usize = 256;
const WRITTEN: usize = 8;

/// The mapped ring, and how far it was read.
pub struct Reader {
    ring: Mapping,
    interrupt: Interrupt,
    read: u64,
}

/// A record.
pub struct Record {
    /// ns since boot.
    pub time: u64,
    /// Who wrote it.
    pub label: u64,
    /// 0 error to 3 detail.
    pub level: u8,
    text: [u8; LOG_TEXT],
    length: usize,
}

impl Record {
    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

impl Reader {
    /// Takes the log over from the kernel, which from now on only writes it to the ring. What is in the ring already was
    /// shown by the kernel, or by the console before this one.
    pub fn open(notification: &Notification, bit: u64) -> Result<Reader> {
        let ring = Memory::adopt(env::take_handle("log-ring")?).map(Access::READ)?;
        let interrupt = Interrupt::adopt(env::take_handle("log-interrupt")?);
        let mut reader = Reader { ring, interrupt, read: 0 };
        reader.read = reader.written()?;
        reader.interrupt.bind(notification, bit)?;
        Ok(reader)
    }

    /// Lets the interrupt come again.
    pub fn acknowledge(&self) -> Result<()> {
        self.interrupt.acknowledge()
    }

    /// The next record that was not overwritten.
    pub fn next(&mut self) -> Result<Option<Record>> {
        loop {
            let written = self.written()?;
            if self.read >= written {
                return Ok(None);
            }
            // A record may be overwritten while it is read: its number tells.
            self.read = self.read.max(written.saturating_sub(LOG_RECORDS as u64 - 1));
            let number = self.read;
            self.read += 1;
            let at = HEADER + (number as usize % LOG_RECORDS) * RECORD;
            let mut raw = [0; RECORD];
            self.ring.read(at, &mut raw)?;
            let word = |at: usize| u64::from_le_bytes(core::array::from_fn(|i| raw[at + i]));
            let about = word(16);
            if (about >> 32) as u32 != number as u32 {
                continue;
            }
            let mut record = Record {
                time: word(0),
                label: word(8),
                level: about as u8,
                text: [0; LOG_TEXT],
                length: ((about >> 8) as u8 as usize).min(LOG_TEXT),
            };
            record.text.copy_from_slice(&raw[24..24 + LOG_TEXT]);
            return Ok(Some(record));
        }
    }

    fn written(&self) -> Result<u64> {
        Ok(self.ring.double(WRITTEN)?.load(core::sync::atomic::Ordering::Acquire))
    }
}
