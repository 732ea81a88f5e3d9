//! Builds small ELF files, good and bad ones.

/// A segment's flags.
pub const R: u32 = 4;
pub const RX: u32 = 5;
pub const RW: u32 = 6;
pub const RWX: u32 = 7;

/// A loadable segment.
#[derive(Clone, Copy)]
pub struct Load {
    pub offset: u64,
    pub address: u64,
    pub file: u64,
    pub memory: u64,
    pub flags: u32,
    pub align: u64,
}

impl Load {
    pub fn new(offset: u64, address: u64, file: u64, memory: u64, flags: u32) -> Load {
        Load { offset, address, file, memory, flags, align: 0x1000 }
    }
}

/// What a file is to say.
#[derive(Clone)]
pub struct Spec {
    pub machine: u16,
    pub entry: u64,
    pub loads: Vec<Load>,
    /// Offset, type, addend; they stand at 0x200 of the file.
    pub relocations: Vec<(u64, u64, u64)>,
    /// Entries of the dynamic section instead of the right ones; it stands at 0x800.
    pub dynamic: Option<Vec<(u64, u64)>>,
    /// Where the dynamic section is said to be.
    pub dynamic_place: Option<(u64, u64)>,
    pub relro: Option<(u64, u64)>,
    /// Other program headers: type, address, length.
    pub extra: Vec<(u32, u64, u64)>,
}

impl Spec {
    /// Constants with headers and relocations, code, data with zeros behind it.
    pub fn good() -> Spec {
        Spec {
            machine: 62,
            entry: 0x1010,
            loads: vec![
                Load::new(0, 0, 0x1000, 0x1000, R),
                Load::new(0x1000, 0x1000, 0x800, 0x800, RX),
                Load::new(0x2000, 0x2000, 0x1000, 0x1900, RW),
            ],
            relocations: vec![(0x2008, 8, 0x1010)],
            dynamic: None,
            dynamic_place: None,
            relro: None,
            extra: vec![],
        }
    }

    pub fn build(&self) -> Vec<u8> {
        let mut file = vec![0; 0x3000];
        let mut headers: Vec<(u32, Load)> = self.loads.iter().map(|load| (1, *load)).collect();
        let table = self.dynamic.clone().unwrap_or_else(|| {
            let bytes = 24 * self.relocations.len() as u64;
            vec![(7, 0x200), (8, bytes), (9, 24)]
        });
        let (place, length) = self.dynamic_place.unwrap_or((0x800, 16 * (table.len() as u64 + 1)));
        headers.push((2, Load::new(place, place, length, length, RW)));
        if let Some((start, length)) = self.relro {
            headers.push((0x6474_e552, Load::new(start, start, length, length, R)));
        }
        for (kind, address, length) in &self.extra {
            headers.push((*kind, Load::new(*address, *address, *length, *length, R)));
        }
        self.header(&mut file, headers.len() as u16);
        for (i, (kind, load)) in headers.iter().enumerate() {
            let at = 64 + 56 * i;
            put(&mut file, at, &kind.to_le_bytes());
            put(&mut file, at + 4, &load.flags.to_le_bytes());
            let words = [load.offset, load.address, load.address, load.file, load.memory, load.align];
            for (n, word) in words.iter().enumerate() {
                put(&mut file, at + 8 + 8 * n, &word.to_le_bytes());
            }
        }
        for (i, (offset, kind, addend)) in self.relocations.iter().enumerate() {
            for (n, word) in [offset, kind, addend].iter().enumerate() {
                put(&mut file, 0x200 + 24 * i + 8 * n, &word.to_le_bytes());
            }
        }
        for (i, (tag, value)) in table.iter().enumerate() {
            put(&mut file, 0x800 + 16 * i, &tag.to_le_bytes());
            put(&mut file, 0x808 + 16 * i, &value.to_le_bytes());
        }
        file
    }

    fn header(&self, file: &mut [u8], count: u16) {
        put(file, 0, b"\x7fELF\x02\x01\x01");
        put(file, 16, &3_u16.to_le_bytes());
        put(file, 18, &self.machine.to_le_bytes());
        put(file, 20, &1_u32.to_le_bytes());
        put(file, 24, &self.entry.to_le_bytes());
        put(file, 32, &64_u64.to_le_bytes());
        for (at, half) in [(52, 64_u16), (54, 56), (56, count), (58, 64)] {
            put(file, at, &half.to_le_bytes());
        }
    }
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Bytes at an address that is a multiple of 8, as the boot archive has them.
pub struct Aligned {
    room: Vec<u8>,
    start: usize,
}

impl Aligned {
    pub fn bytes(&self) -> &[u8] {
        &self.room[self.start..]
    }
}

pub fn aligned(bytes: &[u8]) -> Aligned {
    let mut room = vec![0; bytes.len() + 7];
    let start = room.as_ptr().align_offset(8);
    room.truncate(start + bytes.len());
    room[start..].copy_from_slice(bytes);
    Aligned { room, start }
}
