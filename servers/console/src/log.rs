//! The kernel's log, as console takes it over: from now on the kernel only writes it to the ring, and rings here.

use libsys::log::Level;
use libsys::system::{LogReader, Record};
use libsys::{Interrupt, Memory, Notification, Result, env};

/// The log, and its interrupt.
pub struct Log {
    /// Records up to this level are shown on the serial port; all are KLOG's.
    pub shown: Level,
    reader: LogReader,
    interrupt: Interrupt,
}

impl Log {
    /// Takes the log over. What is in the ring already was shown by the kernel, or by the console before this one.
    pub fn open(notification: &Notification, bit: u64, shown: Level) -> Result<Log> {
        let mut reader = LogReader::map(&Memory::adopt(env::take_handle("log-ring")?))?;
        let interrupt = Interrupt::adopt(env::take_handle("log-interrupt")?);
        reader.skip_to_end();
        interrupt.bind(notification, bit)?;
        Ok(Log { shown, reader, interrupt })
    }

    /// Lets the interrupt come again.
    pub fn acknowledge(&self) -> Result<()> {
        self.interrupt.acknowledge()
    }

    /// The next record that was not overwritten.
    pub fn next(&mut self) -> Option<Record> {
        self.reader.next_record()
    }
}
