//! Badges of init's one channel: what a client's handle stands for.

/// What a badge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Badge {
    /// The `process` service of a process; without a pager, also the channel of its faults.
    Process(u32),
    /// A name space.
    Names(u32),
    /// A process that is being made, for its spawner.
    Child(u32),
    /// The pager: this process.
    Pager(u32),
}

impl Badge {
    /// As the kernel carries it.
    pub const fn pack(self) -> u64 {
        let (kind, number) = match self {
            Badge::Process(number) => (1, number),
            Badge::Names(number) => (2, number),
            Badge::Child(number) => (3, number),
            Badge::Pager(number) => (4, number),
        };
        kind << 32 | number as u64
    }

    /// From the kernel; init made every badge of its channel, so none is unknown but by an error of its own.
    pub const fn unpack(badge: u64) -> Option<Badge> {
        let number = badge as u32;
        match badge >> 32 {
            1 => Some(Badge::Process(number)),
            2 => Some(Badge::Names(number)),
            3 => Some(Badge::Child(number)),
            4 => Some(Badge::Pager(number)),
            _ => None,
        }
    }
}
